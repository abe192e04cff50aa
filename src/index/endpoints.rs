//! Queries about endpoints.

use rusqlite::types::Type;
use rusqlite::{OptionalExtension as _, Row};

use crate::entity::id::Timestamp;
use crate::entity::{EndpointChange, EndpointId, EndpointInfo, EndpointState};
use crate::error::Result;

use super::{Index, unsigned};

const ENDPOINT: &str =
    "SELECT name, endpoint_id, creator, created, author, updated, revision, state
     FROM endpoints";

impl Index {
    /// Returns all endpoints, ordered by name.
    pub(crate) fn endpoints(&self) -> Result<Vec<EndpointInfo>> {
        self.read(|connection| {
            let sql = format!("{ENDPOINT} WHERE state IS NOT NULL ORDER BY name");
            let mut select = connection.prepare_cached(&sql)?;
            select.query_map((), endpoint_info)?.collect()
        })
    }

    /// Returns the last change of an endpoint, also if it deleted the endpoint.
    pub(crate) fn endpoint_change(&self, name: &str) -> Result<Option<EndpointChange>> {
        self.read(|connection| {
            let mut select = connection.prepare_cached(&format!("{ENDPOINT} WHERE name = ?1"))?;
            let change = |row: &Row<'_>| match row.get_ref(7)?.as_str_or_null()? {
                None => Ok(EndpointChange::Deleted(unsigned(row.get(6)?))),
                Some(_) => Ok(EndpointChange::Saved(Box::new(endpoint_info(row)?))),
            };
            select.query_row([name], change).optional()
        })
    }
}

fn endpoint_info(row: &Row<'_>) -> rusqlite::Result<EndpointInfo> {
    Ok(EndpointInfo {
        name: row.get(0)?,
        id: id(row, 1)?,
        creator: row.get(2)?,
        created: Timestamp::from_nanos(row.get(3)?),
        author: row.get(4)?,
        updated: Timestamp::from_nanos(row.get(5)?),
        revision: unsigned(row.get(6)?),
        state: EndpointState::from_json(row.get_ref(7)?.as_str()?).map_err(|error| {
            rusqlite::Error::FromSqlConversionFailure(7, Type::Text, error.into())
        })?,
    })
}

fn id(row: &Row<'_>, column: usize) -> rusqlite::Result<EndpointId> {
    let bits = u128::from_str_radix(row.get_ref(column)?.as_str()?, 16);
    bits.map(EndpointId::from_bits).map_err(|error| {
        rusqlite::Error::FromSqlConversionFailure(column, Type::Text, error.into())
    })
}
