//! One metric of many runs: all points in one order, or an even sample of each run.

use std::cmp::Ordering;
use std::collections::BTreeMap;
use std::ops::RangeInclusive;

use crate::database::Database;
use crate::engine::guards::no_such_run;
use crate::engine::points::keep_latest;
use crate::entity::id::RunId;
use crate::entity::{MetricHistory, MetricPoint, MetricStatistics};
use crate::error::{Error, ErrorKind, Result};
use crate::run::Run;

/// Points of one metric of one run, of several runs that were asked for.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub struct RunHistory {
    /// The run.
    pub run: RunId,
    /// Its points; at least one.
    pub points: MetricHistory,
}

impl Database {
    /// The points of a metric of these runs, ordered by run id, then time, step and value: the
    /// first `max_points` of all of them together (MLflow's bulk history).
    ///
    /// Runs without a point are left out, and a run that is named twice comes once. A run that
    /// does not exist is [`ErrorKind::NotFound`], a `max_points` of 0
    /// [`ErrorKind::InvalidInput`]. Costs the reading of the whole metric of each run, up to the
    /// one in which the limit is reached.
    ///
    /// ```
    /// # let folder = tempfile::tempdir()?;
    /// # let database = tracklite::Database::create(folder.path().join("runs.tracklite"))?;
    /// let mut ids = Vec::new();
    /// for name in ["one", "two"] {
    ///     let run = database.default_experiment()?.start_run(name)?;
    ///     (0..100_i32).try_for_each(|step| run.log_metric("loss", 1.0, step))?;
    ///     ids.push(run.id());
    /// }
    /// let histories = database.histories(&ids, "loss", 150)?;
    /// let counts: Vec<usize> = histories.iter().map(|it| it.points.len()).collect();
    /// assert_eq!(counts, [100, 50]);
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    pub fn histories(
        &self,
        runs: &[RunId],
        key: &str,
        max_points: usize,
    ) -> Result<Vec<RunHistory>> {
        let runs = self.checked_runs(runs, max_points)?;
        let (mut histories, mut left) = (Vec::new(), max_points);
        for run in runs {
            let mut points = MetricHistory::default();
            self.engine().read_history(run, key, &mut points)?;
            points.truncate(left);
            left -= points.len();
            if !points.is_empty() {
                histories.push(RunHistory { run, points });
            }
            if left == 0 {
                break;
            }
        }
        Ok(histories)
    }

    /// An even sample of a metric of each of these runs, for drawing: at most `max_points` points
    /// a run, of those whose step is within `steps` (MLflow's bulk interval).
    ///
    /// The points of a run are ordered by step, time and value, NaN as 0. Of more than
    /// `max_points` the first and the last are kept, and between them points at even distances;
    /// with a `max_points` of 1 the last alone. Runs come by id; else as [`Database::histories`].
    ///
    /// ```
    /// # let folder = tempfile::tempdir()?;
    /// # let database = tracklite::Database::create(folder.path().join("runs.tracklite"))?;
    /// let run = database.default_experiment()?.start_run("long")?;
    /// (0..1000_i32).try_for_each(|step| run.log_metric("loss", 1.0, step))?;
    /// let sampled = database.sampled_histories(&[run.id()], "loss", Some(100..=500), 5)?;
    /// assert_eq!(sampled[0].points.steps, [100, 200, 300, 400, 500]);
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    #[expect(clippy::needless_pass_by_value, reason = "callers write ranges")]
    pub fn sampled_histories(
        &self,
        runs: &[RunId],
        key: &str,
        steps: Option<RangeInclusive<i64>>,
        max_points: usize,
    ) -> Result<Vec<RunHistory>> {
        let mut histories = Vec::new();
        let mut all = MetricHistory::default();
        for run in self.checked_runs(runs, max_points)? {
            self.engine().read_history(run, key, &mut all)?;
            let is_within = |point: &MetricPoint| {
                steps.as_ref().is_none_or(|steps| steps.contains(&point.step))
            };
            let mut within: Vec<MetricPoint> = all.iter().filter(is_within).collect();
            within.sort_by(step_order);
            let mut points = MetricHistory::default();
            sample(&within, max_points).for_each(|point| points.push(*point));
            if !points.is_empty() {
                histories.push(RunHistory { run, points });
            }
        }
        Ok(histories)
    }

    /// The runs by id, each once; all must exist, and points be wanted.
    fn checked_runs(&self, runs: &[RunId], max_points: usize) -> Result<Vec<RunId>> {
        if max_points == 0 {
            let message = "max_points is 0: at least one point must be wanted";
            return Err(self.engine().locate(Error::new(ErrorKind::InvalidInput, message)));
        }
        let mut runs = runs.to_vec();
        runs.sort_unstable();
        runs.dedup();
        self.engine().with_index(|index, _| {
            for run in &runs {
                index.run_info(*run)?.ok_or_else(|| no_such_run(*run))?;
            }
            Ok(())
        })?;
        Ok(runs)
    }
}

/// By step, time and value, NaN as 0 and behind it.
fn step_order(left: &MetricPoint, right: &MetricPoint) -> Ordering {
    let is_nan = left.value.is_nan().cmp(&right.value.is_nan());
    left.latest_order(right).then(is_nan).then(left.value.total_cmp(&right.value))
}

/// At most so many of the points at even distances, with the first and the last.
fn sample(points: &[MetricPoint], most: usize) -> impl Iterator<Item = &MetricPoint> {
    let kept = points.len().min(most);
    (0..kept).filter_map(move |number| points.get(place(number, kept, points.len())))
}

/// Which of `all` points is number `number` of the `kept` ones.
fn place(number: usize, kept: usize, all: usize) -> usize {
    match kept {
        0 | 1 => all.saturating_sub(1),
        // As wide as it takes: the product of two counts.
        _ => (number as u128 * (all as u128 - 1) / (kept as u128 - 1)) as usize,
    }
}

impl Run {
    /// All points of a metric, ordered by time, step and value; none for a key never logged.
    ///
    /// Sealed points cost their unpacking, live ones the reading of the live extents.
    pub fn history(&self, key: &str) -> Result<MetricHistory> {
        let mut history = MetricHistory::default();
        self.read_history(key, &mut history)?;
        Ok(history)
    }

    /// As [`Run::history`], into columns that are there: what is in them is replaced, and their
    /// memory used again.
    ///
    /// For whoever reads again and again: fresh memory costs more than reading does.
    pub fn read_history(&self, key: &str, into: &mut MetricHistory) -> Result<()> {
        self.engine().read_history(self.id(), key, into)?;
        self.unless_purged(into, |history| history.is_empty()).map(drop)
    }

    /// The latest point of a metric: the greatest by step, time, value, with NaN as 0.
    pub fn latest(&self, key: &str) -> Result<Option<MetricPoint>> {
        // Live points first: one that is sealed in between is then found in the index.
        let mut live = self.engine().live_latest(Some(self.id()))?;
        let sealed = self.engine().with_index(|index, _| index.latest(self.id(), key))?;
        let live = live.get_mut(&self.id()).and_then(|metrics| metrics.remove(key));
        let latest = sealed.into_iter().chain(live).max_by(MetricPoint::latest_order);
        self.unless_purged(latest, Option::is_none)
    }

    /// What a metric amounts to; `None` for a key never logged. Sealed points cost a read for each
    /// block, live ones the reading of the live extents.
    pub fn statistics(&self, key: &str) -> Result<Option<MetricStatistics>> {
        self.unless_purged(self.engine().statistics(self.id(), key)?, Option::is_none)
    }

    /// The latest point of each metric by key.
    pub fn metrics(&self) -> Result<BTreeMap<String, MetricPoint>> {
        // Live points first: one that is sealed in between is then found in the index.
        let mut live = self.engine().live_latest(Some(self.id()))?;
        let mut metrics = self.engine().with_index(|index, _| index.metrics(self.id()))?;
        for (key, point) in live.remove(&self.id()).unwrap_or_default() {
            keep_latest(&mut metrics, &key, point);
        }
        self.unless_purged(metrics, BTreeMap::is_empty)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_sample_is_even_and_has_both_ends() {
        for all in 1..60_usize {
            for most in 2..70 {
                let kept = all.min(most);
                let places: Vec<usize> = (0..kept).map(|it| place(it, kept, all)).collect();
                assert_eq!((places[0], places[kept - 1]), (0, all - 1), "{all} {most}");
                let gaps: Vec<usize> = places.windows(2).map(|it| it[1] - it[0]).collect();
                let (least, greatest) = (gaps.iter().min(), gaps.iter().max());
                assert!(least >= Some(&1) || kept == 1, "{all} {most}: {places:?}");
                assert!(greatest.zip(least).is_none_or(|(most, least)| most - least <= 1));
            }
            assert_eq!(place(0, 1, all), all - 1);
        }
    }
}
