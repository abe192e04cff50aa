//! Registered models, for the plug-in.

use pyo3::prelude::*;
use tracklite::{ModelStage, RegisteredModel, Registry, RegistrySearch, Result};

use super::Store;
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

    /// Create a registered model.
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

    /// The registered model.
    fn get(&self, py: Python<'_>, name: &str) -> PyResult<RegisteredModelValue> {
        detached(py, || self.model(name)?.info().map(registered_model_value))
    }

    /// Say something else of it, or nothing.
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

    /// Give it another name.
    fn rename(&self, py: Python<'_>, name: &str, new_name: &str) -> PyResult<RegisteredModelValue> {
        let rename = || {
            let model = self.model(name)?;
            model.rename(new_name)?;
            model.info().map(registered_model_value)
        };
        detached(py, rename)
    }

    /// Delete it with all its versions.
    fn delete(&self, py: Python<'_>, name: &str) -> PyResult<()> {
        detached(py, || self.model(name)?.delete())
    }

    /// Set a tag.
    fn set_tag(&self, py: Python<'_>, name: &str, key: &str, value: &str) -> PyResult<()> {
        detached(py, || self.model(name)?.set_tag(key, value))
    }

    /// Delete a tag, if there is one.
    fn delete_tag(&self, py: Python<'_>, name: &str, key: &str) -> PyResult<()> {
        detached(py, || self.model(name)?.delete_tag(key))
    }

    /// Make an alias name a version.
    fn set_alias(&self, py: Python<'_>, name: &str, alias: &str, version: u64) -> PyResult<()> {
        detached(py, || self.model(name)?.set_alias(alias, version))
    }

    /// Delete an alias, if there is one.
    fn delete_alias(&self, py: Python<'_>, name: &str, alias: &str) -> PyResult<()> {
        detached(py, || self.model(name)?.delete_alias(alias))
    }

    /// The highest version of each of these stages, of all when none are given.
    fn latest_versions(
        &self,
        py: Python<'_>,
        name: &str,
        stages: Vec<String>,
    ) -> PyResult<Vec<VersionValue>> {
        let latest = || {
            let stages = stages.iter().map(|it| it.parse()).collect::<Result<Vec<ModelStage>>>()?;
            let found = self.model(name)?.latest_versions(&stages)?;
            Ok(found.into_iter().map(version_value).collect())
        };
        detached(py, latest)
    }

    /// A page of the registered models that a filter finds, in an order.
    fn search(
        &self,
        py: Python<'_>,
        filter: &str,
        max_results: usize,
        order: Vec<String>,
        token: &str,
    ) -> PyResult<PageValue<RegisteredModelValue>> {
        let search = || {
            let page = self.registry.search_models(&sought(filter, max_results, order, token))?;
            Ok((page.items.into_iter().map(registered_model_value).collect(), page.next_page_token))
        };
        detached(py, search)
    }

    /// A page of the versions that a filter finds, in an order.
    fn search_versions(
        &self,
        py: Python<'_>,
        filter: &str,
        max_results: usize,
        order: Vec<String>,
        token: &str,
    ) -> PyResult<PageValue<VersionValue>> {
        let search = || {
            let page = self.registry.search_versions(&sought(filter, max_results, order, token))?;
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

fn sought(filter: &str, max_results: usize, order: Vec<String>, token: &str) -> RegistrySearch {
    let search = RegistrySearch::new().filter(filter).max_results(max_results).page_token(token);
    order.into_iter().fold(search, RegistrySearch::order_by)
}
