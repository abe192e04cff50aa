//! Bodies of requests, read with limits on size and time.

use std::ops::Deref;
use std::sync::Arc;
use std::time::Duration;

use axum::body::Body;
use axum::http::header::CONTENT_LENGTH;
use axum::http::{HeaderMap, StatusCode};
use bytes::{Bytes, BytesMut};
use http_body_util::BodyExt as _;
use tokio::sync::{OwnedSemaphorePermit, Semaphore};
use tokio::time::timeout;

use crate::failure::{Failure, Outcome};

/// How long a whole body in memory may take.
const BODY_TIMEOUT: Duration = Duration::from_secs(60);

/// The most bytes of all bodies in memory at the same time, in KiB.
const KIB_MAX: usize = 256 * 1024;

/// Bodies in memory, bounded together.
pub(crate) struct Bodies(Arc<Semaphore>);

/// A body in memory, and its share of the bound.
#[derive(Default)]
pub(crate) struct KeptBody {
    bytes: Bytes,
    _share: Option<OwnedSemaphorePermit>,
}

impl KeptBody {
    /// Returns the bytes, which no longer count for the bound.
    pub(crate) fn into_bytes(self) -> Bytes {
        self.bytes
    }
}

impl Deref for KeptBody {
    type Target = [u8];

    fn deref(&self) -> &[u8] {
        &self.bytes
    }
}

impl Bodies {
    pub(crate) fn new() -> Bodies {
        Bodies(Arc::new(Semaphore::new(KIB_MAX)))
    }

    /// Reads a body of at most `most` bytes. Waits while other bodies use up the bound.
    pub(crate) async fn read(
        &self,
        headers: &HeaderMap,
        body: Body,
        most: usize,
    ) -> Outcome<KeptBody> {
        let declared = headers.get(CONTENT_LENGTH).and_then(|length| length.to_str().ok());
        let declared = declared.and_then(|length| length.parse::<usize>().ok());
        if declared.is_some_and(|length| length > most) {
            return Err(too_large(most));
        }
        let kib = declared.unwrap_or(most).div_ceil(1024).min(KIB_MAX);
        let kib = u32::try_from(kib).unwrap_or(u32::MAX);
        let share = Arc::clone(&self.0).acquire_many_owned(kib);
        let share = timeout(BODY_TIMEOUT, share).await.ok().and_then(Result::ok);
        let share = share.ok_or_else(|| {
            let message = "the server is busy with other large requests; try again later";
            Failure::new(StatusCode::SERVICE_UNAVAILABLE, "TEMPORARILY_UNAVAILABLE", message)
        })?;
        match timeout(BODY_TIMEOUT, whole(body, most)).await {
            Ok(bytes) => Ok(KeptBody { bytes: bytes?, _share: Some(share) }),
            Err(_) => Err(Failure::bad_request(format!(
                "the body took longer than {} s",
                BODY_TIMEOUT.as_secs()
            ))),
        }
    }
}

/// Copies the frames of a body, because each of them would keep a larger buffer alive.
async fn whole(mut body: Body, most: usize) -> Outcome<Bytes> {
    let mut bytes = BytesMut::new();
    while let Some(frame) = body.frame().await {
        let early = |_| Failure::bad_request("the body ended early; send it again");
        let Ok(data) = frame.map_err(early)?.into_data() else { continue };
        if bytes.len() + data.len() > most {
            return Err(too_large(most));
        }
        bytes.extend_from_slice(&data);
    }
    Ok(bytes.freeze())
}

/// Not the status 413, which clients of MLflow repeat for minutes.
fn too_large(most: usize) -> Failure {
    Failure::bad_request(format!(
        "the body has more than {most} bytes; split it, or send it as an artifact"
    ))
}
