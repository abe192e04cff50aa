//! Byte-range locks of an open file description, far behind the end of any file.
//!
//! Traditional POSIX locks belong to the process, and vanish when any code closes any descriptor of
//! the file. These locks last as long as the open file description.

use std::io;
use std::os::fd::{AsRawFd, BorrowedFd};

/// The offset of the first lock byte. No file is that large, so locks never overlap data.
const LOCK_BASE: u64 = 1 << 62;

/// The kinds of lock. The constants of the operating systems differ in width.
#[allow(clippy::unnecessary_cast, reason = "on some systems they are as wide as the field")]
mod kind {
    use libc::c_short;

    pub(super) const SHARED: c_short = libc::F_RDLCK as c_short;
    pub(super) const EXCLUSIVE: c_short = libc::F_WRLCK as c_short;
    pub(super) const NONE: c_short = libc::F_UNLCK as c_short;
}

/// Tries to lock `length` bytes from `start`. Returns false if another description holds a part.
pub(crate) fn try_lock(
    file: BorrowedFd<'_>,
    start: u64,
    length: u64,
    exclusive: bool,
) -> io::Result<bool> {
    let kind = if exclusive { kind::EXCLUSIVE } else { kind::SHARED };
    let mut request = request(kind, start, length)?;
    match control(file, libc::F_OFD_SETLK, &mut request) {
        Ok(()) => Ok(true),
        Err(error) => match error.raw_os_error() {
            Some(libc::EAGAIN | libc::EACCES) => Ok(false),
            _ => Err(error),
        },
    }
}

/// Unlocks every byte of the range that this description has locked.
pub(crate) fn unlock(file: BorrowedFd<'_>, start: u64, length: u64) -> io::Result<()> {
    control(file, libc::F_OFD_SETLK, &mut request(kind::NONE, start, length)?)
}

/// Releases every lock of this description.
pub(crate) fn unlock_all(file: BorrowedFd<'_>) -> io::Result<()> {
    // The longest range that ends within the system's signed offsets.
    unlock(file, 0, LOCK_BASE - 1)
}

/// Returns whether another description holds any lock on one of the bytes.
pub(crate) fn is_locked_elsewhere(
    file: BorrowedFd<'_>,
    start: u64,
    length: u64,
) -> io::Result<bool> {
    let mut request = request(kind::EXCLUSIVE, start, length)?;
    control(file, libc::F_OFD_GETLK, &mut request)?;
    Ok(request.l_type != kind::NONE)
}

/// Returns the positions in the file of a range of lock bytes, as `/proc` shows them.
pub(crate) fn positions(start: u64, length: u64) -> std::ops::Range<u64> {
    let first = LOCK_BASE.saturating_add(start);
    first..first.saturating_add(length)
}

fn request(kind: libc::c_short, start: u64, length: u64) -> io::Result<libc::flock> {
    let invalid = || io::Error::new(io::ErrorKind::InvalidInput, "lock range out of bounds");
    // The system takes a length of 0 as "to the end of the file".
    if length == 0 || start.checked_add(length).is_none_or(|end| end > LOCK_BASE) {
        return Err(invalid());
    }
    // SAFETY: `flock` is a plain structure of integers, for which zero is a value.
    let mut request: libc::flock = unsafe { std::mem::zeroed() };
    request.l_type = kind;
    request.l_whence = libc::c_short::try_from(libc::SEEK_SET).map_err(|_| invalid())?;
    request.l_start = i64::try_from(LOCK_BASE + start).map_err(|_| invalid())?;
    request.l_len = i64::try_from(length).map_err(|_| invalid())?;
    Ok(request)
}

fn control(
    file: BorrowedFd<'_>,
    command: libc::c_int,
    request: &mut libc::flock,
) -> io::Result<()> {
    loop {
        // SAFETY: the descriptor is borrowed, and the commands used here read and write one flock.
        let code = unsafe { libc::fcntl(file.as_raw_fd(), command, std::ptr::from_mut(request)) };
        if code != -1 {
            return Ok(());
        }
        let error = io::Error::last_os_error();
        if error.kind() != io::ErrorKind::Interrupted {
            return Err(error);
        }
    }
}
