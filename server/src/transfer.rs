//! Bodies of any length, from the connection to a blocking thread that reads them.

use std::io::{self, Read};
use std::sync::Arc;
use std::time::{Duration, Instant};

use axum::body::Body;
use axum::http::StatusCode;
use bytes::{Buf as _, Bytes};
use http_body_util::BodyExt as _;
use tokio::sync::{Semaphore, mpsc};
use tokio::task::spawn_blocking;
use tokio::time::timeout;

use crate::failure::{Failure, Outcome};
use crate::pool::Pool;

/// How long the receiver of a file may be silent.
pub(crate) const IDLE_TIMEOUT: Duration = Duration::from_secs(60);
/// Bodies up to this size are read into memory. They need no thread of their own.
const SMALL_BYTES: usize = 1024 * 1024;
/// About this number of bytes passes to the thread at a time.
const PIECE_BYTES: usize = 256 * 1024;
/// The number of pieces that wait for the thread.
const PIECES_MAX: usize = 4;

/// The slowest upload that is served: the minimum of bytes in a window of waiting for them.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Pace {
    pub(crate) bytes: u64,
    pub(crate) window: Duration,
}

impl Default for Pace {
    /// Returns about 2 KiB/s. Each large upload occupies one of a few threads, so a client that
    /// sends a byte now and then would stop all other uploads. Any real line is faster than this,
    /// and the window is long enough for a line that breaks down for some seconds.
    fn default() -> Pace {
        Pace { bytes: 64 * 1024, window: Duration::from_secs(30) }
    }
}

/// The threads for large uploads. Each is occupied as long as its client sends.
pub(crate) struct Uploads {
    places: Arc<Semaphore>,
    pace: Pace,
}

impl Uploads {
    /// The number of threads. More uploads wait.
    pub(crate) const THREADS: usize = 16;

    pub(crate) fn new(pace: Pace) -> Uploads {
        Uploads { places: Arc::new(Semaphore::new(Uploads::THREADS)), pace }
    }

    /// Runs work that may take long, on one of the threads.
    pub(crate) async fn run<T: Send + 'static>(
        &self,
        work: impl FnOnce() -> T + Send + 'static,
    ) -> Outcome<T> {
        let place = Arc::clone(&self.places).acquire_owned().await;
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
/// result is not used. If the work fails first, the rest of the body is not read here: the
/// connection discards it, see [`crate::linger`].
pub(crate) async fn receive<T: Send + 'static>(
    (pool, uploads): (&Pool, &Uploads),
    body: Body,
    work: impl FnOnce(Incoming) -> Outcome<T> + Send + 'static,
) -> Outcome<T> {
    let mut sender = Sender { body, pace: uploads.pace, bytes: 0, waited: Duration::ZERO };
    let mut first = Vec::new();
    if sender.fill(&mut first, SMALL_BYTES).await? {
        let whole = Bytes::from(first.concat());
        return pool.run(move || work(Incoming::Whole(whole))).await?;
    }
    let (pass, pieces) = mpsc::channel(PIECES_MAX);
    let frames = first.into_iter();
    let incoming = Pieces { pieces, frames, current: Bytes::new(), is_complete: false };
    let working = uploads.run(move || work(Incoming::Pieces(incoming)));
    let (sent, worked) = tokio::join!(send(&mut sender, pass), working);
    sent?;
    worked?
}

/// Sends a body to the work. Ends without an error if the work has ended.
async fn send(sender: &mut Sender, work: mpsc::Sender<Piece>) -> Outcome<()> {
    loop {
        let mut frames = Vec::new();
        let is_complete = sender.fill(&mut frames, PIECE_BYTES).await?;
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

/// The body of an upload, whose client must send fast enough.
struct Sender {
    body: Body,
    pace: Pace,
    /// The bytes that came in this window.
    bytes: u64,
    /// How much of the window has passed. Only waiting for the client counts.
    waited: Duration,
}

impl Sender {
    /// Reads at least this number of bytes, or to the end. Returns whether the body is complete.
    async fn fill(&mut self, frames: &mut Vec<Bytes>, least: usize) -> Outcome<bool> {
        let mut length = 0;
        while length < least {
            let Some(bytes) = self.next().await? else { return Ok(true) };
            length += bytes.len();
            frames.push(bytes);
        }
        Ok(false)
    }

    /// Waits for the next bytes of the body. Returns `None` at its end.
    async fn next(&mut self) -> Outcome<Option<Bytes>> {
        loop {
            let began = Instant::now();
            let left = self.pace.window.saturating_sub(self.waited);
            let frame = timeout(left, self.body.frame()).await;
            self.waited += began.elapsed();
            if frame.is_err() || self.waited >= self.pace.window {
                self.next_window()?;
            }
            match frame {
                Err(_) => {}
                Ok(None) => return Ok(None),
                Ok(Some(Ok(frame))) => {
                    let Ok(bytes) = frame.into_data() else { continue };
                    self.bytes += bytes.len() as u64;
                    return Ok(Some(bytes));
                }
                Ok(Some(Err(_))) => {
                    return Err(Failure::bad_request("the body ended early; send it again"));
                }
            }
        }
    }

    /// Begins the next window. Fails if too few bytes came in the last one.
    fn next_window(&mut self) -> Outcome<()> {
        let Pace { bytes, window } = self.pace;
        if self.bytes < bytes {
            let message = format!(
                "the upload is too slow: {} bytes came in {} s, at least {bytes} are expected; \
                 send it again over a faster connection",
                self.bytes,
                window.as_secs_f64(),
            );
            let status = StatusCode::REQUEST_TIMEOUT;
            return Err(Failure::new(status, "DEADLINE_EXCEEDED", message));
        }
        (self.bytes, self.waited) = (0, Duration::ZERO);
        Ok(())
    }
}
