//! Applies records about folders.

use crate::format::record::Record;

use super::Applier;

impl Applier<'_> {
    /// Applies the record. Returns false if it does not concern folders.
    pub(super) fn apply_to_folders(&self, record: &Record) -> rusqlite::Result<bool> {
        match record {
            Record::FolderMade(record) => self.execute(
                "INSERT OR IGNORE INTO folders VALUES (?1, ?2)",
                (&record.path, record.time),
            )?,
            Record::FolderRemoved(record) => {
                self.execute("DELETE FROM folders WHERE path = ?1", [&record.path])?;
            }
            _ => return Ok(false),
        }
        Ok(true)
    }
}
