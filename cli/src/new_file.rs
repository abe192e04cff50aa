//! Files that appear only when they are complete.

use std::ffi::OsString;
use std::fs::{self, File};
use std::io::{self, BufWriter, Write};
use std::os::unix::fs::MetadataExt as _;
use std::path::{Path, PathBuf};

use rustix::fs::{CWD, RenameFlags, renameat_with};
use tracklite::{Error, ErrorKind, Result};

/// A file that is written under a temporary name in the same folder.
///
/// [`NewFile::finish`] renames it.
/// If it is dropped before, it is removed.
#[derive(Debug)]
pub(crate) struct NewFile {
    path: PathBuf,
    temporary: PathBuf,
    out: BufWriter<File>,
    replaces: bool,
}

impl NewFile {
    /// Begins a file that is to have this path.
    ///
    /// # Errors
    ///
    /// - [`ErrorKind::AlreadyExists`] if the file exists and `replaces` is false.
    /// - [`ErrorKind::InvalidInput`] if the path is not a regular file, or is the file `source`.
    pub(crate) fn create(path: &Path, replaces: bool, source: &Path) -> Result<NewFile> {
        let refused = |message: &str| Err(Error::new(ErrorKind::InvalidInput, message));
        let found = match fs::metadata(path) {
            Ok(facts) if !facts.is_file() => refused("is not a regular file"),
            Ok(facts) if is_same(&facts, source) => {
                refused("cannot replace the file that is being exported")
            }
            Ok(_) if !replaces => Err(Error::new(
                ErrorKind::AlreadyExists,
                "the file already exists: use --force to replace it",
            )),
            _ => Ok(()),
        };
        found.map_err(|error| error.with_path(path))?;
        let failed = |source| Error::io("creating the file", source).with_path(path);
        // A symbolic link stays, and the file it leads to is replaced.
        let path = fs::canonicalize(path).unwrap_or_else(|_| path.to_owned());
        let temporary = temporary_name(&path);
        let file = File::create_new(&temporary).map_err(failed)?;
        Ok(NewFile { path, temporary, out: BufWriter::with_capacity(1 << 16, file), replaces })
    }

    /// Makes the content durable and renames the file.
    pub(crate) fn finish(mut self) -> Result<()> {
        self.put_in_place()
            .map_err(|source| match source.kind() {
                io::ErrorKind::AlreadyExists => {
                    Error::new(ErrorKind::AlreadyExists, "the file was created by another program")
                }
                _ => Error::io("renaming the finished file", source),
            })
            .map_err(|error| error.with_path(&self.path))
    }

    fn put_in_place(&mut self) -> io::Result<()> {
        self.out.flush()?;
        self.out.get_ref().sync_all()?;
        if self.replaces {
            fs::rename(&self.temporary, &self.path)?;
        } else if let Err(error) = fs::hard_link(&self.temporary, &self.path) {
            if error.kind() == io::ErrorKind::AlreadyExists {
                return Err(error);
            }
            // Some file systems have no links.
            renameat_with(CWD, &self.temporary, CWD, &self.path, RenameFlags::NOREPLACE)?;
        }
        sync_folder(&self.path)
    }
}

/// Returns a name in the same folder that no other process chooses.
fn temporary_name(path: &Path) -> PathBuf {
    let mut name = OsString::from(".");
    name.push(path.file_name().unwrap_or_default());
    name.push(format!(".{}.new", std::process::id()));
    path.with_file_name(name)
}

/// Makes the name of a file durable, where the file system can.
fn sync_folder(path: &Path) -> io::Result<()> {
    let folder = path.parent().filter(|folder| !folder.as_os_str().is_empty());
    match File::open(folder.unwrap_or(Path::new("."))).and_then(|folder| folder.sync_all()) {
        Err(error) if error.kind() == io::ErrorKind::StorageFull => Err(error),
        // The file is complete. A folder may be unreadable, and not every file system syncs one.
        _ => Ok(()),
    }
}

fn is_same(facts: &fs::Metadata, other: &Path) -> bool {
    let place = |facts: &fs::Metadata| (facts.dev(), facts.ino());
    fs::metadata(other).is_ok_and(|other| place(&other) == place(facts))
}

impl Write for NewFile {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.out.write(bytes)
    }

    fn flush(&mut self) -> io::Result<()> {
        self.out.flush()
    }
}

impl Drop for NewFile {
    fn drop(&mut self) {
        // After a link this is the second name. After a rename it does not exist.
        let _ = fs::remove_file(&self.temporary);
    }
}
