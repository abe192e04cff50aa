//! Selections: sorted lists of runs that are kept under a handle, to be read window by window.

use std::collections::VecDeque;
use std::sync::{Arc, Mutex, OnceLock, PoisonError};
use std::time::{Duration, Instant};

use axum::http::StatusCode;
use tracklite::groups::RunGroups;
use tracklite::{ChangeCursor, KeySummary, RunId, RunSearch};

use crate::failure::{Failure, Outcome};
use crate::random::random_hex;

/// How long a selection is kept after its last use.
const KEPT_FOR: Duration = Duration::from_secs(15 * 60);
/// The most selections at the same time. A new one then replaces the one used least recently.
const SELECTIONS_MAX: usize = 64;

/// A sorted list of runs, and the question that it answers.
pub(crate) struct Selection {
    pub(crate) handle: String,
    /// The question as text. Equal questions about an unchanged file have one selection.
    pub(crate) question: String,
    /// The state of the file before the question was asked.
    pub(crate) cursor: ChangeCursor,
    pub(crate) search: RunSearch,
    /// The columns as they were asked for.
    pub(crate) columns: Vec<String>,
    pub(crate) runs: Vec<RunId>,
    /// The groups in their order.
    pub(crate) groups: Option<RunGroups>,
    /// The keys of the runs, once somebody has asked for them.
    pub(crate) keys: OnceLock<Arc<Vec<KeySummary>>>,
}

/// The selections of a server, the one used last at the end.
#[derive(Default)]
pub(crate) struct Selections(Mutex<VecDeque<(Instant, Arc<Selection>)>>);

impl Selections {
    /// Returns the selection with this handle.
    pub(crate) fn get(&self, handle: &str) -> Outcome<Arc<Selection>> {
        self.find(|selection| selection.handle == handle).ok_or_else(|| {
            let message = "the list of runs is no longer kept: ask for it again";
            Failure::new(StatusCode::GONE, "HANDLE_GONE", message)
        })
    }

    /// Returns the selection for a question, if nothing has changed since it was made.
    pub(crate) fn known(&self, question: &str, now: &ChangeCursor) -> Option<Arc<Selection>> {
        let is_fresh = |selection: &Selection| {
            now.since(Some(&selection.cursor)).is_ok_and(|changes| !changes.any())
        };
        self.find(|selection| selection.question == question && is_fresh(selection))
    }

    /// Keeps a selection.
    pub(crate) fn keep(&self, selection: Selection) -> Arc<Selection> {
        let selection = Arc::new(selection);
        let mut known = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        known.retain(|(used, _)| used.elapsed() < KEPT_FOR);
        known.push_back((Instant::now(), Arc::clone(&selection)));
        if known.len() > SELECTIONS_MAX {
            known.pop_front();
        }
        selection
    }

    fn find(&self, is_wanted: impl Fn(&Selection) -> bool) -> Option<Arc<Selection>> {
        let mut known = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        known.retain(|(used, _)| used.elapsed() < KEPT_FOR);
        let place = known.iter().rposition(|(_, selection)| is_wanted(selection))?;
        let (_, selection) = known.remove(place)?;
        known.push_back((Instant::now(), Arc::clone(&selection)));
        Some(selection)
    }
}

/// Returns a new handle.
pub(crate) fn new_handle() -> Outcome<String> {
    Ok(random_hex(12)?)
}
