//! A worker as the server sees it: a socket to a process that has loaded a model.

use std::collections::VecDeque;
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
/// How long a worker may take to describe its model.
const DESCRIBE_TIMEOUT: Duration = Duration::from_secs(60);
/// How long the exit status of a worker is awaited that has closed its socket.
const END_TIMEOUT: Duration = Duration::from_millis(500);

/// A running worker. Its process is killed when this is dropped.
pub(crate) struct Worker {
    pub(crate) stream: UnixStream,
    zygote: Arc<Zygote>,
    ticket: String,
    ended: Option<oneshot::Receiver<i32>>,
    /// Whether it can answer several requests at once.
    pub(crate) joins: bool,
    /// Removes the files of the worker.
    _folder: TempDir,
}

/// Why a worker has not answered its requests.
pub(crate) enum Failed {
    /// The worker is gone. Its requests may be answered by another one.
    Died(String),
    /// The worker did not react to a deadline, and must be killed.
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
        Worker { stream, zygote, ticket, ended: Some(ended), joins: false, _folder: folder }
    }

    /// Has the model described. The inner error is the reason why it has no description. After the
    /// outer one, the worker cannot be used any more.
    pub(crate) async fn describe(&mut self) -> Result<Result<Vec<u8>, String>, String> {
        let described = async {
            frame::write_head(&mut self.stream, Kind::Describe, 0).await?;
            frame::read(&mut self.stream).await
        };
        match timeout(DESCRIBE_TIMEOUT, described).await {
            Ok(Ok(Frame { kind: Kind::Describe, id: 1, body, .. })) => Ok(Ok(body)),
            Ok(Ok(Frame { kind: Kind::Describe, body, .. })) => {
                Ok(Err(String::from_utf8_lossy(&body).into_owned()))
            }
            Ok(Ok(_)) => Err("the worker sent a frame of another kind".to_owned()),
            Ok(Err(error)) => Err(format!("the worker is gone: {error}")),
            Err(_) => Err(format!("it took longer than {} s", DESCRIBE_TIMEOUT.as_secs())),
        }
    }

    /// Sends requests, and passes each answer on when it comes. Returns the requests without an
    /// answer, and why they have none.
    pub(crate) async fn exchange(&mut self, jobs: Vec<Job>) -> Result<(), (Vec<Job>, Failed)> {
        let last = jobs.iter().map(|job| job.deadline).max();
        let end = last.unwrap_or_else(Instant::now) + GRACE;
        let mut left = VecDeque::from(jobs);
        let failed = match timeout_at(end, self.exchanged(&mut left)).await {
            Ok(Ok(())) => return Ok(()),
            Ok(Err(Some(reason))) => Failed::Died(reason),
            Ok(Err(None)) => Failed::Died(self.end().await),
            Err(_) => Failed::Stuck,
        };
        Err((left.into(), failed))
    }

    /// Takes each request out of `left` when it is answered. An error has a reason if the worker
    /// still lives.
    async fn exchanged(&mut self, left: &mut VecDeque<Job>) -> Result<(), Option<String>> {
        let gone = |error: std::io::Error| {
            log::debug!("a worker is gone: {error}");
            None
        };
        self.send(left).await.map_err(gone)?;
        while let Some(job) = left.front() {
            let frame = frame::read(&mut self.stream).await.map_err(gone)?;
            if frame.id != job.id {
                return Err(Some("its answer is that of another request".to_owned()));
            }
            let outcome = answered(frame).map_err(|reason| Some(reason.to_owned()))?;
            if let Some(job) = left.pop_front() {
                // The client may have gone.
                drop(job.reply.send(outcome));
            }
        }
        Ok(())
    }

    async fn send(&mut self, jobs: &VecDeque<Job>) -> std::io::Result<()> {
        if jobs.len() > 1 {
            frame::write_head(&mut self.stream, Kind::Batch, jobs.len() as u64).await?;
        }
        for Job { id, request, deadline, is_exact, .. } in jobs {
            let kind = if *is_exact { Kind::Exact } else { Kind::Request };
            let left = deadline.saturating_duration_since(Instant::now());
            let micros = u64::try_from(left.as_micros()).unwrap_or(u64::MAX);
            let (content, body) = (&request.content_type, &request.body);
            frame::write_request(&mut self.stream, kind, (*id, micros), content, body).await?;
        }
        Ok(())
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

fn answered(frame: Frame) -> Result<Outcome, &'static str> {
    match frame.kind {
        Kind::Answer => match frame::answer_of(frame.body) {
            Some((status, content_type, body)) => {
                Ok(Outcome::Answer { status, content_type, body, micros: frame.micros })
            }
            None => Err("its answer was not valid"),
        },
        Kind::Late => Ok(Outcome::Late),
        _ => Err("it sent a frame of another kind than an answer"),
    }
}
