//! Versions of registered models in a salvaged copy that have lost files of theirs.
//!
//! A version is pinned to all of its files. One that has only some of them left stays under its
//! number, with those, but it must not pass for what it was: it is pinned to nothing any more, and
//! its status says that it failed, and why.

use std::fmt;

use crate::copy::artifact_tree::ArtifactTree;
use crate::entity::id::{RegisteredModelId, Timestamp};
use crate::entity::{ArtifactOwner, ModelVersionStatus};
use crate::format::record::{ArtifactsWritten, ModelVersionUpdated, Position, Record};

/// The most files that a message names.
const NAMED_MAX: usize = 5;

/// The files of a version as the source has them.
#[derive(Debug)]
pub(crate) struct PinnedFiles {
    model: RegisteredModelId,
    version: u64,
    paths: Vec<String>,
}

impl PinnedFiles {
    /// Those that a record of `position` gives to a version and that are still there.
    pub(crate) fn of(
        written: &ArtifactsWritten,
        tree: &ArtifactTree,
        position: Position,
    ) -> Option<PinnedFiles> {
        let ArtifactOwner::ModelVersion { model, version } = written.owner else { return None };
        let paths = written.files.iter().map(|file| &file.path);
        let paths = paths.filter(|path| tree.is_current(position.0, written.owner, path));
        Some(PinnedFiles { model, version, paths: paths.cloned().collect() })
    }

    /// The version, when the copy has not all of them.
    pub(crate) fn without(self, copied: &ArtifactsWritten) -> Option<BrokenVersion> {
        let PinnedFiles { model, version, paths } = self;
        let is_lost = |path: &String| !copied.files.iter().any(|file| file.path == *path);
        let lost: Vec<String> = paths.into_iter().filter(is_lost).collect();
        (!lost.is_empty()).then_some(BrokenVersion { model, version, lost })
    }
}

/// A version that has lost files.
#[derive(Debug)]
pub(crate) struct BrokenVersion {
    model: RegisteredModelId,
    version: u64,
    lost: Vec<String>,
}

impl BrokenVersion {
    /// Makes the records that create the version say so.
    pub(crate) fn tell(self, records: &mut Vec<Record>) {
        let (model, version) = (self.model, self.version);
        for record in records.iter_mut() {
            if let Record::ModelVersionCreated(created) = record
                && (created.model, created.version) == (model, version)
            {
                created.digest = None;
            }
        }
        let status = Some((ModelVersionStatus::FailedRegistration, Some(self.message())));
        let time = Timestamp::now().as_nanos();
        let updated =
            ModelVersionUpdated { model, version, description: None, status, stage: None, time };
        records.push(updated.into());
    }

    fn message(&self) -> String {
        let named: Vec<&str> = self.lost.iter().take(NAMED_MAX).map(String::as_str).collect();
        let more = if self.lost.len() > NAMED_MAX { " and others" } else { "" };
        let count = self.lost.len();
        format!("damage has cost it {count} of its files: {}{more}", named.join(", "))
    }
}

impl fmt::Display for BrokenVersion {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(
            f,
            "version {} of a registered model is pinned no more and counts as failed: {}",
            self.version,
            self.message()
        )
    }
}
