//! Experiments, registered models, model versions and logged models.

use super::refusal;
use crate::search::{
    Condition, DatasetChoice, ExperimentFilter, ExperimentNumber, ExperimentOrder,
    LoggedModelFilter, LoggedModelNumber, LoggedModelOrder, LoggedModelOrderItem, LoggedModelText,
    ModelVersionFilter, ModelVersionOrder, NumberTest, RegisteredModelFilter, RegisteredModelOrder,
    TextTest,
};

#[test]
fn experiments_are_searched_by_attributes_and_tags() {
    let canonical = |text: &str| ExperimentFilter::parse(text).map(|filter| filter.to_string());
    for (text, wanted) in [
        ("", ""),
        ("attribute.name LIKE 'x%'", "name LIKE 'x%'"),
        ("attributes.name ILIKE 'x'", "name ILIKE 'x'"),
        ("experiment_id = '01'", "experiment_id = '1'"),
        ("experiment_id NOT IN ('1', \"2\")", "experiment_id NOT IN ('1', '2')"),
        ("creation_time > 1", "creation_time > 1"),
        ("last_update_time <= -1 tag.a = 'x'", "last_update_time <= -1 AND tags.a = 'x'"),
        ("tags.`a b` IS NOT NULL", "tags.`a b` IS NOT NULL"),
    ] {
        assert_eq!(canonical(text).expect(text), wanted);
    }
    for refused in [
        "name IN ('a')",
        "experiment_id = 1",
        "experiment_id > '1'",
        "experiment_id = 'a'",
        "experiment_id IN ('1', 'a')",
        "creation_time > 1.5",
        "creation_time > '1'",
        "creation_time = 1e3",
        "attr.name = 'x'",
        "`tags`.a = 'x'",
        "metrics.a > 1",
        "name IS NULL",
        "lifecycle_stage = 'active'",
    ] {
        refusal(canonical(refused));
    }
    let filter = ExperimentFilter::parse("experiment_id IN ('3')").expect("a filter");
    let wanted = Condition::Number(ExperimentNumber::ExperimentId, NumberTest::In(vec![3.0]));
    assert_eq!(filter.conditions, [wanted]);
}

#[test]
fn the_order_of_experiments_breaks_ties_both_ways() {
    let order = |items: &[&str]| ExperimentOrder::parse(items).map(|order| order.to_string());
    assert_eq!(order(&[]).expect("an order"), "creation_time DESC, experiment_id ASC");
    assert_eq!(order(&["name"]).expect("an order"), "name ASC, experiment_id DESC");
    assert_eq!(order(&["attribute.experiment_id"]).expect("an order"), "experiment_id ASC");
    for refused in ["tags.a", "tag.a DESC", "start_time", "name name"] {
        refusal(order(&[refused]));
    }
}

#[test]
fn registered_models_are_searched_by_name_and_tags() {
    for accepted in [
        "",
        "name = 'a'",
        "attribute.name ILIKE 'a%'",
        "name IN ('a', 'b')",
        "name NOT IN ('a')",
        "tags.a = 'x' AND tag.a != 'y'",
        "tags.`mlflow.prompt.is_prompt` = 'true'",
    ] {
        assert!(RegisteredModelFilter::parse(accepted).is_ok(), "{accepted}");
    }
    for refused in [
        "tags.a IS NULL",
        "tags.a IN ('a')",
        "attributes.name = 'a'",
        "timestamp > 1",
        "last_updated_timestamp > 1",
        "name > 'a'",
        "name = a",
        "run_id = 'a'",
    ] {
        refusal(RegisteredModelFilter::parse(refused));
    }
    let order = |items: &[&str]| RegisteredModelOrder::parse(items).map(|order| order.to_string());
    assert_eq!(order(&[]).expect("an order"), "name ASC");
    assert_eq!(order(&["name DESC"]).expect("an order"), "name DESC");
    assert_eq!(
        order(&["timestamp DESC"]).expect("an order"),
        "last_updated_timestamp DESC, name ASC"
    );
    refusal(order(&["timestamp", "last_updated_timestamp"]));
    refusal(order(&["creation_timestamp"]));
    refusal(order(&["tags.a"]));
}

#[test]
fn model_versions_are_searched_by_attributes_and_tags() {
    for accepted in [
        "name = 'a'",
        "name IN ('a')",
        "run_id NOT IN ('a')",
        "run_id LIKE 'a%'",
        "source_path ILIKE 'a%'",
        "version_number > 1",
        "version_number = '1'",
        "version_number <= -1",
        "tag.a LIKE 'x' AND tags.b != 'y'",
    ] {
        assert!(ModelVersionFilter::parse(accepted).is_ok(), "{accepted}");
    }
    for refused in [
        "source_path IN ('a')",
        "version_number = 'a'",
        "version_number = '1.5'",
        "version_number <= 1.5",
        "version_number > 1e3",
        "version_number IN ('1')",
        "tags.a IS NULL",
        "creation_timestamp > 1",
        "source = 'a'",
        "version = 1",
    ] {
        refusal(ModelVersionFilter::parse(refused));
    }
    let order = |items: &[&str]| ModelVersionOrder::parse(items).map(|order| order.to_string());
    let default = "last_updated_timestamp DESC, name ASC, version_number DESC";
    assert_eq!(order(&[]).expect("an order"), default);
    assert_eq!(
        order(&["creation_timestamp"]).expect("an order"),
        "creation_timestamp ASC, name ASC, version_number DESC"
    );
    assert_eq!(
        order(&["version_number", "name"]).expect("an order"),
        "version_number ASC, name ASC"
    );
    for refused in ["run_id", "source_path", "tags.a"] {
        refusal(order(&[refused]));
    }
}

#[test]
fn logged_models_strip_single_quotes_and_backticks_only() {
    let one = |text: &str| {
        let filter = LoggedModelFilter::parse(text).unwrap_or_else(|error| panic!("{error}"));
        filter.conditions.into_iter().next().expect("a condition")
    };
    let param = |key: &str, value: &str| {
        Condition::Text(LoggedModelText::Param(key.into()), TextTest::Equal(value.into()))
    };
    assert_eq!(one("params.a = 'x'"), param("a", "x"));
    assert_eq!(one("params.a = \"x\""), param("a", "\"x\""));
    assert_eq!(one("params.lr = 0.01"), param("lr", "0.01"));
    assert_eq!(one("params.a = word"), param("a", "word"));
    assert_eq!(one("params.`a b` = ''"), param("a b", ""));
    assert_eq!(one("params.\"a b\" = 'x'"), param("\"a b\"", "x"));
    let greater = |field| Condition::Number(field, NumberTest::Greater(1.5));
    assert_eq!(one("metrics.a > 1.5"), greater(LoggedModelNumber::Metric("a".into())));
    assert_eq!(one("creation_time > 1.5"), greater(LoggedModelNumber::CreationTimestamp));
    assert_eq!(
        one("attributes.last_updated_time > 1.5"),
        greater(LoggedModelNumber::LastUpdatedTimestamp)
    );
}

#[test]
fn logged_models_support_lists_and_fewer_prefixes() {
    for accepted in [
        "name LIKE 'a%'",
        "model_id IN ('m-1')",
        "model_type = 'x'",
        "source_run_id != 'x'",
        "experiment_id IN ('1', '2')",
        "params.a NOT IN ('x')",
        "tags.a IN ('x')",
        "status = 'READY'",
        "status IN ('READY')",
        "last_updated_timestamp <= 5",
    ] {
        assert!(LoggedModelFilter::parse(accepted).is_ok(), "{accepted}");
    }
    for refused in [
        "metric.a > 1",
        "attribute.name = 'x'",
        "param.a = 'x'",
        "tag.a = 'x'",
        "metrics.a > '1'",
        "metrics.a LIKE 'x'",
        "tags.a IS NULL",
        "status LIKE 'x'",
        "name > 'x'",
        "run_id = 'x'",
        "`params`.a = 'x'",
        "metrics.a IN (1)",
        "name = 'a' OR name = 'b'",
    ] {
        refusal(LoggedModelFilter::parse(refused));
    }
}

#[test]
fn each_item_of_the_order_of_logged_models_may_have_a_dataset() {
    let plain = |field: &str| LoggedModelOrderItem { field: field.to_owned(), dataset: None };
    let keys = |items: &[LoggedModelOrderItem]| {
        let order = LoggedModelOrder::parse(items)?;
        let text = |key: &crate::search::LoggedModelSortKey| key.key.to_string();
        Ok::<_, crate::error::Error>(order.keys.iter().map(text).collect::<Vec<_>>().join(", "))
    };
    let end = "creation_timestamp DESC, model_id ASC";
    assert_eq!(keys(&[]).expect("an order"), end);
    for (item, wanted) in [
        ("metrics.a b", "metrics.`a b` ASC"),
        ("metrics.a b ASC", "metrics.`a b` ASC"),
        ("metrics.DESC desc", "metrics.DESC DESC"),
        ("metrics.a DESC ASC", "metrics.`a DESC` ASC"),
        ("name DESC", "name DESC"),
    ] {
        assert_eq!(keys(&[plain(item)]).expect("an order"), format!("{wanted}, {end}"));
    }
    let own = keys(&[plain("creation_time")]).expect("an order");
    assert_eq!(own, "creation_timestamp ASC, model_id ASC");
    for refused in ["params.a", "attributes.name", "metrics.", "foo", "", "tags.a", "DESC"] {
        refusal(keys(&[plain(refused)]));
    }
    let on = |name: &str, digest: Option<&str>| {
        let digest = digest.map(str::to_owned);
        let dataset = Some(DatasetChoice { name: name.to_owned(), digest });
        LoggedModelOrderItem { dataset, ..plain("metrics.a") }
    };
    assert!(keys(&[on("x", Some("1")), on("x", None), plain("metrics.a")]).is_ok());
    // A repeated field has no effect, but that of another dataset is another field.
    let repeated = [on("x", None), on("x", None), plain("metrics.a"), plain("metrics.a DESC")];
    let order = keys(&repeated).expect("an order");
    assert_eq!(order, format!("metrics.a ASC, metrics.a ASC, {end}"));
    let order = LoggedModelOrder::parse(&[on("x", Some("1"))]).expect("an order");
    let dataset = order.keys[0].dataset.as_ref().expect("a dataset");
    assert_eq!((dataset.name.as_str(), dataset.digest.as_deref()), ("x", Some("1")));
}
