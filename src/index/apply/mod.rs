//! Applies records to the tables of the index.
//!
//! The content of a record never causes an error. A record about something unknown or purged is
//! ignored.

mod artifacts;
mod endpoints;
mod folders;
mod inputs;
mod jobs;
mod logged_models;
mod points;
mod registry;
mod tables;
mod tags;
mod tokens;
mod views;
mod webhooks;

use foldhash::{HashMap, HashMapExt as _, HashSet, HashSetExt as _};
use rusqlite::{Connection, OptionalExtension as _, Params};

use crate::entity::id::{ExperimentId, RunId};
use crate::entity::{ArtifactOwner, Lifecycle, PARENT_RUN_TAG, RUN_NAME_TAG, RunStatus};
use crate::format::record::{
    Incarnation, Position, Purged, Record, RunLifecycleSet, RunResumed, RunStarted, RunUpdated,
    SeriesId,
};

/// The tables with rows that belong to a run.
const RUN_TABLES: [&str; 8] = [
    "params",
    "tags",
    "metrics",
    "dataset_inputs",
    "model_inputs",
    "model_outputs",
    "run_writers",
    "runs",
];

/// Applies the records of one transaction. Caches the row ids of runs and writers, and other values
/// written here that are soon needed again.
pub(super) struct Applier<'c> {
    connection: &'c Connection,
    runs: HashMap<RunId, Option<i64>>,
    writers: HashMap<Incarnation, Option<i64>>,
    /// The run and key of series by writer and id, for those defined or looked up here.
    series: HashMap<(i64, SeriesId), (i64, String)>,
    /// The pairs of run and writer known to be stored.
    run_writers: HashSet<(i64, i64)>,
    records: i64,
    points: i64,
    dropped: i64,
}

impl<'c> Applier<'c> {
    pub(super) fn new(connection: &'c Connection) -> Self {
        Applier {
            connection,
            runs: HashMap::new(),
            writers: HashMap::new(),
            series: HashMap::new(),
            run_writers: HashSet::new(),
            records: 0,
            points: 0,
            dropped: 0,
        }
    }

    /// Moves the cursor, and returns the number of records ever applied to the index.
    pub(super) fn finish(
        self,
        position: Position,
        hash: u64,
        boot_id: u128,
    ) -> rusqlite::Result<i64> {
        let mut statement = self.connection.prepare_cached(
            "UPDATE state SET position = ?1, hash = ?2, records = records + ?3,
             points = points + ?4, dropped = dropped + ?5, dirty_boot = ?6 RETURNING records",
        )?;
        let cursor = (position.0.cast_signed(), hash.cast_signed());
        let counts = (self.records, self.points, self.dropped);
        statement.query_row(
            (cursor.0, cursor.1, counts.0, counts.1, counts.2, super::hex(boot_id)),
            |row| row.get(0),
        )
    }

    pub(super) fn apply(&mut self, record: &Record) -> rusqlite::Result<()> {
        self.records += 1;
        match record {
            Record::WriterOpened(record) => self.writer_opened(record),
            Record::WriterClosed(record) => self.writer_closed(record.incarnation),
            Record::ExtentOpened(record) => self.extent_opened(record),
            Record::Sealed(record) => self.sealed(record),
            Record::BlockMoved(record) => self.block_moved(record),
            Record::SeriesDefined(record) => self.series_defined(record),
            Record::RowDefined(record) => self.row_defined(record),
            Record::ExperimentCreated(record) => self.execute(
                "INSERT OR IGNORE INTO experiments VALUES (?1, ?2, 'active', ?3, ?3)",
                (number(record.experiment), &record.path, record.time),
            ),
            Record::ExperimentRenamed(record) => self.execute(
                "UPDATE experiments SET path = ?2, updated = ?3 WHERE experiment_id = ?1",
                (number(record.experiment), &record.path, record.time),
            ),
            Record::ExperimentLifecycleSet(record) => {
                self.experiment_lifecycle_set(record.experiment, record.lifecycle, record.time)
            }
            Record::ExperimentTagsSet(record) => {
                self.experiment_tags_set(record.experiment, &record.tags)
            }
            Record::ExperimentTagDeleted(record) => self.execute(
                "DELETE FROM experiment_tags WHERE experiment_id = ?1 AND key = ?2",
                (number(record.experiment), &record.key),
            ),
            Record::RunStarted(record) => self.run_started(record),
            Record::RunResumed(record) => self.run_resumed(record),
            Record::RunUpdated(record) => self.run_updated(record),
            Record::RunLifecycleSet(record) => self.run_lifecycle_set(record),
            Record::ParamsSet(record) => {
                // If two processes raced, the first record in the chain has set the param.
                self.pairs_set(
                    "INSERT OR IGNORE INTO params VALUES (?1, ?2, ?3)",
                    record.run,
                    &record.params,
                )
            }
            Record::TagsSet(record) => self.tags_set(record.run, &record.tags),
            Record::TagDeleted(record) => self.tag_deleted(record.run, &record.key),
            Record::Purged(record) => self.purged(record),
            Record::InputsLogged(record) => self.inputs_logged(record),
            Record::OutputsLogged(record) => self.outputs_logged(record),
            Record::ChunkUnitOpened(record) => self.chunk_unit_opened(record),
            Record::ChunksStored(record) => self.chunks_stored(record),
            Record::ChunksFreed(record) => self.chunks_freed(record),
            Record::ArtifactsWritten(record) => self.artifacts_written(record),
            Record::ArtifactReferenced(record) => self.artifact_referenced(record),
            Record::ArtifactsDeleted(record) => self.artifacts_deleted(&record.owner, &record.path),
            // Records about space, and records that repeat others, do not affect queries.
            Record::BlockUnitOpened(_)
            | Record::Punched(_)
            | Record::Checkpoint(_)
            | Record::Unknown { .. } => Ok(()),
            other => self.apply_to_others(other),
        }
    }

    /// Applies a record about a logged model, a token, a webhook, a view, a folder, an endpoint,
    /// a stored table, a job or the registry.
    fn apply_to_others(&mut self, record: &Record) -> rusqlite::Result<()> {
        let is_applied = self.apply_to_logged_models(record)?
            || self.apply_to_tokens(record)?
            || self.apply_to_webhooks(record)?
            || self.apply_to_views(record)?
            || self.apply_to_folders(record)?
            || self.apply_to_endpoints(record)?
            || self.apply_to_tables(record)?
            || self.apply_to_jobs(record)?;
        if is_applied { Ok(()) } else { self.apply_to_registry(record) }
    }

    fn execute(&self, sql: &str, params: impl Params) -> rusqlite::Result<()> {
        self.connection.prepare_cached(sql)?.execute(params).map(drop)
    }

    fn run(&mut self, id: RunId) -> rusqlite::Result<Option<i64>> {
        if let Some(&known) = self.runs.get(&id) {
            return Ok(known);
        }
        let mut select =
            self.connection.prepare_cached("SELECT run FROM runs WHERE run_id = ?1")?;
        let run = select.query_row([id.to_string()], |row| row.get(0)).optional()?;
        self.runs.insert(id, run);
        Ok(run)
    }

    fn writer(&mut self, incarnation: Incarnation) -> rusqlite::Result<Option<i64>> {
        if let Some(&known) = self.writers.get(&incarnation) {
            return Ok(known);
        }
        let mut select =
            self.connection.prepare_cached("SELECT writer FROM writers WHERE incarnation = ?1")?;
        let writer =
            select.query_row([incarnation.0.cast_signed()], |row| row.get(0)).optional()?;
        self.writers.insert(incarnation, writer);
        Ok(writer)
    }

    fn experiment_lifecycle_set(
        &mut self,
        experiment: ExperimentId,
        lifecycle: Lifecycle,
        time: i64,
    ) -> rusqlite::Result<()> {
        self.execute(
            "UPDATE experiments SET lifecycle = ?2 WHERE experiment_id = ?1",
            (number(experiment), lifecycle.as_str()),
        )?;
        self.experiment_updated(experiment, time)?;
        // Like MLflow, restore all runs, even those deleted separately before.
        self.execute(
            "UPDATE runs SET lifecycle = ?2, deleted = iif(?2 = 'active', NULL, ?3)
             WHERE experiment_id = ?1 AND lifecycle <> ?2",
            (number(experiment), lifecycle.as_str(), time),
        )
    }

    fn experiment_tags_set(
        &mut self,
        experiment: ExperimentId,
        tags: &[(String, String)],
    ) -> rusqlite::Result<()> {
        tags.iter().try_for_each(|(key, value)| {
            self.execute(
                "INSERT OR REPLACE INTO experiment_tags VALUES (?1, ?2, ?3)",
                (number(experiment), key, value),
            )
        })
    }

    fn experiment_updated(&self, experiment: ExperimentId, time: i64) -> rusqlite::Result<()> {
        self.execute(
            "UPDATE experiments SET updated = ?2 WHERE experiment_id = ?1",
            (number(experiment), time),
        )
    }

    fn run_started(&mut self, record: &RunStarted) -> rusqlite::Result<()> {
        let parent = record.parent.map(|parent| parent.to_string());
        let mut insert = self.connection.prepare_cached(
            "INSERT OR IGNORE INTO runs
             (run_id, experiment_id, name, parent, user, status, started, lifecycle)
             VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, 'active')",
        )?;
        let inserted = insert.execute((
            record.run.to_string(),
            number(record.experiment),
            &record.name,
            &parent,
            &record.user,
            RunStatus::Running.as_str(),
            record.time,
        ))?;
        self.runs.remove(&record.run);
        if inserted > 0 {
            let run = self.connection.last_insert_rowid();
            self.runs.insert(record.run, Some(run));
            self.set_tag(run, RUN_NAME_TAG, &record.name)?;
            parent.map_or(Ok(()), |parent| self.set_tag(run, PARENT_RUN_TAG, &parent))?;
        }
        self.writes(record.run, record.incarnation)
    }

    fn run_resumed(&mut self, record: &RunResumed) -> rusqlite::Result<()> {
        let Some(run) = self.run(record.run)? else { return Ok(()) };
        self.execute(
            "UPDATE runs SET status = ?2, ended = NULL WHERE run = ?1",
            (run, RunStatus::Running.as_str()),
        )?;
        self.writes(record.run, Some(record.incarnation))
    }

    fn writes(&mut self, run: RunId, incarnation: Option<Incarnation>) -> rusqlite::Result<()> {
        let Some(incarnation) = incarnation else { return Ok(()) };
        match (self.run(run)?, self.writer(incarnation)?) {
            (Some(run), Some(writer)) => self.run_has_writer(run, writer),
            _ => Ok(()),
        }
    }

    fn run_has_writer(&mut self, run: i64, writer: i64) -> rusqlite::Result<()> {
        if self.run_writers.contains(&(run, writer)) {
            return Ok(());
        }
        self.execute("INSERT OR IGNORE INTO run_writers VALUES (?1, ?2)", (run, writer))?;
        self.run_writers.insert((run, writer));
        Ok(())
    }

    fn run_updated(&mut self, record: &RunUpdated) -> rusqlite::Result<()> {
        let Some(run) = self.run(record.run)? else { return Ok(()) };
        if let Some(name) = &record.name {
            self.set_name(run, name)?;
            self.set_tag(run, RUN_NAME_TAG, name)?;
        }
        if let Some(status) = record.status {
            self.execute("UPDATE runs SET status = ?2 WHERE run = ?1", (run, status.as_str()))?;
        }
        if let Some(ended) = record.ended {
            self.execute("UPDATE runs SET ended = ?2 WHERE run = ?1", (run, ended))?;
        }
        Ok(())
    }

    fn run_lifecycle_set(&mut self, record: &RunLifecycleSet) -> rusqlite::Result<()> {
        let Some(run) = self.run(record.run)? else { return Ok(()) };
        self.execute(
            "UPDATE runs SET lifecycle = ?2, deleted = iif(?2 = 'active', NULL, ?3)
             WHERE run = ?1 AND lifecycle <> ?2",
            (run, record.lifecycle.as_str(), record.time),
        )
    }

    fn pairs_set(
        &mut self,
        insert: &str,
        run: RunId,
        pairs: &[(String, String)],
    ) -> rusqlite::Result<()> {
        let Some(run) = self.run(run)? else { return Ok(()) };
        let mut insert = self.connection.prepare_cached(insert)?;
        for (key, value) in pairs {
            insert.execute((run, key, value))?;
        }
        Ok(())
    }

    fn purged(&mut self, record: &Purged) -> rusqlite::Result<()> {
        for &id in &record.runs {
            if let Some(run) = self.run(id)? {
                self.run_purged(run)?;
                self.artifacts_deleted(&ArtifactOwner::Run(id), "")?;
            }
            self.runs.remove(&id);
        }
        for &experiment in &record.experiments {
            let experiment = number(experiment);
            self.execute("DELETE FROM experiment_tags WHERE experiment_id = ?1", [experiment])?;
            self.execute("DELETE FROM experiments WHERE experiment_id = ?1", [experiment])?;
        }
        // Every file has a default experiment. Purging it leaves an empty one.
        self.execute(
            "INSERT OR IGNORE INTO experiments SELECT 0, 'Default', 'active',
             ifnull(min(opened), 0), ifnull(min(opened), 0) FROM writers",
            (),
        )
    }

    /// Removes a run. Its series stay without run and key, to mark their points as purged.
    fn run_purged(&mut self, run: i64) -> rusqlite::Result<()> {
        let points: i64 = self
            .connection
            .prepare_cached("SELECT ifnull(sum(points), 0) FROM metrics WHERE run = ?1")?
            .query_row([run], |row| row.get(0))?;
        self.points -= points;
        self.series.retain(|_, (of, _)| *of != run);
        self.run_writers.retain(|(of, _)| *of != run);
        self.purge_blocks(run)?;
        self.execute(
            "DELETE FROM block_series WHERE (writer, series) IN
             (SELECT writer, series FROM series WHERE run = ?1)",
            [run],
        )?;
        self.execute(
            "DELETE FROM row_schema_runs WHERE run = ?1
             AND writer IN (SELECT writer FROM run_writers WHERE run = ?1)",
            [run],
        )?;
        self.execute("UPDATE series SET run = NULL, key = '' WHERE run = ?1", [run])?;
        self.purge_inputs(run)?;
        for table in RUN_TABLES {
            self.execute(&format!("DELETE FROM {table} WHERE run = ?1"), [run])?;
        }
        Ok(())
    }
}

fn number(experiment: ExperimentId) -> i64 {
    experiment.get().cast_signed()
}
