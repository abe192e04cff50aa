//! Versions of models in catalogs: `w.model_versions`, and the calls of MLflow's native store.

use serde::Serialize;
use serde_json::{Map, Value};
use tracklite::registry::ModelVersionInfo;
use utoipa::ToSchema;

use super::pages;
use super::registration::{self, New};
use super::uc_entities::{full_name, logged_model, version_of};
use super::uc21_entities::{Version, version};
use crate::access::Scope::{Read, Write};
use crate::call::Call;
use crate::failure::{Failure, Outcome};
use crate::fields::{Field, PAIR, Read as _, any, flag, object, objects, text, texts, whole, word};
use crate::levels;
use crate::mlflow::registry::{check_tag_key, new_tags};
use crate::reply::{Nothing, Reply};
use crate::route::{Route, Verb};
use crate::schema::shape;
use crate::webhooks::events;

const CHANGES: &[Field] = &[objects("add_tags", PAIR), texts("remove")];

pub(super) const ROUTES: &[Route] = &[
    Route {
        method: Verb::Post,
        path: "/api/2.1/unity-catalog/models/versions",
        needs: Write,
        takes: &[
            text("catalog_name").required(),
            text("schema_name").required(),
            text("model_name").required(),
            text("source").required(),
            text("run_id"),
            text("comment"),
            objects("tags", PAIR),
            any("model_version_dependencies"),
            text("model_id"),
            text("feature_deps"),
            text("run_tracking_server_id"),
        ],
        returns: shape::<Version<'static>>(),
        handler: create,
    },
    Route {
        method: Verb::Get,
        path: "/api/2.1/unity-catalog/models/{full_name}/versions",
        needs: Read,
        takes: &[whole("max_results"), text("page_token"), flag("include_browse")],
        returns: shape::<Found<'static>>(),
        handler: list,
    },
    Route {
        method: Verb::Get,
        path: "/api/2.1/unity-catalog/models/{full_name}/versions/{version}",
        needs: Read,
        takes: &[flag("include_aliases"), flag("include_browse")],
        returns: shape::<Version<'static>>(),
        handler: get,
    },
    Route {
        method: Verb::Patch,
        path: "/api/2.1/unity-catalog/models/{full_name}/versions/{version}",
        needs: Write,
        takes: &[text("comment")],
        returns: shape::<Version<'static>>(),
        handler: update,
    },
    Route {
        method: Verb::Delete,
        path: "/api/2.1/unity-catalog/models/{full_name}/versions/{version}",
        needs: Write,
        takes: &[],
        returns: shape::<Nothing>(),
        handler: delete,
    },
    Route {
        method: Verb::Patch,
        path: "/api/2.1/unity-catalog/models/{full_name}/versions/{version}/finalize",
        needs: Write,
        takes: &[],
        returns: shape::<Version<'static>>(),
        handler: finalize,
    },
    Route {
        method: Verb::Post,
        path: "/api/2.1/unity-catalog/temporary-model-version-credentials",
        needs: Read,
        takes: &[
            text("catalog_name").required(),
            text("schema_name").required(),
            text("model_name").required(),
            word("version").required(),
            word("operation"),
        ],
        returns: shape::<Credentials>(),
        handler: credentials,
    },
    Route {
        method: Verb::Patch,
        path: "/api/2.1/unity-catalog/securable-tags/{securable_type}/{securable_full_name}",
        needs: Write,
        takes: &[object("changes", CHANGES).required()],
        returns: shape::<Nothing>(),
        handler: tag_model,
    },
    Route {
        method: Verb::Patch,
        path: concat!(
            "/api/2.1/unity-catalog/subentity-tags",
            "/{securable_type}/{securable_full_name}/{version}"
        ),
        needs: Write,
        takes: &[object("changes", CHANGES).required()],
        returns: shape::<Nothing>(),
        handler: tag_version,
    },
];

/// A page of versions, the newest first.
#[derive(Serialize, ToSchema)]
#[schema(as = CatalogVersionPage)]
struct Found<'a> {
    model_versions: Vec<Version<'a>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    next_page_token: Option<String>,
}

/// How to reach the files of a version: by the addresses that this server makes.
#[derive(Serialize, ToSchema)]
#[schema(as = CatalogCredentials)]
struct Credentials {
    storage_mode: &'static str,
    expiration_time: i64,
}

type Handle = tracklite::registry::ModelVersion;

fn known(call: &Call) -> Outcome<Handle> {
    version_of(call, full_name(call, "full_name")?)
}

fn answer(call: &Call, info: &ModelVersionInfo) -> Outcome<Reply> {
    let logged = logged_model(call, info);
    Ok(Reply::json(&version(call, info, logged.as_ref())))
}

/// Returns the name that the three arguments make.
fn named(call: &Call) -> Outcome<String> {
    let args = &call.args;
    let (catalog, schema) = (args.need("catalog_name")?, args.need("schema_name")?);
    let name = format!("{catalog}.{schema}.{}", args.need("model_name")?);
    levels::need(&name)?;
    Ok(name)
}

fn create(call: &Call) -> Outcome<Reply> {
    let args = &call.args;
    let name = named(call)?;
    let new = New {
        name: &name,
        source: args.need("source")?,
        run: args.text("run_id"),
        description: args.text("comment"),
        tags: new_tags(call)?,
        model: args.text("model_id"),
    };
    answer(call, &registration::create(call, new)?)
}

fn list(call: &Call) -> Outcome<Reply> {
    let model = call.registry().model(full_name(call, "full_name")?)?;
    let infos = model.versions()?;
    // The newest has the smallest key.
    let keyed = infos.iter().rev().map(|info| (format!("{:020}", u64::MAX - info.version), info));
    let (page, next_page_token) = pages::cut(keyed, &call.args)?;
    let model_versions = page.into_iter().map(|info| version(call, info, None)).collect();
    Ok(Reply::json(&Found { model_versions, next_page_token }))
}

fn get(call: &Call) -> Outcome<Reply> {
    answer(call, &known(call)?.info()?)
}

fn update(call: &Call) -> Outcome<Reply> {
    let version = known(call)?;
    if let Some(comment) = call.args.any_text("comment") {
        version.set_description(Some(comment))?;
    }
    answer(call, &version.info()?)
}

fn delete(call: &Call) -> Outcome<Reply> {
    known(call)?.delete()?;
    Ok(Reply::done())
}

fn finalize(call: &Call) -> Outcome<Reply> {
    answer(call, &registration::finalize(call, &known(call)?)?)
}

fn credentials(call: &Call) -> Outcome<Reply> {
    version_of(call, &named(call)?)?;
    let expiration_time = registration::expiration();
    Ok(Reply::json(&Credentials { storage_mode: "DEFAULT_STORAGE", expiration_time }))
}

/// Models are functions in the privileges and tags of Unity Catalog.
fn tagged(call: &Call) -> Outcome<(&str, &Map<String, Value>)> {
    let kind = call.args.need("securable_type")?;
    if !["FUNCTION", "MODEL", "REGISTERED_MODEL"].iter().any(|name| kind.eq_ignore_ascii_case(name))
    {
        let message = format!("the server keeps no tags of {kind:?}, only of FUNCTION, a model");
        return Err(Failure::not_implemented(message));
    }
    let name = full_name(call, "securable_full_name")?;
    let changes = call.args.object("changes").ok_or_else(|| crate::fields::missing("changes"))?;
    for (key, _) in changes.pairs("add_tags") {
        check_tag_key(&key)?;
    }
    changes.texts("remove").into_iter().try_for_each(check_tag_key)?;
    Ok((name, changes))
}

fn tag_model(call: &Call) -> Outcome<Reply> {
    let (name, changes) = tagged(call)?;
    let model = call.registry().model(name)?;
    for (key, value) in changes.pairs("add_tags") {
        model.set_tag(&key, &value)?;
        events::model_tag_set(call, name, &key, &value);
    }
    for key in changes.texts("remove") {
        model.delete_tag(key)?;
        events::model_tag_deleted(call, name, key);
    }
    Ok(Reply::done())
}

fn tag_version(call: &Call) -> Outcome<Reply> {
    let (name, changes) = tagged(call)?;
    let version = version_of(call, name)?;
    for (key, value) in changes.pairs("add_tags") {
        version.set_tag(&key, &value)?;
        events::version_tag_set(call, name, version.version(), &key, &value);
    }
    for key in changes.texts("remove") {
        version.delete_tag(key)?;
        events::version_tag_deleted(call, name, version.version(), key);
    }
    Ok(Reply::done())
}
