//! Changing name, status and end of a run in one step.

use crate::entity::RunStatus;
use crate::entity::id::Timestamp;
use crate::error::Result;
use crate::format::record::RunUpdated;
use crate::run::Run;

/// What [`Run::update`] changes of a run; what is not named stays as it is.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
#[must_use = "it changes nothing until it is given to `Run::update`"]
pub struct RunUpdate {
    name: Option<String>,
    status: Option<RunStatus>,
    ended: Option<Timestamp>,
    keeps_end: bool,
}

impl RunUpdate {
    /// A change of nothing.
    pub fn new() -> Self {
        RunUpdate::default()
    }

    /// Another name, and so another tag `mlflow.runName`.
    pub fn name(mut self, name: impl Into<String>) -> Self {
        self.name = Some(name.into());
        self
    }

    /// Another status. Unless [`RunUpdate::ended`] or [`RunUpdate::keep_end`] is given too, one
    /// that ends the run sets the end time to now, and any other clears it.
    pub fn status(mut self, status: RunStatus) -> Self {
        self.status = Some(status);
        self
    }

    /// When the run ended: any time, also before its start.
    pub fn ended(mut self, time: Timestamp) -> Self {
        self.ended = Some(time);
        self
    }

    /// Leaves the end time as it is, or missing, whatever the status becomes (MLflow's rule).
    pub fn keep_end(mut self) -> Self {
        self.keeps_end = true;
        self
    }
}

impl Run {
    /// Changes name, status and end time, all that are given or none, in one step.
    ///
    /// A name that is blank or over its [`Limits`](crate::Limits) is
    /// [`ErrorKind::InvalidInput`](crate::ErrorKind::InvalidInput), a deleted run
    /// [`ErrorKind::InvalidState`](crate::ErrorKind::InvalidState). One record in the file.
    ///
    /// ```
    /// # let folder = tempfile::tempdir()?;
    /// # let database = tracklite::Database::create(folder.path().join("runs.tracklite"))?;
    /// use tracklite::{RunStatus, RunUpdate, Timestamp};
    ///
    /// let run = database.default_experiment()?.start_run("try")?;
    /// let end = Timestamp::from_millis(1_700_000_000_000)?;
    /// run.update(RunUpdate::new().name("best").status(RunStatus::Finished).ended(end))?;
    /// let info = run.info()?;
    /// assert_eq!((info.name.as_str(), info.ended), ("best", Some(end)));
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    pub fn update(&self, update: RunUpdate) -> Result<()> {
        let RunUpdate { name, status, ended, keeps_end } = update;
        let limits = &self.engine().limits;
        let checked = name.iter().try_for_each(|name| limits.check_run_name(name));
        self.engine().located(checked)?;
        let is_nothing = name.is_none() && status.is_none() && ended.is_none();
        let ended = match (ended, status) {
            (Some(time), _) => Some(Some(time.as_nanos())),
            (None, Some(status)) if !keeps_end => {
                Some(status.is_terminated().then(|| Timestamp::now_nanos()))
            }
            (None, _) => None,
        };
        let record = RunUpdated { run: self.id(), name, status, ended };
        self.write(|_| Ok(if is_nothing { Vec::new() } else { vec![record.clone().into()] }))
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
}
