//! Which models there are: a copy leaves out what is deleted for good, or whose beginning is lost.

use std::collections::{HashMap, HashSet};

use crate::entity::id::{LoggedModelId, RegisteredModelId};
use crate::format::record::{ModelVersionCreated, Record};

/// The models and versions that there are after the records that were noted.
#[derive(Debug, Default)]
pub(crate) struct KnownModels {
    models: HashSet<RegisteredModelId>,
    /// Each with the digest of its files, if it has one.
    pub(crate) versions: HashMap<(RegisteredModelId, u64), Option<[u8; 32]>>,
    logged_models: HashSet<LoggedModelId>,
}

impl KnownModels {
    /// Takes in a record.
    pub(crate) fn note(&mut self, record: &Record) {
        match record {
            Record::RegisteredModelCreated(it) => {
                self.models.insert(it.model);
            }
            Record::RegisteredModelDeleted(it) => {
                self.models.remove(&it.model);
                self.versions.retain(|(model, _), _| *model != it.model);
            }
            Record::ModelVersionCreated(it) => {
                self.versions.insert((it.model, it.version), it.digest);
            }
            Record::ModelVersionDeleted(it) => {
                self.versions.remove(&(it.model, it.version));
            }
            Record::LoggedModelCreated(it) => {
                self.logged_models.insert(it.model);
            }
            Record::LoggedModelsPurged(it) => {
                self.logged_models.retain(|model| !it.models.contains(model));
            }
            _ => {}
        }
    }

    /// Whether the record means anything in a copy. What a deleted version was called by is gone;
    /// that there was one stays, so that its number is not given out again.
    pub(crate) fn keeps(&self, record: &Record) -> bool {
        let model = match record {
            Record::RegisteredModelCreated(it) => it.model,
            Record::RegisteredModelRenamed(it) => it.model,
            Record::RegisteredModelUpdated(it) => it.model,
            Record::RegisteredModelDeleted(it) => it.model,
            Record::RegisteredModelTagsSet(it) => it.model,
            Record::RegisteredModelTagDeleted(it) => it.model,
            Record::ModelVersionCreated(it) => it.model,
            Record::ModelVersionDeleted(it) => it.model,
            Record::AliasDeleted(it) => it.model,
            Record::ModelVersionUpdated(it) => return self.keeps_version(it.model, it.version),
            Record::ModelVersionTagsSet(it) => return self.keeps_version(it.model, it.version),
            Record::ModelVersionTagDeleted(it) => return self.keeps_version(it.model, it.version),
            Record::AliasSet(it) => it.model,
            other => return self.keeps_logged(other),
        };
        self.models.contains(&model)
    }

    fn keeps_version(&self, model: RegisteredModelId, version: u64) -> bool {
        self.models.contains(&model) && self.versions.contains_key(&(model, version))
    }

    fn keeps_logged(&self, record: &Record) -> bool {
        let model = match record {
            Record::LoggedModelCreated(it) => it.model,
            Record::LoggedModelUpdated(it) => it.model,
            Record::LoggedModelParamsSet(it) => it.model,
            Record::LoggedModelTagsSet(it) => it.model,
            Record::LoggedModelTagDeleted(it) => it.model,
            Record::LoggedModelMetricsLogged(it) => it.model,
            Record::LoggedModelLifecycleSet(it) => it.model,
            Record::LoggedModelSignatureSet(it) => it.model,
            Record::LoggedModelsPurged(_) => return false,
            _ => return true,
        };
        self.logged_models.contains(&model)
    }

    /// What a record names that is not there at its place of the chain, and should be.
    pub(crate) fn missing(&self, record: &Record) -> Option<String> {
        if let Record::AliasSet(it) = record {
            let is_there = self.keeps_version(it.model, it.version);
            return (!is_there).then(|| format!("alias {:?} of version {}", it.alias, it.version));
        }
        let creates =
            matches!(record, Record::RegisteredModelCreated(_) | Record::LoggedModelCreated(_));
        let is_purge = matches!(record, Record::LoggedModelsPurged(_));
        let is_there = creates || is_purge || self.keeps(record);
        (!is_there).then(|| format!("record of kind {}", record.tag().0))
    }

    /// The record without what a deleted version said of itself.
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
