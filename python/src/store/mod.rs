//! What the plug-in for MLflow is made of: classes that take and give plain values of Python.
//!
//! Times are in milliseconds, ids are texts, and an entity is a tuple, whose fields `values.rs`
//! names. Nothing here knows MLflow: rules of its own stand in `python/tracklite/mlflow`.

mod artifacts;
mod experiments;
mod histories;
mod logged_models;
mod registry;
mod runs;
mod values;
mod versions;

use std::path::PathBuf;

use pyo3::prelude::*;
use tracklite::{Database, Deleted, Error, ErrorKind, ExperimentId, Limits, Result, Timestamp};

pub(crate) use self::artifacts::StoreArtifacts;
pub(crate) use self::experiments::StoreExperiments;
pub(crate) use self::histories::StoreHistories;
pub(crate) use self::logged_models::StoreLoggedModels;
pub(crate) use self::registry::StoreRegistry;
pub(crate) use self::runs::StoreRuns;
use self::values::{DeletedValue, logged_model_id, run_id};
pub(crate) use self::versions::StoreVersions;
use crate::detach::{builder, detached};

/// An open file, for the classes that are made of it.
#[pyclass(frozen, module = "tracklite._tracklite")]
pub(crate) struct Store {
    pub(crate) database: Database,
}

#[pymethods]
impl Store {
    /// Open the file; with `create` it is made when there is none.
    #[staticmethod]
    fn open(py: Python<'_>, path: PathBuf, create: bool) -> PyResult<Store> {
        let open = || {
            // MLflow checks lengths by rules of its own, and cuts texts that the engine refuses.
            builder().create(create).limits(Limits::unlimited()).open(path)
        };
        Ok(Store { database: detached(py, open)? })
    }

    /// The file's address: `tracklite://` and its absolute path, escaped.
    #[getter]
    fn address(&self) -> String {
        self.database.address()
    }

    /// What was marked deleted at this time or before: runs, experiments and logged models.
    fn deleted_before(&self, py: Python<'_>, time: i64) -> PyResult<DeletedValue> {
        let deleted = detached(py, || self.database.deleted_before(milliseconds(time)?))?;
        Ok((
            deleted.runs.iter().map(ToString::to_string).collect(),
            deleted.experiments.iter().map(|id| id.get()).collect(),
            deleted.logged_models.iter().map(ToString::to_string).collect(),
        ))
    }

    /// Purge what is marked deleted of these, and give its space back; gives how many bytes.
    fn purge(&self, py: Python<'_>, deleted: DeletedValue) -> PyResult<u64> {
        let (runs, experiments, models) = deleted;
        let purge = || {
            let chosen = Deleted {
                runs: runs.iter().map(|id| run_id(id)).collect::<Result<_>>()?,
                experiments: experiments.into_iter().map(ExperimentId::new).collect(),
                logged_models: models
                    .iter()
                    .map(|id| logged_model_id(id))
                    .collect::<Result<_>>()?,
            };
            Ok(self.database.purge(&chosen)?.freed_bytes)
        };
        detached(py, purge)
    }

    /// Wait until all that was logged survives a power cut.
    fn sync(&self, py: Python<'_>) -> PyResult<()> {
        detached(py, || self.database.sync())
    }
}

/// An instant of MLflow's.
fn milliseconds(time: i64) -> Result<Timestamp> {
    Timestamp::from_millis(time)
}

/// The word of a view: `active`, `deleted` or `all`.
fn view(word: &str) -> Result<tracklite::View> {
    match word {
        "active" => Ok(tracklite::View::ActiveOnly),
        "deleted" => Ok(tracklite::View::DeletedOnly),
        "all" => Ok(tracklite::View::All),
        other => {
            let message = format!("{other:?} is no view: active, deleted or all");
            Err(Error::new(ErrorKind::InvalidInput, message))
        }
    }
}
