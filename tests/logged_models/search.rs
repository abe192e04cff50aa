//! Searches of logged models, checked by plain code.

use proptest::prelude::*;
use tracklite::logged_model::{
    LoggedModelInfo, LoggedModelMetric, LoggedModelSearch, LoggedModelStatus,
};
use tracklite::{Database, ErrorKind, ExperimentId, Timestamp};

use crate::common::{TestDatabase, error_kind};

/// Creates eight models that differ in every field that can be searched; one of them is deleted.
fn filled() -> TestDatabase {
    let database = TestDatabase::new();
    for number in 0..8_i32 {
        let experiment = database.experiment(&format!("/e{}", number % 2)).unwrap();
        let mut builder =
            experiment.new_logged_model().name(["small", "Large"][number as usize % 2]);
        if number % 3 != 0 {
            builder =
                builder.param("depth", number % 3).tag("team", ["a", "B"][number as usize % 2]);
        }
        if number % 4 == 1 {
            builder = builder.model_type("linear");
        }
        let model = builder.create().unwrap();
        let mut metrics = Vec::new();
        for step in 0..number % 4 {
            let value =
                if number == 6 && step == 1 { f64::NAN } else { f64::from(number * step % 5) };
            let metric = LoggedModelMetric::new("acc", value, i64::from(step));
            let metric = metric.time(Timestamp::from_nanos(i64::from(10 - step)));
            metrics.push(match step % 3 {
                0 => metric,
                1 => metric.dataset("test", "1"),
                _ => metric.dataset("test", "2"),
            });
        }
        // Log in reverse, because the order of logging must not matter.
        metrics.reverse();
        model.log_metrics(metrics).unwrap();
        if number % 2 == 0 {
            model.finalize(LoggedModelStatus::Ready).unwrap();
        }
        if number == 7 {
            model.delete().unwrap();
        }
    }
    database
}

/// Returns the models from all pages of a search.
fn search(database: &Database, search: &LoggedModelSearch) -> Vec<LoggedModelInfo> {
    let mut found = Vec::new();
    let mut token = String::new();
    loop {
        let search = search.clone().max_results(2).page_token(&token);
        let page = database.search_logged_models(&search).unwrap();
        found.extend(page.items);
        match page.next_page_token {
            Some(next) => token = next,
            None => return found,
        }
    }
}

/// Returns the value at the largest step, on the dataset with this digest if one is given.
fn latest(model: &LoggedModelInfo, digest: Option<&str>) -> Option<f64> {
    let is_on = |metric: &&LoggedModelMetric| match (digest, &metric.dataset) {
        (None, _) => true,
        (Some(wanted), Some((_, digest))) => wanted == digest,
        (Some(_), None) => false,
    };
    let metrics = model.metrics.iter().filter(is_on);
    metrics.max_by_key(|metric| metric.step).map(|metric| metric.value)
}

/// Compares by the latest value (numbers, then NaN, then missing), then newest first.
fn compare(left: &LoggedModelInfo, right: &LoggedModelInfo, ascending: bool) -> std::cmp::Ordering {
    let (one, other) = (latest(left, None), latest(right, None));
    let rank = |value: Option<f64>| match value {
        Some(value) if !value.is_nan() => 0,
        Some(_) => 1,
        None => 2,
    };
    let by_value = match (rank(one), rank(other)) {
        (0, 0) if ascending => one.partial_cmp(&other).unwrap(),
        (0, 0) => other.partial_cmp(&one).unwrap(),
        (left, right) => left.cmp(&right),
    };
    let created = right.created.as_millis().cmp(&left.created.as_millis());
    by_value.then(created).then(left.id.to_string().cmp(&right.id.to_string()))
}

fn ids(models: &[LoggedModelInfo]) -> Vec<String> {
    models.iter().map(|model| model.id.to_string()).collect()
}

#[test]
fn searches_find_the_same_models_as_plain_code() {
    let database = filled();
    let all = search(&database, &LoggedModelSearch::new());
    assert_eq!(all.len(), 7);
    let operators = prop::sample::select(vec!["=", "!=", "<", "<=", ">", ">="]);
    let digests = prop::sample::select(vec![None, Some("1"), Some("2")]);
    let texts = prop::sample::select(vec![
        "",
        "name = 'small'",
        "name ILIKE 'L%'",
        "params.depth = '1'",
        "params.depth != '1'",
        "tags.team IN ('B', 'x')",
        "model_type = 'linear'",
        "status = 'READY'",
        "status NOT IN ('READY')",
        "attributes.status IN ('PENDING', 'FAILED')",
    ]);
    let cases = (operators, digests, texts, 0..5_i32, any::<bool>(), any::<bool>());
    proptest!(|((operator, digest, text, value, has_metric, ascending) in cases)| {
        let mut filter: Vec<String> = Vec::new();
        if has_metric {
            filter.push(format!("metrics.acc {operator} {value}"));
        }
        filter.extend((!text.is_empty()).then(|| text.to_owned()));
        let mut query = LoggedModelSearch::new().filter(filter.join(" AND "));
        if let Some(digest) = digest {
            query = query.dataset("test", Some(digest));
        }
        let query = query.order_by(if ascending { "metrics.acc" } else { "metrics.acc DESC" });
        let mut wanted = all.clone();
        wanted.retain(|model| {
            let is_on_dataset = model.metrics.iter().any(|metric| {
                metric.dataset.as_ref().is_some_and(|(_, found)| Some(found.as_str()) == digest)
            });
            let number = f64::from(value);
            let metric = !has_metric || latest(model, digest).is_some_and(|found| match operator {
                "=" => found == number,
                "!=" => found != number,
                "<" => found < number,
                "<=" => found <= number,
                ">" => found > number,
                _ => found >= number,
            });
            let (depth, team) = (model.params.get("depth"), model.tags.get("team"));
            let text = match text {
                "" => true,
                "name = 'small'" => model.name == "small",
                "name ILIKE 'L%'" => model.name == "Large",
                "params.depth = '1'" => depth.is_some_and(|depth| depth == "1"),
                "params.depth != '1'" => depth.is_some_and(|depth| depth != "1"),
                "tags.team IN ('B', 'x')" => team.is_some_and(|team| team == "B"),
                "model_type = 'linear'" => model.model_type.is_some(),
                "status = 'READY'" => model.status == LoggedModelStatus::Ready,
                _ => model.status == LoggedModelStatus::Pending,
            };
            metric && text && (has_metric || digest.is_none() || is_on_dataset)
        });
        wanted.sort_by(|left, right| compare(left, right, ascending));
        prop_assert_eq!(ids(&search(&database, &query)), ids(&wanted), "{:?}", query);
    });
}

#[test]
fn a_search_can_be_limited_to_experiments_and_sorted_on_a_dataset() {
    let database = filled();
    let first = database.find_experiment("/e0").unwrap().unwrap().id();
    let of_first = search(&database, &LoggedModelSearch::new().experiment(first).experiment(first));
    assert_eq!(of_first.len(), 4);
    let none = LoggedModelSearch::new().experiment(ExperimentId::DEFAULT);
    assert_eq!(search(&database, &none), []);
    let by_test =
        LoggedModelSearch::new().order_by_metric_on("metrics.acc DESC", "test", Some("2"));
    let found = search(&database, &by_test);
    let values: Vec<_> = found.iter().map(|model| latest(model, Some("2"))).collect();
    assert_eq!(values[..2], [Some(1.0), None]);
}

#[test]
fn invalid_searches_are_rejected() {
    let database = filled();
    let failure = |search: LoggedModelSearch| error_kind(database.search_logged_models(&search));
    for filter in ["metric.acc > 1", "metrics.acc = 'x'", "unknown = 'x'", "status LIKE 'R%'"] {
        let kind = failure(LoggedModelSearch::new().filter(filter));
        assert_eq!(kind, ErrorKind::InvalidInput, "{filter}");
    }
    assert_eq!(failure(LoggedModelSearch::new().max_results(0)), ErrorKind::InvalidInput);
    let by_param = LoggedModelSearch::new().order_by("params.a");
    assert_eq!(failure(by_param), ErrorKind::InvalidInput);
}

#[test]
fn a_page_token_of_another_search_is_rejected() {
    let database = filled();
    let search = LoggedModelSearch::new().max_results(1);
    let token = database.search_logged_models(&search).unwrap().next_page_token.unwrap();
    let other = LoggedModelSearch::new().filter("name != 'x'").page_token(&token);
    for search in [other, LoggedModelSearch::new().page_token("forged")] {
        let kind = error_kind(database.search_logged_models(&search));
        assert_eq!(kind, ErrorKind::InvalidInput, "{search:?}");
    }
}

#[test]
fn models_are_found_by_status_message_and_lifecycle() {
    let database = TestDatabase::new();
    let experiment = database.experiment("/e").unwrap();
    let names = ["quiet", "loud"];
    let models = names.map(|name| experiment.new_logged_model().name(name).create().unwrap());
    models[1].set_status(LoggedModelStatus::Failed, Some("out of memory")).unwrap();
    let found = |filter: &str| {
        let search = LoggedModelSearch::new().filter(filter).order_by("name");
        let found = search_names(&database, &search);
        found.join(" ")
    };
    assert_eq!(found("status_message = 'out of memory'"), "loud");
    assert_eq!(found("attributes.status_message LIKE 'out%'"), "loud");
    assert_eq!(found("status_message != 'x'"), "loud");
    assert_eq!(found("lifecycle_stage = 'active'"), "loud quiet");
    assert_eq!(found("lifecycle_stage IN ('deleted')"), "");
    models[1].delete().unwrap();
    assert_eq!(found("lifecycle_stage != 'x'"), "quiet");
    let place = format!("{}/1/models/{}/artifacts", database.address(), models[0].id());
    assert_eq!(found(&format!("artifact_location = '{place}'")), "quiet");
    let elsewhere = LoggedModelSearch::new().artifact_root("mlflow-artifacts:");
    let elsewhere = elsewhere.filter("artifact_location LIKE 'mlflow-artifacts:/1/models/m-%'");
    assert_eq!(search_names(&database, &elsewhere), ["quiet"]);
}

fn search_names(database: &Database, query: &LoggedModelSearch) -> Vec<String> {
    search(database, query).into_iter().map(|model| model.name).collect()
}
