//! Versions of registered models.

use serde::Serialize;
use serde_json::Value;
use tracklite::Lifecycle;
use tracklite::registry::{ModelVersionInfo, RegistrySearch};
use utoipa::ToSchema;

use super::registry::{ModelVersion, model_version, new_tags, stage, tag_key, version};
use super::{queries, sources};
use crate::access::Scope::{Read, Write};
use crate::call::Call;
use crate::failure::{Failure, Outcome};
use crate::fields::{Field, PAIR, Read as _, flag, objects, text, texts, whole, word};
use crate::reply::{Nothing, Reply};
use crate::route::{Route, Verb};
use crate::schema::shape;
use crate::webhooks::events;

const ONE: &[Field] = &[text("name").required(), word("version").required()];

pub(super) const ROUTES: &[Route] = &[
    Route {
        method: Verb::Post,
        path: "/2.0/mlflow/model-versions/create",
        needs: Write,
        takes: &[
            text("name").required(),
            text("source").required(),
            text("run_id"),
            objects("tags", PAIR),
            text("run_link"),
            text("description"),
            text("model_id"),
        ],
        returns: shape::<One<'static>>(),
        handler: create,
    },
    Route {
        method: Verb::Get,
        path: "/2.0/mlflow/model-versions/get",
        needs: Read,
        takes: ONE,
        returns: shape::<One<'static>>(),
        handler: get,
    },
    Route {
        method: Verb::Patch,
        path: "/2.0/mlflow/model-versions/update",
        needs: Write,
        takes: &[text("name").required(), word("version").required(), text("description")],
        returns: shape::<One<'static>>(),
        handler: update,
    },
    Route {
        method: Verb::Post,
        path: "/2.0/mlflow/model-versions/transition-stage",
        needs: Write,
        takes: &[
            text("name").required(),
            word("version").required(),
            text("stage").required(),
            flag("archive_existing_versions"),
        ],
        returns: shape::<One<'static>>(),
        handler: transition,
    },
    Route {
        method: Verb::Delete,
        path: "/2.0/mlflow/model-versions/delete",
        needs: Write,
        takes: ONE,
        returns: shape::<Nothing>(),
        handler: delete,
    },
    Route {
        method: Verb::Get,
        path: "/2.0/mlflow/model-versions/search",
        needs: Read,
        takes: &[text("filter"), whole("max_results"), texts("order_by"), text("page_token")],
        returns: shape::<Found<'static>>(),
        handler: search,
    },
    Route {
        method: Verb::Get,
        path: "/2.0/mlflow/model-versions/get-download-uri",
        needs: Read,
        takes: ONE,
        returns: shape::<Place>(),
        handler: download_uri,
    },
    Route {
        method: Verb::Post,
        path: "/2.0/mlflow/model-versions/set-tag",
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
        path: "/2.0/mlflow/model-versions/delete-tag",
        needs: Write,
        takes: &[text("name").required(), word("version").required(), text("key").required()],
        returns: shape::<Nothing>(),
        handler: delete_tag,
    },
];

/// A version.
#[derive(Serialize, ToSchema)]
#[schema(as = ModelVersionAnswer)]
struct One<'a> {
    model_version: ModelVersion<'a>,
}

/// A page of versions.
#[derive(Serialize, ToSchema)]
#[schema(as = ModelVersionPage)]
struct Found<'a> {
    #[serde(skip_serializing_if = "Vec::is_empty")]
    model_versions: Vec<ModelVersion<'a>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    next_page_token: Option<String>,
}

/// The address of a version's files.
#[derive(Serialize, ToSchema)]
#[schema(as = ModelVersionPlace)]
struct Place {
    artifact_uri: String,
}

fn create(call: &Call) -> Outcome<Reply> {
    let args = &call.args;
    let tags = new_tags(call)?;
    let model = super::registry::model(call)?;
    let given = sources::Given {
        source: args.need("source")?.to_owned(),
        run: args.text("run_id").map(str::to_owned),
        model: args.text("model_id").map(str::to_owned),
    };
    let given = sources::checked(call, given, &tags)?;
    let mut builder = model.new_version(&given.source);
    if let Some(files) = sources::files_at(call, &given.source) {
        builder = builder.files_at(files);
    }
    if let Some(run) = &given.run {
        builder = builder.run(run);
    }
    if let Some(link) = args.text("run_link") {
        builder = builder.run_link(link);
    }
    if let Some(text) = args.text("description") {
        builder = builder.description(text);
    }
    // A version as the source brings its logged model, even if that is deleted.
    if let Some(id) = args.text("model_id") {
        builder = builder.logged_model(queries::logged_model_id(id)?);
    }
    for (key, value) in &tags {
        builder = builder.tag(key, value);
    }
    let info = builder.create()?.info()?;
    events::version_created(call, &info);
    note_version(call, &info)?;
    answer(&info)
}

const VERSIONS_TAG: &str = "mlflow.modelVersions";

/// Adds a version to the list in the tag of its logged model, unless that is gone.
fn note_version(call: &Call, version: &ModelVersionInfo) -> Outcome<()> {
    let model = version.logged_model.map(|id| call.database().logged_model(id));
    let Some(Ok(model)) = model else { return Ok(()) };
    let info = model.info()?;
    if info.lifecycle == Lifecycle::Deleted {
        return Ok(());
    }
    let known = info.tags.get(VERSIONS_TAG).map(String::as_str).unwrap_or_default();
    let mut all: Vec<Value> = serde_json::from_str(known).unwrap_or_default();
    let new = serde_json::json!({"name": version.name, "version": version.version});
    if !all.contains(&new) {
        all.push(new);
        model.set_tag(VERSIONS_TAG, Value::Array(all))?;
    }
    Ok(())
}

fn answer(info: &ModelVersionInfo) -> Outcome<Reply> {
    Ok(Reply::json(&One { model_version: model_version(info) }))
}

fn get(call: &Call) -> Outcome<Reply> {
    answer(&version(call)?.info()?)
}

fn update(call: &Call) -> Outcome<Reply> {
    let version = version(call)?;
    version.set_description(call.args.any_text("description"))?;
    answer(&version.info()?)
}

fn transition(call: &Call) -> Outcome<Reply> {
    let text = call.args.need("stage")?;
    let stage = stage(text)?;
    let archives = call.args.flag("archive_existing_versions") == Some(true);
    if archives && !stage.is_active() {
        return Err(Failure::invalid(format!(
            "Model version transition cannot archive existing model versions because '{text}' is \
             not an Active stage. Valid stages are ['Staging', 'Production']"
        )));
    }
    let version = version(call)?;
    version.transition_stage(stage, archives)?;
    answer(&version.info()?)
}

fn delete(call: &Call) -> Outcome<Reply> {
    version(call)?.delete()?;
    Ok(Reply::done())
}

fn search(call: &Call) -> Outcome<Reply> {
    let (default, most) = (RegistrySearch::DEFAULT_VERSIONS, RegistrySearch::MAX_VERSIONS);
    let search = queries::registry_search(&call.args, default, most)?;
    let page = call.registry().search_versions(&search)?;
    let model_versions = page.items.iter().map(model_version).collect();
    Ok(Reply::json(&Found { model_versions, next_page_token: page.next_page_token }))
}

fn download_uri(call: &Call) -> Outcome<Reply> {
    let artifact_uri = sources::place_of(call, &version(call)?.info()?)?;
    Ok(Reply::json(&Place { artifact_uri }))
}

fn set_tag(call: &Call) -> Outcome<Reply> {
    let key = tag_key(call)?;
    let (version, value) = (version(call)?, call.args.text_or_empty("value"));
    version.set_tag(key, value)?;
    events::version_tag_set(call, call.args.need("name")?, version.version(), key, value);
    Ok(Reply::done())
}

fn delete_tag(call: &Call) -> Outcome<Reply> {
    let key = tag_key(call)?;
    let version = version(call)?;
    version.delete_tag(key)?;
    events::version_tag_deleted(call, call.args.need("name")?, version.version(), key);
    Ok(Reply::done())
}
