//! The Files API: folders. A folder exists while it has files. In a volume it exists until it is
//! deleted.

use std::sync::Arc;

use axum::extract::{Request, State};
use axum::http::StatusCode;
use axum::http::request::Parts;
use axum::response::Response;
use axum::routing::{MethodRouter, get};
use serde::Serialize;
use tracklite::artifact::ArtifactInfo;

use super::files::{answer, path_in};
use super::paths::{Place, place};
use crate::access::{Caller, Scope};
use crate::failure::{Failure, Outcome};
use crate::fields::{Read as _, text, whole};
use crate::reply::Reply;
use crate::shared::Shared;
use crate::{input, token, volumes};

const DIRECTORIES: &str = "/api/2.0/fs/directories";
/// The most entries on a page, which is also their number if the client does not say.
const PAGE_MAX: usize = 1000;

pub(super) fn routes() -> MethodRouter<Arc<Shared>> {
    get(list).head(look).put(create).delete(delete)
}

#[derive(Serialize)]
struct Contents {
    contents: Vec<Entry>,
    #[serde(skip_serializing_if = "Option::is_none")]
    next_page_token: Option<String>,
}

/// A file or folder.
#[derive(Serialize)]
struct Entry {
    path: String,
    name: String,
    is_directory: bool,
    #[serde(skip_serializing_if = "Option::is_none")]
    file_size: Option<u64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    last_modified: Option<i64>,
}

fn entry(root: &str, info: &ArtifactInfo) -> Entry {
    let is_file = !info.is_folder;
    Entry {
        path: format!("{root}/{}", info.path),
        name: info.path.rsplit('/').next().unwrap_or_default().to_owned(),
        is_directory: info.is_folder,
        file_size: info.size.filter(|_| is_file),
        last_modified: is_file.then(|| info.written.as_millis()),
    }
}

async fn list(State(shared): State<Arc<Shared>>, request: Request) -> Response {
    let (head, _) = request.into_parts();
    answer(run(&shared, head, Scope::Read, contents).await)
}

async fn look(State(shared): State<Arc<Shared>>, request: Request) -> Response {
    let (head, _) = request.into_parts();
    answer(run(&shared, head, Scope::Read, |_, place| existing(place).map(|_| done())).await)
}

async fn create(State(shared): State<Arc<Shared>>, request: Request) -> Response {
    let (head, _) = request.into_parts();
    answer(run(&shared, head, Scope::Write, |_, place| make(&place)).await)
}

/// Makes a folder. Outside of volumes it appears with its first file.
fn make(place: &Place) -> Outcome<Reply> {
    let Place { target, is_volume, .. } = place;
    if !target.path.is_empty() && target.artifacts.info(&target.path).is_ok() {
        let message = format!("{:?} is a file", target.path);
        return Err(Failure::new(StatusCode::CONFLICT, "ALREADY_EXISTS", message));
    }
    if *is_volume {
        volumes::keep_folder(target)?;
    }
    Ok(Reply::empty(StatusCode::NO_CONTENT))
}

async fn delete(State(shared): State<Arc<Shared>>, request: Request) -> Response {
    let (head, _) = request.into_parts();
    answer(run(&shared, head, Scope::Write, |_, place| remove(&place)).await)
}

fn remove(place: &Place) -> Outcome<Reply> {
    let Place { target, is_volume, .. } = place;
    let found = target.artifacts.list(&target.path)?;
    if found.iter().any(|info| !volumes::is_mark(&info.path)) {
        let message = "the directory is not empty: delete its files first";
        return Err(Failure::new(StatusCode::BAD_REQUEST, "BAD_REQUEST", message));
    }
    if !target.path.is_empty() && target.artifacts.info(&target.path).is_ok() {
        return Err(no_directory(&target.path));
    }
    if *is_volume {
        if target.path.is_empty() {
            let message = "this is a whole volume: delete it with `w.volumes.delete`";
            return Err(Failure::new(StatusCode::BAD_REQUEST, "BAD_REQUEST", message));
        }
        if found.is_empty() {
            return Err(no_directory(&target.path));
        }
        volumes::delete_folder(target)?;
    }
    Ok(Reply::empty(StatusCode::NO_CONTENT))
}

async fn run(
    shared: &Arc<Shared>,
    head: Parts,
    needs: Scope,
    work: impl FnOnce(&Parts, Place) -> Outcome<Reply> + Send + 'static,
) -> Outcome<Reply> {
    Caller::of(&head)?.must(needs)?;
    let path = path_in(&head.uri, DIRECTORIES)?;
    let own = Arc::clone(shared);
    let call = move || {
        let path = path.strip_suffix('/').unwrap_or(&path);
        work(&head, place(&own.database, path)?)
    };
    shared.pool.run(call).await?
}

fn done() -> Reply {
    Reply::empty(StatusCode::OK)
}

/// Refuses a place that is not a folder.
fn existing(place: Place) -> Outcome<Place> {
    if place.target.is_folder()? { Ok(place) } else { Err(no_directory(&place.target.path)) }
}

fn no_directory(path: &str) -> Failure {
    Failure::missing(format!("there is no directory {path:?}"))
}

fn contents(head: &Parts, place: Place) -> Outcome<Reply> {
    let Place { target, root, .. } = existing(place)?;
    let takes = [whole("page_size"), text("page_token")];
    let args = input::query(head.uri.query().unwrap_or_default(), &takes)?;
    let size = args.whole("page_size").and_then(|size| usize::try_from(size).ok()).unwrap_or(0);
    let size = if size == 0 { PAGE_MAX } else { size.min(PAGE_MAX) };
    let start = token::offset(args.text_or_empty("page_token"))?;
    let mut all = target.artifacts.list(&target.path)?;
    all.retain(|info| !volumes::is_mark(&info.path));
    let end = start.saturating_add(size);
    let contents = all.iter().skip(start).take(size).map(|info| entry(&root, info)).collect();
    let next_page_token = (end < all.len()).then(|| token::of_offset(end));
    Ok(Reply::json(&Contents { contents, next_page_token }))
}
