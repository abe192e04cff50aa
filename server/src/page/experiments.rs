//! Experiments with the counts of their runs.

use std::collections::{BTreeMap, HashMap};

use serde::Serialize;
use tracklite::{Database, Experiment, ExperimentInfo, Lifecycle};
use utoipa::ToSchema;

use super::edits::{NOTE_TAG, TagEdits, even_if_missing, lifecycle};
use super::rows::rows;
use crate::access::Scope;
use crate::call::Call;
use crate::failure::{Failure, Outcome};
use crate::fields::{Read as _, flag, object, text};
use crate::mlflow::entities::LOCATION_TAG;
use crate::mlflow::queries;
use crate::reply::Reply;
use crate::route::{Route, Verb};
use crate::schema::shape;

pub(super) const ROUTES: &[Route] = &[
    Route {
        method: Verb::Get,
        path: "/experiments",
        needs: Scope::Read,
        takes: &[flag("deleted")],
        returns: shape::<Listing>(),
        handler: list,
    },
    Route {
        method: Verb::Patch,
        path: "/experiments/{id}",
        needs: Scope::Write,
        takes: &[text("path"), text("note"), object("tags", &[]), text("lifecycle")],
        returns: shape::<Entry>(),
        handler: change,
    },
];

/// All experiments.
#[derive(Serialize, ToSchema)]
#[schema(as = PageExperiments)]
struct Listing {
    experiments: Vec<Entry>,
}

/// An experiment. Its runs are those that are not deleted.
#[derive(Serialize, ToSchema)]
#[schema(as = PageExperiment)]
struct Entry {
    id: String,
    path: String,
    runs: u64,
    /// The runs whose status is RUNNING, dead ones too.
    running: u64,
    failed: u64,
    /// The last start or end of a run, in milliseconds.
    last_activity: Option<i64>,
    created: i64,
    lifecycle: &'static str,
    tags: BTreeMap<String, String>,
    note: Option<String>,
}

/// The counts of the runs of an experiment.
#[derive(Default)]
struct Counts {
    runs: u64,
    running: u64,
    failed: u64,
    last_activity: Option<i64>,
}

fn counts(database: &Database) -> Outcome<HashMap<i64, Counts>> {
    let query = "SELECT experiment_id, count(*), sum(status = 'RUNNING'), sum(status = 'FAILED'),
                 max(max(started, ifnull(ended, started)))
                 FROM runs WHERE lifecycle = 'active' GROUP BY experiment_id";
    let found = rows(database, query)?.into_iter().map(|mut row| {
        let id = row.maybe_whole().unwrap_or(-1);
        let (runs, running, failed) = (row.count(), row.count(), row.count());
        (id, Counts { runs, running, failed, last_activity: row.maybe_millis() })
    });
    Ok(found.collect())
}

fn entry(mut info: ExperimentInfo, counts: &HashMap<i64, Counts>) -> Entry {
    let none = Counts::default();
    let counts = i64::try_from(info.id.get()).ok().and_then(|id| counts.get(&id)).unwrap_or(&none);
    let note = info.tags.remove(NOTE_TAG);
    Entry {
        id: info.id.to_string(),
        path: info.path,
        runs: counts.runs,
        running: counts.running,
        failed: counts.failed,
        last_activity: counts.last_activity,
        created: info.created.as_millis(),
        lifecycle: info.lifecycle.as_str(),
        tags: info.tags,
        note,
    }
}

fn list(call: &Call) -> Outcome<Reply> {
    let with_deleted = call.args.flag("deleted").unwrap_or(false);
    let counts = counts(call.database())?;
    let mut found = call.database().experiments()?;
    found.retain(|info| with_deleted || info.lifecycle == Lifecycle::Active);
    let experiments = found.into_iter().map(|info| entry(info, &counts)).collect();
    Ok(Reply::json(&Listing { experiments }))
}

fn change(call: &Call) -> Outcome<Reply> {
    let experiment =
        call.database().experiment_by_id(queries::experiment_id(call.args.need("id")?)?)?;
    let edits = TagEdits::of(&call.args)?;
    if edits.names(LOCATION_TAG) {
        return Err(Failure::invalid(format!(
            "the tag {LOCATION_TAG:?} cannot be changed: it is the location of the artifacts"
        )));
    }
    let lifecycle = lifecycle(&call.args)?;
    // A deleted experiment accepts no other change.
    if lifecycle == Some(Lifecycle::Active) {
        even_if_missing(experiment.restore())?;
    }
    apply(call, &experiment, &edits)?;
    if lifecycle == Some(Lifecycle::Deleted) {
        even_if_missing(experiment.delete())?;
    }
    Ok(Reply::json(&entry(experiment.info()?, &counts(call.database())?)))
}

fn apply(call: &Call, experiment: &Experiment, edits: &TagEdits) -> Outcome<()> {
    if let Some(path) = call.args.text("path") {
        experiment.rename(path)?;
    }
    for (key, value) in &edits.set {
        experiment.set_tag(key, value)?;
    }
    edits.delete.iter().try_for_each(|key| even_if_missing(experiment.delete_tag(key)))
}
