//! Bodies of requests, read with limits on size and time.

use std::time::Duration;

use axum::body::Body;
use axum::http::HeaderMap;
use axum::http::header::CONTENT_LENGTH;
use bytes::Bytes;
use http_body_util::{BodyExt as _, LengthLimitError, Limited};
use tokio::time::timeout;

use crate::failure::{Failure, Outcome};

/// How long a whole body in memory may take.
const BODY_TIMEOUT: Duration = Duration::from_secs(60);

/// Reads a body of at most `most` bytes.
pub(crate) async fn read_body(headers: &HeaderMap, body: Body, most: usize) -> Outcome<Bytes> {
    let declared = headers.get(CONTENT_LENGTH).and_then(|length| length.to_str().ok());
    if declared.and_then(|length| length.parse::<u64>().ok()).is_some_and(|it| it > most as u64) {
        return Err(too_large(most));
    }
    let read = timeout(BODY_TIMEOUT, Limited::new(body, most).collect()).await;
    match read {
        Ok(Ok(whole)) => Ok(whole.to_bytes()),
        Ok(Err(error)) if error.is::<LengthLimitError>() => Err(too_large(most)),
        Ok(Err(_)) => Err(Failure::bad_request("the body ended early; send it again")),
        Err(_) => Err(Failure::bad_request(format!(
            "the body took longer than {} s",
            BODY_TIMEOUT.as_secs()
        ))),
    }
}

/// Not the status 413, which clients of MLflow repeat for minutes.
fn too_large(most: usize) -> Failure {
    Failure::bad_request(format!(
        "the body has more than {most} bytes; split it, or send it as an artifact"
    ))
}
