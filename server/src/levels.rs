//! Names with three levels, `catalog.schema.model`, and the catalogs and schemas that they imply.
//!
//! A catalog and a schema come into being with the first model in them. Models that other programs
//! registered under such a name count too, so all dialects show the same.

use std::collections::BTreeMap;

use axum::http::StatusCode;
use tracklite::registry::{CatalogInfo, RegistrySearch, SchemaInfo};
use tracklite::{ErrorKind, Timestamp};

use crate::call::Call;
use crate::failure::{Failure, Outcome};

/// A name with three levels.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Levels<'a> {
    pub(crate) catalog: &'a str,
    pub(crate) schema: &'a str,
    pub(crate) model: &'a str,
}

/// Splits a name. Returns `None` unless it has exactly three levels that are not blank.
pub(crate) fn split(name: &str) -> Option<Levels<'_>> {
    let mut levels = name.split('.');
    let (catalog, schema, model) = (levels.next()?, levels.next()?, levels.next()?);
    let is_whole = [catalog, schema, model].iter().all(|level| !level.trim().is_empty());
    (is_whole && levels.next().is_none()).then_some(Levels { catalog, schema, model })
}

/// Splits a name, which must have three levels.
pub(crate) fn need(name: &str) -> Outcome<Levels<'_>> {
    split(name).ok_or_else(|| {
        Failure::invalid(format!(
            "{name:?} is not a name of a model: expected three levels, catalog.schema.model"
        ))
    })
}

/// Creates the catalog and the schema of a name with three levels, if they do not exist.
pub(crate) fn ensure(call: &Call, name: &str) -> Outcome<()> {
    let Some(Levels { catalog, schema, .. }) = split(name) else { return Ok(()) };
    let registry = call.registry();
    if registry.schema(catalog, schema).is_ok() {
        return Ok(());
    }
    ignore_taken(registry.create_catalog(catalog, None))?;
    ignore_taken(registry.create_schema(catalog, schema, None))
}

/// Another request may have created it at the same time.
fn ignore_taken(created: tracklite::Result<()>) -> Outcome<()> {
    match created {
        Err(error) if error.kind() == ErrorKind::AlreadyExists => Ok(()),
        created => Ok(created?),
    }
}

/// A catalog with its schemas.
#[derive(Clone, Debug)]
pub(crate) struct Catalog {
    pub(crate) owner: String,
    pub(crate) comment: Option<String>,
    pub(crate) created: Timestamp,
    pub(crate) updated: Timestamp,
    /// Whether it was created itself. Otherwise only models imply it.
    pub(crate) is_stored: bool,
    pub(crate) schemas: BTreeMap<String, Schema>,
}

/// A schema of a catalog.
#[derive(Clone, Debug)]
pub(crate) struct Schema {
    pub(crate) owner: String,
    pub(crate) comment: Option<String>,
    pub(crate) created: Timestamp,
    pub(crate) updated: Timestamp,
    pub(crate) is_stored: bool,
}

impl Catalog {
    fn implied(created: Timestamp) -> Catalog {
        Catalog {
            owner: String::new(),
            comment: None,
            created,
            updated: created,
            is_stored: false,
            schemas: BTreeMap::new(),
        }
    }
}

impl From<CatalogInfo> for Catalog {
    fn from(info: CatalogInfo) -> Catalog {
        let CatalogInfo { owner, comment, created, updated, .. } = info;
        Catalog { owner, comment, created, updated, is_stored: true, schemas: BTreeMap::new() }
    }
}

impl From<SchemaInfo> for Schema {
    fn from(info: SchemaInfo) -> Schema {
        let SchemaInfo { owner, comment, created, updated, .. } = info;
        Schema { owner, comment, created, updated, is_stored: true }
    }
}

/// Returns all catalogs with their schemas, by name.
pub(crate) fn catalogs(call: &Call) -> Outcome<BTreeMap<String, Catalog>> {
    let registry = call.registry();
    let mut catalogs: BTreeMap<String, Catalog> = BTreeMap::new();
    for info in registry.catalogs()? {
        let name = info.name.clone();
        let mut catalog = Catalog::from(info);
        let schemas = registry.schemas(&name)?.into_iter();
        catalog.schemas = schemas.map(|info| (info.name.clone(), Schema::from(info))).collect();
        catalogs.insert(name, catalog);
    }
    for (name, created) in model_names(call)? {
        let Some(levels) = split(&name) else { continue };
        let catalog =
            catalogs.entry(levels.catalog.to_owned()).or_insert_with(|| Catalog::implied(created));
        catalog.schemas.entry(levels.schema.to_owned()).or_insert_with(|| Schema {
            owner: String::new(),
            comment: None,
            created,
            updated: created,
            is_stored: false,
        });
    }
    Ok(catalogs)
}

/// Returns the names of all models with at least three levels, each with its time of creation.
fn model_names(call: &Call) -> Outcome<Vec<(String, Timestamp)>> {
    let registry = call.registry();
    let mut names = Vec::new();
    let mut token = String::new();
    loop {
        let search = RegistrySearch::new()
            .filter("name LIKE '%.%.%'")
            .max_results(RegistrySearch::MAX_MODELS)
            .page_token(token);
        let page = registry.search_models(&search)?;
        names.extend(page.items.into_iter().map(|info| (info.name, info.created)));
        match page.next_page_token {
            Some(next) => token = next,
            None => return Ok(names),
        }
    }
}

/// Returns a catalog.
pub(crate) fn catalog(call: &Call, name: &str) -> Outcome<Catalog> {
    catalogs(call)?.remove(name).ok_or_else(|| no_catalog(name))
}

/// Returns a schema of a catalog.
pub(crate) fn schema(call: &Call, catalog: &str, name: &str) -> Outcome<Schema> {
    let mut found = self::catalog(call, catalog)?;
    found.schemas.remove(name).ok_or_else(|| no_schema(catalog, name))
}

pub(crate) fn no_catalog(name: &str) -> Failure {
    let message = format!("Catalog '{name}' does not exist.");
    Failure::new(StatusCode::NOT_FOUND, "CATALOG_DOES_NOT_EXIST", message)
}

pub(crate) fn no_schema(catalog: &str, name: &str) -> Failure {
    let message = format!("Schema '{catalog}.{name}' does not exist.");
    Failure::new(StatusCode::NOT_FOUND, "SCHEMA_DOES_NOT_EXIST", message)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_name_has_three_levels() {
        let levels = Levels { catalog: "c", schema: "s", model: "m" };
        assert_eq!(split("c.s.m"), Some(levels));
        for other in ["", "m", "s.m", "c.s.m.x", "c..m", ".s.m", "c.s. "] {
            assert_eq!(split(other), None, "{other}");
        }
    }
}
