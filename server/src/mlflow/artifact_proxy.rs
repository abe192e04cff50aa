//! The artifact proxy: files by their path below the artifact root, as in `mlflow-artifacts:/...`.

use std::collections::BTreeMap;
use std::sync::Arc;

use axum::body::Body;
use axum::extract::{Request, State};
use axum::http::request::Parts;
use axum::response::{IntoResponse, Response};
use serde::Serialize;
use utoipa::ToSchema;

use super::artifacts::{File, Listing, file};
use crate::access::Scope::{Read, Write};
use crate::access::{Caller, Scope};
use crate::call::Call;
use crate::download::{self, Asked};
use crate::failure::{Failure, Outcome};
use crate::fields::{Field, Read as _, missing, text, whole};
use crate::part_list::{PARTS, parts};
use crate::reply::{Nothing, Reply};
use crate::route::{Route, Verb};
use crate::schema::shape;
use crate::shared::Shared;
use crate::signed::Right;
use crate::target::{Target, tail};
use crate::upload::store;

/// The part of an address before the path of a file.
const PREFIX: &str = "/mlflow-artifacts/artifacts/";
const PATH: Field = text("artifact_path").required();
/// The most parts of an upload.
const PARTS_MAX: i64 = 10_000;

pub(super) const ROUTES: &[Route] = &[
    Route {
        method: Verb::Get,
        path: "/2.0/mlflow-artifacts/artifacts",
        needs: Read,
        takes: &[text("path")],
        returns: shape::<Listing>(),
        handler: list,
    },
    Route {
        method: Verb::Delete,
        path: "/2.0/mlflow-artifacts/artifacts/{*artifact_path}",
        needs: Write,
        takes: &[PATH],
        returns: shape::<Nothing>(),
        handler: delete,
    },
    Route {
        method: Verb::Post,
        path: "/2.0/mlflow-artifacts/mpu/create/{*artifact_path}",
        needs: Write,
        takes: &[PATH, text("path").required(), whole("num_parts")],
        returns: shape::<Begun>(),
        handler: begin,
    },
    Route {
        method: Verb::Post,
        path: "/2.0/mlflow-artifacts/mpu/complete/{*artifact_path}",
        needs: Write,
        takes: &[PATH, text("path").required(), text("upload_id"), PARTS],
        returns: shape::<Nothing>(),
        handler: complete,
    },
    Route {
        method: Verb::Post,
        path: "/2.0/mlflow-artifacts/mpu/abort/{*artifact_path}",
        needs: Write,
        takes: &[PATH, text("path").required(), text("upload_id")],
        returns: shape::<Nothing>(),
        handler: abort,
    },
    Route {
        method: Verb::Get,
        path: "/2.0/mlflow-artifacts/presigned/{*artifact_path}",
        needs: Read,
        takes: &[PATH],
        returns: shape::<Nothing>(),
        handler: |_| {
            let message = "Multipart download is not supported for the current artifact repository";
            Err(Failure::not_implemented(message))
        },
    },
];

/// An upload in parts, with the addresses of its parts.
#[derive(Serialize, ToSchema)]
#[schema(as = PartUpload)]
struct Begun {
    upload_id: String,
    credentials: Vec<PartAddress>,
}

#[derive(Serialize, ToSchema)]
#[schema(as = PartUploadAddress)]
struct PartAddress {
    url: String,
    part_number: u32,
    headers: BTreeMap<String, String>,
}

fn list(call: &Call) -> Outcome<Reply> {
    let path = call.args.text_or_empty("path");
    let mut files = Vec::new();
    // Above the owners of artifacts there are no files.
    if tracklite::artifact::ArtifactOwner::split(path).is_some() {
        let target = Target::at(call.database(), path)?;
        // The names only, because the client knows the folder.
        files.extend(target.artifacts.list(&target.path)?.iter().map(|info| {
            let name = info.path.rsplit('/').next().unwrap_or_default().to_owned();
            File { path: name, ..file(info) }
        }));
    } else if !path.is_empty() {
        tracklite::artifact::check_path(path)?;
    }
    Ok(Reply::json(&Listing { root_uri: None, files }))
}

fn delete(call: &Call) -> Outcome<Reply> {
    let path = call.args.need("artifact_path")?;
    Target::at(call.database(), path)?.delete()?;
    Ok(Reply::done())
}

/// Returns the path of the file that an upload in parts makes: the name of the local file in the
/// folder of the address.
fn path_of(call: &Call) -> Outcome<String> {
    let folder = call.args.need("artifact_path")?;
    let name = call.args.need("path")?.rsplit(['/', '\\']).next().unwrap_or_default();
    Ok(format!("{}/{name}", folder.trim_end_matches('/')))
}

fn begin(call: &Call) -> Outcome<Reply> {
    let count = call.args.whole("num_parts").unwrap_or(1);
    if !(1..=PARTS_MAX).contains(&count) {
        let message = format!("num_parts is {count}: expected 1 to {PARTS_MAX}");
        return Err(Failure::invalid(message));
    }
    let path = path_of(call)?;
    let target = Target::at(call.database(), &path)?.file()?;
    let upload_id = call.shared.part_uploads.begin(target, &path, false)?;
    let credentials = (1..=count).filter_map(|number| {
        let number = u32::try_from(number).ok()?;
        let right = Right::Part { upload: upload_id.clone(), number };
        let url = call.shared.address(&call.headers, right, None);
        Some(PartAddress { url, part_number: number, headers: BTreeMap::new() })
    });
    let credentials = credentials.collect();
    Ok(Reply::json(&Begun { upload_id, credentials }))
}

fn complete(call: &Call) -> Outcome<Reply> {
    let upload = call.args.need("upload_id")?;
    let upload = call.shared.part_uploads.get_for(upload, &path_of(call)?)?;
    upload.complete(parts(&call.args)?)?;
    Ok(Reply::done())
}

fn abort(call: &Call) -> Outcome<Reply> {
    call.shared.part_uploads.abort(call.args.need("upload_id")?, &path_of(call)?)?;
    Ok(Reply::done())
}

/// Answers with a file.
pub(super) async fn read(State(shared): State<Arc<Shared>>, request: Request) -> Response {
    let (head, _) = request.into_parts();
    read_file(&shared, head).await.unwrap_or_else(IntoResponse::into_response)
}

async fn read_file(shared: &Arc<Shared>, head: Parts) -> Outcome<Response> {
    let path = path_in(&head, Read)?;
    let asked = Asked { method: head.method, headers: head.headers };
    download::send(shared, asked, move |shared| Target::at(&shared.database, &path)).await
}

/// Stores the body as a file.
pub(super) async fn write(State(shared): State<Arc<Shared>>, request: Request) -> Response {
    let (head, body) = request.into_parts();
    match write_file(&shared, &head, body).await {
        Ok(()) => Reply::done().into_response(),
        Err(failure) => failure.into_response(),
    }
}

async fn write_file(shared: &Arc<Shared>, head: &Parts, body: Body) -> Outcome<()> {
    let path = path_in(head, Write)?;
    store(shared, body, false, move |shared| Target::at(&shared.database, &path)).await
}

fn path_in(head: &Parts, needs: Scope) -> Outcome<String> {
    Caller::of(head)?.must(needs)?;
    let path = tail(&head.uri, PREFIX)?;
    if path.is_empty() { Err(missing("path")) } else { Ok(path) }
}
