//! Runs: starting, reading and changing them.

use serde::Serialize;
use tracklite::{RunStatus, RunUpdate};
use utoipa::ToSchema;

use super::entities::{Info, Run, info, new_run, run};
use super::places;
use super::queries::{self, time};
use crate::access::Dialect;
use crate::access::Scope::{Read, Write};
use crate::call::Call;
use crate::failure::{Failure, Outcome};
use crate::fields::{Field, PAIR, Read as _, objects, text, whole, word};
use crate::reply::{Nothing, Reply};
use crate::route::{Route, Verb};
use crate::schema::shape;

const ID: &[Field] = &[text("run_id"), text("run_uuid")];

pub(super) const ROUTES: &[Route] = &[
    Route {
        method: Verb::Post,
        path: "/2.0/mlflow/runs/create",
        needs: Write,
        takes: &[
            text("experiment_id"),
            text("user_id"),
            text("run_name"),
            whole("start_time"),
            objects("tags", PAIR),
        ],
        returns: shape::<One<'static>>(),
        handler: create,
    },
    Route {
        method: Verb::Get,
        path: "/2.0/mlflow/runs/get",
        needs: Read,
        takes: ID,
        returns: shape::<One<'static>>(),
        handler: get,
    },
    Route {
        method: Verb::Post,
        path: "/2.0/mlflow/runs/update",
        needs: Write,
        takes: &[
            text("run_id"),
            text("run_uuid"),
            word("status"),
            whole("end_time"),
            text("run_name"),
        ],
        returns: shape::<Updated<'static>>(),
        handler: update,
    },
    Route {
        method: Verb::Post,
        path: "/2.0/mlflow/runs/delete",
        needs: Write,
        takes: ID,
        returns: shape::<Nothing>(),
        handler: delete,
    },
    Route {
        method: Verb::Post,
        path: "/2.0/mlflow/runs/restore",
        needs: Write,
        takes: ID,
        returns: shape::<Nothing>(),
        handler: restore,
    },
];

/// A run.
#[derive(Serialize, ToSchema)]
#[schema(as = RunAnswer)]
struct One<'a> {
    run: Run<'a>,
}

/// A run after a change.
#[derive(Serialize, ToSchema)]
#[schema(as = RunUpdated)]
struct Updated<'a> {
    run_info: Info<'a>,
}

/// The tag with the name of a run.
const NAME_TAG: &str = "mlflow.runName";

fn create(call: &Call) -> Outcome<Reply> {
    let args = &call.args;
    let id = queries::experiment_id(experiment_of(call))?;
    let experiment = call.database().experiment_by_id(id)?;
    let mut tags = args.pairs("tags");
    let named = tags.iter().find(|(key, _)| key == NAME_TAG).map(|(_, name)| name.clone());
    tags.retain(|(key, _)| key != NAME_TAG);
    let named = named.filter(|name| !name.is_empty());
    let name = match (args.text("run_name"), named) {
        (Some(name), Some(tag)) if name != tag => {
            return Err(Failure::invalid(format!(
                "Both 'run_name' argument and 'mlflow.runName' tag are specified, but with \
                 different values (run_name='{name}', mlflow.runName='{tag}')."
            )));
        }
        (Some(name), _) => name.to_owned(),
        (None, tag) => tag.unwrap_or_default(),
    };
    let mut run = experiment.new_run().name(&name).tags(shortened(tags, TAG_CHARACTERS_MAX));
    run = run.user(args.text_or_empty("user_id"));
    if let Some(start) = args.whole("start_time").filter(|start| *start != 0) {
        run = run.started(time(start)?);
    }
    let run = run.start()?;
    call.shared.handles.keep(&run);
    let record = run.record()?;
    let location = places::of_experiment_id(call, record.info.experiment)?;
    Ok(Reply::json(&One { run: new_run(&record, &location) }))
}

/// Returns the id of the experiment of a new run, as it is in the request.
fn experiment_of(call: &Call) -> &str {
    match call.args.text("experiment_id") {
        None => DEFAULT_EXPERIMENT,
        // MLflow sends its missing value as text if no experiment is set. In a notebook of
        // Databricks, it knows the experiment of the notebook.
        Some("None") if call.caller.dialect == Dialect::Databricks => DEFAULT_EXPERIMENT,
        Some(id) => id,
    }
}

const DEFAULT_EXPERIMENT: &str = "0";

fn get(call: &Call) -> Outcome<Reply> {
    answer(call, &queries::run(call)?)
}

fn answer(call: &Call, found: &tracklite::Run) -> Outcome<Reply> {
    let record = found.record()?;
    let location = places::of_experiment_id(call, record.info.experiment)?;
    Ok(Reply::json(&One { run: run(&record, &location, true) }))
}

fn update(call: &Call) -> Outcome<Reply> {
    let run = queries::run(call)?;
    let mut update = RunUpdate::new().keep_end();
    let status = call.args.word("status").map(|word| status(&word)).transpose()?;
    if let Some(status) = status {
        update = update.status(status);
    }
    if let Some(end) = call.args.whole("end_time") {
        update = update.ended(time(end)?);
    }
    if let Some(name) = call.args.text("run_name") {
        update = update.name(name);
    }
    run.update(update)?;
    if status.is_some_and(RunStatus::is_terminated) {
        call.database().sync()?;
    }
    let found = run.info()?;
    let location = places::of_experiment_id(call, found.experiment)?;
    Ok(Reply::json(&Updated { run_info: info(&found, &location) }))
}

/// Parses a status: a word or a number of MLflow's enum.
fn status(word: &str) -> Outcome<RunStatus> {
    let number = word.parse::<usize>().ok().and_then(|number| number.checked_sub(1));
    match number {
        Some(index) => RunStatus::ALL.get(index).copied().ok_or_else(|| {
            Failure::invalid(format!("Invalid value {word} for parameter 'status' supplied."))
        }),
        None => Ok(word.parse()?),
    }
}

fn delete(call: &Call) -> Outcome<Reply> {
    call.database().delete_run(queries::run_id(queries::run_text(&call.args)?)?)?;
    Ok(Reply::done())
}

fn restore(call: &Call) -> Outcome<Reply> {
    call.database().restore_run(queries::run_id(queries::run_text(&call.args)?)?)?;
    Ok(Reply::done())
}

/// The most characters in the value of a param; MLflow cuts longer ones.
pub(super) const PARAM_CHARACTERS_MAX: usize = 6000;
/// The most characters in the value of a run's tag; MLflow cuts longer ones.
pub(super) const TAG_CHARACTERS_MAX: usize = 8000;

/// Cuts long values, as MLflow does.
pub(super) fn shortened(pairs: Vec<(String, String)>, most: usize) -> Vec<(String, String)> {
    let cut = |(key, mut value): (String, String)| {
        if let Some((end, _)) = value.char_indices().nth(most) {
            value.truncate(end);
        }
        (key, value)
    };
    pairs.into_iter().map(cut).collect()
}
