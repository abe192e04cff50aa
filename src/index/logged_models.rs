//! Queries about logged models.

use std::collections::BTreeMap;

use rusqlite::{Connection, OptionalExtension as _, Params, Row};

use crate::entity::id::{ExperimentId, LoggedModelId, Timestamp};
use crate::entity::{Lifecycle, LoggedModelInfo, LoggedModelMetric};
use crate::error::Result;

use super::query::{lifecycle, metric_point, parsed};
use super::registry::optional;
use super::{Index, unsigned};

const MODEL: &str = "SELECT model, model_id, experiment_id, name, model_type, source_run, status,
    status_message, created, updated, lifecycle, signature, input_example FROM logged_models";

impl Index {
    /// Returns a logged model, whether deleted or not.
    pub(crate) fn logged_model(&self, id: LoggedModelId) -> Result<Option<LoggedModelInfo>> {
        let found =
            self.read(|connection| models_where(connection, "model_id = ?1", [id.to_string()]))?;
        Ok(found.into_iter().next())
    }

    /// Returns the lifecycle of a logged model and of its experiment.
    pub(crate) fn logged_model_lifecycle(
        &self,
        id: LoggedModelId,
    ) -> Result<Option<(Lifecycle, Lifecycle)>> {
        self.read(|connection| {
            let mut select = connection.prepare_cached(
                "SELECT logged_models.lifecycle, experiments.lifecycle
                 FROM logged_models JOIN experiments USING (experiment_id) WHERE model_id = ?1",
            )?;
            let both = |row: &Row<'_>| Ok((lifecycle(row, 0)?, lifecycle(row, 1)?));
            select.query_row([id.to_string()], both).optional()
        })
    }

    /// Returns the active logged models of these experiments, or of all. Takes about 20 us per
    /// model.
    pub(crate) fn logged_models(
        &self,
        experiments: Option<&[ExperimentId]>,
    ) -> Result<Vec<LoggedModelInfo>> {
        self.read(|connection| {
            let Some(experiments) = experiments else {
                return models_where(connection, "lifecycle = 'active' ORDER BY model", ());
            };
            let mut found = Vec::new();
            for experiment in experiments {
                let which = "experiment_id = ?1 AND lifecycle = 'active' ORDER BY model";
                let of = [experiment.get().cast_signed()];
                found.extend(models_where(connection, which, of)?);
            }
            Ok(found)
        })
    }

    /// Returns up to `most` logged models that are deleted, or whose experiment is deleted or gone.
    pub(crate) fn deleted_logged_models(&self, most: usize) -> Result<Vec<LoggedModelId>> {
        self.read(|connection| {
            let mut select = connection.prepare_cached(
                "SELECT model_id FROM logged_models LEFT JOIN experiments USING (experiment_id)
                 WHERE logged_models.lifecycle <> 'active'
                 OR ifnull(experiments.lifecycle, '') <> 'active' ORDER BY model LIMIT ?1",
            )?;
            select
                .query_map([i64::try_from(most).unwrap_or(i64::MAX)], |row| parsed(row, 0))?
                .collect()
        })
    }
}

fn models_where(
    connection: &Connection,
    which: &str,
    params: impl Params,
) -> rusqlite::Result<Vec<LoggedModelInfo>> {
    let mut select = connection.prepare_cached(&format!("{MODEL} WHERE {which}"))?;
    let found = select.query_map(params, model_info)?;
    let mut found = found.collect::<rusqlite::Result<Vec<(i64, LoggedModelInfo)>>>()?;
    for (model, info) in &mut found {
        info.params = pairs(connection, "logged_model_params", *model)?;
        info.tags = pairs(connection, "logged_model_tags", *model)?;
        info.metrics = metrics(connection, *model)?;
    }
    Ok(found.into_iter().map(|(_, info)| info).collect())
}

fn pairs(
    connection: &Connection,
    table: &str,
    model: i64,
) -> rusqlite::Result<BTreeMap<String, String>> {
    let sql = format!("SELECT key, value FROM {table} WHERE model = ?1");
    super::query::collect_pairs(&mut *connection.prepare_cached(&sql)?, model)
}

fn metrics(connection: &Connection, model: i64) -> rusqlite::Result<Vec<LoggedModelMetric>> {
    let mut select = connection.prepare_cached(
        "SELECT key, step, timestamp, value, bits, run, dataset_name, dataset_digest
         FROM logged_model_metrics WHERE model = ?1 ORDER BY metric",
    )?;
    let found = select.query_map([model], |row| {
        let point = metric_point(row, 1)?;
        let (name, digest): (Option<String>, Option<String>) = (row.get(6)?, row.get(7)?);
        Ok(LoggedModelMetric {
            key: row.get(0)?,
            value: point.value,
            step: point.step,
            time: point.time,
            run: optional(row, 5)?,
            dataset: name.zip(digest),
        })
    })?;
    found.collect()
}

fn model_info(row: &Row<'_>) -> rusqlite::Result<(i64, LoggedModelInfo)> {
    let info = LoggedModelInfo {
        id: parsed(row, 1)?,
        experiment: ExperimentId::new(unsigned(row.get(2)?)),
        name: row.get(3)?,
        model_type: row.get(4)?,
        source_run: row.get(5)?,
        status: parsed(row, 6)?,
        status_message: row.get(7)?,
        created: Timestamp::from_nanos(row.get(8)?),
        updated: Timestamp::from_nanos(row.get(9)?),
        lifecycle: lifecycle(row, 10)?,
        params: BTreeMap::new(),
        tags: BTreeMap::new(),
        metrics: Vec::new(),
        signature: row.get(11)?,
        input_example: row.get(12)?,
    };
    Ok((row.get(0)?, info))
}
