//! What stands in on macOS for the items of `linux.rs`. Type-checked, and never run.

use std::io;
use std::mem::MaybeUninit;
use std::os::fd::{AsRawFd, BorrowedFd};
use std::path::Path;
use std::ptr;

use rustix::io::{Errno, retry_on_intr};

/// What a file system answers that cannot do what is asked.
pub(crate) const NOT_SUPPORTED: Errno = Errno::NOTSUP;

/// There is none: here a mapping refers to the file, not to the open file description.
///
/// So the locks end when a stranger closes the descriptor. That is noticed before each positioned
/// write, and for want of more mapped writing is refused: see `WritePath::Mapped`.
#[derive(Debug)]
pub(crate) enum Anchor {}

impl Anchor {
    /// Always an error.
    pub(crate) fn map(_file: BorrowedFd<'_>) -> io::Result<Self> {
        Err(io::ErrorKind::Unsupported.into())
    }
}

/// A device's number as all of the crate writes it, and as the standard library does.
#[inline]
pub(crate) fn device_number(number: libc::dev_t) -> u64 {
    number as u64
}

/// Always unsupported: the file is only made longer, and a full medium is met by the write.
///
/// `F_PREALLOCATE` knows no range but only what lies behind the file's last block, so processes
/// that prepare the same range would each take space; and on a medium that copies on write, as
/// APFS, the space would be no promise about later writes.
pub(crate) fn allocate(_file: BorrowedFd<'_>, _offset: u64, _length: u64) -> io::Result<()> {
    Err(io::ErrorKind::Unsupported.into())
}

/// Gives the space of the range back and leaves the file's length.
///
/// The system takes whole blocks of the file system only, and says so otherwise.
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
        // The last: a file system that does not know the command, as HFS+.
        Err(Errno::NOTSUP | Errno::NOSYS | Errno::NOTTY) => Err(io::ErrorKind::Unsupported.into()),
        other => Ok(other?),
    }
}

/// Makes a file's bytes durable; nothing less than this reaches past the drive's own memory.
pub(crate) fn sync_data(file: BorrowedFd<'_>) -> rustix::io::Result<()> {
    sync_all(file)
}

/// Makes a file or a folder durable with all that is known of it.
pub(crate) fn sync_all(file: BorrowedFd<'_>) -> rustix::io::Result<()> {
    retry_on_intr(|| rustix::fs::fcntl_fullfsync(file))
}

/// Identifies this boot of this kernel; 0 when the host does not tell.
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

/// 128 fresh random bits from the kernel.
pub(crate) fn random_bits() -> io::Result<u128> {
    let mut bytes = [0_u8; 16];
    // SAFETY: the call fills exactly so many bytes, or fails.
    checked(unsafe { libc::getentropy(bytes.as_mut_ptr().cast(), bytes.len()) })?;
    Ok(u128::from_le_bytes(bytes))
}

/// Lets other threads go first; where the priority cannot be lowered, nothing changes.
pub(crate) fn lower_thread_priority() {
    // Not `nice`, which here is a property of the whole process.
    // SAFETY: concerns the calling thread alone, and takes no memory.
    unsafe { libc::pthread_set_qos_class_self_np(libc::qos_class_t::QOS_CLASS_UTILITY, 0) };
}

/// Nothing: which pages are large is the system's own affair.
pub(crate) fn advise_huge_pages<T: Copy>(_memory: &mut [MaybeUninit<T>]) {}

/// Whether the folder lies on a network, which gives no memory shared between its users.
pub(crate) fn is_network(folder: &Path) -> bool {
    let local = libc::MNT_LOCAL.cast_unsigned();
    rustix::fs::statfs(folder).map_or(true, |found| found.f_flags & local == 0)
}

/// Closes every descriptor from this number on, whoever they belong to.
#[cfg(feature = "internals")]
pub(crate) fn close_descriptors_from(lowest: u32) {
    // SAFETY: asks for a number.
    let end = unsafe { libc::getdtablesize() };
    for number in lowest.try_into().unwrap_or(end)..end {
        // SAFETY: the crate's own descriptors expect to be closed by strangers; the caller sees to
        // it that nothing else of this process needs its own.
        unsafe { libc::close(number) };
    }
}

/// Makes `number` lead to where `other` leads, whatever it led to before; not for children.
#[cfg(test)]
pub(crate) fn replace_descriptor(other: BorrowedFd<'_>, number: i32) -> i32 {
    // SAFETY: who owns the number expects it and checks before every use.
    unsafe {
        libc::dup2(other.as_raw_fd(), number);
        libc::fcntl(number, libc::F_SETFD, libc::FD_CLOEXEC);
    }
    number
}

/// The system's error, when a call has given -1.
fn checked(code: libc::c_int) -> rustix::io::Result<()> {
    if code != -1 {
        return Ok(());
    }
    Err(Errno::from_io_error(&io::Error::last_os_error()).unwrap_or(Errno::IO))
}
