//! The one place that sees each request to a served model, with its answer.
//!
//! The server logs its own requests elsewhere. Copies for shadows have no request of their own, so
//! their lines are written here. Rows for the tables of requests are passed on.

use std::sync::Arc;

use serde::Serialize;
use tracklite::Timestamp;
use tracklite_serve::{Exchange, Observer};

use crate::capture::Captures;
use crate::databricks::invocations::refused_body;
use crate::options::LogLine;

/// The line of a copy for a shadow.
#[derive(Serialize)]
struct Line<'a> {
    time_ms: i64,
    id: &'a str,
    user: &'a str,
    endpoint: &'a str,
    entity: &'a str,
    version: u64,
    shadow: bool,
    status: u16,
    ms: f64,
}

/// Returns what sees the requests to served models.
pub(crate) fn observer(log: Option<LogLine>, captures: Captures) -> Observer {
    Observer(Arc::new(move |exchange| {
        if let Some(log) = log.as_ref().filter(|_| exchange.is_shadow) {
            log(&line(exchange));
        }
        captures.offer(exchange, refused_body)
    }))
}

fn line(exchange: &Exchange<'_>) -> String {
    let line = Line {
        time_ms: Timestamp::from_nanos(exchange.time).as_millis(),
        id: &exchange.request.id,
        user: &exchange.request.user,
        endpoint: exchange.endpoint,
        entity: exchange.entity,
        version: exchange.version,
        shadow: exchange.is_shadow,
        status: exchange.status(),
        ms: (exchange.took.as_secs_f64() * 1e6).round() / 1e3,
    };
    serde_json::to_string(&line).unwrap_or_default()
}
