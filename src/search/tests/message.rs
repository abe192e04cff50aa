//! The exact text of error messages.

use super::refusal;
use crate::search::{
    ExperimentFilter, ExperimentOrder, RegisteredModelFilter, RunFilter, RunOrder,
};

/// Checks that parsing this filter fails with exactly these lines.
fn assert_message(filter: &str, lines: &[&str]) {
    assert_eq!(refusal(RunFilter::parse(filter)), lines.join("\n"));
}

/// Returns the line with a summary and what was expected.
fn unknown(summary: &str, expected: &str) -> String {
    format!("{summary}: {expected}")
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
            "Invalid entity type 'metrcs'. Valid values are ['metric', 'parameter', 'tag', \
             'attribute', 'dataset']",
            "    metrcs.accuracy > 0.9",
            "    ^^^^^^",
            "unknown field prefix `metrcs`: expected `attributes`, `metrics`, `params`, `tags` \
             or `datasets`",
            "did you mean `metrics.accuracy`?",
        ],
    );
}

#[test]
fn a_mistyped_attribute_gets_a_suggestion() {
    assert_message(
        "metrics.a > 1 AND stauts = 'RUNNING'",
        &[
            "Invalid attribute key 'stauts' specified.",
            "    metrics.a > 1 AND stauts = 'RUNNING'",
            "                      ^^^^^^",
            &unknown("unknown field `stauts`", ATTRIBUTES),
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
            "Invalid attribute key 'accuracy' specified.",
            "    accuracy > 0.9",
            "    ^^^^^^^^",
            &unknown("unknown field `accuracy`", ATTRIBUTES),
            "did you mean `metrics.accuracy`, `params.accuracy` or `tags.accuracy`?",
        ],
    );
}

#[test]
fn operators_of_other_languages_get_suggestions() {
    assert_message(
        "metrics.a == 1",
        &[
            "Invalid comparator '==' not one of ['=', '!=', '<', '<=', '>', '>=']",
            "    metrics.a == 1",
            "              ^^",
            &unknown("unknown operator `==`", OPERATORS),
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
            "Invalid clause(s) in filter string: 'OR'",
            "    metrics.a > 1 OR metrics.b < 2",
            "                  ^^",
            "`OR` is not supported: expected a comparison, like `metrics.accuracy > 0.9`",
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
            "Parameter value is either not quoted or unidentified quote types used for string \
             value cnn. Use either single or double quotes.",
            "    params.model = cnn",
            "                   ^^^",
            "cannot compare `params.model` with `cnn`: expected a quoted string",
            "did you mean 'cnn'?",
        ],
    );
    assert_message(
        "metrics.a > '0.5'",
        &[
            "Expected numeric value type for metric. Found '0.5'",
            "    metrics.a > '0.5'",
            "                ^^^^^",
            "cannot compare `metrics.a` with `'0.5'`: expected a number without quotes, like \
             `0.5`, `-1` or `1e-3`",
            "did you mean `0.5`?",
        ],
    );
    assert_message(
        "metrics.val-loss < 1",
        &[
            "Invalid comparison clause. Expected 'Identifier' found 'metrics.val-loss'",
            "    metrics.val-loss < 1",
            "    ^^^^^^^^^^^^^^^^",
            "`val-loss` must be in backticks: expected a name of letters, digits, `_` and `.`, \
             or any key in backticks",
            "did you mean metrics.`val-loss`?",
        ],
    );
}

#[test]
fn an_operator_that_does_not_apply_lists_those_that_do() {
    assert_message(
        "params.a IN ('x')",
        &[
            "Expected a quoted string value for parameter (e.g. 'my-value'). Got value ('x')",
            "    params.a IN ('x')",
            "             ^^",
            "operator IN does not apply to `params.a`: expected `=`, `!=`, `LIKE`, `ILIKE`, `IS \
             NULL` or `IS NOT NULL`",
        ],
    );
}

#[test]
fn carets_are_aligned_in_terminal_columns() {
    assert_message(
        "params.`\u{65e5}\u{672c}` = '\u{6771}\u{4eac}'\tAND\nmetric.x \u{e9} 1",
        &[
            "Invalid clause(s) in filter string: '\u{e9}'",
            "    params.`\u{65e5}\u{672c}` = '\u{6771}\u{4eac}' AND metric.x \u{e9} 1",
            "                                        ^",
            &unknown("unknown operator `\u{e9}`", OPERATORS),
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
            "Invalid comparator '<>' not one of ['=', '!=', '<', '<=', '>', '>=']",
            "    ...etrics.loss < 0.1 AND metrics.b <> 2 metrics.c > 1 metrics.c > 1 metrics...",
            "                                       ^^",
            &unknown("unknown operator `<>`", OPERATORS),
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
        &[
            "Invalid clause(s) in filter string: 'metrics.a'",
            "    metrics.a",
            "             ^",
            &unknown("unexpected end of text", OPERATORS),
        ],
    );
    assert_message(
        "metrics.a > ",
        &[
            "Invalid clause(s) in filter string: 'metrics.a >'",
            "    metrics.a > ",
            "                ^",
            "unexpected end of text: expected a number or a quoted string",
        ],
    );
    assert_message(
        "params.a = 'open",
        &[
            "Invalid clause(s) in filter string: '''",
            "    params.a = 'open",
            "               ^",
            "unterminated quote: expected a closing '",
        ],
    );
}

#[test]
fn a_message_about_an_order_calls_it_an_order() {
    let message = refusal(RunOrder::parse(&["metrics.a descending"]));
    let lines = [
        "Invalid ordering key in order_by clause 'metrics.a descending'.",
        "    metrics.a descending",
        "              ^^^^^^^^^^",
        "unexpected `descending`: expected `ASC`, `DESC` or the end",
        "did you mean `DESC`?",
    ];
    assert_eq!(message, lines.join("\n"));
}

#[test]
fn carets_are_aligned_after_wide_characters() {
    assert_message(
        "params.a = '\u{6771}\u{4eac}' AND stauts = '\u{1f600}'",
        &[
            "Invalid attribute key 'stauts' specified.",
            "    params.a = '\u{6771}\u{4eac}' AND stauts = '\u{1f600}'",
            "                          ^^^^^^",
            &unknown("unknown field `stauts`", ATTRIBUTES),
            "did you mean `status`?",
        ],
    );
    assert_message(
        "params.a = 'e\u{301}' AND stauts = 1",
        &[
            "Invalid attribute key 'stauts' specified.",
            "    params.a = 'e\u{301}' AND stauts = 1",
            "                       ^^^^^^",
            &unknown("unknown field `stauts`", ATTRIBUTES),
            "did you mean `status`?",
        ],
    );
}

#[test]
fn a_field_that_exists_but_cannot_be_used_lists_those_that_can() {
    let message = refusal(RunOrder::parse(&["datasets.name"]));
    let lines = [
        "Invalid identifier type 'dataset'",
        "    datasets.name",
        "    ^^^^^^^^^^^^^",
        "cannot order by `datasets.name`: expected `run_name`, `status`, `start_time`, \
         `end_time`, `run_id`, `user_id`, \
         `artifact_uri`, `metrics.KEY`, `params.KEY` or `tags.KEY`",
    ];
    assert_eq!(message, lines.join("\n"));
    let message = refusal(RegisteredModelFilter::parse("timestamp > 1"));
    assert!(message.starts_with("Invalid attribute key 'timestamp' specified.\n"));
    assert!(message.ends_with("expected `name` or `tags.KEY`"));
    let message = refusal(ExperimentOrder::parse(&["tags.team"]));
    assert!(message.starts_with("Invalid order_by entity: tag\n"));
    assert!(message.contains("expected `name`, `experiment_id`"));
}

#[test]
fn a_prefix_that_cannot_be_quoted_is_reported_as_such() {
    let message = refusal(ExperimentFilter::parse("`tags`.a = 'x'"));
    let lines = [
        "Invalid entity type '`tags`'. Valid entity types are ('attribute', 'tag', 'tags')",
        "    `tags`.a = 'x'",
        "    ^^^^^^^^",
        "prefix `tags` cannot be quoted here: expected `attributes` or `tags`",
        "did you mean `tags.a`?",
    ];
    assert_eq!(message, lines.join("\n"));
}
