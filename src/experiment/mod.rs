//! Experiments: named by a path, they hold runs.

pub(crate) mod search;

use std::collections::BTreeMap;
use std::fmt;

use crate::database::Database;
use crate::entity::id::{ExperimentId, RunId, Timestamp};
use crate::entity::limits::Limits;
use crate::entity::{ExperimentInfo, Lifecycle, RunRecord};
use crate::error::{Error, ErrorKind, Result};
use crate::format::record::{
    ExperimentCreated, ExperimentLifecycleSet, ExperimentRenamed, ExperimentTagDeleted,
    ExperimentTagsSet, Purged, Record,
};
use crate::log::State;
use crate::run::Run;

/// A handle of an experiment. Clones are the same handle; dropping one writes nothing.
///
/// ```
/// # let folder = tempfile::tempdir()?;
/// # let database = tracklite::Database::create(folder.path().join("runs.tracklite"))?;
/// let experiment = database.experiment("/Shared/team/churn")?;
/// experiment.set_tag("owner", "research")?;
/// let parent = experiment.start_run("sweep")?;
/// for seed in 0..3 {
///     experiment.new_run().parent(parent.id()).param("seed", seed).start()?;
/// }
/// assert_eq!(experiment.runs()?.len(), 4);
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Clone)]
pub struct Experiment {
    database: Database,
    id: ExperimentId,
}

impl Experiment {
    pub(crate) fn new(database: Database, id: ExperimentId) -> Self {
        Experiment { database, id }
    }

    /// The experiment's id.
    #[must_use]
    pub fn id(&self) -> ExperimentId {
        self.id
    }

    /// The database that holds it.
    #[must_use]
    pub fn database(&self) -> &Database {
        &self.database
    }

    /// Path, lifecycle, times and tags, as they are in the file now.
    pub fn info(&self) -> Result<ExperimentInfo> {
        let engine = self.database.engine();
        let found = engine.with_index(|index, _| index.experiment(self.id))?;
        found.ok_or_else(|| engine.locate(no_such_experiment(self.id)))
    }

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
        self.database.runs_of(self.id)
    }

    /// Gives it another path; one that is taken, also by a deleted experiment, is
    /// [`ErrorKind::AlreadyExists`]. A deleted experiment is [`ErrorKind::InvalidState`].
    pub fn rename(&self, path: &str) -> Result<()> {
        self.limits().check_experiment_path(path).map_err(|error| self.locate(error))?;
        self.write(|state| {
            check_experiment_writable(state, self.id)?;
            match state.experiment_of(path) {
                Some(id) if id != self.id => Err(path_taken(path, id)),
                _ => {
                    let (path, time) = (path.to_owned(), Timestamp::now().as_nanos());
                    Ok(vec![ExperimentRenamed { experiment: self.id, path, time }.into()])
                }
            }
        })
    }

    /// Marks it and all its runs deleted, until [`Experiment::restore`] or [`Database::gc`].
    ///
    /// One that is deleted already is [`ErrorKind::NotFound`] (MLflow's rule: only active ones are
    /// there to be deleted), the default experiment [`ErrorKind::InvalidState`].
    pub fn delete(&self) -> Result<()> {
        self.set_lifecycle(Lifecycle::Deleted)
    }

    /// Restores it and all its runs, also those that were deleted by themselves before (MLflow's
    /// rule). One that is active is [`ErrorKind::NotFound`].
    pub fn restore(&self) -> Result<()> {
        self.set_lifecycle(Lifecycle::Active)
    }

    fn set_lifecycle(&self, lifecycle: Lifecycle) -> Result<()> {
        self.write(|state| {
            let known = state.experiments.get(&self.id);
            let known = known.ok_or_else(|| no_such_experiment(self.id))?;
            if self.id == ExperimentId::DEFAULT && lifecycle == Lifecycle::Deleted {
                let message = "the default experiment cannot be deleted";
                return Err(Error::new(ErrorKind::InvalidState, message));
            }
            if known.lifecycle == lifecycle {
                let message =
                    format!("experiment {:?} is {} already", known.path, lifecycle.as_str());
                return Err(Error::new(ErrorKind::NotFound, message));
            }
            let time = Timestamp::now().as_nanos();
            Ok(vec![ExperimentLifecycleSet { experiment: self.id, lifecycle, time }.into()])
        })
    }

    /// Sets a tag, whatever it was before; key and value follow the rules of [`Run::set_tag`].
    pub fn set_tag(&self, key: &str, value: impl ToString) -> Result<()> {
        let tags = self.limits().experiment_tags().collect([(key, value)]);
        let tags = tags.map_err(|error| self.locate(error))?;
        self.write(|state| {
            check_experiment_writable(state, self.id)?;
            let time = Timestamp::now().as_nanos();
            let tags = tags.clone();
            Ok(vec![ExperimentTagsSet { experiment: self.id, tags, time }.into()])
        })
    }

    /// Deletes a tag; [`ErrorKind::NotFound`] when there is no such tag. Of several that delete it
    /// at once, one does.
    pub fn delete_tag(&self, key: &str) -> Result<()> {
        let changes = ExperimentCreated::KIND..=ExperimentTagDeleted::KIND;
        let kinds = [changes, Purged::KIND..=Purged::KIND];
        self.database.engine().append_decided(&kinds, |index| {
            let info = index.experiment(self.id)?.ok_or_else(|| no_such_experiment(self.id))?;
            if info.lifecycle == Lifecycle::Deleted {
                return Err(is_deleted(&info.path));
            }
            if !info.tags.contains_key(key) {
                let message = format!("experiment {} has no tag {key:?}", self.id);
                return Err(Error::new(ErrorKind::NotFound, message));
            }
            let (key, time) = (key.to_owned(), Timestamp::now().as_nanos());
            Ok((vec![ExperimentTagDeleted { experiment: self.id, key, time }.into()], ()))
        })
    }

    /// The tags by key.
    pub fn tags(&self) -> Result<BTreeMap<String, String>> {
        Ok(self.info()?.tags)
    }

    fn write(&self, mut build: impl FnMut(&State) -> Result<Vec<Record>>) -> Result<()> {
        let log = &self.database.engine().log;
        log.append(|state, _| Ok((build(state)?, ()))).map_err(|error| self.locate(error))
    }

    fn limits(&self) -> &Limits {
        &self.database.engine().limits
    }

    fn locate(&self, error: Error) -> Error {
        self.database.engine().locate(error)
    }
}

impl fmt::Debug for Experiment {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("Experiment").field(&self.id).finish()
    }
}

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
        let database = self.experiment.database.clone();
        database.start_run(self)
    }
}

/// An experiment takes writes unless it is deleted.
pub(crate) fn check_experiment_writable(state: &State, id: ExperimentId) -> Result<()> {
    match state.experiments.get(&id) {
        None => Err(no_such_experiment(id)),
        Some(known) if known.lifecycle == Lifecycle::Deleted => Err(is_deleted(&known.path)),
        Some(_) => Ok(()),
    }
}

fn is_deleted(path: &str) -> Error {
    let message = format!("experiment {path:?} is deleted: restore it first");
    Error::new(ErrorKind::InvalidState, message)
}

pub(crate) fn no_such_experiment(id: ExperimentId) -> Error {
    Error::new(ErrorKind::NotFound, format!("there is no experiment {id}"))
}

pub(crate) fn path_taken(path: &str, id: ExperimentId) -> Error {
    let message = format!("{path:?} is the path of experiment {id} already");
    Error::new(ErrorKind::AlreadyExists, message)
}
