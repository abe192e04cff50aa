//! Counters of requests, in the text format of Prometheus.

use std::collections::BTreeMap;
use std::fmt::Write as _;
use std::sync::atomic::{AtomicI64, Ordering};
use std::sync::{Mutex, PoisonError};
use std::time::{Duration, Instant};

use axum::http::StatusCode;

/// The upper bounds of the buckets of durations, in seconds.
const BUCKETS: [f64; 11] = [0.0005, 0.001, 0.0025, 0.005, 0.01, 0.025, 0.1, 0.25, 1.0, 5.0, 30.0];

/// Counts requests by method, route and status.
pub(crate) struct Metrics {
    started: Instant,
    open: AtomicI64,
    routes: Mutex<BTreeMap<Key, Counts>>,
}

#[derive(PartialEq, Eq, PartialOrd, Ord)]
struct Key {
    route: String,
    method: String,
    status: u16,
}

#[derive(Default)]
struct Counts {
    requests: u64,
    seconds: f64,
    /// Requests that took at most the bound of the bucket, each counted once.
    buckets: [u64; BUCKETS.len()],
}

impl Metrics {
    pub(crate) fn new() -> Metrics {
        Metrics {
            started: Instant::now(),
            open: AtomicI64::new(0),
            routes: Mutex::new(BTreeMap::new()),
        }
    }

    /// Counts a request as being answered. Returns a guard that ends this.
    pub(crate) fn begin(&self) -> Open<'_> {
        self.open.fetch_add(1, Ordering::Relaxed);
        Open(&self.open)
    }

    pub(crate) fn count(&self, route: &str, method: &str, status: StatusCode, took: Duration) {
        let key =
            Key { route: route.to_owned(), method: method.to_owned(), status: status.as_u16() };
        let mut routes = self.routes.lock().unwrap_or_else(PoisonError::into_inner);
        let counts = routes.entry(key).or_default();
        counts.requests += 1;
        counts.seconds += took.as_secs_f64();
        let bucket = BUCKETS.iter().position(|most| took.as_secs_f64() <= *most);
        if let Some(count) = bucket.and_then(|bucket| counts.buckets.get_mut(bucket)) {
            *count += 1;
        }
    }

    /// Returns all counters as text.
    pub(crate) fn text(&self) -> String {
        let mut out = String::new();
        // Writing to a string cannot fail.
        let _ = self.write(&mut out);
        out
    }

    fn write(&self, out: &mut String) -> std::fmt::Result {
        writeln!(out, "# HELP tracklite_uptime_seconds Time since the server started.")?;
        writeln!(out, "# TYPE tracklite_uptime_seconds gauge")?;
        writeln!(out, "tracklite_uptime_seconds {}", self.started.elapsed().as_secs_f64())?;
        writeln!(out, "# HELP tracklite_open_requests Requests that are being answered.")?;
        writeln!(out, "# TYPE tracklite_open_requests gauge")?;
        writeln!(out, "tracklite_open_requests {}", self.open.load(Ordering::Relaxed))?;
        writeln!(out, "# HELP tracklite_request_seconds Duration of requests.")?;
        writeln!(out, "# TYPE tracklite_request_seconds histogram")?;
        let routes = self.routes.lock().unwrap_or_else(PoisonError::into_inner);
        for (key, counts) in routes.iter() {
            key.write(counts, out)?;
        }
        Ok(())
    }
}

impl Key {
    fn write(&self, counts: &Counts, out: &mut String) -> std::fmt::Result {
        let Key { route, method, status } = self;
        let labels = format!("route=\"{route}\",method=\"{method}\",status=\"{status}\"");
        let mut sum = 0;
        for (most, count) in BUCKETS.iter().zip(counts.buckets) {
            sum += count;
            writeln!(out, "tracklite_request_seconds_bucket{{{labels},le=\"{most}\"}} {sum}")?;
        }
        let Counts { requests, seconds, .. } = counts;
        writeln!(out, "tracklite_request_seconds_bucket{{{labels},le=\"+Inf\"}} {requests}")?;
        writeln!(out, "tracklite_request_seconds_sum{{{labels}}} {seconds}")?;
        writeln!(out, "tracklite_request_seconds_count{{{labels}}} {requests}")
    }
}

/// Counts a request as open until it is dropped.
pub(crate) struct Open<'a>(&'a AtomicI64);

impl Drop for Open<'_> {
    fn drop(&mut self) {
        self.0.fetch_sub(1, Ordering::Relaxed);
    }
}
