//! Steps, series and row schemas: the state of a run's metrics in this process.

use std::collections::HashMap;
use std::hash::{BuildHasher as _, Hash as _, Hasher as _};
use std::sync::Arc;
use std::sync::atomic::{AtomicI64, Ordering};

use foldhash::fast::FixedState;

use crate::error::{Error, ErrorKind, Result};
use crate::format::record::SeriesId;

/// The step of a value: a number, or the successor of the last step.
///
/// Numbers convert into steps. A `u64` or `usize` beyond `i64::MAX` fails when it is logged.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Step(Wanted);

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Wanted {
    /// The successor of the last step.
    Next,
    At(i64),
    /// Beyond the largest step. Logging it reports the error.
    TooLarge(u64),
}

impl Step {
    /// The successor of the last step of the metric, or 0 for the first value.
    ///
    /// The last step is the one logged through the same [`Run`](crate::Run) handle or its clones,
    /// including [`Run::log_batch`](crate::Run::log_batch). Rows count separately: the last step of
    /// a row is that of the last row with the same keys in the same order.
    pub const NEXT: Step = Step(Wanted::Next);
}

impl From<i64> for Step {
    fn from(step: i64) -> Self {
        Step(Wanted::At(step))
    }
}

impl From<i32> for Step {
    fn from(step: i32) -> Self {
        Step(Wanted::At(i64::from(step)))
    }
}

impl From<u32> for Step {
    fn from(step: u32) -> Self {
        Step(Wanted::At(i64::from(step)))
    }
}

impl From<u64> for Step {
    fn from(step: u64) -> Self {
        Step(i64::try_from(step).map_or(Wanted::TooLarge(step), Wanted::At))
    }
}

impl From<usize> for Step {
    fn from(step: usize) -> Self {
        Step::from(step as u64)
    }
}

impl From<Option<i64>> for Step {
    fn from(step: Option<i64>) -> Self {
        step.map_or(Step::NEXT, Step::from)
    }
}

/// Counts the steps for [`Step::NEXT`].
#[derive(Debug)]
struct Steps(AtomicI64);

impl Steps {
    fn new() -> Self {
        Steps(AtomicI64::new(0))
    }

    /// Returns the step to log, and remembers it for the next one.
    ///
    /// # Errors
    ///
    /// - [`ErrorKind::InvalidInput`] if the step does not fit into an `i64`.
    #[inline]
    fn resolve(&self, step: Step) -> Result<i64> {
        match step.0 {
            Wanted::At(step) => {
                self.0.store(step.wrapping_add(1), Ordering::Relaxed);
                Ok(step)
            }
            Wanted::Next => Ok(self.0.fetch_add(1, Ordering::Relaxed)),
            Wanted::TooLarge(step) => Err(too_large(step)),
        }
    }
}

/// A metric in the run's table of metrics. It does not refer to the run, because the run owns it.
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

    /// Remembers a step that a batch logged.
    pub(crate) fn note_step(&self, step: i64) {
        self.steps.0.store(step.wrapping_add(1), Ordering::Relaxed);
    }

    /// Returns the step to log for `step`.
    #[inline]
    pub(crate) fn resolve(&self, step: Step) -> Result<i64> {
        self.steps.resolve(step)
    }
}

/// A row schema in the run's table of rows. It does not refer to the run, because the run owns it.
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

    pub(crate) fn id(&self) -> SeriesId {
        self.id
    }

    /// Returns the number of metrics in a row.
    pub(crate) fn columns(&self) -> usize {
        self.columns
    }

    /// Returns the step to log for `step`.
    #[inline]
    pub(crate) fn resolve(&self, step: Step) -> Result<i64> {
        self.steps.resolve(step)
    }
}

/// The row schemas of a run by their keys. A lookup does not allocate.
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
                && known.iter().zip(keys.clone()).all(|(name, key)| **name == *key)
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

#[cold]
fn too_large(step: u64) -> Error {
    let message = format!("step {step} is too large: the largest step is {}", i64::MAX);
    Error::new(ErrorKind::InvalidInput, message)
}
