//! Merging segments, so that reads open few of them.
//!
//! A merged segment has all images of its rows with their versions. So a merge changes no answer,
//! also not that of a read of an earlier version.

use crate::artifact::upload::upload_rows;
use crate::database::Database;
use crate::entity::id::Timestamp;
use crate::entity::table::{Column, Values};
use crate::entity::{ArtifactOwner, ColumnType, TableColumn};
use crate::error::{Error, ErrorKind, Result};
use crate::format::record::{ArtifactsDeleted, Record, RowSegment, SegmentsMerged};
use crate::format::segment::SegmentColumn;
use crate::index::{Index, StoredSegment};
use crate::table::StoredTable;
use crate::table::merge::{Images, RowImages, VERSION, gather, written};
use crate::table::segment::{Segment, encode, open};
use crate::table::snapshot::Snapshot;
use crate::table::write::{DELETED, written_column};

/// The number of segments of similar size from which they are merged.
const SEGMENTS_MIN: usize = 8;
/// A segment is merged with smaller ones that have together at least one part in this many of its
/// rows.
const GROWTH: u64 = 8;
/// Segments below this size are always similar.
const SMALL_ROWS: u64 = 4096;
/// The maximum number of values that a write merges: about a second of work, and 128 MiB.
const VALUES_MAX: u64 = 1 << 24;

impl StoredTable {
    /// Merges the newest segments if there are many of similar size.
    ///
    /// A failure is ignored, because the table is complete without it. The next write tries again.
    pub(crate) fn merge_segments_if_many(&self) {
        let chosen = self.engine().with_index(|index, _| {
            let info = self.info_in(index)?;
            Ok(similar(index.table_segments(self.id())?, info.state.columns.len() as u64))
        });
        if let Ok(chosen) = chosen
            && chosen.len() >= SEGMENTS_MIN
        {
            let _ = self.merge_segments(&chosen);
        }
    }

    /// Merges all segments with rows of the last version to one.
    ///
    /// Reads are faster then. Answers do not change, also not those about earlier versions. Writes
    /// do this by themselves for segments of similar size.
    ///
    /// # Errors
    ///
    /// - [`ErrorKind::NotFound`] if the table was dropped.
    /// - [`ErrorKind::Conflict`] if another process merged them meanwhile.
    ///
    /// # Performance
    ///
    /// Holds all rows in memory.
    pub fn compact(&self) -> Result<()> {
        let segments = self.engine().with_index(|index, _| {
            self.info_in(index)?;
            index.table_segments(self.id())
        })?;
        let live = segments.into_iter().filter(|stored| stored.removed.is_none());
        let live: Vec<RowSegment> = live.map(|stored| stored.segment).collect();
        if live.len() < 2 { Ok(()) } else { self.engine().located(self.merge_segments(&live)) }
    }

    /// Replaces segments that are adjacent in the order of their versions by one.
    fn merge_segments(&self, chosen: &[RowSegment]) -> Result<()> {
        let engine = self.engine();
        let info = self.info()?;
        let opened = chosen.iter().map(|stored| open(self.database(), info.id, stored.clone()));
        let segments: Vec<Segment> = opened.collect::<Result<_>>()?;
        let snapshot = Snapshot { version: info.version, info, floor: 0, segments };
        let (columns, _) = merged_columns(self.database(), &snapshot, 0)?;
        let merged = RowSegment {
            path: format!("{:032x}", engine.random_bits()?),
            rows: chosen.iter().map(|segment| segment.rows).sum(),
            first: chosen.iter().map(|segment| segment.first).min().unwrap_or(0),
            last: chosen.iter().map(|segment| segment.last).max().unwrap_or(0),
        };
        let file = (merged.path.clone(), encode(&columns)?);
        upload_rows(engine, self.id(), &[file], &|index| self.records(index, chosen, &merged))
    }

    /// Returns the records of a merge. Fails if a segment was merged or replaced meanwhile.
    fn records(
        &self,
        index: &Index,
        chosen: &[RowSegment],
        merged: &RowSegment,
    ) -> Result<Vec<Record>> {
        let found = index.table_segments(self.id())?;
        let is_live = |segment: &RowSegment| {
            found.iter().any(|stored| stored.removed.is_none() && stored.segment == *segment)
        };
        if !chosen.iter().all(is_live) {
            let message = "the segments of the table were merged or replaced meanwhile";
            return Err(Error::new(ErrorKind::Conflict, message));
        }
        let (table, time) = (self.id(), Timestamp::now_nanos());
        let owner = ArtifactOwner::Table(table);
        let deleted = chosen
            .iter()
            .map(|segment| ArtifactsDeleted { owner, time, path: segment.path.clone() }.into());
        let floor = index.table_floor(table)?;
        let paths = chosen.iter().map(|segment| segment.path.clone()).collect();
        let segments = vec![merged.clone()];
        let record = SegmentsMerged { table, merged: paths, segments, floor, time };
        Ok(deleted.chain([record.into()]).collect())
    }
}

/// Returns the columns of a merged segment and the number of its rows: the rows as they were at
/// `floor`, and all later images.
pub(crate) fn merged_columns(
    database: &Database,
    snapshot: &Snapshot,
    floor: u64,
) -> Result<(Vec<(SegmentColumn, Column)>, u64)> {
    let images = Images::read(database, snapshot)?;
    let rows = match snapshot.info.state.primary_key.is_empty() {
        true => images.known().collect(),
        false => images.since(floor),
    };
    let has = |column: &&TableColumn| {
        snapshot.segments.iter().any(|segment| segment.footer.column(&column.name).is_some())
    };
    let columns: Vec<TableColumn> =
        snapshot.info.state.columns.iter().filter(has).cloned().collect();
    let values = gather(database, snapshot, &images, &rows, &columns)?;
    let mut merged = Vec::new();
    let mut add = |name: String, kind: ColumnType, values: Column| {
        merged.push((SegmentColumn { name, kind }, values));
    };
    for (column, values) in columns.into_iter().zip(values) {
        let hidden = written_column(&column.name);
        if let Some(written) = written(database, snapshot, &images.blocks, &column.name)? {
            let has = |image: &u32| written.get(*image as usize).copied().unwrap_or(false);
            let flags = rows.iter().map(|row| Some(images.of_row(*row).iter().any(has)));
            add(hidden, ColumnType::Boolean, Column::Bool(flags.collect::<Values<bool>>()));
        }
        add(column.name, column.kind, values);
    }
    let newest = |row: &RowImages| images.of_row(*row).last().copied();
    let versions = rows.iter().map(|row| newest(row).map(|image| images.version_of(image)));
    add(VERSION.to_owned(), ColumnType::Long, Column::Integer(versions.collect()));
    if images.has_deletions() {
        let deleted = rows.iter().map(|row| newest(row).map(|image| images.is_deletion(image)));
        add(DELETED.to_owned(), ColumnType::Boolean, Column::Bool(deleted.collect()));
    }
    Ok((merged, rows.len() as u64))
}

/// Returns the newest segments, as long as each is not much larger than those after it together.
fn similar(mut segments: Vec<StoredSegment>, columns: u64) -> Vec<RowSegment> {
    segments.retain(|stored| stored.removed.is_none());
    let (mut chosen, mut rows): (Vec<RowSegment>, u64) = (Vec::new(), 0);
    while let Some(StoredSegment { segment, .. }) = segments.pop() {
        let is_similar = chosen.is_empty() || segment.rows / GROWTH <= rows.max(SMALL_ROWS);
        rows = rows.saturating_add(segment.rows);
        if !is_similar || rows.saturating_mul(columns.max(1)) > VALUES_MAX {
            break;
        }
        chosen.push(segment);
    }
    chosen.reverse();
    chosen
}

#[cfg(test)]
mod tests {
    use super::*;

    fn segments(rows: &[u64]) -> Vec<StoredSegment> {
        let segment = |(at, rows): (usize, &u64)| StoredSegment {
            segment: RowSegment {
                path: at.to_string(),
                rows: *rows,
                first: at as u64 + 1,
                last: at as u64 + 1,
            },
            removed: None,
        };
        rows.iter().enumerate().map(segment).collect()
    }

    #[test]
    fn only_segments_of_similar_size_are_merged() {
        let chosen = |rows: &[u64]| -> Vec<u64> {
            similar(segments(rows), 1).iter().map(|segment| segment.rows).collect()
        };
        assert_eq!(chosen(&[1; 9]), [1; 9]);
        assert_eq!(chosen(&[1_000_000, 10, 10]), [10, 10]);
        assert_eq!(chosen(&[2_000_000, 100_000, 50_000]), [100_000, 50_000]);
        assert_eq!(chosen(&[1_000_000, 100_000, 100_000]), [1_000_000, 100_000, 100_000]);
        let mut removed = segments(&[5, 6, 7]);
        removed[1].removed = Some(3);
        let kept: Vec<u64> = similar(removed, 1).iter().map(|segment| segment.rows).collect();
        assert_eq!(kept, [5, 7]);
        assert!(similar(segments(&[1 << 20, 1 << 20]), 1 << 10).is_empty());
    }
}
