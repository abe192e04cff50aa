//! The folder of a server for its workers, and those that killed servers have left.
//!
//! A server holds a lock on a file in its folder for as long as it lives. So a folder whose lock is
//! free belongs to nobody.

use std::fs::{self, File, TryLockError};
use std::io;
use std::os::unix::fs::MetadataExt as _;
use std::path::Path;
use std::time::{Duration, SystemTime};

use tempfile::TempDir;

const PREFIX: &str = "tracklite-serve-";
const LOCK: &str = "lock";
/// A folder without a lock may be one that is being made. After this time it is not.
const MAKING: Duration = Duration::from_secs(60);

/// Makes a folder, which only this user may enter, and locks it.
pub(crate) fn folder() -> io::Result<(TempDir, File)> {
    let folder = tempfile::Builder::new().prefix(PREFIX).tempdir()?;
    let lock = File::create_new(folder.path().join(LOCK))?;
    lock.lock()?;
    Ok((folder, lock))
}

/// Removes the folders of this user whose servers are gone. A failure is only logged.
pub(crate) fn remove(place: &Path) {
    let Ok(entries) = fs::read_dir(place) else { return };
    let own = tempfile::tempfile().and_then(|file| file.metadata()).map(|facts| facts.uid());
    let Ok(own) = own else { return };
    for entry in entries.flatten() {
        let path = entry.path();
        let is_named = entry.file_name().to_str().is_some_and(|name| name.starts_with(PREFIX));
        // A link is not followed: the folder may belong to somebody else.
        let is_own = is_named
            && fs::symlink_metadata(&path).is_ok_and(|facts| facts.is_dir() && facts.uid() == own);
        if is_own && is_left(&path) {
            match fs::remove_dir_all(&path) {
                Ok(()) => log::info!("removed {}, which a killed server left", path.display()),
                Err(error) => log::warn!("cannot remove {}: {error}", path.display()),
            }
        }
    }
}

fn is_left(folder: &Path) -> bool {
    match File::open(folder.join(LOCK)) {
        Ok(lock) => {
            !matches!(lock.try_lock(), Err(TryLockError::WouldBlock | TryLockError::Error(_)))
        }
        Err(error) if error.kind() == io::ErrorKind::NotFound => {
            let made = fs::symlink_metadata(folder).and_then(|facts| facts.modified());
            made.is_ok_and(|made| {
                SystemTime::now().duration_since(made).is_ok_and(|age| age > MAKING)
            })
        }
        Err(_) => false,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_folders_whose_server_is_gone_are_removed() {
        let place = tempfile::tempdir().unwrap();
        let make = |name: &str| {
            let path = place.path().join(name);
            fs::create_dir(&path).unwrap();
            path
        };
        let (living, killed) = (make("tracklite-serve-a"), make("tracklite-serve-b"));
        let (making, other) = (make("tracklite-serve-c"), make("something-else"));
        let elsewhere = tempfile::tempdir().unwrap();
        let link = place.path().join("tracklite-serve-d");
        std::os::unix::fs::symlink(elsewhere.path(), &link).unwrap();
        for folder in [&killed, &other, &elsewhere.path().to_owned()] {
            File::create(folder.join(LOCK)).unwrap();
        }
        fs::create_dir(killed.join("models")).unwrap();
        let lock = File::create(living.join(LOCK)).unwrap();
        lock.lock().unwrap();

        remove(place.path());
        let is_there = |path: &Path| fs::exists(path).unwrap();
        assert!(is_there(&living) && is_there(&making) && is_there(&other) && is_there(&link));
        assert!(!is_there(&killed) && is_there(&elsewhere.path().join(LOCK)));
        drop(lock);
        remove(place.path());
        assert!(!is_there(&living));
    }
}
