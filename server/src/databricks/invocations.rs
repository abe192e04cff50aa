//! Requests to models: `POST /serving-endpoints/{name}/invocations`.
//!
//! The body goes to the model as it is, and the answer is MLflow's.

use std::sync::Arc;

use axum::extract::rejection::PathRejection;
use axum::extract::{Path, Request, State};
use axum::http::header::{CONTENT_TYPE, RETRY_AFTER};
use axum::http::{HeaderMap, HeaderName, HeaderValue, StatusCode};
use axum::response::{IntoResponse as _, Response};
use tracklite_serve::{Answer, Refusal, Request as ModelRequest};

use super::serving::missing;
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
    match answered(&shared, name, request).await {
        Ok(answer) => replied(answer).into_response(),
        Err((failure, retry)) => {
            let mut reply = failure.reply();
            if let Some(seconds) = retry {
                reply = reply.header(RETRY_AFTER, seconds);
            }
            reply.into_response()
        }
    }
}

/// A failure, and the seconds after which a client may try again.
type Refused = (Failure, Option<&'static str>);

async fn answered(
    shared: &Arc<Shared>,
    name: Result<Path<String>, PathRejection>,
    request: Request,
) -> Result<Answer, Refused> {
    let Path(name) = name.map_err(|error| (Failure::invalid(error.to_string()), None))?;
    let request = read(shared, request).await.map_err(|failure| (failure, None))?;
    match shared.serving.answer(&name, request).await {
        Ok(answer) => Ok(answer),
        Err(Refusal::Unknown) => Err((unknown(shared, &name).await, None)),
        Err(refusal) => Err(failure_of(refusal)),
    }
}

async fn read(shared: &Arc<Shared>, request: Request) -> Outcome<ModelRequest> {
    let (head, body) = request.into_parts();
    Caller::of(&head)?.must(Scope::Read)?;
    let body = shared.bodies.read(&head.headers, body, shared.options.body_bytes_max).await?;
    let text = |name: &HeaderName| text_of(&head.headers, name);
    let id = head.extensions.get::<RequestId>().map(|id| id.0.clone());
    let key = text(&STICKY).or(id).unwrap_or_default();
    let content_type = text(&CONTENT_TYPE).unwrap_or_default();
    Ok(ModelRequest { body: body.into_bytes(), content_type, key })
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

fn failure_of(refusal: Refusal) -> Refused {
    let message = refusal.to_string();
    let (status, code, retry) = match refusal {
        Refusal::NotReady(reason) => return (not_ready(&reason), None),
        Refusal::Busy(_) => (StatusCode::TOO_MANY_REQUESTS, "REQUEST_LIMIT_EXCEEDED", Some("1")),
        Refusal::Late(_) => (StatusCode::GATEWAY_TIMEOUT, "DEADLINE_EXCEEDED", None),
        Refusal::Crashed(_) => (StatusCode::INTERNAL_SERVER_ERROR, "INTERNAL_ERROR", None),
        _ => (StatusCode::SERVICE_UNAVAILABLE, "TEMPORARILY_UNAVAILABLE", Some("1")),
    };
    (Failure::new(status, code, message), retry)
}

fn replied(answer: Answer) -> Reply {
    let status = StatusCode::from_u16(answer.status).unwrap_or(StatusCode::INTERNAL_SERVER_ERROR);
    let content_type = HeaderValue::from_str(&answer.content_type);
    let content_type = content_type.unwrap_or(HeaderValue::from_static("text/plain"));
    let reply = Reply { status, headers: vec![(CONTENT_TYPE, content_type)], body: answer.body };
    reply.header(SERVED_NAME, &answer.entity).header(SERVED_VERSION, &answer.version.to_string())
}
