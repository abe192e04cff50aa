//! The state of the file as all clients that listen see it.

use std::sync::Mutex;

use tokio::sync::watch;
use tracklite::ChangeCursor;

/// The result of the last look.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum News {
    /// Nobody has looked yet.
    Nothing,
    At(ChangeCursor),
    /// The file cannot be read, for this reason.
    Failed(String),
}

/// The state of the file as the last look has found it. Nobody looks while nobody listens.
pub(crate) struct Watch {
    pub(super) news: watch::Sender<News>,
    pub(super) is_looking: Mutex<bool>,
}

impl Watch {
    pub(crate) fn new() -> Watch {
        Watch { news: watch::Sender::new(News::Nothing), is_looking: Mutex::new(false) }
    }
}
