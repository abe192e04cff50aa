//! Registered models.

use serde::Serialize;
use tracklite::registry::{ModelStage, ModelVersionInfo, RegistrySearch};
use utoipa::ToSchema;

use super::queries;
use super::registry::{
    ModelVersion, RegisteredModel, model, model_version, new_tags, number, registered_model, stage,
    tag_key,
};
use crate::access::Scope::{Read, Write};
use crate::call::Call;
use crate::failure::{Failure, Outcome};
use crate::fields::{Field, PAIR, Read as _, objects, text, texts, whole, word};
use crate::levels;
use crate::reply::{Nothing, Reply};
use crate::route::{Route, Verb};
use crate::schema::shape;
use crate::webhooks::events;

const NAME: &[Field] = &[text("name").required()];
const LATEST: &[Field] = &[text("name").required(), texts("stages")];
const ALIAS: &[Field] = &[text("name").required(), text("alias").required()];

pub(super) const ROUTES: &[Route] = &[
    Route {
        method: Verb::Post,
        path: "/2.0/mlflow/registered-models/create",
        needs: Write,
        takes: &[text("name").required(), objects("tags", PAIR), text("description")],
        returns: shape::<One<'static>>(),
        handler: create,
    },
    Route {
        method: Verb::Get,
        path: "/2.0/mlflow/registered-models/get",
        needs: Read,
        takes: NAME,
        returns: shape::<One<'static>>(),
        handler: get,
    },
    Route {
        method: Verb::Patch,
        path: "/2.0/mlflow/registered-models/update",
        needs: Write,
        takes: &[text("name").required(), text("description")],
        returns: shape::<One<'static>>(),
        handler: update,
    },
    Route {
        method: Verb::Post,
        path: "/2.0/mlflow/registered-models/rename",
        needs: Write,
        takes: &[text("name").required(), text("new_name").required()],
        returns: shape::<One<'static>>(),
        handler: rename,
    },
    Route {
        method: Verb::Delete,
        path: "/2.0/mlflow/registered-models/delete",
        needs: Write,
        takes: NAME,
        returns: shape::<Nothing>(),
        handler: delete,
    },
    Route {
        method: Verb::Get,
        path: "/2.0/mlflow/registered-models/search",
        needs: Read,
        takes: &[text("filter"), whole("max_results"), texts("order_by"), text("page_token")],
        returns: shape::<Found<'static>>(),
        handler: search,
    },
    Route {
        method: Verb::Post,
        path: "/2.0/mlflow/registered-models/get-latest-versions",
        needs: Read,
        takes: LATEST,
        returns: shape::<Latest<'static>>(),
        handler: latest_versions,
    },
    Route {
        method: Verb::Get,
        path: "/2.0/mlflow/registered-models/get-latest-versions",
        needs: Read,
        takes: LATEST,
        returns: shape::<Latest<'static>>(),
        handler: latest_versions,
    },
    Route {
        method: Verb::Post,
        path: "/2.0/mlflow/registered-models/set-tag",
        needs: Write,
        takes: &[text("name").required(), text("key").required(), text("value")],
        returns: shape::<Nothing>(),
        handler: set_tag,
    },
    Route {
        method: Verb::Delete,
        path: "/2.0/mlflow/registered-models/delete-tag",
        needs: Write,
        takes: &[text("name").required(), text("key").required()],
        returns: shape::<Nothing>(),
        handler: delete_tag,
    },
    Route {
        method: Verb::Post,
        path: "/2.0/mlflow/registered-models/alias",
        needs: Write,
        takes: &[text("name").required(), text("alias").required(), word("version").required()],
        returns: shape::<Nothing>(),
        handler: set_alias,
    },
    Route {
        method: Verb::Delete,
        path: "/2.0/mlflow/registered-models/alias",
        needs: Write,
        takes: ALIAS,
        returns: shape::<Nothing>(),
        handler: delete_alias,
    },
    Route {
        method: Verb::Get,
        path: "/2.0/mlflow/registered-models/alias",
        needs: Read,
        takes: ALIAS,
        returns: shape::<OneVersion<'static>>(),
        handler: get_by_alias,
    },
];

/// A registered model.
#[derive(Serialize, ToSchema)]
#[schema(as = RegisteredModelAnswer)]
struct One<'a> {
    registered_model: RegisteredModel<'a>,
}

/// A page of registered models.
#[derive(Serialize, ToSchema)]
#[schema(as = RegisteredModelPage)]
struct Found<'a> {
    #[serde(skip_serializing_if = "Vec::is_empty")]
    registered_models: Vec<RegisteredModel<'a>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    next_page_token: Option<String>,
}

/// The highest version of each stage.
#[derive(Serialize, ToSchema)]
#[schema(as = LatestVersions)]
struct Latest<'a> {
    #[serde(skip_serializing_if = "Vec::is_empty")]
    model_versions: Vec<ModelVersion<'a>>,
}

/// The version of an alias.
#[derive(Serialize, ToSchema)]
#[schema(as = AliasAnswer)]
struct OneVersion<'a> {
    model_version: ModelVersion<'a>,
}

const PROMPT_TAG: &str = "mlflow.prompt.is_prompt";

fn create(call: &Call) -> Outcome<Reply> {
    let name = call.args.need("name")?;
    let tags = new_tags(call)?;
    let registry = call.registry();
    levels::ensure(call, name)?;
    let mut builder = registry.new_model(name);
    for (key, value) in &tags {
        builder = builder.tag(key, value);
    }
    if let Some(description) = call.args.text("description") {
        builder = builder.description(description);
    }
    let created = match builder.create() {
        Err(error) if error.kind() == tracklite::ErrorKind::AlreadyExists => {
            return Err(taken(call, name, &tags)?);
        }
        created => created?.info()?,
    };
    events::model_created(call, &created);
    Ok(Reply::json(&One { registered_model: registered_model(&created) }))
}

/// The failure for a name that is taken. A prompt and a model cannot have the same name.
fn taken(call: &Call, name: &str, tags: &[(String, String)]) -> Outcome<Failure> {
    let known = call.registry().model(name)?.info()?;
    let kind = |value: Option<&String>| match value {
        Some(value) if value.eq_ignore_ascii_case("true") => "Prompt",
        _ => "Registered Model",
    };
    let new = tags.iter().find(|(key, _)| key == PROMPT_TAG).map(|(_, value)| value);
    let (old, new) = (kind(known.tags.get(PROMPT_TAG)), kind(new));
    let message = if old == new {
        format!("{new} (name={name}) already exists.")
    } else {
        format!(
            "Tried to create a {} with name '{name}', but the name is already taken by a {}. \
             MLflow does not allow creating a model and a prompt with the same name.",
            new.to_lowercase(),
            old.to_lowercase()
        )
    };
    let status = axum::http::StatusCode::BAD_REQUEST;
    Ok(Failure::new(status, "RESOURCE_ALREADY_EXISTS", message))
}

fn answer(model: &tracklite::registry::RegisteredModel) -> Outcome<Reply> {
    let info = model.info()?;
    Ok(Reply::json(&One { registered_model: registered_model(&info) }))
}

fn get(call: &Call) -> Outcome<Reply> {
    answer(&model(call)?)
}

fn update(call: &Call) -> Outcome<Reply> {
    let model = model(call)?;
    model.set_description(call.args.any_text("description"))?;
    answer(&model)
}

fn rename(call: &Call) -> Outcome<Reply> {
    let new = call.args.need("new_name")?;
    if new.trim().is_empty() {
        return Err(crate::fields::missing("new_name"));
    }
    let model = model(call)?;
    levels::ensure(call, new)?;
    model.rename(new)?;
    answer(&model)
}

fn delete(call: &Call) -> Outcome<Reply> {
    model(call)?.delete()?;
    Ok(Reply::done())
}

fn search(call: &Call) -> Outcome<Reply> {
    let (default, most) = (RegistrySearch::DEFAULT_MODELS, RegistrySearch::MAX_MODELS);
    let search = queries::registry_search(&call.args, default, most)?;
    let page = call.registry().search_models(&search)?;
    let registered_models = page.items.iter().map(registered_model).collect();
    Ok(Reply::json(&Found { registered_models, next_page_token: page.next_page_token }))
}

fn latest_versions(call: &Call) -> Outcome<Reply> {
    // MLflow reports a missing model before an invalid stage.
    let model = model(call)?;
    let stages: Vec<ModelStage> =
        call.args.texts("stages").into_iter().map(stage).collect::<Outcome<_>>()?;
    let found = model.latest_versions(&stages)?;
    Ok(Reply::json(&Latest { model_versions: found.iter().map(model_version).collect() }))
}

fn set_tag(call: &Call) -> Outcome<Reply> {
    let key = tag_key(call)?;
    let value = call.args.text_or_empty("value");
    model(call)?.set_tag(key, value)?;
    events::model_tag_set(call, call.args.need("name")?, key, value);
    Ok(Reply::done())
}

fn delete_tag(call: &Call) -> Outcome<Reply> {
    let key = tag_key(call)?;
    model(call)?.delete_tag(key)?;
    events::model_tag_deleted(call, call.args.need("name")?, key);
    Ok(Reply::done())
}

fn set_alias(call: &Call) -> Outcome<Reply> {
    let name = call.args.need("name")?;
    let number = number(call, name)?;
    let model = model(call).map_err(|failure| match failure.code {
        // MLflow misses the version of a model that does not exist.
        "RESOURCE_DOES_NOT_EXIST" => {
            Failure::missing(format!("Model Version (name={name}, version={number}) not found"))
        }
        _ => failure,
    })?;
    let alias = call.args.need("alias")?;
    model.set_alias(alias, number)?;
    events::alias_set(call, name, alias, number);
    Ok(Reply::done())
}

fn delete_alias(call: &Call) -> Outcome<Reply> {
    let alias = call.args.need("alias")?;
    model(call)?.delete_alias(alias)?;
    events::alias_deleted(call, call.args.need("name")?, alias);
    Ok(Reply::done())
}

fn get_by_alias(call: &Call) -> Outcome<Reply> {
    let found = version_of_alias(call, call.args.need("name")?, call.args.need("alias")?)?;
    Ok(Reply::json(&OneVersion { model_version: model_version(&found) }))
}

/// Returns the version of an alias. The alias `latest` is the highest version.
fn version_of_alias(call: &Call, name: &str, alias: &str) -> Outcome<ModelVersionInfo> {
    let registry = call.registry();
    if !alias.eq_ignore_ascii_case("latest") {
        return Ok(registry.version_info_by_alias(name, alias)?);
    }
    let latest = registry.model(name)?.latest_versions(&[])?.into_iter();
    let latest = latest.max_by_key(|info| info.version);
    latest.ok_or_else(|| Failure::missing(format!("Latest version not found for model {name}.")))
}
