//! Curves: metrics thinned to the width of a chart, without losing an extreme.
//!
//! [`Database::curves`] returns the metrics of runs, and [`Database::bands`] those of groups of
//! runs. A [`CurveQuery`] has the width, the axis, the range and the smoothing.

mod axis;
mod band;
mod formula;
mod joined;
mod points;
mod query;
mod rows;
mod smooth;

pub use self::band::BandKind;
pub use self::query::{CurveAxis, CurveQuery, Smoothing};

use std::collections::BTreeSet;

use crate::database::Database;
use crate::entity::MetricPoint;
use crate::entity::bucket::Bucket;
use crate::entity::id::RunId;
use crate::error::Result;

use self::axis::Window;
use self::points::{Series, Source};
use self::rows::{Row, Rows};

/// A metric of a run, drawn over an axis.
///
/// All columns have one value for each row. A row is a pixel column of the chart with at least one
/// point. If there are few points, each point is a row, and the curve is *exact*. Extremes and
/// counts are those of all points of the row, never of a sample.
#[derive(Clone, Debug, PartialEq)]
#[non_exhaustive]
pub struct Curve {
    /// The run.
    pub run: RunId,
    /// The metric.
    pub key: String,
    /// Whether each row is one point.
    ///
    /// Otherwise points may be drawn up to one column away from their place.
    pub is_exact: bool,
    /// The number of points in the range, NaN included.
    pub points: u64,
    /// The number of NaN values in the range.
    pub nan_count: u64,
    /// The step of the first NaN in the range.
    pub first_nan_step: Option<i64>,
    /// The point with the smallest value in the range, if one is not NaN.
    pub min: Option<MetricPoint>,
    /// The point with the largest value in the range, if one is not NaN.
    pub max: Option<MetricPoint>,
    /// The last point of the range by time.
    pub last: MetricPoint,
    /// The place of the last point on the axis.
    pub last_place: f64,
    /// The smallest and the largest place of a point in the range of the query.
    pub range: (f64, f64),
    /// The place of the first point of each row, by time.
    pub from_places: Vec<f64>,
    /// The place of the last point of each row, by time.
    pub places: Vec<f64>,
    /// The first value of each row.
    pub first_values: Vec<f64>,
    /// The last value of each row.
    pub last_values: Vec<f64>,
    /// The smallest value of each row. NaN if all values are.
    pub min_values: Vec<f64>,
    /// The largest value of each row. NaN if all values are.
    pub max_values: Vec<f64>,
    /// The mean of each row without NaN. NaN if all values are.
    pub mean_values: Vec<f64>,
    /// The number of points of each row.
    pub counts: Vec<u32>,
    /// The number of NaN values of each row.
    pub nan_counts: Vec<u32>,
    /// The smoothed value at the end of each row. Empty without smoothing.
    pub smooth_values: Vec<f64>,
}

/// The mean of a metric over the runs of a group, with the spread around it.
#[derive(Clone, Debug, Default, PartialEq)]
#[non_exhaustive]
pub struct Band {
    /// The index of the group.
    pub group: usize,
    /// The metric.
    pub key: String,
    /// The places on the axis, ascending.
    pub places: Vec<f64>,
    /// The mean at each place over the runs that have a value before and after it.
    pub means: Vec<f64>,
    /// The lower edge at each place.
    pub lows: Vec<f64>,
    /// The upper edge at each place.
    pub highs: Vec<f64>,
    /// The number of runs at each place.
    pub runs: Vec<u32>,
}

impl Database {
    /// Returns the curves of these metrics of these runs: key by key, each with the runs in order.
    ///
    /// A key that begins with `=` is a formula of metrics, such as `=metrics.train - metrics.val`.
    /// It has the operators `+ - * / ^`, parentheses, and the functions `abs`, `exp`, `log`,
    /// `log10`, `log2` and `sqrt`. Keys that are not words have backticks around them. A formula
    /// has the points of its first metric. The others have their value at the same step, or at the
    /// last step before it.
    ///
    /// Without [`CurveQuery::range`], the curves of a metric have the same range, from the first to
    /// the last place of all its points. A metric without points in the range has no curve. Points
    /// of live runs are included.
    ///
    /// ```
    /// # let folder = tempfile::tempdir()?;
    /// # let database = tracklite::Database::create(folder.path().join("runs.tracklite"))?;
    /// use tracklite::curve::CurveQuery;
    ///
    /// let run = database.default_experiment()?.start_run("long")?;
    /// for step in 0..10_000_i32 {
    ///     run.log_metric("loss", if step == 5_000 { 9.0 } else { 1.0 }, step)?;
    /// }
    /// let curves = database.curves(&[run.id()], &["loss"], &CurveQuery::new(100))?;
    /// assert_eq!((curves[0].points, curves[0].places.len()), (10_000, 100));
    /// // The spike is in its column.
    /// assert_eq!((curves[0].max_values[49], curves[0].max_values[50]), (1.0, 9.0));
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    ///
    /// # Errors
    ///
    /// - [`ErrorKind::NotFound`](crate::ErrorKind::NotFound) if a run does not exist.
    /// - [`ErrorKind::InvalidInput`](crate::ErrorKind::InvalidInput) if the query or a formula is
    ///   not valid.
    ///
    /// # Performance
    ///
    /// The first curve of a metric decompresses its sealed points, and keeps summaries of them in
    /// memory, one for 256 points. Later curves read the summaries, and only those points whose
    /// summary is wider than a column. Smoothing, and the axis of another metric, read all points.
    pub fn curves(&self, runs: &[RunId], keys: &[&str], query: &CurveQuery) -> Result<Vec<Curve>> {
        query.check().map_err(|error| self.engine().locate(error))?;
        let sources = self.curve_sources(runs)?;
        let mut curves = Vec::new();
        for key in distinct(keys) {
            let (window, kept) = self.window_of(&sources, key, query)?;
            let Some(window) = window else { continue };
            for (source, kept) in sources.iter().zip(kept) {
                let rows = self.curve_rows((source, kept), key, query, &window)?;
                curves.extend(curve(source.run, key, &rows, query.smoothing.is_some()));
            }
        }
        Ok(curves)
    }

    /// Returns the band of each of these metrics over each group of runs: key by key, each with the
    /// groups in order.
    ///
    /// Every run of a group counts. A run has a value between its first and its last point, and
    /// between two points it is interpolated linearly. With [`CurveQuery::smoothing`], each run is
    /// smoothed first. A group without points has no band.
    ///
    /// ```
    /// # let folder = tempfile::tempdir()?;
    /// # let database = tracklite::Database::create(folder.path().join("runs.tracklite"))?;
    /// use tracklite::curve::{BandKind, CurveQuery};
    ///
    /// let mut seeds = Vec::new();
    /// for loss in [1.0, 2.0, 6.0] {
    ///     let run = database.default_experiment()?.start_run("")?;
    ///     run.log_metric("loss", loss, 0)?;
    ///     seeds.push(run.id());
    /// }
    /// let query = CurveQuery::new(100);
    /// let bands = database.bands(&[seeds], &["loss"], &query, BandKind::Extremes)?;
    /// assert_eq!((bands[0].means[0], bands[0].lows[0], bands[0].highs[0]), (3.0, 1.0, 6.0));
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    ///
    /// # Errors
    ///
    /// - Those of [`Database::curves`].
    pub fn bands(
        &self,
        groups: &[Vec<RunId>],
        keys: &[&str],
        query: &CurveQuery,
        kind: BandKind,
    ) -> Result<Vec<Band>> {
        query.check().map_err(|error| self.engine().locate(error))?;
        let groups = groups.iter().map(|runs| self.curve_sources(runs));
        let groups = groups.collect::<Result<Vec<Vec<Source>>>>()?;
        let all: Vec<Source> = groups.iter().flatten().copied().collect();
        let mut bands = Vec::new();
        for key in distinct(keys) {
            let (window, kept) = self.window_of(&all, key, query)?;
            let Some(window) = window else { continue };
            let mut kept = kept.into_iter();
            for (group, sources) in groups.iter().enumerate() {
                let series = sources.iter().zip(kept.by_ref());
                let rows = series.map(|series| self.curve_rows(series, key, query, &window));
                let rows = rows.collect::<Result<Vec<Rows>>>()?;
                let rows = band::band(&rows, &window, kind, query.smoothing.is_some());
                bands.extend(band(group, key, &rows));
            }
        }
        Ok(bands)
    }

    /// Returns the range of the query, or that of all points of a metric, with the series that were
    /// read for it. `None` without points.
    fn window_of(
        &self,
        sources: &[Source],
        key: &str,
        query: &CurveQuery,
    ) -> Result<(Option<Window>, Vec<Option<Series>>)> {
        let (range, kept) = match (query.range, query.row_width) {
            (Some(range), None) => (Some(range), sources.iter().map(|_| None).collect()),
            (wanted, _) => {
                let (found, kept) = self.curve_range(sources, key, query)?;
                (found.and_then(|found| common(found, wanted)), kept)
            }
        };
        let window = range.map(|(from, to)| {
            Window { from, to, columns: query.columns }.with_row_width(query.row_width)
        });
        Ok((window, kept))
    }
}

/// Returns the part of the range of points that is wanted.
fn common(found: (f64, f64), wanted: Option<(f64, f64)>) -> Option<(f64, f64)> {
    let Some(wanted) = wanted else { return Some(found) };
    let (from, to) = (found.0.max(wanted.0), found.1.min(wanted.1));
    (from <= to).then_some((from, to))
}

/// Returns the keys in their order, each once.
fn distinct<'k>(keys: &[&'k str]) -> impl Iterator<Item = &'k str> {
    let mut seen = BTreeSet::new();
    keys.iter().copied().filter(move |key| seen.insert(*key))
}

/// Makes the columns of a curve. Returns `None` without rows.
fn curve(run: RunId, key: &str, rows: &Rows, is_smooth: bool) -> Option<Curve> {
    let whole = rows.rows.iter().copied().reduce(|mut whole, row| {
        whole.add(&row);
        whole
    })?;
    let all = whole.bucket;
    let numbers = |of: fn(&Row) -> f64| rows.rows.iter().map(of).collect::<Vec<f64>>();
    let counts = |of: fn(&Bucket) -> u64| {
        let counts = rows.rows.iter().map(|row| of(&row.bucket));
        counts.map(|count| u32::try_from(count).unwrap_or(u32::MAX)).collect::<Vec<u32>>()
    };
    let valid = |point: MetricPoint| (!point.value.is_nan()).then_some(point);
    Some(Curve {
        run,
        key: key.to_owned(),
        is_exact: rows.is_exact,
        points: all.count,
        nan_count: all.nan_count,
        first_nan_step: all.first_nan_step,
        min: valid(all.min),
        max: valid(all.max),
        last: all.last,
        last_place: whole.last_place,
        range: whole.span,
        from_places: numbers(|row| row.first_place),
        places: numbers(|row| row.last_place),
        first_values: numbers(|row| row.bucket.first.value),
        last_values: numbers(|row| row.bucket.last.value),
        min_values: numbers(|row| row.bucket.min.value),
        max_values: numbers(|row| row.bucket.max.value),
        mean_values: numbers(|row| row.bucket.mean()),
        counts: counts(|bucket| bucket.count),
        nan_counts: counts(|bucket| bucket.nan_count),
        smooth_values: if is_smooth { numbers(|row| row.smooth) } else { Vec::new() },
    })
}

/// Makes the columns of a band. Returns `None` without rows.
fn band(group: usize, key: &str, rows: &[band::BandRow]) -> Option<Band> {
    let numbers = |of: fn(&band::BandRow) -> f64| rows.iter().map(of).collect();
    (!rows.is_empty()).then(|| Band {
        group,
        key: key.to_owned(),
        places: numbers(|row| row.place),
        means: numbers(|row| row.mean),
        lows: numbers(|row| row.low),
        highs: numbers(|row| row.high),
        runs: rows.iter().map(|row| row.runs).collect(),
    })
}
