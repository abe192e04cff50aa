//! A request as its handler sees it.

use std::sync::Arc;

use axum::http::HeaderMap;
use serde_json::{Map, Value};
use tracklite::Database;
use tracklite::registry::Registry;

use crate::access::Caller;
use crate::shared::Shared;

/// The arguments of a request by name: those of the body or query, and of the path.
pub(crate) type Args = Map<String, Value>;

/// A request as its handler sees it. Its arguments have the types that its route declares.
pub(crate) struct Call {
    pub(crate) shared: Arc<Shared>,
    pub(crate) args: Args,
    pub(crate) caller: Caller,
    pub(crate) headers: HeaderMap,
}

impl Call {
    pub(crate) fn database(&self) -> &Database {
        &self.shared.database
    }

    /// Returns the registry of the file, acting for the caller.
    pub(crate) fn registry(&self) -> Registry {
        self.database().registry().acting_for(&self.caller.user)
    }
}
