//! A worker as the server sees it: a socket to a process that has loaded a model.

use std::sync::Arc;
use std::time::Duration;

use tempfile::TempDir;
use tokio::net::UnixStream;
use tokio::sync::oneshot;
use tokio::time::{Instant, timeout, timeout_at};

use crate::frame::{self, Frame, Kind};
use crate::job::{Job, Outcome};
use crate::zygote::Zygote;

/// How long a worker may take after its deadline. Then it is killed.
const GRACE: Duration = Duration::from_secs(1);
/// How long the exit status of a worker is awaited that has closed its socket.
const END_TIMEOUT: Duration = Duration::from_millis(500);

/// A running worker. Its process is killed when this is dropped.
pub(crate) struct Worker {
    pub(crate) stream: UnixStream,
    zygote: Arc<Zygote>,
    ticket: String,
    ended: Option<oneshot::Receiver<i32>>,
    /// Removes the files of the worker.
    _folder: TempDir,
}

/// The end of a request at a worker.
pub(crate) enum Exchange {
    /// The worker has answered, and is free.
    Done(Outcome),
    /// The worker is gone. Its request may be answered by another one.
    Died(String),
    /// The worker did not react to the deadline, and must be killed.
    Stuck,
}

impl Worker {
    pub(crate) fn new(
        stream: UnixStream,
        zygote: Arc<Zygote>,
        ticket: String,
        ended: oneshot::Receiver<i32>,
        folder: TempDir,
    ) -> Worker {
        Worker { stream, zygote, ticket, ended: Some(ended), _folder: folder }
    }

    /// Sends a request and waits for its answer.
    pub(crate) async fn exchange(&mut self, job: &Job) -> Exchange {
        match timeout_at(job.deadline + GRACE, self.sent(job)).await {
            Ok(Ok(frame)) => answered(frame),
            Ok(Err(error)) => {
                log::debug!("a worker is gone: {error}");
                Exchange::Died(self.end().await)
            }
            Err(_) => Exchange::Stuck,
        }
    }

    async fn sent(&mut self, job: &Job) -> std::io::Result<Frame> {
        let left = job.deadline.saturating_duration_since(Instant::now());
        let micros = u64::try_from(left.as_micros()).unwrap_or(u64::MAX);
        let Job { id, request, .. } = job;
        let head = (*id, micros);
        frame::write_request(&mut self.stream, head, &request.content_type, &request.body).await?;
        let frame = frame::read(&mut self.stream).await?;
        match frame.id == *id {
            true => Ok(frame),
            false => Err(std::io::Error::other("the answer is that of another request")),
        }
    }

    /// Waits until the idle worker is gone, and returns the reason.
    pub(crate) async fn gone(&mut self) -> String {
        loop {
            let mut byte = [0];
            if self.stream.readable().await.is_err() {
                break;
            }
            match self.stream.try_read(&mut byte) {
                Err(error) if error.kind() == std::io::ErrorKind::WouldBlock => {}
                // It is closed, or it talks although nobody has asked.
                _ => break,
            }
        }
        self.end().await
    }

    /// Returns how the process has ended.
    pub(crate) async fn end(&mut self) -> String {
        let Some(ended) = self.ended.take() else { return "it has ended".to_owned() };
        match timeout(END_TIMEOUT, ended).await {
            Ok(Ok(status)) if status < 0 => format!("it was ended by signal {}", -status),
            Ok(Ok(status)) => format!("it ended with status {status}"),
            _ => "it has closed its socket".to_owned(),
        }
    }
}

impl Drop for Worker {
    fn drop(&mut self) {
        self.zygote.kill(&self.ticket);
    }
}

fn answered(frame: Frame) -> Exchange {
    match frame.kind {
        Kind::Answer => match frame::answer_of(frame.body) {
            Some((status, content_type, body)) => {
                let micros = frame.micros;
                Exchange::Done(Outcome::Answer { status, content_type, body, micros })
            }
            None => Exchange::Died("its answer was not valid".to_owned()),
        },
        Kind::Late => Exchange::Done(Outcome::Late),
        _ => Exchange::Died("it sent a frame of another kind than an answer".to_owned()),
    }
}
