//! Where the index's files lie, who uses them, and whether a file there may still be believed.
//!
//! A folder belongs to one [`IndexKey`]. In it `current`, the pointer file, names the index in
//! use. A rebuild takes a new name, because renaming over an open WAL database would leave the old
//! `-wal` paired with the new file. `lock` is held while the pointer is read or changed, and
//! `.users` is held shared by each process for as long as it has the index open.

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

/// How long opening waits for another process that is opening the same index.
const LOCK_WAIT: Duration = Duration::from_secs(2);
/// The pointer file.
const POINTER: &str = "current";
/// The next pointer file, until it is whole.
const DRAFT: &str = "current.new";
/// The file whose lock is the folder's.
const LOCK: &str = "lock";
/// Endings of the files that make up one index, the database first.
const ENDINGS: [&str; 5] = ["", "-wal", "-shm", ".users", CLEAN];
/// Ending of the file that says: everything is on the disk, whatever the boot.
const CLEAN: &str = ".clean";

/// Where the index, a cache of the file's metadata, is kept. Deleting it loses nothing.
///
/// Default: [`IndexPlace::Automatic`].
#[derive(Clone, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub enum IndexPlace {
    /// In the user's cache folder: `$XDG_CACHE_HOME/tracklite`, else `~/.cache/tracklite`.
    ///
    /// Where that cannot be written, or lies on a network, as [`IndexPlace::InMemory`].
    #[default]
    Automatic,
    /// In the memory of this process, built anew at each opening.
    InMemory,
    /// In this folder; it is created, and shared by all files that are opened with it.
    ///
    /// Where it cannot be written, or lies on a network, as [`IndexPlace::InMemory`].
    Directory(PathBuf),
}

/// What an index belongs to: with any other key it is another index.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct IndexKey {
    /// The random id in the file's header.
    pub(crate) file_id: u128,
    /// The device that holds the file, and
    pub(crate) device: u64,
    /// the file's number on it: a copy has the same id and may go its own way.
    pub(crate) inode: u64,
    /// The boot of the kernel; 0 when it is not known.
    pub(crate) boot_id: u128,
    /// The greatest frame level that this build knows: an older one has skipped frames.
    pub(crate) format_level: u32,
}

/// The folder of this key, created; `None` when the place is memory or cannot hold an index.
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
    // SQLite's WAL mode needs memory shared between its users, which no network gives.
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

/// Holds the folder's lock; dropping it lets go.
pub(super) struct FolderLock {
    folder: PathBuf,
    _lock: File,
}

impl FolderLock {
    /// Waits for the lock, at most for a bound; then `io::ErrorKind::WouldBlock`.
    pub(super) fn take(folder: &Path) -> io::Result<Self> {
        let deadline = Instant::now() + LOCK_WAIT;
        loop {
            match Self::try_take(folder) {
                Ok(Some(lock)) => return Ok(lock),
                Err(error) if error.kind() != io::ErrorKind::NotFound => return Err(error),
                _ if Instant::now() >= deadline => return Err(io::ErrorKind::WouldBlock.into()),
                Ok(None) => thread::sleep(Duration::from_millis(1)),
                // Another process found the folder unused and removed it meanwhile.
                Err(_) => create(folder)?,
            }
        }
    }

    /// The lock, if nobody has it and the folder is still there.
    pub(super) fn try_take(folder: &Path) -> io::Result<Option<Self>> {
        let path = folder.join(LOCK);
        let lock = open_lock(&path)?;
        match lock.try_lock() {
            Ok(()) => {}
            Err(TryLockError::WouldBlock) => return Ok(None),
            Err(error) => return Err(error.into()),
        }
        // A lock of a file that has no name any more excludes nobody.
        let (held, named) = (lock.metadata()?, fs::metadata(&path)?);
        let is_named = (held.dev(), held.ino()) == (named.dev(), named.ino());
        Ok(is_named.then(|| FolderLock { folder: folder.to_owned(), _lock: lock }))
    }

    /// Whether a process has an index of the folder open.
    pub(super) fn has_users(&self) -> bool {
        self.stems().iter().any(|stem| is_used(&self.folder.join(stem)))
    }

    /// Removes all that belongs to indexes, and the folder if that was all.
    pub(super) fn remove_folder(self) {
        self.stems().iter().for_each(|stem| remove(&self.folder.join(stem)));
        // The lock goes last: until then nobody else begins anything here.
        for name in [POINTER, DRAFT, LOCK] {
            let _ = fs::remove_file(self.folder.join(name));
        }
        let _ = fs::remove_dir(&self.folder);
    }

    /// The names of the databases of which there is any file.
    fn stems(&self) -> BTreeSet<String> {
        let entries = fs::read_dir(&self.folder).into_iter().flatten().flatten();
        let names = entries.filter_map(|entry| entry.file_name().into_string().ok());
        names.filter_map(|name| stem_of(&name).map(str::to_owned)).collect()
    }

    /// The index that the pointer names; `None` when there is no pointer or it is not sound.
    pub(super) fn current(&self) -> Option<PathBuf> {
        let text = fs::read_to_string(self.folder.join(POINTER)).ok()?;
        let name = text.strip_suffix('\n')?;
        is_index_name(name).then(|| self.folder.join(name))
    }

    /// A path that no index here has had.
    pub(super) fn fresh(&self) -> io::Result<PathBuf> {
        let number = system::random_bits()? >> 64;
        Ok(self.folder.join(format!("index-{number:016x}.sqlite")))
    }

    /// Makes the pointer name this index, and removes all others that nobody uses.
    pub(super) fn point_to(&self, index: &Path) -> io::Result<()> {
        let name = index.file_name().and_then(|name| name.to_str()).unwrap_or_default();
        let draft = self.folder.join(DRAFT);
        fs::write(&draft, format!("{name}\n"))?;
        fs::rename(&draft, self.folder.join(POINTER))?;
        self.remove_others(name);
        Ok(())
    }

    /// What cannot be removed now is left to the next rebuild.
    fn remove_others(&self, kept: &str) {
        let others = self.stems().into_iter().filter(|stem| stem != kept);
        let unused = others.map(|stem| self.folder.join(stem)).filter(|index| !is_used(index));
        unused.for_each(|index| remove(&index));
    }
}

/// Whether a process has this index open.
fn is_used(index: &Path) -> bool {
    let users = File::open(beside(index, ".users"));
    users.is_ok_and(|users| users.try_lock().is_err())
}

/// The name of the database to which a file of this name belongs.
fn stem_of(name: &str) -> Option<&str> {
    let stem = ENDINGS.iter().rev().find_map(|ending| name.strip_suffix(ending))?;
    is_index_name(stem).then_some(stem)
}

fn is_index_name(name: &str) -> bool {
    let digits = name.strip_prefix("index-").and_then(|rest| rest.strip_suffix(".sqlite"));
    digits.is_some_and(|it| it.len() == 16 && it.bytes().all(|byte| byte.is_ascii_hexdigit()))
}

/// Removes all files of an index.
fn remove(index: &Path) {
    for ending in ENDINGS {
        // A file that stays is only space: no pointer names it.
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

/// The files of an open index. Dropped after the connection to it has been closed.
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

    /// The folder of this index.
    pub(super) fn folder(&self) -> &Path {
        &self.folder
    }

    /// The database.
    pub(super) fn path(&self) -> &Path {
        &self.index
    }

    /// Whether the last user has left everything on the disk.
    pub(super) fn is_clean(&self) -> bool {
        beside(&self.index, CLEAN).exists()
    }

    /// To be called before each write: from here on a power cut makes the index doubtful.
    ///
    /// Costs a sync once, and only when the index was clean. Nobody can call it clean again as long
    /// as this user is registered.
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

    /// Says whether the index is so large that a sync at the end is cheaper than a rebuild.
    pub(super) fn set_worth_cleaning(&mut self, worth_cleaning: bool) {
        self.worth_cleaning = worth_cleaning;
    }

    /// Puts everything on the disk and says so, when this is the last user.
    fn clean(&self) -> io::Result<()> {
        let lock = FolderLock::take(&self.folder)?;
        self.users.try_lock()?;
        // With no user there is no SQLite connection in any process, so that closing these
        // descriptors cannot release a lock of one.
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
            // Where it fails, or others use the index, it stays marked with the boot.
            let _ = self.clean();
        }
    }
}
