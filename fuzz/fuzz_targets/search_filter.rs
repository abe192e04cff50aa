//! Parses arbitrary text as a filter, an order and a page token.
//!
//! Parsing must end without a panic, in time proportional to the length of the text. A valid value
//! must survive a round trip.

use std::fmt::{Debug, Display};

use tracklite::internals::search::{
    ExperimentFilter, ExperimentOrder, Fingerprint, LoggedModelFilter, ModelVersionFilter,
    ModelVersionOrder, PageToken, RegisteredModelFilter, RegisteredModelOrder, RunFilter, RunOrder,
    TextTest, parse_expression,
};
use tracklite::{Error, ErrorKind};

tracklite_fuzz::fuzz_program!(run, seeds);

/// The maximum length of an error message: two long lists of names, and part of the text.
const MESSAGE_BYTES_MAX: usize = 2000;

fn run(input: &[u8]) {
    let text = String::from_utf8_lossy(input);
    check_rejection(parse_expression(&text).err());
    round_trip(&text, RunFilter::parse);
    round_trip(&text, ExperimentFilter::parse);
    round_trip(&text, RegisteredModelFilter::parse);
    round_trip(&text, ModelVersionFilter::parse);
    round_trip(&text, LoggedModelFilter::parse);
    let items: Vec<&str> = text.split(',').collect();
    order_round_trip(&items, RunOrder::parse, RunOrder::to_items);
    order_round_trip(&items, ExperimentOrder::parse, ExperimentOrder::to_items);
    order_round_trip(&items, RegisteredModelOrder::parse, RegisteredModelOrder::to_items);
    order_round_trip(&items, ModelVersionOrder::parse, ModelVersionOrder::to_items);
    token(&text);
    patterns(&text);
}

fn check_rejection(error: Option<Error>) {
    if let Some(error) = error {
        assert_eq!(error.kind(), ErrorKind::InvalidInput);
        let message = error.to_string();
        let length = message.len();
        assert!(length <= MESSAGE_BYTES_MAX, "the message has {length} bytes");
    }
}

/// Prints a valid filter and parses it again. The result must be equal.
///
/// Leaves out texts with a backslash, because no quotes can hold a text that ends with one.
fn round_trip<F: Display + Debug + PartialEq>(text: &str, parse: fn(&str) -> tracklite::Result<F>) {
    match parse(text) {
        Ok(filter) if !text.contains('\\') => {
            let printed = filter.to_string();
            let again = parse(&printed);
            assert_eq!(again.as_ref().ok(), Some(&filter), "{printed:?}: {again:?}");
        }
        Ok(_) => {}
        Err(error) => check_rejection(Some(error)),
    }
}

fn order_round_trip<O: Debug + PartialEq>(
    items: &[&str],
    parse: fn(&[String]) -> tracklite::Result<O>,
    print: fn(&O) -> Vec<String>,
) {
    let items: Vec<String> = items.iter().map(|item| (*item).to_owned()).collect();
    match parse(&items) {
        Ok(order) => assert_eq!(parse(&print(&order)).ok(), Some(order)),
        Err(error) => check_rejection(Some(error)),
    }
}

/// Round-trips a valid token. Its offset must not be 0.
fn token(text: &str) {
    match PageToken::decode(text) {
        Ok(token) => {
            assert!(token.offset > 0);
            assert_eq!(PageToken::decode(&token.encode()).ok(), Some(token));
            let query = token.query.unwrap_or(Fingerprint(1));
            assert_eq!(PageToken::offset_in(text, query).ok(), Some(token.offset));
        }
        Err(error) => check_rejection(Some(error)),
    }
}

/// Matches the first line as a pattern against the rest.
fn patterns(text: &str) {
    let (pattern, rest) = text.split_once('\n').unwrap_or((text, text));
    let like = TextTest::Like(pattern.to_owned()).matches(Some(rest));
    let ilike = TextTest::ILike(pattern.to_owned()).matches(Some(rest));
    assert!(ilike || !like, "LIKE matches, but ILIKE does not");
    assert!(TextTest::Like(format!("%{pattern}%")).matches(Some(rest)) || !like);
}

fn seeds() -> Vec<(&'static str, Vec<u8>)> {
    let texts = [
        ("empty", ""),
        ("runs", "metrics.`a b` >= -1.5e-3 AND params.\"x\" ILIKE '%it''s_' AND created<5."),
        ("lists", "attr.run_id NOT IN ('a', \"b'\",) and dataset.context in ('train')"),
        ("missing", "tags.a IS NULL parameter.b is not null AND"),
        ("experiments", "name LIKE '/Shared/%' AND experiment_id IN ('1') AND creation_time > 7"),
        ("registry", "name = 'churn' AND version_number > '3' AND tag.stage != 'live'"),
        ("logged-models", "metrics.a > 0.9 AND params.lr = 0.01 AND status IN ('READY')"),
        ("order", "metrics.`a b` DESC,status,created asc"),
        ("token", "eyJvZmZzZXQiOiAxMDAwLCAicXVlcnkiOiAiMDEyMzQ1Njc4OWFiY2RlZiJ9"),
        ("pattern", "%a_%\nbanana"),
        ("refused", "metrcs.\u{65e5} == 'x' OR (NOT \u{6771} <> `y`); -- why"),
    ];
    texts.into_iter().map(|(name, text)| (name, text.as_bytes().to_vec())).collect()
}
