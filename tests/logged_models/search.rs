//! Searches of logged models, against plain code.

use proptest::prelude::*;
use tracklite::{
    Database, ErrorKind, ExperimentId, LoggedModelInfo, LoggedModelMetric, LoggedModelSearch,
    LoggedModelStatus, Timestamp,
};

use super::{kind, new};

fn filled() -> (tempfile::TempDir, Database) {
    let (folder, database) = new();
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
        // The order of logging does not matter.
        metrics.reverse();
        model.log_metrics(metrics).unwrap();
        if number % 2 == 0 {
            model.finalize(LoggedModelStatus::Ready).unwrap();
        }
        if number == 7 {
            model.delete().unwrap();
        }
    }
    (folder, database)
}

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

/// The value at the greatest step, where the steps are all different.
fn latest(model: &LoggedModelInfo, digest: Option<&str>) -> Option<f64> {
    let is_on = |it: &&LoggedModelMetric| match (digest, &it.dataset) {
        (None, _) => true,
        (Some(wanted), Some((_, digest))) => wanted == digest,
        (Some(_), None) => false,
    };
    model.metrics.iter().filter(is_on).max_by_key(|it| it.step).map(|it| it.value)
}

/// By the latest value, numbers first, then NaN, then what is missing; then the newest first.
fn compared(
    left: &LoggedModelInfo,
    right: &LoggedModelInfo,
    ascending: bool,
) -> std::cmp::Ordering {
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
    models.iter().map(|it| it.id.to_string()).collect()
}

#[test]
fn models_are_found_as_plain_code_finds_them() {
    let (_folder, database) = filled();
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
    proptest!(|((operator, digest, text, value, asks, ascending) in cases)| {
        let mut filter: Vec<String> = Vec::new();
        if asks {
            filter.push(format!("metrics.acc {operator} {value}"));
        }
        filter.extend((!text.is_empty()).then(|| text.to_owned()));
        let mut asked = LoggedModelSearch::new().filter(filter.join(" AND "));
        if let Some(digest) = digest {
            asked = asked.dataset("test", Some(digest));
        }
        let asked = asked.order_by("metrics.acc", ascending);
        let mut wanted = all.clone();
        wanted.retain(|it| {
            let measured = it.metrics.iter().any(|it| {
                it.dataset.as_ref().is_some_and(|(_, found)| Some(found.as_str()) == digest)
            });
            let number = f64::from(value);
            let metric = !asks || latest(it, digest).is_some_and(|found| match operator {
                "=" => found == number,
                "!=" => found != number,
                "<" => found < number,
                "<=" => found <= number,
                ">" => found > number,
                _ => found >= number,
            });
            let (depth, team) = (it.params.get("depth"), it.tags.get("team"));
            let text = match text {
                "" => true,
                "name = 'small'" => it.name == "small",
                "name ILIKE 'L%'" => it.name == "Large",
                "params.depth = '1'" => depth.is_some_and(|it| it == "1"),
                "params.depth != '1'" => depth.is_some_and(|it| it != "1"),
                "tags.team IN ('B', 'x')" => team.is_some_and(|it| it == "B"),
                "model_type = 'linear'" => it.model_type.is_some(),
                "status = 'READY'" => it.status == LoggedModelStatus::Ready,
                _ => it.status == LoggedModelStatus::Pending,
            };
            metric && text && (asks || digest.is_none() || measured)
        });
        wanted.sort_by(|left, right| compared(left, right, ascending));
        prop_assert_eq!(ids(&search(&database, &asked)), ids(&wanted), "{:?}", asked);
    });
}

#[test]
fn experiments_and_orders_on_a_dataset_choose() {
    let (_folder, database) = filled();
    let first = database.find_experiment("/e0").unwrap().unwrap().id();
    let of_first = search(&database, &LoggedModelSearch::new().experiment(first).experiment(first));
    assert_eq!(of_first.len(), 4);
    let none = LoggedModelSearch::new().experiment(ExperimentId::DEFAULT);
    assert_eq!(search(&database, &none), []);
    let by_test =
        LoggedModelSearch::new().order_by_metric_on("metrics.acc", false, "test", Some("2"));
    let found = search(&database, &by_test);
    let values: Vec<_> = found.iter().map(|it| latest(it, Some("2"))).collect();
    assert_eq!(values[..2], [Some(1.0), None]);
}

#[test]
fn bad_searches_are_refused() {
    let (_folder, database) = filled();
    let refused = |search: LoggedModelSearch| kind(database.search_logged_models(&search));
    for filter in ["metric.acc > 1", "metrics.acc = 'x'", "nobody = 'x'", "status LIKE 'R%'"] {
        let refused = refused(LoggedModelSearch::new().filter(filter));
        assert_eq!(refused, ErrorKind::InvalidInput, "{filter}");
    }
    let search = LoggedModelSearch::new().max_results(1);
    let token = database.search_logged_models(&search).unwrap().next_page_token.unwrap();
    let other = LoggedModelSearch::new().filter("name != 'x'").page_token(&token);
    assert_eq!(refused(other), ErrorKind::InvalidInput);
    assert_eq!(refused(LoggedModelSearch::new().page_token("forged")), ErrorKind::InvalidInput);
    assert_eq!(refused(LoggedModelSearch::new().max_results(0)), ErrorKind::InvalidInput);
    assert_eq!(
        refused(LoggedModelSearch::new().order_by("params.a", true)),
        ErrorKind::InvalidInput
    );
}
