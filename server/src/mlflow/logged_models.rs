//! Logged models.

use serde::Serialize;
use tracklite::logged_model::{LoggedModelInfo, LoggedModelSearch, LoggedModelStatus};
use utoipa::ToSchema;

use super::entities::{LoggedModel, STATUS_WORDS, logged_model};
use super::{places, queries};
use crate::access::Scope::{Read, Write};
use crate::call::Call;
use crate::failure::{Failure, Outcome};
use crate::fields::{Field, PAIR, Read as _, flag, objects, text, texts, whole, word};
use crate::reply::{Nothing, Reply};
use crate::route::{Route, Verb};
use crate::schema::shape;

const ORDER: &[Field] = &[
    text("field_name").required(),
    flag("ascending"),
    text("dataset_name"),
    text("dataset_digest"),
];
const DATASET: &[Field] = &[text("dataset_name"), text("dataset_digest")];

pub(super) const ROUTES: &[Route] = &[
    Route {
        method: Verb::Post,
        path: "/2.0/mlflow/logged-models",
        needs: Write,
        takes: &[
            text("experiment_id").required(),
            text("name"),
            text("model_type"),
            text("source_run_id"),
            objects("params", PAIR),
            objects("tags", PAIR),
        ],
        returns: shape::<One<'static>>(),
        handler: create,
    },
    Route {
        method: Verb::Post,
        path: "/2.0/mlflow/logged-models/search",
        needs: Read,
        takes: &[
            texts("experiment_ids"),
            text("filter"),
            objects("datasets", DATASET),
            whole("max_results"),
            objects("order_by", ORDER),
            text("page_token"),
        ],
        returns: shape::<Found<'static>>(),
        handler: search,
    },
    Route {
        method: Verb::Get,
        path: "/2.0/mlflow/logged-models/{model_id}",
        needs: Read,
        takes: &[flag("allow_deleted")],
        returns: shape::<One<'static>>(),
        handler: get,
    },
    Route {
        method: Verb::Patch,
        path: "/2.0/mlflow/logged-models/{model_id}",
        needs: Write,
        takes: &[word("status").required()],
        returns: shape::<One<'static>>(),
        handler: finalize,
    },
    Route {
        method: Verb::Delete,
        path: "/2.0/mlflow/logged-models/{model_id}",
        needs: Write,
        takes: &[],
        returns: shape::<Nothing>(),
        handler: delete,
    },
    Route {
        method: Verb::Post,
        path: "/2.0/mlflow/logged-models/{model_id}/params",
        needs: Write,
        takes: &[objects("params", PAIR)],
        returns: shape::<Nothing>(),
        handler: log_params,
    },
    Route {
        method: Verb::Patch,
        path: "/2.0/mlflow/logged-models/{model_id}/tags",
        needs: Write,
        takes: &[objects("tags", PAIR)],
        returns: shape::<Nothing>(),
        handler: set_tags,
    },
    Route {
        method: Verb::Delete,
        path: "/2.0/mlflow/logged-models/{model_id}/tags/{tag_key}",
        needs: Write,
        takes: &[],
        returns: shape::<Nothing>(),
        handler: delete_tag,
    },
];

/// A logged model.
#[derive(Serialize, ToSchema)]
#[schema(as = LoggedModelAnswer)]
struct One<'a> {
    model: LoggedModel<'a>,
}

/// A page of logged models.
#[derive(Serialize, ToSchema)]
#[schema(as = LoggedModelPage)]
struct Found<'a> {
    #[serde(skip_serializing_if = "Vec::is_empty")]
    models: Vec<LoggedModel<'a>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    next_page_token: Option<String>,
}

fn create(call: &Call) -> Outcome<Reply> {
    let args = &call.args;
    let id = queries::experiment_id(args.need("experiment_id")?)?;
    let mut model = call.database().experiment_by_id(id)?.new_logged_model();
    if let Some(name) = args.text("name") {
        model = model.name(name);
    }
    if let Some(model_type) = args.text("model_type") {
        model = model.model_type(model_type);
    }
    if let Some(run) = args.text("source_run_id") {
        model = model.source_run(run);
    }
    let params = args.pairs("params");
    model = params.iter().fold(model, |model, (key, value)| model.param(key, value));
    let tags = args.pairs("tags");
    model = tags.iter().fold(model, |model, (key, value)| model.tag(key, value));
    answer(call, &model.create()?.info()?)
}

fn answer(call: &Call, info: &LoggedModelInfo) -> Outcome<Reply> {
    let place = places::of_logged_model(call, info.experiment, info.id)?;
    Ok(Reply::json(&One { model: logged_model(info, place) }))
}

fn known(call: &Call) -> Outcome<tracklite::logged_model::LoggedModel> {
    let id = queries::logged_model_id(call.args.need("model_id")?)?;
    Ok(call.database().logged_model(id)?)
}

fn get(call: &Call) -> Outcome<Reply> {
    let model = known(call)?;
    match call.args.flag("allow_deleted") {
        Some(true) => answer(call, &model.info()?),
        _ => answer(call, &model.active_info()?),
    }
}

fn finalize(call: &Call) -> Outcome<Reply> {
    let model = known(call)?;
    model.finalize(status(&call.args.word("status").unwrap_or_default())?)?;
    answer(call, &model.info()?)
}

/// Parses a status: a word or a number of MLflow's enum.
fn status(word: &str) -> Outcome<LoggedModelStatus> {
    let number = word.parse::<usize>().ok();
    let by_number = number.and_then(|number| STATUS_WORDS.get(number));
    let found = by_number.or_else(|| STATUS_WORDS.iter().find(|(known, _)| *known == word));
    found.map(|(_, status)| *status).ok_or_else(|| {
        Failure::invalid(format!("Invalid value '{word}' for parameter 'status' supplied."))
    })
}

fn delete(call: &Call) -> Outcome<Reply> {
    known(call)?.delete()?;
    Ok(Reply::done())
}

fn log_params(call: &Call) -> Outcome<Reply> {
    known(call)?.log_params(call.args.pairs("params"))?;
    Ok(Reply::done())
}

fn set_tags(call: &Call) -> Outcome<Reply> {
    known(call)?.set_tags(call.args.pairs("tags"))?;
    Ok(Reply::done())
}

fn delete_tag(call: &Call) -> Outcome<Reply> {
    known(call)?.delete_tag(call.args.need("tag_key")?)?;
    Ok(Reply::done())
}

fn search(call: &Call) -> Outcome<Reply> {
    let args = &call.args;
    let limit = match args.whole("max_results") {
        None | Some(0) => LoggedModelSearch::DEFAULT_RESULTS,
        Some(_) => queries::max_results(args, 0, usize::MAX)?,
    };
    let mut search = LoggedModelSearch::new()
        .filter(args.text_or_empty("filter"))
        .max_results(limit)
        .page_token(args.text_or_empty("page_token"))
        .artifact_root(places::root(call.caller.dialect));
    for id in queries::experiment_ids(args, "experiment_ids")? {
        search = search.experiment(id);
    }
    for dataset in args.objects("datasets") {
        let name = dataset.text("dataset_name").ok_or_else(|| {
            Failure::invalid("`dataset_name` in the `datasets` clause must be specified.")
        })?;
        search = search.dataset(name, dataset.text("dataset_digest"));
    }
    let mut seen: Vec<(String, Option<&str>, Option<&str>)> = Vec::new();
    for item in args.objects("order_by") {
        let field = item.text_or_empty("field_name").replace("creation_timestamp", "creation_time");
        let (name, digest) = (item.text("dataset_name"), item.text("dataset_digest"));
        // A field that is repeated has no effect.
        if seen.contains(&(field.clone(), name, digest)) {
            continue;
        }
        let direction = if item.flag("ascending") == Some(false) { "DESC" } else { "ASC" };
        let ordered = format!("{} {direction}", item.text_or_empty("field_name"));
        search = match name {
            Some(name) => search.order_by_metric_on(ordered, name, digest),
            None => search.order_by(ordered),
        };
        seen.push((field, name, digest));
    }
    let page = call.database().search_logged_models(&search)?;
    let models = page.items.iter().map(|info| {
        let place = places::of_logged_model(call, info.experiment, info.id)?;
        Ok(logged_model(info, place))
    });
    let models = models.collect::<Outcome<_>>()?;
    Ok(Reply::json(&Found { models, next_page_token: page.next_page_token }))
}
