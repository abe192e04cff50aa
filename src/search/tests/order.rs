//! Orders of runs.

use super::refusal;
use crate::search::{ORDER_ITEMS_MAX, RunOrder};

fn order(items: &[&str]) -> String {
    RunOrder::parse(items).unwrap_or_else(|error| panic!("{items:?}: {error}")).to_string()
}

#[test]
fn without_items_the_newest_run_comes_first() {
    assert_eq!(order(&[]), "start_time DESC, run_id ASC");
}

#[test]
fn items_have_an_optional_direction_and_ties_are_broken() {
    let end = "start_time DESC, run_id ASC";
    for (item, wanted) in [
        ("metrics.a", "metrics.a ASC"),
        ("metric.a asc", "metrics.a ASC"),
        ("metrics.a  DeSC", "metrics.a DESC"),
        ("metrics.`a b` desc", "metrics.`a b` DESC"),
        ("params.\"a b\"", "params.`a b` ASC"),
        ("metrics.desc desc", "metrics.desc DESC"),
        ("metrics.1a desc", "metrics.1a DESC"),
        ("`tags`.a.b", "tags.a.b ASC"),
        ("status ASC", "status ASC"),
        ("attribute.`run_name` desc", "run_name DESC"),
        ("user_id", "user_id ASC"),
        ("artifact_uri", "artifact_uri ASC"),
        ("end_time", "end_time ASC"),
    ] {
        assert_eq!(order(&[item]), format!("{wanted}, {end}"), "{item}");
    }
    assert_eq!(order(&["created"]), "start_time ASC, run_id ASC");
    assert_eq!(order(&["Created desc"]), "start_time DESC, run_id ASC");
    assert_eq!(order(&["run_id DESC"]), "run_id DESC, start_time DESC");
    assert_eq!(
        order(&["status", "run_id", "start_time"]),
        "status ASC, run_id ASC, start_time ASC"
    );
}

#[test]
fn text_that_is_not_an_item_is_refused() {
    for item in [
        "",
        " ",
        "metrics.a NULLS LAST",
        "metrics.a, metrics.b",
        "metrics.a descending",
        "desc",
        "datasets.name",
        "dataset.digest",
        "`run name`",
        "run name",
        "experiment_id",
        "foo",
        "lifecycle_stage",
        "metrics.1",
        "metrics.a-b",
        "'metrics.a'",
        "metrics.a;",
        "Metrics.a",
        "metrics.`x` foo",
        "metrics.`a`desc",
        "1",
        "metrics.a desc desc",
        "metrics.a > 1",
    ] {
        refusal(RunOrder::parse(&[item]));
    }
}

#[test]
fn a_field_can_be_given_once_under_any_of_its_names() {
    for items in [["metrics.a", "metric.`a` DESC"], ["start_time", "created"], ["tag.x", "tags.x"]]
    {
        assert!(
            refusal(RunOrder::parse(&items)).contains("`order_by` contains duplicate fields: [")
        );
    }
    assert_eq!(order(&["tags.x", "params.x", "tags.X"]).matches("ASC").count(), 4);
    let many: Vec<String> =
        (0..=ORDER_ITEMS_MAX).map(|number| format!("metrics.m{number}")).collect();
    assert!(RunOrder::parse(&many[1..]).is_ok());
    assert!(refusal(RunOrder::parse(&many)).contains("expected at most 256"));
}
