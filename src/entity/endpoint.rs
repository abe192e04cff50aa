//! Endpoints: names under which a server answers requests with models of the registry.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt;

use serde::{Deserialize, Serialize};

use crate::entity::id::{RegisteredModelId, Timestamp};
use crate::entity::wording::{invalid, invalid_value};
use crate::error::{Error, ErrorKind, Result};

/// The maximum characters in the name of an endpoint or of a served model.
const NAME_MAX: usize = 63;
/// The maximum number of served models of a configuration.
const ENTITIES_MAX: usize = 15;
/// The longest time that a request may take, in milliseconds.
const TIMEOUT_MAX: u32 = 297_000;
/// The most workers of a served model.
const WORKERS_MAX: u32 = 64;
/// The most requests that wait for a served model.
const WAITING_MAX: u32 = 4096;

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
}

impl Default for EndpointLimits {
    fn default() -> Self {
        EndpointLimits { timeout_ms: 60_000, waiting: 64, workers: 0 }
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

/// Checks the name of an endpoint or of a served model.
pub(crate) fn check_endpoint_name(what: &str, name: &str) -> Result<()> {
    let is_legal = |byte: u8| byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'_');
    if name.is_empty() || !name.bytes().all(is_legal) {
        let rule = "it must contain only letters, digits, dashes and underscores, at least one";
        return Err(invalid_value(what, name, rule));
    }
    if name.len() > NAME_MAX {
        let length = name.len();
        let rule = format!("it has {length} characters, at most {NAME_MAX} are allowed");
        return Err(invalid_value(what, name, &rule));
    }
    Ok(())
}

/// Returns the name of a served model that has none: that of the model without its catalog and
/// schema, and the version or alias.
pub(crate) fn default_entity_name(model: &str, version: &str) -> String {
    let last = model.rsplit('.').next().unwrap_or(model);
    let plain = |character: char| match character {
        'a'..='z' | 'A'..='Z' | '0'..='9' | '-' | '_' => character,
        _ => '_',
    };
    format!("{last}-{version}").chars().map(plain).take(NAME_MAX).collect()
}

/// Checks a configuration: its names, shares and limits.
pub(crate) fn check_config(config: &EndpointConfig) -> Result<()> {
    let entities = config.entities.len();
    if !(1..=ENTITIES_MAX).contains(&entities) {
        return Err(invalid(format!(
            "the configuration has {entities} served models, expected 1 to {ENTITIES_MAX}"
        )));
    }
    let mut names = BTreeSet::new();
    for entity in &config.entities {
        check_endpoint_name("name of the served model", &entity.name)?;
        if !names.insert(entity.name.as_str()) {
            return Err(invalid(format!(
                "two served models have the name {:?}: names must be unique in an endpoint",
                entity.name
            )));
        }
    }
    check_routes(&config.routes, &names)?;
    check_limits(config.limits)
}

fn check_routes(routes: &[EndpointRoute], names: &BTreeSet<&str>) -> Result<()> {
    let mut routed = BTreeSet::new();
    for EndpointRoute { entity, percent } in routes {
        if !names.contains(entity.as_str()) {
            return Err(invalid(format!("a route leads to {entity:?}, which is not served")));
        }
        if !routed.insert(entity.as_str()) {
            return Err(invalid(format!("two routes lead to {entity:?}: add their percentages")));
        }
        if *percent > 100 {
            return Err(invalid(format!("a route has {percent} percent, at most 100 are allowed")));
        }
    }
    let sum: u32 = routes.iter().map(|route| route.percent).sum();
    if sum != 100 {
        return Err(invalid(format!(
            "the traffic percentages of the routes sum to {sum}, expected 100"
        )));
    }
    Ok(())
}

fn check_limits(limits: EndpointLimits) -> Result<()> {
    for (what, value, least, most) in [
        ("timeout in milliseconds", limits.timeout_ms, 1, TIMEOUT_MAX),
        ("number of waiting requests", limits.waiting, 1, WAITING_MAX),
        ("number of workers", limits.workers, 0, WORKERS_MAX),
    ] {
        if !(least..=most).contains(&value) {
            return Err(invalid(format!("the {what} is {value}, expected {least} to {most}")));
        }
    }
    Ok(())
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

    fn config(names: &[&str], routes: &[(&str, u32)]) -> EndpointConfig {
        let entity = |name: &&str| ServedEntity {
            name: (*name).to_owned(),
            model: RegisteredModelId::from_bits(u128::MAX - 1),
            model_name: "churn".to_owned(),
            version: u64::MAX,
            alias: Some("Champion".to_owned()),
            size: EndpointSize::Medium,
            scale_to_zero: true,
        };
        let route = |(entity, percent): &(&str, u32)| EndpointRoute {
            entity: (*entity).to_owned(),
            percent: *percent,
        };
        EndpointConfig {
            number: 3,
            author: "ada".to_owned(),
            time: -5,
            is_followed: false,
            entities: names.iter().map(entity).collect(),
            routes: routes.iter().map(route).collect(),
            limits: EndpointLimits::default(),
        }
    }

    #[test]
    fn shares_sum_to_100_and_lead_to_served_models() {
        for (names, routes) in [
            (vec!["a"], vec![("a", 100)]),
            (vec!["a", "b"], vec![("a", 100), ("b", 0)]),
            (vec!["a", "b", "c"], vec![("c", 1), ("a", 99)]),
        ] {
            check_config(&config(&names, &routes)).unwrap();
        }
        for (names, routes, wanted) in [
            (vec![], vec![], "0 served models"),
            (vec!["a"; 16], vec![("a", 100)], "16 served models"),
            (vec!["a", "a"], vec![("a", 100)], "two served models have the name \"a\""),
            (vec!["a b"], vec![("a b", 100)], "letters, digits"),
            (vec!["a"], vec![], "sum to 0"),
            (vec!["a", "b"], vec![("a", 50), ("b", 49)], "sum to 99"),
            (vec!["a", "b"], vec![("a", 50), ("b", 51)], "sum to 101"),
            (vec!["a"], vec![("b", 100)], "\"b\", which is not served"),
            (vec!["a"], vec![("a", 50), ("a", 50)], "two routes"),
            (vec!["a"], vec![("a", u32::MAX)], "4294967295 percent"),
        ] {
            let message = check_config(&config(&names, &routes)).unwrap_err().to_string();
            assert!(message.contains(wanted), "{message}");
        }
    }

    #[test]
    fn limits_have_bounds() {
        let default = EndpointLimits::default();
        for bad in [
            EndpointLimits { timeout_ms: 0, ..default },
            EndpointLimits { timeout_ms: TIMEOUT_MAX + 1, ..default },
            EndpointLimits { waiting: 0, ..default },
            EndpointLimits { waiting: WAITING_MAX + 1, ..default },
            EndpointLimits { workers: WORKERS_MAX + 1, ..default },
        ] {
            assert_eq!(check_limits(bad).unwrap_err().kind(), ErrorKind::InvalidInput, "{bad:?}");
        }
        assert!(check_limits(default).is_ok());
    }

    #[test]
    fn names_follow_the_rules() {
        for valid in ["a", "churn-predictor_2", &"k".repeat(63)] {
            assert!(check_endpoint_name("name", valid).is_ok(), "{valid}");
        }
        for bad in ["", " ", "a.b", "a/b", "\u{fc}", &"k".repeat(64)] {
            assert!(check_endpoint_name("name", bad).is_err(), "{bad}");
        }
        assert_eq!(default_entity_name("ml.production.churn", "1"), "churn-1");
        assert_eq!(default_entity_name("a b/\u{fc}", "Champion"), "a_b__-Champion");
        assert_eq!(default_entity_name(&"k".repeat(70), "1").len(), 63);
    }

    #[test]
    fn a_state_survives_as_json() {
        let mut state = EndpointState { active: Some(3), ..EndpointState::default() };
        state.configs.push(config(&["a"], &[("a", 100)]));
        state.tags.insert("team".to_owned(), "\"growth\"".to_owned());
        assert_eq!(EndpointState::from_json(&state.to_json()).unwrap(), state);
        assert_eq!(EndpointState::from_json("{").unwrap_err().kind(), ErrorKind::Index);
    }
}
