//! Calls that change the registry and logged models.

use std::collections::BTreeMap;

use tracklite::artifact::ArtifactOwner;
use tracklite::internals::storage::simulated::Random;
use tracklite::logged_model::{LoggedModel, LoggedModelMetric, LoggedModelStatus};
use tracklite::registry::{ModelVersionStatus, RegisteredModel};
use tracklite::{ErrorKind, Lifecycle, Result};

use crate::artifacts::bytes_of;
use crate::engine;
use crate::observe::observe;
use crate::oracle::{EventId, Register};
use crate::pending::status_fact;
use crate::scenarios::NO_CUTS;
use crate::things::{Thing, ThingKind, model_id, version_id, version_number};
use crate::world::{Actor, Verdict, World, describe};

/// The aliases of each model.
const ALIASES: [&str; 2] = ["champion", "challenger"];

/// Makes only changes to models, tokens, webhooks, views, endpoints and jobs, so that many of them
/// interact. Then cuts the power.
pub fn models_alone(seed: u64) -> Verdict<()> {
    const CALLS: usize = 60;
    let mut random = Random::new(seed);
    let (world, mut actor) = World::create(&mut random, NO_CUTS)?;
    actor.start_run()?;
    let run = *world.oracle.lock().live_runs().first().ok_or("no run")?;
    for _ in 0..CALLS {
        match random.below(12) {
            0 => actor.change_artifact(run)?,
            1 => actor.change_logged_model()?,
            3 => actor.change_token()?,
            4 => actor.change_webhook()?,
            5 => actor.change_view()?,
            6 => actor.change_endpoint()?,
            7 => actor.change_job()?,
            2 if random.one_in(4) => actor.gc()?,
            _ => actor.change_registry(run)?,
        }
    }
    actor.check_live()?;
    let at = world.oracle.lock().clocks.snapshot();
    let image = world.disk.crash_image(&mut random);
    let seen =
        engine::with_reader(&image, observe).map_err(|error| describe("a reader", &error))?;
    world.agrees(&seen, at)
}

impl Actor {
    /// Creates, changes or deletes a registered model or a version of one.
    pub fn change_registry(&mut self, run: EventId) -> Verdict<()> {
        // The effect of a failed call is not known yet.
        if self.is_unsettled {
            return Ok(());
        }
        let models = self.own_things(ThingKind::RegisteredModel);
        if models.is_empty() || self.random.one_in(8) {
            return self.create_model();
        }
        let model = *self.random.pick(&models);
        let versions = self.oracle.lock().versions_of(model);
        let Some(&version) = versions.get(self.random.below(versions.len().max(1))) else {
            return self.create_version(model, run);
        };
        match self.random.below(12) {
            _ if self.is_pending(version) && self.random.one_in(2) => {
                self.go_on_with_version(model, version)
            }
            0 => self.create_pending_version(model),
            1..4 => self.create_version(model, run),
            4..7 => self.move_alias(model, version),
            7 => self.delete_alias(model),
            8 => self.tag_thing(model, Some(model)),
            9 => self.tag_thing(version, Some(model)),
            10 => self.delete_version(model, version),
            _ if self.random.one_in(3) => self.delete_model(model),
            _ => self.rename_model(model),
        }
    }

    /// Creates, changes, deletes or restores a logged model.
    pub fn change_logged_model(&mut self) -> Verdict<()> {
        if self.is_unsettled {
            return Ok(());
        }
        let models = self.own_things(ThingKind::LoggedModel);
        if models.is_empty() || self.random.one_in(6) {
            return self.create_logged_model();
        }
        let model = *self.random.pick(&models);
        let is_active = self.oracle.lock().things[&model].fact("lifecycle").is_some_and(is_active);
        match self.random.below(7) {
            _ if !is_active && self.random.one_in(2) => Ok(()),
            0 | 1 => self.delete_or_restore_logged_model(model, is_active),
            _ if !is_active => self.delete_or_restore_logged_model(model, is_active),
            2 => self.tag_thing(model, None),
            3 => self.log_file_of_model(model),
            4 => self.set_status_of_model(model),
            _ => self.measure_model(model),
        }
    }

    pub fn own_things(&self, kind: ThingKind) -> Vec<EventId> {
        let creator = self.keeps_to_itself.then_some(self.number);
        self.oracle.lock().things_that_are(kind, creator)
    }

    /// Records that a thing is about to be created.
    pub fn issue_thing(
        &self,
        what: &'static str,
        kind: ThingKind,
        model: Option<EventId>,
        facts: impl FnOnce(EventId) -> BTreeMap<String, String>,
    ) -> EventId {
        let mut oracle = self.oracle.lock();
        let event = oracle.issue(what);
        let facts = facts(event).into_iter();
        let facts = facts.map(|(fact, value)| (fact, Register::of(event, Some(value)))).collect();
        let (exists, creator) = (Register::of(event, true), self.number);
        let thing = Thing { kind, id: None, creator, model, exists, facts };
        oracle.things.insert(event, thing);
        event
    }

    /// Records the result of a registry change, which is durable when it returns.
    pub fn note_change<T>(&mut self, event: EventId, result: Result<T>) -> Verdict<Option<T>> {
        let noted = self.note(event, result)?;
        if noted.is_some() {
            self.oracle.lock().events[event.0].is_synced = true;
        }
        Ok(noted)
    }

    /// Returns a handle for the model under its current name.
    pub fn model(&self, model: EventId) -> Result<RegisteredModel> {
        let name = self.oracle.lock().things[&model].fact("name").cloned().unwrap_or_default();
        self.database.registry().model(&name)
    }

    pub fn number_of(&self, version: EventId) -> u64 {
        self.oracle.lock().things[&version].id.as_deref().map_or(0, version_number)
    }

    fn create_model(&mut self) -> Verdict<()> {
        let event = self.issue_thing("create model", ThingKind::RegisteredModel, None, |event| {
            let name = ("name".to_owned(), format!("m{}", event.0));
            BTreeMap::from([name, ("tag/first".to_owned(), event.0.to_string())])
        });
        let registry = self.database.registry();
        let created = registry.new_model(&format!("m{}", event.0)).tag("first", event.0).create();
        match self.note_change(event, created)? {
            Some(model) => self.oracle.lock().set_id(event, &model_id(model.id())),
            None => Ok(()),
        }
    }

    /// Creates a version. It keeps the files that its source has now.
    fn create_version(&mut self, model: EventId, run: EventId) -> Verdict<()> {
        let logged = self.own_things(ThingKind::LoggedModel);
        let logged: Vec<EventId> =
            logged.into_iter().filter(|model| self.is_active(*model)).collect();
        let of_logged = !logged.is_empty() && self.random.one_in(3);
        let (source, prefix, files) = if of_logged {
            let logged = *self.random.pick(&logged);
            let source = self.oracle.lock().things[&logged].id.clone().unwrap_or_default();
            (format!("models:/{source}"), "file/", self.files_of_model(logged))
        } else {
            let (below, prefix) =
                if self.random.one_in(2) { ("", "") } else { ("/folder", "folder/") };
            (format!("runs:/{}{below}", self.runs[&run].id()), prefix, self.files_of_run(run))
        };
        let event = self.issue_thing("create version", ThingKind::Version, Some(model), |event| {
            let mut facts = BTreeMap::from([("model".to_owned(), model.0.to_string())]);
            facts.insert("tag/first".to_owned(), event.0.to_string());
            facts.insert("run".to_owned(), format!("elsewhere {}", event.0));
            facts.extend([status_fact(ModelVersionStatus::Ready)]);
            let pinned = files.iter().filter_map(|(path, label)| {
                Some((format!("file/{}", path.strip_prefix(prefix)?), label.clone()))
            });
            facts.extend(pinned);
            facts
        });
        let created = self.model(model).and_then(|model| {
            let version = model.new_version(&source).tag("first", event.0);
            let version = version.run(format!("elsewhere {}", event.0));
            version.description(format!("v{}", event.0)).create()
        });
        match self.note_change(event, created)? {
            Some(version) => {
                let id = version_id(version.model_id(), version.version());
                self.oracle.lock().set_id(event, &id)
            }
            None => Ok(()),
        }
    }

    fn is_active(&self, model: EventId) -> bool {
        self.oracle.lock().things[&model].fact("lifecycle").is_some_and(is_active)
    }

    fn files_of_run(&self, run: EventId) -> BTreeMap<String, String> {
        let oracle = self.oracle.lock();
        let files = oracle.runs[&run].artifacts.iter();
        let file = |(path, register): (&String, &Register<Option<String>>)| {
            Some((path.clone(), register.current()?.clone()?))
        };
        files.filter_map(file).collect()
    }

    fn files_of_model(&self, model: EventId) -> BTreeMap<String, String> {
        let oracle = self.oracle.lock();
        let facts = oracle.things[&model].facts.iter();
        let facts = facts.filter(|(fact, _)| fact.starts_with("file/"));
        let file = |(path, register): (&String, &Register<Option<String>>)| {
            Some((path.clone(), register.current()?.clone()?))
        };
        facts.filter_map(file).collect()
    }

    /// Moves an alias by compare-and-set. A wrong expectation must fail with a conflict.
    fn move_alias(&mut self, model: EventId, version: EventId) -> Verdict<()> {
        let alias = *self.random.pick(&ALIASES);
        let fact = format!("alias/{alias}");
        let named = self.oracle.lock().things[&model].fact(&fact).cloned();
        let before = named.and_then(|named| named.strip_prefix('v')?.parse().ok()).map(EventId);
        let expected = before.map(|before| self.number_of(before));
        let number = self.number_of(version);
        if self.random.one_in(4) {
            let wrong = expected.map_or(Some(number), |expected| Some(expected + 1));
            let model = self.model(model);
            let moved = model.and_then(|model| model.move_alias(alias, wrong, number));
            return match moved {
                Err(error) if error.kind() == ErrorKind::Conflict => Ok(()),
                Err(error) if self.may_fail_by(&error) => Ok(()),
                other => {
                    Err(format!("moving {alias} from {wrong:?} to {number} returned {other:?}"))
                }
            };
        }
        let mut oracle = self.oracle.lock();
        let event = oracle.issue("move alias");
        if let Some(thing) = oracle.things.get_mut(&model) {
            thing.set(fact, event, Some(format!("v{}", version.0)));
        }
        drop(oracle);
        let model = self.model(model);
        let moved = model.and_then(|model| model.move_alias(alias, expected, number));
        self.note_change(event, moved).map(drop)
    }

    fn delete_alias(&mut self, model: EventId) -> Verdict<()> {
        let alias = *self.random.pick(&ALIASES);
        let fact = format!("alias/{alias}");
        let mut oracle = self.oracle.lock();
        if oracle.things[&model].fact(&fact).is_none() {
            return Ok(());
        }
        let event = oracle.issue("delete alias");
        if let Some(thing) = oracle.things.get_mut(&model) {
            thing.set(fact, event, None);
        }
        drop(oracle);
        let deleted = self.model(model).and_then(|model| model.delete_alias(alias));
        self.note_change(event, deleted).map(drop)
    }

    /// Sets or deletes a tag of a registered model, a version of `model`, or a logged model.
    fn tag_thing(&mut self, thing: EventId, model: Option<EventId>) -> Verdict<()> {
        let key = format!("t{}", self.random.below(2));
        let fact = format!("tag/{key}");
        let wants_delete = self.random.one_in(4);
        let mut oracle = self.oracle.lock();
        let event = oracle.issue("tag");
        let Some(oracle_thing) = oracle.things.get_mut(&thing) else { return Ok(()) };
        let value = event.0.to_string();
        let deletes = wants_delete && oracle_thing.fact(&fact).is_some();
        oracle_thing.set(fact, event, (!deletes).then(|| value.clone()));
        drop(oracle);
        let Some(model) = model else {
            let tagged = self.logged_model(thing).and_then(|model| match deletes {
                true => model.delete_tag(&key),
                false => model.set_tag(&key, &value),
            });
            return self.note(event, tagged).map(drop);
        };
        let number = self.number_of(thing);
        let is_model = thing == model;
        let tagged = self.model(model).and_then(|model| match (is_model, deletes) {
            (true, true) => model.delete_tag(&key),
            (true, false) => model.set_tag(&key, &value),
            (false, true) => model.version(number)?.delete_tag(&key),
            (false, false) => model.version(number)?.set_tag(&key, &value),
        });
        self.note_change(event, tagged).map(drop)
    }

    fn delete_version(&mut self, model: EventId, version: EventId) -> Verdict<()> {
        let number = self.number_of(version);
        let mut oracle = self.oracle.lock();
        let event = oracle.issue("delete version");
        if let Some(thing) = oracle.things.get_mut(&version) {
            thing.exists.set(event, false);
        }
        let name = format!("v{}", version.0);
        for alias in ALIASES {
            let fact = format!("alias/{alias}");
            let thing = oracle.things.get_mut(&model);
            if let Some(thing) = thing.filter(|thing| thing.fact(&fact) == Some(&name)) {
                thing.set(fact, event, None);
            }
        }
        drop(oracle);
        let deleted = self.model(model).and_then(|model| model.version(number)?.delete());
        self.note_change(event, deleted).map(drop)
    }

    fn rename_model(&mut self, model: EventId) -> Verdict<()> {
        let handle = self.model(model);
        let mut oracle = self.oracle.lock();
        let event = oracle.issue("rename model");
        let name = format!("m{}.n{}", model.0, event.0);
        if let Some(thing) = oracle.things.get_mut(&model) {
            thing.set("name".to_owned(), event, Some(name.clone()));
        }
        drop(oracle);
        let renamed = handle.and_then(|model| model.rename(&name));
        self.note_change(event, renamed).map(drop)
    }

    fn delete_model(&mut self, model: EventId) -> Verdict<()> {
        let handle = self.model(model);
        let mut oracle = self.oracle.lock();
        let event = oracle.issue("delete model");
        let versions = oracle.versions_of(model);
        for thing in versions.into_iter().chain([model]) {
            if let Some(thing) = oracle.things.get_mut(&thing) {
                thing.exists.set(event, false);
            }
        }
        drop(oracle);
        let deleted = handle.and_then(|model| model.delete());
        self.note_change(event, deleted).map(drop)
    }

    fn logged_model(&self, model: EventId) -> Result<LoggedModel> {
        let id = self.oracle.lock().things[&model].id.clone().unwrap_or_default();
        self.database.logged_model(id.parse()?)
    }

    fn create_logged_model(&mut self) -> Verdict<()> {
        let (what, kind) = ("create logged model", ThingKind::LoggedModel);
        let event = self.issue_thing(what, kind, None, |event| {
            let value = event.0.to_string();
            BTreeMap::from([
                ("status".to_owned(), LoggedModelStatus::Pending.as_str().to_owned()),
                ("lifecycle".to_owned(), Lifecycle::Active.as_str().to_owned()),
                ("param/first".to_owned(), value.clone()),
                ("run".to_owned(), format!("elsewhere {value}")),
                ("tag/first".to_owned(), value),
            ])
        });
        let name = format!("l{}", event.0);
        let created = self.database.default_experiment().and_then(|experiment| {
            let model = experiment.new_logged_model().name(&name);
            let model = model.source_run(format!("elsewhere {}", event.0));
            model.param("first", event.0).tag("first", event.0).create()
        });
        match self.note(event, created)? {
            Some(model) => self.oracle.lock().set_id(event, &model.id().to_string()),
            None => Ok(()),
        }
    }

    /// Records the facts that a call is about to set, makes the call, and records its result.
    fn change_facts(
        &mut self,
        model: EventId,
        what: &'static str,
        facts: impl FnOnce(EventId) -> Vec<(String, Option<String>)>,
        call: impl FnOnce(&LoggedModel, EventId) -> Result<()>,
    ) -> Verdict<()> {
        let mut oracle = self.oracle.lock();
        let event = oracle.issue(what);
        if let Some(thing) = oracle.things.get_mut(&model) {
            facts(event).into_iter().for_each(|(fact, value)| thing.set(fact, event, value));
        }
        drop(oracle);
        let result = self.logged_model(model).and_then(|model| call(&model, event));
        self.note(event, result).map(drop)
    }

    fn delete_or_restore_logged_model(&mut self, model: EventId, deletes: bool) -> Verdict<()> {
        let to = if deletes { Lifecycle::Deleted } else { Lifecycle::Active };
        self.change_facts(
            model,
            "delete or restore logged model",
            |_| vec![("lifecycle".to_owned(), Some(to.as_str().to_owned()))],
            |model, _| if deletes { model.delete() } else { model.restore() },
        )
    }

    fn set_status_of_model(&mut self, model: EventId) -> Verdict<()> {
        let status = *self.random.pick(&LoggedModelStatus::ALL);
        self.change_facts(
            model,
            "set status of logged model",
            |_| vec![("status".to_owned(), Some(status.as_str().to_owned()))],
            |model, _| model.finalize(status),
        )
    }

    /// Logs metrics or params under keys that only this call uses.
    fn measure_model(&mut self, model: EventId) -> Verdict<()> {
        let logs_params = self.random.one_in(2);
        let kind = if logs_params { "param" } else { "metric" };
        self.change_facts(
            model,
            "measure logged model",
            |event| {
                let value = event.0.to_string();
                let fact = |key| (format!("{kind}/{value}.{key}"), Some(value.clone()));
                ["a", "b"].map(fact).to_vec()
            },
            |model, event| {
                let keys = ["a", "b"].map(|key| format!("{}.{key}", event.0));
                if logs_params {
                    return model.log_params(keys.map(|key| (key, event.0)));
                }
                model.log_metrics(keys.map(|key| LoggedModelMetric::new(key, event.0 as f64, 0)))
            },
        )
    }

    fn log_file_of_model(&mut self, model: EventId) -> Verdict<()> {
        let (path, length) = (format!("{}.bin", self.random.below(2)), self.random.below(6000));
        let label = |event: EventId| format!("{}:{length}", event.0);
        let database = self.database.clone();
        self.change_facts(
            model,
            "log file of logged model",
            |event| vec![(format!("file/{path}"), Some(label(event)))],
            |model, event| {
                let bytes = bytes_of(&label(event)).unwrap_or_default();
                let artifacts = database.artifacts_of(ArtifactOwner::LoggedModel(model.id()))?;
                artifacts.log_bytes(&bytes, &path)
            },
        )
    }
}

fn is_active(lifecycle: &String) -> bool {
    lifecycle == Lifecycle::Active.as_str()
}
