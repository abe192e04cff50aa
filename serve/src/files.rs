//! The files of models, copied out of the database for the workers.

use std::collections::HashMap;
use std::fs;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, PoisonError, Weak};

use tracklite::Database;
use tracklite::artifact::ArtifactOwner;
use tracklite::endpoint::ServedEntity;
use tracklite::feature::FeatureSpec;

use crate::environment::Environment;

/// The files of a version in a folder, which is removed when this is dropped.
pub(crate) struct ModelFiles {
    folder: tempfile::TempDir,
}

impl ModelFiles {
    pub(crate) fn path(&self) -> &Path {
        self.folder.path()
    }

    /// Returns whether there is a model, and not only lookups of features.
    pub(crate) fn has_model(&self) -> bool {
        self.has("MLmodel")
    }

    fn has(&self, name: &str) -> bool {
        fs::exists(self.path().join(name)).unwrap_or(false)
    }
}

/// A version to run: its files, and the Python environment of its workers.
pub(crate) struct Source {
    pub(crate) files: Arc<ModelFiles>,
    pub(crate) environment: Arc<Environment>,
}

/// The files of all versions that are served now.
///
/// The files of a version never change, so that the model and the version identify them.
pub(crate) struct Shelf {
    folder: PathBuf,
    known: Mutex<HashMap<(u128, u64), Weak<ModelFiles>>>,
}

impl Shelf {
    pub(crate) fn new(folder: PathBuf) -> Shelf {
        Shelf { folder, known: Mutex::default() }
    }

    /// Returns the files of a served version. It blocks.
    pub(crate) fn take(
        &self,
        database: &Database,
        entity: &ServedEntity,
    ) -> Result<Arc<ModelFiles>, String> {
        let key = (entity.model.to_bits(), entity.version);
        if let Some(files) = self.known().get(&key).and_then(Weak::upgrade) {
            return Ok(files);
        }
        let files = Arc::new(self.copied(database, entity)?);
        let mut known = self.known();
        known.retain(|_, files| files.strong_count() > 0);
        known.insert(key, Arc::downgrade(&files));
        Ok(files)
    }

    fn known(&self) -> std::sync::MutexGuard<'_, HashMap<(u128, u64), Weak<ModelFiles>>> {
        self.known.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn copied(&self, database: &Database, entity: &ServedEntity) -> Result<ModelFiles, String> {
        let (name, version) = (&entity.model_name, entity.version);
        let failed = |error: &dyn std::fmt::Display| {
            format!("the files of version {version} of {name:?} cannot be copied: {error}")
        };
        let owner = ArtifactOwner::ModelVersion { model: entity.model, version };
        let folder = tempfile::tempdir_in(&self.folder).map_err(|error| failed(&error))?;
        let copied = database
            .artifacts_of(owner)
            .and_then(|artifacts| artifacts.download("", folder.path()));
        copied.map_err(|error| failed(&error))?;
        let files = ModelFiles { folder };
        if !files.has_model() && !files.has(FeatureSpec::FILE) {
            return Err(format!(
                "version {version} of {name:?} has no file MLmodel in this tracklite file: \
                 register a model that was logged to it"
            ));
        }
        Ok(files)
    }
}
