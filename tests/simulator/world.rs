//! A simulated disk with its processes, the oracle of their calls, and captured power cuts.

use std::collections::HashMap;
use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, AtomicUsize, Ordering};

use parking_lot::Mutex;
use tracklite::internals::storage::Storage as _;
use tracklite::internals::storage::simulated::{
    DiskView, Phase, ProcessControl, Random, SimulatedDisk, Step,
};
use tracklite::{Database, Error, ErrorKind, Metric, MetricRow, Result, Run};

use crate::compare::compare;
use crate::engine::{self, Opening};
use crate::observe::{Observation, check_statistics, observe, observe_amid};
use crate::oracle::{Clock, Clocks, EventId, Oracle, Snapshot};
use crate::workload::Call;

/// Whether to print each call, for a replay.
pub static IS_TRACING: AtomicBool = AtomicBool::new(false);

/// A result whose error describes what the engine did wrong.
pub type Verdict<T> = std::result::Result<T, String>;

/// The disk after a power cut, with the moment of the cut.
#[derive(Debug)]
pub struct Captured {
    pub image: SimulatedDisk,
    pub at: Snapshot,
    pub phase: Phase,
}

/// How often to cut the power during storage calls.
#[derive(Clone, Copy, Debug)]
pub struct Sampling {
    /// One in this many changes gets a power cut.
    pub one_in: usize,
    /// The number of power cuts at such a change.
    pub at_once: usize,
    /// The maximum number of power cuts.
    pub max: usize,
}

/// The disk, the oracle, and the captured power cuts.
pub struct World {
    pub disk: SimulatedDisk,
    pub oracle: Arc<Mutex<Oracle>>,
    pub captured: Arc<Mutex<Vec<Captured>>>,
    pub tick_syncs: bool,
    /// Whether a process has died, perhaps during a sync. Such a sync counts as failed.
    pub had_deaths: Arc<AtomicBool>,
    /// The number of punched holes.
    punches: Arc<AtomicU64>,
    /// The number of processes that have completed a concurrent recovery.
    pub recovered: AtomicUsize,
}

/// A moment of a world, to detect later changes.
#[derive(Clone, Copy, Debug)]
pub struct Moment {
    captured: usize,
    punches: u64,
}

impl World {
    /// Creates a new file and syncs it.
    pub fn create(random: &mut Random, sampling: Sampling) -> Verdict<(World, Actor)> {
        let disk = SimulatedDisk::new(random.bits());
        let oracle = Oracle::new(Arc::new(Clocks::default()));
        let world = World {
            disk,
            oracle: Arc::new(Mutex::new(oracle)),
            captured: Arc::default(),
            tick_syncs: random.one_in(3),
            had_deaths: Arc::default(),
            punches: Arc::default(),
            recovered: AtomicUsize::new(0),
        };
        let opening = Opening { create: true, read_only: false, tick_syncs: world.tick_syncs };
        let actor =
            world.actor(opening, random.bits()).map_err(|error| describe("creating", &error))?;
        actor.database.sync().map_err(|error| describe("the first sync", &error))?;
        world.watch(random.bits(), sampling);
        Ok((world, actor))
    }

    /// Continues on a disk that already contains a file.
    pub fn resume(
        disk: SimulatedDisk,
        oracle: Oracle,
        random: &mut Random,
        sampling: Sampling,
    ) -> World {
        let world = World {
            disk,
            oracle: Arc::new(Mutex::new(oracle)),
            captured: Arc::default(),
            tick_syncs: random.one_in(3),
            had_deaths: Arc::default(),
            punches: Arc::default(),
            recovered: AtomicUsize::new(0),
        };
        world.watch(random.bits(), sampling);
        world
    }

    /// Tracks syncs and captures power cuts from now on.
    fn watch(&self, seed: u64, sampling: Sampling) {
        let clocks = Arc::clone(&self.oracle.lock().clocks);
        let captured = Arc::clone(&self.captured);
        let mut watcher = Watcher {
            clocks,
            random: Random::new(seed),
            sampling,
            begun: HashMap::new(),
            is_doubtful: false,
            punches: Arc::clone(&self.punches),
        };
        self.disk.on_change(Some(Box::new(move |view| {
            captured.lock().extend(watcher.observe(view));
        })));
    }

    /// Opens the file for writing as a new process.
    pub fn actor(&self, opening: Opening, seed: u64) -> Result<Actor> {
        self.actor_of(engine::open(&self.disk, opening), seed)
    }

    /// Opens the file as a new process with its index in a folder.
    pub fn open_with_index(&self, folder: &Path, seed: u64) -> Verdict<Actor> {
        let opened = engine::open_with_index(&self.disk, folder);
        self.actor_of(opened, seed).map_err(|error| describe("opening", &error))
    }

    fn actor_of(&self, opened: (Result<Database>, ProcessControl), seed: u64) -> Result<Actor> {
        let (database, control) = opened;
        let mut oracle = self.oracle.lock();
        let number = oracle.processes;
        oracle.processes += 1;
        Ok(Actor {
            database: database?,
            control,
            number,
            disk: self.disk.clone(),
            oracle: Arc::clone(&self.oracle),
            random: Random::new(seed),
            runs: HashMap::new(),
            metrics: HashMap::new(),
            rows: HashMap::new(),
            expects_failures: false,
            had_deaths: Arc::clone(&self.had_deaths),
            is_unsettled: false,
            keeps_to_itself: false,
            awaits_another: false,
        })
    }

    /// Like [`World::actor`], with the error as a verdict.
    pub fn open(&self, seed: u64) -> Verdict<Actor> {
        let opening = Opening { tick_syncs: self.tick_syncs, ..Opening::WRITE };
        self.actor(opening, seed).map_err(|error| describe("opening", &error))
    }

    /// Returns the current moment, before a call that may seal.
    pub fn moment(&self) -> Moment {
        let captured = self.captured.lock().len();
        Moment { captured, punches: self.punches.load(Ordering::Relaxed) }
    }

    /// Moves power cuts of a tick from the sealing phase to the append phase, if no extent was
    /// punched since the moment.
    pub fn end_of_tick(&self, began: Moment) {
        self.end_of_sealing(began, self.punches.load(Ordering::Relaxed) > began.punches);
    }

    /// Like [`World::end_of_tick`], if the caller knows whether something was sealed.
    pub fn end_of_sealing(&self, began: Moment, has_sealed: bool) {
        if has_sealed {
            return;
        }
        for capture in self.captured.lock().iter_mut().skip(began.captured) {
            if capture.phase == Phase::SealAndPunch {
                capture.phase = Phase::Append;
            }
        }
    }

    /// Returns the bytes of unsealed extents, or 0 if they cannot be read.
    pub fn unsealed_bytes(&self) -> u64 {
        engine::with_reader(&self.disk, Database::info).map_or(0, |info| info.unsealed_bytes)
    }

    /// Returns the number of units that writers linked because the chain grew.
    pub fn grown_units(&self) -> u64 {
        const UNIT: u64 = 64 * 1024;
        let storage = self.disk.attach();
        let units = storage.len().unwrap_or(0) / UNIT;
        let is_grown = |unit: &u64| {
            let mut header = [0; 32];
            let got = storage.read_at(unit * UNIT, &mut header);
            let is_chain = got.is_ok() && header.starts_with(b"TRKLunit") && header[8] == 1;
            is_chain && header[24..32] != [0; 8]
        };
        (1..units).filter(is_grown).count() as u64
    }

    /// Removes and returns the captured power cuts.
    pub fn take_captured(&self) -> Vec<Captured> {
        std::mem::take(&mut *self.captured.lock())
    }

    /// Checks that acknowledged calls took effect, after a process died. Determines the others.
    pub fn settle(&self, reader: &Database) -> Verdict<()> {
        let at = self.everything();
        let seen = read(reader, "after a kill")?;
        let mut oracle = self.oracle.lock();
        compare(&oracle, &seen, at).map_err(|error| format!("after a kill: {error}"))?;
        oracle.after_failure(&seen);
        Ok(())
    }

    /// Compares an observation with the oracle.
    pub fn agrees(&self, seen: &Observation, at: Snapshot) -> Verdict<()> {
        compare(&self.oracle.lock(), seen, at)
    }

    /// Returns the moment at which every issued event may show and every acknowledged one must.
    pub fn everything(&self) -> Snapshot {
        let clock = self.oracle.lock().clocks.now();
        Snapshot { clock, durable: clock }
    }
}

/// Tracks the steps of the disk.
struct Watcher {
    clocks: Arc<Clocks>,
    random: Random,
    sampling: Sampling,
    /// When the current sync of each process began.
    begun: HashMap<u64, Clock>,
    /// Whether a sync has failed. After that, a reported sync need not be durable.
    is_doubtful: bool,
    punches: Arc<AtomicU64>,
}

impl Watcher {
    fn observe(&mut self, view: &DiskView<'_>) -> Vec<Captured> {
        match view.step() {
            Step::SyncBegin => {
                self.begun.insert(view.process(), self.clocks.now());
            }
            Step::SyncFailed => self.is_doubtful = true,
            Step::Punch => {
                self.punches.fetch_add(1, Ordering::Relaxed);
            }
            Step::SyncEnd => {
                if let Some(begun) = self.begun.remove(&view.process())
                    && !self.is_doubtful
                {
                    self.clocks.make_durable(begun);
                }
            }
            _ => {}
        }
        // Sealing and purging take few steps, so sample each of them several times.
        let (one_in, at_once) = match view.phase() {
            Phase::SealAndPunch | Phase::Gc => (1, self.sampling.at_once * 3),
            _ => (self.sampling.one_in, self.sampling.at_once),
        };
        if self.sampling.max == 0 || !self.random.one_in(one_in) {
            return Vec::new();
        }
        let count = at_once.min(self.sampling.max);
        self.sampling.max -= count;
        let capture = |_| Captured {
            image: view.crash_image(&mut self.random),
            at: self.clocks.snapshot(),
            phase: view.phase(),
        };
        (0..count).map(capture).collect()
    }
}

/// A simulated process that writes.
pub struct Actor {
    pub database: Database,
    pub control: ProcessControl,
    /// Its index in the order of opening.
    pub number: usize,
    pub disk: SimulatedDisk,
    pub oracle: Arc<Mutex<Oracle>>,
    pub random: Random,
    pub runs: HashMap<EventId, Run>,
    pub metrics: HashMap<(EventId, Arc<str>), Metric>,
    pub rows: HashMap<(EventId, Vec<Arc<str>>), MetricRow>,
    /// Whether the medium is set to fail, so that errors are expected.
    pub expects_failures: bool,
    pub had_deaths: Arc<AtomicBool>,
    /// Whether a call has failed whose effect is unknown.
    pub is_unsettled: bool,
    /// Whether other processes write at the same time. Then each uses only its own runs.
    pub keeps_to_itself: bool,
    /// Whether another process has yet to do its part of a recovery. Until then a sync is refused.
    pub awaits_another: bool,
}

impl Actor {
    /// Records the result of a call. Returns `None` for an expected failure.
    pub fn note<T>(&mut self, event: EventId, result: Result<T>) -> Verdict<Option<T>> {
        if IS_TRACING.load(Ordering::Relaxed) {
            let oracle = self.oracle.lock();
            let call = &oracle.events[event.0];
            let points = call.points.as_ref();
            let points = points.map(|points| (points.run, points.count, points.is_row));
            let error = result.as_ref().err().map(ToString::to_string);
            println!("process {}: {event:?} {} {points:?} {error:?}", self.number, call.what);
        }
        match result {
            Ok(value) => {
                self.oracle.lock().acknowledge(event);
                Ok(Some(value))
            }
            Err(error) if self.may_fail_by(&error) => {
                self.is_unsettled = true;
                Ok(None)
            }
            Err(error) => {
                let what = self.oracle.lock().events[event.0].what;
                Err(describe(what, &error))
            }
        }
    }

    /// Returns whether the test itself caused the error, by a faulty medium or a killed process.
    pub fn may_fail_by(&self, error: &Error) -> bool {
        let had_deaths = self.had_deaths.load(Ordering::Relaxed);
        self.control.is_dead()
            || self.expects_failures
            || ((had_deaths || self.awaits_another) && error.kind() == ErrorKind::Poisoned)
    }

    /// Kills the process after this many more changes, or immediately.
    pub fn kill(&self, after: Option<u64>) {
        self.had_deaths.store(true, Ordering::Relaxed);
        match after {
            Some(steps) => self.control.kill_after(steps),
            None => self.control.kill(),
        }
    }

    /// Makes a call in its phase.
    pub fn call_in_phase(&mut self, world: &World, call: Call) -> Verdict<()> {
        let began = world.moment();
        world.disk.set_phase(call.phase());
        self.call(call)?;
        world.end_of_tick(began);
        Ok(())
    }

    /// Reads everything and checks that acknowledged calls took effect.
    pub fn check_live(&mut self) -> Verdict<()> {
        let durable = self.oracle.lock().clocks.now();
        let read = if self.keeps_to_itself { observe_amid } else { observe };
        let seen = match read(&self.database) {
            Ok(seen) => seen,
            Err(_) if self.control.is_dead() => return Ok(()),
            Err(error) => return Err(describe("reading while live", &error)),
        };
        let oracle = self.oracle.lock();
        let at = Snapshot { clock: oracle.clocks.now(), durable };
        compare(&oracle, &seen, at).map_err(|error| format!("read while live: {error}"))
    }

    /// Kills the process. Dropping its handles changes nothing on the disk.
    pub fn die(self) {
        self.control.kill();
    }
}

/// Reads everything.
pub fn read(database: &Database, when: &str) -> Verdict<Observation> {
    observe(database).map_err(|error| describe(&format!("reading {when}"), &error))
}

/// Like [`read`], and compares the statistics with the points.
pub fn read_thoroughly(database: &Database, when: &str) -> Verdict<Observation> {
    let seen = read(database, when)?;
    check_statistics(database, &seen)?;
    Ok(seen)
}

/// Describes an error with its causes.
pub fn describe(what: &str, error: &Error) -> String {
    let mut text = format!("{what} failed: {error}");
    let mut source = std::error::Error::source(error);
    while let Some(cause) = source {
        text.push_str(&format!(": {cause}"));
        source = cause.source();
    }
    text
}
