//! Histories of metrics.

use serde::Serialize;
use tracklite::{ErrorKind, MetricPoint, RunId};
use utoipa::ToSchema;

use super::entities::{Metric, Real, metric};
use super::queries;
use crate::access::Scope::Read;
use crate::call::Call;
use crate::failure::{Failure, Outcome};
use crate::fields::{Read as _, missing, text, texts, whole};
use crate::reply::Reply;
use crate::route::{Route, Verb};
use crate::schema::shape;
use crate::token;

pub(super) const ROUTES: &[Route] = &[
    Route {
        method: Verb::Get,
        path: "/2.0/mlflow/metrics/get-history",
        needs: Read,
        takes: &[
            text("run_id"),
            text("run_uuid"),
            text("metric_key").required(),
            whole("max_results"),
            text("page_token"),
        ],
        returns: shape::<History<'static>>(),
        handler: get,
    },
    Route {
        method: Verb::Get,
        path: "/2.0/mlflow/metrics/get-history-bulk",
        needs: Read,
        takes: &[texts("run_id"), text("metric_key"), whole("max_results")],
        returns: shape::<Bulk<'static>>(),
        handler: bulk,
    },
    Route {
        method: Verb::Get,
        path: "/2.0/mlflow/metrics/get-history-bulk-interval",
        needs: Read,
        takes: &[
            texts("run_ids"),
            text("metric_key").required(),
            whole("start_step"),
            whole("end_step"),
            whole("max_results"),
        ],
        returns: shape::<Samples<'static>>(),
        handler: interval,
    },
];

/// A page of the values of a metric.
#[derive(Serialize, ToSchema)]
#[schema(as = MetricHistory)]
struct History<'a> {
    #[serde(skip_serializing_if = "Vec::is_empty")]
    metrics: Vec<Metric<'a>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    next_page_token: Option<String>,
}

/// Values of a metric of several runs.
#[derive(Serialize, ToSchema)]
#[schema(as = MetricHistories)]
struct Bulk<'a> {
    metrics: Vec<PointOfRun<'a>>,
}

/// A sample of the values of a metric of several runs.
#[derive(Serialize, ToSchema)]
#[schema(as = MetricSamples)]
struct Samples<'a> {
    #[serde(skip_serializing_if = "Vec::is_empty")]
    metrics: Vec<PointOfRun<'a>>,
}

/// A value of a metric of a run.
#[derive(Serialize, ToSchema)]
pub(super) struct PointOfRun<'a> {
    pub(super) key: &'a str,
    pub(super) value: Real,
    pub(super) timestamp: i64,
    pub(super) step: i64,
    pub(super) run_id: String,
}

/// The most values that a page of the history of a run has, if the client asks for pages.
const HISTORY_MAX: usize = 25_000;
/// The most runs of one request.
const RUNS_MAX: usize = 100;
/// The most values of each run in a sample.
const SAMPLE_MAX: i64 = 2500;

fn get(call: &Call) -> Outcome<Reply> {
    let run = queries::run_text(&call.args)?;
    let key = call.args.need("metric_key")?;
    let limit = call.args.whole("max_results");
    if let Some(limit) = limit.filter(|limit| *limit <= 0) {
        return Err(Failure::invalid(format!(
            "Invalid value {limit} for parameter 'max_results' supplied. It must be a positive \
             integer."
        )));
    }
    let limit = limit.and_then(|limit| usize::try_from(limit).ok());
    let offset = token::offset(call.args.text_or_empty("page_token"))?;
    let points = points(call, run, key)?;
    let points = points.get(offset.min(points.len())..).unwrap_or_default();
    let shown = points.get(..limit.unwrap_or(points.len()).min(points.len())).unwrap_or_default();
    let next = (shown.len() < points.len()).then(|| token::of_offset(offset + shown.len()));
    let metrics = shown.iter().map(|point| metric(key, point)).collect();
    Ok(Reply::json(&History { metrics, next_page_token: next }))
}

/// Returns the values of a metric by time, step and value, without exact duplicates.
fn points(call: &Call, run: &str, key: &str) -> Outcome<Vec<MetricPoint>> {
    // A run that does not exist has no values, as in MLflow.
    let Ok(id) = queries::run_id(run) else { return Ok(Vec::new()) };
    match call.shared.handles.run(call.database(), id) {
        Ok(run) => Ok(run.history(key)?.distinct()),
        Err(error) if error.kind() == ErrorKind::NotFound => Ok(Vec::new()),
        Err(error) => Err(error.into()),
    }
}

fn bulk(call: &Call) -> Outcome<Reply> {
    let mut runs = call.args.texts("run_id");
    check_runs("GetMetricHistoryBulk", "at least one run_id", &runs)?;
    let key = call.args.any_text("metric_key").ok_or_else(|| {
        Failure::invalid("GetMetricHistoryBulk request must specify a metric_key.")
    })?;
    let asked = call.args.whole("max_results").and_then(|count| usize::try_from(count).ok());
    let limit = asked.unwrap_or(HISTORY_MAX).min(HISTORY_MAX);
    runs.sort_unstable();
    runs.dedup();
    let mut metrics = Vec::new();
    for run in runs {
        let points = points(call, run, key)?;
        let left = limit - metrics.len();
        metrics.extend(points.iter().take(left).map(|point| of_run(run, key, point)));
        if metrics.len() == limit {
            break;
        }
    }
    Ok(Reply::json(&Bulk { metrics }))
}

fn check_runs(request: &str, rule: &str, runs: &[&str]) -> Outcome<()> {
    if runs.is_empty() {
        return Err(Failure::invalid(format!("{request} request must specify {rule}.")));
    }
    if runs.len() > RUNS_MAX {
        return Err(Failure::invalid(format!(
            "{request} request cannot specify more than {RUNS_MAX} run_ids. Received {} run_ids.",
            runs.len()
        )));
    }
    Ok(())
}

fn of_run<'a>(run: &str, key: &'a str, point: &MetricPoint) -> PointOfRun<'a> {
    PointOfRun {
        key,
        value: Real(point.value),
        timestamp: point.time.as_millis(),
        step: point.step,
        run_id: run.to_owned(),
    }
}

fn interval(call: &Call) -> Outcome<Reply> {
    let runs = call.args.texts("run_ids");
    if runs.is_empty() {
        return Err(missing("run_ids"));
    }
    let key = call.args.need("metric_key")?;
    let limit = call.args.whole("max_results").unwrap_or(SAMPLE_MAX);
    let steps = (call.args.whole("start_step"), call.args.whole("end_step"));
    let metrics = sample(call, &runs, key, limit, steps)?;
    Ok(Reply::json(&Samples { metrics }))
}

/// Returns an even sample of a metric of each of these runs.
pub(super) fn sample<'a>(
    call: &Call,
    runs: &[&str],
    key: &'a str,
    limit: i64,
    steps: (Option<i64>, Option<i64>),
) -> Outcome<Vec<PointOfRun<'a>>> {
    if runs.len() > RUNS_MAX {
        return Err(Failure::invalid(format!(
            "GetMetricHistoryBulkInterval request must specify at most {RUNS_MAX} run_ids. \
             Received {} run_ids.",
            runs.len()
        )));
    }
    let count = usize::try_from(limit).ok().filter(|_| (1..=SAMPLE_MAX).contains(&limit));
    let count = count.ok_or_else(|| {
        Failure::invalid(format!("max_results must be between 1 and {SAMPLE_MAX}."))
    })?;
    let steps = match steps {
        (Some(start), Some(end)) if start > end => {
            return Err(Failure::invalid(format!(
                "end_step must be greater than start_step. Found start_step={start} and \
                 end_step={end}."
            )));
        }
        (Some(start), Some(end)) => Some(start..=end),
        (None, None) => None,
        _ => {
            return Err(Failure::invalid(
                "If either start step or end step are specified, both must be specified.",
            ));
        }
    };
    let mut metrics = Vec::new();
    for run in runs {
        let Some(id) = known(call, run)? else { continue };
        for found in call.database().sampled_histories(&[id], key, steps.clone(), count)? {
            metrics.extend(found.points.iter().map(|point| of_run(run, key, &point)));
        }
    }
    Ok(metrics)
}

/// Returns the id of a run if it exists.
fn known(call: &Call, run: &str) -> Outcome<Option<RunId>> {
    let Ok(id) = queries::run_id(run) else { return Ok(None) };
    match call.shared.handles.run(call.database(), id) {
        Ok(_) => Ok(Some(id)),
        Err(error) if error.kind() == ErrorKind::NotFound => Ok(None),
        Err(error) => Err(error.into()),
    }
}
