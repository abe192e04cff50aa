//! The records of endpoints.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use crate::entity::id::RegisteredModelId;
use crate::entity::{
    EndpointConfig, EndpointId, EndpointLimits, EndpointRoute, EndpointSize, EndpointState,
    ServedEntity, ServingLane,
};

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

/// Version 0 of [`EndpointSaved`], without rights, limits of the rate and a table of requests.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct EndpointSavedV0 {
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
    pub state: EndpointStateV0,
    /// The time in nanoseconds since the epoch.
    pub time: i64,
}

/// The state in version 0 of [`EndpointSaved`].
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct EndpointStateV0 {
    /// The description.
    pub description: Option<String>,
    /// The tags by key.
    pub tags: BTreeMap<String, String>,
    /// The configurations by rising number.
    pub configs: Vec<EndpointConfigV0>,
    /// The number of the configuration that answers requests.
    pub active: Option<u64>,
    /// The number of the configuration that servers load.
    pub pending: Option<u64>,
    /// The reason why the last update failed, if it did.
    pub failure: Option<String>,
}

/// A configuration in version 0 of [`EndpointSaved`].
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct EndpointConfigV0 {
    /// The number, from 1.
    pub number: u64,
    /// The user who made it.
    pub author: String,
    /// The time in nanoseconds since the epoch.
    pub time: i64,
    /// Whether a server made it because an alias moved.
    pub is_followed: bool,
    /// The served models.
    pub entities: Vec<ServedEntityV0>,
    /// The share of the requests of each served model.
    pub routes: Vec<EndpointRoute>,
    /// The time of a request in milliseconds, the number of waiting ones, and that of workers.
    pub limits: (u32, u32, u32),
}

/// A served model in version 0 of [`EndpointSaved`].
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct ServedEntityV0 {
    /// The name within the endpoint.
    pub name: String,
    /// The registered model.
    pub model: RegisteredModelId,
    /// The name that the registered model had.
    pub model_name: String,
    /// The version that is served.
    pub version: u64,
    /// The alias that is followed.
    pub alias: Option<String>,
    /// How many requests it answers at the same time.
    pub size: EndpointSize,
    /// Whether its workers may end while there are no requests.
    pub scale_to_zero: bool,
}

impl From<EndpointSavedV0> for EndpointSaved {
    fn from(old: EndpointSavedV0) -> Self {
        EndpointSaved {
            endpoint: old.endpoint,
            name: old.name,
            creator: old.creator,
            created: old.created,
            author: old.author,
            revision: old.revision,
            state: EndpointState {
                description: old.state.description,
                tags: old.state.tags,
                configs: old.state.configs.into_iter().map(EndpointConfig::from).collect(),
                active: old.state.active,
                pending: old.state.pending,
                failure: old.state.failure,
                ..EndpointState::default()
            },
            time: old.time,
        }
    }
}

impl From<EndpointConfigV0> for EndpointConfig {
    fn from(old: EndpointConfigV0) -> Self {
        let (timeout_ms, waiting, workers) = old.limits;
        EndpointConfig {
            number: old.number,
            author: old.author,
            time: old.time,
            is_followed: old.is_followed,
            entities: old.entities.into_iter().map(ServedEntity::from).collect(),
            routes: old.routes,
            limits: EndpointLimits { timeout_ms, waiting, workers, ..EndpointLimits::default() },
        }
    }
}

impl From<ServedEntityV0> for ServedEntity {
    fn from(old: ServedEntityV0) -> Self {
        ServedEntity {
            name: old.name,
            model: old.model,
            model_name: old.model_name,
            version: old.version,
            alias: old.alias,
            size: old.size,
            scale_to_zero: old.scale_to_zero,
            is_shadow: false,
            environment: BTreeMap::new(),
            lane: ServingLane::default(),
        }
    }
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
