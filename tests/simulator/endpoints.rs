//! Calls that create, change and delete endpoints.

use tracklite::endpoint::{
    EndpointCapture, EndpointConfig, EndpointGrant, EndpointInfo, EndpointLevel, EndpointLimits,
    EndpointPrincipal, EndpointRateLimit, EndpointSettings, EndpointSpec, Endpoints, RateScope,
    ServedModel, ServingLane,
};
use tracklite::registry::ModelVersionStatus;
use tracklite::{Database, ErrorKind, Result};

use crate::compare::event_in;
use crate::oracle::EventId;
use crate::pending::status_fact;
use crate::things::{ThingKind, ThingSeen};
use crate::world::{Actor, Verdict};

/// The fact with the event of the last change, which its author names.
const CHANGED: &str = "changed";
const REVISION: &str = "revision";
const NEWEST: &str = "newest";
const ACTIVE: &str = "active";
const PENDING: &str = "pending";
/// The fact with the rights, the limits of the rate and the table of requests.
const SETTINGS: &str = "settings";
/// The fact with the limits, lanes, shadows and variables of the newest configuration.
const SERVED: &str = "served";
/// The value of a number that is not there.
const NONE: &str = "none";

/// The numbers of an endpoint.
#[derive(Clone, Copy)]
struct Numbers {
    revision: u64,
    newest: u64,
    active: Option<u64>,
    pending: Option<u64>,
}

/// Rights, limits of the rate and the table of requests.
#[derive(Debug, Default)]
struct Settings {
    grants: Vec<EndpointGrant>,
    limits: Vec<EndpointRateLimit>,
    capture: Option<EndpointCapture>,
}

impl Settings {
    fn of(info: &EndpointInfo) -> Settings {
        let state = &info.state;
        let (grants, limits) = (state.grants.clone(), state.rate_limits.clone());
        Settings { grants, limits, capture: state.capture.clone() }
    }

    /// Returns the change that makes these the settings. It changes something, because its tag is
    /// new.
    fn change(&self, event: EventId) -> EndpointSettings {
        EndpointSettings::new()
            .grants(self.grants.clone())
            .rate_limits(self.limits.clone())
            .capture(self.capture.clone())
            .tag("set", author(event))
    }

    fn fact(&self) -> (String, String) {
        (SETTINGS.to_owned(), format!("{self:?}"))
    }
}

/// Returns the fact about the served models of a configuration.
fn served_fact(config: Option<&EndpointConfig>) -> (String, String) {
    let served = config.map(|config| {
        let served = config.entities.iter().map(|entity| {
            let variables =
                entity.environment.iter().map(|(name, value)| format!("{name}={value}"));
            (entity.lane, entity.is_shadow, variables.collect())
        });
        (config.limits, served.collect())
    });
    let (limits, served): (_, Vec<Served>) = served.unwrap_or_default();
    served_text(limits, &served)
}

const LANES: [ServingLane; 3] = [ServingLane::Auto, ServingLane::Exact, ServingLane::Native];

/// The lane, whether it is a shadow, and the variables of a served model.
type Served = (ServingLane, bool, Vec<String>);

fn served_text(limits: EndpointLimits, served: &[Served]) -> (String, String) {
    (SERVED.to_owned(), format!("{limits:?} {served:?}"))
}

fn name(endpoint: EventId) -> String {
    format!("e{}", endpoint.0)
}

fn author(event: EventId) -> String {
    format!("a{}", event.0)
}

fn text(number: Option<u64>) -> String {
    number.map_or_else(|| NONE.to_owned(), |number| number.to_string())
}

impl Numbers {
    fn facts(self, event: EventId) -> [(String, String); 5] {
        [
            (CHANGED, author(event)),
            (REVISION, self.revision.to_string()),
            (NEWEST, self.newest.to_string()),
            (ACTIVE, text(self.active)),
            (PENDING, text(self.pending)),
        ]
        .map(|(fact, value)| (fact.to_owned(), value))
    }
}

impl Actor {
    /// Creates, changes or deletes an endpoint.
    pub fn change_endpoint(&mut self) -> Verdict<()> {
        // The effect of a failed call is not known yet.
        if self.is_unsettled {
            return Ok(());
        }
        let Some((spec, served)) = self.drawn_spec() else { return Ok(()) };
        let endpoints = self.own_things(ThingKind::Endpoint);
        if endpoints.is_empty() || self.random.one_in(4) {
            return self.create_endpoint(&spec, served);
        }
        let endpoint = *self.random.pick(&endpoints);
        let Some(numbers) = self.numbers_of(endpoint) else { return Ok(()) };
        match (self.random.below(9), numbers.pending) {
            (0, _) => self.delete_endpoint(endpoint, numbers.revision),
            (7 | 8, _) => self.set_endpoint(endpoint, numbers),
            (1, _) => self.update_endpoint_wrongly(endpoint, &spec, numbers),
            (2, Some(pending)) => self.end_update(endpoint, numbers, (pending, false)),
            (_, Some(pending)) => self.end_update(endpoint, numbers, (pending, true)),
            (_, None) => self.update_endpoint(endpoint, (&spec, served), numbers),
        }
    }

    fn drawn_settings(&mut self) -> Settings {
        let mut settings = Settings::default();
        if self.random.one_in(2) {
            let principal = EndpointPrincipal::User("ada".to_owned());
            let level = *self.random.pick(&EndpointLevel::ALL);
            settings.grants.push(EndpointGrant { principal, level });
        }
        if self.random.one_in(2) {
            let calls = u64::from(self.random.one_in(2));
            settings.limits.push(EndpointRateLimit { calls, scope: RateScope::EachUser });
        }
        if self.random.one_in(2) {
            settings.capture = Some(EndpointCapture {
                catalog: "ml".to_owned(),
                schema: "live".to_owned(),
                prefix: self.random.one_in(2).then(|| "rows".to_owned()),
                is_enabled: self.random.one_in(2),
                percent: *self.random.pick(&[1, 50, 100]),
                is_durable: self.random.one_in(2),
                is_legacy: self.random.one_in(2),
            });
        }
        settings
    }

    /// Returns a specification that serves a version of an own model, and perhaps its shadow, if
    /// there is one. Returns the fact about it too.
    fn drawn_spec(&mut self) -> Option<(EndpointSpec, (String, String))> {
        let models = self.own_things(ThingKind::RegisteredModel);
        if models.is_empty() {
            return None;
        }
        let model = *self.random.pick(&models);
        let (_, ready) = status_fact(ModelVersionStatus::Ready);
        let oracle = self.oracle.lock();
        let mut versions = oracle.versions_of(model);
        versions.retain(|version| oracle.things[version].fact("status") == Some(&ready));
        let named = oracle.things[&model].fact("name").cloned().unwrap_or_default();
        drop(oracle);
        if versions.is_empty() {
            return None;
        }
        let version = *self.random.pick(&versions);
        let lane = *self.random.pick(&LANES);
        let model = ServedModel::version(named, self.number_of(version)).lane(lane);
        let limits = EndpointLimits {
            timeout_ms: *self.random.pick(&[1, 5000]),
            idle_ms: *self.random.pick(&[0, 60_000]),
            ..EndpointLimits::default()
        };
        let mut spec = EndpointSpec::new().limits(limits).serve(model.clone().name("model"));
        let mut served = vec![(lane, false, Vec::new())];
        if self.random.one_in(3) {
            let shadow = model.name("shadow").shadow(true).variable("REGION", "eu");
            spec = spec.serve(shadow);
            served.push((lane, true, vec!["REGION=eu".to_owned()]));
        }
        Some((spec, served_text(limits, &served)))
    }

    fn numbers_of(&self, endpoint: EventId) -> Option<Numbers> {
        let oracle = self.oracle.lock();
        let thing = oracle.things.get(&endpoint)?;
        let number = |fact: &str| thing.fact(fact)?.parse().ok();
        Some(Numbers {
            revision: number(REVISION)?,
            newest: number(NEWEST)?,
            active: number(ACTIVE),
            pending: number(PENDING),
        })
    }

    fn endpoints_for(&self, event: EventId) -> Endpoints {
        self.database.endpoints().acting_for(&author(event))
    }

    fn create_endpoint(&mut self, spec: &EndpointSpec, served: (String, String)) -> Verdict<()> {
        let numbers = Numbers { revision: 1, newest: 1, active: None, pending: Some(1) };
        let event = self.issue_thing("create endpoint", ThingKind::Endpoint, None, |event| {
            let more = [served, Settings::default().fact()];
            numbers.facts(event).into_iter().chain(more).collect()
        });
        let created = self.endpoints_for(event).create(&name(event), spec);
        match self.note_change(event, created)? {
            Some(info) => self.oracle.lock().set_id(event, &info.id.to_string()),
            None => Ok(()),
        }
    }

    /// Notes the facts that a change makes, before it is made.
    fn issue_change(
        &self,
        what: &'static str,
        endpoint: EventId,
        numbers: Numbers,
        more: Option<(String, String)>,
    ) -> EventId {
        let mut oracle = self.oracle.lock();
        let event = oracle.issue(what);
        if let Some(thing) = oracle.things.get_mut(&endpoint) {
            for (fact, value) in numbers.facts(event).into_iter().chain(more) {
                thing.set(fact, event, Some(value));
            }
        }
        event
    }

    fn update_endpoint(
        &mut self,
        endpoint: EventId,
        (spec, served): (&EndpointSpec, (String, String)),
        numbers: Numbers,
    ) -> Verdict<()> {
        let newest = numbers.newest + 1;
        let after = Numbers {
            revision: numbers.revision + 1,
            newest,
            active: numbers.active,
            pending: Some(newest),
        };
        let event = self.issue_change("update endpoint", endpoint, after, Some(served));
        let expects = self.random.one_in(2).then_some(numbers.revision);
        let updated = self.endpoints_for(event).update(&name(endpoint), spec, expects);
        self.note_change(event, updated).map(drop)
    }

    fn set_endpoint(&mut self, endpoint: EventId, numbers: Numbers) -> Verdict<()> {
        let settings = self.drawn_settings();
        let after = Numbers { revision: numbers.revision + 1, ..numbers };
        let event = self.issue_change("set endpoint", endpoint, after, Some(settings.fact()));
        let expects = self.random.one_in(2).then_some(numbers.revision);
        let changed = settings.change(event);
        let set = self.endpoints_for(event).set(&name(endpoint), &changed, expects);
        self.note_change(event, set).map(drop)
    }

    fn end_update(
        &mut self,
        endpoint: EventId,
        numbers: Numbers,
        (pending, works): (u64, bool),
    ) -> Verdict<()> {
        let after = Numbers {
            revision: numbers.revision + 1,
            active: if works { Some(pending) } else { numbers.active },
            pending: None,
            ..numbers
        };
        let event = self.issue_change("end update", endpoint, after, None);
        let outcome = if works { Ok(()) } else { Err("it is broken") };
        let ended = self.endpoints_for(event).end_update(&name(endpoint), pending, outcome);
        self.note_change(event, ended).map(drop)
    }

    /// Makes a change with a wrong expectation, which must fail with a conflict.
    fn update_endpoint_wrongly(
        &mut self,
        endpoint: EventId,
        spec: &EndpointSpec,
        numbers: Numbers,
    ) -> Verdict<()> {
        let (endpoints, name) = (self.database.endpoints(), name(endpoint));
        let done = match self.random.below(2) {
            0 => endpoints.end_update(&name, numbers.newest + 1, Ok(())),
            _ => endpoints.update(&name, spec, Some(numbers.revision + 1)),
        };
        match done {
            Err(error) if error.kind() == ErrorKind::Conflict => Ok(()),
            Err(error) if self.may_fail_by(&error) => Ok(()),
            other => Err(format!("a change with a wrong expectation returned {other:?}")),
        }
    }

    fn delete_endpoint(&mut self, endpoint: EventId, revision: u64) -> Verdict<()> {
        let mut oracle = self.oracle.lock();
        let event = oracle.issue("delete endpoint");
        if let Some(thing) = oracle.things.get_mut(&endpoint) {
            thing.exists.set(event, false);
        }
        drop(oracle);
        let deleted = self.endpoints_for(event).delete(&name(endpoint), Some(revision));
        self.note_change(event, deleted).map(drop)
    }
}

/// Reads all endpoints.
pub fn endpoints(database: &Database) -> Result<Vec<ThingSeen>> {
    Ok(database.endpoints().list()?.iter().map(seen).collect())
}

fn seen(info: &EndpointInfo) -> ThingSeen {
    let event = event_in(&info.name, 'e').unwrap_or(EventId(usize::MAX));
    let changed = event_in(&info.author, 'a').unwrap_or(EventId(usize::MAX));
    let numbers = Numbers {
        revision: info.revision,
        newest: info.state.newest().map_or(0, |newest| newest.number),
        active: info.state.active,
        pending: info.state.pending,
    };
    let more = [served_fact(info.state.newest()), Settings::of(info).fact()];
    let facts = numbers.facts(changed).into_iter().chain(more).collect();
    ThingSeen { event, id: info.id.to_string(), facts }
}
