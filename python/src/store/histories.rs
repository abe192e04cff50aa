//! Histories of metrics, for the plug-in. Exact duplicates are returned once, as in MLflow.

use std::cmp::Ordering;

use pyo3::prelude::*;
use tracklite::{Database, ErrorKind, MetricHistory, Result, RunId};

use super::file::Store;
use super::values::PointValue;
use crate::detach::detached;

/// The histories of the metrics of a file.
#[pyclass(frozen, module = "tracklite._tracklite")]
pub(crate) struct StoreHistories {
    database: Database,
}

#[pymethods]
impl StoreHistories {
    #[new]
    fn new(store: &Store) -> Self {
        StoreHistories { database: store.database.clone() }
    }

    /// Returns up to `limit` points of a metric from `offset` on, by time, step and value, and
    /// whether there are more. Empty for a run that does not exist.
    fn get(
        &self,
        py: Python<'_>,
        run: &str,
        key: &str,
        offset: usize,
        limit: Option<usize>,
    ) -> PyResult<(Vec<PointValue>, bool)> {
        let mut points = detached(py, || self.points(run, key))?;
        points.drain(..offset.min(points.len()));
        let has_more = limit.is_some_and(|limit| points.len() > limit);
        points.truncate(limit.unwrap_or(usize::MAX));
        Ok((points, has_more))
    }

    /// Returns the points of a metric of several runs, ordered by run ID, up to `limit` in all.
    fn bulk(
        &self,
        py: Python<'_>,
        mut runs: Vec<String>,
        key: &str,
        limit: usize,
    ) -> PyResult<Vec<(String, Vec<PointValue>)>> {
        let bulk = || {
            runs.sort_unstable();
            runs.dedup();
            let (mut found, mut left) = (Vec::new(), limit);
            for run in runs {
                let mut points = self.points(&run, key)?;
                points.truncate(left);
                left -= points.len();
                found.push((run, points));
                if left == 0 {
                    break;
                }
            }
            Ok(found)
        };
        detached(py, bulk)
    }

    /// Returns a sample of up to `limit` points of a metric, by step, time and value: the first
    /// point of each of `limit` groups of about the same size, and the last point of all.
    fn sample(
        &self,
        py: Python<'_>,
        run: &str,
        key: &str,
        limit: usize,
        steps: Option<(i64, i64)>,
    ) -> PyResult<Vec<PointValue>> {
        let sample = || {
            let mut points = self.points(run, key)?;
            if let Some((first, last)) = steps {
                points.retain(|(_, _, step)| (first..=last).contains(step));
            }
            points.sort_by(step_order);
            Ok(sampled(points.len(), limit).filter_map(|at| points.get(at).copied()).collect())
        };
        detached(py, sample)
    }

    /// Returns the highest step of a metric, or None if it has no points.
    fn max_step(&self, py: Python<'_>, run: &str, key: &str) -> PyResult<Option<i64>> {
        let points = detached(py, || self.points(run, key))?;
        Ok(points.iter().map(|(_, _, step)| *step).max())
    }
}

impl StoreHistories {
    fn points(&self, run: &str, key: &str) -> Result<Vec<PointValue>> {
        let history = RunId::lookup(run).and_then(|id| self.database.run(id)?.history(key));
        match history {
            Ok(history) => Ok(distinct(&history)),
            Err(error) if error.kind() == ErrorKind::NotFound => Ok(Vec::new()),
            Err(error) => Err(error),
        }
    }
}

/// Returns the points without duplicates, in MLflow's order, which compares milliseconds.
fn distinct(history: &MetricHistory) -> Vec<PointValue> {
    let points = history.iter().map(|point| (point.value, point.time.as_millis(), point.step));
    let mut points: Vec<PointValue> = points.collect();
    if !points.is_sorted_by(|left, right| history_order(left, right).is_le()) {
        points.sort_by(history_order);
    }
    points.dedup_by(|left, right| history_order(left, right).is_eq());
    points
}

fn history_order(left: &PointValue, right: &PointValue) -> Ordering {
    (left.1, left.2).cmp(&(right.1, right.2)).then_with(|| value_order(left.0, right.0))
}

fn step_order(left: &PointValue, right: &PointValue) -> Ordering {
    (left.2, left.1).cmp(&(right.2, right.1)).then_with(|| value_order(left.0, right.0))
}

/// Orders NaN like zero, but after it. Both zeros are equal.
fn value_order(left: f64, right: f64) -> Ordering {
    let number = |value: f64| if value.is_nan() { 0.0 } else { value };
    let by_number = number(left).partial_cmp(&number(right)).unwrap_or(Ordering::Equal);
    by_number.then(left.is_nan().cmp(&right.is_nan()))
}

/// Returns the start of each group, and the last index in place of the last start. The first groups
/// are longer by one if `count` is not a multiple.
fn sampled(count: usize, limit: usize) -> impl Iterator<Item = usize> {
    let groups = limit.max(1).min(count);
    let (size, longer) = (count.checked_div(groups).unwrap_or(0), count.checked_rem(groups));
    let longer = longer.unwrap_or(0);
    let last = count.saturating_sub(1);
    (0..groups).map(move |group| match group + 1 == groups {
        true => last,
        false => group * size + group.min(longer),
    })
}
