//! Rewriting a file in place without purged and empty space.

use std::io;
use std::os::unix::fs::{MetadataExt as _, chown};
use std::path::Path;
use std::sync::Arc;

use rustix::fs::XattrFlags;

use crate::copy::{copy_temporary, sync_folder, temporary_beside};
use crate::error::{Error, ErrorKind, Result};
use crate::log::{EVENTS, Log, LogOptions};
use crate::storage::{
    Access, FilePlace, Storage, WritePath, absolute, is_open_here, is_temporary_name, open_error,
    open_file, remove, replace,
};

/// The minimum length of a file that is vacuumed automatically when it is mostly holes.
pub(crate) const VACUUM_LENGTH_MIN: u64 = 16 * 1024 * 1024;

/// The maximum bytes that an automatic vacuum copies, so that it takes less than a second.
const VACUUM_ALLOCATED_MAX: u64 = 64 * 1024 * 1024;

/// The maximum length of a file's extended attribute, and of the list of their names.
const ATTRIBUTE_BYTES_MAX: usize = 64 * 1024;

/// The result of a vacuum.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct VacuumReport {
    /// The length of the file before the vacuum.
    pub before_bytes: u64,
    /// The length of the file after the vacuum.
    pub after_bytes: u64,
}

/// Rewrites the file without purged and empty space. Fails if a writer has the file open.
pub(crate) fn vacuum(path: &Path) -> Result<VacuumReport> {
    let path = absolute(path);
    let storage = open_file(&path, Access::ReadWrite, WritePath::Positioned)
        .map_err(|error| open_error("opening the file", &path, error))?;
    vacuum_storage(&path, &storage).map_err(|error| error.with_path(&path))
}

fn vacuum_storage(path: &Path, storage: &Arc<dyn Storage>) -> Result<VacuumReport> {
    let doing = |source| Error::io("reading the metadata of the file", source);
    let place = storage.place().map_err(doing)?;
    if is_open_here((place.device, place.inode)) {
        let message = "this process has the file open; close it before the vacuum";
        return Err(Error::new(ErrorKind::Locked, message));
    }
    refuse_replaced(&place)?;
    if place.links != 1 {
        let message = "the file has other hard links, which would keep the old file";
        return Err(Error::new(ErrorKind::InvalidState, message));
    }
    let target = std::fs::canonicalize(path).map_err(doing)?;
    let before_bytes = storage.len().map_err(doing)?;
    // Opening the file as its only writer repairs the remains of a power cut. It must be closed
    // before the copy, which allows no writer.
    Log::open(Arc::clone(storage), LogOptions::default())?.close()?;
    let options = LogOptions { read_only: true, ..LogOptions::default() };
    let log = Log::open(Arc::clone(storage), options)?;
    let _all = log.lock_out_writers()?;
    // The lock now prevents other vacuums. One may have replaced the file before. Then this copy of
    // the old file would overwrite everything that was logged to the new file since.
    refuse_replaced(&storage.place().map_err(doing)?)?;
    remove_leftovers(&target);
    let temporary = temporary_beside(&target)?;
    let written = copy_temporary(&log, &temporary, &target, false).and_then(|_| {
        let kept = keep_facts(&target, &temporary);
        kept.and_then(|()| replace(&temporary, &target))
            .map_err(|source| Error::io("putting the new file in place", source))
    });
    if written.is_err() {
        let _ = remove(&temporary);
    }
    written?;
    sync_folder(&target)?;
    let after_bytes = std::fs::metadata(&target).map_err(doing)?.len();
    Ok(VacuumReport { before_bytes, after_bytes })
}

/// Fails if another vacuum has replaced the file after it was opened. The old file then has no
/// name, or its name leads to the new file.
fn refuse_replaced(place: &FilePlace) -> Result<()> {
    if place.links > 0 && place.name_leads_here {
        return Ok(());
    }
    let message = "another process has just vacuumed the file; retry";
    Err(Error::new(ErrorKind::Locked, message))
}

/// Vacuums a file that was just closed, if it is mostly holes and the copy is fast.
///
/// Skips a file of another user, because the new file might belong to the user of this process.
pub(crate) fn vacuum_if_mostly_holes(path: &Path, length: u64, allocated: u64) {
    let is_due =
        length >= VACUUM_LENGTH_MIN && length > 2 * allocated && allocated <= VACUUM_ALLOCATED_MAX;
    let user = rustix::process::geteuid().as_raw();
    if is_due && std::fs::metadata(path).is_ok_and(|facts| facts.uid() == user) {
        // Fails if another process has opened the file meanwhile. Its last writer vacuums it.
        match vacuum(path) {
            Ok(VacuumReport { before_bytes, after_bytes }) => ::log::info!(
                target: EVENTS,
                "{}: vacuumed from {before_bytes} to {after_bytes} bytes",
                path.display()
            ),
            Err(error) => ::log::debug!(target: EVENTS, "not vacuumed: {error}"),
        }
    }
}

/// Removes the temporary files of killed vacuums of this file. The caller's lock excludes a running
/// vacuum.
fn remove_leftovers(path: &Path) {
    let (Some(name), Some(folder)) = (path.file_name(), path.parent()) else { return };
    for entry in std::fs::read_dir(folder).into_iter().flatten().flatten() {
        if is_temporary_name(&entry.file_name(), name) {
            // A failure is harmless, because nothing reads the file.
            let _ = remove(&entry.path());
        }
    }
}

/// Copies the mode of the old file to the new one. If permitted, also copies the owner, the group
/// and the extended attributes, such as the access list.
fn keep_facts(old: &Path, new: &Path) -> io::Result<()> {
    let facts = std::fs::metadata(old)?;
    if chown(new, Some(facts.uid()), Some(facts.gid())).is_err() {
        let _ = chown(new, None, Some(facts.gid()));
    }
    keep_attributes(old, new);
    std::fs::set_permissions(new, facts.permissions())
}

fn keep_attributes(old: &Path, new: &Path) {
    let mut names = vec![0; ATTRIBUTE_BYTES_MAX];
    let mut value = vec![0; ATTRIBUTE_BYTES_MAX];
    let Ok(length) = rustix::fs::listxattr(old, names.as_mut_slice()) else { return };
    for name in names[..length].split(|byte| *byte == 0).filter(|name| !name.is_empty()) {
        if let Ok(length) = rustix::fs::getxattr(old, name, value.as_mut_slice()) {
            let _ = rustix::fs::setxattr(new, name, &value[..length], XattrFlags::empty());
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_vacuum_of_a_replaced_file_fails_and_can_be_retried() {
        let folder = tempfile::tempdir().unwrap();
        let [path, other] = ["runs", "other"].map(|name| folder.path().join(name));
        crate::Database::create(&path).unwrap().close().unwrap();
        std::fs::copy(&path, &other).unwrap();
        let storage = open_file(&path, Access::ReadWrite, WritePath::Positioned).unwrap();
        std::fs::rename(&other, &path).unwrap();
        let refused = vacuum_storage(&path, &storage).unwrap_err();
        assert_eq!(refused.kind(), ErrorKind::Locked, "{refused}");
        assert!(vacuum(&path).is_ok());
    }
}
