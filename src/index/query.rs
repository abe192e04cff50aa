//! Queries about experiments and runs, with params, tags and latest sealed metrics.

use std::collections::{BTreeMap, HashSet};
use std::str::FromStr;

use rusqlite::types::Type;
use rusqlite::{Connection, OptionalExtension as _, Params, Row, params_from_iter};

use crate::entity::id::{ExperimentId, RunId, Timestamp};
use crate::entity::{
    ARTIFACT_LOCATION_TAG, ExperimentInfo, GOAL_TAG_PREFIX, Lifecycle, MetricGoals, MetricPoint,
    RunInfo, RunRecord,
};
use crate::error::Result;

use super::run_scope::RunScope;
use super::{Index, IndexCounts, index_error, inputs, unsigned};

const EXPERIMENT: &str = "SELECT experiment_id, path, lifecycle, created, updated FROM experiments";

impl Index {
    /// Returns all experiments, including deleted ones, sorted by id.
    pub(crate) fn experiments(&self) -> Result<Vec<ExperimentInfo>> {
        self.select_experiments("1 ORDER BY experiment_id", ())
    }

    /// Returns the experiments whose path is wanted, including deleted ones, sorted by path.
    pub(crate) fn experiments_where(
        &self,
        mut is_wanted: impl FnMut(&str) -> bool,
    ) -> Result<Vec<ExperimentInfo>> {
        let all = self.select_experiments("1 ORDER BY path, experiment_id", ())?;
        Ok(all.into_iter().filter(|info| is_wanted(&info.path)).collect())
    }

    /// Returns the folders that were made, sorted.
    pub(crate) fn folders(&self) -> Result<Vec<String>> {
        self.read(|connection| {
            let mut select = connection.prepare_cached("SELECT path FROM folders ORDER BY path")?;
            select.query_map((), |row| row.get(0))?.collect()
        })
    }

    /// Returns the experiment with this id.
    pub(crate) fn experiment(&self, id: ExperimentId) -> Result<Option<ExperimentInfo>> {
        let found = self.select_experiments("experiment_id = ?1", [id.get().cast_signed()])?;
        Ok(found.into_iter().next())
    }

    /// Returns the artifact locations of the experiments that have their own.
    pub(crate) fn artifact_locations(&self) -> Result<BTreeMap<ExperimentId, String>> {
        self.read(|connection| {
            let mut select = connection.prepare_cached(
                "SELECT experiment_id, value FROM experiment_tags WHERE key = ?1",
            )?;
            let pair = |row: &Row<'_>| Ok((ExperimentId::new(unsigned(row.get(0)?)), row.get(1)?));
            select.query_map([ARTIFACT_LOCATION_TAG], pair)?.collect()
        })
    }

    /// Returns the goals of metrics that experiments set with tags.
    pub(crate) fn metric_goals(&self) -> Result<MetricGoals> {
        self.read(|connection| {
            let mut select = connection.prepare_cached(
                "SELECT experiment_id, key, value FROM experiment_tags
                 WHERE substr(key, 1, length(?1)) = ?1",
            )?;
            let tag = |row: &Row<'_>| {
                Ok((ExperimentId::new(unsigned(row.get(0)?)), row.get(1)?, row.get(2)?))
            };
            let tags = select.query_map([GOAL_TAG_PREFIX], tag)?;
            Ok(MetricGoals::of_tags(tags.collect::<rusqlite::Result<Vec<_>>>()?))
        })
    }

    /// Returns whether an experiment has a run or logged model, deleted ones too.
    pub(crate) fn is_used(&self, experiment: ExperimentId) -> Result<bool> {
        self.read(|connection| {
            let mut select = connection.prepare_cached(
                "SELECT 1 FROM runs WHERE experiment_id = ?1
                 UNION ALL SELECT 1 FROM logged_models WHERE experiment_id = ?1",
            )?;
            select.exists([experiment.get().cast_signed()])
        })
    }

    fn select_experiments(&self, which: &str, params: impl Params) -> Result<Vec<ExperimentInfo>> {
        self.read(|connection| {
            let mut select = connection.prepare_cached(&format!("{EXPERIMENT} WHERE {which}"))?;
            let found = select.query_map(params, experiment_info)?;
            let mut found = found.collect::<rusqlite::Result<Vec<_>>>()?;
            let mut select = connection.prepare_cached(
                "SELECT key, value FROM experiment_tags WHERE experiment_id = ?1",
            )?;
            for info in &mut found {
                info.tags = collect_pairs(&mut select, info.id.get().cast_signed())?;
            }
            Ok(found)
        })
    }

    /// Returns a run without params, tags and metrics.
    pub(crate) fn run_info(&self, id: RunId) -> Result<Option<RunInfo>> {
        Ok(self.run_infos(RunScope::One(id))?.into_iter().next())
    }

    /// Returns runs without params, tags and metrics, newest first.
    pub(crate) fn run_infos(&self, scope: RunScope) -> Result<Vec<RunInfo>> {
        let records = self.read(|connection| select_runs(connection, scope))?;
        Ok(newest_first(records).into_iter().map(|record| record.info).collect())
    }

    /// Returns runs with params, tags and latest sealed metrics, newest first.
    ///
    /// Takes seven queries, and a few more for each run with inputs or outputs. A run with 20
    /// values takes about 10 us.
    pub(crate) fn run_records(&self, scope: RunScope) -> Result<Vec<RunRecord>> {
        Ok(newest_first(self.read(|connection| records_of(connection, scope))?))
    }

    /// Returns up to two runs whose id starts with the prefix, to distinguish none, one and many.
    pub(crate) fn runs_by_prefix(&self, prefix: &str) -> Result<Vec<RunId>> {
        let prefix = prefix.to_ascii_lowercase();
        // `g` sorts after all hexadecimal digits.
        self.select_run_ids(
            "SELECT run_id FROM runs WHERE run_id >= ?1 AND run_id < ?2 LIMIT 2",
            [prefix.as_str(), &format!("{prefix}g")],
        )
    }

    /// Returns the direct children of a run, in the order of their start.
    pub(crate) fn children(&self, run: RunId) -> Result<Vec<RunId>> {
        self.select_run_ids(
            "SELECT run_id FROM runs WHERE parent = ?1 ORDER BY run",
            [run.to_string()],
        )
    }

    /// Returns the runs nested in this one at any depth, in the order of their start.
    pub(crate) fn descendants(&self, run: RunId) -> Result<Vec<RunId>> {
        // `UNION` removes duplicates, so a cycle of parents terminates.
        self.select_run_ids(
            "WITH RECURSIVE below (run, run_id) AS (
                 SELECT run, run_id FROM runs WHERE parent = ?1
                 UNION
                 SELECT runs.run, runs.run_id FROM below CROSS JOIN runs
                 ON runs.parent = below.run_id
             )
             SELECT run_id FROM below WHERE run_id <> ?1 ORDER BY run",
            [run.to_string()],
        )
    }

    /// Returns the ancestors of a run, its parent first.
    pub(crate) fn ancestors(&self, run: RunId) -> Result<Vec<RunId>> {
        self.read(|connection| {
            let mut select = connection.prepare_cached(
                "SELECT above.run_id FROM runs JOIN runs above ON above.run_id = runs.parent
                 WHERE runs.run_id = ?1",
            )?;
            let (mut found, mut seen) = (Vec::new(), HashSet::from([run]));
            let mut at = run;
            loop {
                let above = select.query_row([at.to_string()], |row| parsed(row, 0)).optional()?;
                let Some(above) = above.filter(|above| seen.insert(*above)) else { break };
                found.push(above);
                at = above;
            }
            Ok(found)
        })
    }

    fn select_run_ids(&self, sql: &str, params: impl Params) -> Result<Vec<RunId>> {
        self.read(|connection| {
            let mut select = connection.prepare_cached(sql)?;
            let ids = select.query_map(params, |row| parsed(row, 0))?;
            ids.collect()
        })
    }

    /// Returns the params of a run. Empty if there is no such run.
    pub(crate) fn params(&self, run: RunId) -> Result<BTreeMap<String, String>> {
        self.pairs("SELECT key, value FROM run_params WHERE run_id = ?1", run)
    }

    /// Returns the tags of a run. Empty if there is no such run.
    pub(crate) fn tags(&self, run: RunId) -> Result<BTreeMap<String, String>> {
        self.pairs("SELECT key, value FROM run_tags WHERE run_id = ?1", run)
    }

    fn pairs(&self, sql: &str, run: RunId) -> Result<BTreeMap<String, String>> {
        self.read(|connection| {
            collect_pairs(&mut *connection.prepare_cached(sql)?, run.to_string())
        })
    }

    /// Returns the latest sealed point of each metric of a run.
    pub(crate) fn metrics(&self, run: RunId) -> Result<BTreeMap<String, MetricPoint>> {
        self.read(|connection| {
            let mut select = connection.prepare_cached(
                "SELECT key, step, timestamp, value, bits FROM metrics
                 WHERE run = (SELECT run FROM runs WHERE run_id = ?1)",
            )?;
            let pairs = select
                .query_map([run.to_string()], |row| Ok((row.get(0)?, metric_point(row, 1)?)))?;
            pairs.collect()
        })
    }

    /// Returns the latest sealed point of one metric.
    pub(crate) fn latest(&self, run: RunId, key: &str) -> Result<Option<MetricPoint>> {
        self.read(|connection| {
            let mut select = connection.prepare_cached(
                "SELECT step, timestamp, value, bits FROM metrics
                 WHERE run = (SELECT run FROM runs WHERE run_id = ?1) AND key = ?2",
            )?;
            select.query_row((run.to_string(), key), |row| metric_point(row, 0)).optional()
        })
    }

    /// Returns the number of sealed points of a metric.
    pub(crate) fn sealed_points(&self, run: RunId, key: &str) -> Result<u64> {
        self.read(|connection| {
            let mut select = connection.prepare_cached(
                "SELECT points FROM metrics
                 WHERE run = (SELECT run FROM runs WHERE run_id = ?1) AND key = ?2",
            )?;
            let points = select.query_row((run.to_string(), key), |row| row.get(0)).optional()?;
            Ok(points.map_or(0, unsigned))
        })
    }

    /// Returns the number of experiments, runs and points.
    pub(crate) fn counts(&self) -> Result<IndexCounts> {
        self.read(|connection| {
            let mut select = connection.prepare_cached(
                "SELECT (SELECT count(*) FROM experiments), (SELECT count(*) FROM runs),
                 points, dropped FROM state",
            )?;
            select.query_row((), |row| {
                Ok(IndexCounts {
                    experiments: unsigned(row.get(0)?),
                    runs: unsigned(row.get(1)?),
                    points: unsigned(row.get(2)?),
                    dropped: unsigned(row.get(3)?),
                })
            })
        })
    }

    /// Runs several queries on one snapshot of the index.
    pub(super) fn read<T>(
        &self,
        query: impl FnOnce(&Connection) -> rusqlite::Result<T>,
    ) -> Result<T> {
        let answer = || {
            let transaction = self.store.connection.unchecked_transaction()?;
            query(&transaction)
        };
        answer().map_err(index_error)
    }
}

/// Returns runs with params, tags and latest sealed metrics, sorted by row id.
pub(super) fn records_of(
    connection: &Connection,
    scope: RunScope,
) -> rusqlite::Result<Vec<(i64, RunRecord)>> {
    let mut records = bare_records(connection, scope)?;
    each_value(connection, scope, "params", "value", &mut records, |record, key, row| {
        record.params.insert(key, row.get(2)?);
        Ok(())
    })?;
    each_value(connection, scope, "tags", "value", &mut records, |record, key, row| {
        record.tags.insert(key, row.get(2)?);
        Ok(())
    })?;
    let columns = "step, timestamp, value, bits";
    each_value(connection, scope, "metrics", columns, &mut records, |record, key, row| {
        record.metrics.insert(key, metric_point(row, 2)?);
        Ok(())
    })?;
    Ok(records)
}

/// Returns runs with inputs and outputs only, sorted by row id.
pub(super) fn bare_records(
    connection: &Connection,
    scope: RunScope,
) -> rusqlite::Result<Vec<(i64, RunRecord)>> {
    let mut records = select_runs(connection, scope)?;
    inputs::fill(connection, scope, &mut records)?;
    Ok(records)
}

/// Returns runs without values, sorted by row id.
fn select_runs(
    connection: &Connection,
    scope: RunScope,
) -> rusqlite::Result<Vec<(i64, RunRecord)>> {
    let (condition, param) = scope.condition();
    let mut select = connection.prepare_cached(&format!(
        "SELECT run, run_id, experiment_id, name, parent, user, status, started, ended, lifecycle
         FROM runs WHERE {condition} ORDER BY run"
    ))?;
    let records = select.query_map(params_from_iter(param), |row| {
        Ok((row.get(0)?, RunRecord::new(run_info(row)?)))
    })?;
    records.collect()
}

/// Calls `add` for each row of a table of values, with the run's record, the key and the row.
fn each_value(
    connection: &Connection,
    scope: RunScope,
    table: &str,
    columns: &str,
    records: &mut [(i64, RunRecord)],
    add: impl Fn(&mut RunRecord, String, &Row<'_>) -> rusqlite::Result<()>,
) -> rusqlite::Result<()> {
    let (condition, param) = scope.condition();
    let mut select = connection.prepare_cached(&format!(
        "SELECT v.run, v.key, {columns} FROM runs CROSS JOIN {table} v ON v.run = runs.run
         WHERE {condition}"
    ))?;
    let mut rows = select.query(params_from_iter(param))?;
    let mut at = 0;
    while let Some(row) = rows.next()? {
        let run: i64 = row.get(0)?;
        if records.get(at).is_none_or(|(known, _)| *known != run) {
            let Ok(found) = records.binary_search_by_key(&run, |(known, _)| *known) else {
                continue;
            };
            at = found;
        }
        add(&mut records[at].1, row.get(1)?, row)?;
    }
    Ok(())
}

fn newest_first(records: Vec<(i64, RunRecord)>) -> Vec<RunRecord> {
    let mut records: Vec<_> = records.into_iter().map(|(_, record)| record).collect();
    records.sort_by(|one, other| {
        other.info.started.cmp(&one.info.started).then(one.info.id.cmp(&other.info.id))
    });
    records
}

fn run_info(row: &Row<'_>) -> rusqlite::Result<RunInfo> {
    let parent: Option<String> = row.get(4)?;
    Ok(RunInfo {
        id: parsed(row, 1)?,
        experiment: ExperimentId::new(unsigned(row.get(2)?)),
        name: row.get(3)?,
        parent: parent.map(|_| parsed(row, 4)).transpose()?,
        user: row.get(5)?,
        status: parsed(row, 6)?,
        started: Timestamp::from_nanos(row.get(7)?),
        ended: row.get::<_, Option<i64>>(8)?.map(Timestamp::from_nanos),
        lifecycle: lifecycle(row, 9)?,
    })
}

fn experiment_info(row: &Row<'_>) -> rusqlite::Result<ExperimentInfo> {
    Ok(ExperimentInfo {
        id: ExperimentId::new(unsigned(row.get(0)?)),
        path: row.get(1)?,
        lifecycle: lifecycle(row, 2)?,
        created: Timestamp::from_nanos(row.get(3)?),
        updated: Timestamp::from_nanos(row.get(4)?),
        tags: BTreeMap::new(),
    })
}

/// Returns the key-value pairs of a query.
pub(super) fn collect_pairs(
    select: &mut rusqlite::Statement<'_>,
    of: impl rusqlite::ToSql,
) -> rusqlite::Result<BTreeMap<String, String>> {
    select.query_map([of], |row| Ok((row.get(0)?, row.get(1)?)))?.collect()
}

/// Parses a column that contains `active` or `deleted`.
pub(super) fn lifecycle(row: &Row<'_>, column: usize) -> rusqlite::Result<Lifecycle> {
    let active = row.get_ref(column)?.as_str()? == Lifecycle::Active.as_str();
    Ok(if active { Lifecycle::Active } else { Lifecycle::Deleted })
}

/// Parses a text column.
pub(super) fn parsed<T>(row: &Row<'_>, column: usize) -> rusqlite::Result<T>
where
    T: FromStr<Err = crate::error::Error>,
{
    row.get_ref(column)?.as_str()?.parse().map_err(|error: crate::error::Error| {
        rusqlite::Error::FromSqlConversionFailure(column, Type::Text, error.into())
    })
}

/// Returns the point stored in four columns from `column` on: step, timestamp, value and bits.
pub(super) fn metric_point(row: &Row<'_>, column: usize) -> rusqlite::Result<MetricPoint> {
    let bits: Option<i64> = row.get(column + 3)?;
    Ok(MetricPoint {
        step: row.get(column)?,
        time: Timestamp::from_nanos(row.get(column + 1)?),
        value: match bits {
            Some(bits) => f64::from_bits(unsigned(bits)),
            None => row.get(column + 2)?,
        },
    })
}

/// Returns the bits of a value that SQLite cannot store: NaN and negative zero.
pub(super) fn lost_bits(value: f64) -> Option<i64> {
    let lost = value.is_nan() || (value == 0.0 && value.is_sign_negative());
    lost.then(|| value.to_bits().cast_signed())
}
