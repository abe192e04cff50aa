//! The settings of endpoints beside their configurations.

use std::collections::{BTreeMap, BTreeSet};

use crate::entity::limits::{check_name, check_text};
use crate::entity::{
    EndpointCapture, EndpointGrant, EndpointRateLimit, EndpointState, check_capture, check_grants,
    check_rate_limits,
};
use crate::error::{Error, ErrorKind, Result};

/// The maximum characters of a description, of a key and of a value of a tag.
const TEXT_MAX: usize = 4096;
/// The maximum number of tags.
const TAGS_MAX: usize = 100;

/// A change of an endpoint beside its configuration. Settings that are not named stay as they are.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct EndpointSettings {
    description: Option<String>,
    tags: BTreeMap<String, String>,
    without_tags: BTreeSet<String>,
    grants: Option<Vec<EndpointGrant>>,
    rate_limits: Option<Vec<EndpointRateLimit>>,
    capture: Option<Option<EndpointCapture>>,
}

impl EndpointSettings {
    /// Creates a change of nothing.
    #[must_use]
    pub fn new() -> Self {
        EndpointSettings::default()
    }

    /// Sets the description. An empty one removes it.
    #[must_use]
    pub fn description(mut self, text: impl Into<String>) -> Self {
        self.description = Some(text.into());
        self
    }

    /// Sets a tag.
    #[must_use]
    pub fn tag(mut self, key: impl Into<String>, value: impl Into<String>) -> Self {
        self.tags.insert(key.into(), value.into());
        self
    }

    /// Removes a tag, if there is one with this key.
    #[must_use]
    pub fn without_tag(mut self, key: impl Into<String>) -> Self {
        self.without_tags.insert(key.into());
        self
    }

    /// Replaces the rights. Without any, the scope of a token decides alone.
    #[must_use]
    pub fn grants(mut self, grants: Vec<EndpointGrant>) -> Self {
        self.grants = Some(grants);
        self
    }

    /// Replaces the limits of the rate.
    #[must_use]
    pub fn rate_limits(mut self, limits: Vec<EndpointRateLimit>) -> Self {
        self.rate_limits = Some(limits);
        self
    }

    /// Replaces the table of requests, or removes it.
    #[must_use]
    pub fn capture(mut self, capture: Option<EndpointCapture>) -> Self {
        self.capture = Some(capture);
        self
    }

    pub(crate) fn check(&self) -> Result<()> {
        check_description(self.description.as_deref())?;
        check_tags(&self.tags)?;
        check_grants(self.grants.as_deref().unwrap_or_default())?;
        check_rate_limits(self.rate_limits.as_deref().unwrap_or_default())?;
        self.capture.iter().flatten().try_for_each(check_capture)
    }

    pub(crate) fn apply(&self, state: &mut EndpointState) {
        if let Some(text) = &self.description {
            state.description = Some(text.clone()).filter(|text| !text.is_empty());
        }
        state.tags.retain(|key, _| !self.without_tags.contains(key));
        let tags = self.tags.iter().map(|(key, value)| (key.clone(), value.clone()));
        state.tags.extend(tags);
        if let Some(grants) = &self.grants {
            state.grants.clone_from(grants);
        }
        if let Some(limits) = &self.rate_limits {
            state.rate_limits.clone_from(limits);
        }
        if let Some(capture) = &self.capture {
            state.capture.clone_from(capture);
        }
    }
}

pub(crate) fn check_description(text: Option<&str>) -> Result<()> {
    check_text("the description", text.unwrap_or_default(), TEXT_MAX)
}

pub(crate) fn check_tags(tags: &BTreeMap<String, String>) -> Result<()> {
    if tags.len() > TAGS_MAX {
        let found = tags.len();
        let message = format!("the endpoint has {found} tags, at most {TAGS_MAX} are allowed");
        return Err(Error::new(ErrorKind::InvalidInput, message));
    }
    tags.iter().try_for_each(|(key, value)| {
        check_name("the key of a tag", key, TEXT_MAX)?;
        check_text("the value of a tag", value, TEXT_MAX)
    })
}
