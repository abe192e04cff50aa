//! All routes of the server.

use std::sync::{Arc, OnceLock};

use axum::Router;
use axum::extract::{Extension, State};
use axum::middleware::from_fn_with_state;
use axum::routing::get;

use crate::access::{Caller, Scope};
use crate::databricks::serving_reports;
use crate::failure::Outcome;
use crate::guard::guard;
use crate::reply::Reply;
use crate::route::{Route, add, unknown};
use crate::shared::Shared;
use crate::{databricks, graphql, mlflow, mlflow_ui, open_inference, openapi, page, scoring};

/// The tables of routes with JSON in and out, each with its prefixes.
const TABLES: &[(&[&str], &[&[Route]])] = &[
    (&["/api", "/ajax-api"], mlflow::TABLES),
    (&[""], databricks::TABLES),
    (&[""], &[graphql::ROUTES]),
    (&[page::PREFIX], page::TABLES),
];

/// Returns the service that answers all requests.
pub(crate) fn app(shared: &Arc<Shared>) -> Router {
    let mut router = Router::new()
        .route("/metrics", get(metrics))
        .route("/openapi.json", get(description))
        .route("/static-files/{*path}", get(mlflow_ui::file));
    for (prefixes, tables) in TABLES {
        for prefix in *prefixes {
            router = tables.iter().fold(router, |router, table| add(router, prefix, table));
        }
    }
    page::add(open_inference::add(scoring::add(mlflow::add(databricks::add(router)))))
        .fallback(unknown)
        .method_not_allowed_fallback(unknown)
        .layer(from_fn_with_state(Arc::clone(shared), guard))
        .with_state(Arc::clone(shared))
}

async fn metrics(
    State(shared): State<Arc<Shared>>,
    Extension(caller): Extension<Caller>,
) -> Outcome<Reply> {
    caller.must(Scope::Read)?;
    let mut text = shared.metrics.text();
    text.push_str(&serving_reports::text_of(&shared, &shared.serving.endpoints()));
    Ok(Reply::text("text/plain; version=0.0.4; charset=utf-8", text))
}

async fn description() -> Reply {
    static DESCRIPTION: OnceLock<String> = OnceLock::new();
    Reply::text("application/json", DESCRIPTION.get_or_init(described).as_str())
}

fn described() -> String {
    let mut tables: Vec<(&str, &[Route])> = Vec::new();
    for (prefixes, routes) in TABLES {
        let first = prefixes.first().copied().unwrap_or_default();
        tables.extend(routes.iter().map(|routes| (first, *routes)));
    }
    tables.push((page::PREFIX, page::WAITING));
    openapi::document(&tables).to_string()
}
