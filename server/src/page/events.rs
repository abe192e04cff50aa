//! Changes of the file as a stream of events, and as a call that waits for the next one.

use std::convert::Infallible;
use std::sync::Arc;
use std::time::Duration;

use axum::body::Body;
use axum::extract::{Request, State};
use axum::http::header::CONTENT_TYPE;
use axum::http::request::Parts;
use axum::http::{HeaderName, HeaderValue, StatusCode};
use axum::response::{IntoResponse, Response};
use bytes::Bytes;
use futures_util::stream::unfold;
use serde::Serialize;
use tokio::time::{Instant, timeout, timeout_at};
use tracklite::{ChangeCursor, Changes};
use utoipa::ToSchema;

use super::listener::Listener;
use crate::access::{Caller, Scope};
use crate::call::{Args, Call};
use crate::failure::{Failure, Outcome};
use crate::fields::{Read as _, check, text, whole};
use crate::input;
use crate::reply::Reply;
use crate::route::{Route, Verb};
use crate::schema::shape;
use crate::shared::Shared;

/// The call that waits for a change.
pub(super) const CHANGES: Route = Route {
    method: Verb::Get,
    path: "/changes",
    needs: Scope::Read,
    takes: &[text("since"), whole("wait")],
    returns: shape::<Change>(),
    handler: now,
};

/// How often an idle stream shows that it is alive.
const ALIVE_EVERY: Duration = Duration::from_secs(2);
/// How long a stream lasts. Then the browser connects again, and its token is checked again.
const STREAM_LASTS: Duration = Duration::from_secs(600);
/// The longest time that a call waits, in seconds.
const WAIT_MAX: u64 = 60;

/// The header with which a browser continues a stream.
const LAST_EVENT_ID: HeaderName = HeaderName::from_static("last-event-id");
/// The header that keeps proxies from holding events back.
const NO_BUFFER: (HeaderName, HeaderValue) =
    (HeaderName::from_static("x-accel-buffering"), HeaderValue::from_static("no"));

/// The areas that have changed.
#[derive(Serialize, ToSchema)]
#[schema(as = PageChange)]
struct Change {
    /// The state of the file now.
    position: String,
    /// Whether runs, experiments, logged models or files changed.
    runs: bool,
    registry: bool,
    points: bool,
    /// Whether a writer came, went or died.
    health: bool,
}

impl From<Changes> for Change {
    fn from(changes: Changes) -> Change {
        Change {
            position: changes.cursor.to_string(),
            runs: changes.runs,
            registry: changes.registry,
            points: changes.points,
            health: changes.writers,
        }
    }
}

/// The failure for a cursor after which changes cannot be known.
fn gone(error: &tracklite::Error) -> Failure {
    Failure::new(StatusCode::GONE, "CURSOR_GONE", error.message())
}

/// Reads a cursor. An empty text is none.
fn cursor(text: Option<&str>) -> Outcome<Option<ChangeCursor>> {
    text.map(|text| text.parse().map_err(|error| gone(&error))).transpose()
}

fn changes(now: ChangeCursor, since: Option<&ChangeCursor>) -> Outcome<Changes> {
    now.since(since).map_err(|error| gone(&error))
}

/// Answers at once.
fn now(call: &Call) -> Outcome<Reply> {
    let since = cursor(call.args.text("since"))?;
    let now = call.database().changes(None)?.cursor;
    Ok(Reply::json(&Change::from(changes(now, since.as_ref())?)))
}

fn args(head: &Parts) -> Outcome<Args> {
    Caller::of(head)?.must(CHANGES.needs)?;
    let args = input::query(head.uri.query().unwrap_or_default(), CHANGES.takes)?;
    check(CHANGES.takes, &args)?;
    Ok(args)
}

/// Answers when the file changes, or when the time to wait is over.
pub(super) async fn wait(State(shared): State<Arc<Shared>>, request: Request) -> Response {
    let (head, _) = request.into_parts();
    match waited(&shared, head).await {
        Ok(reply) => reply.into_response(),
        Err(failure) => failure.into_response(),
    }
}

async fn waited(shared: &Arc<Shared>, head: Parts) -> Outcome<Reply> {
    let args = args(&head)?;
    let seconds = args.whole("wait").unwrap_or_default();
    let seconds = u64::try_from(seconds).unwrap_or_default().min(WAIT_MAX);
    let since = cursor(args.text("since"))?;
    let mut listener = Listener::new(shared);
    let seen = look(shared).await?;
    let mut found = changes(seen, since.as_ref())?;
    if !found.any() {
        let next = timeout(Duration::from_secs(seconds), listener.next(&seen)).await;
        if let Ok(Some(now)) = next {
            found = changes(now?, since.as_ref())?;
        }
    }
    Ok(Reply::json(&Change::from(found)))
}

/// Looks at the file now. The last look of all listeners may be older.
async fn look(shared: &Arc<Shared>) -> Outcome<ChangeCursor> {
    let database = shared.database.clone();
    Ok(shared.pool.run(move || database.changes(None)).await??.cursor)
}

/// Answers with a stream of events: one at once, and one for each change.
pub(super) async fn stream(State(shared): State<Arc<Shared>>, request: Request) -> Response {
    let (head, _) = request.into_parts();
    match streamed(&shared, &head).await {
        Ok(response) => response,
        Err(failure) => failure.into_response(),
    }
}

async fn streamed(shared: &Arc<Shared>, head: &Parts) -> Outcome<Response> {
    let args = args(head)?;
    let last = head.headers.get(&LAST_EVENT_ID).and_then(|last| last.to_str().ok());
    let since = cursor(last.filter(|last| !last.is_empty()).or_else(|| args.text("since")))?;
    let listener = Listener::new(shared);
    let now = look(shared).await?;
    // Without an earlier state, the first event only reports the state.
    let first = changes(now, since.as_ref().or(Some(&now)))?;
    let events = Events {
        listener,
        seen: now,
        first: Some(event(&first)),
        ends: Instant::now() + STREAM_LASTS,
        is_over: false,
    };
    let body = Body::from_stream(unfold(events, |mut events| async {
        let bytes = events.next().await?;
        Some((Ok::<Bytes, Infallible>(bytes), events))
    }));
    let mut response = Response::new(body);
    let kind = HeaderValue::from_static("text/event-stream");
    response.headers_mut().insert(CONTENT_TYPE, kind);
    response.headers_mut().extend([NO_BUFFER]);
    Ok(response)
}

/// The state of a stream.
struct Events {
    listener: Listener,
    /// The state that the client knows.
    seen: ChangeCursor,
    first: Option<Bytes>,
    ends: Instant,
    is_over: bool,
}

impl Events {
    /// Returns the next event, or a sign of life. Returns `None` at the end of the stream.
    async fn next(&mut self) -> Option<Bytes> {
        if let Some(first) = self.first.take() {
            return Some(first);
        }
        if self.is_over || Instant::now() >= self.ends {
            return None;
        }
        let next = self.listener.next(&self.seen);
        let Ok(next) = timeout_at(Instant::now() + ALIVE_EVERY, next).await else {
            return Some(Bytes::from_static(b": alive\n\n"));
        };
        let seen = self.seen;
        match next?.and_then(|now| changes(now, Some(&seen))) {
            Ok(found) => {
                self.seen = found.cursor;
                Some(event(&found))
            }
            Err(failure) => {
                self.is_over = true;
                let message = serde_json::json!({"message": failure.message});
                Some(Bytes::from(format!("event: failure\ndata: {message}\n\n")))
            }
        }
    }
}

fn event(changes: &Changes) -> Bytes {
    let change = Change::from(*changes);
    let data = serde_json::to_string(&change).unwrap_or_default();
    Bytes::from(format!("id: {}\nevent: change\ndata: {data}\n\n", change.position))
}
