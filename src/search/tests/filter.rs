//! Filters of runs: each row of MLflow's table, what is accepted and what is refused.

use super::refusal;
use crate::search::{Condition, NumberTest, RunFilter, RunNumber, RunText, TextList, TextTest};

type RunCondition = Condition<RunNumber, RunText>;

/// Returns the only condition of this filter.
fn one(text: &str) -> RunCondition {
    let filter = RunFilter::parse(text).unwrap_or_else(|error| panic!("{text}: {error}"));
    assert_eq!(filter.conditions.len(), 1, "{text}");
    filter.conditions.into_iter().next().expect("one condition")
}

fn count(text: &str) -> usize {
    RunFilter::parse(text).unwrap_or_else(|error| panic!("{text}: {error}")).conditions.len()
}

fn metric(key: &str, test: NumberTest) -> RunCondition {
    Condition::Number(RunNumber::Metric(key.into()), test)
}

fn param(key: &str, test: TextTest) -> RunCondition {
    Condition::Text(RunText::Param(key.into()), test)
}

fn equal(value: &str) -> TextTest {
    TextTest::Equal(value.into())
}

#[test]
fn metrics_support_the_six_numeric_operators() {
    assert_eq!(one("metrics.a = 1"), metric("a", NumberTest::Equal(1.0)));
    assert_eq!(one("metric.a != 1"), metric("a", NumberTest::NotEqual(1.0)));
    assert_eq!(one("metrics.a > 1"), metric("a", NumberTest::Greater(1.0)));
    assert_eq!(one("metrics.a>=1"), metric("a", NumberTest::GreaterOrEqual(1.0)));
    assert_eq!(one("metrics.a<1"), metric("a", NumberTest::Less(1.0)));
    assert_eq!(one("metrics.a <=1"), metric("a", NumberTest::LessOrEqual(1.0)));
    for refused in ["LIKE 'x'", "ILIKE 'x'", "IN ('x')", "NOT IN ('x')", "IS NULL", "IS NOT NULL"] {
        assert!(
            refusal(RunFilter::parse(&format!("metrics.a {refused}"))).contains("does not apply")
        );
    }
}

#[test]
fn params_and_tags_are_compared_with_text_and_may_be_missing() {
    for (prefix, field) in [
        ("param", RunText::Param("k".into())),
        ("params", RunText::Param("k".into())),
        ("parameter", RunText::Param("k".into())),
        ("parameters", RunText::Param("k".into())),
        ("tag", RunText::Tag("k".into())),
        ("tags", RunText::Tag("k".into())),
    ] {
        let of = |rest: &str| one(&format!("{prefix}.k {rest}"));
        let is = |test| Condition::Text(field.clone(), test);
        assert_eq!(of("= 'x'"), is(equal("x")));
        assert_eq!(of("!= \"x\""), is(TextTest::NotEqual("x".into())));
        assert_eq!(of("LIKE 'x'"), is(TextTest::Like("x".into())));
        assert_eq!(of("iLike'x'"), is(TextTest::ILike("x".into())));
        assert_eq!(of("is  Null"), is(TextTest::IsNull));
        assert_eq!(of("IS NOT NULL"), is(TextTest::IsNotNull));
        for refused in ["> 'x'", "IN ('x')", "NOT IN ('x')", "= 1", "= x", "= `x`", "NOT LIKE 'x'"]
        {
            refusal(RunFilter::parse(&format!("{prefix}.k {refused}")));
        }
    }
}

#[test]
fn attributes_have_aliases_and_only_the_id_supports_lists() {
    for (name, field) in [
        ("run_id", RunText::RunId),
        ("run_name", RunText::RunName),
        ("`run name`", RunText::RunName),
        ("\"Run name\"", RunText::RunName),
        ("attributes.`Run Name`", RunText::RunName),
        ("status", RunText::Status),
        ("attribute.status", RunText::Status),
        ("attr.user_id", RunText::UserId),
        ("run.artifact_uri", RunText::ArtifactUri),
        ("`run`.`artifact_uri`", RunText::ArtifactUri),
    ] {
        assert_eq!(
            one(&format!("{name} ILIKE 'x'")),
            Condition::Text(field.clone(), TextTest::ILike("x".into()))
        );
        let list = RunFilter::parse(&format!("{name} NOT IN ('b', 'a',)"));
        if field == RunText::RunId {
            let texts = TextList::new(vec!["a".into(), "b".into()]);
            assert_eq!(
                list.expect("a list").conditions,
                [Condition::Text(field, TextTest::NotIn(texts))]
            );
        } else {
            refusal(list);
        }
    }
    for refused in
        ["run_id IS NULL", "run_id > 'a'", "experiment_id = '1'", "lifecycle_stage = 'x'"]
    {
        refusal(RunFilter::parse(refused));
    }
    refusal(RunFilter::parse("Status = 'RUNNING'"));
    refusal(RunFilter::parse("run name = 'x'"));
}

#[test]
fn times_are_compared_with_numbers() {
    for (name, field) in [
        ("start_time", RunNumber::StartTime),
        ("created", RunNumber::StartTime),
        ("attr.Created", RunNumber::StartTime),
        ("end_time", RunNumber::EndTime),
    ] {
        assert_eq!(
            one(&format!("{name} > 1.5")),
            Condition::Number(field, NumberTest::Greater(1.5))
        );
        refusal(RunFilter::parse(&format!("{name} > '1'")));
        refusal(RunFilter::parse(&format!("{name} LIKE 'x'")));
        refusal(RunFilter::parse(&format!("{name} IS NULL")));
    }
}

#[test]
fn datasets_are_compared_with_text_and_lists() {
    for (name, field) in [
        ("dataset.name", RunText::DatasetName),
        ("datasets.digest", RunText::DatasetDigest),
        ("datasets.`context`", RunText::DatasetContext),
    ] {
        assert_eq!(one(&format!("{name} = 'x'")), Condition::Text(field.clone(), equal("x")));
        let texts = TextList::new(vec!["x".into()]);
        assert_eq!(one(&format!("{name} in (\"x\")")), Condition::Text(field, TextTest::In(texts)));
        refusal(RunFilter::parse(&format!("{name} IS NULL")));
    }
    refusal(RunFilter::parse("datasets.source = 'x'"));
}

#[test]
fn missing_and_repeated_ands_are_accepted_but_only_whitespace_is_not() {
    assert_eq!(count(""), 0);
    assert_eq!(count("AND"), 0);
    assert_eq!(count("AND and metrics.a > 1 And AND metrics.b<2 metrics.c=3 AND"), 3);
    assert_eq!(count("params.a='x'params.b='y'AND params.c=\"z\""), 3);
    assert_eq!(count("metrics.a > 1`status` = 'x'\"user_id\"='y'"), 3);
    assert_eq!(count("metrics.a > 1\n\tAND\u{3000}metrics.a < 2"), 2);
    for refused in [" ", "\n\t "] {
        refusal(RunFilter::parse(refused));
    }
}

#[test]
fn keys_are_split_at_the_first_dot_and_quoted_when_they_need_it() {
    for (written, key) in [
        ("a.b.c", "a.b.c"),
        ("_a", "_a"),
        ("1abc", "1abc"),
        ("a.1b", "a.1b"),
        ("and", "and"),
        ("select", "select"),
        ("\u{e9}\u{65e5}\u{672c}", "\u{e9}\u{65e5}\u{672c}"),
        ("`a b`", "a b"),
        ("`a-b/c:d`", "a-b/c:d"),
        ("\"a b\"", "a b"),
        ("'a b'", "a b"),
        ("``", ""),
        ("`a``b`", "a``b"),
        ("`\"a\"`", "\"a\""),
        ("\"`a`\"", "a"),
    ] {
        assert_eq!(one(&format!("params.{written} = 'x'")), param(key, equal("x")), "{written}");
        assert_eq!(one(&format!("`params`.{written} = 'x'")), param(key, equal("x")), "{written}");
    }
    assert_eq!(count(r"params.`a\` = 'x' AND params.`b\` = 'y'"), 2);
    refusal(RunFilter::parse("params.\"a\\\" = 'x' AND params.\"b\" = 'y'"));
    for refused in [
        "a-b", "a/b", "a:b", "a b", "1", "1.5", "a.1", "0x1f", "a$b", "a#b", "a@b", "$a", " a",
        "*", "[a]", "`a`b", "`a`.b", "a.`b`", "`a", "",
    ] {
        refusal(RunFilter::parse(&format!("params.{refused} = 'x'")));
    }
    for refused in [
        "\"metrics\".a > 1",
        "`metrics.a` > 1",
        "metrics .a > 1",
        "Metrics.a > 1",
        "'status' = 'x'",
    ] {
        refusal(RunFilter::parse(refused));
    }
}

#[test]
fn unusual_keys_and_values_survive_printing_and_parsing() {
    for (written, printed) in [
        ("params.\"``a``\" = 'x'", "params.\"``a``\" = 'x'"),
        ("params.\"a`b\" = \"it's\"", "params.\"a`b\" = \"it's\""),
        ("params.'a\"`b' = 'it''s'", "params.'a\"`b' = 'it''s'"),
        (r"params.a = 'C:\'", "params.a = \"C:\\\""),
        ("metrics.`1.5`<-1e400", "metrics.`1.5` < -1e999"),
    ] {
        let filter = RunFilter::parse(written).expect(written);
        assert_eq!(filter.to_string(), printed);
        assert_eq!(RunFilter::parse(printed).expect(printed), filter);
    }
}

#[test]
fn only_the_outer_quotes_of_a_value_are_stripped() {
    for (written, value) in [
        ("''", ""),
        ("\"\"", ""),
        ("'it''s'", "it''s"),
        ("\"it's\"", "it's"),
        ("\"'x'\"", "'x'"),
        (r"'it\'s'", r"it\'s"),
        (r"'C:\'", r"C:\"),
        (r"'C:\\'", r"C:\\"),
        ("'%_AND OR()'", "%_AND OR()"),
        ("'\u{6771}\u{4eac}'", "\u{6771}\u{4eac}"),
    ] {
        assert_eq!(one(&format!("params.a = {written}")), param("a", equal(value)), "{written}");
    }
    for refused in ["'x", "\"x", "'a' 'b'", "'a'b", r"'a\' AND params.b = 'b'"] {
        refusal(RunFilter::parse(&format!("params.a = {refused}")));
    }
}

#[test]
fn numbers_have_the_syntax_of_mlflow() {
    for (written, value) in [
        ("1", 1.0),
        ("-1", -1.0),
        (".5", 0.5),
        ("-.5", -0.5),
        ("5.", 5.0),
        ("-1.", -1.0),
        ("1e-3", 0.001),
        ("1E3", 1000.0),
        ("1.5e3", 1500.0),
        ("-1.5e-3", -0.0015),
        ("1e400", f64::INFINITY),
    ] {
        assert_eq!(one(&format!("metrics.a = {written}")), metric("a", NumberTest::Equal(value)));
        assert_eq!(one(&format!("metrics.a={written}")), metric("a", NumberTest::Equal(value)));
    }
    for refused in [
        "+1",
        "- 1",
        "1e+3",
        ".5e3",
        "5.e3",
        "0x10",
        "1_000",
        "NaN",
        "inf",
        "-inf",
        "1.2.3",
        "1a",
        "1AND",
        "1 1",
        "1-2",
        "'1'",
        "\"1\"",
        "(1)",
        "metrics.b",
        "",
    ] {
        refusal(RunFilter::parse(&format!("metrics.a = {refused}")));
    }
}

#[test]
fn lists_hold_quoted_strings_and_are_not_empty() {
    for refused in [
        "()",
        "(a)",
        "(1)",
        "('a' 'b')",
        "('a', 1)",
        "('a'",
        "'a'",
        "(,)",
        "('a',,)",
        "('it''s')",
        r"('a\n')",
        "(('a'))",
    ] {
        refusal(RunFilter::parse(&format!("run_id IN {refused}")));
    }
    refusal(RunFilter::parse("run_id = ('a')"));
    refusal(RunFilter::parse("run_id NOT"));
    refusal(RunFilter::parse("run_id NOT LIKE 'a'"));
}

#[test]
fn text_outside_the_language_is_refused() {
    for refused in [
        "metrics.a > 1 OR metrics.b > 1",
        "metrics.a > 1 or metrics.b > 1",
        "metrics.a > 1 || metrics.b > 1",
        "metrics.a > 1 && metrics.b > 1",
        "NOT metrics.a > 1",
        "(metrics.a > 1)",
        "metrics.a BETWEEN 1 AND 2",
        "metrics.a == 1",
        "metrics.a <> 1",
        "metrics.a => 1",
        "metrics.a > = 1",
        "metrics.a ! = 1",
        "metrics.a > 1;",
        "metrics.a > 1 -- x",
        "metrics.a > 1 /* x */",
        "/* x */ metrics.a > 1",
        "1 < metrics.a",
        "metrics.a > 1, metrics.b > 1",
        "metrics.a",
        "metrics.a >",
        "> 1",
        "metrics",
        "metrics.a AS b > 1",
        "params.a IS",
        "params.a IS 'x'",
        "params.a NULL",
        "\0",
        "\u{feff}metrics.a > 1",
    ] {
        refusal(RunFilter::parse(refused));
    }
}

#[test]
fn filters_are_limited_in_length() {
    let clause = "metrics.a>1 ";
    let most = clause.repeat(crate::search::COMPARISONS_MAX);
    assert_eq!(count(&most), crate::search::COMPARISONS_MAX);
    assert!(refusal(RunFilter::parse(&(most + clause))).contains("too many comparisons"));
    let long = format!("params.a = '{}'", "x".repeat(crate::search::TEXT_BYTES_MAX));
    assert!(refusal(RunFilter::parse(&long)).contains("at most 1048576"));
    refusal(RunFilter::parse(&"(".repeat(1 << 20)));
    refusal(RunFilter::parse(&"'".repeat((1 << 20) - 1)));
}
