//! The numbers of rows that were written, and of those that were lost.

use std::collections::BTreeMap;
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

/// The pause between two warnings about one endpoint.
const WARN_EVERY: Duration = Duration::from_secs(10);

/// The counters of an endpoint, since the server started.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Count {
    pub(crate) written: u64,
    /// Rows that found no room, or could not be written.
    pub(crate) dropped: u64,
    /// Why the last batch could not be written.
    pub(crate) failure: Option<String>,
}

/// The counters of all endpoints by name.
#[derive(Default)]
pub(super) struct Counts(Mutex<BTreeMap<String, State>>);

#[derive(Default)]
struct State {
    count: Count,
    warned: Option<Instant>,
}

impl Counts {
    fn all(&self) -> MutexGuard<'_, BTreeMap<String, State>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    pub(super) fn of(&self, endpoint: &str) -> Count {
        self.all().get(endpoint).map(|state| state.count.clone()).unwrap_or_default()
    }

    /// Counts a row that found no room.
    pub(super) fn drop_one(&self, endpoint: &str) {
        let mut all = self.all();
        if !all.contains_key(endpoint) {
            all.insert(endpoint.to_owned(), State::default());
        }
        if let Some(state) = all.get_mut(endpoint) {
            state.drop(endpoint, 1, "the rows come faster than they can be written");
        }
    }

    pub(super) fn note_written(&self, endpoint: &str, rows: u64) {
        let mut all = self.all();
        let state = all.entry(endpoint.to_owned()).or_default();
        state.count.written += rows;
        state.count.failure = None;
    }

    pub(super) fn note_failed(&self, endpoint: &str, rows: u64, reason: &str) {
        let mut all = self.all();
        let state = all.entry(endpoint.to_owned()).or_default();
        state.count.failure = Some(reason.to_owned());
        state.drop(endpoint, rows, reason);
    }
}

impl State {
    fn drop(&mut self, endpoint: &str, rows: u64, reason: &str) {
        self.count.dropped += rows;
        let now = Instant::now();
        if self.warned.is_none_or(|warned| now - warned >= WARN_EVERY) {
            self.warned = Some(now);
            let dropped = self.count.dropped;
            log::warn!(
                "requests to endpoint {endpoint:?} are not written, {dropped} so far: {reason}"
            );
        }
    }
}
