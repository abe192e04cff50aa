//! Counters of a served model.

use std::collections::BTreeMap;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Mutex, PoisonError};
use std::time::Duration;

/// The upper bounds of the buckets of durations, in milliseconds.
pub const BUCKETS_MS: [f64; 12] =
    [1.0, 2.5, 5.0, 10.0, 25.0, 50.0, 100.0, 250.0, 500.0, 1000.0, 5000.0, 30_000.0];

/// Counters of a served model, since it was loaded.
#[derive(Clone, Debug, Default, PartialEq)]
#[non_exhaustive]
pub struct Measures {
    /// The name of the served model within the endpoint.
    pub entity: String,
    /// The version.
    pub version: u64,
    /// The number of answers and refusals by status of HTTP.
    pub statuses: BTreeMap<u16, u64>,
    /// How long requests took, with their wait, in milliseconds: the sum.
    pub sum_ms: f64,
    /// The number of requests that took at most the bound of the bucket, each counted once. See
    /// [`BUCKETS_MS`].
    pub buckets: [u64; BUCKETS_MS.len()],
    /// The number of workers that run now.
    pub workers: u64,
    /// The number of requests that wait for a worker now.
    pub waiting: u64,
    /// How often a worker was started for a request, after all had ended.
    pub cold_starts: u64,
    /// How many workers died.
    pub deaths: u64,
    /// How many copies a shadow had no room for.
    pub dropped: u64,
    /// How many answers were computed without a worker.
    pub native: u64,
    /// Whether such an answer differed from that of a worker, so that there are no more of them.
    pub is_native_off: bool,
}

/// The counters that change.
#[derive(Debug, Default)]
pub(crate) struct Meter {
    requests: Mutex<Measures>,
    pub(crate) cold_starts: AtomicU64,
    pub(crate) deaths: AtomicU64,
    pub(crate) dropped: AtomicU64,
}

impl Meter {
    /// Counts a request that has ended.
    pub(crate) fn count(&self, status: u16, took: Duration) {
        let milliseconds = took.as_secs_f64() * 1e3;
        let bucket = BUCKETS_MS.iter().position(|most| milliseconds <= *most);
        let mut requests = self.requests.lock().unwrap_or_else(PoisonError::into_inner);
        *requests.statuses.entry(status).or_default() += 1;
        requests.sum_ms += milliseconds;
        if let Some(count) = bucket.and_then(|bucket| requests.buckets.get_mut(bucket)) {
            *count += 1;
        }
    }

    /// Returns the counters now.
    pub(crate) fn read(&self) -> Measures {
        let requests = self.requests.lock().unwrap_or_else(PoisonError::into_inner).clone();
        Measures {
            cold_starts: self.cold_starts.load(Ordering::Relaxed),
            deaths: self.deaths.load(Ordering::Relaxed),
            dropped: self.dropped.load(Ordering::Relaxed),
            ..requests
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_request_is_in_one_bucket() {
        let meter = Meter::default();
        meter.count(200, Duration::from_millis(1));
        meter.count(200, Duration::from_micros(1001));
        meter.count(429, Duration::from_secs(60));
        let found = meter.read();
        assert_eq!(found.statuses, BTreeMap::from([(200, 2), (429, 1)]));
        assert_eq!((found.buckets[0], found.buckets[1]), (1, 1));
        assert_eq!(found.buckets.iter().sum::<u64>(), 2, "one is above all bounds");
        assert!((found.sum_ms - 60_002.001).abs() < 1e-6, "{}", found.sum_ms);
    }
}
