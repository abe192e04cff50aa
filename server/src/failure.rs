//! Errors as answers: a status, a code of MLflow or Databricks, and a message.

use axum::http::StatusCode;
use axum::response::{IntoResponse, Response};
use serde::Serialize;
use tracklite::{Error, ErrorKind};

use crate::reply::Reply;

/// The reason why a request is refused or failed.
///
/// The clients retry some statuses for minutes: 405, 413, 422, 429, 500 and 503 among them. So a
/// mistake of the caller is always 400, 401, 403, 404, 409 or 501.
#[derive(Debug)]
pub(crate) struct Failure {
    pub(crate) status: StatusCode,
    pub(crate) code: &'static str,
    pub(crate) message: String,
}

/// The body of an answer with an error.
#[derive(Debug, Serialize, utoipa::ToSchema)]
pub(crate) struct ErrorBody {
    /// The code, such as `RESOURCE_DOES_NOT_EXIST`.
    error_code: String,
    /// The problem, and the next step.
    message: String,
}

pub(crate) type Outcome<T> = Result<T, Failure>;

impl Failure {
    pub(crate) fn new(
        status: StatusCode,
        code: &'static str,
        message: impl Into<String>,
    ) -> Failure {
        Failure { status, code, message: message.into() }
    }

    /// An argument is wrong.
    pub(crate) fn invalid(message: impl Into<String>) -> Failure {
        Failure::new(StatusCode::BAD_REQUEST, "INVALID_PARAMETER_VALUE", message)
    }

    /// The request itself is wrong.
    pub(crate) fn bad_request(message: impl Into<String>) -> Failure {
        Failure::new(StatusCode::BAD_REQUEST, "BAD_REQUEST", message)
    }

    /// The thing that the request names does not exist.
    pub(crate) fn missing(message: impl Into<String>) -> Failure {
        Failure::new(StatusCode::NOT_FOUND, "RESOURCE_DOES_NOT_EXIST", message)
    }

    /// The request has no token, or one that is not valid.
    pub(crate) fn unauthenticated(message: impl Into<String>) -> Failure {
        Failure::new(StatusCode::UNAUTHORIZED, "UNAUTHENTICATED", message)
    }

    /// The caller may not do this.
    pub(crate) fn forbidden(message: impl Into<String>) -> Failure {
        Failure::new(StatusCode::FORBIDDEN, "PERMISSION_DENIED", message)
    }

    /// There is no such route.
    pub(crate) fn no_route(method: &str, path: &str) -> Failure {
        let message = format!("No API found for '{method} {path}'");
        Failure::new(StatusCode::NOT_FOUND, "ENDPOINT_NOT_FOUND", message)
    }

    /// The server does not keep such things.
    pub(crate) fn not_implemented(message: impl Into<String>) -> Failure {
        Failure::new(StatusCode::NOT_IMPLEMENTED, "NOT_IMPLEMENTED", message)
    }

    /// The server itself failed.
    pub(crate) fn internal(message: impl Into<String>) -> Failure {
        Failure::new(StatusCode::INTERNAL_SERVER_ERROR, "INTERNAL_ERROR", message)
    }

    pub(crate) fn reply(self) -> Reply {
        let body = ErrorBody { error_code: self.code.to_owned(), message: self.message };
        let mut reply = Reply::json(&body);
        reply.status = self.status;
        reply
    }
}

impl From<Error> for Failure {
    /// The message is without the path of the file, which is of no concern to clients.
    fn from(error: Error) -> Failure {
        let code = error.mlflow_code();
        Failure::new(status_of(code, error.kind()), code, error.message())
    }
}

fn status_of(code: &str, kind: ErrorKind) -> StatusCode {
    match code {
        "UNAUTHENTICATED" => StatusCode::UNAUTHORIZED,
        "PERMISSION_DENIED" => StatusCode::FORBIDDEN,
        "RESOURCE_DOES_NOT_EXIST" => StatusCode::NOT_FOUND,
        "RESOURCE_CONFLICT" => StatusCode::CONFLICT,
        "TEMPORARILY_UNAVAILABLE" => StatusCode::SERVICE_UNAVAILABLE,
        "DATA_LOSS" => StatusCode::INTERNAL_SERVER_ERROR,
        // MLflow has this code for some mistakes of the caller too.
        "INTERNAL_ERROR" if kind != ErrorKind::InvalidInput && kind != ErrorKind::Unresolved => {
            StatusCode::INTERNAL_SERVER_ERROR
        }
        // Among them a full disk: clients would repeat the status 429 or 507 for minutes.
        _ => StatusCode::BAD_REQUEST,
    }
}

impl IntoResponse for Failure {
    fn into_response(self) -> Response {
        self.reply().into_response()
    }
}
