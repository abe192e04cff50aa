//! Calls of runs and of the database for artifacts.

use std::path::Path;

use serde::Serialize;

use crate::artifact::Artifacts;
use crate::database::Database;
use crate::entity::ArtifactOwner;
use crate::error::{Error, ErrorKind, Result};
use crate::run::Run;

impl Database {
    /// Returns the artifacts of a run, a logged model or a model version.
    ///
    /// # Errors
    ///
    /// - [`ErrorKind::NotFound`] if the owner is a run that does not exist.
    pub fn artifacts_of(&self, owner: ArtifactOwner) -> Result<Artifacts> {
        match owner {
            ArtifactOwner::Run(id) => Ok(self.run(id)?.artifacts()),
            other => Ok(Artifacts::new(self.clone(), other, None)),
        }
    }
}

impl Run {
    /// Returns the artifacts of the run.
    #[must_use]
    pub fn artifacts(&self) -> Artifacts {
        let owner = ArtifactOwner::Run(self.id());
        Artifacts::new(self.database().clone(), owner, Some(self.clone()))
    }

    /// Logs a local file under its own name in `folder`, like MLflow's `artifact_path`.
    ///
    /// The empty folder is the root.
    ///
    /// # Errors
    ///
    /// - Those of [`Artifacts::log_file`].
    /// - [`ErrorKind::InvalidInput`] if the name of the file is not UTF-8.
    pub fn log_artifact(&self, file: impl AsRef<Path>, folder: &str) -> Result<()> {
        let file = file.as_ref();
        let Some(name) = file.file_name().and_then(|name| name.to_str()) else {
            let message = "the path has no file name in UTF-8; name it with `Artifacts::log_file`";
            return Err(Error::new(ErrorKind::InvalidInput, message).with_path(file));
        };
        let path = if folder.is_empty() { name.to_owned() } else { format!("{folder}/{name}") };
        self.artifacts().log_file(file, &path)
    }

    /// Logs all files in a local folder below `path`, like [`Artifacts::log_folder`].
    pub fn log_artifacts(&self, folder: impl AsRef<Path>, path: &str) -> Result<()> {
        self.artifacts().log_folder(folder, path)
    }

    /// Logs bytes as an artifact, like [`Artifacts::log_bytes`].
    pub fn log_bytes(&self, bytes: &[u8], path: &str) -> Result<()> {
        self.artifacts().log_bytes(bytes, path)
    }

    /// Logs a text as an artifact, like [`Artifacts::log_text`].
    pub fn log_text(&self, text: &str, path: &str) -> Result<()> {
        self.artifacts().log_text(text, path)
    }

    /// Logs a value as a JSON artifact, like [`Artifacts::log_json`].
    pub fn log_json(&self, value: &impl Serialize, path: &str) -> Result<()> {
        self.artifacts().log_json(value, path)
    }

    /// Logs an encoded image at a step, like [`Artifacts::log_image`].
    pub fn log_image(&self, image: &[u8], key: &str, step: i64) -> Result<String> {
        self.artifacts().log_image(image, key, step)
    }
}
