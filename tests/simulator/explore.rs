//! Runs workloads, cuts the power during them, recovers, and checks the result.

use std::collections::HashSet;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};

use parking_lot::Mutex;
use tracklite::internals::storage::simulated::{Phase, Random, SimulatedDisk, run_together};
use tracklite::internals::verify_storage;

use tracklite::ErrorKind;

use crate::compare::compare;
use crate::engine::{self, Opening};
use crate::observe::{Observation, observe, observe_amid};
use crate::oracle::{Oracle, Snapshot};
use crate::workload::{Call, Focus};
use crate::world::{Actor, Captured, Sampling, Verdict, World, describe, read, read_thoroughly};

/// Power cuts during recovery are tried, but not during the recovery from those.
const DEPTH_MAX: usize = 2;

/// The number of distinct recovered states, by phase.
#[derive(Debug, Default)]
pub struct Statistics {
    distinct: [Mutex<HashSet<u64>>; Phase::ALL.len()],
    pub recovered: AtomicU64,
    /// Units that were linked to the chain because it grew.
    pub grown_units: AtomicU64,
}

impl Statistics {
    fn note(&self, phase: Phase, hash: u64) {
        self.distinct[phase as usize].lock().insert(hash);
        self.recovered.fetch_add(1, Ordering::Relaxed);
    }

    /// Returns the number of distinct states of each phase.
    pub fn counts(&self) -> [usize; Phase::ALL.len()] {
        std::array::from_fn(|phase| self.distinct[phase].lock().len())
    }
}

/// Runs the workload of a seed. The error describes what the engine did wrong.
pub fn run_seed(seed: u64, focus: Focus, statistics: &Statistics) -> Verdict<()> {
    Explorer { random: Random::new(seed), statistics, focus }.workload()
}

struct Explorer<'a> {
    random: Random,
    statistics: &'a Statistics,
    focus: Focus,
}

impl Explorer<'_> {
    fn sampling(&mut self) -> Sampling {
        let (one_in, max) = match self.focus {
            Focus::Append => (2 + self.random.below(8), 50),
            // Other seeds cover appending.
            Focus::SealAndPunch | Focus::Gc => (2000, 200),
            Focus::Recovery | Focus::TwoRecovering => (10 + self.random.below(60), 3),
        };
        Sampling { one_in, at_once: 1, max }
    }

    fn workload(mut self) -> Verdict<()> {
        let sampling = self.sampling();
        let (world, first) = World::create(&mut self.random, sampling)?;
        let mut actors = vec![first];
        let fails_at = if self.random.one_in(6) { self.random.below(30) } else { usize::MAX };
        for round in 0..10 + self.random.below(40) {
            if round == fails_at {
                world.disk.fail_syncs(1);
                actors.iter_mut().for_each(|actor| actor.expects_failures = true);
            }
            self.process_event(&world, &mut actors, round >= fails_at)?;
            let actor = self.random.below(actors.len());
            if self.focus == Focus::Gc && round < fails_at && self.random.one_in(4) {
                self.fill_and_purge(&world, &mut actors[actor])?;
            }
            let call = Call::draw(self.focus, &mut self.random);
            actors[actor].call_in_phase(&world, call)?;
            self.settle(&world, &mut actors)?;
        }
        if self.focus == Focus::SealAndPunch
            && self.random.one_in(2)
            && let Some(actor) = actors.pop()
        {
            actors.extend(self.read_while_sealing(&world, actor)?);
        }
        if self.random.one_in(2) {
            self.close_all(&world, actors)?;
        }
        self.statistics.grown_units.fetch_add(world.grown_units(), Ordering::Relaxed);
        self.judge(&world, 0)
    }

    /// Fills sealed blocks with several runs, and purges some of the runs.
    fn fill_and_purge(&mut self, world: &World, purger: &mut Actor) -> Verdict<()> {
        world.disk.set_phase(Phase::Append);
        let mut filler = world.open(self.random.bits())?;
        let mut runs = Vec::new();
        for _ in 0..2 + self.random.below(3) {
            runs.extend(filler.fill_run(300 + self.random.below(900))?);
        }
        self.close(world, filler)?;
        world.disk.set_phase(Phase::Append);
        let (kept, all) = (self.random.below(runs.len()), self.random.one_in(3));
        for (place, run) in runs.into_iter().enumerate() {
            if all || place != kept {
                purger.delete_or_restore_that_run(run)?;
            }
        }
        if purger.control.is_dead() {
            return Ok(());
        }
        for _ in 0..self.random.below(4) {
            purger.call(Call::Point)?;
        }
        world.disk.set_phase(Phase::Gc);
        purger.gc()
    }

    /// Opens, closes or kills a process, or checks the state.
    fn process_event(
        &mut self,
        world: &World,
        actors: &mut Vec<Actor>,
        expects_failures: bool,
    ) -> Verdict<()> {
        let chosen = self.random.below(actors.len());
        match self.random.below(40) {
            0 | 1 if actors.len() < 3 => {
                world.disk.set_phase(Phase::Append);
                let opening = Opening { tick_syncs: world.tick_syncs, ..Opening::WRITE };
                match world.actor(opening, self.random.bits()) {
                    Ok(mut actor) => {
                        actor.expects_failures = expects_failures;
                        actors.push(actor);
                    }
                    Err(_) if expects_failures => {}
                    Err(error) => return Err(describe("opening", &error)),
                }
            }
            2 if actors.len() > 1 => {
                let actor = actors.swap_remove(chosen);
                self.close(world, actor)?;
            }
            3 if actors.len() > 1 => actors[chosen].kill(None),
            4 if actors.len() > 1 => {
                let steps = self.random.below(30) as u64;
                actors[chosen].kill(Some(steps));
            }
            5 => actors[chosen].check_live()?,
            6 => {
                let seen = engine::with_reader(&world.disk, observe);
                let seen = seen.map_err(|error| describe("a reader", &error))?;
                let at = world.everything();
                world.agrees(&seen, at).map_err(|error| format!("a reader: {error}"))?;
            }
            _ => {}
        }
        self.settle(world, actors)
    }

    /// Removes dead processes, and determines which failed calls took effect.
    fn settle(&mut self, world: &World, actors: &mut Vec<Actor>) -> Verdict<()> {
        let before = actors.len();
        let expects_failures = actors.iter().any(|actor| actor.expects_failures);
        let unsettled = actors.iter().any(|actor| actor.is_unsettled);
        actors.retain(|actor| !actor.control.is_dead());
        if actors.len() < before || unsettled {
            actors.iter_mut().for_each(|actor| actor.is_unsettled = false);
            determine_outcomes(world)?;
        }
        if actors.is_empty() {
            let mut actor = world.open(self.random.bits())?;
            actor.expects_failures = expects_failures;
            actors.push(actor);
        }
        Ok(())
    }

    /// Reads while an extent is sealed and punched. The reader must not miss a point.
    fn read_while_sealing(&mut self, world: &World, mut actor: Actor) -> Verdict<Option<Actor>> {
        let rounds = 2 + self.random.below(4);
        let mut random = Random::new(self.random.bits());
        let seal = move || {
            for _ in 0..rounds {
                let call = if random.one_in(2) { Call::Tick } else { Call::Bulk };
                actor.call_in_phase(world, call)?;
            }
            Ok(Some(actor))
        };
        let look = move || {
            for _ in 0..rounds {
                let durable = world.everything().clock;
                let seen = engine::with_reader(&world.disk, observe_amid);
                let seen = seen.map_err(|error| describe("a reader during sealing", &error))?;
                let at = Snapshot { durable, ..world.everything() };
                world
                    .agrees(&seen, at)
                    .map_err(|error| format!("a reader during sealing: {error}"))?;
            }
            Ok(None)
        };
        let jobs: Vec<Box<dyn FnOnce() -> Verdict<Option<Actor>> + Send + '_>> =
            vec![Box::new(seal), Box::new(look)];
        let mut results = run_together(self.random.bits(), jobs).into_iter();
        let actor = results.next().transpose()?.flatten();
        results.next().transpose()?;
        Ok(actor)
    }

    /// Repairs the disk. Once every process has ticked, syncs must succeed again.
    fn repair_disk(&mut self, world: &World, actors: &mut Vec<Actor>) -> Verdict<()> {
        world.disk.fail_syncs(0);
        for _ in 0..4 {
            for actor in actors.iter_mut() {
                actor.expects_failures = true;
                actor.tick()?;
            }
            self.settle(world, actors)?;
        }
        let had_deaths = Arc::new(AtomicBool::new(false));
        for actor in actors.iter_mut() {
            actor.had_deaths = Arc::clone(&had_deaths);
            actor.expects_failures = false;
            actor.sync().map_err(|error| format!("after the disk was repaired: {error}"))?;
            // A process with a scheduled death may die in this sync.
            had_deaths.fetch_or(actor.control.is_dead(), Ordering::Relaxed);
        }
        self.settle(world, actors)
    }

    fn close_all(&mut self, world: &World, mut actors: Vec<Actor>) -> Verdict<()> {
        if self.random.one_in(2) {
            world.disk.set_phase(Phase::Append);
            self.repair_disk(world, &mut actors)?;
        }
        actors.into_iter().try_for_each(|actor| self.close(world, actor))
    }

    fn close(&mut self, world: &World, mut actor: Actor) -> Verdict<()> {
        let mut oracle = world.oracle.lock();
        let began = oracle.clocks.now();
        let event = oracle.issue("close");
        drop(oracle);
        actor.runs.clear();
        actor.metrics.clear();
        actor.rows.clear();
        let (control, fails) = (actor.control.clone(), actor.expects_failures);
        let had_deaths = actor.had_deaths.load(Ordering::Relaxed);
        let (moment, unsealed) = (world.moment(), world.unsealed_bytes());
        world.disk.set_phase(Phase::SealAndPunch);
        let closed = actor.database.close();
        world.end_of_sealing(moment, world.unsealed_bytes() < unsealed);
        // The other processes notice if it died in its sync.
        actor.had_deaths.fetch_or(control.is_dead(), Ordering::Relaxed);
        match closed {
            Ok(()) => {
                let mut oracle = world.oracle.lock();
                oracle.acknowledge(event);
                oracle.clocks.make_durable(began);
                Ok(())
            }
            Err(error)
                if control.is_dead()
                    || fails
                    || (had_deaths && error.kind() == ErrorKind::Poisoned) =>
            {
                control.kill();
                determine_outcomes(world)
            }
            Err(error) => Err(describe("close", &error)),
        }
    }

    /// Recovers from every captured power cut.
    fn judge(&mut self, world: &World, depth: usize) -> Verdict<()> {
        let violations = world.disk.violations();
        if !violations.is_empty() {
            return Err(violations.join("; "));
        }
        let captured = world.take_captured();
        world.disk.on_change(None);
        let oracle = world.oracle.lock().clone();
        let mut judged = HashSet::new();
        for capture in captured {
            // Check the same bytes with the same durable mark only once.
            if !judged.insert((capture.image.content_hash(), capture.at.durable)) {
                continue;
            }
            self.recover(&oracle, &capture, depth)
                .map_err(|error| format!("{error}\n  power cut at {:?}", capture.phase))?;
        }
        Ok(())
    }

    fn recover(&mut self, oracle: &Oracle, capture: &Captured, depth: usize) -> Verdict<()> {
        self.statistics.note(capture.phase, capture.image.content_hash());
        let explores_recovery = depth < DEPTH_MAX
            && match (depth, self.focus) {
                (0, Focus::Recovery | Focus::TwoRecovering) => true,
                (0, _) => self.random.one_in(60),
                _ => self.random.one_in(24),
            };
        if explores_recovery {
            let copy = capture.image.duplicate(self.random.bits());
            if self.focus == Focus::TwoRecovering {
                self.recover_together(oracle, copy, capture.at, depth)?;
            } else {
                self.recover_and_continue(oracle, copy, capture.at, depth)?;
            }
        }
        let before = capture.image.duplicate(0);
        self.recover_plainly(oracle, &capture.image, capture.at).inspect_err(|_| {
            save(&before, "cut");
            save(&capture.image, "recovered");
        })
    }

    /// Opens the image, reads, ticks, and reads again.
    fn recover_plainly(
        &mut self,
        oracle: &Oracle,
        image: &SimulatedDisk,
        at: Snapshot,
    ) -> Verdict<()> {
        if self.random.one_in(8) {
            let seen = engine::with_reader(image, observe);
            let seen = seen.map_err(|error| describe("a reader after a power cut", &error))?;
            compare(oracle, &seen, at).map_err(|error| format!("read only: {error}"))?;
        }
        let (database, control) = engine::open(image, Opening::WRITE);
        let database = database.map_err(|error| describe("recovery", &error))?;
        let seen = read(&database, "after recovery")?;
        compare(oracle, &seen, at).map_err(|error| format!("after recovery: {error}"))?;
        if self.random.one_in(6) {
            let known = oracle.after_power_cut(&seen, at);
            database.tick().map_err(|error| describe("the tick after recovery", &error))?;
            let again = read_thoroughly(&database, "after a tick")?;
            let at = Snapshot { clock: at.clock, durable: 0 };
            compare(&known, &again, at).map_err(|error| format!("after a tick: {error}"))?;
            verify(image)?;
        }
        control.kill();
        drop(database);
        no_violation(image)
    }

    /// Returns the oracle of the state after the power cut, as a reader finds it.
    fn certain(oracle: &Oracle, disk: &SimulatedDisk, at: Snapshot) -> Verdict<Oracle> {
        let seen: Observation = engine::with_reader(disk, observe)
            .map_err(|error| describe("a reader after a power cut", &error))?;
        compare(oracle, &seen, at).map_err(|error| format!("read only: {error}"))?;
        Ok(oracle.after_power_cut(&seen, at))
    }

    /// Recovers in one process, which then writes. The power may fail at any step.
    fn recover_and_continue(
        &mut self,
        oracle: &Oracle,
        disk: SimulatedDisk,
        at: Snapshot,
        depth: usize,
    ) -> Verdict<()> {
        let known = Self::certain(oracle, &disk, at)?;
        let sampling = Sampling { one_in: 1, at_once: 1, max: 30 };
        let world = World::resume(disk, known, &mut self.random, sampling);
        world.disk.set_phase(Phase::Recovery);
        let mut actor = world.open(self.random.bits())?;
        actor.tick()?;
        actor.check_live()?;
        if self.random.one_in(2) {
            actor.sync()?;
            actor.tick()?;
        }
        let mut actors = vec![actor];
        for _ in 0..self.random.below(6) {
            let call = Call::draw(Focus::Recovery, &mut self.random);
            actors[0].call_in_phase(&world, call)?;
        }
        if self.random.one_in(3) {
            self.close_all(&world, actors)?;
        }
        self.judge(&world, depth + 1)
    }

    /// Recovers in two processes at once, which then write. The power may fail at any step.
    fn recover_together(
        &mut self,
        oracle: &Oracle,
        disk: SimulatedDisk,
        at: Snapshot,
        depth: usize,
    ) -> Verdict<()> {
        let known = Self::certain(oracle, &disk, at)?;
        let sampling = Sampling { one_in: 1 + self.random.below(2), at_once: 1, max: 60 };
        let world = World::resume(disk, known, &mut self.random, sampling);
        world.disk.set_phase(Phase::TwoRecovering);
        let seed = self.random.bits();
        let dies_after = self.random.one_in(4).then(|| self.random.below(60) as u64);
        let jobs: Vec<Box<dyn FnOnce() -> Verdict<Option<Actor>> + Send + '_>> = [None, dies_after]
            .into_iter()
            .map(|dies_after| {
                let (world, seed) = (&world, self.random.bits());
                Box::new(move || one_of_two(world, seed, dies_after)) as Box<_>
            })
            .collect();
        let results = run_together(seed, jobs);
        let mut actors = Vec::new();
        for result in results {
            actors.extend(result?);
        }
        determine_outcomes(&world)?;
        self.judge(&world, depth + 1)
    }
}

/// Runs one of two processes that recover at once.
fn one_of_two(world: &World, seed: u64, dies_after: Option<u64>) -> Verdict<Option<Actor>> {
    let mut random = Random::new(seed);
    let mut actor = world.open(random.bits())?;
    actor.keeps_to_itself = true;
    if dies_after.is_some() {
        actor.kill(dies_after);
    }
    actor.tick()?;
    actor.check_live()?;
    // From here on it is an ordinary writer. Once both are, the recovery phase is over.
    if world.recovered.fetch_add(1, Ordering::Relaxed) == 1 {
        world.disk.set_phase(Phase::Append);
    }
    const CALLS: [Call; 14] = [
        Call::StartRun,
        Call::Point,
        Call::Row,
        Call::Params,
        Call::Tags,
        Call::Sync,
        Call::Tick,
        Call::Gc,
        Call::Artifact,
        Call::Registry,
        Call::LoggedModel,
        Call::Token,
        Call::Webhook,
        Call::View,
    ];
    for _ in 0..random.below(5) {
        if !actor.control.is_dead() {
            actor.awaits_another = world.recovered.load(Ordering::Relaxed) < 2;
            actor.call(*random.pick(&CALLS))?;
        }
    }
    if actor.control.is_dead() {
        return Ok(None);
    }
    actor.check_live()?;
    Ok(Some(actor))
}

/// Reads everything with a new reader, to determine which pending calls took effect.
fn determine_outcomes(world: &World) -> Verdict<()> {
    let (reader, control) = engine::open(&world.disk, Opening::READ);
    let reader = reader.map_err(|error| describe("a reader after a kill", &error))?;
    world.settle(&reader)?;
    control.kill();
    Ok(())
}

/// Writes the file to the real disk, to examine it with the command line after a replay.
fn save(disk: &SimulatedDisk, what: &str) {
    use tracklite::internals::storage::Storage as _;
    let Some(folder) = std::env::var_os("TRACKLITE_SIMULATOR_SAVE") else { return };
    let storage = disk.attach();
    let mut bytes = vec![0; storage.len().unwrap_or(0) as usize];
    let path = std::path::Path::new(&folder).join(format!("{what}.tracklite"));
    if storage.read_at(0, &mut bytes).is_ok() && std::fs::write(&path, bytes).is_ok() {
        println!("saved {}", path.display());
    }
}

fn no_violation(disk: &SimulatedDisk) -> Verdict<()> {
    let violations = disk.violations();
    if violations.is_empty() { Ok(()) } else { Err(violations.join("; ")) }
}

/// Checks that the engine's own verification finds no damage in a recovered file.
fn verify(disk: &SimulatedDisk) -> Verdict<()> {
    let report =
        verify_storage(Arc::new(disk.attach())).map_err(|error| describe("verify", &error))?;
    if report.is_sound() { Ok(()) } else { Err(format!("verify: {:?}", report.damages)) }
}
