//! Versions of registered models.

use std::fmt;
use std::ops::RangeInclusive;

use crate::artifact::Artifacts;
use crate::entity::id::{RegisteredModelId, Timestamp};
use crate::entity::signature::Signature;
use crate::entity::{ArtifactOwner, ModelStage, ModelVersionInfo, ModelVersionStatus};
use crate::error::{Error, ErrorKind, Result};
use crate::format::record::{
    ArtifactsDeleted, ArtifactsWritten, ModelVersionDeleted, ModelVersionFinalized,
    ModelVersionTagDeleted, ModelVersionTagsSet, ModelVersionUpdated, REGISTRY_KINDS, Record,
};
use crate::index::{Index, VersionChoice};
use crate::registry::Registry;
use crate::registry::model::RegisteredModel;
use crate::registry::names::{check_stages, check_version, gone, no_such_alias, no_such_version};
use crate::registry::pending::check_signature;
use crate::registry::pinned_files::digest_now;

/// Records on which the end of a registration depends: the registry and the files.
const FINALIZED_ON: &[RangeInclusive<u16>] =
    &[REGISTRY_KINDS, ArtifactsWritten::KIND..=ArtifactsDeleted::KIND];

/// A handle of a version of a registered model.
///
/// # Errors
///
/// All methods that read or write the file fail with:
///
/// - [`ErrorKind::NotFound`] if the version or its model was deleted.
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

    /// Returns the number of the version.
    #[must_use]
    pub fn version(&self) -> u64 {
        self.version
    }

    /// Returns the id of the registered model.
    #[must_use]
    pub fn model_id(&self) -> RegisteredModelId {
        self.model
    }

    /// Returns the source, files, tags, aliases and status of the version.
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

    /// Sets or clears the description.
    ///
    /// # Errors
    ///
    /// - [`ErrorKind::InvalidInput`] if the description is too long.
    pub fn set_description(&self, text: Option<&str>) -> Result<()> {
        let checked = self.registry.limits().check_description(text);
        self.registry.engine().located(checked)?;
        self.change(|_, _| {
            let description = Some(text.map(str::to_owned));
            Ok(vec![ModelVersionUpdated { description, ..self.update() }.into()])
        })
    }

    /// Sets the status and its message.
    pub fn set_status(&self, status: ModelVersionStatus, message: Option<&str>) -> Result<()> {
        self.change(|_, _| {
            let status = Some((status, message.map(str::to_owned)));
            Ok(vec![ModelVersionUpdated { status, ..self.update() }.into()])
        })
    }

    /// Returns the files of the version. They can be written only while it is pending.
    #[must_use]
    pub fn artifacts(&self) -> Artifacts {
        let owner = ArtifactOwner::ModelVersion { model: self.model, version: self.version };
        Artifacts::new(self.registry.database().clone(), owner, None)
    }

    /// Makes a pending version ready and pins its files, as one frame.
    ///
    /// A file that another process writes at the same time is either pinned or refused. If the
    /// version is ready already, nothing happens. Without a signature, the version keeps its own.
    ///
    /// # Errors
    ///
    /// - [`ErrorKind::InvalidState`] if the registration of the version failed.
    /// - [`ErrorKind::InvalidInput`] if the file has catalogs and the signature lacks inputs or
    ///   outputs.
    ///
    /// ```
    /// # let folder = tempfile::tempdir()?;
    /// # let database = tracklite::Database::create(folder.path().join("runs.tracklite"))?;
    /// use tracklite::registry::ModelVersionStatus;
    ///
    /// let churn = database.registry().create_model("churn")?;
    /// let version = churn.new_version("training on my laptop").files_follow().create()?;
    /// version.artifacts().log_text("{}", "MLmodel")?;
    /// version.finalize(None)?;
    /// let info = version.info()?;
    /// assert_eq!(info.status, ModelVersionStatus::Ready);
    /// assert!(info.digest.is_some());
    /// assert!(version.artifacts().delete("MLmodel").is_err());
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    pub fn finalize(&self, signature: Option<Signature>) -> Result<()> {
        let signature = signature.map(|signature| signature.to_json());
        self.registry.change(FINALIZED_ON, |index| {
            let info = self.info_in(index)?;
            match info.status {
                ModelVersionStatus::Ready => return Ok((Vec::new(), ())),
                ModelVersionStatus::PendingRegistration => {}
                ModelVersionStatus::FailedRegistration => return Err(failed(&info)),
            }
            check_signature(index, signature.as_deref().or(info.signature.as_deref()))?;
            let (model, version) = (self.model, self.version);
            let owner = ArtifactOwner::ModelVersion { model, version };
            let (digest, signature) = (digest_now(index, &owner)?, signature.clone());
            let time = Timestamp::now_nanos();
            let record = ModelVersionFinalized { model, version, digest, signature, time };
            Ok((vec![record.into()], ()))
        })
    }

    /// Moves the version to a stage.
    ///
    /// With `archive_existing`, the same frame archives all other versions in that stage.
    ///
    /// # Errors
    ///
    /// - [`ErrorKind::InvalidInput`] if `archive_existing` is set and the stage is not staging or
    ///   production.
    /// - [`ErrorKind::InvalidState`] if names have three levels, because there are no stages.
    pub fn transition_stage(&self, stage: ModelStage, archive_existing: bool) -> Result<()> {
        self.change(|index, _| {
            check_stages(index)?;
            if archive_existing && !stage.is_active() {
                let message = format!(
                    "Model version transition cannot archive existing model versions because \
                     '{stage}' is not an Active stage. Valid stages are ['Staging', 'Production']"
                );
                let error = Error::new(ErrorKind::InvalidInput, message);
                return Err(error.with_mlflow_code("INTERNAL_ERROR"));
            }
            let mut records = Vec::new();
            if archive_existing {
                let all = index.model_versions(self.model)?;
                let others =
                    all.iter().filter(|info| info.stage == stage && info.version != self.version);
                records.extend(others.map(|other| {
                    let (version, stage) = (other.version, Some(ModelStage::Archived));
                    Record::from(ModelVersionUpdated { version, stage, ..self.update() })
                }));
            }
            records.push(ModelVersionUpdated { stage: Some(stage), ..self.update() }.into());
            Ok(records)
        })
    }

    /// Sets or replaces a tag.
    ///
    /// # Errors
    ///
    /// - [`ErrorKind::InvalidInput`] if the key or value is not legal.
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

    /// Deletes a tag. If there is no such tag, nothing happens, like in MLflow.
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

    /// Deletes the version and its aliases permanently. Its number is not used again.
    pub fn delete(&self) -> Result<()> {
        self.change(|_, _| {
            let (model, version) = (self.model, self.version);
            Ok(vec![ModelVersionDeleted { model, version, time: Timestamp::now_nanos() }.into()])
        })
    }

    /// Returns an update that changes nothing yet.
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
    /// Returns the version with this number.
    ///
    /// # Errors
    ///
    /// - [`ErrorKind::NotFound`] if there is no such version.
    pub fn version(&self, version: u64) -> Result<ModelVersion> {
        self.registry().engine().with_index(|index, _| {
            let name = self.name_in(index)?;
            check_version(index, self.id(), &name, version)
        })?;
        Ok(ModelVersion::new(self.registry().clone(), self.id(), version))
    }

    /// Returns the version to which an alias points.
    ///
    /// # Errors
    ///
    /// - [`ErrorKind::NotFound`] if the model was deleted.
    /// - [`ErrorKind::InvalidInput`] if there is no such alias, like in MLflow.
    pub fn version_by_alias(&self, alias: &str) -> Result<ModelVersion> {
        let version = self.registry().engine().with_index(|index, _| {
            let name = self.name_in(index)?;
            let found = index.model_version(self.id(), VersionChoice::Alias(alias))?;
            found.map(|info| info.version).ok_or_else(|| no_such_alias(&name, alias))
        })?;
        Ok(ModelVersion::new(self.registry().clone(), self.id(), version))
    }
}

impl Registry {
    /// Returns a version of the model with this name.
    ///
    /// # Errors
    ///
    /// - [`ErrorKind::NotFound`] if there is no such model or version.
    pub fn version(&self, name: &str, version: u64) -> Result<ModelVersion> {
        Ok(self.handle(&self.version_info(name, version)?))
    }

    /// Returns the version to which an alias of the model with this name points.
    ///
    /// # Errors
    ///
    /// - [`ErrorKind::NotFound`] if there is no such model.
    /// - [`ErrorKind::InvalidInput`] if there is no such alias, like in MLflow.
    pub fn version_by_alias(&self, name: &str, alias: &str) -> Result<ModelVersion> {
        Ok(self.handle(&self.version_info_by_alias(name, alias)?))
    }

    /// Returns the info of a version of the model with this name.
    ///
    /// # Errors
    ///
    /// - Those of [`Registry::version`].
    ///
    /// # Performance
    ///
    /// One lookup in the index, about 16 us.
    pub fn version_info(&self, name: &str, version: u64) -> Result<ModelVersionInfo> {
        self.engine()
            .with_index(|index, _| self.version_in(index, name, VersionChoice::Number(version)))
    }

    /// Returns the info of the version to which an alias of the model with this name points.
    ///
    /// # Errors
    ///
    /// - Those of [`Registry::version_by_alias`].
    ///
    /// # Performance
    ///
    /// One lookup in the index, about 16 us.
    pub fn version_info_by_alias(&self, name: &str, alias: &str) -> Result<ModelVersionInfo> {
        self.engine()
            .with_index(|index, _| self.version_in(index, name, VersionChoice::Alias(alias)))
    }

    /// Returns the handle of a version that was read before, without a lookup.
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

fn failed(info: &ModelVersionInfo) -> Error {
    let reason = info.status_message.as_deref().unwrap_or("no reason is known");
    let message = format!(
        "the registration of version {} of {:?} failed ({reason}); register it again",
        info.version, info.name
    );
    Error::new(ErrorKind::InvalidState, message)
}
