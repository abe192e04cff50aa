//! The shipped engine on a simulated disk.

use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use tracklite::internals::storage::simulated::{ProcessControl, SimulatedDisk};
use tracklite::{Database, IndexPlace, Limits, Result};

/// How a simulated process opens the file.
#[derive(Clone, Copy, Debug)]
pub struct Opening {
    pub create: bool,
    pub read_only: bool,
    /// Whether each tick syncs pending data.
    pub tick_syncs: bool,
}

impl Opening {
    pub const WRITE: Opening = Opening { create: false, read_only: false, tick_syncs: false };
    pub const READ: Opening = Opening { create: false, read_only: true, tick_syncs: false };
}

/// Small, so that power cuts come before, at and after checkpoints.
const CHECKPOINT_BYTES: u64 = 1024;

/// Opens the file as a new process. The control can kill it.
pub fn open(disk: &SimulatedDisk, opening: Opening) -> (Result<Database>, ProcessControl) {
    open_at(disk, opening, IndexPlace::InMemory)
}

/// Like [`open`] for writing, with the index in a folder of the real disk.
pub fn open_with_index(disk: &SimulatedDisk, folder: &Path) -> (Result<Database>, ProcessControl) {
    open_at(disk, Opening::WRITE, IndexPlace::Directory(folder.to_owned()))
}

fn open_at(
    disk: &SimulatedDisk,
    opening: Opening,
    index: IndexPlace,
) -> (Result<Database>, ProcessControl) {
    let storage = disk.attach();
    let control = storage.control();
    let interval = opening.tick_syncs.then_some(Duration::from_secs(1));
    let database = Database::builder()
        .create(opening.create)
        .read_only(opening.read_only)
        .background(false)
        .sync_interval(interval)
        .index(index)
        .limits(Limits::unlimited())
        .checkpoint_bytes(CHECKPOINT_BYTES)
        .recovery_timeout(Duration::ZERO)
        .pepper_file(Path::new(env!("CARGO_TARGET_TMPDIR")).join("pepper"))
        .open_storage(Path::new("simulated"), Arc::new(storage));
    (database, control)
}

/// Runs `look` with a read-only database, which is then killed and leaves no trace.
pub fn with_reader<T>(
    disk: &SimulatedDisk,
    look: impl FnOnce(&Database) -> Result<T>,
) -> Result<T> {
    let (database, control) = open(disk, Opening::READ);
    let result = database.and_then(|database| {
        let result = look(&database);
        control.kill();
        result
    });
    control.kill();
    result
}
