//! The metrics and rows of a run that were logged by name, so that the next time costs no search.

use std::collections::HashMap;
use std::sync::{PoisonError, RwLock};

use pyo3::prelude::*;
use pyo3::types::PyString;

use crate::detach::detached;
use crate::error::python_error;

/// So many kinds of rows are kept; a run has a few.
const ROWS_MAX: usize = 32;

/// Handles by name.
///
/// The locks are held by whoever holds the interpreter, and never while it is let go of or runs
/// code of Python: so no other thread can hold them when the process forks.
#[derive(Default)]
pub(crate) struct Known {
    metrics: RwLock<HashMap<Box<str>, tracklite::Metric>>,
    rows: RwLock<Vec<KnownRow>>,
}

struct KnownRow {
    /// The very texts that were its keys: in a loop they most often come again.
    texts: Vec<Py<PyString>>,
    names: Vec<Box<str>>,
    row: tracklite::MetricRow,
}

impl KnownRow {
    fn has_texts(&self, keys: &[Bound<'_, PyString>]) -> bool {
        let is_it = |(known, key): (&Py<PyString>, &Bound<'_, PyString>)| known.is(key);
        self.texts.len() == keys.len() && self.texts.iter().zip(keys).all(is_it)
    }

    fn has_names(&self, names: &[&str]) -> bool {
        self.names.iter().map(AsRef::as_ref).eq(names.iter().copied())
    }
}

impl Known {
    /// Logs with the handle of a metric, without letting go of the interpreter: it takes less time
    /// than that would, and where it does not, `detach::waiting` lets go of it. The first time the
    /// metric is defined in the file, and then the interpreter is let go of.
    pub(crate) fn with_metric(
        &self,
        py: Python<'_>,
        run: &tracklite::Run,
        key: &str,
        log: impl Fn(&tracklite::Metric) -> tracklite::Result<()>,
    ) -> PyResult<()> {
        let found = {
            let metrics = self.metrics.read().unwrap_or_else(PoisonError::into_inner);
            metrics.get(key).cloned()
        };
        if let Some(metric) = found {
            return log(&metric).map_err(|error| python_error(py, &error));
        }
        let metric = detached(py, || run.metric(key))?;
        let logged = log(&metric);
        {
            let mut metrics = self.metrics.write().unwrap_or_else(PoisonError::into_inner);
            metrics.insert(Box::from(key), metric);
        }
        logged.map_err(|error| python_error(py, &error))
    }

    /// Logs with the handle of a row of these keys, as [`Known::with_metric`].
    pub(crate) fn with_row(
        &self,
        py: Python<'_>,
        run: &tracklite::Run,
        keys: &[Bound<'_, PyString>],
        log: impl Fn(&tracklite::MetricRow) -> tracklite::Result<()>,
    ) -> PyResult<()> {
        if let Some(row) = self.row(|known| known.has_texts(keys)) {
            return log(&row).map_err(|error| python_error(py, &error));
        }
        let names = keys.iter().map(|key| key.to_str()).collect::<PyResult<Vec<_>>>()?;
        if let Some(row) = self.row(|known| known.has_names(&names)) {
            return log(&row).map_err(|error| python_error(py, &error));
        }
        let row = detached(py, || run.metric_row(&names))?;
        let logged = log(&row);
        let known = KnownRow {
            texts: keys.iter().map(|key| key.clone().unbind()).collect(),
            names: names.into_iter().map(Box::from).collect(),
            row,
        };
        {
            let mut rows = self.rows.write().unwrap_or_else(PoisonError::into_inner);
            if rows.len() < ROWS_MAX {
                rows.push(known);
            }
        }
        logged.map_err(|error| python_error(py, &error))
    }

    fn row(&self, is_it: impl Fn(&KnownRow) -> bool) -> Option<tracklite::MetricRow> {
        let rows = self.rows.read().unwrap_or_else(PoisonError::into_inner);
        rows.iter().find(|known| is_it(known)).map(|known| known.row.clone())
    }
}
