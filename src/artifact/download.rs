//! Writing artifacts to a local folder, and nowhere else.
//!
//! Each folder is opened from the one that holds it, never through a link, so that nobody can lead
//! the way out of the folder that was given, whatever is in it and whoever changes it meanwhile.

use std::fs::{self, File};
use std::io::Write as _;
use std::os::fd::OwnedFd;
use std::path::{Path, PathBuf};

use rustix::fs::{AtFlags, CWD, Mode, OFlags, mkdirat, openat, renameat, unlinkat};
use rustix::io::Errno;

use crate::artifact::reader::ArtifactReader;
use crate::error::{Error, ErrorKind, Result};

/// The folder that was given.
#[derive(Debug)]
pub(crate) struct Target {
    path: PathBuf,
    folder: OwnedFd,
}

impl Target {
    /// Opens the folder, which is made if need be.
    pub(crate) fn open(path: &Path) -> Result<Self> {
        let opened = fs::create_dir_all(path).and_then(|()| {
            Ok(openat(CWD, path, OFlags::DIRECTORY | OFlags::CLOEXEC, Mode::empty())?)
        });
        let folder = opened.map_err(|it| Error::io("opening the folder", it).with_path(path))?;
        Ok(Target { path: path.to_owned(), folder })
    }

    /// Writes a file; the one that had its name stays until the new one is whole.
    pub(crate) fn write(&self, path: &str, reader: &mut ArtifactReader) -> Result<()> {
        let failed = |errno: Errno| failure(&self.path.join(path), errno);
        let (folders, name) = path.rsplit_once('/').unwrap_or(("", path));
        let mut folder = self.folder.try_clone().map_err(|source| {
            Error::io("opening the folder again", source).with_path(&self.path)
        })?;
        for part in folders.split('/').filter(|part| !part.is_empty()) {
            folder = enter(&folder, part).map_err(failed)?;
        }
        let temporary = temporary_name(name);
        let flags = OFlags::WRONLY | OFlags::CREATE | OFlags::EXCL | OFlags::CLOEXEC;
        // A file of this name is left from a process that died.
        let _ = unlinkat(&folder, &temporary, AtFlags::empty());
        let file =
            openat(&folder, &temporary, flags, Mode::from_raw_mode(0o666)).map_err(failed)?;
        let written = self.fill(File::from(file), path, reader);
        let named =
            written.and_then(|()| renameat(&folder, &temporary, &folder, name).map_err(failed));
        if named.is_err() {
            let _ = unlinkat(&folder, &temporary, AtFlags::empty());
        }
        named
    }

    fn fill(&self, mut file: File, path: &str, reader: &mut ArtifactReader) -> Result<()> {
        loop {
            let piece = reader.piece()?;
            if piece.is_empty() {
                return Ok(());
            }
            let length = piece.len();
            let written = file.write_all(piece);
            written
                .map_err(|it| Error::io("writing the file", it).with_path(&self.path.join(path)))?;
            reader.advance(length);
        }
    }
}

/// The folder in another, made if need be.
fn enter(folder: &OwnedFd, name: &str) -> Result<OwnedFd, Errno> {
    match mkdirat(folder, name, Mode::from_raw_mode(0o777)) {
        Ok(()) | Err(Errno::EXIST) => {}
        Err(errno) => return Err(errno),
    }
    let flags = OFlags::DIRECTORY | OFlags::NOFOLLOW | OFlags::CLOEXEC;
    openat(folder, name, flags, Mode::empty())
}

fn temporary_name(name: &str) -> String {
    // Names have at most 255 bytes.
    let ends = name.char_indices().map(|(at, character)| at + character.len_utf8());
    let end = ends.take_while(|end| *end <= 200).last().unwrap_or(0);
    let name = name.get(..end).unwrap_or_default();
    format!(".{name}.{:x}.part", std::process::id())
}

fn failure(path: &Path, errno: Errno) -> Error {
    let error = match errno {
        Errno::LOOP | Errno::NOTDIR => {
            let message = "on the way there is a link or a file, and only folders are entered";
            Error::new(ErrorKind::InvalidInput, message).with_source(std::io::Error::from(errno))
        }
        errno => Error::io("writing an artifact to a local folder", errno.into()),
    };
    error.with_path(path)
}
