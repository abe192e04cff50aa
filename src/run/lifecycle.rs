//! How a run lives and ends.

use crate::entity::RunStatus;
use crate::error::{Error, ErrorKind, Result};
use crate::run::Run;

impl Run {
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
}
