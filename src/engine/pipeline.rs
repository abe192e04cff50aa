//! The pipeline that stores a large file with three threads. One reads the file and cuts it, one
//! hashes and stores its chunks, and one hashes the whole file.
//!
//! The reader sends each piece to both other threads. When both are done, its memory returns to the
//! reader. Each channel holds one piece, so that at most six pieces are in memory.

use std::io::Read;
use std::panic::resume_unwind;
use std::sync::Arc;
use std::sync::mpsc::{Receiver, Sender, SyncSender, channel, sync_channel};
use std::thread::{self, Builder, Scope, ScopedJoinHandle};

use crate::engine::chunk_store::{ChunkStore, FileChunks, fill, hash_chunks};
use crate::entity::ContentHash;
use crate::error::{Error, Result};
use crate::format::chunk::{self, FileHasher};

/// A contiguous piece of a file.
struct Piece {
    bytes: Vec<u8>,
    /// The first bytes, which were at the end of the previous piece because their chunk was not
    /// complete there.
    carried: usize,
    /// The lengths of the complete chunks, from the first byte on.
    lengths: Vec<usize>,
}

/// The input of a thread, and the channel that returns processed pieces to the reader.
type Work = (Receiver<Arc<Piece>>, Sender<Arc<Piece>>);

/// Stores a file that begins with `first` and continues with `source`. Returns its size, hash and
/// chunks. Calls `passed` with the number of bytes of each read. An error from it ends the work.
pub(crate) fn store_file(
    store: &mut ChunkStore<'_>,
    first: Vec<u8>,
    source: &mut dyn Read,
    passed: &mut dyn FnMut(usize) -> Result<()>,
) -> Result<(u64, ContentHash, FileChunks)> {
    let (to_store, to_be_stored) = sync_channel(1);
    let (to_hash, to_be_hashed) = sync_channel(1);
    let (done, free) = channel();
    let (storing, hashing): (Work, Work) = ((to_be_stored, done.clone()), (to_be_hashed, done));
    thread::scope(|scope| {
        let storing = start(scope, || store_pieces(store, storing))?;
        let hashing = start(scope, || hash_pieces(hashing))?;
        let read = read_pieces(first, source, passed, [to_store, to_hash], &free);
        let stored = storing.join().unwrap_or_else(|panic| resume_unwind(panic));
        let hasher = hashing.join().unwrap_or_else(|panic| resume_unwind(panic));
        // If the storing thread fails, the reader stops without an error. So the error of the
        // storing thread must be checked first.
        let chunks = stored?;
        Ok((read?, hasher.finish(), chunks))
    })
}

/// Starts a thread. Fails if the system has no thread left.
fn start<'scope, T: Send + 'scope>(
    scope: &'scope Scope<'scope, '_>,
    work: impl FnOnce() -> T + Send + 'scope,
) -> Result<ScopedJoinHandle<'scope, T>> {
    let started = Builder::new().name("tracklite-store".to_owned()).spawn_scoped(scope, work);
    started.map_err(|source| Error::io("starting a thread that stores a file", source))
}

/// Reads and cuts the file to its end. Returns its size.
#[expect(clippy::needless_pass_by_value, reason = "the others end when their channel is dropped")]
fn read_pieces(
    first: Vec<u8>,
    source: &mut dyn Read,
    passed: &mut dyn FnMut(usize) -> Result<()>,
    others: [SyncSender<Arc<Piece>>; 2],
    free: &Receiver<Arc<Piece>>,
) -> Result<u64> {
    let (mut bytes, mut carried, mut is_end) = (first, 0, false);
    let mut size = 0;
    loop {
        let lengths = chunk::cut(&bytes, is_end);
        let end = lengths.iter().sum();
        size += end as u64;
        // A piece returns twice. Only its second return is the last owner and yields the memory.
        let unused = free.try_iter().find_map(Arc::into_inner);
        let mut next = unused.map_or(Vec::new(), |piece| piece.bytes);
        next.clear();
        next.extend_from_slice(bytes.get(end..).unwrap_or_default());
        let piece = Arc::new(Piece { bytes, carried, lengths });
        let is_taken = others.iter().all(|other| other.send(Arc::clone(&piece)).is_ok());
        if is_end || !is_taken {
            return Ok(size);
        }
        drop(piece);
        carried = next.len();
        let (got, has_ended) = fill(&mut next, source)?;
        passed(got)?;
        (bytes, is_end) = (next, has_ended);
    }
}

fn store_pieces(store: &mut ChunkStore<'_>, (pieces, done): Work) -> Result<FileChunks> {
    let mut file = FileChunks::default();
    for piece in pieces {
        store.put_next(&mut file, &hash_chunks(&piece.bytes, &piece.lengths))?;
        // Fails only if the reader has stopped, which needs no memory then.
        let _ = done.send(piece);
    }
    Ok(file)
}

fn hash_pieces((pieces, done): Work) -> FileHasher {
    let mut hasher = FileHasher::default();
    for piece in pieces {
        hasher.update(piece.bytes.get(piece.carried..).unwrap_or_default());
        let _ = done.send(piece);
    }
    hasher
}
