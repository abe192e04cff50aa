//! Stands in for `fault` in a build without it: nothing fails on demand.

use std::io;
use std::sync::Arc;

use crate::storage::Storage;

/// The calls that could be made to fail.
#[derive(Clone, Copy, Debug)]
pub(super) enum CallKind {
    Sync,
    Open,
    Name,
    Remove,
    SyncFolder,
}

#[expect(clippy::unnecessary_wraps, reason = "it fails in the build for which it stands in")]
pub(super) fn pass(_kind: CallKind) -> io::Result<()> {
    Ok(())
}

pub(super) fn pass_write(length: usize) -> (usize, io::Result<()>) {
    (length, Ok(()))
}

pub(super) fn guard(storage: Arc<dyn Storage>) -> Arc<dyn Storage> {
    storage
}
