//! Artifacts, for the plug-in: files of runs, logged models and versions.

use std::fs::File;
use std::io;
use std::path::PathBuf;

use pyo3::prelude::*;
use tracklite::artifact::{ArtifactOwner, Artifacts};
use tracklite::{Database, Error, ErrorKind, LoggedModelId, Result, RunId};

use super::file::Store;
use super::values::registered_model_id;
use crate::detach::detached;

/// `run`, `model` or `version`, the ID of the run, logged model or registered model, and the number
/// of the version or 0.
type OwnerValue = (String, String, u64);

/// Path, whether it is a folder, size.
type FileValue = (String, bool, Option<u64>);

/// The artifacts of a file.
#[pyclass(frozen, module = "tracklite._tracklite")]
pub(crate) struct StoreArtifacts {
    database: Database,
}

#[pymethods]
impl StoreArtifacts {
    #[new]
    fn new(store: &Store) -> Self {
        StoreArtifacts { database: store.database.clone() }
    }

    /// Logs a local file as the artifact `path`.
    fn log_file(
        &self,
        py: Python<'_>,
        owner: OwnerValue,
        file: PathBuf,
        path: &str,
    ) -> PyResult<()> {
        detached(py, || self.of(&owner)?.log_file(file, path))
    }

    /// Logs the content of a local folder below `path`, which may be empty.
    fn log_folder(
        &self,
        py: Python<'_>,
        owner: OwnerValue,
        folder: PathBuf,
        path: &str,
    ) -> PyResult<()> {
        detached(py, || self.of(&owner)?.log_folder(folder, path))
    }

    /// Lists the files and folders directly in a folder. Empty for a file or a missing path.
    fn list(&self, py: Python<'_>, owner: OwnerValue, folder: &str) -> PyResult<Vec<FileValue>> {
        let list = || {
            let found = self.of(&owner)?.list(folder)?.into_iter();
            Ok(found.map(|info| (info.path, info.is_folder, info.size)).collect())
        };
        detached(py, list)
    }

    /// Copies one file to a local path, whose folder exists.
    fn download_file(
        &self,
        py: Python<'_>,
        owner: OwnerValue,
        path: &str,
        to: PathBuf,
    ) -> PyResult<()> {
        let download = || {
            let mut reader = self.of(&owner)?.open(path)?;
            let written = File::create(&to).and_then(|mut to| io::copy(&mut reader, &mut to));
            written.map(drop).map_err(|source| Error::io("writing a local copy", source))
        };
        detached(py, download)
    }

    /// Copies a file or the content of a folder to a local folder.
    fn download(
        &self,
        py: Python<'_>,
        owner: OwnerValue,
        path: &str,
        folder: PathBuf,
    ) -> PyResult<PathBuf> {
        detached(py, || self.of(&owner)?.download(path, folder))
    }

    /// Deletes a file, or a folder with its content. An empty path deletes everything.
    fn delete(&self, py: Python<'_>, owner: OwnerValue, path: &str) -> PyResult<()> {
        let delete = || {
            let artifacts = self.of(&owner)?;
            if !path.is_empty() {
                return artifacts.delete(path);
            }
            artifacts.list("")?.iter().try_for_each(|found| artifacts.delete(&found.path))
        };
        detached(py, delete)
    }
}

impl StoreArtifacts {
    fn of(&self, (kind, id, version): &OwnerValue) -> Result<Artifacts> {
        let owner = match kind.as_str() {
            "run" => ArtifactOwner::Run(RunId::lookup(id)?),
            "model" => ArtifactOwner::LoggedModel(LoggedModelId::lookup(id)?),
            "version" => {
                let (model, version) = (registered_model_id(id)?, *version);
                ArtifactOwner::ModelVersion { model, version }
            }
            other => {
                let message = format!("unknown owner {other:?}: expected run, model or version");
                return Err(Error::new(ErrorKind::InvalidInput, message));
            }
        };
        self.database.artifacts_of(owner)
    }
}
