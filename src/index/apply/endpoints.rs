//! Applies records about endpoints. A record whose revision is not the highest is ignored.

use crate::format::record::{EndpointDeleted, EndpointSaved, Record};

use super::Applier;

impl Applier<'_> {
    /// Applies the record. Returns false if it does not concern endpoints.
    pub(super) fn apply_to_endpoints(&self, record: &Record) -> rusqlite::Result<bool> {
        match record {
            Record::EndpointSaved(record) => self.endpoint_saved(record)?,
            Record::EndpointDeleted(record) => self.endpoint_deleted(record)?,
            _ => return Ok(false),
        }
        Ok(true)
    }

    fn endpoint_saved(&self, record: &EndpointSaved) -> rusqlite::Result<()> {
        self.execute(
            "INSERT INTO endpoints
             (name, endpoint_id, creator, created, author, revision, state, updated)
             VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8)
             ON CONFLICT (name) DO UPDATE SET endpoint_id = ?2, creator = ?3, created = ?4,
             author = ?5, revision = ?6, state = ?7, updated = ?8 WHERE revision < ?6",
            (
                &record.name,
                record.endpoint.to_string(),
                &record.creator,
                record.created,
                &record.author,
                record.revision.cast_signed(),
                record.state.to_json(),
                record.time,
            ),
        )
    }

    /// Keeps the revision, so that it is not used again by a later endpoint with this name.
    fn endpoint_deleted(&self, record: &EndpointDeleted) -> rusqlite::Result<()> {
        self.execute(
            "INSERT INTO endpoints (name, author, revision, updated) VALUES (?1, ?2, ?3, ?4)
             ON CONFLICT (name) DO UPDATE SET endpoint_id = NULL, creator = NULL, created = NULL,
             author = ?2, revision = ?3, state = NULL, updated = ?4 WHERE revision < ?3",
            (&record.name, &record.author, record.revision.cast_signed(), record.time),
        )
    }
}
