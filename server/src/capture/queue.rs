//! The queue between the requests and the thread that writes their rows.

use std::sync::{Condvar, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use tracklite::endpoint::EndpointCapture;

use super::entry::Entry;

/// When rows are written, and how many may wait.
#[derive(Clone, Copy, Debug)]
pub(super) struct Limits {
    /// The time that a batch waits for more rows.
    pub(super) pause: Duration,
    /// A batch with this many bytes waits no longer.
    pub(super) batch: usize,
    /// The most bytes that wait.
    pub(super) most: usize,
}

impl Default for Limits {
    fn default() -> Limits {
        Limits { pause: Duration::from_secs(1), batch: 1 << 20, most: 64 << 20 }
    }
}

/// A table to make before the first row comes.
#[derive(Debug)]
pub(super) struct Order {
    pub(super) endpoint: String,
    pub(super) capture: EndpointCapture,
}

/// The rows and orders that the thread gets at once.
#[derive(Debug, Default)]
pub(super) struct Batch {
    pub(super) orders: Vec<Order>,
    pub(super) entries: Vec<Entry>,
}

#[derive(Default)]
struct State {
    batch: Batch,
    bytes: usize,
    /// Whether something must not wait for the pause.
    is_urgent: bool,
    is_closed: bool,
}

/// The rows that wait.
pub(super) struct Queue {
    limits: Limits,
    state: Mutex<State>,
    news: Condvar,
}

impl Queue {
    pub(super) fn new(limits: Limits) -> Queue {
        Queue { limits, state: Mutex::default(), news: Condvar::new() }
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Adds a row. Returns it if there is no room.
    pub(super) fn push(&self, entry: Entry) -> Result<(), Box<Entry>> {
        let weight = entry.weight();
        let mut state = self.state();
        let was_empty = state.batch.entries.is_empty();
        // One row of any size always fits.
        if state.is_closed || (!was_empty && state.bytes + weight > self.limits.most) {
            return Err(Box::new(entry));
        }
        state.bytes += weight;
        state.is_urgent |= entry.done.is_some() || state.bytes >= self.limits.batch;
        let wakes = was_empty || state.is_urgent;
        state.batch.entries.push(entry);
        drop(state);
        if wakes {
            self.news.notify_one();
        }
        Ok(())
    }

    /// Adds an order for a table.
    pub(super) fn order(&self, order: Order) {
        let mut state = self.state();
        state.batch.orders.push(order);
        state.is_urgent = true;
        drop(state);
        self.news.notify_one();
    }

    /// Lets the thread write what waits, and end. Rows that come later are refused.
    pub(super) fn close(&self) {
        self.state().is_closed = true;
        self.news.notify_one();
    }

    /// Waits for the next batch. Returns `None` at the end.
    pub(super) fn take(&self) -> Option<Batch> {
        let is_empty =
            |state: &State| state.batch.entries.is_empty() && state.batch.orders.is_empty();
        let mut state = self.state();
        while is_empty(&state) {
            if state.is_closed {
                return None;
            }
            state = self.news.wait(state).unwrap_or_else(PoisonError::into_inner);
        }
        let until = Instant::now() + self.limits.pause;
        while !state.is_urgent && !state.is_closed {
            let left = until.saturating_duration_since(Instant::now());
            if left.is_zero() {
                break;
            }
            let waited = self.news.wait_timeout(state, left);
            state = waited.unwrap_or_else(PoisonError::into_inner).0;
        }
        (state.bytes, state.is_urgent) = (0, false);
        Some(std::mem::take(&mut state.batch))
    }
}

#[cfg(test)]
mod tests {
    use tokio::sync::oneshot;
    use tracklite_serve::Request;

    use super::*;

    fn entry(bytes: usize, is_durable: bool) -> Entry {
        let capture = EndpointCapture {
            catalog: "ml".to_owned(),
            schema: "live".to_owned(),
            prefix: None,
            is_enabled: true,
            percent: 100,
            is_durable,
            is_legacy: false,
        };
        Entry {
            endpoint: "e".to_owned(),
            capture,
            entity: "e-1".to_owned(),
            model: "churn".to_owned(),
            version: 1,
            is_shadow: false,
            request: Request { body: vec![0; bytes].into(), ..Request::default() },
            time: 0,
            took: Duration::ZERO,
            micros: Some(1),
            status: 200,
            answer: Vec::new(),
            features: None,
            done: is_durable.then(|| oneshot::channel().0),
        }
    }

    fn queue(pause: Duration) -> Queue {
        Queue::new(Limits { pause, batch: 100_000, most: 300_000 })
    }

    #[test]
    fn a_full_queue_refuses_rows_until_a_batch_is_taken() {
        let queue = queue(Duration::ZERO);
        assert!(queue.push(entry(1_000_000, false)).is_ok(), "one row always fits");
        assert!(queue.push(entry(1, false)).is_err());
        assert_eq!(queue.take().unwrap().entries.len(), 1);
        for _ in 0..2 {
            assert!(queue.push(entry(120_000, false)).is_ok());
        }
        assert!(queue.push(entry(120_000, false)).is_err());
        assert_eq!(queue.take().unwrap().entries.len(), 2);
        queue.close();
        assert!(queue.push(entry(1, false)).is_err());
        assert!(queue.take().is_none());
    }

    #[test]
    fn a_batch_waits_unless_it_is_large_durable_or_the_last() {
        let pause = Duration::from_secs(60);
        let full = queue(pause);
        full.push(entry(60_000, false)).unwrap();
        full.push(entry(60_000, false)).unwrap();
        assert_eq!(full.take().unwrap().entries.len(), 2);
        let durable = queue(pause);
        durable.push(entry(1, true)).unwrap();
        assert_eq!(durable.take().unwrap().entries.len(), 1);
        let closed = queue(pause);
        closed.push(entry(1, false)).unwrap();
        closed.close();
        assert_eq!(closed.take().unwrap().entries.len(), 1);
        assert!(closed.take().is_none());
        let short = queue(Duration::from_millis(30));
        short.push(entry(1, false)).unwrap();
        let began = Instant::now();
        assert_eq!(short.take().unwrap().entries.len(), 1);
        assert!(began.elapsed() >= Duration::from_millis(30));
    }
}
