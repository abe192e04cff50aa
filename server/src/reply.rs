//! Answers of handlers.

use axum::body::Body;
use axum::http::header::{CONTENT_LENGTH, CONTENT_TYPE};
use axum::http::{HeaderName, HeaderValue, StatusCode};
use axum::response::{IntoResponse, Response};
use serde::Serialize;

const JSON: HeaderValue = HeaderValue::from_static("application/json");

/// The answer in place of one that has no form in JSON.
const UNWRITABLE: &[u8] =
    br#"{"error_code": "INTERNAL_ERROR", "message": "the answer cannot be written as JSON"}"#;

/// An answer with a body in memory.
#[derive(Debug)]
pub(crate) struct Reply {
    pub(crate) status: StatusCode,
    pub(crate) headers: Vec<(HeaderName, HeaderValue)>,
    pub(crate) body: Vec<u8>,
}

impl Reply {
    /// Returns an answer with a value as JSON.
    pub(crate) fn json(value: &impl Serialize) -> Reply {
        let (status, body) = match serde_json::to_vec(value) {
            Ok(body) => (StatusCode::OK, body),
            Err(error) => {
                log::error!("an answer cannot be written as JSON: {error}");
                (StatusCode::INTERNAL_SERVER_ERROR, UNWRITABLE.to_vec())
            }
        };
        Reply { status, headers: vec![(CONTENT_TYPE, JSON)], body }
    }

    /// Returns the answer `{}`.
    pub(crate) fn done() -> Reply {
        Reply::json(&Nothing {})
    }

    /// Returns an answer without a body.
    pub(crate) fn empty(status: StatusCode) -> Reply {
        Reply { status, headers: Vec::new(), body: Vec::new() }
    }

    /// Returns an answer with a text.
    pub(crate) fn text(content_type: &'static str, text: impl Into<String>) -> Reply {
        let content_type = HeaderValue::from_static(content_type);
        let (status, body) = (StatusCode::OK, text.into().into_bytes());
        Reply { status, headers: vec![(CONTENT_TYPE, content_type)], body }
    }

    /// Adds a header. Text that a header cannot have is left out.
    pub(crate) fn header(mut self, name: HeaderName, value: &str) -> Reply {
        if let Ok(value) = HeaderValue::from_str(value) {
            self.headers.push((name, value));
        }
        self
    }
}

impl IntoResponse for Reply {
    fn into_response(self) -> Response {
        let length = self.body.len();
        let mut response = Response::new(Body::from(self.body));
        *response.status_mut() = self.status;
        if !matches!(self.status, StatusCode::NO_CONTENT | StatusCode::NOT_MODIFIED) {
            response.headers_mut().insert(CONTENT_LENGTH, HeaderValue::from(length));
        }
        response.headers_mut().extend(self.headers);
        response
    }
}

/// The answer `{}`.
#[derive(Debug, Serialize, utoipa::ToSchema)]
pub(crate) struct Nothing {}
