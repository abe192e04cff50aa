//! Versions that get their files after their creation.

use std::collections::BTreeMap;

use tracklite::registry::ModelVersionStatus;

use crate::artifacts::bytes_of;
use crate::oracle::EventId;
use crate::things::{ThingKind, version_id};
use crate::world::{Actor, Verdict};

/// Returns the fact of a status.
pub fn status_fact(status: ModelVersionStatus) -> (String, String) {
    ("status".to_owned(), status.as_str().to_owned())
}

impl Actor {
    /// Creates a version without files.
    pub fn create_pending_version(&mut self, model: EventId) -> Verdict<()> {
        let (what, kind) = ("create pending version", ThingKind::Version);
        let event = self.issue_thing(what, kind, Some(model), |event| {
            BTreeMap::from([
                ("model".to_owned(), model.0.to_string()),
                ("tag/first".to_owned(), event.0.to_string()),
                status_fact(ModelVersionStatus::PendingRegistration),
            ])
        });
        let created = self.model(model).and_then(|model| {
            let version = model.new_version("elsewhere").files_follow().tag("first", event.0);
            version.description(format!("v{}", event.0)).create()
        });
        match self.note_change(event, created)? {
            Some(version) => {
                let id = version_id(version.model_id(), version.version());
                self.oracle.lock().set_id(event, &id)
            }
            None => Ok(()),
        }
    }

    /// Writes a file of a pending version, or makes the version ready.
    pub fn go_on_with_version(&mut self, model: EventId, version: EventId) -> Verdict<()> {
        let number = self.number_of(version);
        let handle = self.model(model).and_then(|model| model.version(number));
        if self.random.one_in(3) {
            let event = self.oracle.lock().issue("finalize version");
            let (fact, status) = status_fact(ModelVersionStatus::Ready);
            self.set_fact(version, fact, event, status);
            let finalized = handle.and_then(|version| version.finalize(None));
            return self.note_change(event, finalized).map(drop);
        }
        let (path, length) = (format!("{}.bin", self.random.below(2)), self.random.below(6000));
        let event = self.oracle.lock().issue("log file of version");
        let label = format!("{}:{length}", event.0);
        self.set_fact(version, format!("file/{path}"), event, label.clone());
        let bytes = bytes_of(&label).unwrap_or_default();
        let logged = handle.and_then(|version| version.artifacts().log_bytes(&bytes, &path));
        self.note(event, logged).map(drop)
    }

    /// Returns whether a version takes files.
    pub fn is_pending(&self, version: EventId) -> bool {
        let (fact, status) = status_fact(ModelVersionStatus::PendingRegistration);
        self.oracle.lock().things[&version].fact(&fact) == Some(&status)
    }

    fn set_fact(&self, version: EventId, fact: String, event: EventId, value: String) {
        if let Some(thing) = self.oracle.lock().things.get_mut(&version) {
            thing.set(fact, event, Some(value));
        }
    }
}
