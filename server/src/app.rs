//! All routes of the server.

use std::sync::Arc;

use axum::Router;
use axum::extract::{Extension, State};
use axum::middleware::from_fn_with_state;
use axum::response::IntoResponse as _;
use axum::routing::get;

use crate::access::{Caller, Scope};
use crate::failure::Outcome;
use crate::guard::guard;
use crate::reply::Reply;
use crate::route::{Route, add, unknown};
use crate::shared::Shared;
use crate::{databricks, graphql, mlflow, mlflow_ui, openapi};

/// The tables of routes with JSON in and out, each with its prefixes.
const TABLES: &[(&[&str], &[&[Route]])] = &[
    (&["/api", "/ajax-api"], mlflow::TABLES),
    (&[""], databricks::TABLES),
    (&[""], &[graphql::ROUTES]),
];

/// Returns the service that answers all requests.
pub(crate) fn app(shared: &Arc<Shared>) -> Router {
    let mut router = Router::new()
        .route("/health", get(|| async { Reply::text("text/plain; charset=utf-8", "OK") }))
        .route("/version", get(|| async { Reply::text("text/plain; charset=utf-8", VERSION) }))
        .route("/metrics", get(metrics))
        .route("/openapi.json", get(description))
        .route("/", get(mlflow_ui::index))
        .route("/static-files/{*path}", get(mlflow_ui::file));
    for (prefixes, tables) in TABLES {
        for prefix in *prefixes {
            router = tables.iter().fold(router, |router, table| add(router, prefix, table));
        }
    }
    mlflow::add(databricks::add(router))
        .fallback(unknown)
        .method_not_allowed_fallback(unknown)
        .layer(from_fn_with_state(Arc::clone(shared), guard))
        .with_state(Arc::clone(shared))
}

const VERSION: &str = env!("CARGO_PKG_VERSION");

async fn metrics(
    State(shared): State<Arc<Shared>>,
    Extension(caller): Extension<Caller>,
) -> Outcome<Reply> {
    caller.must(Scope::Read)?;
    Ok(Reply::text("text/plain; version=0.0.4; charset=utf-8", shared.metrics.text()))
}

async fn description() -> axum::response::Response {
    let mut tables: Vec<(&str, &[Route])> = Vec::new();
    for (prefixes, routes) in TABLES {
        let first = prefixes.first().copied().unwrap_or_default();
        tables.extend(routes.iter().map(|routes| (first, *routes)));
    }
    Reply::json(&openapi::document(&tables)).into_response()
}
