//! The state that the handles of a run share: writability and known metrics.

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

/// The state that the clones of a handle share with their metric handles.
pub(crate) struct RunShared {
    pub(crate) database: Database,
    pub(crate) id: RunId,
    pub(crate) experiment: ExperimentId,
    /// Closed if this process knows that the run is deleted.
    gate: Arc<RunGate>,
    /// Set by `finish`. These handles accept no more writes.
    is_finished: AtomicBool,
    // Entries do not refer to the run. Otherwise they would keep it alive forever.
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

    /// Logs a point, by default with the current time.
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

    /// Logs a row, by default with the current time.
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
        let message = format!("the row has {got} values, expected {}", schema.columns());
        self.engine().locate(Error::new(ErrorKind::InvalidInput, message))
    }

    /// Closes these handles for writes.
    pub(crate) fn finish(&self) {
        self.is_finished.store(true, Ordering::Relaxed);
    }

    #[inline]
    pub(crate) fn engine(&self) -> &Engine {
        self.database.engine()
    }

    /// Fails if the run was finished through this handle or is deleted.
    #[inline]
    pub(crate) fn check_open(&self) -> Result<()> {
        if self.gate.is_open() && !self.is_finished.load(Ordering::Relaxed) {
            return Ok(());
        }
        self.check_again()
    }

    /// Fails in a forked child, where another thread of the parent may have held the locks of this
    /// handle.
    #[inline]
    pub(crate) fn check_fork(&self) -> Result<()> {
        self.engine().located(self.engine().log.check_fork())
    }

    /// Checks the state of the file, because another process may have restored the run.
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
            "run {} was finished through this handle: get a new one from `Database::run`",
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
