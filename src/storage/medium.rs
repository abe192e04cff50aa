//! What a file system of Linux can be trusted with.

use std::io;
use std::os::fd::BorrowedFd;

use rustix::io::retry_on_intr;

use crate::storage::MediumTraits;

// The numbers by which Linux names file systems (statfs(2), linux/magic.h).
const EXT: u64 = 0xEF53;
const XFS: u64 = 0x5846_5342;
const TMPFS: u64 = 0x0102_1994;
const BTRFS: u64 = 0x9123_683E;
const ZFS: u64 = 0x2FC1_2FC1;
const OVERLAY: u64 = 0x794C_7630;

/// What the file system that holds the file can be trusted with.
pub(super) fn medium_of(file: BorrowedFd<'_>) -> io::Result<MediumTraits> {
    let facts = retry_on_intr(|| rustix::fs::fstatfs(file))?;
    // The field is signed on some processors; no known number has a sign.
    Ok(traits_of(u64::try_from(facts.f_type).unwrap_or(0)))
}

/// Two lists: where mapping is safe, and, with that, where locks are trusted.
///
/// btrfs and ZFS copy on write, so that even a page with space needs new space when it changes.
/// What lies under an overlay (a container's own layer) cannot be told, and may be one of these;
/// also the anchor page there refers to the file below and does not keep the overlay's locks. But
/// locks work there for all who see the file through the overlay, and a writer whose descriptor
/// was closed by a stranger cannot write: without a mapping each write goes through it.
fn traits_of(file_system: u64) -> MediumTraits {
    let mappable = matches!(file_system, EXT | XFS | TMPFS);
    let locks_trusted = mappable || matches!(file_system, BTRFS | ZFS | OVERLAY);
    MediumTraits { mappable, locks_trusted }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn mappable_media_are_trusted_and_copy_on_write_ones_are_not_mapped() {
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
