//! Registered models: a name, its versions and aliases.

use std::fmt;

use crate::entity::id::{RegisteredModelId, Timestamp};
use crate::entity::{ModelStage, ModelVersionInfo, RegisteredModelInfo};
use crate::error::{Error, ErrorKind, Result};
use crate::format::record::{
    AliasDeleted, AliasSet, REGISTRY_KINDS, Record, RegisteredModelCreated, RegisteredModelDeleted,
    RegisteredModelRenamed, RegisteredModelTagDeleted, RegisteredModelTagsSet,
    RegisteredModelUpdated,
};
use crate::index::Index;
use crate::registry::Registry;
use crate::registry::names::{check_free, check_stages, check_version, gone};

/// A handle of a registered model; it stays when the model is renamed. Every call on one that was
/// deleted is [`ErrorKind::NotFound`], also when there is another model of its name.
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

    /// The model's id.
    #[must_use]
    pub fn id(&self) -> RegisteredModelId {
        self.id
    }

    /// The registry that holds it.
    #[must_use]
    pub fn registry(&self) -> &Registry {
        &self.registry
    }

    /// Name, description, times, tags, aliases and latest versions, as they are in the file now.
    pub fn info(&self) -> Result<RegisteredModelInfo> {
        let engine = self.registry.engine();
        let found = engine.with_index(|index, _| index.registered_model(self.id))?;
        found.ok_or_else(|| engine.locate(gone()))
    }

    /// The model's name.
    pub fn name(&self) -> Result<String> {
        self.registry.engine().with_index(|index, _| self.name_in(index))
    }

    pub(crate) fn name_in(&self, index: &Index) -> Result<String> {
        Ok(index.model_facts(self.id)?.ok_or_else(gone)?.0)
    }

    /// Gives it another name; versions, tags and aliases come along. A name that is taken is
    /// [`ErrorKind::AlreadyExists`], else as for [`Registry::new_model`].
    pub fn rename(&self, name: &str) -> Result<()> {
        self.change(|index, before| {
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

    /// Says something else of it, or nothing.
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

    /// Deletes it with all its versions, tags and aliases, for good. A model that is created under
    /// its name later is another one and begins with version 1.
    pub fn delete(&self) -> Result<()> {
        self.change(|_, _| {
            Ok(vec![RegisteredModelDeleted { model: self.id, time: Timestamp::now_nanos() }.into()])
        })
    }

    /// Sets a tag, whatever it was before.
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

    /// Deletes a tag; nothing happens when there is none (MLflow's rule).
    pub fn delete_tag(&self, key: &str) -> Result<()> {
        self.change(|index, _| {
            let info = index.registered_model(self.id)?.ok_or_else(gone)?;
            let key = key.to_owned();
            let deleted =
                RegisteredModelTagDeleted { model: self.id, key, time: Timestamp::now_nanos() };
            Ok(if info.tags.contains_key(&deleted.key) { vec![deleted.into()] } else { Vec::new() })
        })
    }

    /// All its versions, by number.
    pub fn versions(&self) -> Result<Vec<ModelVersionInfo>> {
        self.registry.engine().with_index(|index, _| {
            self.name_in(index)?;
            index.model_versions(self.id)
        })
    }

    /// The highest version of each of these stages, of all when none are given; by stage.
    ///
    /// With names of three levels there are no stages: [`ErrorKind::InvalidState`].
    pub fn latest_versions(&self, stages: &[ModelStage]) -> Result<Vec<ModelVersionInfo>> {
        self.registry.engine().with_index(|index, _| {
            check_stages(index)?;
            self.name_in(index)?;
            let mut latest = index.latest_versions(self.id)?;
            latest.retain(|it| stages.is_empty() || stages.contains(&it.stage));
            Ok(latest)
        })
    }

    /// Makes an alias name a version, whatever it named before. No such version is
    /// [`ErrorKind::NotFound`]; an alias that is empty, has other characters than letters, digits,
    /// `_` and `-`, or is `latest` or like `v1`, is [`ErrorKind::InvalidInput`].
    pub fn set_alias(&self, alias: &str, version: u64) -> Result<()> {
        self.checked(self.registry.limits().check_alias(alias))?;
        self.change(|index, name| self.alias_records(index, name, alias, version))
    }

    /// Makes an alias name a version if it names `expected` until then, which is `None` for an
    /// alias that is not there; else it is [`ErrorKind::Conflict`], and nothing is changed. Of two
    /// processes that move an alias at once, expecting the same, one succeeds.
    ///
    /// Costs some 50 us and a sync; the other errors are those of [`RegisteredModel::set_alias`].
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

    /// Deletes an alias; nothing happens when there is none (MLflow's rule).
    pub fn delete_alias(&self, alias: &str) -> Result<()> {
        self.change(|index, _| {
            if index.alias(self.id, alias)?.is_none() {
                return Ok(Vec::new());
            }
            let alias = alias.to_owned();
            Ok(vec![AliasDeleted { model: self.id, alias, time: Timestamp::now_nanos() }.into()])
        })
    }

    /// Changes the model, which must exist; `build` is told its name.
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
    /// Registers a model: a name for versions. See [`Registry::new_model`].
    pub fn create_model(&self, name: &str) -> Result<RegisteredModel> {
        self.new_model(name).create()
    }

    /// Registers a model with a description and tags, in one step.
    pub fn new_model(&self, name: &str) -> RegisteredModelBuilder {
        RegisteredModelBuilder {
            registry: self.clone(),
            name: name.to_owned(),
            description: None,
            tags: Vec::new(),
        }
    }

    /// The model of this name; [`ErrorKind::NotFound`] when there is none, and a name that none
    /// can have is [`ErrorKind::InvalidInput`].
    pub fn model(&self, name: &str) -> Result<RegisteredModel> {
        let id = self.engine().with_index(|index, _| self.model_in(index, name))?;
        Ok(RegisteredModel::new(self.clone(), id))
    }
}

/// A registered model about to be created.
#[derive(Debug)]
#[must_use = "a model is created by `create`"]
pub struct RegisteredModelBuilder {
    registry: Registry,
    name: String,
    description: Option<String>,
    tags: Vec<(String, String)>,
}

impl RegisteredModelBuilder {
    /// What is said of it. Default: nothing.
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

    /// Creates the model, one frame in the file, synced.
    ///
    /// A name that is taken is [`ErrorKind::AlreadyExists`]; one that is blank, holds `/` or `:`,
    /// or has not three levels where these are due, [`ErrorKind::InvalidInput`], and so is an
    /// illegal tag; a catalog or schema that does not exist is [`ErrorKind::NotFound`].
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
            check_free(index, &name)?;
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
