//! The guarantees of macOS file systems. Type-checked, but never run.

use std::io;
use std::os::fd::BorrowedFd;

use rustix::io::retry_on_intr;

use crate::storage::MediumTraits;

/// Returns the guarantees of the file system that holds the file.
pub(super) fn medium_of(file: BorrowedFd<'_>) -> io::Result<MediumTraits> {
    let facts = retry_on_intr(|| rustix::fs::fstatfs(file))?;
    let name = facts.f_fstypename.map(i8::cast_unsigned);
    let name = name.split(|&byte| byte == 0).next().unwrap_or_default();
    Ok(traits_of(name))
}

/// Returns the guarantees by name: nothing is mapped, and locks are trusted on native file systems.
///
/// APFS copies on write, and no mapping keeps a file's locks on macOS. The kernel keeps locks of
/// open file descriptions on local file systems only. The two native ones are trusted.
fn traits_of(file_system: &[u8]) -> MediumTraits {
    MediumTraits { mappable: false, locks_trusted: matches!(file_system, b"apfs" | b"hfs") }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn no_medium_is_mapped_and_network_locks_are_not_trusted() {
        for name in [b"apfs".as_slice(), b"hfs"] {
            assert_eq!(traits_of(name), MediumTraits { mappable: false, locks_trusted: true });
        }
        for name in [b"smbfs".as_slice(), b"nfs", b""] {
            assert_eq!(traits_of(name), MediumTraits { mappable: false, locks_trusted: false });
        }
    }
}
