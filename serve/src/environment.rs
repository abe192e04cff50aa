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
    /// The Python that encloses this one, because this one's packages came with a model.
    enclosed_by: Option<PathBuf>,
    /// The process that forks its workers.
    zygote: Mutex<Option<Arc<Zygote>>>,
    #[expect(dead_code, reason = "it is held, not read")]
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
    /// Returns the environment of a Python program that is trusted.
    pub(crate) fn trusted(python: PathBuf) -> Environment {
        Environment { python, enclosed_by: None, zygote: Mutex::default(), in_use: None }
    }

    /// Returns the environment in a folder, whose packages came with a model. Its Python may run
    /// code of theirs when it starts, so a trusted one encloses it first.
    pub(crate) fn enclosed(place: &Path, by: PathBuf, in_use: InUse) -> Environment {
        let (zygote, in_use) = (Mutex::default(), Some(in_use));
        Environment { python: program(place), enclosed_by: Some(by), zygote, in_use }
    }

    /// Returns the process that forks workers. Starts one if there is none, or the last one has
    /// died. `network` is whether code of models may use the network.
    pub(crate) async fn zygote(
        &self,
        program: &Path,
        socket: &Path,
        network: bool,
    ) -> Result<Arc<Zygote>, String> {
        let mut kept = self.zygote.lock().await;
        if let Some(zygote) = kept.as_ref().filter(|zygote| zygote.is_alive()) {
            return Ok(Arc::clone(zygote));
        }
        let python = python::found(&self.python)?;
        let started = match &self.enclosed_by {
            None => Zygote::start(&python, &[program, socket]).await,
            Some(trusted) => {
                let (word, network) = ("--enclose", if network { "open" } else { "closed" });
                let words = [program, word.as_ref(), &python, network.as_ref(), socket];
                let started = Zygote::start(&python::found(trusted)?, &words).await;
                started.map_err(|reason| {
                    format!("{reason}: are all packages in its requirements.txt?")
                })
            }
        };
        let zygote = Arc::new(started?);
        *kept = Some(Arc::clone(&zygote));
        Ok(zygote)
    }
}

/// Returns whether a folder has an environment whose Python is still installed.
pub(crate) fn is_made(place: &Path) -> bool {
    fs::exists(program(place)).unwrap_or(false)
}

/// Returns the Python of an environment in a folder.
fn program(place: &Path) -> PathBuf {
    place.join("bin").join("python")
}
