//! Registered models and their aliases in catalogs: `w.registered_models`.

use axum::http::StatusCode;
use serde::Serialize;
use tracklite::ErrorKind;
use tracklite::registry::RegistrySearch;
use utoipa::ToSchema;

use super::pages;
use super::uc_entities::{JOB_TAG, full_name, logged_model, version_of_alias};
use super::uc21_entities::{Alias, Model, Version, levels_of, model, version};
use crate::access::Scope::{Read, Write};
use crate::call::Call;
use crate::failure::{Failure, Outcome};
use crate::fields::{PAIR, Read as _, flag, missing, objects, text, whole};
use crate::levels::{self, Levels};
use crate::mlflow::registry::new_tags;
use crate::reply::{Nothing, Reply};
use crate::route::{Route, Verb};
use crate::schema::shape;
use crate::webhooks::events;

pub(super) const ROUTES: &[Route] = &[
    Route {
        method: Verb::Post,
        path: "/api/2.1/unity-catalog/models",
        needs: Write,
        takes: &[
            text("catalog_name").required(),
            text("schema_name").required(),
            text("name").required(),
            text("comment"),
            text("storage_location"),
            objects("tags", PAIR),
            text("deployment_job_id"),
        ],
        returns: shape::<Model<'static>>(),
        handler: create,
    },
    Route {
        method: Verb::Get,
        path: "/api/2.1/unity-catalog/models",
        needs: Read,
        takes: &[
            text("catalog_name"),
            text("schema_name"),
            whole("max_results"),
            text("page_token"),
            flag("include_browse"),
        ],
        returns: shape::<Found<'static>>(),
        handler: list,
    },
    Route {
        method: Verb::Get,
        path: "/api/2.1/unity-catalog/models/{full_name}",
        needs: Read,
        takes: &[flag("include_aliases"), flag("include_browse")],
        returns: shape::<Model<'static>>(),
        handler: get,
    },
    Route {
        method: Verb::Patch,
        path: "/api/2.1/unity-catalog/models/{full_name}",
        needs: Write,
        takes: &[text("new_name"), text("comment"), text("owner"), text("deployment_job_id")],
        returns: shape::<Model<'static>>(),
        handler: update,
    },
    Route {
        method: Verb::Delete,
        path: "/api/2.1/unity-catalog/models/{full_name}",
        needs: Write,
        takes: &[flag("force")],
        returns: shape::<Nothing>(),
        handler: delete,
    },
    Route {
        method: Verb::Put,
        path: "/api/2.1/unity-catalog/models/{full_name}/aliases/{alias}",
        needs: Write,
        takes: &[whole("version_num").required()],
        returns: shape::<Alias<'static>>(),
        handler: set_alias,
    },
    Route {
        method: Verb::Delete,
        path: "/api/2.1/unity-catalog/models/{full_name}/aliases/{alias}",
        needs: Write,
        takes: &[],
        returns: shape::<Nothing>(),
        handler: delete_alias,
    },
    Route {
        method: Verb::Get,
        path: "/api/2.1/unity-catalog/models/{full_name}/aliases/{alias}",
        needs: Read,
        takes: &[flag("include_aliases")],
        returns: shape::<Version<'static>>(),
        handler: get_by_alias,
    },
];

/// A page of registered models.
#[derive(Serialize, ToSchema)]
#[schema(as = CatalogModelPage)]
struct Found<'a> {
    registered_models: Vec<Model<'a>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    next_page_token: Option<String>,
}

type Handle = tracklite::registry::RegisteredModel;

fn known(call: &Call) -> Outcome<Handle> {
    Ok(call.registry().model(full_name(call, "full_name")?)?)
}

fn answer(call: &Call, model: &Handle) -> Outcome<Reply> {
    Ok(Reply::json(&self::model(call, &model.info()?)))
}

fn create(call: &Call) -> Outcome<Reply> {
    let args = &call.args;
    let (catalog, schema) = (args.need("catalog_name")?, args.need("schema_name")?);
    let name = format!("{catalog}.{schema}.{}", args.need("name")?);
    levels::need(&name)?;
    levels::ensure(call, &name)?;
    let mut builder = call.registry().new_model(&name);
    for (key, value) in new_tags(call)? {
        builder = builder.tag(&key, value);
    }
    if let Some(comment) = args.text("comment") {
        builder = builder.description(comment);
    }
    if let Some(job) = args.text("deployment_job_id") {
        builder = builder.tag(JOB_TAG, job);
    }
    let model = builder.create().map_err(taken)?;
    events::model_created(call, &model.info()?);
    answer(call, &model)
}

/// The SDK takes the status 409 for a name that is taken.
pub(super) fn taken(error: tracklite::Error) -> Failure {
    let is_taken = error.kind() == ErrorKind::AlreadyExists;
    let failure = Failure::from(error);
    if is_taken { Failure { status: StatusCode::CONFLICT, ..failure } } else { failure }
}

fn list(call: &Call) -> Outcome<Reply> {
    let args = &call.args;
    let within = match (args.text("catalog_name"), args.text("schema_name")) {
        (None, None) => None,
        (Some(catalog), Some(schema)) => {
            levels::schema(call, catalog, schema)?;
            Some((catalog, schema))
        }
        (Some(_), None) => return Err(missing("schema_name")),
        (None, Some(_)) => return Err(missing("catalog_name")),
    };
    let pattern = within.map_or("%.%.%".to_owned(), |(catalog, schema)| {
        // A name with a quote has no place in the filter, so the wildcard is in its place.
        format!("{catalog}.{schema}.%").replace('\'', "_")
    });
    let search = RegistrySearch::new()
        .filter(format!("name LIKE '{pattern}'"))
        .max_results(pages::size(args)?)
        .page_token(args.text_or_empty("page_token"));
    let page = call.registry().search_models(&search)?;
    // The pattern finds more, because `_` in a name matches any character.
    let is_wanted = |name: &str| {
        levels::split(name).is_some_and(|levels| {
            within.is_none_or(|within| within == (levels.catalog, levels.schema))
        })
    };
    let models = page.items.iter().filter(|info| is_wanted(&info.name));
    let registered_models = models.map(|info| model(call, info)).collect();
    Ok(Reply::json(&Found { registered_models, next_page_token: page.next_page_token }))
}

fn get(call: &Call) -> Outcome<Reply> {
    answer(call, &known(call)?)
}

fn update(call: &Call) -> Outcome<Reply> {
    let model = known(call)?;
    if let Some(new) = call.args.text("new_name") {
        let Levels { catalog, schema, .. } = levels_of(call.args.text_or_empty("full_name"));
        // The new name is that of the model alone, or all three levels.
        let full = match levels::split(new) {
            Some(_) => new.to_owned(),
            None => format!("{catalog}.{schema}.{new}"),
        };
        levels::need(&full)?;
        levels::ensure(call, &full)?;
        model.rename(&full).map_err(taken)?;
    }
    if let Some(comment) = call.args.any_text("comment") {
        model.set_description(Some(comment))?;
    }
    match call.args.any_text("deployment_job_id") {
        Some("") => model.delete_tag(JOB_TAG)?,
        Some(job) => model.set_tag(JOB_TAG, job)?,
        None => {}
    }
    answer(call, &model)
}

fn delete(call: &Call) -> Outcome<Reply> {
    known(call)?.delete()?;
    Ok(Reply::done())
}

fn set_alias(call: &Call) -> Outcome<Reply> {
    let model = known(call)?;
    let name = call.args.need("full_name")?;
    let asked = call.args.whole("version_num").unwrap_or_default();
    let version_num = u64::try_from(asked).map_err(|_| {
        Failure::missing(format!("Model Version (name={name}, version={asked}) not found"))
    })?;
    let alias_name = call.args.need("alias")?;
    model.set_alias(alias_name, version_num)?;
    events::alias_set(call, name, alias_name, version_num);
    let Levels { catalog, schema, model } = levels_of(name);
    Ok(Reply::json(&Alias {
        alias_name,
        version_num,
        catalog_name: Some(catalog),
        schema_name: Some(schema),
        model_name: Some(model),
    }))
}

fn delete_alias(call: &Call) -> Outcome<Reply> {
    let alias = call.args.need("alias")?;
    known(call)?.delete_alias(alias)?;
    events::alias_deleted(call, call.args.need("full_name")?, alias);
    Ok(Reply::done())
}

fn get_by_alias(call: &Call) -> Outcome<Reply> {
    let name = full_name(call, "full_name")?;
    let info = version_of_alias(call, name, call.args.need("alias")?)?;
    let logged = logged_model(call, &info);
    Ok(Reply::json(&version(call, &info, logged.as_ref())))
}
