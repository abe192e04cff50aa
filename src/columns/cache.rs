//! The columns that a process caches, and the decision to load more of them.

use crate::entity::MetricPoint;
use crate::entity::id::RunId;
use crate::error::Result;
use crate::format::record::Record;
use crate::index::Index;

use super::changes::Changes;
use super::keys::Keys;
use super::runs::RunColumns;

/// Columns kept from one query to the next.
///
/// A single query is cheaper to answer from the index, and needs no memory. Repeated queries are
/// cheaper with cached columns. Since the future is unknown, a column is loaded the second time it
/// would be useful.
#[derive(Debug, Default)]
pub(crate) struct ColumnCache {
    columns: Option<RunColumns>,
    /// The changes that the columns do not contain yet.
    changes: Changes,
    /// The columns that an earlier search could have used.
    asked: Option<Keys>,
    /// How many complete runs were read from the index and returned.
    returned: u64,
}

impl ColumnCache {
    /// Notes the changes made by a record of the chain.
    pub(crate) fn note(&mut self, record: &Record) {
        if self.columns.is_some() {
            self.changes.note(record);
        }
    }

    /// Drops all columns, because the index they were read from is not trusted.
    pub(crate) fn clear(&mut self) {
        *self = ColumnCache::default();
    }

    /// Returns whether these columns are cached, or would have been useful before.
    ///
    /// A search for up to `limit` runs that may return all of them reads the cache afterwards. So
    /// it needs no answer of the index first, if some columns are cached already.
    pub(crate) fn is_worth_reading(&mut self, keys: &Keys, limit: usize) -> bool {
        let is_for_all = self.columns.as_ref().is_some_and(|columns| columns.len() <= limit);
        if is_for_all || self.has(keys) {
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

    /// Counts `returned` runs, and returns whether reading all runs would have cost no more.
    pub(crate) fn is_worth_reading_all(&mut self, index: &Index, returned: usize) -> Result<bool> {
        self.returned += returned as u64;
        let runs = match &self.columns {
            Some(columns) => columns.len() as u64,
            None => index.counts()?.runs,
        };
        Ok(self.returned >= runs)
    }

    /// Returns whether all these columns are cached.
    pub(crate) fn has(&self, keys: &Keys) -> bool {
        self.columns.as_ref().is_some_and(|columns| keys.without(columns.keys()).is_empty())
    }

    /// Returns all runs with at least these columns, up to date with the index and the live points.
    pub(crate) fn read<'k>(
        &mut self,
        index: &Index,
        keys: &Keys,
        live: impl IntoIterator<Item = (RunId, &'k str, MetricPoint)>,
    ) -> Result<&mut RunColumns> {
        let changes = std::mem::take(&mut self.changes);
        // If reading fails, partly read columns are dropped.
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
