//! The existing models. A copy omits deleted models, and those whose first record is lost.

use std::collections::{HashMap, HashSet};

use crate::entity::id::{LoggedModelId, RegisteredModelId};
use crate::format::record::{ModelVersionCreated, Record};

/// The models and versions that exist after the applied records.
#[derive(Debug, Default)]
pub(crate) struct KnownModels {
    models: HashSet<RegisteredModelId>,
    /// The existing versions, each with the digest of its files, if it has one.
    pub(crate) versions: HashMap<(RegisteredModelId, u64), Option<[u8; 32]>>,
    logged_models: HashSet<LoggedModelId>,
}

impl KnownModels {
    /// Applies a record.
    pub(crate) fn note(&mut self, record: &Record) {
        match record {
            Record::RegisteredModelCreated(change) => {
                self.models.insert(change.model);
            }
            Record::RegisteredModelDeleted(change) => {
                self.models.remove(&change.model);
                self.versions.retain(|(model, _), _| *model != change.model);
            }
            Record::ModelVersionCreated(change) => {
                self.versions.insert((change.model, change.version), change.digest);
            }
            Record::ModelVersionFinalized(change) => {
                if let Some(digest) = self.versions.get_mut(&(change.model, change.version)) {
                    *digest = change.digest;
                }
            }
            Record::ModelVersionDeleted(change) => {
                self.versions.remove(&(change.model, change.version));
            }
            Record::LoggedModelCreated(change) => {
                self.logged_models.insert(change.model);
            }
            Record::LoggedModelsPurged(change) => {
                self.logged_models.retain(|model| !change.models.contains(model));
            }
            _ => {}
        }
    }

    /// Returns whether a copy needs the record.
    ///
    /// The creation of a deleted version is kept, so that its number is not used again.
    pub(crate) fn keeps(&self, record: &Record) -> bool {
        let model = match record {
            Record::RegisteredModelCreated(change) => change.model,
            Record::RegisteredModelRenamed(change) => change.model,
            Record::RegisteredModelUpdated(change) => change.model,
            Record::RegisteredModelDeleted(change) => change.model,
            Record::RegisteredModelTagsSet(change) => change.model,
            Record::RegisteredModelTagDeleted(change) => change.model,
            Record::ModelVersionCreated(change) => change.model,
            Record::ModelVersionDeleted(change) => change.model,
            Record::AliasDeleted(change) => change.model,
            Record::ModelVersionUpdated(change) => {
                return self.keeps_version(change.model, change.version);
            }
            Record::ModelVersionFinalized(change) => {
                return self.keeps_version(change.model, change.version);
            }
            Record::ModelVersionTagsSet(change) => {
                return self.keeps_version(change.model, change.version);
            }
            Record::ModelVersionTagDeleted(change) => {
                return self.keeps_version(change.model, change.version);
            }
            Record::AliasSet(change) => change.model,
            other => return self.keeps_logged(other),
        };
        self.models.contains(&model)
    }

    fn keeps_version(&self, model: RegisteredModelId, version: u64) -> bool {
        self.models.contains(&model) && self.versions.contains_key(&(model, version))
    }

    fn keeps_logged(&self, record: &Record) -> bool {
        let model = match record {
            Record::LoggedModelCreated(change) => change.model,
            Record::LoggedModelUpdated(change) => change.model,
            Record::LoggedModelParamsSet(change) => change.model,
            Record::LoggedModelTagsSet(change) => change.model,
            Record::LoggedModelTagDeleted(change) => change.model,
            Record::LoggedModelMetricsLogged(change) => change.model,
            Record::LoggedModelLifecycleSet(change) => change.model,
            Record::LoggedModelSignatureSet(change) => change.model,
            Record::LoggedModelsPurged(_) => return false,
            _ => return true,
        };
        self.logged_models.contains(&model)
    }

    /// Describes a record that refers to a model or version that does not exist. Returns `None` for
    /// a valid record.
    pub(crate) fn missing(&self, record: &Record) -> Option<String> {
        if let Record::AliasSet(change) = record {
            let is_there = self.keeps_version(change.model, change.version);
            return (!is_there)
                .then(|| format!("alias {:?} of version {}", change.alias, change.version));
        }
        let creates =
            matches!(record, Record::RegisteredModelCreated(_) | Record::LoggedModelCreated(_));
        let is_purge = matches!(record, Record::LoggedModelsPurged(_));
        let is_there = creates || is_purge || self.keeps(record);
        (!is_there).then(|| format!("record of kind {}", record.tag().0))
    }

    /// Clears the fields of a deleted version, except its number.
    pub(crate) fn redact(&self, created: ModelVersionCreated) -> ModelVersionCreated {
        if self.keeps_version(created.model, created.version) {
            return created;
        }
        ModelVersionCreated {
            source: String::new(),
            location: String::new(),
            run: None,
            run_link: None,
            logged_model: None,
            copied_from: None,
            description: None,
            tags: Vec::new(),
            user: String::new(),
            signature: None,
            digest: None,
            ..created
        }
    }
}
