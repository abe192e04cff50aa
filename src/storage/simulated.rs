//! A disk in memory that loses power: what the engine's proofs run on.
//!
//! A [`SimulatedDisk`] holds one file and remembers, for each page, every version since the last
//! sync. [`SimulatedDisk::crash_image`] is a power cut: each page survives as its durable version,
//! its newest, one in between, or a mix of versions by sector; aligned words are never torn; the
//! length is any that the file had. Several [`SimulatedStorage`]s are several processes with the
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

/// One change of a simulated disk, as an [`Observer`] is told of it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Step {
    /// A positioned write.
    Write,
    /// Words stored through a window.
    Store,
    /// The words of a commit behind its first one; the first follows as [`Step::CommitWord`].
    CommitBody,
    /// The word that commits.
    CommitWord,
    /// A range got space.
    Allocate,
    /// A range lost its space.
    Punch,
    /// A sync begins; nothing has changed yet.
    SyncBegin,
    /// A sync has succeeded.
    SyncEnd,
    /// A sync has failed.
    SyncFailed,
}

/// What is called after each change of the disk, from within the storage call that made it.
///
/// It must not call the disk or one of its storages: they wait for it.
pub type Observer = Box<dyn FnMut(&DiskView<'_>) + Send>;

/// The disk as an [`Observer`] sees it.
#[derive(Debug)]
pub struct DiskView<'a> {
    state: &'a State,
    step: Step,
    process: u64,
}

impl DiskView<'_> {
    /// The change that was just made.
    #[must_use]
    pub fn step(&self) -> Step {
        self.step
    }

    /// The process that made it: they are counted from 0 in the order of [`SimulatedDisk::attach`].
    #[must_use]
    pub fn process(&self) -> u64 {
        self.process
    }

    /// What [`SimulatedDisk::set_phase`] said last.
    #[must_use]
    pub fn phase(&self) -> Phase {
        self.state.phase
    }

    /// As [`SimulatedDisk::crash_image`].
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

/// A disk with one file on it; clones are the same disk.
#[derive(Clone, Debug)]
pub struct SimulatedDisk {
    shared: Arc<Shared>,
}

impl SimulatedDisk {
    /// An empty file on a machine whose random numbers and boot id follow from the seed.
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

    /// What a power cut at this moment leaves, one of many possibilities, after the next boot: the
    /// same file, by its inode.
    ///
    /// It costs a few atomic increments a page; content is shared until it is written.
    #[must_use]
    pub fn crash_image(&self, random: &mut Random) -> SimulatedDisk {
        SimulatedDisk::with_state(self.shared.state.lock().crash(random))
    }

    /// The same machine once more, page versions and boot included, with all processes dead.
    #[must_use]
    pub fn duplicate(&self, seed: u64) -> SimulatedDisk {
        SimulatedDisk::with_state(self.shared.state.lock().duplicate(seed))
    }

    /// Has `observer` called after each change from now on; `None` ends that.
    pub fn on_change(&self, observer: Option<Observer>) {
        *self.shared.observer.lock() = observer;
    }

    /// Says what is going on, for [`DiskView::phase`].
    pub fn set_phase(&self, phase: Phase) {
        self.shared.state.lock().phase = phase;
    }

    /// Lets the next `count` syncs fail with EIO.
    ///
    /// As in the kernel, what was dirty then counts as clean: a later sync succeeds without
    /// writing it, and it stays readable until the power cut.
    pub fn fail_syncs(&self, count: u32) {
        self.shared.state.lock().syncs_to_fail = count;
    }

    /// How many syncs succeeded and how many failed.
    #[must_use]
    pub fn sync_counts(&self) -> (u64, u64) {
        let state = self.shared.state.lock();
        (state.syncs, state.failed_syncs)
    }

    /// Stores that a real mapping would have answered with a signal; there should be none.
    #[must_use]
    pub fn violations(&self) -> Vec<String> {
        self.shared.state.lock().violations.clone()
    }

    /// How many single changes were made so far: words, growths, holes.
    #[must_use]
    pub fn changes(&self) -> u64 {
        self.shared.state.lock().moment()
    }

    /// A hash of the content and length that readers see, to count distinct states by.
    #[must_use]
    pub fn content_hash(&self) -> u64 {
        self.shared.state.lock().content_hash()
    }
}
