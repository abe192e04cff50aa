//! Reads runs and their values row by row, to be stored by column.

use rusqlite::{Connection, OptionalExtension as _, Params, Row};

use crate::entity::id::RunId;
use crate::entity::{MetricPoint, RunRecord};
use crate::error::Result;
use crate::format::record::{BlockPlace, Incarnation, SeriesId};

use super::query::{bare_records, metric_point, parsed};
use super::run_scope::RunScope;
use super::source::block_place;
use super::{Index, index_error};

/// A table of texts.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum TextTable {
    /// Params.
    Params,
    /// Tags.
    Tags,
}

/// A snapshot of the index that can be read with several calls. Runs are identified and ordered by
/// row id, which increases with each new run.
pub(crate) struct RunRows<'c> {
    connection: &'c Connection,
    scope: RunScope,
}

impl Index {
    /// Reads all runs, or only those with the given ids.
    pub(crate) fn read_rows<T>(
        &self,
        only: Option<&[RunId]>,
        read: impl FnOnce(&RunRows<'_>) -> Result<T>,
    ) -> Result<T> {
        let transaction = self.store.connection.unchecked_transaction().map_err(index_error)?;
        let scope = match only {
            None => RunScope::All,
            Some(runs) => {
                find(&transaction, runs).map_err(index_error)?;
                RunScope::Found
            }
        };
        read(&RunRows { connection: &transaction, scope })
    }

    /// Returns the runs that these series belong to, without purged ones.
    pub(crate) fn runs_of_series(
        &self,
        series: impl IntoIterator<Item = (Incarnation, SeriesId)>,
    ) -> Result<Vec<RunId>> {
        self.read(|connection| {
            let mut select = connection.prepare_cached(
                "SELECT run_id FROM series JOIN runs USING (run)
                 WHERE writer = (SELECT writer FROM writers WHERE incarnation = ?1)
                 AND series = ?2",
            )?;
            let mut runs = Vec::new();
            for (incarnation, series) in series {
                let of = (incarnation.0.cast_signed(), series.0);
                let run: Option<RunId> = select.query_row(of, |row| parsed(row, 0)).optional()?;
                runs.extend(run);
            }
            Ok(runs)
        })
    }

    /// Returns the run and key of series of a writer. `None` for series that are unknown or purged.
    pub(crate) fn series(
        &self,
        incarnation: Incarnation,
        series: &[SeriesId],
    ) -> Result<Vec<Option<(RunId, String)>>> {
        self.read(|connection| {
            let mut select = connection.prepare_cached(
                "SELECT run_id, key FROM series JOIN runs USING (run)
                 WHERE writer = (SELECT writer FROM writers WHERE incarnation = ?1)
                 AND series = ?2",
            )?;
            let of = |id: &SeriesId| (incarnation.0.cast_signed(), id.0);
            let found = series.iter().map(|id| {
                select.query_row(of(id), |row| Ok((parsed(row, 0)?, row.get(1)?))).optional()
            });
            found.collect()
        })
    }

    /// Returns the series of a writer's row schema, in order. `None` if the schema is unknown.
    pub(crate) fn row_schema(
        &self,
        incarnation: Incarnation,
        schema: SeriesId,
    ) -> Result<Option<Vec<SeriesId>>> {
        self.read(|connection| {
            let mut select = connection.prepare_cached(
                "SELECT row, series FROM row_schemas
                 WHERE writer = (SELECT writer FROM writers WHERE incarnation = ?1) AND row = ?2",
            )?;
            let of = (incarnation.0.cast_signed(), schema.0);
            let found = select.query_row(of, super::source::row_schema).optional()?;
            Ok(found.map(|schema| schema.series))
        })
    }
}

impl RunRows<'_> {
    /// Returns the runs with inputs and outputs, but without params, tags and metrics.
    pub(crate) fn runs(&self) -> Result<Vec<(i64, RunRecord)>> {
        bare_records(self.connection, self.scope).map_err(index_error)
    }

    /// Visits the latest sealed points of all metrics or of one.
    pub(crate) fn each_metric(
        &self,
        key: Option<&str>,
        mut visit: impl FnMut(i64, &str, MetricPoint),
    ) -> Result<()> {
        self.each("metrics", "step, timestamp, value, bits", key, |run, key, row| {
            visit(run, key, metric_point(row, 2)?);
            Ok(())
        })
    }

    /// Visits the params or tags of all keys or of one.
    pub(crate) fn each_text(
        &self,
        table: TextTable,
        key: Option<&str>,
        mut visit: impl FnMut(i64, &str, &str),
    ) -> Result<()> {
        let table = match table {
            TextTable::Params => "params",
            TextTable::Tags => "tags",
        };
        self.each(table, "value", key, |run, key, row| {
            visit(run, key, row.get_ref(2)?.as_str()?);
            Ok(())
        })
    }

    /// Returns the blocks with points of a metric, each with the run and the series.
    pub(crate) fn blocks_of_metric(&self, key: &str) -> Result<Vec<(RunId, SeriesId, BlockPlace)>> {
        let from = match self.scope {
            RunScope::All => "runs",
            _ => "found CROSS JOIN runs USING (run)",
        };
        let sql = format!(
            "SELECT data, offset, length, checksum, run_id, series.series
             FROM {from} CROSS JOIN series USING (run)
             CROSS JOIN block_series USING (writer, series) CROSS JOIN blocks USING (block)
             WHERE key = ?1"
        );
        let blocks = || -> rusqlite::Result<Vec<_>> {
            let mut select = self.connection.prepare_cached(&sql)?;
            let blocks = select.query_map([key], |row| {
                Ok((parsed(row, 4)?, SeriesId(row.get(5)?), block_place(row)?))
            })?;
            blocks.collect()
        };
        blocks().map_err(index_error)
    }

    fn each(
        &self,
        table: &str,
        columns: &str,
        key: Option<&str>,
        visit: impl FnMut(i64, &str, &Row<'_>) -> rusqlite::Result<()>,
    ) -> Result<()> {
        // For all runs and keys, scan the whole table. Otherwise, look up each row.
        let from = match (self.scope, key) {
            (RunScope::All, None) => format!("{table} v"),
            (RunScope::All, Some(_)) => format!("runs CROSS JOIN {table} v USING (run)"),
            _ => format!("found CROSS JOIN {table} v USING (run)"),
        };
        let condition = if key.is_some() { "WHERE v.key = ?1" } else { "" };
        let sql = format!("SELECT run, v.key, {columns} FROM {from} {condition}");
        let visited = match key {
            Some(key) => visit_rows(self.connection, &sql, [key], visit),
            None => visit_rows(self.connection, &sql, (), visit),
        };
        visited.map_err(index_error)
    }
}

fn visit_rows(
    connection: &Connection,
    sql: &str,
    params: impl Params,
    mut visit: impl FnMut(i64, &str, &Row<'_>) -> rusqlite::Result<()>,
) -> rusqlite::Result<()> {
    let mut select = connection.prepare_cached(sql)?;
    let mut rows = select.query(params)?;
    while let Some(row) = rows.next()? {
        visit(row.get(0)?, row.get_ref(1)?.as_str()?, row)?;
    }
    Ok(())
}

/// Stores the row ids of these runs in the temporary table `found`.
fn find(connection: &Connection, runs: &[RunId]) -> rusqlite::Result<()> {
    let mut insert = connection
        .prepare_cached("INSERT OR IGNORE INTO found SELECT run FROM runs WHERE run_id = ?1")?;
    runs.iter().try_for_each(|run| insert.execute([run.to_string()]).map(drop))
}
