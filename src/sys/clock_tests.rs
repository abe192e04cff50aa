//! Tests of the clock on a simulated machine.

use std::cell::Cell;

use super::*;

const START: i64 = 1_700_000_000_000_000_000;

/// A machine with a counter of 2.5 GHz whose clocks the test advances.
#[derive(Debug)]
struct Fake {
    ticks: Cell<u64>,
    realtime: Cell<i64>,
    monotonic: Cell<i64>,
    asked: Cell<u32>,
    has_counter: bool,
    /// The length of an interruption after each read of the system's clock.
    interruption: Cell<i64>,
}

impl Fake {
    fn new() -> Self {
        Fake {
            ticks: Cell::new(u64::MAX - 1_000_000),
            realtime: Cell::new(START),
            monotonic: Cell::new(5),
            asked: Cell::new(0),
            has_counter: true,
            interruption: Cell::new(0),
        }
    }

    fn pass(&self, nanos: i64) {
        self.ticks.set(self.ticks.get().wrapping_add(nanos.unsigned_abs() * 5 / 2));
        self.realtime.set(self.realtime.get() + nanos);
        self.monotonic.set(self.monotonic.get() + nanos);
    }
}

impl TimeSource for &Fake {
    fn ticks(&self) -> Option<u64> {
        self.has_counter.then(|| self.ticks.get())
    }

    fn realtime(&self) -> i64 {
        self.asked.set(self.asked.get() + 1);
        let time = self.realtime.get();
        self.pass(self.interruption.get());
        time
    }

    fn monotonic(&self) -> i64 {
        self.monotonic.get()
    }
}

/// Returns the difference from the system's clock. Checks that the time does not go back.
fn error(clock: &mut Clock<&Fake>) -> i64 {
    let truth = clock.source.realtime.get();
    let before = clock.last;
    let now = clock.now();
    assert!(now >= before || truth < before, "{now} after {before}");
    now - truth
}

/// Creates a clock that has measured the counter.
fn measured(fake: &Fake) -> Clock<&Fake> {
    let mut clock = Clock::new(fake);
    for _ in 0..700 {
        assert_eq!(error(&mut clock), 0);
        fake.pass(100_000);
        if clock.window > 0 {
            return clock;
        }
    }
    panic!("the counter was not measured");
}

#[test]
fn a_measured_counter_replaces_most_reads_of_the_system_clock() {
    let fake = Fake::new();
    let mut clock = measured(&fake);
    fake.asked.set(0);
    for step in 0..1_000_000 {
        fake.pass(38 + step % 5 * 2);
        let error = error(&mut clock);
        assert!((-1000..=0).contains(&error), "{error}");
    }
    assert!((75..95).contains(&fake.asked.get()), "{}", fake.asked.get());
}

#[test]
fn infrequent_calls_return_the_system_time() {
    let fake = Fake::new();
    let mut clock = Clock::new(&fake);
    for nanos in [400_000_000, 2_000_000_000, 700_000, 3_600_000_000_000, 600_000, 500_001] {
        assert_eq!(error(&mut clock), 0);
        fake.pass(nanos);
    }
}

#[test]
fn a_clock_step_is_followed_within_a_millisecond() {
    for step in [-3_600_000_000_000, -2_000_000, -30_000, 30_000, 2_000_000, 3_600_000_000_000] {
        let fake = Fake::new();
        let mut clock = measured(&fake);
        fake.realtime.set(fake.realtime.get() + step);
        for _ in 0..6000 {
            fake.pass(100);
            clock.now();
        }
        assert_eq!(error(&mut clock), 0, "step {step}");
    }
}

#[test]
fn time_pauses_instead_of_going_back_when_the_system_clock_slows() {
    let fake = Fake::new();
    let mut clock = measured(&fake);
    fake.pass(499_000);
    clock.now();
    fake.realtime.set(fake.realtime.get() - 10_000);
    fake.pass(2000);
    let error = error(&mut clock);
    assert!((1..10_000).contains(&error), "{error}");
}

#[test]
fn suspension_is_detected_regardless_of_the_counter() {
    const HOUR: i64 = 3_600_000_000_000;
    for ticks_meanwhile in [0, 9_000_000_000_000, u64::MAX - 20_000_000_000] {
        let fake = Fake::new();
        let mut clock = measured(&fake);
        fake.ticks.set(fake.ticks.get().wrapping_add(ticks_meanwhile));
        fake.realtime.set(fake.realtime.get() + HOUR);
        for _ in 0..5100 {
            fake.pass(100);
            clock.now();
        }
        assert!((-1000..=0).contains(&error(&mut clock)), "{ticks_meanwhile} ticks");
    }
}

#[test]
fn time_never_goes_back_while_the_system_clock_runs_a_tenth_slower() {
    let fake = Fake::new();
    let mut clock = measured(&fake);
    for number in 0..100_000 {
        fake.pass(1000);
        fake.realtime.set(fake.realtime.get() - 100);
        let before = clock.last;
        let error = clock.now() - fake.realtime.get();
        assert!(clock.last >= before && (-1000..=60_000).contains(&error), "{number}: {error}");
    }
}

#[test]
fn a_changed_counter_rate_causes_less_than_a_millisecond_of_error() {
    let fake = Fake::new();
    let mut clock = measured(&fake);
    for _ in 0..200_000 {
        fake.pass(1000);
        // Twice the measured rate.
        fake.ticks.set(fake.ticks.get().wrapping_add(2500));
        let error = clock.now() - fake.realtime.get();
        assert!((-1000..=260_000).contains(&error), "{error}");
    }
    assert!(error(&mut clock).abs() < 1000);
}

#[test]
fn suspension_during_measurement_does_not_corrupt_the_rate() {
    let fake = Fake::new();
    let mut clock = Clock::new(&fake);
    for number in 0..3000 {
        if number == 100 {
            // During the sleep the counter advances and the monotonic clock does not.
            fake.ticks.set(fake.ticks.get().wrapping_add(50_000_000_000));
            fake.realtime.set(fake.realtime.get() + 20_000_000_000);
        }
        let error = clock.now() - fake.realtime.get();
        assert!((-1000..=0).contains(&error), "{number}: {error}");
        fake.pass(100_000);
    }
}

#[test]
fn an_interruption_between_reads_causes_no_error() {
    let fake = Fake::new();
    let mut clock = measured(&fake);
    fake.interruption.set(3_000_000);
    for _ in 0..50 {
        fake.pass(600_000);
        clock.now();
        // The time was read before the interruption, so the next call reads it again.
        fake.interruption.set(0);
        assert_eq!(error(&mut clock), 0);
        fake.interruption.set(3_000_000);
    }
}

#[test]
fn without_a_counter_every_call_reads_the_system_clock() {
    let fake = Fake { has_counter: false, ..Fake::new() };
    let mut clock = Clock::new(&fake);
    for _ in 0..10 {
        assert_eq!(error(&mut clock), 0);
        fake.pass(100);
    }
    assert_eq!(fake.asked.get(), 10);
}

#[test]
fn the_clock_of_this_machine_matches_the_system_clock() {
    let mut clock = Clock::of_machine();
    let (began, mut last) = (Instant::now(), i64::MIN);
    while began.elapsed() < std::time::Duration::from_millis(150) {
        let before = realtime();
        let now = clock.now();
        let after = realtime();
        assert!(now >= last, "{now} after {last}");
        assert!(now >= before - 500_000 && now <= after + 20_000, "{before} {now} {after}");
        last = now;
    }
}
