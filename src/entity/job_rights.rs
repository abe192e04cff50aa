//! The rights to jobs.

use std::fmt;

use serde::{Deserialize, Serialize};

use crate::entity::EndpointPrincipal;
use crate::entity::limits::check_name;
use crate::entity::wording::{invalid, invalid_value};
use crate::error::{Error, ErrorKind, Result};

/// The most grants of a job.
const GRANTS_MAX: usize = 100;
/// The most characters in the name of a user or group.
const NAME_MAX: usize = 255;

/// A level of rights to a job. A higher level includes those below it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub enum JobLevel {
    /// See the job, its runs and their output.
    View,
    /// Run it, cancel and repair its runs too.
    ManageRun,
    /// Change and delete it too, and give rights. Its code runs as the user of the runner.
    Manage,
    /// Own it. One user does.
    Owner,
}

impl JobLevel {
    /// All levels, the lowest first.
    pub const ALL: [JobLevel; 4] =
        [JobLevel::View, JobLevel::ManageRun, JobLevel::Manage, JobLevel::Owner];

    /// Returns Databricks's word: `CAN_VIEW`, `CAN_MANAGE_RUN`, `CAN_MANAGE` or `IS_OWNER`.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            JobLevel::View => "CAN_VIEW",
            JobLevel::ManageRun => "CAN_MANAGE_RUN",
            JobLevel::Manage => "CAN_MANAGE",
            JobLevel::Owner => "IS_OWNER",
        }
    }
}

impl fmt::Display for JobLevel {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(self.as_str())
    }
}

impl std::str::FromStr for JobLevel {
    type Err = Error;

    /// Parses Databricks's word.
    ///
    /// # Errors
    ///
    /// - [`ErrorKind::InvalidInput`](crate::ErrorKind::InvalidInput) if there is no such level.
    fn from_str(text: &str) -> Result<Self> {
        let found = JobLevel::ALL.into_iter().find(|level| level.as_str() == text);
        let rule = "expected CAN_VIEW, CAN_MANAGE_RUN, CAN_MANAGE or IS_OWNER";
        found.ok_or_else(|| invalid_value("permission_level", text, rule))
    }
}

/// A right to a job.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct JobGrant {
    /// The owner of the right.
    pub principal: EndpointPrincipal,
    /// The level of the right.
    pub level: JobLevel,
}

impl JobGrant {
    /// Creates a grant.
    #[must_use]
    pub fn new(principal: EndpointPrincipal, level: JobLevel) -> Self {
        JobGrant { principal, level }
    }
}

/// Returns the highest level that grants give a user. A job without an owner among its grants
/// belongs to its creator.
pub(crate) fn job_level(grants: &[JobGrant], creator: &str, user: &str) -> Option<JobLevel> {
    let given = grants.iter().filter(|grant| grant.principal.includes(user));
    let given = given.map(|grant| grant.level).max();
    let is_owned = grants.iter().any(|grant| grant.level == JobLevel::Owner);
    if !is_owned && creator == user { Some(JobLevel::Owner) } else { given }
}

/// Returns grants as JSON, for the index.
pub(crate) fn job_grants_to_json(grants: &[JobGrant]) -> String {
    serde_json::to_string(grants).unwrap_or_default()
}

/// Reads grants from JSON of the index.
pub(crate) fn job_grants_from_json(text: &str) -> Result<Vec<JobGrant>> {
    serde_json::from_str(text).map_err(|error| {
        let message = "the index has rights to a job that cannot be read";
        Error::new(ErrorKind::Index, message).with_source(error)
    })
}

/// Checks the grants of a job.
pub(crate) fn check_job_grants(grants: &[JobGrant]) -> Result<()> {
    if grants.len() > GRANTS_MAX {
        let found = grants.len();
        return Err(invalid(format!(
            "the job has {found} grants, at most {GRANTS_MAX} are allowed"
        )));
    }
    for (place, grant) in grants.iter().enumerate() {
        check_name("principal", grant.principal.name(), NAME_MAX)?;
        if grants.iter().take(place).any(|earlier| earlier.principal == grant.principal) {
            let name = grant.principal.name();
            return Err(invalid(format!("{name:?} has two levels of rights: keep one")));
        }
    }
    let owners: Vec<&JobGrant> =
        grants.iter().filter(|grant| grant.level == JobLevel::Owner).collect();
    if owners.len() > 1 || owners.iter().any(|owner| owner.principal.is_group()) {
        return Err(invalid(format!(
            "the job has {} owners: expected one user or service",
            owners.len()
        )));
    }
    Ok(())
}
