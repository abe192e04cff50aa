//! The records of endpoints.

use serde::{Deserialize, Serialize};

use crate::entity::{EndpointId, EndpointState};

/// An endpoint was created or changed. The record has the whole endpoint, so that a copy needs
/// only the last one.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct EndpointSaved {
    /// The id.
    pub endpoint: EndpointId,
    /// The name, which identifies the endpoint.
    pub name: String,
    /// The user who created the endpoint.
    pub creator: String,
    /// The time of its creation in nanoseconds since the epoch.
    pub created: i64,
    /// The user who made this change.
    pub author: String,
    /// The revision, higher than those of all earlier records with this name.
    pub revision: u64,
    /// Everything that can change.
    pub state: EndpointState,
    /// The time in nanoseconds since the epoch.
    pub time: i64,
}

/// An endpoint was deleted.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct EndpointDeleted {
    /// The name of the endpoint.
    pub name: String,
    /// The user who deleted it.
    pub author: String,
    /// The revision, higher than those of all earlier records with this name.
    pub revision: u64,
    /// The time in nanoseconds since the epoch.
    pub time: i64,
}
