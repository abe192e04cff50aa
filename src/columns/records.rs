//! Runs as records again, out of the columns.

use crate::entity::RunRecord;

use super::RunColumns;

impl RunColumns {
    /// The runs of these rows, with what there are columns of.
    pub(crate) fn records(&self, rows: &[u32]) -> Vec<RunRecord> {
        let mut records: Vec<RunRecord> = rows.iter().map(|row| self.run(*row).clone()).collect();
        // Keys come in order, so that each map grows at its end.
        for (key, column) in &self.metrics {
            for (record, row) in records.iter_mut().zip(rows) {
                if let Some(point) = column.get(*row) {
                    record.metrics.insert(key.clone(), *point);
                }
            }
        }
        for (key, column) in &self.params {
            for (record, row) in records.iter_mut().zip(rows) {
                if let Some(text) = column.get(*row) {
                    record.params.insert(key.clone(), text.to_owned());
                }
            }
        }
        for (key, column) in &self.tags {
            for (record, row) in records.iter_mut().zip(rows) {
                if let Some(text) = column.get(*row) {
                    record.tags.insert(key.clone(), text.to_owned());
                }
            }
        }
        records
    }
}
