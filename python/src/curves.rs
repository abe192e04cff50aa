//! Curves: metrics thinned to the width of a chart, and bands over groups of runs.

use std::iter::repeat_n;
use std::sync::Arc;

use arrow_array::{Float64Array, Int64Array, LargeStringArray};
use pyo3::intern;
use pyo3::prelude::*;
use pyo3::types::PyTuple;
use tracklite::RunId;
use tracklite::curve::{Band, BandKind, Curve, CurveQuery, Smoothing};

use crate::convert::{choice, number, run_ids, text_list};
use crate::database::Database;
use crate::entity::{Fields, Object};
use crate::error::invalid_input;
use crate::history::Column;
use crate::table::{self, Table};

#[pymethods]
impl Database {
    /// Returns the curves of metrics of runs: key by key, each with the runs in order.
    ///
    /// A row of a curve is a column of a chart that is `columns` pixels wide. It has the extremes
    /// and the mean of all its points, never of a sample. Few points are rows of their own. A
    /// metric without points in the range has no curve. Points of live runs are included.
    ///
    /// `axis` is "step", "time" (milliseconds since 1970), "relative" (seconds since the start of
    /// the run) or another metric, such as "metrics.epoch". `range` is a part of the axis, None for
    /// all. `smoothing` is a `Smoothing`, or the weight of `Smoothing.average`. The answer is a
    /// sequence of `Curve`, and a table of all rows.
    ///
    /// >>> for step in range(10_000):
    /// ...     run.log_metric("loss", 9.0 if step == 5_000 else 1.0, step)
    /// >>> curves = database.curves(run, "loss", columns=100)
    /// >>> curves[0].points, len(curves[0].places), max(curves[0].max_values)
    /// (10000, 100, 9.0)
    /// >>> curves.to_polars()["max_value"].max()
    /// 9.0
    #[pyo3(signature = (runs, keys, *, columns=1000, axis="step", range=None, smoothing=None))]
    #[expect(clippy::too_many_arguments, reason = "each argument is a keyword in Python")]
    fn curves<'py>(
        &self,
        py: Python<'py>,
        runs: &Bound<'_, PyAny>,
        keys: &Bound<'_, PyAny>,
        columns: usize,
        axis: &str,
        range: Option<(f64, f64)>,
        smoothing: Option<&Bound<'_, PyAny>>,
    ) -> PyResult<Object<'py>> {
        let (runs, keys) = (run_ids(runs)?, text_list(keys)?);
        let query = query(py, columns, axis, range, smoothing)?;
        let keys: Vec<&str> = keys.iter().map(String::as_str).collect();
        let curves = self.handle.call(py, |database| database.curves(&runs, &keys, &query))?;
        let table = table_of_curves(&curves, smoothing.is_some())?;
        let curves = curves.into_iter().map(|curve| curve_object(py, curve));
        sequence(py, "Curves", curves.collect::<PyResult<_>>()?, table)
    }

    /// Returns the bands of metrics over groups of runs: key by key, each with all groups.
    ///
    /// A group is an iterable of runs, or a group of `group_runs`. Every run of a group counts. A
    /// run has a value between its first and its last point, and between two points it is
    /// interpolated linearly. A group without points has no band.
    ///
    /// `kind` is the width of the band: "deviation" (one standard deviation to both sides),
    /// "standard_error", "confidence" (95 %), "extremes" or "quartiles". The other arguments are
    /// those of `curves`. The answer is a sequence of `Band`, and a table of all rows.
    ///
    /// >>> seeds = [experiment.start_run() for _ in range(3)]
    /// >>> for seed, loss in zip(seeds, [1.0, 2.0, 6.0]):
    /// ...     seed.log_metric("loss", loss, 0)
    /// >>> band = database.bands([seeds], "loss", kind="extremes")[0]
    /// >>> band.means[0], band.lows[0], band.highs[0], band.runs[0]
    /// (3.0, 1.0, 6.0, 3)
    #[pyo3(signature = (groups, keys, *, kind="deviation", columns=1000, axis="step", range=None,
                        smoothing=None))]
    #[expect(clippy::too_many_arguments, reason = "each argument is a keyword in Python")]
    fn bands<'py>(
        &self,
        py: Python<'py>,
        groups: &Bound<'_, PyAny>,
        keys: &Bound<'_, PyAny>,
        kind: &str,
        columns: usize,
        axis: &str,
        range: Option<(f64, f64)>,
        smoothing: Option<&Bound<'_, PyAny>>,
    ) -> PyResult<Object<'py>> {
        let groups = groups.try_iter()?.map(|group| runs_of_group(&group?));
        let groups = groups.collect::<PyResult<Vec<_>>>()?;
        let (keys, kind) = (text_list(keys)?, band_kind(py, kind)?);
        let query = query(py, columns, axis, range, smoothing)?;
        let keys: Vec<&str> = keys.iter().map(String::as_str).collect();
        let bands =
            self.handle.call(py, |database| database.bands(&groups, &keys, &query, kind))?;
        let table = table_of_bands(&bands)?;
        let bands = bands.into_iter().map(|band| band_object(py, band));
        sequence(py, "Bands", bands.collect::<PyResult<_>>()?, table)
    }
}

/// Converts the arguments of a query.
fn query(
    py: Python<'_>,
    columns: usize,
    axis: &str,
    range: Option<(f64, f64)>,
    smoothing: Option<&Bound<'_, PyAny>>,
) -> PyResult<CurveQuery> {
    let mut query = CurveQuery::new(columns).axis(choice(py, axis)?);
    if let Some((from, to)) = range {
        query = query.range(from, to);
    }
    if let Some(method) = smoothing {
        query = query.smoothing(self::smoothing(method)?);
    }
    Ok(query)
}

/// Converts a `Smoothing`, or the weight of an average.
fn smoothing(method: &Bound<'_, PyAny>) -> PyResult<Smoothing> {
    let py = method.py();
    let Some(kind) = method.getattr_opt(intern!(py, "kind"))? else {
        return Ok(Smoothing::Average { weight: number(method, "smoothing")? });
    };
    let amount = number(&method.getattr(intern!(py, "amount"))?, "the amount of the smoothing")?;
    match kind.extract::<&str>()? {
        "average" => Ok(Smoothing::Average { weight: amount }),
        "half_life" => Ok(Smoothing::HalfLife { half_life: amount }),
        "gaussian" => Ok(Smoothing::Gaussian { sigma: amount }),
        // A number that is not one becomes 0, which is refused.
        "window" => Ok(Smoothing::Window { points: amount as usize }),
        other => {
            let message = format!(
                "smoothing is {other:?}: expected \"average\", \"half_life\", \"gaussian\" or \
                 \"window\""
            );
            Err(invalid_input(py, &message))
        }
    }
}

fn band_kind(py: Python<'_>, text: &str) -> PyResult<BandKind> {
    match text {
        "deviation" => Ok(BandKind::Deviation),
        "standard_error" => Ok(BandKind::StandardError),
        "confidence" => Ok(BandKind::Confidence),
        "extremes" => Ok(BandKind::Extremes),
        "quartiles" => Ok(BandKind::Quartiles),
        _ => {
            let message = format!(
                "kind is {text:?}: expected \"deviation\", \"standard_error\", \"confidence\", \
                 \"extremes\" or \"quartiles\""
            );
            Err(invalid_input(py, &message))
        }
    }
}

/// Converts a group: an iterable of runs, or an object that has them.
fn runs_of_group(group: &Bound<'_, PyAny>) -> PyResult<Vec<RunId>> {
    match group.getattr_opt(intern!(group.py(), "runs"))? {
        Some(runs) => run_ids(&runs),
        None => run_ids(group),
    }
}

/// Makes a sequence of Python that is also a table.
fn sequence<'py>(
    py: Python<'py>,
    class: &str,
    items: Vec<Object<'py>>,
    table: Table,
) -> PyResult<Object<'py>> {
    Fields::new(py).add(PyTuple::new(py, items)?).add(table).build(class)
}

fn curve_object(py: Python<'_>, curve: Curve) -> PyResult<Object<'_>> {
    let fields = Fields::new(py).add(curve.run.to_string()).add(curve.key).add(curve.is_exact);
    let fields = fields.add(curve.points).add(curve.nan_count).add(curve.first_nan_step);
    let fields = fields.optional(curve.min.as_ref()).optional(curve.max.as_ref());
    let fields = fields.entity(&curve.last).add(curve.last_place).add(curve.range);
    let fields = [
        curve.from_places,
        curve.places,
        curve.first_values,
        curve.last_values,
        curve.min_values,
        curve.max_values,
        curve.mean_values,
    ]
    .into_iter()
    .fold(fields, |fields, numbers| fields.add(Column::floats(numbers)));
    let fields = fields.add(counts(&curve.counts)).add(counts(&curve.nan_counts));
    fields.add(Column::floats(curve.smooth_values)).build("Curve")
}

fn band_object(py: Python<'_>, band: Band) -> PyResult<Object<'_>> {
    let fields = Fields::new(py).add(band.group).add(band.key);
    let fields = [band.places, band.means, band.lows, band.highs]
        .into_iter()
        .fold(fields, |fields, numbers| fields.add(Column::floats(numbers)));
    fields.add(counts(&band.runs)).build("Band")
}

fn counts(counts: &[u32]) -> Column {
    Column::integers(counts.iter().copied().map(i64::from).collect())
}

fn table_of_curves(curves: &[Curve], is_smooth: bool) -> PyResult<Table> {
    type Numbers = (&'static str, fn(&Curve) -> &Vec<f64>);
    const NUMBERS: [Numbers; 7] = [
        ("from_place", |curve| &curve.from_places),
        ("place", |curve| &curve.places),
        ("first_value", |curve| &curve.first_values),
        ("last_value", |curve| &curve.last_values),
        ("min_value", |curve| &curve.min_values),
        ("max_value", |curve| &curve.max_values),
        ("mean_value", |curve| &curve.mean_values),
    ];
    let rows = |curve: &Curve| curve.places.len();
    let mut columns = vec![
        ("run_id", repeated(curves.iter().map(|curve| (curve.run.to_string(), rows(curve))))),
        ("key", repeated(curves.iter().map(|curve| (curve.key.clone(), rows(curve))))),
    ];
    columns.extend(NUMBERS.map(|(name, of)| (name, floats(curves.iter().map(of)))));
    columns.push(("count", integers(curves.iter().map(|curve| &curve.counts))));
    columns.push(("nan_count", integers(curves.iter().map(|curve| &curve.nan_counts))));
    if is_smooth {
        columns.push(("smooth_value", floats(curves.iter().map(|curve| &curve.smooth_values))));
    }
    named(columns)
}

fn table_of_bands(bands: &[Band]) -> PyResult<Table> {
    let groups = bands.iter().flat_map(|band| {
        // An index of memory fits.
        repeat_n(i64::try_from(band.group).unwrap_or(i64::MAX), band.places.len())
    });
    named(vec![
        ("group", Arc::new(Int64Array::from_iter_values(groups))),
        ("key", repeated(bands.iter().map(|band| (band.key.clone(), band.places.len())))),
        ("place", floats(bands.iter().map(|band| &band.places))),
        ("mean", floats(bands.iter().map(|band| &band.means))),
        ("low", floats(bands.iter().map(|band| &band.lows))),
        ("high", floats(bands.iter().map(|band| &band.highs))),
        ("runs", integers(bands.iter().map(|band| &band.runs))),
    ])
}

fn named(columns: Vec<(&str, table::Column)>) -> PyResult<Table> {
    Table::new(columns.into_iter().map(|(name, column)| (name.to_owned(), column)).collect())
}

fn repeated(texts: impl Iterator<Item = (String, usize)>) -> table::Column {
    let texts: Vec<String> = texts.flat_map(|(text, count)| repeat_n(text, count)).collect();
    Arc::new(LargeStringArray::from(texts))
}

fn floats<'a>(parts: impl Iterator<Item = &'a Vec<f64>>) -> table::Column {
    Arc::new(Float64Array::from_iter_values(parts.flatten().copied()))
}

fn integers<'a>(parts: impl Iterator<Item = &'a Vec<u32>>) -> table::Column {
    Arc::new(Int64Array::from_iter_values(parts.flatten().copied().map(i64::from)))
}
