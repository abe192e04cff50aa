//! Reading the points of curves: from sketches, or all of them in the order of the axis.

use crate::database::Database;
use crate::engine::block_cache::Sketch;
use crate::entity::MetricHistory;
use crate::entity::id::RunId;
use crate::error::Result;

use super::axis::{Scale, Window};
use super::query::{CurveAxis, CurveQuery};
use super::rows::{self, Placed, Rows};
use super::smooth::smooth;

/// A run whose curves are drawn.
#[derive(Clone, Copy, Debug)]
pub(super) struct Source {
    pub(super) run: RunId,
    /// When the run started, in nanoseconds.
    started: i64,
}

impl Source {
    /// Returns the scale of an axis. `None` if places come from another metric.
    fn scale(&self, axis: &CurveAxis) -> Option<Scale> {
        match axis {
            CurveAxis::Step => Some(Scale::Step),
            CurveAxis::Time => Some(Scale::Time),
            CurveAxis::Relative => Some(Scale::Since(self.started)),
            CurveAxis::Metric(_) => None,
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

    /// Returns the range of a metric of a run on an axis. `None` if it has no place there.
    pub(super) fn curve_range(
        &self,
        source: &Source,
        key: &str,
        axis: &CurveAxis,
    ) -> Result<Option<(f64, f64)>> {
        if let Some(scale) = source.scale(axis) {
            let sketch = self.engine().sketch(source.run, key)?;
            return Ok(range_of(&sketch, scale));
        }
        let points = self.placed_points(source, key, axis)?;
        Ok(points.first().zip(points.last()).map(|(first, last)| (first.place, last.place)))
    }

    /// Returns the rows of a metric of a run in a window.
    pub(super) fn curve_rows(
        &self,
        source: &Source,
        key: &str,
        query: &CurveQuery,
        window: &Window,
    ) -> Result<Rows> {
        if let (Some(scale), None) = (source.scale(&query.axis), query.smoothing) {
            return self.engine().with_sketch(source.run, key, |sketch| {
                rows::of_sketch(sketch, scale, window, |part| self.engine().part_points(part))
            });
        }
        let mut points = self.placed_points(source, key, &query.axis)?;
        if let Some(smoothing) = query.smoothing {
            smooth(&mut points, smoothing);
        }
        Ok(rows::of_points(&points, window))
    }

    /// Returns all points of a metric, sorted by place.
    fn placed_points(&self, source: &Source, key: &str, axis: &CurveAxis) -> Result<Vec<Placed>> {
        let history = self.history_of(source.run, key)?;
        let mut points = match (source.scale(axis), axis) {
            (Some(scale), _) => rows::place_all(scale, &history),
            (None, CurveAxis::Metric(other)) => {
                joined(&history, &self.history_of(source.run, other)?)
            }
            (None, _) => Vec::new(),
        };
        rows::sort(&mut points);
        Ok(points)
    }

    fn history_of(&self, run: RunId, key: &str) -> Result<MetricHistory> {
        let mut history = MetricHistory::default();
        self.engine().read_history(run, key, &mut history)?;
        Ok(history)
    }
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

/// Places points by the finite value of another metric: at the same step, or at the last one
/// before it. Points before its first value have no place.
fn joined(history: &MetricHistory, places: &MetricHistory) -> Vec<Placed> {
    let finite = places.iter().filter(|point| point.value.is_finite());
    let mut by_step: Vec<(i64, f64)> = finite.map(|point| (point.step, point.value)).collect();
    // The sort is stable, so the latest of several values at a step is the last one.
    by_step.sort_by_key(|(step, _)| *step);
    let placed = history.iter().filter_map(|point| {
        let after = by_step.partition_point(|(step, _)| *step <= point.step);
        let (_, place) = by_step.get(after.checked_sub(1)?)?;
        Some(Placed { place: *place, point, smooth: f64::NAN })
    });
    placed.collect()
}
