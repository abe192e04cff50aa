//! Checks of names in the registry, with their errors.

use crate::entity::RegistryMode;
use crate::entity::id::RegisteredModelId;
use crate::entity::wording::python;
use crate::error::{Error, ErrorKind, Result};
use crate::index::Index;

/// The tag of prompts, which are registered models in MLflow.
const PROMPT_TAG: &str = "mlflow.prompt.is_prompt";

/// Fails if the full name of a new model is taken, or its catalog or schema does not exist.
pub(crate) fn check_new(index: &Index, name: &str, tags: &[(String, String)]) -> Result<()> {
    let Some(id) = index.model_of(name)? else { return check_free(index, name) };
    let wants_prompt = tags.iter().any(|(key, _)| key == PROMPT_TAG);
    let found = index.registered_model(id)?;
    let has_prompt = found.is_some_and(|info| info.tags.contains_key(PROMPT_TAG));
    let noun = |is_prompt: bool| if is_prompt { "Prompt" } else { "Registered Model" };
    let (wanted, found) = (noun(wants_prompt), noun(has_prompt));
    let message = match wants_prompt == has_prompt {
        true => format!("{wanted} (name={name}) already exists."),
        false => format!(
            "Tried to create a {} with name {}, but the name is already taken by a {}. MLflow does \
             not allow creating a model and a prompt with the same name.",
            wanted.to_lowercase(),
            python(name),
            found.to_lowercase()
        ),
    };
    Err(Error::new(ErrorKind::AlreadyExists, message))
}

/// Fails if a full name is taken, or its catalog or schema does not exist.
pub(crate) fn check_free(index: &Index, name: &str) -> Result<()> {
    if index.model_of(name)?.is_some() {
        let message = format!("Registered Model (name={name}) already exists.");
        return Err(Error::new(ErrorKind::AlreadyExists, message));
    }
    if index.registry_mode()? == RegistryMode::UnityCatalog {
        let mut levels = name.split('.');
        let (catalog, schema) = (levels.next().unwrap_or(""), levels.next().unwrap_or(""));
        check_schema(index, catalog, schema)?;
    }
    Ok(())
}

/// Fails if names have three levels, because there are no stages then.
pub(crate) fn check_stages(index: &Index) -> Result<()> {
    match index.registry_mode()? {
        RegistryMode::Plain => Ok(()),
        RegistryMode::UnityCatalog => Err(Error::new(
            ErrorKind::InvalidState,
            "with catalogs there are no stages and no latest version: name a version by number, or \
             use an alias or a tag",
        )),
    }
}

pub(crate) fn invalid_levels(name: &str, reason: &str) -> Error {
    let message =
        format!("registered model name {name:?}: {reason}; expected catalog.schema.model");
    Error::new(ErrorKind::InvalidInput, message)
}

pub(crate) fn no_such_model(name: &str) -> Error {
    Error::new(ErrorKind::NotFound, format!("Registered Model with name={name} not found"))
}

pub(crate) fn no_such_version(name: &str, version: u64) -> Error {
    let message = format!("Model Version (name={name}, version={version}) not found");
    Error::new(ErrorKind::NotFound, message)
}

pub(crate) fn no_such_alias(name: &str, alias: &str) -> Error {
    let message = format!("Registered model alias {alias} not found. The model is {name:?}");
    Error::new(ErrorKind::InvalidInput, message)
}

pub(crate) fn gone() -> Error {
    Error::new(ErrorKind::NotFound, "the registered model was deleted")
}

pub(crate) fn check_catalog(index: &Index, name: &str) -> Result<()> {
    match index.catalogs(Some(name))?.is_empty() {
        true => Err(no_such_catalog(name)),
        false => Ok(()),
    }
}

/// Fails if the catalog or the schema does not exist.
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
