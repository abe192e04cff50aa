//! Giving back the space of chunks that no file is made of.

use std::collections::HashSet;
use std::ops::RangeInclusive;

use foldhash::fast::RandomState;

use crate::engine::Engine;
use crate::entity::ContentHash;
use crate::error::Result;
use crate::format::UNIT_HEADER_BYTES;
use crate::format::record::{
    ArtifactsDeleted, ArtifactsWritten, ChunksFreed, ChunksStored, Purged, StoredChunk,
};
use crate::index::Index;
use crate::log::Log;
use crate::mutant::{self, Mutant};

/// How many chunks are freed between two syncs.
const FREED_MAX: u32 = 4096;

/// What must not happen between a look at the index and the frame that frees chunks.
const GUARDED: [RangeInclusive<u16>; 3] = [
    ChunksStored::KIND..=ChunksFreed::KIND,
    Purged::KIND..=Purged::KIND,
    ArtifactsWritten::KIND..=ArtifactsDeleted::KIND,
];

/// The chunks that lists name; a list that was read is not read again.
#[derive(Default)]
struct Listed {
    lists: HashSet<ContentHash, RandomState>,
    chunks: HashSet<ContentHash, RandomState>,
}

impl Listed {
    /// Reads the lists that files name now. One that is gone or damaged keeps gc from knowing what
    /// is needed: it is an error, or its file is lost with it.
    fn read(&mut self, log: &Log, index: &Index) -> Result<()> {
        let mut fresh = index.lists_of_chunks()?;
        fresh.retain(|list| !self.lists.contains(list));
        for stored in index.chunks(&fresh)?.into_iter().flatten() {
            let bytes = log.read_chunk(&stored)?;
            let hashes = bytes.as_chunks().0.iter().map(|it| ContentHash::from_bytes(*it));
            self.chunks.extend(hashes);
            self.lists.insert(stored.hash);
        }
        Ok(())
    }
}

/// Frees the chunks that no file needs; gives how many bytes they took. The caller has the
/// maintenance lock, so that nothing is copied meanwhile.
///
/// Chunks of a very large file that is being written are freed too if no file is named yet: its
/// upload finds that and writes them again.
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

/// Gives the space of chunks back, after a sync of the frame that freed them.
///
/// The sync does not wait out a poison: nobody can lift it while the caller has the maintenance
/// lock.
fn punch(log: &Log, mut chunks: Vec<StoredChunk>) -> Result<()> {
    if chunks.is_empty() {
        return Ok(());
    }
    if !mutant::is_active(Mutant::Rule14FreedBeforeSync) {
        log.sync_once()?;
    }
    chunks.sort_unstable_by_key(|chunk| chunk.offset);
    log.punch_chunks(&chunks)
}

/// Gives back what no frame names in the units of writers that are dead or closed: what they wrote
/// last, and what is left around freed chunks.
fn sweep(engine: &Engine) -> Result<()> {
    let units = engine.with_index(|index, _| index.chunk_units())?;
    for unit in units {
        // First that it is dead, and then what it has named: the other way round the last frame of
        // a dying writer would be missed.
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
