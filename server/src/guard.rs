//! The steps before and after each handler: name checks, access, log line.

use std::fmt::Write as _;
use std::net::SocketAddr;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

use axum::extract::connect_info::ConnectInfo;
use axum::extract::{MatchedPath, Request, State};
use axum::http::header::{CACHE_CONTROL, X_CONTENT_TYPE_OPTIONS};
use axum::http::{HeaderMap, HeaderName, HeaderValue, Method, StatusCode, Uri};
use axum::middleware::Next;
use axum::response::{IntoResponse as _, Response};
use serde::Serialize;

use crate::access::Caller;
use crate::dates::date;
use crate::failure::{Failure, Outcome};
use crate::page;
use crate::shared::Shared;

const REQUEST_ID: HeaderName = HeaderName::from_static("x-request-id");
const WORKSPACE: HeaderName = HeaderName::from_static("x-databricks-org-id");
/// The header by which the page marks its own requests.
const FROM_PAGE: HeaderName = HeaderName::from_static("x-tracklite");
/// The longest path with query, in bytes.
const TARGET_BYTES_MAX: usize = 32 * 1024;
/// The largest sum of all header fields, in bytes.
const HEAD_BYTES_MAX: usize = 32 * 1024;
/// How long the answer to a wrong token is delayed, so that guesses are slow.
const WRONG_TOKEN_DELAY: Duration = Duration::from_millis(50);

/// The methods that have a label of their own in the metrics.
const METHODS: [Method; 6] =
    [Method::GET, Method::HEAD, Method::POST, Method::PUT, Method::PATCH, Method::DELETE];

/// The id of a request, for its handler.
#[derive(Clone)]
pub(crate) struct RequestId(pub(crate) String);

/// Checks a request, has it answered, and writes its log line.
pub(crate) async fn guard(
    State(shared): State<Arc<Shared>>,
    mut request: Request,
    next: Next,
) -> Response {
    let began = Instant::now();
    let open = shared.metrics.begin();
    let id = request_id(request.headers());
    let method = request.method().clone();
    let path = request.uri().path().to_owned();
    let route = request.extensions().get::<MatchedPath>().map(|path| path.as_str().to_owned());
    let peer = request.extensions().get::<ConnectInfo<SocketAddr>>().map(|info| info.0);
    let target = request.uri().path_and_query().map_or(0, |target| target.as_str().len());
    let admitted = admit(&shared, target, &method, request.uri(), request.headers()).await;
    let user = admitted.as_ref().map(|caller| caller.user.clone()).unwrap_or_default();
    let mut response = match admitted {
        Ok(caller) => {
            request.extensions_mut().insert(caller);
            request.extensions_mut().insert(RequestId(id.clone()));
            next.run(request).await
        }
        Err(failure) => failure.into_response(),
    };
    if response.status() == StatusCode::UNAUTHORIZED {
        tokio::time::sleep(WRONG_TOKEN_DELAY).await;
    }
    finish(&mut response, &id, &shared.workspace);
    drop(open);
    let took = began.elapsed();
    let route = route.unwrap_or_else(|| "unknown".to_owned());
    // Methods of other names would make labels without end.
    let known = if METHODS.contains(&method) { method.as_str() } else { "other" };
    shared.metrics.count(&route, known, response.status(), took);
    if let Some(log) = &shared.options.log {
        let line = Line {
            time: now_text(),
            id: &id,
            peer: peer.map(|peer| peer.ip().to_string()).unwrap_or_default(),
            user: &user,
            method: method.as_str(),
            path: &path,
            status: response.status().as_u16(),
            ms: (took.as_secs_f64() * 1e6).round() / 1e3,
        };
        log(&serde_json::to_string(&line).unwrap_or_default());
    }
    response
}

/// Refuses requests that the page of another site makes to the API of this page, such as images. A
/// GET has no `Origin`, but browsers say where it comes from.
fn refuse_foreign_pages(address: &Uri, headers: &HeaderMap) -> Outcome<()> {
    let from = headers.get("sec-fetch-site").and_then(|value| value.to_str().ok());
    let is_foreign = matches!(from, Some("cross-site" | "same-site"));
    match is_foreign && address.path().starts_with(page::PREFIX) {
        true => Err(Failure::forbidden("the page of another site cannot use the API of this page")),
        false => Ok(()),
    }
}

/// Checks names and access.
async fn admit(
    shared: &Shared,
    target: usize,
    method: &Method,
    address: &Uri,
    headers: &HeaderMap,
) -> Outcome<Caller> {
    if target > TARGET_BYTES_MAX {
        return Err(Failure::bad_request(format!(
            "the address has {target} bytes, at most {TARGET_BYTES_MAX} are read"
        )));
    }
    let head: usize = headers.iter().map(|(name, value)| name.as_str().len() + value.len()).sum();
    if head > HEAD_BYTES_MAX {
        return Err(Failure::bad_request(format!(
            "the header fields have {head} bytes, at most {HEAD_BYTES_MAX} are read"
        )));
    }
    shared.names.check(address, headers)?;
    refuse_foreign_pages(address, headers)?;
    let caller = shared.access.caller(&shared.database, &shared.pool, headers).await?;
    let is_safe = matches!(*method, Method::GET | Method::HEAD);
    // Pages of others cannot send this header.
    if caller.by_cookie && !is_safe && !headers.contains_key(&FROM_PAGE) {
        return Err(Failure::forbidden(format!(
            "a request with a session instead of a token needs the header `{FROM_PAGE}: page`"
        )));
    }
    Ok(caller)
}

/// Returns the id of a request: that of the client if it is harmless, else a new one.
fn request_id(headers: &HeaderMap) -> String {
    static NEXT: AtomicU64 = AtomicU64::new(0);
    let given = headers.get(&REQUEST_ID).and_then(|id| id.to_str().ok());
    let is_harmless = |id: &&str| {
        let allowed = |byte: u8| byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'_' | b'.');
        (1..=64).contains(&id.len()) && id.bytes().all(allowed)
    };
    match given.filter(is_harmless) {
        Some(id) => id.to_owned(),
        None => {
            let since = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
            let number = NEXT.fetch_add(1, Ordering::Relaxed);
            format!("{:x}-{number:x}", since.as_micros())
        }
    }
}

fn finish(response: &mut Response, id: &str, workspace: &str) {
    let headers = response.headers_mut();
    for (name, value) in [(REQUEST_ID, id), (WORKSPACE, workspace)] {
        if let Ok(value) = HeaderValue::from_str(value) {
            headers.insert(name, value);
        }
    }
    headers.insert(X_CONTENT_TYPE_OPTIONS, HeaderValue::from_static("nosniff"));
    headers.entry(CACHE_CONTROL).or_insert(HeaderValue::from_static("no-store"));
}

/// One line of the log. It has no body, query or token.
#[derive(Serialize)]
struct Line<'a> {
    time: String,
    id: &'a str,
    peer: String,
    user: &'a str,
    method: &'a str,
    path: &'a str,
    status: u16,
    ms: f64,
}

/// Returns the current time in UTC, such as `2026-01-31T12:00:00.123Z`.
fn now_text() -> String {
    let since = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
    let (days, second) = (since.as_secs() / 86_400, since.as_secs() % 86_400);
    let (year, month, day) = date(days);
    let mut text = String::with_capacity(24);
    let (hour, minute, second) = (second / 3600, second / 60 % 60, second % 60);
    // Writing to a string cannot fail.
    let _ = write!(
        text,
        "{year:04}-{month:02}-{day:02}T{hour:02}:{minute:02}:{second:02}.{:03}Z",
        since.subsec_millis()
    );
    text
}
