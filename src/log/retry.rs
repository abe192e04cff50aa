//! Repeating what other processes have interfered with.

use std::thread;
use std::time::{Duration, Instant};

use crate::error::{Error, ErrorKind, Result};

/// Attempts without a pause. Nearly all conflicts end within them.
const ATTEMPTS_AT_ONCE: u32 = 16;
const PAUSE_MIN: Duration = Duration::from_micros(50);
const PAUSE_MAX: Duration = Duration::from_millis(10);

/// Counts attempts, pauses longer and longer between them, and ends them at a deadline.
#[derive(Debug)]
pub(crate) struct Retry {
    began: Instant,
    timeout: Duration,
    attempts: u32,
}

impl Retry {
    /// Starts with the first attempt. `timeout` is the lock timeout of the database.
    pub(crate) fn new(timeout: Duration) -> Retry {
        Retry { began: Instant::now(), timeout, attempts: 1 }
    }

    /// Prepares the next attempt.
    ///
    /// # Errors
    ///
    /// - [`ErrorKind::Locked`] if the deadline has passed. `conflict` says what kept happening.
    pub(crate) fn again(&mut self, conflict: &str) -> Result<()> {
        self.attempts += 1;
        let Some(late) = self.attempts.checked_sub(ATTEMPTS_AT_ONCE) else { return Ok(()) };
        if self.began.elapsed() >= self.timeout {
            let message = format!(
                "{conflict}, {} times within {:?}: try again, or raise the lock timeout",
                self.attempts - 1,
                self.timeout
            );
            return Err(Error::new(ErrorKind::Locked, message));
        }
        thread::sleep(PAUSE_MIN.saturating_mul(1 << late.min(8)).min(PAUSE_MAX));
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn attempts_end_at_the_deadline() {
        let mut retry = Retry::new(Duration::ZERO);
        let allowed = (0..100).take_while(|_| retry.again("the file changed").is_ok()).count();
        assert_eq!(allowed as u32, ATTEMPTS_AT_ONCE - 2);
        let error = retry.again("the file changed").unwrap_err();
        assert_eq!(error.kind(), ErrorKind::Locked);
        assert!(error.to_string().starts_with("the file changed, "), "{error}");
    }
}
