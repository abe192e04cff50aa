//! Versions of registered models.

use pyo3::prelude::*;
use pyo3::types::{PyList, PyString};
use tracklite::registry::{ModelStage, ModelVersionStatus};

use crate::convert::{choice, logged_model_id, run_text, tag_pairs, text};
use crate::detach::detached;
use crate::entity::{Entity as _, Object, to_list};
use crate::registered_model::RegisteredModel;
use crate::registry::Registry;
use crate::session::Handle;

/// A handle to one version of a registered model.
#[pyclass(frozen, module = "tracklite")]
pub(crate) struct ModelVersion {
    handle: Handle<tracklite::registry::ModelVersion>,
    number: u64,
}

impl ModelVersion {
    /// Gets a version from another handle of the same database.
    fn get<T: Clone + Send + 'static>(
        py: Python<'_>,
        owner: &Handle<T>,
        get: impl FnOnce(&T) -> tracklite::Result<tracklite::registry::ModelVersion> + Send,
    ) -> PyResult<ModelVersion> {
        let version = owner.call(py, get)?;
        let number = version.version();
        Ok(ModelVersion { handle: owner.derive(py, version)?, number })
    }
}

/// A version by its number or an alias.
enum Wanted {
    Number(u64),
    Alias(String),
}

impl Wanted {
    fn new(version: &Bound<'_, PyAny>) -> PyResult<Wanted> {
        match version.cast::<PyString>() {
            Ok(alias) => Ok(Wanted::Alias(alias.to_cow()?.into_owned())),
            Err(_) => Ok(Wanted::Number(version.extract()?)),
        }
    }

    fn of(
        &self,
        model: &tracklite::registry::RegisteredModel,
    ) -> tracklite::Result<tracklite::registry::ModelVersion> {
        match self {
            Wanted::Number(number) => model.version(*number),
            Wanted::Alias(alias) => model.version_by_alias(alias),
        }
    }
}

#[pymethods]
impl Registry {
    /// Returns a version of the model with this name: by its number or, if `version` is a `str`,
    /// by an alias.
    fn version(
        &self,
        py: Python<'_>,
        name: &str,
        version: &Bound<'_, PyAny>,
    ) -> PyResult<ModelVersion> {
        let wanted = Wanted::new(version)?;
        ModelVersion::get(py, &self.handle, |registry| match &wanted {
            Wanted::Number(number) => registry.version(name, *number),
            Wanted::Alias(alias) => registry.version_by_alias(name, alias),
        })
    }
}

#[pymethods]
impl RegisteredModel {
    /// Creates the next version.
    ///
    /// `source` is where its files are: the address of a logged model, such as "models:/m-...",
    /// of the artifacts of a run, or of any other place. `run` is a run, its ID, or any text that
    /// names one elsewhere.
    #[pyo3(signature = (source, *, run=None, run_link=None, logged_model=None, description=None,
                        tags=None, user=None, status=None, signature=None))]
    #[expect(clippy::too_many_arguments, reason = "each argument is a keyword in Python")]
    fn create_version(
        &self,
        py: Python<'_>,
        source: &str,
        run: Option<&Bound<'_, PyAny>>,
        run_link: Option<&str>,
        logged_model: Option<&Bound<'_, PyAny>>,
        description: Option<&str>,
        tags: Option<&Bound<'_, PyAny>>,
        user: Option<&str>,
        status: Option<&str>,
        signature: Option<&str>,
    ) -> PyResult<ModelVersion> {
        let model = self.handle.get(py)?;
        let mut builder = model.new_version(source);
        if let Some(run) = run {
            builder = builder.run(run_text(run)?);
        }
        if let Some(link) = run_link {
            builder = builder.run_link(link);
        }
        if let Some(model) = logged_model {
            builder = builder.logged_model(logged_model_id(model)?);
        }
        if let Some(text) = description {
            builder = builder.description(text);
        }
        for (key, value) in tag_pairs(tags)? {
            builder = builder.tag(&key, value);
        }
        if let Some(user) = user {
            builder = builder.user(user);
        }
        if let Some(status) = status {
            builder = builder.status(choice::<ModelVersionStatus>(py, status)?);
        }
        if let Some(json) = signature {
            builder = builder.signature(crate::convert::signature(py, json)?);
        }
        let version = detached(py, || builder.create())?;
        ModelVersion::get(py, &self.handle, |_| Ok(version))
    }

    /// Returns a version: by its number or, if `version` is a `str`, by an alias.
    fn version(&self, py: Python<'_>, version: &Bound<'_, PyAny>) -> PyResult<ModelVersion> {
        let wanted = Wanted::new(version)?;
        ModelVersion::get(py, &self.handle, |model| wanted.of(model))
    }

    /// Returns all versions by number.
    fn versions<'py>(&self, py: Python<'py>) -> PyResult<Bound<'py, PyList>> {
        to_list(py, &self.handle.call(py, tracklite::registry::RegisteredModel::versions)?)
    }
}

#[pymethods]
impl ModelVersion {
    /// The number, from 1.
    #[getter]
    fn version(&self) -> u64 {
        self.number
    }

    /// Returns everything that the file has about the version now.
    fn info<'py>(&self, py: Python<'py>) -> PyResult<Object<'py>> {
        self.handle.call(py, tracklite::registry::ModelVersion::info)?.to_python(py)
    }

    /// Sets the description. None clears it.
    #[pyo3(signature = (text))]
    fn set_description(&self, py: Python<'_>, text: Option<&str>) -> PyResult<()> {
        self.handle.call(py, |version| version.set_description(text))
    }

    /// Sets the status: "PENDING_REGISTRATION", "FAILED_REGISTRATION" or "READY".
    #[pyo3(signature = (status, *, message=None))]
    fn set_status(&self, py: Python<'_>, status: &str, message: Option<&str>) -> PyResult<()> {
        let status: ModelVersionStatus = choice(py, status)?;
        self.handle.call(py, |version| version.set_status(status, message))
    }

    /// Moves the version to a stage. `archive_existing` archives the others in that stage.
    #[pyo3(signature = (stage, *, archive_existing=false))]
    fn transition_stage(
        &self,
        py: Python<'_>,
        stage: &str,
        archive_existing: bool,
    ) -> PyResult<()> {
        let stage: ModelStage = choice(py, stage)?;
        self.handle.call(py, |version| version.transition_stage(stage, archive_existing))
    }

    /// Sets a tag. Replaces an earlier value.
    fn set_tag(&self, py: Python<'_>, key: &str, value: &Bound<'_, PyAny>) -> PyResult<()> {
        let value = text(value)?;
        self.handle.call(py, |version| version.set_tag(key, value))
    }

    /// Deletes a tag.
    fn delete_tag(&self, py: Python<'_>, key: &str) -> PyResult<()> {
        self.handle.call(py, |version| version.delete_tag(key))
    }

    /// Deletes the version. This cannot be undone.
    fn delete(&self, py: Python<'_>) -> PyResult<()> {
        self.handle.call(py, tracklite::registry::ModelVersion::delete)
    }

    /// Copies the version to another registered model. Creates that model if it does not exist.
    fn copy_to(&self, py: Python<'_>, name: &str) -> PyResult<ModelVersion> {
        ModelVersion::get(py, &self.handle, |version| version.copy_to(name))
    }

    fn __repr__(&self) -> String {
        format!("ModelVersion({})", self.number)
    }
}
