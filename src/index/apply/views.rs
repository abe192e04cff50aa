//! Applies records about saved views. A record whose revision is not the highest is ignored.

use crate::format::record::{Record, ViewDeleted, ViewSaved};

use super::Applier;

impl Applier<'_> {
    /// Applies the record. Returns false if it does not concern saved views.
    pub(super) fn apply_to_views(&self, record: &Record) -> rusqlite::Result<bool> {
        match record {
            Record::ViewSaved(record) => self.view_saved(record)?,
            Record::ViewDeleted(record) => self.view_deleted(record)?,
            _ => return Ok(false),
        }
        Ok(true)
    }

    fn view_saved(&self, record: &ViewSaved) -> rusqlite::Result<()> {
        self.execute(
            "INSERT INTO saved_views (name, state, author, revision, created, updated)
             VALUES (?1, ?2, ?3, ?4, ?5, ?6)
             ON CONFLICT (name) DO UPDATE SET state = ?2, author = ?3, revision = ?4,
             created = ?5, updated = ?6 WHERE revision < ?4",
            (
                &record.name,
                &record.state,
                &record.author,
                record.revision.cast_signed(),
                record.created,
                record.time,
            ),
        )
    }

    /// Keeps the revision, so that it is not used again by a later view with this name.
    fn view_deleted(&self, record: &ViewDeleted) -> rusqlite::Result<()> {
        self.execute(
            "INSERT INTO saved_views (name, state, author, revision, created, updated)
             VALUES (?1, NULL, ?2, ?3, NULL, ?4)
             ON CONFLICT (name) DO UPDATE SET state = NULL, author = ?2, revision = ?3,
             created = NULL, updated = ?4 WHERE revision < ?3",
            (&record.name, &record.author, record.revision.cast_signed(), record.time),
        )
    }
}
