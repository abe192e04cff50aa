//! Removing the history of a table: versions that nobody reads any more.

use crate::artifact::upload::upload_rows;
use crate::entity::id::Timestamp;
use crate::entity::{ArtifactOwner, TableInfo};
use crate::error::{Error, ErrorKind, Result};
use crate::format::record::{ArtifactsDeleted, Record, RowSegment, SegmentsMerged, TABLE_KINDS};
use crate::index::{Index, StoredSegment};
use crate::table::StoredTable;
use crate::table::compact::merged_columns;
use crate::table::segment::{Segment, encode, open};
use crate::table::snapshot::{Snapshot, no_such_version};

impl StoredTable {
    /// Removes everything that only versions before this one show: replaced values, deleted rows,
    /// and rows from before an overwrite. These versions cannot be read any more.
    ///
    /// The space is free when the file is collected or copied by a vacuum. A training set that
    /// names an earlier version is lost.
    ///
    /// # Errors
    ///
    /// - [`ErrorKind::NotFound`] if the table was dropped.
    /// - [`ErrorKind::InvalidInput`] if there is no such version.
    /// - [`ErrorKind::Conflict`] if another process merged or replaced the rows meanwhile.
    ///
    /// # Performance
    ///
    /// Holds all rows in memory, and writes them again.
    pub fn remove_history(&self, before: u64) -> Result<()> {
        let (info, floor, mut stored) = self.engine().with_index(|index, _| {
            let info = self.info_in(index)?;
            let (floor, stored) = (index.table_floor(info.id)?, index.table_segments(info.id)?);
            Ok((info, floor, stored))
        })?;
        if before > info.version {
            return Err(self.engine().locate(no_such_version(&info, floor, before)));
        }
        if before <= floor {
            return Ok(());
        }
        stored.retain(|stored| stored.removed.is_none_or(|removed| removed <= before));
        let engine = self.engine();
        let merged = engine.located(self.rows_since(info, before, &stored))?;
        let file = merged.as_ref().map(|(segment, bytes)| (segment.path.clone(), bytes.clone()));
        let segment = merged.map(|(segment, _)| segment);
        let decide = |index: &Index| self.removal(index, before, &stored, segment.as_ref());
        match file {
            None => engine.append_decided(&[TABLE_KINDS], |index| Ok((decide(index)?, ())))?,
            Some(file) => engine.located(upload_rows(engine, self.id(), &[file], &decide))?,
        }
        engine.log.sync()
    }

    /// Returns the segment with the live rows as they were at a version and later, unless there are
    /// none.
    fn rows_since(
        &self,
        info: TableInfo,
        before: u64,
        stored: &[StoredSegment],
    ) -> Result<Option<(RowSegment, Vec<u8>)>> {
        let live = stored.iter().filter(|stored| stored.removed.is_none());
        let opened = live.map(|live| open(self.database(), info.id, live.segment.clone()));
        let segments: Vec<Segment> = opened.collect::<Result<_>>()?;
        let (first, last) = (
            segments.iter().map(|segment| segment.stored.first).min().unwrap_or(0),
            segments.iter().map(|segment| segment.stored.last).max().unwrap_or(0),
        );
        let snapshot = Snapshot { version: info.version, info, floor: before, segments };
        let (columns, rows) = merged_columns(self.database(), &snapshot, before)?;
        if rows == 0 {
            return Ok(None);
        }
        let path = format!("{:032x}", self.engine().random_bits()?);
        Ok(Some((RowSegment { path, rows, first, last }, encode(&columns)?)))
    }

    /// Returns the records of a removal. Fails if a segment was merged or replaced meanwhile.
    fn removal(
        &self,
        index: &Index,
        floor: u64,
        stored: &[StoredSegment],
        merged: Option<&RowSegment>,
    ) -> Result<Vec<Record>> {
        let found = index.table_segments(self.id())?;
        if !stored.iter().all(|stored| found.contains(stored)) {
            let message = "the rows of the table were merged or replaced meanwhile: try again";
            return Err(Error::new(ErrorKind::Conflict, message));
        }
        let (table, time) = (self.id(), Timestamp::now_nanos());
        let owner = ArtifactOwner::Table(table);
        let paths: Vec<String> = stored.iter().map(|stored| stored.segment.path.clone()).collect();
        let deleted = paths
            .iter()
            .map(|path| ArtifactsDeleted { owner, time, path: path.clone() }.into())
            .collect::<Vec<Record>>();
        let segments = merged.into_iter().cloned().collect();
        let record = SegmentsMerged { table, merged: paths, segments, floor, time };
        Ok(deleted.into_iter().chain([record.into()]).collect())
    }
}
