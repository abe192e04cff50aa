//! Handles for logging one metric, or a row of several, without looking anything up.

use std::collections::HashMap;
use std::fmt;
use std::hash::{BuildHasher as _, Hash as _, Hasher as _};
use std::sync::Arc;
use std::sync::atomic::{AtomicI64, Ordering};

use foldhash::fast::FixedState;

use crate::entity::MetricPoint;
use crate::entity::id::Timestamp;
use crate::error::{Error, ErrorKind, Result};
use crate::format::record::SeriesId;
use crate::run::RunShared;

/// Which step a value belongs to: a number, or one after the last that this handle logged.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Step(Option<i64>);

impl Step {
    /// One after the last step that was logged to the metric through the same [`Run`](crate::Run)
    /// handle or its clones, by [`Run::log_batch`](crate::Run::log_batch) too; 0 at first. For a
    /// row it is one after the last row of the same keys in the same order: rows count by
    /// themselves.
    pub const NEXT: Step = Step(None);
}

impl From<i64> for Step {
    fn from(step: i64) -> Self {
        Step(Some(step))
    }
}

impl From<i32> for Step {
    fn from(step: i32) -> Self {
        Step(Some(i64::from(step)))
    }
}

impl From<u32> for Step {
    fn from(step: u32) -> Self {
        Step(Some(i64::from(step)))
    }
}

impl From<Option<i64>> for Step {
    fn from(step: Option<i64>) -> Self {
        Step(step)
    }
}

/// Counts steps for those who do not.
#[derive(Debug)]
struct Steps(AtomicI64);

impl Steps {
    fn new() -> Self {
        Steps(AtomicI64::new(0))
    }

    #[inline]
    fn resolve(&self, step: Step) -> i64 {
        match step.0 {
            Some(step) => {
                self.0.store(step.wrapping_add(1), Ordering::Relaxed);
                step
            }
            None => self.0.fetch_add(1, Ordering::Relaxed),
        }
    }
}

/// A metric of a run without the run: what the run's own table of metrics holds.
#[derive(Clone, Debug)]
pub(crate) struct Series {
    id: SeriesId,
    steps: Arc<Steps>,
}

impl Series {
    pub(crate) fn new(id: SeriesId) -> Self {
        Series { id, steps: Arc::new(Steps::new()) }
    }

    pub(crate) fn id(&self) -> SeriesId {
        self.id
    }

    /// Takes note of a step that was logged in another way.
    pub(crate) fn note_step(&self, step: i64) {
        self.steps.resolve(Step(Some(step)));
    }

    /// Logs a point, of now when no time is given.
    #[inline]
    pub(crate) fn log(
        &self,
        run: &RunShared,
        value: f64,
        step: Step,
        time: Option<Timestamp>,
    ) -> Result<()> {
        let step = self.steps.resolve(step);
        run.check_open()?;
        let appended = run.engine().log.append_point(self.id, step, time, value);
        appended.map_err(|error| run.engine().locate(error))
    }
}

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
    pub fn log(&self, value: f64, step: impl Into<Step>) -> Result<()> {
        self.series.log(&self.run, value, step.into(), None)
    }

    /// Logs a value at a step and a time of the caller's.
    #[inline]
    pub fn log_at(&self, value: f64, step: impl Into<Step>, time: Timestamp) -> Result<()> {
        self.series.log(&self.run, value, step.into(), Some(time))
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

/// A row schema of a run without the run: what the run's own table of rows holds.
#[derive(Clone, Debug)]
pub(crate) struct Schema {
    id: SeriesId,
    columns: usize,
    steps: Arc<Steps>,
}

impl Schema {
    pub(crate) fn new(id: SeriesId, columns: usize) -> Self {
        Schema { id, columns, steps: Arc::new(Steps::new()) }
    }

    /// Logs a row, of now when no time is given.
    #[inline]
    pub(crate) fn log(
        &self,
        run: &RunShared,
        values: &[f64],
        step: Step,
        time: Option<Timestamp>,
    ) -> Result<()> {
        if values.len() != self.columns {
            return Err(self.wrong_length(run, values.len()));
        }
        let step = self.steps.resolve(step);
        run.check_open()?;
        let appended = run.engine().log.append_row(self.id, step, time, values);
        appended.map_err(|error| run.engine().locate(error))
    }

    #[cold]
    fn wrong_length(&self, run: &RunShared, got: usize) -> Error {
        let message = format!("a row of {got} values for {} metrics", self.columns);
        run.engine().locate(Error::new(ErrorKind::InvalidInput, message))
    }
}

/// The row schemas of a run by their keys, which are looked up without making a list of them.
#[derive(Debug, Default)]
pub(crate) struct Schemas(HashMap<u64, Vec<NamedSchema>, FixedState>);

/// A schema and its keys.
type NamedSchema = (Vec<Box<str>>, Schema);

impl Schemas {
    pub(crate) fn get<'k>(
        &self,
        keys: &(impl ExactSizeIterator<Item = &'k str> + Clone),
    ) -> Option<&Schema> {
        let is_it = |known: &[Box<str>]| {
            known.len() == keys.len()
                && known.iter().zip(keys.clone()).all(|(it, key)| **it == *key)
        };
        let alike = self.0.get(&hash_of(keys.clone()))?;
        alike.iter().find(|(known, _)| is_it(known)).map(|(_, schema)| schema)
    }

    pub(crate) fn insert(&mut self, keys: &[&str], schema: Schema) {
        let alike = self.0.entry(hash_of(keys.iter().copied())).or_default();
        alike.push((keys.iter().map(|&key| Box::from(key)).collect(), schema));
    }
}

fn hash_of<'k>(keys: impl Iterator<Item = &'k str>) -> u64 {
    let mut hasher = FixedState::default().build_hasher();
    keys.for_each(|key| key.hash(&mut hasher));
    hasher.finish()
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
        self.schema.log(&self.run, values, step.into(), None)
    }

    /// Logs a row at a step and a time of the caller's.
    #[inline]
    pub fn log_at(&self, values: &[f64], step: impl Into<Step>, time: Timestamp) -> Result<()> {
        self.schema.log(&self.run, values, step.into(), Some(time))
    }
}

impl fmt::Debug for MetricRow {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut debug = f.debug_struct("MetricRow");
        debug.field("run", &self.run.id).field("columns", &self.schema.columns).finish()
    }
}
