//! Applies records about artifacts and their chunks.
//!
//! Records are taken at their word. A chunk that was never stored is noticed when the file is read.

use crate::entity::id::RegisteredModelId;
use crate::entity::{ArtifactOwner, ContentHash};
use crate::format::record::{
    ArtifactReferenced, ArtifactsWritten, ChunkUnitOpened, ChunksFreed, ChunksStored, FileContent,
    WrittenFile,
};
use crate::index::artifacts::{bounds_within, owner_columns};

use super::Applier;

impl Applier<'_> {
    pub(super) fn chunk_unit_opened(&mut self, record: &ChunkUnitOpened) -> rusqlite::Result<()> {
        self.execute(
            "INSERT OR REPLACE INTO chunk_units VALUES (?1, ?2, ?3)",
            (record.unit, record.units, record.incarnation.0.cast_signed()),
        )
    }

    /// Adds stored chunks. A chunk that exists keeps its place.
    pub(super) fn chunks_stored(&mut self, record: &ChunksStored) -> rusqlite::Result<()> {
        let mut insert = self
            .connection
            .prepare_cached("INSERT OR IGNORE INTO chunks VALUES (?1, ?2, ?3, ?4, ?5, ?6)")?;
        for chunk in &record.chunks {
            let offset = chunk.offset.cast_signed();
            insert.execute((
                chunk.hash.as_bytes(),
                chunk.length,
                chunk.coded,
                chunk.codec,
                offset,
                chunk.checksum,
            ))?;
        }
        Ok(())
    }

    pub(super) fn chunks_freed(&mut self, record: &ChunksFreed) -> rusqlite::Result<()> {
        let mut delete = self.connection.prepare_cached("DELETE FROM chunks WHERE hash = ?1")?;
        record.hashes.iter().try_for_each(|hash| delete.execute([hash.as_bytes()]).map(drop))
    }

    pub(super) fn artifacts_written(&mut self, record: &ArtifactsWritten) -> rusqlite::Result<()> {
        record
            .files
            .iter()
            .try_for_each(|file| self.artifact_written(&record.owner, record.time, file))
    }

    fn artifact_written(
        &self,
        owner: &ArtifactOwner,
        time: i64,
        file: &WrittenFile,
    ) -> rusqlite::Result<()> {
        self.artifact_replaced(owner, &file.path)?;
        let (chunks, is_list) = match &file.content {
            FileContent::Chunks(chunks) => (chunks, false),
            FileContent::List(chunks) => (chunks, true),
        };
        let content: Vec<u8> = chunks.iter().flat_map(ContentHash::as_bytes).copied().collect();
        let (kind, owner, version) = owner_columns(owner);
        self.execute(
            "INSERT INTO artifacts
             (owner_kind, owner, version, path, written, size, digest, media_type, is_list, content)
             VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10)",
            (
                kind,
                owner,
                version,
                &file.path,
                time,
                file.size.cast_signed(),
                file.digest.to_string(),
                &file.media_type,
                is_list,
                content,
            ),
        )?;
        let artifact = self.connection.last_insert_rowid();
        let mut insert = self
            .connection
            .prepare_cached("INSERT OR IGNORE INTO artifact_chunks VALUES (?1, ?2)")?;
        chunks.iter().try_for_each(|hash| insert.execute((hash.as_bytes(), artifact)).map(drop))
    }

    pub(super) fn artifact_referenced(
        &mut self,
        record: &ArtifactReferenced,
    ) -> rusqlite::Result<()> {
        self.artifact_replaced(&record.owner, &record.path)?;
        let (kind, owner, version) = owner_columns(&record.owner);
        self.execute(
            "INSERT INTO artifacts
             (owner_kind, owner, version, path, written, size, digest, uri, is_list, content)
             VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, 0, x'')",
            (
                kind,
                owner,
                version,
                &record.path,
                record.time,
                record.size.map(u64::cast_signed),
                &record.digest,
                &record.uri,
            ),
        )
    }

    /// Removes the artifact with this exact path.
    fn artifact_replaced(&self, owner: &ArtifactOwner, path: &str) -> rusqlite::Result<()> {
        let (_, owner, version) = owner_columns(owner);
        let mut select = self.connection.prepare_cached(
            "SELECT artifact, content FROM artifacts
             WHERE owner = ?1 AND version = ?2 AND path = ?3",
        )?;
        let found = select.query_map((owner, version, path), |row| Ok((row.get(0)?, row.get(1)?)));
        let found = found?.collect::<rusqlite::Result<Vec<(i64, Vec<u8>)>>>()?;
        found.iter().try_for_each(|(artifact, content)| self.remove_artifact(*artifact, content))
    }

    /// Removes the file with this path, and everything in the folder with this path.
    pub(super) fn artifacts_deleted(
        &self,
        owner: &ArtifactOwner,
        path: &str,
    ) -> rusqlite::Result<()> {
        self.artifact_replaced(owner, path)?;
        let (first, end) = bounds_within(path);
        let (_, owner, version) = owner_columns(owner);
        let mut select = self.connection.prepare_cached(
            "SELECT artifact, content FROM artifacts
             WHERE owner = ?1 AND version = ?2 AND path >= ?3 AND path < ?4",
        )?;
        let within = (owner, version, first, end);
        let found = select.query_map(within, |row| Ok((row.get(0)?, row.get(1)?)));
        let found = found?.collect::<rusqlite::Result<Vec<(i64, Vec<u8>)>>>()?;
        found.iter().try_for_each(|(artifact, content)| self.remove_artifact(*artifact, content))
    }

    /// Removes the files of all versions of a registered model.
    pub(super) fn artifacts_of_model_deleted(&self, id: RegisteredModelId) -> rusqlite::Result<()> {
        let owner = ArtifactOwner::ModelVersion { model: id, version: 0 };
        let (kind, model, _) = owner_columns(&owner);
        let mut select = self.connection.prepare_cached(
            "SELECT artifact, content FROM artifacts WHERE owner = ?2 AND owner_kind = ?1",
        )?;
        let found = select.query_map((kind, model), |row| Ok((row.get(0)?, row.get(1)?)));
        let found = found?.collect::<rusqlite::Result<Vec<(i64, Vec<u8>)>>>()?;
        found.iter().try_for_each(|(artifact, content)| self.remove_artifact(*artifact, content))
    }

    fn remove_artifact(&self, artifact: i64, content: &[u8]) -> rusqlite::Result<()> {
        for hash in content.chunks_exact(ContentHash::BYTES) {
            self.execute(
                "DELETE FROM artifact_chunks WHERE hash = ?1 AND artifact = ?2",
                (hash, artifact),
            )?;
        }
        self.execute("DELETE FROM artifacts WHERE artifact = ?1", [artifact])
    }
}
