//! Looking at the file for all clients that listen, a few times a second.

use std::sync::{Arc, PoisonError};
use std::time::Duration;

use tokio::sync::watch;
use tracklite::ChangeCursor;

use super::watch::{News, Watch};
use crate::failure::{Failure, Outcome};
use crate::shared::Shared;

/// The pause between two looks at the file.
const LOOK_EVERY: Duration = Duration::from_millis(250);

/// A client that listens to changes.
pub(crate) struct Listener {
    news: watch::Receiver<News>,
    stopped: watch::Receiver<bool>,
}

impl Listener {
    /// Begins to listen. The first client starts the looks.
    pub(crate) fn new(shared: &Arc<Shared>) -> Listener {
        let Watch { news, is_looking } = &shared.watch;
        let mut is_looking = is_looking.lock().unwrap_or_else(PoisonError::into_inner);
        let listener = Listener { news: news.subscribe(), stopped: shared.stopped.clone() };
        if !*is_looking {
            *is_looking = true;
            // The result of an earlier look may be old.
            news.send_replace(News::Nothing);
            tokio::spawn(look(Arc::clone(shared)));
        }
        listener
    }

    /// Waits until something has changed since a state of this file, and returns the new state.
    /// Returns `None` when the server stops.
    pub(crate) async fn next(&mut self, since: &ChangeCursor) -> Option<Outcome<ChangeCursor>> {
        // Much that is appended changes nothing that a client sees.
        let is_change = |cursor: &ChangeCursor| {
            // An error means that the look is older than the state that the client has.
            cursor.since(Some(since)).is_ok_and(|found| found.any())
        };
        let is_new = |news: &News| match news {
            News::Nothing => false,
            News::At(cursor) => is_change(cursor),
            News::Failed(_) => true,
        };
        let found = tokio::select! {
            found = self.news.wait_for(is_new) => found.ok()?.clone(),
            _ = self.stopped.wait_for(|stopped| *stopped) => return None,
        };
        match found {
            News::At(cursor) => Some(Ok(cursor)),
            News::Failed(message) => Some(Err(Failure::internal(message))),
            News::Nothing => None,
        }
    }
}

/// Looks until nobody listens any more.
async fn look(shared: Arc<Shared>) {
    let mut stopped = shared.stopped.clone();
    loop {
        let database = shared.database.clone();
        let found = shared.pool.run(move || database.changes(None)).await;
        let news = match found {
            Ok(Ok(changes)) => News::At(changes.cursor),
            Ok(Err(error)) => News::Failed(error.message().to_owned()),
            Err(failure) => News::Failed(failure.message),
        };
        shared.watch.news.send_if_modified(|last| {
            let differs = *last != news;
            *last = news;
            differs
        });
        let is_over = tokio::select! {
            () = tokio::time::sleep(LOOK_EVERY) => false,
            _ = stopped.wait_for(|stopped| *stopped) => true,
        };
        let Watch { news, is_looking } = &shared.watch;
        let mut is_looking = is_looking.lock().unwrap_or_else(PoisonError::into_inner);
        if is_over || news.receiver_count() == 0 {
            *is_looking = false;
            return;
        }
    }
}
