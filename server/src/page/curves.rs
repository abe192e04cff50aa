//! Curves and bands of metrics as frames.

use std::collections::{HashMap, HashSet};

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
        real("width"),
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
/// Returns a fact about a whole curve. `None` if it has none.
type Fact<'a> = (&'static str, &'a dyn Fn(&Curve) -> Option<f64>);

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
    let groups = &grouped.groups;
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
fn place(point: &MetricPoint, axis: &CurveAxis, facts: &Facts) -> Option<f64> {
    let nanos = match axis {
        CurveAxis::Step => return Some(point.step as f64),
        CurveAxis::Time => point.time.as_nanos() as f64 * 1e3,
        CurveAxis::Relative => {
            point.time.as_nanos().saturating_sub(facts.started.as_nanos()) as f64
        }
        _ => return None,
    };
    Some(nanos / 1e9)
}

fn query(args: &Args) -> Outcome<CurveQuery> {
    let mut query = CurveQuery::new(width(args)).axis(axis(args)?);
    if let Some((from, to)) = range(args)? {
        query = query.range(from, to);
    }
    if let Some(width) = args.real("width") {
        query = query.row_width(width);
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

/// Writes curves as columns: those of rows, and those of whole series, which begin with `series.`.
/// The rows of a series follow those of the one before it.
fn frame_of_curves(curves: &[Curve], known: &Known, axis: &CurveAxis) -> Frame {
    let mut frame = Frame::new(curves.iter().map(|curve| curve.places.len()).sum());
    frame.dict("series.run", curves.iter().map(|curve| Some(curve.run.to_string())));
    frame.dict("series.key", curves.iter().map(|curve| Some(&curve.key)));
    frame.dict("series.name", curves.iter().map(|curve| Some(&known.facts(curve)?.name)));
    let best = |curve: &Curve| known.best(curve);
    let best_place = |curve: &Curve| place(&best(curve)?, axis, known.facts(curve)?);
    let facts: [Fact<'_>; 17] = [
        ("count", &|curve| Some(curve.places.len() as f64)),
        ("exact", &|curve| Some(f64::from(u8::from(curve.is_exact)))),
        ("points", &|curve| Some(curve.points as f64)),
        ("nan", &|curve| Some(curve.nan_count as f64)),
        ("first_nan_step", &|curve| curve.first_nan_step.map(|step| step as f64)),
        ("x_min", &|curve| Some(curve.range.0)),
        ("x_max", &|curve| Some(curve.range.1)),
        ("last_x", &|curve| Some(curve.last_place)),
        ("last_value", &|curve| Some(curve.last.value)),
        ("last_step", &|curve| Some(curve.last.step as f64)),
        ("best_x", &best_place),
        ("best_value", &|curve| Some(best(curve)?.value)),
        ("best_step", &|curve| Some(best(curve)?.step as f64)),
        ("min_value", &|curve| Some(curve.min?.value)),
        ("min_step", &|curve| Some(curve.min?.step as f64)),
        ("max_value", &|curve| Some(curve.max?.value)),
        ("max_step", &|curve| Some(curve.max?.step as f64)),
    ];
    for (name, of) in facts {
        let values = curves.iter().map(|curve| of(curve).unwrap_or(f64::NAN));
        frame.narrow(&format!("series.{name}"), &values.collect::<Vec<f64>>());
    }
    add_rows(&mut frame, curves);
    frame
}

/// Adds the columns of rows. One that repeats another is only named.
fn add_rows(frame: &mut Frame, curves: &[Curve]) {
    let places = joined(curves, |curve| &curve.places);
    frame.narrow_unless("x_first", &joined(curves, |curve| &curve.from_places), ("x", &places));
    frame.narrow("x", &places);
    let means = values(curves, |curve| &curve.mean_values);
    frame.narrow("mean", &means);
    let columns: [(&str, Column<Curve>); 3] = [
        ("min", |curve| &curve.min_values),
        ("max", |curve| &curve.max_values),
        ("last", |curve| &curve.last_values),
    ];
    for (name, of) in columns {
        frame.narrow_unless(name, &values(curves, of), ("mean", &means));
    }
    let counts = |of: fn(&Curve) -> &Vec<u32>| -> Vec<f64> {
        curves.iter().flat_map(of).map(|count| f64::from(*count)).collect()
    };
    frame.narrow("n", &counts(|curve| &curve.counts));
    frame.narrow("nan", &counts(|curve| &curve.nan_counts));
    if curves.iter().any(|curve| !curve.smooth_values.is_empty()) {
        frame.narrow("smooth", &values(curves, |curve| &curve.smooth_values));
    }
}

fn joined<T>(series: &[T], of: Column<T>) -> Vec<f64> {
    series.iter().flat_map(of).copied().collect()
}

/// Returns a column of values. Those of rows with several points have 32 bits if a chart with
/// 65,536 pixels looks the same. Such rows are drawn, and never read as numbers of the run.
fn values(curves: &[Curve], of: Column<Curve>) -> Vec<f64> {
    let values = curves.iter().flat_map(|curve| {
        let is_coarse = !curve.is_exact && looks_the_same(curve);
        let coarse = move |value: f64| if is_coarse { f64::from(value as f32) } else { value };
        of(curve).iter().map(move |value| coarse(*value))
    });
    values.collect()
}

/// Returns whether the error of numbers of 32 bits is below a 65,536th of the range of a curve.
fn looks_the_same(curve: &Curve) -> bool {
    let (Some(min), Some(max)) = (curve.min, curve.max) else { return true };
    let largest = min.value.abs().max(max.value.abs());
    // Such a number has 24 bits, so its error is at most a 2^24th.
    largest < f64::from(f32::MAX) && largest <= 256.0 * (max.value - min.value)
}

fn frame_of_bands(bands: &[Band], numbers: &[usize]) -> Frame {
    let mut frame = Frame::new(bands.iter().map(|band| band.places.len()).sum());
    frame.dict("series.key", bands.iter().map(|band| Some(&band.key)));
    let end = |values: &[f64]| values.last().copied();
    let mut facts = |name: &str, of: &dyn Fn(&Band) -> Option<f64>| {
        let values = bands.iter().map(|band| of(band).unwrap_or(f64::NAN));
        frame.narrow(&format!("series.{name}"), &values.collect::<Vec<f64>>());
    };
    facts("group", &|band| numbers.get(band.group).map(|number| *number as f64));
    facts("count", &|band| Some(band.places.len() as f64));
    facts("x_min", &|band| band.places.first().copied());
    facts("x_max", &|band| end(&band.places));
    facts("last_x", &|band| end(&band.places));
    facts("last_value", &|band| end(&band.means));
    let columns: [(&str, Column<Band>); 4] = [
        ("x", |band| &band.places),
        ("mean", |band| &band.means),
        ("low", |band| &band.lows),
        ("high", |band| &band.highs),
    ];
    for (name, of) in columns {
        frame.narrow(name, &joined(bands, of));
    }
    let runs = bands.iter().flat_map(|band| &band.runs).map(|runs| f64::from(*runs));
    frame.narrow("n", &runs.collect::<Vec<f64>>());
    frame
}
