//! The stored tables of a file, for its copies and its checks.

use std::collections::{BTreeSet, HashMap};

use crate::copy::artifact_tree::ArtifactTree;
use crate::entity::{ArtifactOwner, TableId};
use crate::format::record::{Record, RowSegment};

/// The tables that exist after the applied records.
#[derive(Debug, Default)]
pub(crate) struct KnownTables {
    tables: HashMap<TableId, KnownTable>,
    dropped: BTreeSet<TableId>,
}

#[derive(Debug, Default)]
struct KnownTable {
    revision: u64,
    version: u64,
    segments: BTreeSet<String>,
}

impl KnownTables {
    /// Applies a record.
    pub(crate) fn note(&mut self, record: &Record) {
        match record {
            Record::TableSaved(change) => {
                self.tables.entry(change.table).or_default().revision = change.revision;
            }
            Record::TableDropped(change) => {
                self.tables.remove(&change.table);
                self.dropped.insert(change.table);
            }
            Record::RowsWritten(change) => {
                if let Some(known) = self.tables.get_mut(&change.table) {
                    known.version = change.version;
                    known.add(&change.segments);
                }
            }
            Record::SegmentsMerged(change) => {
                if let Some(known) = self.tables.get_mut(&change.table) {
                    for path in &change.merged {
                        known.segments.remove(path);
                    }
                    known.add(&change.segments);
                }
            }
            _ => {}
        }
    }

    /// Returns whether a copy needs the record: it is not about a dropped table.
    pub(crate) fn keeps(&self, record: &Record) -> bool {
        about(record).is_none_or(|table| self.keeps_table(table))
    }

    /// Returns whether a table is in a copy.
    pub(crate) fn keeps_table(&self, table: TableId) -> bool {
        !self.dropped.contains(&table)
    }

    /// Returns what is wrong with a record: what was expected and found.
    pub(crate) fn wrong(&self, record: &Record) -> Option<(String, String)> {
        let known = self.tables.get(&about(record)?);
        let expect = |what: &str, expected: u64, found: u64| {
            let is_right = expected == found;
            (!is_right).then(|| (format!("{what} {expected}"), format!("{what} {found}")))
        };
        match (record, known) {
            (Record::TableSaved(change), known) => {
                let before = known.map_or(0, |known| known.revision);
                // A copy may lack earlier revisions.
                let is_right = change.revision > before;
                let wanted = format!("a revision above {before}");
                (!is_right).then(|| (wanted, format!("revision {}", change.revision)))
            }
            (_, None) => Some(("a table from an earlier record".to_owned(), "none".to_owned())),
            (Record::RowsWritten(change), Some(known)) => {
                expect("version", known.version.saturating_add(1), change.version)
            }
            (Record::SegmentsMerged(change), Some(known)) => {
                let lost = change.merged.iter().find(|path| !known.segments.contains(*path))?;
                Some(("a known segment".to_owned(), format!("segment {lost}")))
            }
            _ => None,
        }
    }

    /// Returns the tables that lack the file of a segment, each with the path of one.
    pub(crate) fn incomplete(&self, tree: &ArtifactTree) -> Vec<(TableId, String)> {
        let mut incomplete = Vec::new();
        for (table, known) in &self.tables {
            let owner = ArtifactOwner::Table(*table);
            let is_lost = |path: &&String| !tree.files.contains_key(&(owner, (*path).clone()));
            incomplete
                .extend(known.segments.iter().find(is_lost).map(|path| (*table, path.clone())));
        }
        incomplete.sort();
        incomplete
    }
}

impl KnownTable {
    fn add(&mut self, segments: &[RowSegment]) {
        self.segments.extend(segments.iter().map(|segment| segment.path.clone()));
    }
}

/// Returns the table that the record is about.
fn about(record: &Record) -> Option<TableId> {
    match record {
        Record::TableSaved(change) => Some(change.table),
        Record::TableDropped(change) => Some(change.table),
        Record::RowsWritten(change) => Some(change.table),
        Record::SegmentsMerged(change) => Some(change.table),
        _ => None,
    }
}
