//! Volumes: `w.volumes`. Their files are those of the Files API.

use serde::Serialize;
use utoipa::ToSchema;

use super::pages;
use super::uc21_entities::{METASTORE_ID, owner};
use crate::access::Scope::{Read, Write};
use crate::call::Call;
use crate::failure::{Failure, Outcome};
use crate::fields::{Read as _, flag, text, whole};
use crate::levels::{self, Levels};
use crate::reply::{Nothing, Reply};
use crate::route::{Route, Verb};
use crate::schema::shape;
use crate::volumes::{self, Volume};

/// The kind of all volumes here: their bytes are in the file.
const MANAGED: &str = "MANAGED";

pub(super) const ROUTES: &[Route] = &[
    Route {
        method: Verb::Get,
        path: "/api/2.1/unity-catalog/volumes",
        needs: Read,
        takes: &[
            text("catalog_name").required(),
            text("schema_name").required(),
            whole("max_results"),
            text("page_token"),
            flag("include_browse"),
        ],
        returns: shape::<Volumes>(),
        handler: list,
    },
    Route {
        method: Verb::Post,
        path: "/api/2.1/unity-catalog/volumes",
        needs: Write,
        takes: &[
            text("catalog_name").required(),
            text("schema_name").required(),
            text("name").required(),
            text("volume_type"),
            text("comment"),
            text("storage_location"),
        ],
        returns: shape::<Shown>(),
        handler: create,
    },
    Route {
        method: Verb::Get,
        path: "/api/2.1/unity-catalog/volumes/{full_name}",
        needs: Read,
        takes: &[flag("include_browse")],
        returns: shape::<Shown>(),
        handler: get,
    },
    Route {
        method: Verb::Patch,
        path: "/api/2.1/unity-catalog/volumes/{full_name}",
        needs: Write,
        takes: &[text("comment"), text("new_name"), text("owner")],
        returns: shape::<Shown>(),
        handler: update,
    },
    Route {
        method: Verb::Delete,
        path: "/api/2.1/unity-catalog/volumes/{full_name}",
        needs: Write,
        takes: &[],
        returns: shape::<Nothing>(),
        handler: delete,
    },
];

/// A page of volumes.
#[derive(Serialize, ToSchema)]
struct Volumes {
    volumes: Vec<Shown>,
    #[serde(skip_serializing_if = "Option::is_none")]
    next_page_token: Option<String>,
}

/// A volume.
#[derive(Serialize, ToSchema)]
#[schema(as = VolumeAnswer)]
struct Shown {
    name: String,
    catalog_name: String,
    schema_name: String,
    full_name: String,
    volume_type: &'static str,
    volume_id: String,
    storage_location: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    comment: Option<String>,
    owner: String,
    metastore_id: &'static str,
    created_at: i64,
    created_by: String,
    updated_at: i64,
    updated_by: String,
    browse_only: bool,
}

fn shown(call: &Call, name: Levels<'_>, volume: &Volume) -> Shown {
    let owner = volume.owner().unwrap_or_else(|| owner(call)).to_owned();
    Shown {
        name: name.model.to_owned(),
        catalog_name: name.catalog.to_owned(),
        schema_name: name.schema.to_owned(),
        full_name: format!("{}.{}.{}", name.catalog, name.schema, name.model),
        volume_type: MANAGED,
        volume_id: volume.run.to_string(),
        storage_location: format!("dbfs:{}", volumes::path_of(name)),
        comment: volume.comment().map(str::to_owned),
        metastore_id: METASTORE_ID,
        created_at: volume.info.created.as_millis(),
        created_by: owner.clone(),
        updated_at: volume.info.updated.as_millis(),
        updated_by: owner.clone(),
        owner,
        browse_only: false,
    }
}

/// Returns the name in the path of a request.
fn name(call: &Call) -> Outcome<Levels<'_>> {
    let name = call.args.need("full_name")?;
    levels::split(name).ok_or_else(|| {
        Failure::invalid(format!(
            "{name:?} is not a name of a volume: expected catalog.schema.volume"
        ))
    })
}

fn answer(call: &Call, name: Levels<'_>) -> Outcome<Reply> {
    Ok(Reply::json(&shown(call, name, &volumes::get(call.database(), name)?)))
}

fn list(call: &Call) -> Outcome<Reply> {
    let (catalog, schema) = (call.args.need("catalog_name")?, call.args.need("schema_name")?);
    levels::schema(call, catalog, schema)?;
    let all = volumes::within(call.database(), catalog, schema)?.into_iter();
    let all = all.map(|(name, volume)| {
        let item = shown(call, Levels { catalog, schema, model: &name }, &volume);
        (name, item)
    });
    let (volumes, next_page_token) = pages::cut(all, &call.args)?;
    Ok(Reply::json(&Volumes { volumes, next_page_token }))
}

fn create(call: &Call) -> Outcome<Reply> {
    let (catalog, schema) = (call.args.need("catalog_name")?, call.args.need("schema_name")?);
    let name = Levels { catalog, schema, model: call.args.need("name")? };
    check_level(name.model)?;
    let kind = call.args.text("volume_type").unwrap_or(MANAGED);
    if kind != MANAGED || call.args.text("storage_location").is_some() {
        return Err(Failure::not_implemented(
            "the files of a volume are in the file of this server: leave out storage_location, \
             and use volume_type MANAGED",
        ));
    }
    volumes::create(call, name, call.args.text("comment"))?;
    answer(call, name)
}

/// Refuses a name that is not one level of a name and of a path.
fn check_level(name: &str) -> Outcome<()> {
    let is_plain = !name.trim().is_empty() && !name.contains(['.', '/', ':', ' ', '\\']);
    if is_plain && !name.chars().any(char::is_control) {
        return Ok(());
    }
    Err(Failure::invalid(format!(
        "{name:?} is not a name of a volume: expected text without dots, slashes, colons and spaces"
    )))
}

fn get(call: &Call) -> Outcome<Reply> {
    answer(call, name(call)?)
}

fn update(call: &Call) -> Outcome<Reply> {
    let mut name = name(call)?;
    let volume = volumes::get(call.database(), name)?;
    if let Some(new) = call.args.text("new_name").filter(|new| *new != name.model) {
        check_level(new)?;
        name.model = new;
        volume.rename(name)?;
    }
    if let Some(comment) = call.args.any_text("comment") {
        volume.set_comment(comment)?;
    }
    if let Some(owner) = call.args.text("owner") {
        volume.set_owner(owner)?;
    }
    answer(call, name)
}

fn delete(call: &Call) -> Outcome<Reply> {
    volumes::get(call.database(), name(call)?)?.delete()?;
    Ok(Reply::done())
}
