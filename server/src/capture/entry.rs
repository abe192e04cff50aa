//! A request that waits to be written.

use std::time::Duration;

use tokio::sync::oneshot;
use tracklite::endpoint::EndpointCapture;
use tracklite_serve::{Exchange, Refusal, Request, Wait};

/// The bytes of the facts of a row beside its bodies, roughly.
const FACTS_BYTES: usize = 512;

/// The facts of a request, as they are copied before its answer is sent.
#[derive(Debug)]
pub(super) struct Entry {
    pub(super) endpoint: String,
    pub(super) capture: EndpointCapture,
    pub(super) entity: String,
    pub(super) model: String,
    pub(super) version: u64,
    pub(super) is_shadow: bool,
    pub(super) request: Request,
    /// When it came, in nanoseconds since 1970.
    pub(super) time: i64,
    pub(super) took: Duration,
    /// How long the model took, in microseconds.
    pub(super) micros: Option<u64>,
    pub(super) status: u16,
    pub(super) answer: Vec<u8>,
    /// The features that were looked up, as JSON.
    pub(super) features: Option<String>,
    /// Where the answer waits until the row is durable.
    pub(super) done: Option<oneshot::Sender<Result<(), Refusal>>>,
}

impl Entry {
    /// Copies the facts of a request. Returns what its answer waits for, too.
    pub(super) fn new(
        exchange: &Exchange<'_>,
        capture: &EndpointCapture,
        refused: fn(&Refusal) -> Vec<u8>,
    ) -> (Entry, Option<Wait>) {
        let (micros, answer) = match exchange.end {
            Ok(answer) => (Some(answer.micros), answer.body.clone()),
            Err(refusal) => (None, refused(refusal)),
        };
        let (done, wait) = match capture.is_durable {
            true => {
                let (done, wait) = oneshot::channel();
                (Some(done), Some(wait))
            }
            false => (None, None),
        };
        let entry = Entry {
            endpoint: exchange.endpoint.to_owned(),
            capture: capture.clone(),
            entity: exchange.entity.to_owned(),
            model: exchange.model.to_owned(),
            version: exchange.version,
            is_shadow: exchange.is_shadow,
            request: exchange.request.clone(),
            time: exchange.time,
            took: exchange.took,
            micros,
            status: exchange.status(),
            answer,
            features: exchange.features.map(str::to_owned),
            done,
        };
        (entry, wait)
    }

    /// Returns the full name of its table.
    pub(super) fn table(&self) -> String {
        let (catalog, schema, table) = self.capture.table(&self.endpoint);
        format!("{catalog}.{schema}.{table}")
    }

    /// Returns the bytes that it holds, roughly.
    pub(super) fn weight(&self) -> usize {
        self.request.body.len() + self.answer.len() + FACTS_BYTES
    }

    /// Ends the wait of its answer, because there was no room for the row.
    pub(super) fn refuse(self) {
        let text = "the rows of requests come faster than they can be written, and the endpoint \
                    answers only requests whose rows are written";
        self.end(Err(Refusal::Busy(text.to_owned())));
    }

    /// Ends the wait of its answer.
    pub(super) fn end(self, end: Result<(), Refusal>) {
        if let Some(done) = self.done {
            // The client may have gone.
            drop(done.send(end));
        }
    }
}

/// Returns whether the request with this id is one of those that are written. All servers choose
/// the same ones.
pub(super) fn is_sampled(id: &str, percent: u32) -> bool {
    if percent >= 100 {
        return true;
    }
    let hash = blake3::hash(id.as_bytes());
    let share = hash.as_bytes().iter().take(8).fold(0_u64, |sum, byte| sum << 8 | u64::from(*byte));
    // The upper half, scaled to the range without the bias of a remainder.
    ((share >> 32) * 100) >> 32 < u64::from(percent)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_sample_has_its_share_of_the_requests() {
        for (percent, low, high) in [(1, 50, 150), (25, 2300, 2700), (100, 10_000, 10_000)] {
            let sampled = (0..10_000).filter(|id| is_sampled(&format!("r{id}"), percent)).count();
            assert!((low..=high).contains(&sampled), "{percent} %: {sampled}");
        }
        assert_eq!(is_sampled("r7", 50), is_sampled("r7", 50));
    }
}
