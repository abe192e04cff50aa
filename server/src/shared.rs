//! The things that all requests share: the file, the settings, and the counters.

use std::time::SystemTime;

use axum::http::HeaderMap;
use tokio::sync::watch;
use tracklite::Database;
use tracklite_serve::Serving;

use crate::access::Access;
use crate::body::Bodies;
use crate::capture::Captures;
use crate::handles::Handles;
use crate::locations::Locations;
use crate::metrics::Metrics;
use crate::multipart::PartUploads;
use crate::options::Options;
use crate::origin::Names;
use crate::page::catalogue::Catalogue;
use crate::page::selection::Selections;
use crate::page::undos::Undos;
use crate::page::watch::Watch;
use crate::pool::Pool;
use crate::signed::{Right, Signer};
use crate::transfer::Uploads;
use crate::webhooks::queue::Webhooks;

/// The things that all requests share.
pub(crate) struct Shared {
    pub(crate) database: Database,
    pub(crate) options: Options,
    pub(crate) access: Access,
    pub(crate) names: Names,
    pub(crate) metrics: Metrics,
    pub(crate) bodies: Bodies,
    pub(crate) handles: Handles,
    pub(crate) locations: Locations,
    pub(crate) pool: Pool,
    pub(crate) webhooks: Webhooks,
    pub(crate) serving: Serving,
    pub(crate) captures: Captures,
    pub(crate) watch: Watch,
    pub(crate) selections: Selections,
    pub(crate) undos: Undos,
    pub(crate) catalogue: Catalogue,
    /// Becomes true when the server stops.
    pub(crate) stopped: watch::Receiver<bool>,
    pub(crate) uploads: Uploads,
    pub(crate) part_uploads: PartUploads,
    pub(crate) signer: Signer,
    /// The address of this server, such as `http://127.0.0.1:5000`.
    pub(crate) url: String,
    /// The number that Databricks's clients take for the id of the workspace.
    pub(crate) workspace: String,
}

impl Shared {
    /// Returns the threads for bodies: those for short calls, and those for long uploads.
    pub(crate) fn transfers(&self) -> (&Pool, &Uploads) {
        (&self.pool, &self.uploads)
    }

    /// Returns a signed address that returns a right until a time.
    pub(crate) fn address(
        &self,
        headers: &HeaderMap,
        right: Right,
        until: Option<SystemTime>,
    ) -> String {
        self.signer.address(&self.url, headers, right, until)
    }
}
