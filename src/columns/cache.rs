//! The columns that a process keeps, and when it is worth it to keep more of them.

use crate::entity::MetricPoint;
use crate::entity::id::RunId;
use crate::error::Result;
use crate::format::record::Record;
use crate::index::Index;

use super::{Changes, Keys, RunColumns};

/// Columns that are kept from one answer to the next.
///
/// What is asked for once is cheaper to look up in the index, and costs no memory; what is asked
/// for again and again is cheaper to keep. As one does not know, columns are read when they would
/// have been of use once already.
#[derive(Debug, Default)]
pub(crate) struct ColumnCache {
    columns: Option<RunColumns>,
    /// What the columns do not know yet.
    changes: Changes,
    /// The columns that a search could have used.
    asked: Option<Keys>,
    /// How many runs were read from the index, with all that they have, to be returned.
    returned: u64,
}

impl ColumnCache {
    /// Takes note of a record of the chain.
    pub(crate) fn note(&mut self, record: &Record) {
        if self.columns.is_some() {
            self.changes.note(record);
        }
    }

    /// Drops all columns: the index that they were read from is not to be believed.
    pub(crate) fn clear(&mut self) {
        *self = ColumnCache::default();
    }

    /// Whether columns of these keys are there, or would have been of use before.
    pub(crate) fn is_worth_reading(&mut self, keys: &Keys) -> bool {
        if self.has(keys) {
            return true;
        }
        match &mut self.asked {
            Some(asked) if keys.without(asked).is_empty() => true,
            Some(asked) => {
                asked.add(keys);
                false
            }
            None => {
                self.asked = Some(keys.clone());
                false
            }
        }
    }

    /// Whether as many runs have been returned, with these, as reading all of them takes.
    pub(crate) fn is_worth_reading_all(&mut self, index: &Index, returned: usize) -> Result<bool> {
        self.returned += returned as u64;
        let runs = match &self.columns {
            Some(columns) => columns.len() as u64,
            None => index.counts()?.runs,
        };
        Ok(self.returned >= runs)
    }

    /// Whether there are columns of all these keys.
    pub(crate) fn has(&self, keys: &Keys) -> bool {
        self.columns.as_ref().is_some_and(|columns| keys.without(columns.keys()).is_empty())
    }

    /// All runs with at least the columns of these keys, as the index has them now and with these
    /// live points.
    pub(crate) fn read<'k>(
        &mut self,
        index: &Index,
        keys: &Keys,
        live: impl IntoIterator<Item = (RunId, &'k str, MetricPoint)>,
    ) -> Result<&RunColumns> {
        let changes = std::mem::take(&mut self.changes);
        // When reading fails, nothing half read is kept.
        let columns = match self.columns.take() {
            Some(mut columns) => {
                columns.follow(index, changes)?;
                columns.load(index, keys)?;
                columns
            }
            None => RunColumns::read(index, None, keys)?,
        };
        let columns = self.columns.insert(columns);
        columns.add_live(live);
        Ok(columns)
    }
}
