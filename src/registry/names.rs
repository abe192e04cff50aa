//! Checks of names in the registry, and the errors that they report.

use crate::entity::RegistryMode;
use crate::entity::id::RegisteredModelId;
use crate::error::{Error, ErrorKind, Result};
use crate::index::Index;

/// A whole name is free, and where it has levels they exist.
pub(crate) fn check_free(index: &Index, name: &str) -> Result<()> {
    if index.model_of(name)?.is_some() {
        let message = format!("there is a registered model {name:?} already");
        return Err(Error::new(ErrorKind::AlreadyExists, message));
    }
    if index.registry_mode()? == RegistryMode::UnityCatalog {
        let mut levels = name.split('.');
        let (catalog, schema) = (levels.next().unwrap_or(""), levels.next().unwrap_or(""));
        check_schema(index, catalog, schema)?;
    }
    Ok(())
}

/// With names of three levels there are no stages.
pub(crate) fn check_stages(index: &Index) -> Result<()> {
    match index.registry_mode()? {
        RegistryMode::Plain => Ok(()),
        RegistryMode::UnityCatalog => Err(Error::new(
            ErrorKind::InvalidState,
            "with catalogs there are no stages, nor a latest version by them: name a version, or \
             give it an alias or a tag",
        )),
    }
}

pub(crate) fn invalid_levels(name: &str, why: &str) -> Error {
    let message = format!("registered model name {name:?}: {why}; catalog.schema.model is due");
    Error::new(ErrorKind::InvalidInput, message)
}

pub(crate) fn no_such_model(name: &str) -> Error {
    Error::new(ErrorKind::NotFound, format!("there is no registered model {name:?}"))
}

pub(crate) fn no_such_version(name: &str, version: u64) -> Error {
    Error::new(ErrorKind::NotFound, format!("registered model {name:?} has no version {version}"))
}

pub(crate) fn no_such_alias(name: &str, alias: &str) -> Error {
    let message = format!("registered model {name:?} has no alias {alias:?}");
    Error::new(ErrorKind::InvalidInput, message)
}

pub(crate) fn gone() -> Error {
    Error::new(ErrorKind::NotFound, "the registered model is not there any more")
}

pub(crate) fn check_catalog(index: &Index, name: &str) -> Result<()> {
    match index.catalogs(Some(name))?.is_empty() {
        true => Err(no_such_catalog(name)),
        false => Ok(()),
    }
}

/// Both exist.
pub(crate) fn check_schema(index: &Index, catalog: &str, name: &str) -> Result<()> {
    check_catalog(index, catalog)?;
    match index.schemas(catalog, Some(name))?.is_empty() {
        true => Err(no_such_schema(catalog, name)),
        false => Ok(()),
    }
}

pub(crate) fn no_such_catalog(name: &str) -> Error {
    Error::new(ErrorKind::NotFound, format!("there is no catalog {name:?}"))
}

pub(crate) fn no_such_schema(catalog: &str, name: &str) -> Error {
    Error::new(ErrorKind::NotFound, format!("there is no schema {name:?} in catalog {catalog:?}"))
}

pub(crate) fn check_version(
    index: &Index,
    id: RegisteredModelId,
    name: &str,
    version: u64,
) -> Result<()> {
    match index.has_version(id, version)? {
        true => Ok(()),
        false => Err(no_such_version(name, version)),
    }
}
