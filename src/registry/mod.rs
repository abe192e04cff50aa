//! The registry of a database: registered models, their versions and aliases.
//!
//! [`Database::registry`] returns the [`Registry`], which has everything else.

pub(crate) mod catalog_changes;
pub(crate) mod catalogs;
pub(crate) mod lineage;
pub(crate) mod model;
pub(crate) mod names;
pub(crate) mod new_version;
pub(crate) mod pending;
pub(crate) mod pinned_files;
pub(crate) mod resolve;
pub(crate) mod search;
pub(crate) mod version;

use std::fmt;
use std::ops::RangeInclusive;

use crate::database::Database;
use crate::engine::Engine;
use crate::entity::id::{RegisteredModelId, Timestamp};
use crate::entity::limits::Limits;
use crate::error::{Error, ErrorKind, Result};
use crate::format::record::{REGISTRY_KINDS, Record, RegistryModeSet};
use crate::index::{Index, VersionChoice};
use crate::registry::names::{
    check_stages, invalid_levels, no_such_alias, no_such_model, no_such_version,
};
use crate::sys::user::user_name;

pub use crate::entity::model_uri::{ModelTarget, ModelUri};
pub use crate::entity::{
    CatalogInfo, ModelStage, ModelVersionInfo, ModelVersionStatus, RegisteredModelInfo,
    RegistryMode, SchemaInfo,
};
pub use crate::registry::model::{RegisteredModel, RegisteredModelBuilder};
pub use crate::registry::new_version::ModelVersionBuilder;
pub use crate::registry::resolve::ResolvedModel;
pub use crate::registry::search::RegistrySearch;
pub use crate::registry::version::ModelVersion;

/// A handle of the registered models of a file, which is cheap to clone.
///
/// Handles act, and infos are read: [`Registry::version`] returns a handle, and
/// [`Registry::version_info`] returns what the file contains about the version.
///
/// Each change is one frame of the file and depends on the state directly before it. If two
/// processes change the same object at once, the second change sees the first one. Each change is
/// synced before the call returns, so it survives a power cut if the device honours flushes.
///
/// # Errors
///
/// All methods that write may fail with:
///
/// - [`ErrorKind::Io`] if the sync fails. The change may have been made.
///
/// ```
/// # let folder = tempfile::tempdir()?;
/// # let database = tracklite::Database::create(folder.path().join("runs.tracklite"))?;
/// let registry = database.registry();
/// let churn = registry.create_model("churn")?;
/// let first = churn.new_version("s3://models/churn/1").create()?;
/// churn.set_alias("champion", first.version())?;
/// let second = churn.new_version("s3://models/churn/2").create()?;
/// churn.move_alias("champion", Some(1), second.version())?;
/// let error = churn.move_alias("champion", Some(1), 1).unwrap_err();
/// assert_eq!(error.kind(), tracklite::ErrorKind::Conflict);
/// assert_eq!(registry.resolve("models:/churn@champion")?.location, "s3://models/churn/2");
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Clone)]
pub struct Registry {
    database: Database,
    catalog: Option<String>,
    schema: Option<String>,
    user: Option<String>,
}

impl Database {
    /// Returns the registry of the file, without a current catalog and schema.
    #[must_use]
    pub fn registry(&self) -> Registry {
        Registry { database: self.clone(), catalog: None, schema: None, user: None }
    }
}

impl Registry {
    /// Returns the same registry with a current catalog and schema.
    ///
    /// They complete names that have fewer than three levels. They need not exist yet.
    #[must_use]
    pub fn with_current(&self, catalog: &str, schema: &str) -> Registry {
        let (catalog, schema) = (Some(catalog.to_owned()), Some(schema.to_owned()));
        Registry { catalog, schema, ..self.clone() }
    }

    /// Returns the same registry, acting for a user other than that of the process.
    ///
    /// This user owns new catalogs and schemas, and registers new versions.
    #[must_use]
    pub fn acting_for(&self, user: &str) -> Registry {
        Registry { user: Some(user.to_owned()), ..self.clone() }
    }

    /// Returns the user for whom the registry acts.
    pub(crate) fn user(&self) -> String {
        self.user.clone().unwrap_or_else(user_name)
    }

    /// Returns the database that contains the registry.
    #[must_use]
    pub fn database(&self) -> &Database {
        &self.database
    }

    pub(crate) fn engine(&self) -> &Engine {
        self.database.engine()
    }

    pub(crate) fn limits(&self) -> &Limits {
        &self.engine().limits
    }

    /// Returns whether model names are plain or have three levels.
    pub fn mode(&self) -> Result<RegistryMode> {
        self.engine().with_index(|index, _| index.registry_mode())
    }

    /// Switches the file permanently to names with three levels, `catalog.schema.model`.
    ///
    /// The rules are those of Unity Catalog. Catalogs and schemas are created first, a version
    /// needs a signature with inputs and outputs, and there are no stages. The switch applies to
    /// all processes. If the file is switched already, nothing happens.
    ///
    /// # Errors
    ///
    /// - [`ErrorKind::InvalidState`] if the file has registered models, because their names may
    ///   have other levels.
    pub fn use_unity_catalog(&self) -> Result<()> {
        self.change(&[REGISTRY_KINDS], |index| {
            if index.registry_mode()? == RegistryMode::UnityCatalog {
                return Ok((Vec::new(), ()));
            }
            if index.has_models()? {
                let message = "cannot switch to catalogs: the file already has registered models";
                return Err(Error::new(ErrorKind::InvalidState, message));
            }
            let (mode, time) = (RegistryMode::UnityCatalog, Timestamp::now_nanos());
            Ok((vec![RegistryModeSet { mode, time }.into()], ()))
        })
    }

    /// Appends the records that `build` returns for the index, then syncs.
    pub(crate) fn change<T>(
        &self,
        kinds: &[RangeInclusive<u16>],
        build: impl FnMut(&Index) -> Result<(Vec<Record>, T)>,
    ) -> Result<T> {
        self.engine().append_synced(kinds, build)
    }

    /// Draws the id of a new model.
    pub(crate) fn random_id(&self) -> Result<RegisteredModelId> {
        self.engine().random_bits().map(RegisteredModelId::from_bits)
    }

    /// Returns the full name of a model. Adds missing levels from the current catalog and schema.
    pub(crate) fn full_name(&self, index: &Index, name: &str) -> Result<String> {
        self.limits().check_model_name(name)?;
        if index.registry_mode()? == RegistryMode::Plain {
            return Ok(name.to_owned());
        }
        let current = || match (&self.catalog, &self.schema) {
            (Some(catalog), Some(schema)) => Ok((catalog.as_str(), schema.as_str())),
            _ => Err(invalid_levels(name, "no current catalog and schema is set")),
        };
        let full = match name.split('.').count() {
            1 => current().map(|(catalog, schema)| format!("{catalog}.{schema}.{name}"))?,
            2 => current().map(|(catalog, _)| format!("{catalog}.{name}"))?,
            3 => name.to_owned(),
            _ => return Err(invalid_levels(name, "it has more than three levels")),
        };
        if full.split('.').count() != 3 || full.split('.').any(|level| level.trim().is_empty()) {
            return Err(invalid_levels(name, "a level is blank"));
        }
        self.limits().check_model_name(&full)?;
        Ok(full)
    }

    pub(crate) fn model_in(&self, index: &Index, name: &str) -> Result<RegisteredModelId> {
        let name = self.full_name(index, name)?;
        index.model_of(&name)?.ok_or_else(|| no_such_model(&name))
    }

    pub(crate) fn version_in(
        &self,
        index: &Index,
        name: &str,
        choice: VersionChoice<'_>,
    ) -> Result<ModelVersionInfo> {
        let name = self.full_name(index, name)?;
        if let Some(found) = index.model_version_named(&name, choice)? {
            return Ok(found);
        }
        match (index.model_of(&name)?, choice) {
            // Also without the model, as in MLflow.
            (_, VersionChoice::Number(version)) => Err(no_such_version(&name, version)),
            (None, _) => Err(no_such_model(&name)),
            (Some(_), VersionChoice::Alias(alias)) => Err(no_such_alias(&name, alias)),
        }
    }

    /// Returns the latest version of a model, or the latest in a stage.
    pub(crate) fn latest_in(
        &self,
        index: &Index,
        name: &str,
        stage: Option<ModelStage>,
    ) -> Result<ModelVersionInfo> {
        check_stages(index)?;
        let id = self.model_in(index, name)?;
        let latest = index.latest_versions(id)?.into_iter();
        let latest = latest.filter(|info| stage.is_none_or(|stage| info.stage == stage));
        latest.max_by_key(|info| info.version).ok_or_else(|| {
            let of = stage.map_or_else(String::new, |stage| format!(" in stage {stage}"));
            let message = format!("Latest version not found for model {name}{of}.");
            Error::new(ErrorKind::NotFound, message)
        })
    }
}

impl fmt::Debug for Registry {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("Registry").field(&self.database.path()).finish()
    }
}
