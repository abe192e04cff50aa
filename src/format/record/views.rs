//! The records of saved views.

use serde::{Deserialize, Serialize};

/// A view was saved. The record has the whole view, so that a copy needs only the last one.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct ViewSaved {
    /// The name, which identifies the view.
    pub name: String,
    /// The state, a JSON object.
    pub state: String,
    /// The user who saved it.
    pub author: String,
    /// The revision, higher than those of all earlier records with this name.
    pub revision: u64,
    /// The time of the creation of the view in nanoseconds since the epoch.
    pub created: i64,
    /// The time in nanoseconds since the epoch.
    pub time: i64,
}

/// A view was deleted.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct ViewDeleted {
    /// The name of the view.
    pub name: String,
    /// The user who deleted it.
    pub author: String,
    /// The revision, higher than those of all earlier records with this name.
    pub revision: u64,
    /// The time in nanoseconds since the epoch.
    pub time: i64,
}
