//! A storage that fails on demand: the Nth call of a kind, once or for ever.
//!
//! A plan can also be on in a thread. Then the thread's creating, naming and opening of files
//! fails.

use std::cell::RefCell;
use std::io;
use std::sync::Arc;

use parking_lot::Mutex;
use rustix::io::Errno;

use crate::storage::{FilePlace, LockMode, LockRange, MediumTraits, Region, Storage};

/// The calls that can be made to fail.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum CallKind {
    /// [`Storage::read_at`].
    Read,
    /// [`Storage::write_at`].
    Write,
    /// [`Storage::allocate`].
    Allocate,
    /// [`Storage::punch`].
    Punch,
    /// [`Storage::sync`].
    Sync,
    /// [`Storage::region`]: mapping a window.
    Region,
    /// [`Storage::try_lock`], [`Storage::unlock`] and [`Storage::is_locked_elsewhere`].
    Lock,
    /// [`Region::store`] and [`Region::commit`].
    Store,
    /// Opening or creating a file.
    Open,
    /// Naming a file by a link or a rename.
    Name,
    /// Removing a file.
    Remove,
    /// Syncing a folder to make a name durable.
    SyncFolder,
}

impl CallKind {
    /// All kinds in the order of declaration.
    pub const ALL: [CallKind; 12] = [
        CallKind::Read,
        CallKind::Write,
        CallKind::Allocate,
        CallKind::Punch,
        CallKind::Sync,
        CallKind::Region,
        CallKind::Lock,
        CallKind::Store,
        CallKind::Open,
        CallKind::Name,
        CallKind::Remove,
        CallKind::SyncFolder,
    ];
}

/// How a call fails.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Failure {
    /// Does nothing and reports a full medium (ENOSPC).
    StorageFull,
    /// Does nothing and reports a device error (EIO). Such a sync saves and loses no data.
    Io,
    /// Writes, stores or allocates the first half (in whole words), then reports a full medium.
    /// Other calls do nothing and report a device error.
    Short,
    /// Does nothing and reports a missing feature of the medium (EOPNOTSUPP), like holes.
    Unsupported,
}

impl Failure {
    fn error(self, kind: CallKind) -> io::Error {
        if self == Failure::Unsupported {
            return io::Error::from(Errno::OPNOTSUPP);
        }
        let partial = matches!(kind, CallKind::Write | CallKind::Store | CallKind::Allocate);
        let full = self == Failure::StorageFull || (self == Failure::Short && partial);
        io::Error::from(if full { Errno::NOSPC } else { Errno::IO })
    }
}

/// A call that fails, and how.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Fault {
    /// The kind of calls that is counted. `None` counts all.
    pub kind: Option<CallKind>,
    /// The number of the failing call, counted from 1 when the fault is armed.
    pub nth: u64,
    /// How it fails.
    pub failure: Failure,
    /// Whether all later calls of the kind fail too.
    pub for_ever: bool,
}

/// A switch for one or more [`FaultStorage`]s: the next failure, and the calls so far.
#[derive(Clone, Debug, Default)]
pub struct FaultPlan {
    state: Arc<Mutex<State>>,
}

#[derive(Debug, Default)]
struct State {
    armed: Option<Fault>,
    /// The calls of the armed kind since it was armed.
    seen: u64,
    calls: [u64; CallKind::ALL.len()],
    failures: u64,
}

impl FaultPlan {
    /// Creates a plan without failures.
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }

    /// Arms a fault and starts counting. It replaces an earlier one.
    pub fn arm(&self, fault: Fault) {
        let mut state = self.state.lock();
        state.armed = Some(fault);
        state.seen = 0;
    }

    /// Lets every call succeed again.
    pub fn disarm(&self) {
        self.state.lock().armed = None;
    }

    /// Returns the number of calls of a kind since the plan was created, including failed ones.
    #[must_use]
    pub fn calls(&self, kind: CallKind) -> u64 {
        self.state.lock().calls[kind as usize]
    }

    /// Returns the number of calls of all kinds.
    #[must_use]
    pub fn all_calls(&self) -> u64 {
        self.state.lock().calls.iter().sum()
    }

    /// Returns the number of calls that were made to fail.
    #[must_use]
    pub fn failures(&self) -> u64 {
        self.state.lock().failures
    }

    /// Counts a call, and returns how it must fail, if so.
    fn count(&self, kind: CallKind) -> Option<Failure> {
        let mut state = self.state.lock();
        state.calls[kind as usize] += 1;
        let fault = state.armed.filter(|fault| fault.kind.is_none_or(|wanted| wanted == kind))?;
        state.seen += 1;
        if state.seen == fault.nth || (fault.for_ever && state.seen > fault.nth) {
            state.failures += 1;
            return Some(fault.failure);
        }
        None
    }

    /// Counts a call, and fails it if due. For calls that have no half.
    fn pass(&self, kind: CallKind) -> io::Result<()> {
        self.count(kind).map_or(Ok(()), |failure| Err(failure.error(kind)))
    }
}

thread_local! {
    /// The plan for the files that this thread creates and opens.
    static FILES: RefCell<Option<FaultPlan>> = const { RefCell::new(None) };
}

/// Calls `work` with the plan on in this thread.
///
/// Creating, naming, opening and removing files then follows the plan. So do calls to the opened
/// files as long as they are open.
pub fn with_faulty_files<T>(plan: &FaultPlan, work: impl FnOnce() -> T) -> T {
    struct Restore(Option<FaultPlan>);
    impl Drop for Restore {
        fn drop(&mut self) {
            FILES.set(self.0.take());
        }
    }
    let _restore = Restore(FILES.replace(Some(plan.clone())));
    work()
}

/// Fails if a call of this kind is due to fail in this thread.
pub(super) fn pass(kind: CallKind) -> io::Result<()> {
    FILES.with_borrow(|plan| plan.as_ref().map_or(Ok(()), |plan| plan.pass(kind)))
}

/// Returns how many of `length` bytes this thread must write, and the outcome after them.
pub(super) fn pass_write(length: usize) -> (usize, io::Result<()>) {
    let failure = FILES.with_borrow(|plan| plan.as_ref()?.count(CallKind::Write));
    let written = match failure {
        None => length,
        Some(Failure::Short) => length / 2,
        Some(_) => 0,
    };
    (written, failure.map_or(Ok(()), |failure| Err(failure.error(CallKind::Write))))
}

/// Wraps the storage in the plan of this thread, if there is one.
pub(super) fn guard(storage: Arc<dyn Storage>) -> Arc<dyn Storage> {
    FILES.with_borrow(|plan| match plan {
        Some(plan) => Arc::new(FaultStorage::new(storage, plan)) as Arc<dyn Storage>,
        None => storage,
    })
}

/// A storage that forwards calls to another one, unless its plan makes them fail.
#[derive(Debug)]
pub struct FaultStorage {
    inner: Arc<dyn Storage>,
    plan: FaultPlan,
}

impl FaultStorage {
    /// Wraps a storage in the plan.
    #[must_use]
    pub fn new(inner: Arc<dyn Storage>, plan: &FaultPlan) -> Self {
        FaultStorage { inner, plan: plan.clone() }
    }
}

impl Storage for FaultStorage {
    fn len(&self) -> io::Result<u64> {
        self.inner.len()
    }

    fn read_at(&self, offset: u64, buffer: &mut [u8]) -> io::Result<usize> {
        self.plan.pass(CallKind::Read)?;
        self.inner.read_at(offset, buffer)
    }

    fn write_at(&self, offset: u64, bytes: &[u8]) -> io::Result<()> {
        let Some(failure) = self.plan.count(CallKind::Write) else {
            return self.inner.write_at(offset, bytes);
        };
        if failure == Failure::Short {
            // Aligned words are never torn, even by a write that fails.
            let half = (offset + bytes.len() as u64 / 2) & !7;
            let half = usize::try_from(half.saturating_sub(offset)).unwrap_or(0);
            self.inner.write_at(offset, &bytes[..half])?;
        }
        Err(failure.error(CallKind::Write))
    }

    fn allocate(&self, offset: u64, length: u64) -> io::Result<()> {
        let Some(failure) = self.plan.count(CallKind::Allocate) else {
            return self.inner.allocate(offset, length);
        };
        if failure == Failure::Short {
            self.inner.allocate(offset, length / 2)?;
        }
        Err(failure.error(CallKind::Allocate))
    }

    fn punch(&self, offset: u64, length: u64) -> io::Result<()> {
        self.plan.pass(CallKind::Punch)?;
        self.inner.punch(offset, length)
    }

    fn sync(&self) -> io::Result<()> {
        self.plan.pass(CallKind::Sync)?;
        self.inner.sync()
    }

    fn region(&self, offset: u64, length: u64) -> io::Result<Box<dyn Region>> {
        self.plan.pass(CallKind::Region)?;
        let inner = self.inner.region(offset, length)?;
        Ok(Box::new(FaultRegion { inner, plan: self.plan.clone() }))
    }

    fn try_lock(&self, range: LockRange, mode: LockMode) -> io::Result<bool> {
        self.plan.pass(CallKind::Lock)?;
        self.inner.try_lock(range, mode)
    }

    fn unlock(&self, range: LockRange) -> io::Result<()> {
        self.plan.pass(CallKind::Lock)?;
        self.inner.unlock(range)
    }

    fn is_locked_elsewhere(&self, range: LockRange) -> io::Result<bool> {
        self.plan.pass(CallKind::Lock)?;
        self.inner.is_locked_elsewhere(range)
    }

    fn lock_holders(&self, range: LockRange) -> Vec<String> {
        self.inner.lock_holders(range)
    }

    fn place(&self) -> io::Result<FilePlace> {
        self.inner.place()
    }

    fn medium(&self) -> MediumTraits {
        self.inner.medium()
    }

    fn allocated_bytes(&self) -> io::Result<u64> {
        self.inner.allocated_bytes()
    }

    fn restrict_to_owner(&self) -> io::Result<()> {
        self.inner.restrict_to_owner()
    }

    fn boot_id(&self) -> u128 {
        self.inner.boot_id()
    }

    fn random(&self) -> io::Result<u128> {
        self.inner.random()
    }
}

#[derive(Debug)]
struct FaultRegion {
    inner: Box<dyn Region>,
    plan: FaultPlan,
}

impl FaultRegion {
    /// Stores half of the words, but never the first, which always comes last.
    fn fail(&self, failure: Failure, offset: usize, words: &[u64]) -> io::Result<()> {
        if failure == Failure::Short && words.len() > 1 {
            let half = &words[1..words.len().div_ceil(2).max(2)];
            self.inner.store(offset + size_of::<u64>(), half)?;
        }
        Err(failure.error(CallKind::Store))
    }
}

impl Region for FaultRegion {
    fn store(&self, offset: usize, words: &[u64]) -> io::Result<()> {
        match self.plan.count(CallKind::Store) {
            None => self.inner.store(offset, words),
            Some(failure) => self.fail(failure, offset, words),
        }
    }

    fn commit(&self, offset: usize, words: &[u64]) -> io::Result<()> {
        match self.plan.count(CallKind::Store) {
            None => self.inner.commit(offset, words),
            Some(failure) => self.fail(failure, offset, words),
        }
    }

    fn populate(&self, offset: usize, length: usize) {
        self.inner.populate(offset, length);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::storage::MemoryFile;

    fn faulty() -> (MemoryFile, FaultPlan, FaultStorage) {
        let (file, plan) = (MemoryFile::new(), FaultPlan::new());
        let storage = FaultStorage::new(Arc::new(file.open()), &plan);
        (file, plan, storage)
    }

    fn fault(kind: CallKind, nth: u64, failure: Failure, for_ever: bool) -> Fault {
        Fault { kind: Some(kind), nth, failure, for_ever }
    }

    #[test]
    fn the_nth_call_fails_once() {
        let (_, plan, storage) = faulty();
        storage.sync().unwrap();
        plan.arm(fault(CallKind::Sync, 2, Failure::Io, false));
        let outcomes: Vec<bool> = (0..4).map(|_| storage.sync().is_ok()).collect();
        assert_eq!(outcomes, [true, false, true, true]);
        assert_eq!((plan.calls(CallKind::Sync), plan.failures()), (5, 1));
        storage.write_at(0, b"x").unwrap();
        assert_eq!(plan.all_calls(), 6);
    }

    #[test]
    fn a_lasting_fault_ends_when_disarmed_and_spares_other_kinds() {
        let (_, plan, storage) = faulty();
        plan.arm(fault(CallKind::Lock, 1, Failure::Io, true));
        let range = LockRange::byte(0);
        for _ in 0..3 {
            assert!(storage.try_lock(range, LockMode::Shared).is_err());
            storage.sync().unwrap();
        }
        plan.disarm();
        assert!(storage.try_lock(range, LockMode::Shared).unwrap());
    }

    #[test]
    fn a_missing_feature_is_reported_as_unsupported() {
        let (_, plan, storage) = faulty();
        plan.arm(fault(CallKind::Punch, 1, Failure::Unsupported, true));
        for _ in 0..2 {
            let error = storage.punch(0, 64).unwrap_err();
            assert_eq!(error.kind(), io::ErrorKind::Unsupported);
        }
        storage.sync().unwrap();
    }

    #[test]
    fn any_kind_counts_every_call() {
        let (_, plan, storage) = faulty();
        plan.arm(Fault { kind: None, nth: 3, failure: Failure::StorageFull, for_ever: false });
        storage.sync().unwrap();
        storage.allocate(0, 64).unwrap();
        let error = storage.write_at(0, b"x").unwrap_err();
        assert_eq!(error.kind(), io::ErrorKind::StorageFull);
        storage.write_at(0, b"x").unwrap();
    }

    #[test]
    fn a_short_write_is_partial_and_a_short_store_omits_the_first_word() {
        let (file, plan, storage) = faulty();
        plan.arm(fault(CallKind::Write, 1, Failure::Short, false));
        let error = storage.write_at(0, &[1; 24]).unwrap_err();
        assert_eq!(error.kind(), io::ErrorKind::StorageFull);
        assert_eq!(file.to_bytes(), [1; 8]);
        storage.allocate(0, 64).unwrap();
        let region = storage.region(0, 64).unwrap();
        plan.arm(fault(CallKind::Store, 1, Failure::Short, false));
        let ones = [u64::MAX; 4];
        assert!(region.commit(32, &ones).is_err());
        assert_eq!(file.to_bytes()[32..], [[0; 8], [255; 8], [0; 8], [0; 8]].concat());
        region.commit(32, &ones).unwrap();
        assert_eq!(file.to_bytes()[32..], [255; 32]);
    }

    #[test]
    fn every_kind_can_be_made_to_fail() {
        for kind in CallKind::ALL {
            let (_, plan, storage) = faulty();
            storage.allocate(0, 64).unwrap();
            let region = storage.region(0, 64).unwrap();
            plan.arm(fault(kind, 1, Failure::Io, true));
            let outcomes = [
                storage.read_at(0, &mut [0]).map(|_| ()),
                storage.write_at(0, b"x"),
                storage.allocate(0, 64),
                storage.punch(0, 64),
                storage.sync(),
                storage.region(0, 64).map(|_| ()),
                storage.is_locked_elsewhere(LockRange::byte(0)).map(|_| ()),
                region.store(0, &[1]),
                with_faulty_files(&plan, || pass(CallKind::Open)),
                with_faulty_files(&plan, || pass(CallKind::Name)),
                with_faulty_files(&plan, || pass(CallKind::Remove)),
                with_faulty_files(&plan, || pass(CallKind::SyncFolder)),
            ];
            assert!(pass(kind).is_ok(), "without a plan no call fails");
            let failed: Vec<usize> = (0..12).filter(|&i| outcomes[i].is_err()).collect();
            assert_eq!(failed, [kind as usize]);
        }
    }
}
