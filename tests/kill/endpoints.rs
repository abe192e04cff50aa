//! Endpoints: the changes that writers make, the expected result, and the observed state.

use tracklite::endpoint::{
    EndpointCapture, EndpointGrant, EndpointInfo, EndpointLevel, EndpointPrincipal,
    EndpointRateLimit, EndpointSettings, EndpointSpec, EndpointState, Endpoints, RateScope,
    ServedModel, ServingLane,
};
use tracklite::{Database, Result};

use crate::models::Facts;
use crate::random::Random;
use crate::script::Life;
use crate::writer::tolerate_failed_sync;

/// The reason of the updates that fail.
const REASON: &str = "no worker";

/// A change that a writer makes to its endpoint.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Step {
    Create { version: u64 },
    Update { version: u64, config: u64 },
    Set { seed: u64 },
    End { config: u64, works: bool },
    Delete,
}

/// The expected endpoint of one writer.
#[derive(Clone, Debug, Default)]
pub(crate) struct Endpoint {
    is_there: bool,
    /// The highest revision, also one that deleted it.
    revision: u64,
    newest: u64,
    active: Option<u64>,
    pending: Option<u64>,
    has_failed: bool,
    /// The number that the settings are made of, from 1. 0 before they are set.
    settings: u64,
}

impl Endpoint {
    /// Draws the next change. It serves a version of the writer's model.
    pub(crate) fn draw(&self, version: u64, random: &mut Random) -> Step {
        match (self.is_there, self.pending, random.below(8)) {
            (false, ..) => Step::Create { version },
            // The revision makes each change different from those before it.
            (true, _, 6 | 7) => Step::Set { seed: self.revision },
            (true, _, 0) => Step::Delete,
            (true, Some(config), 1) => Step::End { config, works: false },
            (true, Some(config), _) => Step::End { config, works: true },
            (true, None, _) => Step::Update { version, config: self.newest + 1 },
        }
    }

    /// Applies a change. Returns the facts about the endpoint, if it is still there.
    pub(crate) fn apply(&mut self, step: Step) -> Option<Facts> {
        self.revision += 1;
        match step {
            Step::Create { .. } => {
                let (newest, pending) = (1, Some(1));
                let revision = self.revision;
                *self =
                    Endpoint { is_there: true, revision, newest, pending, ..Endpoint::default() };
            }
            Step::Update { .. } => {
                self.newest += 1;
                (self.pending, self.has_failed) = (Some(self.newest), false);
            }
            Step::Set { seed } => self.settings = seed,
            Step::End { config, works } => {
                self.active = if works { Some(config) } else { self.active };
                (self.pending, self.has_failed) = (None, !works);
            }
            Step::Delete => self.is_there = false,
        }
        let reason = self.has_failed.then_some(REASON);
        self.is_there.then(|| {
            let facts = facts(self.revision, self.active, self.pending, reason);
            let settings = ("settings".to_owned(), settings_text(self.settings));
            let served = ("served".to_owned(), served_text(self.newest));
            facts.into_iter().chain([settings, served]).collect()
        })
    }
}

pub(crate) fn name(life: Life) -> String {
    format!("{}-{}-endpoint", life.number, life.child)
}

fn facts(revision: u64, active: Option<u64>, pending: Option<u64>, failure: Option<&str>) -> Facts {
    let facts = [
        ("revision", revision.to_string()),
        ("active", format!("{active:?}")),
        ("pending", format!("{pending:?}")),
        ("failure", format!("{failure:?}")),
    ];
    facts.map(|(fact, value)| (fact.to_owned(), value)).into()
}

/// Returns the rights, the limits of the rate and the table of requests for a number.
fn settings(seed: u64) -> (Vec<EndpointGrant>, Vec<EndpointRateLimit>, Option<EndpointCapture>) {
    if seed == 0 {
        return (Vec::new(), Vec::new(), None);
    }
    let principal = EndpointPrincipal::User(format!("user-{seed}"));
    let level = EndpointLevel::ALL[(seed % 3) as usize];
    let capture = (seed.is_multiple_of(2)).then(|| EndpointCapture {
        catalog: "ml".to_owned(),
        schema: "live".to_owned(),
        prefix: Some(format!("rows-{seed}")),
        is_enabled: seed.is_multiple_of(4),
        percent: 1 + (seed % 100) as u32,
        is_durable: seed.is_multiple_of(3),
        is_legacy: seed.is_multiple_of(5),
    });
    let limit = EndpointRateLimit { calls: seed, scope: RateScope::Endpoint };
    (vec![EndpointGrant { principal, level }], vec![limit], capture)
}

fn settings_text(seed: u64) -> String {
    let (grants, limits, capture) = settings(seed);
    format!("{grants:?} {limits:?} {capture:?}")
}

/// Returns the lane and the variable of the model that a configuration serves.
fn served(config: u64) -> (ServingLane, String) {
    let lane = match config % 3 {
        0 => ServingLane::Auto,
        1 => ServingLane::Exact,
        _ => ServingLane::Native,
    };
    (lane, config.to_string())
}

fn served_text(config: u64) -> String {
    format!("{:?}", served(config))
}

fn found_text(info: &EndpointInfo) -> (String, String) {
    let EndpointState { grants, rate_limits, capture, .. } = &info.state;
    let entity = info.state.newest().and_then(|newest| newest.entities.first());
    let found = entity
        .map(|entity| (entity.lane, entity.environment.get("CONFIG").cloned().unwrap_or_default()));
    let served = found.map(|found| format!("{found:?}")).unwrap_or_default();
    (format!("{grants:?} {rate_limits:?} {capture:?}"), served)
}

/// Makes a change.
pub(crate) fn perform(database: &Database, life: Life, step: Step) -> Result<()> {
    let endpoints: Endpoints = database.endpoints().acting_for(&life.to_string());
    let serving = |version, config| {
        let (lane, variable) = served(config);
        let model = ServedModel::version(life.to_string(), version).name("model");
        EndpointSpec::new().serve(model.lane(lane).variable("CONFIG", variable))
    };
    let name = name(life);
    tolerate_failed_sync(match step {
        Step::Create { version } => endpoints.create(&name, &serving(version, 1)).map(drop),
        Step::Update { version, config } => {
            endpoints.update(&name, &serving(version, config), None).map(drop)
        }
        Step::Set { seed } => {
            let (grants, limits, capture) = settings(seed);
            let change = EndpointSettings::new().grants(grants).rate_limits(limits);
            endpoints.set(&name, &change.capture(capture), None).map(drop)
        }
        Step::End { config, works } => {
            let outcome = if works { Ok(()) } else { Err(REASON) };
            endpoints.end_update(&name, config, outcome).map(drop)
        }
        Step::Delete => endpoints.delete(&name, None),
    })
}

/// Reads all endpoints, each with its writer.
pub(crate) fn observe(database: &Database) -> Result<Vec<(Life, String, Facts)>> {
    let endpoints = database.endpoints().list()?.into_iter();
    let found = endpoints.filter_map(|info| {
        let life = info.creator.parse::<Life>().ok()?;
        let (settings, served) = found_text(&info);
        let (state, revision) = (info.state, info.revision);
        let facts = facts(revision, state.active, state.pending, state.failure.as_deref());
        let more = [("settings".to_owned(), settings), ("served".to_owned(), served)];
        Some((life, info.name, facts.into_iter().chain(more).collect()))
    });
    Ok(found.collect())
}
