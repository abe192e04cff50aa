//! The Linux version of the module `system`. `macos.rs` has the same items.

use std::ffi::c_void;
use std::fs;
use std::io;
use std::mem::MaybeUninit;
use std::os::fd::BorrowedFd;
use std::path::Path;
use std::ptr;

use rustix::fs::FallocateFlags;
use rustix::io::{Errno, retry_on_intr};
use rustix::mm::{Advice, MapFlags, ProtFlags};
use rustix::rand::GetRandomFlags;

use super::fork::Birthplace;

/// The error of a file system that does not support an operation.
pub(crate) const NOT_SUPPORTED: Errno = Errno::OPNOTSUPP;

const ANCHOR_BYTES: usize = 4096;
/// The nice value of the background thread.
const BACKGROUND_NICENESS: i32 = 10;

/// An inaccessible page that holds a reference to the mapped file. Children do not inherit it.
#[derive(Debug)]
pub(crate) struct Anchor {
    address: *mut c_void,
    birthplace: Birthplace,
}

// SAFETY: the address is only kept for unmapping. Nothing is read or written through it.
unsafe impl Send for Anchor {}
// SAFETY: as above.
unsafe impl Sync for Anchor {}

impl Anchor {
    /// Keeps the open file description and its locks alive as long as the anchor.
    pub(crate) fn map(file: BorrowedFd<'_>) -> io::Result<Self> {
        // SAFETY: a new mapping at an address that the kernel chooses touches no other memory.
        let address = unsafe {
            rustix::mm::mmap(
                ptr::null_mut(),
                ANCHOR_BYTES,
                ProtFlags::empty(),
                MapFlags::PRIVATE,
                file,
                0,
            )
        }?;
        let anchor = Anchor { address, birthplace: Birthplace::here() };
        // SAFETY: the range is the mapping just made. The advice changes no byte of it.
        unsafe { rustix::mm::madvise(address, ANCHOR_BYTES, Advice::LinuxDontFork) }?;
        Ok(anchor)
    }
}

impl Drop for Anchor {
    fn drop(&mut self) {
        // In a child the page does not exist, and another mapping may have its address.
        if self.birthplace.is_here() {
            // SAFETY: the mapping is ours, and nobody else knows its address.
            let _ = unsafe { rustix::mm::munmap(self.address, ANCHOR_BYTES) };
        }
    }
}

/// Converts a device number to the form used in the crate.
#[inline]
pub(crate) fn device_number(number: u64) -> u64 {
    number
}

/// Allocates space for the range, and extends the file to its end.
pub(crate) fn allocate(file: BorrowedFd<'_>, offset: u64, length: u64) -> io::Result<()> {
    fallocate(file, FallocateFlags::empty(), offset, length)
}

/// Deallocates the space of the range without changing the file's length.
pub(crate) fn punch(file: BorrowedFd<'_>, offset: u64, length: u64) -> io::Result<()> {
    let flags = FallocateFlags::PUNCH_HOLE | FallocateFlags::KEEP_SIZE;
    fallocate(file, flags, offset, length)
}

fn fallocate(
    file: BorrowedFd<'_>,
    flags: FallocateFlags,
    offset: u64,
    length: u64,
) -> io::Result<()> {
    match retry_on_intr(|| rustix::fs::fallocate(file, flags, offset, length)) {
        Err(Errno::OPNOTSUPP | Errno::NOSYS) => Err(io::ErrorKind::Unsupported.into()),
        other => Ok(other?),
    }
}

/// Makes the bytes of a file durable, and the metadata needed to read them.
pub(crate) fn sync_data(file: BorrowedFd<'_>) -> rustix::io::Result<()> {
    retry_on_intr(|| rustix::fs::fdatasync(file))
}

/// Makes a file or a folder durable with all of its metadata.
pub(crate) fn sync_all(file: BorrowedFd<'_>) -> rustix::io::Result<()> {
    retry_on_intr(|| rustix::fs::fsync(file))
}

/// Returns an id of the current boot, or 0 if it is unknown.
pub(crate) fn boot_id() -> u128 {
    let text = fs::read_to_string("/proc/sys/kernel/random/boot_id").unwrap_or_default();
    u128::from_str_radix(&text.trim().replace('-', ""), 16).unwrap_or(0)
}

/// Returns 128 random bits from the kernel.
pub(crate) fn random_bits() -> io::Result<u128> {
    let mut bytes = [0; 16];
    // The kernel never returns less than requested, up to 256 bytes.
    let count = retry_on_intr(|| rustix::rand::getrandom(&mut bytes, GetRandomFlags::empty()))?;
    if count != bytes.len() {
        return Err(io::Error::other("the system returned too few random bits"));
    }
    Ok(u128::from_le_bytes(bytes))
}

/// Lowers the priority of this thread, if the system permits it.
pub(crate) fn lower_thread_priority() {
    // On Linux, unlike in POSIX, the nice value belongs to the thread.
    let _ = rustix::process::nice(BACKGROUND_NICENESS);
}

/// Asks for huge pages behind memory that is about to be filled.
pub(crate) fn advise_huge_pages<T: Copy>(memory: &mut [MaybeUninit<T>]) {
    /// The size from which it pays: two huge pages fit at any alignment.
    const LARGE_BYTES: usize = 4 << 20;
    const PAGE_BYTES: usize = 4096;
    let bytes = size_of_val(memory);
    if bytes < LARGE_BYTES {
        return;
    }
    let start = memory.as_mut_ptr().cast::<u8>();
    let skipped = start.align_offset(PAGE_BYTES);
    let length = bytes.saturating_sub(skipped) / PAGE_BYTES * PAGE_BYTES;
    let start = start.wrapping_add(skipped).cast();
    // SAFETY: the range is within memory that is borrowed mutably. The advice changes how it is
    // backed, not its contents. A failure only means that there are no huge pages.
    let _ = unsafe { rustix::mm::madvise(start, length, Advice::LinuxHugepage) };
}

/// Returns whether the folder is on a network, whose users share no memory.
pub(crate) fn is_network(folder: &Path) -> bool {
    /// From `linux/magic.h` and statfs(2): NFS, SMB, CIFS, SMB2, FUSE, AFS, 9P, Ceph, Lustre, GPFS,
    /// Coda, NCP.
    const NETWORK: [u32; 12] = [
        0x6969,
        0x517B,
        0xFF53_4D42,
        0xFE53_4D42,
        0x6573_5546,
        0x5346_414F,
        0x0102_1997,
        0x00C3_6400,
        0x0BD0_0BD0,
        0x4750_4653,
        0x7375_7245,
        0x564C,
    ];
    let Ok(found) = rustix::fs::statfs(folder) else { return true };
    // The field is signed on some machines. Its low 32 bits are the number everywhere.
    NETWORK.iter().any(|&magic| i128::from(found.f_type) & 0xFFFF_FFFF == i128::from(magic))
}

/// Closes every descriptor from this number on, regardless of its owner.
#[cfg(feature = "internals")]
pub(crate) fn close_descriptors_from(lowest: u32) {
    // SAFETY: the crate's own descriptors expect to be closed by other code. The caller makes
    // sure that nothing else in this process needs its descriptors.
    unsafe { libc::syscall(libc::SYS_close_range, lowest, u32::MAX, 0) };
}

/// Makes `number` refer to the file of `other`. Not for children.
#[cfg(test)]
pub(crate) fn replace_descriptor(other: BorrowedFd<'_>, number: i32) -> i32 {
    use std::os::fd::AsRawFd as _;
    // SAFETY: the owner of the number expects this and checks before every use.
    unsafe { libc::dup3(other.as_raw_fd(), number, libc::O_CLOEXEC) }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_boot_id_is_stable_and_random_bits_differ() {
        assert_ne!(boot_id(), 0);
        assert_eq!(boot_id(), boot_id());
        assert_ne!(random_bits().unwrap(), random_bits().unwrap());
    }
}
