//! What a file system of macOS can be trusted with. Type-checked, and never run.

use std::io;
use std::os::fd::BorrowedFd;

use rustix::io::retry_on_intr;

use crate::storage::MediumTraits;

/// What the file system that holds the file can be trusted with.
pub(super) fn medium_of(file: BorrowedFd<'_>) -> io::Result<MediumTraits> {
    let facts = retry_on_intr(|| rustix::fs::fstatfs(file))?;
    let name = facts.f_fstypename.map(i8::cast_unsigned);
    let name = name.split(|&byte| byte == 0).next().unwrap_or_default();
    Ok(traits_of(name))
}

/// Nothing is mapped: APFS copies on write, and no mapping keeps a file's locks on this system.
///
/// Locks that belong to an open file are kept by the kernel for local file systems only; of these
/// the two that are a Mac's own are trusted.
fn traits_of(file_system: &[u8]) -> MediumTraits {
    MediumTraits { mappable: false, locks_trusted: matches!(file_system, b"apfs" | b"hfs") }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn nothing_is_mapped_and_a_network_is_not_trusted() {
        for name in [b"apfs".as_slice(), b"hfs"] {
            assert_eq!(traits_of(name), MediumTraits { mappable: false, locks_trusted: true });
        }
        for name in [b"smbfs".as_slice(), b"nfs", b""] {
            assert_eq!(traits_of(name), MediumTraits { mappable: false, locks_trusted: false });
        }
    }
}
