//! The guarantees of Linux file systems.

use std::io;
use std::os::fd::BorrowedFd;

use rustix::io::retry_on_intr;

use crate::storage::MediumTraits;

// The magic numbers of file systems (statfs(2), linux/magic.h).
const EXT: u64 = 0xEF53;
const XFS: u64 = 0x5846_5342;
const TMPFS: u64 = 0x0102_1994;
const BTRFS: u64 = 0x9123_683E;
const ZFS: u64 = 0x2FC1_2FC1;
const OVERLAY: u64 = 0x794C_7630;

/// Returns the guarantees of the file system that holds the file.
pub(super) fn medium_of(file: BorrowedFd<'_>) -> io::Result<MediumTraits> {
    let facts = retry_on_intr(|| rustix::fs::fstatfs(file))?;
    // The field is signed on some processors, but no known number is negative.
    Ok(traits_of(u64::try_from(facts.f_type).unwrap_or(0)))
}

/// Returns whether mapping is safe and whether locks are trusted.
///
/// btrfs and ZFS copy on write, so changing even an allocated page needs new space. A full disk
/// would then raise a signal in mapped writes.
///
/// An overlay (a container's own layer) may be on top of one of these. Its anchor page also refers
/// to the file below and does not keep the overlay's locks. Locks still work for all processes that
/// see the file through the overlay. A writer whose descriptor was closed by other code loses its
/// locks, but without a mapping it cannot write either.
fn traits_of(file_system: u64) -> MediumTraits {
    let mappable = matches!(file_system, EXT | XFS | TMPFS);
    let locks_trusted = mappable || matches!(file_system, BTRFS | ZFS | OVERLAY);
    MediumTraits { mappable, locks_trusted }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn copy_on_write_and_network_media_are_not_mapped() {
        for magic in [EXT, XFS, TMPFS] {
            assert_eq!(traits_of(magic), MediumTraits { mappable: true, locks_trusted: true });
        }
        for magic in [BTRFS, ZFS, OVERLAY] {
            assert_eq!(traits_of(magic), MediumTraits { mappable: false, locks_trusted: true });
        }
        const NFS: u64 = 0x6969;
        assert_eq!(traits_of(NFS), MediumTraits { mappable: false, locks_trusted: false });
    }
}
