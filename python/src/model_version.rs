//! Versions of registered models.

use pyo3::prelude::*;
use tracklite::{ModelStage, ModelVersionStatus};

use crate::convert::{text, word};
use crate::detach::detached;
use crate::entity::{Entity as _, Object};

/// A handle of one version of a registered model.
#[pyclass(frozen, module = "tracklite")]
pub(crate) struct ModelVersion {
    pub(crate) inner: tracklite::ModelVersion,
}

#[pymethods]
impl ModelVersion {
    /// The number, from 1.
    #[getter]
    fn version(&self) -> u64 {
        self.inner.version()
    }

    /// All that the file says of it now.
    fn info<'py>(&self, py: Python<'py>) -> PyResult<Object<'py>> {
        detached(py, || self.inner.info())?.told(py)
    }

    /// Say something of it, or nothing.
    #[pyo3(signature = (text))]
    fn set_description(&self, py: Python<'_>, text: Option<&str>) -> PyResult<()> {
        detached(py, || self.inner.set_description(text))
    }

    /// Set how far it has come.
    #[pyo3(signature = (status, *, message=None))]
    fn set_status(&self, py: Python<'_>, status: &str, message: Option<&str>) -> PyResult<()> {
        let status: ModelVersionStatus = word(py, status)?;
        detached(py, || self.inner.set_status(status, message))
    }

    /// Move it to a stage; with `archive_existing`, others in that stage are archived.
    #[pyo3(signature = (stage, *, archive_existing=false))]
    fn transition_stage(
        &self,
        py: Python<'_>,
        stage: &str,
        archive_existing: bool,
    ) -> PyResult<()> {
        let stage: ModelStage = word(py, stage)?;
        detached(py, || self.inner.transition_stage(stage, archive_existing))
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

    /// Delete it, for good.
    fn delete(&self, py: Python<'_>) -> PyResult<()> {
        detached(py, || self.inner.delete())
    }

    /// Copy it to another registered model, which is created when there is none.
    fn copy_to(&self, py: Python<'_>, name: &str) -> PyResult<ModelVersion> {
        Ok(ModelVersion { inner: detached(py, || self.inner.copy_to(name))? })
    }

    fn __repr__(&self) -> String {
        format!("ModelVersion({})", self.inner.version())
    }
}
