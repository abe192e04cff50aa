//! Artifacts: the files of a run, kept in the database.

pub(crate) mod download;
pub(crate) mod reader;
pub(crate) mod run;
#[cfg(feature = "parquet")]
pub(crate) mod table;
pub(crate) mod upload;

use std::collections::BTreeMap;
use std::ffi::OsStr;
use std::fmt;
use std::fs;
use std::io;
use std::path::{Path, PathBuf};

use serde::Serialize;

use crate::artifact::download::Target;
use crate::artifact::upload::{Planned, Source, delete, no_such_artifact, refer, upload};
use crate::database::Database;
use crate::engine::Engine;
use crate::entity::artifact_path::{check_kept_path, check_path, media_type};
use crate::entity::id::Timestamp;
use crate::error::{Error, ErrorKind, Result};
use crate::format::record::ArtifactReferenced;
use crate::index::Artifact;
use crate::run::Run;

pub use crate::artifact::reader::ArtifactReader;
pub use crate::entity::{ArtifactInfo, ArtifactOwner, ContentHash};

/// Folders within folders that `log_folder` follows.
const DEPTH_MAX: usize = 100;

/// The artifacts of a run: files, kept in the database itself.
///
/// A path is relative, with `/` between its parts, and has at most 1,000 bytes; folders are there
/// as long as there are files in them. A path that is empty, absolute, leads upwards, has an empty
/// part, a drive letter, a backslash, a control character or `#`, also as a `%` escape, is
/// [`ErrorKind::InvalidInput`], and so is one that would make a file of a folder or the other way
/// round. Writing a path that is there replaces the file.
///
/// Files are stored in chunks by their BLAKE3 hash: what is stored already, in whatever file of
/// whatever run, takes no more space. A file appears whole or not at all, and only after its bytes
/// were synced: logging one costs a sync, logging a folder one for each 4,096 files. It takes about
/// 15 MiB of memory, however large the file is.
///
/// ```
/// # let folder = tempfile::tempdir()?;
/// # let database = tracklite::Database::create(folder.path().join("runs.tracklite"))?;
/// let artifacts = database.default_experiment()?.start_run("")?.artifacts();
/// artifacts.log_text("model/notes.txt", "the best so far")?;
/// artifacts.log_bytes("model/weights.bin", &[1, 2, 3])?;
/// assert_eq!(artifacts.read("model/weights.bin")?, [1, 2, 3]);
/// let root = artifacts.list("")?;
/// assert!(root[0].is_folder && root[0].path == "model");
/// artifacts.delete("model/notes.txt")?;
/// assert_eq!(artifacts.list("model")?.len(), 1);
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Clone)]
pub struct Artifacts {
    database: Database,
    owner: ArtifactOwner,
    /// The handle of the run, which may be done.
    run: Option<Run>,
}

impl Artifacts {
    pub(crate) fn new(database: Database, owner: ArtifactOwner, run: Option<Run>) -> Self {
        Artifacts { database, owner, run }
    }

    fn engine(&self) -> &Engine {
        self.database.engine()
    }

    /// What the artifacts belong to.
    #[must_use]
    pub fn owner(&self) -> ArtifactOwner {
        self.owner
    }

    fn check_open(&self) -> Result<()> {
        self.run.as_ref().map_or(Ok(()), Run::check_open)
    }

    fn located<T>(&self, result: Result<T>) -> Result<T> {
        self.engine().located(result)
    }

    /// Logs files with a say in how.
    pub fn upload(&self) -> ArtifactUpload<'_> {
        ArtifactUpload { artifacts: self, progress: Box::new(|_| Ok(())) }
    }

    /// Logs a file as the artifact `path`.
    ///
    /// One that cannot be read is [`ErrorKind::NotFound`] or [`ErrorKind::Io`]; one that changes
    /// while it is read is stored as it was read.
    pub fn log_file(&self, file: impl AsRef<Path>, path: &str) -> Result<()> {
        self.upload().file(file, path)
    }

    /// Logs all files in a folder and in the folders in it, below `path`; the empty path is the
    /// root.
    ///
    /// Links to files are followed. A link to a folder, a name that is not UTF-8 or no legal path,
    /// and what is neither file nor folder is [`ErrorKind::InvalidInput`], before anything is
    /// logged.
    pub fn log_folder(&self, folder: impl AsRef<Path>, path: &str) -> Result<()> {
        self.upload().folder(folder, path)
    }

    /// Logs bytes as the artifact `path`.
    pub fn log_bytes(&self, path: &str, bytes: &[u8]) -> Result<()> {
        self.upload().bytes(bytes, path)
    }

    /// Logs a text, in UTF-8.
    pub fn log_text(&self, path: &str, text: &str) -> Result<()> {
        self.log_bytes(path, text.as_bytes())
    }

    /// Logs a value as JSON, indented. One that JSON cannot tell is [`ErrorKind::InvalidInput`].
    pub fn log_json(&self, path: &str, value: &impl Serialize) -> Result<()> {
        let bytes = serde_json::to_vec_pretty(value).map_err(|source| {
            let message = format!("the value of {path:?} cannot be told as JSON");
            Error::new(ErrorKind::InvalidInput, message).with_source(source)
        });
        self.log_bytes(path, &self.located(bytes)?)
    }

    /// Logs an image at a step, encoded as PNG, JPEG, WebP or GIF; any number at a step.
    ///
    /// Its path is made as MLflow makes it, so that what shows images there finds them:
    /// `images/KEY%step%STEP%timestamp%MILLISECONDS%ID.png`, with `#` for each `/` of the key.
    /// Gives that path. Other bytes are [`ErrorKind::InvalidInput`].
    pub fn log_image(&self, key: &str, image: &[u8], step: i64) -> Result<String> {
        let ending = self.located(image_ending(image))?;
        let random = self.engine().random_bits();
        let id = self.located(random)?;
        // Begins with a letter that is no hexadecimal digit: `%` before it is no escape.
        let id = format!("x{:031x}", id >> 4);
        let (key, time) = (key.replace('/', "#"), Timestamp::now().as_millis());
        let path = format!("images/{key}%step%{step}%timestamp%{time}%{id}.{ending}");
        self.located(check_kept_path(&path))?;
        let size = image.len() as u64;
        let planned = Planned { path: path.clone(), source: Source::Bytes(image), size };
        self.run_upload(&[planned], &mut |_| Ok(()))?;
        Ok(path)
    }

    /// Notes a file that stays outside of the database: where it is, and its size and digest as far
    /// as they are known. `path` stands for it in listings; it cannot be opened.
    pub fn log_reference(
        &self,
        path: &str,
        uri: &str,
        size: Option<u64>,
        digest: Option<&str>,
    ) -> Result<()> {
        self.check_open()?;
        let checked = check_path(path).and_then(|()| match uri.trim() {
            "" => Err(Error::new(ErrorKind::InvalidInput, "the address of a reference is blank")),
            _ => Ok(()),
        });
        self.located(checked)?;
        let reference = ArtifactReferenced {
            owner: self.owner,
            time: Timestamp::now_nanos(),
            path: path.to_owned(),
            uri: uri.to_owned(),
            size,
            digest: digest.map(str::to_owned),
        };
        self.located(refer(self.engine(), &reference))
    }

    /// What is directly in a folder, by path; the empty path is the root. Of a file, and of a path
    /// that does not exist, nothing, as in MLflow. Costs the rows of all that is below the folder.
    pub fn list(&self, folder: &str) -> Result<Vec<ArtifactInfo>> {
        let start = if folder.is_empty() { 0 } else { folder.len() + 1 };
        let mut found: BTreeMap<String, ArtifactInfo> = BTreeMap::new();
        for info in self.list_within(folder)? {
            let name = info.path.get(start..).unwrap_or_default();
            let Some((name, _)) = name.split_once('/') else {
                found.insert(info.path.clone(), info);
                continue;
            };
            let path = info.path.get(..start + name.len()).unwrap_or_default().to_owned();
            let folder = found.entry(path.clone()).or_insert_with(|| ArtifactInfo {
                path,
                is_folder: true,
                size: None,
                media_type: None,
                digest: None,
                uri: None,
                written: info.written,
            });
            folder.written = folder.written.max(info.written);
        }
        Ok(found.into_values().collect())
    }

    /// All files, in whatever folder, by path.
    pub fn list_all(&self) -> Result<Vec<ArtifactInfo>> {
        self.list_within("")
    }

    fn list_within(&self, folder: &str) -> Result<Vec<ArtifactInfo>> {
        let found = self.within(folder)?;
        Ok(found.into_iter().map(|artifact| artifact.info).collect())
    }

    fn within(&self, folder: &str) -> Result<Vec<Artifact>> {
        self.engine().with_index(|index, _| index.artifacts_within(&self.owner, folder))
    }

    /// What is told of a file; [`ErrorKind::NotFound`] when there is none of this path.
    pub fn info(&self, path: &str) -> Result<ArtifactInfo> {
        Ok(self.find(path)?.info)
    }

    fn find(&self, path: &str) -> Result<Artifact> {
        let found = self.engine().with_index(|index, _| index.artifact(&self.owner, path))?;
        found.ok_or_else(|| self.engine().locate(no_such_artifact(&self.owner, path)))
    }

    /// Opens a file for reading; [`ErrorKind::NotFound`] when there is none of this path, and
    /// [`ErrorKind::InvalidState`] when the path stands for a file outside of the database.
    pub fn open(&self, path: &str) -> Result<ArtifactReader> {
        ArtifactReader::open(&self.database, self.find(path)?)
    }

    /// All bytes of a file, checked; see [`Artifacts::open`].
    pub fn read(&self, path: &str) -> Result<Vec<u8>> {
        let mut reader = self.open(path)?;
        let mut bytes = Vec::new();
        loop {
            let piece = reader.piece()?;
            if piece.is_empty() {
                return Ok(bytes);
            }
            bytes.extend_from_slice(piece);
            let length = piece.len();
            reader.advance(length);
        }
    }

    /// Writes a file, or a folder with all that is in it, to a local folder, under the same path;
    /// gives where it is. The empty path stands for all there is.
    ///
    /// Folders are made as needed, files replaced. Nothing is written outside of the folder: a link
    /// in it is not followed but [`ErrorKind::InvalidInput`]. References of a folder are left out;
    /// a path that does not exist is [`ErrorKind::NotFound`].
    pub fn download(&self, path: &str, folder: impl AsRef<Path>) -> Result<PathBuf> {
        let folder = folder.as_ref();
        let mut artifacts: Vec<Artifact> = self.within(path)?;
        artifacts.retain(|artifact| artifact.info.uri.is_none());
        if artifacts.is_empty() && !path.is_empty() {
            artifacts.push(self.find(path)?);
        }
        let target = Target::open(folder)?;
        for artifact in artifacts {
            let path = artifact.info.path.clone();
            target.write(&path, &mut ArtifactReader::open(&self.database, artifact)?)?;
        }
        Ok(if path.is_empty() { folder.to_owned() } else { folder.join(path) })
    }

    /// Deletes a file, or a folder with all that is in it; [`ErrorKind::NotFound`] when there is
    /// neither. Its space comes back with the next `gc`, as far as no other file shares it.
    pub fn delete(&self, path: &str) -> Result<()> {
        self.check_open()?;
        self.located(check_kept_path(path).and_then(|()| delete(self.engine(), self.owner, path)))
    }

    fn run_upload(
        &self,
        planned: &[Planned<'_>],
        progress: &mut dyn FnMut(u64) -> Result<()>,
    ) -> Result<()> {
        self.check_open()?;
        self.located(upload(self.engine(), self.owner, planned, progress))
    }
}

impl fmt::Debug for Artifacts {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("Artifacts").field(&self.owner).finish()
    }
}

/// Logs files and tells how far it is.
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
#[must_use = "nothing is logged until it is said what"]
pub struct ArtifactUpload<'a> {
    artifacts: &'a Artifacts,
    progress: Box<dyn FnMut(u64) -> Result<()> + 'a>,
}

impl<'a> ArtifactUpload<'a> {
    /// Calls `progress` with the number of bytes read so far, at least every 4 MiB and at the end
    /// of each file. Files may have to be read again, when a `gc` frees what they share: then it
    /// counts again from where they begin.
    ///
    /// An error of `progress` ends the upload, which fails with it; nothing of it stays but what
    /// a folder of more than 4,096 files has completed before.
    pub fn progress(mut self, progress: impl FnMut(u64) -> Result<()> + 'a) -> Self {
        self.progress = Box::new(progress);
        self
    }

    /// See [`Artifacts::log_file`].
    pub fn file(self, file: impl AsRef<Path>, path: &str) -> Result<()> {
        let file = file.as_ref();
        self.artifacts.located(check_path(path))?;
        let size = fs::metadata(file).map_err(|source| local_error(file, source))?.len();
        let source = Source::File(file.to_owned());
        self.run(&[Planned { path: path.to_owned(), source, size }])
    }

    /// See [`Artifacts::log_folder`].
    pub fn folder(self, folder: impl AsRef<Path>, path: &str) -> Result<()> {
        let folder = folder.as_ref();
        if !path.is_empty() {
            self.artifacts.located(check_path(path))?;
        }
        let mut planned = Vec::new();
        plan_folder(folder, path, DEPTH_MAX, &mut planned)?;
        self.run(&planned)
    }

    /// See [`Artifacts::log_bytes`].
    pub fn bytes(self, bytes: &[u8], path: &str) -> Result<()> {
        self.artifacts.located(check_path(path))?;
        let size = bytes.len() as u64;
        self.run(&[Planned { path: path.to_owned(), source: Source::Bytes(bytes), size }])
    }

    fn run(mut self, planned: &[Planned<'_>]) -> Result<()> {
        self.artifacts.run_upload(planned, &mut *self.progress)
    }
}

impl fmt::Debug for ArtifactUpload<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("ArtifactUpload").field("artifacts", self.artifacts).finish_non_exhaustive()
    }
}

/// Adds the files in a folder to what is to be logged, by name.
fn plan_folder(
    folder: &Path,
    path: &str,
    depth: usize,
    planned: &mut Vec<Planned<'_>>,
) -> Result<()> {
    let failed = |source| local_error(folder, source);
    if depth == 0 {
        return Err(unfit(folder, "lies in too many folders"));
    }
    let entries = fs::read_dir(folder).map_err(failed)?;
    let mut names = entries.map(|entry| Ok(entry?.file_name())).collect::<io::Result<Vec<_>>>();
    names.as_mut().map(|names| names.sort_unstable()).map_err(|it| failed(copied(it)))?;
    for name in names.map_err(failed)? {
        let local = folder.join(&name);
        let path =
            joined(path, &name).ok_or_else(|| unfit(&local, "has a name that is not UTF-8"))?;
        check_path(&path).map_err(|error| error.with_path(&local))?;
        let kind = fs::symlink_metadata(&local).map_err(|source| local_error(&local, source))?;
        if kind.is_dir() {
            plan_folder(&local, &path, depth - 1, planned)?;
            continue;
        }
        let facts = fs::metadata(&local).map_err(|source| local_error(&local, source))?;
        if !facts.is_file() {
            return Err(unfit(&local, "is neither a file nor a folder, nor a link to a file"));
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

fn unfit(local: &Path, what: &str) -> Error {
    Error::new(ErrorKind::InvalidInput, format!("it {what}, and cannot be logged")).with_path(local)
}

fn local_error(local: &Path, source: io::Error) -> Error {
    let error = match source.kind() {
        io::ErrorKind::NotFound => Error::new(ErrorKind::NotFound, "there is no such file"),
        _ => Error::new(ErrorKind::Io, "it cannot be read"),
    };
    error.with_source(source).with_path(local)
}

/// The ending of the name of an image, by its first bytes.
fn image_ending(image: &[u8]) -> Result<&'static str> {
    let ending = match image {
        [0x89, b'P', b'N', b'G', ..] => "png",
        [0xff, 0xd8, 0xff, ..] => "jpg",
        [b'G', b'I', b'F', b'8', ..] => "gif",
        [b'R', b'I', b'F', b'F', _, _, _, _, b'W', b'E', b'B', b'P', ..] => "webp",
        _ => {
            let message = "the bytes of an image must be PNG, JPEG, WebP or GIF";
            return Err(Error::new(ErrorKind::InvalidInput, message));
        }
    };
    debug_assert!(media_type(&format!("a.{ending}")).is_some());
    Ok(ending)
}
