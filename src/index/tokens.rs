//! Queries about access tokens.

use rusqlite::Row;

use crate::entity::id::Timestamp;
use crate::entity::{TokenId, TokenInfo};
use crate::error::Result;

use super::Index;
use super::query::parsed;

const TOKEN: &str = "SELECT token_id, user, comment, scopes, created, expires, revoked, hash
     FROM tokens";

impl Index {
    /// Returns all tokens with their hashes, in the order of their creation.
    pub(crate) fn tokens(&self) -> Result<Vec<(TokenInfo, [u8; 32])>> {
        self.read(|connection| {
            let mut select = connection.prepare_cached(&format!("{TOKEN} ORDER BY token"))?;
            let found = select.query_map((), |row| Ok((token_info(row)?, row.get(7)?)))?;
            found.collect()
        })
    }

    /// Returns a token.
    pub(crate) fn token(&self, id: TokenId) -> Result<Option<TokenInfo>> {
        self.read(|connection| {
            let mut select = connection.prepare_cached(&format!("{TOKEN} WHERE token_id = ?1"))?;
            let mut found = select.query_map([id.to_string()], token_info)?;
            found.next().transpose()
        })
    }
}

fn token_info(row: &Row<'_>) -> rusqlite::Result<TokenInfo> {
    let scopes: String = row.get(3)?;
    let expires: Option<i64> = row.get(5)?;
    let revoked: Option<i64> = row.get(6)?;
    Ok(TokenInfo {
        id: parsed(row, 0)?,
        user: row.get(1)?,
        comment: row.get(2)?,
        scopes: scopes.lines().map(str::to_owned).collect(),
        created: Timestamp::from_nanos(row.get(4)?),
        expires: expires.map(Timestamp::from_nanos),
        revoked: revoked.map(Timestamp::from_nanos),
    })
}
