//! Liveness and end of a run.

use crate::entity::RunStatus;
use crate::error::{Error, ErrorKind, Result};
use crate::run::Run;

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
        let writers = self.engine().with_index(|index, _| index.writers_of(self.id()))?;
        for writer in writers {
            if self.engine().log.is_alive(writer.incarnation)? {
                return Ok(true);
            }
        }
        Ok(false)
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
