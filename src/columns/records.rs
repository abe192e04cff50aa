//! Assembles run records from columns.

use crate::entity::RunRecord;

use super::RunColumns;

impl RunColumns {
    /// Returns the runs of these rows, with the values of the loaded columns.
    pub(crate) fn records(&self, rows: &[u32]) -> Vec<RunRecord> {
        let mut records: Vec<RunRecord> = rows.iter().map(|row| self.run(*row).clone()).collect();
        // Keys are sorted, so each map grows at its end.
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
