//! The Files API: reading, writing and deleting one file.

use std::sync::Arc;

use axum::body::Body;
use axum::extract::{Request, State};
use axum::http::request::Parts;
use axum::http::{Method, StatusCode, Uri};
use axum::response::{IntoResponse as _, Response};
use tracklite::Database;

use super::paths::{Place, not_found, place};
use crate::access::{Caller, Scope};
use crate::download::{self, Asked};
use crate::failure::{Failure, Outcome};
use crate::fields::Read as _;
use crate::input;
use crate::reply::Reply;
use crate::shared::Shared;
use crate::target::{Target, tail};
use crate::upload::store;
use crate::volumes;

pub(super) const FILES: &str = "/api/2.0/fs/files";

/// Returns the file that an absolute path names.
pub(super) fn file(database: &Database, path: &str) -> Outcome<Target> {
    Ok(place(database, path)?.target)
}

/// Returns the path of a request, decoded once.
pub(super) fn path_in(uri: &Uri, prefix: &str) -> Outcome<String> {
    tail(uri, prefix)
}

/// Answers with an outcome in the words of the Files API.
pub(super) fn answer<T: axum::response::IntoResponse>(outcome: Outcome<T>) -> Response {
    match outcome {
        Ok(answer) => answer.into_response(),
        Err(failure) => not_found(failure).into_response(),
    }
}

pub(super) async fn read(State(shared): State<Arc<Shared>>, request: Request) -> Response {
    let (head, _) = request.into_parts();
    answer(read_file(&shared, head).await)
}

async fn read_file(shared: &Arc<Shared>, head: Parts) -> Outcome<Response> {
    Caller::of(&head)?.must(Scope::Read)?;
    let path = path_in(&head.uri, FILES)?;
    send(shared, head.method, head.headers, path).await
}

/// Answers with the file at an absolute path.
pub(super) async fn send(
    shared: &Arc<Shared>,
    method: Method,
    headers: axum::http::HeaderMap,
    path: String,
) -> Outcome<Response> {
    let asked = Asked { method, headers };
    download::send(shared, asked, move |shared| file(&shared.database, &path)).await
}

pub(super) async fn write(State(shared): State<Arc<Shared>>, request: Request) -> Response {
    let (head, body) = request.into_parts();
    answer(write_file(&shared, &head, body).await)
}

async fn write_file(shared: &Arc<Shared>, head: &Parts, body: Body) -> Outcome<Reply> {
    let (path, overwrite) = asked_to_write(head)?;
    put(shared, body, path, !overwrite).await?;
    Ok(Reply::empty(StatusCode::NO_CONTENT))
}

fn asked_to_write(head: &Parts) -> Outcome<(String, bool)> {
    Caller::of(head)?.must(Scope::Write)?;
    Ok((path_in(&head.uri, FILES)?, overwrite(head)?))
}

/// Stores a body at an absolute path.
pub(super) async fn put(
    shared: &Arc<Shared>,
    body: Body,
    path: String,
    only_new: bool,
) -> Outcome<()> {
    store(shared, body, only_new, move |shared| file(&shared.database, &path)).await
}

/// Returns whether an existing file may be replaced.
pub(super) fn overwrite(head: &Parts) -> Outcome<bool> {
    let takes = [crate::fields::flag("overwrite")];
    let args = input::query(head.uri.query().unwrap_or_default(), &takes)?;
    Ok(args.flag("overwrite").unwrap_or(false))
}

pub(super) async fn delete(State(shared): State<Arc<Shared>>, request: Request) -> Response {
    let (head, _) = request.into_parts();
    answer(delete_file(&shared, &head).await)
}

async fn delete_file(shared: &Arc<Shared>, head: &Parts) -> Outcome<Reply> {
    Caller::of(head)?.must(Scope::Write)?;
    let path = path_in(&head.uri, FILES)?;
    let own = Arc::clone(shared);
    let work = move || {
        let Place { target, is_volume, .. } = place(&own.database, &path)?;
        let target = target.file()?;
        // A folder is deleted by its own call, and only if it is empty.
        target.artifacts.info(&target.path)?;
        target.delete()?;
        if is_volume { volumes::keep_parent(&target) } else { Ok(()) }
    };
    shared.pool.run(work).await??;
    Ok(Reply::empty(StatusCode::NO_CONTENT))
}

/// The failure of a call that names no action.
pub(super) fn no_action(found: &str) -> Failure {
    Failure::invalid(format!(
        "unknown action {found:?}: expected initiate-upload, complete-upload or abort-upload"
    ))
}
