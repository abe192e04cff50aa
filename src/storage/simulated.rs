//! A disk in memory that loses power. The proofs of the engine run on it.
//!
//! A [`SimulatedDisk`] holds one file and remembers every version of each page since the last sync.
//! [`SimulatedDisk::crash_image`] is a power cut. Each page then has its durable version, its
//! newest one, one in between, or a mix of versions by sector. Aligned words are never torn. The
//! length is any that the file had. Several [`SimulatedStorage`]s act as several processes with the
//! file open, and [`run_together`] interleaves them deterministically.

mod baton;
mod locks;
mod page;
mod random;
mod state;
mod storage;
#[cfg(test)]
mod tests;

use std::fmt;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use parking_lot::Mutex;

pub use baton::run_together;
pub use random::Random;
pub use state::Phase;
use state::State;
pub use storage::{ProcessControl, SimulatedStorage};

/// A change of a simulated disk, as reported to an [`Observer`].
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Step {
    /// A positioned write.
    Write,
    /// Words stored through a window.
    Store,
    /// The words of a commit after the first one, which follows as [`Step::CommitWord`].
    CommitBody,
    /// The first word of a commit.
    CommitWord,
    /// An allocation.
    Allocate,
    /// A punch.
    Punch,
    /// The start of a sync, before anything has changed.
    SyncBegin,
    /// The end of a successful sync.
    SyncEnd,
    /// The end of a failed sync.
    SyncFailed,
}

/// A callback after each change of the disk, called within the storage call that made it.
///
/// It must not call the disk or one of its storages, because that would deadlock.
pub type Observer = Box<dyn FnMut(&DiskView<'_>) + Send>;

/// The disk as an [`Observer`] sees it.
#[derive(Debug)]
pub struct DiskView<'a> {
    state: &'a State,
    step: Step,
    process: u64,
}

impl DiskView<'_> {
    /// Returns the latest change.
    #[must_use]
    pub fn step(&self) -> Step {
        self.step
    }

    /// Returns the process that made it, counted from 0 in the order of [`SimulatedDisk::attach`].
    #[must_use]
    pub fn process(&self) -> u64 {
        self.process
    }

    /// Returns the phase last set by [`SimulatedDisk::set_phase`].
    #[must_use]
    pub fn phase(&self) -> Phase {
        self.state.phase
    }

    /// Cuts the power like [`SimulatedDisk::crash_image`].
    #[must_use]
    pub fn crash_image(&self, random: &mut Random) -> SimulatedDisk {
        SimulatedDisk::with_state(self.state.crash(random))
    }
}

struct Shared {
    state: Mutex<State>,
    observer: Mutex<Option<Observer>>,
    next_process: AtomicU64,
}

impl Shared {
    fn observe(&self, state: &State, step: Step, process: u64) {
        if let Some(observer) = self.observer.lock().as_mut() {
            observer(&DiskView { state, step, process });
        }
    }
}

impl fmt::Debug for Shared {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Shared")
    }
}

/// A disk with one file. Clones refer to the same disk.
#[derive(Clone, Debug)]
pub struct SimulatedDisk {
    shared: Arc<Shared>,
}

impl SimulatedDisk {
    /// Creates an empty file on a machine whose random numbers and boot id follow from the seed.
    #[must_use]
    pub fn new(seed: u64) -> Self {
        static INODES: AtomicU64 = AtomicU64::new(1);
        SimulatedDisk::with_state(State::new(INODES.fetch_add(1, Ordering::Relaxed), seed))
    }

    fn with_state(state: State) -> Self {
        SimulatedDisk {
            shared: Arc::new(Shared {
                state: Mutex::new(state),
                observer: Mutex::new(None),
                next_process: AtomicU64::new(0),
            }),
        }
    }

    /// Opens the file in a new simulated process.
    #[must_use]
    pub fn attach(&self) -> SimulatedStorage {
        SimulatedStorage::new(Arc::clone(&self.shared))
    }

    /// Returns one of the disks that a power cut at this moment can leave, after the next boot.
    ///
    /// The file keeps its inode. This costs a few atomic increments per page, because content is
    /// shared until it is written.
    #[must_use]
    pub fn crash_image(&self, random: &mut Random) -> SimulatedDisk {
        SimulatedDisk::with_state(self.shared.state.lock().crash(random))
    }

    /// Copies the machine with its page versions and boot id, but with all processes dead.
    #[must_use]
    pub fn duplicate(&self, seed: u64) -> SimulatedDisk {
        SimulatedDisk::with_state(self.shared.state.lock().duplicate(seed))
    }

    /// Sets the callback after each change. `None` removes it.
    pub fn on_change(&self, observer: Option<Observer>) {
        *self.shared.observer.lock() = observer;
    }

    /// Sets the current activity, for [`DiskView::phase`].
    pub fn set_phase(&self, phase: Phase) {
        self.shared.state.lock().phase = phase;
    }

    /// Makes the next `count` syncs fail with EIO.
    ///
    /// Like in the kernel, pages that were dirty then count as clean. A later sync succeeds without
    /// writing them. They stay readable until the power cut.
    pub fn fail_syncs(&self, count: u32) {
        self.shared.state.lock().syncs_to_fail = count;
    }

    /// Returns how many syncs succeeded and how many failed.
    #[must_use]
    pub fn sync_counts(&self) -> (u64, u64) {
        let state = self.shared.state.lock();
        (state.syncs, state.failed_syncs)
    }

    /// Returns the stores that would raise a signal in a real mapping. There should be none.
    #[must_use]
    pub fn violations(&self) -> Vec<String> {
        self.shared.state.lock().violations.clone()
    }

    /// Returns the number of changes so far: words, growths and holes.
    #[must_use]
    pub fn changes(&self) -> u64 {
        self.shared.state.lock().moment()
    }

    /// Returns a hash of the content and length that readers see, to count distinct states.
    #[must_use]
    pub fn content_hash(&self) -> u64 {
        self.shared.state.lock().content_hash()
    }
}
