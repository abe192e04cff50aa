//! The exact text of error messages.

use super::refusal;
use crate::search::{
    ExperimentFilter, ExperimentOrder, RegisteredModelFilter, RunFilter, RunOrder,
};

/// Checks that parsing this filter fails with exactly these lines.
fn assert_message(filter: &str, lines: &[&str]) {
    assert_eq!(refusal(RunFilter::parse(filter)), lines.join("\n"));
}

const OPERATORS: &str = "expected an operator: `=`, `!=`, `<`, `<=`, `>`, `>=`, `LIKE`, `ILIKE`, \
                         `IN`, `NOT IN`, `IS NULL` or `IS NOT NULL`";
const ATTRIBUTES: &str = "expected `run_name`, `status`, `start_time`, `end_time`, `run_id`, \
                          `user_id` or `artifact_uri`";

#[test]
fn a_mistyped_prefix_gets_a_suggestion() {
    assert_message(
        "metrcs.accuracy > 0.9",
        &[
            "invalid filter: unknown field prefix `metrcs`",
            "    metrcs.accuracy > 0.9",
            "    ^^^^^^",
            "expected `attributes`, `metrics`, `params`, `tags` or `datasets`",
            "did you mean `metrics.accuracy`?",
        ],
    );
}

#[test]
fn a_mistyped_attribute_gets_a_suggestion() {
    assert_message(
        "metrics.a > 1 AND stauts = 'RUNNING'",
        &[
            "invalid filter: unknown field `stauts`",
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
fn a_missing_prefix_gets_suggestions() {
    assert_message(
        "accuracy > 0.9",
        &[
            "invalid filter: unknown field `accuracy`",
            "    accuracy > 0.9",
            "    ^^^^^^^^",
            ATTRIBUTES,
            "did you mean `metrics.accuracy`, `params.accuracy` or `tags.accuracy`?",
        ],
    );
}

#[test]
fn operators_of_other_languages_get_suggestions() {
    assert_message(
        "metrics.a == 1",
        &[
            "invalid filter: unknown operator `==`",
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
    assert_message(
        "metrics.a > 1 OR metrics.b < 2",
        &[
            "invalid filter: `OR` is not supported",
            "    metrics.a > 1 OR metrics.b < 2",
            "                  ^^",
            "expected a comparison, like `metrics.accuracy > 0.9`",
            "comparisons can only be joined with `AND`",
        ],
    );
    let message = refusal(RunFilter::parse("metrics.a > 1 || metrics.b < 2"));
    assert!(message.ends_with("joined with `AND`"));
    let message = refusal(RunFilter::parse("metrics.a > 1 && metrics.b < 2"));
    assert!(message.ends_with("did you mean `AND`?"));
}

#[test]
fn missing_and_unneeded_quotes_get_suggestions() {
    assert_message(
        "params.model = cnn",
        &[
            "invalid filter: cannot compare `params.model` with `cnn`",
            "    params.model = cnn",
            "                   ^^^",
            "expected a quoted string",
            "did you mean 'cnn'?",
        ],
    );
    assert_message(
        "metrics.a > '0.5'",
        &[
            "invalid filter: cannot compare `metrics.a` with `'0.5'`",
            "    metrics.a > '0.5'",
            "                ^^^^^",
            "expected a number without quotes, like `0.5`, `-1` or `1e-3`",
            "did you mean `0.5`?",
        ],
    );
    assert_message(
        "metrics.val-loss < 1",
        &[
            "invalid filter: `val-loss` must be in backticks",
            "    metrics.val-loss < 1",
            "    ^^^^^^^^^^^^^^^^",
            "expected a name of letters, digits, `_` and `.`, or any key in backticks",
            "did you mean metrics.`val-loss`?",
        ],
    );
}

#[test]
fn an_operator_that_does_not_apply_lists_those_that_do() {
    assert_message(
        "params.a IN ('x')",
        &[
            "invalid filter: operator IN does not apply to `params.a`",
            "    params.a IN ('x')",
            "             ^^",
            "expected `=`, `!=`, `LIKE`, `ILIKE`, `IS NULL` or `IS NOT NULL`",
        ],
    );
}

#[test]
fn carets_are_aligned_in_terminal_columns() {
    assert_message(
        "params.`\u{65e5}\u{672c}` = '\u{6771}\u{4eac}'\tAND\nmetric.x \u{e9} 1",
        &[
            "invalid filter: unknown operator `\u{e9}`",
            "    params.`\u{65e5}\u{672c}` = '\u{6771}\u{4eac}' AND metric.x \u{e9} 1",
            "                                        ^",
            OPERATORS,
        ],
    );
}

#[test]
fn a_long_filter_is_cut_around_the_error() {
    let long = format!(
        "{}metrics.b <> 2{}",
        "metrics.loss < 0.1 AND ".repeat(99),
        " metrics.c > 1".repeat(99)
    );
    assert_message(
        &long,
        &[
            "invalid filter: unknown operator `<>`",
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
fn an_unexpected_end_points_past_the_text() {
    assert_message(
        "metrics.a",
        &["invalid filter: unexpected end of text", "    metrics.a", "             ^", OPERATORS],
    );
    assert_message(
        "metrics.a > ",
        &[
            "invalid filter: unexpected end of text",
            "    metrics.a > ",
            "                ^",
            "expected a number or a quoted string",
        ],
    );
    assert_message(
        "params.a = 'open",
        &[
            "invalid filter: unterminated quote",
            "    params.a = 'open",
            "               ^",
            "expected a closing '",
        ],
    );
}

#[test]
fn a_message_about_an_order_calls_it_an_order() {
    let message = refusal(RunOrder::parse(&["metrics.a descending"]));
    let lines = [
        "invalid order: unexpected `descending`",
        "    metrics.a descending",
        "              ^^^^^^^^^^",
        "expected `ASC`, `DESC` or the end",
        "did you mean `DESC`?",
    ];
    assert_eq!(message, lines.join("\n"));
}

#[test]
fn carets_are_aligned_after_wide_characters() {
    assert_message(
        "params.a = '\u{6771}\u{4eac}' AND stauts = '\u{1f600}'",
        &[
            "invalid filter: unknown field `stauts`",
            "    params.a = '\u{6771}\u{4eac}' AND stauts = '\u{1f600}'",
            "                          ^^^^^^",
            ATTRIBUTES,
            "did you mean `status`?",
        ],
    );
    assert_message(
        "params.a = 'e\u{301}' AND stauts = 1",
        &[
            "invalid filter: unknown field `stauts`",
            "    params.a = 'e\u{301}' AND stauts = 1",
            "                       ^^^^^^",
            ATTRIBUTES,
            "did you mean `status`?",
        ],
    );
}

#[test]
fn a_field_that_exists_but_cannot_be_used_lists_those_that_can() {
    let message = refusal(RunOrder::parse(&["datasets.name"]));
    let lines = [
        "invalid order: cannot order by `datasets.name`",
        "    datasets.name",
        "    ^^^^^^^^^^^^^",
        "expected `run_name`, `status`, `start_time`, `end_time`, `run_id`, `user_id`, \
         `artifact_uri`, `metrics.KEY`, `params.KEY` or `tags.KEY`",
    ];
    assert_eq!(message, lines.join("\n"));
    let message = refusal(RegisteredModelFilter::parse("timestamp > 1"));
    assert!(message.starts_with("invalid filter: cannot filter by `timestamp`\n"));
    assert!(message.ends_with("expected `name` or `tags.KEY`"));
    let message = refusal(ExperimentOrder::parse(&["tags.team"]));
    assert!(message.starts_with("invalid order: cannot order by `tags.team`\n"));
    assert!(message.contains("expected `name`, `experiment_id`"));
}

#[test]
fn a_prefix_that_cannot_be_quoted_is_reported_as_such() {
    let message = refusal(ExperimentFilter::parse("`tags`.a = 'x'"));
    let lines = [
        "invalid filter: prefix `tags` cannot be quoted here",
        "    `tags`.a = 'x'",
        "    ^^^^^^^^",
        "expected `attributes` or `tags`",
        "did you mean `tags.a`?",
    ];
    assert_eq!(message, lines.join("\n"));
}
