//! Writing artifacts to a local folder, and never outside it.
//!
//! Each folder is opened relative to the open descriptor of its parent, and links are refused. So
//! no path leaves the target folder, even if another process changes the folder meanwhile.

use std::fs::{self, File};
use std::io::Write as _;
use std::os::fd::OwnedFd;
use std::path::{Path, PathBuf};

use rustix::fs::{AtFlags, CWD, Mode, OFlags, mkdirat, openat, renameat, unlinkat};
use rustix::io::Errno;

use crate::artifact::reader::ArtifactReader;
use crate::error::{Error, ErrorKind, Result};

/// The open target folder.
#[derive(Debug)]
pub(crate) struct Target {
    path: PathBuf,
    folder: OwnedFd,
}

impl Target {
    /// Opens the folder. Creates it if it does not exist.
    pub(crate) fn open(path: &Path) -> Result<Self> {
        let opened = fs::create_dir_all(path).and_then(|()| {
            Ok(openat(CWD, path, OFlags::DIRECTORY | OFlags::CLOEXEC, Mode::empty())?)
        });
        let folder =
            opened.map_err(|source| Error::io("opening the folder", source).with_path(path))?;
        Ok(Target { path: path.to_owned(), folder })
    }

    /// Writes a file under a temporary name, then renames it over an existing file.
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
        // Such a file is left over from a process that died.
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
            file.write_all(piece).map_err(|source| {
                Error::io("writing the file", source).with_path(&self.path.join(path))
            })?;
            reader.advance(length);
        }
    }
}

/// Opens a folder inside another. Creates it if it does not exist.
fn enter(folder: &OwnedFd, name: &str) -> Result<OwnedFd, Errno> {
    match mkdirat(folder, name, Mode::from_raw_mode(0o777)) {
        Ok(()) | Err(Errno::EXIST) => {}
        Err(errno) => return Err(errno),
    }
    let flags = OFlags::DIRECTORY | OFlags::NOFOLLOW | OFlags::CLOEXEC;
    openat(folder, name, flags, Mode::empty())
}

fn temporary_name(name: &str) -> String {
    // A file name has at most 255 bytes.
    let ends = name.char_indices().map(|(at, character)| at + character.len_utf8());
    let end = ends.take_while(|end| *end <= 200).last().unwrap_or(0);
    let name = name.get(..end).unwrap_or_default();
    format!(".{name}.{:x}.part", std::process::id())
}

fn failure(path: &Path, errno: Errno) -> Error {
    let error = match errno {
        Errno::LOOP | Errno::NOTDIR => {
            let message = "a part of the path is a link or a file, but must be a folder";
            Error::new(ErrorKind::InvalidInput, message).with_source(std::io::Error::from(errno))
        }
        errno => Error::io("writing an artifact to a local folder", errno.into()),
    };
    error.with_path(path)
}
