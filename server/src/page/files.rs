//! The files of a run: listings, and their bytes for previews.

use std::sync::Arc;

use axum::extract::{Path as UrlPath, Request, State};
use axum::http::HeaderValue;
use axum::http::header::{CONTENT_DISPOSITION, CONTENT_SECURITY_POLICY, CONTENT_TYPE};
use axum::response::{IntoResponse as _, Response};
use serde::Serialize;
use tracklite::artifact::{ArtifactInfo, ArtifactOwner};
use utoipa::ToSchema;

use crate::access::{Caller, Scope};
use crate::call::Call;
use crate::download::{self, Asked};
use crate::failure::Outcome;
use crate::fields::{Read as _, text};
use crate::input;
use crate::mlflow::queries;
use crate::reply::Reply;
use crate::route::{Route, Verb};
use crate::schema::shape;
use crate::shared::Shared;
use crate::target::Target;

pub(super) const ROUTES: &[Route] = &[Route {
    method: Verb::Get,
    path: "/runs/{id}/files",
    needs: Scope::Read,
    takes: &[text("path")],
    returns: shape::<Listing>(),
    handler: list,
}];

/// A preview runs no script, loads nothing from elsewhere, and has an origin of its own.
const POLICY: HeaderValue = HeaderValue::from_static(
    "sandbox; default-src 'none'; style-src 'unsafe-inline'; img-src data:; media-src data:; \
     font-src data:",
);
/// The viewers of browsers for PDF do not work in a sandbox. They run no script of the server.
const PDF_POLICY: HeaderValue = HeaderValue::from_static("default-src 'none'; object-src 'self'");

const PLAIN: HeaderValue = HeaderValue::from_static("text/plain; charset=utf-8");

/// The files and folders directly in a folder.
#[derive(Serialize, ToSchema)]
#[schema(as = PageFiles)]
struct Listing {
    files: Vec<File>,
}

/// A file or folder.
#[derive(Serialize, ToSchema)]
#[schema(as = PageFileEntry)]
struct File {
    path: String,
    name: String,
    directory: bool,
    bytes: Option<u64>,
    digest: Option<String>,
    media_type: Option<String>,
    /// The location of a file that is not in the database.
    uri: Option<String>,
    written: i64,
}

fn file(info: ArtifactInfo) -> File {
    File {
        name: info.path.rsplit('/').next().unwrap_or_default().to_owned(),
        path: info.path,
        directory: info.is_folder,
        bytes: info.size,
        digest: info.digest,
        media_type: info.media_type,
        uri: info.uri,
        written: info.written.as_millis(),
    }
}

fn list(call: &Call) -> Outcome<Reply> {
    let id = queries::run_id(call.args.need("id")?)?;
    let owner = ArtifactOwner::Run(id);
    let target = Target::of(call.database(), owner, call.args.text_or_empty("path"))?;
    let mut found = target.artifacts.list(&target.path)?;
    // The page opens a file by its path too, and shows the facts about it.
    if found.is_empty() && !target.path.is_empty() {
        found.push(target.artifacts.info(&target.path)?);
    }
    Ok(Reply::json(&Listing { files: found.into_iter().map(file).collect() }))
}

/// Answers with the bytes of a file of a run, to be shown in a frame of the page.
pub(super) async fn of_run(
    State(shared): State<Arc<Shared>>,
    UrlPath(run): UrlPath<String>,
    request: Request,
) -> Response {
    match send(&shared, run, request).await {
        Ok(response) => response,
        Err(failure) => failure.into_response(),
    }
}

async fn send(shared: &Arc<Shared>, run: String, request: Request) -> Outcome<Response> {
    let (head, _) = request.into_parts();
    Caller::of(&head)?.must(Scope::Read)?;
    let args = input::query(head.uri.query().unwrap_or_default(), &[])?;
    let is_saved = args.text("download").is_some_and(|asked| asked != "false");
    let asked = Asked { method: head.method, headers: head.headers };
    let find = move |shared: &Shared| {
        let owner = ArtifactOwner::Run(queries::run_id(&run)?);
        Target::of(&shared.database, owner, args.need("path")?)
    };
    let mut response = download::send(shared, asked, find).await?;
    if !is_saved {
        show(&mut response);
    }
    Ok(response)
}

/// Lets a browser show the file in place of saving it.
fn show(response: &mut Response) {
    let headers = response.headers_mut();
    let is_pdf = headers.get(CONTENT_TYPE).is_some_and(|kind| kind == "application/pdf");
    // A script of a run must never count as one of the page.
    let is_script = headers
        .get(CONTENT_TYPE)
        .and_then(|kind| kind.to_str().ok())
        .is_some_and(|kind| kind.contains("javascript") || kind.contains("ecmascript"));
    if is_script {
        headers.insert(CONTENT_TYPE, PLAIN);
    }
    headers.insert(CONTENT_SECURITY_POLICY, if is_pdf { PDF_POLICY } else { POLICY });
    let named = headers.get(CONTENT_DISPOSITION).and_then(|value| value.to_str().ok());
    let shown = named.and_then(|value| value.strip_prefix("attachment"));
    if let Some(Ok(value)) = shown.map(|name| HeaderValue::try_from(format!("inline{name}"))) {
        headers.insert(CONTENT_DISPOSITION, value);
    }
}
