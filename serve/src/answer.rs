//! Requests to models, their answers, and the reasons why there is none.

use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use tokio::sync::oneshot;
use tracklite::endpoint::EndpointCapture;

/// A request to an endpoint.
#[derive(Clone, Debug, Default)]
pub struct Request {
    /// The id of the request.
    pub id: String,
    /// The user who asks.
    pub user: String,
    /// The body, as the client has sent it.
    pub body: Bytes,
    /// The content type, as the client has sent it. Empty if there is none.
    pub content_type: String,
    /// Requests with the same key go to the same served model of a configuration.
    pub key: String,
}

/// The answer of a model.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Answer {
    /// The status of HTTP.
    pub status: u16,
    /// The content type.
    pub content_type: String,
    /// The body.
    pub body: Vec<u8>,
    /// The name of the served model within the endpoint.
    pub entity: String,
    /// The version that has answered.
    pub version: u64,
    /// How long the model took, in microseconds.
    pub micros: u64,
}

/// A request and its end, for an observer.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub struct Exchange<'a> {
    /// The name of the endpoint.
    pub endpoint: &'a str,
    /// The request.
    pub request: &'a Request,
    /// When it came, in nanoseconds since 1970.
    pub time: i64,
    /// How long it took, with its wait for a worker.
    pub took: Duration,
    /// The name of the served model within the endpoint.
    pub entity: &'a str,
    /// The version of the served model.
    pub version: u64,
    /// The name of the registered model.
    pub model: &'a str,
    /// Whether it was a copy for a shadow, whose answer nobody gets.
    pub is_shadow: bool,
    /// The features that were looked up for the rows of the request, if the model has lookups. A
    /// JSON list with an object for each lookup: `table`, its `version`, `features` (a list of
    /// values for each name) and `times` (a list, or null for a table without timestamps).
    pub features: Option<&'a str>,
    /// The table that requests to the endpoint are written to, as it was set when the request came.
    pub capture: Option<&'a EndpointCapture>,
    /// The answer, or why there is none.
    pub end: &'a Result<Answer, Refusal>,
}

impl Exchange<'_> {
    /// Returns the status of HTTP.
    #[must_use]
    pub fn status(&self) -> u16 {
        match self.end {
            Ok(answer) => answer.status,
            Err(refusal) => refusal.status(),
        }
    }
}

/// Sees each request to a served model when it has ended. It must not block.
///
/// If it returns a [`Wait`], the answer is kept back until that ends.
#[derive(Clone)]
pub struct Observer(pub Arc<Observe>);

/// The function of an [`Observer`].
pub type Observe = dyn Fn(&Exchange<'_>) -> Option<Wait> + Send + Sync;

/// The end of the wait of an answer: the answer may go, or a refusal takes its place.
pub type Wait = oneshot::Receiver<Result<(), Refusal>>;

impl fmt::Debug for Observer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Observer")
    }
}

/// The reason why a request has no answer.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Refusal {
    /// There is no such endpoint, or this process has not seen it yet.
    Unknown,
    /// The endpoint has no model that can answer yet.
    NotReady(String),
    /// The features of the rows of the request cannot be looked up.
    Invalid(String),
    /// Too many requests wait.
    Busy(String),
    /// The user or the endpoint had too many requests in this minute.
    Limited {
        /// The most requests in a minute.
        calls: u64,
        /// The seconds until the next minute.
        seconds: u64,
    },
    /// The time for the request is over.
    Late(String),
    /// The process of the model died at this request.
    Crashed(String),
    /// The row of the request could not be written, which an answer had to wait for.
    NotWritten(String),
    /// The processes of the model die again and again, and wait before the next start.
    Down(String),
    /// The server stops.
    Stopped,
}

impl Refusal {
    /// Returns the status of HTTP.
    ///
    /// An endpoint that is not ready is 400, because clients repeat 503 for minutes.
    #[must_use]
    pub fn status(&self) -> u16 {
        match self {
            Refusal::Unknown => 404,
            Refusal::NotReady(_) | Refusal::Invalid(_) => 400,
            Refusal::Busy(_) | Refusal::Limited { .. } => 429,
            Refusal::Late(_) => 504,
            Refusal::Crashed(_) | Refusal::NotWritten(_) => 500,
            Refusal::Down(_) | Refusal::Stopped => 503,
        }
    }
}

impl fmt::Display for Refusal {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Refusal::Unknown => f.write_str("there is no such endpoint"),
            Refusal::Stopped => f.write_str("the server stops"),
            Refusal::Limited { calls, seconds } => write!(
                f,
                "the endpoint allows {calls} requests in a minute: try again in {seconds} s"
            ),
            Refusal::NotReady(text)
            | Refusal::Invalid(text)
            | Refusal::Busy(text)
            | Refusal::Late(text)
            | Refusal::Crashed(text)
            | Refusal::NotWritten(text)
            | Refusal::Down(text) => f.write_str(text),
        }
    }
}
