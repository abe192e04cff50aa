//! Changes of name, status and end time of a run.

use crate::entity::RunStatus;
use crate::entity::id::Timestamp;
use crate::error::Result;
use crate::format::record::RunUpdated;
use crate::run::Run;

/// A change of name, status or end time, for [`Run::update`]. Everything else stays.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
#[must_use = "it changes nothing until it is given to `Run::update`"]
pub struct RunUpdate {
    name: Option<String>,
    status: Option<RunStatus>,
    ended: Option<Timestamp>,
    keeps_end: bool,
}

impl RunUpdate {
    /// Creates an update that changes nothing.
    pub fn new() -> Self {
        RunUpdate::default()
    }

    /// Sets the name, and the tag `mlflow.runName` with it.
    pub fn name(mut self, name: impl Into<String>) -> Self {
        self.name = Some(name.into());
        self
    }

    /// Sets the status, and the end time with it.
    ///
    /// A status that ends the run sets the end time to now, and any other clears it.
    /// [`RunUpdate::ended`] and [`RunUpdate::keep_end`] override this.
    pub fn status(mut self, status: RunStatus) -> Self {
        self.status = Some(status);
        self
    }

    /// Sets the end time. It may be before the start.
    pub fn ended(mut self, time: Timestamp) -> Self {
        self.ended = Some(time);
        self
    }

    /// Keeps the end time, or its absence, for any status, as in MLflow.
    pub fn keep_end(mut self) -> Self {
        self.keeps_end = true;
        self
    }
}

impl Run {
    /// Changes name, status and end time in one step.
    ///
    /// # Errors
    ///
    /// - [`ErrorKind::InvalidInput`](crate::ErrorKind::InvalidInput) if the name is blank or
    ///   exceeds its [`Limits`](crate::Limits).
    /// - [`ErrorKind::InvalidState`](crate::ErrorKind::InvalidState) if the run is deleted.
    ///
    /// # Performance
    ///
    /// Writes one record.
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
                Some(status.is_terminated().then(Timestamp::now_nanos))
            }
            (None, _) => None,
        };
        let record = RunUpdated { run: self.id(), name, status, ended };
        self.write(|_| Ok(if is_nothing { Vec::new() } else { vec![record.clone().into()] }))
    }

    /// Changes the name of the run.
    pub fn set_name(&self, name: &str) -> Result<()> {
        self.update(RunUpdate::new().name(name))
    }

    /// Sets the status, and the end time with it. See [`RunUpdate::status`].
    pub fn set_status(&self, status: RunStatus) -> Result<()> {
        self.update(RunUpdate::new().status(status))
    }
}
