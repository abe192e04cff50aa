//! What is marked deleted, and purging some of it.

use crate::database::Database;
use crate::database::upkeep::{self, GcReport};
use crate::entity::Lifecycle;
use crate::entity::id::{ExperimentId, LoggedModelId, RunId, Timestamp};
use crate::error::{Error, ErrorKind, Result};
use crate::format::record::{
    ExperimentLifecycleSet, LoggedModelLifecycleSet, LoggedModelsPurged, Purged, Record,
    RunLifecycleSet,
};
use crate::index::{Index, RunScope};

/// Runs, experiments and logged models that are marked deleted, or are to be purged.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Deleted {
    /// Runs, by id.
    pub runs: Vec<RunId>,
    /// Experiments, by id.
    pub experiments: Vec<ExperimentId>,
    /// Logged models, the oldest first.
    pub logged_models: Vec<LoggedModelId>,
}

impl Database {
    /// What was marked deleted at this time or before, and still is.
    ///
    /// Of an experiment that is the time when it was changed last. Logged models of a deleted
    /// experiment are not listed by themselves.
    pub fn deleted_before(&self, time: Timestamp) -> Result<Deleted> {
        self.engine().with_index(|index, _| {
            Ok(Deleted {
                runs: index.runs_deleted_before(time)?,
                experiments: index.experiments_deleted_before(time)?,
                logged_models: index.models_deleted_before(time)?,
            })
        })
    }

    /// Purges some of what is marked deleted for good, and gives its space back; as
    /// [`Database::gc`] does with all of it. With an experiment go its runs and logged models.
    ///
    /// What is not there is [`ErrorKind::NotFound`], what is not deleted
    /// [`ErrorKind::InvalidState`]; then nothing is purged.
    ///
    /// ```
    /// # let folder = tempfile::tempdir()?;
    /// # let database = tracklite::Database::create(folder.path().join("runs.tracklite"))?;
    /// use tracklite::Timestamp;
    ///
    /// let experiment = database.default_experiment()?;
    /// experiment.start_run("a mistake")?.delete()?;
    /// let deleted = database.deleted_before(Timestamp::now())?;
    /// experiment.start_run("another")?.delete()?;
    /// assert_eq!(database.purge(&deleted)?.runs, 1);
    /// assert_eq!(database.all_runs()?.len(), 1);
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    pub fn purge(&self, chosen: &Deleted) -> Result<GcReport> {
        let purged = upkeep::with_space_given_back(self.engine(), |engine| {
            let only = |kind| kind..=kind;
            let kinds = [
                only(ExperimentLifecycleSet::KIND),
                only(RunLifecycleSet::KIND),
                only(Purged::KIND),
                LoggedModelLifecycleSet::KIND..=LoggedModelsPurged::KIND,
            ];
            engine.append_decided(&kinds, |index| purge(index, chosen))
        });
        purged.map_err(|error| self.engine().locate(error))
    }
}

/// The records that purge what was chosen, and what is told of it.
fn purge(index: &Index, chosen: &Deleted) -> Result<(Vec<Record>, GcReport)> {
    let Deleted { mut runs, experiments, mut logged_models } = chosen.clone();
    for id in &runs {
        let found = index.run_info(*id)?.map(|run| run.lifecycle);
        check_deleted("run", id, found)?;
    }
    for id in &logged_models {
        let found = index.logged_model_lifecycle(*id)?.map(|(of_model, _)| of_model);
        check_deleted("logged model", id, found)?;
    }
    for id in &experiments {
        let found = index.experiment(*id)?.map(|experiment| experiment.lifecycle);
        check_deleted("experiment", id, found)?;
    }
    if !experiments.is_empty() {
        let all = index.run_infos(RunScope::All)?;
        runs.extend(all.iter().filter(|it| experiments.contains(&it.experiment)).map(|it| it.id));
        for experiment in &experiments {
            logged_models.extend(index.models_of(*experiment)?);
        }
    }
    runs.sort_unstable();
    runs.dedup();
    logged_models.sort_unstable();
    logged_models.dedup();
    let report = GcReport {
        runs: runs.len() as u64,
        experiments: experiments.len() as u64,
        logged_models: logged_models.len() as u64,
        ..GcReport::default()
    };
    let mut records: Vec<Record> = Vec::new();
    if !logged_models.is_empty() {
        records.push(LoggedModelsPurged { models: logged_models }.into());
    }
    if !runs.is_empty() || !experiments.is_empty() {
        records.push(Purged { runs, experiments }.into());
    }
    Ok((records, report))
}

fn check_deleted(what: &str, id: &impl std::fmt::Display, found: Option<Lifecycle>) -> Result<()> {
    let (kind, message) = match found {
        Some(Lifecycle::Deleted) => return Ok(()),
        Some(Lifecycle::Active) => {
            (ErrorKind::InvalidState, format!("{what} {id} is not deleted: delete it first"))
        }
        None => (ErrorKind::NotFound, format!("there is no {what} {id}")),
    };
    Err(Error::new(kind, message))
}
