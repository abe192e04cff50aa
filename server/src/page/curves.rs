//! Curves and bands of metrics as frames.

use std::collections::{HashMap, HashSet};

use serde::Serialize;
use serde_json::Value;
use tracklite::curve::{Band, BandKind, Curve, CurveAxis, CurveQuery, Smoothing};
use tracklite::table::{Row, Value as Cell};
use tracklite::{Database, ExperimentId, MetricGoal, MetricGoals, MetricPoint, RunId, Timestamp};

use super::frame::{FRAME_TYPE, Frame};
use super::window;
use crate::access::Scope;
use crate::call::{Args, Call};
use crate::failure::{Failure, Outcome};
use crate::fields::{Read as _, any, flag, object, real, real_of, text, texts, whole};
use crate::mlflow::entities::Real;
use crate::mlflow::queries;
use crate::reply::{Nothing, Reply};
use crate::route::{Route, Verb};
use crate::schema::shape;

pub(super) const ROUTES: &[Route] = &[Route {
    method: Verb::Post,
    path: "/curves",
    needs: Scope::Read,
    takes: &[
        texts("runs"),
        text("handle"),
        whole("first"),
        any("groups"),
        texts("keys"),
        text("x"),
        any("range"),
        whole("px"),
        object("smooth", &[text("kind").required(), real("amount").required()]),
        flag("group"),
        text("band"),
    ],
    returns: shape::<Nothing>().sent_as(FRAME_TYPE),
    handler: curves,
}];

/// The default width of a chart, in pixels.
const WIDTH: i64 = 300;
/// The most curves that are read for an answer, those of the runs of groups included.
const SERIES_MAX: usize = 5000;
/// The most pixel columns of all curves of an answer.
const COLUMNS_MAX: usize = 5_000_000;

/// Returns a column of a curve or band.
type Column<T> = fn(&T) -> &Vec<f64>;

/// A series of an answer, which has the rows from `start`.
#[derive(Default, Serialize)]
struct Series {
    #[serde(skip_serializing_if = "Option::is_none")]
    run: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    group: Option<usize>,
    #[serde(skip_serializing_if = "Option::is_none")]
    name: Option<String>,
    key: String,
    start: usize,
    count: usize,
    points: u64,
    exact: bool,
    nan: u64,
    first_nan_step: Option<i64>,
    x_min: Option<Real>,
    x_max: Option<Real>,
    last_x: Option<Real>,
    last_value: Option<Real>,
    last_step: Option<i64>,
    best_x: Option<Real>,
    best_step: Option<i64>,
    best_value: Option<Real>,
    min: Option<Extreme>,
    max: Option<Extreme>,
}

/// The point with the smallest or largest value.
#[derive(Serialize)]
struct Extreme {
    step: i64,
    time: i64,
    value: Real,
}

impl From<MetricPoint> for Extreme {
    fn from(point: MetricPoint) -> Extreme {
        Extreme { step: point.step, time: point.time.as_millis(), value: Real(point.value) }
    }
}

fn curves(call: &Call) -> Outcome<Reply> {
    let args = &call.args;
    let query = query(args)?;
    let keys = args.texts("keys");
    let database = call.database();
    let position = database.changes(None)?.cursor.to_string();
    let mut frame = if args.flag("group").unwrap_or(false) {
        let (numbers, groups) = groups(call)?.into_iter().unzip::<_, _, Vec<usize>, Vec<_>>();
        let runs = groups.iter().map(Vec::len).sum();
        check_amount(runs, keys.len(), width(args))?;
        let bands = database.bands(&groups, &keys, &query, band(args)?)?;
        frame_of_bands(&bands, &numbers)
    } else {
        let runs = runs(call)?;
        check_amount(runs.len(), keys.len(), width(args))?;
        let curves = database.curves(&runs, &keys, &query)?;
        frame_of_curves(&curves, &Known::read(database, &runs)?, &axis(args)?)
    };
    frame.meta("position", position);
    frame.into_reply()
}

/// Returns the curves of a metric of these runs as a frame.
pub(super) fn of_runs(
    database: &Database,
    args: &Args,
    runs: &[RunId],
    key: &str,
) -> Outcome<Frame> {
    let curves = database.curves(runs, &[key], &query(args)?)?;
    Ok(frame_of_curves(&curves, &Known::read(database, runs)?, &axis(args)?))
}

/// Returns the bands of a metric over these groups as a frame.
pub(super) fn of_groups(
    database: &Database,
    args: &Args,
    groups: &[Vec<RunId>],
    key: &str,
) -> Outcome<Frame> {
    let bands = database.bands(groups, &[key], &query(args)?, band(args)?)?;
    Ok(frame_of_bands(&bands, &(0..groups.len()).collect::<Vec<usize>>()))
}

fn check_amount(runs: usize, keys: usize, width: usize) -> Outcome<()> {
    let curves = runs.saturating_mul(keys);
    if curves <= SERIES_MAX && curves.saturating_mul(width) <= COLUMNS_MAX {
        return Ok(());
    }
    Err(Failure::invalid(format!(
        "{runs} runs with {keys} metrics are {curves} curves of {width} pixels: ask for at most \
         {SERIES_MAX} curves and {COLUMNS_MAX} pixels in all"
    )))
}

/// Returns the width of the chart in pixels.
fn width(args: &Args) -> usize {
    usize::try_from(args.whole("px").unwrap_or(WIDTH)).unwrap_or_default()
}

/// Returns the number of runs or groups of a selection to draw.
fn first(args: &Args) -> Outcome<usize> {
    let Some(first) = args.whole("first") else { return Ok(usize::MAX) };
    usize::try_from(first).map_err(|_| {
        Failure::invalid(format!("first is {first}: expected a number of runs, from 0"))
    })
}

/// Returns the runs to draw: those that are named, or the first ones of a selection.
fn runs(call: &Call) -> Outcome<Vec<RunId>> {
    let named = call.args.texts("runs").into_iter().map(queries::run_id);
    let mut runs: Vec<RunId> = named.collect::<Outcome<_>>()?;
    if let Some(handle) = call.args.text("handle") {
        let selection = call.shared.selections.get(handle)?;
        runs.extend(existing(call, selection.runs.iter().take(first(&call.args)?))?);
    }
    Ok(runs)
}

/// Leaves out the runs that were purged since they were found.
fn existing<'a>(call: &Call, runs: impl Iterator<Item = &'a RunId>) -> Outcome<Vec<RunId>> {
    let runs: Vec<RunId> = runs.copied().take(SERIES_MAX + 1).collect();
    let table = call.database().columns_of_runs(&runs, &["run_id"])?;
    let ids = table.rows().filter_map(|row| window::text(row.get("run_id")));
    ids.map(|id| queries::run_id(&id)).collect()
}

/// Returns the groups to draw with their numbers. Runs that are named are one group.
fn groups(call: &Call) -> Outcome<Vec<(usize, Vec<RunId>)>> {
    let selection = call.args.text("handle").map(|handle| call.shared.selections.get(handle));
    let selection = selection.transpose()?;
    let Some(grouped) = selection.as_ref().and_then(|selection| selection.groups.as_ref()) else {
        return Ok(vec![(0, runs(call)?)]);
    };
    let groups = &grouped.found.groups;
    let wanted: Vec<usize> = match call.args.get("groups") {
        None | Some(Value::Null) => (0..groups.len()).take(first(&call.args)?).collect(),
        Some(given) => {
            let numbers = given
                .as_array()
                .map(|all| all.iter().map(|one| usize::try_from(one.as_u64()?).ok()));
            numbers.and_then(Iterator::collect).ok_or_else(|| {
                Failure::invalid(format!("groups is {given}: expected a list of numbers, from 0"))
            })?
        }
    };
    let mut known = HashSet::new();
    let distinct = wanted.into_iter().filter(|number| known.insert(*number));
    let found = distinct.map(|number| {
        let group = groups
            .get(number)
            .ok_or_else(|| Failure::invalid(format!("the list has no group {number}")))?;
        Ok((number, existing(call, group.runs.iter())?))
    });
    found.collect()
}

/// The facts about a run beside its curves.
struct Facts {
    name: String,
    started: Timestamp,
    experiment: ExperimentId,
}

/// The facts about the runs of an answer.
struct Known {
    runs: HashMap<String, Facts>,
    goals: MetricGoals,
}

impl Known {
    fn read(database: &Database, runs: &[RunId]) -> Outcome<Known> {
        let columns = ["run_id", "run_name", "start_time", "experiment_id"];
        let table = database.columns_of_runs(runs, &columns)?;
        let facts = |row: Row<'_>| {
            let Some(Cell::Time(started)) = row.get("start_time") else { return None };
            let name = window::text(row.get("run_name"))?;
            let experiment = window::text(row.get("experiment_id"))?;
            let experiment = ExperimentId::new(experiment.parse().ok()?);
            Some((window::text(row.get("run_id"))?, Facts { name, started, experiment }))
        };
        let runs = table.rows().filter_map(facts).collect();
        Ok(Known { runs, goals: database.metric_goals()? })
    }

    fn facts(&self, curve: &Curve) -> Option<&Facts> {
        self.runs.get(&curve.run.to_string())
    }

    /// Returns the best point of a curve, by the goal of the experiment or of the key.
    fn best(&self, curve: &Curve) -> Option<MetricPoint> {
        let goal = self.facts(curve).map(|facts| self.goals.of(facts.experiment, &curve.key));
        match goal.unwrap_or_else(|| MetricGoal::of(&curve.key)) {
            MetricGoal::Lower => curve.min,
            MetricGoal::Higher => curve.max,
        }
    }
}

/// Returns the place of a point on an axis. On that of another metric it is not known.
fn place(point: &MetricPoint, axis: &CurveAxis, facts: &Facts) -> Option<Real> {
    let nanos = match axis {
        CurveAxis::Step => return Some(Real(point.step as f64)),
        CurveAxis::Time => point.time.as_nanos() as f64 * 1e3,
        CurveAxis::Relative => {
            point.time.as_nanos().saturating_sub(facts.started.as_nanos()) as f64
        }
        _ => return None,
    };
    Some(Real(nanos / 1e9))
}

fn query(args: &Args) -> Outcome<CurveQuery> {
    let mut query = CurveQuery::new(width(args)).axis(axis(args)?);
    if let Some((from, to)) = range(args)? {
        query = query.range(from, to);
    }
    if let Some(smoothing) = args.object("smooth") {
        query = query.smoothing(smoothing_of(smoothing)?);
    }
    Ok(query)
}

fn axis(args: &Args) -> Outcome<CurveAxis> {
    args.text("x").map_or(Ok(CurveAxis::Step), |text| Ok(text.parse()?))
}

fn range(args: &Args) -> Outcome<Option<(f64, f64)>> {
    let given = match args.get("range") {
        None | Some(Value::Null) => return Ok(None),
        Some(given) => given,
    };
    let numbers: Option<Vec<f64>> =
        given.as_array().and_then(|ends| ends.iter().map(real_of).collect());
    match numbers.as_deref() {
        Some(&[from, to]) => Ok(Some((from, to))),
        _ => Err(Failure::invalid(format!(
            "range is {given}: expected a list of two numbers, the smaller one first"
        ))),
    }
}

fn smoothing_of(given: &Args) -> Outcome<Smoothing> {
    let amount = given.real("amount").unwrap_or_default();
    match given.text_or_empty("kind") {
        "ema" => Ok(Smoothing::Average { weight: amount }),
        "time_ema" => Ok(Smoothing::HalfLife { half_life: amount }),
        "gaussian" => Ok(Smoothing::Gaussian { sigma: amount }),
        // A number that is not one becomes 0, which is refused.
        "window" => Ok(Smoothing::Window { points: amount as usize }),
        other => Err(Failure::invalid(format!(
            "unknown smoothing {other:?}: expected ema, time_ema, gaussian or window"
        ))),
    }
}

fn band(args: &Args) -> Outcome<BandKind> {
    match args.text("band") {
        None | Some("std") => Ok(BandKind::Deviation),
        Some("stderr") => Ok(BandKind::StandardError),
        Some("ci") => Ok(BandKind::Confidence),
        Some("minmax") => Ok(BandKind::Extremes),
        Some("quartiles") => Ok(BandKind::Quartiles),
        Some(other) => Err(Failure::invalid(format!(
            "unknown band {other:?}: expected std, stderr, ci, minmax or quartiles"
        ))),
    }
}

/// Sets the first row of each series.
fn placed(series: impl Iterator<Item = Series>) -> (Vec<Series>, usize) {
    let mut start = 0;
    let placed = series.map(|series| {
        let placed = Series { start, ..series };
        start += placed.count;
        placed
    });
    let placed = placed.collect();
    (placed, start)
}

fn frame_of_curves(curves: &[Curve], known: &Known, axis: &CurveAxis) -> Frame {
    let (facts, best) = (|curve| known.facts(curve), |curve| known.best(curve));
    let (series, rows) = placed(curves.iter().map(|curve| Series {
        name: facts(curve).map(|facts| facts.name.clone()),
        run: Some(curve.run.to_string()),
        best_x: facts(curve).and_then(|facts| place(&best(curve)?, axis, facts)),
        best_step: best(curve).map(|point| point.step),
        best_value: best(curve).map(|point| Real(point.value)),
        key: curve.key.clone(),
        count: curve.places.len(),
        points: curve.points,
        exact: curve.is_exact,
        nan: curve.nan_count,
        first_nan_step: curve.first_nan_step,
        x_min: Some(Real(curve.range.0)),
        x_max: Some(Real(curve.range.1)),
        last_x: Some(Real(curve.last_place)),
        last_value: Some(Real(curve.last.value)),
        last_step: Some(curve.last.step),
        min: curve.min.map(Extreme::from),
        max: curve.max.map(Extreme::from),
        ..Series::default()
    }));
    let mut frame = Frame::new(rows);
    frame.meta("series", series);
    let columns: [(&str, Column<Curve>); 7] = [
        ("x", |curve| &curve.places),
        ("x_first", |curve| &curve.from_places),
        ("first", |curve| &curve.first_values),
        ("min", |curve| &curve.min_values),
        ("max", |curve| &curve.max_values),
        ("mean", |curve| &curve.mean_values),
        ("last", |curve| &curve.last_values),
    ];
    for (name, of) in columns {
        frame.f64(name, curves.iter().flat_map(of).copied());
    }
    frame.u32("n", curves.iter().flat_map(|curve| &curve.counts).copied());
    frame.u32("nan", curves.iter().flat_map(|curve| &curve.nan_counts).copied());
    if curves.iter().any(|curve| !curve.smooth_values.is_empty()) {
        frame.f64("smooth", curves.iter().flat_map(|curve| &curve.smooth_values).copied());
    }
    frame
}

fn frame_of_bands(bands: &[Band], numbers: &[usize]) -> Frame {
    let (series, rows) = placed(bands.iter().map(|band| Series {
        group: numbers.get(band.group).copied(),
        key: band.key.clone(),
        count: band.places.len(),
        x_min: band.places.first().copied().map(Real),
        x_max: band.places.last().copied().map(Real),
        last_x: band.places.last().copied().map(Real),
        last_value: band.means.last().copied().map(Real),
        ..Series::default()
    }));
    let mut frame = Frame::new(rows);
    frame.meta("series", series);
    let columns: [(&str, Column<Band>); 4] = [
        ("x", |band| &band.places),
        ("mean", |band| &band.means),
        ("low", |band| &band.lows),
        ("high", |band| &band.highs),
    ];
    for (name, of) in columns {
        frame.f64(name, bands.iter().flat_map(of).copied());
    }
    frame.u32("n", bands.iter().flat_map(|band| &band.runs).copied());
    frame
}
