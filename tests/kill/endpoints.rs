//! Endpoints: the changes that writers make, the expected result, and the observed state.

use tracklite::endpoint::{EndpointSpec, Endpoints, ServedModel};
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
    Update { version: u64 },
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
}

impl Endpoint {
    /// Draws the next change. It serves a version of the writer's model.
    pub(crate) fn draw(&self, version: u64, random: &mut Random) -> Step {
        match (self.is_there, self.pending, random.below(6)) {
            (false, ..) => Step::Create { version },
            (true, _, 0) => Step::Delete,
            (true, Some(config), 1) => Step::End { config, works: false },
            (true, Some(config), _) => Step::End { config, works: true },
            (true, None, _) => Step::Update { version },
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
            Step::End { config, works } => {
                self.active = if works { Some(config) } else { self.active };
                (self.pending, self.has_failed) = (None, !works);
            }
            Step::Delete => self.is_there = false,
        }
        let reason = self.has_failed.then_some(REASON);
        self.is_there.then(|| facts(self.revision, self.active, self.pending, reason))
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

/// Makes a change.
pub(crate) fn perform(database: &Database, life: Life, step: Step) -> Result<()> {
    let endpoints: Endpoints = database.endpoints().acting_for(&life.to_string());
    let serving = |version| {
        EndpointSpec::new().serve(ServedModel::version(life.to_string(), version).name("model"))
    };
    let name = name(life);
    tolerate_failed_sync(match step {
        Step::Create { version } => endpoints.create(&name, &serving(version)).map(drop),
        Step::Update { version } => endpoints.update(&name, &serving(version), None).map(drop),
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
        let (state, revision) = (info.state, info.revision);
        let facts = facts(revision, state.active, state.pending, state.failure.as_deref());
        Some((life, info.name, facts))
    });
    Ok(found.collect())
}
