//! Handles for logging one metric, or a row of several, without looking anything up.

use std::collections::HashSet;
use std::fmt;
use std::sync::Arc;

use crate::entity::MetricPoint;
use crate::entity::id::Timestamp;
use crate::error::{Error, ErrorKind, Result};
use crate::log::check_row_length;
use crate::run::Run;
use crate::run::keys::{Schema, Series, Step};
use crate::run::shared::RunShared;

/// Rows of up to so many values are logged by name without taking memory.
const FEW_VALUES: usize = 32;

/// Logs one metric of a run. Clones log the same metric; any thread may use them, and dropping
/// one writes nothing.
///
/// Any step and value is kept bit for bit: NaN, infinities, negative and repeated steps.
///
/// ```
/// # let folder = tempfile::tempdir()?;
/// # let database = tracklite::Database::create(folder.path().join("runs.tracklite"))?;
/// # let run = database.default_experiment()?.start_run("")?;
/// use tracklite::{MetricPoint, Step, Timestamp};
///
/// let loss = run.metric("loss")?;
/// loss.log(0.9, Step::NEXT)?;
/// loss.log(0.7, Step::NEXT)?;
/// let time = Timestamp::from_millis(1_700_000_000_000)?;
/// loss.log_points(&[MetricPoint { step: 7, time, value: f64::NAN }])?;
/// assert_eq!(run.latest("loss")?.map(|point| point.step), Some(7));
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Clone)]
pub struct Metric {
    run: Arc<RunShared>,
    series: Series,
}

impl Metric {
    pub(crate) fn new(run: Arc<RunShared>, series: Series) -> Self {
        Metric { run, series }
    }

    pub(crate) fn note_step(&self, step: i64) {
        self.series.note_step(step);
    }

    /// Logs a value at a step, now. When this returns, the point survives the death of the
    /// process. Costs a store into memory and a look at the clock: the README has a table; a call
    /// may take part in the packing when too much waits for it ([`DatabaseBuilder::backlog`]).
    ///
    /// [`DatabaseBuilder::backlog`]: crate::DatabaseBuilder::backlog
    ///
    /// A run that is deleted, or was finished through this handle, is [`ErrorKind::InvalidState`];
    /// no space left is [`ErrorKind::StorageFull`], and the point is not logged.
    #[inline]
    pub fn log(&self, value: impl Into<f64>, step: impl Into<Step>) -> Result<()> {
        self.run.log_point(&self.series, value.into(), step.into(), None)
    }

    /// Logs a value at a step and a time of the caller's.
    #[inline]
    pub fn log_at(
        &self,
        value: impl Into<f64>,
        step: impl Into<Step>,
        time: Timestamp,
    ) -> Result<()> {
        self.run.log_point(&self.series, value.into(), step.into(), Some(time))
    }

    /// Logs many points, one after the other, at the same cost for each; on an error those before
    /// it are logged.
    pub fn log_points(&self, points: &[MetricPoint]) -> Result<()> {
        points.iter().try_for_each(|point| self.log_at(point.value, point.step, point.time))
    }
}

impl fmt::Debug for Metric {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Metric").field("run", &self.run.id).finish_non_exhaustive()
    }
}

/// Logs several metrics of a run at one step, all or none. Clones log the same metrics; any thread
/// may use them, and dropping one writes nothing. Cheaper than the metrics one by one.
///
/// ```
/// # let folder = tempfile::tempdir()?;
/// # let database = tracklite::Database::create(folder.path().join("runs.tracklite"))?;
/// # let run = database.default_experiment()?.start_run("")?;
/// let row = run.metric_row(&["loss", "accuracy"])?;
/// for step in 0..10 {
///     row.log(&[1.0 / f64::from(step + 1), 0.5], step)?;
/// }
/// assert_eq!(run.metrics()?.len(), 2);
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Clone)]
pub struct MetricRow {
    run: Arc<RunShared>,
    schema: Schema,
}

impl MetricRow {
    pub(crate) fn new(run: Arc<RunShared>, schema: Schema) -> Self {
        MetricRow { run, schema }
    }

    /// Logs a value for each metric, in the order of the keys, at a step, now.
    ///
    /// When this returns, the row survives the death of the process; if the process dies before,
    /// none of it does. Another number of values than of keys is [`ErrorKind::InvalidInput`].
    #[inline]
    pub fn log(&self, values: &[f64], step: impl Into<Step>) -> Result<()> {
        self.run.log_row(&self.schema, values, step.into(), None)
    }

    /// Logs a row at a step and a time of the caller's.
    #[inline]
    pub fn log_at(&self, values: &[f64], step: impl Into<Step>, time: Timestamp) -> Result<()> {
        self.run.log_row(&self.schema, values, step.into(), Some(time))
    }
}

impl fmt::Debug for MetricRow {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut debug = f.debug_struct("MetricRow");
        debug.field("run", &self.run.id).field("columns", &self.schema.columns()).finish()
    }
}

impl Run {
    /// Logs one value of a metric, now. When this returns, the point survives the death of the
    /// process by any means.
    ///
    /// The first value of a key costs a record in the file, later ones a search for the key and a
    /// store into memory; [`Run::metric`] saves the search. An illegal key is
    /// [`ErrorKind::InvalidInput`].
    pub fn log_metric(
        &self,
        key: &str,
        value: impl Into<f64>,
        step: impl Into<Step>,
    ) -> Result<()> {
        self.0.check_fork()?;
        if let Some(series) = self.0.metrics.read().get(key) {
            return self.0.log_point(series, value.into(), step.into(), None);
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
                return self.0.log_row(schema, &values, step, None);
            };
            few.iter_mut().zip(metrics).for_each(|(value, (_, given))| *value = *given);
            return self.0.log_row(schema, few, step, None);
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
        self.engine().located(checked)?;
        self.define(keys)?;
        let mut rows = self.0.rows.write();
        if let Some(row) = rows.get(&keys.iter().copied()) {
            return Ok(MetricRow::new(Arc::clone(&self.0), row.clone()));
        }
        let metrics = self.0.metrics.read();
        let series: Vec<_> =
            keys.iter().filter_map(|&key| metrics.get(key)).map(Series::id).collect();
        let defined = self.engine().log.define_row(&series);
        let schema = self.engine().located(defined)?;
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
            self.engine().located(self.limits().check_metric_key(key))?;
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
        let defined = self.engine().located(defined)?;
        for (key, series) in fresh.into_iter().zip(defined) {
            metrics.insert(Box::from(key), Series::new(series));
        }
        Ok(())
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
