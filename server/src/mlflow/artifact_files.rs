//! Files that MLflow's web page reads and writes.

use std::sync::Arc;

use axum::body::Body;
use axum::extract::{Request, State};
use axum::http::request::Parts;
use axum::response::{IntoResponse, Response};
use tracklite::Database;
use tracklite::artifact::ArtifactOwner;

use super::queries;
use crate::access::{Caller, Scope};
use crate::call::Args;
use crate::download::{self, Asked};
use crate::failure::{Failure, Outcome};
use crate::fields::{Read as _, missing};
use crate::input;
use crate::reply::Reply;
use crate::shared::Shared;
use crate::target::{Target, tail};
use crate::upload::store;

/// The largest file that the web page sends: a table or picture that somebody edited.
const UPLOAD_BYTES_MAX: usize = 10 * 1024 * 1024;

/// Returns the file that the arguments name.
type Find = fn(&Database, &Args) -> Outcome<Target>;

/// Answers with a file of a run.
pub(super) async fn of_run(State(shared): State<Arc<Shared>>, request: Request) -> Response {
    answer(&shared, request, &[], |database, args| {
        let id = queries::run_id(queries::run_text(args)?)?;
        Target::of(database, ArtifactOwner::Run(id), args.need("path")?)
    })
    .await
}

/// Answers with a file of a version of a registered model.
pub(super) async fn of_version(State(shared): State<Arc<Shared>>, request: Request) -> Response {
    answer(&shared, request, &[], |database, args| {
        let version = args.need("version")?;
        let version = version.parse().map_err(|_| {
            Failure::invalid(format!("{version:?} is not a version: expected a number from 1"))
        })?;
        let info = database.registry().version_info(args.need("name")?, version)?;
        let owner = ArtifactOwner::ModelVersion { model: info.model, version: info.version };
        Target::of(database, owner, args.need("path")?)
    })
    .await
}

/// Answers with a file of a logged model.
pub(super) async fn of_model(State(shared): State<Arc<Shared>>, request: Request) -> Response {
    let model = match tail(request.uri(), "/mlflow/logged-models/") {
        Ok(path) => path.strip_suffix("/artifacts/files").unwrap_or(&path).to_owned(),
        Err(failure) => return failure.into_response(),
    };
    answer(&shared, request, &[("model_id", model)], |database, args| {
        let id = queries::logged_model_id(args.text_or_empty("model_id"))?;
        let path = args.text("artifact_file_path").ok_or_else(|| {
            Failure::bad_request("Request must include the \"artifact_file_path\" query parameter.")
        })?;
        Target::of(database, ArtifactOwner::LoggedModel(id), path)
    })
    .await
}

async fn answer(
    shared: &Arc<Shared>,
    request: Request,
    in_path: &[(&str, String)],
    find: Find,
) -> Response {
    let (head, _) = request.into_parts();
    let sent = send(shared, head, in_path, find).await;
    sent.unwrap_or_else(IntoResponse::into_response)
}

async fn send(
    shared: &Arc<Shared>,
    head: Parts,
    in_path: &[(&str, String)],
    find: Find,
) -> Outcome<Response> {
    Caller::of(&head)?.must(Scope::Read)?;
    let mut args = args(&head)?;
    for (name, value) in in_path {
        args.insert((*name).to_owned(), value.as_str().into());
    }
    let asked = Asked { method: head.method, headers: head.headers };
    download::send(shared, asked, move |shared| find(&shared.database, &args)).await
}

fn args(head: &Parts) -> Outcome<Args> {
    input::query(head.uri.query().unwrap_or_default(), &[])
}

/// Stores the body as a file of a run.
pub(super) async fn upload(State(shared): State<Arc<Shared>>, request: Request) -> Response {
    let (head, body) = request.into_parts();
    match write(&shared, &head, body).await {
        Ok(()) => Reply::done().into_response(),
        Err(failure) => failure.into_response(),
    }
}

async fn write(shared: &Arc<Shared>, head: &Parts, body: Body) -> Outcome<()> {
    let (run, path) = asked_to_write(head)?;
    let body = shared.bodies.read(&head.headers, body, UPLOAD_BYTES_MAX).await?;
    if body.is_empty() {
        return Err(Failure::invalid("Request must specify data."));
    }
    store(shared, Body::from(body.into_bytes()), false, move |shared| {
        let id = queries::run_id(&run)?;
        Target::of(&shared.database, ArtifactOwner::Run(id), &path)
    })
    .await
}

fn asked_to_write(head: &Parts) -> Outcome<(String, String)> {
    Caller::of(head)?.must(Scope::Write)?;
    let args = args(head)?;
    let run = args.text("run_uuid").or_else(|| args.text("run_id"));
    let run = run.ok_or_else(|| Failure::invalid("Request must specify run_uuid."))?;
    let path = args.text("path").ok_or_else(|| missing("path"))?;
    Ok((run.to_owned(), path.to_owned()))
}
