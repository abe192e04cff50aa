//! Registered models: names for numbered versions, and aliases of these.

use pyo3::prelude::*;

use crate::convert::{tag_pairs, text};
use crate::detach::detached;
use crate::entity::{Entity as _, Object};
use crate::registry::Registry;
use crate::session::Handle;

/// A handle to a registered model, which stays valid when the model is renamed.
#[pyclass(frozen, module = "tracklite")]
pub(crate) struct RegisteredModel {
    pub(crate) handle: Handle<tracklite::registry::RegisteredModel>,
}

#[pymethods]
impl Registry {
    /// Registers a model, a name for versions.
    #[pyo3(signature = (name, *, description=None, tags=None))]
    fn create_model(
        &self,
        py: Python<'_>,
        name: &str,
        description: Option<&str>,
        tags: Option<&Bound<'_, PyAny>>,
    ) -> PyResult<RegisteredModel> {
        let mut builder = self.handle.get(py)?.new_model(name);
        if let Some(text) = description {
            builder = builder.description(text);
        }
        for (key, value) in tag_pairs(tags)? {
            builder = builder.tag(&key, value);
        }
        let model = detached(py, || builder.create())?;
        Ok(RegisteredModel { handle: self.handle.derive(py, model)? })
    }

    /// Returns a handle to the model with this name.
    fn model(&self, py: Python<'_>, name: &str) -> PyResult<RegisteredModel> {
        let handle = self.handle.call_derive(py, |registry| registry.model(name))?;
        Ok(RegisteredModel { handle })
    }
}

#[pymethods]
impl RegisteredModel {
    /// The name, as it is in the file now.
    #[getter]
    fn name(&self, py: Python<'_>) -> PyResult<String> {
        self.handle.call(py, tracklite::registry::RegisteredModel::name)
    }

    /// Returns everything that the file has about the model now.
    fn info<'py>(&self, py: Python<'py>) -> PyResult<Object<'py>> {
        self.handle.call(py, tracklite::registry::RegisteredModel::info)?.to_python(py)
    }

    /// Renames the model.
    fn rename(&self, py: Python<'_>, name: &str) -> PyResult<()> {
        self.handle.call(py, |model| model.rename(name))
    }

    /// Sets the description. None clears it.
    #[pyo3(signature = (text))]
    fn set_description(&self, py: Python<'_>, text: Option<&str>) -> PyResult<()> {
        self.handle.call(py, |model| model.set_description(text))
    }

    /// Deletes the model with all its versions. This cannot be undone.
    fn delete(&self, py: Python<'_>) -> PyResult<()> {
        self.handle.call(py, tracklite::registry::RegisteredModel::delete)
    }

    /// Sets a tag. Replaces an earlier value.
    fn set_tag(&self, py: Python<'_>, key: &str, value: &Bound<'_, PyAny>) -> PyResult<()> {
        let value = text(value)?;
        self.handle.call(py, |model| model.set_tag(key, value))
    }

    /// Deletes a tag.
    fn delete_tag(&self, py: Python<'_>, key: &str) -> PyResult<()> {
        self.handle.call(py, |model| model.delete_tag(key))
    }

    /// Points an alias to a version.
    ///
    /// With `expected`, moves the alias only if it points to that version (0 for no version), and
    /// raises `ConflictError` otherwise.
    #[pyo3(signature = (alias, version, *, expected=None))]
    fn set_alias(
        &self,
        py: Python<'_>,
        alias: &str,
        version: u64,
        expected: Option<u64>,
    ) -> PyResult<()> {
        self.handle.call(py, |model| match expected {
            None => model.set_alias(alias, version),
            Some(0) => model.move_alias(alias, None, version),
            expected => model.move_alias(alias, expected, version),
        })
    }

    /// Deletes an alias.
    fn delete_alias(&self, py: Python<'_>, alias: &str) -> PyResult<()> {
        self.handle.call(py, |model| model.delete_alias(alias))
    }

    fn __repr__(&self, py: Python<'_>) -> PyResult<String> {
        Ok(format!("RegisteredModel({:?})", self.name(py)?))
    }
}
