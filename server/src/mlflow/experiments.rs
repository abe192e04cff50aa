//! Experiments.

use serde::Serialize;
use tracklite::{ExperimentInfo, ExperimentSearch};
use utoipa::ToSchema;

use super::entities::{Experiment, LOCATION_TAG, experiment};
use super::{places, queries};
use crate::access::Scope::{Read, Write};
use crate::call::Call;
use crate::failure::{Failure, Outcome};
use crate::fields::{Field, PAIR, Read as _, objects, text, texts, whole, word};
use crate::reply::{Nothing, Reply};
use crate::route::{Route, Verb};
use crate::schema::shape;

const ID: &[Field] = &[text("experiment_id").required()];
const SEARCH: &[Field] = &[
    word("view_type"),
    whole("max_results"),
    text("filter"),
    texts("order_by"),
    text("page_token"),
];

pub(super) const ROUTES: &[Route] = &[
    Route {
        method: Verb::Post,
        path: "/2.0/mlflow/experiments/create",
        needs: Write,
        takes: &[text("name").required(), text("artifact_location"), objects("tags", PAIR)],
        returns: shape::<Created>(),
        handler: create,
    },
    Route {
        method: Verb::Get,
        path: "/2.0/mlflow/experiments/get",
        needs: Read,
        takes: ID,
        returns: shape::<One<'static>>(),
        handler: get,
    },
    Route {
        method: Verb::Get,
        path: "/2.0/mlflow/experiments/get-by-name",
        needs: Read,
        takes: &[text("experiment_name").required()],
        returns: shape::<One<'static>>(),
        handler: get_by_name,
    },
    Route {
        method: Verb::Post,
        path: "/2.0/mlflow/experiments/search",
        needs: Read,
        takes: SEARCH,
        returns: shape::<Found<'static>>(),
        handler: search,
    },
    Route {
        method: Verb::Get,
        path: "/2.0/mlflow/experiments/search",
        needs: Read,
        takes: SEARCH,
        returns: shape::<Found<'static>>(),
        handler: search,
    },
    Route {
        method: Verb::Post,
        path: "/2.0/mlflow/experiments/update",
        needs: Write,
        takes: &[text("experiment_id").required(), text("new_name").required()],
        returns: shape::<Nothing>(),
        handler: update,
    },
    Route {
        method: Verb::Post,
        path: "/2.0/mlflow/experiments/delete",
        needs: Write,
        takes: ID,
        returns: shape::<Nothing>(),
        handler: delete,
    },
    Route {
        method: Verb::Post,
        path: "/2.0/mlflow/experiments/restore",
        needs: Write,
        takes: ID,
        returns: shape::<Nothing>(),
        handler: restore,
    },
    Route {
        method: Verb::Post,
        path: "/2.0/mlflow/experiments/set-experiment-tag",
        needs: Write,
        takes: &[text("experiment_id").required(), text("key").required(), text("value")],
        returns: shape::<Nothing>(),
        handler: set_tag,
    },
    Route {
        method: Verb::Post,
        path: "/2.0/mlflow/experiments/delete-experiment-tag",
        needs: Write,
        takes: &[text("experiment_id").required(), text("key").required()],
        returns: shape::<Nothing>(),
        handler: delete_tag,
    },
];

/// The id of a new experiment.
#[derive(Serialize, ToSchema)]
#[schema(as = ExperimentCreated)]
struct Created {
    experiment_id: String,
}

/// An experiment.
#[derive(Serialize, ToSchema)]
#[schema(as = ExperimentAnswer)]
struct One<'a> {
    experiment: Experiment<'a>,
}

/// A page of experiments.
#[derive(Serialize, ToSchema)]
#[schema(as = ExperimentPage)]
struct Found<'a> {
    #[serde(skip_serializing_if = "Vec::is_empty")]
    experiments: Vec<Experiment<'a>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    next_page_token: Option<String>,
}

fn create(call: &Call) -> Outcome<Reply> {
    let mut tags = call.args.pairs("tags");
    if tags.iter().any(|(key, _)| key == LOCATION_TAG) {
        return Err(reserved());
    }
    if let Some(location) = call.args.text("artifact_location") {
        check_location(location)?;
        tags.push((LOCATION_TAG.to_owned(), location.to_owned()));
    }
    let created = call.database().create_experiment_with(call.args.need("name")?, tags)?;
    Ok(Reply::json(&Created { experiment_id: created.id().to_string() }))
}

/// Refuses a location that the server or clients could not use.
fn check_location(location: &str) -> Outcome<()> {
    const CHARACTERS_MAX: usize = 2048;
    if location.chars().count() > CHARACTERS_MAX {
        return Err(Failure::invalid(format!(
            "Invalid artifact path length. The length of the artifact path cannot be greater than \
             {CHARACTERS_MAX} characters. To configure this limit, please set the \
             MLFLOW_ARTIFACT_LOCATION_MAX_LENGTH environment variable."
        )));
    }
    if location.contains(['#', ';']) {
        return Err(Failure::invalid("'artifact_location' URL can't include fragments or params."));
    }
    let scheme = location.split_once(':').map(|(scheme, _)| scheme).unwrap_or_default();
    if scheme.is_empty() || scheme.eq_ignore_ascii_case("file") {
        return Err(Failure::invalid(
            "'artifact_location' is a path of one machine: leave it out to keep artifacts in the \
             file, or give an address with a scheme that all clients reach, such as s3://",
        ));
    }
    if scheme.eq_ignore_ascii_case("runs") || scheme.eq_ignore_ascii_case("models") {
        return Err(Failure::invalid(
            "Artifact location cannot be a runs:/ URI. Given: '".to_owned() + location + "'",
        ));
    }
    Ok(())
}

/// The tag of the location cannot be changed, because existing artifacts would be lost.
fn reserved() -> Failure {
    Failure::invalid(format!(
        "The tag {LOCATION_TAG:?} is reserved for the artifact location of an experiment."
    ))
}

fn get(call: &Call) -> Outcome<Reply> {
    let id = queries::experiment_id(call.args.need("experiment_id")?)?;
    Ok(answer(call, &call.database().experiment_by_id(id)?.info()?))
}

fn get_by_name(call: &Call) -> Outcome<Reply> {
    let name = call.args.need("experiment_name")?;
    let found = call.database().find_experiment(name)?;
    let found = found
        .ok_or_else(|| Failure::missing(format!("Could not find experiment with name '{name}'")))?;
    Ok(answer(call, &found.info()?))
}

fn answer(call: &Call, info: &ExperimentInfo) -> Reply {
    Reply::json(&One { experiment: experiment(info, places::of_experiment(call, info)) })
}

fn search(call: &Call) -> Outcome<Reply> {
    let (default, most) = (ExperimentSearch::DEFAULT_RESULTS, ExperimentSearch::MAX_RESULTS);
    let search = ExperimentSearch::new()
        .filter(call.args.text_or_empty("filter"))
        .view(queries::view(&call.args, "view_type")?)
        .max_results(queries::max_results(&call.args, default, most)?)
        .page_token(call.args.text_or_empty("page_token"));
    let order = call.args.texts("order_by");
    let search = order.into_iter().fold(search, ExperimentSearch::order_by);
    let page = call.database().search_experiments(&search)?;
    let experiments = page.items.iter();
    let experiments =
        experiments.map(|info| experiment(info, places::of_experiment(call, info))).collect();
    Ok(Reply::json(&Found { experiments, next_page_token: page.next_page_token }))
}

fn known(call: &Call) -> Outcome<tracklite::Experiment> {
    let id = queries::experiment_id(call.args.need("experiment_id")?)?;
    Ok(call.database().experiment_by_id(id)?)
}

fn update(call: &Call) -> Outcome<Reply> {
    known(call)?.rename(call.args.need("new_name")?)?;
    Ok(Reply::done())
}

fn delete(call: &Call) -> Outcome<Reply> {
    known(call)?.delete()?;
    Ok(Reply::done())
}

fn restore(call: &Call) -> Outcome<Reply> {
    known(call)?.restore()?;
    Ok(Reply::done())
}

fn set_tag(call: &Call) -> Outcome<Reply> {
    let key = call.args.need("key")?;
    if key == LOCATION_TAG {
        return Err(reserved());
    }
    known(call)?.set_tag(key, call.args.text_or_empty("value"))?;
    Ok(Reply::done())
}

fn delete_tag(call: &Call) -> Outcome<Reply> {
    let key = call.args.need("key")?;
    if key == LOCATION_TAG {
        return Err(reserved());
    }
    known(call)?.delete_tag(key)?;
    Ok(Reply::done())
}
