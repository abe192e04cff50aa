//! Applies records about logged models. Records of unknown or purged models are ignored.

use rusqlite::OptionalExtension as _;

use crate::entity::id::LoggedModelId;
use crate::entity::{ArtifactOwner, Lifecycle, LoggedModelStatus};
use crate::format::record::{
    LoggedModelCreated, LoggedModelMetricsLogged, LoggedModelUpdated, MeasuredMetric, Record,
};

use super::super::query::lost_bits;
use super::{Applier, number};

/// The tables with rows that belong to a logged model.
const TABLES: [&str; 4] =
    ["logged_model_params", "logged_model_tags", "logged_model_metrics", "logged_models"];

impl Applier<'_> {
    /// Applies the record, and returns whether it is about logged models.
    pub(super) fn apply_to_logged_models(&self, record: &Record) -> rusqlite::Result<bool> {
        match record {
            Record::LoggedModelCreated(record) => self.logged_model_created(record)?,
            Record::LoggedModelUpdated(record) => self.logged_model_updated(record)?,
            Record::LoggedModelParamsSet(record) => {
                let insert = "INSERT OR IGNORE INTO logged_model_params VALUES (?1, ?2, ?3)";
                self.logged_model_pairs(record.model, insert, &record.params)?;
            }
            Record::LoggedModelTagsSet(record) => {
                let insert = "INSERT OR REPLACE INTO logged_model_tags VALUES (?1, ?2, ?3)";
                self.logged_model_pairs(record.model, insert, &record.tags)?;
            }
            Record::LoggedModelTagDeleted(record) => self.execute(
                "DELETE FROM logged_model_tags WHERE key = ?2 AND model =
                 (SELECT model FROM logged_models WHERE model_id = ?1)",
                (record.model.to_string(), &record.key),
            )?,
            Record::LoggedModelMetricsLogged(record) => self.logged_model_measured(record)?,
            Record::LoggedModelLifecycleSet(record) => self.execute(
                "UPDATE logged_models SET lifecycle = ?2, updated = ?3 WHERE model_id = ?1",
                (record.model.to_string(), record.lifecycle.as_str(), record.time),
            )?,
            Record::LoggedModelSignatureSet(record) => self.execute(
                "UPDATE logged_models SET signature = ?2, input_example = ?3, updated = ?4
                 WHERE model_id = ?1",
                (record.model.to_string(), &record.signature, &record.input_example, record.time),
            )?,
            Record::LoggedModelsPurged(record) => {
                record.models.iter().try_for_each(|model| self.logged_model_purged(*model))?;
            }
            _ => return Ok(false),
        }
        Ok(true)
    }

    fn logged_model(&self, id: LoggedModelId) -> rusqlite::Result<Option<i64>> {
        let mut select = self
            .connection
            .prepare_cached("SELECT model FROM logged_models WHERE model_id = ?1")?;
        select.query_row([id.to_string()], |row| row.get(0)).optional()
    }

    fn logged_model_created(&self, record: &LoggedModelCreated) -> rusqlite::Result<()> {
        let mut insert = self.connection.prepare_cached(
            "INSERT OR IGNORE INTO logged_models (model_id, experiment_id, name, model_type,
             source_run, status, created, updated, lifecycle)
             VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?7, ?8)",
        )?;
        let inserted = insert.execute((
            record.model.to_string(),
            number(record.experiment),
            &record.name,
            &record.model_type,
            &record.source_run,
            LoggedModelStatus::Pending.as_str(),
            record.time,
            Lifecycle::Active.as_str(),
        ))?;
        if inserted == 0 {
            return Ok(());
        }
        let params = "INSERT OR IGNORE INTO logged_model_params VALUES (?1, ?2, ?3)";
        self.logged_model_pairs(record.model, params, &record.params)?;
        let tags = "INSERT OR REPLACE INTO logged_model_tags VALUES (?1, ?2, ?3)";
        self.logged_model_pairs(record.model, tags, &record.tags)
    }

    fn logged_model_updated(&self, record: &LoggedModelUpdated) -> rusqlite::Result<()> {
        self.execute(
            "UPDATE logged_models SET status = ifnull(?2, status),
             status_message = ifnull(?3, status_message), updated = ?4 WHERE model_id = ?1",
            (
                record.model.to_string(),
                record.status.map(LoggedModelStatus::as_str),
                &record.status_message,
                record.time,
            ),
        )
    }

    fn logged_model_pairs(
        &self,
        id: LoggedModelId,
        insert: &str,
        pairs: &[(String, String)],
    ) -> rusqlite::Result<()> {
        let Some(model) = self.logged_model(id)? else { return Ok(()) };
        let mut insert = self.connection.prepare_cached(insert)?;
        pairs.iter().try_for_each(|(key, value)| insert.execute((model, key, value)).map(drop))
    }

    fn logged_model_measured(&self, record: &LoggedModelMetricsLogged) -> rusqlite::Result<()> {
        let Some(model) = self.logged_model(record.model)? else { return Ok(()) };
        record.metrics.iter().try_for_each(|metric| {
            let MeasuredMetric { key, value, step, time, run, dataset } = metric;
            let (name, digest) = dataset.as_ref().map(|(name, digest)| (name, digest)).unzip();
            let run = run.map(|run| run.to_string());
            self.execute(
                "INSERT INTO logged_model_metrics (model, key, step, timestamp, value, bits, run,
                 dataset_name, dataset_digest) VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9)",
                (model, key, step, time, value, lost_bits(*value), run, name, digest),
            )
        })
    }

    fn logged_model_purged(&self, id: LoggedModelId) -> rusqlite::Result<()> {
        self.artifacts_deleted(&ArtifactOwner::LoggedModel(id), "")?;
        let Some(model) = self.logged_model(id)? else { return Ok(()) };
        TABLES.iter().try_for_each(|table| {
            self.execute(&format!("DELETE FROM {table} WHERE model = ?1"), [model])
        })
    }
}
