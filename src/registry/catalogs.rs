//! Catalogs and schemas: the first two levels of names where names have three.

use crate::entity::id::Timestamp;
use crate::entity::{CatalogInfo, RegistryMode, SchemaInfo};
use crate::error::{Error, ErrorKind, Result};
use crate::format::record::{
    CatalogCreated, CatalogDropped, CatalogUpdated, REGISTRY_KINDS, Record, SchemaCreated,
    SchemaDropped, SchemaUpdated,
};
use crate::index::Index;
use crate::registry::Registry;
use crate::registry::names::{check_catalog, check_schema, no_such_catalog, no_such_schema};
use crate::sys::user::user_name;

/// Catalogs and schemas; in a database whose names are free each call is
/// [`ErrorKind::InvalidState`], see [`Registry::use_unity_catalog`].
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
    /// Creates a catalog, owned by the user of the process. One of that name is
    /// [`ErrorKind::AlreadyExists`]; a name that is blank or has a `.`, `/` or `:` is
    /// [`ErrorKind::InvalidInput`].
    pub fn create_catalog(&self, name: &str, comment: Option<&str>) -> Result<()> {
        self.check_level("catalog", name, comment)?;
        self.change_catalogs(|index| {
            if !index.catalogs(Some(name))?.is_empty() {
                return Err(taken(&format!("catalog {name:?}")));
            }
            let (catalog, comment) = (name.to_owned(), comment.map(str::to_owned));
            Ok(CatalogCreated {
                catalog,
                owner: user_name(),
                comment,
                time: Timestamp::now_nanos(),
            }
            .into())
        })
    }

    /// The catalogs, by name.
    pub fn catalogs(&self) -> Result<Vec<CatalogInfo>> {
        self.engine().with_index(|index, _| {
            check_mode(index)?;
            index.catalogs(None)
        })
    }

    /// What is known of a catalog; [`ErrorKind::NotFound`] when there is none.
    pub fn catalog(&self, name: &str) -> Result<CatalogInfo> {
        self.engine().with_index(|index, _| {
            check_mode(index)?;
            index.catalogs(Some(name))?.pop().ok_or_else(|| no_such_catalog(name))
        })
    }

    /// Says something else of a catalog, or nothing.
    pub fn comment_on_catalog(&self, name: &str, comment: Option<&str>) -> Result<()> {
        self.check_level("catalog", name, comment)?;
        self.change_catalogs(|index| {
            check_catalog(index, name)?;
            let (catalog, comment) = (name.to_owned(), comment.map(str::to_owned));
            Ok(CatalogUpdated { catalog, comment, time: Timestamp::now_nanos() }.into())
        })
    }

    /// Drops a catalog; with schemas in it that is [`ErrorKind::InvalidState`].
    pub fn drop_catalog(&self, name: &str) -> Result<()> {
        self.change_catalogs(|index| {
            check_catalog(index, name)?;
            if !index.schemas(name, None)?.is_empty() {
                return Err(not_empty(&format!("catalog {name:?}"), "schemas"));
            }
            Ok(CatalogDropped { catalog: name.to_owned(), time: Timestamp::now_nanos() }.into())
        })
    }

    /// Creates a schema in a catalog, which must exist; else as [`Registry::create_catalog`].
    pub fn create_schema(&self, catalog: &str, name: &str, comment: Option<&str>) -> Result<()> {
        self.check_level("schema", name, comment)?;
        self.change_catalogs(|index| {
            check_catalog(index, catalog)?;
            if !index.schemas(catalog, Some(name))?.is_empty() {
                return Err(taken(&format!("schema {catalog}.{name}")));
            }
            let (catalog, schema) = (catalog.to_owned(), name.to_owned());
            let (owner, comment) = (user_name(), comment.map(str::to_owned));
            Ok(SchemaCreated { catalog, schema, owner, comment, time: Timestamp::now_nanos() }
                .into())
        })
    }

    /// The schemas of a catalog, by name; no such catalog is [`ErrorKind::NotFound`].
    pub fn schemas(&self, catalog: &str) -> Result<Vec<SchemaInfo>> {
        self.engine().with_index(|index, _| {
            check_mode(index)?;
            check_catalog(index, catalog)?;
            index.schemas(catalog, None)
        })
    }

    /// What is known of a schema; [`ErrorKind::NotFound`] when there is none.
    pub fn schema(&self, catalog: &str, name: &str) -> Result<SchemaInfo> {
        self.engine().with_index(|index, _| {
            check_mode(index)?;
            let found = index.schemas(catalog, Some(name))?.pop();
            found.ok_or_else(|| no_such_schema(catalog, name))
        })
    }

    /// Says something else of a schema, or nothing.
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

    /// Drops a schema; with models in it that is [`ErrorKind::InvalidState`].
    pub fn drop_schema(&self, catalog: &str, name: &str) -> Result<()> {
        self.change_catalogs(|index| {
            check_schema(index, catalog, name)?;
            if index.has_models_in(catalog, name)? {
                return Err(not_empty(&format!("schema {catalog}.{name}"), "models"));
            }
            let (catalog, schema) = (catalog.to_owned(), name.to_owned());
            Ok(SchemaDropped { catalog, schema, time: Timestamp::now_nanos() }.into())
        })
    }

    fn change_catalogs(&self, mut build: impl FnMut(&Index) -> Result<Record>) -> Result<()> {
        self.change(&[REGISTRY_KINDS], |index| {
            check_mode(index)?;
            Ok((vec![build(index)?], ()))
        })
    }

    fn check_level(&self, what: &str, name: &str, comment: Option<&str>) -> Result<()> {
        let limits = self.limits();
        let checked = limits.check_description(comment);
        let checked = checked.and_then(|()| limits.check_model_name(name)).and_then(|()| {
            if !name.contains('.') {
                return Ok(());
            }
            let message = format!("{what} name {name:?}: it has a dot, which parts levels");
            Err(Error::new(ErrorKind::InvalidInput, message))
        });
        self.engine().located(checked)
    }
}

fn check_mode(index: &Index) -> Result<()> {
    match index.registry_mode()? {
        RegistryMode::UnityCatalog => Ok(()),
        RegistryMode::Plain => Err(Error::new(
            ErrorKind::InvalidState,
            "names of models are free in this file: there are no catalogs and schemas unless it \
             is told to use them",
        )),
    }
}

fn taken(what: &str) -> Error {
    Error::new(ErrorKind::AlreadyExists, format!("there is a {what} already"))
}

fn not_empty(what: &str, held: &str) -> Error {
    let message = format!("{what} is not empty: its {held} go first");
    Error::new(ErrorKind::InvalidState, message)
}
