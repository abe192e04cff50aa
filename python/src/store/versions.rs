//! Versions of registered models, for the plug-in.

use pyo3::prelude::*;
use tracklite::artifact::ArtifactOwner;
use tracklite::registry::{ModelVersion, ModelVersionInfo, Registry};
use tracklite::{LoggedModelId, Result};

use super::file::Store;
use super::values::{VersionValue, optional_run_text, version_value};
use crate::detach::detached;

/// The versions of the registered models of a file.
#[pyclass(frozen, module = "tracklite._tracklite")]
pub(crate) struct StoreVersions {
    registry: Registry,
}

#[pymethods]
impl StoreVersions {
    #[new]
    fn new(store: &Store) -> Self {
        StoreVersions { registry: store.database.registry() }
    }

    /// Creates a version from `source`. `files` is the same place as an address in this file.
    #[expect(clippy::too_many_arguments, reason = "the facts of a new version")]
    fn create(
        &self,
        py: Python<'_>,
        name: &str,
        source: &str,
        files: &str,
        #[pyo3(from_py_with = optional_run_text)] run: Option<String>,
        run_link: Option<&str>,
        logged_model: Option<&str>,
        description: Option<&str>,
        tags: Vec<(String, String)>,
    ) -> PyResult<VersionValue> {
        let create = || {
            // MLflow's own store has no user of a version.
            let mut version =
                self.registry.model(name)?.new_version(source).files_at(files).user("");
            if let Some(run) = run {
                version = version.run(run);
            }
            if let Some(link) = run_link {
                version = version.run_link(link);
            }
            if let Some(model) = logged_model {
                version = version.logged_model(LoggedModelId::lookup(model)?);
            }
            if let Some(description) = description {
                version = version.description(description);
            }
            version = tags.iter().fold(version, |version, (key, value)| version.tag(key, value));
            version.create()?.info().map(version_value)
        };
        detached(py, create)
    }

    /// Returns the version with this number.
    fn get(&self, py: Python<'_>, name: &str, version: u64) -> PyResult<VersionValue> {
        detached(py, || self.info(name, version).map(version_value))
    }

    /// Returns the version to which an alias points.
    fn by_alias(&self, py: Python<'_>, name: &str, alias: &str) -> PyResult<VersionValue> {
        detached(py, || self.registry.version_info_by_alias(name, alias).map(version_value))
    }

    /// Sets or clears the description.
    fn describe(
        &self,
        py: Python<'_>,
        name: &str,
        version: u64,
        description: Option<&str>,
    ) -> PyResult<VersionValue> {
        let describe = || {
            let version = self.version(name, version)?;
            version.set_description(description)?;
            version.info().map(version_value)
        };
        detached(py, describe)
    }

    /// Moves the version to a stage. `archive` archives the others in that stage.
    fn transition(
        &self,
        py: Python<'_>,
        name: &str,
        version: u64,
        stage: &str,
        archive: bool,
    ) -> PyResult<VersionValue> {
        let transition = || {
            let version = self.version(name, version)?;
            version.transition_stage(stage.parse()?, archive)?;
            version.info().map(version_value)
        };
        detached(py, transition)
    }

    /// Deletes the version.
    fn delete(&self, py: Python<'_>, name: &str, version: u64) -> PyResult<()> {
        detached(py, || self.version(name, version)?.delete())
    }

    /// Sets a tag.
    fn set_tag(
        &self,
        py: Python<'_>,
        name: &str,
        version: u64,
        key: &str,
        value: &str,
    ) -> PyResult<()> {
        detached(py, || self.version(name, version)?.set_tag(key, value))
    }

    /// Deletes a tag, if it exists.
    fn delete_tag(&self, py: Python<'_>, name: &str, version: u64, key: &str) -> PyResult<()> {
        detached(py, || self.version(name, version)?.delete_tag(key))
    }

    /// Returns the place of its files: the ID of its model if it has files of its own, and the
    /// address of its source, in the engine's form if that is in this file.
    fn location(
        &self,
        py: Python<'_>,
        name: &str,
        version: u64,
    ) -> PyResult<(Option<String>, String)> {
        let location = || {
            let info = self.info(name, version)?;
            let owner = ArtifactOwner::ModelVersion { model: info.model, version: info.version };
            let is_pinned = !self.registry.database().artifacts_of(owner)?.list_all()?.is_empty();
            let model = format!("{:032x}", info.model.to_bits());
            Ok((is_pinned.then_some(model), info.location))
        };
        detached(py, location)
    }
}

impl StoreVersions {
    fn info(&self, name: &str, version: u64) -> Result<ModelVersionInfo> {
        self.registry.version_info(name, version)
    }

    fn version(&self, name: &str, version: u64) -> Result<ModelVersion> {
        self.registry.version(name, version)
    }
}
