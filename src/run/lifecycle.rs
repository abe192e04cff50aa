//! Liveness and end of a run.

use crate::entity::{Lifecycle, RunStatus};
use crate::error::{Error, ErrorKind, Result};
use crate::log::run_is_deleted;
use crate::run::Run;
use crate::run::health::has_live_writer;

impl Run {
    /// Returns whether the run is `RUNNING` and one of its processes still has the file open.
    ///
    /// Its processes are those that started it, resumed it or logged metrics to it. If they are
    /// killed, the run stays `RUNNING` but is not alive. It is alive again after another process
    /// resumes it.
    pub fn is_alive(&self) -> Result<bool> {
        if self.info()?.status != RunStatus::Running {
            return Ok(false);
        }
        has_live_writer(self.engine(), self.id())
    }

    /// Fails if the run is deleted, and so accepts no writes.
    ///
    /// # Errors
    ///
    /// - [`ErrorKind::InvalidState`] if the run is deleted.
    /// - [`ErrorKind::NotFound`] if the run was purged.
    pub fn check_active(&self) -> Result<()> {
        match self.info()?.lifecycle {
            Lifecycle::Active => Ok(()),
            Lifecycle::Deleted => Err(self.engine().locate(run_is_deleted(self.id()))),
        }
    }

    /// Ends the run with the status `FINISHED` and the current time, and syncs.
    ///
    /// The run then survives a power cut. This handle, its clones and its metric handles accept no
    /// more writes.
    ///
    /// # Errors
    ///
    /// - [`ErrorKind::Poisoned`] if the sync fails, as in
    ///   [`Database::sync`](crate::Database::sync). The run is finished and survives the death of
    ///   the process, but it may not survive a power cut.
    pub fn finish(self) -> Result<()> {
        self.finish_as(RunStatus::Finished)
    }

    /// Ends the run with the status `FAILED`, `KILLED` or `FINISHED`, like [`Run::finish`].
    ///
    /// # Errors
    ///
    /// - Those of [`Run::finish`].
    /// - [`ErrorKind::InvalidInput`] for any other status.
    pub fn finish_as(self, status: RunStatus) -> Result<()> {
        if !status.is_terminated() {
            return Err(self.engine().locate(Error::new(
                ErrorKind::InvalidInput,
                format!("a run cannot end as {status}: use FINISHED, FAILED or KILLED"),
            )));
        }
        self.set_status(status)?;
        self.0.finish();
        self.0.database.sync()
    }
}
