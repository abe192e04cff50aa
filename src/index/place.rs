//! The files of the index: their location, their users, and whether they can be trusted.
//!
//! A folder belongs to one [`IndexKey`]. The pointer file `current` in it names the index in use. A
//! rebuild uses a new name, because renaming over an open WAL database would pair the old `-wal`
//! with the new file. `lock` is held while the pointer is read or changed. Each process holds
//! `.users` shared while it has the index open.

use std::collections::BTreeSet;
use std::env;
use std::fs::{self, DirBuilder, File, OpenOptions, TryLockError};
use std::io;
use std::os::unix::fs::{DirBuilderExt as _, MetadataExt as _};
use std::path::{Path, PathBuf};
use std::thread;
use std::time::{Duration, Instant};

use super::schema::SCHEMA_VERSION;
use crate::sys::system;

/// How long opening waits for another process that opens the same index.
const LOCK_WAIT: Duration = Duration::from_secs(2);
/// The pointer file.
const POINTER: &str = "current";
/// The next pointer file while it is being written.
const DRAFT: &str = "current.new";
/// The file whose lock protects the folder.
const LOCK: &str = "lock";
/// Suffixes of the files of one index, the database first.
const ENDINGS: [&str; 5] = ["", "-wal", "-shm", ".users", CLEAN];
/// Suffix of the marker file for an index that is fully synced, whatever the boot.
const CLEAN: &str = ".clean";

/// The location of the index, a cache of the file's metadata. It can be deleted without loss.
///
/// Default: [`IndexPlace::Automatic`].
#[derive(Clone, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub enum IndexPlace {
    /// The user's cache folder: `$XDG_CACHE_HOME/tracklite`, or else `~/.cache/tracklite`.
    ///
    /// If it is not writable or on a network, behaves like [`IndexPlace::InMemory`].
    #[default]
    Automatic,
    /// The memory of this process. The index is rebuilt at each opening.
    InMemory,
    /// This folder, which is created if necessary. Several databases can share it.
    ///
    /// If it is not writable or on a network, behaves like [`IndexPlace::InMemory`].
    Directory(PathBuf),
}

/// The identity of an index. Each key has an index of its own.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct IndexKey {
    /// The random id in the file's header.
    pub(crate) file_id: u128,
    /// The device that holds the file.
    pub(crate) device: u64,
    /// The inode of the file. A copy has the same id, but may diverge.
    pub(crate) inode: u64,
    /// The boot id of the kernel, or 0 if unknown.
    pub(crate) boot_id: u128,
    /// The highest frame level that this build understands. An older build skips some frames.
    pub(crate) format_level: u32,
}

/// Creates and returns the folder of this key. `None` if the index must be in memory.
pub(super) fn folder(key: &IndexKey, place: &IndexPlace) -> Option<PathBuf> {
    let base = match place {
        IndexPlace::InMemory => return None,
        IndexPlace::Directory(directory) => directory.clone(),
        IndexPlace::Automatic => user_cache()?,
    };
    let IndexKey { file_id, device, inode, format_level, .. } = key;
    let folder =
        base.join(format!("{file_id:032x}-{device:x}-{inode:x}-{SCHEMA_VERSION}-{format_level}"));
    create(&folder).ok()?;
    // SQLite's WAL mode needs shared memory, which network file systems do not support.
    (!system::is_network(&folder)).then_some(folder)
}

fn create(folder: &Path) -> io::Result<()> {
    DirBuilder::new().recursive(true).mode(0o700).create(folder)
}

fn user_cache() -> Option<PathBuf> {
    let absolute = |name| env::var_os(name).map(PathBuf::from).filter(|path| path.is_absolute());
    let cache = absolute("XDG_CACHE_HOME").or_else(|| Some(absolute("HOME")?.join(".cache")))?;
    Some(cache.join("tracklite"))
}

/// The lock of a folder, released when dropped.
pub(super) struct FolderLock {
    folder: PathBuf,
    _lock: File,
}

impl FolderLock {
    /// Waits for the lock up to [`LOCK_WAIT`], then fails with `io::ErrorKind::WouldBlock`.
    pub(super) fn take(folder: &Path) -> io::Result<Self> {
        let deadline = Instant::now() + LOCK_WAIT;
        loop {
            match Self::try_take(folder) {
                Ok(Some(lock)) => return Ok(lock),
                Err(error) if error.kind() != io::ErrorKind::NotFound => return Err(error),
                _ if Instant::now() >= deadline => return Err(io::ErrorKind::WouldBlock.into()),
                Ok(None) => thread::sleep(Duration::from_millis(1)),
                // Another process found the folder unused and removed it in the meantime.
                Err(_) => create(folder)?,
            }
        }
    }

    /// Returns the lock, if it is free and the folder still exists.
    pub(super) fn try_take(folder: &Path) -> io::Result<Option<Self>> {
        let path = folder.join(LOCK);
        let lock = open_lock(&path)?;
        match lock.try_lock() {
            Ok(()) => {}
            Err(TryLockError::WouldBlock) => return Ok(None),
            Err(error) => return Err(error.into()),
        }
        // The lock of an unlinked file excludes nobody.
        let (held, named) = (lock.metadata()?, fs::metadata(&path)?);
        let is_named = (held.dev(), held.ino()) == (named.dev(), named.ino());
        Ok(is_named.then(|| FolderLock { folder: folder.to_owned(), _lock: lock }))
    }

    /// Returns whether any process has an index of this folder open.
    pub(super) fn has_users(&self) -> bool {
        self.stems().iter().any(|stem| is_used(&self.folder.join(stem)))
    }

    /// Removes all index files, and the folder if it is then empty.
    pub(super) fn remove_folder(self) {
        self.stems().iter().for_each(|stem| remove(&self.folder.join(stem)));
        // The lock file goes last. Until then, no other process can start here.
        for name in [POINTER, DRAFT, LOCK] {
            let _ = fs::remove_file(self.folder.join(name));
        }
        let _ = fs::remove_dir(&self.folder);
    }

    /// Returns the names of all databases with at least one file here.
    fn stems(&self) -> BTreeSet<String> {
        let entries = fs::read_dir(&self.folder).into_iter().flatten().flatten();
        let names = entries.filter_map(|entry| entry.file_name().into_string().ok());
        names.filter_map(|name| stem_of(&name).map(str::to_owned)).collect()
    }

    /// Returns the index that the pointer names. `None` if the pointer is missing or malformed.
    pub(super) fn current(&self) -> Option<PathBuf> {
        let text = fs::read_to_string(self.folder.join(POINTER)).ok()?;
        let name = text.strip_suffix('\n')?;
        is_index_name(name).then(|| self.folder.join(name))
    }

    /// Returns a new random path for an index.
    pub(super) fn fresh(&self) -> io::Result<PathBuf> {
        let number = system::random_bits()? >> 64;
        Ok(self.folder.join(format!("index-{number:016x}.sqlite")))
    }

    /// Points to this index, and removes all others that are not in use.
    pub(super) fn point_to(&self, index: &Path) -> io::Result<()> {
        let name = index.file_name().and_then(|name| name.to_str()).unwrap_or_default();
        let draft = self.folder.join(DRAFT);
        fs::write(&draft, format!("{name}\n"))?;
        fs::rename(&draft, self.folder.join(POINTER))?;
        self.remove_others(name);
        Ok(())
    }

    /// Removes the other indexes. Those that cannot be removed are left to the next rebuild.
    fn remove_others(&self, kept: &str) {
        let others = self.stems().into_iter().filter(|stem| stem != kept);
        let unused = others.map(|stem| self.folder.join(stem)).filter(|index| !is_used(index));
        unused.for_each(|index| remove(&index));
    }
}

/// Returns whether any process has this index open.
fn is_used(index: &Path) -> bool {
    let users = File::open(beside(index, ".users"));
    users.is_ok_and(|users| users.try_lock().is_err())
}

/// Returns the name of the database that a file belongs to.
fn stem_of(name: &str) -> Option<&str> {
    let stem = ENDINGS.iter().rev().find_map(|ending| name.strip_suffix(ending))?;
    is_index_name(stem).then_some(stem)
}

fn is_index_name(name: &str) -> bool {
    let digits = name.strip_prefix("index-").and_then(|rest| rest.strip_suffix(".sqlite"));
    digits.is_some_and(|hex| hex.len() == 16 && hex.bytes().all(|byte| byte.is_ascii_hexdigit()))
}

/// Removes all files of an index.
fn remove(index: &Path) {
    for ending in ENDINGS {
        // A file that stays only wastes space, because no pointer names it.
        let _ = fs::remove_file(beside(index, ending));
    }
}

fn beside(index: &Path, ending: &str) -> PathBuf {
    let mut path = index.as_os_str().to_owned();
    path.push(ending);
    path.into()
}

fn open_lock(path: &Path) -> io::Result<File> {
    OpenOptions::new().read(true).write(true).create(true).truncate(false).open(path)
}

/// The files of an open index. Dropped after its connection is closed.
#[derive(Debug)]
pub(super) struct IndexFiles {
    folder: PathBuf,
    index: PathBuf,
    users: File,
    written: bool,
    worth_cleaning: bool,
}

impl IndexFiles {
    /// Registers this process as a user of the index.
    pub(super) fn open(lock: &FolderLock, index: &Path) -> io::Result<Self> {
        let users = open_lock(&beside(index, ".users"))?;
        users.try_lock_shared()?;
        Ok(IndexFiles {
            folder: lock.folder.clone(),
            index: index.to_owned(),
            users,
            written: false,
            worth_cleaning: false,
        })
    }

    /// Returns the folder of this index.
    pub(super) fn folder(&self) -> &Path {
        &self.folder
    }

    /// Returns the path of the database.
    pub(super) fn path(&self) -> &Path {
        &self.index
    }

    /// Returns whether the last user synced everything to disk.
    pub(super) fn is_clean(&self) -> bool {
        beside(&self.index, CLEAN).exists()
    }

    /// Prepares for the first write. From here on, a power cut makes the index untrusted.
    ///
    /// Must be called before each write. Costs one sync, and only if the index was clean. While
    /// this user is registered, no other can mark the index as clean.
    pub(super) fn begin_write(&mut self) -> io::Result<()> {
        if self.written {
            return Ok(());
        }
        match fs::remove_file(beside(&self.index, CLEAN)) {
            Ok(()) => File::open(&self.folder)?.sync_all()?,
            Err(error) if error.kind() == io::ErrorKind::NotFound => {}
            Err(error) => return Err(error),
        }
        self.written = true;
        Ok(())
    }

    /// Sets whether the index is so large that a final sync is cheaper than a rebuild.
    pub(super) fn set_worth_cleaning(&mut self, worth_cleaning: bool) {
        self.worth_cleaning = worth_cleaning;
    }

    /// If this is the last user, syncs everything to disk and marks the index as clean.
    fn clean(&self) -> io::Result<()> {
        let lock = FolderLock::take(&self.folder)?;
        self.users.try_lock()?;
        // Without users, no process has an SQLite connection. Closing these descriptors therefore
        // cannot release SQLite's locks.
        for ending in ["-wal", ""] {
            match File::open(beside(&self.index, ending)) {
                Ok(file) => file.sync_all()?,
                Err(error) if error.kind() == io::ErrorKind::NotFound && !ending.is_empty() => {}
                Err(error) => return Err(error),
            }
        }
        File::open(&self.folder)?.sync_all()?;
        File::create(beside(&self.index, CLEAN))?;
        drop(lock);
        Ok(())
    }
}

impl Drop for IndexFiles {
    fn drop(&mut self) {
        if self.written && self.worth_cleaning {
            // If this fails, or others use the index, it stays marked with the boot id.
            let _ = self.clean();
        }
    }
}
