//! Starting runs, and taking them in hand.

use std::collections::HashMap;
use std::sync::Arc;

use crate::database::Database;
use crate::engine::guards::{check_experiment_writable, no_such_run};
use crate::entity::id::{ExperimentId, RunId, Timestamp};
use crate::entity::names;
use crate::entity::reserved;
use crate::entity::{Lifecycle, RunRecord};
use crate::error::{Error, ErrorKind, Result};
use crate::experiment::Experiment;
use crate::format::record::{ParamsSet, Record, RunStarted, TagsSet};
use crate::log::{RunGate, RunState};
use crate::run::Run;
use crate::sys::user::user_name;

/// How often a run is looked up again because the chain grew meanwhile.
const ATTEMPTS_MAX: u32 = 1000;

/// A run about to be started: everything in it is written as one, or not at all.
#[derive(Debug)]
#[must_use = "a run is started by `start`"]
pub struct RunBuilder {
    pub(crate) experiment: Experiment,
    pub(crate) name: String,
    pub(crate) parent: Option<RunId>,
    pub(crate) user: Option<String>,
    pub(crate) started: Option<Timestamp>,
    pub(crate) params: Vec<(String, String)>,
    pub(crate) tags: Vec<(String, String)>,
}

impl RunBuilder {
    /// Its name. Default: a generated one.
    pub fn name(mut self, name: &str) -> Self {
        name.clone_into(&mut self.name);
        self
    }

    /// The run that it is nested in. Default: none.
    pub fn parent(mut self, parent: RunId) -> Self {
        self.parent = Some(parent);
        self
    }

    /// The user who starts it. Default: the one who the process runs as.
    pub fn user(mut self, user: &str) -> Self {
        self.user = Some(user.to_owned());
        self
    }

    /// When it started. Default: now.
    pub fn started(mut self, time: Timestamp) -> Self {
        self.started = Some(time);
        self
    }

    /// Adds a param.
    #[expect(clippy::needless_pass_by_value, reason = "callers write numbers and literals")]
    pub fn param(mut self, key: &str, value: impl ToString) -> Self {
        self.params.push((key.to_owned(), value.to_string()));
        self
    }

    /// Adds params.
    pub fn params<K: AsRef<str>, V: ToString>(
        mut self,
        params: impl IntoIterator<Item = (K, V)>,
    ) -> Self {
        let text = |(key, value): (K, V)| (key.as_ref().to_owned(), value.to_string());
        self.params.extend(params.into_iter().map(text));
        self
    }

    /// Adds a tag.
    #[expect(clippy::needless_pass_by_value, reason = "callers write numbers and literals")]
    pub fn tag(mut self, key: &str, value: impl ToString) -> Self {
        self.tags.push((key.to_owned(), value.to_string()));
        self
    }

    /// Adds tags.
    pub fn tags<K: AsRef<str>, V: ToString>(
        mut self,
        tags: impl IntoIterator<Item = (K, V)>,
    ) -> Self {
        let text = |(key, value): (K, V)| (key.as_ref().to_owned(), value.to_string());
        self.tags.extend(tags.into_iter().map(text));
        self
    }

    /// Starts the run: one frame in the file. After an error there is no run.
    ///
    /// An illegal name, user, key or value, a param given twice with different values, or a name or
    /// parent that the tag `mlflow.runName` or `mlflow.parentRunId` contradicts, is
    /// [`ErrorKind::InvalidInput`]; an unknown parent [`ErrorKind::NotFound`]; a deleted parent or
    /// experiment [`ErrorKind::InvalidState`].
    pub fn start(self) -> Result<Run> {
        let database = self.experiment.database().clone();
        database.start_run(self)
    }
}

impl Experiment {
    /// Starts a run; an empty name stands for a generated one such as `quiet-heron-417`.
    ///
    /// The run belongs to this process (see [`Run::is_alive`]). In a deleted experiment it is
    /// [`ErrorKind::InvalidState`].
    pub fn start_run(&self, name: &str) -> Result<Run> {
        self.new_run().name(name).start()
    }

    /// Starts a run with params, tags, a parent or a time of its own, in one step.
    pub fn new_run(&self) -> RunBuilder {
        RunBuilder {
            experiment: self.clone(),
            name: String::new(),
            parent: None,
            user: None,
            started: None,
            params: Vec::new(),
            tags: Vec::new(),
        }
    }

    /// Its active runs, the newest first, with params, tags and latest metrics.
    pub fn runs(&self) -> Result<Vec<RunRecord>> {
        self.database().runs_of(self.id())
    }
}

impl Database {
    pub(crate) fn start_run(&self, builder: RunBuilder) -> Result<Run> {
        let RunBuilder { experiment, name, parent, user, started, params, tags } = builder;
        let experiment = experiment.id();
        let checked = || -> Result<_> {
            let params = self.engine().limits.params().collect(params)?;
            check_no_repeats(&params)?;
            user.iter().try_for_each(|user| self.engine().limits.check_user(user))?;
            let mut tags = self.engine().limits.tags().collect(tags)?;
            Ok((params, reserved::settle(name, parent, &mut tags)?, tags))
        };
        let (params, name, tags) = self.engine().located(checked())?;
        let random = self.engine().random_bits()?;
        let id = RunId::from_random(random);
        let name = if name.is_empty() { names::generated(random) } else { name };
        self.engine().located(self.engine().limits.check_run_name(&name))?;
        // A handle keeps the parent's state at hand, so that the check below sees its deletion.
        let _parent = parent.map(|parent| self.run(parent)).transpose()?;
        let incarnation = self.engine().located(self.engine().log.check_usable())?;
        let started = RunStarted {
            run: id,
            experiment,
            incarnation: Some(incarnation.incarnation),
            name,
            parent,
            user: user.unwrap_or_else(user_name),
            time: started.unwrap_or_else(Timestamp::now).as_nanos(),
        };
        let held = RunState::new(experiment, Lifecycle::Active);
        let run = Run::new(self.clone(), id, experiment, Arc::clone(&held.gate));
        // In hand before it is in the chain, so that no later record of it is missed.
        let held = self.engine().state(|state, _| state.runs.insert(id, held).is_none());
        held?;
        let appended = self.engine().append(|state, _| {
            check_experiment_writable(state, experiment)?;
            if let Some(parent) = parent {
                crate::log::check_run_writable(state, parent)?;
            }
            let mut records: Vec<Record> = vec![started.clone().into()];
            if !params.is_empty() {
                records.push(ParamsSet { run: id, params: params.clone() }.into());
            }
            if !tags.is_empty() {
                records.push(TagsSet { run: id, tags: tags.clone() }.into());
            }
            Ok((records, ()))
        });
        appended?;
        Ok(run)
    }

    /// Takes the run in hand: its params, tags and lifecycle are followed from here on.
    pub(crate) fn hold_run(&self, id: RunId) -> Result<(ExperimentId, Arc<RunGate>)> {
        for _ in 0..ATTEMPTS_MAX {
            let held = self.engine().state(|state, _| hold_again(&mut state.runs, id));
            if let Some(held) = held? {
                return Ok(held);
            }
            let (loaded, at) = self.engine().with_index(|index, cursor| {
                let Some(info) = index.run_info(id)? else { return Ok((None, cursor.next)) };
                let params = index.params(id)?;
                let tags = index.tags(id)?.into_keys().collect();
                let held = RunState::new(info.experiment, info.lifecycle);
                Ok((Some(RunState { params, tags, ..held }), cursor.next))
            })?;
            let Some(loaded) = loaded else { return Err(self.engine().locate(no_such_run(id))) };
            let taken = self.engine().state(|state, now| {
                if now.next == at {
                    state.runs.entry(id).or_insert(RunState { handles: 0, ..loaded });
                }
                hold_again(&mut state.runs, id)
            });
            if let Some(held) = taken? {
                return Ok(held);
            }
        }
        let message = "other processes write faster than the run could be looked up: try again";
        Err(self.engine().locate(Error::new(ErrorKind::Locked, message)))
    }
}

fn hold_again(
    runs: &mut HashMap<RunId, RunState>,
    id: RunId,
) -> Option<(ExperimentId, Arc<RunGate>)> {
    let held = runs.get_mut(&id).filter(|held| !held.purged)?;
    held.handles += 1;
    Some((held.experiment, Arc::clone(&held.gate)))
}

fn check_no_repeats(params: &[(String, String)]) -> Result<()> {
    let mut seen: HashMap<&str, &str> = HashMap::new();
    for (key, value) in params {
        if seen.insert(key, value).is_some_and(|before| before != value) {
            let message = format!("param {key:?} is given twice, with different values");
            return Err(Error::new(ErrorKind::InvalidInput, message));
        }
    }
    Ok(())
}
