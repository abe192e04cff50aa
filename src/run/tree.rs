//! Trees of nested runs.

use crate::entity::id::RunId;
use crate::error::Result;
use crate::run::Run;

impl Run {
    /// Returns the runs nested in this one at any depth, in the order of their start.
    ///
    /// This includes deleted runs. A run whose tags make it its own descendant is left out.
    ///
    /// # Performance
    ///
    /// Takes a few microseconds for each run.
    ///
    /// ```
    /// # let folder = tempfile::tempdir()?;
    /// # let database = tracklite::Database::create(folder.path().join("runs.tracklite"))?;
    /// let experiment = database.experiment("/Shared/team/churn")?;
    /// let sweep = experiment.start_run("sweep")?;
    /// let model = experiment.new_run().parent(sweep.id()).start()?;
    /// let fold = experiment.new_run().parent(model.id()).start()?;
    /// assert_eq!(sweep.children()?, [model.id()]);
    /// assert_eq!(sweep.descendants()?, [model.id(), fold.id()]);
    /// assert_eq!(fold.ancestors()?, [model.id(), sweep.id()]);
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    pub fn descendants(&self) -> Result<Vec<RunId>> {
        let found = self.engine().with_index(|index, _| index.descendants(self.id()))?;
        self.unless_purged(found, Vec::is_empty)
    }

    /// Returns the runs that contain this one, the nearest first, if they are in the file.
    pub fn ancestors(&self) -> Result<Vec<RunId>> {
        let found = self.engine().with_index(|index, _| index.ancestors(self.id()))?;
        self.unless_purged(found, Vec::is_empty)
    }

    /// Returns the runs nested directly in this one, in the order of their start.
    pub fn children(&self) -> Result<Vec<RunId>> {
        self.engine().with_index(|index, _| index.children(self.id()))
    }
}
