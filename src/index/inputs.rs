//! Queries about inputs and outputs of runs.

use std::collections::BTreeMap;

use rusqlite::{Connection, OptionalExtension as _, Row, params_from_iter};

use crate::entity::id::{ExperimentId, RunId};
use crate::entity::{
    DATA_CONTEXT_TAG, Dataset, DatasetInput, DatasetSummary, ModelOutput, RunInputs, RunRecord,
};
use crate::error::Result;

use super::run_scope::RunScope;
use super::{Index, unsigned};

const DATASETS: &str = "name, digest, source_type, source, schema, profile, input
    FROM dataset_inputs JOIN datasets USING (dataset)";

impl Index {
    /// Returns the inputs of a run. Empty if there is no such run.
    pub(crate) fn run_inputs(&self, id: RunId) -> Result<RunInputs> {
        self.read(|connection| {
            let Some(run) = number_of(connection, id)? else { return Ok(RunInputs::default()) };
            Ok(RunInputs {
                datasets: datasets_of(connection, run)?,
                models: models_of(connection, run)?,
            })
        })
    }

    /// Returns the models created by a run. Empty if there is no such run.
    pub(crate) fn run_outputs(&self, id: RunId) -> Result<Vec<ModelOutput>> {
        self.read(|connection| match number_of(connection, id)? {
            Some(run) => outputs_of(connection, run),
            None => Ok(Vec::new()),
        })
    }

    /// Returns the datasets of these experiments and their purposes, without duplicates.
    pub(crate) fn datasets(&self, experiments: &[ExperimentId]) -> Result<Vec<DatasetSummary>> {
        self.read(|connection| {
            let mut select = connection.prepare_cached(
                "SELECT DISTINCT experiment_id, name, digest, value FROM datasets
                 JOIN dataset_inputs USING (dataset)
                 LEFT JOIN dataset_input_tags ON dataset_input_tags.input = dataset_inputs.input
                 AND key = ?1 WHERE experiment_id = ?2",
            )?;
            let mut found = Vec::new();
            for experiment in experiments {
                let of = (DATA_CONTEXT_TAG, experiment.get().cast_signed());
                let rows = select.query_map(of, |row| {
                    Ok(DatasetSummary {
                        experiment: ExperimentId::new(unsigned(row.get(0)?)),
                        name: row.get(1)?,
                        digest: row.get(2)?,
                        context: row.get(3)?,
                    })
                })?;
                found.extend(rows.collect::<rusqlite::Result<Vec<_>>>()?);
            }
            found.sort_unstable();
            found.dedup();
            Ok(found)
        })
    }
}

fn number_of(connection: &Connection, id: RunId) -> rusqlite::Result<Option<i64>> {
    let mut select = connection.prepare_cached("SELECT run FROM runs WHERE run_id = ?1")?;
    select.query_row([id.to_string()], |row| row.get(0)).optional()
}

/// Fills in the inputs and outputs of the runs in scope. Takes three queries, and a few more for
/// each run that has any.
pub(super) fn fill(
    connection: &Connection,
    scope: RunScope,
    records: &mut [(i64, RunRecord)],
) -> rusqlite::Result<()> {
    let with = |table: &str| -> rusqlite::Result<Vec<i64>> {
        let (condition, param) = scope.condition();
        let mut select = connection.prepare_cached(&format!(
            "SELECT run FROM runs WHERE EXISTS (SELECT 1 FROM {table})
             AND run IN (SELECT run FROM {table}) AND {condition}"
        ))?;
        select.query_map(params_from_iter(param), |row| row.get(0))?.collect()
    };
    for run in with("dataset_inputs")? {
        if let Some(record) = record_of(records, run) {
            record.datasets = datasets_of(connection, run)?;
        }
    }
    for run in with("model_inputs")? {
        if let Some(record) = record_of(records, run) {
            record.model_inputs = models_of(connection, run)?;
        }
    }
    for run in with("model_outputs")? {
        if let Some(record) = record_of(records, run) {
            record.model_outputs = outputs_of(connection, run)?;
        }
    }
    Ok(())
}

fn record_of(records: &mut [(i64, RunRecord)], run: i64) -> Option<&mut RunRecord> {
    let found = records.binary_search_by_key(&run, |(known, _)| *known).ok();
    found.map(|at| &mut records[at].1)
}

fn datasets_of(connection: &Connection, run: i64) -> rusqlite::Result<Vec<DatasetInput>> {
    let mut select =
        connection.prepare_cached(&format!("SELECT {DATASETS} WHERE run = ?1 ORDER BY input"))?;
    let found = select.query_map([run], |row| Ok((row.get(6)?, dataset(row)?)))?;
    let found = found.collect::<rusqlite::Result<Vec<(i64, Dataset)>>>()?;
    let mut select =
        connection.prepare_cached("SELECT key, value FROM dataset_input_tags WHERE input = ?1")?;
    let mut inputs = Vec::with_capacity(found.len());
    for (input, dataset) in found {
        let tags = select.query_map([input], |row| Ok((row.get(0)?, row.get(1)?)))?;
        let tags = tags.collect::<rusqlite::Result<BTreeMap<_, _>>>()?;
        inputs.push(DatasetInput { dataset, tags });
    }
    Ok(inputs)
}

fn dataset(row: &Row<'_>) -> rusqlite::Result<Dataset> {
    Ok(Dataset {
        name: row.get(0)?,
        digest: row.get(1)?,
        source_type: row.get(2)?,
        source: row.get(3)?,
        schema: row.get(4)?,
        profile: row.get(5)?,
    })
}

fn models_of(connection: &Connection, run: i64) -> rusqlite::Result<Vec<String>> {
    let mut select = connection
        .prepare_cached("SELECT model FROM model_inputs WHERE run = ?1 ORDER BY input")?;
    select.query_map([run], |row| row.get(0))?.collect()
}

fn outputs_of(connection: &Connection, run: i64) -> rusqlite::Result<Vec<ModelOutput>> {
    let mut select = connection
        .prepare_cached("SELECT model, step FROM model_outputs WHERE run = ?1 ORDER BY output")?;
    let output = |row: &Row<'_>| Ok(ModelOutput { model: row.get(0)?, step: row.get(1)? });
    select.query_map([run], output)?.collect()
}
