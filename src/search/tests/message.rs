//! Messages, literally.

use super::refusal;
use crate::search::{RunFilter, RunOrder};

/// The message of this filter is exactly these lines.
fn told(filter: &str, lines: &[&str]) {
    assert_eq!(refusal(RunFilter::parse(filter)), lines.join("\n"));
}

const OPERATORS: &str = "expected an operator: `=`, `!=`, `<`, `<=`, `>`, `>=`, `LIKE`, `ILIKE`, \
                         `IN`, `NOT IN`, `IS NULL` or `IS NOT NULL`";
const ATTRIBUTES: &str = "expected `run_name`, `status`, `start_time`, `end_time`, `run_id`, \
                          `user_id` or `artifact_uri`";

#[test]
fn a_mistyped_prefix() {
    told(
        "metrcs.accuracy > 0.9",
        &[
            "invalid filter: `metrcs` is no kind of field",
            "    metrcs.accuracy > 0.9",
            "    ^^^^^^^^^^^^^^^",
            "expected `attributes`, `metrics`, `params`, `tags` or `datasets`",
            "did you mean `metrics.accuracy`?",
        ],
    );
}

#[test]
fn a_mistyped_attribute() {
    told(
        "metrics.a > 1 AND stauts = 'RUNNING'",
        &[
            "invalid filter: `stauts` is not among the attributes that can be searched",
            "    metrics.a > 1 AND stauts = 'RUNNING'",
            "                      ^^^^^^",
            ATTRIBUTES,
            "did you mean `status`?",
        ],
    );
    let swapped = refusal(RunFilter::parse("datasets.nmae = 'x'"));
    assert!(swapped.ends_with("did you mean `datasets.name`?"));
    for mistyped in ["start_tme > 1", "starttime > 1", "Start_Time > 1", "strat_time > 1"] {
        assert!(refusal(RunFilter::parse(mistyped)).ends_with("did you mean `start_time`?"));
    }
}

#[test]
fn a_missing_prefix() {
    told(
        "accuracy > 0.9",
        &[
            "invalid filter: `accuracy` is not among the attributes that can be searched",
            "    accuracy > 0.9",
            "    ^^^^^^^^",
            ATTRIBUTES,
            "did you mean `metrics.accuracy`, `params.accuracy` or `tags.accuracy`?",
        ],
    );
}

#[test]
fn operators_of_other_languages() {
    told(
        "metrics.a == 1",
        &[
            "invalid filter: `==` is not an operator",
            "    metrics.a == 1",
            "              ^^",
            OPERATORS,
            "did you mean `=`?",
        ],
    );
    assert!(refusal(RunFilter::parse("metrics.a <> 1")).ends_with("did you mean `!=`?"));
    assert!(refusal(RunFilter::parse("metrics.a BETWEEN 1 AND 2")).contains("two comparisons"));
}

#[test]
fn or_is_not_supported() {
    told(
        "metrics.a > 1 OR metrics.b < 2",
        &[
            "invalid filter: OR is not supported: comparisons are joined by AND",
            "    metrics.a > 1 OR metrics.b < 2",
            "                  ^^",
            "expected a comparison, as in `metrics.accuracy > 0.9`",
            "did you mean AND?",
        ],
    );
    for other in ["metrics.a > 1 && metrics.b < 2", "metrics.a > 1 || metrics.b < 2"] {
        assert!(refusal(RunFilter::parse(other)).ends_with("did you mean AND?"));
    }
}

#[test]
fn missing_and_superfluous_quotes() {
    told(
        "params.model = cnn",
        &[
            "invalid filter: `cnn` is not what `params.model` is compared with",
            "    params.model = cnn",
            "                   ^^^",
            "expected text in quotes",
            "did you mean 'cnn'?",
        ],
    );
    told(
        "metrics.a > '0.5'",
        &[
            "invalid filter: `'0.5'` is not what `metrics.a` is compared with",
            "    metrics.a > '0.5'",
            "                ^^^^^",
            "expected a number without quotes, as in `0.5`, `-1` or `1e-3`",
            "did you mean `0.5`?",
        ],
    );
    told(
        "metrics.val-loss < 1",
        &[
            "invalid filter: `metrics.val-loss` is not a name that can stand unquoted",
            "    metrics.val-loss < 1",
            "    ^^^^^^^^^^^^^^^^",
            "expected letters, digits, `_` and `.`, and any other key in backticks",
            "did you mean metrics.`val-loss`?",
        ],
    );
}

#[test]
fn an_operator_that_the_field_does_not_take() {
    told(
        "params.a IN ('x')",
        &[
            "invalid filter: `params.a` does not take IN",
            "    params.a IN ('x')",
            "             ^^",
            "expected `=`, `!=`, `LIKE`, `ILIKE`, `IS NULL` or `IS NOT NULL`",
        ],
    );
}

#[test]
fn the_caret_counts_columns_of_a_terminal() {
    told(
        "params.`\u{65e5}\u{672c}` = '\u{6771}\u{4eac}'\tAND\nmetric.x \u{e9} 1",
        &[
            "invalid filter: `\u{e9}` is not an operator",
            "    params.`\u{65e5}\u{672c}` = '\u{6771}\u{4eac}' AND metric.x \u{e9} 1",
            "                                        ^",
            OPERATORS,
        ],
    );
}

#[test]
fn a_long_filter_is_cut_around_the_place() {
    let long = format!(
        "{}metrics.b <> 2{}",
        "metrics.loss < 0.1 AND ".repeat(99),
        " metrics.c > 1".repeat(99)
    );
    told(
        &long,
        &[
            "invalid filter: `<>` is not an operator",
            "    ...etrics.loss < 0.1 AND metrics.b <> 2 metrics.c > 1 metrics.c > 1 metrics...",
            "                                       ^^",
            OPERATORS,
            "did you mean `!=`?",
        ],
    );
    let wide = format!("params.a > '{}'", "\u{6771}".repeat(100_000));
    assert!(refusal(RunFilter::parse(&wide)).len() < 1000);
}

#[test]
fn no_message_is_long() {
    let word = "x".repeat(100_000);
    for text in [
        format!("run_id IN ({word})"),
        format!("metrics.{word}-a > 1"),
        format!("{word}.a > 1"),
        format!("{word} > 1"),
        format!("params.a = {word}"),
        format!("params.{word} IN ('a')"),
        format!("metrics.a > '{word}'"),
        format!("metrics.a {word}"),
        format!("'{word}"),
    ] {
        assert!(refusal(RunFilter::parse(&text)).len() < 1000);
    }
}

#[test]
fn the_end_of_the_text() {
    told(
        "metrics.a",
        &["invalid filter: the text ends too early", "    metrics.a", "             ^", OPERATORS],
    );
    told(
        "metrics.a > ",
        &[
            "invalid filter: the text ends too early",
            "    metrics.a > ",
            "                ^",
            "expected a number or quoted text",
        ],
    );
    told(
        "params.a = 'open",
        &[
            "invalid filter: a quote is open",
            "    params.a = 'open",
            "               ^",
            "expected a closing '",
        ],
    );
}

#[test]
fn an_order_is_called_an_order() {
    let message = refusal(RunOrder::parse(&["metrics.a descending"]));
    let lines = [
        "invalid order: `descending` has no place here",
        "    metrics.a descending",
        "              ^^^^^^^^^^",
        "expected ASC, DESC or the end",
        "did you mean `DESC`?",
    ];
    assert_eq!(message, lines.join("\n"));
}

#[test]
fn carets_stand_under_what_is_wide() {
    told(
        "params.a = '\u{6771}\u{4eac}' AND stauts = '\u{1f600}'",
        &[
            "invalid filter: `stauts` is not among the attributes that can be searched",
            "    params.a = '\u{6771}\u{4eac}' AND stauts = '\u{1f600}'",
            "                          ^^^^^^",
            ATTRIBUTES,
            "did you mean `status`?",
        ],
    );
    told(
        "params.a = 'e\u{301}' AND stauts = 1",
        &[
            "invalid filter: `stauts` is not among the attributes that can be searched",
            "    params.a = 'e\u{301}' AND stauts = 1",
            "                       ^^^^^^",
            ATTRIBUTES,
            "did you mean `status`?",
        ],
    );
}
