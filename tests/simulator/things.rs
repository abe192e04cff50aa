//! Registered models, their versions, logged models, tokens, webhooks, saved views,
//! endpoints and jobs: the expected and the observed state.
//!
//! The name, description or user of each encodes the call that created it. All other facts are a
//! map of texts, so that one oracle covers all kinds.

use std::collections::{BTreeMap, BTreeSet};

use tracklite::artifact::ArtifactOwner;
use tracklite::logged_model::{LoggedModelInfo, LoggedModelMetric};
use tracklite::registry::{ModelVersionInfo, RegisteredModelInfo, RegistrySearch};
use tracklite::{Database, RegisteredModelId, Result, SqlValue};

use crate::artifacts::file_labels;
use crate::compare::event_in;
use crate::oracle::{EventId, Oracle, Register, Snapshot};

/// An upper bound for the number of models that a workload creates.
const MODELS_MAX: usize = 1000;

/// The known facts about a thing, each under a name such as `tag/t0`.
pub type Facts = BTreeMap<String, Register<Option<String>>>;

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ThingKind {
    RegisteredModel,
    Version,
    LoggedModel,
    Token,
    Webhook,
    View,
    Endpoint,
    Job,
}

/// The expected state of a thing, identified by the event that created it.
#[derive(Clone, Debug)]
pub struct Thing {
    pub kind: ThingKind,
    pub id: Option<String>,
    /// The index of the process that created it, in the order of opening.
    pub creator: usize,
    /// The model, for a version.
    pub model: Option<EventId>,
    pub exists: Register<bool>,
    pub facts: Facts,
}

impl Thing {
    pub fn is_there(&self, kind: ThingKind) -> bool {
        self.kind == kind && self.id.is_some() && self.exists.current() == Some(&true)
    }

    pub fn set(&mut self, fact: String, event: EventId, value: Option<String>) {
        self.facts.entry(fact).or_default().set(event, value);
    }

    pub fn fact(&self, fact: &str) -> Option<&String> {
        self.facts.get(fact).and_then(Register::current).and_then(Option::as_ref)
    }

    pub fn forget(&mut self, missed: &BTreeSet<EventId>) {
        self.exists.forget(missed);
        self.facts.values_mut().for_each(|register| register.forget(missed));
    }

    /// Replaces the expected state by the observed one.
    pub fn fix(&mut self, seen: &ThingSeen) {
        self.id = Some(seen.id.clone());
        self.exists = Register::of(EventId::START, true);
        for (fact, register) in &mut self.facts {
            *register = Register::of(EventId::START, seen.facts.get(fact).cloned());
        }
    }
}

/// The observed state of a thing.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ThingSeen {
    pub event: EventId,
    pub id: String,
    pub facts: BTreeMap<String, String>,
}

/// Formats the id of a registered model.
pub fn model_id(model: RegisteredModelId) -> String {
    format!("{:032x}", model.to_bits())
}

/// Formats the id of a version of a model. Later versions sort after earlier ones.
pub fn version_id(model: RegisteredModelId, version: u64) -> String {
    format!("{}/{version:08}", model_id(model))
}

/// Returns the number of the version with this id.
pub fn version_number(id: &str) -> u64 {
    id.rsplit('/').next().and_then(|number| number.parse().ok()).unwrap_or(0)
}

/// Reads all things. A thing without a valid event gets one that never existed.
pub fn things(database: &Database) -> Result<Vec<ThingSeen>> {
    let mut seen = crate::tokens::tokens(database)?;
    seen.extend(crate::webhooks::webhooks(database)?);
    seen.extend(crate::views::views(database)?);
    seen.extend(crate::endpoints::endpoints(database)?);
    seen.extend(crate::jobs::jobs(database)?);
    let registry = database.registry();
    let search = RegistrySearch::new().max_results(MODELS_MAX);
    for info in registry.search_models(&search)?.items {
        let model = registry.model(&info.name)?;
        let (info, versions) = (model.info()?, model.versions()?);
        seen.push(registered_model(&info, &versions));
        for version in versions {
            seen.push(self::version(database, &version)?);
        }
    }
    for row in database.sql("SELECT model_id FROM logged_models")?.rows {
        if let Some(SqlValue::Text(id)) = row.first()
            && let Ok(id) = id.parse()
        {
            seen.push(logged_model(database, &database.logged_model(id)?.info()?)?);
        }
    }
    Ok(seen)
}

fn event_of(text: &str, letter: char) -> EventId {
    event_in(text, letter).unwrap_or(EventId(usize::MAX))
}

fn registered_model(info: &RegisteredModelInfo, versions: &[ModelVersionInfo]) -> ThingSeen {
    let mut facts = BTreeMap::from([("name".to_owned(), info.name.clone())]);
    facts.extend(tags(&info.tags));
    for (alias, number) in &info.aliases {
        let version = versions.iter().find(|version| version.version == *number);
        let name = version.and_then(|version| version.description.clone());
        let name = name.unwrap_or_else(|| format!("{number}, which does not exist"));
        facts.insert(format!("alias/{alias}"), name);
    }
    ThingSeen { event: event_of(&info.name, 'm'), id: model_id(info.id), facts }
}

fn version(database: &Database, info: &ModelVersionInfo) -> Result<ThingSeen> {
    let description = info.description.as_deref().unwrap_or_default();
    let model = event_of(&info.name, 'm');
    let mut facts = BTreeMap::from([("model".to_owned(), model.0.to_string())]);
    facts.extend(tags(&info.tags));
    facts.extend(info.run.clone().map(|run| ("run".to_owned(), run)));
    let owner = ArtifactOwner::ModelVersion { model: info.model, version: info.version };
    facts.extend(files(database, owner)?);
    facts.insert("status".to_owned(), info.status.as_str().to_owned());
    let id = version_id(info.model, info.version);
    Ok(ThingSeen { event: event_of(description, 'v'), id, facts })
}

fn logged_model(database: &Database, info: &LoggedModelInfo) -> Result<ThingSeen> {
    let mut facts = BTreeMap::from([
        ("status".to_owned(), info.status.as_str().to_owned()),
        ("lifecycle".to_owned(), info.lifecycle.as_str().to_owned()),
    ]);
    facts.extend(tags(&info.tags));
    facts.extend(info.source_run.clone().map(|run| ("run".to_owned(), run)));
    let params = info.params.iter();
    facts.extend(params.map(|(key, value)| (format!("param/{key}"), value.clone())));
    let metrics = info.metrics.iter();
    let metric =
        |metric: &LoggedModelMetric| (format!("metric/{}", metric.key), metric.value.to_string());
    facts.extend(metrics.map(metric));
    facts.extend(files(database, ArtifactOwner::LoggedModel(info.id))?);
    Ok(ThingSeen { event: event_of(&info.name, 'l'), id: info.id.to_string(), facts })
}

fn tags(tags: &BTreeMap<String, String>) -> impl Iterator<Item = (String, String)> + '_ {
    tags.iter().map(|(key, value)| (format!("tag/{key}"), value.clone()))
}

fn files(database: &Database, owner: ArtifactOwner) -> Result<BTreeMap<String, String>> {
    let files = file_labels(&database.artifacts_of(owner)?)?;
    Ok(files.into_iter().map(|(path, label)| (format!("file/{path}"), label)).collect())
}

impl Oracle {
    /// Returns the things of a kind that are known to exist. With `creator`, only those of one
    /// process.
    pub fn things_that_are(&self, kind: ThingKind, creator: Option<usize>) -> Vec<EventId> {
        let is_wanted = |thing: &Thing| {
            thing.is_there(kind) && creator.is_none_or(|creator| thing.creator == creator)
        };
        let things = self.things.iter().filter(|(_, thing)| is_wanted(thing));
        things.map(|(event, _)| *event).collect()
    }

    /// Returns the versions of a model that are known to exist.
    pub fn versions_of(&self, model: EventId) -> Vec<EventId> {
        let mut versions = self.things_that_are(ThingKind::Version, None);
        versions.retain(|version| self.things[version].model == Some(model));
        versions
    }

    /// Records the id of a created thing. Ids must be unique, and the number of a version must be
    /// above those of all earlier versions.
    pub fn set_id(&mut self, event: EventId, id: &str) -> std::result::Result<(), String> {
        let (model, _) = id.split_once('/').unwrap_or((id, ""));
        let model = format!("{model}/");
        let thing = self.things.get(&event);
        let is_version = thing.is_some_and(|thing| thing.kind == ThingKind::Version);
        let mut later = self.given_ids.range(id.to_owned()..);
        if let Some((other, _)) = later.find(|(later, _)| !is_version || later.starts_with(&model))
            && (is_version || other == id)
        {
            return Err(format!("the new id {id} follows the existing id {other}"));
        }
        self.given_ids.insert(id.to_owned(), event);
        if let Some(thing) = self.things.get_mut(&event) {
            thing.id = Some(id.to_owned());
        }
        Ok(())
    }

    /// Checks that each thing was created, exists once, and does not have the id of another one.
    pub fn check_things(
        &self,
        seen: &[ThingSeen],
        at: Snapshot,
    ) -> std::result::Result<(), String> {
        let mut found = BTreeSet::new();
        for thing in seen {
            let event = thing.event;
            if !self.things.contains_key(&event) || !self.is_possible(event, at) {
                return Err(format!("{thing:?} was never created, or had been lost"));
            }
            if !found.insert(event) {
                return Err(format!("{thing:?} exists twice"));
            }
            if self.given_ids.get(&thing.id).is_some_and(|owner| *owner != event) {
                return Err(format!("{thing:?} has the id of another thing"));
            }
            if self.things[&event].id.as_ref().is_some_and(|id| *id != thing.id) {
                return Err(format!("{thing:?} had another id earlier"));
            }
        }
        Ok(())
    }
}
