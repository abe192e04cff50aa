//! The calls made to the engine, their acknowledgements, and the resulting expectations.
//!
//! Every call is an event. It is *issued*, perhaps *acknowledged* (the call returned `Ok`), and
//! *durable* once a sync that began after the acknowledgement has succeeded. After a power cut, an
//! event that is not durable may have taken effect or not. An event that was never issued must not.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use tracklite::{ExperimentId, Lifecycle, RunId, RunStatus, Timestamp};

use crate::things::Thing;

/// Counts the beginnings and ends of calls.
pub type Clock = u64;

/// The index of an event in the order of issue.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct EventId(pub usize);

impl EventId {
    /// The event of everything that exists from the start.
    pub const START: EventId = EventId(0);
}

/// The clock of the calls, and the time up to which acknowledged events are durable.
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

    /// Returns the moment that defines what may exist now, and what must survive a power cut now.
    pub fn snapshot(&self) -> Snapshot {
        Snapshot { clock: self.now(), durable: self.durable.load(Ordering::Relaxed) }
    }
}

/// A moment. Events issued by `clock` may show. Events acknowledged by `durable` must.
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
    /// Whether the call syncs before it returns.
    pub is_synced: bool,
    /// Whether a read has shown that it did not take effect. It must not take effect later.
    pub never: bool,
    pub points: Option<Arc<Points>>,
    /// If some of its points are lost, the indices of the others.
    pub survivors: Option<Arc<Vec<u16>>>,
}

/// The points of one call. Each value encodes its event and its index in the call.
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
    /// `None` if the engine used its clock.
    pub time: Option<i64>,
    /// Values that encode nothing, under keys that no other call uses.
    pub copied: Option<Vec<f64>>,
}

/// The bits of 1.0, to which a mantissa adds a value below 2.
const ONE_BITS: u64 = 0x3ff0_0000_0000_0000;
const MANTISSA: u64 = (1 << 52) - 1;
/// An odd number, and its inverse modulo 2^52.
const SPREAD: u64 = 0x9e37_79b9_7f4a_7c15;
const UNSPREAD: u64 = 0xf1de_83e1_9937_733d;
const _: () = assert!(SPREAD.wrapping_mul(UNSPREAD) & MANTISSA == 1);

/// Scrambles a number of 52 bits. The inverse factor restores it.
fn stir(number: u64, factor: u64) -> u64 {
    let product = number.wrapping_mul(factor) & MANTISSA;
    (product ^ (product >> 26)).wrapping_mul(factor) & MANTISSA
}

/// The prefix of the keys whose values are copies of slots.
pub const COPIED: &str = "copy";
/// The number of points in one call must be below this.
pub const POINTS_MAX: usize = 4096;

impl Points {
    /// Returns the value of a point, which is unique in this test.
    ///
    /// Every fourth call logs whole numbers, the others noise that does not compress.
    pub fn value(event: EventId, place: usize) -> f64 {
        let number = (event.0 * POINTS_MAX + place) as u64;
        if event.0.is_multiple_of(4) {
            return number as f64;
        }
        f64::from_bits(ONE_BITS | stir(number, SPREAD))
    }

    /// Decodes event and index from a value.
    pub fn origin(value: f64) -> Option<(EventId, usize)> {
        let number = match value {
            1.0..2.0 => stir(value.to_bits() & MANTISSA, UNSPREAD),
            _ => value as u64,
        } as usize;
        let origin = (EventId(number / POINTS_MAX), number % POINTS_MAX);
        let is_same = Points::value(origin.0, origin.1).to_bits() == value.to_bits();
        is_same.then_some(origin)
    }

    /// Returns event and index of a point of the series.
    pub fn origin_in(key: &str, value: f64) -> Option<(EventId, usize)> {
        let Some(origin) = key.strip_prefix(COPIED) else { return Points::origin(value) };
        let (event, place) = origin.split_once('.')?;
        Some((EventId(event.parse().ok()?), place.parse().ok()?))
    }

    /// Returns whether the value is the one that was logged at this index.
    pub fn holds(&self, place: usize, value: f64) -> bool {
        let Some(copied) = &self.copied else { return true };
        copied.get(place).is_some_and(|copy| copy.to_bits() == value.to_bits())
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

/// A value that calls overwrite: the calls in order, each with the value that it wrote.
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

    /// Removes the writes of calls that did not take effect.
    pub fn forget(&mut self, missed: &BTreeSet<EventId>) {
        self.writes.retain(|(event, _)| !missed.contains(event));
    }

    /// Returns the value if no write is lost.
    pub fn current(&self) -> Option<&V> {
        self.writes.last().map(|(_, value)| value)
    }
}

/// A run, identified by the event that started it.
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
    /// The labels of the files by path (see `artifacts.rs`).
    pub artifacts: BTreeMap<String, Register<Option<String>>>,
    /// Tags that one call set together. No other call sets them.
    pub tag_batches: Vec<(EventId, Vec<String>)>,
    pub points: Vec<EventId>,
}

/// An experiment, identified by the event that created it.
#[derive(Clone, Debug)]
pub struct ExperimentOracle {
    pub id: Option<ExperimentId>,
    pub exists: Register<bool>,
    pub path: Register<String>,
    pub lifecycle: Register<Lifecycle>,
    pub tags: BTreeMap<String, Register<Option<String>>>,
}

/// The oracle of a file.
#[derive(Clone, Debug)]
pub struct Oracle {
    pub clocks: Arc<Clocks>,
    pub events: Vec<Event>,
    pub runs: BTreeMap<EventId, RunOracle>,
    pub experiments: BTreeMap<EventId, ExperimentOracle>,
    /// Registered models, versions and logged models.
    pub things: BTreeMap<EventId, Thing>,
    /// All ids ever returned, with the call that returned them.
    pub given_ids: BTreeMap<String, EventId>,
    /// The number of processes that have opened the file for writing.
    pub processes: usize,
}

impl Oracle {
    /// Creates the oracle of a new file.
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

    /// Records the beginning of a call.
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

    /// Records that the call returned `Ok`.
    pub fn acknowledge(&mut self, event: EventId) {
        let now = self.clocks.tick();
        self.events[event.0].acknowledged = Some(now);
    }

    /// Records the beginning of a call that logs points.
    pub fn issue_points(&mut self, what: &'static str, points: Points) -> EventId {
        let event = self.issue(what);
        if let Some(run) = self.runs.get_mut(&points.run) {
            run.points.push(event);
        }
        self.events[event.0].points = Some(Arc::new(points));
        event
    }

    /// Returns whether the event may have taken effect at the moment.
    pub fn is_possible(&self, event: EventId, at: Snapshot) -> bool {
        let event = &self.events[event.0];
        !event.never && event.issued <= at.clock
    }

    /// Returns whether the event must have taken effect at the moment.
    pub fn is_durable(&self, event: EventId, at: Snapshot) -> bool {
        let event = &self.events[event.0];
        let until = if event.is_synced { at.clock } else { at.durable };
        !event.never && event.acknowledged.is_some_and(|when| when <= until)
    }

    /// Returns whether a register may read as `seen`, if `present` is known to have taken effect.
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

    /// Returns the runs that are known to be writable.
    pub fn live_runs(&self) -> Vec<EventId> {
        let is_live = |(event, run): (&EventId, &RunOracle)| {
            let exists = run.exists.current() == Some(&true);
            let active = run.lifecycle.current() == Some(&Lifecycle::Active);
            (exists && active && run.id.is_some()).then_some(*event)
        };
        self.runs.iter().filter_map(is_live).collect()
    }

    /// Returns the experiments with this lifecycle, except the default one.
    pub fn experiments_that_are(&self, lifecycle: Lifecycle) -> Vec<EventId> {
        let is_such = |(event, experiment): (&EventId, &ExperimentOracle)| {
            let exists = experiment.exists.current() == Some(&true) && experiment.id.is_some();
            let such = experiment.lifecycle.current() == Some(&lifecycle);
            (exists && such && *event != EventId::START).then_some(*event)
        };
        self.experiments.iter().filter_map(is_such).collect()
    }
}
