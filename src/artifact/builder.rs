//! The builder of uploads: what to log, under which rules, and with which progress.

use std::cell::RefCell;
use std::ffi::OsStr;
use std::fmt;
use std::fs;
use std::io::{self, Read};
use std::path::Path;

use crate::artifact::Artifacts;
use crate::artifact::upload::{Planned, Source};
use crate::entity::artifact_path::check_path;
use crate::error::{Error, ErrorKind, Result};

/// The maximum depth of folders that `log_folder` follows.
const DEPTH_MAX: usize = 100;

impl Artifacts {
    /// Creates an upload, with a progress and more rules.
    pub fn upload(&self) -> ArtifactUpload<'_> {
        ArtifactUpload { artifacts: self, is_new: false, progress: Box::new(|_| Ok(())) }
    }
}

/// An upload of files that reports its progress.
///
/// ```
/// # let folder = tempfile::tempdir()?;
/// # let database = tracklite::Database::create(folder.path().join("runs.tracklite"))?;
/// # let weights = folder.path().join("weights.bin");
/// # std::fs::write(&weights, [0; 1000])?;
/// let artifacts = database.default_experiment()?.start_run("")?.artifacts();
/// let mut read = 0;
/// let upload = artifacts.upload().progress(|bytes| {
///     read = bytes;
///     Ok(())
/// });
/// upload.file(&weights, "weights.bin")?;
/// assert_eq!(read, 1000);
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[must_use = "nothing is logged until `file`, `folder`, `bytes` or `reader` is called"]
pub struct ArtifactUpload<'a> {
    artifacts: &'a Artifacts,
    is_new: bool,
    progress: Box<dyn FnMut(u64) -> Result<()> + 'a>,
}

impl<'a> ArtifactUpload<'a> {
    /// Calls `progress` with the number of bytes read so far.
    ///
    /// The calls come at least every 4 MiB and at the end of each file. If a concurrent `gc` frees
    /// chunks that the files share, the upload reads them again and the count goes back.
    ///
    /// If `progress` returns an error, the upload stops and returns it. Files of earlier frames
    /// stay: a folder is written in frames of 4,096 files.
    pub fn progress(mut self, progress: impl FnMut(u64) -> Result<()> + 'a) -> Self {
        self.progress = Box::new(progress);
        self
    }

    /// Refuses to replace a file. An existing one is then [`ErrorKind::AlreadyExists`].
    ///
    /// One of several uploads to the same path at the same time succeeds.
    pub fn only_new(mut self, only_new: bool) -> Self {
        self.is_new = only_new;
        self
    }

    /// Logs a local file like [`Artifacts::log_file`].
    pub fn file(self, file: impl AsRef<Path>, path: &str) -> Result<()> {
        let file = file.as_ref();
        self.artifacts.located(check_path(path))?;
        let size = fs::metadata(file).map_err(|source| local_error(file, source))?.len();
        let source = Source::File(file.to_owned());
        self.run(&[Planned { path: path.to_owned(), source, size }])
    }

    /// Logs a local folder like [`Artifacts::log_folder`].
    pub fn folder(self, folder: impl AsRef<Path>, path: &str) -> Result<()> {
        let folder = folder.as_ref();
        if !path.is_empty() {
            self.artifacts.located(check_path(path))?;
        }
        let mut planned = Vec::new();
        plan_folder(folder, path, DEPTH_MAX, &mut planned)?;
        self.run(&planned)
    }

    /// Logs bytes like [`Artifacts::log_bytes`].
    pub fn bytes(self, bytes: &[u8], path: &str) -> Result<()> {
        self.artifacts.located(check_path(path))?;
        let size = bytes.len() as u64;
        self.run(&[Planned { path: path.to_owned(), source: Source::Bytes(bytes), size }])
    }

    /// Logs all bytes of a reader, for example of a socket, as the artifact `path`.
    ///
    /// The file appears when the reader has ended. If a read fails, nothing is logged.
    ///
    /// # Errors
    ///
    /// - [`ErrorKind::Io`] if a read fails. The source is the error of the reader.
    /// - [`ErrorKind::Conflict`] if a concurrent [`gc`](crate::Database::gc) freed chunks of
    ///   another file with the same bytes. Unlike a local file, a reader cannot be read again.
    ///   Repeat the call with a new reader.
    ///
    /// # Performance
    ///
    /// The same as for a local file: one sync, and about 15 MiB of memory.
    ///
    /// ```
    /// # let folder = tempfile::tempdir()?;
    /// # let database = tracklite::Database::create(folder.path().join("runs.tracklite"))?;
    /// use std::io::Read;
    ///
    /// let artifacts = database.default_experiment()?.start_run("")?.artifacts();
    /// artifacts.upload().reader(std::io::repeat(7).take(1000), "sevens.bin")?;
    /// assert_eq!(artifacts.read("sevens.bin")?, [7; 1000]);
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    pub fn reader(self, source: impl Read, path: &str) -> Result<()> {
        self.artifacts.located(check_path(path))?;
        let source = RefCell::new(source);
        // The size is not known, so no upper limit is set on the space to allocate.
        let size = u64::MAX;
        self.run(&[Planned { path: path.to_owned(), source: Source::Reader(&source), size }])
    }

    fn run(mut self, planned: &[Planned<'_>]) -> Result<()> {
        self.artifacts.run_upload(planned, self.is_new, &mut *self.progress)
    }
}

impl fmt::Debug for ArtifactUpload<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("ArtifactUpload").field("artifacts", self.artifacts).finish_non_exhaustive()
    }
}

/// Adds the files in a folder to `planned`, ordered by name.
fn plan_folder(
    folder: &Path,
    path: &str,
    depth: usize,
    planned: &mut Vec<Planned<'_>>,
) -> Result<()> {
    let failed = |source| local_error(folder, source);
    if depth == 0 {
        return Err(unfit(folder, "the folder is nested too deeply"));
    }
    let entries = fs::read_dir(folder).map_err(failed)?;
    let mut names = entries.map(|entry| Ok(entry?.file_name())).collect::<io::Result<Vec<_>>>();
    names.as_mut().map(|names| names.sort_unstable()).map_err(|error| failed(copied(error)))?;
    for name in names.map_err(failed)? {
        let local = folder.join(&name);
        let path = joined(path, &name).ok_or_else(|| unfit(&local, "the name is not UTF-8"))?;
        check_path(&path).map_err(|error| error.with_path(&local))?;
        let kind = fs::symlink_metadata(&local).map_err(|source| local_error(&local, source))?;
        if kind.is_dir() {
            plan_folder(&local, &path, depth - 1, planned)?;
            continue;
        }
        let facts = fs::metadata(&local).map_err(|source| local_error(&local, source))?;
        if !facts.is_file() {
            return Err(unfit(&local, "it is not a file, a folder or a link to a file"));
        }
        planned.push(Planned { path, source: Source::File(local), size: facts.len() });
    }
    Ok(())
}

fn copied(error: &io::Error) -> io::Error {
    error.kind().into()
}

fn joined(folder: &str, name: &OsStr) -> Option<String> {
    let name = name.to_str()?;
    Some(if folder.is_empty() { name.to_owned() } else { format!("{folder}/{name}") })
}

fn unfit(local: &Path, reason: &str) -> Error {
    let message = format!("cannot log this path: {reason}");
    Error::new(ErrorKind::InvalidInput, message).with_path(local)
}

fn local_error(local: &Path, source: io::Error) -> Error {
    let error = match source.kind() {
        io::ErrorKind::NotFound => Error::new(ErrorKind::NotFound, "there is no such file"),
        _ => Error::new(ErrorKind::Io, "cannot read the file"),
    };
    error.with_source(source).with_path(local)
}
