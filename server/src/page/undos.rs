//! Changes of many runs that can be taken back.

use std::collections::VecDeque;
use std::sync::{Mutex, PoisonError};
use std::time::{Duration, Instant};

use axum::http::StatusCode;
use tracklite::{Lifecycle, RunId};

use crate::failure::{Failure, Outcome};
use crate::random::random_hex;

/// How long a change of many runs can be taken back.
const KEPT_FOR: Duration = Duration::from_secs(60 * 60);
/// The most changes that can be taken back, and the most runs in all of them.
const CHANGES_MAX: usize = 64;
const RUNS_MAX: usize = 1_000_000;

/// The values of tags by key. `None` for a tag that is not there.
pub(super) type TagValues = Vec<(String, Option<String>)>;

/// A change of one run.
pub(super) struct Edit {
    pub(super) run: RunId,
    pub(super) tags: TagValues,
    pub(super) lifecycle: Option<Lifecycle>,
    /// The tags that the run must have. A change is not taken back over a later one.
    pub(super) expected: TagValues,
}

/// The changes that can be taken back, the oldest first.
#[derive(Default)]
pub(crate) struct Undos(Mutex<VecDeque<Kept>>);

struct Kept {
    since: Instant,
    word: String,
    edits: Vec<Edit>,
}

impl Undos {
    /// Keeps the way back. Returns the word for it, unless there is too much to keep.
    pub(super) fn keep(&self, edits: Vec<Edit>) -> Outcome<Option<String>> {
        if edits.is_empty() || edits.len() > RUNS_MAX {
            return Ok(None);
        }
        let word = random_hex(12)?;
        let mut known = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        known.push_back(Kept { since: Instant::now(), word: word.clone(), edits });
        let runs =
            |known: &VecDeque<Kept>| known.iter().map(|kept| kept.edits.len()).sum::<usize>();
        while known.len() > CHANGES_MAX || runs(&known) > RUNS_MAX {
            known.pop_front();
        }
        Ok(Some(word))
    }

    /// Returns the way back of a change, which is then forgotten.
    pub(super) fn take(&self, word: &str) -> Outcome<Vec<Edit>> {
        let mut known = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        known.retain(|kept| kept.since.elapsed() < KEPT_FOR);
        let place = known.iter().position(|kept| kept.word == word);
        let kept = place.and_then(|place| known.remove(place)).ok_or_else(|| {
            let message = "the change can no longer be taken back: it is too old, or undone";
            Failure::new(StatusCode::GONE, "UNDO_GONE", message)
        });
        kept.map(|kept| kept.edits)
    }
}
