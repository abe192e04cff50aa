//! Versions by column, kept in memory from the second search on, and kept up with the registry:
//! of what has changed the models are read again.

use std::cmp::Ordering;
use std::collections::HashSet;

use crate::columns::versions::VersionColumns;
use crate::entity::id::RegisteredModelId;
use crate::error::Result;
use crate::format::record::Record;
use crate::index::Index;
use crate::search::VersionSelection;

/// When models with more versions than this have changed, all columns are read anew.
const CHANGED_MAX: usize = 1000;

/// The columns, once a search comes after another one.
#[derive(Debug, Default)]
pub(crate) struct VersionCache {
    /// All versions as they were when they were read.
    columns: Option<VersionColumns>,
    /// The models of which something has changed since.
    changed: HashSet<RegisteredModelId>,
    /// The versions of these as they are now; `None` when they are to be read.
    fresh: Option<VersionColumns>,
    /// Whether there was a search before, so that the columns are worth their while.
    is_asked: bool,
}

impl VersionCache {
    /// Takes note of a record that goes to the index. What versions are not searched by, aliases
    /// among it, makes nothing stale.
    pub(crate) fn note(&mut self, record: &Record) {
        if self.columns.is_none() {
            return;
        }
        let model = match record {
            Record::RegisteredModelRenamed(it) => it.model,
            Record::RegisteredModelDeleted(it) => it.model,
            Record::ModelVersionCreated(it) => it.model,
            Record::ModelVersionUpdated(it) => it.model,
            Record::ModelVersionDeleted(it) => it.model,
            Record::ModelVersionTagsSet(it) => it.model,
            Record::ModelVersionTagDeleted(it) => it.model,
            _ => return,
        };
        self.changed.insert(model);
        self.fresh = None;
    }

    /// The entries of a selection in its order; `None` for a search that is answered sooner without
    /// columns: the first one, and the first one after very much has changed.
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

    /// Reads the models again that have changed; forgets all when they are too many.
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

/// The entries of rows of two columns, each of which are in the order of the selection.
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
