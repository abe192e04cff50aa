//! Starting runs, and taking them in hand.

use std::collections::HashMap;
use std::sync::Arc;

use crate::database::Database;
use crate::entity::Lifecycle;
use crate::entity::id::{ExperimentId, RunId, Timestamp};
use crate::entity::names;
use crate::entity::reserved;
use crate::error::{Error, ErrorKind, Result};
use crate::experiment::{RunBuilder, check_experiment_writable};
use crate::format::record::{ParamsSet, Record, RunStarted, TagsSet};
use crate::log::{RunGate, RunState};
use crate::run::{Run, no_such_run};

/// How often a run is looked up again because the chain grew meanwhile.
const ATTEMPTS_MAX: u32 = 1000;

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
        let (params, name, tags) = checked().map_err(|error| self.engine().locate(error))?;
        let random = self.engine().log.storage().random();
        let random = random.map_err(|source| Error::io("drawing random bits", source))?;
        let id = RunId::from_random(random);
        let name = if name.is_empty() { names::generated(random) } else { name };
        self.engine().limits.check_run_name(&name).map_err(|error| self.engine().locate(error))?;
        // A handle keeps the parent's state at hand, so that the check below sees its deletion.
        let _parent = parent.map(|parent| self.run(parent)).transpose()?;
        let incarnation =
            self.engine().log.check_usable().map_err(|error| self.engine().locate(error))?;
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
        let held = self.engine().log.with_state(|state, _| state.runs.insert(id, held).is_none());
        held.map_err(|error| self.engine().locate(error))?;
        let appended = self.engine().log.append(|state, _| {
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
        appended.map_err(|error| self.engine().locate(error))?;
        Ok(run)
    }

    /// Takes the run in hand: its params, tags and lifecycle are followed from here on.
    pub(crate) fn hold_run(&self, id: RunId) -> Result<(ExperimentId, Arc<RunGate>)> {
        for _ in 0..ATTEMPTS_MAX {
            let held = self.engine().log.with_state(|state, _| hold_again(&mut state.runs, id));
            if let Some(held) = held.map_err(|error| self.engine().locate(error))? {
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
            let taken = self.engine().log.with_state(|state, now| {
                if now.next == at {
                    state.runs.entry(id).or_insert(RunState { handles: 0, ..loaded });
                }
                hold_again(&mut state.runs, id)
            });
            if let Some(held) = taken.map_err(|error| self.engine().locate(error))? {
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

/// The user of this process.
pub(crate) fn user_name() -> String {
    let named = ["USER", "LOGNAME", "USERNAME"].into_iter().find_map(|key| std::env::var(key).ok());
    named.unwrap_or_else(|| format!("uid {}", rustix::process::getuid().as_raw()))
}
