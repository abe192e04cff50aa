//! The memory of the oracle: each writer has a page in which it records every call that returned.
//!
//! The writer maps its page, so that recording is a single store, and the page outlives a killed
//! writer. The page is independent of the file under test.

use std::cell::Cell;
use std::fs;
use std::path::{Path, PathBuf};

use tracklite::RunId;
use tracklite::internals::storage::{Access, FileStorage, Region, Storage, WritePath};

use crate::script::{Life, Progress};

const PAGE_WORDS: usize = 4096;
const PROGRESS: usize = 0;
const PHASE: usize = 1;
const PROCESS: usize = 2;
const HAS_ENDED: usize = 3;
/// The adopted run of a dead writer. Its words: the dead writer's number plus one, its fork, the
/// number of the run, and the number of points logged to it.
const ADOPTED: usize = 4;
const RUNS: usize = 16;
/// The words after the run ids record whether a deleted run was restored.
const RESTORED: usize = 64;
/// The number of versions of the shared model that the writer created. Two words follow for each:
/// the version, and one more than the version from which the writer moved the alias, or 0.
const SHARED: usize = 128;
/// The number of bits for the calls of one operation.
const CALL_BITS: u32 = 24;

/// The phases of a writer. The page stores the discriminant.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Phase {
    Started,
    Opening,
    StartingRun,
    Points,
    Rows,
    Metadata,
    Syncing,
    Ticking,
    Closing,
    Forking,
    Pausing,
    Purging,
    Models,
}

impl Phase {
    pub(crate) const ALL: [Phase; 13] = [
        Phase::Started,
        Phase::Opening,
        Phase::StartingRun,
        Phase::Points,
        Phase::Rows,
        Phase::Metadata,
        Phase::Syncing,
        Phase::Ticking,
        Phase::Closing,
        Phase::Forking,
        Phase::Pausing,
        Phase::Purging,
        Phase::Models,
    ];
}

/// The page of one writer, as the writer sees it.
pub(crate) struct Ledger {
    region: Box<dyn Region>,
    /// The number of recorded versions of the shared model.
    shared: Cell<usize>,
    _storage: FileStorage,
}

fn page_path(folder: &Path, life: Life) -> PathBuf {
    folder.join(format!("{life}.page"))
}

impl Ledger {
    pub(crate) fn create(folder: &Path, life: Life) -> std::io::Result<Ledger> {
        let path = page_path(folder, life);
        fs::write(&path, [0; PAGE_WORDS * 8])?;
        let storage = FileStorage::open(&path, Access::ReadWrite, WritePath::Mapped)?;
        let ledger = Ledger {
            region: storage.region(0, PAGE_WORDS as u64 * 8)?,
            shared: Cell::new(0),
            _storage: storage,
        };
        ledger.set(PROCESS, u64::from(std::process::id()));
        Ok(ledger)
    }

    fn set(&self, word: usize, value: u64) {
        self.region.store(word * 8, &[value]).expect("store into the mapped page");
    }

    /// Records the acknowledged progress.
    #[inline]
    pub(crate) fn acknowledge(&self, progress: Progress) {
        self.set(PROGRESS, progress.ops << CALL_BITS | progress.calls);
    }

    pub(crate) fn set_phase(&self, phase: Phase) {
        self.set(PHASE, phase as u64);
    }

    pub(crate) fn set_run(&self, run: u32, id: RunId) {
        let bits = id.to_bits();
        self.set(RUNS + 2 * run as usize, bits as u64);
        self.set(RUNS + 2 * run as usize + 1, (bits >> 64) as u64);
    }

    /// Records that a deleted run was restored.
    pub(crate) fn set_restored(&self, run: u32) {
        self.set(RESTORED + run as usize, 1);
    }

    /// Records that the writer is about to resume a run of a dead writer. The mark is permanent.
    pub(crate) fn set_adopted(&self, folder: &Path, life: Life, run: u32) {
        fs::write(adoption_path(folder, life, run), "").expect("create the mark");
        self.set(ADOPTED + 1, life.child);
        self.set(ADOPTED + 2, u64::from(run));
        self.set(ADOPTED, life.number + 1);
    }

    /// Records how many points were logged to the adopted run.
    pub(crate) fn acknowledge_adopted(&self, count: u64) {
        self.set(ADOPTED + 3, count);
    }

    /// Records a version of the shared model that this writer created. Returns the index of the
    /// record.
    pub(crate) fn add_shared_version(&self, version: u64) -> usize {
        let place = self.shared.get();
        self.shared.set(place + 1);
        assert!(SHARED + 2 * place + 2 < PAGE_WORDS, "the page is full");
        self.set(SHARED + 1 + 2 * place, version);
        self.set(SHARED, place as u64 + 1);
        place
    }

    /// Records that the alias was moved to that version from another one, or from none (0).
    pub(crate) fn set_shared_move(&self, place: usize, from: u64) {
        self.set(SHARED + 2 + 2 * place, from + 1);
    }

    /// Records that the writer exits without being killed.
    pub(crate) fn set_ended(&self) {
        self.set(HAS_ENDED, 1);
    }
}

/// The page of one writer, as other processes read it.
#[derive(Clone, Debug)]
pub(crate) struct Page(Vec<u64>);

impl Page {
    /// Returns `None` if the writer has not created its page yet.
    pub(crate) fn read(folder: &Path, life: Life) -> Option<Page> {
        let bytes = fs::read(page_path(folder, life)).ok()?;
        let words = bytes.chunks_exact(8);
        let words: Vec<u64> =
            words.map(|word| u64::from_le_bytes(word.try_into().expect("eight bytes"))).collect();
        (words.len() == PAGE_WORDS).then_some(Page(words))
    }

    pub(crate) fn progress(&self) -> Progress {
        let word = self.0[PROGRESS];
        Progress { ops: word >> CALL_BITS, calls: word & ((1 << CALL_BITS) - 1) }
    }

    pub(crate) fn phase(&self) -> Phase {
        Phase::ALL[self.0[PHASE] as usize]
    }

    pub(crate) fn process(&self) -> u32 {
        self.0[PROCESS] as u32
    }

    pub(crate) fn has_ended(&self) -> bool {
        self.0[HAS_ENDED] == 1
    }

    pub(crate) fn is_restored(&self, run: u32) -> bool {
        self.0[RESTORED + run as usize] == 1
    }

    /// Returns the adopted run of a dead writer, and how many points this writer logged to it.
    pub(crate) fn adopted(&self) -> Option<(Life, u32, u64)> {
        let number = self.0[ADOPTED].checked_sub(1)?;
        let life = Life { number, child: self.0[ADOPTED + 1] };
        Some((life, self.0[ADOPTED + 2] as u32, self.0[ADOPTED + 3]))
    }

    /// Returns the versions of the shared model that this writer created, each with the version
    /// (0: none) from which it moved the alias, if it did.
    pub(crate) fn shared(&self) -> Vec<(u64, Option<u64>)> {
        let noted = self.0[SHARED + 1..].chunks_exact(2).take(self.0[SHARED] as usize);
        noted.map(|words| (words[0], words[1].checked_sub(1))).collect()
    }

    pub(crate) fn run(&self, run: u32) -> RunId {
        let at = RUNS + 2 * run as usize;
        RunId::from_bits(u128::from(self.0[at]) | u128::from(self.0[at + 1]) << 64)
    }
}

fn adoption_path(folder: &Path, life: Life, run: u32) -> PathBuf {
    folder.join(format!("{life}-{run}.adopted"))
}

/// Returns whether a writer resumed the run of a dead writer, or is about to.
pub(crate) fn is_adopted(folder: &Path, life: Life, run: u32) -> bool {
    adoption_path(folder, life, run).exists()
}

/// Returns all writers that ever existed.
pub(crate) fn lives(folder: &Path) -> Vec<Life> {
    let names = fs::read_dir(folder).expect("list the folder of the ledger").flatten();
    let names = names.filter_map(|entry| entry.file_name().into_string().ok());
    let mut lives: Vec<Life> =
        names.filter_map(|name| name.strip_suffix(".page")?.parse().ok()).collect();
    lives.sort_unstable();
    lives
}

/// Records for the reader that the process of a writer is gone.
pub(crate) fn mark_dead(folder: &Path, life: Life) {
    fs::write(folder.join(format!("{life}.dead")), "").expect("create the mark");
}

pub(crate) fn is_dead(folder: &Path, life: Life) -> bool {
    folder.join(format!("{life}.dead")).exists()
}

/// Asks all processes to exit.
pub(crate) fn stop(folder: &Path) {
    fs::write(folder.join("stop"), "").expect("create the mark");
}

pub(crate) fn is_stopped(folder: &Path) -> bool {
    folder.join("stop").exists()
}
