//! Metrics: handles that log one metric or a row of several without a lookup.

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

/// The maximum length of a row that is logged by name without an allocation.
const FEW_VALUES: usize = 32;

/// A handle that logs one metric of a run, from [`Run::metric`].
///
/// Clones log the same metric, and any thread may use them. Dropping one writes nothing. Steps and
/// values are kept bit for bit, including NaN, infinities, and negative or repeated steps.
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

    /// Logs a value at a step with the current time.
    ///
    /// When this returns, the point survives the death of the process.
    ///
    /// # Errors
    ///
    /// The point is not logged after an error.
    ///
    /// - [`ErrorKind::InvalidState`] if the run is deleted, or was finished through this handle.
    /// - [`ErrorKind::StorageFull`] if the disk is full.
    /// - [`ErrorKind::InvalidInput`] if the step exceeds `i64::MAX`.
    ///
    /// # Performance
    ///
    /// Stores 32 bytes into mapped memory and reads the clock. The first store into a page also
    /// takes
    /// a page fault. If the backlog is full, the call seals some points first. See
    /// [`DatabaseBuilder::backlog`](crate::DatabaseBuilder::backlog).
    #[inline]
    pub fn log(&self, value: impl Into<f64>, step: impl Into<Step>) -> Result<()> {
        self.run.log_point(&self.series, value.into(), step.into(), None)
    }

    /// Logs a value at a step and a time.
    #[inline]
    pub fn log_at(
        &self,
        value: impl Into<f64>,
        step: impl Into<Step>,
        time: Timestamp,
    ) -> Result<()> {
        self.run.log_point(&self.series, value.into(), step.into(), Some(time))
    }

    /// Logs points in order. If one fails, those before it stay logged.
    pub fn log_points(&self, points: &[MetricPoint]) -> Result<()> {
        points.iter().try_for_each(|point| self.log_at(point.value, point.step, point.time))
    }
}

impl fmt::Debug for Metric {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Metric").field("run", &self.run.id).finish_non_exhaustive()
    }
}

/// A handle that logs several metrics of a run at one step, all or none, from [`Run::metric_row`].
///
/// This is faster than logging each metric. Clones log the same metrics, and any thread may use
/// them. Dropping one writes nothing.
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

    /// Logs one value for each metric, in the order of the keys, at a step with the current time.
    ///
    /// When this returns, the row survives the death of the process. If the process dies earlier,
    /// the file has the whole row or none of it.
    ///
    /// # Errors
    ///
    /// - Those of [`Metric::log`].
    /// - [`ErrorKind::InvalidInput`] if the number of values is not the number of keys.
    #[inline]
    pub fn log(&self, values: &[f64], step: impl Into<Step>) -> Result<()> {
        self.run.log_row(&self.schema, values, step.into(), None)
    }

    /// Logs a row at a step and a time.
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
    /// Logs a value of a metric with the current time.
    ///
    /// When this returns, the point survives the death of the process. A step is an integer,
    /// `Some`, `None` or [`Step::NEXT`]; the latter two mean the same.
    ///
    /// # Errors
    ///
    /// - Those of [`Run::metric`] and [`Metric::log`].
    ///
    /// # Performance
    ///
    /// The first value of a key writes a record. Later values take a lookup of the key, which
    /// [`Run::metric`] saves, and a store into memory.
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

    /// Logs several metrics at one step with the current time, all or none.
    ///
    /// # Errors
    ///
    /// - Those of [`Run::metric_row`] and [`MetricRow::log`].
    ///
    /// # Performance
    ///
    /// The first call with these keys in this order writes a record. Later calls take a lookup of
    /// the keys, which [`Run::metric_row`] saves.
    pub fn log_metrics(&self, metrics: &[(&str, f64)], step: impl Into<Step>) -> Result<()> {
        self.0.check_fork()?;
        let step = step.into();
        let keys = metrics.iter().map(|(key, _)| *key);
        if let Some(schema) = self.0.rows.read().get(&keys) {
            // Short rows, which are the rule, need no allocation.
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

    /// Returns a handle that logs one metric.
    ///
    /// A key has 1 to 250 letters, digits, spaces and `_ - . : /`. Like a path, it has no empty
    /// part between slashes and none that is `.` or `..`. [`Limits`](crate::Limits) can change the
    /// length.
    ///
    /// # Errors
    ///
    /// - [`ErrorKind::InvalidInput`] if the key is illegal.
    /// - [`ErrorKind::InvalidState`] if the run is deleted, or was finished through this handle.
    ///
    /// # Performance
    ///
    /// The first handle for a key in a process writes a record. Later handles share it.
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

    /// Returns a handle that logs several metrics at one step, all or none.
    ///
    /// # Errors
    ///
    /// - Those of [`Run::metric`].
    /// - [`ErrorKind::InvalidInput`] if there are no keys, more than 262,144 keys or duplicates.
    ///
    /// # Performance
    ///
    /// The first handle for these keys in this order writes a record. Later handles share it.
    pub fn metric_row(&self, keys: &[&str]) -> Result<MetricRow> {
        self.0.check_fork()?;
        if let Some(row) = self.0.rows.read().get(&keys.iter().copied()) {
            return Ok(MetricRow::new(Arc::clone(&self.0), row.clone()));
        }
        // All keys are checked before the first one is defined.
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

    /// Remembers the last steps of metrics that a batch logged.
    pub(crate) fn note_steps<'a>(&self, steps: impl Iterator<Item = (&'a str, i64)>) {
        for (key, step) in steps {
            // The metric is defined, so this writes nothing. An error is ignored, because the batch
            // is logged already.
            if let Ok(metric) = self.metric(key) {
                metric.note_step(step);
            }
        }
    }

    /// Defines the new ones among the keys in one frame.
    fn define(&self, keys: &[&str]) -> Result<()> {
        for key in keys {
            self.engine().located(self.limits().check_metric_key(key, None))?;
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
            let message = format!("duplicate metric {key:?} in one row");
            Err(Error::new(ErrorKind::InvalidInput, message))
        }
    }
}
