//! Registered models: a name, its versions and aliases.

use std::fmt;

use crate::entity::id::{RegisteredModelId, Timestamp};
use crate::entity::{ModelStage, ModelVersionInfo, RegisteredModelInfo};
use crate::error::{Error, ErrorKind, Result};
use crate::format::record::{
    AliasDeleted, AliasSet, REGISTRY_KINDS, Record, RegisteredModelDeleted, RegisteredModelRenamed,
    RegisteredModelTagDeleted, RegisteredModelTagsSet, RegisteredModelUpdated,
};
use crate::index::{Index, VersionChoice};
use crate::registry::new_version::ModelVersionBuilder;
use crate::registry::version::ModelVersion;
use crate::registry::{Registry, check_free, check_stages, no_such_alias, no_such_version};

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
            Ok(vec![RegisteredModelRenamed { model: self.id, name, time: now() }.into()])
        })
    }

    /// Says something else of it, or nothing.
    pub fn set_description(&self, text: Option<&str>) -> Result<()> {
        self.checked(self.registry.limits().check_description(text))?;
        self.change(|_, _| {
            let description = text.map(str::to_owned);
            Ok(vec![RegisteredModelUpdated { model: self.id, description, time: now() }.into()])
        })
    }

    /// Deletes it with all its versions, tags and aliases, for good. A model that is created under
    /// its name later is another one and begins with version 1.
    pub fn delete(&self) -> Result<()> {
        self.change(|_, _| Ok(vec![RegisteredModelDeleted { model: self.id, time: now() }.into()]))
    }

    /// Sets a tag, whatever it was before.
    pub fn set_tag(&self, key: &str, value: impl ToString) -> Result<()> {
        let tags = self.registry.limits().registry_tags().collect([(key, value)]);
        let tags = self.checked(tags)?;
        self.change(|_, _| {
            let tags = tags.clone();
            Ok(vec![RegisteredModelTagsSet { model: self.id, tags, time: now() }.into()])
        })
    }

    /// Deletes a tag; nothing happens when there is none (MLflow's rule).
    pub fn delete_tag(&self, key: &str) -> Result<()> {
        self.change(|index, _| {
            let info = index.registered_model(self.id)?.ok_or_else(gone)?;
            let key = key.to_owned();
            let deleted = RegisteredModelTagDeleted { model: self.id, key, time: now() };
            Ok(if info.tags.contains_key(&deleted.key) { vec![deleted.into()] } else { Vec::new() })
        })
    }

    /// A new version of it, made of what `source` names: an address of MLflow's (see
    /// [`ModelUri`](crate::ModelUri)) or any other text, which is kept as it is.
    pub fn new_version(&self, source: &str) -> ModelVersionBuilder {
        ModelVersionBuilder::new(self.clone(), source)
    }

    /// A handle of the version of this number; [`ErrorKind::NotFound`] when there is none.
    pub fn version(&self, version: u64) -> Result<ModelVersion> {
        self.registry.engine().with_index(|index, _| {
            let name = self.name_in(index)?;
            check_version(index, self.id, &name, version)
        })?;
        Ok(ModelVersion::new(self.registry.clone(), self.id, version))
    }

    /// A handle of the version that an alias names; [`ErrorKind::InvalidInput`] when there is no
    /// such alias (MLflow's rule).
    pub fn version_by_alias(&self, alias: &str) -> Result<ModelVersion> {
        let version = self.registry.engine().with_index(|index, _| {
            let name = self.name_in(index)?;
            let found = index.model_version(self.id, VersionChoice::Alias(alias))?;
            found.map(|it| it.version).ok_or_else(|| no_such_alias(&name, alias))
        })?;
        Ok(ModelVersion::new(self.registry.clone(), self.id, version))
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
        Ok(vec![AliasSet { model: self.id, alias, version, time: now() }.into()])
    }

    /// Deletes an alias; nothing happens when there is none (MLflow's rule).
    pub fn delete_alias(&self, alias: &str) -> Result<()> {
        self.change(|index, _| {
            if index.alias(self.id, alias)?.is_none() {
                return Ok(Vec::new());
            }
            let alias = alias.to_owned();
            Ok(vec![AliasDeleted { model: self.id, alias, time: now() }.into()])
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

impl fmt::Debug for RegisteredModel {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("RegisteredModel").field(&self.id).finish()
    }
}

fn check_version(index: &Index, id: RegisteredModelId, name: &str, version: u64) -> Result<()> {
    match index.has_version(id, version)? {
        true => Ok(()),
        false => Err(no_such_version(name, version)),
    }
}

pub(crate) fn gone() -> Error {
    Error::new(ErrorKind::NotFound, "the registered model is not there any more")
}

fn moved(name: &str, alias: &str, expected: Option<u64>, found: Option<u64>) -> Error {
    let told = |version: Option<u64>| match version {
        Some(version) => format!("version {version}"),
        None => "nothing".to_owned(),
    };
    let message = format!(
        "alias {alias:?} of model {name:?} names {}, and not {} as this call expects: somebody \
         else has moved it",
        told(found),
        told(expected)
    );
    Error::new(ErrorKind::Conflict, message)
}

fn now() -> i64 {
    Timestamp::now().as_nanos()
}
