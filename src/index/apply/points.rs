//! Applies records about writers, series, extents and column blocks.

use rusqlite::OptionalExtension as _;

use crate::entity::MetricPoint;
use crate::entity::id::Timestamp;
use crate::format::record::{
    BlockMoved, BlockPlace, ExtentOpened, Incarnation, RowDefined, Sealed, SealedBlock,
    SealedSeries, SeriesDefined, SeriesId, WriterOpened,
};
use crate::index::hex;
use crate::index::query::{lost_bits, metric_point};

use super::Applier;

impl Applier<'_> {
    pub(super) fn writer_opened(&mut self, record: &WriterOpened) -> rusqlite::Result<()> {
        self.writers.remove(&record.incarnation);
        self.execute(
            "INSERT OR IGNORE INTO writers (incarnation, byte, boot_id, process, host, opened)
             VALUES (?1, ?2, ?3, ?4, ?5, ?6)",
            (
                record.incarnation.0.cast_signed(),
                record.byte,
                hex(record.boot_id),
                record.process,
                &record.host,
                record.time,
            ),
        )?;
        // No record creates the default experiment. It is as old as the oldest writer, which in a
        // copy need not be the first in the chain.
        self.execute(
            "UPDATE experiments SET created = ?1, updated = iif(updated = created, ?1, updated)
             WHERE experiment_id = 0 AND (created = 0 OR created > ?1)",
            [record.time],
        )
    }

    /// Marks a writer as closed. All its extents are sealed and blocks are self-contained, so its
    /// row schemas are no longer needed.
    pub(super) fn writer_closed(&mut self, incarnation: Incarnation) -> rusqlite::Result<()> {
        let Some(writer) = self.writer(incarnation)? else { return Ok(()) };
        self.execute("UPDATE writers SET closed = 1 WHERE writer = ?1", [writer])?;
        self.execute("DELETE FROM extents WHERE writer = ?1", [writer])?;
        self.execute("DELETE FROM row_schema_runs WHERE writer = ?1", [writer])?;
        self.execute("DELETE FROM row_schemas WHERE writer = ?1", [writer])
    }

    pub(super) fn extent_opened(&mut self, record: &ExtentOpened) -> rusqlite::Result<()> {
        let Some(writer) = self.writer(record.incarnation)? else { return Ok(()) };
        self.execute(
            "INSERT OR REPLACE INTO extents (unit, units, writer) VALUES (?1, ?2, ?3)",
            (record.unit, record.units, writer),
        )
    }

    pub(super) fn series_defined(&mut self, record: &SeriesDefined) -> rusqlite::Result<()> {
        let Some(writer) = self.writer(record.incarnation)? else { return Ok(()) };
        let run = self.run(record.run)?;
        if let Some(run) = run {
            self.run_has_writer(run, writer)?;
        }
        let mut insert = self
            .connection
            .prepare_cached("INSERT OR IGNORE INTO series VALUES (?1, ?2, ?3, ?4)")?;
        for (series, key) in (i64::from(record.first.0)..).zip(&record.keys) {
            let inserted =
                insert.execute((writer, series, run, if run.is_some() { key } else { "" }))?;
            // The first definition of an id wins.
            if let (Some(run), true, Ok(series)) = (run, inserted > 0, u32::try_from(series)) {
                self.series.insert((writer, SeriesId(series)), (run, key.clone()));
            }
        }
        Ok(())
    }

    pub(super) fn row_defined(&mut self, record: &RowDefined) -> rusqlite::Result<()> {
        let Some(writer) = self.writer(record.incarnation)? else { return Ok(()) };
        let series: Vec<u8> =
            record.series.iter().flat_map(|series| series.0.to_le_bytes()).collect();
        self.execute(
            "INSERT OR IGNORE INTO row_schemas VALUES (?1, ?2, ?3)",
            (writer, record.row.0, series),
        )?;
        let mut runs = Vec::new();
        for &series in &record.series {
            if let Some((run, _)) = self.series(writer, series)?
                && !runs.contains(&run)
            {
                runs.push(run);
                self.execute(
                    "INSERT OR IGNORE INTO row_schema_runs VALUES (?1, ?2, ?3)",
                    (writer, run, record.row.0),
                )?;
            }
        }
        Ok(())
    }

    /// Returns the run and key of a series. `None` if it is undefined or its run is purged.
    fn series(&self, writer: i64, series: SeriesId) -> rusqlite::Result<Option<(i64, String)>> {
        if let Some(known) = self.series.get(&(writer, series)) {
            return Ok(Some(known.clone()));
        }
        let mut select = self.connection.prepare_cached(
            "SELECT run, key FROM series WHERE writer = ?1 AND series = ?2 AND run IS NOT NULL",
        )?;
        select.query_row((writer, series.0), |row| Ok((row.get(0)?, row.get(1)?))).optional()
    }

    pub(super) fn sealed(&mut self, record: &Sealed) -> rusqlite::Result<()> {
        for unit in &record.extents {
            self.execute("DELETE FROM extents WHERE unit = ?1", [unit])?;
        }
        self.dropped += record.dropped.cast_signed();
        let Some(writer) = self.writer(record.incarnation)? else { return Ok(()) };
        record.blocks.iter().try_for_each(|block| self.block_sealed(writer, block))
    }

    fn block_sealed(&mut self, writer: i64, sealed: &SealedBlock) -> rusqlite::Result<()> {
        let (data, offset, length, checksum) = columns(&sealed.place);
        self.execute(
            "INSERT INTO blocks (writer, data, offset, length, checksum, live, purged)
             VALUES (?1, ?2, ?3, ?4, ?5, 0, 0)",
            (writer, data, offset, length, checksum),
        )?;
        let block = self.connection.last_insert_rowid();
        let (mut live, mut purged) = (0_u32, 0_u32);
        for series in &sealed.series {
            let Some((run, key)) = self.series(writer, series.series)? else {
                purged += 1;
                continue;
            };
            live += 1;
            self.execute(
                "INSERT OR IGNORE INTO block_series VALUES (?1, ?2, ?3)",
                (writer, series.series.0, block),
            )?;
            self.merge_latest(run, &key, series)?;
        }
        self.set_block_counts(block, live, purged)
    }

    /// Stores the number of live and purged series of a block.
    ///
    /// Without live series, a block in the chain is forgotten. A block in a unit is kept until its
    /// space is punched out.
    fn set_block_counts(&self, block: i64, live: u32, purged: u32) -> rusqlite::Result<()> {
        self.execute(
            "UPDATE blocks SET live = ?2, purged = ?3 WHERE block = ?1",
            (block, live, purged),
        )?;
        self.execute("DELETE FROM blocks WHERE block = ?1 AND live = 0 AND offset IS NULL", [block])
    }

    fn merge_latest(&mut self, run: i64, key: &str, sealed: &SealedSeries) -> rusqlite::Result<()> {
        let count = sealed.count.cast_signed();
        self.points += count;
        // Most metrics are sealed once, so there is nothing to compare with.
        let mut insert = self.connection.prepare_cached(
            "INSERT OR IGNORE INTO metrics (run, key, step, timestamp, value, bits, points)
             VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7)",
        )?;
        let bits = lost_bits(sealed.value);
        if insert.execute((run, key, sealed.step, sealed.time, sealed.value, bits, count))? > 0 {
            return Ok(());
        }
        let mut select = self.connection.prepare_cached(
            "SELECT step, timestamp, value, bits FROM metrics WHERE run = ?1 AND key = ?2",
        )?;
        let known = select.query_row((run, key), |row| metric_point(row, 0))?;
        let point = MetricPoint {
            step: sealed.step,
            time: Timestamp::from_nanos(sealed.time),
            value: sealed.value,
        };
        if point.latest_order(&known).is_le() {
            return self.execute(
                "UPDATE metrics SET points = points + ?3 WHERE run = ?1 AND key = ?2",
                (run, key, count),
            );
        }
        self.execute(
            "UPDATE metrics SET points = points + ?3, step = ?4, timestamp = ?5, value = ?6,
             bits = ?7 WHERE run = ?1 AND key = ?2",
            (run, key, count, sealed.step, sealed.time, sealed.value, bits),
        )
    }

    pub(super) fn block_moved(&mut self, record: &BlockMoved) -> rusqlite::Result<()> {
        let from = record.from.cast_signed();
        let found: Option<(i64, i64, u32)> = {
            let mut select = self.connection.prepare_cached(
                "SELECT block, writer, live FROM blocks WHERE offset = ?1 AND length = ?2",
            )?;
            select
                .query_row((from, record.from_length), |row| {
                    Ok((row.get(0)?, row.get(1)?, row.get(2)?))
                })
                .optional()?
        };
        let Some((block, writer, live)) = found else { return Ok(()) };
        let Some(to) = &record.to else {
            if live > 0 {
                // Purging has already removed these rows. This avoids a long search in that case.
                self.execute(
                    "DELETE FROM block_series WHERE writer = ?1 AND block = ?2",
                    (writer, block),
                )?;
            }
            return self.execute("DELETE FROM blocks WHERE block = ?1", [block]);
        };
        let (data, offset, length, checksum) = columns(&to.place);
        self.execute(
            "UPDATE blocks SET data = ?2, offset = ?3, length = ?4, checksum = ?5
             WHERE block = ?1",
            (block, data, offset, length, checksum),
        )?;
        let mut live = 0;
        for kept in &to.series {
            live += u32::from(self.series(writer, kept.series)?.is_some());
        }
        let all = u32::try_from(to.series.len()).unwrap_or(u32::MAX);
        self.set_block_counts(block, live, all.saturating_sub(live))
    }

    pub(super) fn purge_blocks(&self, run: i64) -> rusqlite::Result<()> {
        let mut select = self.connection.prepare_cached(
            "SELECT blocks.block, live, purged, count(*) FROM series
             JOIN block_series USING (writer, series) JOIN blocks USING (block)
             WHERE run = ?1 GROUP BY blocks.block",
        )?;
        let counts = |row: &rusqlite::Row<'_>| -> rusqlite::Result<(i64, u32, u32, u32)> {
            Ok((row.get(0)?, row.get(1)?, row.get(2)?, row.get(3)?))
        };
        let blocks = select.query_map([run], counts)?.collect::<rusqlite::Result<Vec<_>>>()?;
        blocks.into_iter().try_for_each(|(block, live, purged, gone)| {
            self.set_block_counts(block, live.saturating_sub(gone), purged + gone)
        })
    }
}

type PlaceColumns<'p> = (Option<&'p [u8]>, Option<i64>, Option<u32>, Option<u32>);

/// Returns the columns data, offset, length and checksum of a place.
fn columns(place: &BlockPlace) -> PlaceColumns<'_> {
    match place {
        BlockPlace::Inline(data) => (Some(data), None, None, None),
        &BlockPlace::At { offset, length, checksum } => {
            (None, Some(offset.cast_signed()), Some(length), Some(checksum))
        }
    }
}
