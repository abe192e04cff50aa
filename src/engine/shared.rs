//! The engines of this process: a file that is opened twice has one.

use std::collections::HashMap;
use std::path::{Path, PathBuf};
use std::sync::{Arc, LazyLock, Mutex, MutexGuard, PoisonError, Weak};

use crate::engine::Engine;
use crate::error::Result;

/// Device, inode, and whether the file is only read.
type EngineKey = (u64, u64, bool);
type Engines = Mutex<HashMap<EngineKey, Weak<Engine>>>;

/// How many generations of forked processes have a table of engines of their own.
const FORK_TABLES: usize = 64;

/// The engines of this process by device, inode and whether they only read.
///
/// A forked child uses another table, as it may have inherited its parent's locked.
fn engines() -> MutexGuard<'static, HashMap<EngineKey, Weak<Engine>>> {
    static TABLES: [LazyLock<Engines>; FORK_TABLES] =
        [const { LazyLock::new(Mutex::default) }; FORK_TABLES];
    let generation = crate::log::fork_count() % FORK_TABLES as u64;
    let table = &TABLES[usize::try_from(generation).unwrap_or(0)];
    table.lock().unwrap_or_else(PoisonError::into_inner)
}

/// The engine of a file: the same one opened twice in a process shares one.
pub(crate) fn shared_engine(
    key: EngineKey,
    open: impl FnOnce() -> Result<Engine>,
) -> Result<Arc<Engine>> {
    let mut engines = engines();
    engines.retain(|_, engine| engine.strong_count() > 0);
    if let Some(engine) = engines.get(&key).and_then(Weak::upgrade) {
        return Ok(engine);
    }
    let engine = Arc::new(open()?);
    engines.insert(key, Arc::downgrade(&engine));
    Ok(engine)
}

/// Whether this process has the file open for writing.
pub(crate) fn is_open_here((device, inode): (u64, u64)) -> bool {
    let engines = engines();
    engines.get(&(device, inode, false)).is_some_and(|engine| engine.strong_count() > 0)
}

/// The absolute path of a file that may not exist yet.
pub(crate) fn absolute(path: &Path) -> PathBuf {
    std::path::absolute(path).unwrap_or_else(|_| path.to_owned())
}
