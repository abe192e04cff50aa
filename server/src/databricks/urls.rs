//! Signed addresses: making them, and the transfers to and from them.

use std::sync::Arc;
use std::time::SystemTime;

use axum::body::Body;
use axum::extract::{Request, State};
use axum::http::StatusCode;
use axum::http::header::{CONTENT_LENGTH, CONTENT_TYPE, ETAG};
use axum::http::request::Parts;
use axum::response::{IntoResponse as _, Response};
use axum::routing::{MethodRouter, get, post};
use serde::Serialize;

use super::files::{answer, file, put, send};
use super::uploads::asked;
use crate::access::Scope;
use crate::call::Args;
use crate::dates::from_rfc3339;
use crate::failure::{Failure, Outcome};
use crate::fields::{Read as _, missing};
use crate::part_list::number;
use crate::reply::Reply;
use crate::shared::Shared;
use crate::signed::{EXPIRED, EXPIRED_XML, Right};
use crate::transfer::receive;

/// The most addresses in one answer.
const ADDRESSES_MAX: i64 = 1000;

/// A header that the client must send. None is needed here.
#[derive(Serialize)]
struct Header {}

#[derive(Serialize)]
struct Address {
    url: String,
    headers: [Header; 0],
}

#[derive(Serialize)]
struct PartAddress {
    url: String,
    part_number: u32,
    headers: [Header; 0],
}

#[derive(Serialize)]
struct PartAddresses {
    upload_part_urls: Vec<PartAddress>,
}

pub(super) fn to_download() -> MethodRouter<Arc<Shared>> {
    post(|State(shared): State<Arc<Shared>>, request: Request| async move {
        answer(download_address(&shared, request).await)
    })
}

async fn download_address(shared: &Arc<Shared>, request: Request) -> Outcome<Reply> {
    let (asked, _) = asked(shared, request, Scope::Read).await?;
    let path = asked.args.need("path")?.to_owned();
    let (own, checked) = (Arc::clone(shared), path.clone());
    let check = move || -> Outcome<()> {
        let target = file(&own.database, &checked)?.file()?;
        target.artifacts.info(&target.path)?;
        Ok(())
    };
    shared.pool.run(check).await??;
    let until = until(&asked.args)?;
    let url = shared.address(&asked.head.headers, Right::Read { path }, until);
    Ok(Reply::json(&Address { url, headers: [] }))
}

pub(super) fn to_upload() -> MethodRouter<Arc<Shared>> {
    post(|State(shared): State<Arc<Shared>>, request: Request| async move {
        answer(upload_address(&shared, request).await)
    })
}

async fn upload_address(shared: &Arc<Shared>, request: Request) -> Outcome<Reply> {
    let (asked, _) = asked(shared, request, Scope::Write).await?;
    let path = asked.args.need("path")?.to_owned();
    let (own, checked) = (Arc::clone(shared), path.clone());
    shared.pool.run(move || file(&own.database, &checked)?.file()).await??;
    let until = until(&asked.args)?;
    // The client asks for the address of a file that it means to write.
    let right = Right::Write { path, only_new: false };
    let url = shared.address(&asked.head.headers, right, until);
    Ok(Reply::json(&Address { url, headers: [] }))
}

pub(super) fn to_upload_parts() -> MethodRouter<Arc<Shared>> {
    post(|State(shared): State<Arc<Shared>>, request: Request| async move {
        answer(part_addresses(&shared, request).await)
    })
}

async fn part_addresses(shared: &Arc<Shared>, request: Request) -> Outcome<Reply> {
    let (asked, _) = asked(shared, request, Scope::Write).await?;
    let (args, headers) = (&asked.args, &asked.head.headers);
    let upload = args.need("session_token")?;
    shared.part_uploads.get_for(upload, args.need("path")?)?;
    let first = args.whole("start_part_number").ok_or_else(|| missing("start_part_number"))?;
    let count = args.whole("count").unwrap_or(1).clamp(1, ADDRESSES_MAX);
    let until = until(args)?;
    let addresses = (0..count).map(|index| {
        let part_number = number(first.saturating_add(index))?;
        let right = Right::Part { upload: upload.to_owned(), number: part_number };
        Ok(PartAddress { url: shared.address(headers, right, until), part_number, headers: [] })
    });
    let upload_part_urls = addresses.collect::<Outcome<Vec<_>>>()?;
    Ok(Reply::json(&PartAddresses { upload_part_urls }))
}

/// Returns when an address shall end.
fn until(args: &Args) -> Outcome<Option<SystemTime>> {
    let Some(text) = args.text("expire_time") else { return Ok(None) };
    let time = from_rfc3339(text).ok_or_else(|| {
        let message = format!("{text:?} is not a time: expected one such as 2026-01-31T12:00:00Z");
        Failure::invalid(message)
    })?;
    Ok(Some(time))
}

/// The transfers to and from signed addresses. Their right is in the address.
pub(super) fn signed_routes() -> MethodRouter<Arc<Shared>> {
    get(read).put(write)
}

async fn read(State(shared): State<Arc<Shared>>, request: Request) -> Response {
    let (head, _) = request.into_parts();
    let read = async {
        match right(&shared, &head)? {
            Right::Read { path } => send(&shared, head.method, head.headers, path).await,
            _ => Err(Failure::forbidden("this address is for sending, not for reading")),
        }
    };
    signed_answer(read.await)
}

async fn write(State(shared): State<Arc<Shared>>, request: Request) -> Response {
    let (head, body) = request.into_parts();
    let written = match right(&shared, &head) {
        Err(failure) => Err(failure),
        Ok(Right::Write { path, only_new }) => {
            put(&shared, body, path, only_new).await.map(|()| Reply::empty(StatusCode::OK))
        }
        Ok(Right::Part { upload, number }) => put_part(&shared, &head, body, &upload, number).await,
        Ok(Right::Read { .. }) => {
            Err(Failure::forbidden("this address is for reading, not for sending"))
        }
    };
    signed_answer(written)
}

fn right(shared: &Shared, head: &Parts) -> Outcome<Right> {
    shared.signer.right(head.uri.query().unwrap_or_default())
}

async fn put_part(
    shared: &Arc<Shared>,
    head: &Parts,
    body: Body,
    upload: &str,
    number: u32,
) -> Outcome<Reply> {
    let length = head.headers.get(CONTENT_LENGTH).and_then(|length| length.to_str().ok());
    let length = length.and_then(|length| length.parse::<u64>().ok());
    let (own, id) = (Arc::clone(shared), upload.to_owned());
    let upload = shared.pool.run(move || own.part_uploads.opened(&id)).await??;
    let length = length.ok_or_else(|| Failure::bad_request("a part needs a Content-Length"))?;
    let tag =
        receive(shared.transfers(), body, move |body| upload.put(number, length, body)).await?;
    Ok(Reply::empty(StatusCode::OK).header(ETAG, &tag))
}

/// Answers as a store of objects does, which reports in XML that an address has ended.
fn signed_answer<T: axum::response::IntoResponse>(outcome: Outcome<T>) -> Response {
    match outcome {
        Err(failure) if failure.code == EXPIRED => {
            let xml = Reply {
                status: failure.status,
                headers: Vec::new(),
                body: EXPIRED_XML.as_bytes().to_vec(),
            };
            xml.header(CONTENT_TYPE, "application/xml").into_response()
        }
        other => answer(other),
    }
}
