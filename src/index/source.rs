//! Queries that connect the index with the file: the places of points, and the writers.

use foldhash::{HashMap, HashMapExt as _};
use rusqlite::{Connection, Row};

use crate::entity::id::{RunId, Timestamp};
use crate::error::Result;
use crate::format::record::{BlockPlace, Incarnation, SeriesId};

use super::query::parsed;
use super::{Index, unsigned};

/// The places of the points of one series: the blocks in order, followed by the extents.
///
/// A metric of a run has one source for each writer that logged it, ordered by writer.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct SeriesSource {
    /// The writer.
    pub(crate) incarnation: Incarnation,
    /// The id that the writer assigned to the series.
    pub(crate) series: SeriesId,
    /// The key of the metric.
    pub(crate) key: String,
    /// The column blocks with sealed points.
    pub(crate) blocks: Vec<BlockPlace>,
    /// The unsealed extents of the writer. Each may contain points.
    pub(crate) extents: Vec<UnsealedExtent>,
    /// The row schemas that contain the series. Empty if nothing is unsealed.
    pub(crate) rows: Vec<RowSchema>,
}

/// An extent that is not sealed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct UnsealedExtent {
    /// The first unit.
    pub(crate) unit: u32,
    /// The number of units.
    pub(crate) units: u32,
}

/// The series whose values a row contains, in order.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct RowSchema {
    /// The id of the schema.
    pub(crate) row: SeriesId,
    /// The series, all of the same writer.
    pub(crate) series: Vec<SeriesId>,
}

/// The recorded state of a writer. Only its liveness byte shows whether it is alive.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct WriterRow {
    /// The writer.
    pub(crate) incarnation: Incarnation,
    /// Its liveness byte.
    pub(crate) byte: u16,
    /// The boot id of the kernel under which it runs.
    pub(crate) boot_id: u128,
    /// The process id.
    pub(crate) process: u32,
    /// The name of the host.
    pub(crate) host: String,
    /// The time at which it opened the file.
    pub(crate) opened: Timestamp,
    /// Whether it is closed.
    pub(crate) closed: bool,
    /// Whether a later writer reuses its liveness byte, which means that it is dead.
    pub(crate) replaced: bool,
}

/// A block in a unit, with series of purged runs.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct BlockRuns {
    /// The writer that assigned the series ids.
    pub(crate) incarnation: Incarnation,
    /// The place of the block.
    pub(crate) place: BlockPlace,
    /// The remaining series and their runs.
    pub(crate) live: Vec<(SeriesId, RunId)>,
    /// The number of purged series.
    pub(crate) purged: u32,
}

const WRITER: &str = "SELECT incarnation, byte, boot_id, process, host, opened, closed,
    EXISTS (SELECT 1 FROM writers later WHERE later.byte = writers.byte
            AND later.writer > writers.writer)
    FROM writers";

impl Index {
    /// Returns the places of the points of one metric of a run, or of all metrics.
    pub(crate) fn series_sources(
        &self,
        run: RunId,
        key: Option<&str>,
    ) -> Result<Vec<SeriesSource>> {
        self.read(|connection| {
            let mut select = connection.prepare_cached(
                "SELECT run, series.writer, incarnation, series, key
                 FROM series JOIN writers USING (writer)
                 WHERE run = (SELECT run FROM runs WHERE run_id = ?1) AND (?2 IS NULL OR key = ?2)
                 ORDER BY series.writer, series",
            )?;
            let mut rows = select.query((run.to_string(), key))?;
            let mut sources = Vec::new();
            let mut live = LiveWriter::default();
            while let Some(row) = rows.next()? {
                let (run, writer): (i64, i64) = (row.get(0)?, row.get(1)?);
                if live.writer != writer {
                    live = LiveWriter::read(connection, run, writer)?;
                }
                let series = SeriesId(row.get(3)?);
                let contains = |schema: &&RowSchema| schema.series.contains(&series);
                sources.push(SeriesSource {
                    incarnation: Incarnation(unsigned(row.get(2)?)),
                    series,
                    key: row.get(4)?,
                    blocks: blocks_of(connection, writer, series)?,
                    extents: live.extents.clone(),
                    rows: live.rows.iter().filter(contains).cloned().collect(),
                });
            }
            Ok(sources)
        })
    }

    /// Returns the writers of a run, in the order in which they opened the file.
    pub(crate) fn writers_of(&self, run: RunId) -> Result<Vec<WriterRow>> {
        self.read(|connection| {
            let mut select = connection.prepare_cached(&format!(
                "{WRITER} WHERE writer IN (SELECT writer FROM run_writers
                 WHERE run = (SELECT run FROM runs WHERE run_id = ?1)) ORDER BY writer"
            ))?;
            let writers = select.query_map([run.to_string()], writer_row)?;
            writers.collect()
        })
    }

    /// Returns the writers that are not closed, in the order in which they opened the file.
    pub(crate) fn open_writers(&self) -> Result<Vec<WriterRow>> {
        self.read(|connection| {
            let mut select =
                connection.prepare_cached(&format!("{WRITER} WHERE NOT closed ORDER BY writer"))?;
            let writers = select.query_map((), writer_row)?;
            writers.collect()
        })
    }

    /// Returns all unsealed extents in file order.
    pub(crate) fn unsealed_extents(&self) -> Result<Vec<(Incarnation, UnsealedExtent)>> {
        self.read(|connection| {
            let mut select = connection.prepare_cached(
                "SELECT unit, units, incarnation FROM extents JOIN writers USING (writer)
                 ORDER BY unit",
            )?;
            let extents = select.query_map((), |row| {
                Ok((Incarnation(unsigned(row.get(2)?)), unsealed_extent(row)?))
            })?;
            extents.collect()
        })
    }

    /// Returns the blocks in units with purged runs, which gc must rewrite or drop.
    ///
    /// Cheap if there are none. Otherwise scans all series of the writers involved.
    pub(crate) fn blocks_with_purged(&self) -> Result<Vec<BlockRuns>> {
        self.read(|connection| {
            let mut select = connection.prepare_cached(
                "SELECT data, offset, length, checksum, incarnation, purged, block
                 FROM blocks JOIN writers USING (writer)
                 WHERE purged > 0 AND offset IS NOT NULL ORDER BY block",
            )?;
            let mut rows = select.query(())?;
            let mut live = live_series(connection)?;
            let mut blocks = Vec::new();
            while let Some(row) = rows.next()? {
                blocks.push(BlockRuns {
                    incarnation: Incarnation(unsigned(row.get(4)?)),
                    place: block_place(row)?,
                    live: live.remove(&row.get(6)?).unwrap_or_default(),
                    purged: row.get(5)?,
                });
            }
            Ok(blocks)
        })
    }
}

/// The unsealed extents of a writer, and its row schemas that concern one run.
#[derive(Default)]
struct LiveWriter {
    writer: i64,
    extents: Vec<UnsealedExtent>,
    rows: Vec<RowSchema>,
}

impl LiveWriter {
    fn read(connection: &Connection, run: i64, writer: i64) -> rusqlite::Result<Self> {
        let mut select = connection
            .prepare_cached("SELECT unit, units FROM extents WHERE writer = ?1 ORDER BY unit")?;
        let extents = select.query_map([writer], unsealed_extent)?;
        let extents = extents.collect::<rusqlite::Result<Vec<_>>>()?;
        if extents.is_empty() {
            return Ok(LiveWriter { writer, extents, rows: Vec::new() });
        }
        let mut select = connection.prepare_cached(
            "SELECT row, series FROM row_schema_runs JOIN row_schemas USING (writer, row)
             WHERE writer = ?1 AND run = ?2 ORDER BY row",
        )?;
        let rows = select.query_map((writer, run), row_schema)?.collect::<rusqlite::Result<_>>()?;
        Ok(LiveWriter { writer, extents, rows })
    }
}

fn blocks_of(
    connection: &Connection,
    writer: i64,
    series: SeriesId,
) -> rusqlite::Result<Vec<BlockPlace>> {
    let mut select = connection.prepare_cached(
        "SELECT data, offset, length, checksum FROM block_series JOIN blocks USING (block)
         WHERE block_series.writer = ?1 AND series = ?2 ORDER BY block_series.block",
    )?;
    select.query_map((writer, series.0), block_place)?.collect()
}

/// Returns the remaining series of each block with purged series, in one scan of their writers.
fn live_series(connection: &Connection) -> rusqlite::Result<HashMap<i64, Vec<(SeriesId, RunId)>>> {
    let mut select = connection.prepare_cached(
        "SELECT blocks.block, series.series, run_id FROM block_series
         CROSS JOIN blocks USING (block)
         CROSS JOIN series ON (series.writer, series.series)
             = (block_series.writer, block_series.series)
         CROSS JOIN runs USING (run)
         WHERE purged > 0 AND live > 0 AND block_series.writer IN
             (SELECT writer FROM blocks WHERE purged > 0 AND live > 0)",
    )?;
    let mut rows = select.query(())?;
    let mut live = HashMap::<i64, Vec<_>>::new();
    while let Some(row) = rows.next()? {
        let series = (SeriesId(row.get(1)?), parsed(row, 2)?);
        live.entry(row.get(0)?).or_default().push(series);
    }
    Ok(live)
}

fn unsealed_extent(row: &Row<'_>) -> rusqlite::Result<UnsealedExtent> {
    Ok(UnsealedExtent { unit: row.get(0)?, units: row.get(1)? })
}

/// Parses the columns data, offset, length and checksum.
pub(super) fn block_place(row: &Row<'_>) -> rusqlite::Result<BlockPlace> {
    match row.get(0)? {
        Some(data) => Ok(BlockPlace::Inline(data)),
        None => Ok(BlockPlace::At {
            offset: unsigned(row.get(1)?),
            length: row.get(2)?,
            checksum: row.get(3)?,
        }),
    }
}

pub(super) fn row_schema(row: &Row<'_>) -> rusqlite::Result<RowSchema> {
    let bytes: Vec<u8> = row.get(1)?;
    let (ids, _) = bytes.as_chunks::<4>();
    let series = ids.iter().map(|&id| SeriesId(u32::from_le_bytes(id))).collect();
    Ok(RowSchema { row: SeriesId(row.get(0)?), series })
}

fn writer_row(row: &Row<'_>) -> rusqlite::Result<WriterRow> {
    let boot_id = row.get_ref(2)?.as_str()?;
    Ok(WriterRow {
        incarnation: Incarnation(unsigned(row.get(0)?)),
        byte: row.get(1)?,
        boot_id: u128::from_str_radix(boot_id, 16).unwrap_or(0),
        process: row.get(3)?,
        host: row.get(4)?,
        opened: Timestamp::from_nanos(row.get(5)?),
        closed: row.get(6)?,
        replaced: row.get(7)?,
    })
}
