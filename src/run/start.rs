//! Starting runs, and loading their state for handles.

use std::collections::HashMap;
use std::sync::Arc;

use crate::database::Database;
use crate::engine::guards::{ParamOwner, check_experiment_writable, no_such_run, set_once};
use crate::entity::id::{ExperimentId, RunId, Timestamp};
use crate::entity::names;
use crate::entity::reserved;
use crate::entity::{Lifecycle, RunRecord};
#[cfg(doc)]
use crate::error::ErrorKind;
use crate::error::Result;
use crate::experiment::Experiment;
use crate::format::record::{ParamsSet, Record, RunStarted, TagsSet};
use crate::log::{RunGate, RunState};
use crate::run::Run;
use crate::sys::user::user_name;

/// A run to be started with all its properties in one step, from [`Experiment::new_run`].
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
    /// Sets the name. Default: a generated name.
    pub fn name(mut self, name: &str) -> Self {
        name.clone_into(&mut self.name);
        self
    }

    /// Sets the parent run. Default: none.
    pub fn parent(mut self, parent: RunId) -> Self {
        self.parent = Some(parent);
        self
    }

    /// Sets the user. Default: the user of this process.
    pub fn user(mut self, user: &str) -> Self {
        self.user = Some(user.to_owned());
        self
    }

    /// Sets the start time. Default: now.
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

    /// Starts the run and writes all its properties, all or none.
    ///
    /// # Errors
    ///
    /// There is no run after an error.
    ///
    /// - [`ErrorKind::InvalidInput`] if a name, user, key or value is illegal, or a param has two
    ///   values.
    /// - [`ErrorKind::InvalidInput`] if the tag `mlflow.runName` contradicts the name, or
    ///   `mlflow.parentRunId` the parent.
    /// - [`ErrorKind::NotFound`] if there is no such parent.
    /// - [`ErrorKind::InvalidState`] if the parent or the experiment is deleted.
    ///
    /// # Performance
    ///
    /// Writes one frame of the file, without a sync.
    pub fn start(self) -> Result<Run> {
        let database = self.experiment.database().clone();
        database.start_run(self)
    }
}

impl Experiment {
    /// Starts a run. If the name is empty, generates one, such as `quiet-heron-417`.
    ///
    /// The run is alive until this process ends. See [`Run::is_alive`].
    ///
    /// # Errors
    ///
    /// - [`ErrorKind::InvalidState`] if the experiment is deleted.
    /// - [`ErrorKind::InvalidInput`] if the name is illegal.
    pub fn start_run(&self, name: &str) -> Result<Run> {
        self.new_run().name(name).start()
    }

    /// Returns a builder for a run with params, tags, a parent or a start time.
    ///
    /// ```
    /// # let folder = tempfile::tempdir()?;
    /// # let database = tracklite::Database::create(folder.path().join("runs.tracklite"))?;
    /// let experiment = database.experiment("/Shared/team/churn")?;
    /// let run = experiment.new_run().name("baseline").param("rate", 0.1).tag("gpu", 0).start()?;
    /// assert_eq!(run.params()?["rate"], "0.1");
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
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

    /// Returns its active runs, newest first, with params, tags and latest metrics.
    pub fn runs(&self) -> Result<Vec<RunRecord>> {
        self.database().runs_of(self.id())
    }
}

impl Database {
    pub(crate) fn start_run(&self, builder: RunBuilder) -> Result<Run> {
        let RunBuilder { experiment, name, parent, user, started, params, tags } = builder;
        let experiment = experiment.id();
        // MLflow reports a missing or deleted experiment first.
        let known = self.engine().state(|state, _| check_experiment_writable(state, experiment));
        self.engine().located(known.and_then(|known| known))?;
        let checked = || -> Result<_> {
            let params = self.engine().limits.params().collect(params)?;
            let params = set_once(ParamOwner::New("run"), None, &params)?;
            user.iter().try_for_each(|user| self.engine().limits.check_user(user))?;
            let mut tags = self.engine().limits.tags().collect(tags)?;
            Ok((params, reserved::settle(name, parent, &mut tags)?, tags))
        };
        let (params, name, tags) = self.engine().located(checked())?;
        let random = self.engine().random_bits()?;
        let id = RunId::from_random(random);
        let name = if name.is_empty() { names::generated(random) } else { name };
        self.engine().located(self.engine().limits.check_run_name(&name))?;
        // The handle keeps the state of the parent loaded, so that the check below sees a deletion.
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
        // Loaded before the run is in the chain, so that no later record of it is missed.
        self.engine().state(|state, _| state.runs.insert(id, held))?;
        self.engine().append(|state, _| {
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
        })?;
        Ok(run)
    }

    /// Loads the state of a run for a handle. Later records then update params, tags and lifecycle.
    pub(crate) fn hold_run(&self, id: RunId) -> Result<(ExperimentId, Arc<RunGate>)> {
        let mut retry = self.engine().log.retry();
        loop {
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
            let again = retry.again("other processes wrote while the run was loaded");
            self.engine().located(again)?;
        }
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
