//! Folders of experiments, and the levels above models.

use pyo3::prelude::*;

use crate::database::Database;
use crate::registry::Registry;

#[pymethods]
impl Database {
    /// Creates a folder, and those above it. Does nothing if it exists.
    ///
    /// Folders above experiments need not be created.
    ///
    /// >>> database.create_folder("/Shared/plans")
    /// >>> database.folders()
    /// ['/Shared', '/Shared/plans']
    fn create_folder(&self, py: Python<'_>, path: &str) -> PyResult<()> {
        self.handle.call(py, |database| database.create_folder(path))
    }

    /// Deletes an empty folder that was created.
    fn delete_folder(&self, py: Python<'_>, path: &str) -> PyResult<()> {
        self.handle.call(py, |database| database.delete_folder(path))
    }

    /// Returns the folders that were created, sorted.
    fn folders(&self, py: Python<'_>) -> PyResult<Vec<String>> {
        self.handle.call(py, tracklite::Database::folders)
    }
}

#[pymethods]
impl Registry {
    /// Returns the names of the catalogs, sorted.
    ///
    /// >>> registry = database.registry()
    /// >>> registry.create_catalog("team")
    /// >>> registry.create_schema("team", "risk")
    /// >>> registry.rename_catalog("team", "bank")
    /// >>> "bank" in registry.catalogs(), registry.schemas("bank")
    /// (True, ['risk'])
    fn catalogs(&self, py: Python<'_>) -> PyResult<Vec<String>> {
        let catalogs = self.handle.call(py, tracklite::registry::Registry::catalogs)?;
        Ok(catalogs.into_iter().map(|catalog| catalog.name).collect())
    }

    /// Returns the names of the schemas of a catalog, sorted.
    fn schemas(&self, py: Python<'_>, catalog: &str) -> PyResult<Vec<String>> {
        let schemas = self.handle.call(py, |registry| registry.schemas(catalog))?;
        Ok(schemas.into_iter().map(|schema| schema.name).collect())
    }

    /// Renames a catalog, with all models, volumes and tables in it.
    fn rename_catalog(&self, py: Python<'_>, catalog: &str, name: &str) -> PyResult<()> {
        self.handle.call(py, |registry| registry.rename_catalog(catalog, name))
    }

    /// Renames a schema, with all models, volumes and tables in it.
    fn rename_schema(
        &self,
        py: Python<'_>,
        catalog: &str,
        schema: &str,
        name: &str,
    ) -> PyResult<()> {
        self.handle.call(py, |registry| registry.rename_schema(catalog, schema, name))
    }

    /// Makes a user the owner of a catalog.
    fn set_catalog_owner(&self, py: Python<'_>, catalog: &str, owner: &str) -> PyResult<()> {
        self.handle.call(py, |registry| registry.set_catalog_owner(catalog, owner))
    }

    /// Makes a user the owner of a schema.
    fn set_schema_owner(
        &self,
        py: Python<'_>,
        catalog: &str,
        schema: &str,
        owner: &str,
    ) -> PyResult<()> {
        self.handle.call(py, |registry| registry.set_schema_owner(catalog, schema, owner))
    }

    /// Deletes an empty catalog.
    fn drop_catalog(&self, py: Python<'_>, name: &str) -> PyResult<()> {
        self.handle.call(py, |registry| registry.drop_catalog(name))
    }

    /// Deletes an empty schema.
    fn drop_schema(&self, py: Python<'_>, catalog: &str, name: &str) -> PyResult<()> {
        self.handle.call(py, |registry| registry.drop_schema(catalog, name))
    }
}
