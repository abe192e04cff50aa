//! Endpoints: names under which a server answers requests with models of the registry.

use std::collections::BTreeMap;
use std::fmt;

use serde::{Deserialize, Serialize};

use crate::entity::endpoint_settings::{
    EndpointCapture, EndpointGrant, EndpointLevel, EndpointRateLimit, allows,
};
use crate::entity::id::{RegisteredModelId, Timestamp};
use crate::entity::wording::invalid_value;
use crate::error::{Error, ErrorKind, Result};

/// The id of an endpoint: 128 random bits, displayed as 32 lower-case hexadecimal digits.
#[derive(Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
pub struct EndpointId(u128);

impl EndpointId {
    /// Creates an id from exactly these bits.
    #[must_use]
    pub const fn from_bits(bits: u128) -> Self {
        EndpointId(bits)
    }

    /// Returns the 128 bits of the id.
    #[must_use]
    pub const fn to_bits(self) -> u128 {
        self.0
    }
}

impl fmt::Display for EndpointId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:032x}", self.0)
    }
}

impl fmt::Debug for EndpointId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "EndpointId({self})")
    }
}

/// An endpoint as stored in the file.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct EndpointInfo {
    /// The id. An endpoint that reuses the name of a deleted one gets a new id.
    pub id: EndpointId,
    /// The name, which identifies the endpoint.
    pub name: String,
    /// The user who created it.
    pub creator: String,
    /// The time of its creation.
    pub created: Timestamp,
    /// The user who made the last change.
    pub author: String,
    /// The time of the last change.
    pub updated: Timestamp,
    /// The number of the last change. A later change of an endpoint with this name has a higher
    /// one.
    pub revision: u64,
    /// Everything that can change.
    pub state: EndpointState,
}

/// The changeable part of an endpoint.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[non_exhaustive]
pub struct EndpointState {
    /// The description.
    pub description: Option<String>,
    /// The tags by key.
    pub tags: BTreeMap<String, String>,
    /// The configurations by rising number: the active, the pending and the last failed one, and
    /// some earlier ones.
    pub configs: Vec<EndpointConfig>,
    /// The number of the configuration that answers requests.
    pub active: Option<u64>,
    /// The number of the configuration that servers load.
    pub pending: Option<u64>,
    /// The reason why the last update failed, if it did.
    pub failure: Option<String>,
    /// The rights of users. If there are none, the scope of a token decides alone.
    #[serde(default)]
    pub grants: Vec<EndpointGrant>,
    /// The most requests in a minute.
    #[serde(default)]
    pub rate_limits: Vec<EndpointRateLimit>,
    /// The table of requests and answers.
    #[serde(default)]
    pub capture: Option<EndpointCapture>,
}

/// A configuration of an endpoint. It never changes.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[non_exhaustive]
pub struct EndpointConfig {
    /// The number, from 1. Numbers of an endpoint are never reused.
    pub number: u64,
    /// The user who made it.
    pub author: String,
    /// The time at which it was made, in nanoseconds since 1970.
    pub time: i64,
    /// Whether a server made it because an alias moved.
    pub is_followed: bool,
    /// The served models.
    pub entities: Vec<ServedEntity>,
    /// The share of the requests of each served model. The shares sum to 100.
    pub routes: Vec<EndpointRoute>,
    /// The limits of each served model.
    pub limits: EndpointLimits,
}

/// A served model: a version of the registry.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[non_exhaustive]
pub struct ServedEntity {
    /// The name within the endpoint.
    pub name: String,
    /// The registered model.
    #[serde(with = "model_id")]
    pub model: RegisteredModelId,
    /// The name that the registered model had when the configuration was made.
    pub model_name: String,
    /// The version that is served.
    pub version: u64,
    /// The alias that is followed. When it moves, a configuration with its new version is made.
    pub alias: Option<String>,
    /// How many requests it answers at the same time.
    pub size: EndpointSize,
    /// Whether its workers may end while there are no requests.
    pub scale_to_zero: bool,
    /// Whether it gets a copy of each request, and its answers are not returned. It has no route.
    #[serde(default)]
    pub is_shadow: bool,
    /// The variables of its processes, beside those that all have.
    #[serde(default)]
    pub environment: BTreeMap<String, String>,
    /// How it reads requests.
    #[serde(default)]
    pub lane: ServingLane,
}

impl ServedEntity {
    /// The variable that chooses the Python environment: `server`, the default, or `model`.
    ///
    /// It is a variable because the clients of Databricks can set variables, and nothing else.
    pub const ENVIRONMENT: &'static str = "TRACKLITE_ENVIRONMENT";

    /// Returns whether it runs in a Python environment with the requirements of its version. By
    /// default, it runs in that of the server.
    #[must_use]
    pub fn has_own_environment(&self) -> bool {
        self.environment.get(Self::ENVIRONMENT).is_some_and(|value| value == "model")
    }
}

/// How a served model reads requests and writes answers.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub enum ServingLane {
    /// Without data frames, if that returns the same answers, else as MLflow's own server does.
    #[default]
    Auto,
    /// Always as MLflow's own server does.
    Exact,
    /// By the server itself, without Python, if that is known for the model and returns the same
    /// answers. Else as [`ServingLane::Auto`].
    Native,
}

/// The share of the requests that a served model gets.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct EndpointRoute {
    /// The name of the served model within the endpoint.
    pub entity: String,
    /// Its share in percent.
    pub percent: u32,
}

/// The limits of each served model of a configuration.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct EndpointLimits {
    /// How long a request may take, in milliseconds: 1 to 297,000. Default: 60,000.
    pub timeout_ms: u32,
    /// How many requests may wait for a worker: 1 to 4096. Default: 64.
    pub waiting: u32,
    /// The number of workers: up to 64. 0 means a number by size and cores. Default: 0.
    pub workers: u32,
    /// After how many milliseconds without a request the workers of a model that scales to zero
    /// end: up to one week. Default: 1,800,000, which is half an hour.
    #[serde(default = "default_idle")]
    pub idle_ms: u32,
    /// How many requests may wait while no worker is running: 1 to 4096. Default: 100.
    #[serde(default = "default_held")]
    pub held: u32,
}

fn default_idle() -> u32 {
    1_800_000
}

fn default_held() -> u32 {
    100
}

impl Default for EndpointLimits {
    fn default() -> Self {
        EndpointLimits {
            timeout_ms: 60_000,
            waiting: 64,
            workers: 0,
            idle_ms: default_idle(),
            held: default_held(),
        }
    }
}

/// How many requests a served model answers at the same time, in Databricks's words.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub enum EndpointSize {
    /// Few.
    #[default]
    Small,
    /// Some.
    Medium,
    /// Many.
    Large,
}

impl EndpointSize {
    /// Returns Databricks's word: `Small`, `Medium` or `Large`.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            EndpointSize::Small => "Small",
            EndpointSize::Medium => "Medium",
            EndpointSize::Large => "Large",
        }
    }
}

impl fmt::Display for EndpointSize {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(self.as_str())
    }
}

impl std::str::FromStr for EndpointSize {
    type Err = Error;

    /// Parses Databricks's word, ignoring case.
    ///
    /// # Errors
    ///
    /// - [`ErrorKind::InvalidInput`] if there is no such size.
    fn from_str(text: &str) -> Result<Self> {
        let sizes = [EndpointSize::Small, EndpointSize::Medium, EndpointSize::Large];
        let found = sizes.into_iter().find(|size| size.as_str().eq_ignore_ascii_case(text));
        found.ok_or_else(|| invalid_value("workload_size", text, "expected Small, Medium or Large"))
    }
}

impl ServingLane {
    /// Returns the word: `auto`, `exact` or `native`.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            ServingLane::Auto => "auto",
            ServingLane::Exact => "exact",
            ServingLane::Native => "native",
        }
    }
}

impl std::str::FromStr for ServingLane {
    type Err = Error;

    /// Parses the word, ignoring case.
    ///
    /// # Errors
    ///
    /// - [`ErrorKind::InvalidInput`] if there is no such lane.
    fn from_str(text: &str) -> Result<Self> {
        let lanes = [ServingLane::Auto, ServingLane::Exact, ServingLane::Native];
        let found = lanes.into_iter().find(|lane| lane.as_str().eq_ignore_ascii_case(text));
        found.ok_or_else(|| invalid_value("lane", text, "expected auto, exact or native"))
    }
}

impl EndpointInfo {
    /// Returns whether the rights of the endpoint let a user do something. If it has none,
    /// everybody may.
    #[must_use]
    pub fn allows(&self, user: &str, level: EndpointLevel) -> bool {
        allows(&self.state.grants, user, level)
    }
}

impl EndpointState {
    /// Returns the configuration that answers requests.
    #[must_use]
    pub fn active(&self) -> Option<&EndpointConfig> {
        self.active.and_then(|number| self.config(number))
    }

    /// Returns the configuration that servers load.
    #[must_use]
    pub fn pending(&self) -> Option<&EndpointConfig> {
        self.pending.and_then(|number| self.config(number))
    }

    /// Returns the configuration with this number, if it is still kept.
    #[must_use]
    pub fn config(&self, number: u64) -> Option<&EndpointConfig> {
        self.configs.iter().find(|config| config.number == number)
    }

    /// Returns the newest configuration.
    #[must_use]
    pub fn newest(&self) -> Option<&EndpointConfig> {
        self.configs.last()
    }

    /// Returns the state as JSON, for the index.
    pub(crate) fn to_json(&self) -> String {
        serde_json::to_string(self).unwrap_or_default()
    }

    /// Reads the state from JSON of the index.
    pub(crate) fn from_json(text: &str) -> Result<Self> {
        serde_json::from_str(text).map_err(|error| {
            let message = "the index has a state of an endpoint that cannot be read";
            Error::new(ErrorKind::Index, message).with_source(error)
        })
    }
}

impl EndpointConfig {
    /// Returns whether another configuration serves the same versions under the same names.
    pub(crate) fn serves_like(&self, other: &EndpointConfig) -> bool {
        self.entities == other.entities
    }

    /// Returns whether another configuration serves the same aliases, and the same versions of
    /// models without one.
    pub(crate) fn follows_like(&self, other: &EndpointConfig) -> bool {
        let source = |entity: &ServedEntity| {
            let version = entity.alias.is_none().then_some(entity.version);
            (entity.model, entity.alias.clone(), version)
        };
        let (own, others) = (self.entities.iter().map(source), other.entities.iter().map(source));
        own.eq(others)
    }
}

/// The last change of an endpoint with some name, which may be its deletion.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum EndpointChange {
    Saved(Box<EndpointInfo>),
    /// It was deleted with this revision.
    Deleted(u64),
}

impl EndpointChange {
    pub(crate) fn revision(&self) -> u64 {
        match self {
            EndpointChange::Saved(info) => info.revision,
            EndpointChange::Deleted(revision) => *revision,
        }
    }
}

/// The id of a model: its number in records, and 32 hexadecimal digits as JSON.
mod model_id {
    use serde::de::Error as _;
    use serde::{Deserialize, Deserializer, Serialize, Serializer};

    use crate::entity::id::RegisteredModelId;

    pub(super) fn serialize<S: Serializer>(
        id: &RegisteredModelId,
        serializer: S,
    ) -> Result<S::Ok, S::Error> {
        match serializer.is_human_readable() {
            true => serializer.collect_str(&format_args!("{:032x}", id.to_bits())),
            false => id.serialize(serializer),
        }
    }

    pub(super) fn deserialize<'de, D: Deserializer<'de>>(
        deserializer: D,
    ) -> Result<RegisteredModelId, D::Error> {
        if !deserializer.is_human_readable() {
            return RegisteredModelId::deserialize(deserializer);
        }
        let text = String::deserialize(deserializer)?;
        let bits = u128::from_str_radix(&text, 16).map_err(D::Error::custom)?;
        Ok(RegisteredModelId::from_bits(bits))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_state_survives_as_json() {
        let entity = ServedEntity {
            name: "a".to_owned(),
            model: RegisteredModelId::from_bits(u128::MAX - 1),
            model_name: "churn".to_owned(),
            version: u64::MAX,
            alias: Some("Champion".to_owned()),
            size: EndpointSize::Medium,
            scale_to_zero: true,
            is_shadow: true,
            environment: BTreeMap::from([("REGION".to_owned(), "eu".to_owned())]),
            lane: ServingLane::Exact,
        };
        let config = EndpointConfig {
            number: 3,
            author: "ada".to_owned(),
            time: -5,
            is_followed: false,
            entities: vec![entity],
            routes: vec![EndpointRoute { entity: "b".to_owned(), percent: 100 }],
            limits: EndpointLimits::default(),
        };
        let mut state = EndpointState { active: Some(3), ..EndpointState::default() };
        state.configs.push(config);
        state.tags.insert("team".to_owned(), "\"growth\"".to_owned());
        assert_eq!(EndpointState::from_json(&state.to_json()).unwrap(), state);
        assert_eq!(EndpointState::from_json("{").unwrap_err().kind(), ErrorKind::Index);
    }

    #[test]
    fn a_lane_is_read_from_its_word() {
        for lane in [ServingLane::Auto, ServingLane::Exact, ServingLane::Native] {
            assert_eq!(lane.as_str().to_uppercase().parse::<ServingLane>().unwrap(), lane);
        }
        let error = "fast".parse::<ServingLane>().unwrap_err();
        assert!(error.message().contains("auto, exact or native"), "{error}");
    }
}
