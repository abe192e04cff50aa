//! The end of a connection whose client still sends: its bytes are read and discarded for a while.
//!
//! A refusal is sent at once, before the body of its request is read. If the connection were then
//! closed, the system would answer the rest of the body with a reset, and the client would see a
//! broken connection instead of the refusal.

use std::future::Future as _;
use std::io;
use std::pin::Pin;
use std::sync::{Arc, Mutex, PoisonError};
use std::task::{Context, Poll, ready};
use std::time::Duration;

use axum::body::Body;
use axum::http::StatusCode;
use bytes::Bytes;
use hyper::body::{Body as _, Frame, Incoming, SizeHint};
use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use tokio::time::{Sleep, sleep};

/// The number of bytes that are discarded at a time.
const PIECE_BYTES: usize = 16 * 1024;

/// How much of the rest of a body is discarded.
#[derive(Clone, Copy, Debug)]
struct Patience {
    bytes: u64,
    time: Duration,
}

/// For a client without the right to send it.
const STRANGER: Patience = Patience { bytes: 1024 * 1024, time: Duration::from_secs(1) };
/// For a client that made a mistake, for example with a large file.
const KNOWN: Patience = Patience { bytes: u64::MAX, time: Duration::from_secs(10) };

/// The rest of a body that nobody read. Its connection and its request share this.
#[derive(Clone, Default)]
pub(crate) struct Rest(Arc<Mutex<Option<Patience>>>);

impl Rest {
    fn get(&self) -> Option<Patience> {
        *self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn set(&self, patience: Patience) {
        *self.0.lock().unwrap_or_else(PoisonError::into_inner) = Some(patience);
    }

    /// Returns a body that notes here whether its end was read.
    pub(crate) fn watch(&self, body: Incoming) -> Body {
        Body::new(WatchedBody { body, is_complete: false, rest: self.clone() })
    }

    /// Returns whether a body was left unread, so that the connection must end with this answer.
    pub(crate) fn is_left(&self, answer: StatusCode) -> bool {
        let is_left = self.get().is_some();
        let is_stranger = matches!(answer, StatusCode::UNAUTHORIZED | StatusCode::FORBIDDEN);
        if is_left && is_stranger {
            self.set(STRANGER);
        }
        is_left
    }
}

/// The body of a request, which notes whether its end was read.
struct WatchedBody {
    body: Incoming,
    is_complete: bool,
    rest: Rest,
}

impl hyper::body::Body for WatchedBody {
    type Data = Bytes;
    type Error = hyper::Error;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, hyper::Error>>> {
        let frame = ready!(Pin::new(&mut self.body).poll_frame(context));
        // After an error the connection is broken, and there is nothing to discard.
        self.is_complete |= !matches!(frame, Some(Ok(_)));
        Poll::Ready(frame)
    }

    fn is_end_stream(&self) -> bool {
        self.body.is_end_stream()
    }

    fn size_hint(&self) -> SizeHint {
        self.body.size_hint()
    }
}

impl Drop for WatchedBody {
    fn drop(&mut self) {
        if !self.is_complete && !self.body.is_end_stream() {
            self.rest.set(KNOWN);
        }
    }
}

/// A stream that discards the rest of a body before it closes.
pub(crate) struct Lingering<S> {
    stream: S,
    rest: Rest,
    /// Runs after the writing half is closed, with the number of bytes that may still come.
    left: Option<(Pin<Box<Sleep>>, u64)>,
}

impl<S> Lingering<S> {
    pub(crate) fn new(stream: S, rest: Rest) -> Lingering<S> {
        Lingering { stream, rest, left: None }
    }
}

impl<S: AsyncRead + Unpin> AsyncRead for Lingering<S> {
    fn poll_read(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        buffer: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_read(context, buffer)
    }
}

impl<S: AsyncRead + AsyncWrite + Unpin> AsyncWrite for Lingering<S> {
    fn poll_write(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        bytes: &[u8],
    ) -> Poll<io::Result<usize>> {
        Pin::new(&mut self.stream).poll_write(context, bytes)
    }

    fn poll_write_vectored(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        bytes: &[io::IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        Pin::new(&mut self.stream).poll_write_vectored(context, bytes)
    }

    fn is_write_vectored(&self) -> bool {
        self.stream.is_write_vectored()
    }

    fn poll_flush(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_flush(context)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        let this = &mut *self;
        let (time, left) = match &mut this.left {
            Some(left) => left,
            None => {
                ready!(Pin::new(&mut this.stream).poll_shutdown(context))?;
                let Some(patience) = this.rest.get() else { return Poll::Ready(Ok(())) };
                this.left.insert((Box::pin(sleep(patience.time)), patience.bytes))
            }
        };
        let mut piece = [0; PIECE_BYTES];
        while *left > 0 && time.as_mut().poll(context).is_pending() {
            let mut buffer = ReadBuf::new(&mut piece);
            let read = ready!(Pin::new(&mut this.stream).poll_read(context, &mut buffer));
            // The client has read the answer, or has gone.
            if read.is_err() || buffer.filled().is_empty() {
                break;
            }
            *left = left.saturating_sub(buffer.filled().len() as u64);
        }
        Poll::Ready(Ok(()))
    }
}
