//! Registered models for MLflow's registry `databricks-uc`.

use serde::Serialize;
use tracklite::registry::RegistrySearch;
use utoipa::ToSchema;

use super::pages;
use super::uc_entities::{
    JOB_TAG, Model, Version, full_name, logged_model, model, version, version_of_alias,
};
use crate::access::Scope::{Read, Write};
use crate::call::Call;
use crate::failure::Outcome;
use crate::fields::{Field, PAIR, Read as _, objects, text, whole, word};
use crate::levels;
use crate::mlflow::registry::{new_tags, number, tag_key};
use crate::reply::{Nothing, Reply};
use crate::route::{Route, Verb};
use crate::schema::shape;
use crate::webhooks::events;

const NAME: &[Field] = &[text("name").required()];
const ALIAS: &[Field] = &[text("name").required(), text("alias").required()];

pub(super) const ROUTES: &[Route] = &[
    Route {
        method: Verb::Post,
        path: "/api/2.0/mlflow/unity-catalog/registered-models/create",
        needs: Write,
        takes: &[
            text("name").required(),
            text("description"),
            objects("tags", PAIR),
            text("deployment_job_id"),
        ],
        returns: shape::<One<'static>>(),
        handler: create,
    },
    Route {
        method: Verb::Get,
        path: "/api/2.0/mlflow/unity-catalog/registered-models/get",
        needs: Read,
        takes: NAME,
        returns: shape::<One<'static>>(),
        handler: get,
    },
    Route {
        method: Verb::Patch,
        path: "/api/2.0/mlflow/unity-catalog/registered-models/update",
        needs: Write,
        takes: &[
            text("name").required(),
            text("new_name"),
            text("description"),
            text("deployment_job_id"),
        ],
        returns: shape::<One<'static>>(),
        handler: update,
    },
    Route {
        method: Verb::Delete,
        path: "/api/2.0/mlflow/unity-catalog/registered-models/delete",
        needs: Write,
        takes: NAME,
        returns: shape::<Nothing>(),
        handler: delete,
    },
    Route {
        method: Verb::Get,
        path: "/api/2.0/mlflow/unity-catalog/registered-models/search",
        needs: Read,
        takes: &[whole("max_results"), text("page_token")],
        returns: shape::<Found<'static>>(),
        handler: search,
    },
    Route {
        method: Verb::Post,
        path: "/api/2.0/mlflow/unity-catalog/registered-models/set-tag",
        needs: Write,
        takes: &[text("name").required(), text("key").required(), text("value")],
        returns: shape::<Nothing>(),
        handler: set_tag,
    },
    Route {
        method: Verb::Delete,
        path: "/api/2.0/mlflow/unity-catalog/registered-models/delete-tag",
        needs: Write,
        takes: &[text("name").required(), text("key").required()],
        returns: shape::<Nothing>(),
        handler: delete_tag,
    },
    Route {
        method: Verb::Post,
        path: "/api/2.0/mlflow/unity-catalog/registered-models/alias",
        needs: Write,
        takes: &[text("name").required(), text("alias").required(), word("version").required()],
        returns: shape::<Nothing>(),
        handler: set_alias,
    },
    Route {
        method: Verb::Delete,
        path: "/api/2.0/mlflow/unity-catalog/registered-models/alias",
        needs: Write,
        takes: ALIAS,
        returns: shape::<Nothing>(),
        handler: delete_alias,
    },
    Route {
        method: Verb::Get,
        path: "/api/2.0/mlflow/unity-catalog/registered-models/alias",
        needs: Read,
        takes: ALIAS,
        returns: shape::<OneVersion<'static>>(),
        handler: get_by_alias,
    },
    Route {
        method: Verb::Get,
        path: concat!(
            "/api/2.0/mlflow/unity-catalog/registered-models",
            ":is-databricks-sdk-models-artifact-repository-enabled"
        ),
        needs: Read,
        takes: &[],
        returns: shape::<Uploads>(),
        handler: uploads,
    },
];

/// A registered model.
#[derive(Serialize, ToSchema)]
#[schema(as = UnityModelAnswer)]
struct One<'a> {
    registered_model: Model<'a>,
}

/// A page of registered models.
#[derive(Serialize, ToSchema)]
#[schema(as = UnityModelPage)]
struct Found<'a> {
    registered_models: Vec<Model<'a>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    next_page_token: Option<String>,
}

/// The version of an alias.
#[derive(Serialize, ToSchema)]
#[schema(as = UnityAliasAnswer)]
struct OneVersion<'a> {
    model_version: Version<'a>,
}

/// How clients write the files of a version: with the Files API.
#[derive(Serialize, ToSchema)]
#[schema(as = UnityUploads)]
struct Uploads {
    is_databricks_sdk_models_artifact_repository_enabled: bool,
}

type Handle = tracklite::registry::RegisteredModel;

fn known(call: &Call) -> Outcome<Handle> {
    Ok(call.registry().model(full_name(call, "name")?)?)
}

fn answer(model: &Handle) -> Outcome<Reply> {
    let info = model.info()?;
    Ok(Reply::json(&One { registered_model: self::model(&info) }))
}

fn create(call: &Call) -> Outcome<Reply> {
    let name = full_name(call, "name")?;
    let tags = new_tags(call)?;
    levels::ensure(call, name)?;
    let mut builder = call.registry().new_model(name);
    for (key, value) in tags {
        builder = builder.tag(&key, value);
    }
    if let Some(description) = call.args.text("description") {
        builder = builder.description(description);
    }
    if let Some(job) = call.args.text("deployment_job_id") {
        builder = builder.tag(JOB_TAG, job);
    }
    let model = builder.create()?;
    events::model_created(call, &model.info()?);
    answer(&model)
}

fn get(call: &Call) -> Outcome<Reply> {
    answer(&known(call)?)
}

fn update(call: &Call) -> Outcome<Reply> {
    let model = known(call)?;
    if call.args.text("new_name").is_some() {
        let new = full_name(call, "new_name")?;
        levels::ensure(call, new)?;
        model.rename(new)?;
    }
    if let Some(description) = call.args.any_text("description") {
        model.set_description(Some(description))?;
    }
    match call.args.any_text("deployment_job_id") {
        Some("") => model.delete_tag(JOB_TAG)?,
        Some(job) => model.set_tag(JOB_TAG, job)?,
        None => {}
    }
    answer(&model)
}

fn delete(call: &Call) -> Outcome<Reply> {
    known(call)?.delete()?;
    Ok(Reply::done())
}

fn search(call: &Call) -> Outcome<Reply> {
    let search = RegistrySearch::new()
        .filter("name LIKE '%.%.%'")
        .max_results(pages::size(&call.args)?)
        .page_token(call.args.text_or_empty("page_token"));
    let page = call.registry().search_models(&search)?;
    let models = page.items.iter().filter(|info| levels::split(&info.name).is_some());
    let registered_models = models.map(model).collect();
    Ok(Reply::json(&Found { registered_models, next_page_token: page.next_page_token }))
}

fn set_tag(call: &Call) -> Outcome<Reply> {
    let key = tag_key(call)?;
    let value = call.args.text_or_empty("value");
    known(call)?.set_tag(key, value)?;
    events::model_tag_set(call, call.args.need("name")?, key, value);
    Ok(Reply::done())
}

fn delete_tag(call: &Call) -> Outcome<Reply> {
    let key = tag_key(call)?;
    known(call)?.delete_tag(key)?;
    events::model_tag_deleted(call, call.args.need("name")?, key);
    Ok(Reply::done())
}

fn set_alias(call: &Call) -> Outcome<Reply> {
    let model = known(call)?;
    let (name, alias) = (call.args.need("name")?, call.args.need("alias")?);
    let number = number(call, name)?;
    model.set_alias(alias, number)?;
    events::alias_set(call, name, alias, number);
    Ok(Reply::done())
}

fn delete_alias(call: &Call) -> Outcome<Reply> {
    let alias = call.args.need("alias")?;
    known(call)?.delete_alias(alias)?;
    events::alias_deleted(call, call.args.need("name")?, alias);
    Ok(Reply::done())
}

fn get_by_alias(call: &Call) -> Outcome<Reply> {
    let name = full_name(call, "name")?;
    let info = version_of_alias(call, name, call.args.need("alias")?)?;
    let logged = logged_model(call, &info);
    Ok(Reply::json(&OneVersion { model_version: version(call, &info, logged.as_ref()) }))
}

fn uploads(_call: &Call) -> Outcome<Reply> {
    Ok(Reply::json(&Uploads { is_databricks_sdk_models_artifact_repository_enabled: true }))
}
