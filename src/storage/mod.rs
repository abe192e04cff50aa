//! The bytes of one file, behind a trait, so that a test can be the disk.
//!
//! Nothing here knows frames or records. What the engine assumes of the medium:
//!
//! - A write or store that returned is seen by every process of this machine at once.
//! - After a power cut each 512-byte sector holds one of the versions that it had since the last
//!   sync which began after the version was written; sectors are independent of each other.
//! - An aligned 8-byte store or write is never torn.
//! - Bytes never written since their range was allocated or punched read as zero.

mod create;
#[cfg_attr(not(any(test, feature = "internals")), path = "no_fault.rs")]
mod fault;
mod file;
mod holders;
#[cfg(target_os = "linux")]
mod mapped;
#[cfg_attr(target_os = "macos", path = "medium_macos.rs")]
mod medium;
#[cfg(any(test, feature = "internals"))]
mod memory;
mod open_error;
mod open_files;
mod region;
#[cfg(feature = "internals")]
pub mod simulated;

use std::fmt;
use std::io;

pub(crate) use create::{
    absolute, give_name, is_temporary_name, open_file, remove, replace, sync_name, temporary_name,
};
#[cfg(feature = "internals")]
pub use fault::{CallKind, Failure, Fault, FaultPlan, FaultStorage, with_faulty_files};
pub use file::{Access, FileStorage, WritePath};
#[cfg(any(test, feature = "internals"))]
pub use memory::MemoryFile;
#[cfg(feature = "internals")]
pub use memory::MemoryStorage;
pub(crate) use open_error::open_error;
pub(crate) use open_files::{is_open_here, shared};

/// What a lock is asked for: shared by many, or held by one.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum LockMode {
    /// Compatible with other shared locks.
    Shared,
    /// Compatible with no other lock.
    Exclusive,
}

/// A range of lock bytes, counted from 0 in a space of their own (in the file they lie at 2^62).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct LockRange {
    /// The first byte.
    pub start: u64,
    /// How many bytes.
    pub length: u64,
}

impl LockRange {
    /// The range of one byte.
    #[must_use]
    pub const fn byte(start: u64) -> Self {
        LockRange { start, length: 1 }
    }
}

/// Where the opened file is, and whether its name still leads to it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct FilePlace {
    /// The device that holds the file.
    pub device: u64,
    /// The file's number on that device.
    pub inode: u64,
    /// How many names the file has.
    pub links: u64,
    /// Whether the path that was opened leads to this very file now.
    pub name_leads_here: bool,
}

/// What the file system that holds a file can be trusted with.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct MediumTraits {
    /// Stores through a mapping are coherent and cannot raise SIGBUS on allocated space.
    pub mappable: bool,
    /// Locks are seen by every process that can open the file, and end with their holder.
    pub locks_trusted: bool,
}

/// One open file: positioned reads and writes, space, durability, locks, and facts of the host.
///
/// An implementation is used by many threads at once. Locks belong to the storage object (to its
/// open file description), not to the thread: two threads that share it do not exclude each other.
/// Every error is returned; none is retried, but for interruption by a signal.
#[allow(clippy::len_without_is_empty, reason = "a file of this format is never empty")]
pub trait Storage: Send + Sync + fmt::Debug {
    /// The length of the file in bytes.
    fn len(&self) -> io::Result<u64>;

    /// Reads from `offset` until `buffer` is full or the file ends; gives the bytes read.
    fn read_at(&self, offset: u64, buffer: &mut [u8]) -> io::Result<usize>;

    /// Writes all of `bytes` at `offset`, growing the file when it ends earlier.
    ///
    /// Eight aligned bytes become visible at once. On an error any part may have been written.
    fn write_at(&self, offset: u64, bytes: &[u8]) -> io::Result<()>;

    /// Makes sure that the range has space on the medium and lies within the file's length.
    ///
    /// Bytes that were not written before read as zero; a full medium is an error here.
    fn allocate(&self, offset: u64, length: u64) -> io::Result<()>;

    /// Gives the space of the range back; its bytes read as zero, the length stays.
    ///
    /// [`io::ErrorKind::Unsupported`] where the medium has no holes.
    fn punch(&self, offset: u64, length: u64) -> io::Result<()>;

    /// Makes everything durable that any process wrote or stored before the call.
    fn sync(&self) -> io::Result<()>;

    /// Gives a window for storing words in the range, which must be allocated.
    ///
    /// `offset` and `length` are multiples of the unit size.
    fn region(&self, offset: u64, length: u64) -> io::Result<Box<dyn Region>>;

    /// Tries to take the lock; false when somebody else holds a conflicting one.
    ///
    /// Locking a range again that this object holds changes its mode.
    fn try_lock(&self, range: LockRange, mode: LockMode) -> io::Result<bool>;

    /// Gives the lock back.
    fn unlock(&self, range: LockRange) -> io::Result<()>;

    /// Whether any *other* storage object holds a lock on a byte of the range.
    fn is_locked_elsewhere(&self, range: LockRange) -> io::Result<bool>;

    /// Names, for a message, the processes that hold a lock in the range, as far as can be told.
    fn lock_holders(&self, range: LockRange) -> Vec<String>;

    /// Where the file is, asked anew.
    fn place(&self) -> io::Result<FilePlace>;

    /// What the file system can be trusted with; found once, when the file was opened.
    fn medium(&self) -> MediumTraits;

    /// How many bytes of space the file takes on the medium.
    fn allocated_bytes(&self) -> io::Result<u64>;

    /// Identifies this boot of this kernel; 0 when the host does not tell.
    fn boot_id(&self) -> u128;

    /// 128 fresh random bits.
    fn random(&self) -> io::Result<u128>;
}

/// A window into a file for the one writer of that range: words go in, nothing is read back.
///
/// Offsets are in bytes from the window's start, multiples of 8. One thread stores at a time.
pub trait Region: Send + Sync + fmt::Debug {
    /// Stores `words` in any order at `offset`. They are visible to readers, not yet committed.
    fn store(&self, offset: usize, words: &[u64]) -> io::Result<()>;

    /// Stores `words[1..]`, then `words[0]`, so that no reader that sees the first word misses
    /// the rest or what [`Region::store`] put down before.
    fn commit(&self, offset: usize, words: &[u64]) -> io::Result<()>;

    /// Stores a row: its values, which follow its header in the file, and the header after them,
    /// so that no reader that sees the header misses a value.
    fn store_row(&self, offset: usize, header: &[u64], values: &[u64]) -> io::Result<()> {
        self.store(offset + size_of_val(header), values)?;
        self.commit(offset, header)
    }

    /// Makes the pages of the range resident and writable ahead of time; a hint that may fail.
    fn populate(&self, offset: usize, length: usize);
}
