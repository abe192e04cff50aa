//! The stored tables of a file, for its copies and its checks.

use std::collections::{BTreeSet, HashMap};

use crate::copy::artifact_tree::ArtifactTree;
use crate::entity::{ArtifactOwner, TableId};
use crate::format::record::{ArtifactsWritten, Record, RowSegment, RowsWritten, SegmentsMerged};

/// The tables that exist after the applied records.
#[derive(Debug, Default)]
pub(crate) struct KnownTables {
    tables: HashMap<TableId, KnownTable>,
    /// Files with rows that a copy could not read.
    lost: BTreeSet<(TableId, String)>,
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

    /// Returns whether a copy needs the record: its table exists. Damage may have taken a table.
    pub(crate) fn keeps(&self, record: &Record) -> bool {
        about(record).is_none_or(|table| self.keeps_table(table))
    }

    /// Returns whether a table is in a copy.
    pub(crate) fn keeps_table(&self, table: TableId) -> bool {
        self.tables.contains_key(&table)
    }

    /// Returns what is wrong with a record: what was expected and found.
    pub(crate) fn wrong(&self, record: &Record) -> Option<(String, String)> {
        let known = self.tables.get(&about(record)?);
        match (record, known) {
            (Record::TableSaved(change), known) => {
                let before = known.map_or(0, |known| known.revision);
                // A copy may lack earlier revisions.
                let is_right = change.revision > before;
                let wanted = format!("a revision above {before}");
                (!is_right).then(|| (wanted, format!("revision {}", change.revision)))
            }
            (_, None) => Some(("a table from an earlier record".to_owned(), "none".to_owned())),
            // A salvaged copy may lack versions between.
            (Record::RowsWritten(change), Some(known)) => {
                let is_right = change.version > known.version;
                let wanted = format!("a version above {}", known.version);
                (!is_right).then(|| (wanted, format!("version {}", change.version)))
            }
            (Record::SegmentsMerged(change), Some(known)) => {
                let lost = change.merged.iter().find(|path| !known.segments.contains(*path))?;
                Some(("a known segment".to_owned(), format!("segment {lost}")))
            }
            _ => None,
        }
    }

    /// Notes the files of a table that are not in the copy, although the source names them.
    pub(crate) fn note_lost(&mut self, wanted: &[String], copied: &ArtifactsWritten) {
        let ArtifactOwner::Table(table) = copied.owner else { return };
        let is_lost = |path: &&String| !copied.files.iter().any(|file| file.path == **path);
        self.lost.extend(wanted.iter().filter(is_lost).map(|path| (table, path.clone())));
    }

    /// Returns the record without the files that are lost.
    pub(crate) fn without_lost(&self, record: Record) -> Record {
        let found = |table: TableId, mut segments: Vec<RowSegment>| {
            segments.retain(|segment| !self.lost.contains(&(table, segment.path.clone())));
            segments
        };
        match record {
            Record::RowsWritten(change) => {
                let segments = found(change.table, change.segments);
                RowsWritten { segments, ..change }.into()
            }
            Record::SegmentsMerged(change) => {
                let (table, lost) = (change.table, &self.lost);
                let is_there = |path: &String| !lost.contains(&(table, path.clone()));
                let merged = change.merged.into_iter().filter(is_there).collect();
                let segments = found(table, change.segments);
                SegmentsMerged { merged, segments, ..change }.into()
            }
            other => other,
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
