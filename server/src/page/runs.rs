//! A run with everything that its page shows, and changes of one run or many.

use std::collections::BTreeMap;

use serde::Serialize;
use tracklite::curve::{Curve, CurveQuery};
use tracklite::inputs::DatasetInput;
use tracklite::table::Column;
use tracklite::{Database, MetricPoint, Run, RunId, RunInfo, RunRecord, Timestamp};
use utoipa::ToSchema;

use super::bulk::apply;
use super::edits::{NOTE_TAG, TagEdits, lifecycle};
use super::health;
use super::rows::rows;
use crate::access::Scope;
use crate::call::Call;
use crate::failure::Outcome;
use crate::fields::{Read as _, flag, object, text};
use crate::mlflow::entities::{Real, run_artifacts};
use crate::mlflow::{places, queries};
use crate::reply::Reply;
use crate::route::{Route, Verb};
use crate::schema::shape;

pub(super) const ROUTES: &[Route] = &[
    Route {
        method: Verb::Get,
        path: "/runs/{id}",
        needs: Scope::Read,
        takes: &[flag("extremes")],
        returns: shape::<Whole>(),
        handler: get,
    },
    Route {
        method: Verb::Patch,
        path: "/runs/{id}",
        needs: Scope::Write,
        takes: &[text("name"), text("note"), object("tags", &[]), text("lifecycle")],
        returns: shape::<Whole>(),
        handler: change,
    },
];

/// A run with everything that its page shows.
#[derive(Serialize, ToSchema)]
#[schema(as = PageRun)]
struct Whole {
    info: Facts,
    params: BTreeMap<String, String>,
    tags: BTreeMap<String, String>,
    note: Option<String>,
    metrics: Vec<Metric>,
    parent: Option<NamedRun>,
    children: Vec<NamedRun>,
    datasets: Vec<Dataset>,
    models: Vec<Model>,
    versions: Vec<Version>,
}

/// The facts about a run.
#[derive(Serialize, ToSchema)]
#[schema(as = PageRunFacts)]
struct Facts {
    id: String,
    name: String,
    experiment: String,
    experiment_path: String,
    status: &'static str,
    health: &'static str,
    start: i64,
    end: Option<i64>,
    user: String,
    lifecycle: &'static str,
    artifact_uri: String,
}

/// A metric: its latest point, and statistics of all its points.
#[derive(Serialize, ToSchema)]
#[schema(as = PageMetric)]
struct Metric {
    key: String,
    value: Real,
    step: i64,
    time: i64,
    min: Real,
    max: Real,
    mean: Real,
    count: u64,
    nan: u64,
    #[serde(flatten)]
    extremes: Option<Extremes>,
}

/// Where a metric has its extremes.
#[derive(Clone, Copy, Serialize, ToSchema)]
#[schema(as = PageMetricExtremes)]
struct Extremes {
    min_step: Option<i64>,
    min_time: Option<i64>,
    max_step: Option<i64>,
    max_time: Option<i64>,
    first_nan_step: Option<i64>,
}

/// A run that is shown by its name.
#[derive(Serialize, ToSchema)]
#[schema(as = PageNamedRun)]
struct NamedRun {
    id: String,
    name: String,
    status: String,
}

/// A dataset that the run used.
#[derive(Serialize, ToSchema)]
#[schema(as = PageDataset)]
struct Dataset {
    name: String,
    digest: String,
    source_type: String,
    source: String,
    tags: BTreeMap<String, String>,
}

/// A logged model that the run made.
#[derive(Serialize, ToSchema)]
#[schema(as = PageLoggedModel)]
struct Model {
    id: String,
    name: String,
    model_type: Option<String>,
    status: String,
    created: Option<i64>,
}

/// A version of a registered model that was made from the run.
#[derive(Serialize, ToSchema)]
#[schema(as = PageRunVersion)]
struct Version {
    model: String,
    version: u64,
}

/// The most points of all metrics for which their extremes are found unasked.
const EXTREMES_POINTS_MAX: f64 = 1e6;

/// The statistics of each metric, as prefixes of columns.
const STATISTICS: [&str; 5] = ["min", "max", "mean", "count", "nan_count"];

fn asked(call: &Call) -> Outcome<Run> {
    let id = queries::run_id(call.args.need("id")?)?;
    Ok(call.shared.handles.run(call.database(), id)?)
}

fn get(call: &Call) -> Outcome<Reply> {
    answer(call, &asked(call)?)
}

fn answer(call: &Call, run: &Run) -> Outcome<Reply> {
    let database = call.database();
    let RunRecord { info, params, mut tags, metrics, datasets, .. } = run.record()?;
    let note = tags.remove(NOTE_TAG);
    let parent = info.parent.map(|parent| parent.to_string());
    let parent = parent.map(|id| named(database, "run_id", &id)).transpose()?;
    let id = info.id.to_string();
    Ok(Reply::json(&Whole {
        metrics: self::metrics(call, info.id, metrics)?,
        parent: parent.and_then(|found| found.into_iter().next()),
        children: named(database, "parent", &id)?,
        datasets: datasets.into_iter().map(dataset).collect(),
        models: models(database, &id)?,
        versions: versions(database, &id)?,
        info: facts(call, info)?,
        params,
        tags,
        note,
    }))
}

fn facts(call: &Call, info: RunInfo) -> Outcome<Facts> {
    let experiment = call.database().experiment_by_id(info.experiment)?.info()?;
    Ok(Facts {
        id: info.id.to_string(),
        experiment: info.experiment.to_string(),
        artifact_uri: run_artifacts(&places::of_experiment(call, &experiment), info.id),
        experiment_path: experiment.path,
        status: info.status.as_str(),
        health: health::of_run(call.database(), info.id)?,
        start: info.started.as_millis(),
        end: info.ended.map(Timestamp::as_millis),
        lifecycle: info.lifecycle.as_str(),
        name: info.name,
        user: info.user,
    })
}

/// Returns the metrics with statistics of all their points, which are read at once.
fn metrics(call: &Call, run: RunId, latest: BTreeMap<String, MetricPoint>) -> Outcome<Vec<Metric>> {
    let database = call.database();
    let names = |key| STATISTICS.iter().map(move |word| format!("{word}.{key}"));
    let columns: Vec<String> = latest.keys().flat_map(names).collect();
    let table = database.columns_of_runs(&[run], &columns)?;
    let number = |word: &str, key: &str| match table.column(&format!("{word}.{key}")) {
        Some(Column::Float(values)) => values.get(0).unwrap_or(f64::NAN),
        _ => f64::NAN,
    };
    let points: f64 = latest.keys().map(|key| number("count", key)).sum();
    let is_asked = call.args.flag("extremes").unwrap_or(points <= EXTREMES_POINTS_MAX);
    let keys: Vec<&str> = latest.keys().filter(|_| is_asked).map(String::as_str).collect();
    let extremes = extremes(database, run, &keys)?;
    let metric = |(key, point): (String, MetricPoint)| Metric {
        extremes: extremes.get(&key).copied(),
        value: Real(point.value),
        step: point.step,
        time: point.time.as_millis(),
        min: Real(number("min", &key)),
        max: Real(number("max", &key)),
        mean: Real(number("mean", &key)),
        count: number("count", &key) as u64,
        nan: number("nan_count", &key) as u64,
        key,
    };
    Ok(latest.into_iter().map(metric).collect())
}

/// Returns where metrics have their extremes.
fn extremes(database: &Database, run: RunId, keys: &[&str]) -> Outcome<BTreeMap<String, Extremes>> {
    let step = |point: Option<MetricPoint>| point.map(|point| point.step);
    let time = |point: Option<MetricPoint>| point.map(|point| point.time.as_millis());
    let extremes = |curve: Curve| {
        let extremes = Extremes {
            min_step: step(curve.min),
            min_time: time(curve.min),
            max_step: step(curve.max),
            max_time: time(curve.max),
            first_nan_step: curve.first_nan_step,
        };
        (curve.key, extremes)
    };
    let curves = database.curves(&[run], keys, &CurveQuery::new(1))?;
    Ok(curves.into_iter().map(extremes).collect())
}

/// Returns the runs whose column `column` is this id, in the order of their start.
fn named(database: &Database, column: &str, id: &str) -> Outcome<Vec<NamedRun>> {
    let query =
        format!("SELECT run_id, name, status FROM runs WHERE {column} = '{id}' ORDER BY run");
    let found = rows(database, &query)?.into_iter();
    let found =
        found.map(|mut row| NamedRun { id: row.text(), name: row.text(), status: row.text() });
    Ok(found.collect())
}

fn dataset(input: DatasetInput) -> Dataset {
    let DatasetInput { dataset, tags, .. } = input;
    Dataset {
        name: dataset.name,
        digest: dataset.digest,
        source_type: dataset.source_type,
        source: dataset.source,
        tags,
    }
}

fn models(database: &Database, run: &str) -> Outcome<Vec<Model>> {
    let query = format!(
        "SELECT model_id, name, model_type, status, created FROM logged_models
         WHERE source_run = '{run}' AND lifecycle = 'active' ORDER BY model"
    );
    let found = rows(database, &query)?.into_iter().map(|mut row| Model {
        id: row.text(),
        name: row.text(),
        model_type: row.maybe_text(),
        status: row.text(),
        created: row.maybe_millis(),
    });
    Ok(found.collect())
}

fn versions(database: &Database, run: &str) -> Outcome<Vec<Version>> {
    let query = format!(
        "SELECT name, version FROM model_versions WHERE run_id = '{run}' ORDER BY name, version"
    );
    let found = rows(database, &query)?.into_iter();
    Ok(found.map(|mut row| Version { model: row.text(), version: row.count() }).collect())
}

fn change(call: &Call) -> Outcome<Reply> {
    let run = asked(call)?;
    let edits = TagEdits::of(&call.args)?;
    apply(&run, call.args.text("name"), &edits, lifecycle(&call.args)?)?;
    answer(call, &run)
}
