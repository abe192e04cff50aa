//! Model versions that have lost files in a salvaged copy.
//!
//! Such a version keeps its number and its remaining files. But it must not look like the complete
//! version. So it loses its digest, and its status becomes failed, with the reason.

use std::collections::HashSet;
use std::fmt;

use crate::copy::artifact_tree::ArtifactTree;
use crate::entity::id::{RegisteredModelId, Timestamp};
use crate::entity::{ArtifactOwner, ModelVersionStatus};
use crate::format::record::{
    ArtifactsWritten, ModelVersionFinalized, ModelVersionUpdated, Position, Record,
};

/// The maximum number of files that a message names.
const NAMED_MAX: usize = 5;

/// The files of a version in the source.
#[derive(Debug)]
pub(crate) struct PinnedFiles {
    model: RegisteredModelId,
    version: u64,
    paths: Vec<String>,
}

impl PinnedFiles {
    /// Returns the files of a version's record at `position` that still exist.
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

    /// Returns the version if the copy lacks some of the files.
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
    /// Removes the digest from the version's record, and adds a record with the failed status.
    pub(crate) fn mark_failed(self, records: &mut Vec<Record>) {
        let (model, version) = (self.model, self.version);
        for record in records.iter_mut() {
            if let Record::ModelVersionCreated(created) = record
                && (created.model, created.version) == (model, version)
            {
                created.digest = None;
            }
        }
        records.push(failed(model, version, self.message()));
    }

    fn message(&self) -> String {
        let named: Vec<&str> = self.lost.iter().take(NAMED_MAX).map(String::as_str).collect();
        let more = if self.lost.len() > NAMED_MAX { " and others" } else { "" };
        let count = self.lost.len();
        format!("lost {count} of its files by damage: {}{more}", named.join(", "))
    }
}

/// The versions that have lost files in the frames copied so far.
#[derive(Debug, Default)]
pub(crate) struct IncompleteVersions(HashSet<(RegisteredModelId, u64)>);

impl IncompleteVersions {
    pub(crate) fn add(&mut self, broken: &BrokenVersion) {
        self.0.insert((broken.model, broken.version));
    }

    /// Keeps a version ready only if the copy has all its files. Without `lost`, a copy fails
    /// earlier if files are missing.
    pub(crate) fn settle(
        &self,
        finalized: ModelVersionFinalized,
        tree: &ArtifactTree,
        lost: Option<&mut Vec<String>>,
    ) -> Record {
        let (model, version) = (finalized.model, finalized.version);
        let is_known = self.0.contains(&(model, version));
        let found = tree.digest_of(ArtifactOwner::ModelVersion { model, version });
        let Some(lost) = lost.filter(|_| is_known || found != finalized.digest) else {
            return finalized.into();
        };
        if !is_known {
            lost.push(format!(
                "version {version} of a registered model is marked as failed: it lost files"
            ));
        }
        failed(model, version, "lost some of its files by damage".to_owned())
    }
}

fn failed(model: RegisteredModelId, version: u64, message: String) -> Record {
    let status = Some((ModelVersionStatus::FailedRegistration, Some(message)));
    let time = Timestamp::now_nanos();
    ModelVersionUpdated { model, version, description: None, status, stage: None, time }.into()
}

impl fmt::Display for BrokenVersion {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(
            f,
            "version {} of a registered model is no longer pinned and is marked as failed: {}",
            self.version,
            self.message()
        )
    }
}
