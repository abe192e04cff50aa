//! Native answers of a served model: its description, and the comparisons with a worker.

use std::time::Duration;

use tokio::task::spawn_blocking;

use crate::answer::Request;
use crate::job::Outcome;
use crate::native::{self, Native, Next, Trust};
use crate::worker::Worker;

/// A worker compares given answers for at most one second of this number.
const COMPARED_PART: u32 = 20;
/// How much of an answer the log gets.
const LOGGED_MAX: usize = 200;
/// How much of the words of a worker a log gets, in characters.
const REASON_MAX: usize = 300;

/// The native answers of a served model.
#[derive(Debug)]
pub(crate) struct Shortcut {
    native: Native,
    trust: Trust,
    /// The model, for the log.
    name: String,
}

/// A native answer to a request.
pub(crate) enum Found {
    /// It is given at once. The flag is whether it is compared afterwards.
    Given(Vec<u8>, bool),
    /// The answer of the worker is given, and compared with this one.
    Tried(Vec<u8>),
}

/// Has the model of a worker described. Returns the worker if it can still be used, the native
/// answers if there are any, and a line for the log of the model.
pub(crate) async fn described(
    first: Option<Worker>,
    name: &str,
) -> (Option<Worker>, Option<Shortcut>, String) {
    let Some(mut worker) = first else { return (None, None, String::new()) };
    let (worker, found) = match worker.describe().await {
        Ok(found) => (Some(worker), found),
        Err(reason) => (None, Err(reason)),
    };
    // A large description is checked on a thread that may block.
    let read = |bytes: Vec<u8>| spawn_blocking(move || native::read(&bytes));
    let found = match found {
        Ok(bytes) => read(bytes).await.unwrap_or_else(|error| Err(error.to_string())),
        Err(reason) => Err(reason),
    };
    match found {
        Ok(native) => {
            let text = "its answers are computed without Python".to_owned();
            (worker, Some(Shortcut::new(native, name.to_owned())), text)
        }
        Err(reason) => {
            // The worker is not trusted, so its words are one short line.
            let printable = |symbol: char| if symbol.is_control() { ' ' } else { symbol };
            let reason: String = reason.chars().map(printable).take(REASON_MAX).collect();
            let text = format!("{name} is not computed without Python: {reason}");
            log::warn!("{text}");
            (worker, None, text)
        }
    }
}

impl Shortcut {
    pub(crate) fn new(native: Native, name: String) -> Shortcut {
        Shortcut { native, trust: Trust::default(), name }
    }

    /// Returns the native answer to a request, unless that is left to the worker.
    pub(crate) fn find(&self, request: &Request) -> Option<Found> {
        let next = self.trust.next();
        if next == Next::Off || !Native::reads(&request.content_type) {
            return None;
        }
        let body = self.native.answer(&request.body)?;
        Some(match next {
            Next::Give => Found::Given(body, self.trust.give()),
            _ => Found::Tried(body),
        })
    }

    /// Compares a native answer with that of the worker. The first difference turns native answers
    /// off.
    pub(crate) fn compare(&self, body: &[u8], outcome: &Outcome) {
        let Outcome::Answer { status, body: wanted, .. } = outcome else { return };
        if self.trust.take(*status == 200 && body == wanted) {
            let text = |body: &[u8]| {
                String::from_utf8_lossy(body.get(..LOGGED_MAX).unwrap_or(body)).into_owned()
            };
            log::warn!(
                "native answers of {} are turned off: {} in place of {} with status {status}",
                self.name,
                text(body),
                text(wanted)
            );
        }
    }

    /// Waits after a comparison that took this long, then allows the next one.
    pub(crate) async fn rest(&self, took: Duration) {
        tokio::time::sleep(took * (COMPARED_PART - 1)).await;
        self.trust.may_compare();
    }

    /// Returns how many native answers were given, and whether they are turned off.
    pub(crate) fn state(&self) -> (u64, bool) {
        (self.trust.given(), self.trust.is_off())
    }
}
