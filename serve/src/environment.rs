//! The Python environments of models: that of the server, and those with a model's requirements.

use std::fs::{self, File};
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::SystemTime;

use tokio::sync::Mutex;

use crate::python;
use crate::zygote::Zygote;

/// A Python with the packages that models need.
pub(crate) struct Environment {
    python: PathBuf,
    /// The process that forks its workers.
    zygote: Mutex<Option<Arc<Zygote>>>,
    in_use: Option<InUse>,
}

/// Keeps the folder of an environment from being removed.
pub(crate) struct InUse(File);

impl InUse {
    /// Holds a lock that is shared with other users.
    pub(crate) fn new(lock: File) -> InUse {
        let in_use = InUse(lock);
        in_use.note();
        in_use
    }

    /// Notes the time, by which the environment is old or not.
    fn note(&self) {
        if let Err(error) = self.0.set_modified(SystemTime::now()) {
            log::warn!("the use of an environment cannot be noted: {error}");
        }
    }
}

impl Drop for InUse {
    fn drop(&mut self) {
        self.note();
    }
}

impl Environment {
    /// Returns the environment of a Python program.
    pub(crate) fn new(python: PathBuf, in_use: Option<InUse>) -> Environment {
        Environment { python, zygote: Mutex::default(), in_use }
    }

    /// Returns the process that forks workers. Starts one if there is none, or the last one has
    /// died.
    pub(crate) async fn zygote(
        &self,
        program: &Path,
        socket: &Path,
    ) -> Result<Arc<Zygote>, String> {
        let mut kept = self.zygote.lock().await;
        if let Some(zygote) = kept.as_ref().filter(|zygote| zygote.is_alive()) {
            return Ok(Arc::clone(zygote));
        }
        let python = python::found(&self.python)?;
        let zygote = Arc::new(Zygote::start(&python, program, socket).await.map_err(|reason| {
            match self.in_use {
                Some(_) => format!("{reason}: are all packages in its requirements.txt?"),
                None => reason,
            }
        })?);
        *kept = Some(Arc::clone(&zygote));
        Ok(zygote)
    }
}

/// Returns whether a folder has an environment whose Python is still installed.
pub(crate) fn is_made(place: &Path) -> bool {
    fs::exists(program(place)).unwrap_or(false)
}

/// Returns the Python of an environment in a folder.
pub(crate) fn program(place: &Path) -> PathBuf {
    place.join("bin").join("python")
}
