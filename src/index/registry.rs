//! Queries about the registry: models, versions, aliases, catalogs and schemas.

use std::collections::BTreeMap;

use rusqlite::types::Type;
use rusqlite::{Connection, OptionalExtension as _, Params, Row};

use crate::entity::id::{RegisteredModelId, Timestamp};
use crate::entity::{CatalogInfo, ModelVersionInfo, RegisteredModelInfo, RegistryMode, SchemaInfo};
use crate::error::{Error, ErrorKind, Result};

use super::query::{collect_pairs, parsed};
use super::{Index, hex, unsigned};

const VERSION: &str = "v.version, v.name, v.created, v.updated, v.description, v.user, v.stage,
    v.source, v.location, v.run_id, v.run_link, v.logged_model, v.copied_model, v.copied_version,
    v.status, v.status_message, v.signature, v.digest, v.entry, m.model_id, m.model
    FROM model_versions v JOIN registered_models m ON m.model = v.model";

const MODEL: &str =
    "SELECT model, model_id, name, description, created, updated FROM registered_models";

/// Identifies a version of a model.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum VersionChoice<'a> {
    /// The version with this number.
    Number(u64),
    /// The version that the alias points to.
    Alias(&'a str),
}

impl Index {
    /// Returns the naming mode of the registry.
    pub(crate) fn registry_mode(&self) -> Result<RegistryMode> {
        self.read(|connection| {
            let mut select = connection.prepare_cached("SELECT mode FROM registry_mode")?;
            let mode: Option<String> = select.query_row((), |row| row.get(0)).optional()?;
            let is_catalog = mode.as_deref() == Some(RegistryMode::UnityCatalog.as_str());
            Ok(if is_catalog { RegistryMode::UnityCatalog } else { RegistryMode::Plain })
        })
    }

    /// Returns the id of the model with this name.
    pub(crate) fn model_of(&self, name: &str) -> Result<Option<RegisteredModelId>> {
        self.read(|connection| {
            let mut select = connection
                .prepare_cached("SELECT model_id FROM registered_models WHERE name = ?1")?;
            select.query_row([name], |row| model_id(row, 0)).optional()
        })
    }

    /// Returns the name of a model, and the highest version number it ever had.
    pub(crate) fn model_facts(&self, id: RegisteredModelId) -> Result<Option<(String, u64)>> {
        self.read(|connection| {
            let mut select = connection.prepare_cached(
                "SELECT name, last_version FROM registered_models WHERE model_id = ?1",
            )?;
            let facts = |row: &Row<'_>| Ok((row.get(0)?, unsigned(row.get(1)?)));
            select.query_row([hex(id.to_bits())], facts).optional()
        })
    }

    /// Returns a registered model. Takes a few microseconds, and a few for each of
    /// `latest_versions`.
    pub(crate) fn registered_model(
        &self,
        id: RegisteredModelId,
    ) -> Result<Option<RegisteredModelInfo>> {
        self.read(|connection| {
            let mut select = connection.prepare_cached(&format!("{MODEL} WHERE model_id = ?1"))?;
            let found = select.query_row([hex(id.to_bits())], model_info).optional()?;
            found.map(|(model, info)| complete(connection, model, info)).transpose()
        })
    }

    /// Returns a version of a model.
    pub(crate) fn model_version(
        &self,
        id: RegisteredModelId,
        choice: VersionChoice<'_>,
    ) -> Result<Option<ModelVersionInfo>> {
        let id = hex(id.to_bits());
        self.read(|connection| match choice {
            VersionChoice::Number(version) => one_version(
                connection,
                "m.model_id = ?1 AND v.version = ?2",
                (id, version.cast_signed()),
            ),
            VersionChoice::Alias(alias) => one_version(
                connection,
                "m.model_id = ?1 AND v.version =
                 (SELECT version FROM model_aliases WHERE model = m.model AND alias = ?2)",
                (id, alias),
            ),
        })
    }

    /// Returns a version of the model with this name. Saves one query.
    pub(crate) fn model_version_named(
        &self,
        name: &str,
        choice: VersionChoice<'_>,
    ) -> Result<Option<ModelVersionInfo>> {
        self.read(|connection| match choice {
            VersionChoice::Number(version) => one_version(
                connection,
                "v.name = ?1 AND v.version = ?2",
                (name, version.cast_signed()),
            ),
            VersionChoice::Alias(alias) => one_version(
                connection,
                "m.name = ?1 AND v.version =
                 (SELECT version FROM model_aliases WHERE model = m.model AND alias = ?2)",
                (name, alias),
            ),
        })
    }

    /// Returns the versions of a model, sorted by number.
    pub(crate) fn model_versions(&self, id: RegisteredModelId) -> Result<Vec<ModelVersionInfo>> {
        self.read(|connection| {
            versions_where(connection, "m.model_id = ?1 ORDER BY v.version", [hex(id.to_bits())])
        })
    }

    /// Returns the latest version in each stage, sorted by stage.
    pub(crate) fn latest_versions(&self, id: RegisteredModelId) -> Result<Vec<ModelVersionInfo>> {
        self.read(|connection| {
            let mut select = connection
                .prepare_cached("SELECT model FROM registered_models WHERE model_id = ?1")?;
            let model = select.query_row([hex(id.to_bits())], |row| row.get(0)).optional()?;
            model.map_or(Ok(Vec::new()), |model| latest_of(connection, model))
        })
    }

    /// Returns the version that an alias points to.
    pub(crate) fn alias(&self, id: RegisteredModelId, alias: &str) -> Result<Option<u64>> {
        self.read(|connection| {
            let mut select = connection.prepare_cached(
                "SELECT version FROM model_aliases WHERE alias = ?2 AND model =
                 (SELECT model FROM registered_models WHERE model_id = ?1)",
            )?;
            let version = |row: &Row<'_>| Ok(unsigned(row.get(0)?));
            select.query_row((hex(id.to_bits()), alias), version).optional()
        })
    }

    /// Returns whether this version exists.
    pub(crate) fn has_version(&self, id: RegisteredModelId, version: u64) -> Result<bool> {
        self.read(|connection| {
            let mut select = connection.prepare_cached(
                "SELECT 1 FROM registered_models JOIN model_versions USING (model)
                 WHERE model_id = ?1 AND version = ?2",
            )?;
            select.exists((hex(id.to_bits()), version.cast_signed()))
        })
    }

    /// Returns whether there are any registered models.
    pub(crate) fn has_models(&self) -> Result<bool> {
        self.read(|connection| {
            connection.prepare_cached("SELECT 1 FROM registered_models")?.exists(())
        })
    }

    /// Returns whether a schema contains any models.
    pub(crate) fn has_models_in(&self, catalog: &str, schema: &str) -> Result<bool> {
        self.read(|connection| {
            // `/` follows `.` in the order of bytes, and no name contains it.
            connection
                .prepare_cached("SELECT 1 FROM registered_models WHERE name >= ?1 AND name < ?2")?
                .exists((format!("{catalog}.{schema}."), format!("{catalog}.{schema}/")))
        })
    }

    /// Returns the models whose names begin with some levels and a dot, ordered by name.
    pub(crate) fn models_below(&self, levels: &str) -> Result<Vec<(RegisteredModelId, String)>> {
        self.read(|connection| {
            // `/` follows `.` in the order of bytes, and no name contains it.
            let mut select = connection.prepare_cached(
                "SELECT model_id, name FROM registered_models
                 WHERE name >= ?1 AND name < ?2 ORDER BY name",
            )?;
            let end = format!("{}/", levels.trim_end_matches('.'));
            let found =
                select.query_map((levels, end), |row| Ok((model_id(row, 0)?, row.get(1)?)))?;
            found.collect()
        })
    }

    /// Returns all catalogs sorted by name, or only the one with this name.
    pub(crate) fn catalogs(&self, name: Option<&str>) -> Result<Vec<CatalogInfo>> {
        self.read(|connection| {
            let mut select = connection.prepare_cached(
                "SELECT name, owner, comment, created, updated FROM catalogs
                 WHERE ?1 IS NULL OR name = ?1 ORDER BY name",
            )?;
            let found = select.query_map([name], |row| {
                Ok(CatalogInfo {
                    name: row.get(0)?,
                    owner: row.get(1)?,
                    comment: row.get(2)?,
                    created: Timestamp::from_nanos(row.get(3)?),
                    updated: Timestamp::from_nanos(row.get(4)?),
                })
            })?;
            found.collect()
        })
    }

    /// Returns all schemas of a catalog sorted by name, or only the one with this name.
    pub(crate) fn schemas(&self, catalog: &str, name: Option<&str>) -> Result<Vec<SchemaInfo>> {
        self.read(|connection| {
            let mut select = connection.prepare_cached(
                "SELECT catalog, name, owner, comment, created, updated FROM catalog_schemas
                 WHERE catalog = ?1 AND (?2 IS NULL OR name = ?2) ORDER BY name",
            )?;
            let found = select.query_map((catalog, name), |row| {
                Ok(SchemaInfo {
                    catalog: row.get(0)?,
                    name: row.get(1)?,
                    owner: row.get(2)?,
                    comment: row.get(3)?,
                    created: Timestamp::from_nanos(row.get(4)?),
                    updated: Timestamp::from_nanos(row.get(5)?),
                })
            })?;
            found.collect()
        })
    }
}

/// Returns a model with its tags, aliases and latest versions.
pub(super) fn complete(
    connection: &Connection,
    model: i64,
    mut info: RegisteredModelInfo,
) -> rusqlite::Result<RegisteredModelInfo> {
    let mut tags = connection
        .prepare_cached("SELECT key, value FROM registered_model_tags WHERE model = ?1")?;
    info.tags = collect_pairs(&mut tags, model)?;
    let mut aliases =
        connection.prepare_cached("SELECT alias, version FROM model_aliases WHERE model = ?1")?;
    let pair = |row: &Row<'_>| Ok((row.get(0)?, unsigned(row.get(1)?)));
    info.aliases = aliases.query_map([model], pair)?.collect::<rusqlite::Result<_>>()?;
    info.latest_versions = latest_of(connection, model)?;
    Ok(info)
}

/// Parses a row of [`MODEL`].
pub(super) fn model_info(row: &Row<'_>) -> rusqlite::Result<(i64, RegisteredModelInfo)> {
    let info = RegisteredModelInfo {
        id: model_id(row, 1)?,
        name: row.get(2)?,
        description: row.get(3)?,
        created: Timestamp::from_nanos(row.get(4)?),
        updated: Timestamp::from_nanos(row.get(5)?),
        tags: BTreeMap::new(),
        aliases: BTreeMap::new(),
        latest_versions: Vec::new(),
    };
    Ok((row.get(0)?, info))
}

fn latest_of(connection: &Connection, model: i64) -> rusqlite::Result<Vec<ModelVersionInfo>> {
    let mut latest = versions_where(
        connection,
        "v.model = ?1 AND v.version IN
         (SELECT max(version) FROM model_versions WHERE model = ?1 GROUP BY stage)",
        [model],
    )?;
    latest.sort_by_key(|version| version.stage);
    Ok(latest)
}

fn one_version(
    connection: &Connection,
    which: &str,
    params: impl Params,
) -> rusqlite::Result<Option<ModelVersionInfo>> {
    Ok(versions_where(connection, which, params)?.pop())
}

fn versions_where(
    connection: &Connection,
    which: &str,
    params: impl Params,
) -> rusqlite::Result<Vec<ModelVersionInfo>> {
    let mut select = connection.prepare_cached(&format!("SELECT {VERSION} WHERE {which}"))?;
    let found = select.query_map(params, version_info)?;
    let mut tags =
        connection.prepare_cached("SELECT key, value FROM model_version_tags WHERE entry = ?1")?;
    let mut aliases = connection.prepare_cached(
        "SELECT alias FROM model_aliases WHERE model = ?1 AND version = ?2 ORDER BY alias",
    )?;
    let mut versions = Vec::new();
    for found in found {
        let (entry, model, mut info) = found?;
        info.tags = collect_pairs(&mut tags, entry)?;
        let of = (model, info.version.cast_signed());
        let names = aliases.query_map(of, |row| row.get(0))?;
        info.aliases = names.collect::<rusqlite::Result<_>>()?;
        versions.push(info);
    }
    Ok(versions)
}

/// Returns the versions of these entries in the same order, without aliases (MLflow's rule for
/// searches). Missing entries are skipped.
pub(super) fn versions_of(
    connection: &Connection,
    entries: &[i64],
) -> rusqlite::Result<Vec<ModelVersionInfo>> {
    let mut select = connection.prepare_cached(&format!("SELECT {VERSION} WHERE v.entry = ?1"))?;
    let mut tags =
        connection.prepare_cached("SELECT key, value FROM model_version_tags WHERE entry = ?1")?;
    let mut versions = Vec::with_capacity(entries.len());
    for &entry in entries {
        // Another process may have applied a deletion in the meantime.
        let found = select.query_row([entry], version_info).optional()?;
        let Some((_, _, mut info)) = found else { continue };
        info.tags = collect_pairs(&mut tags, entry)?;
        versions.push(info);
    }
    Ok(versions)
}

/// Returns the models with these row ids, in the same order.
pub(super) fn models_of(
    connection: &Connection,
    models: &[i64],
) -> rusqlite::Result<Vec<RegisteredModelInfo>> {
    let mut select = connection.prepare_cached(&format!("{MODEL} WHERE model = ?1"))?;
    let found = models.iter().map(|model| {
        let (model, info) = select.query_row([model], model_info)?;
        complete(connection, model, info)
    });
    found.collect()
}

/// Returns the version without tags and aliases, with its row id and that of its model.
fn version_info(row: &Row<'_>) -> rusqlite::Result<(i64, i64, ModelVersionInfo)> {
    let copied_model: Option<String> = row.get(12)?;
    let copied_version: Option<i64> = row.get(13)?;
    let copied_model = copied_model.map(|_| model_id(row, 12)).transpose()?;
    let info = ModelVersionInfo {
        model: model_id(row, 19)?,
        name: row.get(1)?,
        version: unsigned(row.get(0)?),
        created: Timestamp::from_nanos(row.get(2)?),
        updated: Timestamp::from_nanos(row.get(3)?),
        description: row.get(4)?,
        user: row.get(5)?,
        stage: parsed(row, 6)?,
        source: row.get(7)?,
        location: row.get(8)?,
        run: row.get(9)?,
        run_link: row.get(10)?,
        logged_model: optional(row, 11)?,
        copied_from: copied_model.zip(copied_version.map(unsigned)),
        status: parsed(row, 14)?,
        status_message: row.get(15)?,
        signature: row.get(16)?,
        digest: row.get(17)?,
        tags: BTreeMap::new(),
        aliases: Vec::new(),
    };
    Ok((row.get(18)?, row.get(20)?, info))
}

/// Parses a text column that may be NULL.
pub(super) fn optional<T>(row: &Row<'_>, column: usize) -> rusqlite::Result<Option<T>>
where
    T: std::str::FromStr<Err = Error>,
{
    let is_there = row.get_ref(column)?.as_str_or_null()?.is_some();
    is_there.then(|| parsed(row, column)).transpose()
}

pub(super) fn model_id(row: &Row<'_>, column: usize) -> rusqlite::Result<RegisteredModelId> {
    let text = row.get_ref(column)?.as_str()?;
    match u128::from_str_radix(text, 16) {
        Ok(bits) => Ok(RegisteredModelId::from_bits(bits)),
        Err(_) => {
            let error = Error::new(ErrorKind::Index, "the model id is not a hexadecimal number");
            Err(rusqlite::Error::FromSqlConversionFailure(column, Type::Text, error.into()))
        }
    }
}
