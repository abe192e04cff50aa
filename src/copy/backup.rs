//! Copying a file that others may be writing to.

use std::io;
use std::path::Path;
use std::sync::Arc;

use crate::copy::{Copied, copy_to};
use crate::error::{Error, ErrorKind, Result};
use crate::log::Log;
use crate::storage::{Access, Storage, WritePath, absolute, open_file};

/// Copies a log, which was opened by the name `path`, to a new file, with nothing punched
/// meanwhile: others may seal what is copied as an extent, and a punched one reads as empty.
///
/// That is what the maintenance lock is for. Who may only read the file cannot have it, and
/// copies what nobody writes.
pub(crate) fn copy_in_place(log: &Log, path: &Path, to: &Path, tolerant: bool) -> Result<Copied> {
    let to = absolute(to);
    if log.writer().is_some() {
        let _held = log.wait_for_maintenance()?;
        return copy_to(log, &to, tolerant, || Ok(()));
    }
    if let Some(storage) = second_storage(log, path)? {
        let _held = log.wait_for_maintenance_through(&*storage)?;
        return copy_to(log, &to, tolerant, || Ok(()));
    }
    let end = log.with_state(|_, cursor| cursor.next)?;
    log.refuse_writers()?;
    copy_to(log, &to, tolerant, || {
        // Whoever gives space back has told the chain before.
        if log.with_state(|_, cursor| cursor.next)? == end {
            return Ok(());
        }
        let message = "the file was written to while it was copied: try again";
        Err(Error::new(ErrorKind::Locked, message))
    })
}

/// The file of a log that only reads opened once more, to lock it; `None` where it may only be
/// read.
pub(crate) fn second_storage(log: &Log, path: &Path) -> Result<Option<Arc<dyn Storage>>> {
    use io::ErrorKind::{NotFound, PermissionDenied, ReadOnlyFilesystem};
    let doing = |source| Error::io("opening the file to lock it", source);
    let storage = match open_file(path, Access::ReadWrite, WritePath::Positioned) {
        Err(error) if matches!(error.kind(), NotFound | PermissionDenied | ReadOnlyFilesystem) => {
            return Ok(None);
        }
        other => other.map_err(doing)?,
    };
    let (own, second) = (log.storage().place().map_err(doing)?, storage.place().map_err(doing)?);
    Ok(((own.device, own.inode) == (second.device, second.inode)).then_some(storage))
}
