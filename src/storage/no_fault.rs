//! The stand-in for `fault` in builds without it: no call fails on demand.

use std::io;
use std::sync::Arc;

use crate::storage::Storage;

/// The calls that tests can make fail.
#[derive(Clone, Copy, Debug)]
pub(super) enum CallKind {
    Sync,
    Open,
    Name,
    Remove,
    SyncFolder,
}

#[expect(clippy::unnecessary_wraps, reason = "the function that it replaces can fail")]
pub(super) fn pass(_kind: CallKind) -> io::Result<()> {
    Ok(())
}

pub(super) fn pass_write(length: usize) -> (usize, io::Result<()>) {
    (length, Ok(()))
}

pub(super) fn guard(storage: Arc<dyn Storage>) -> Arc<dyn Storage> {
    storage
}
