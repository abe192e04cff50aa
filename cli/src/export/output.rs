//! Where an export goes: standard output, or a file that is whole or not there.

use std::io::{self, Write};
use std::path::{Path, PathBuf};

use tracklite::{Error, Result};

use super::super::terminal::Terminal;
use super::new_file::NewFile;

/// Where an export goes.
pub(super) enum Output<'a> {
    Standard(&'a mut Terminal),
    File(NewFile, PathBuf),
}

impl<'a> Output<'a> {
    /// Begins the file, or takes standard output when none is named. `source` is what is read.
    pub(super) fn open(
        path: Option<&Path>,
        replaces: bool,
        source: &Path,
        terminal: &'a mut Terminal,
    ) -> Result<Self> {
        match path {
            Some(path) => {
                let file = NewFile::create(path, replaces, source)?;
                Ok(Output::File(file, path.to_owned()))
            }
            None => Ok(Output::Standard(terminal)),
        }
    }

    /// The failure to write to it.
    pub(super) fn error(&self, source: io::Error) -> Error {
        Error::io("writing", source).with_path(self.name())
    }

    /// What a message calls it.
    pub(super) fn name(&self) -> &Path {
        match self {
            Output::Standard(_) => Path::new("standard output"),
            Output::File(_, path) => path,
        }
    }

    /// Puts a file in place.
    pub(super) fn finish(self) -> Result<()> {
        match self {
            Output::Standard(_) => Ok(()),
            Output::File(file, _) => file.finish(),
        }
    }
}

impl Write for Output<'_> {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        match self {
            Output::Standard(terminal) => terminal.write(bytes),
            Output::File(file, _) => file.write(bytes),
        }
    }

    fn flush(&mut self) -> io::Result<()> {
        match self {
            Output::Standard(terminal) => terminal.flush(),
            Output::File(file, _) => file.flush(),
        }
    }
}
