//! The target of an export: standard output, or a file that appears only when it is complete.

use std::io::{self, Write};
use std::path::{Path, PathBuf};

use tracklite::{Error, Result};

use crate::new_file::NewFile;
use crate::terminal::Terminal;

/// The target of an export.
pub(super) enum Output<'a> {
    Standard(&'a mut Terminal),
    File(NewFile, PathBuf),
}

impl<'a> Output<'a> {
    /// Creates the file, or uses standard output if there is no path. `source` is the file that is
    /// exported.
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

    /// Returns the error for a failed write.
    pub(super) fn error(&self, source: io::Error) -> Error {
        Error::io("writing", source).with_path(self.name())
    }

    /// Returns the name in messages.
    pub(super) fn name(&self) -> &Path {
        match self {
            Output::Standard(_) => Path::new("standard output"),
            Output::File(_, path) => path,
        }
    }

    /// Finishes the file.
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
