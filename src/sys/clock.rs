//! A fast clock for frequent callers. It extrapolates the system's clock for a moment with the
//! processor's counter, which costs less than half as much to read.

use std::sync::OnceLock;
use std::time::{Instant, SystemTime, UNIX_EPOCH};

/// The longest extrapolation, in nanoseconds. A step of the system's clock is seen by then.
const WINDOW_NANOS: i64 = 500_000;
/// How long the counter is measured. After much longer, the machine may have slept while the
/// counter kept running.
const MEASURE_NANOS: std::ops::RangeInclusive<i64> = 10_000_000..=1_000_000_000;
/// The maximum distance, in ticks, of two counter reads around a clock read: a few microseconds.
/// Beyond it the thread was interrupted, and the readings do not belong together.
const TICKS_APART_MAX: u64 = 10_000;
/// The fraction bits of the fixed-point rate in nanoseconds per tick.
const RATE_BITS: u32 = 32;
/// The rate is lowered by this fraction. So the extrapolated time stays behind the system's and
/// never has to go back.
const LAG_BITS: u32 = 10;
/// The largest normal difference from the system's time at the end of a window.
const ERROR_MAX_NANOS: i64 = 20_000;

/// The source of the time.
pub(crate) trait TimeSource {
    /// Reads a counter that advances evenly and equally on all processors, if there is one.
    fn ticks(&self) -> Option<u64>;
    /// Returns nanoseconds since the epoch, by the system's clock.
    fn realtime(&self) -> i64;
    /// Returns nanoseconds since an arbitrary moment, by a clock that is never set.
    fn monotonic(&self) -> i64;
}

/// The clocks of this machine.
#[derive(Debug)]
pub(crate) struct Machine {
    began: Instant,
    has_counter: bool,
}

/// A clock that returns nanoseconds since the epoch. Not for concurrent use.
///
/// The time is at most a few microseconds behind the system's clock. It never goes back, unless the
/// system's clock was set back. A step of that clock is followed within half a millisecond of
/// counter time. So even a suspended machine or a faulty counter misleads it no longer than that.
#[derive(Debug)]
pub(crate) struct Clock<S = Machine> {
    source: S,
    /// The counter and the time at the last read of the system's clock.
    anchor: (u64, i64),
    /// The number of ticks after it during which the counter is used, or 0 if its rate is unknown.
    window: u64,
    /// Nanoseconds per tick, as a fixed-point number.
    rate: u64,
    /// The time returned last.
    last: i64,
    /// The counter, monotonic clock and system's clock at the start of the measurement.
    measured_from: Option<(u64, i64, i64)>,
}

impl Clock<Machine> {
    /// Creates a clock of this machine.
    pub(crate) fn of_machine() -> Self {
        Clock::new(Machine { began: Instant::now(), has_counter: is_counter_trusted() })
    }
}

impl<S: TimeSource> Clock<S> {
    fn new(source: S) -> Self {
        let (anchor, measured_from) = ((0, 0), None);
        Clock { source, anchor, window: 0, rate: 0, last: i64::MIN, measured_from }
    }

    /// Returns the current time.
    #[inline]
    pub(crate) fn now(&mut self) -> i64 {
        if let Some(ticks) = self.source.ticks() {
            let passed = ticks.wrapping_sub(self.anchor.0);
            if passed < self.window {
                self.last = self.last.max(self.extrapolate(passed));
                return self.last;
            }
        }
        self.ask()
    }

    fn extrapolate(&self, passed: u64) -> i64 {
        let nanos = passed.saturating_mul(self.rate) >> RATE_BITS;
        self.anchor.1.saturating_add(nanos.cast_signed())
    }

    /// Reads the system's clock and restarts the extrapolation from it.
    #[cold]
    fn ask(&mut self) -> i64 {
        let before = self.source.ticks();
        let time = self.source.realtime();
        let is_set_back = time < self.anchor.1;
        if let (Some(before), Some(after)) = (before, self.source.ticks()) {
            let is_whole = after.wrapping_sub(before) < TICKS_APART_MAX;
            self.check_rate(before, time);
            if self.window == 0 && is_whole {
                self.measure(before, time);
            }
            // An anchor outside of the window makes the next call read the system's clock again.
            self.anchor = (if is_whole { after } else { after.wrapping_sub(self.window) }, time);
        }
        // Otherwise the counter ran ahead. Return the same time until the system's has caught up.
        if time > self.last || is_set_back {
            self.last = time;
        }
        self.last
    }

    /// Discards the rate of the counter if it was wrong.
    fn check_rate(&mut self, ticks: u64, time: i64) {
        let passed = ticks.wrapping_sub(self.anchor.0);
        if passed / 2 < self.window {
            let error = self.extrapolate(passed).saturating_sub(time);
            if error.saturating_abs() > ERROR_MAX_NANOS {
                self.window = 0;
                self.measured_from = None;
            }
        }
    }

    /// Starts or completes a measurement of the counter's rate.
    fn measure(&mut self, ticks: u64, time: i64) {
        let began = self.measured_from;
        let elapsed = began.map(|(_, _, since)| time.saturating_sub(since));
        if elapsed.is_some_and(|nanos| (0..*MEASURE_NANOS.start()).contains(&nanos)) {
            return;
        }
        let now = self.source.monotonic();
        let apart = self.source.ticks().map_or(u64::MAX, |after| after.wrapping_sub(ticks));
        if apart >= TICKS_APART_MAX {
            return;
        }
        self.measured_from = Some((ticks, now, time));
        let Some((first, then, _)) = began else { return };
        let (nanos, counted) = (now.saturating_sub(then), ticks.wrapping_sub(first));
        // Every counter runs at between 100 MHz and 10 GHz.
        let is_plausible =
            (nanos.unsigned_abs() / 10..=nanos.unsigned_abs() * 10).contains(&counted);
        if MEASURE_NANOS.contains(&nanos) && is_plausible && counted > 0 {
            let rate = (nanos.unsigned_abs() << RATE_BITS) / counted;
            self.rate = rate - (rate >> LAG_BITS);
            self.window = (WINDOW_NANOS.unsigned_abs() << RATE_BITS) / rate.max(1);
        }
    }
}

impl TimeSource for Machine {
    #[inline]
    fn ticks(&self) -> Option<u64> {
        #[cfg(target_arch = "x86_64")]
        if self.has_counter {
            // SAFETY: every x86-64 processor has the instruction, which only reads.
            return Some(unsafe { std::arch::x86_64::_rdtsc() });
        }
        let _ = self.has_counter;
        None
    }

    fn realtime(&self) -> i64 {
        realtime()
    }

    fn monotonic(&self) -> i64 {
        i64::try_from(self.began.elapsed().as_nanos()).unwrap_or(i64::MAX)
    }
}

/// Returns nanoseconds since the epoch, by the system's clock.
fn realtime() -> i64 {
    let nanos = |time: std::time::Duration| i64::try_from(time.as_nanos()).unwrap_or(i64::MAX);
    match SystemTime::now().duration_since(UNIX_EPOCH) {
        Ok(after) => nanos(after),
        Err(before) => -nanos(before.duration()),
    }
}

/// Returns whether the kernel itself keeps time by the processor's counter. It is then steady,
/// continues in idle processors, and is the same on all of them.
fn is_counter_trusted() -> bool {
    static IS_TRUSTED: OnceLock<bool> = OnceLock::new();
    const NAME: &str = "/sys/devices/system/clocksource/clocksource0/current_clocksource";
    *IS_TRUSTED.get_or_init(|| {
        cfg!(all(target_os = "linux", target_arch = "x86_64"))
            && std::fs::read_to_string(NAME).is_ok_and(|name| name.trim() == "tsc")
    })
}

#[cfg(test)]
#[path = "clock_tests.rs"]
mod tests;
