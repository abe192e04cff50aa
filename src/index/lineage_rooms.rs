//! Lineage at both ends of the registry: stored tables as origins, endpoints as results.

use rusqlite::types::Type;
use rusqlite::{Connection, OptionalExtension as _, Params};

use crate::entity::{EndpointState, LineageKind, LineageNode, ServedEntity};

/// The neighbours of a node, with the kind of the edge between them.
pub(super) type Neighbours = Vec<(LineageKind, LineageNode)>;

/// Returns the versions and aliases that an endpoint serves.
pub(super) fn above_endpoint(connection: &Connection, name: &str) -> rusqlite::Result<Neighbours> {
    let sql = "SELECT name, state FROM endpoints WHERE name = ?1 AND state IS NOT NULL";
    let mut found = Neighbours::new();
    for (_, state) in endpoints(connection, sql, [name])? {
        found = served(connection, &state)?;
    }
    Ok(found)
}

/// Returns the endpoints that serve a version or follow an alias.
pub(super) fn endpoints_below(
    connection: &Connection,
    node: &LineageNode,
) -> rusqlite::Result<Neighbours> {
    let mut found = Neighbours::new();
    for (name, state) in all_endpoints(connection)? {
        if served(connection, &state)?.iter().any(|(_, origin)| origin == node) {
            found.push((LineageKind::Served, LineageNode::Endpoint(name)));
        }
    }
    Ok(found)
}

/// Returns the table to which an endpoint writes its requests.
pub(super) fn below_endpoint(connection: &Connection, name: &str) -> rusqlite::Result<Neighbours> {
    let sql = "SELECT name, state FROM endpoints WHERE name = ?1 AND state IS NOT NULL";
    let mut found = Neighbours::new();
    for (name, state) in endpoints(connection, sql, [name])? {
        if let Some(table) = written(&name, &state)
            && exists(connection, "SELECT 1 FROM stored_tables WHERE name = ?1", [&table])?
        {
            found.push((LineageKind::Recorded, LineageNode::Table(table)));
        }
    }
    Ok(found)
}

/// Returns the endpoints that write their requests to a table.
pub(super) fn above_table(connection: &Connection, table: &str) -> rusqlite::Result<Neighbours> {
    let all = all_endpoints(connection)?.into_iter();
    let writers = all.filter(|(name, state)| written(name, state).as_deref() == Some(table));
    Ok(writers.map(|(name, _)| (LineageKind::Recorded, LineageNode::Endpoint(name))).collect())
}

/// Returns the table of which a dataset is a version.
pub(super) fn above_dataset(
    connection: &Connection,
    (experiment, name, digest): (i64, &str, &str),
) -> rusqlite::Result<Neighbours> {
    let sql = "SELECT 1 FROM datasets JOIN stored_tables USING (name)
        WHERE experiment_id = ?1 AND datasets.name = ?2 AND digest = ?3
        AND source_type = 'tracklite_table'";
    let is_version = exists(connection, sql, (experiment, name, digest))?;
    let table = || (LineageKind::Read, LineageNode::Table(name.to_owned()));
    Ok(is_version.then(table).into_iter().collect())
}

/// Selects the datasets that are versions of the table `?1`.
pub(super) const BELOW_TABLE: &str = "SELECT experiment_id, name, digest FROM datasets
    WHERE name = ?1 AND source_type = 'tracklite_table'";

fn all_endpoints(connection: &Connection) -> rusqlite::Result<Vec<(String, EndpointState)>> {
    let sql = "SELECT name, state FROM endpoints WHERE state IS NOT NULL ORDER BY name";
    endpoints(connection, sql, ())
}

fn endpoints(
    connection: &Connection,
    sql: &str,
    params: impl Params,
) -> rusqlite::Result<Vec<(String, EndpointState)>> {
    let mut select = connection.prepare_cached(sql)?;
    let found = select.query_map(params, |row| {
        let state = EndpointState::from_json(row.get_ref(1)?.as_str()?).map_err(|error| {
            rusqlite::Error::FromSqlConversionFailure(1, Type::Text, error.into())
        })?;
        Ok((row.get(0)?, state))
    })?;
    found.collect()
}

/// Returns what the active configuration serves, or else the one that is loaded or that failed.
fn served(connection: &Connection, state: &EndpointState) -> rusqlite::Result<Neighbours> {
    let mut found = Neighbours::new();
    let config = state.active().or_else(|| state.pending()).or_else(|| state.newest());
    for entity in config.iter().flat_map(|config| &config.entities) {
        found.extend(origin(connection, entity)?.map(|origin| (LineageKind::Served, origin)));
    }
    Ok(found)
}

/// Returns the alias that a served model follows, or else its version. `None` if it was deleted.
fn origin(connection: &Connection, entity: &ServedEntity) -> rusqlite::Result<Option<LineageNode>> {
    let sql = "SELECT name FROM registered_models WHERE model_id = ?1";
    let mut select = connection.prepare_cached(sql)?;
    let name =
        select.query_row([super::hex(entity.model.to_bits())], |row| row.get(0)).optional()?;
    let Some(name): Option<String> = name else { return Ok(None) };
    if let Some(alias) = &entity.alias {
        let sql = "SELECT 1 FROM registered_models JOIN model_aliases USING (model)
            WHERE name = ?1 AND alias = ?2";
        if exists(connection, sql, (&name, alias))? {
            return Ok(Some(LineageNode::Alias { name, alias: alias.clone() }));
        }
    }
    let sql = "SELECT 1 FROM model_versions WHERE name = ?1 AND version = ?2";
    let is_there = exists(connection, sql, (&name, entity.version.cast_signed()))?;
    Ok(is_there.then_some(LineageNode::ModelVersion { name, version: entity.version }))
}

/// Returns the table to which an endpoint writes its requests, if it does.
fn written(endpoint: &str, state: &EndpointState) -> Option<String> {
    let (catalog, schema, table) = state.capture.as_ref()?.table(endpoint);
    Some(format!("{catalog}.{schema}.{table}"))
}

fn exists(connection: &Connection, sql: &str, params: impl Params) -> rusqlite::Result<bool> {
    connection.prepare_cached(sql)?.exists(params)
}
