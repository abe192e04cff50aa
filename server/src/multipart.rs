//! Uploads in parts: parts arrive in any order, and become one file at the end.
//!
//! Parts wait in a file beside the database that has no name, so that it vanishes with the server.

use std::collections::{BTreeMap, HashMap};
use std::fs::{File, OpenOptions};
use std::io::{self, Read};
use std::ops::Range;
use std::os::unix::fs::FileExt as _;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use axum::http::StatusCode;
use tracklite::artifact::Artifacts;

use crate::failure::{Failure, Outcome};
use crate::random::random_hex;
use crate::target::{Target, stored_failure};
use crate::transfer::Incoming;

/// The most uploads at a time.
const UPLOADS_MAX: usize = 1024;
/// An upload that was unused for this time is given up.
const UNUSED_MAX: Duration = Duration::from_secs(24 * 3600);
/// The number of bytes that are copied at a time.
const COPY_BYTES: usize = 256 * 1024;

/// All uploads in parts, by their ids.
pub(crate) struct PartUploads {
    /// The folder of the database.
    folder: PathBuf,
    open: Mutex<HashMap<String, Arc<PartUpload>>>,
}

/// One upload in parts.
pub(crate) struct PartUpload {
    artifacts: Artifacts,
    path: String,
    /// The place that the client named for the file.
    address: String,
    only_new: bool,
    state: Mutex<State>,
}

struct State {
    /// The bytes of all parts, in the order of their arrival. Nothing after the end.
    spool: Option<Arc<File>>,
    /// The length of the spool.
    end: u64,
    parts: BTreeMap<u32, Part>,
    used: Instant,
}

#[derive(Clone)]
struct Part {
    place: Range<u64>,
    tag: String,
}

fn locked<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

impl PartUploads {
    pub(crate) fn new(database: &Path) -> PartUploads {
        let folder = database.parent().unwrap_or(Path::new(".")).to_owned();
        PartUploads { folder, open: Mutex::default() }
    }

    /// Begins an upload and returns its id. `address` must be the same in all calls of it.
    pub(crate) fn begin(&self, target: Target, address: &str, only_new: bool) -> Outcome<String> {
        let Target { artifacts, path } = target;
        if only_new && artifacts.info(&path).is_ok() {
            let message = format!("the file {path:?} already exists");
            return Err(Failure::new(StatusCode::CONFLICT, "ALREADY_EXISTS", message));
        }
        let spool = spool(&self.folder).map_err(|error| spool_failure(&error))?;
        let state = State {
            spool: Some(Arc::new(spool)),
            end: 0,
            parts: BTreeMap::new(),
            used: Instant::now(),
        };
        let (address, state) = (address.to_owned(), Mutex::new(state));
        let upload = Arc::new(PartUpload { artifacts, path, address, only_new, state });
        let id = random_hex(16)?;
        let mut uploads = locked(&self.open);
        uploads.retain(|_, upload| locked(&upload.state).used.elapsed() < UNUSED_MAX);
        let are_open = |upload: &&Arc<PartUpload>| locked(&upload.state).spool.is_some();
        if uploads.values().filter(are_open).count() >= UPLOADS_MAX {
            let message = format!("{UPLOADS_MAX} uploads are open: complete or abort some");
            return Err(Failure::new(StatusCode::BAD_REQUEST, "RESOURCE_EXHAUSTED", message));
        }
        uploads.insert(id.clone(), upload);
        Ok(id)
    }

    /// Returns an upload.
    pub(crate) fn get(&self, id: &str) -> Outcome<Arc<PartUpload>> {
        let found = locked(&self.open).get(id).cloned();
        found.ok_or_else(|| {
            Failure::missing(
                "there is no such upload: it was aborted, or the server was started again",
            )
        })
    }

    /// Returns an upload that was begun for this address.
    pub(crate) fn get_for(&self, id: &str, address: &str) -> Outcome<Arc<PartUpload>> {
        let upload = self.get(id)?;
        if upload.address == address {
            return Ok(upload);
        }
        Err(Failure::invalid(format!(
            "the upload is for {:?}, not for {address:?}",
            upload.address
        )))
    }

    /// Aborts an upload. One that does not exist has been aborted before.
    pub(crate) fn abort(&self, id: &str, address: &str) -> Outcome<()> {
        if self.get(id).is_ok() {
            self.get_for(id, address)?;
            locked(&self.open).remove(id);
        }
        Ok(())
    }
}

impl PartUpload {
    /// Stores a part of this length, and returns its tag. It replaces an earlier one with the same
    /// number.
    pub(crate) fn put(&self, number: u32, length: u64, mut body: Incoming) -> Outcome<String> {
        let (spool, place) = {
            let mut state = locked(&self.state);
            state.used = Instant::now();
            let spool = state.spool.clone().ok_or_else(completed)?;
            if length > PART_BYTES_MAX || state.end > SPOOL_BYTES_MAX {
                return Err(Failure::invalid(
                    "the part or the upload is too large: a part has at most 5 GiB, and an upload \
                     5 TiB with all parts that were sent again",
                ));
            }
            let place = state.end..state.end + length;
            state.end = place.end;
            (spool, place)
        };
        copy(&mut body, &spool, &place).map_err(|error| spool_failure(&error))?;
        let tag = format!("\"{number}-{:x}-{length:x}\"", place.start);
        let part = Part { place, tag: tag.clone() };
        locked(&self.state).parts.insert(number, part);
        Ok(tag)
    }

    /// Joins the parts, given by their numbers and tags, to the file. Doing it again has no effect.
    pub(crate) fn complete(&self, mut wanted: Vec<(u32, String)>) -> Outcome<()> {
        wanted.sort_unstable();
        if let Some(pair) = wanted.windows(2).find(|pair| pair[0].0 == pair[1].0) {
            return Err(Failure::invalid(format!("part {} is named twice", pair[0].0)));
        }
        let (spool, places) = {
            let mut state = locked(&self.state);
            state.used = Instant::now();
            let Some(spool) = state.spool.clone() else { return Ok(()) };
            let places = wanted.iter().map(|(number, tag)| place(&state.parts, *number, tag));
            (spool, places.collect::<Outcome<Vec<_>>>()?)
        };
        let parts = Joined { spool, places: places.into_iter(), current: 0..0 };
        let upload = self.artifacts.upload().only_new(self.only_new);
        upload.reader(parts, &self.path).map_err(stored_failure)?;
        locked(&self.state).spool = None;
        Ok(())
    }
}

/// The largest part, in bytes.
const PART_BYTES_MAX: u64 = 5 << 30;
/// The largest upload with all parts that were sent again, in bytes.
const SPOOL_BYTES_MAX: u64 = 5 << 40;

fn completed() -> Failure {
    Failure::invalid("the upload is complete; begin another one")
}

fn place(parts: &BTreeMap<u32, Part>, number: u32, tag: &str) -> Outcome<Range<u64>> {
    let part = parts.get(&number);
    let part = part.ok_or_else(|| Failure::invalid(format!("part {number} was not sent")))?;
    // Clients may leave out the quotes.
    if part.tag.trim_matches('"') != tag.trim_matches('"') {
        let message = format!("part {number} has the ETag {}, found {tag:?}", part.tag);
        return Err(Failure::invalid(message));
    }
    Ok(part.place.clone())
}

/// Creates a file without a name in the folder of the database, or in that for temporary files.
fn spool(folder: &Path) -> io::Result<File> {
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

fn spool_failure(error: &io::Error) -> Failure {
    match error.kind() {
        io::ErrorKind::StorageFull | io::ErrorKind::QuotaExceeded => {
            let message = "the disk is full: the parts of the upload cannot be kept";
            Failure::new(StatusCode::BAD_REQUEST, "RESOURCE_EXHAUSTED", message)
        }
        io::ErrorKind::InvalidInput => Failure::invalid(error.to_string()),
        _ => Failure::internal(format!("a part of an upload cannot be kept: {error}")),
    }
}

/// Writes a body to a place of the spool. It must fill it exactly.
fn copy(body: &mut Incoming, spool: &File, place: &Range<u64>) -> io::Result<()> {
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
        spool.write_all_at(buffer.get(..count).unwrap_or_default(), position)?;
        position = next;
    }
}

/// The parts one after the other.
struct Joined {
    spool: Arc<File>,
    places: std::vec::IntoIter<Range<u64>>,
    current: Range<u64>,
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
        let count = self.spool.read_at(buffer, self.current.start)?;
        if count == 0 && length > 0 {
            return Err(io::ErrorKind::UnexpectedEof.into());
        }
        self.current.start += count as u64;
        Ok(count)
    }
}
