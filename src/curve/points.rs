//! Reading the points of curves: from sketches, or all of them in the order of the axis.

use crate::database::Database;
use crate::engine::block_cache::Sketch;
use crate::entity::MetricHistory;
use crate::entity::id::RunId;
use crate::error::Result;

use super::axis::{Scale, Window};
use super::formula::{Formula, is_formula};
use super::joined::Joined;
use super::query::{CurveAxis, CurveQuery, Smoothing};
use super::rows::{self, Placed, Rows};
use super::smooth::smooth;

/// The number of points that are kept in memory between finding the range of a metric and drawing
/// it. The points of other runs are read twice. The first run always counts as kept.
const KEPT_POINTS: usize = 1 << 21;

/// The smallest and the largest place.
type Range = (f64, f64);

/// A run whose curves are drawn.
#[derive(Clone, Copy, Debug)]
pub(super) struct Source {
    pub(super) run: RunId,
    /// When the run started, in nanoseconds.
    started: i64,
}

/// The source of the places of points.
enum Places<'q> {
    Scale(Scale),
    Metric(&'q str),
}

impl Source {
    fn places<'q>(&self, axis: &'q CurveAxis) -> Places<'q> {
        match axis {
            CurveAxis::Step => Places::Scale(Scale::Step),
            CurveAxis::Time => Places::Scale(Scale::Time),
            CurveAxis::Relative => Places::Scale(Scale::Since(self.started)),
            CurveAxis::Metric(key) => Places::Metric(key),
        }
    }
}

/// The points of a metric of a run, in the form from which its rows are made.
#[derive(Debug)]
pub(super) enum Series {
    /// Summaries of points, and the points that have none.
    Sketch(Scale, Sketch),
    /// Points in the order of the history.
    Joined(Joined),
    /// Points in the order of the axis, smoothed if that is asked for.
    Points(Vec<Placed>),
}

impl Series {
    /// Returns the outermost places. `None` without a point that has a place.
    fn range(&self) -> Option<(f64, f64)> {
        match self {
            Series::Sketch(scale, sketch) => range_of(sketch, *scale),
            Series::Joined(joined) => joined.range(),
            Series::Points(points) => {
                points.first().zip(points.last()).map(|(first, last)| (first.place, last.place))
            }
        }
    }

    /// Returns the number of points in memory.
    fn points(&self) -> usize {
        match self {
            // Sealed parts are shared with a cache that has its own limit.
            Series::Sketch(_, sketch) => sketch.points.len(),
            Series::Joined(joined) => joined.len(),
            Series::Points(points) => points.len(),
        }
    }
}

impl Database {
    /// Returns the runs in order, each once. Fails if one does not exist.
    pub(super) fn curve_sources(&self, runs: &[RunId]) -> Result<Vec<Source>> {
        self.engine().with_index(|index, _| {
            let mut sources: Vec<Source> = Vec::with_capacity(runs.len());
            let mut seen = std::collections::HashSet::new();
            for run in runs.iter().copied().filter(|run| seen.insert(*run)) {
                let info = index.run_info(run)?;
                let info = info.ok_or_else(|| crate::engine::guards::no_such_run(run))?;
                sources.push(Source { run, started: info.started.as_nanos() });
            }
            Ok(sources)
        })
    }

    /// Returns the range of a metric in all these runs, and the series that were read for it.
    /// The range is `None` without a point.
    pub(super) fn curve_range(
        &self,
        sources: &[Source],
        key: &str,
        query: &CurveQuery,
    ) -> Result<(Option<Range>, Vec<Option<Series>>)> {
        let mut range: Option<Range> = None;
        let mut kept = Vec::with_capacity(sources.len());
        let mut points = 0;
        for source in sources {
            let series = self.curve_series(source, key, query)?;
            if let Some((from, to)) = series.range() {
                let (low, high) = range.unwrap_or((from, to));
                range = Some((low.min(from), high.max(to)));
            }
            let is_kept = points == 0 || points + series.points() <= KEPT_POINTS;
            points += if is_kept { series.points() } else { 0 };
            kept.push(is_kept.then_some(series));
        }
        Ok((range, kept))
    }

    /// Returns the rows of a metric of a run in a window. `kept` is its series, if it was read.
    pub(super) fn curve_rows(
        &self,
        (source, kept): (&Source, Option<Series>),
        key: &str,
        query: &CurveQuery,
        window: &Window,
    ) -> Result<Rows> {
        let series = kept.map_or_else(|| self.curve_series(source, key, query), Ok)?;
        match series {
            Series::Sketch(scale, sketch) => {
                self.engine().with_sketch(source.run, key, sketch, |sketch| {
                    rows::of_sketch(sketch, scale, window, |part| self.engine().part_points(part))
                })
            }
            Series::Joined(joined) => Ok(rows::of_unsorted(|| joined.iter(), window)),
            Series::Points(points) => Ok(rows::of_points(&points, window)),
        }
    }

    /// Reads the points of a metric of a run.
    fn curve_series(&self, source: &Source, key: &str, query: &CurveQuery) -> Result<Series> {
        let smoothing = query.smoothing;
        match source.places(&query.axis) {
            Places::Scale(scale) if smoothing.is_none() && !is_formula(key) => {
                Ok(Series::Sketch(scale, self.engine().sketch(source.run, key)?))
            }
            Places::Scale(scale) => {
                let history = self.history_of(source.run, key)?;
                Ok(sorted(rows::place_all(scale, &history), smoothing))
            }
            Places::Metric(other) => {
                let history = self.history_of(source.run, key)?;
                let joined = Joined::new(history, self.history_of(source.run, other)?);
                Ok(match smoothing {
                    None => Series::Joined(joined),
                    Some(_) => sorted(joined.iter().collect(), smoothing),
                })
            }
        }
    }

    fn history_of(&self, run: RunId, key: &str) -> Result<MetricHistory> {
        let read = |key: &str| {
            let mut history = MetricHistory::default();
            self.engine().read_history(run, key, &mut history)?;
            Ok(history)
        };
        match is_formula(key) {
            true => self.engine().located(Formula::parse(key))?.history(read),
            false => read(key),
        }
    }
}

fn sorted(mut points: Vec<Placed>, smoothing: Option<Smoothing>) -> Series {
    rows::sort(&mut points);
    if let Some(smoothing) = smoothing {
        smooth(&mut points, smoothing);
    }
    Series::Points(points)
}

/// Returns the outermost places of all points of a sketch.
fn range_of(sketch: &Sketch, scale: Scale) -> Option<(f64, f64)> {
    let sealed = sketch.sealed.iter().map(|part| scale.span(&part.whole));
    let live = sketch.points.iter().map(|point| {
        let place = scale.place(&point);
        (place, place)
    });
    sealed.chain(live).reduce(|range, next| (range.0.min(next.0), range.1.max(next.1)))
}
