//! An open file that survives code which closes foreign descriptors.
//!
//! `closerange`, a daemonizing library or a double close elsewhere may close our descriptor. This
//! type defends against it in three ways. A page mapped from the file keeps the open file
//! description, and so its locks, until the process ends. The owner can check that the number still
//! refers to the file before each use. The number is closed only if it does.

use std::io;
use std::os::fd::{AsFd, AsRawFd, BorrowedFd, IntoRawFd, OwnedFd, RawFd};

use rustix::fs::{OFlags, Stat};

use super::fork::{self, Birthplace, ForkPause, Registration};
use super::lock;
use super::system::{self, Anchor};

/// The lowest number above the standard streams, which programs close and reopen freely.
const LOWEST_NUMBER: RawFd = 3;

/// A file descriptor that is anchored, and registered to be closed in forked children.
#[derive(Debug)]
pub(crate) struct Descriptor {
    number: RawFd,
    device: u64,
    inode: u64,
    registration: Registration,
    birthplace: Birthplace,
    /// Held for its `Drop`.
    _anchor: Option<Anchor>,
}

impl Descriptor {
    /// Opens `path` with these flags and close-on-exec, and anchors the description.
    pub(crate) fn open(path: &std::path::Path, flags: OFlags) -> io::Result<Self> {
        let _pause = ForkPause::begin()?;
        let flags = flags | OFlags::CLOEXEC | OFlags::NOCTTY | OFlags::NONBLOCK;
        let file =
            rustix::io::retry_on_intr(|| rustix::fs::open(path, flags, rustix::fs::Mode::empty()))?;
        let file = raise(file)?;
        let facts = rustix::fs::fstat(&file)?;
        // If a file cannot be mapped at all, its locks are not trusted anyway.
        let anchor = Anchor::map(file.as_fd()).ok();
        let (device, inode) = (system::device_number(facts.st_dev), facts.st_ino);
        let registration = fork::register(file.as_raw_fd(), device, inode)?;
        Ok(Descriptor {
            number: file.into_raw_fd(),
            device,
            inode,
            registration,
            birthplace: Birthplace::here(),
            _anchor: anchor,
        })
    }

    /// Returns the descriptor. [`Descriptor::facts`] checks that it still refers to the file.
    #[inline]
    pub(crate) fn borrow(&self) -> BorrowedFd<'_> {
        // SAFETY: we opened the number. If other code has closed it, calls with it fail or, between
        // a check and a use, reach another file. Memory is never at risk.
        unsafe { BorrowedFd::borrow_raw(self.number) }
    }

    /// Returns the file's metadata, or an error if the number no longer refers to the file.
    pub(crate) fn facts(&self) -> io::Result<Stat> {
        // The same file may have been reopened under the same number, by a child or after other
        // code closed it. The locks behind the number then belong to the new owner.
        if !self.birthplace.same_fork() || !self.registration.is_current() {
            return Err(self.lost());
        }
        match rustix::fs::fstat(self.borrow()) {
            Ok(facts) if self.is_of(&facts) => Ok(facts),
            Ok(_) | Err(rustix::io::Errno::BADF) => Err(self.lost()),
            Err(error) => Err(error.into()),
        }
    }

    fn is_of(&self, facts: &Stat) -> bool {
        (system::device_number(facts.st_dev), facts.st_ino) == (self.device, self.inode)
    }

    /// Releases all locks, unless this is a child, where they belong to the parent.
    pub(crate) fn unlock_all(&self) {
        if self.birthplace.is_here() && self.facts().is_ok() {
            let _ = lock::unlock_all(self.borrow());
        }
    }

    /// Closes the number, like a careless library.
    #[cfg(test)]
    pub(crate) fn close_from_outside(&self) {
        // SAFETY: this type expects it and checks before every use.
        unsafe { libc::close(self.number) };
    }

    /// Makes the number refer to another file, like a careless library.
    #[cfg(test)]
    pub(crate) fn replace_from_outside(&self, other: BorrowedFd<'_>) -> RawFd {
        system::replace_descriptor(other, self.number)
    }

    #[cold]
    fn lost(&self) -> io::Error {
        io::Error::other(if self.birthplace.same_fork() {
            "the file's descriptor was closed by other code in this process; open the file again"
        } else {
            "the process has forked since the file was opened; open it again"
        })
    }
}

impl Drop for Descriptor {
    fn drop(&mut self) {
        // In a child, the fork handler has already closed the descriptor.
        if !self.birthplace.same_fork() {
            return;
        }
        self.unlock_all();
        // Check before the registration ends: afterwards no number counts as ours.
        let is_ours = self.facts().is_ok();
        self.registration.end();
        if is_ours {
            // SAFETY: the number leads to our file, and nothing uses it after this.
            unsafe { libc::close(self.number) };
        }
    }
}

/// Moves a descriptor away from the numbers of the standard streams.
fn raise(file: OwnedFd) -> io::Result<OwnedFd> {
    if file.as_raw_fd() >= LOWEST_NUMBER {
        return Ok(file);
    }
    Ok(rustix::io::fcntl_dupfd_cloexec(&file, LOWEST_NUMBER)?)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::sys::fork::testing;
    use std::io::{Read, Seek};
    use std::os::fd::FromRawFd;

    #[test]
    fn a_reused_number_is_detected_and_not_closed() {
        let file = tempfile::NamedTempFile::new().unwrap();
        let descriptor = Descriptor::open(file.path(), OFlags::RDWR).unwrap();
        assert!(descriptor.borrow().as_raw_fd() >= LOWEST_NUMBER);
        descriptor.facts().unwrap();
        let other = tempfile::tempfile().unwrap();
        let number = descriptor.replace_from_outside(other.as_fd());
        assert!(descriptor.facts().unwrap_err().to_string().contains("was closed"));
        drop(descriptor);
        // SAFETY: the number comes from dup3 and has no other owner.
        let mut kept = unsafe { std::fs::File::from_raw_fd(number) };
        kept.rewind().unwrap();
        assert_eq!(kept.read(&mut [0; 8]).unwrap(), 0);
    }

    #[test]
    fn a_dropped_descriptor_is_closed() {
        let file = tempfile::NamedTempFile::new().unwrap();
        // The child is the only thread of its process, so it gets the lowest free number each time.
        let child = testing::start(|| {
            let open = || Descriptor::open(file.path(), OFlags::RDWR).unwrap().number;
            open() == open()
        });
        assert!(testing::wait(child));
    }

    #[test]
    fn a_number_reused_for_the_same_file_belongs_to_the_new_owner() {
        let file = tempfile::NamedTempFile::new().unwrap();
        // The child is the only thread of its process, so it gets the lowest free number each time.
        let child = testing::start(|| {
            let first = Descriptor::open(file.path(), OFlags::RDWR).unwrap();
            first.close_from_outside();
            let second = Descriptor::open(file.path(), OFlags::RDWR).unwrap();
            let same_number = first.number == second.number;
            let first_is_lost = first.facts().is_err();
            drop(first);
            same_number && first_is_lost && second.facts().is_ok()
        });
        assert!(testing::wait(child));
    }

    #[test]
    fn low_numbers_are_left_to_the_standard_streams() {
        let file = tempfile::NamedTempFile::new().unwrap();
        let child = testing::start(|| {
            // SAFETY: the child has one thread and reads no standard input.
            unsafe { libc::close(0) };
            let descriptor = Descriptor::open(file.path(), OFlags::RDWR).unwrap();
            // SAFETY: as above.
            let free_again = unsafe { libc::close(0) } == -1;
            descriptor.borrow().as_raw_fd() >= LOWEST_NUMBER && free_again
        });
        assert!(testing::wait(child));
    }
}
