//! The open file, for the plug-in, and converters that its classes share.

use std::path::PathBuf;

use pyo3::prelude::*;
use tracklite::upkeep::Deleted;
use tracklite::{
    Database, Error, ErrorKind, ExperimentId, Limits, LoggedModelId, Result, RunId, Timestamp,
};

use super::values::DeletedValue;
use crate::detach::{builder, detached};

/// An open file, from which the other classes here are created.
#[pyclass(frozen, module = "tracklite._tracklite")]
pub(crate) struct Store {
    pub(crate) database: Database,
}

#[pymethods]
impl Store {
    /// Opens a file. With `create`, creates it if it does not exist.
    #[staticmethod]
    fn open(py: Python<'_>, path: PathBuf, create: bool) -> PyResult<Store> {
        let open = || {
            // MLflow has its own limits, and truncates texts that the engine would reject.
            builder().create(create).limits(Limits::unlimited()).open(path)
        };
        Ok(Store { database: detached(py, open)? })
    }

    /// The address of the file: `tracklite://` and its absolute path, escaped.
    #[getter]
    fn address(&self) -> String {
        self.database.address()
    }

    /// Returns the runs, experiments and logged models that were deleted at this time or before.
    fn deleted_before(&self, py: Python<'_>, time: i64) -> PyResult<DeletedValue> {
        // MLflow compares whole milliseconds, so all of the last one counts.
        let end = milliseconds(time).map(|time| time.as_nanos().saturating_add(999_999));
        let deleted = detached(py, || self.database.deleted_before(Timestamp::from_nanos(end?)))?;
        Ok((
            deleted.runs.iter().map(ToString::to_string).collect(),
            deleted.experiments.iter().map(|id| id.get()).collect(),
            deleted.logged_models.iter().map(ToString::to_string).collect(),
        ))
    }

    /// Purges those of these that are marked deleted, and returns the number of bytes freed.
    fn purge(&self, py: Python<'_>, deleted: DeletedValue) -> PyResult<u64> {
        let (runs, experiments, models) = deleted;
        let purge = || {
            let chosen = Deleted {
                runs: runs.iter().map(|id| RunId::lookup(id)).collect::<Result<_>>()?,
                experiments: experiments.into_iter().map(ExperimentId::new).collect(),
                logged_models: models
                    .iter()
                    .map(|id| LoggedModelId::lookup(id))
                    .collect::<Result<_>>()?,
            };
            Ok(self.database.purge(&chosen)?.freed_bytes)
        };
        detached(py, purge)
    }

    /// Waits until everything logged is durable.
    fn sync(&self, py: Python<'_>) -> PyResult<()> {
        detached(py, || self.database.sync())
    }
}

/// Converts a time of MLflow.
pub(super) fn milliseconds(time: i64) -> Result<Timestamp> {
    Timestamp::from_millis(time)
}

/// Converts a view: `active`, `deleted` or `all`.
pub(super) fn view(text: &str) -> Result<tracklite::View> {
    match text {
        "active" => Ok(tracklite::View::ActiveOnly),
        "deleted" => Ok(tracklite::View::DeletedOnly),
        "all" => Ok(tracklite::View::All),
        other => {
            let message = format!("unknown view {other:?}: expected active, deleted or all");
            Err(Error::new(ErrorKind::InvalidInput, message))
        }
    }
}
