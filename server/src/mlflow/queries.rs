//! Arguments that many routes have: ids, views, pages.

use tracklite::registry::RegistrySearch;
use tracklite::{ExperimentId, LoggedModelId, Run, RunId, Timestamp, View};

use crate::call::{Args, Call};
use crate::failure::{Failure, Outcome};
use crate::fields::{Read as _, missing};

/// Parses the id of an experiment.
pub(crate) fn experiment_id(text: &str) -> Outcome<ExperimentId> {
    let number: i128 = text.trim().parse().map_err(|_| {
        Failure::invalid(format!(
            "Invalid experiment ID '{text}'. Experiment ID must be a valid integer."
        ))
    })?;
    let number = u64::try_from(number).ok().filter(|number| i64::try_from(*number).is_ok());
    number
        .map(ExperimentId::new)
        .ok_or_else(|| Failure::missing(format!("No Experiment with id={text} exists")))
}

/// Returns the experiments of a list of ids, without those that cannot exist.
pub(crate) fn experiment_ids(args: &Args, name: &str) -> Outcome<Vec<ExperimentId>> {
    let mut ids = Vec::new();
    for text in args.texts(name) {
        match experiment_id(text) {
            Ok(id) => ids.push(id),
            Err(failure) if failure.code == "RESOURCE_DOES_NOT_EXIST" => {}
            Err(failure) => return Err(failure),
        }
    }
    Ok(ids)
}

/// Parses the id of a run. Other text names a run that does not exist.
pub(crate) fn run_id(text: &str) -> Outcome<RunId> {
    Ok(RunId::lookup(text)?)
}

/// Returns the run that the arguments name by `run_id` or, in old clients, by `run_uuid`.
pub(crate) fn run(call: &Call) -> Outcome<Run> {
    let id = run_id(run_text(&call.args)?)?;
    Ok(call.shared.handles.run(call.database(), id)?)
}

/// Returns the text that names a run.
pub(crate) fn run_text(args: &Args) -> Outcome<&str> {
    args.text("run_id").or_else(|| args.text("run_uuid")).ok_or_else(|| missing("run_id"))
}

/// Parses the id of a logged model. Other text names a model that does not exist.
pub(crate) fn logged_model_id(text: &str) -> Outcome<LoggedModelId> {
    Ok(LoggedModelId::lookup(text)?)
}

/// Returns the view of a search: a word or a number of MLflow's enum.
pub(crate) fn view(args: &Args, name: &str) -> Outcome<View> {
    match args.word(name).as_deref() {
        None | Some("ACTIVE_ONLY" | "1") => Ok(View::ActiveOnly),
        Some("DELETED_ONLY" | "2") => Ok(View::DeletedOnly),
        Some("ALL" | "3") => Ok(View::All),
        Some(other) => Err(Failure::invalid(format!(
            "Invalid view type: '{other}'. Must be one of ACTIVE_ONLY, DELETED_ONLY, ALL."
        ))),
    }
}

/// Returns the number of results, which must be from 1 to `most`.
pub(crate) fn max_results(args: &Args, default: usize, most: usize) -> Outcome<usize> {
    let Some(asked) = args.whole("max_results") else { return Ok(default) };
    let count = usize::try_from(asked).ok().filter(|count| (1..=most).contains(count));
    count.ok_or_else(|| {
        Failure::invalid(format!(
            "Invalid value {asked} for parameter 'max_results' supplied. It must be a positive \
             integer of at most {most}."
        ))
    })
}

/// Returns a search of the registry by the usual arguments.
pub(crate) fn registry_search(args: &Args, default: usize, most: usize) -> Outcome<RegistrySearch> {
    let search = RegistrySearch::new()
        .filter(args.text_or_empty("filter"))
        .max_results(max_results(args, default, most)?)
        .page_token(args.text_or_empty("page_token"));
    Ok(args.texts("order_by").into_iter().fold(search, RegistrySearch::order_by))
}

/// Converts a time in milliseconds.
pub(crate) fn time(millis: i64) -> Outcome<Timestamp> {
    Ok(Timestamp::from_millis(millis)?)
}
