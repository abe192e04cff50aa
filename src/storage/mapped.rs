//! A region of a file whose stores go to mapped memory.

use std::io;
use std::os::fd::BorrowedFd;

use crate::storage::Region;
use crate::sys::map::Window;

/// A mapped window.
#[derive(Debug)]
pub(super) struct MappedRegion {
    window: Window,
}

impl MappedRegion {
    pub(super) fn map(file: BorrowedFd<'_>, offset: u64, length: usize) -> io::Result<Self> {
        Ok(MappedRegion { window: Window::map(file, offset, length)? })
    }
}

impl Region for MappedRegion {
    #[inline]
    fn store(&self, offset: usize, words: &[u64]) -> io::Result<()> {
        self.window.store(offset, words)
    }

    #[inline]
    fn commit(&self, offset: usize, words: &[u64]) -> io::Result<()> {
        self.window.commit(offset, words)
    }

    fn populate(&self, offset: usize, length: usize) {
        self.window.populate(offset, length);
    }
}
