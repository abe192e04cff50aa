//! Requests to models, their answers, and the reasons why there is none.

use std::fmt;

use bytes::Bytes;

/// A request to an endpoint.
#[derive(Clone, Debug)]
pub struct Request {
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

/// The reason why a request has no answer.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Refusal {
    /// There is no such endpoint, or this process has not seen it yet.
    Unknown,
    /// The endpoint has no model that can answer yet.
    NotReady(String),
    /// Too many requests wait.
    Busy(String),
    /// The time for the request is over.
    Late(String),
    /// The process of the model died at this request.
    Crashed(String),
    /// The processes of the model die again and again, and wait before the next start.
    Down(String),
    /// The server stops.
    Stopped,
}

impl fmt::Display for Refusal {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Refusal::Unknown => f.write_str("there is no such endpoint"),
            Refusal::Stopped => f.write_str("the server stops"),
            Refusal::NotReady(text)
            | Refusal::Busy(text)
            | Refusal::Late(text)
            | Refusal::Crashed(text)
            | Refusal::Down(text) => f.write_str(text),
        }
    }
}
