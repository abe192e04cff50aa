//! Versions of registered models.

use std::fmt;

use crate::entity::id::{RegisteredModelId, Timestamp};
use crate::entity::{ModelStage, ModelVersionInfo, ModelVersionStatus};
use crate::error::{Error, ErrorKind, Result};
use crate::format::record::{
    ModelVersionDeleted, ModelVersionTagDeleted, ModelVersionTagsSet, ModelVersionUpdated,
    REGISTRY_KINDS, Record,
};
use crate::index::{Index, VersionChoice};
use crate::registry::Registry;
use crate::registry::model::RegisteredModel;
use crate::registry::names::{check_stages, check_version, gone, no_such_alias, no_such_version};

/// A handle of a version of a registered model. Every call on one that was deleted, by itself or
/// with its model, is [`ErrorKind::NotFound`].
#[derive(Clone)]
pub struct ModelVersion {
    registry: Registry,
    model: RegisteredModelId,
    version: u64,
}

impl ModelVersion {
    pub(crate) fn new(registry: Registry, model: RegisteredModelId, version: u64) -> Self {
        ModelVersion { registry, model, version }
    }

    pub(crate) fn registry(&self) -> &Registry {
        &self.registry
    }

    /// Its number.
    #[must_use]
    pub fn version(&self) -> u64 {
        self.version
    }

    /// The registered model.
    #[must_use]
    pub fn model_id(&self) -> RegisteredModelId {
        self.model
    }

    /// All that is known of it, as it is in the file now.
    pub fn info(&self) -> Result<ModelVersionInfo> {
        self.registry.engine().with_index(|index, _| self.info_in(index))
    }

    pub(crate) fn info_in(&self, index: &Index) -> Result<ModelVersionInfo> {
        if let Some(info) = index.model_version(self.model, VersionChoice::Number(self.version))? {
            return Ok(info);
        }
        let (name, _) = index.model_facts(self.model)?.ok_or_else(gone)?;
        Err(no_such_version(&name, self.version))
    }

    /// Says something else of it, or nothing.
    pub fn set_description(&self, text: Option<&str>) -> Result<()> {
        let checked = self.registry.limits().check_description(text);
        self.registry.engine().located(checked)?;
        self.change(|_, _| {
            let description = Some(text.map(str::to_owned));
            Ok(vec![ModelVersionUpdated { description, ..self.update() }.into()])
        })
    }

    /// Says how far it has come.
    pub fn set_status(&self, status: ModelVersionStatus, message: Option<&str>) -> Result<()> {
        self.change(|_, _| {
            let status = Some((status, message.map(str::to_owned)));
            Ok(vec![ModelVersionUpdated { status, ..self.update() }.into()])
        })
    }

    /// Puts it into a stage; with `archive_existing` other versions in that stage become archived,
    /// in the same step.
    ///
    /// Archiving with a stage that is neither staging nor production is
    /// [`ErrorKind::InvalidInput`]; with names of three levels there are no stages:
    /// [`ErrorKind::InvalidState`].
    pub fn transition_stage(&self, stage: ModelStage, archive_existing: bool) -> Result<()> {
        self.change(|index, _| {
            check_stages(index)?;
            if archive_existing && !stage.is_active() {
                let message = format!(
                    "versions in stage {stage} cannot be archived for another: only those in \
                     Staging and Production"
                );
                return Err(Error::new(ErrorKind::InvalidInput, message));
            }
            let mut records = Vec::new();
            if archive_existing {
                let all = index.model_versions(self.model)?;
                let others =
                    all.iter().filter(|it| it.stage == stage && it.version != self.version);
                records.extend(others.map(|other| {
                    let (version, stage) = (other.version, Some(ModelStage::Archived));
                    Record::from(ModelVersionUpdated { version, stage, ..self.update() })
                }));
            }
            records.push(ModelVersionUpdated { stage: Some(stage), ..self.update() }.into());
            Ok(records)
        })
    }

    /// Sets a tag, whatever it was before.
    pub fn set_tag(&self, key: &str, value: impl ToString) -> Result<()> {
        let tags = self.registry.limits().registry_tags().collect([(key, value)]);
        let tags = self.registry.engine().located(tags)?;
        self.change(|_, _| {
            let (model, version, tags) = (self.model, self.version, tags.clone());
            Ok(vec![
                ModelVersionTagsSet { model, version, tags, time: Timestamp::now_nanos() }.into(),
            ])
        })
    }

    /// Deletes a tag; nothing happens when there is none (MLflow's rule).
    pub fn delete_tag(&self, key: &str) -> Result<()> {
        self.change(|_, info| {
            if !info.tags.contains_key(key) {
                return Ok(Vec::new());
            }
            let (model, version, key) = (self.model, self.version, key.to_owned());
            Ok(vec![
                ModelVersionTagDeleted { model, version, key, time: Timestamp::now_nanos() }.into(),
            ])
        })
    }

    /// Deletes it: all that is known of it is gone, and so are the aliases that name it. Its number
    /// is not given out again.
    pub fn delete(&self) -> Result<()> {
        self.change(|_, _| {
            let (model, version) = (self.model, self.version);
            Ok(vec![ModelVersionDeleted { model, version, time: Timestamp::now_nanos() }.into()])
        })
    }

    /// An update that says nothing yet.
    fn update(&self) -> ModelVersionUpdated {
        ModelVersionUpdated {
            model: self.model,
            version: self.version,
            description: None,
            status: None,
            stage: None,
            time: Timestamp::now_nanos(),
        }
    }

    fn change(
        &self,
        mut build: impl FnMut(&Index, &ModelVersionInfo) -> Result<Vec<Record>>,
    ) -> Result<()> {
        self.registry.change(&[REGISTRY_KINDS], |index| {
            let info = self.info_in(index)?;
            Ok((build(index, &info)?, ()))
        })
    }
}

impl RegisteredModel {
    /// A handle of the version of this number; [`ErrorKind::NotFound`] when there is none.
    pub fn version(&self, version: u64) -> Result<ModelVersion> {
        self.registry().engine().with_index(|index, _| {
            let name = self.name_in(index)?;
            check_version(index, self.id(), &name, version)
        })?;
        Ok(ModelVersion::new(self.registry().clone(), self.id(), version))
    }

    /// A handle of the version that an alias names; [`ErrorKind::InvalidInput`] when there is no
    /// such alias (MLflow's rule).
    pub fn version_by_alias(&self, alias: &str) -> Result<ModelVersion> {
        let version = self.registry().engine().with_index(|index, _| {
            let name = self.name_in(index)?;
            let found = index.model_version(self.id(), VersionChoice::Alias(alias))?;
            found.map(|it| it.version).ok_or_else(|| no_such_alias(&name, alias))
        })?;
        Ok(ModelVersion::new(self.registry().clone(), self.id(), version))
    }
}

impl Registry {
    /// The handle of a version that was read before; asks nothing.
    #[must_use]
    pub fn handle(&self, info: &ModelVersionInfo) -> ModelVersion {
        ModelVersion::new(self.clone(), info.model, info.version)
    }
}

impl fmt::Debug for ModelVersion {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("ModelVersion").field(&self.model).field(&self.version).finish()
    }
}
