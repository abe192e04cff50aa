//! Experiments: groups of runs, named by a path.

pub(crate) mod folders;
pub(crate) mod search;

use std::collections::BTreeMap;
use std::fmt;

use crate::database::Database;
use crate::engine::Engine;
use crate::engine::guards::{check_experiment_writable, experiment_is_deleted, no_such_experiment};
use crate::entity::id::{ExperimentId, Timestamp};
use crate::entity::{ARTIFACT_LOCATION_TAG, ExperimentInfo, Lifecycle, MetricGoals, below};
use crate::error::{Error, ErrorKind, Result};
use crate::format::record::{
    ExperimentCreated, ExperimentLifecycleSet, ExperimentRenamed, ExperimentTagDeleted,
    ExperimentTagsSet, LoggedModelCreated, Purged, Record, RunStarted,
};
use crate::log::State;

impl Database {
    /// Returns the goals of metrics that experiments set with tags. See
    /// [`GOAL_TAG_PREFIX`](crate::GOAL_TAG_PREFIX).
    ///
    /// # Errors
    ///
    /// - [`ErrorKind::Io`] if the file cannot be read.
    pub fn metric_goals(&self) -> Result<MetricGoals> {
        self.engine().with_index(|index, _| index.metric_goals())
    }

    /// Returns the experiment with this path, such as `/Shared/team/churn`, and creates it if it
    /// does not exist.
    ///
    /// Four methods find or create an experiment:
    ///
    /// | call | it exists | it does not exist | it is deleted |
    /// | --- | --- | --- | --- |
    /// | `experiment(path)` | returns it | creates it | [`ErrorKind::InvalidState`] |
    /// | [`find_experiment(path)`](Database::find_experiment) | `Some` | `None` | `Some` |
    /// | [`experiment_by_id(id)`](Database::experiment_by_id) | returns it | [`ErrorKind::NotFound`] | returns it |
    /// | [`create_experiment(path)`](Database::create_experiment) | [`ErrorKind::AlreadyExists`] | creates it | [`ErrorKind::AlreadyExists`] |
    ///
    /// # Errors
    ///
    /// - [`ErrorKind::InvalidState`] if the experiment is deleted.
    /// - [`ErrorKind::InvalidInput`] if the path is blank or longer than 500 characters. See
    ///   [`Limits`](crate::Limits).
    ///
    /// # Performance
    ///
    /// Creating an experiment writes one record.
    pub fn experiment(&self, path: &str) -> Result<Experiment> {
        self.engine().located(self.engine().limits.check_experiment_path(path))?;
        let is_known = |state: &State| -> Result<Option<ExperimentId>> {
            let Some(id) = state.experiment_of(path) else { return Ok(None) };
            check_experiment_writable(state, id).map(|()| Some(id))
        };
        let known = self.engine().state(|state, _| is_known(state));
        if let Some(id) = self.engine().located(known.and_then(|known| known))? {
            return Ok(Experiment::new(self.clone(), id));
        }
        let appended = self.engine().append(|state, _| match is_known(state)? {
            Some(id) => Ok((Vec::new(), id)),
            None => Ok(new_experiment(state, path)),
        });
        let id = appended?;
        Ok(Experiment::new(self.clone(), id))
    }

    /// Creates an experiment with a new path.
    ///
    /// If several processes create it at once, one of them succeeds.
    ///
    /// # Errors
    ///
    /// - [`ErrorKind::AlreadyExists`] if an experiment has this path, even a deleted one.
    /// - [`ErrorKind::InvalidInput`] if the path is illegal. See [`Database::experiment`].
    ///
    /// ```
    /// # let folder = tempfile::tempdir()?;
    /// # let path = folder.path().join("runs.tracklite");
    /// use tracklite::{Database, ErrorKind};
    ///
    /// let database = Database::create(&path)?;
    /// database.create_experiment("/Shared/team/churn")?;
    /// let again = database.create_experiment("/Shared/team/churn");
    /// assert_eq!(again.unwrap_err().kind(), ErrorKind::AlreadyExists);
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    pub fn create_experiment(&self, path: &str) -> Result<Experiment> {
        self.create_experiment_with::<&str, &str>(path, [])
    }

    /// Creates an experiment with a new path and with tags, in one step.
    ///
    /// # Errors
    ///
    /// - Those of [`Database::create_experiment`].
    /// - [`ErrorKind::InvalidInput`] if a tag is illegal. See
    ///   [`Run::set_tag`](crate::Run::set_tag).
    pub fn create_experiment_with<K: AsRef<str>, V: ToString>(
        &self,
        path: &str,
        tags: impl IntoIterator<Item = (K, V)>,
    ) -> Result<Experiment> {
        let limits = &self.engine().limits;
        let checked = limits
            .check_experiment_path(path)
            .and_then(|()| limits.experiment_tags().collect(tags));
        let tags = self.engine().located(checked)?;
        let appended = self.engine().append(|state, _| match state.experiment_of(path) {
            Some(id) => Err(path_taken(path, id)),
            None => Ok(with_tags(new_experiment(state, path), tags.clone())),
        });
        let id = appended?;
        Ok(Experiment::new(self.clone(), id))
    }

    /// Creates an experiment like [`Database::create_experiment_with`], whose artifacts are outside
    /// of the file: at `root`, followed by the id of the experiment, as in MLflow.
    ///
    /// The experiment gets the tag [`ARTIFACT_LOCATION_TAG`].
    ///
    /// # Errors
    ///
    /// - Those of [`Database::create_experiment_with`].
    ///
    /// ```
    /// # let folder = tempfile::tempdir()?;
    /// # let database = tracklite::Database::create(folder.path().join("runs.tracklite"))?;
    /// let experiment = database.create_experiment_below("/churn", "s3://bucket", [("a", 1)])?;
    /// let location = &experiment.tags()?[tracklite::ARTIFACT_LOCATION_TAG];
    /// assert_eq!(*location, format!("s3://bucket/{}", experiment.id()));
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    pub fn create_experiment_below<K: AsRef<str>, V: ToString>(
        &self,
        path: &str,
        root: &str,
        tags: impl IntoIterator<Item = (K, V)>,
    ) -> Result<Experiment> {
        let limits = &self.engine().limits;
        let checked = limits
            .check_experiment_path(path)
            .and_then(|()| limits.experiment_tags().collect([(ARTIFACT_LOCATION_TAG, root)]))
            .and_then(|_| limits.experiment_tags().collect(tags));
        let tags = self.engine().located(checked)?;
        let id = self.engine().append(|state, _| match state.experiment_of(path) {
            Some(id) => Err(path_taken(path, id)),
            None => {
                let (records, id) = new_experiment(state, path);
                let mut tags = tags.clone();
                tags.push((ARTIFACT_LOCATION_TAG.to_owned(), below(root, id)));
                Ok(with_tags((records, id), tags))
            }
        })?;
        Ok(Experiment::new(self.clone(), id))
    }

    /// Moves the artifacts of the default experiment out of the file, to `root` and its id, unless
    /// it has its own artifact location already, or has ever had a run or logged model.
    ///
    /// A server calls this when it starts with another root of artifacts, because nobody creates
    /// the default experiment.
    ///
    /// # Errors
    ///
    /// - [`ErrorKind::InvalidInput`] if the root is not legal as the value of a tag.
    pub fn place_default_experiment(&self, root: &str) -> Result<()> {
        let experiment = ExperimentId::DEFAULT;
        let location = below(root, experiment);
        let tags = self.engine().limits.experiment_tags();
        let tags = self.engine().located(tags.collect([(ARTIFACT_LOCATION_TAG, location)]))?;
        let kinds = [
            ExperimentCreated::KIND..=ExperimentTagDeleted::KIND,
            RunStarted::KIND..=RunStarted::KIND,
            LoggedModelCreated::KIND..=LoggedModelCreated::KIND,
        ];
        self.engine().append_decided(&kinds, |index| {
            let info = index.experiment(experiment)?;
            let is_open = info.is_some_and(|info| {
                info.lifecycle == Lifecycle::Active
                    && !info.tags.contains_key(ARTIFACT_LOCATION_TAG)
            });
            if !is_open || index.is_used(experiment)? {
                return Ok((Vec::new(), ()));
            }
            let time = Timestamp::now_nanos();
            Ok((vec![ExperimentTagsSet { experiment, tags: tags.clone(), time }.into()], ()))
        })
    }

    /// Returns the experiment with this path, even a deleted one, or `None` if it does not exist.
    ///
    /// Writes nothing.
    pub fn find_experiment(&self, path: &str) -> Result<Option<Experiment>> {
        let found = self.engine().state(|state, _| state.experiment_of(path));
        let found = found?;
        Ok(found.map(|id| Experiment::new(self.clone(), id)))
    }

    /// Returns the experiment with this id, even a deleted one.
    ///
    /// # Errors
    ///
    /// - [`ErrorKind::NotFound`] if there is no such experiment.
    pub fn experiment_by_id(&self, id: ExperimentId) -> Result<Experiment> {
        let known = self.engine().state(|state, _| state.experiments.contains_key(&id));
        match known? {
            true => Ok(Experiment::new(self.clone(), id)),
            false => Err(self.engine().locate(no_such_experiment(id))),
        }
    }

    /// Returns the experiment that every file has, with id 0 and the path `Default`.
    ///
    /// Like any other, it can be renamed and deleted. While it is deleted, no run can be started
    /// in it.
    pub fn default_experiment(&self) -> Result<Experiment> {
        self.experiment_by_id(ExperimentId::DEFAULT)
    }

    /// Returns all experiments, deleted ones too, ordered by id.
    pub fn experiments(&self) -> Result<Vec<ExperimentInfo>> {
        self.engine().with_index(|index, _| index.experiments())
    }
}

/// Returns the record of a new experiment and its id.
fn new_experiment(state: &State, path: &str) -> (Vec<Record>, ExperimentId) {
    let (experiment, time) = (state.next_experiment(), Timestamp::now_nanos());
    let created = ExperimentCreated { experiment, path: path.to_owned(), time };
    (vec![created.into()], experiment)
}

fn with_tags(
    (mut records, experiment): (Vec<Record>, ExperimentId),
    tags: Vec<(String, String)>,
) -> (Vec<Record>, ExperimentId) {
    if !tags.is_empty() {
        let time = Timestamp::now_nanos();
        records.push(ExperimentTagsSet { experiment, tags, time }.into());
    }
    (records, experiment)
}

/// A handle of an experiment. Clones are the same handle, and dropping one writes nothing.
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

    /// Returns the id of the experiment.
    #[must_use]
    pub fn id(&self) -> ExperimentId {
        self.id
    }

    /// Returns the database that contains the experiment.
    #[must_use]
    pub fn database(&self) -> &Database {
        &self.database
    }

    /// Returns the path, lifecycle, times and tags.
    ///
    /// # Errors
    ///
    /// - [`ErrorKind::NotFound`] if the experiment was purged.
    pub fn info(&self) -> Result<ExperimentInfo> {
        let engine = self.engine();
        let found = engine.with_index(|index, _| index.experiment(self.id))?;
        found.ok_or_else(|| engine.locate(no_such_experiment(self.id)))
    }

    /// Changes the path of the experiment.
    ///
    /// # Errors
    ///
    /// - [`ErrorKind::AlreadyExists`] if another experiment has this path, even a deleted one.
    /// - [`ErrorKind::InvalidState`] if the experiment is deleted.
    /// - [`ErrorKind::InvalidInput`] if the path is illegal. See [`Database::experiment`].
    pub fn rename(&self, path: &str) -> Result<()> {
        self.engine().located(self.engine().limits.check_experiment_path(path))?;
        self.write(|state| {
            check_experiment_writable(state, self.id).map_err(not_renamed)?;
            match state.experiment_of(path) {
                Some(id) if id != self.id => Err(path_taken(path, id)),
                _ => {
                    let (path, time) = (path.to_owned(), Timestamp::now_nanos());
                    Ok(vec![ExperimentRenamed { experiment: self.id, path, time }.into()])
                }
            }
        })
    }

    /// Marks the experiment and all its runs as deleted.
    ///
    /// [`Experiment::restore`] undoes this, until [`Database::gc`] purges the experiment. The
    /// default experiment can be deleted too. A gc purges its runs and models, but not itself.
    ///
    /// # Errors
    ///
    /// - [`ErrorKind::NotFound`] if the experiment is deleted already, as in MLflow.
    pub fn delete(&self) -> Result<()> {
        self.set_lifecycle(Lifecycle::Deleted)
    }

    /// Restores the experiment and all its runs.
    ///
    /// As in MLflow, this includes runs that were deleted before the experiment.
    ///
    /// # Errors
    ///
    /// - [`ErrorKind::NotFound`] if the experiment is not deleted.
    pub fn restore(&self) -> Result<()> {
        self.set_lifecycle(Lifecycle::Active)
    }

    fn set_lifecycle(&self, lifecycle: Lifecycle) -> Result<()> {
        self.write(|state| {
            let known = state.experiments.get(&self.id);
            let known = known.ok_or_else(|| no_such_experiment(self.id))?;
            if known.lifecycle == lifecycle {
                let id = self.id;
                let message = format!(
                    "No Experiment with id={id} exists that is not {} already",
                    lifecycle.as_str()
                );
                return Err(Error::new(ErrorKind::NotFound, message));
            }
            let time = Timestamp::now_nanos();
            Ok(vec![ExperimentLifecycleSet { experiment: self.id, lifecycle, time }.into()])
        })
    }

    /// Sets a tag, and replaces any previous value.
    ///
    /// # Errors
    ///
    /// - [`ErrorKind::InvalidState`] if the experiment is deleted.
    /// - [`ErrorKind::InvalidInput`] if key or value is illegal. See
    ///   [`Run::set_tag`](crate::Run::set_tag).
    pub fn set_tag(&self, key: &str, value: impl ToString) -> Result<()> {
        let tags = self.engine().limits.experiment_tags().collect([(key, value)]);
        let tags = self.engine().located(tags)?;
        self.write(|state| {
            check_experiment_writable(state, self.id)?;
            let time = Timestamp::now_nanos();
            let tags = tags.clone();
            Ok(vec![ExperimentTagsSet { experiment: self.id, tags, time }.into()])
        })
    }

    /// Deletes a tag.
    ///
    /// If several processes delete it at once, one of them succeeds.
    ///
    /// # Errors
    ///
    /// - [`ErrorKind::NotFound`] if the experiment has no such tag.
    /// - [`ErrorKind::InvalidState`] if the experiment is deleted.
    pub fn delete_tag(&self, key: &str) -> Result<()> {
        let changes = ExperimentCreated::KIND..=ExperimentTagDeleted::KIND;
        let kinds = [changes, Purged::KIND..=Purged::KIND];
        self.engine().append_decided(&kinds, |index| {
            let info = index.experiment(self.id)?.ok_or_else(|| no_such_experiment(self.id))?;
            if info.lifecycle == Lifecycle::Deleted {
                return Err(experiment_is_deleted(self.id));
            }
            if !info.tags.contains_key(key) {
                let id = self.id;
                let message = format!("No tag with name: {key} in experiment with id {id}");
                return Err(Error::new(ErrorKind::NotFound, message));
            }
            let (key, time) = (key.to_owned(), Timestamp::now_nanos());
            Ok((vec![ExperimentTagDeleted { experiment: self.id, key, time }.into()], ()))
        })
    }

    /// Returns the tags by key.
    pub fn tags(&self) -> Result<BTreeMap<String, String>> {
        Ok(self.info()?.tags)
    }

    fn write(&self, mut build: impl FnMut(&State) -> Result<Vec<Record>>) -> Result<()> {
        self.engine().append(|state, _| Ok((build(state)?, ())))
    }

    fn engine(&self) -> &Engine {
        self.database.engine()
    }
}

impl fmt::Debug for Experiment {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("Experiment").field(&self.id).finish()
    }
}

/// Converts the error of a deleted experiment to MLflow's error for a rename.
fn not_renamed(error: Error) -> Error {
    match error.kind() {
        ErrorKind::InvalidState => {
            let message = "Cannot rename a non-active experiment. Restore it first.";
            Error::new(ErrorKind::InvalidState, message).with_mlflow_code("INVALID_STATE")
        }
        _ => error,
    }
}

fn path_taken(path: &str, id: ExperimentId) -> Error {
    let message = format!(
        "Experiment(name={path}) already exists. Error: experiment {id} has this name, and may be \
         deleted"
    );
    Error::new(ErrorKind::AlreadyExists, message)
}
