//! The macOS versions of the items of `linux.rs`. Type-checked, but never run.

use std::io;
use std::mem::MaybeUninit;
use std::os::fd::{AsRawFd, BorrowedFd};
use std::path::Path;
use std::ptr;

use rustix::io::{Errno, retry_on_intr};

/// The error of a file system that does not support an operation.
pub(crate) const NOT_SUPPORTED: Errno = Errno::NOTSUP;

/// An uninhabited type: on macOS a mapping refers to the file, not to the open file description.
///
/// So the locks end when other code closes the descriptor. Each positioned write checks for that
/// first. Mapped writes could not, so they are refused: see `WritePath::Mapped`.
#[derive(Debug)]
pub(crate) enum Anchor {}

impl Anchor {
    /// Returns an error, always.
    pub(crate) fn map(_file: BorrowedFd<'_>) -> io::Result<Self> {
        Err(io::ErrorKind::Unsupported.into())
    }
}

/// Converts a device number to the form used in the crate and in the standard library.
#[inline]
pub(crate) fn device_number(number: libc::dev_t) -> u64 {
    number as u64
}

/// Returns an error, always: the file only grows, and a write to a full disk fails.
///
/// `F_PREALLOCATE` knows no range. It allocates behind the last block of the file, so processes
/// that prepare the same range would each allocate it. On a copy-on-write file system like APFS,
/// allocated space does not guarantee later writes either.
pub(crate) fn allocate(_file: BorrowedFd<'_>, _offset: u64, _length: u64) -> io::Result<()> {
    Err(io::ErrorKind::Unsupported.into())
}

/// Deallocates the space of the range without changing the file's length.
///
/// The range must consist of whole blocks of the file system, or the call fails.
pub(crate) fn punch(file: BorrowedFd<'_>, offset: u64, length: u64) -> io::Result<()> {
    let signed = |number: u64| {
        i64::try_from(number).map_err(|_| io::Error::from(io::ErrorKind::InvalidInput))
    };
    let hole = libc::fpunchhole_t {
        fp_flags: 0,
        reserved: 0,
        fp_offset: signed(offset)?,
        fp_length: signed(length)?,
    };
    let outcome = retry_on_intr(|| {
        // SAFETY: the descriptor is borrowed, and this command reads one such structure.
        checked(unsafe { libc::fcntl(file.as_raw_fd(), libc::F_PUNCHHOLE, ptr::from_ref(&hole)) })
    });
    match outcome {
        // `NOTTY` comes from file systems that do not know the command, like HFS+.
        Err(Errno::NOTSUP | Errno::NOSYS | Errno::NOTTY) => Err(io::ErrorKind::Unsupported.into()),
        other => Ok(other?),
    }
}

/// Makes the bytes of a file durable. Only this call flushes the drive's own cache.
pub(crate) fn sync_data(file: BorrowedFd<'_>) -> rustix::io::Result<()> {
    sync_all(file)
}

/// Makes a file or a folder durable with all of its metadata.
pub(crate) fn sync_all(file: BorrowedFd<'_>) -> rustix::io::Result<()> {
    retry_on_intr(|| rustix::fs::fcntl_fullfsync(file))
}

/// Returns an id of the current boot, or 0 if it is unknown.
pub(crate) fn boot_id() -> u128 {
    let mut text = [0_u8; 64];
    let mut length = text.len();
    let name = c"kern.bootsessionuuid".as_ptr();
    // SAFETY: the name ends with a zero, and at most `length` bytes of `text` are written.
    let outcome = checked(unsafe {
        libc::sysctlbyname(name, text.as_mut_ptr().cast(), &mut length, ptr::null_mut(), 0)
    });
    let known = if outcome.is_ok() { text.get(..length).unwrap_or_default() } else { &[] };
    let text = String::from_utf8_lossy(known).replace('-', "");
    u128::from_str_radix(text.trim_end_matches('\0').trim(), 16).unwrap_or(0)
}

/// Returns 128 random bits from the kernel.
pub(crate) fn random_bits() -> io::Result<u128> {
    let mut bytes = [0_u8; 16];
    // SAFETY: the call fills exactly this many bytes, or fails.
    checked(unsafe { libc::getentropy(bytes.as_mut_ptr().cast(), bytes.len()) })?;
    Ok(u128::from_le_bytes(bytes))
}

/// Lowers the priority of this thread, if the system permits it.
pub(crate) fn lower_thread_priority() {
    // Not `nice`, which applies to the whole process here.
    // SAFETY: affects the calling thread alone, and takes no memory.
    unsafe { libc::pthread_set_qos_class_self_np(libc::qos_class_t::QOS_CLASS_UTILITY, 0) };
}

/// Does nothing: macOS chooses the page size itself.
pub(crate) fn advise_huge_pages<T: Copy>(_memory: &mut [MaybeUninit<T>]) {}

/// Returns whether the folder is on a network, whose users share no memory.
pub(crate) fn is_network(folder: &Path) -> bool {
    let local = libc::MNT_LOCAL.cast_unsigned();
    rustix::fs::statfs(folder).map_or(true, |found| found.f_flags & local == 0)
}

/// Closes every descriptor from this number on, regardless of its owner.
#[cfg(feature = "internals")]
pub(crate) fn close_descriptors_from(lowest: u32) {
    // SAFETY: only returns a number.
    let end = unsafe { libc::getdtablesize() };
    for number in lowest.try_into().unwrap_or(end)..end {
        // SAFETY: the crate's own descriptors expect to be closed by other code. The caller makes
        // sure that nothing else in this process needs its descriptors.
        unsafe { libc::close(number) };
    }
}

/// Makes `number` refer to the file of `other`. Not for children.
#[cfg(test)]
pub(crate) fn replace_descriptor(other: BorrowedFd<'_>, number: i32) -> i32 {
    // SAFETY: the owner of the number expects this and checks before every use.
    unsafe {
        libc::dup2(other.as_raw_fd(), number);
        libc::fcntl(number, libc::F_SETFD, libc::FD_CLOEXEC);
    }
    number
}

/// Returns the system's error if the call returned -1.
fn checked(code: libc::c_int) -> rustix::io::Result<()> {
    if code != -1 {
        return Ok(());
    }
    Err(Errno::from_io_error(&io::Error::last_os_error()).unwrap_or(Errno::IO))
}
