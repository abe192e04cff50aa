//! The keys of all runs, kept for a short time, because a page asks for them in many pieces.

use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

use tracklite::{ChangeCursor, Database, KeySummary, RunSearch};

use crate::failure::Outcome;

/// How long the keys are kept while no run changes. Points change their ranges.
const KEPT_FOR: Duration = Duration::from_secs(10);

/// The keys of all runs, if they were asked for recently.
#[derive(Default)]
pub(crate) struct Catalogue(Mutex<Option<Kept>>);

struct Kept {
    since: Instant,
    cursor: ChangeCursor,
    keys: Arc<Vec<KeySummary>>,
}

impl Catalogue {
    /// Returns the keys of all active runs.
    pub(crate) fn keys(&self, database: &Database) -> Outcome<Arc<Vec<KeySummary>>> {
        let cursor = database.changes(None)?.cursor;
        let is_fresh = |kept: &&Kept| {
            let unchanged = cursor.since(Some(&kept.cursor)).is_ok_and(|changes| !changes.runs);
            unchanged && kept.since.elapsed() < KEPT_FOR
        };
        let known = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(kept) = known.as_ref().filter(is_fresh) {
            return Ok(Arc::clone(&kept.keys));
        }
        drop(known);
        let keys = Arc::new(database.run_keys(&RunSearch::new())?);
        let kept = Kept { since: Instant::now(), cursor, keys: Arc::clone(&keys) };
        *self.0.lock().unwrap_or_else(PoisonError::into_inner) = Some(kept);
        Ok(keys)
    }
}
