//! Changes of a file since a reader looked at it.

use crate::database::Database;
use crate::entity::{ChangeCursor, Changes};
#[cfg(doc)]
use crate::error::ErrorKind;
use crate::error::Result;

impl Database {
    /// Returns which areas of the file any process has changed since an earlier call.
    ///
    /// Without a cursor, everything counts as changed. A program that shows the file calls this a
    /// few times a second, and reads again what has changed. After the program is restarted, runs
    /// and registry may count as changed although they are not.
    ///
    /// # Errors
    ///
    /// - [`ErrorKind::InvalidInput`] if the cursor belongs to another file, or to a state that this
    ///   file does not have, for example because it was vacuumed.
    ///
    /// # Performance
    ///
    /// If nothing has changed, takes a few small reads, and one more for each open writer.
    ///
    /// ```
    /// # let folder = tempfile::tempdir()?;
    /// # let database = tracklite::Database::create(folder.path().join("runs.tracklite"))?;
    /// let run = database.default_experiment()?.start_run("live")?;
    /// run.log_metric("loss", 0.5, 0)?;
    /// let seen = database.changes(None)?.cursor;
    /// assert!(!database.changes(Some(&seen))?.any());
    ///
    /// run.log_metric("loss", 0.4, 1)?;
    /// let changes = database.changes(Some(&seen))?;
    /// assert!(changes.points && !changes.runs && !changes.registry);
    ///
    /// run.set_tag("reviewed", true)?;
    /// let changes = database.changes(Some(&changes.cursor))?;
    /// assert!(changes.runs && !changes.points);
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    pub fn changes(&self, since: Option<&ChangeCursor>) -> Result<Changes> {
        let engine = self.engine();
        engine.located(engine.change_cursor()?.since(since))
    }

    /// Returns whether this process may only read the file.
    #[must_use]
    pub fn is_read_only(&self) -> bool {
        self.engine().log.writer().is_none()
    }
}
