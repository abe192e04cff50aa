//! Folders of indexes whose database is gone: removed when the folder of another one is made.
//!
//! Each folder has a record of the path of its database, written at each opening. An index is a
//! cache, so a folder that goes too early costs a rebuild and nothing else.

use std::ffi::OsStr;
use std::fs;
use std::os::unix::ffi::OsStrExt as _;
use std::os::unix::fs::MetadataExt as _;
use std::path::Path;
use std::time::{Duration, SystemTime};

use super::place::FolderLock;

/// The file in an index's folder that holds the path of its database.
const RECORD: &str = "database";
/// A folder that was opened within this time is left alone: the database may only be out of reach
/// now, on a disk that is not mounted.
const UNUSED: Duration = Duration::from_secs(30 * 24 * 60 * 60);

/// Notes that the index in `folder` is in use, and of which database. Costs two small files' worth
/// of calls; the first time also a look into each folder beside it.
pub(super) fn note(folder: &Path, database: &Path) {
    let record = folder.join(RECORD);
    let is_new = !record.exists();
    // Where it cannot be written, the folder merely looks unused.
    let _ = fs::write(&record, database.as_os_str().as_bytes());
    if let (true, Some(base)) = (is_new, folder.parent()) {
        remove_unused(base);
    }
}

fn remove_unused(base: &Path) {
    for entry in fs::read_dir(base).into_iter().flatten().flatten() {
        let name = entry.file_name();
        let Some(place) = name.to_str().and_then(place_in) else { continue };
        let folder = entry.path();
        if is_old(&folder) && !leads_to(&folder, place) {
            remove(&folder);
        }
    }
}

/// Device and inode of the database in the name of its folder; `None` for other folders.
fn place_in(name: &str) -> Option<(u64, u64)> {
    let parts: Vec<&str> = name.split('-').collect();
    let [file, device, inode, schema, level] = parts[..] else { return None };
    let is_ours = file.len() == 32
        && u128::from_str_radix(file, 16).is_ok()
        && schema.parse::<u32>().is_ok()
        && level.parse::<u32>().is_ok();
    let number = |text| u64::from_str_radix(text, 16).ok();
    is_ours.then_some((number(device)?, number(inode)?))
}

fn is_old(folder: &Path) -> bool {
    let used = fs::metadata(folder.join(RECORD)).or_else(|_| fs::metadata(folder));
    let used = used.and_then(|metadata| metadata.modified());
    // A clock that went back makes nothing old.
    let age = used.ok().and_then(|used| SystemTime::now().duration_since(used).ok());
    age.is_some_and(|age| age > UNUSED)
}

/// Whether the database is where it was, and the same file: a vacuum puts another there.
fn leads_to(folder: &Path, (device, inode): (u64, u64)) -> bool {
    let Ok(path) = fs::read(folder.join(RECORD)) else { return false };
    let found = fs::metadata(Path::new(OsStr::from_bytes(&path)));
    found.is_ok_and(|found| (found.dev(), found.ino()) == (device, inode))
}

/// Removes a folder that nobody uses, and of it nothing that is not an index's.
fn remove(folder: &Path) {
    let Ok(Some(lock)) = FolderLock::try_take(folder) else { return };
    if lock.has_users() || !is_old(folder) {
        return;
    }
    // Whatever cannot be removed now is left to the next time.
    let _ = fs::remove_file(folder.join(RECORD));
    lock.remove_folder();
}

/// Makes a folder look unused for longer than any is kept.
#[cfg(test)]
pub(super) fn age(folder: &Path) {
    let record = fs::File::options().write(true).open(folder.join(RECORD)).unwrap();
    record.set_modified(SystemTime::now() - 2 * UNUSED).unwrap();
}
