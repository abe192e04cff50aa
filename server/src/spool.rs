//! The files in which the parts of uploads wait until they are joined.
//!
//! A file is beside the database and has no name, so that it vanishes with the server.

use std::fs::{File, OpenOptions};
use std::io::{self, Read};
use std::ops::Range;
use std::os::unix::fs::FileExt as _;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, PoisonError};

use axum::http::StatusCode;
use rustix::process::{Resource, getrlimit};
use tokio::sync::{OwnedSemaphorePermit, Semaphore};

use crate::failure::{Failure, Outcome};
use crate::random::random_hex;

/// The number of bytes that are copied at a time.
const COPY_BYTES: usize = 256 * 1024;
/// The largest part, in bytes.
const PART_BYTES_MAX: u64 = 5 << 30;
/// The largest file, in bytes.
const SPOOL_BYTES_MAX: u64 = 5 << 40;

/// Makes spools, up to a number. Each of them holds a descriptor of the process.
pub(crate) struct Spools {
    /// The folder of the database.
    folder: PathBuf,
    places: Arc<Semaphore>,
    most: usize,
}

impl Spools {
    /// Uses at most a quarter of the descriptors, because connections and the file need others.
    pub(crate) fn new(database: &Path) -> Spools {
        let folder = database.parent().unwrap_or(Path::new(".")).to_owned();
        let descriptors = getrlimit(Resource::Nofile).current.unwrap_or(u64::MAX);
        let most = usize::try_from(descriptors / 4).unwrap_or(usize::MAX).clamp(8, 1024);
        Spools { folder, places: Arc::new(Semaphore::new(most)), most }
    }

    /// Returns the most spools at a time.
    pub(crate) fn most(&self) -> usize {
        self.most
    }

    /// Creates a spool. Returns `None` if there are as many as there may be.
    pub(crate) fn create(&self) -> Outcome<Option<Spool>> {
        let Ok(place) = Arc::clone(&self.places).try_acquire_owned() else { return Ok(None) };
        let file = nameless(&self.folder).map_err(|error| failure(&error))?;
        Ok(Some(Spool { file, space: Mutex::default(), _place: place }))
    }
}

/// Creates a file without a name in the folder of the database, or in that for temporary files.
fn nameless(folder: &Path) -> io::Result<File> {
    let name = random_hex(16).map_err(io::Error::other)?;
    let name = format!(".tracklite-upload-{name}");
    let create = |folder: &Path| {
        let path = folder.join(&name);
        let file = OpenOptions::new().read(true).write(true).create_new(true).open(&path)?;
        std::fs::remove_file(&path)?;
        Ok(file)
    };
    create(folder).or_else(|_: io::Error| create(&std::env::temp_dir()))
}

/// Returns the failure of a call that uses a spool.
fn failure(error: &io::Error) -> Failure {
    match error.kind() {
        io::ErrorKind::StorageFull | io::ErrorKind::QuotaExceeded => {
            let message = "the disk is full: the parts of the upload cannot be kept";
            Failure::new(StatusCode::BAD_REQUEST, "RESOURCE_EXHAUSTED", message)
        }
        io::ErrorKind::InvalidInput => Failure::invalid(error.to_string()),
        _ => Failure::internal(format!("a part of an upload cannot be kept: {error}")),
    }
}

/// A file with the parts of one upload.
pub(crate) struct Spool {
    file: File,
    space: Mutex<Space>,
    _place: OwnedSemaphorePermit,
}

/// The used and free places of a spool.
#[derive(Default)]
struct Space {
    /// Nothing was ever written from here on.
    end: u64,
    /// Places of parts that were sent again, or that did not arrive.
    free: Vec<Range<u64>>,
}

impl Space {
    fn take(&mut self, length: u64) -> Option<Range<u64>> {
        if length > PART_BYTES_MAX {
            return None;
        }
        if let Some(found) = self.free.iter_mut().find(|free| free.end - free.start >= length) {
            let place = found.start..found.start + length;
            found.start = place.end;
            self.free.retain(|free| !free.is_empty());
            return Some(place);
        }
        let place = self.end..self.end + length;
        self.end = if place.end > SPOOL_BYTES_MAX { return None } else { place.end };
        Some(place)
    }
}

impl Spool {
    /// Takes a place for a part of this length.
    pub(crate) fn take(&self, length: u64) -> Outcome<Range<u64>> {
        self.space(|space| space.take(length)).ok_or_else(too_large)
    }

    /// Writes a part to its place, which is free again after a failure.
    pub(crate) fn write(&self, body: &mut dyn Read, place: &Range<u64>) -> Outcome<()> {
        let copied = self.copy(body, place);
        if copied.is_err() {
            self.free(place.clone());
        }
        copied.map_err(|error| failure(&error))
    }

    /// Makes a place available to other parts.
    pub(crate) fn free(&self, place: Range<u64>) {
        self.space(|space| space.free.push(place));
    }

    fn space<T>(&self, change: impl FnOnce(&mut Space) -> T) -> T {
        change(&mut self.space.lock().unwrap_or_else(PoisonError::into_inner))
    }

    /// Writes a body to a place. It must fill it exactly.
    fn copy(&self, body: &mut dyn Read, place: &Range<u64>) -> io::Result<()> {
        let mut buffer = vec![0; COPY_BYTES];
        let mut position = place.start;
        loop {
            let count = body.read(&mut buffer)?;
            if count == 0 && position == place.end {
                return Ok(());
            }
            let next = position + count as u64;
            if count == 0 || next > place.end {
                let message = "the part does not have the length in its Content-Length";
                return Err(io::Error::new(io::ErrorKind::InvalidInput, message));
            }
            self.file.write_all_at(buffer.get(..count).unwrap_or_default(), position)?;
            position = next;
        }
    }
}

fn too_large() -> Failure {
    Failure::invalid(
        "the part or the upload is too large: a part has at most 5 GiB, and an upload 5 TiB",
    )
}

/// Parts of a spool, one after the other.
pub(crate) struct Joined {
    spool: Arc<Spool>,
    places: std::vec::IntoIter<Range<u64>>,
    current: Range<u64>,
}

impl Joined {
    pub(crate) fn new(spool: Arc<Spool>, places: Vec<Range<u64>>) -> Joined {
        Joined { spool, places: places.into_iter(), current: 0..0 }
    }
}

impl Read for Joined {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        while self.current.is_empty() {
            match self.places.next() {
                Some(place) => self.current = place,
                None => return Ok(0),
            }
        }
        let left = usize::try_from(self.current.end - self.current.start).unwrap_or(usize::MAX);
        let length = left.min(buffer.len());
        let buffer = buffer.get_mut(..length).unwrap_or_default();
        let count = self.spool.file.read_at(buffer, self.current.start)?;
        if count == 0 && length > 0 {
            return Err(io::ErrorKind::UnexpectedEof.into());
        }
        self.current.start += count as u64;
        Ok(count)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn free_places_are_used_again() {
        let mut space = Space::default();
        assert_eq!(space.take(10), Some(0..10));
        assert_eq!(space.take(20), Some(10..30));
        space.free.push(0..10);
        assert_eq!(space.take(11), Some(30..41));
        assert_eq!(space.take(4), Some(0..4));
        assert_eq!(space.take(6), Some(4..10));
        assert_eq!(space.take(1), Some(41..42));
        assert_eq!(space.take(0), Some(42..42));
        assert_eq!(space.take(PART_BYTES_MAX + 1), None);
        space.end = SPOOL_BYTES_MAX;
        assert_eq!(space.take(1), None);
        assert_eq!(space.end, SPOOL_BYTES_MAX);
    }
}
