//! Histories of metrics, for the plug-in. Exact duplicates are returned once, as in MLflow.

use pyo3::prelude::*;
use tracklite::{Database, ErrorKind, MetricPoint, Result, RunId};

use super::file::Store;
use super::values::{PointValue, run_text};
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
        #[pyo3(from_py_with = run_text)] run: String,
        key: &str,
        offset: usize,
        limit: Option<usize>,
    ) -> PyResult<(Vec<PointValue>, bool)> {
        let mut points = detached(py, || self.points(&run, key))?;
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

    /// Returns a sample of up to `limit` points of a metric, by step, time and value.
    ///
    /// It is empty for a run that does not exist.
    fn sample(
        &self,
        py: Python<'_>,
        #[pyo3(from_py_with = run_text)] run: String,
        key: &str,
        limit: usize,
        steps: Option<(i64, i64)>,
    ) -> PyResult<Vec<PointValue>> {
        let sample = || {
            let steps = steps.map(|(first, last)| first..=last);
            let found = RunId::lookup(&run)
                .and_then(|run| self.database.sampled_histories(&[run], key, steps, limit));
            let histories = unless_missing(found)?;
            Ok(histories.iter().flat_map(|history| history.points.iter().map(value)).collect())
        };
        detached(py, sample)
    }

    /// Returns the highest step of a metric, or None if it has no points.
    fn max_step(
        &self,
        py: Python<'_>,
        #[pyo3(from_py_with = run_text)] run: String,
        key: &str,
    ) -> PyResult<Option<i64>> {
        let points = detached(py, || self.points(&run, key))?;
        Ok(points.iter().map(|(_, _, step)| *step).max())
    }
}

impl StoreHistories {
    fn points(&self, run: &str, key: &str) -> Result<Vec<PointValue>> {
        let history = RunId::lookup(run).and_then(|id| self.database.run(id)?.history(key));
        Ok(unless_missing(history)?.distinct().into_iter().map(value).collect())
    }
}

/// Returns an empty result for a run that does not exist.
fn unless_missing<T: Default>(found: Result<T>) -> Result<T> {
    match found {
        Err(error) if error.kind() == ErrorKind::NotFound => Ok(T::default()),
        found => found,
    }
}

fn value(point: MetricPoint) -> PointValue {
    (point.value, point.time.as_millis(), point.step)
}
