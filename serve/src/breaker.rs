//! The pause before the next start of a worker, after several have died.

use std::collections::VecDeque;
use std::sync::{Mutex, PoisonError};
use std::time::Duration;

use tokio::time::{Instant, sleep_until};

/// The time within which deaths count.
const WINDOW: Duration = Duration::from_secs(60);
/// The number of deaths from which on there is a pause.
const DEATHS_MAX: usize = 3;
/// The longest pause.
const PAUSE_MAX: Duration = Duration::from_secs(60);

/// Counts deaths, and makes the next start wait longer and longer.
#[derive(Default)]
pub(crate) struct Breaker(Mutex<State>);

#[derive(Default)]
struct State {
    deaths: VecDeque<Instant>,
    closes: Option<Instant>,
    reason: String,
}

impl Breaker {
    /// Notes a death.
    pub(crate) fn note(&self, reason: &str) {
        self.note_at(reason, Instant::now());
    }

    fn note_at(&self, reason: &str, now: Instant) {
        let mut state = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        while state.deaths.front().is_some_and(|death| now - *death > WINDOW) {
            state.deaths.pop_front();
        }
        state.deaths.push_back(now);
        reason.clone_into(&mut state.reason);
        if let Some(beyond) = state.deaths.len().checked_sub(DEATHS_MAX) {
            let doublings = u32::try_from(beyond).unwrap_or(u32::MAX).min(6);
            state.closes = Some(now + Duration::from_secs(1 << doublings).min(PAUSE_MAX));
        }
    }

    /// Returns the last reason and the seconds until the next start, while there is a pause.
    pub(crate) fn pause(&self) -> Option<(String, u64)> {
        let state = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let left = state.closes?.checked_duration_since(Instant::now())?;
        (!left.is_zero()).then(|| (state.reason.clone(), left.as_secs() + 1))
    }

    /// Waits until the pause is over.
    pub(crate) async fn wait(&self) {
        let closes = self.0.lock().unwrap_or_else(PoisonError::into_inner).closes;
        if let Some(closes) = closes {
            sleep_until(closes).await;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_pause_doubles_after_three_deaths() {
        let (breaker, start) = (Breaker::default(), Instant::now());
        let pause = |breaker: &Breaker, now| {
            let closes = breaker.0.lock().unwrap().closes;
            closes.map(|closes: Instant| closes.saturating_duration_since(now).as_secs())
        };
        let found: Vec<Option<u64>> = (0..10)
            .map(|_| {
                breaker.note_at("it died", start);
                pause(&breaker, start)
            })
            .collect();
        let wanted = [0, 0, 1, 2, 4, 8, 16, 32, 60, 60];
        assert_eq!(found, wanted.map(|seconds| (seconds > 0).then_some(seconds)));
        assert_eq!(breaker.pause().map(|(reason, _)| reason), Some("it died".to_owned()));
    }

    #[test]
    fn old_deaths_do_not_count() {
        let (breaker, start) = (Breaker::default(), Instant::now());
        for minute in 0..10 {
            breaker.note_at("it died", start + Duration::from_secs(61 * minute));
        }
        assert_eq!(breaker.pause(), None);
    }
}
