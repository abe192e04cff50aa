//! How much each param matters for a metric.

use serde::Serialize;
use tracklite::RunSearch;
use tracklite::importance::{Dependence, ImportanceQuery, ParamImportance};
use utoipa::ToSchema;

use crate::access::Scope;
use crate::call::Call;
use crate::failure::Outcome;
use crate::fields::{Read as _, flag, text, texts};
use crate::mlflow::entities::Real;
use crate::reply::Reply;
use crate::route::{Route, Verb};
use crate::schema::shape;

use super::names;

pub(super) const ROUTES: &[Route] = &[Route {
    method: Verb::Post,
    path: "/importance",
    needs: Scope::Read,
    takes: &[
        text("handle"),
        text("objective").required(),
        flag("log"),
        texts("exclude"),
        text("dependence"),
    ],
    returns: shape::<Answer>(),
    handler: importance,
}];

/// How much the params of some runs matter for an objective.
#[derive(Serialize, ToSchema)]
#[schema(as = PageImportance)]
struct Answer {
    /// The number of runs with a value of the objective.
    runs: usize,
    /// The share of the variance that the params explain.
    explained: Real,
    /// The params that differ, the most important one first.
    params: Vec<Param>,
    /// How the objective depends on the param that was named.
    dependence: Vec<Place>,
}

/// How much a param matters.
#[derive(Serialize, ToSchema)]
#[schema(as = PageParamImportance)]
struct Param {
    key: String,
    importance: Real,
    error: Real,
    /// The rank correlation with the objective. Null for texts.
    correlation: Option<Real>,
    runs: usize,
}

/// The mean of the objective if a param had this value in all runs.
#[derive(Serialize, ToSchema)]
#[schema(as = PageDependence)]
struct Place {
    number: Option<Real>,
    text: Option<String>,
    mean: Real,
}

fn importance(call: &Call) -> Outcome<Reply> {
    let args = &call.args;
    let search = match args.text("handle") {
        Some(handle) => call.shared.selections.get(handle)?.search.clone(),
        None => RunSearch::new(),
    };
    let mut query = ImportanceQuery::new(names::column(args.need("objective")?));
    if args.flag("log").unwrap_or(false) {
        query = query.log();
    }
    query = args.texts("exclude").into_iter().fold(query, ImportanceQuery::exclude);
    if let Some(param) = args.text("dependence") {
        query = query.dependence(param);
    }
    let found = call.database().importance(&search, &query)?;
    let param = |param: ParamImportance| Param {
        key: param.key,
        importance: Real(param.importance),
        error: Real(param.error),
        correlation: param.correlation.map(Real),
        runs: param.runs,
    };
    let place = |place: Dependence| Place {
        number: place.number.map(Real),
        text: place.text,
        mean: Real(place.mean),
    };
    Ok(Reply::json(&Answer {
        runs: found.runs,
        explained: Real(found.explained),
        params: found.params.into_iter().map(param).collect(),
        dependence: found.dependence.into_iter().map(place).collect(),
    }))
}
