//! Files that get their name when they are whole.

use std::fs::{self, File};
use std::io::{self, BufWriter, Write};
use std::os::unix::fs::MetadataExt as _;
use std::path::{Path, PathBuf};

use crate::error::{Error, ErrorKind, Result};
use crate::storage::{give_name, sync_name, temporary_name};

/// A file that is being written under another name beside its own, which it gets by
/// [`NewFile::finish`]. Dropped before, it is removed.
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
    /// When there is such a file, it is [`ErrorKind::AlreadyExists`] unless the new one `replaces`
    /// it; what is no file is never replaced, nor is the file `spared`, by whatever path.
    pub(crate) fn create(path: &Path, replaces: bool, spared: &Path) -> Result<NewFile> {
        let refused = |message: &str| Err(Error::new(ErrorKind::InvalidInput, message));
        let found = match fs::metadata(path) {
            Ok(facts) if !facts.is_file() => refused("it is there and no file"),
            Ok(facts) if is_same(&facts, spared) => {
                refused("it is the file that is to be read, which is not replaced")
            }
            Ok(_) if !replaces => {
                Err(Error::new(ErrorKind::AlreadyExists, "there is such a file already"))
            }
            _ => Ok(()),
        };
        found.map_err(|error| error.with_path(path))?;
        let doing = |source| Error::io("creating the file", source).with_path(path);
        // What a symbolic link leads to is replaced, not the link.
        let path = fs::canonicalize(path).unwrap_or_else(|_| path.to_owned());
        let temporary = temporary_name(&path).map_err(doing)?;
        let file = File::create_new(&temporary).map_err(doing)?;
        Ok(NewFile { path, temporary, out: BufWriter::with_capacity(1 << 16, file), replaces })
    }

    /// Makes what was written durable and gives the file its name.
    pub(crate) fn finish(mut self) -> Result<()> {
        self.put_in_place()
            .map_err(|source| match source.kind() {
                io::ErrorKind::AlreadyExists => {
                    Error::new(ErrorKind::AlreadyExists, "there is such a file meanwhile")
                }
                _ => Error::io("putting the file in place", source),
            })
            .map_err(|error| error.with_path(&self.path))
    }

    fn put_in_place(&mut self) -> io::Result<()> {
        self.out.flush()?;
        self.out.get_ref().sync_all()?;
        match self.replaces {
            true => fs::rename(&self.temporary, &self.path)?,
            false => give_name(&self.temporary, &self.path)?,
        }
        sync_name(&self.path)
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
        // After a link this is the second name, after a rename it is gone.
        let _ = fs::remove_file(&self.temporary);
    }
}
