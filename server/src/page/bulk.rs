//! Changes of many runs at once, and the way back.

use std::collections::HashSet;

use axum::http::StatusCode;
use serde::Serialize;
use tracklite::{Database, Lifecycle, Run, RunId};
use utoipa::ToSchema;

use super::edits::{TagEdits, even_if_missing, lifecycle};
use super::undos::{Edit, TagValues};
use crate::access::Scope;
use crate::call::Call;
use crate::failure::{Failure, Outcome};
use crate::fields::{Read as _, object, text, texts};
use crate::mlflow::queries;
use crate::reply::Reply;
use crate::route::{Route, Verb};
use crate::schema::shape;

pub(super) const ROUTES: &[Route] = &[
    Route {
        method: Verb::Post,
        path: "/runs/bulk",
        needs: Scope::Write,
        takes: &[texts("runs"), text("handle"), object("tags", &[]), text("lifecycle")],
        returns: shape::<Changed>(),
        handler: change_many,
    },
    Route {
        method: Verb::Post,
        path: "/runs/undo",
        needs: Scope::Write,
        takes: &[text("undo").required()],
        returns: shape::<Changed>(),
        handler: undo,
    },
];

/// The result of a change of many runs.
#[derive(Serialize, ToSchema)]
#[schema(as = PageChanged)]
struct Changed {
    /// The number of changed runs.
    changed: usize,
    /// The changed runs, if others could not be changed.
    done: Vec<String>,
    /// The runs that could not be changed.
    failed: Vec<Failed>,
    /// A word for `runs/undo`, which takes the change back within an hour.
    undo: Option<String>,
}

/// A run that could not be changed.
#[derive(Serialize, ToSchema)]
#[schema(as = PageFailedRun)]
struct Failed {
    id: String,
    error_code: &'static str,
    message: String,
}

fn change_many(call: &Call) -> Outcome<Reply> {
    let tags = TagEdits::of(&call.args)?;
    let lifecycle = lifecycle(&call.args)?;
    // All runs are found before the first one is changed.
    let ids = call.args.texts("runs").into_iter().map(queries::run_id);
    let mut ids: Vec<RunId> = ids.collect::<Outcome<_>>()?;
    if let Some(handle) = call.args.text("handle") {
        ids.extend(&call.shared.selections.get(handle)?.runs);
    }
    let mut known = HashSet::new();
    ids.retain(|id| known.insert(*id));
    for id in &ids {
        call.database().run(*id)?;
    }
    let tags: TagValues = tags.values().collect();
    let edit = |run| Edit { run, tags: tags.clone(), lifecycle, expected: Vec::new() };
    answer(call, ids.into_iter().map(edit).collect())
}

fn undo(call: &Call) -> Outcome<Reply> {
    let edits = call.shared.undos.take(call.args.need("undo")?)?;
    answer(call, edits)
}

/// Changes the runs one after the other, also if one of them fails.
fn answer(call: &Call, edits: Vec<Edit>) -> Outcome<Reply> {
    let (mut done, mut failed, mut back) = (Vec::new(), Vec::new(), Vec::new());
    let mut first = None;
    for edit in edits {
        match changed(call.database(), &edit) {
            Ok(inverse) => {
                done.push(edit.run.to_string());
                back.push(inverse);
            }
            Err(Failure { status, code, message }) => {
                let id = edit.run.to_string();
                failed.push(Failed { id, error_code: code, message: message.clone() });
                first.get_or_insert(Failure { status, code, message });
            }
        }
    }
    if let (Some(failure), true) = (first, done.is_empty()) {
        return Err(failure);
    }
    let undo = call.shared.undos.keep(back)?;
    let changed = done.len();
    if failed.is_empty() {
        done.clear();
    }
    Ok(Reply::json(&Changed { changed, done, failed, undo }))
}

/// Changes a run, and returns the way back.
fn changed(database: &Database, edit: &Edit) -> Outcome<Edit> {
    let run = database.run(edit.run)?;
    let (before, lifecycle) = (run.tags()?, run.info()?.lifecycle);
    let mut expected = edit.expected.iter();
    if expected.any(|(key, value)| before.get(key) != value.as_ref()) {
        let message = "the tags of the run have changed since";
        return Err(Failure::new(StatusCode::CONFLICT, "RESOURCE_CONFLICT", message));
    }
    apply(&run, None, &TagEdits::of_values(&edit.tags), edit.lifecycle)?;
    let former = edit.tags.iter().map(|(key, _)| (key.clone(), before.get(key).cloned()));
    Ok(Edit {
        run: edit.run,
        tags: former.collect(),
        lifecycle: edit.lifecycle.map(|_| lifecycle),
        expected: edit.tags.clone(),
    })
}

/// Changes a run. A deleted run accepts no other change, so it is restored first and deleted last.
///
/// If a later step fails, the error names the steps that were done before it.
pub(super) fn apply(
    run: &Run,
    name: Option<&str>,
    edits: &TagEdits,
    lifecycle: Option<Lifecycle>,
) -> Outcome<()> {
    let mut done: Vec<&str> = Vec::new();
    let mut step = |is_wanted: bool, word: &'static str, work: &dyn Fn() -> Outcome<()>| {
        if is_wanted {
            work().map_err(|failure| after(&done, failure))?;
            done.push(word);
        }
        Ok::<(), Failure>(())
    };
    step(lifecycle == Some(Lifecycle::Active), "restored", &|| Ok(run.restore()?))?;
    step(name.is_some(), "renamed", &|| Ok(run.set_name(name.unwrap_or_default())?))?;
    step(!edits.set.is_empty(), "given its tags", &|| {
        Ok(run.set_tags(edits.set.iter().map(|(key, value)| (key, value)))?)
    })?;
    step(!edits.delete.is_empty(), "freed of tags", &|| {
        edits.delete.iter().try_for_each(|key| even_if_missing(run.delete_tag(key)))
    })?;
    step(lifecycle == Some(Lifecycle::Deleted), "deleted", &|| Ok(run.delete()?))
}

/// Adds to a failure what was done before it.
fn after(done: &[&str], failure: Failure) -> Failure {
    if done.is_empty() {
        return failure;
    }
    let message = format!("{}; before that, the run was {}", failure.message, done.join(" and "));
    Failure { message, ..failure }
}
