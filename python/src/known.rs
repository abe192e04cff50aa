//! The metrics and rows of a run that were logged by name, so that the next time costs no search.

use std::collections::HashMap;
use std::sync::{PoisonError, RwLock};

use pyo3::prelude::*;

use crate::detach::detached;

/// So many kinds of rows are kept; a run has a few.
const ROWS_MAX: usize = 32;

/// Handles by name.
///
/// The locks are held by whoever holds the interpreter, and never while it is let go of: so no
/// other thread can hold them when the process forks.
#[derive(Default)]
pub(crate) struct Known {
    metrics: RwLock<HashMap<Box<str>, tracklite::Metric>>,
    rows: RwLock<Vec<(Vec<Box<str>>, tracklite::MetricRow)>>,
}

impl Known {
    /// Calls `log` with the handle of a metric; the first time it is defined in the file, without
    /// the interpreter.
    pub(crate) fn with_metric(
        &self,
        py: Python<'_>,
        run: &tracklite::Run,
        key: &str,
        log: impl FnOnce(&tracklite::Metric) -> PyResult<()>,
    ) -> PyResult<()> {
        let found = {
            let metrics = self.metrics.read().unwrap_or_else(PoisonError::into_inner);
            metrics.get(key).cloned()
        };
        let metric = match found {
            Some(metric) => metric,
            None => {
                let metric = detached(py, || run.metric(key))?;
                let mut metrics = self.metrics.write().unwrap_or_else(PoisonError::into_inner);
                metrics.insert(Box::from(key), metric.clone());
                metric
            }
        };
        log(&metric)
    }

    /// Calls `log` with the handle of a row of these keys, as [`Known::with_metric`].
    pub(crate) fn with_row(
        &self,
        py: Python<'_>,
        run: &tracklite::Run,
        keys: &[&str],
        log: impl FnOnce(&tracklite::MetricRow) -> PyResult<()>,
    ) -> PyResult<()> {
        let is_it = |known: &[Box<str>]| {
            known.len() == keys.len() && known.iter().zip(keys).all(|(it, key)| **it == **key)
        };
        let found = {
            let rows = self.rows.read().unwrap_or_else(PoisonError::into_inner);
            rows.iter().find(|(known, _)| is_it(known)).map(|(_, row)| row.clone())
        };
        let row = match found {
            Some(row) => row,
            None => {
                let row = detached(py, || run.metric_row(keys))?;
                let mut rows = self.rows.write().unwrap_or_else(PoisonError::into_inner);
                if rows.len() < ROWS_MAX {
                    rows.push((keys.iter().map(|key| Box::from(*key)).collect(), row.clone()));
                }
                row
            }
        };
        log(&row)
    }
}
