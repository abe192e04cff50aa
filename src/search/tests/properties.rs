//! Properties of random queries and texts.

use proptest::prelude::*;

use crate::search::{
    Condition, Direction, ExperimentFilter, Field, Filter, LoggedModelFilter, ModelVersionFilter,
    NumberTest, PageToken, RegisteredModelFilter, RunFilter, RunNumber, RunOrder, RunText, SortKey,
    TextList, TextTest,
};

/// Generates keys that can be quoted in some way.
fn key() -> impl Strategy<Value = String> {
    prop_oneof!["[a-z_][a-z0-9_.]{0,8}", "[ -_a-~\u{e9}\u{65e5}]{0,8}", "[0-9.]{1,4}", "[^`]{0,6}"]
}

/// Generates values that can be quoted in at least one way.
fn value() -> impl Strategy<Value = String> {
    let free = "[^'\"\\\\]{0,8}";
    prop_oneof![free, "[a-z' ]{0,8}x", "[a-z\" ]{0,8}x", "[%_a-b]{0,8}"]
}

fn number() -> impl Strategy<Value = f64> {
    proptest::num::f64::ANY.prop_filter("NaN has no syntax", |number| !number.is_nan())
}

fn number_test() -> impl Strategy<Value = NumberTest> {
    (0..6, number()).prop_map(|(kind, number)| match kind {
        0 => NumberTest::Equal(number),
        1 => NumberTest::NotEqual(number),
        2 => NumberTest::Less(number),
        3 => NumberTest::LessOrEqual(number),
        4 => NumberTest::Greater(number),
        _ => NumberTest::GreaterOrEqual(number),
    })
}

fn text_test() -> impl Strategy<Value = TextTest> {
    (0..4, value()).prop_map(|(kind, value)| match kind {
        0 => TextTest::Equal(value),
        1 => TextTest::NotEqual(value),
        2 => TextTest::Like(value),
        _ => TextTest::ILike(value),
    })
}

fn list() -> impl Strategy<Value = TextList> {
    proptest::collection::vec(value(), 1..4).prop_map(TextList::new)
}

fn condition() -> impl Strategy<Value = Condition<RunNumber, RunText>> {
    let number = prop_oneof![
        key().prop_map(RunNumber::Metric),
        Just(RunNumber::StartTime),
        Just(RunNumber::EndTime)
    ];
    let keyed = || prop_oneof![key().prop_map(RunText::Param), key().prop_map(RunText::Tag)];
    let listed = || {
        prop_oneof![Just(RunText::RunId), Just(RunText::DatasetName), Just(RunText::DatasetContext)]
    };
    let named = prop_oneof![Just(RunText::RunName), Just(RunText::Status), Just(RunText::UserId)];
    let absence = prop_oneof![Just(TextTest::IsNull), Just(TextTest::IsNotNull)];
    let lists = prop_oneof![list().prop_map(TextTest::In), list().prop_map(TextTest::NotIn)];
    prop_oneof![
        (number, number_test()).prop_map(|(field, test)| Condition::Number(field, test)),
        (prop_oneof![keyed(), listed(), named], text_test())
            .prop_map(|(field, test)| Condition::Text(field, test)),
        (keyed(), absence).prop_map(|(field, test)| Condition::Text(field, test)),
        (listed(), lists).prop_map(|(field, test)| Condition::Text(field, test)),
    ]
}

fn sort_key() -> impl Strategy<Value = SortKey<RunNumber, RunText>> {
    let field = prop_oneof![
        key().prop_map(|key| Field::Number(RunNumber::Metric(key))),
        key().prop_map(|key| Field::Text(RunText::Param(key))),
        key().prop_map(|key| Field::Text(RunText::Tag(key))),
        Just(Field::Number(RunNumber::EndTime)),
        Just(Field::Text(RunText::Status)),
    ];
    let direction = prop_oneof![Just(Direction::Ascending), Just(Direction::Descending)];
    (field, direction).prop_map(|(field, direction)| SortKey { field, direction })
}

/// Generates words of the language and others in random order.
fn word_salad() -> impl Strategy<Value = String> {
    let words = proptest::sample::select(vec![
        "metrics.",
        "params.a",
        "tags.`b`",
        "run_id",
        "status",
        "AND",
        "OR",
        "NOT",
        "IN",
        "IS",
        "NULL",
        "LIKE",
        "=",
        "!=",
        "<=",
        "(",
        ")",
        ",",
        "'x'",
        "\"y\"",
        "'",
        "\"",
        "`",
        "1",
        "-",
        "1e-3",
        ".",
        " ",
        "\n",
        "\u{65e5}",
        "\\",
        ";",
        "--",
        "DESC",
        "name",
        "experiment_id",
        "version_number",
    ]);
    proptest::collection::vec(words, 0..24).prop_map(|words| words.concat())
}

proptest! {
    #![proptest_config(ProptestConfig { failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn a_printed_filter_parses_to_the_same_filter(
        conditions in proptest::collection::vec(condition(), 0..5)
    ) {
        let filter: RunFilter = Filter { conditions };
        let text = filter.to_string();
        let again = RunFilter::parse(&text);
        prop_assert_eq!(again.map_err(|error| format!("{text}: {error}")), Ok(filter));
    }

    #[test]
    fn a_printed_order_parses_to_the_same_order(key in sort_key()) {
        let order = RunOrder::parse(&[key.to_string()]);
        let order = order.map_err(|error| TestCaseError::fail(error.to_string()))?;
        prop_assert_eq!(&order.keys[0], &key);
        prop_assert_eq!(RunOrder::parse(&order.to_items()).ok(), Some(order));
    }

    #[test]
    fn no_text_panics(text in prop_oneof![any::<String>(), word_salad()]) {
        let _ = RunFilter::parse(&text);
        let _ = RunOrder::parse(&[&text]);
        let _ = ExperimentFilter::parse(&text);
        let _ = RegisteredModelFilter::parse(&text);
        let _ = ModelVersionFilter::parse(&text);
        let _ = PageToken::decode(&text);
        // A language with looser syntax still prints what it parsed so that it parses the same.
        if let Ok(filter) = LoggedModelFilter::parse(&text) && !text.contains('\\') {
            let printed = filter.to_string();
            let again = LoggedModelFilter::parse(&printed);
            prop_assert_eq!(again.map_err(|error| format!("{printed}: {error}")), Ok(filter));
        }
    }

    #[test]
    fn comparisons_are_total_orders(
        values in proptest::collection::vec(proptest::option::of(proptest::num::f64::ANY), 3)
    ) {
        for direction in [Direction::Ascending, Direction::Descending] {
            let compare =
                |left: usize, right: usize| direction.compare_numbers(values[left], values[right]);
            prop_assert_eq!(compare(0, 1), compare(1, 0).reverse());
            if compare(0, 1).is_le() && compare(1, 2).is_le() {
                prop_assert!(compare(0, 2).is_le());
            }
        }
    }
}
