//! Applies records about inputs and outputs of runs. Existing rows keep their first values.

use rusqlite::OptionalExtension as _;

use crate::format::record::{DatasetLogged, InputsLogged, OutputsLogged};

use super::Applier;

impl Applier<'_> {
    pub(super) fn inputs_logged(&mut self, record: &InputsLogged) -> rusqlite::Result<()> {
        let Some(run) = self.run(record.run)? else { return Ok(()) };
        record.datasets.iter().try_for_each(|dataset| self.dataset_logged(run, dataset))?;
        record.models.iter().try_for_each(|model| {
            self.execute(
                "INSERT OR IGNORE INTO model_inputs (run, model) VALUES (?1, ?2)",
                (run, model),
            )
        })
    }

    pub(super) fn outputs_logged(&mut self, record: &OutputsLogged) -> rusqlite::Result<()> {
        let Some(run) = self.run(record.run)? else { return Ok(()) };
        record.models.iter().try_for_each(|(model, step)| {
            self.execute(
                "INSERT OR IGNORE INTO model_outputs (run, model, step) VALUES (?1, ?2, ?3)",
                (run, model, step),
            )
        })
    }

    fn dataset_logged(&self, run: i64, dataset: &DatasetLogged) -> rusqlite::Result<()> {
        self.execute(
            "INSERT OR IGNORE INTO datasets
             (experiment_id, name, digest, source_type, source, schema, profile)
             SELECT experiment_id, ?2, ?3, ?4, ?5, ?6, ?7 FROM runs WHERE run = ?1",
            (
                run,
                &dataset.name,
                &dataset.digest,
                &dataset.source_type,
                &dataset.source,
                &dataset.schema,
                &dataset.profile,
            ),
        )?;
        let mut insert = self.connection.prepare_cached(
            "INSERT OR IGNORE INTO dataset_inputs (run, dataset)
             SELECT run, dataset FROM runs JOIN datasets USING (experiment_id)
             WHERE run = ?1 AND datasets.name = ?2 AND digest = ?3 RETURNING input",
        )?;
        let input: Option<i64> =
            insert.query_row((run, &dataset.name, &dataset.digest), |row| row.get(0)).optional()?;
        let Some(input) = input else { return Ok(()) };
        dataset.tags.iter().try_for_each(|(key, value)| {
            self.execute(
                "INSERT OR REPLACE INTO dataset_input_tags VALUES (?1, ?2, ?3)",
                (input, key, value),
            )
        })
    }

    /// Removes the inputs of a run, and the datasets that no other run uses.
    pub(super) fn purge_inputs(&self, run: i64) -> rusqlite::Result<()> {
        self.execute(
            "DELETE FROM dataset_input_tags WHERE input IN
             (SELECT input FROM dataset_inputs WHERE run = ?1)",
            [run],
        )?;
        self.execute(
            "DELETE FROM datasets WHERE dataset IN
             (SELECT dataset FROM dataset_inputs WHERE run = ?1) AND NOT EXISTS
             (SELECT 1 FROM dataset_inputs other
              WHERE other.dataset = datasets.dataset AND other.run <> ?1)",
            [run],
        )
    }
}
