//! The storage of a real file in a file system.

use std::fmt;
use std::fs;
use std::io;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use rustix::fs::{FileType, Mode, OFlags, Stat};
use rustix::io::{Errno, retry_on_intr};

#[cfg(target_os = "linux")]
use crate::storage::mapped::MappedRegion;
use crate::storage::medium::medium_of;
use crate::storage::region::PositionedRegion;
use crate::storage::shared_file::{Access, OpenFile, length_of};
use crate::storage::{FilePlace, LockMode, LockRange, MediumTraits, Region, Storage, holders};
use crate::sys::descriptor::Descriptor;
use crate::sys::mutex::Mutex;
use crate::sys::{lock, system};

/// The unit in which the system counts a file's space, regardless of the block size.
const SPACE_BLOCK_BYTES: u64 = 512;

/// How a writer stores metric points in the file. The bytes are the same either way.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum WritePath {
    /// Mapped where it is safe (ext4, XFS, tmpfs), else positioned.
    #[default]
    Automatic,
    /// Stores into mapped memory without system calls, wherever the file system allows a mapping.
    ///
    /// On btrfs, ZFS, and XFS after a reflink copy of the file, allocated space can still run out.
    /// A full disk then ends the process by a signal. On systems other than Linux, opening a file
    /// with it fails with [`io::ErrorKind::Unsupported`].
    Mapped,
    /// Positioned writes with a system call for each point. Every failure is returned as an error.
    Positioned,
}

/// An open file.
///
/// Locks belong to its own open file description. Two of these objects exclude each other even in
/// one process, and dropping one releases its locks. In a forked child, all calls fail.
pub struct FileStorage {
    file: Arc<OpenFile>,
    path: PathBuf,
    mapped: bool,
    boot_id: u128,
}

impl FileStorage {
    /// Opens an existing file.
    ///
    /// # Errors
    ///
    /// - [`io::ErrorKind::NotFound`] if there is no such file.
    /// - [`io::ErrorKind::PermissionDenied`] or [`io::ErrorKind::ReadOnlyFilesystem`] if the access
    ///   is denied.
    /// - [`io::ErrorKind::IsADirectory`] if the path is a directory.
    /// - [`io::ErrorKind::InvalidInput`] if the path is not a regular file.
    /// - [`io::ErrorKind::Unsupported`] for [`WritePath::Mapped`] on systems other than Linux.
    ///
    /// # Performance
    ///
    /// Takes tens of microseconds.
    pub fn open(path: &Path, access: Access, write_path: WritePath) -> io::Result<Self> {
        // Later changes of the working directory must not change the meaning of the path.
        let path = std::path::absolute(path)?;
        let flags = match access {
            Access::ReadOnly => OFlags::RDONLY,
            Access::ReadWrite => OFlags::RDWR,
        };
        let descriptor = Descriptor::open(&path, flags)?;
        let facts = descriptor.facts()?;
        require_regular(&facts)?;
        let medium = medium_of(descriptor.borrow())?;
        let mapped = match write_path {
            WritePath::Automatic if access == Access::ReadWrite => {
                medium.mappable && takes_space_ahead(&descriptor, &facts)
            }
            WritePath::Automatic => medium.mappable,
            WritePath::Mapped if cfg!(not(target_os = "linux")) => {
                let reason =
                    "mapped writing needs Linux: on this system no mapping keeps the file's locks";
                return Err(io::Error::new(io::ErrorKind::Unsupported, reason));
            }
            WritePath::Mapped => true,
            WritePath::Positioned => false,
        };
        let file = Arc::new(OpenFile { descriptor, access, medium, growing: Mutex::new(()) });
        Ok(FileStorage { file, path, mapped, boot_id: system::boot_id() })
    }

    /// Returns the path that was opened, as an absolute path.
    #[cfg(feature = "internals")]
    #[must_use]
    pub fn path(&self) -> &Path {
        &self.path
    }

    /// Returns whether regions of this object are mapped.
    #[cfg(any(test, feature = "internals"))]
    #[must_use]
    pub fn is_mapped(&self) -> bool {
        self.mapped
    }
}

impl fmt::Debug for FileStorage {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("FileStorage")
            .field("path", &self.path)
            .field("access", &self.file.access)
            .field("mapped", &self.mapped)
            .finish_non_exhaustive()
    }
}

impl Drop for FileStorage {
    fn drop(&mut self) {
        // A region may outlive this object and keep the description open, but the locks end here.
        self.file.descriptor.unlock_all();
    }
}

/// Returns whether space can be allocated ahead, which ext2 and ext3 cannot do.
///
/// They have the same magic number as ext4. The test allocates an existing byte, which changes
/// nothing.
fn takes_space_ahead(descriptor: &Descriptor, facts: &Stat) -> bool {
    let allocated = || system::allocate(descriptor.borrow(), 0, 1);
    let is_unsupported = |error: io::Error| error.kind() == io::ErrorKind::Unsupported;
    length_of(facts) == 0 || !allocated().is_err_and(is_unsupported)
}

fn require_regular(facts: &Stat) -> io::Result<()> {
    match FileType::from_raw_mode(facts.st_mode) {
        FileType::RegularFile => Ok(()),
        FileType::Directory => {
            Err(io::Error::new(io::ErrorKind::IsADirectory, "the path is a directory"))
        }
        _ => Err(io::Error::new(io::ErrorKind::InvalidInput, "the path is not a regular file")),
    }
}

fn end_of(offset: u64, length: u64) -> io::Result<u64> {
    offset.checked_add(length).filter(|&end| i64::try_from(end).is_ok()).ok_or_else(|| {
        io::Error::new(io::ErrorKind::InvalidInput, "the range exceeds the maximum file size")
    })
}

impl Storage for FileStorage {
    fn len(&self) -> io::Result<u64> {
        Ok(length_of(&self.file.descriptor.facts()?))
    }

    fn read_at(&self, mut offset: u64, buffer: &mut [u8]) -> io::Result<usize> {
        let mut filled = 0;
        while filled < buffer.len() {
            match rustix::io::pread(self.file.descriptor.borrow(), &mut buffer[filled..], offset) {
                Ok(0) => break,
                Ok(read) => {
                    filled += read;
                    offset += read as u64;
                }
                Err(Errno::INTR) => {}
                Err(error) => {
                    self.file.descriptor.facts()?;
                    return Err(error.into());
                }
            }
        }
        // Checked after the read, so that the bytes are known to be of this file. Otherwise an
        // empty foreign file would look like an empty extent.
        self.file.descriptor.facts()?;
        Ok(filled)
    }

    fn write_at(&self, offset: u64, bytes: &[u8]) -> io::Result<()> {
        end_of(offset, bytes.len() as u64)?;
        self.file.check_for_writing()?;
        self.file.write_checked(offset, bytes)
    }

    fn allocate(&self, offset: u64, length: u64) -> io::Result<()> {
        let end = end_of(offset, length)?;
        if length == 0 {
            return Ok(());
        }
        self.file.check_for_writing()?;
        match system::allocate(self.file.descriptor.borrow(), offset, length) {
            // For positioned writes a full medium is an error. For mapped ones it would be a
            // signal.
            Err(error) if error.kind() == io::ErrorKind::Unsupported && !self.mapped => {
                self.file.extend(end)
            }
            other => other,
        }
    }

    fn punch(&self, offset: u64, length: u64) -> io::Result<()> {
        end_of(offset, length)?;
        if length == 0 {
            return Ok(());
        }
        self.file.check_for_writing()?;
        system::punch(self.file.descriptor.borrow(), offset, length)
    }

    fn sync(&self) -> io::Result<()> {
        let outcome = system::sync_data(self.file.descriptor.borrow());
        // The sync of another file proves nothing about this one.
        self.file.descriptor.facts()?;
        Ok(outcome?)
    }

    fn region(&self, offset: u64, length: u64) -> io::Result<Box<dyn Region>> {
        let facts = self.file.facts_for_writing()?;
        let bytes = usize::try_from(length).ok().filter(|&bytes| bytes > 0);
        let (Some(bytes), true) = (bytes, end_of(offset, length)? <= length_of(&facts)) else {
            let reason = "the region is not allocated";
            return Err(io::Error::new(io::ErrorKind::InvalidInput, reason));
        };
        #[cfg(target_os = "linux")]
        if self.mapped {
            let region = MappedRegion::map(self.file.descriptor.borrow(), offset, bytes)?;
            return Ok(Box::new(region));
        }
        Ok(Box::new(PositionedRegion::new(Arc::clone(&self.file), offset, bytes)))
    }

    fn try_lock(&self, range: LockRange, mode: LockMode) -> io::Result<bool> {
        let exclusive = mode == LockMode::Exclusive;
        if exclusive {
            self.file.check_for_writing()?;
        } else {
            self.file.descriptor.facts()?;
        }
        lock::try_lock(self.file.descriptor.borrow(), range.start, range.length, exclusive)
    }

    fn unlock(&self, range: LockRange) -> io::Result<()> {
        self.file.descriptor.facts()?;
        lock::unlock(self.file.descriptor.borrow(), range.start, range.length)
    }

    fn is_locked_elsewhere(&self, range: LockRange) -> io::Result<bool> {
        let file = self.file.descriptor.borrow();
        let outcome = lock::is_locked_elsewhere(file, range.start, range.length);
        // Without this check, a foreign file without locks would make a living writer look dead.
        self.file.descriptor.facts()?;
        outcome
    }

    fn lock_holders(&self, range: LockRange) -> Vec<String> {
        let Ok(facts) = self.file.descriptor.facts() else {
            return Vec::new();
        };
        holders::lock_holders(facts.st_ino, &lock::positions(range.start, range.length))
    }

    fn place(&self) -> io::Result<FilePlace> {
        let facts = self.file.descriptor.facts()?;
        let identity = |facts: &Stat| (system::device_number(facts.st_dev), facts.st_ino);
        let (device, inode) = identity(&facts);
        let name_leads_here = match retry_on_intr(|| rustix::fs::stat(&self.path)) {
            Ok(named) => identity(&named) == (device, inode),
            Err(Errno::NOENT | Errno::NOTDIR | Errno::LOOP) => false,
            Err(error) => return Err(error.into()),
        };
        #[allow(clippy::useless_conversion, reason = "32 bits wide on some processors")]
        let links = u64::from(facts.st_nlink);
        Ok(FilePlace { device, inode, links, name_leads_here })
    }

    fn medium(&self) -> MediumTraits {
        self.file.medium
    }

    fn allocated_bytes(&self) -> io::Result<u64> {
        let blocks = u64::try_from(self.file.descriptor.facts()?.st_blocks).unwrap_or(0);
        Ok(blocks * SPACE_BLOCK_BYTES)
    }

    fn restrict_to_owner(&self) -> io::Result<()> {
        let facts = self.file.descriptor.facts()?;
        let mode = Mode::from_raw_mode(facts.st_mode);
        if !mode.intersects(Mode::RWXG | Mode::RWXO) {
            return Ok(());
        }
        let kept = mode & Mode::RWXU;
        Ok(retry_on_intr(|| rustix::fs::fchmod(self.file.descriptor.borrow(), kept))?)
    }

    fn boot_id(&self) -> u128 {
        self.boot_id
    }

    fn random(&self) -> io::Result<u128> {
        system::random_bits()
    }
}

/// Returns the folder of a file.
pub(super) fn folder_of(path: &Path) -> &Path {
    match path.parent() {
        Some(parent) if !parent.as_os_str().is_empty() => parent,
        _ => Path::new("."),
    }
}

/// Follows symbolic links to the final name, even if that file does not exist.
pub(super) fn follow_links(path: &Path) -> io::Result<PathBuf> {
    const LINKS_MAX: usize = 40;
    let mut path = std::path::absolute(path)?;
    for _ in 0..LINKS_MAX {
        match fs::read_link(&path) {
            Ok(target) => path = folder_of(&path).join(target),
            Err(_) => return Ok(path),
        }
    }
    Err(io::Error::other("too many symbolic links"))
}

#[cfg(test)]
#[path = "file_tests.rs"]
mod tests;
