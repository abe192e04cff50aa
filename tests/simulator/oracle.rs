//! What was asked of the engine, what it acknowledged, and what must therefore be there.
//!
//! Every call is an event. It is *issued*, perhaps *acknowledged* (the call returned `Ok`), and
//! *durable* once a sync that began after the acknowledgement has succeeded. An event that is not
//! durable may be there or not after a power cut; what was never issued must not be.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use tracklite::{ExperimentId, Lifecycle, RunId, RunStatus, Timestamp};

use crate::things::Thing;

/// Counts what happens: calls begun and calls returned.
pub type Clock = u64;

/// The place of an event in the order of issue.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct EventId(pub usize);

impl EventId {
    /// What is there from the start.
    pub const START: EventId = EventId(0);
}

/// The clock of the calls, and up to when what was acknowledged is durable.
#[derive(Debug, Default)]
pub struct Clocks {
    pub now: AtomicU64,
    pub durable: AtomicU64,
}

impl Clocks {
    pub fn tick(&self) -> Clock {
        self.now.fetch_add(1, Ordering::Relaxed) + 1
    }

    pub fn now(&self) -> Clock {
        self.now.load(Ordering::Relaxed)
    }

    pub fn make_durable(&self, until: Clock) {
        self.durable.fetch_max(until, Ordering::Relaxed);
    }

    /// What may be there now, and what must be there after a power cut now.
    pub fn snapshot(&self) -> Snapshot {
        Snapshot { clock: self.now(), durable: self.durable.load(Ordering::Relaxed) }
    }
}

/// A moment: what was issued by `clock` may be there, what was acknowledged by `durable` must.
#[derive(Clone, Copy, Debug)]
pub struct Snapshot {
    pub clock: Clock,
    pub durable: Clock,
}

/// One call.
#[derive(Clone, Debug)]
pub struct Event {
    pub what: &'static str,
    pub issued: Clock,
    pub acknowledged: Option<Clock>,
    /// The call syncs before it returns.
    pub is_synced: bool,
    /// It was seen that it did not happen; so it must not happen later.
    pub never: bool,
    pub points: Option<Arc<Points>>,
    /// When some of its points are known to be lost: those that are not.
    pub survivors: Option<Arc<Vec<u16>>>,
}

/// The points that one call logged; each value tells its event and its place in the call.
#[derive(Clone, Debug)]
pub struct Points {
    pub run: EventId,
    /// One key for all points, or one for each.
    pub keys: Vec<Arc<str>>,
    pub count: usize,
    /// Whether all points become visible together.
    pub is_row: bool,
    pub first_step: i64,
    pub stride: i64,
    /// `None` when the engine took the time from its clock.
    pub time: Option<i64>,
    /// Values that tell nothing, under keys that no other call uses.
    pub copied: Option<Vec<f64>>,
}

/// The bits of 1.0, to which a mantissa adds a value below 2.
const ONE_BITS: u64 = 0x3ff0_0000_0000_0000;
const MANTISSA: u64 = (1 << 52) - 1;
/// An odd number, and its inverse modulo 2^52.
const SPREAD: u64 = 0x9e37_79b9_7f4a_7c15;
const UNSPREAD: u64 = 0xf1de_83e1_9937_733d;
const _: () = assert!(SPREAD.wrapping_mul(UNSPREAD) & MANTISSA == 1);

/// Makes noise of a number of 52 bits, or with the inverse factor a number of the noise.
fn stir(number: u64, factor: u64) -> u64 {
    let product = number.wrapping_mul(factor) & MANTISSA;
    (product ^ (product >> 26)).wrapping_mul(factor) & MANTISSA
}

/// The keys of values that are copies of slots begin so.
pub const COPIED: &str = "copy";
/// The number of points in one call is below this.
pub const POINTS_MAX: usize = 4096;

impl Points {
    /// The value of one point, unlike that of any other in this test.
    ///
    /// Every fourth call logs whole numbers, the others noise that no coder makes smaller.
    pub fn value(event: EventId, place: usize) -> f64 {
        let number = (event.0 * POINTS_MAX + place) as u64;
        if event.0.is_multiple_of(4) {
            return number as f64;
        }
        f64::from_bits(ONE_BITS | stir(number, SPREAD))
    }

    /// The event and place that a value tells.
    pub fn origin(value: f64) -> Option<(EventId, usize)> {
        let number = match value {
            1.0..2.0 => stir(value.to_bits() & MANTISSA, UNSPREAD),
            _ => value as u64,
        } as usize;
        let origin = (EventId(number / POINTS_MAX), number % POINTS_MAX);
        let is_same = Points::value(origin.0, origin.1).to_bits() == value.to_bits();
        is_same.then_some(origin)
    }

    /// The event and place that a point of the series tells.
    pub fn origin_in(key: &str, value: f64) -> Option<(EventId, usize)> {
        let Some(told) = key.strip_prefix(COPIED) else { return Points::origin(value) };
        let (event, place) = told.split_once('.')?;
        Some((EventId(event.parse().ok()?), place.parse().ok()?))
    }

    /// Whether the value is the one that was logged there.
    pub fn holds(&self, place: usize, value: f64) -> bool {
        let copied = self.copied.as_ref();
        copied.is_none_or(|it| it.get(place).is_some_and(|it| it.to_bits() == value.to_bits()))
    }

    pub fn step(&self, place: usize) -> i64 {
        self.first_step + self.stride * place as i64
    }

    pub fn time_at(&self, place: usize) -> Option<Timestamp> {
        let each = if self.is_row { 0 } else { 1000 };
        self.time.map(|time| Timestamp::from_nanos(time + each * place as i64))
    }

    pub fn key(&self, place: usize) -> &Arc<str> {
        self.keys.get(place).unwrap_or(&self.keys[0])
    }
}

/// A value that calls overwrite: the calls in order, each with what it wrote.
#[derive(Clone, Debug)]
pub struct Register<V> {
    pub writes: Vec<(EventId, V)>,
}

impl<V> Default for Register<V> {
    fn default() -> Self {
        Register { writes: Vec::new() }
    }
}

impl<V: Clone + PartialEq> Register<V> {
    pub fn of(event: EventId, value: V) -> Self {
        Register { writes: vec![(event, value)] }
    }

    pub fn set(&mut self, event: EventId, value: V) {
        self.writes.push((event, value));
    }

    /// Takes the writes of these calls away: they never happened.
    pub fn forget(&mut self, missed: &BTreeSet<EventId>) {
        self.writes.retain(|(event, _)| !missed.contains(event));
    }

    /// What stands in it when nothing is lost.
    pub fn current(&self) -> Option<&V> {
        self.writes.last().map(|(_, value)| value)
    }
}

/// A run: its start is the event that names it.
#[derive(Clone, Debug)]
pub struct RunOracle {
    pub id: Option<RunId>,
    pub experiment: EventId,
    pub parent: Option<EventId>,
    pub started: i64,
    pub exists: Register<bool>,
    pub name: Register<String>,
    pub status: Register<RunStatus>,
    pub lifecycle: Register<Lifecycle>,
    pub params: BTreeMap<String, (EventId, String)>,
    pub tags: BTreeMap<String, Register<Option<String>>>,
    /// What the files hold, as `artifacts.rs` tells it.
    pub artifacts: BTreeMap<String, Register<Option<String>>>,
    /// Tags that one call set together, each for the first and only time.
    pub tag_batches: Vec<(EventId, Vec<String>)>,
    pub points: Vec<EventId>,
}

/// An experiment: its creation is the event that names it.
#[derive(Clone, Debug)]
pub struct ExperimentOracle {
    pub id: Option<ExperimentId>,
    pub exists: Register<bool>,
    pub path: Register<String>,
    pub lifecycle: Register<Lifecycle>,
    pub tags: BTreeMap<String, Register<Option<String>>>,
}

/// All of it.
#[derive(Clone, Debug)]
pub struct Oracle {
    pub clocks: Arc<Clocks>,
    pub events: Vec<Event>,
    pub runs: BTreeMap<EventId, RunOracle>,
    pub experiments: BTreeMap<EventId, ExperimentOracle>,
    /// Registered models, versions and logged models.
    pub things: BTreeMap<EventId, Thing>,
    /// The ids of all that were ever there, with the call that was given them.
    pub given_ids: BTreeMap<String, EventId>,
    /// How many processes have written.
    pub processes: usize,
}

impl Oracle {
    /// Of a file that was just created.
    pub fn new(clocks: Arc<Clocks>) -> Self {
        let start = Event {
            what: "start",
            issued: 0,
            acknowledged: Some(0),
            is_synced: false,
            never: false,
            points: None,
            survivors: None,
        };
        let default = ExperimentOracle {
            id: Some(ExperimentId::DEFAULT),
            exists: Register::of(EventId::START, true),
            path: Register::of(EventId::START, "Default".to_owned()),
            lifecycle: Register::of(EventId::START, Lifecycle::Active),
            tags: BTreeMap::new(),
        };
        Oracle {
            clocks,
            events: vec![start],
            runs: BTreeMap::new(),
            experiments: BTreeMap::from([(EventId::START, default)]),
            things: BTreeMap::new(),
            given_ids: BTreeMap::new(),
            processes: 0,
        }
    }

    /// A call begins.
    pub fn issue(&mut self, what: &'static str) -> EventId {
        let issued = self.clocks.tick();
        self.events.push(Event {
            what,
            issued,
            acknowledged: None,
            is_synced: false,
            never: false,
            points: None,
            survivors: None,
        });
        EventId(self.events.len() - 1)
    }

    /// The call returned `Ok`.
    pub fn acknowledge(&mut self, event: EventId) {
        let now = self.clocks.tick();
        self.events[event.0].acknowledged = Some(now);
    }

    /// A call that logs points begins.
    pub fn issue_points(&mut self, what: &'static str, points: Points) -> EventId {
        let event = self.issue(what);
        if let Some(run) = self.runs.get_mut(&points.run) {
            run.points.push(event);
        }
        self.events[event.0].points = Some(Arc::new(points));
        event
    }

    /// Whether the event may have left something at the moment.
    pub fn is_possible(&self, event: EventId, at: Snapshot) -> bool {
        let event = &self.events[event.0];
        !event.never && event.issued <= at.clock
    }

    /// Whether the event must be there at the moment.
    pub fn is_durable(&self, event: EventId, at: Snapshot) -> bool {
        let event = &self.events[event.0];
        let until = if event.is_synced { at.clock } else { at.durable };
        !event.never && event.acknowledged.is_some_and(|when| when <= until)
    }

    /// Whether a register may read as `seen`, when `present` is known to have happened.
    pub fn accepts<V: Clone + PartialEq>(
        &self,
        register: &Register<V>,
        seen: &V,
        initial: Option<&V>,
        present: EventId,
        at: Snapshot,
    ) -> bool {
        for (event, value) in register.writes.iter().rev() {
            if !self.is_possible(*event, at) {
                continue;
            }
            if value == seen {
                return true;
            }
            if *event == present || self.is_durable(*event, at) {
                return false;
            }
        }
        initial == Some(seen)
    }

    /// Runs that can be written to, as far as is known.
    pub fn live_runs(&self) -> Vec<EventId> {
        let is_live = |(event, run): (&EventId, &RunOracle)| {
            let exists = run.exists.current() == Some(&true);
            let active = run.lifecycle.current() == Some(&Lifecycle::Active);
            (exists && active && run.id.is_some()).then_some(*event)
        };
        self.runs.iter().filter_map(is_live).collect()
    }

    /// Experiments of this lifecycle, but for the default one.
    pub fn experiments_that_are(&self, lifecycle: Lifecycle) -> Vec<EventId> {
        let is_such = |(event, it): (&EventId, &ExperimentOracle)| {
            let exists = it.exists.current() == Some(&true) && it.id.is_some();
            let such = it.lifecycle.current() == Some(&lifecycle);
            (exists && such && *event != EventId::START).then_some(*event)
        };
        self.experiments.iter().filter_map(is_such).collect()
    }
}
