//! Rewriting a file in place without what is purged or empty.

use std::io;
use std::os::unix::fs::{MetadataExt as _, chown};
use std::path::Path;
use std::sync::Arc;

use rustix::fs::XattrFlags;

use crate::copy::{copy_temporary, sync_folder, temporary_beside};
use crate::error::{Error, ErrorKind, Result};
use crate::log::{Log, LogOptions};
use crate::storage::{
    Access, FilePlace, Storage, WritePath, absolute, is_open_here, is_temporary_name, open_error,
    open_file, remove, replace,
};

/// A file of at least this length vacuums itself when it is mostly holes.
pub(crate) const VACUUM_LENGTH_MIN: u64 = 16 * 1024 * 1024;

/// What a vacuum by itself copies at most: well under a second.
const VACUUM_ALLOCATED_MAX: u64 = 64 * 1024 * 1024;

/// The greatest length of a file's attribute, and of the list of their names.
const ATTRIBUTE_BYTES_MAX: usize = 64 * 1024;

/// What vacuum did.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct VacuumReport {
    /// The length of the file before.
    pub before_bytes: u64,
    /// The length of the file now.
    pub after_bytes: u64,
}

/// Rewrites the file without what is purged or empty. Nobody else may have it open for writing.
pub(crate) fn vacuum(path: &Path) -> Result<VacuumReport> {
    let path = absolute(path);
    let storage = open_file(&path, Access::ReadWrite, WritePath::Positioned)
        .map_err(|error| open_error("opening the file", &path, error))?;
    vacuum_storage(&path, &storage).map_err(|error| error.with_path(&path))
}

fn vacuum_storage(path: &Path, storage: &Arc<dyn Storage>) -> Result<VacuumReport> {
    let doing = |source| Error::io("looking at the file", source);
    let place = storage.place().map_err(doing)?;
    if is_open_here((place.device, place.inode)) {
        let message = "this process has the file open: close it before the vacuum";
        return Err(Error::new(ErrorKind::Locked, message));
    }
    refuse_replaced(&place)?;
    if place.links != 1 {
        let message = "the file has other names (hard links), which a vacuum would tear off";
        return Err(Error::new(ErrorKind::InvalidState, message));
    }
    let target = std::fs::canonicalize(path).map_err(doing)?;
    let before_bytes = storage.len().map_err(doing)?;
    // An opening without other writers repairs what a power cut left; it ends before the copy.
    Log::open(Arc::clone(storage), LogOptions::default())?.close()?;
    let options = LogOptions { read_only: true, ..LogOptions::default() };
    let log = Log::open(Arc::clone(storage), options)?;
    let _all = log.lock_out_writers()?;
    // From here on nobody else puts a file there. Before, another vacuum may have: what was logged
    // into its file since would be lost under a copy of this one.
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

/// Another vacuum may have put its file in place after this one was opened: the old file then has
/// no name left, or its name leads to the new one.
fn refuse_replaced(place: &FilePlace) -> Result<()> {
    if place.links > 0 && place.name_leads_here {
        return Ok(());
    }
    let message = "another process has just vacuumed the file: try again";
    Err(Error::new(ErrorKind::Locked, message))
}

/// Vacuums a file that was just closed, when it is mostly holes and the copy takes no time.
///
/// Not somebody else's: the new file might become this process's own.
pub(crate) fn vacuum_if_mostly_holes(path: &Path, length: u64, allocated: u64) {
    let is_due =
        length >= VACUUM_LENGTH_MIN && length > 2 * allocated && allocated <= VACUUM_ALLOCATED_MAX;
    let user = rustix::process::geteuid().as_raw();
    if is_due && std::fs::metadata(path).is_ok_and(|facts| facts.uid() == user) {
        // Somebody may have opened it meanwhile: then it is not the last writer that left.
        let _ = vacuum(path);
    }
}

/// Removes what vacuums of this file that were killed have left; nobody else vacuums it now.
fn remove_leftovers(path: &Path) {
    let (Some(name), Some(folder)) = (path.file_name(), path.parent()) else { return };
    for entry in std::fs::read_dir(folder).into_iter().flatten().flatten() {
        if is_temporary_name(&entry.file_name(), name) {
            // It is in nobody's way if it stays.
            let _ = remove(&entry.path());
        }
    }
}

/// Gives the new file what the old one's metadata says: its mode, and as far as this process may
/// its owner, its group and its attributes, of which its access list is one.
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
    fn a_vacuum_of_a_file_that_another_one_replaced_is_to_be_tried_again() {
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
