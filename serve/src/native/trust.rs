//! When native answers are given: after some agreed with the worker, and until one does not.

use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};

/// How many requests both ways must have answered alike before native answers are given.
const TRIALS: u64 = 8;
/// After that, one request out of this number is compared.
const SAMPLE: u64 = 256;

/// The state of the comparisons of one loaded model.
#[derive(Debug, Default)]
pub(crate) struct Trust {
    agreed: AtomicU64,
    given: AtomicU64,
    is_off: AtomicBool,
    /// Whether a comparison of a given answer is in progress, or was just before.
    is_comparing: AtomicBool,
}

/// The way in which the next request is answered.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Next {
    /// The worker answers it.
    Off,
    /// Both answer it, and the answer of the worker is given.
    Try,
    /// The native answer is given.
    Give,
}

impl Trust {
    /// Returns how the next request is answered.
    pub(crate) fn next(&self) -> Next {
        if self.is_off.load(Ordering::Relaxed) {
            return Next::Off;
        }
        match self.agreed.load(Ordering::Relaxed) < TRIALS {
            true => Next::Try,
            false => Next::Give,
        }
    }

    /// Counts a native answer that is given. Returns whether it is compared afterwards. A call of
    /// [`Trust::may_compare`] must follow the comparison.
    pub(crate) fn give(&self) -> bool {
        let given = self.given.fetch_add(1, Ordering::Relaxed) + 1;
        given.is_multiple_of(SAMPLE) && !self.is_comparing.swap(true, Ordering::Relaxed)
    }

    /// Allows the next comparison of a given answer.
    pub(crate) fn may_compare(&self) {
        self.is_comparing.store(false, Ordering::Relaxed);
    }

    /// Takes the result of a comparison. Returns whether it is the first difference.
    pub(crate) fn take(&self, is_same: bool) -> bool {
        if is_same {
            self.agreed.fetch_add(1, Ordering::Relaxed);
            return false;
        }
        !self.is_off.swap(true, Ordering::Relaxed)
    }

    /// Returns the number of native answers that were given.
    pub(crate) fn given(&self) -> u64 {
        self.given.load(Ordering::Relaxed)
    }

    /// Returns whether a difference has turned native answers off.
    pub(crate) fn is_off(&self) -> bool {
        self.is_off.load(Ordering::Relaxed)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn answers_are_given_after_the_trials_until_one_differs() {
        let trust = Trust::default();
        for _ in 0..TRIALS {
            assert_eq!(trust.next(), Next::Try);
            assert!(!trust.take(true));
        }
        assert_eq!(trust.next(), Next::Give);
        assert!(trust.take(false), "the first difference is reported");
        assert!(!trust.take(false), "the next one is not");
        assert_eq!((trust.next(), trust.is_off()), (Next::Off, true));
        assert!(!trust.take(true));
        assert_eq!(trust.next(), Next::Off, "it stays off");
    }

    #[test]
    fn a_difference_in_the_trials_ends_them() {
        let trust = Trust::default();
        trust.take(true);
        trust.take(false);
        assert_eq!(trust.next(), Next::Off);
    }

    #[test]
    fn one_answer_of_the_sample_is_compared_at_a_time() {
        let trust = Trust::default();
        let compared = |count: u64| (0..count).filter(|_| trust.give()).count();
        assert_eq!(compared(SAMPLE), 1);
        assert_eq!(compared(3 * SAMPLE), 0, "the first comparison is in progress");
        trust.may_compare();
        assert_eq!(compared(SAMPLE), 1);
        assert_eq!(trust.given(), 5 * SAMPLE);
    }
}
