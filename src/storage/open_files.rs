//! The files that this process has open: one that is opened twice is shared.

use std::any::Any;
use std::collections::HashMap;
use std::sync::{Arc, LazyLock, Mutex, MutexGuard, PoisonError, Weak};

use crate::error::Result;
use crate::sys::fork;

/// Device, inode, and whether the file is only read.
type FileKey = (u64, u64, bool);
type OpenFiles = HashMap<FileKey, Weak<dyn Any + Send + Sync>>;

/// How many generations of forked processes have a table of their own.
const FORK_TABLES: usize = 64;

/// The open files of this process.
///
/// A forked child uses another table, because it may have inherited its parent's while locked.
fn open_files() -> MutexGuard<'static, OpenFiles> {
    static TABLES: [LazyLock<Mutex<OpenFiles>>; FORK_TABLES] =
        [const { LazyLock::new(Mutex::default) }; FORK_TABLES];
    let generation = fork::fork_count() % FORK_TABLES as u64;
    let table = &TABLES[usize::try_from(generation).unwrap_or(0)];
    table.lock().unwrap_or_else(PoisonError::into_inner)
}

/// Returns what this process has open under `key`, or opens it with `open`.
pub(crate) fn shared<T: Any + Send + Sync>(
    key: FileKey,
    open: impl FnOnce() -> Result<T>,
) -> Result<Arc<T>> {
    let mut files = open_files();
    files.retain(|_, file| file.strong_count() > 0);
    if let Some(known) = files.get(&key).and_then(Weak::upgrade)
        && let Ok(known) = known.downcast()
    {
        return Ok(known);
    }
    let opened = Arc::new(open()?);
    let file: Arc<dyn Any + Send + Sync> = opened.clone();
    files.insert(key, Arc::downgrade(&file));
    Ok(opened)
}

/// Whether this process has the file with this device and inode open for writing.
pub(crate) fn is_open_here((device, inode): (u64, u64)) -> bool {
    let files = open_files();
    files.get(&(device, inode, false)).is_some_and(|file| file.strong_count() > 0)
}
