//! The registry: names for models, numbered versions, aliases that are moved.

use pyo3::prelude::*;
use pyo3::types::PyList;
use tracklite::RegistrySearch;

use crate::convert::{text_list, texts};
use crate::detach::detached;
use crate::entity::told_list;
use crate::model_version::ModelVersion;
use crate::registered_model::RegisteredModel;

/// The registered models of a file.
///
/// >>> registry = database.registry()
/// >>> churn = registry.create_model("churn")
/// >>> first = churn.create_version("s3://models/churn/1")
/// >>> churn.set_alias("champion", first.version)
/// >>> registry.resolve("models:/churn@champion")
/// 's3://models/churn/1'
#[pyclass(frozen, module = "tracklite")]
pub(crate) struct Registry {
    pub(crate) inner: tracklite::Registry,
}

#[pymethods]
impl Registry {
    /// The same registry with a current catalog and schema, which complete shorter names.
    fn with_current(&self, catalog: &str, schema: &str) -> Registry {
        Registry { inner: self.inner.with_current(catalog, schema) }
    }

    /// "plain", or "unity-catalog": names have three levels.
    #[getter]
    fn mode(&self, py: Python<'_>) -> PyResult<&'static str> {
        Ok(detached(py, || self.inner.mode())?.as_str())
    }

    /// From here on names have exactly three levels; there is no way back.
    fn use_unity_catalog(&self, py: Python<'_>) -> PyResult<()> {
        detached(py, || self.inner.use_unity_catalog())
    }

    /// Create a catalog: the first level of names.
    fn create_catalog(&self, py: Python<'_>, name: &str) -> PyResult<()> {
        detached(py, || self.inner.create_catalog(name, None)).map(drop)
    }

    /// Create a schema of a catalog: the second level of names.
    fn create_schema(&self, py: Python<'_>, catalog: &str, name: &str) -> PyResult<()> {
        detached(py, || self.inner.create_schema(catalog, name, None)).map(drop)
    }

    /// Register a model: a name for versions.
    #[pyo3(signature = (name, *, description=None, tags=None))]
    fn create_model(
        &self,
        py: Python<'_>,
        name: &str,
        description: Option<&str>,
        tags: Option<&Bound<'_, PyAny>>,
    ) -> PyResult<RegisteredModel> {
        let mut builder = self.inner.new_model(name);
        if let Some(text) = description {
            builder = builder.description(text);
        }
        for (key, value) in tags.map(|it| texts(it, "tags")).transpose()?.unwrap_or_default() {
            builder = builder.tag(&key, value);
        }
        Ok(RegisteredModel { inner: detached(py, || builder.create())? })
    }

    /// The model of this name.
    fn model(&self, py: Python<'_>, name: &str) -> PyResult<RegisteredModel> {
        Ok(RegisteredModel { inner: detached(py, || self.inner.model(name))? })
    }

    /// One version of the model of this name, by its number or, as a text, by an alias.
    fn version(
        &self,
        py: Python<'_>,
        name: &str,
        version: &Bound<'_, PyAny>,
    ) -> PyResult<ModelVersion> {
        let model = detached(py, || self.inner.model(name))?;
        crate::registered_model::version_of(py, &model, version)
    }

    /// Where the files of a model are that an address such as "models:/churn@champion" names.
    fn resolve(&self, py: Python<'_>, uri: &str) -> PyResult<String> {
        Ok(detached(py, || self.inner.resolve(uri))?.location)
    }

    /// One page of the registered models that a search finds, and what asks for the next page.
    #[pyo3(signature = (filter="", *, order_by=None, max_results=None, page_token=None))]
    fn search_models<'py>(
        &self,
        py: Python<'py>,
        filter: &str,
        order_by: Option<&Bound<'_, PyAny>>,
        max_results: Option<usize>,
        page_token: Option<&str>,
    ) -> PyResult<(Bound<'py, PyList>, Option<String>)> {
        let search = search(filter, order_by, max_results, page_token)?;
        let page = detached(py, || self.inner.search_models(&search))?;
        Ok((told_list(py, &page.items)?, page.next_page_token))
    }

    /// One page of the versions of all models that a search finds, and what asks for the next.
    #[pyo3(signature = (filter="", *, order_by=None, max_results=None, page_token=None))]
    fn search_versions<'py>(
        &self,
        py: Python<'py>,
        filter: &str,
        order_by: Option<&Bound<'_, PyAny>>,
        max_results: Option<usize>,
        page_token: Option<&str>,
    ) -> PyResult<(Bound<'py, PyList>, Option<String>)> {
        let search = search(filter, order_by, max_results, page_token)?;
        let page = detached(py, || self.inner.search_versions(&search))?;
        Ok((told_list(py, &page.items)?, page.next_page_token))
    }

    fn __repr__(&self) -> String {
        String::from("Registry()")
    }
}

fn search(
    filter: &str,
    order_by: Option<&Bound<'_, PyAny>>,
    max_results: Option<usize>,
    page_token: Option<&str>,
) -> PyResult<RegistrySearch> {
    let mut search = RegistrySearch::new().filter(filter);
    search = search.page_token(page_token.unwrap_or_default());
    for field in order_by.map(text_list).transpose()?.unwrap_or_default() {
        search = search.order_by(field);
    }
    if let Some(count) = max_results {
        search = search.max_results(count);
    }
    Ok(search)
}
