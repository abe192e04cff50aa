//! The pepper of this user: its file, and how it is created and read.

use std::env;
use std::fs::{DirBuilder, File, OpenOptions};
use std::io::{self, Read as _, Write as _};
use std::os::unix::fs::{DirBuilderExt as _, MetadataExt as _, OpenOptionsExt as _};
use std::path::{Path, PathBuf};

use crate::engine::Engine;
use crate::error::{Error, ErrorKind, Result};
use crate::format::secret::{Pepper, SECRET_BYTES};
use crate::storage::{give_name, remove, sync_name, temporary_name};

/// The variable that names the pepper's file.
const VARIABLE: &str = "TRACKLITE_PEPPER_FILE";
/// The bits of a file's mode that let others than its owner use it.
const OTHERS: u32 = 0o077;

impl Engine {
    /// Returns the pepper, read once in the life of the handle.
    ///
    /// # Errors
    ///
    /// - [`ErrorKind::InvalidState`] if there is none, or others may read it.
    pub(crate) fn pepper(&self) -> Result<Pepper> {
        self.pepper_or(|path| Err(missing(path)))
    }

    /// Returns the pepper like [`Engine::pepper`], and creates it first if there is none.
    pub(crate) fn pepper_for_writing(&self) -> Result<Pepper> {
        self.pepper_or(|path| {
            create(path, &self.random_bytes()?)?;
            // Another process may have created it first, so the file decides.
            read(path)?.ok_or_else(|| missing(path))
        })
    }

    /// Draws a secret.
    pub(crate) fn random_bytes(&self) -> Result<[u8; SECRET_BYTES]> {
        let mut bytes = [0; SECRET_BYTES];
        for half in bytes.chunks_exact_mut(size_of::<u128>()) {
            half.copy_from_slice(&self.random_bits()?.to_le_bytes());
        }
        Ok(bytes)
    }

    fn pepper_or(&self, absent: impl FnOnce(&Path) -> Result<Pepper>) -> Result<Pepper> {
        let mut slot = self.pepper.lock();
        if let Some(pepper) = &*slot {
            return Ok(pepper.clone());
        }
        let path = self.pepper_file.clone().map_or_else(default_path, Ok)?;
        let pepper = match read(&path)? {
            Some(pepper) => pepper,
            None => absent(&path)?,
        };
        Ok(slot.insert(pepper).clone())
    }
}

/// Returns the path that the environment names, or the one in the user's configuration folder.
fn default_path() -> Result<PathBuf> {
    let absolute = |name| env::var_os(name).map(PathBuf::from).filter(|path| path.is_absolute());
    if let Some(path) = env::var_os(VARIABLE).filter(|path| !path.is_empty()) {
        return Ok(path.into());
    }
    let folder = absolute("XDG_CONFIG_HOME").or_else(|| Some(absolute("HOME")?.join(".config")));
    let folder = folder.ok_or_else(|| {
        let message = format!(
            "there is no place for the pepper that protects tokens: set HOME, or {VARIABLE} to the \
             path of a file"
        );
        Error::new(ErrorKind::InvalidState, message)
    })?;
    Ok(folder.join("tracklite").join("pepper"))
}

/// Reads the pepper. Returns `None` if there is no file.
fn read(path: &Path) -> Result<Option<Pepper>> {
    let doing = |source| Error::io("reading the pepper", source).with_path(path);
    let file = match File::open(path) {
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(None),
        other => other.map_err(doing)?,
    };
    let facts = file.metadata().map_err(doing)?;
    if facts.mode() & OTHERS != 0 {
        let message = format!(
            "the pepper must not be accessible to others: its mode is {:o}, make it 600 (and \
             create new tokens if somebody else may have read it)",
            facts.mode() & 0o777
        );
        return Err(Error::new(ErrorKind::InvalidState, message).with_path(path));
    }
    let mut bytes = Vec::new();
    // One more byte distinguishes a longer file.
    file.take(SECRET_BYTES as u64 + 1).read_to_end(&mut bytes).map_err(doing)?;
    let bytes = bytes.try_into().map_err(|bytes: Vec<u8>| {
        let length =
            if bytes.len() > SECRET_BYTES { "more".to_owned() } else { bytes.len().to_string() };
        let message = format!(
            "the pepper is a file of {SECRET_BYTES} bytes, but this one has {length}: restore it \
             from a backup, or remove it and create new tokens"
        );
        Error::new(ErrorKind::InvalidState, message).with_path(path)
    })?;
    Ok(Some(Pepper::from_bytes(bytes)))
}

/// Creates the file with these bytes, unless another process was faster. It appears complete.
fn create(path: &Path, bytes: &[u8; SECRET_BYTES]) -> Result<()> {
    let doing = |source| Error::io("creating the pepper", source).with_path(path);
    if let Some(folder) = path.parent() {
        DirBuilder::new().recursive(true).mode(0o700).create(folder).map_err(doing)?;
    }
    let temporary = temporary_name(path).map_err(doing)?;
    let named = write_new(&temporary, bytes).and_then(|()| give_name(&temporary, path));
    // After a link this is a second name. After an error it is useless. After a rename it is gone.
    let _ = remove(&temporary);
    match named {
        Err(error) if error.kind() == io::ErrorKind::AlreadyExists => Ok(()),
        other => other.and_then(|()| sync_name(path)).map_err(doing),
    }
}

fn write_new(path: &Path, bytes: &[u8]) -> io::Result<()> {
    let mut file = OpenOptions::new().write(true).create_new(true).mode(0o600).open(path)?;
    file.write_all(bytes)?;
    file.sync_all()
}

fn missing(path: &Path) -> Error {
    let message = format!(
        "there is no pepper here, so tokens cannot be checked: create a token on this machine, or \
         set {VARIABLE} to the file of the user who created them"
    );
    Error::new(ErrorKind::InvalidState, message).with_path(path)
}
