//! The protocol of MLflow's own scoring server, for one endpoint.
//!
//! Each endpoint has it below `/serving-endpoints/{name}`. A server that was started for one model
//! also has it at the root.

use std::sync::Arc;

use axum::Router;
use axum::extract::rejection::PathRejection;
use axum::extract::{Extension, Path, Request, State};
use axum::http::StatusCode;
use axum::response::{IntoResponse as _, Response};
use axum::routing::{get, post};

use crate::access::{Caller, Scope};
use crate::databricks::invocations::answer;
use crate::failure::{Failure, Outcome};
use crate::reply::Reply;
use crate::shared::Shared;

/// The type of these answers in MLflow, although they are not JSON.
const TYPE: &str = "application/json";
const TEXT: &str = "text/plain; charset=utf-8";

type Named = Result<Path<String>, PathRejection>;

pub(crate) fn add(router: Router<Arc<Shared>>) -> Router<Arc<Shared>> {
    router
        .route("/serving-endpoints/{name}/ping", get(ping_named))
        .route("/serving-endpoints/{name}/health", get(ping_named))
        .route("/serving-endpoints/{name}/version", get(version_named))
        .route("/invocations", post(invoke))
        .route("/ping", get(ping))
        .route("/health", get(health))
        .route("/version", get(version))
}

async fn ping_named(
    State(shared): State<Arc<Shared>>,
    Extension(caller): Extension<Caller>,
    name: Named,
) -> Outcome<Reply> {
    caller.must(Scope::Read)?;
    let Path(name) = name.map_err(|error| Failure::invalid(error.to_string()))?;
    Ok(pinged(&shared, &name))
}

async fn version_named(
    State(shared): State<Arc<Shared>>,
    Extension(caller): Extension<Caller>,
    name: Named,
) -> Outcome<Reply> {
    caller.must(Scope::Read)?;
    let Path(name) = name.map_err(|error| Failure::invalid(error.to_string()))?;
    version_of(&shared, &name).ok_or_else(|| no_route("GET", "/version"))
}

async fn invoke(State(shared): State<Arc<Shared>>, request: Request) -> Response {
    match &shared.options.scored {
        Some(name) => answer(&shared, name, request).await,
        None => no_route("POST", "/invocations").into_response(),
    }
}

/// Needs no token, for those who watch the server.
async fn ping(State(shared): State<Arc<Shared>>) -> Outcome<Reply> {
    let name = shared.options.scored.as_ref().ok_or_else(|| no_route("GET", "/ping"))?;
    Ok(pinged(&shared, name))
}

/// The health of the server, or of its only model.
async fn health(State(shared): State<Arc<Shared>>) -> Reply {
    match &shared.options.scored {
        Some(name) => pinged(&shared, name),
        None => Reply::text(TEXT, "OK"),
    }
}

/// The version of the server, or that of MLflow if it serves one model.
async fn version(State(shared): State<Arc<Shared>>) -> Reply {
    let scored = shared.options.scored.as_ref().and_then(|name| version_of(&shared, name));
    scored.unwrap_or_else(|| Reply::text(TEXT, env!("CARGO_PKG_VERSION")))
}

fn pinged(shared: &Shared, name: &str) -> Reply {
    let status = match shared.serving.is_ready(name) {
        true => StatusCode::OK,
        false => StatusCode::NOT_FOUND,
    };
    Reply { status, ..Reply::text(TYPE, "\n") }
}

/// The version of MLflow that answers, once a model was loaded.
fn version_of(shared: &Shared, name: &str) -> Option<Reply> {
    let version = shared.serving.mlflow_version()?;
    shared.serving.is_ready(name).then(|| Reply::text(TYPE, version))
}

fn no_route(method: &str, path: &str) -> Failure {
    Failure::no_route(method, path)
}
