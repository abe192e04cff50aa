//! Catalogs and schemas: the first two levels of names with three levels.

use crate::entity::id::Timestamp;
use crate::entity::{CatalogInfo, SchemaInfo};
use crate::error::{Error, ErrorKind, Result};
use crate::format::record::{
    CatalogCreated, CatalogDropped, CatalogUpdated, REGISTRY_KINDS, Record, SchemaCreated,
    SchemaDropped, SchemaUpdated, TABLE_KINDS,
};
use crate::index::Index;
use crate::registry::Registry;
use crate::registry::names::{check_catalog, check_schema, no_such_catalog, no_such_schema};

/// Catalogs and schemas, which any file may have.
///
/// After [`Registry::use_unity_catalog`], each name of a model begins with a catalog and a schema
/// that exist. Until then, names are free.
///
/// ```
/// # let folder = tempfile::tempdir()?;
/// # let database = tracklite::Database::create(folder.path().join("runs.tracklite"))?;
/// let registry = database.registry();
/// registry.use_unity_catalog()?;
/// registry.create_catalog("ml", Some("all models"))?;
/// registry.create_schema("ml", "production", None)?;
/// let current = registry.with_current("ml", "production");
/// assert_eq!(current.create_model("churn")?.name()?, "ml.production.churn");
/// assert_eq!(registry.schemas("ml")?[0].name, "production");
/// let error = registry.drop_schema("ml", "production").unwrap_err();
/// assert_eq!(error.kind(), tracklite::ErrorKind::InvalidState);
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
impl Registry {
    /// Creates a catalog. Its owner is the user of the registry.
    ///
    /// # Errors
    ///
    /// - [`ErrorKind::AlreadyExists`] if the name is taken.
    /// - [`ErrorKind::InvalidInput`] if the name is blank or contains `.`, `/` or `:`.
    pub fn create_catalog(&self, name: &str, comment: Option<&str>) -> Result<()> {
        self.check_level("catalog", name, comment)?;
        self.change_catalogs(|index| {
            if !index.catalogs(Some(name))?.is_empty() {
                return Err(taken(&format!("catalog {name:?}")));
            }
            let (catalog, comment) = (name.to_owned(), comment.map(str::to_owned));
            Ok(CatalogCreated {
                catalog,
                owner: self.user(),
                comment,
                time: Timestamp::now_nanos(),
            }
            .into())
        })
    }

    /// Returns all catalogs, ordered by name.
    pub fn catalogs(&self) -> Result<Vec<CatalogInfo>> {
        self.engine().with_index(|index, _| index.catalogs(None))
    }

    /// Returns the info of a catalog.
    ///
    /// # Errors
    ///
    /// - [`ErrorKind::NotFound`] if there is no such catalog.
    pub fn catalog(&self, name: &str) -> Result<CatalogInfo> {
        self.engine().with_index(|index, _| {
            index.catalogs(Some(name))?.pop().ok_or_else(|| no_such_catalog(name))
        })
    }

    /// Sets or clears the comment of a catalog.
    ///
    /// # Errors
    ///
    /// - [`ErrorKind::NotFound`] if there is no such catalog.
    pub fn comment_on_catalog(&self, name: &str, comment: Option<&str>) -> Result<()> {
        self.check_level("catalog", name, comment)?;
        self.change_catalogs(|index| {
            check_catalog(index, name)?;
            let (catalog, comment) = (name.to_owned(), comment.map(str::to_owned));
            Ok(CatalogUpdated { catalog, comment, time: Timestamp::now_nanos() }.into())
        })
    }

    /// Drops an empty catalog.
    ///
    /// # Errors
    ///
    /// - [`ErrorKind::NotFound`] if there is no such catalog.
    /// - [`ErrorKind::InvalidState`] if it contains schemas.
    pub fn drop_catalog(&self, name: &str) -> Result<()> {
        self.change_catalogs(|index| {
            check_catalog(index, name)?;
            if !index.schemas(name, None)?.is_empty() {
                return Err(not_empty(&format!("catalog {name:?}"), "schemas"));
            }
            Ok(CatalogDropped { catalog: name.to_owned(), time: Timestamp::now_nanos() }.into())
        })
    }

    /// Creates a schema in a catalog. Its owner is the user of the registry.
    ///
    /// # Errors
    ///
    /// - [`ErrorKind::NotFound`] if there is no such catalog.
    /// - [`ErrorKind::AlreadyExists`] if the name is taken.
    /// - [`ErrorKind::InvalidInput`] if the name is blank or contains `.`, `/` or `:`.
    pub fn create_schema(&self, catalog: &str, name: &str, comment: Option<&str>) -> Result<()> {
        self.check_level("schema", name, comment)?;
        self.change_catalogs(|index| {
            check_catalog(index, catalog)?;
            if !index.schemas(catalog, Some(name))?.is_empty() {
                return Err(taken(&format!("schema {catalog}.{name}")));
            }
            let (catalog, schema) = (catalog.to_owned(), name.to_owned());
            let (owner, comment) = (self.user(), comment.map(str::to_owned));
            Ok(SchemaCreated { catalog, schema, owner, comment, time: Timestamp::now_nanos() }
                .into())
        })
    }

    /// Returns the schemas of a catalog, ordered by name.
    ///
    /// # Errors
    ///
    /// - [`ErrorKind::NotFound`] if there is no such catalog.
    pub fn schemas(&self, catalog: &str) -> Result<Vec<SchemaInfo>> {
        self.engine().with_index(|index, _| {
            check_catalog(index, catalog)?;
            index.schemas(catalog, None)
        })
    }

    /// Returns the info of a schema.
    ///
    /// # Errors
    ///
    /// - [`ErrorKind::NotFound`] if there is no such schema.
    pub fn schema(&self, catalog: &str, name: &str) -> Result<SchemaInfo> {
        self.engine().with_index(|index, _| {
            let found = index.schemas(catalog, Some(name))?.pop();
            found.ok_or_else(|| no_such_schema(catalog, name))
        })
    }

    /// Sets or clears the comment of a schema.
    ///
    /// # Errors
    ///
    /// - [`ErrorKind::NotFound`] if there is no such catalog or schema.
    pub fn comment_on_schema(
        &self,
        catalog: &str,
        name: &str,
        comment: Option<&str>,
    ) -> Result<()> {
        self.check_level("schema", name, comment)?;
        self.change_catalogs(|index| {
            check_schema(index, catalog, name)?;
            let (catalog, schema) = (catalog.to_owned(), name.to_owned());
            let comment = comment.map(str::to_owned);
            Ok(SchemaUpdated { catalog, schema, comment, time: Timestamp::now_nanos() }.into())
        })
    }

    /// Drops an empty schema.
    ///
    /// # Errors
    ///
    /// - [`ErrorKind::NotFound`] if there is no such catalog or schema.
    /// - [`ErrorKind::InvalidState`] if it contains models or tables.
    pub fn drop_schema(&self, catalog: &str, name: &str) -> Result<()> {
        self.change_catalogs(|index| {
            check_schema(index, catalog, name)?;
            if index.has_models_in(catalog, name)? {
                return Err(not_empty(&format!("schema {catalog}.{name}"), "models"));
            }
            if !index.stored_tables(&format!("{catalog}.{name}."))?.is_empty() {
                return Err(not_empty(&format!("schema {catalog}.{name}"), "tables"));
            }
            let (catalog, schema) = (catalog.to_owned(), name.to_owned());
            Ok(SchemaDropped { catalog, schema, time: Timestamp::now_nanos() }.into())
        })
    }

    fn change_catalogs(&self, mut build: impl FnMut(&Index) -> Result<Record>) -> Result<()> {
        self.change(&[REGISTRY_KINDS, TABLE_KINDS], |index| Ok((vec![build(index)?], ())))
    }

    pub(crate) fn check_level(&self, what: &str, name: &str, comment: Option<&str>) -> Result<()> {
        let limits = self.limits();
        let checked = limits.check_description(comment);
        let checked = checked.and_then(|()| limits.check_model_name(name)).and_then(|()| {
            if !name.contains('.') {
                return Ok(());
            }
            let message =
                format!("{what} name {name:?} must not contain a dot, which separates levels");
            Err(Error::new(ErrorKind::InvalidInput, message))
        });
        self.engine().located(checked)
    }
}

fn taken(what: &str) -> Error {
    Error::new(ErrorKind::AlreadyExists, format!("{what} already exists"))
}

fn not_empty(what: &str, held: &str) -> Error {
    let message = format!("{what} is not empty: delete its {held} first");
    Error::new(ErrorKind::InvalidState, message)
}
