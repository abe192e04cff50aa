//! Random sequences of calls, weighted by the focus of a seed.

use std::collections::BTreeMap;

use tracklite::internals::storage::simulated::{Phase, Random};
use tracklite::{Lifecycle, RunStatus, Timestamp};

use crate::oracle::{EventId, ExperimentOracle, Register, RunOracle};
use crate::world::{Actor, Verdict};

/// The emphasis of a workload.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Focus {
    Append,
    SealAndPunch,
    Gc,
    Recovery,
    TwoRecovering,
}

/// One call, or a few related calls.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Call {
    StartRun,
    CreateExperiment,
    ChangeExperiment,
    Params,
    Tags,
    /// A tag that fills one or more units of the chain.
    LargeTag,
    Update,
    /// Logs or deletes a file.
    Artifact,
    /// Changes models, versions or aliases of the registry.
    Registry,
    LoggedModel,
    /// Creates or revokes an access token.
    Token,
    /// Creates, changes or deletes a webhook.
    Webhook,
    /// Creates, saves or deletes a view.
    View,
    /// Creates, changes, runs or deletes a job, or sets its rights.
    Job,
    Point,
    Row,
    /// Logs a row whose values are the bytes of slots of the same file.
    Copy,
    Bulk,
    DeleteOrRestoreRun,
    DeleteOrRestoreExperiment,
    Finish,
    Sync,
    Tick,
    Gc,
}

impl Call {
    /// Draws a call.
    pub fn draw(focus: Focus, random: &mut Random) -> Call {
        const ORDINARY: &[(Call, usize)] = &[
            (Call::StartRun, 5),
            (Call::CreateExperiment, 2),
            (Call::ChangeExperiment, 2),
            (Call::Params, 4),
            (Call::Tags, 4),
            (Call::LargeTag, 1),
            (Call::Update, 3),
            (Call::Artifact, 4),
            (Call::Registry, 3),
            (Call::LoggedModel, 2),
            (Call::Token, 1),
            (Call::Webhook, 1),
            (Call::View, 1),
            (Call::Job, 1),
            (Call::Point, 12),
            (Call::Row, 10),
            (Call::Copy, 3),
            (Call::Bulk, 4),
            (Call::DeleteOrRestoreRun, 2),
            (Call::DeleteOrRestoreExperiment, 1),
            (Call::Finish, 1),
            (Call::Sync, 4),
            (Call::Tick, 3),
        ];
        let extra: &[(Call, usize)] = match focus {
            Focus::Append => &[(Call::Gc, 1)],
            Focus::SealAndPunch => &[(Call::Bulk, 25), (Call::Tick, 20), (Call::Gc, 1)],
            Focus::Gc => &[
                (Call::DeleteOrRestoreRun, 12),
                (Call::Gc, 10),
                (Call::Bulk, 14),
                (Call::Artifact, 10),
                (Call::Tick, 8),
            ],
            Focus::Recovery | Focus::TwoRecovering => &[(Call::Bulk, 4), (Call::Gc, 1)],
        };
        let total: usize = ORDINARY.iter().chain(extra).map(|(_, weight)| weight).sum();
        let mut drawn = random.below(total);
        for (call, weight) in ORDINARY.iter().chain(extra) {
            if drawn < *weight {
                return *call;
            }
            drawn -= weight;
        }
        Call::Point
    }

    /// Returns the phase to which power cuts in this call count.
    pub fn phase(self) -> Phase {
        match self {
            Call::Tick => Phase::SealAndPunch,
            Call::Gc => Phase::Gc,
            _ => Phase::Append,
        }
    }
}

/// The start of all times. Each call has its own millisecond.
pub const FIRST_TIME: i64 = 1_700_000_000_000_000_000;

impl Actor {
    /// Makes one call.
    pub fn call(&mut self, call: Call) -> Verdict<()> {
        match call {
            Call::StartRun => self.start_run(),
            Call::CreateExperiment => self.create_experiment(),
            Call::ChangeExperiment => self.change_experiment(),
            Call::Params => self.with_run(Self::log_params),
            Call::Tags => self.with_run(Self::set_tags),
            Call::LargeTag => self.with_run(Self::set_large_tag),
            Call::Update => self.with_run(Self::update),
            Call::Artifact => self.with_run(Self::change_artifact),
            Call::Registry => self.with_run(Self::change_registry),
            Call::LoggedModel => self.change_logged_model(),
            Call::Token => self.change_token(),
            Call::Webhook => self.change_webhook(),
            Call::View => self.change_view(),
            Call::Job => self.change_job(),
            Call::Point => self.with_run(Self::log_point),
            Call::Row => self.with_run(Self::log_row),
            Call::Copy => self.with_run(Self::log_copy),
            Call::Bulk => self.with_run(Self::log_bulk),
            Call::DeleteOrRestoreRun => self.delete_or_restore_run(),
            Call::DeleteOrRestoreExperiment => self.delete_or_restore_experiment(),
            Call::Finish => self.with_run(Self::finish),
            Call::Sync => self.sync(),
            Call::Tick => self.tick(),
            Call::Gc => self.gc(),
        }
    }

    /// Calls `work` with a run of the process, which may have to start or take over one.
    fn with_run(&mut self, work: fn(&mut Self, EventId) -> Verdict<()>) -> Verdict<()> {
        let live = self.oracle.lock().live_runs();
        let own: Vec<EventId> =
            live.iter().copied().filter(|event| self.runs.contains_key(event)).collect();
        if own.is_empty() || self.random.one_in(12) {
            // Write to another process's run through a handle, or resume it.
            if live.is_empty() || self.keeps_to_itself || self.random.one_in(2) {
                return self.start_run();
            }
            let event = *self.random.pick(&live);
            return self.take_over(event).and_then(|()| {
                if self.runs.contains_key(&event) { work(self, event) } else { Ok(()) }
            });
        }
        let event = *self.random.pick(&own);
        work(self, event)
    }

    fn take_over(&mut self, run: EventId) -> Verdict<()> {
        let Some(id) = self.oracle.lock().runs[&run].id else { return Ok(()) };
        let resumes = self.random.one_in(2);
        let event = self.oracle.lock().issue("take over");
        let handle = if resumes {
            self.change_run(run, |run| run.status.set(event, RunStatus::Running));
            self.database.resume_run(id)
        } else {
            self.database.run(id)
        };
        if let Some(handle) = self.note(event, handle)? {
            self.runs.insert(run, handle);
        }
        Ok(())
    }

    fn change_run(&self, run: EventId, change: impl FnOnce(&mut RunOracle)) {
        if let Some(run) = self.oracle.lock().runs.get_mut(&run) {
            change(run);
        }
    }

    pub fn start_run(&mut self) -> Verdict<()> {
        let mut experiments = self.oracle.lock().experiments_that_are(Lifecycle::Active);
        experiments.push(EventId::START);
        let experiment = *self.random.pick(&experiments);
        let parents = self.oracle.lock().live_runs();
        let parent =
            (!parents.is_empty() && self.random.one_in(4)).then(|| *self.random.pick(&parents));
        let (params, tags) = (self.random.below(4), self.random.below(3));
        let mut oracle = self.oracle.lock();
        let event = oracle.issue("start run");
        let name = format!("r{}", event.0);
        let pairs = |letter: char, count: usize| -> Vec<(String, String)> {
            let pair = |place| (format!("{letter}{place}"), format!("{}-{place}", event.0));
            (0..count).map(pair).collect()
        };
        let (params, tags) = (pairs('p', params), pairs('t', tags));
        let parent_id = parent.and_then(|parent| oracle.runs[&parent].id);
        let started = FIRST_TIME + event.0 as i64 * 1_000_000;
        let run = RunOracle {
            id: None,
            experiment,
            parent,
            started,
            exists: Register::of(event, true),
            name: Register::of(event, name.clone()),
            status: Register::of(event, RunStatus::Running),
            lifecycle: Register::of(event, Lifecycle::Active),
            params: params
                .iter()
                .map(|(key, value)| (key.clone(), (event, value.clone())))
                .collect(),
            tags: tags
                .iter()
                .map(|(key, value)| (key.clone(), Register::of(event, Some(value.clone()))))
                .collect(),
            artifacts: BTreeMap::new(),
            tag_batches: Vec::new(),
            points: Vec::new(),
        };
        let id = oracle.experiments[&experiment].id;
        oracle.runs.insert(event, run);
        drop(oracle);
        let Some(id) = id else { return Ok(()) };
        let result = self.database.experiment_by_id(id).and_then(|experiment| {
            let mut builder = experiment.new_run();
            builder = builder.name(&name).started(Timestamp::from_nanos(started));
            builder = builder.params(params).tags(tags);
            if let Some(parent) = parent_id {
                builder = builder.parent(parent);
            }
            builder.start()
        });
        if let Some(run) = self.note(event, result)? {
            let id = run.id();
            self.change_run(event, |run| run.id = Some(id));
            self.runs.insert(event, run);
        }
        Ok(())
    }

    fn create_experiment(&mut self) -> Verdict<()> {
        let mut oracle = self.oracle.lock();
        let event = oracle.issue("create experiment");
        let path = format!("/e{}", event.0);
        let experiment = ExperimentOracle {
            id: None,
            exists: Register::of(event, true),
            path: Register::of(event, path.clone()),
            lifecycle: Register::of(event, Lifecycle::Active),
            tags: Default::default(),
        };
        oracle.experiments.insert(event, experiment);
        drop(oracle);
        let result = self.database.experiment(&path);
        if let Some(experiment) = self.note(event, result)?
            && let Some(it) = self.oracle.lock().experiments.get_mut(&event)
        {
            it.id = Some(experiment.id());
        }
        Ok(())
    }

    fn change_experiment(&mut self) -> Verdict<()> {
        let live = self.oracle.lock().experiments_that_are(Lifecycle::Active);
        if live.is_empty() {
            return self.create_experiment();
        }
        let experiment = *self.random.pick(&live);
        let (renames, deletes) = (self.random.one_in(3), self.random.one_in(4));
        let key = format!("x{}", self.random.below(3));
        let mut oracle = self.oracle.lock();
        let event = oracle.issue("change experiment");
        let path = format!("/e{}/n{}", experiment.0, event.0);
        let Some(it) = oracle.experiments.get_mut(&experiment) else { return Ok(()) };
        let Some(id) = it.id else { return Ok(()) };
        let value = event.0.to_string();
        let had = it.tags.get(&key).and_then(Register::current).is_some_and(Option::is_some);
        let deletes = deletes && had;
        if renames {
            it.path.set(event, path.clone());
        } else {
            let written = (!deletes).then(|| value.clone());
            it.tags.entry(key.clone()).or_default().set(event, written);
        }
        drop(oracle);
        let result =
            self.database.experiment_by_id(id).and_then(|experiment| match (renames, deletes) {
                (true, _) => experiment.rename(&path),
                (false, true) => experiment.delete_tag(&key),
                (false, false) => experiment.set_tag(&key, &value),
            });
        self.note(event, result).map(drop)
    }

    fn log_params(&mut self, run: EventId) -> Verdict<()> {
        let count = 1 + self.random.below(4);
        let mut oracle = self.oracle.lock();
        let event = oracle.issue("log params");
        let params: Vec<(String, String)> = (0..count)
            .map(|place| (format!("q{}.{place}", event.0), format!("v{place}")))
            .collect();
        if let Some(it) = oracle.runs.get_mut(&run) {
            it.params.extend(params.iter().cloned().map(|(key, value)| (key, (event, value))));
        }
        drop(oracle);
        let result = self.runs[&run].log_params(params);
        self.note(event, result).map(drop)
    }

    fn set_tags(&mut self, run: EventId) -> Verdict<()> {
        if self.random.one_in(3) {
            return self.set_tag_batch(run);
        }
        let key = format!("t{}", self.random.below(4));
        let wants_delete = self.random.one_in(4);
        let mut oracle = self.oracle.lock();
        let event = oracle.issue("set tag");
        let Some(it) = oracle.runs.get_mut(&run) else { return Ok(()) };
        let register = it.tags.entry(key.clone()).or_default();
        let deletes = wants_delete && register.current().is_some_and(Option::is_some);
        let value = event.0.to_string();
        register.set(event, (!deletes).then(|| value.clone()));
        drop(oracle);
        let handle = &self.runs[&run];
        let result = if deletes { handle.delete_tag(&key) } else { handle.set_tag(&key, &value) };
        self.note(event, result).map(drop)
    }

    fn set_large_tag(&mut self, run: EventId) -> Verdict<()> {
        let length = 20_000 + self.random.below(130_000);
        let mut oracle = self.oracle.lock();
        let event = oracle.issue("set large tag");
        let Some(it) = oracle.runs.get_mut(&run) else { return Ok(()) };
        let mut value = format!("{} ", event.0).repeat(length / 2);
        value.truncate(length);
        it.tags.entry("large".to_owned()).or_default().set(event, Some(value.clone()));
        drop(oracle);
        let result = self.runs[&run].set_tag("large", value);
        self.note(event, result).map(drop)
    }

    fn set_tag_batch(&mut self, run: EventId) -> Verdict<()> {
        let count = 2 + self.random.below(4);
        let mut oracle = self.oracle.lock();
        let event = oracle.issue("set tags");
        let keys: Vec<String> = (0..count).map(|place| format!("b{}.{place}", event.0)).collect();
        let Some(it) = oracle.runs.get_mut(&run) else { return Ok(()) };
        for key in &keys {
            it.tags.insert(key.clone(), Register::of(event, Some(key.clone())));
        }
        it.tag_batches.push((event, keys.clone()));
        drop(oracle);
        let tags: Vec<(String, String)> = keys.iter().cloned().zip(keys.iter().cloned()).collect();
        let result = self.runs[&run].set_tags(tags);
        self.note(event, result).map(drop)
    }

    fn update(&mut self, run: EventId) -> Verdict<()> {
        let renames = self.random.one_in(2);
        let status = *self.random.pick(&RunStatus::ALL);
        let event = self.oracle.lock().issue("update run");
        let name = format!("r{}.n{}", run.0, event.0);
        self.change_run(run, |run| match renames {
            true => run.name.set(event, name.clone()),
            false => run.status.set(event, status),
        });
        let handle = &self.runs[&run];
        let result = if renames { handle.set_name(&name) } else { handle.set_status(status) };
        self.note(event, result).map(drop)
    }

    fn finish(&mut self, run: EventId) -> Verdict<()> {
        let Some(handle) = self.runs.remove(&run) else { return Ok(()) };
        self.metrics.retain(|(of, _), _| *of != run);
        self.rows.retain(|(of, _), _| *of != run);
        let event = self.oracle.lock().issue("finish");
        self.change_run(run, |run| run.status.set(event, RunStatus::Finished));
        let result = handle.finish();
        self.note(event, result).map(drop)
    }

    fn delete_or_restore_run(&mut self) -> Verdict<()> {
        let oracle = self.oracle.lock();
        // Runs of a deleted experiment come back only with the experiment.
        let active = |run: &RunOracle| {
            let experiment = oracle.experiments.get(&run.experiment);
            experiment.is_some_and(|experiment| {
                experiment.lifecycle.current() == Some(&Lifecycle::Active)
            })
        };
        let there: Vec<(EventId, Lifecycle)> = oracle
            .runs
            .iter()
            .filter(|(_, run)| {
                run.exists.current() == Some(&true) && run.id.is_some() && active(run)
            })
            .filter_map(|(event, run)| Some((*event, *run.lifecycle.current()?)))
            .collect();
        drop(oracle);
        if there.is_empty() {
            return Ok(());
        }
        let (run, _) = *self.random.pick(&there);
        self.delete_or_restore_that_run(run)
    }

    /// Deletes the run, or restores it if it is deleted.
    pub fn delete_or_restore_that_run(&mut self, run: EventId) -> Verdict<()> {
        let mut oracle = self.oracle.lock();
        let event = oracle.issue("delete or restore run");
        let Some(it) = oracle.runs.get_mut(&run) else { return Ok(()) };
        let Some(id) = it.id else { return Ok(()) };
        let deletes = it.lifecycle.current() == Some(&Lifecycle::Active);
        it.lifecycle.set(event, if deletes { Lifecycle::Deleted } else { Lifecycle::Active });
        drop(oracle);
        let result =
            if deletes { self.database.delete_run(id) } else { self.database.restore_run(id) };
        self.note(event, result).map(drop)
    }

    fn delete_or_restore_experiment(&mut self) -> Verdict<()> {
        let deletes = self.random.one_in(2);
        let (from, to) = if deletes {
            (Lifecycle::Active, Lifecycle::Deleted)
        } else {
            (Lifecycle::Deleted, Lifecycle::Active)
        };
        let such = self.oracle.lock().experiments_that_are(from);
        if such.is_empty() {
            return Ok(());
        }
        let experiment = *self.random.pick(&such);
        let mut oracle = self.oracle.lock();
        let event = oracle.issue("delete or restore experiment");
        let Some(it) = oracle.experiments.get_mut(&experiment) else { return Ok(()) };
        let Some(id) = it.id else { return Ok(()) };
        it.lifecycle.set(event, to);
        for run in oracle.runs.values_mut().filter(|run| run.experiment == experiment) {
            run.lifecycle.set(event, to);
        }
        drop(oracle);
        let result = self.database.experiment_by_id(id).and_then(|experiment| {
            if deletes { experiment.delete() } else { experiment.restore() }
        });
        self.note(event, result).map(drop)
    }

    /// Syncs. Calls that returned before a successful sync began are durable.
    pub fn sync(&mut self) -> Verdict<()> {
        let mut oracle = self.oracle.lock();
        let began = oracle.clocks.now();
        let event = oracle.issue("sync");
        drop(oracle);
        let result = self.database.sync();
        let synced = self.note(event, result)?.is_some();
        if synced {
            self.oracle.lock().clocks.make_durable(began);
        }
        Ok(())
    }

    pub fn tick(&mut self) -> Verdict<()> {
        let event = self.oracle.lock().issue("tick");
        let result = self.database.tick();
        self.note(event, result).map(drop)
    }

    pub fn gc(&mut self) -> Verdict<()> {
        let mut oracle = self.oracle.lock();
        // Logged models are purged in a separate frame.
        let of_models = oracle.issue("gc of logged models");
        let deleted = Some(Lifecycle::Deleted.as_str());
        for thing in oracle.things.values_mut() {
            if thing.fact("lifecycle").map(String::as_str) == deleted {
                thing.exists.set(of_models, false);
            }
        }
        let event = oracle.issue("gc");
        for run in oracle.runs.values_mut() {
            if run.lifecycle.current() == Some(&Lifecycle::Deleted) {
                run.exists.set(event, false);
            }
        }
        for experiment in oracle.experiments.values_mut() {
            if experiment.lifecycle.current() == Some(&Lifecycle::Deleted) {
                experiment.exists.set(event, false);
            }
        }
        drop(oracle);
        let result = self.database.gc();
        if self.note(event, result)?.is_some() {
            self.oracle.lock().acknowledge(of_models);
        }
        Ok(())
    }
}
