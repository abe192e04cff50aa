//! Artifacts from where they are wanted: short calls of runs, and of the database.

use std::path::Path;

use serde::Serialize;

use crate::artifact::Artifacts;
use crate::database::Database;
use crate::entity::ArtifactOwner;
use crate::error::{Error, ErrorKind, Result};
use crate::run::Run;

impl Database {
    /// The artifacts of a run that is there, or of what else has any; to read them, and to write
    /// those of runs and logged models.
    ///
    /// No such run is [`ErrorKind::NotFound`].
    pub fn artifacts_of(&self, owner: ArtifactOwner) -> Result<Artifacts> {
        match owner {
            ArtifactOwner::Run(id) => Ok(self.run(id)?.artifacts()),
            other => Ok(Artifacts::new(self.clone(), other, None)),
        }
    }
}

impl Run {
    /// The run's files.
    #[must_use]
    pub fn artifacts(&self) -> Artifacts {
        let owner = ArtifactOwner::Run(self.id());
        Artifacts::new(self.database().clone(), owner, Some(self.clone()))
    }

    /// Logs a file under its own name; see [`Artifacts::log_file`].
    pub fn log_artifact(&self, file: impl AsRef<Path>) -> Result<()> {
        let file = file.as_ref();
        match file.file_name().and_then(|name| name.to_str()) {
            Some(name) => self.artifacts().log_file(file, name),
            None => {
                let message = "it has no file name in UTF-8: `Artifacts::log_file` takes another";
                Err(Error::new(ErrorKind::InvalidInput, message).with_path(file))
            }
        }
    }

    /// Logs all that is in a folder; see [`Artifacts::log_folder`].
    pub fn log_artifacts(&self, folder: impl AsRef<Path>) -> Result<()> {
        self.artifacts().log_folder(folder, "")
    }

    /// Logs bytes as an artifact; see [`Artifacts::log_bytes`].
    pub fn log_bytes(&self, path: &str, bytes: &[u8]) -> Result<()> {
        self.artifacts().log_bytes(path, bytes)
    }

    /// Logs a text as an artifact; see [`Artifacts::log_text`].
    pub fn log_text(&self, path: &str, text: &str) -> Result<()> {
        self.artifacts().log_text(path, text)
    }

    /// Logs a value as an artifact in JSON; see [`Artifacts::log_json`].
    pub fn log_json(&self, path: &str, value: &impl Serialize) -> Result<()> {
        self.artifacts().log_json(path, value)
    }

    /// Logs an encoded image at a step; see [`Artifacts::log_image`].
    pub fn log_image(&self, key: &str, image: &[u8], step: i64) -> Result<String> {
        self.artifacts().log_image(key, image, step)
    }
}
