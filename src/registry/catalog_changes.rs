//! New names and owners of catalogs and schemas.

use std::collections::HashSet;

use crate::entity::TableInfo;
use crate::entity::id::Timestamp;
use crate::entity::limits::check_author;
use crate::error::{Error, ErrorKind, Result};
use crate::format::record::{
    CatalogOwnerSet, CatalogRenamed, ExperimentCreated, ExperimentRenamed, REGISTRY_KINDS, Record,
    RegisteredModelRenamed, SchemaOwnerSet, SchemaRenamed, TABLE_KINDS, TableSaved,
};
use crate::index::Index;
use crate::registry::Registry;
use crate::registry::names::{check_catalog, check_schema};

impl Registry {
    /// The folder of the experiments that hold the files of volumes, as
    /// `/Volumes/CATALOG/SCHEMA/VOLUME`.
    pub const VOLUMES: &str = "/Volumes";

    /// Renames a catalog, with all models, tables and volumes in it.
    ///
    /// The catalog and its content change at once, in one append. Versions, tags and aliases stay.
    ///
    /// # Errors
    ///
    /// - [`ErrorKind::NotFound`] if there is no such catalog.
    /// - [`ErrorKind::AlreadyExists`] if the new name is taken, or that of a model, table or
    ///   volume.
    /// - [`ErrorKind::InvalidInput`] if the new name is blank or contains `.`, `/` or `:`, or if
    ///   the full name of a model or volume becomes too long.
    ///
    /// # Performance
    ///
    /// Writes one record for each model, table and volume.
    ///
    /// ```
    /// # let folder = tempfile::tempdir()?;
    /// # let database = tracklite::Database::create(folder.path().join("runs.tracklite"))?;
    /// let registry = database.registry();
    /// registry.create_catalog("ml", None)?;
    /// registry.create_schema("ml", "staging", None)?;
    /// let churn = registry.create_model("ml.staging.churn")?;
    /// registry.rename_catalog("ml", "prod")?;
    /// registry.rename_schema("prod", "staging", "live")?;
    /// assert_eq!(churn.name()?, "prod.live.churn");
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    pub fn rename_catalog(&self, catalog: &str, name: &str) -> Result<()> {
        self.check_level("catalog", name, None)?;
        self.change_levels(|index| {
            check_catalog(index, catalog)?;
            if catalog == name {
                return Ok(Vec::new());
            }
            if !index.catalogs(Some(name))?.is_empty() {
                return Err(taken(&format!("catalog {name:?}")));
            }
            let time = Timestamp::now_nanos();
            let (old, new) = (catalog.to_owned(), name.to_owned());
            let mut records = vec![CatalogRenamed { catalog: old, name: new, time }.into()];
            records.extend(self.moved(index, &[catalog], &[name], time)?);
            Ok(records)
        })
    }

    /// Renames a schema, with all models, tables and volumes in it. It stays in its catalog.
    ///
    /// # Errors
    ///
    /// - [`ErrorKind::NotFound`] if there is no such catalog or schema.
    /// - [`ErrorKind::AlreadyExists`] and [`ErrorKind::InvalidInput`] as of
    ///   [`Registry::rename_catalog`].
    pub fn rename_schema(&self, catalog: &str, schema: &str, name: &str) -> Result<()> {
        self.check_level("schema", name, None)?;
        self.change_levels(|index| {
            check_schema(index, catalog, schema)?;
            if schema == name {
                return Ok(Vec::new());
            }
            if !index.schemas(catalog, Some(name))?.is_empty() {
                return Err(taken(&format!("schema {catalog}.{name}")));
            }
            let time = Timestamp::now_nanos();
            let renamed = SchemaRenamed {
                catalog: catalog.to_owned(),
                schema: schema.to_owned(),
                name: name.to_owned(),
                time,
            };
            let mut records = vec![renamed.into()];
            records.extend(self.moved(index, &[catalog, schema], &[catalog, name], time)?);
            Ok(records)
        })
    }

    /// Sets the owner of a catalog.
    ///
    /// # Errors
    ///
    /// - [`ErrorKind::NotFound`] if there is no such catalog.
    /// - [`ErrorKind::InvalidInput`] if the owner is blank, has a control character or more than
    ///   255 characters.
    pub fn set_catalog_owner(&self, catalog: &str, owner: &str) -> Result<()> {
        self.engine().located(check_author(owner))?;
        self.change_levels(|index| {
            check_catalog(index, catalog)?;
            let (catalog, owner) = (catalog.to_owned(), owner.to_owned());
            Ok(vec![CatalogOwnerSet { catalog, owner, time: Timestamp::now_nanos() }.into()])
        })
    }

    /// Sets the owner of a schema.
    ///
    /// # Errors
    ///
    /// - [`ErrorKind::NotFound`] if there is no such catalog or schema.
    /// - [`ErrorKind::InvalidInput`] if the owner is blank, has a control character or more than
    ///   255 characters.
    pub fn set_schema_owner(&self, catalog: &str, schema: &str, owner: &str) -> Result<()> {
        self.engine().located(check_author(owner))?;
        self.change_levels(|index| {
            check_schema(index, catalog, schema)?;
            let (catalog, schema) = (catalog.to_owned(), schema.to_owned());
            let (owner, time) = (owner.to_owned(), Timestamp::now_nanos());
            Ok(vec![SchemaOwnerSet { catalog, schema, owner, time }.into()])
        })
    }

    /// Appends the records that `build` returns, if no model or experiment changed meanwhile.
    fn change_levels(&self, mut build: impl FnMut(&Index) -> Result<Vec<Record>>) -> Result<()> {
        let kinds =
            [REGISTRY_KINDS, TABLE_KINDS, ExperimentCreated::KIND..=ExperimentRenamed::KIND];
        self.change(&kinds, |index| Ok((build(index)?, ())))
    }

    /// Returns the records that rename the tables whose names begin with `before`.
    fn moved_tables(
        &self,
        index: &Index,
        (before, after): (&str, &str),
        time: i64,
    ) -> Result<Vec<Record>> {
        let mut records = Vec::new();
        for info in index.stored_tables(before)? {
            let Some(rest) = info.name.strip_prefix(before) else { continue };
            let name = format!("{after}{rest}");
            if index.table_named(&name)?.is_some() {
                return Err(taken(&format!("table {name:?}")));
            }
            let info = info.changed(&self.user(), Timestamp::from_nanos(time));
            records.push(TableSaved::of(&TableInfo { name, ..info }).into());
        }
        Ok(records)
    }

    /// Returns the records that rename the models, tables and volumes below some levels.
    fn moved(&self, index: &Index, old: &[&str], new: &[&str], time: i64) -> Result<Vec<Record>> {
        let mut records = Vec::new();
        let (before, after) = (format!("{}.", old.join(".")), format!("{}.", new.join(".")));
        for (model, name) in index.models_below(&before)? {
            let Some(rest) = name.strip_prefix(&before) else { continue };
            // A name has three levels at least, or it is not in a schema.
            if old.len() + rest.split('.').count() < 3 {
                continue;
            }
            let name = format!("{after}{rest}");
            self.limits().check_model_name(&name)?;
            if index.model_of(&name)?.is_some() {
                return Err(taken(&format!("model {name:?}")));
            }
            records.push(RegisteredModelRenamed { model, name, time }.into());
        }
        records.extend(self.moved_tables(index, (&before, &after), time)?);
        let folder = |levels: &[&str]| format!("{}/{}/", Registry::VOLUMES, levels.join("/"));
        let (before, after) = (folder(old), folder(new));
        let volumes = index.experiments_where(|path| path.starts_with(Registry::VOLUMES))?;
        let paths: HashSet<&str> = volumes.iter().map(|info| info.path.as_str()).collect();
        for info in &volumes {
            let Some(rest) = info.path.strip_prefix(&before) else { continue };
            let path = format!("{after}{rest}");
            self.limits().check_experiment_path(&path)?;
            if paths.contains(path.as_str()) {
                return Err(taken(&format!("volume {path:?}")));
            }
            records.push(ExperimentRenamed { experiment: info.id, path, time }.into());
        }
        Ok(records)
    }
}

fn taken(what: &str) -> Error {
    Error::new(ErrorKind::AlreadyExists, format!("{what} already exists: choose another name"))
}
