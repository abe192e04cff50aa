//! Bodies of any length, from the connection to a blocking thread that reads them.

use std::io::{self, Read};
use std::sync::Arc;
use std::time::Duration;

use axum::body::Body;
use bytes::{Buf as _, Bytes};
use http_body_util::BodyExt as _;
use tokio::sync::{Semaphore, mpsc};
use tokio::task::spawn_blocking;
use tokio::time::timeout;

use crate::failure::{Failure, Outcome};
use crate::pool::Pool;

/// How long a sender or receiver may be silent.
pub(crate) const IDLE_TIMEOUT: Duration = Duration::from_secs(60);
/// Bodies up to this size are read into memory. They need no thread of their own.
const SMALL_BYTES: usize = 1024 * 1024;
/// About this number of bytes passes to the thread at a time.
const PIECE_BYTES: usize = 256 * 1024;
/// The number of pieces that wait for the thread.
const PIECES_MAX: usize = 4;
/// How long the rest of a body is read after a failure, so that the client reads the answer.
const DISCARD_TIMEOUT: Duration = Duration::from_secs(10);
/// The same for a client without the right to send it.
const STRANGER_TIMEOUT: Duration = Duration::from_secs(1);

/// The threads for large uploads. Each is occupied as long as its client sends.
pub(crate) struct Uploads(Arc<Semaphore>);

impl Uploads {
    /// The number of threads. More uploads wait.
    pub(crate) const THREADS: usize = 16;

    pub(crate) fn new() -> Uploads {
        Uploads(Arc::new(Semaphore::new(Uploads::THREADS)))
    }

    /// Runs work that may take long, on one of the threads.
    pub(crate) async fn run<T: Send + 'static>(
        &self,
        work: impl FnOnce() -> T + Send + 'static,
    ) -> Outcome<T> {
        let place = Arc::clone(&self.0).acquire_owned().await;
        let place = place.map_err(|_| Failure::internal("the server stops"))?;
        let task = spawn_blocking(move || {
            let result = work();
            drop(place);
            result
        });
        task.await.map_err(|error| {
            log::error!("an upload failed: {error}");
            Failure::internal("the server failed at this upload; its log has the reason")
        })
    }
}

/// The body of a request as blocking work sees it.
pub(crate) enum Incoming {
    Whole(Bytes),
    Pieces(Pieces),
}

impl Read for Incoming {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        match self {
            Incoming::Whole(bytes) => Ok(take(bytes, buffer)),
            Incoming::Pieces(pieces) => pieces.read(buffer),
        }
    }
}

/// Moves bytes to the front of a buffer. Returns their number.
fn take(bytes: &mut Bytes, buffer: &mut [u8]) -> usize {
    let count = bytes.len().min(buffer.len());
    if let Some(front) = buffer.get_mut(..count) {
        bytes.copy_to_slice(front);
    }
    count
}

enum Piece {
    /// Bytes as they came, because a copy would cost more than the connection itself.
    Frames(Vec<Bytes>),
    /// The body is complete.
    End,
}

/// A body that arrives in pieces.
pub(crate) struct Pieces {
    pieces: mpsc::Receiver<Piece>,
    frames: std::vec::IntoIter<Bytes>,
    current: Bytes,
    is_complete: bool,
}

impl Read for Pieces {
    /// Fails if the body ends early.
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        while self.current.is_empty() && !self.is_complete {
            if let Some(frame) = self.frames.next() {
                self.current = frame;
                continue;
            }
            match self.pieces.blocking_recv() {
                Some(Piece::Frames(frames)) => self.frames = frames.into_iter(),
                Some(Piece::End) => self.is_complete = true,
                None => return Err(io::ErrorKind::UnexpectedEof.into()),
            }
        }
        Ok(take(&mut self.current, buffer))
    }
}

/// Passes a body to blocking work, which reads it to its end. A small body needs no thread for
/// uploads.
///
/// If the body ends early, a read of the work fails. The work must then have no effect, and its
/// result is not used. If the work fails first, the rest of the body is discarded.
pub(crate) async fn receive<T: Send + 'static>(
    (pool, uploads): (&Pool, &Uploads),
    mut body: Body,
    work: impl FnOnce(Incoming) -> Outcome<T> + Send + 'static,
) -> Outcome<T> {
    let mut first = Vec::new();
    if fill(&mut body, &mut first, SMALL_BYTES).await? {
        let whole = Bytes::from(first.concat());
        return pool.run(move || work(Incoming::Whole(whole))).await?;
    }
    let (sender, pieces) = mpsc::channel(PIECES_MAX);
    let frames = first.into_iter();
    let incoming = Pieces { pieces, frames, current: Bytes::new(), is_complete: false };
    let working = uploads.run(move || work(Incoming::Pieces(incoming)));
    let (sent, worked) = tokio::join!(send(&mut body, sender), working);
    sent?;
    let worked = worked?;
    if worked.is_err() {
        discard(&mut body, DISCARD_TIMEOUT).await;
    }
    worked
}

/// Sends a body to the work. Ends without an error if the work has ended.
async fn send(body: &mut Body, work: mpsc::Sender<Piece>) -> Outcome<()> {
    loop {
        let mut frames = Vec::new();
        let is_complete = fill(body, &mut frames, PIECE_BYTES).await?;
        if work.send(Piece::Frames(frames)).await.is_err() {
            return Ok(());
        }
        if is_complete {
            // If the work has ended, it has failed for a reason of its own.
            let _ = work.send(Piece::End).await;
            return Ok(());
        }
    }
}

/// Reads at least this number of bytes, or to the end. Returns whether the body is complete.
async fn fill(body: &mut Body, frames: &mut Vec<Bytes>, least: usize) -> Outcome<bool> {
    let mut length = 0;
    while length < least {
        let frame = timeout(IDLE_TIMEOUT, body.frame()).await.map_err(|_| {
            let silence = IDLE_TIMEOUT.as_secs();
            Failure::bad_request(format!("no byte of the body came for {silence} s"))
        })?;
        match frame {
            None => return Ok(true),
            Some(Ok(frame)) => {
                let Ok(bytes) = frame.into_data() else { continue };
                length += bytes.len();
                frames.push(bytes);
            }
            Some(Err(_)) => {
                return Err(Failure::bad_request("the body ended early; send it again"));
            }
        }
    }
    Ok(false)
}

/// Answers with a failure before the body is used. A part of the body is read and discarded,
/// because a client that still sends would see a broken connection instead of the answer.
pub(crate) async fn refuse<T>(failure: Failure, mut body: Body) -> Outcome<T> {
    let is_stranger = matches!(failure.status.as_u16(), 401 | 403);
    let time = if is_stranger { STRANGER_TIMEOUT } else { DISCARD_TIMEOUT };
    discard(&mut body, time).await;
    Err(failure)
}

async fn discard(body: &mut Body, time: Duration) {
    let rest = async { while let Some(Ok(_)) = body.frame().await {} };
    // After this time the connection is closed.
    let _ = timeout(time, rest).await;
}
