//! Freeing the space of chunks that no file uses.

use std::collections::HashSet;
use std::ops::RangeInclusive;

use foldhash::fast::RandomState;

use crate::engine::Engine;
use crate::entity::ContentHash;
use crate::error::Result;
use crate::format::UNIT_HEADER_BYTES;
use crate::format::record::{
    ArtifactsDeleted, ArtifactsWritten, ChunksFreed, ChunksStored, Purged, StoredChunk, TABLE_KINDS,
};
use crate::index::Index;
use crate::log::Log;
use crate::mutant::fault;

/// The maximum number of chunks that are freed between two syncs.
const FREED_MAX: u32 = 4096;

/// Records that must not appear between the lookup in the index and the frame that frees chunks.
/// Otherwise a file could name a chunk just before it is freed.
const GUARDED: [RangeInclusive<u16>; 4] = [
    ChunksStored::KIND..=ChunksFreed::KIND,
    Purged::KIND..=Purged::KIND,
    ArtifactsWritten::KIND..=ArtifactsDeleted::KIND,
    TABLE_KINDS,
];

/// The chunks that lists name. Each list is read once.
#[derive(Default)]
struct Listed {
    lists: HashSet<ContentHash, RandomState>,
    chunks: HashSet<ContentHash, RandomState>,
}

impl Listed {
    /// Reads the lists that files name now.
    ///
    /// A damaged list is an error, because gc cannot know which chunks it needs. A missing list is
    /// skipped, because its file is lost anyway.
    fn read(&mut self, log: &Log, index: &Index) -> Result<()> {
        let mut fresh = index.lists_of_chunks()?;
        fresh.retain(|list| !self.lists.contains(list));
        for stored in index.chunks(&fresh)?.into_iter().flatten() {
            let bytes = log.read_chunk(&stored)?;
            let hashes = bytes.as_chunks().0.iter().map(|hash| ContentHash::from_bytes(*hash));
            self.chunks.extend(hashes);
            self.lists.insert(stored.hash);
        }
        Ok(())
    }
}

/// Frees the chunks that no file needs. Returns the bytes that they took.
///
/// The caller must hold the maintenance lock, so that no copy runs meanwhile. This may free chunks
/// of a very large file whose upload is not complete. The upload detects that and writes the chunks
/// again.
pub(crate) fn free_chunks(engine: &Engine) -> Result<u64> {
    let (mut listed, mut after, mut freed) = (Listed::default(), None, 0);
    loop {
        let (chunks, last) = engine.append_decided(&GUARDED, |index| {
            listed.read(&engine.log, index)?;
            let mut chunks = index.unnamed_chunks(after, FREED_MAX)?;
            let is_last = chunks.len() < FREED_MAX as usize;
            let last = chunks.last().filter(|_| !is_last).map(|chunk| chunk.hash);
            chunks.retain(|chunk| !listed.chunks.contains(&chunk.hash));
            let hashes: Vec<ContentHash> = chunks.iter().map(|chunk| chunk.hash).collect();
            let freed = ChunksFreed { hashes };
            let is_none = freed.hashes.is_empty();
            Ok((if is_none { Vec::new() } else { vec![freed.into()] }, (chunks, last)))
        })?;
        freed += chunks.iter().map(|chunk| u64::from(chunk.coded)).sum::<u64>();
        punch(&engine.log, chunks)?;
        match last {
            Some(last) => after = Some(last),
            None => break,
        }
    }
    sweep(engine)?;
    Ok(freed)
}

/// Frees the space of chunks, after a sync of the frame that freed them.
///
/// The sync must come first. Otherwise a power cut could lose the frame and keep the hole. The sync
/// does not wait for the recovery of a poisoned file. That needs the maintenance lock, which the
/// caller holds.
fn punch(log: &Log, mut chunks: Vec<StoredChunk>) -> Result<()> {
    if chunks.is_empty() {
        return Ok(());
    }
    if !fault!(Rule14FreedBeforeSync) {
        log.sync_once()?;
    }
    chunks.sort_unstable_by_key(|chunk| chunk.offset);
    log.punch_chunks(&chunks)
}

/// Frees all space that no frame names in the units of dead or closed writers. These are their last
/// writes and the rests around freed chunks.
fn sweep(engine: &Engine) -> Result<()> {
    let units = engine.with_index(|index, _| index.chunk_units())?;
    for unit in units {
        // The liveness check must come before the lookup of the named chunks. In the other order, a
        // writer could append its last frame between the two, and lose its chunks.
        if engine.log.is_alive(unit.incarnation)? {
            continue;
        }
        let range = unit.range();
        let chunks = engine.with_index(|index, _| index.chunks_within(&range))?;
        let mut start = range.start + UNIT_HEADER_BYTES;
        for chunk in chunks {
            engine.log.punch_within(start..chunk.start)?;
            start = start.max(chunk.end);
        }
        engine.log.punch_within(start..range.end)?;
    }
    Ok(())
}
