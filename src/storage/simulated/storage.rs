//! A simulated process with the file open, and its windows into the file.

use std::fmt;
use std::io;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};

use super::{Shared, Step, baton};
use crate::storage::{FilePlace, LockMode, LockRange, MediumTraits, Region, Storage};

/// A number of steps that no process reaches.
const FOR_EVER: u64 = u64::MAX;

/// A simulated process, which owns locks and can be killed.
#[derive(Debug)]
pub(super) struct Process {
    shared: Arc<Shared>,
    number: u64,
    dead: AtomicBool,
    /// The number of changes it may still make before it dies.
    steps_left: AtomicU64,
}

/// The file, opened by a simulated process.
///
/// Dropping it closes the file and releases its locks. Its windows continue to work.
pub struct SimulatedStorage {
    process: Arc<Process>,
}

/// A handle to kill a simulated process.
#[derive(Clone)]
pub struct ProcessControl {
    process: Arc<Process>,
}

impl ProcessControl {
    /// Ends the process like `kill -9`: its locks end and its calls fail, but nothing is undone.
    pub fn kill(&self) {
        self.process.die();
    }

    /// Makes the process die at the change after `count` more. 0 is the next one.
    ///
    /// A write in progress may then be partial.
    pub fn kill_after(&self, steps: u64) {
        self.process.steps_left.store(steps, Ordering::Relaxed);
    }

    /// Returns whether the process has died.
    #[must_use]
    pub fn is_dead(&self) -> bool {
        self.process.dead.load(Ordering::Relaxed)
    }
}

impl Process {
    /// Lets another process continue. Fails if this one is dead.
    fn alive(&self) -> io::Result<()> {
        baton::yield_point();
        if self.dead.load(Ordering::Relaxed) {
            return Err(io::Error::other("the simulated process is dead"));
        }
        Ok(())
    }

    /// Checks like [`Process::alive`] before a change. Returns whether the process dies at it.
    fn about_to_change(&self) -> io::Result<bool> {
        self.alive()?;
        let left = self.steps_left.load(Ordering::Relaxed);
        if left != FOR_EVER {
            self.steps_left.store(left.saturating_sub(1), Ordering::Relaxed);
        }
        Ok(left == 0)
    }

    /// Makes one change, or dies before it.
    fn change(&self, step: Step, work: impl FnOnce(&mut super::State)) -> io::Result<()> {
        if self.about_to_change()? {
            self.die();
            return self.alive();
        }
        let mut state = self.shared.state.lock();
        work(&mut state);
        self.shared.observe(&state, step, self.number);
        Ok(())
    }

    fn die(&self) {
        self.dead.store(true, Ordering::Relaxed);
        self.shared.state.lock().locks.release(self.number);
    }

    fn write(&self, offset: u64, bytes: &[u8]) -> io::Result<()> {
        if self.about_to_change()? {
            let mut state = self.shared.state.lock();
            let part = state.random.below(bytes.len() + 1) / 8 * 8;
            if part > 0 {
                state.write(offset, &bytes[..part]);
            }
            drop(state);
            self.die();
            return self.alive();
        }
        let mut state = self.shared.state.lock();
        state.write(offset, bytes);
        self.shared.observe(&state, Step::Write, self.number);
        Ok(())
    }

    fn sync(&self) -> io::Result<()> {
        // Changes by others during the sync are not part of it.
        let mut began = 0;
        self.change(Step::SyncBegin, |state| began = state.moment())?;
        self.alive()?;
        let mut state = self.shared.state.lock();
        if state.syncs_to_fail > 0 {
            state.syncs_to_fail -= 1;
            state.fail_sync();
            self.shared.observe(&state, Step::SyncFailed, self.number);
            return Err(io::Error::from_raw_os_error(libc::EIO));
        }
        state.sync(began);
        self.shared.observe(&state, Step::SyncEnd, self.number);
        Ok(())
    }

    /// Stores all words but the first `skip` in an order that the caller cannot predict.
    fn store(&self, step: Step, offset: u64, words: &[u64], skip: usize) -> io::Result<()> {
        self.change(step, |state| {
            let backward = state.random.one_in(2);
            let count = words.len().saturating_sub(skip);
            for step in 0..count {
                let word = skip + if backward { count - 1 - step } else { step };
                state.store(offset + word as u64 * 8, words[word]);
            }
        })
    }
}

impl SimulatedStorage {
    pub(super) fn new(shared: Arc<Shared>) -> Self {
        let number = shared.next_process.fetch_add(1, Ordering::Relaxed);
        let process = Process {
            shared,
            number,
            dead: AtomicBool::new(false),
            steps_left: AtomicU64::new(FOR_EVER),
        };
        SimulatedStorage { process: Arc::new(process) }
    }

    /// Returns a handle by which a test harness can kill the process.
    #[must_use]
    pub fn control(&self) -> ProcessControl {
        ProcessControl { process: Arc::clone(&self.process) }
    }
}

impl Drop for SimulatedStorage {
    fn drop(&mut self) {
        self.process.shared.state.lock().locks.release(self.process.number);
    }
}

impl fmt::Debug for SimulatedStorage {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "SimulatedStorage({})", self.process.number)
    }
}

impl Storage for SimulatedStorage {
    fn len(&self) -> io::Result<u64> {
        self.process.alive()?;
        Ok(self.process.shared.state.lock().length())
    }

    fn read_at(&self, offset: u64, buffer: &mut [u8]) -> io::Result<usize> {
        self.process.alive()?;
        let state = self.process.shared.state.lock();
        Ok(state.read(offset, buffer))
    }

    fn write_at(&self, offset: u64, bytes: &[u8]) -> io::Result<()> {
        self.process.write(offset, bytes)
    }

    fn allocate(&self, offset: u64, length: u64) -> io::Result<()> {
        self.process.change(Step::Allocate, |state| state.allocate(offset, length))
    }

    fn punch(&self, offset: u64, length: u64) -> io::Result<()> {
        self.process.change(Step::Punch, |state| state.punch(offset, length))
    }

    fn sync(&self) -> io::Result<()> {
        self.process.sync()
    }

    fn region(&self, offset: u64, length: u64) -> io::Result<Box<dyn Region>> {
        self.process.alive()?;
        if !self.process.shared.state.lock().is_allocated(offset, length) {
            return Err(io::Error::other("the region is not allocated"));
        }
        Ok(Box::new(SimulatedRegion { process: Arc::clone(&self.process), offset, length }))
    }

    fn try_lock(&self, range: LockRange, mode: LockMode) -> io::Result<bool> {
        self.process.alive()?;
        let process = &self.process;
        let mut patience = process.shared.state.lock().random.below(2) * 64;
        loop {
            if process.shared.state.lock().locks.try_lock(process.number, range, mode) {
                return Ok(true);
            }
            if !baton::give_way() || patience == 0 {
                return Ok(false);
            }
            process.alive()?;
            patience -= 1;
        }
    }

    fn unlock(&self, range: LockRange) -> io::Result<()> {
        self.process.alive()?;
        self.process.shared.state.lock().locks.unlock(self.process.number, range);
        Ok(())
    }

    fn is_locked_elsewhere(&self, range: LockRange) -> io::Result<bool> {
        self.process.alive()?;
        let state = self.process.shared.state.lock();
        Ok(!state.locks.others(self.process.number, range).is_empty())
    }

    fn lock_holders(&self, range: LockRange) -> Vec<String> {
        let state = self.process.shared.state.lock();
        let others = state.locks.others(self.process.number, range);
        others.iter().map(|owner| format!("simulated process {owner}")).collect()
    }

    fn place(&self) -> io::Result<FilePlace> {
        self.process.alive()?;
        let inode = self.process.shared.state.lock().inode;
        Ok(FilePlace { device: 0, inode, links: 1, name_leads_here: true })
    }

    fn medium(&self) -> MediumTraits {
        MediumTraits { mappable: true, locks_trusted: true }
    }

    fn allocated_bytes(&self) -> io::Result<u64> {
        self.process.alive()?;
        Ok(self.process.shared.state.lock().allocated_bytes())
    }

    fn boot_id(&self) -> u128 {
        self.process.shared.state.lock().boot_id
    }

    fn random(&self) -> io::Result<u128> {
        self.process.alive()?;
        Ok(self.process.shared.state.lock().random.wide_bits())
    }
}

/// A window of a simulated process into the file.
#[derive(Debug)]
struct SimulatedRegion {
    process: Arc<Process>,
    offset: u64,
    length: u64,
}

impl SimulatedRegion {
    /// Returns the place in the file. Records a violation if a real mapping would raise a signal.
    fn place(&self, offset: usize, words: &[u64]) -> io::Result<u64> {
        let place = self.offset + offset as u64;
        let bytes = words.len() as u64 * 8;
        let mut state = self.process.shared.state.lock();
        let inside = offset.is_multiple_of(8) && place + bytes <= self.offset + self.length;
        if inside && (self.process.dead.load(Ordering::Relaxed) || state.is_allocated(place, bytes))
        {
            return Ok(place);
        }
        let what = if inside { "a range without space" } else { "a place outside its window" };
        state.violations.push(format!("store of {bytes} bytes at {place} into {what}"));
        Err(io::Error::other(what))
    }
}

impl Region for SimulatedRegion {
    fn store(&self, offset: usize, words: &[u64]) -> io::Result<()> {
        let place = self.place(offset, words)?;
        self.process.store(Step::Store, place, words, 0)
    }

    fn commit(&self, offset: usize, words: &[u64]) -> io::Result<()> {
        let place = self.place(offset, words)?;
        self.process.store(Step::CommitBody, place, words, 1)?;
        self.process.store(Step::CommitWord, place, &words[..words.len().min(1)], 0)
    }

    fn populate(&self, _offset: usize, _length: usize) {}
}
