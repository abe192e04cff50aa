//! Uploads in parts: parts arrive in any order, and become one file at the end.

use std::collections::{BTreeMap, HashMap};
use std::ops::Range;
use std::path::Path;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use axum::http::StatusCode;
use tracklite::artifact::Artifacts;

use crate::failure::{Failure, Outcome};
use crate::random::random_hex;
use crate::spool::{Joined, Spool, Spools};
use crate::target::{Target, stored_failure};
use crate::transfer::Incoming;

/// The most uploads that are known, completed ones included.
const UPLOADS_MAX: usize = 4096;
/// An upload that was unused for this time is given up.
const UNUSED_MAX: Duration = Duration::from_secs(24 * 3600);
/// The same while other uploads wait for a place.
const UNUSED_WHILE_FULL_MAX: Duration = Duration::from_secs(3600);

/// All uploads in parts, by their ids.
pub(crate) struct PartUploads {
    spools: Spools,
    known: Mutex<HashMap<String, Arc<PartUpload>>>,
}

/// One upload in parts.
pub(crate) struct PartUpload {
    artifacts: Artifacts,
    path: String,
    /// The place that the client named for the file.
    address: String,
    only_new: bool,
    /// Held while the parts are joined. So who asks for it meanwhile gets the same answer.
    joining: Mutex<()>,
    state: Mutex<State>,
}

struct State {
    phase: Phase,
    /// The bytes of the parts. It exists from the first part on.
    spool: Option<Arc<Spool>>,
    parts: BTreeMap<u32, Part>,
    used: Instant,
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum Phase {
    Open,
    Joining,
    Complete,
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
        PartUploads { spools: Spools::new(database), known: Mutex::default() }
    }

    /// Begins an upload and returns its id. `address` must be the same in all calls of it.
    pub(crate) fn begin(&self, target: Target, address: &str, only_new: bool) -> Outcome<String> {
        let Target { artifacts, path } = target;
        if only_new && artifacts.info(&path).is_ok() {
            let message = format!("the file {path:?} already exists");
            return Err(Failure::new(StatusCode::CONFLICT, "ALREADY_EXISTS", message));
        }
        let (phase, used) = (Phase::Open, Instant::now());
        let state = State { phase, spool: None, parts: BTreeMap::new(), used };
        let (address, joining) = (address.to_owned(), Mutex::default());
        let state = Mutex::new(state);
        let upload = Arc::new(PartUpload { artifacts, path, address, only_new, joining, state });
        let id = random_hex(16)?;
        let mut known = locked(&self.known);
        make_place(&mut known)?;
        known.insert(id.clone(), upload);
        Ok(id)
    }

    /// Returns an upload.
    pub(crate) fn get(&self, id: &str) -> Outcome<Arc<PartUpload>> {
        let found = locked(&self.known).get(id).cloned();
        found.ok_or_else(|| {
            Failure::missing(
                "there is no such upload: it was aborted, or the server was started again",
            )
        })
    }

    /// Returns an upload that can take a part. It creates a file for its parts, so it may block.
    pub(crate) fn opened(&self, id: &str) -> Outcome<Arc<PartUpload>> {
        let upload = self.get(id)?;
        let has_spool = {
            let state = locked(&upload.state);
            state.check_open()?;
            state.spool.is_some()
        };
        if !has_spool {
            let spool = Arc::new(self.spool()?);
            // Another part may have been faster. Its spool stays.
            locked(&upload.state).spool.get_or_insert(spool);
        }
        Ok(upload)
    }

    /// Creates a spool. If there are too many, the upload that was unused longest loses its own.
    fn spool(&self) -> Outcome<Spool> {
        if let Some(spool) = self.spools.create()? {
            return Ok(spool);
        }
        self.give_up_unused();
        self.spools.create()?.ok_or_else(|| too_many(self.spools.most()))
    }

    fn give_up_unused(&self) {
        let mut known = locked(&self.known);
        let idle = known.iter().filter_map(|(id, upload)| {
            let state = locked(&upload.state);
            let unused = state.used.elapsed();
            let is_idle = state.spool.is_some() && unused >= UNUSED_WHILE_FULL_MAX;
            is_idle.then(|| (unused, id.clone()))
        });
        if let Some((_, id)) = idle.max() {
            known.remove(&id);
        }
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
            locked(&self.known).remove(id);
        }
        Ok(())
    }
}

/// Makes a place for one more upload: forgets unused ones, then the completed one that is oldest.
fn make_place(known: &mut HashMap<String, Arc<PartUpload>>) -> Outcome<()> {
    known.retain(|_, upload| locked(&upload.state).used.elapsed() < UNUSED_MAX);
    if known.len() < UPLOADS_MAX {
        return Ok(());
    }
    let complete = known.iter().filter_map(|(id, upload)| {
        let state = locked(&upload.state);
        (state.phase == Phase::Complete).then(|| (state.used, id.clone()))
    });
    let (_, oldest) = complete.min().ok_or_else(|| too_many(UPLOADS_MAX))?;
    known.remove(&oldest);
    Ok(())
}

/// Not a mistake of the caller, and clients that repeat the call for minutes will succeed.
fn too_many(most: usize) -> Failure {
    let message = format!(
        "{most} uploads in parts are open, and there can be no more: complete or abort some, or \
         repeat the call when others have ended"
    );
    Failure::new(StatusCode::TOO_MANY_REQUESTS, "RESOURCE_EXHAUSTED", message)
}

impl State {
    fn check_open(&self) -> Outcome<()> {
        match self.phase {
            Phase::Open => Ok(()),
            Phase::Joining => Err(Failure::invalid("the upload is being completed: begin another")),
            Phase::Complete => Err(Failure::invalid("the upload is complete; begin another one")),
        }
    }
}

impl PartUpload {
    /// Stores a part of this length, and returns its tag. It replaces an earlier one with the same
    /// number.
    pub(crate) fn put(&self, number: u32, length: u64, mut body: Incoming) -> Outcome<String> {
        let (spool, place) = {
            let mut state = locked(&self.state);
            state.check_open()?;
            state.used = Instant::now();
            let spool = state.spool.clone().ok_or_else(no_spool)?;
            // A place that becomes free while the parts are joined is not taken before their end.
            let place = spool.take(length)?;
            (spool, place)
        };
        spool.write(&mut body, &place)?;
        // Each copy has its own tag, also at the place of an earlier one.
        let tag = format!("\"{number}-{}\"", random_hex(8)?);
        let part = Part { place, tag: tag.clone() };
        let mut state = locked(&self.state);
        state.used = Instant::now();
        if let Some(earlier) = state.parts.insert(number, part) {
            spool.free(earlier.place);
        }
        Ok(tag)
    }

    /// Joins the parts, given by their numbers and tags, to the file. Doing it again has no effect.
    pub(crate) fn complete(&self, mut wanted: Vec<(u32, String)>) -> Outcome<()> {
        wanted.sort_unstable();
        if let Some(pair) = wanted.windows(2).find(|pair| pair[0].0 == pair[1].0) {
            return Err(Failure::invalid(format!("part {} is named twice", pair[0].0)));
        }
        let _joining = locked(&self.joining);
        let (spool, places) = {
            let mut state = locked(&self.state);
            state.used = Instant::now();
            if state.phase == Phase::Complete {
                return Ok(());
            }
            let places = wanted.iter().map(|(number, tag)| place(&state.parts, *number, tag));
            let places = places.collect::<Outcome<Vec<_>>>()?;
            let spool = state.spool.clone().ok_or_else(no_spool)?;
            // No part may be written over while it is read.
            state.phase = Phase::Joining;
            (spool, places)
        };
        let upload = self.artifacts.upload().only_new(self.only_new);
        let stored = upload.reader(Joined::new(spool, places), &self.path);
        let mut state = locked(&self.state);
        match stored {
            Ok(()) => {
                (state.phase, state.spool) = (Phase::Complete, None);
                state.parts.clear();
                Ok(())
            }
            Err(error) => {
                state.phase = Phase::Open;
                Err(stored_failure(error))
            }
        }
    }
}

fn no_spool() -> Failure {
    Failure::invalid("no part of the upload was sent")
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
