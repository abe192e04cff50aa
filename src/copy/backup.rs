//! Copying a file while other processes may write to it.

use std::io;
use std::path::Path;
use std::sync::Arc;

use crate::copy::{Copied, copy_to};
use crate::error::{Error, ErrorKind, Result};
use crate::log::Log;
use crate::storage::{Access, Storage, WritePath, absolute, open_file};

/// Copies a log, which was opened as `path`, to a new file.
///
/// The copy holds the maintenance lock, so that nothing is punched meanwhile. Otherwise another
/// process could seal and punch an extent, which would then read as empty. A process with read-only
/// access cannot take this lock, so it copies the file only while no writer has it open.
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
        // A process appends a frame before it punches. So an unchanged end proves that nothing was
        // punched.
        if log.with_state(|_, cursor| cursor.next)? == end {
            return Ok(());
        }
        let message = "another process wrote to the file while it was copied; retry";
        Err(Error::new(ErrorKind::Locked, message))
    })
}

/// Opens the file of a read-only log again, to lock it. Returns `None` if the process has read-only
/// access.
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
