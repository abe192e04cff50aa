//! Protection of the parent's files from forked children, and detection of a fork.
//!
//! A child that keeps a copy of a descriptor would keep the parent's locks alive after the parent
//! dies. So each descriptor is registered here, and a fork handler closes the copies in the child.
//! Other threads of the parent may hold any lock at the fork. So the handler only calls `fstat` and
//! `close` and stores atomics.

use std::io;
use std::sync::atomic::{AtomicBool, AtomicI32, AtomicU32, AtomicU64, Ordering};
use std::thread;
use std::time::Duration;

use super::system;

/// The maximum number of registered descriptors in a process.
const REGISTERED_MAX: usize = 1024;
/// Marks a free entry of the table.
const FREE: i32 = -1;
/// Marks an entry that is being filled.
const CLAIMED: i32 = -2;
/// Marks an entry whose number was reused after other code closed the descriptor.
const STALE: i32 = -3;
/// How often either side waits for [`WAIT`] before it continues regardless.
const WAITS_MAX: u32 = 1000;
const WAIT: Duration = Duration::from_micros(100);

/// A descriptor that a child closes, with its file, because numbers are reused.
struct Registered {
    number: AtomicI32,
    device: AtomicU64,
    inode: AtomicU64,
}

static TABLE: [Registered; REGISTERED_MAX] = [const {
    Registered { number: AtomicI32::new(FREE), device: AtomicU64::new(0), inode: AtomicU64::new(0) }
}; REGISTERED_MAX];

static FORK_COUNT: AtomicU64 = AtomicU64::new(0);
static HANDLERS_INSTALLED: AtomicBool = AtomicBool::new(false);
/// The number of threads that are about to fork.
static FORKING: AtomicU32 = AtomicU32::new(0);
/// The number of threads that have a new descriptor or mapping not yet made safe for a fork.
static HOLDING_OFF: AtomicU32 = AtomicU32::new(0);

/// Returns the number of forks between the first ancestor that used this library and this process.
///
/// An engine remembers the number. If it has changed, the engine belongs to the parent. Costs a
/// relaxed load.
#[inline]
pub(crate) fn fork_count() -> u64 {
    FORK_COUNT.load(Ordering::Relaxed)
}

/// The process that created a resource. Another process must not release it.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Birthplace {
    forks: u64,
    process: u32,
}

impl Birthplace {
    /// Returns this process.
    pub(crate) fn here() -> Self {
        Birthplace { forks: fork_count(), process: std::process::id() }
    }

    /// Returns whether no fork was seen since. Costs as little as [`fork_count`].
    #[inline]
    pub(crate) fn same_fork(self) -> bool {
        self.forks == fork_count()
    }

    /// Returns whether this is the process. Also detects forks that run no handlers.
    pub(crate) fn is_here(self) -> bool {
        self.same_fork() && self.process == std::process::id()
    }
}

/// A guard that delays forks of other threads, for a bounded time.
///
/// Without it, a fork between `open` and [`register`], or between `mmap` and `madvise`, would leave
/// an unclosed copy in the child.
pub(crate) struct ForkPause(());

impl ForkPause {
    /// Waits for a running fork to end, then holds off new ones.
    pub(crate) fn begin() -> io::Result<Self> {
        install_handlers()?;
        for _ in 0..WAITS_MAX {
            HOLDING_OFF.fetch_add(1, Ordering::SeqCst);
            if FORKING.load(Ordering::SeqCst) == 0 {
                return Ok(ForkPause(()));
            }
            HOLDING_OFF.fetch_sub(1, Ordering::SeqCst);
            thread::sleep(WAIT);
        }
        HOLDING_OFF.fetch_add(1, Ordering::SeqCst);
        Ok(ForkPause(()))
    }
}

impl Drop for ForkPause {
    fn drop(&mut self) {
        HOLDING_OFF.fetch_sub(1, Ordering::SeqCst);
    }
}

/// An entry in the table of descriptors that a child closes.
#[derive(Debug)]
pub(crate) struct Registration {
    index: usize,
}

/// Registers a descriptor of this device and inode, to be closed in children.
pub(crate) fn register(number: i32, device: u64, inode: u64) -> io::Result<Registration> {
    for place in &TABLE {
        // An open number is unique, so an older entry with it was closed behind its owner's back.
        let _ = place.number.compare_exchange(number, STALE, Ordering::AcqRel, Ordering::Relaxed);
    }
    for (index, place) in TABLE.iter().enumerate() {
        let claim =
            place.number.compare_exchange(FREE, CLAIMED, Ordering::AcqRel, Ordering::Relaxed);
        if claim.is_ok() {
            place.device.store(device, Ordering::Relaxed);
            place.inode.store(inode, Ordering::Relaxed);
            place.number.store(number, Ordering::Release);
            return Ok(Registration { index });
        }
    }
    Err(io::Error::other(format!("more than {REGISTERED_MAX} files are open in this process")))
}

impl Registration {
    /// Returns whether nothing has registered the same number since.
    #[inline]
    pub(crate) fn is_current(&self) -> bool {
        TABLE[self.index].number.load(Ordering::Acquire) >= 0
    }

    /// Removes the descriptor from the table. Call it just before closing the descriptor.
    ///
    /// After the close, the number may already be another thread's file, and a child would close
    /// that. A fork in between leaves the child a copy, which is harmless without locks.
    pub(crate) fn end(&self) {
        TABLE[self.index].number.store(FREE, Ordering::Release);
    }
}

/// Installs the fork handlers. If two threads do this at once, a fork only counts twice.
fn install_handlers() -> io::Result<()> {
    if HANDLERS_INSTALLED.load(Ordering::Acquire) {
        return Ok(());
    }
    // SAFETY: the three handlers are functions of the right type that live as long as the program.
    let code = unsafe { libc::pthread_atfork(Some(before_fork), Some(in_parent), Some(in_child)) };
    if code != 0 {
        return Err(io::Error::from_raw_os_error(code));
    }
    HANDLERS_INSTALLED.store(true, Ordering::Release);
    Ok(())
}

extern "C" fn before_fork() {
    FORKING.fetch_add(1, Ordering::SeqCst);
    for _ in 0..WAITS_MAX {
        if HOLDING_OFF.load(Ordering::SeqCst) == 0 {
            break;
        }
        thread::sleep(WAIT);
    }
}

extern "C" fn in_parent() {
    FORKING.fetch_sub(1, Ordering::SeqCst);
}

extern "C" fn in_child() {
    FORK_COUNT.fetch_add(1, Ordering::SeqCst);
    // The threads counted here do not exist in the child.
    FORKING.store(0, Ordering::SeqCst);
    HOLDING_OFF.store(0, Ordering::SeqCst);
    for place in &TABLE {
        let number = place.number.swap(FREE, Ordering::AcqRel);
        let device = place.device.load(Ordering::Relaxed);
        let inode = place.inode.load(Ordering::Relaxed);
        if number >= 0 && identity_of(number) == Some((device, inode)) {
            // SAFETY: the owner registered the number and it still refers to the registered file.
            // The owner's copy in this child never closes it (see `Birthplace`).
            unsafe { libc::close(number) };
        }
    }
}

/// Returns the device and inode of a descriptor. Only calls `fstat`, so handlers may use it.
fn identity_of(number: i32) -> Option<(u64, u64)> {
    let mut facts = std::mem::MaybeUninit::<libc::stat>::uninit();
    // SAFETY: fstat reports a number that is not open as an error, and writes at most one `stat`.
    let code = unsafe { libc::fstat(number, facts.as_mut_ptr()) };
    if code != 0 {
        return None;
    }
    // SAFETY: fstat succeeded, so it filled all of `facts`.
    let facts = unsafe { facts.assume_init() };
    Some((system::device_number(facts.st_dev), facts.st_ino))
}

/// Helpers for tests of forked children. A child runs only its closure and ends.
#[cfg(any(test, feature = "internals"))]
pub mod testing {
    /// Runs `child` in a forked process and returns its number. A panic counts as false.
    #[must_use]
    pub fn start(child: impl FnOnce() -> bool) -> i32 {
        // SAFETY: the child calls only its closure and then ends without running destructors.
        match unsafe { libc::fork() } {
            0 => {
                let outcome = std::panic::catch_unwind(std::panic::AssertUnwindSafe(child));
                let code = i32::from(!outcome.unwrap_or(false));
                // SAFETY: ends the child at once.
                unsafe { libc::_exit(code) }
            }
            number => {
                assert!(number > 0, "the system made no child");
                number
            }
        }
    }

    /// Waits for a child. Returns whether it exited with true.
    #[must_use]
    pub fn wait(number: i32) -> bool {
        let mut status = -1;
        // SAFETY: `status` is valid for one integer.
        let ended = unsafe { libc::waitpid(number, &mut status, 0) };
        assert_eq!(ended, number);
        status == 0
    }

    /// Closes every descriptor from this number on, like a careless library or a daemon.
    #[cfg(feature = "internals")]
    pub fn close_descriptors_from(lowest: u32) {
        super::system::close_descriptors_from(lowest);
    }

    /// Ends this process like `kill -9`.
    pub fn kill_self() -> ! {
        // SAFETY: a signal to this process, which nothing can block.
        unsafe { libc::kill(libc::getpid(), libc::SIGKILL) };
        loop {
            std::thread::yield_now();
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_child_sees_one_more_fork_and_another_birthplace() {
        let _pause = ForkPause::begin().unwrap();
        drop(_pause);
        let (count, birthplace) = (fork_count(), Birthplace::here());
        assert!(birthplace.is_here());
        let child = testing::start(|| {
            fork_count() > count && !birthplace.same_fork() && Birthplace::here().is_here()
        });
        assert!(testing::wait(child));
        assert_eq!(fork_count(), count);
    }

    #[test]
    fn a_pause_delays_a_fork() {
        let pause = ForkPause::begin().unwrap();
        let (sender, receiver) = std::sync::mpsc::channel();
        let forker = std::thread::spawn(move || {
            let child = testing::start(|| true);
            sender.send(()).unwrap();
            testing::wait(child)
        });
        // Shorter than the bound after which a fork continues regardless.
        let early = receiver.recv_timeout(WAIT * WAITS_MAX / 4);
        assert!(early.is_err(), "the fork did not wait");
        drop(pause);
        assert!(forker.join().unwrap());
    }
}
