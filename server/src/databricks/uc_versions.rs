//! Versions of models for MLflow's registry `databricks-uc`.

use serde::Serialize;
use tracklite::registry::{ModelVersionInfo, RegistrySearch};
use utoipa::ToSchema;

use super::registration::{self, New};
use super::uc_entities::{Version, full_name, logged_model, storage_location, version, version_of};
use crate::access::Scope::{Read, Write};
use crate::call::Call;
use crate::failure::Outcome;
use crate::fields::{Field, PAIR, Read as _, any, objects, text, whole, word};
use crate::mlflow::queries;
use crate::mlflow::registry::{new_tags, tag_key};
use crate::reply::{Nothing, Reply};
use crate::route::{Route, Verb};
use crate::schema::shape;
use crate::webhooks::events;

const ONE: &[Field] = &[text("name").required(), word("version").required()];

pub(super) const ROUTES: &[Route] = &[
    Route {
        method: Verb::Post,
        path: "/api/2.0/mlflow/unity-catalog/model-versions/create",
        needs: Write,
        takes: &[
            text("name").required(),
            text("source").required(),
            text("run_id"),
            text("description"),
            objects("tags", PAIR),
            text("run_tracking_server_id"),
            text("feature_deps"),
            any("model_version_dependencies"),
            text("model_id"),
        ],
        returns: shape::<One<'static>>(),
        handler: create,
    },
    Route {
        method: Verb::Post,
        path: "/api/2.0/mlflow/unity-catalog/model-versions/generate-temporary-credentials",
        needs: Read,
        takes: &[text("name").required(), word("version").required(), word("operation")],
        returns: shape::<Credentials>(),
        handler: credentials,
    },
    Route {
        method: Verb::Post,
        path: "/api/2.0/mlflow/unity-catalog/model-versions/finalize",
        needs: Write,
        takes: ONE,
        returns: shape::<One<'static>>(),
        handler: finalize,
    },
    Route {
        method: Verb::Get,
        path: "/api/2.0/mlflow/unity-catalog/model-versions/get",
        needs: Read,
        takes: ONE,
        returns: shape::<One<'static>>(),
        handler: get,
    },
    Route {
        method: Verb::Patch,
        path: "/api/2.0/mlflow/unity-catalog/model-versions/update",
        needs: Write,
        takes: &[text("name").required(), word("version").required(), text("description")],
        returns: shape::<One<'static>>(),
        handler: update,
    },
    Route {
        method: Verb::Delete,
        path: "/api/2.0/mlflow/unity-catalog/model-versions/delete",
        needs: Write,
        takes: ONE,
        returns: shape::<Nothing>(),
        handler: delete,
    },
    Route {
        method: Verb::Get,
        path: "/api/2.0/mlflow/unity-catalog/model-versions/search",
        needs: Read,
        takes: &[text("filter"), whole("max_results"), text("page_token")],
        returns: shape::<Found<'static>>(),
        handler: search,
    },
    Route {
        method: Verb::Get,
        path: "/api/2.0/mlflow/unity-catalog/model-versions/get-download-uri",
        needs: Read,
        takes: ONE,
        returns: shape::<Place>(),
        handler: download_uri,
    },
    Route {
        method: Verb::Post,
        path: "/api/2.0/mlflow/unity-catalog/model-versions/set-tag",
        needs: Write,
        takes: &[
            text("name").required(),
            word("version").required(),
            text("key").required(),
            text("value"),
        ],
        returns: shape::<Nothing>(),
        handler: set_tag,
    },
    Route {
        method: Verb::Delete,
        path: "/api/2.0/mlflow/unity-catalog/model-versions/delete-tag",
        needs: Write,
        takes: &[text("name").required(), word("version").required(), text("key").required()],
        returns: shape::<Nothing>(),
        handler: delete_tag,
    },
    Route {
        method: Verb::Post,
        path: "/api/2.0/mlflow/unity-catalog/model-versions/emit-lineage",
        needs: Read,
        takes: &[
            text("name").required(),
            word("version").required(),
            any("model_version_lineage_info"),
        ],
        returns: shape::<Nothing>(),
        handler: emit_lineage,
    },
];

/// A version.
#[derive(Serialize, ToSchema)]
#[schema(as = UnityVersionAnswer)]
struct One<'a> {
    model_version: Version<'a>,
}

/// A page of versions.
#[derive(Serialize, ToSchema)]
#[schema(as = UnityVersionPage)]
struct Found<'a> {
    model_versions: Vec<Version<'a>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    next_page_token: Option<String>,
}

/// The address of a version's files.
#[derive(Serialize, ToSchema)]
#[schema(as = UnityPlace)]
struct Place {
    artifact_uri: String,
}

/// How to reach the files of a version: by the addresses that this server makes.
#[derive(Serialize, ToSchema)]
#[schema(as = UnityCredentials)]
struct Credentials {
    credentials: Storage,
}

/// A storage that needs no secret of a cloud.
#[derive(Serialize, ToSchema)]
#[schema(as = UnityStorage)]
struct Storage {
    storage_mode: &'static str,
    expiration_time: i64,
}

fn create(call: &Call) -> Outcome<Reply> {
    let args = &call.args;
    let new = New {
        name: full_name(call, "name")?,
        source: args.need("source")?,
        run: args.text("run_id"),
        description: args.text("description"),
        tags: new_tags(call)?,
        model: args.text("model_id"),
    };
    answer(call, &registration::create(call, new)?)
}

fn known(call: &Call) -> Outcome<tracklite::registry::ModelVersion> {
    version_of(call, full_name(call, "name")?)
}

fn answer(call: &Call, info: &ModelVersionInfo) -> Outcome<Reply> {
    let logged = logged_model(call, info);
    Ok(Reply::json(&One { model_version: version(call, info, logged.as_ref()) }))
}

fn credentials(call: &Call) -> Outcome<Reply> {
    known(call)?;
    let expiration_time = registration::expiration();
    let credentials = Storage { storage_mode: "DEFAULT_STORAGE", expiration_time };
    Ok(Reply::json(&Credentials { credentials }))
}

fn finalize(call: &Call) -> Outcome<Reply> {
    answer(call, &registration::finalize(call, &known(call)?)?)
}

fn get(call: &Call) -> Outcome<Reply> {
    answer(call, &known(call)?.info()?)
}

fn update(call: &Call) -> Outcome<Reply> {
    let version = known(call)?;
    if let Some(description) = call.args.any_text("description") {
        version.set_description(Some(description))?;
    }
    answer(call, &version.info()?)
}

fn delete(call: &Call) -> Outcome<Reply> {
    known(call)?.delete()?;
    Ok(Reply::done())
}

fn search(call: &Call) -> Outcome<Reply> {
    let (default, most) = (RegistrySearch::DEFAULT_VERSIONS, RegistrySearch::MAX_VERSIONS);
    let search = queries::registry_search(&call.args, default, most)?;
    let page = call.registry().search_versions(&search)?;
    let model_versions = page.items.iter().map(|info| version(call, info, None)).collect();
    Ok(Reply::json(&Found { model_versions, next_page_token: page.next_page_token }))
}

fn download_uri(call: &Call) -> Outcome<Reply> {
    let info = known(call)?.info()?;
    Ok(Reply::json(&Place { artifact_uri: storage_location(&info) }))
}

fn set_tag(call: &Call) -> Outcome<Reply> {
    let key = tag_key(call)?;
    let (version, value) = (known(call)?, call.args.text_or_empty("value"));
    version.set_tag(key, value)?;
    events::version_tag_set(call, call.args.need("name")?, version.version(), key, value);
    Ok(Reply::done())
}

fn delete_tag(call: &Call) -> Outcome<Reply> {
    let key = tag_key(call)?;
    let version = known(call)?;
    version.delete_tag(key)?;
    events::version_tag_deleted(call, call.args.need("name")?, version.version(), key);
    Ok(Reply::done())
}

/// Accepts what used a version. The file has its own lineage, from the runs themselves.
fn emit_lineage(call: &Call) -> Outcome<Reply> {
    known(call)?;
    Ok(Reply::done())
}
