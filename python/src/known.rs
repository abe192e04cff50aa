//! The metrics and rows that a run logged by name. Logging them again needs no lookup in the file.

use std::collections::HashMap;

use pyo3::prelude::*;
use pyo3::types::PyString;

use crate::detach::detached;
use crate::error::python_error;
use crate::session::Handle;

/// The maximum number of rows that are kept. A run has only a few kinds.
const ROWS_MAX: usize = 32;

/// Handles by name, gone when the database is closed.
pub(crate) struct Known {
    handles: Handle<KnownHandles>,
}

#[derive(Default)]
struct KnownHandles {
    metrics: HashMap<Box<str>, tracklite::Metric>,
    rows: Vec<KnownRow>,
}

struct KnownRow {
    /// The string objects that were its keys. A loop usually passes the same ones again.
    keys: Vec<Py<PyString>>,
    names: Vec<Box<str>>,
    row: tracklite::MetricRow,
}

impl KnownRow {
    fn has_keys(&self, keys: &[Bound<'_, PyString>]) -> bool {
        let is_same = |(known, key): (&Py<PyString>, &Bound<'_, PyString>)| known.is(key);
        self.keys.len() == keys.len() && self.keys.iter().zip(keys).all(is_same)
    }

    fn has_names(&self, names: &[&str]) -> bool {
        self.names.iter().map(AsRef::as_ref).eq(names.iter().copied())
    }
}

impl Known {
    pub(crate) fn new(py: Python<'_>, run: &Handle<tracklite::Run>) -> PyResult<Known> {
        Ok(Known { handles: run.derive(py, KnownHandles::default())? })
    }

    /// Logs with the handle of a metric, without releasing the interpreter lock: that would take
    /// longer than the call. If the call has to wait, `detach::wait_detached` releases the lock.
    /// The first call for a key defines the metric in the file, and releases the lock.
    pub(crate) fn with_metric(
        &self,
        py: Python<'_>,
        run: &Handle<tracklite::Run>,
        key: &str,
        log: impl Fn(&tracklite::Metric) -> tracklite::Result<()>,
    ) -> PyResult<()> {
        let found = self.handles.with(py, |known| known.metrics.get(key).cloned())?;
        if let Some(metric) = found {
            return log(&metric).map_err(|error| python_error(py, &error));
        }
        let metric = run.call(py, |run| run.metric(key))?;
        let logged = log(&metric);
        self.handles.with(py, |known| known.metrics.insert(Box::from(key), metric))?;
        logged.map_err(|error| python_error(py, &error))
    }

    /// Logs with the handle of a row of these keys, like [`Known::with_metric`].
    pub(crate) fn with_row(
        &self,
        py: Python<'_>,
        run: &Handle<tracklite::Run>,
        keys: &[Bound<'_, PyString>],
        log: impl Fn(&tracklite::MetricRow) -> tracklite::Result<()>,
    ) -> PyResult<()> {
        if let Some(row) = self.find_row(py, |known| known.has_keys(keys))? {
            return log(&row).map_err(|error| python_error(py, &error));
        }
        let names = keys.iter().map(|key| key.to_str()).collect::<PyResult<Vec<_>>>()?;
        if let Some(row) = self.find_row(py, |known| known.has_names(&names))? {
            return log(&row).map_err(|error| python_error(py, &error));
        }
        let run = run.get(py)?;
        let row = detached(py, || run.metric_row(&names))?;
        let logged = log(&row);
        let known = KnownRow {
            keys: keys.iter().map(|key| key.clone().unbind()).collect(),
            names: names.into_iter().map(Box::from).collect(),
            row,
        };
        self.handles.with(py, |handles| {
            if handles.rows.len() < ROWS_MAX {
                handles.rows.push(known);
            }
        })?;
        logged.map_err(|error| python_error(py, &error))
    }

    fn find_row(
        &self,
        py: Python<'_>,
        is_wanted: impl Fn(&KnownRow) -> bool,
    ) -> PyResult<Option<tracklite::MetricRow>> {
        self.handles.with(py, |known| {
            known.rows.iter().find(|known| is_wanted(known)).map(|known| known.row.clone())
        })
    }
}
