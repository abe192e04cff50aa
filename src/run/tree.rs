//! Trees: runs nested in runs, and experiments in the folders of their paths.

use crate::entity::id::RunId;
use crate::error::Result;
use crate::run::Run;

impl Run {
    /// The runs nested in this one at any depth, in the order in which they were started; deleted
    /// ones too. Some microseconds for each.
    ///
    /// A run that its tags make its own descendant is not among them.
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

    /// The runs that this one is nested in, the nearest first, as far as they are in the file.
    pub fn ancestors(&self) -> Result<Vec<RunId>> {
        let found = self.engine().with_index(|index, _| index.ancestors(self.id()))?;
        self.unless_purged(found, Vec::is_empty)
    }

    /// The runs that are nested directly in this one, in the order in which they were started.
    pub fn children(&self) -> Result<Vec<RunId>> {
        self.engine().with_index(|index, _| index.children(self.id()))
    }
}
