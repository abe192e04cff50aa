//! Changes of endpoints. Each is decided on the state directly before it.

use std::ops::RangeInclusive;

use crate::endpoint::settings::{EndpointSettings, check_description, check_tags};
use crate::endpoint::spec::{EndpointSpec, ServedModel};
use crate::endpoint::{Endpoints, existing};
use crate::entity::id::Timestamp;
use crate::entity::limits::check_name;
use crate::entity::wording::invalid_value;
use crate::entity::{
    EndpointChange, EndpointConfig, EndpointId, EndpointInfo, EndpointState, check_endpoint_name,
};
use crate::error::{Error, ErrorKind, Result};
use crate::format::record::{
    ENDPOINT_KINDS, EndpointDeleted, EndpointSaved, REGISTRY_KINDS, Record,
};
use crate::index::Index;

/// The kinds of records that a change of an endpoint depends on.
pub(crate) const KINDS: [RangeInclusive<u16>; 2] = [ENDPOINT_KINDS, REGISTRY_KINDS];
/// How many configurations are kept that are not active, pending or the last one.
const EARLIER_MAX: usize = 10;
/// The maximum characters in the name of a user.
const USER_MAX: usize = 255;
/// The maximum characters of the reason of a failed update.
const FAILURE_MAX: usize = 4096;
/// The maximum revision. The index has signed numbers.
const REVISION_MAX: u64 = i64::MAX as u64;

impl Endpoints {
    /// Creates an endpoint whose first configuration is pending.
    ///
    /// Each alias is resolved to the version that it points to now.
    ///
    /// # Errors
    ///
    /// - [`ErrorKind::AlreadyExists`] if there is an endpoint with this name.
    /// - [`ErrorKind::InvalidInput`] if a name is not legal, the shares do not sum to 100, or a
    ///   limit is out of its bounds.
    /// - [`ErrorKind::InvalidInput`] if there is no such alias.
    /// - [`ErrorKind::NotFound`] if there is no such model or version.
    /// - [`ErrorKind::InvalidState`] if the files of a version are not complete.
    pub fn create(&self, name: &str, spec: &EndpointSpec) -> Result<EndpointInfo> {
        let (engine, user) = (self.engine(), self.user());
        engine.located(check_endpoint_name("name", name).and_then(|()| check(&user, spec)))?;
        let (id, registry) = (EndpointId::from_bits(engine.random_bits()?), self.registry());
        self.change(|index| {
            let last = index.endpoint_change(name)?;
            if matches!(last, Some(EndpointChange::Saved(_))) {
                let message = format!("Endpoint with name '{name}' already exists.");
                return Err(Error::new(ErrorKind::AlreadyExists, message));
            }
            let config = spec.config(index, &registry, (1, user.clone()))?;
            let time = Timestamp::now();
            let mut state = EndpointState {
                description: spec.description.clone(),
                tags: spec.tags.clone(),
                pending: Some(config.number),
                configs: vec![config],
                ..EndpointState::default()
            };
            spec.settings.apply(&mut state);
            let info = EndpointInfo {
                id,
                name: name.to_owned(),
                creator: user.clone(),
                created: time,
                author: user.clone(),
                updated: time,
                revision: next_revision(name, last.as_ref())?,
                state,
            };
            Ok((vec![record(&info)], info))
        })
    }

    /// Returns the endpoint that serves only this model, and has the name of the served model.
    /// Creates it if it does not exist.
    ///
    /// # Errors
    ///
    /// - [`ErrorKind::AlreadyExists`] if the endpoint with this name serves something else.
    /// - Those of [`Endpoints::create`].
    pub fn ensure(&self, model: ServedModel) -> Result<EndpointInfo> {
        let (name, spec) = (model.entity_name(), EndpointSpec::new().serve(model));
        let wanted = match self.get(&name) {
            Err(error) if error.kind() == ErrorKind::NotFound => {
                return self.create(&name, &spec);
            }
            found => found?,
        };
        let (user, registry) = (self.user(), self.registry());
        let config = self
            .engine()
            .with_index(|index, _| spec.config(index, &registry, (1, user.clone())))?;
        if wanted.state.newest().is_some_and(|newest| newest.follows_like(&config)) {
            return Ok(wanted);
        }
        let message = format!(
            "Endpoint with name '{name}' already exists, and serves something else: update or \
             delete it, or serve the file without naming a model"
        );
        Err(self.engine().locate(Error::new(ErrorKind::AlreadyExists, message)))
    }

    /// Begins to replace the configuration of an endpoint. The active one stays until
    /// [`Endpoints::end_update`].
    ///
    /// With `expects`, the endpoint must still have this revision.
    ///
    /// # Errors
    ///
    /// - [`ErrorKind::NotFound`] if there is no such endpoint.
    /// - [`ErrorKind::Conflict`] if another update is pending that a caller has made. One that
    ///   follows an alias is replaced.
    /// - [`ErrorKind::Conflict`] if it has another revision.
    /// - Those of [`Endpoints::create`].
    pub fn update(
        &self,
        name: &str,
        spec: &EndpointSpec,
        expects: Option<u64>,
    ) -> Result<EndpointInfo> {
        let (user, registry) = (self.user(), self.registry());
        self.engine().located(check(&user, spec))?;
        self.change(|index| {
            let mut info = existing(name, index.endpoint_change(name)?)?;
            check_revision(&info, expects)?;
            if info.state.pending().is_some_and(|pending| !pending.is_followed) {
                return Err(in_progress(&info));
            }
            let number = next_number(&info.state);
            begin(&mut info.state, spec.config(index, &registry, (number, user.clone()))?);
            spec.settings.apply(&mut info.state);
            save(&mut info, &user)?;
            Ok((vec![record(&info)], info))
        })
    }

    /// Changes settings beside the configuration: description, tags, rights, limits of the rate,
    /// and the table of requests. They hold at once.
    ///
    /// With `expects`, the endpoint must still have this revision.
    ///
    /// # Errors
    ///
    /// - [`ErrorKind::NotFound`] if there is no such endpoint.
    /// - [`ErrorKind::Conflict`] if it has another revision.
    /// - [`ErrorKind::InvalidInput`] if a text is too long, or a name is not legal.
    pub fn set(
        &self,
        name: &str,
        settings: &EndpointSettings,
        expects: Option<u64>,
    ) -> Result<EndpointInfo> {
        let user = self.user();
        self.engine().located(check_user(&user).and_then(|()| settings.check()))?;
        self.change(|index| {
            let mut info = existing(name, index.endpoint_change(name)?)?;
            check_revision(&info, expects)?;
            let before = info.state.clone();
            settings.apply(&mut info.state);
            check_tags(&info.state.tags)?;
            if info.state == before {
                return Ok((Vec::new(), info));
            }
            save(&mut info, &user)?;
            Ok((vec![record(&info)], info))
        })
    }

    /// Ends the pending update with this number: it becomes active, or fails for a reason.
    ///
    /// Several servers may load the same configuration. The first one that calls this decides.
    ///
    /// # Errors
    ///
    /// - [`ErrorKind::NotFound`] if there is no such endpoint.
    /// - [`ErrorKind::Conflict`] if this configuration is not pending.
    pub fn end_update(
        &self,
        name: &str,
        config: u64,
        outcome: std::result::Result<(), &str>,
    ) -> Result<EndpointInfo> {
        let user = self.user();
        self.engine().located(check_user(&user))?;
        self.change(|index| {
            let mut info = existing(name, index.endpoint_change(name)?)?;
            if info.state.pending != Some(config) {
                return Err(not_pending(&info, config));
            }
            info.state.pending = None;
            match outcome {
                Ok(()) => {
                    info.state.active = Some(config);
                    info.state.failure = None;
                }
                Err(reason) => {
                    info.state.failure = Some(reason.chars().take(FAILURE_MAX).collect());
                }
            }
            forget_earlier(&mut info.state);
            save(&mut info, &user)?;
            Ok((vec![record(&info)], info))
        })
    }

    /// Deletes an endpoint permanently.
    ///
    /// # Errors
    ///
    /// - [`ErrorKind::NotFound`] if there is no such endpoint.
    /// - [`ErrorKind::Conflict`] if it has another revision than `expects`.
    pub fn delete(&self, name: &str, expects: Option<u64>) -> Result<()> {
        let user = self.user();
        self.engine().located(check_user(&user))?;
        self.change(|index| {
            let last = index.endpoint_change(name)?;
            let revision = next_revision(name, last.as_ref())?;
            check_revision(&existing(name, last)?, expects)?;
            let (name, author) = (name.to_owned(), user.clone());
            let time = Timestamp::now_nanos();
            Ok((vec![EndpointDeleted { name, author, revision, time }.into()], ()))
        })
    }

    /// Appends the records that `build` returns for the index, then syncs.
    pub(crate) fn change<T>(
        &self,
        build: impl FnMut(&Index) -> Result<(Vec<Record>, T)>,
    ) -> Result<T> {
        self.engine().append_synced(&KINDS, build)
    }

    fn registry(&self) -> crate::registry::Registry {
        self.database().registry()
    }
}

/// Makes a configuration pending.
pub(crate) fn begin(state: &mut EndpointState, config: EndpointConfig) {
    state.pending = Some(config.number);
    state.failure = None;
    state.configs.push(config);
    forget_earlier(state);
}

/// Returns the number of the next configuration.
pub(crate) fn next_number(state: &EndpointState) -> u64 {
    state.newest().map_or(1, |newest| newest.number.saturating_add(1))
}

/// Notes who made a change, and when.
pub(crate) fn save(info: &mut EndpointInfo, user: &str) -> Result<()> {
    info.revision = above(&info.name, info.revision)?;
    info.author = user.to_owned();
    info.updated = Timestamp::now();
    Ok(())
}

pub(crate) fn record(info: &EndpointInfo) -> Record {
    EndpointSaved {
        endpoint: info.id,
        name: info.name.clone(),
        creator: info.creator.clone(),
        created: info.created.as_nanos(),
        author: info.author.clone(),
        revision: info.revision,
        state: info.state.clone(),
        time: info.updated.as_nanos(),
    }
    .into()
}

/// Removes the oldest configurations that nothing refers to.
fn forget_earlier(state: &mut EndpointState) {
    let kept = [state.active, state.pending, state.newest().map(|newest| newest.number)];
    let earlier = |config: &EndpointConfig| !kept.contains(&Some(config.number));
    let mut surplus = state.configs.iter().filter(|config| earlier(config)).count();
    surplus = surplus.saturating_sub(EARLIER_MAX);
    state.configs.retain(|config| {
        let goes = surplus > 0 && earlier(config);
        surplus -= usize::from(goes);
        !goes
    });
}

fn next_revision(name: &str, last: Option<&EndpointChange>) -> Result<u64> {
    above(name, last.map_or(0, EndpointChange::revision))
}

fn above(name: &str, revision: u64) -> Result<u64> {
    if revision >= REVISION_MAX {
        let message = format!("endpoint {name:?} has the highest revision: use another name");
        return Err(Error::new(ErrorKind::InvalidState, message));
    }
    Ok(revision + 1)
}

/// Checks the user and the texts.
fn check(user: &str, spec: &EndpointSpec) -> Result<()> {
    check_user(user)?;
    check_description(spec.description.as_deref())?;
    check_tags(&spec.tags)?;
    spec.settings.check()
}

pub(crate) fn check_user(user: &str) -> Result<()> {
    if user.chars().any(char::is_control) {
        return Err(invalid_value("user", user, "it contains a control character"));
    }
    check_name("user", user, USER_MAX)
}

fn check_revision(info: &EndpointInfo, expects: Option<u64>) -> Result<()> {
    match expects {
        Some(expected) if expected != info.revision => {
            let EndpointInfo { name, author, revision, updated, .. } = info;
            let message = format!(
                "endpoint {name:?} is not as expected: {author:?} saved revision {revision} at \
                 {updated}, expected revision {expected}; read it again, then retry"
            );
            Err(Error::new(ErrorKind::Conflict, message))
        }
        _ => Ok(()),
    }
}

#[cold]
fn in_progress(info: &EndpointInfo) -> Error {
    let (name, author, updated) = (&info.name, &info.author, info.updated);
    let message = format!(
        "Endpoint '{name}' is being updated: {author:?} began at {updated}; wait until the update \
         ends, then retry"
    );
    Error::new(ErrorKind::Conflict, message)
}

#[cold]
fn not_pending(info: &EndpointInfo, config: u64) -> Error {
    let name = &info.name;
    let found = match info.state.pending {
        Some(pending) => format!("configuration {pending} is"),
        None => "none is".to_owned(),
    };
    let message = format!(
        "configuration {config} of endpoint {name:?} is not pending, {found}: read it again"
    );
    Error::new(ErrorKind::Conflict, message)
}
