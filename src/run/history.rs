//! Histories of metrics: all points in order, or an even sample of them.

use std::cmp::Ordering;
use std::collections::BTreeMap;
use std::ops::RangeInclusive;

use crate::database::Database;
use crate::engine::guards::no_such_run;
use crate::engine::live::keep_latest;
use crate::entity::id::RunId;
use crate::entity::{MetricHistory, MetricPoint, MetricStatistics};
use crate::error::{Error, ErrorKind, Result};
use crate::run::Run;

/// The points of a metric in one of several runs.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub struct RunHistory {
    /// The run.
    pub run: RunId,
    /// The points, at least one.
    pub points: MetricHistory,
}

impl Database {
    /// Returns the first `max_points` points of a metric over these runs, like MLflow's bulk
    /// history.
    ///
    /// The points are ordered by run id, then time, step and value. Runs without points are left
    /// out. Duplicate ids are ignored.
    ///
    /// # Errors
    ///
    /// - [`ErrorKind::NotFound`] if a run does not exist.
    /// - [`ErrorKind::InvalidInput`] if `max_points` is 0.
    ///
    /// # Performance
    ///
    /// Reads the whole metric of each run, until the limit is reached.
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
    /// let counts: Vec<usize> = histories.iter().map(|history| history.points.len()).collect();
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

    /// Returns an even sample of a metric for each of these runs, to plot it.
    ///
    /// A sample has the same points as MLflow's bulk interval. The points whose step is within
    /// `steps` are divided into up to `max_points` groups of about the same size, the first ones
    /// longer by one. The sample has the first point of each group, and the last point of all in
    /// place of the last one. A sample of one point is the last one.
    ///
    /// Points are ordered by step, time in milliseconds and value, with NaN as 0. Points that
    /// MLflow cannot distinguish are counted once. Runs are ordered by id.
    ///
    /// # Errors
    ///
    /// - Those of [`Database::histories`].
    ///
    /// # Performance
    ///
    /// Reads the whole metric of each run.
    ///
    /// ```
    /// # let folder = tempfile::tempdir()?;
    /// # let database = tracklite::Database::create(folder.path().join("runs.tracklite"))?;
    /// let run = database.default_experiment()?.start_run("long")?;
    /// (0..1000_i32).try_for_each(|step| run.log_metric("loss", 1.0, step))?;
    /// let sampled = database.sampled_histories(&[run.id()], "loss", Some(100..=500), 5)?;
    /// assert_eq!(sampled[0].points.steps, [100, 181, 261, 341, 500]);
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
            within.dedup_by(|left, right| step_order(left, right).is_eq());
            let mut points = MetricHistory::default();
            let places = sample(within.len(), max_points);
            places.filter_map(|place| within.get(place)).for_each(|point| points.push(*point));
            if !points.is_empty() {
                histories.push(RunHistory { run, points });
            }
        }
        Ok(histories)
    }

    /// Returns the distinct runs by id. Fails if one does not exist or `max_points` is 0.
    pub(crate) fn checked_runs(&self, runs: &[RunId], max_points: usize) -> Result<Vec<RunId>> {
        if max_points == 0 {
            let message = "max_points is 0: use at least 1";
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

/// Compares by step, time in milliseconds and value, like [`MetricPoint::value_order`].
fn step_order(left: &MetricPoint, right: &MetricPoint) -> Ordering {
    let place = |point: &MetricPoint| (point.step, point.time.as_millis());
    place(left).cmp(&place(right)).then_with(|| left.value_order(right))
}

/// Returns the places of a sample of up to `max` of `count` points: the first one of each group,
/// and the last one of all in place of the last.
///
/// The first groups are longer by one if the sizes differ, as in NTILE of SQL.
fn sample(count: usize, max: usize) -> impl Iterator<Item = usize> {
    let groups = max.min(count);
    let size = count.checked_div(groups).unwrap_or(0);
    let longer = count - size * groups;
    (0..groups).map(move |group| match group + 1 == groups {
        true => count - 1,
        false => group * size + group.min(longer),
    })
}

impl Run {
    /// Returns all points of a metric, ordered by time, step and value. An unknown key has no
    /// points.
    ///
    /// # Errors
    ///
    /// - [`ErrorKind::NotFound`] if the run was purged.
    ///
    /// # Performance
    ///
    /// Decompresses the sealed points of the metric, and reads all live extents.
    pub fn history(&self, key: &str) -> Result<MetricHistory> {
        let mut history = MetricHistory::default();
        self.read_history(key, &mut history)?;
        Ok(history)
    }

    /// Reads all points of a metric into existing columns, like [`Run::history`].
    ///
    /// The previous content is replaced and its memory reused. This pays off for repeated reads,
    /// because new memory takes more time than reading.
    pub fn read_history(&self, key: &str, into: &mut MetricHistory) -> Result<()> {
        self.engine().read_history(self.id(), key, into)?;
        self.unless_purged(into, |history| history.is_empty()).map(drop)
    }

    /// Returns the latest point of a metric: the maximum by step, time and value, with NaN as 0.
    ///
    /// Returns `None` for an unknown key.
    pub fn latest(&self, key: &str) -> Result<Option<MetricPoint>> {
        let latest = self.engine().with_points(|live, index, _| {
            let sealed = index.latest(self.id(), key)?;
            let mut live = live.latest(Some(self.id()));
            let live = live.get_mut(&self.id()).and_then(|metrics| metrics.remove(key));
            Ok(sealed.into_iter().chain(live).max_by(MetricPoint::latest_order))
        })?;
        self.unless_purged(latest, Option::is_none)
    }

    /// Returns count, minimum, maximum, mean and more of a metric, or `None` for an unknown key.
    ///
    /// # Performance
    ///
    /// Takes one read for each block of sealed points, and reads all live extents.
    pub fn statistics(&self, key: &str) -> Result<Option<MetricStatistics>> {
        self.unless_purged(self.engine().statistics(self.id(), key)?, Option::is_none)
    }

    /// Returns the latest point of each metric by key.
    pub fn metrics(&self) -> Result<BTreeMap<String, MetricPoint>> {
        let metrics = self.engine().with_points(|live, index, _| {
            let mut metrics = index.metrics(self.id())?;
            for (key, point) in live.latest(Some(self.id())).into_values().flatten() {
                keep_latest(&mut metrics, &key, point);
            }
            Ok(metrics)
        })?;
        self.unless_purged(metrics, BTreeMap::is_empty)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Divides the points like NTILE: one after the other into the group with the fewest points of
    /// a fair division.
    fn groups(count: usize, max: usize) -> Vec<Vec<usize>> {
        let mut sizes = vec![0; max];
        (0..count).for_each(|place| sizes[place % max] += 1);
        let mut next = 0..count;
        sizes.iter().map(|size| next.by_ref().take(*size).collect()).collect()
    }

    #[test]
    fn a_sample_has_the_first_point_of_each_group_and_the_last_of_all() {
        for count in 0..60_usize {
            for max in 1..70 {
                let mut wanted: Vec<usize> =
                    groups(count, max).iter().filter_map(|group| group.first().copied()).collect();
                if let Some(last) = wanted.last_mut() {
                    *last = count - 1;
                }
                let found: Vec<usize> = sample(count, max).collect();
                assert_eq!(found, wanted, "{max} of {count}");
            }
        }
    }

    #[test]
    fn points_are_compared_in_milliseconds() {
        let point = |step, nanos, value| MetricPoint {
            step,
            time: crate::entity::id::Timestamp::from_nanos(nanos),
            value,
        };
        let order = |left, right| step_order(&left, &right);
        assert!(order(point(1, 1, 0.0), point(1, 999_999, -0.0)).is_eq());
        assert!(order(point(1, 0, 9.0), point(1, 1_000_000, 1.0)).is_lt());
        assert!(order(point(1, 0, 0.0), point(1, 0, f64::NAN)).is_lt());
        assert!(order(point(1, 0, f64::NAN), point(1, 0, 0.5)).is_lt());
        assert!(order(point(2, 0, -1.0), point(1, 5, 1.0)).is_gt());
    }
}
