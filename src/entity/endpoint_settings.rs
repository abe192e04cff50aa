//! The settings of endpoints that are no part of a configuration: rights, limits of the rate, and
//! the table of requests.

use std::fmt;

use serde::{Deserialize, Serialize};

use crate::entity::limits::check_name;
use crate::entity::wording::{invalid, invalid_value};
use crate::error::{Error, ErrorKind, Result};

/// The maximum number of grants, and of limits of the rate.
const ITEMS_MAX: usize = 100;
/// The maximum characters in the name of a user, a group, a catalog, a schema or a table.
const NAME_MAX: usize = 255;
/// The group of all users.
const EVERYBODY: &str = "users";

/// A level of rights to an endpoint. A higher level includes those below it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub enum EndpointLevel {
    /// See the endpoint.
    View,
    /// Send requests to it too.
    Query,
    /// Change and delete it too, which runs the code of other models.
    Manage,
}

impl EndpointLevel {
    /// All levels, the lowest first.
    pub const ALL: [EndpointLevel; 3] =
        [EndpointLevel::View, EndpointLevel::Query, EndpointLevel::Manage];

    /// Returns Databricks's word: `CAN_VIEW`, `CAN_QUERY` or `CAN_MANAGE`.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            EndpointLevel::View => "CAN_VIEW",
            EndpointLevel::Query => "CAN_QUERY",
            EndpointLevel::Manage => "CAN_MANAGE",
        }
    }
}

impl fmt::Display for EndpointLevel {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(self.as_str())
    }
}

impl std::str::FromStr for EndpointLevel {
    type Err = Error;

    /// Parses Databricks's word.
    ///
    /// # Errors
    ///
    /// - [`ErrorKind::InvalidInput`] if there is no such level.
    fn from_str(text: &str) -> Result<Self> {
        let found = EndpointLevel::ALL.into_iter().find(|level| level.as_str() == text);
        let rule = "expected CAN_VIEW, CAN_QUERY or CAN_MANAGE";
        found.ok_or_else(|| invalid_value("permission_level", text, rule))
    }
}

/// The owner of a right.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub enum EndpointPrincipal {
    /// A user, by name.
    User(String),
    /// A group. Only `users`, the group of all users, has members.
    Group(String),
    /// A program with a token for this name.
    Service(String),
}

impl EndpointPrincipal {
    /// Returns the name.
    #[must_use]
    pub fn name(&self) -> &str {
        match self {
            EndpointPrincipal::User(name)
            | EndpointPrincipal::Group(name)
            | EndpointPrincipal::Service(name) => name,
        }
    }

    pub(crate) fn is_group(&self) -> bool {
        matches!(self, EndpointPrincipal::Group(_))
    }

    pub(crate) fn includes(&self, user: &str) -> bool {
        match self {
            EndpointPrincipal::User(name) | EndpointPrincipal::Service(name) => name == user,
            EndpointPrincipal::Group(name) => name == EVERYBODY,
        }
    }
}

/// A right to an endpoint.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct EndpointGrant {
    /// The owner of the right.
    pub principal: EndpointPrincipal,
    /// The level of the right.
    pub level: EndpointLevel,
}

/// The most requests in a minute.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct EndpointRateLimit {
    /// The number of requests in a minute, from 0.
    pub calls: u64,
    /// The requests that are counted.
    pub scope: RateScope,
}

/// The requests that a limit of the rate counts.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum RateScope {
    /// All requests to the endpoint.
    Endpoint,
    /// Those of each user by themselves.
    EachUser,
    /// Those of one user, in place of the limit of each user.
    User(String),
}

/// The table that requests and answers are written to: `catalog.schema.<prefix>_payload`.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct EndpointCapture {
    /// The catalog.
    pub catalog: String,
    /// The schema.
    pub schema: String,
    /// The name of the table without `_payload`. Without one, the name of the endpoint.
    pub prefix: Option<String>,
    /// Whether requests are written.
    pub is_enabled: bool,
    /// The share of the requests that is written, in percent: 1 to 100.
    pub percent: u32,
    /// Whether an answer waits until its row is durable.
    pub is_durable: bool,
    /// Whether it was set in Databricks's earlier form, as a part of the configuration.
    pub is_legacy: bool,
}

impl EndpointCapture {
    /// Returns the table of an endpoint with this name: catalog, schema and table.
    #[must_use]
    pub fn table(&self, endpoint: &str) -> (String, String, String) {
        let prefix = self.prefix.as_deref().unwrap_or(endpoint);
        (self.catalog.clone(), self.schema.clone(), format!("{prefix}_payload"))
    }
}

/// Returns whether grants let a user do something. Without any grants, everybody may.
pub(crate) fn allows(grants: &[EndpointGrant], user: &str, level: EndpointLevel) -> bool {
    let has_right = |grant: &EndpointGrant| grant.level >= level && grant.principal.includes(user);
    grants.is_empty() || grants.iter().any(has_right)
}

pub(crate) fn check_grants(grants: &[EndpointGrant]) -> Result<()> {
    check_count("grants", grants.len())?;
    grants.iter().try_for_each(|grant| check_name("principal", grant.principal.name(), NAME_MAX))
}

pub(crate) fn check_rate_limits(limits: &[EndpointRateLimit]) -> Result<()> {
    check_count("limits of the rate", limits.len())?;
    for (place, limit) in limits.iter().enumerate() {
        if let RateScope::User(name) = &limit.scope {
            check_name("user of a limit of the rate", name, NAME_MAX)?;
        }
        if limits.iter().take(place).any(|earlier| earlier.scope == limit.scope) {
            let scope = &limit.scope;
            return Err(invalid(format!("two limits of the rate have the scope {scope:?}")));
        }
    }
    Ok(())
}

pub(crate) fn check_capture(capture: &EndpointCapture) -> Result<()> {
    let EndpointCapture { catalog, schema, prefix, percent, .. } = capture;
    let prefix = prefix.as_deref();
    for (what, name) in
        [("catalog_name", Some(&**catalog)), ("schema_name", Some(schema)), ("prefix", prefix)]
    {
        let Some(name) = name else { continue };
        check_name(what, name, NAME_MAX)?;
        if name.contains(['.', '/']) || name.chars().any(|c| c.is_whitespace() || c.is_control()) {
            let rule = "it must not contain dots, slashes, blanks or control characters";
            return Err(invalid_value(what, name, rule));
        }
    }
    if !(1..=100).contains(percent) {
        let message = format!("the share of the written requests is {percent}, expected 1 to 100");
        return Err(invalid(message));
    }
    Ok(())
}

fn check_count(what: &str, found: usize) -> Result<()> {
    if found <= ITEMS_MAX {
        return Ok(());
    }
    let message = format!("the endpoint has {found} {what}, at most {ITEMS_MAX} are allowed");
    Err(Error::new(ErrorKind::InvalidInput, message))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn grant(principal: EndpointPrincipal, level: EndpointLevel) -> EndpointGrant {
        EndpointGrant { principal, level }
    }

    #[test]
    fn a_level_includes_those_below_it() {
        use EndpointLevel::{Manage, Query, View};
        let ada = grant(EndpointPrincipal::User("ada".to_owned()), Query);
        let all = grant(EndpointPrincipal::Group(EVERYBODY.to_owned()), View);
        let none = grant(EndpointPrincipal::Group("ada".to_owned()), Manage);
        let may = |grants: &[EndpointGrant], user| {
            EndpointLevel::ALL.map(|level| allows(grants, user, level))
        };
        assert_eq!(may(&[], "bob"), [true; 3]);
        assert_eq!(may(std::slice::from_ref(&ada), "ada"), [true, true, false]);
        assert_eq!(may(std::slice::from_ref(&ada), "bob"), [false; 3]);
        assert_eq!(may(&[ada.clone(), all.clone()], "bob"), [true, false, false]);
        assert_eq!(may(&[ada, all, none], "ada"), [true, true, false]);
    }

    #[test]
    fn words_are_those_of_databricks() {
        for level in EndpointLevel::ALL {
            assert_eq!(level.to_string().parse::<EndpointLevel>().unwrap(), level);
        }
        let error = "CAN_RUN".parse::<EndpointLevel>().unwrap_err();
        assert_eq!(error.kind(), ErrorKind::InvalidInput);
    }

    #[test]
    fn settings_have_bounds() {
        let limit = |scope| EndpointRateLimit { calls: 1, scope };
        assert!(
            check_rate_limits(&[limit(RateScope::Endpoint), limit(RateScope::EachUser)]).is_ok()
        );
        let twice = [limit(RateScope::EachUser), limit(RateScope::EachUser)];
        assert!(check_rate_limits(&twice).is_err());
        assert!(check_rate_limits(&[limit(RateScope::User(String::new()))]).is_err());
        let many = vec![limit(RateScope::Endpoint); ITEMS_MAX + 1];
        assert!(check_rate_limits(&many).unwrap_err().to_string().contains("101"));
        let nobody = grant(EndpointPrincipal::User(String::new()), EndpointLevel::View);
        assert!(check_grants(&[nobody]).is_err());
        let capture = EndpointCapture {
            catalog: "ml".to_owned(),
            schema: "live".to_owned(),
            prefix: None,
            is_enabled: true,
            percent: 100,
            is_durable: false,
            is_legacy: false,
        };
        assert!(check_capture(&capture).is_ok());
        let table = capture.table("churn");
        assert_eq!(table, ("ml".to_owned(), "live".to_owned(), "churn_payload".to_owned()));
        for bad in [
            EndpointCapture { catalog: "a.b".to_owned(), ..capture.clone() },
            EndpointCapture { schema: String::new(), ..capture.clone() },
            EndpointCapture { prefix: Some("a b".to_owned()), ..capture.clone() },
            EndpointCapture { percent: 0, ..capture.clone() },
            EndpointCapture { percent: 101, ..capture.clone() },
        ] {
            assert_eq!(check_capture(&bad).unwrap_err().kind(), ErrorKind::InvalidInput, "{bad:?}");
        }
    }
}
