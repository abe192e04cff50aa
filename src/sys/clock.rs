//! The present for those who ask often: the system's clock, carried on for a moment by the
//! processor's counter, which costs less than half as much to read.

use std::sync::OnceLock;
use std::time::{Instant, SystemTime, UNIX_EPOCH};

/// After so many nanoseconds the system's clock is asked again: a step of it is seen by then.
const WINDOW_NANOS: i64 = 500_000;
/// The counter is measured over at least so long, and not over much more: a machine that slept
/// meanwhile may have a counter that went on.
const MEASURE_NANOS: std::ops::RangeInclusive<i64> = 10_000_000..=1_000_000_000;
/// Two looks at the counter around a look at the clock may lie so far apart, in ticks: some
/// microseconds. Else the thread was interrupted, and what it saw does not go together.
const TICKS_APART_MAX: u64 = 10_000;
/// Nanoseconds a tick are counted in so many bits behind the point.
const RATE_BITS: u32 = 32;
/// The counter of this processor is taken for this much slower than it was measured, so that the
/// time that it tells is behind the system's and never has to go back.
const LAG_BITS: u32 = 10;
/// How far the time may be from the system's at the end of a window, when all is well.
const ERROR_MAX_NANOS: i64 = 20_000;

/// Where the time comes from.
pub(crate) trait TimeSource {
    /// A counter that goes on evenly, the same on all processors; `None` where there is none.
    fn ticks(&self) -> Option<u64>;
    /// Nanoseconds since the epoch, by the system's clock.
    fn realtime(&self) -> i64;
    /// Nanoseconds since some moment, which nobody sets.
    fn monotonic(&self) -> i64;
}

/// The clocks of this machine.
#[derive(Debug)]
pub(crate) struct Machine {
    began: Instant,
    has_counter: bool,
}

/// Tells the present, in nanoseconds since the epoch. Not for two threads at once.
///
/// What it tells is behind the system's clock by some microseconds at most, and never less than
/// what it told before, unless the system's clock was set back. A step of that clock is followed
/// within half a millisecond, as the counter counts it: on a machine that was suspended, or whose
/// counter misbehaves, no time is carried on for longer than that.
#[derive(Debug)]
pub(crate) struct Clock<S = Machine> {
    source: S,
    /// The counter and the time when the system was last asked.
    anchor: (u64, i64),
    /// For so many ticks after that the counter is used; 0 while its rate is not known.
    window: u64,
    /// Nanoseconds a tick, as a fixed-point number.
    rate: u64,
    /// What was told last.
    last: i64,
    /// Counter, monotonic clock and system's clock when measuring the rate began.
    measured_from: Option<(u64, i64, i64)>,
}

impl Clock<Machine> {
    /// A clock of this machine.
    pub(crate) fn of_machine() -> Self {
        Clock::new(Machine { began: Instant::now(), has_counter: is_counter_trusted() })
    }
}

impl<S: TimeSource> Clock<S> {
    fn new(source: S) -> Self {
        let (anchor, measured_from) = ((0, 0), None);
        Clock { source, anchor, window: 0, rate: 0, last: i64::MIN, measured_from }
    }

    /// The present.
    #[inline]
    pub(crate) fn now(&mut self) -> i64 {
        if let Some(ticks) = self.source.ticks() {
            let passed = ticks.wrapping_sub(self.anchor.0);
            if passed < self.window {
                self.last = self.last.max(self.carried_on(passed));
                return self.last;
            }
        }
        self.ask()
    }

    fn carried_on(&self, passed: u64) -> i64 {
        let nanos = passed.saturating_mul(self.rate) >> RATE_BITS;
        self.anchor.1.saturating_add(nanos.cast_signed())
    }

    /// Asks the system, and goes on from what it says.
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
            // A counter of long ago makes the next look ask again.
            self.anchor = (if is_whole { after } else { after.wrapping_sub(self.window) }, time);
        }
        // Else the counter ran ahead, and the time stands still until the system's has come up.
        if time > self.last || is_set_back {
            self.last = time;
        }
        self.last
    }

    /// Measures the counter anew when it led astray.
    fn check_rate(&mut self, ticks: u64, time: i64) {
        let passed = ticks.wrapping_sub(self.anchor.0);
        if passed / 2 < self.window {
            let error = self.carried_on(passed).saturating_sub(time);
            if error.saturating_abs() > ERROR_MAX_NANOS {
                self.window = 0;
                self.measured_from = None;
            }
        }
    }

    /// Begins to measure the rate of the counter, or ends it.
    fn measure(&mut self, ticks: u64, time: i64) {
        let began = self.measured_from;
        let looks = began.map(|(_, _, since)| time.saturating_sub(since));
        if looks.is_some_and(|it| (0..*MEASURE_NANOS.start()).contains(&it)) {
            return;
        }
        let now = self.source.monotonic();
        let apart = self.source.ticks().map_or(u64::MAX, |it| it.wrapping_sub(ticks));
        if apart >= TICKS_APART_MAX {
            return;
        }
        self.measured_from = Some((ticks, now, time));
        let Some((first, then, _)) = began else { return };
        let (nanos, counted) = (now.saturating_sub(then), ticks.wrapping_sub(first));
        // Any counter has between 100 MHz and 10 GHz.
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
            // SAFETY: every processor of this kind has the instruction, and it only reads.
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

/// Nanoseconds since the epoch, by the system's clock.
fn realtime() -> i64 {
    let nanos = |it: std::time::Duration| i64::try_from(it.as_nanos()).unwrap_or(i64::MAX);
    match SystemTime::now().duration_since(UNIX_EPOCH) {
        Ok(after) => nanos(after),
        Err(before) => -nanos(before.duration()),
    }
}

/// Whether the kernel itself keeps time by the processor's counter: then it is steady, goes on in
/// idle processors, and is the same on all of them.
fn is_counter_trusted() -> bool {
    static IS_TRUSTED: OnceLock<bool> = OnceLock::new();
    const NAME: &str = "/sys/devices/system/clocksource/clocksource0/current_clocksource";
    *IS_TRUSTED.get_or_init(|| {
        cfg!(all(target_os = "linux", target_arch = "x86_64"))
            && std::fs::read_to_string(NAME).is_ok_and(|it| it.trim() == "tsc")
    })
}

#[cfg(test)]
#[path = "clock_tests.rs"]
mod tests;
