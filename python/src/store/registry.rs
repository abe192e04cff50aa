//! Registered models, for the plug-in.

use pyo3::prelude::*;
use tracklite::Result;
use tracklite::registry::{ModelStage, RegisteredModel, Registry, RegistrySearch};

use super::file::Store;
use super::values::{
    PageValue, RegisteredModelValue, VersionValue, registered_model_value, version_value,
};
use crate::detach::detached;

/// The registered models of a file.
#[pyclass(frozen, module = "tracklite._tracklite")]
pub(crate) struct StoreRegistry {
    registry: Registry,
}

#[pymethods]
impl StoreRegistry {
    #[new]
    fn new(store: &Store) -> Self {
        StoreRegistry { registry: store.database.registry() }
    }

    /// Creates a registered model.
    fn create(
        &self,
        py: Python<'_>,
        name: &str,
        description: Option<&str>,
        tags: Vec<(String, String)>,
    ) -> PyResult<RegisteredModelValue> {
        let create = || {
            let mut model = self.registry.new_model(name);
            if let Some(description) = description {
                model = model.description(description);
            }
            model = tags.iter().fold(model, |model, (key, value)| model.tag(key, value));
            model.create()?.info().map(registered_model_value)
        };
        detached(py, create)
    }

    /// Returns the registered model.
    fn get(&self, py: Python<'_>, name: &str) -> PyResult<RegisteredModelValue> {
        detached(py, || self.model(name)?.info().map(registered_model_value))
    }

    /// Sets or clears the description.
    fn describe(
        &self,
        py: Python<'_>,
        name: &str,
        description: Option<&str>,
    ) -> PyResult<RegisteredModelValue> {
        let describe = || {
            let model = self.model(name)?;
            model.set_description(description)?;
            model.info().map(registered_model_value)
        };
        detached(py, describe)
    }

    /// Renames the model.
    fn rename(&self, py: Python<'_>, name: &str, new_name: &str) -> PyResult<RegisteredModelValue> {
        let rename = || {
            let model = self.model(name)?;
            model.rename(new_name)?;
            model.info().map(registered_model_value)
        };
        detached(py, rename)
    }

    /// Deletes the model with all its versions.
    fn delete(&self, py: Python<'_>, name: &str) -> PyResult<()> {
        detached(py, || self.model(name)?.delete())
    }

    /// Sets a tag.
    fn set_tag(&self, py: Python<'_>, name: &str, key: &str, value: &str) -> PyResult<()> {
        detached(py, || self.model(name)?.set_tag(key, value))
    }

    /// Deletes a tag, if it exists.
    fn delete_tag(&self, py: Python<'_>, name: &str, key: &str) -> PyResult<()> {
        detached(py, || self.model(name)?.delete_tag(key))
    }

    /// Points an alias to a version.
    fn set_alias(&self, py: Python<'_>, name: &str, alias: &str, version: u64) -> PyResult<()> {
        detached(py, || self.registry.set_alias(name, alias, version))
    }

    /// Deletes an alias, if it exists.
    fn delete_alias(&self, py: Python<'_>, name: &str, alias: &str) -> PyResult<()> {
        detached(py, || self.model(name)?.delete_alias(alias))
    }

    /// Returns the highest version in each of these stages. Without stages, in all of them.
    fn latest_versions(
        &self,
        py: Python<'_>,
        name: &str,
        stages: Vec<String>,
    ) -> PyResult<Vec<VersionValue>> {
        let latest = || {
            let stages =
                stages.iter().map(|stage| stage.parse()).collect::<Result<Vec<ModelStage>>>()?;
            let found = self.model(name)?.latest_versions(&stages)?;
            Ok(found.into_iter().map(version_value).collect())
        };
        detached(py, latest)
    }

    /// Searches registered models. Returns one page.
    fn search(
        &self,
        py: Python<'_>,
        filter: &str,
        max_results: usize,
        order: Vec<String>,
        token: &str,
    ) -> PyResult<PageValue<RegisteredModelValue>> {
        let search = || {
            let page =
                self.registry.search_models(&search_of(filter, max_results, order, token))?;
            Ok((page.items.into_iter().map(registered_model_value).collect(), page.next_page_token))
        };
        detached(py, search)
    }

    /// Searches versions. Returns one page.
    fn search_versions(
        &self,
        py: Python<'_>,
        filter: &str,
        max_results: usize,
        order: Vec<String>,
        token: &str,
    ) -> PyResult<PageValue<VersionValue>> {
        let search = || {
            let page =
                self.registry.search_versions(&search_of(filter, max_results, order, token))?;
            Ok((page.items.into_iter().map(version_value).collect(), page.next_page_token))
        };
        detached(py, search)
    }
}

impl StoreRegistry {
    fn model(&self, name: &str) -> Result<RegisteredModel> {
        self.registry.model(name)
    }
}

fn search_of(filter: &str, max_results: usize, order: Vec<String>, token: &str) -> RegistrySearch {
    let search = RegistrySearch::new().filter(filter).max_results(max_results).page_token(token);
    order.into_iter().fold(search, RegistrySearch::order_by)
}
