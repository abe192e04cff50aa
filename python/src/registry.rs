//! The registry: names for models, in catalogs and schemas where these are used.

use pyo3::prelude::*;
use tracklite::registry::RegistrySearch;

use crate::convert::text_list;
use crate::database::Database;
use crate::entity::{Object, to_page};
use crate::search::iterate;
use crate::session::Handle;

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
    pub(crate) handle: Handle<tracklite::registry::Registry>,
}

#[pymethods]
impl Database {
    /// Returns the registry of models.
    fn registry(&self, py: Python<'_>) -> PyResult<Registry> {
        Ok(Registry { handle: self.handle.call_derive(py, |database| Ok(database.registry()))? })
    }
}

#[pymethods]
impl Registry {
    /// Returns the registry with a current catalog and schema, which complete shorter names.
    fn with_current(&self, py: Python<'_>, catalog: &str, schema: &str) -> PyResult<Registry> {
        let with_current = |registry: &tracklite::registry::Registry| -> tracklite::Result<_> {
            Ok(registry.with_current(catalog, schema))
        };
        Ok(Registry { handle: self.handle.call_derive(py, with_current)? })
    }

    /// The mode: "plain", or "unity-catalog" where names have three levels.
    #[getter]
    fn mode(&self, py: Python<'_>) -> PyResult<&'static str> {
        Ok(self.handle.call(py, tracklite::registry::Registry::mode)?.as_str())
    }

    /// Switches to names with exactly three levels. This cannot be undone.
    fn use_unity_catalog(&self, py: Python<'_>) -> PyResult<()> {
        self.handle.call(py, tracklite::registry::Registry::use_unity_catalog)
    }

    /// Creates a catalog, the first level of names.
    fn create_catalog(&self, py: Python<'_>, name: &str) -> PyResult<()> {
        self.handle.call(py, |registry| registry.create_catalog(name, None).map(drop))
    }

    /// Creates a schema in a catalog, the second level of names.
    fn create_schema(&self, py: Python<'_>, catalog: &str, name: &str) -> PyResult<()> {
        self.handle.call(py, |registry| registry.create_schema(catalog, name, None).map(drop))
    }

    /// Returns where the files of a model are, for an address such as "models:/churn@champion".
    fn resolve(&self, py: Python<'_>, uri: &str) -> PyResult<String> {
        Ok(self.handle.call(py, |registry| registry.resolve(uri))?.location)
    }

    /// Searches registered models. Returns one page of `RegisteredModelInfo`.
    #[pyo3(signature = (filter="", *, order_by=None, max_results=None, page_token=None))]
    fn search_models<'py>(
        &self,
        py: Python<'py>,
        filter: &str,
        order_by: Option<&Bound<'_, PyAny>>,
        max_results: Option<usize>,
        page_token: Option<&str>,
    ) -> PyResult<Object<'py>> {
        let search = search(filter, order_by, max_results, page_token)?;
        let page = self.handle.call(py, |registry| registry.search_models(&search))?;
        to_page(py, &page.items, page.next_page_token)
    }

    /// Iterates over all registered models that a search finds. Reads them page by page.
    #[pyo3(signature = (filter="", *, order_by=None))]
    fn iter_models<'py>(
        slf: &Bound<'py, Self>,
        filter: &str,
        order_by: Option<&Bound<'py, PyAny>>,
    ) -> PyResult<Object<'py>> {
        iterate(slf.as_any(), "search_models", filter, &[("order_by", order_by)])
    }

    /// Searches the versions of all models. Returns one page of `ModelVersionInfo`.
    #[pyo3(signature = (filter="", *, order_by=None, max_results=None, page_token=None))]
    fn search_versions<'py>(
        &self,
        py: Python<'py>,
        filter: &str,
        order_by: Option<&Bound<'_, PyAny>>,
        max_results: Option<usize>,
        page_token: Option<&str>,
    ) -> PyResult<Object<'py>> {
        let search = search(filter, order_by, max_results, page_token)?;
        let page = self.handle.call(py, |registry| registry.search_versions(&search))?;
        to_page(py, &page.items, page.next_page_token)
    }

    /// Iterates over all versions that a search finds. Reads them page by page.
    #[pyo3(signature = (filter="", *, order_by=None))]
    fn iter_versions<'py>(
        slf: &Bound<'py, Self>,
        filter: &str,
        order_by: Option<&Bound<'py, PyAny>>,
    ) -> PyResult<Object<'py>> {
        iterate(slf.as_any(), "search_versions", filter, &[("order_by", order_by)])
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
