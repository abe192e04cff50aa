//! Makes the environments of models, each once, and keeps them below the cache folder.
//!
//! The key of an environment is a hash of the requirements and of the Python. Its folder appears
//! whole or not at all: it is made beside, then renamed. A file beside it has a lock. The process
//! that makes or removes the folder holds it exclusively, and servers that use it share it.

use std::collections::HashMap;
use std::fs::{self, DirBuilder, File, TryLockError};
use std::io;
use std::os::unix::fs::DirBuilderExt as _;
use std::path::{Path, PathBuf};
use std::process::Stdio;
use std::sync::{Arc, Mutex, PoisonError, Weak};
use std::time::{Duration, SystemTime};

use serde::Deserialize;
use tokio::process::Command;
use tokio::task::spawn_blocking;
use tokio::time::{sleep, timeout};

use crate::environment::{Environment, InUse, is_made};
use crate::python;
use crate::tail::Tail;

/// How long packages may be installed.
const BUILD_TIMEOUT: Duration = Duration::from_secs(30 * 60);
/// How long reading the requirements may take.
const INSPECT_TIMEOUT: Duration = Duration::from_secs(60);
/// The pause between two looks at the lock of another process.
const LOCK_EVERY: Duration = Duration::from_millis(100);
/// How long an environment is kept that no server uses.
const KEPT: Duration = Duration::from_secs(30 * 86_400);
/// How long a folder is kept in which an environment is made. No making takes as long.
const MAKING_KEPT: Duration = Duration::from_secs(86_400);
/// How much of the output is a part of the reason of a failure, in characters.
const REASON_MAX: usize = 3000;
const LOCK: &str = "lock";
const MAKING: &str = "making-";

/// The variables of the program that makes environments. It gets no others, apart from those that
/// lead to the network.
const VARIABLES: &[(&str, &str)] =
    &[("LANG", "C.UTF-8"), ("PATH", "/usr/local/bin:/usr/bin:/bin"), ("PIP_NO_INPUT", "1")];
const NETWORK_VARIABLES: &[&str] = &[
    "HTTP_PROXY",
    "HTTPS_PROXY",
    "NO_PROXY",
    "http_proxy",
    "https_proxy",
    "no_proxy",
    "SSL_CERT_FILE",
];

/// The environments that this process uses.
pub(crate) struct Environments {
    /// That of the server.
    pub(crate) own: Arc<Environment>,
    python: PathBuf,
    maker: PathBuf,
    folder: Option<PathBuf>,
    open: Mutex<HashMap<String, Weak<Environment>>>,
}

/// The key of an environment, or why there can be none.
#[derive(Deserialize)]
#[serde(rename_all = "lowercase")]
enum Inspected {
    Key(String),
    Reason(String),
}

impl Environments {
    /// Removes environments in the folder that no server has used for long. `maker` is the program
    /// that makes others.
    pub(crate) fn open(python: PathBuf, maker: PathBuf, folder: Option<PathBuf>) -> Environments {
        if let Some(folder) = folder.clone() {
            spawn_blocking(move || remove_old(&folder, KEPT));
        }
        let own = Arc::new(Environment::trusted(python.clone()));
        Environments { own, python, maker, folder, open: Mutex::default() }
    }

    /// Returns the environment with the requirements of the model in a folder. Makes it if no
    /// server has made it before. `log` gets what is printed meanwhile.
    pub(crate) async fn of_model(
        &self,
        model: &Path,
        log: &Tail,
    ) -> Result<Arc<Environment>, String> {
        let folder = self.folder.as_ref().ok_or(
            "there is no folder for its environment: set the variable XDG_CACHE_HOME or HOME",
        )?;
        let key = self.key(model).await?;
        if let Some(open) = self.known(&key) {
            return Ok(open);
        }
        let place = folder.join(&key);
        let in_use = self.made(&place, model, log).await?;
        let made = Arc::new(Environment::enclosed(&place, self.python.clone(), in_use));
        // Another load may have been faster. Then both have one process that forks workers.
        let mut open = self.open.lock().unwrap_or_else(PoisonError::into_inner);
        open.retain(|_, known| known.strong_count() > 0);
        let known = open.get(&key).and_then(Weak::upgrade);
        let environment = known.unwrap_or(made);
        open.insert(key, Arc::downgrade(&environment));
        Ok(environment)
    }

    fn known(&self, key: &str) -> Option<Arc<Environment>> {
        let open = self.open.lock().unwrap_or_else(PoisonError::into_inner);
        open.get(key).and_then(Weak::upgrade)
    }

    /// Returns the key of the environment of a model.
    async fn key(&self, model: &Path) -> Result<String, String> {
        let failed = |error: &dyn std::fmt::Display| {
            format!("its requirements cannot be read by {}: {error}", self.python.display())
        };
        let mut command = self.command()?;
        command.arg("inspect").arg(model).stdin(Stdio::null()).kill_on_drop(true);
        let output = timeout(INSPECT_TIMEOUT, command.output()).await;
        let output = output.map_err(|error| failed(&error))?.map_err(|error| failed(&error))?;
        match serde_json::from_slice(&output.stdout) {
            Ok(Inspected::Key(key)) => Ok(key),
            Ok(Inspected::Reason(reason)) => Err(reason),
            Err(_) => Err(failed(&String::from_utf8_lossy(&output.stderr).trim_end())),
        }
    }

    fn command(&self) -> Result<Command, String> {
        let mut command = Command::new(python::found(&self.python)?);
        command.arg(&self.maker).env_clear().envs(VARIABLES.iter().copied());
        for name in NETWORK_VARIABLES {
            if let Some(value) = std::env::var_os(name) {
                command.env(name, value);
            }
        }
        command.process_group(0);
        Ok(command)
    }

    /// Makes an environment, or waits until another load or server has made it.
    async fn made(&self, place: &Path, model: &Path, log: &Tail) -> Result<InUse, String> {
        let failed = |error: io::Error| format!("{} cannot be made: {error}", place.display());
        let folder = place.parent().unwrap_or(place);
        DirBuilder::new().recursive(true).mode(0o700).create(folder).map_err(failed)?;
        loop {
            let path = place.with_extension(LOCK);
            let open = File::options().create(true).append(true).open(path);
            let lock = open.map_err(failed)?;
            let is_there = is_made(place);
            let locked = if is_there { lock.try_lock_shared() } else { lock.try_lock() };
            match locked {
                // It may have been removed, or made, before the lock was taken.
                Ok(()) if is_there != is_made(place) => continue,
                Ok(()) if is_there => return Ok(InUse::new(lock)),
                Ok(()) => {
                    self.make(place, model, log).await?;
                    if !is_made(place) {
                        return Err(not_installed("it has no Python afterwards", log));
                    }
                }
                Err(TryLockError::WouldBlock) => sleep(LOCK_EVERY).await,
                Err(TryLockError::Error(error)) => return Err(failed(error)),
            }
        }
    }

    /// Makes an environment beside its place, and moves it there.
    async fn make(&self, place: &Path, model: &Path, log: &Tail) -> Result<(), String> {
        let failed = |error: io::Error| format!("{} cannot be made: {error}", place.display());
        let folder = place.parent().unwrap_or(place);
        let making = tempfile::Builder::new().prefix(MAKING).tempdir_in(folder).map_err(failed)?;
        let mut command = self.command()?;
        command.arg("build").arg(making.path()).arg(model);
        command.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped());
        let mut child = command.spawn().map_err(failed)?;
        // Closing its standard input ends it with all its children. Killing it would leave them.
        let input = child.stdin.take();
        let printed = (child.stdout.take(), child.stderr.take());
        let (Some(output), Some(errors)) = printed else {
            return Err(failed(io::Error::other("the program has no pipes")));
        };
        let both = async { tokio::join!(log.follow(output), log.follow(errors)) };
        let ended = timeout(BUILD_TIMEOUT, async { tokio::join!(child.wait(), both).0 }).await;
        drop(input);
        match ended {
            Ok(Ok(status)) => match code_in(making.path()) {
                Some(0) => {}
                Some(code) => {
                    let reason = format!("the installation ended with exit code {code}");
                    return Err(not_installed(&reason, log));
                }
                None => {
                    let reason = format!("the installation ended with {status}");
                    return Err(not_installed(&reason, log));
                }
            },
            Ok(Err(error)) => return Err(failed(error)),
            Err(_) => {
                let limit = BUILD_TIMEOUT.as_secs() / 60;
                return Err(not_installed(&format!("it took longer than {limit} minutes"), log));
            }
        }
        let made = making.path().join("environment");
        // A link would lead the enclosed Python to other files.
        if !fs::symlink_metadata(&made).is_ok_and(|facts| facts.is_dir()) {
            return Err(not_installed("its folder is missing, or is a link", log));
        }
        if fs::exists(place).map_err(failed)? {
            // The Python that it was made with is gone.
            fs::rename(place, making.path().join("earlier")).map_err(failed)?;
        }
        fs::rename(made, place).map_err(failed)?;
        let removed = spawn_blocking(move || making.close());
        if let Err(error) = removed.await.map_err(io::Error::other).flatten() {
            log::warn!("the rest of making {} cannot be removed: {error}", place.display());
        }
        Ok(())
    }
}

/// Returns the exit code that the program leaves in its folder, because it kills itself with all
/// its children. Packages can write there too, so only a short file counts.
fn code_in(folder: &Path) -> Option<u8> {
    let path = folder.join("code");
    let facts = fs::symlink_metadata(&path).ok()?;
    let is_short = facts.is_file() && facts.len() < 4;
    is_short.then(|| fs::read_to_string(path).ok()?.parse().ok())?
}

/// Returns why requirements were not installed, with the end of what was printed.
fn not_installed(reason: &str, log: &Tail) -> String {
    let text = log.text();
    let surplus = text.chars().count().saturating_sub(REASON_MAX);
    let end: String = text.chars().skip(surplus).collect();
    format!("its requirements.txt cannot be installed: {reason}\n{end}")
}

/// Removes environments in a folder that no server has used for this time, and what servers that
/// were killed have left. A failure is only logged.
pub(crate) fn remove_old(folder: &Path, kept: Duration) {
    let Ok(entries) = fs::read_dir(folder) else { return };
    for entry in entries.flatten() {
        let path = entry.path();
        let is_making = entry.file_name().to_string_lossy().starts_with(MAKING);
        let removed = if is_making && is_older(&path, MAKING_KEPT) {
            fs::remove_dir_all(&path)
        } else if path.extension().is_some_and(|extension| extension == LOCK) {
            removed_with(&path, folder, kept)
        } else {
            continue;
        };
        if let Err(error) = removed {
            log::warn!("cannot remove the environment {}: {error}", path.display());
        }
    }
}

/// Removes the environment of a lock, if nobody uses it and it is old.
fn removed_with(path: &Path, folder: &Path, kept: Duration) -> io::Result<()> {
    let place = path.with_extension("");
    let lock = File::options().append(true).open(path)?;
    if lock.try_lock().is_err() || !is_older(path, kept) || !fs::exists(&place)? {
        return Ok(());
    }
    // A half-removed environment must not be used.
    let gone = tempfile::Builder::new().prefix(MAKING).tempdir_in(folder)?;
    fs::rename(&place, gone.path().join("environment"))?;
    log::info!("removed the environment {}, which was not used", place.display());
    gone.close()
}

fn is_older(path: &Path, than: Duration) -> bool {
    let changed = fs::symlink_metadata(path).and_then(|facts| facts.modified());
    let age = changed.ok().and_then(|changed| SystemTime::now().duration_since(changed).ok());
    age.is_some_and(|age| age > than)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn environments_that_nobody_uses_for_long_are_removed() {
        let folder = tempfile::tempdir().unwrap();
        let make = |name: &str, days: u64| {
            let place = folder.path().join(name);
            fs::create_dir(&place).unwrap();
            let lock = File::create(place.with_extension(LOCK)).unwrap();
            let time = SystemTime::now() - Duration::from_secs(days * 86_400);
            lock.set_modified(time).unwrap();
            place
        };
        let (old, young, used) = (make("old", 31), make("young", 29), make("used", 31));
        let lock = File::open(used.with_extension(LOCK)).unwrap();
        lock.lock_shared().unwrap();
        let making = folder.path().join("making-a");
        fs::create_dir(&making).unwrap();
        remove_old(folder.path(), KEPT);
        assert!(!old.exists() && young.exists() && used.exists() && making.exists());
        // Its last user has noted the time.
        drop(InUse::new(File::options().append(true).open(used.with_extension(LOCK)).unwrap()));
        drop(lock);
        remove_old(folder.path(), KEPT);
        assert!(used.exists());
    }
}
