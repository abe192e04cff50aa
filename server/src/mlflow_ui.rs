//! The web page of an installed MLflow, from its folder `mlflow/server/js/build`.

use std::fs;
use std::io;
use std::path::{Component, Path, PathBuf};
use std::sync::Arc;

use axum::extract::{Path as UrlPath, State};
use axum::http::header::{CACHE_CONTROL, CONTENT_TYPE};
use axum::response::{IntoResponse as _, Response};

use crate::failure::{Failure, Outcome};
use crate::reply::Reply;
use crate::shared::Shared;

/// Answers `/`: the page.
pub(crate) async fn index(State(shared): State<Arc<Shared>>) -> Response {
    answer(shared, "index.html".to_owned()).await
}

/// Answers `/static-files/...`: the files of the page.
pub(crate) async fn file(
    State(shared): State<Arc<Shared>>,
    UrlPath(path): UrlPath<String>,
) -> Response {
    answer(shared, path).await
}

async fn answer(shared: Arc<Shared>, path: String) -> Response {
    let Some(folder) = shared.options.mlflow_ui.clone() else {
        return Failure::no_route("GET", "/").into_response();
    };
    match shared.pool.run(move || read(&folder, &path)).await {
        Ok(Ok(reply)) => reply.into_response(),
        Ok(Err(failure)) | Err(failure) => failure.into_response(),
    }
}

fn read(folder: &Path, path: &str) -> Outcome<Reply> {
    let missing = || Failure::missing(format!("the page has no file {path:?}"));
    let place = inside(folder, path).ok_or_else(missing)?;
    let body = fs::read(&place).map_err(|error| match error.kind() {
        io::ErrorKind::NotFound | io::ErrorKind::IsADirectory => missing(),
        _ => Failure::internal(format!("the file {path:?} of the page cannot be read: {error}")),
    })?;
    let mut reply = Reply::empty(axum::http::StatusCode::OK);
    reply.body = body;
    // The names of all other files change with their content.
    let age = if path == "index.html" { "no-cache" } else { "max-age=86400" };
    Ok(reply.header(CONTENT_TYPE, content_type(path)).header(CACHE_CONTROL, age))
}

/// Returns the place of a file in the folder. Links that lead out of it are not followed.
fn inside(folder: &Path, path: &str) -> Option<PathBuf> {
    let path = Path::new(path);
    if !path.components().all(|part| matches!(part, Component::Normal(_))) {
        return None;
    }
    let folder = folder.canonicalize().ok()?;
    let place = folder.join(path).canonicalize().ok()?;
    place.starts_with(&folder).then_some(place)
}

fn content_type(path: &str) -> &'static str {
    let known = [
        ("css", "text/css"),
        ("html", "text/html; charset=utf-8"),
        ("ico", "image/x-icon"),
        ("jpg", "image/jpeg"),
        ("js", "text/javascript"),
        ("json", "application/json"),
        ("map", "application/json"),
        ("png", "image/png"),
        ("svg", "image/svg+xml"),
        ("wasm", "application/wasm"),
        ("woff", "font/woff"),
        ("woff2", "font/woff2"),
    ];
    let ending = path.rsplit_once('.').map(|(_, ending)| ending).unwrap_or_default();
    let found = known.iter().find(|(known, _)| *known == ending);
    found.map_or("application/octet-stream", |(_, content_type)| content_type)
}
