//! Requests to models: `POST /serving-endpoints/{name}/invocations`.
//!
//! The body goes to the model as it is, and the answer is MLflow's.

use std::sync::Arc;

use axum::extract::rejection::PathRejection;
use axum::extract::{Path, Request, State};
use axum::http::header::{CONTENT_TYPE, RETRY_AFTER};
use axum::http::{HeaderMap, HeaderName, HeaderValue, StatusCode};
use axum::response::{IntoResponse as _, Response};
use tracklite::endpoint::EndpointLevel;
use tracklite_serve::{Answer, Refusal, Request as ModelRequest};

use super::serving_found::missing;
use super::serving_rights::must;
use crate::access::{Caller, Scope};
use crate::failure::{Failure, Outcome};
use crate::guard::RequestId;
use crate::reply::Reply;
use crate::shared::Shared;

pub(super) const PATH: &str = "/serving-endpoints/{name}/invocations";

/// The header that keeps requests with the same value at the same served model.
const STICKY: HeaderName = HeaderName::from_static("x-tracklite-sticky");
/// The header with the name of the served model. The SDK reads it.
const SERVED_NAME: HeaderName = HeaderName::from_static("served-model-name");
/// The header with the version of the served model.
const SERVED_VERSION: HeaderName = HeaderName::from_static("served-model-version");

pub(super) async fn invoke(
    State(shared): State<Arc<Shared>>,
    name: Result<Path<String>, PathRejection>,
    request: Request,
) -> Response {
    match name {
        Ok(Path(name)) => answer(&shared, &name, request).await,
        Err(error) => Failure::invalid(error.to_string()).into_response(),
    }
}

/// Has the endpoint with this name answer a request.
pub(crate) async fn answer(shared: &Arc<Shared>, name: &str, request: Request) -> Response {
    let answered = match read(shared, name, request).await {
        Ok(request) => ask(shared, name, request).await,
        Err(failure) => Err((failure, None)),
    };
    match answered {
        Ok(answer) => replied(answer).into_response(),
        Err(refused) => refusal(refused).into_response(),
    }
}

/// A failure, and the seconds after which a client may try again.
pub(crate) type Refused = (Failure, Option<String>);

/// Returns the answer to a request that was refused.
pub(crate) fn refusal((failure, retry): Refused) -> Reply {
    let reply = failure.reply();
    match retry {
        Some(seconds) => reply.header(RETRY_AFTER, &seconds),
        None => reply,
    }
}

/// Has a model answer.
pub(crate) async fn ask(
    shared: &Arc<Shared>,
    name: &str,
    request: ModelRequest,
) -> Result<Answer, Refused> {
    match shared.serving.answer(name, request).await {
        Ok(answer) => Ok(answer),
        Err(Refusal::Unknown) => Err((unknown(shared, name).await, None)),
        Err(refusal) => Err(failure_of(&refusal)),
    }
}

/// Checks the right of the caller, then reads the body.
pub(crate) async fn read(
    shared: &Arc<Shared>,
    name: &str,
    request: Request,
) -> Outcome<ModelRequest> {
    let (head, body) = request.into_parts();
    let caller = Caller::of(&head)?;
    caller.must(Scope::Read)?;
    // The right is checked before the body is read.
    if let Some(info) = shared.serving.endpoint(name) {
        must(&caller, &info, EndpointLevel::Query)?;
    }
    let body = shared.bodies.read(&head.headers, body, shared.options.body_bytes_max).await?;
    let text = |name: &HeaderName| text_of(&head.headers, name);
    let id = head.extensions.get::<RequestId>().map(|id| id.0.clone());
    let id = id.unwrap_or_default();
    let key = text(&STICKY).unwrap_or_else(|| id.clone());
    let content_type = text(&CONTENT_TYPE).unwrap_or_default();
    Ok(ModelRequest { id, user: caller.user, body: body.into_bytes(), content_type, key })
}

fn text_of(headers: &HeaderMap, name: &HeaderName) -> Option<String> {
    Some(headers.get(name)?.to_str().ok()?.to_owned())
}

/// Returns the failure for an endpoint that this server does not serve: the file may have it.
async fn unknown(shared: &Arc<Shared>, name: &str) -> Failure {
    let (database, asked) = (shared.database.clone(), name.to_owned());
    let found = shared.pool.run(move || database.endpoints().get(&asked)).await;
    match found {
        Ok(Ok(_)) => not_ready("its model is still being loaded"),
        Ok(Err(error)) if error.kind() != tracklite::ErrorKind::NotFound => error.into(),
        Ok(Err(_)) => missing(name),
        Err(failure) => failure,
    }
}

/// Not the status 503, which the clients repeat for minutes.
fn not_ready(reason: &str) -> Failure {
    let message = format!("the endpoint is not ready: {reason}");
    Failure::new(StatusCode::BAD_REQUEST, "INVALID_STATE", message)
}

fn failure_of(refusal: &Refusal) -> Refused {
    let message = refusal.to_string();
    let (code, retry) = match refusal {
        Refusal::NotReady(reason) => return (not_ready(reason), None),
        Refusal::Invalid(_) => ("BAD_REQUEST", None),
        Refusal::Busy(_) => ("REQUEST_LIMIT_EXCEEDED", Some("1".to_owned())),
        Refusal::Limited { seconds, .. } => ("REQUEST_LIMIT_EXCEEDED", Some(seconds.to_string())),
        Refusal::Late(_) => ("DEADLINE_EXCEEDED", None),
        Refusal::Crashed(_) | Refusal::NotWritten(_) => ("INTERNAL_ERROR", None),
        _ => ("TEMPORARILY_UNAVAILABLE", Some("1".to_owned())),
    };
    (Failure::new(status_of(refusal.status()), code, message), retry)
}

/// Returns the body that a client gets for a refusal.
pub(crate) fn refused_body(refusal: &Refusal) -> Vec<u8> {
    failure_of(refusal).0.reply().body
}

fn status_of(number: u16) -> StatusCode {
    StatusCode::from_u16(number).unwrap_or(StatusCode::INTERNAL_SERVER_ERROR)
}

fn replied(answer: Answer) -> Reply {
    let status = status_of(answer.status);
    let content_type = HeaderValue::from_str(&answer.content_type);
    let content_type = content_type.unwrap_or(HeaderValue::from_static("text/plain"));
    let reply = Reply { status, headers: vec![(CONTENT_TYPE, content_type)], body: answer.body };
    reply.header(SERVED_NAME, &answer.entity).header(SERVED_VERSION, &answer.version.to_string())
}
