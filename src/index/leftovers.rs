//! Removes index folders whose database is gone, whenever a new index folder is created.
//!
//! Each folder contains a file with the path of its database, written at each opening. An index is
//! a cache, so removing a folder too early costs only a rebuild.

use std::ffi::OsStr;
use std::fs;
use std::os::unix::ffi::OsStrExt as _;
use std::os::unix::fs::MetadataExt as _;
use std::path::Path;
use std::time::{Duration, SystemTime};

use super::place::FolderLock;

/// The file in an index folder that holds the path of the database.
const RECORD: &str = "database";
/// How long an unused folder is kept. Its database may be temporarily out of reach, for example on
/// an unmounted disk.
const UNUSED: Duration = Duration::from_secs(30 * 24 * 60 * 60);

/// Records that the index in `folder` is in use, and for which database.
///
/// Writes a small file. For a new folder, also inspects all folders beside it.
pub(super) fn note(folder: &Path, database: &Path) {
    let record = folder.join(RECORD);
    let is_new = !record.exists();
    // If this fails, the folder only looks unused.
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

/// Parses the device and inode of the database from the name of its folder. `None` for other
/// folders.
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
    // If the clock went backwards, nothing counts as old.
    let age = used.ok().and_then(|used| SystemTime::now().duration_since(used).ok());
    age.is_some_and(|age| age > UNUSED)
}

/// Returns whether the database still exists as the same file. A vacuum replaces it by another.
fn leads_to(folder: &Path, (device, inode): (u64, u64)) -> bool {
    let Ok(path) = fs::read(folder.join(RECORD)) else { return false };
    let found = fs::metadata(Path::new(OsStr::from_bytes(&path)));
    found.is_ok_and(|found| (found.dev(), found.ino()) == (device, inode))
}

/// Removes the index files of an unused folder, and the folder itself if it is then empty.
fn remove(folder: &Path) {
    let Ok(Some(lock)) = FolderLock::try_take(folder) else { return };
    if lock.has_users() || !is_old(folder) {
        return;
    }
    // Files that cannot be removed now are left for the next time.
    let _ = fs::remove_file(folder.join(RECORD));
    lock.remove_folder();
}

/// Makes a folder look unused for twice the time it is kept.
#[cfg(test)]
pub(super) fn age(folder: &Path) {
    let record = fs::File::options().write(true).open(folder.join(RECORD)).unwrap();
    record.set_modified(SystemTime::now() - 2 * UNUSED).unwrap();
}
