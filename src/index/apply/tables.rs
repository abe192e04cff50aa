//! Applies records about stored tables.

use crate::entity::{ArtifactOwner, TableId, WriteMode};
use crate::format::record::{
    Record, RowSegment, RowsWritten, SegmentsMerged, TableDropped, TableSaved,
};

use super::Applier;

impl Applier<'_> {
    /// Applies the record. Returns false if it does not concern stored tables.
    pub(super) fn apply_to_tables(&self, record: &Record) -> rusqlite::Result<bool> {
        match record {
            Record::TableSaved(record) => self.table_saved(record)?,
            Record::TableDropped(record) => self.table_dropped(record)?,
            Record::RowsWritten(record) => self.rows_written(record)?,
            Record::SegmentsMerged(record) => self.segments_merged(record)?,
            _ => return Ok(false),
        }
        Ok(true)
    }

    fn table_saved(&self, record: &TableSaved) -> rusqlite::Result<()> {
        self.execute(
            "INSERT INTO stored_tables
             (table_id, name, creator, created, author, revision, state, updated)
             VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8)
             ON CONFLICT (table_id) DO UPDATE SET name = ?2, author = ?5, revision = ?6,
             state = ?7, updated = ?8 WHERE revision < ?6",
            (
                record.table.to_string(),
                &record.name,
                &record.creator,
                record.created,
                &record.author,
                record.revision.cast_signed(),
                record.state.to_json(),
                record.time,
            ),
        )
    }

    fn table_dropped(&self, record: &TableDropped) -> rusqlite::Result<()> {
        let id = record.table.to_string();
        for sql in [
            "DELETE FROM stored_tables WHERE table_id = ?1",
            "DELETE FROM table_writes WHERE table_id = ?1",
            "DELETE FROM table_segments WHERE table_id = ?1",
        ] {
            self.execute(sql, [&id])?;
        }
        self.artifacts_deleted(&ArtifactOwner::Table(record.table), "")
    }

    fn rows_written(&self, record: &RowsWritten) -> rusqlite::Result<()> {
        let (id, version) = (record.table.to_string(), record.version.cast_signed());
        self.job_event("TABLE", (&id, ""), record.version, record.time)?;
        self.execute(
            "INSERT OR IGNORE INTO table_writes VALUES (?1, ?2, ?3, ?4, ?5, ?6)",
            (
                &id,
                version,
                record.time,
                &record.author,
                record.mode.as_str(),
                record.rows.cast_signed(),
            ),
        )?;
        if record.mode == WriteMode::Overwrite {
            self.execute(
                "UPDATE table_segments SET removed = ?2 WHERE table_id = ?1 AND removed IS NULL",
                (&id, version),
            )?;
        }
        self.segments_added(record.table, &record.segments)
    }

    fn segments_merged(&self, record: &SegmentsMerged) -> rusqlite::Result<()> {
        let id = record.table.to_string();
        for path in &record.merged {
            self.execute(
                "DELETE FROM table_segments WHERE table_id = ?1 AND path = ?2",
                (&id, path),
            )?;
        }
        self.execute(
            "UPDATE stored_tables SET floor = max(floor, ?2) WHERE table_id = ?1",
            (&id, record.floor.cast_signed()),
        )?;
        self.segments_added(record.table, &record.segments)
    }

    fn segments_added(&self, table: TableId, segments: &[RowSegment]) -> rusqlite::Result<()> {
        segments.iter().try_for_each(|segment| {
            self.execute(
                "INSERT OR REPLACE INTO table_segments
                 (table_id, path, rows, first_version, last_version) VALUES (?1, ?2, ?3, ?4, ?5)",
                (
                    table.to_string(),
                    &segment.path,
                    segment.rows.cast_signed(),
                    segment.first.cast_signed(),
                    segment.last.cast_signed(),
                ),
            )
        })
    }
}
