//! Creating a file atomically under its final name, and opening files.

use std::ffi::{OsStr, OsString};
use std::fs;
use std::io;
use std::os::fd::{AsFd, BorrowedFd};
use std::os::unix::ffi::OsStrExt as _;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use rustix::fs::{AtFlags, CWD, Mode, OFlags, RenameFlags};
use rustix::io::{Errno, retry_on_intr};

use crate::storage::fault::{self, CallKind};
use crate::storage::file::{FileStorage, folder_of, follow_links};
use crate::storage::{Access, Storage, WritePath};
use crate::sys::system::{self, NOT_SUPPORTED};

/// The mode of new files, before the umask applies.
const MODE: Mode = Mode::from_raw_mode(0o666);

impl FileStorage {
    /// Creates a file with these bytes. File and name are durable when the call returns.
    ///
    /// The file never appears under its name with less than all of `initial`. If several callers
    /// race, one succeeds. A dangling symbolic link creates its target.
    ///
    /// # Errors
    ///
    /// - [`io::ErrorKind::AlreadyExists`] if the name is taken.
    /// - [`io::ErrorKind::InvalidInput`] if `initial` is empty.
    /// - The error of any system call that fails. A failed sync of the folder leaves the file in
    ///   place.
    ///
    /// # Performance
    ///
    /// Takes two syncs.
    pub fn create_new(path: &Path, initial: &[u8]) -> io::Result<()> {
        if initial.is_empty() {
            let reason = "the initial contents are empty";
            return Err(io::Error::new(io::ErrorKind::InvalidInput, reason));
        }
        let path = follow_links(path)?;
        // This check only saves work. The link decides a race.
        if fs::symlink_metadata(&path).is_ok() {
            return Err(io::ErrorKind::AlreadyExists.into());
        }
        if !create_unnamed(&path, initial)? {
            create_by_temporary_name(&path, initial)?;
        }
        sync_name(&path)
    }
}

/// Opens a file like [`FileStorage::open`], for callers that need only a storage.
///
/// # Errors
///
/// - The errors of [`FileStorage::open`].
pub(crate) fn open_file(
    path: &Path,
    access: Access,
    write_path: WritePath,
) -> io::Result<Arc<dyn Storage>> {
    fault::pass(CallKind::Open)?;
    Ok(fault::guard(Arc::new(FileStorage::open(path, access, write_path)?)))
}

/// Returns false: this system cannot create a file without a name.
#[cfg(not(target_os = "linux"))]
fn create_unnamed(_path: &Path, _initial: &[u8]) -> io::Result<bool> {
    Ok(false)
}

/// Creates the file without a name and links it when it is complete. False if unsupported.
#[cfg(target_os = "linux")]
fn create_unnamed(path: &Path, initial: &[u8]) -> io::Result<bool> {
    use std::os::fd::AsRawFd as _;
    let flags = OFlags::TMPFILE | OFlags::RDWR | OFlags::CLOEXEC;
    fault::pass(CallKind::Open)?;
    let file = match retry_on_intr(|| rustix::fs::open(folder_of(path), flags, MODE)) {
        Ok(file) => file,
        Err(Errno::OPNOTSUPP | Errno::ISDIR | Errno::INVAL | Errno::NOSYS) => return Ok(false),
        Err(error) => return Err(error.into()),
    };
    write_and_sync(file.as_fd(), initial)?;
    let unnamed = format!("/proc/self/fd/{}", file.as_raw_fd());
    if fault::pass(CallKind::Name).is_err() {
        return Ok(false);
    }
    match rustix::fs::linkat(CWD, unnamed, CWD, path, AtFlags::SYMLINK_FOLLOW) {
        Ok(()) => Ok(true),
        Err(Errno::EXIST) => Err(io::ErrorKind::AlreadyExists.into()),
        // Without /proc or links, use the other way, which reports the actual error.
        Err(_) => Ok(false),
    }
}

fn create_by_temporary_name(path: &Path, initial: &[u8]) -> io::Result<()> {
    let temporary = temporary_name(path)?;
    let flags = OFlags::CREATE | OFlags::EXCL | OFlags::RDWR | OFlags::CLOEXEC;
    fault::pass(CallKind::Open)?;
    let file = retry_on_intr(|| rustix::fs::open(&temporary, flags, MODE))?;
    let outcome = write_and_sync(file.as_fd(), initial).and_then(|()| give_name(&temporary, path));
    // After a link this is a second name. After an error it is useless. After a rename it is gone.
    let _ = remove(&temporary);
    outcome
}

/// Returns a random name in the same folder for a file that later gets the name `path`.
pub(crate) fn temporary_name(path: &Path) -> io::Result<PathBuf> {
    let Some(name) = path.file_name() else {
        return Err(io::Error::new(io::ErrorKind::InvalidInput, "the path has no file name"));
    };
    let mut temporary = OsString::from(".");
    temporary.push(name);
    temporary.push(format!(".{:016x}.new", system::random_bits()? >> 64));
    Ok(folder_of(path).join(temporary))
}

/// Returns whether `name` is a temporary name for the file `of`.
pub(crate) fn is_temporary_name(name: &OsStr, of: &OsStr) -> bool {
    let random = name
        .as_bytes()
        .strip_prefix(b".")
        .and_then(|rest| rest.strip_prefix(of.as_bytes())?.strip_prefix(b"."))
        .and_then(|rest| rest.strip_suffix(b".new"));
    random.is_some_and(|digits| digits.len() == 16 && digits.iter().all(u8::is_ascii_hexdigit))
}

/// Names the file unless the name is taken: by a link, or by a rename where links do not exist.
pub(crate) fn give_name(temporary: &Path, path: &Path) -> io::Result<()> {
    fault::pass(CallKind::Name)?;
    match rustix::fs::linkat(CWD, temporary, CWD, path, AtFlags::empty()) {
        Err(Errno::PERM | NOT_SUPPORTED | Errno::NOSYS | Errno::MLINK) => {
            Ok(rustix::fs::renameat_with(CWD, temporary, CWD, path, RenameFlags::NOREPLACE)?)
        }
        other => Ok(other?),
    }
}

/// Replaces the file at `path`.
pub(crate) fn replace(temporary: &Path, path: &Path) -> io::Result<()> {
    fault::pass(CallKind::Name)?;
    fs::rename(temporary, path)
}

/// Removes a file.
pub(crate) fn remove(path: &Path) -> io::Result<()> {
    fault::pass(CallKind::Remove)?;
    fs::remove_file(path)
}

fn write_and_sync(file: BorrowedFd<'_>, bytes: &[u8]) -> io::Result<()> {
    let (length, outcome) = fault::pass_write(bytes.len());
    write(file, &bytes[..length])?;
    outcome?;
    fault::pass(CallKind::Sync)?;
    Ok(system::sync_all(file)?)
}

fn write(file: BorrowedFd<'_>, mut bytes: &[u8]) -> io::Result<()> {
    let mut offset = 0;
    while !bytes.is_empty() {
        match retry_on_intr(|| rustix::io::pwrite(file, bytes, offset))? {
            0 => return Err(io::ErrorKind::WriteZero.into()),
            written => {
                bytes = &bytes[written..];
                offset += written as u64;
            }
        }
    }
    Ok(())
}

/// Makes the name of a file durable, if the file system can sync folders.
pub(crate) fn sync_name(path: &Path) -> io::Result<()> {
    fault::pass(CallKind::SyncFolder)?;
    let flags = OFlags::RDONLY | OFlags::DIRECTORY | OFlags::CLOEXEC;
    let folder = match retry_on_intr(|| rustix::fs::open(folder_of(path), flags, Mode::empty())) {
        // The folder may be writable but not listable.
        Err(Errno::ACCESS) => return Ok(()),
        other => other?,
    };
    match system::sync_all(folder.as_fd()) {
        Err(Errno::INVAL | NOT_SUPPORTED | Errno::NOSYS) => Ok(()),
        other => Ok(other?),
    }
}

/// Returns the absolute path of a file that may not exist yet.
pub(crate) fn absolute(path: &Path) -> PathBuf {
    std::path::absolute(path).unwrap_or_else(|_| path.to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn temporary_names_are_recognised() {
        let of = OsStr::new("runs.tracklite");
        let temporary = temporary_name(Path::new("/folder/runs.tracklite")).unwrap();
        assert_eq!(temporary.parent(), Some(Path::new("/folder")));
        assert!(is_temporary_name(temporary.file_name().unwrap(), of));
        for other in [".runs.tracklite.new", "runs.tracklite.0123456789abcdef.new", ".other"] {
            assert!(!is_temporary_name(OsStr::new(other), of), "{other}");
        }
        assert!(!is_temporary_name(OsStr::new(".runs.tracklite.0123456789abcdeg.new"), of));
    }

    #[test]
    fn both_ways_create_the_same_file_and_leave_no_temporary() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("file");
        create_by_temporary_name(&path, b"whole").unwrap();
        let second = create_by_temporary_name(&path, b"other").unwrap_err();
        assert_eq!(second.kind(), io::ErrorKind::AlreadyExists);
        assert_eq!(fs::read(&path).unwrap(), b"whole");
        assert_eq!(fs::read_dir(folder.path()).unwrap().count(), 1);
        let facts = fs::metadata(&path).unwrap();
        create_unnamed(&folder.path().join("unnamed"), b"whole").unwrap();
        let unnamed = fs::metadata(folder.path().join("unnamed")).unwrap();
        assert_eq!(unnamed.permissions(), facts.permissions());
    }
}
