//! The artifacts of a chain, collected record by record, for code that reads it without an index.

use std::collections::{BTreeMap, HashMap};

use foldhash::fast::RandomState;

use crate::entity::id::RunId;
use crate::entity::{ArtifactOwner, ContentHash};
use crate::format::chunk::digest_of_files;
use crate::format::record::{Record, StoredChunk, WrittenFile};

/// The existing files and the stored chunks.
#[derive(Debug, Default)]
pub(crate) struct ArtifactTree {
    /// The frame that wrote each file, and its content. A reference has no content.
    pub(crate) files: BTreeMap<(ArtifactOwner, String), (u64, Option<WrittenFile>)>,
    pub(crate) chunks: HashMap<ContentHash, StoredChunk, RandomState>,
}

impl ArtifactTree {
    /// Applies a record of the frame at `position`.
    pub(crate) fn note(&mut self, position: u64, record: &Record) {
        match record {
            Record::ChunksStored(stored) => {
                for chunk in &stored.chunks {
                    self.chunks.entry(chunk.hash).or_insert(*chunk);
                }
            }
            Record::ChunksFreed(freed) => {
                for hash in &freed.hashes {
                    self.chunks.remove(hash);
                }
            }
            Record::ArtifactsWritten(written) => {
                for file in &written.files {
                    let value = (position, Some(file.clone()));
                    self.files.insert((written.owner, file.path.clone()), value);
                }
            }
            Record::ArtifactReferenced(change) => {
                self.files.insert((change.owner, change.path.clone()), (position, None));
            }
            Record::ArtifactsDeleted(deleted) => self.delete(deleted.owner, &deleted.path),
            Record::Purged(purged) => {
                let runs: Vec<RunId> = purged.runs.clone();
                runs.into_iter().for_each(|run| self.delete(ArtifactOwner::Run(run), ""));
            }
            Record::LoggedModelsPurged(purged) => {
                let owners = purged.models.iter().map(|model| ArtifactOwner::LoggedModel(*model));
                owners.for_each(|owner| self.delete(owner, ""));
            }
            Record::TableDropped(dropped) => self.delete(ArtifactOwner::Table(dropped.table), ""),
            Record::ModelVersionDeleted(change) => {
                let owner =
                    ArtifactOwner::ModelVersion { model: change.model, version: change.version };
                self.delete(owner, "");
            }
            Record::RegisteredModelDeleted(change) => {
                let of = |owner: &ArtifactOwner| match owner {
                    ArtifactOwner::ModelVersion { model, .. } => Some(*model),
                    _ => None,
                };
                self.files.retain(|(owner, _), _| of(owner) != Some(change.model));
            }
            _ => {}
        }
    }

    /// Returns the digest of all files of an owner. Returns `None` if it has no files.
    pub(crate) fn digest_of(&self, owner: ArtifactOwner) -> Option<[u8; 32]> {
        let found = self.files.range((owner, String::new())..);
        let found = found.take_while(|((of, _), _)| *of == owner);
        let files: Vec<&WrittenFile> = found.filter_map(|(_, (_, file))| file.as_ref()).collect();
        (!files.is_empty()).then(|| digest_of_files(files))
    }

    /// Returns the frame that wrote the first file of an owner.
    pub(crate) fn first_frame(&self, owner: ArtifactOwner) -> Option<u64> {
        let (key, (position, _)) = self.files.range((owner, String::new())..).next()?;
        (key.0 == owner).then_some(*position)
    }

    fn delete(&mut self, owner: ArtifactOwner, path: &str) {
        self.files.remove(&(owner, path.to_owned()));
        let within = if path.is_empty() { String::new() } else { format!("{path}/") };
        let found = self.files.range((owner, within.clone())..);
        let found = found.take_while(|((of, path), _)| *of == owner && path.starts_with(&within));
        let found: Vec<_> = found.map(|(key, _)| key.clone()).collect();
        found.iter().for_each(|key| drop(self.files.remove(key)));
    }

    /// Returns whether the frame at `position` wrote the file that has this path now.
    pub(crate) fn is_current(&self, position: u64, owner: ArtifactOwner, path: &str) -> bool {
        let found = self.files.get(&(owner, path.to_owned()));
        found.is_some_and(|(at, _)| *at == position)
    }
}

/// Describes an owner in words.
pub(crate) fn describe(owner: &ArtifactOwner) -> String {
    match owner {
        ArtifactOwner::Run(run) => format!("run {run}"),
        ArtifactOwner::LoggedModel(model) => format!("logged model {model}"),
        ArtifactOwner::ModelVersion { model, version } => {
            format!("version {version} of registered model {:032x}", model.to_bits())
        }
        ArtifactOwner::Table(table) => format!("table {table}"),
    }
}
