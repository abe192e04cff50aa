//! What the handles of a run share: whether they may write, and the metrics that they know.

use std::collections::HashMap;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use foldhash::fast::FixedState;

use crate::database::Database;
use crate::engine::Engine;
use crate::entity::id::{ExperimentId, RunId, Timestamp};
use crate::error::{Error, ErrorKind, Result};
use crate::log::{RunGate, check_run_writable};
use crate::run::keys::{Schema, Schemas, Series, Step};
use crate::sys::mutex::RwLock;

/// What the clones of a handle, and the metric handles made by it, share.
pub(crate) struct RunShared {
    pub(crate) database: Database,
    pub(crate) id: RunId,
    pub(crate) experiment: ExperimentId,
    /// Whether the run takes writes, as far as this process has heard.
    gate: Arc<RunGate>,
    /// Set by `finish`: these handles are done.
    is_finished: AtomicBool,
    // Without the run itself: a table of handles would keep the run alive for ever.
    pub(crate) metrics: RwLock<HashMap<Box<str>, Series, FixedState>>,
    pub(crate) rows: RwLock<Schemas>,
}

impl RunShared {
    pub(crate) fn new(
        database: Database,
        id: RunId,
        experiment: ExperimentId,
        gate: Arc<RunGate>,
    ) -> Self {
        RunShared {
            database,
            id,
            experiment,
            gate,
            is_finished: AtomicBool::new(false),
            metrics: RwLock::default(),
            rows: RwLock::default(),
        }
    }

    /// Logs a point, at the present time when none is given.
    #[inline]
    pub(crate) fn log_point(
        &self,
        series: &Series,
        value: f64,
        step: Step,
        time: Option<Timestamp>,
    ) -> Result<()> {
        self.check_open()?;
        let appended = series
            .resolve(step)
            .and_then(|step| self.engine().log.append_point(series.id(), step, time, value));
        self.engine().located(appended)
    }

    /// Logs a row, at the present time when none is given.
    #[inline]
    pub(crate) fn log_row(
        &self,
        schema: &Schema,
        values: &[f64],
        step: Step,
        time: Option<Timestamp>,
    ) -> Result<()> {
        if values.len() != schema.columns() {
            return Err(self.wrong_length(schema, values.len()));
        }
        self.check_open()?;
        let appended = schema
            .resolve(step)
            .and_then(|step| self.engine().log.append_row(schema.id(), step, time, values));
        self.engine().located(appended)
    }

    #[cold]
    fn wrong_length(&self, schema: &Schema, got: usize) -> Error {
        let message = format!("a row of {got} values for {} metrics", schema.columns());
        self.engine().locate(Error::new(ErrorKind::InvalidInput, message))
    }

    /// These handles are done.
    pub(crate) fn finish(&self) {
        self.is_finished.store(true, Ordering::Relaxed);
    }

    #[inline]
    pub(crate) fn engine(&self) -> &Engine {
        self.database.engine()
    }

    /// The handle takes writes: not finished through it, not deleted as far as is known here.
    #[inline]
    pub(crate) fn check_open(&self) -> Result<()> {
        if self.gate.is_open() && !self.is_finished.load(Ordering::Relaxed) {
            return Ok(());
        }
        self.check_again()
    }

    /// A forked child may find the locks of this handle taken, and nobody there to let go of them.
    #[inline]
    pub(crate) fn check_fork(&self) -> Result<()> {
        self.engine().located(self.engine().log.check_fork())
    }

    /// Somebody else may have restored the run, which this process has not heard of.
    #[cold]
    fn check_again(&self) -> Result<()> {
        if self.is_finished.load(Ordering::Relaxed) {
            return Err(self.finished());
        }
        let looked = self.engine().state(|state, _| check_run_writable(state, self.id));
        self.engine().located(looked.flatten())
    }

    #[cold]
    fn finished(&self) -> Error {
        let message = format!(
            "run {} was finished through this handle: `Database::run` gives a new one",
            self.id
        );
        self.engine().locate(Error::new(ErrorKind::InvalidState, message))
    }
}

impl Drop for RunShared {
    fn drop(&mut self) {
        let log = &self.database.engine().log;
        if log.check_fork().is_ok() {
            log.release_run(self.id);
        }
    }
}
