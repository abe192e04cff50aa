//! Runs: what a training program logs to, and what others read.

pub(crate) mod batch;
pub(crate) mod histories;
pub(crate) mod inputs;
pub(crate) mod metric;
pub(crate) mod search;
pub(crate) mod shared;
pub(crate) mod start;
pub(crate) mod tables;
pub(crate) mod tree;
pub(crate) mod update;

use std::collections::{BTreeMap, HashSet};
use std::fmt;
use std::sync::Arc;

use crate::database::Database;
use crate::engine::Engine;
use crate::engine::points::keep_latest;
use crate::entity::id::{ExperimentId, RunId};
use crate::entity::limits::Limits;
use crate::entity::reserved;
use crate::entity::{MetricHistory, MetricPoint, MetricStatistics, RunInfo, RunRecord, RunStatus};
use crate::error::{Error, ErrorKind, Result};
use crate::format::record::{ParamsSet, Record, TagDeleted, TagsSet};
use crate::log::{RunGate, State, check_row_length, check_run_writable};
use crate::run::metric::{Metric, MetricRow, Schema, Series, Step};
pub(crate) use crate::run::shared::RunShared;
use crate::run::update::RunUpdate;

/// Rows of up to so many values are logged by name without taking memory.
const FEW_VALUES: usize = 32;

/// A run: the handle through which it is written and read.
///
/// Clones are the same handle; any thread may use them. Dropping a handle writes nothing: the run
/// stays as it was written, `RUNNING` unless it was finished, and everything logged is there.
/// When its process ends without finishing it, [`Run::is_alive`] tells.
///
/// Writing to a run that has ended is allowed, by a handle made since; to a deleted one it is
/// [`ErrorKind::InvalidState`], and to one that `gc` has removed [`ErrorKind::NotFound`]. When
/// another process deletes or removes it, params, tags and batches are refused at once, points as
/// soon as this process has heard of it: with the next tick at the latest. Points that were taken
/// until then are gone with the run.
///
/// ```
/// # let folder = tempfile::tempdir()?;
/// # let database = tracklite::Database::create(folder.path().join("runs.tracklite"))?;
/// use tracklite::{RunStatus, Step};
///
/// let run = database.default_experiment()?.start_run("")?;
/// run.log_params([("depth", "3"), ("rate", "0.1")])?;
/// run.log_metrics(&[("loss", 0.7), ("accuracy", 0.5)], 0)?;
/// run.log_metric("loss", 0.4, Step::NEXT)?;
/// assert_eq!(run.statistics("loss")?.map(|it| it.min), Some(0.4));
///
/// let id = run.id();
/// run.finish()?;
/// let run = database.run(id)?;
/// assert_eq!(run.info()?.status, RunStatus::Finished);
/// run.set_tag("reviewed", true)?;
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Clone)]
pub struct Run(Arc<RunShared>);

impl Run {
    pub(crate) fn new(
        database: Database,
        id: RunId,
        experiment: ExperimentId,
        gate: Arc<RunGate>,
    ) -> Self {
        Run(Arc::new(RunShared::new(database, id, experiment, gate)))
    }

    pub(crate) fn engine(&self) -> &Engine {
        self.0.engine()
    }

    pub(crate) fn database(&self) -> &Database {
        &self.0.database
    }

    fn limits(&self) -> &Limits {
        &self.engine().limits
    }

    /// The run's id.
    #[must_use]
    pub fn id(&self) -> RunId {
        self.0.id
    }

    /// The experiment that holds the run.
    #[must_use]
    pub fn experiment_id(&self) -> ExperimentId {
        self.0.experiment
    }

    /// The run's name.
    pub fn name(&self) -> Result<String> {
        Ok(self.info()?.name)
    }

    /// Name, status, times and place, as they are in the file now. Asks the index.
    pub fn info(&self) -> Result<RunInfo> {
        let id = self.id();
        let found = self.engine().with_index(|index, _| index.run_info(id))?;
        found.ok_or_else(|| self.engine().locate(no_such_run(id)))
    }

    /// The run with its params, tags and the latest point of each metric.
    pub fn record(&self) -> Result<RunRecord> {
        self.0.database.record_of(self.id())
    }

    /// Logs one value of a metric, now. When this returns, the point survives the death of the
    /// process by any means.
    ///
    /// The first value of a key costs a record in the file, later ones a search for the key and a
    /// store into memory; [`Run::metric`] saves the search. An illegal key is
    /// [`ErrorKind::InvalidInput`].
    pub fn log_metric(&self, key: &str, value: f64, step: impl Into<Step>) -> Result<()> {
        self.0.check_fork()?;
        if let Some(series) = self.0.metrics.read().get(key) {
            return series.log(&self.0, value, step.into(), None);
        }
        self.metric(key)?.log(value, step)
    }

    /// Logs several metrics at one step, now: all of them or, if the process dies, none.
    ///
    /// The same keys in the same order are fast from the second time on. A key that stands twice
    /// is [`ErrorKind::InvalidInput`].
    pub fn log_metrics(&self, metrics: &[(&str, f64)], step: impl Into<Step>) -> Result<()> {
        self.0.check_fork()?;
        let step = step.into();
        let keys = metrics.iter().map(|(key, _)| *key);
        if let Some(schema) = self.0.rows.read().get(&keys) {
            // The values of a usual row need no memory of their own.
            let mut few = [0.0; FEW_VALUES];
            let Some(few) = few.get_mut(..metrics.len()) else {
                let values: Vec<f64> = metrics.iter().map(|(_, value)| *value).collect();
                return schema.log(&self.0, &values, step, None);
            };
            few.iter_mut().zip(metrics).for_each(|(value, (_, given))| *value = *given);
            return schema.log(&self.0, few, step, None);
        }
        let keys: Vec<&str> = keys.collect();
        let values: Vec<f64> = metrics.iter().map(|(_, value)| *value).collect();
        self.metric_row(&keys)?.log(&values, step)
    }

    /// A handle for logging one metric.
    ///
    /// The first time a process asks for a metric of a run costs a record in the file; later
    /// handles share it. An illegal key is [`ErrorKind::InvalidInput`]: 1 to 250
    /// (see [`Limits`]) letters, digits, spaces and `_ - . : /`, as a path in its shortest form.
    pub fn metric(&self, key: &str) -> Result<Metric> {
        self.0.check_fork()?;
        if !self.0.metrics.read().contains_key(key) {
            self.define(&[key])?;
        }
        let series = self.0.metrics.read().get(key).cloned().ok_or_else(|| {
            Error::new(ErrorKind::InvalidState, format!("metric {key:?} was not defined"))
        })?;
        Ok(Metric::new(Arc::clone(&self.0), series))
    }

    /// A handle for logging several metrics at one step, all or none, in the order of the keys.
    ///
    /// As [`Run::metric`]; a row has 1 to 262,144 keys, each once, else it is
    /// [`ErrorKind::InvalidInput`].
    pub fn metric_row(&self, keys: &[&str]) -> Result<MetricRow> {
        self.0.check_fork()?;
        if let Some(row) = self.0.rows.read().get(&keys.iter().copied()) {
            return Ok(MetricRow::new(Arc::clone(&self.0), row.clone()));
        }
        // All of it is checked before the first key is defined.
        let checked = check_row_length(keys.len()).and_then(|()| check_distinct(keys));
        checked.map_err(|error| self.engine().locate(error))?;
        self.define(keys)?;
        let mut rows = self.0.rows.write();
        if let Some(row) = rows.get(&keys.iter().copied()) {
            return Ok(MetricRow::new(Arc::clone(&self.0), row.clone()));
        }
        let metrics = self.0.metrics.read();
        let series: Vec<_> =
            keys.iter().filter_map(|&key| metrics.get(key)).map(Series::id).collect();
        let defined = self.engine().log.define_row(&series);
        let schema = defined.map_err(|error| self.engine().locate(error))?;
        let schema = Schema::new(schema, keys.len());
        rows.insert(keys, schema.clone());
        Ok(MetricRow::new(Arc::clone(&self.0), schema))
    }

    /// Takes note of the last steps of metrics that were logged as a batch.
    pub(crate) fn note_steps<'a>(&self, steps: impl Iterator<Item = (&'a str, i64)>) {
        for (key, step) in steps {
            // Its definition is there: this writes nothing. What is logged already stays so.
            if let Ok(metric) = self.metric(key) {
                metric.note_step(step);
            }
        }
    }

    /// Defines those of the keys that are new, in one frame.
    fn define(&self, keys: &[&str]) -> Result<()> {
        for key in keys {
            self.limits().check_metric_key(key).map_err(|error| self.engine().locate(error))?;
        }
        self.0.check_open()?;
        let mut metrics = self.0.metrics.write();
        let mut fresh: Vec<&str> = Vec::new();
        for &key in keys {
            if !metrics.contains_key(key) {
                fresh.push(key);
            }
        }
        if fresh.is_empty() {
            return Ok(());
        }
        let defined = self.engine().log.define_series(self.id(), &fresh);
        let defined = defined.map_err(|error| self.engine().locate(error))?;
        for (key, series) in fresh.into_iter().zip(defined) {
            metrics.insert(Box::from(key), Series::new(series));
        }
        Ok(())
    }

    /// Sets a param. The same value again does nothing; another value than before is
    /// [`ErrorKind::InvalidInput`].
    ///
    /// Keys follow the rule of [`Run::metric`]; a value is any text within the [`Limits`], else it
    /// is [`ErrorKind::InvalidInput`]. Costs a record in the file, as tags do.
    pub fn log_param(&self, key: &str, value: impl ToString) -> Result<()> {
        self.log_params([(key, value)])
    }

    /// Sets params, all or none.
    pub fn log_params<K, V>(&self, params: impl IntoIterator<Item = (K, V)>) -> Result<()>
    where
        K: AsRef<str>,
        V: ToString,
    {
        let params = self.limits().params().collect(params);
        let params = params.map_err(|error| self.engine().locate(error))?;
        self.write(|state| {
            let fresh = fresh_params(state, self.id(), &params)?;
            let record = ParamsSet { run: self.id(), params: fresh };
            Ok(if record.params.is_empty() { Vec::new() } else { vec![record.into()] })
        })
    }

    /// Sets a tag, whatever it was before; key and value follow the rules of params.
    ///
    /// Two tags stand for something else, both ways: `mlflow.runName` is the run's name, and
    /// `mlflow.parentRunId` the run that it is nested in, when its value is an id.
    pub fn set_tag(&self, key: &str, value: impl ToString) -> Result<()> {
        self.set_tags([(key, value)])
    }

    /// Sets tags, all or none.
    pub fn set_tags<K, V>(&self, tags: impl IntoIterator<Item = (K, V)>) -> Result<()>
    where
        K: AsRef<str>,
        V: ToString,
    {
        let tags = (self.limits().tags())
            .collect(tags)
            .and_then(|tags| reserved::check_tags(self.limits(), &tags).map(|()| tags))
            .map_err(|error| self.engine().locate(error))?;
        if tags.is_empty() {
            return Ok(());
        }
        self.write(|_| Ok(vec![TagsSet { run: self.id(), tags: tags.clone() }.into()]))
    }

    /// Deletes a tag; [`ErrorKind::NotFound`] when the run has no such tag.
    ///
    /// Without `mlflow.parentRunId` the run is nested in none; without `mlflow.runName` it keeps
    /// its name, as in MLflow.
    pub fn delete_tag(&self, key: &str) -> Result<()> {
        self.write(|state| {
            let has = state.runs.get(&self.id()).is_some_and(|run| run.tags.contains(key));
            if !has {
                let message = format!("run {} has no tag {key:?}", self.id());
                return Err(Error::new(ErrorKind::NotFound, message));
            }
            Ok(vec![TagDeleted { run: self.id(), key: key.to_owned() }.into()])
        })
    }

    /// Renames the run.
    pub fn set_name(&self, name: &str) -> Result<()> {
        self.update(RunUpdate::new().name(name))
    }

    /// Sets the status; one that ends the run sets the end time too, any other clears it. To set
    /// both, and the name, see [`Run::update`].
    pub fn set_status(&self, status: RunStatus) -> Result<()> {
        self.update(RunUpdate::new().status(status))
    }

    pub(crate) fn check_open(&self) -> Result<()> {
        self.0.check_open()
    }

    /// Appends what `build` makes of the state, unless the run is deleted.
    pub(crate) fn write(&self, mut build: impl FnMut(&State) -> Result<Vec<Record>>) -> Result<()> {
        self.0.check_open()?;
        let appended = self.engine().log.append(|state, _| {
            check_run_writable(state, self.id())?;
            Ok((build(state)?, ()))
        });
        appended.map_err(|error| self.engine().locate(error))
    }

    /// All points of a metric, ordered by time, step and value; none for a key never logged.
    ///
    /// Sealed points cost their unpacking, live ones the reading of the live extents.
    pub fn history(&self, key: &str) -> Result<MetricHistory> {
        let mut history = MetricHistory::default();
        self.read_history(key, &mut history)?;
        Ok(history)
    }

    /// As [`Run::history`], into columns that are there: what is in them is replaced, and their
    /// memory used again.
    ///
    /// For whoever reads again and again: fresh memory costs more than reading does.
    pub fn read_history(&self, key: &str, into: &mut MetricHistory) -> Result<()> {
        self.engine().read_history(self.id(), key, into)?;
        self.unless_purged(into, |history| history.is_empty()).map(drop)
    }

    /// The latest point of a metric: the greatest by step, time, value, with NaN as 0.
    pub fn latest(&self, key: &str) -> Result<Option<MetricPoint>> {
        // Live points first: one that is sealed in between is then found in the index.
        let mut live = self.engine().live_latest(Some(self.id()))?;
        let sealed = self.engine().with_index(|index, _| index.latest(self.id(), key))?;
        let live = live.get_mut(&self.id()).and_then(|metrics| metrics.remove(key));
        let latest = sealed.into_iter().chain(live).max_by(MetricPoint::latest_order);
        self.unless_purged(latest, Option::is_none)
    }

    /// What a metric amounts to; `None` for a key never logged. Sealed points cost a read for each
    /// block, live ones the reading of the live extents.
    pub fn statistics(&self, key: &str) -> Result<Option<MetricStatistics>> {
        self.unless_purged(self.engine().statistics(self.id(), key)?, Option::is_none)
    }

    /// The params by key.
    pub fn params(&self) -> Result<BTreeMap<String, String>> {
        let params = self.engine().with_index(|index, _| index.params(self.id()))?;
        self.unless_purged(params, BTreeMap::is_empty)
    }

    /// The tags by key.
    pub fn tags(&self) -> Result<BTreeMap<String, String>> {
        let tags = self.engine().with_index(|index, _| index.tags(self.id()))?;
        self.unless_purged(tags, BTreeMap::is_empty)
    }

    /// The latest point of each metric by key.
    pub fn metrics(&self) -> Result<BTreeMap<String, MetricPoint>> {
        // Live points first: one that is sealed in between is then found in the index.
        let mut live = self.engine().live_latest(Some(self.id()))?;
        let mut metrics = self.engine().with_index(|index, _| index.metrics(self.id()))?;
        for (key, point) in live.remove(&self.id()).unwrap_or_default() {
            keep_latest(&mut metrics, &key, point);
        }
        self.unless_purged(metrics, BTreeMap::is_empty)
    }

    /// What was read; when that is nothing because the run was purged, the error that says so.
    pub(crate) fn unless_purged<T>(&self, answer: T, is_empty: fn(&T) -> bool) -> Result<T> {
        if is_empty(&answer) {
            self.info()?;
        }
        Ok(answer)
    }

    /// Whether the run is `RUNNING` and a process that started it, resumed it or logged metrics
    /// to it still has the file open.
    ///
    /// A run whose process was killed is `RUNNING` and not alive. Resumed by another process it
    /// is alive again, for as long as that one lives.
    pub fn is_alive(&self) -> Result<bool> {
        if self.info()?.status != RunStatus::Running {
            return Ok(false);
        }
        let writers = self.engine().with_index(|index, _| index.writers_of(self.id()))?;
        for writer in writers {
            if self.engine().log.is_alive(writer.incarnation)? {
                return Ok(true);
            }
        }
        Ok(false)
    }

    /// The runs that are nested directly in this one, in the order in which they were started.
    pub fn children(&self) -> Result<Vec<RunId>> {
        self.engine().with_index(|index, _| index.children(self.id()))
    }

    /// Ends the run well: status `FINISHED`, end time now, and a sync, so that all of it survives
    /// a power cut. These handles of the run, and its metric handles, take no more writes.
    ///
    /// When the sync fails (see [`Database::sync`]) the run is finished all the same, and nothing
    /// of it is lost with the process: only the promise about a power cut is missing.
    pub fn finish(self) -> Result<()> {
        self.finish_as(RunStatus::Finished)
    }

    /// Ends the run with a status of the caller's: `FAILED`, `KILLED` or `FINISHED`.
    ///
    /// A status that does not end a run is [`ErrorKind::InvalidInput`].
    pub fn finish_as(self, status: RunStatus) -> Result<()> {
        if !status.is_terminated() {
            return Err(self.engine().locate(Error::new(
                ErrorKind::InvalidInput,
                format!("a run does not end as {status}"),
            )));
        }
        self.set_status(status)?;
        self.0.finish();
        self.0.database.sync()
    }

    /// Marks the run deleted; it can be restored until `gc` purges it.
    pub fn delete(self) -> Result<()> {
        self.0.database.delete_run(self.id())
    }
}

impl fmt::Debug for Run {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("Run").field(&self.id()).finish()
    }
}

fn check_distinct(keys: &[&str]) -> Result<()> {
    let mut seen = HashSet::new();
    match keys.iter().find(|key| !seen.insert(**key)) {
        None => Ok(()),
        Some(key) => {
            let message = format!("metric {key:?} stands twice in one row");
            Err(Error::new(ErrorKind::InvalidInput, message))
        }
    }
}

/// The params that are not set yet; one that is set to another value is an error.
pub(crate) fn fresh_params(
    state: &State,
    run: RunId,
    params: &[(String, String)],
) -> Result<Vec<(String, String)>> {
    let known = state.runs.get(&run).map(|run| &run.params);
    let mut fresh: Vec<(String, String)> = Vec::new();
    for (key, value) in params {
        let first = fresh.iter().find(|(other, _)| other == key).map(|(_, value)| value);
        match known.and_then(|known| known.get(key)).or(first) {
            None => fresh.push((key.clone(), value.clone())),
            Some(before) if before == value => {}
            Some(before) => {
                return Err(Error::new(
                    ErrorKind::InvalidInput,
                    format!(
                        "param {key:?} of run {run} is {before:?} and stays so: it cannot become \
                         {value:?}"
                    ),
                ));
            }
        }
    }
    Ok(fresh)
}

pub(crate) fn no_such_run(id: RunId) -> Error {
    Error::new(ErrorKind::NotFound, format!("there is no run {id}"))
}
