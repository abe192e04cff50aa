//! Versions by column, cached in memory from the second search on.
//!
//! When versions change, only those of the changed models are read again.

use std::cmp::Ordering;
use std::collections::HashSet;

use crate::columns::versions::VersionColumns;
use crate::entity::id::RegisteredModelId;
use crate::error::Result;
use crate::format::record::Record;
use crate::index::Index;
use crate::search::VersionSelection;

/// The number of versions in changed models above which the whole cache is dropped.
const CHANGED_MAX: usize = 1000;

/// The cache of all versions. Empty until the second search.
#[derive(Debug, Default)]
pub(crate) struct VersionCache {
    /// All versions, as of the last full read.
    columns: Option<VersionColumns>,
    /// The models that changed since then.
    changed: HashSet<RegisteredModelId>,
    /// The current versions of the changed models. `None` if they must be read.
    fresh: Option<VersionColumns>,
    /// Whether there was a search before. A single search is faster without columns.
    is_asked: bool,
}

impl VersionCache {
    /// Notes a record that the index applies. Records without searchable fields, such as those of
    /// aliases, invalidate nothing.
    pub(crate) fn note(&mut self, record: &Record) {
        if self.columns.is_none() {
            return;
        }
        let model = match record {
            Record::RegisteredModelRenamed(record) => record.model,
            Record::RegisteredModelDeleted(record) => record.model,
            Record::ModelVersionCreated(record) => record.model,
            Record::ModelVersionUpdated(record) => record.model,
            Record::ModelVersionFinalized(record) => record.model,
            Record::ModelVersionDeleted(record) => record.model,
            Record::ModelVersionTagsSet(record) => record.model,
            Record::ModelVersionTagDeleted(record) => record.model,
            _ => return,
        };
        self.changed.insert(model);
        self.fresh = None;
    }

    /// Returns the entries of a selection in its order.
    ///
    /// Returns `None` if SQL is faster: for the first search, and for the first one after many
    /// changes.
    pub(crate) fn select(
        &mut self,
        index: &Index,
        selection: &VersionSelection<'_>,
    ) -> Result<Option<Vec<i64>>> {
        if !self.is_asked {
            self.is_asked = true;
            return Ok(None);
        }
        if self.columns.is_none() {
            self.columns = Some(VersionColumns::read(index)?);
        }
        self.catch_up(index)?;
        let (Some(columns), Some(fresh)) = (&self.columns, &self.fresh) else { return Ok(None) };
        let stale: Vec<usize> =
            self.changed.iter().flat_map(|model| columns.rows_of(*model)).copied().collect();
        let old = columns.select(selection, &stale);
        let new = fresh.select(selection, &[]);
        let offset = usize::try_from(selection.offset).unwrap_or(usize::MAX);
        let merged = merged((columns, &old), (fresh, &new), selection);
        Ok(Some(merged.into_iter().skip(offset).take(selection.limit).collect()))
    }

    /// Reads the changed models again, or drops the cache if they have too many versions.
    fn catch_up(&mut self, index: &Index) -> Result<()> {
        if self.fresh.is_some() {
            return Ok(());
        }
        if self.changed.len() <= CHANGED_MAX {
            let changed = self.changed.iter().copied();
            self.fresh = VersionColumns::read_of(index, changed, CHANGED_MAX)?;
        }
        if self.fresh.is_none() {
            *self = VersionCache { is_asked: true, ..VersionCache::default() };
        }
        Ok(())
    }
}

/// Merges the rows of two sets of columns, both in the order of the selection, into entries.
fn merged(
    (columns, old): (&VersionColumns, &[usize]),
    (fresh, new): (&VersionColumns, &[usize]),
    selection: &VersionSelection<'_>,
) -> Vec<i64> {
    let (mut old, mut new) = (old.iter().peekable(), new.iter().peekable());
    let mut entries = Vec::new();
    loop {
        let is_old = match (old.peek(), new.peek()) {
            (Some(old), Some(new)) => {
                columns.order(**old, (fresh, **new), selection.order) != Ordering::Greater
            }
            (old, _) => old.is_some(),
        };
        let next = match is_old {
            true => old.next().and_then(|row| columns.entry(*row)),
            false => new.next().and_then(|row| fresh.entry(*row)),
        };
        match next {
            Some(entry) => entries.push(entry),
            None => return entries,
        }
    }
}
