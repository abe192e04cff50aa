//! Registered models: a name with versions and aliases.

use std::fmt;

use crate::entity::id::{RegisteredModelId, Timestamp};
use crate::entity::wording::missing_value;
use crate::entity::{ModelStage, ModelVersionInfo, RegisteredModelInfo};
use crate::error::{Error, ErrorKind, Result};
use crate::format::record::{
    AliasDeleted, AliasSet, REGISTRY_KINDS, Record, RegisteredModelCreated, RegisteredModelDeleted,
    RegisteredModelRenamed, RegisteredModelTagDeleted, RegisteredModelTagsSet,
    RegisteredModelUpdated,
};
use crate::index::Index;
use crate::registry::Registry;
use crate::registry::names::{check_free, check_new, check_stages, check_version, gone};

/// A handle of a registered model, which stays valid if the model is renamed.
///
/// # Errors
///
/// All methods that read or write the file fail with:
///
/// - [`ErrorKind::NotFound`] if the model was deleted, even if another model has its name now.
///
/// ```
/// # let folder = tempfile::tempdir()?;
/// # let database = tracklite::Database::create(folder.path().join("runs.tracklite"))?;
/// let churn = database.registry().new_model("churn").tag("team", "growth").create()?;
/// churn.new_version("s3://models/churn").create()?.delete()?;
/// let version = churn.new_version("s3://models/churn").create()?;
/// assert_eq!(version.version(), 2);
/// churn.rename("retention")?;
/// assert_eq!(version.info()?.name, "retention");
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Clone)]
pub struct RegisteredModel {
    registry: Registry,
    id: RegisteredModelId,
}

impl RegisteredModel {
    pub(crate) fn new(registry: Registry, id: RegisteredModelId) -> Self {
        RegisteredModel { registry, id }
    }

    /// Returns the id of the model.
    #[must_use]
    pub fn id(&self) -> RegisteredModelId {
        self.id
    }

    /// Returns the registry that contains the model.
    #[must_use]
    pub fn registry(&self) -> &Registry {
        &self.registry
    }

    /// Returns the name, description, times, tags, aliases and latest versions.
    pub fn info(&self) -> Result<RegisteredModelInfo> {
        let engine = self.registry.engine();
        let found = engine.with_index(|index, _| index.registered_model(self.id))?;
        found.ok_or_else(|| engine.locate(gone()))
    }

    /// Returns the name of the model.
    pub fn name(&self) -> Result<String> {
        self.registry.engine().with_index(|index, _| self.name_in(index))
    }

    pub(crate) fn name_in(&self, index: &Index) -> Result<String> {
        Ok(index.model_facts(self.id)?.ok_or_else(gone)?.0)
    }

    /// Renames the model. Its versions, tags and aliases stay.
    ///
    /// # Errors
    ///
    /// - Those of [`RegisteredModelBuilder::create`] for the name.
    pub fn rename(&self, name: &str) -> Result<()> {
        self.change(|index, before| {
            if name.trim().is_empty() {
                return Err(missing_value("new_name"));
            }
            let name = self.registry.full_name(index, name)?;
            if name != before {
                check_free(index, &name)?;
            }
            Ok(vec![
                RegisteredModelRenamed { model: self.id, name, time: Timestamp::now_nanos() }
                    .into(),
            ])
        })
    }

    /// Sets or clears the description.
    ///
    /// # Errors
    ///
    /// - [`ErrorKind::InvalidInput`] if the description is too long.
    pub fn set_description(&self, text: Option<&str>) -> Result<()> {
        self.checked(self.registry.limits().check_description(text))?;
        self.change(|_, _| {
            let description = text.map(str::to_owned);
            Ok(vec![
                RegisteredModelUpdated {
                    model: self.id,
                    description,
                    time: Timestamp::now_nanos(),
                }
                .into(),
            ])
        })
    }

    /// Deletes the model with its versions, tags and aliases permanently.
    ///
    /// A later model with the same name is a different model and begins with version 1.
    pub fn delete(&self) -> Result<()> {
        self.change(|_, _| {
            Ok(vec![RegisteredModelDeleted { model: self.id, time: Timestamp::now_nanos() }.into()])
        })
    }

    /// Sets or replaces a tag.
    ///
    /// # Errors
    ///
    /// - [`ErrorKind::InvalidInput`] if the key or value is not legal.
    pub fn set_tag(&self, key: &str, value: impl ToString) -> Result<()> {
        let tags = self.registry.limits().registry_tags().collect([(key, value)]);
        let tags = self.checked(tags)?;
        self.change(|_, _| {
            let tags = tags.clone();
            Ok(vec![
                RegisteredModelTagsSet { model: self.id, tags, time: Timestamp::now_nanos() }
                    .into(),
            ])
        })
    }

    /// Deletes a tag. If there is no such tag, nothing happens, like in MLflow.
    pub fn delete_tag(&self, key: &str) -> Result<()> {
        self.change(|index, _| {
            let info = index.registered_model(self.id)?.ok_or_else(gone)?;
            let key = key.to_owned();
            let deleted =
                RegisteredModelTagDeleted { model: self.id, key, time: Timestamp::now_nanos() };
            Ok(if info.tags.contains_key(&deleted.key) { vec![deleted.into()] } else { Vec::new() })
        })
    }

    /// Returns the infos of all versions, ordered by number.
    pub fn versions(&self) -> Result<Vec<ModelVersionInfo>> {
        self.registry.engine().with_index(|index, _| {
            self.name_in(index)?;
            index.model_versions(self.id)
        })
    }

    /// Returns the latest version of each of these stages, ordered by stage.
    ///
    /// An empty slice means all stages.
    ///
    /// # Errors
    ///
    /// - [`ErrorKind::InvalidState`] if names have three levels, because there are no stages.
    pub fn latest_versions(&self, stages: &[ModelStage]) -> Result<Vec<ModelVersionInfo>> {
        self.registry.engine().with_index(|index, _| {
            check_stages(index)?;
            self.name_in(index)?;
            let mut latest = index.latest_versions(self.id)?;
            latest.retain(|info| stages.is_empty() || stages.contains(&info.stage));
            Ok(latest)
        })
    }

    /// Points an alias to a version. Creates or moves the alias.
    ///
    /// # Errors
    ///
    /// - [`ErrorKind::NotFound`] if there is no such version.
    /// - [`ErrorKind::InvalidInput`] if the alias is empty, is `latest`, looks like `v1`, or has a
    ///   character other than letters, digits, `_` and `-`.
    pub fn set_alias(&self, alias: &str, version: u64) -> Result<()> {
        self.checked(self.registry.limits().check_alias(alias))?;
        self.change(|index, name| self.alias_records(index, name, alias, version))
    }

    /// Moves an alias from the version `expected` to another atomically.
    ///
    /// `None` means that the alias must not exist. If two processes move an alias from the same
    /// version at once, only one succeeds.
    ///
    /// # Errors
    ///
    /// - [`ErrorKind::Conflict`] if the alias does not point to `expected`. Nothing is changed.
    /// - Those of [`RegisteredModel::set_alias`].
    ///
    /// # Performance
    ///
    /// About 50 us and a sync.
    pub fn move_alias(&self, alias: &str, expected: Option<u64>, version: u64) -> Result<()> {
        self.checked(self.registry.limits().check_alias(alias))?;
        self.change(|index, name| {
            let found = index.alias(self.id, alias)?;
            if found != expected {
                return Err(moved(name, alias, expected, found));
            }
            self.alias_records(index, name, alias, version)
        })
    }

    /// Deletes an alias that points to the version `expected`, atomically.
    ///
    /// # Errors
    ///
    /// - [`ErrorKind::Conflict`] if the alias points elsewhere, or does not exist.
    pub fn remove_alias(&self, alias: &str, expected: u64) -> Result<()> {
        self.change(|index, name| {
            let found = index.alias(self.id, alias)?;
            if found != Some(expected) {
                return Err(moved(name, alias, Some(expected), found));
            }
            let (alias, time) = (alias.to_owned(), Timestamp::now_nanos());
            Ok(vec![AliasDeleted { model: self.id, alias, time }.into()])
        })
    }

    fn alias_records(
        &self,
        index: &Index,
        name: &str,
        alias: &str,
        version: u64,
    ) -> Result<Vec<Record>> {
        check_version(index, self.id, name, version)?;
        let alias = alias.to_owned();
        Ok(vec![AliasSet { model: self.id, alias, version, time: Timestamp::now_nanos() }.into()])
    }

    /// Deletes an alias. If there is no such alias, nothing happens, like in MLflow.
    pub fn delete_alias(&self, alias: &str) -> Result<()> {
        self.change(|index, _| {
            if index.alias(self.id, alias)?.is_none() {
                return Ok(Vec::new());
            }
            let alias = alias.to_owned();
            Ok(vec![AliasDeleted { model: self.id, alias, time: Timestamp::now_nanos() }.into()])
        })
    }

    /// Appends the records that `build` returns for the index and the name of the model.
    fn change(&self, mut build: impl FnMut(&Index, &str) -> Result<Vec<Record>>) -> Result<()> {
        self.registry.change(&[REGISTRY_KINDS], |index| {
            let name = self.name_in(index)?;
            Ok((build(index, &name)?, ()))
        })
    }

    fn checked<T>(&self, result: Result<T>) -> Result<T> {
        self.registry.engine().located(result)
    }
}

impl Registry {
    /// Registers a model without a description and tags.
    ///
    /// # Errors
    ///
    /// - Those of [`RegisteredModelBuilder::create`].
    pub fn create_model(&self, name: &str) -> Result<RegisteredModel> {
        self.new_model(name).create()
    }

    /// Builds a registered model with a description and tags.
    pub fn new_model(&self, name: &str) -> RegisteredModelBuilder {
        RegisteredModelBuilder {
            registry: self.clone(),
            name: name.to_owned(),
            description: None,
            tags: Vec::new(),
        }
    }

    /// Returns the model with this name.
    ///
    /// # Errors
    ///
    /// - [`ErrorKind::NotFound`] if there is no such model.
    /// - [`ErrorKind::InvalidInput`] if the name is not legal.
    pub fn model(&self, name: &str) -> Result<RegisteredModel> {
        let id = self.engine().with_index(|index, _| self.model_in(index, name))?;
        Ok(RegisteredModel::new(self.clone(), id))
    }

    /// Points an alias of the model with this name to a version.
    ///
    /// It is like [`RegisteredModel::set_alias`].
    ///
    /// # Errors
    ///
    /// - [`ErrorKind::NotFound`] if there is no such version. As in MLflow, the text is the same if
    ///   there is no such model.
    /// - Those of [`RegisteredModel::set_alias`].
    pub fn set_alias(&self, name: &str, alias: &str, version: u64) -> Result<()> {
        self.engine().located(self.limits().check_alias(alias))?;
        let found = self.version_info(name, version)?;
        RegisteredModel::new(self.clone(), found.model).set_alias(alias, version)
    }
}

/// A builder of a registered model.
#[derive(Debug)]
#[must_use = "a model is created by `create`"]
pub struct RegisteredModelBuilder {
    registry: Registry,
    name: String,
    description: Option<String>,
    tags: Vec<(String, String)>,
}

impl RegisteredModelBuilder {
    /// Sets the description. Default: none.
    pub fn description(mut self, text: impl Into<String>) -> Self {
        self.description = Some(text.into());
        self
    }

    /// Adds a tag.
    #[expect(clippy::needless_pass_by_value, reason = "callers write numbers and literals")]
    pub fn tag(mut self, key: &str, value: impl ToString) -> Self {
        self.tags.push((key.to_owned(), value.to_string()));
        self
    }

    /// Creates the model as one frame, and syncs it.
    ///
    /// # Errors
    ///
    /// - [`ErrorKind::AlreadyExists`] if the name is taken.
    /// - [`ErrorKind::NotFound`] if the catalog or schema does not exist.
    /// - [`ErrorKind::InvalidInput`] if the name is blank, contains `/` or `:`, or lacks the three
    ///   levels that the file requires.
    /// - [`ErrorKind::InvalidInput`] if a tag is not legal.
    pub fn create(self) -> Result<RegisteredModel> {
        let RegisteredModelBuilder { registry, name, description, tags } = self;
        let limits = registry.limits();
        let checked = limits
            .check_description(description.as_deref())
            .and_then(|()| limits.registry_tags().collect(tags));
        let tags = registry.engine().located(checked)?;
        let model = registry.random_id()?;
        registry.change(&[REGISTRY_KINDS], |index| {
            let name = registry.full_name(index, &name)?;
            check_new(index, &name, &tags)?;
            let (description, tags) = (description.clone(), tags.clone());
            let time = Timestamp::now_nanos();
            let created = RegisteredModelCreated { model, name, description, tags, time };
            Ok((vec![created.into()], ()))
        })?;
        Ok(RegisteredModel::new(registry, model))
    }
}

impl fmt::Debug for RegisteredModel {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("RegisteredModel").field(&self.id).finish()
    }
}

fn moved(name: &str, alias: &str, expected: Option<u64>, found: Option<u64>) -> Error {
    let target = |version: Option<u64>| match version {
        Some(version) => format!("version {version}"),
        None => "no version".to_owned(),
    };
    let message = format!(
        "alias {alias:?} of model {name:?} points to {}, expected {}: another process moved it",
        target(found),
        target(expected)
    );
    Error::new(ErrorKind::Conflict, message)
}
