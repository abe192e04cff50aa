//! Searches of runs.

use serde::Serialize;
use tracklite::{ExperimentId, RunRecord, RunSearch};
use utoipa::ToSchema;

use super::entities::{Run, run};
use super::{places, queries};
use crate::access::Scope;
use crate::call::Call;
use crate::failure::Outcome;
use crate::fields::{Read as _, text, texts, whole, word};
use crate::reply::Reply;
use crate::route::{Route, Verb};
use crate::schema::shape;

pub(super) const ROUTES: &[Route] = &[Route {
    method: Verb::Post,
    path: "/2.0/mlflow/runs/search",
    needs: Scope::Read,
    takes: &[
        texts("experiment_ids"),
        text("filter"),
        word("run_view_type"),
        whole("max_results"),
        texts("order_by"),
        text("page_token"),
    ],
    returns: shape::<Found<'static>>(),
    handler: search,
}];

/// A page of runs.
#[derive(Serialize, ToSchema)]
#[schema(as = RunPage)]
struct Found<'a> {
    #[serde(skip_serializing_if = "Vec::is_empty")]
    runs: Vec<Run<'a>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    next_page_token: Option<String>,
}

fn search(call: &Call) -> Outcome<Reply> {
    let (default, most) = (RunSearch::DEFAULT_RESULTS, RunSearch::MAX_RESULTS);
    let search = RunSearch::new()
        .experiments(queries::experiment_ids(&call.args, "experiment_ids")?)
        .filter(call.args.text_or_empty("filter"))
        .view(queries::view(&call.args, "run_view_type")?)
        .max_results(queries::max_results(&call.args, default, most)?)
        .page_token(call.args.text_or_empty("page_token"))
        .artifact_root(places::root(call.caller.dialect));
    let search = call.args.texts("order_by").into_iter().fold(search, RunSearch::order_by);
    let page = call.database().search_runs(&search)?;
    let places = locations(call, &page.items)?;
    let runs = page.items.iter().map(|record| {
        let known = places.iter().find(|(id, _)| *id == record.info.experiment);
        run(record, known.map(|(_, place)| place.as_str()).unwrap_or_default(), false)
    });
    Ok(Reply::json(&Found { runs: runs.collect(), next_page_token: page.next_page_token }))
}

/// Returns the locations of the experiments of these runs. There are few of them.
fn locations(call: &Call, runs: &[RunRecord]) -> Outcome<Vec<(ExperimentId, String)>> {
    let mut known: Vec<(ExperimentId, String)> = Vec::new();
    for record in runs {
        let id = record.info.experiment;
        if known.iter().all(|(other, _)| *other != id) {
            known.push((id, places::of_experiment_id(call, id)?));
        }
    }
    Ok(known)
}
