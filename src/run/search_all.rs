//! All runs of a search, read in batches.

use std::fmt;

use crate::columns::{Keys, RunColumns};
use crate::database::Database;
use crate::entity::RunRecord;
use crate::entity::id::RunId;
use crate::error::Result;
use crate::run::search::RunSearch;

/// The number of records in memory at once.
const BATCH_RUNS: usize = 1000;

impl Database {
    /// Finds all runs of a search, or up to [`RunSearch::max_results`], and reads them one after
    /// the other.
    ///
    /// The runs and their order are those of one moment, the call. Each record is read later, with
    /// the values that the run has then. A run that is purged in between is left out. Memory holds
    /// the ids of all runs, and up to a thousand records.
    ///
    /// ```
    /// # let folder = tempfile::tempdir()?;
    /// # let database = tracklite::Database::create(folder.path().join("runs.tracklite"))?;
    /// use tracklite::RunSearch;
    ///
    /// for number in 0..3 {
    ///     database.default_experiment()?.start_run(&format!("run {number}"))?;
    /// }
    /// let mut names = Vec::new();
    /// for run in database.search_all_runs(&RunSearch::new().order_by("run_name"))? {
    ///     names.push(run?.info.name);
    /// }
    /// assert_eq!(names, ["run 0", "run 1", "run 2"]);
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    ///
    /// # Errors
    ///
    /// - [`ErrorKind::InvalidInput`](crate::ErrorKind::InvalidInput) if a filter, an order, a page
    ///   token or a number of results is not valid.
    pub fn search_all_runs(&self, search: &RunSearch) -> Result<FoundRuns> {
        let ids = self.search_run_ids(search)?.into_iter();
        Ok(FoundRuns { database: self.clone(), ids, batch: Vec::new().into_iter() })
    }

    /// Reads the records of these runs. A run that does not exist is left out.
    fn read_records(&self, runs: &[RunId]) -> Result<Vec<RunRecord>> {
        let found = self.engine().with_points(|live, index, _| {
            let mut columns = RunColumns::read(index, Some(runs), &Keys::all())?;
            columns.add_live(live.each());
            Ok(columns.records(&columns.rows_of(runs)))
        });
        self.engine().located(found)
    }
}

/// The runs that [`Database::search_all_runs`] found.
pub struct FoundRuns {
    database: Database,
    ids: std::vec::IntoIter<RunId>,
    batch: std::vec::IntoIter<RunRecord>,
}

impl Iterator for FoundRuns {
    type Item = Result<RunRecord>;

    fn next(&mut self) -> Option<Self::Item> {
        loop {
            if let Some(record) = self.batch.next() {
                return Some(Ok(record));
            }
            let ids: Vec<RunId> = self.ids.by_ref().take(BATCH_RUNS).collect();
            if ids.is_empty() {
                return None;
            }
            match self.database.read_records(&ids) {
                Ok(records) => self.batch = records.into_iter(),
                Err(error) => {
                    // The iteration ends with its first error.
                    self.ids = Vec::new().into_iter();
                    return Some(Err(error));
                }
            }
        }
    }

    fn size_hint(&self) -> (usize, Option<usize>) {
        (self.batch.len(), Some(self.batch.len() + self.ids.len()))
    }
}

impl fmt::Debug for FoundRuns {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("FoundRuns").field("left", &(self.batch.len() + self.ids.len())).finish()
    }
}
