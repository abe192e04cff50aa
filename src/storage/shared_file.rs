//! An open file that a storage and its regions share.

use std::io;
use std::thread;
use std::time::{Duration, Instant};

use rustix::fs::Stat;
use rustix::io::Errno;

use crate::storage::MediumTraits;
use crate::sys::descriptor::Descriptor;
use crate::sys::lock;
use crate::sys::mutex::Mutex;

/// The lock byte of a process that extends the file, beyond the bytes that the engine uses.
pub(super) const GROWTH_LOCK: u64 = 1 << 32;

/// How long to wait between attempts. The lock is held for two system calls.
const GROWTH_POLL: Duration = Duration::from_micros(100);

const GROWTH_WAIT: Duration = Duration::from_secs(5);

/// The purpose for which a file is opened.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Access {
    /// Reading only. The medium may be read-only, and only shared locks are available.
    ReadOnly,
    /// Reading and writing.
    ReadWrite,
}

/// The descriptor with the properties found when it was opened. Regions share it.
#[derive(Debug)]
pub(super) struct OpenFile {
    pub(super) descriptor: Descriptor,
    pub(super) access: Access,
    pub(super) medium: MediumTraits,
    /// Excludes other threads, which share the description and so its locks.
    pub(super) growing: Mutex<()>,
}

impl OpenFile {
    /// Returns the file's metadata before a change, after checking that the number is still ours.
    pub(super) fn facts_for_writing(&self) -> io::Result<Stat> {
        if self.access == Access::ReadOnly {
            let reason = "the file was opened read-only";
            return Err(io::Error::new(io::ErrorKind::PermissionDenied, reason));
        }
        self.descriptor.facts()
    }

    pub(super) fn check_for_writing(&self) -> io::Result<()> {
        self.facts_for_writing().map(|_| ())
    }

    /// Writes all of `bytes`. The caller must have called [`OpenFile::check_for_writing`].
    pub(super) fn write_checked(&self, mut offset: u64, mut bytes: &[u8]) -> io::Result<()> {
        while !bytes.is_empty() {
            match rustix::io::pwrite(self.descriptor.borrow(), bytes, offset) {
                Ok(0) => return Err(io::ErrorKind::WriteZero.into()),
                Ok(written) => {
                    bytes = &bytes[written..];
                    offset += written as u64;
                }
                Err(Errno::INTR) => {}
                Err(error) => return Err(error.into()),
            }
        }
        Ok(())
    }

    /// Extends the file to `end`, where the medium cannot allocate ahead of time.
    ///
    /// This writes the last byte, because setting the length could truncate the file. The lock
    /// keeps out other processes that prepare the same range. Without it, a late one could write
    /// its zero over data that the owner of the range has stored since.
    pub(super) fn extend(&self, end: u64) -> io::Result<()> {
        self.check_for_writing()?;
        let _one_thread = self.growing.lock();
        let file = self.descriptor.borrow();
        let began = Instant::now();
        while !lock::try_lock(file, GROWTH_LOCK, 1, true)? {
            if began.elapsed() > GROWTH_WAIT {
                let reason = "another process has locked the file's length for too long";
                return Err(io::Error::new(io::ErrorKind::WouldBlock, reason));
            }
            thread::sleep(GROWTH_POLL);
        }
        let outcome = self.extend_alone(end);
        outcome.and(lock::unlock(file, GROWTH_LOCK, 1))
    }

    pub(super) fn extend_alone(&self, end: u64) -> io::Result<()> {
        if length_of(&self.facts_for_writing()?) < end {
            self.write_checked(end - 1, &[0])?;
        }
        Ok(())
    }
}

pub(super) fn length_of(facts: &Stat) -> u64 {
    u64::try_from(facts.st_size).unwrap_or(0)
}
