//! Artifacts: files of runs and models, stored in the database.
//!
//! [`Run::artifacts`] and [`Database::artifacts_of`] return [`Artifacts`], which writes, lists and
//! reads the files.

pub(crate) mod builder;
pub(crate) mod download;
pub(crate) mod reader;
pub(crate) mod run;
pub(crate) mod upload;

use std::collections::BTreeMap;
use std::fmt;
use std::path::{Path, PathBuf};

use serde::Serialize;

use crate::artifact::download::Target;
use crate::artifact::upload::{Planned, Source, delete, no_such_artifact, refer, upload};
use crate::database::Database;
use crate::engine::Engine;
use crate::entity::artifact_path::{check_kept_path, media_type};
use crate::entity::id::Timestamp;
use crate::error::{Error, ErrorKind, Result};
use crate::format::record::ArtifactReferenced;
use crate::index::Artifact;
use crate::run::Run;

pub use crate::artifact::builder::ArtifactUpload;
pub use crate::artifact::reader::ArtifactReader;
pub use crate::entity::artifact_path::check_path;
pub use crate::entity::{ArtifactInfo, ArtifactOwner, ContentHash};

/// The artifacts of a run or model: files that are stored in the database itself.
///
/// A path is relative, uses `/` as its separator, and has at most 1,000 bytes. A folder exists
/// while it contains files. Writing to an existing path replaces the file.
///
/// Files are stored as chunks under their BLAKE3 hashes. Equal chunks are stored once, even if
/// they belong to different files or runs. A file appears completely or not at all, and only after
/// its bytes were synced.
///
/// # Errors
///
/// All methods that write may fail with:
///
/// - [`ErrorKind::InvalidInput`] if the path is empty or absolute, leads upwards, or has an empty
///   part, a drive letter, a backslash, a control character or `#`. This includes `%` escapes.
/// - [`ErrorKind::InvalidInput`] if a folder exists at the path of the file, or a file at the path
///   of one of its folders.
/// - [`ErrorKind::InvalidState`] if the run or model is deleted, the run was finished through this
///   handle, or the owner is a model version that is not pending, because its files never change.
/// - [`ErrorKind::NotFound`] if the run or model does not exist.
///
/// # Performance
///
/// Logging a file takes one sync. Logging a folder takes one sync for each 4,096 files. Both use
/// about 15 MiB of memory for files of any size.
///
/// ```
/// # let folder = tempfile::tempdir()?;
/// # let database = tracklite::Database::create(folder.path().join("runs.tracklite"))?;
/// let artifacts = database.default_experiment()?.start_run("")?.artifacts();
/// artifacts.log_text("the best so far", "model/notes.txt")?;
/// artifacts.log_bytes(&[1, 2, 3], "model/weights.bin")?;
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
    /// The handle of the run, which refuses writes once it is finished.
    run: Option<Run>,
}

impl Artifacts {
    pub(crate) fn new(database: Database, owner: ArtifactOwner, run: Option<Run>) -> Self {
        Artifacts { database, owner, run }
    }

    fn engine(&self) -> &Engine {
        self.database.engine()
    }

    /// Returns the owner of the artifacts.
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

    /// Logs a local file as the artifact `path`.
    ///
    /// If the file changes during the call, the bytes that were read are stored.
    ///
    /// # Errors
    ///
    /// - [`ErrorKind::NotFound`] if there is no such file.
    /// - [`ErrorKind::Io`] if the file cannot be read.
    /// - [`ErrorKind::InvalidInput`] if it is not a regular file, or is the database itself.
    pub fn log_file(&self, file: impl AsRef<Path>, path: &str) -> Result<()> {
        self.upload().file(file, path)
    }

    /// Logs all files in a local folder and its subfolders below `path`.
    ///
    /// The empty path is the root. Links to files are followed.
    ///
    /// # Errors
    ///
    /// These are reported before anything is logged:
    ///
    /// - [`ErrorKind::InvalidInput`] if the folder contains a link to a folder, a device or socket,
    ///   or a name that is not UTF-8 or not a legal path.
    /// - [`ErrorKind::NotFound`] or [`ErrorKind::Io`] if the folder cannot be read.
    pub fn log_folder(&self, folder: impl AsRef<Path>, path: &str) -> Result<()> {
        self.upload().folder(folder, path)
    }

    /// Logs bytes as the artifact `path`.
    pub fn log_bytes(&self, bytes: &[u8], path: &str) -> Result<()> {
        self.upload().bytes(bytes, path)
    }

    /// Logs a text as UTF-8.
    pub fn log_text(&self, text: &str, path: &str) -> Result<()> {
        self.log_bytes(text.as_bytes(), path)
    }

    /// Logs a value as indented JSON.
    ///
    /// # Errors
    ///
    /// - [`ErrorKind::InvalidInput`] if the value cannot be serialized as JSON.
    pub fn log_json(&self, value: &impl Serialize, path: &str) -> Result<()> {
        let bytes = serde_json::to_vec_pretty(value).map_err(|source| {
            let message = format!("the value for {path:?} cannot be serialized as JSON");
            Error::new(ErrorKind::InvalidInput, message).with_source(source)
        });
        self.log_bytes(&self.located(bytes)?, path)
    }

    /// Logs an encoded image at a step and returns its path.
    ///
    /// A step may have any number of images. MLflow's viewers find the image, because its path
    /// follows their rule: `images/KEY%step%STEP%timestamp%MILLISECONDS%ID.png`. Each `/` of the
    /// key becomes `#`.
    ///
    /// # Errors
    ///
    /// - [`ErrorKind::InvalidInput`] if the bytes are not PNG, JPEG, WebP or GIF.
    pub fn log_image(&self, image: &[u8], key: &str, step: i64) -> Result<String> {
        let ending = self.located(image_ending(image))?;
        // The first letter is not a hexadecimal digit, so that the `%` before it is not an escape.
        let id = format!("x{:031x}", self.engine().random_bits()? >> 4);
        let (key, time) = (key.replace('/', "#"), Timestamp::now().as_millis());
        let path = format!("images/{key}%step%{step}%timestamp%{time}%{id}.{ending}");
        self.located(check_kept_path(&path))?;
        let size = image.len() as u64;
        let planned = Planned { path: path.clone(), source: Source::Bytes(image), size };
        self.run_upload(&[planned], false, &mut |_| Ok(()))?;
        Ok(path)
    }

    /// Logs a reference to a file that stays outside the database.
    ///
    /// Listings show it as `path`, with its size and digest if they are known. It cannot be opened.
    ///
    /// # Errors
    ///
    /// - [`ErrorKind::InvalidInput`] if `uri` is blank.
    pub fn log_reference(
        &self,
        uri: &str,
        path: &str,
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

    /// Lists the files and folders directly in a folder, ordered by path.
    ///
    /// The empty path is the root. The list is empty if the path is a file or does not exist, like
    /// in MLflow.
    ///
    /// # Performance
    ///
    /// Reads the rows of all files below the folder, also in its subfolders.
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

    /// Lists the files of all folders, ordered by path.
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

    /// Returns the size, type, digest and time of a file.
    ///
    /// # Errors
    ///
    /// - [`ErrorKind::NotFound`] if there is no such file.
    pub fn info(&self, path: &str) -> Result<ArtifactInfo> {
        Ok(self.find(path)?.info)
    }

    fn find(&self, path: &str) -> Result<Artifact> {
        let found = self.engine().with_index(|index, _| index.artifact(&self.owner, path))?;
        found.ok_or_else(|| self.engine().locate(no_such_artifact(&self.owner, path)))
    }

    /// Opens a file for reading.
    ///
    /// # Errors
    ///
    /// - [`ErrorKind::NotFound`] if there is no such file.
    /// - [`ErrorKind::InvalidState`] if the path is a reference to a file outside the database.
    /// - [`ErrorKind::Damaged`] if the file is damaged.
    pub fn open(&self, path: &str) -> Result<ArtifactReader> {
        ArtifactReader::open(&self.database, self.find(path)?)
    }

    /// Reads and checks all bytes of a file.
    ///
    /// # Errors
    ///
    /// - Those of [`Artifacts::open`].
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

    /// Writes a file or folder to a local folder under the same path, and returns its local path.
    ///
    /// The empty path means all files. Missing folders are created, and existing files are
    /// replaced. References in a folder are skipped. Links in the local folder are not followed, so
    /// that nothing is written outside it.
    ///
    /// # Errors
    ///
    /// - [`ErrorKind::NotFound`] if there is no such file or folder.
    /// - [`ErrorKind::InvalidInput`] if a part of the local path is a link, or a file in place of a
    ///   folder.
    /// - [`ErrorKind::Io`] if a file cannot be written.
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

    /// Deletes a file, or a folder with all its files.
    ///
    /// The next [`Database::gc`] frees the chunks that no other file shares.
    ///
    /// # Errors
    ///
    /// - [`ErrorKind::NotFound`] if there is no such file or folder.
    pub fn delete(&self, path: &str) -> Result<()> {
        self.check_open()?;
        self.located(check_kept_path(path).and_then(|()| delete(self.engine(), self.owner, path)))
    }

    fn run_upload(
        &self,
        planned: &[Planned<'_>],
        is_new: bool,
        progress: &mut dyn FnMut(u64) -> Result<()>,
    ) -> Result<()> {
        self.check_open()?;
        self.located(upload(self.engine(), self.owner, planned, is_new, progress))
    }
}

impl fmt::Debug for Artifacts {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("Artifacts").field(&self.owner).finish()
    }
}

/// Returns the file extension of an image by its first bytes.
fn image_ending(image: &[u8]) -> Result<&'static str> {
    let ending = match image {
        [0x89, b'P', b'N', b'G', ..] => "png",
        [0xff, 0xd8, 0xff, ..] => "jpg",
        [b'G', b'I', b'F', b'8', ..] => "gif",
        [b'R', b'I', b'F', b'F', _, _, _, _, b'W', b'E', b'B', b'P', ..] => "webp",
        _ => {
            let message = "the image must be encoded as PNG, JPEG, WebP or GIF";
            return Err(Error::new(ErrorKind::InvalidInput, message));
        }
    };
    debug_assert!(media_type(&format!("a.{ending}")).is_some());
    Ok(ending)
}
