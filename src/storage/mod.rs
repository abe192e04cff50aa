//! The bytes of one file, behind a trait so that tests can replace the disk.
//!
//! This module knows no frames or records. The engine assumes of the medium:
//!
//! - Every process on this machine sees a write or store as soon as it has returned.
//! - After a power cut, each 512-byte sector has one of the versions that it had since the last
//!   covering sync. That is a sync which began after the version was written. Sectors are
//!   independent of each other.
//! - An aligned 8-byte store or write is never torn.
//! - Bytes read as zero if they were not written since their range was allocated or punched.

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
mod shared_file;
#[cfg(feature = "internals")]
pub mod simulated;

use std::fmt;
use std::io;

pub(crate) use create::{
    absolute, give_name, is_temporary_name, open_file, remove, replace, sync_name, temporary_name,
};
#[cfg(feature = "internals")]
pub use fault::{CallKind, Failure, Fault, FaultPlan, FaultStorage, with_faulty_files};
pub use file::{FileStorage, WritePath};
#[cfg(any(test, feature = "internals"))]
pub use memory::MemoryFile;
#[cfg(feature = "internals")]
pub use memory::MemoryStorage;
pub(crate) use open_error::open_error;
pub(crate) use open_files::{is_open_here, shared};
pub use shared_file::Access;

/// The mode of a lock.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum LockMode {
    /// Compatible with other shared locks.
    Shared,
    /// Compatible with no other lock.
    Exclusive,
}

/// A range of lock bytes, counted from 0 in a space of their own (in the file, it is at 2^62).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct LockRange {
    /// The first byte.
    pub start: u64,
    /// The number of bytes.
    pub length: u64,
}

impl LockRange {
    /// Creates the range of one byte.
    #[must_use]
    pub const fn byte(start: u64) -> Self {
        LockRange { start, length: 1 }
    }
}

/// The identity of an open file, and whether its name still leads to it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct FilePlace {
    /// The device that holds the file.
    pub device: u64,
    /// The file's number on that device.
    pub inode: u64,
    /// The number of names of the file.
    pub links: u64,
    /// Whether the path that was opened still leads to this file.
    pub name_leads_here: bool,
}

/// The guarantees of the file system that holds a file.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct MediumTraits {
    /// Stores through a mapping are coherent and cannot raise SIGBUS on allocated space.
    pub mappable: bool,
    /// Locks are seen by every process that can open the file, and end with their holder.
    pub locks_trusted: bool,
}

/// An open file: reads and writes, space, durability, locks, and facts about the host.
///
/// Many threads may use an implementation at once. Locks belong to the storage object, that is, to
/// its open file description. So two threads that share the object do not exclude each other. Calls
/// interrupted by a signal are retried. All other errors are returned.
#[allow(clippy::len_without_is_empty, reason = "a file of this format is never empty")]
pub trait Storage: Send + Sync + fmt::Debug {
    /// Returns the length of the file in bytes.
    fn len(&self) -> io::Result<u64>;

    /// Reads from `offset` until `buffer` is full or the file ends. Returns the bytes read.
    fn read_at(&self, offset: u64, buffer: &mut [u8]) -> io::Result<usize>;

    /// Writes all of `bytes` at `offset`, and extends the file if needed.
    ///
    /// Eight aligned bytes become visible at once. After an error, any part may have been written.
    fn write_at(&self, offset: u64, bytes: &[u8]) -> io::Result<()>;

    /// Allocates space for the range, and extends the file to its end.
    ///
    /// New bytes read as zero. A full medium is an error here.
    fn allocate(&self, offset: u64, length: u64) -> io::Result<()>;

    /// Deallocates the space of the range. Its bytes read as zero, and the length stays the same.
    ///
    /// # Errors
    ///
    /// - [`io::ErrorKind::Unsupported`] if the medium has no holes.
    fn punch(&self, offset: u64, length: u64) -> io::Result<()>;

    /// Makes everything durable that any process wrote or stored before the call.
    fn sync(&self) -> io::Result<()>;

    /// Returns a window for storing words in the range, which must be allocated.
    ///
    /// `offset` and `length` must be multiples of the unit size.
    fn region(&self, offset: u64, length: u64) -> io::Result<Box<dyn Region>>;

    /// Tries to take the lock. Returns false if another object holds a conflicting one.
    ///
    /// Locking a range that this object already holds changes its mode.
    fn try_lock(&self, range: LockRange, mode: LockMode) -> io::Result<bool>;

    /// Releases the lock.
    fn unlock(&self, range: LockRange) -> io::Result<()>;

    /// Returns whether any *other* storage object holds a lock on a byte of the range.
    fn is_locked_elsewhere(&self, range: LockRange) -> io::Result<bool>;

    /// Returns descriptions of the known processes with a lock in the range.
    fn lock_holders(&self, range: LockRange) -> Vec<String>;

    /// Looks up the file's identity and name.
    fn place(&self) -> io::Result<FilePlace>;

    /// Returns the guarantees of the file system, determined when the file was opened.
    fn medium(&self) -> MediumTraits;

    /// Returns the space that the file takes on the medium in bytes.
    fn allocated_bytes(&self) -> io::Result<u64>;

    /// Takes all access from users other than the owner.
    ///
    /// A storage without owners does nothing.
    fn restrict_to_owner(&self) -> io::Result<()> {
        Ok(())
    }

    /// Returns an id of the current boot, or 0 if it is unknown.
    fn boot_id(&self) -> u128;

    /// Returns 128 random bits.
    fn random(&self) -> io::Result<u128>;
}

/// A window into a file for the only writer of that range. It is write-only.
///
/// Offsets are in bytes from the start of the window, and are multiples of 8. One thread stores at
/// a time.
pub trait Region: Send + Sync + fmt::Debug {
    /// Stores `words` at `offset` in any order. Readers see them, but they are not committed.
    fn store(&self, offset: usize, words: &[u64]) -> io::Result<()>;

    /// Stores `words[1..]`, then `words[0]`.
    ///
    /// A reader that sees the first word also sees the rest, and all earlier [`Region::store`]
    /// calls.
    fn commit(&self, offset: usize, words: &[u64]) -> io::Result<()>;

    /// Stores the values of a row, then the header before them.
    ///
    /// A reader that sees the header also sees all values.
    fn store_row(&self, offset: usize, header: &[u64], values: &[u64]) -> io::Result<()> {
        self.store(offset + size_of_val(header), values)?;
        self.commit(offset, header)
    }

    /// Makes the pages of the range resident and writable ahead of time. This is a hint.
    fn populate(&self, offset: usize, length: usize);
}
