//! Registered models: a name for numbered versions, and aliases of them.

use pyo3::prelude::*;
use pyo3::types::{PyList, PyString};
use tracklite::ModelVersionStatus;

use crate::convert::{logged_model_id, run_id, text, texts, word};
use crate::detach::detached;
use crate::entity::{Entity as _, Object, told_list};
use crate::logged_model::signature;
use crate::model_version::ModelVersion;

/// A handle of a registered model, which stays when it is renamed.
#[pyclass(frozen, module = "tracklite")]
pub(crate) struct RegisteredModel {
    pub(crate) inner: tracklite::RegisteredModel,
}

/// A version by its number, or by an alias when it is a text.
pub(crate) fn version_of(
    py: Python<'_>,
    model: &tracklite::RegisteredModel,
    version: &Bound<'_, PyAny>,
) -> PyResult<ModelVersion> {
    let inner = match version.cast::<PyString>() {
        Ok(alias) => {
            let alias = alias.to_cow()?;
            detached(py, || model.version_by_alias(&alias))?
        }
        Err(_) => {
            let number: u64 = version.extract()?;
            detached(py, || model.version(number))?
        }
    };
    Ok(ModelVersion { inner })
}

#[pymethods]
impl RegisteredModel {
    /// The name, as it is in the file now.
    #[getter]
    fn name(&self, py: Python<'_>) -> PyResult<String> {
        detached(py, || self.inner.name())
    }

    /// All that the file says of it now.
    fn info<'py>(&self, py: Python<'py>) -> PyResult<Object<'py>> {
        detached(py, || self.inner.info())?.told(py)
    }

    /// Give it another name.
    fn rename(&self, py: Python<'_>, name: &str) -> PyResult<()> {
        detached(py, || self.inner.rename(name))
    }

    /// Say something of it, or nothing.
    #[pyo3(signature = (text))]
    fn set_description(&self, py: Python<'_>, text: Option<&str>) -> PyResult<()> {
        detached(py, || self.inner.set_description(text))
    }

    /// Delete it with all its versions, for good.
    fn delete(&self, py: Python<'_>) -> PyResult<()> {
        detached(py, || self.inner.delete())
    }

    /// Set a tag, whatever it was before.
    fn set_tag(&self, py: Python<'_>, key: &str, value: &Bound<'_, PyAny>) -> PyResult<()> {
        let value = text(value)?;
        detached(py, || self.inner.set_tag(key, value))
    }

    /// Delete a tag.
    fn delete_tag(&self, py: Python<'_>, key: &str) -> PyResult<()> {
        detached(py, || self.inner.delete_tag(key))
    }

    /// Create the next version; `source` is where its files are: an address of a logged model,
    /// such as "models:/m-...", of the artifacts of a run, or of anything outside.
    #[pyo3(signature = (source, *, run=None, run_link=None, logged_model=None, description=None,
                        tags=None, user=None, status=None, signature=None))]
    #[expect(clippy::too_many_arguments, reason = "each is a keyword of its own in Python")]
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
        let mut builder = self.inner.new_version(source);
        if let Some(run) = run {
            builder = builder.run(run_id(run)?);
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
        for (key, value) in tags.map(|it| texts(it, "tags")).transpose()?.unwrap_or_default() {
            builder = builder.tag(&key, value);
        }
        if let Some(user) = user {
            builder = builder.user(user);
        }
        if let Some(status) = status {
            builder = builder.status(word::<ModelVersionStatus>(py, status)?);
        }
        if let Some(json) = signature {
            builder = builder.signature(self::signature(py, json)?);
        }
        Ok(ModelVersion { inner: detached(py, || builder.create())? })
    }

    /// One version, by its number or, as a text, by an alias.
    fn version(&self, py: Python<'_>, version: &Bound<'_, PyAny>) -> PyResult<ModelVersion> {
        version_of(py, &self.inner, version)
    }

    /// All versions, by number.
    fn versions<'py>(&self, py: Python<'py>) -> PyResult<Bound<'py, PyList>> {
        told_list(py, &detached(py, || self.inner.versions())?)
    }

    /// Make an alias name a version, whatever it named before. With `expected`, only if it named
    /// that version (0: none) until now; else it is a `ConflictError`.
    #[pyo3(signature = (alias, version, *, expected=None))]
    fn set_alias(
        &self,
        py: Python<'_>,
        alias: &str,
        version: u64,
        expected: Option<u64>,
    ) -> PyResult<()> {
        detached(py, || match expected {
            None => self.inner.set_alias(alias, version),
            Some(0) => self.inner.move_alias(alias, None, version),
            expected => self.inner.move_alias(alias, expected, version),
        })
    }

    /// Delete an alias.
    fn delete_alias(&self, py: Python<'_>, alias: &str) -> PyResult<()> {
        detached(py, || self.inner.delete_alias(alias))
    }

    fn __repr__(&self, py: Python<'_>) -> PyResult<String> {
        Ok(format!("RegisteredModel({:?})", self.name(py)?))
    }
}
