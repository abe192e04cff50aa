//! Applies records about access tokens. The first creation and the first revocation count.

use crate::format::record::{Record, TokenCreated};

use super::Applier;

impl Applier<'_> {
    /// Applies the record. Returns false if it does not concern tokens.
    pub(super) fn apply_to_tokens(&self, record: &Record) -> rusqlite::Result<bool> {
        match record {
            Record::TokenCreated(record) => self.token_created(record)?,
            Record::TokenRevoked(record) => self.execute(
                "UPDATE tokens SET revoked = ?2 WHERE token_id = ?1 AND revoked IS NULL",
                (record.token.to_string(), record.time),
            )?,
            _ => return Ok(false),
        }
        Ok(true)
    }

    fn token_created(&self, record: &TokenCreated) -> rusqlite::Result<()> {
        self.execute(
            "INSERT OR IGNORE INTO tokens
             (token_id, hash, user, comment, scopes, created, expires)
             VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7)",
            (
                record.token.to_string(),
                record.hash,
                &record.user,
                &record.comment,
                record.scopes.join("\n"),
                record.time,
                record.expires,
            ),
        )
    }
}
