//! A writer process: follows its script, and records each call that returned.

use std::collections::HashMap;
use std::fs;
use std::path::PathBuf;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, AtomicUsize, Ordering};
use std::thread::{self, Thread};
use std::time::{Duration, Instant};

use tracklite::internals::forking;
use tracklite::internals::mutant::{self, Mutant};
use tracklite::{Database, ErrorKind, LoggedModelId, MetricPoint, Result, Run, Timestamp};

use crate::files;
use crate::ledger::{self, Ledger, Page, Phase};
use crate::models;
use crate::script::{self, Fate, Life, Model, Op, Progress, Replay, Script};
use crate::settings::{Deceit, Doom, Settings};

/// A cheating writer cheats in one of this many calls.
const DECEIT_EVERY: u64 = 200;
/// How long a writer that acknowledges early waits before it makes the call.
const EARLY: Duration = Duration::from_micros(50);

/// Kills the process at a moment that another process could hardly hit.
struct Executioner {
    doom: Doom,
    phase: Arc<AtomicUsize>,
    entered: AtomicU64,
    thread: Thread,
}

impl Executioner {
    fn new(doom: Doom) -> Self {
        let phase = Arc::new(AtomicUsize::new(Phase::Started as usize));
        let current = Arc::clone(&phase);
        let work = move || {
            loop {
                thread::park();
                let began = Instant::now();
                while began.elapsed() < Duration::from_micros(doom.micros) {
                    std::hint::spin_loop();
                }
                // The phase may have ended already. Then wait for the next one of its kind.
                if current.load(Ordering::Relaxed) == doom.phase as usize {
                    forking::kill_self();
                }
            }
        };
        let thread = thread::spawn(work).thread().clone();
        Executioner { doom, phase, entered: AtomicU64::new(0), thread }
    }

    fn enter(&self, phase: Phase) {
        self.phase.store(phase as usize, Ordering::Relaxed);
        if phase == self.doom.phase
            && self.entered.fetch_add(1, Ordering::Relaxed) + 1 >= self.doom.nth
        {
            self.thread.unpark();
        }
    }
}

struct Writer<'a> {
    settings: &'a Settings,
    life: Life,
    ledger: Ledger,
    executioner: Option<Executioner>,
    database: Option<Database>,
    runs: HashMap<u32, Run>,
    ids: HashMap<u32, tracklite::RunId>,
    /// The logged models that it created.
    logged: HashMap<u32, LoggedModelId>,
    done: u64,
    has_adopted: bool,
}

/// Runs the writer process.
pub(crate) fn main(settings: &Settings, life: Life, doom: Option<Doom>) -> ! {
    let mutant = match settings.deceit {
        Deceit::DefinesLate => Some(Mutant::DefinitionAfterUse),
        Deceit::NeverLooksAgain => Some(Mutant::UndecidedAppend),
        _ => None,
    };
    let cleanly = mutant::with_mutant(mutant, || live(settings, life, doom));
    std::process::exit(i32::from(!cleanly));
}

/// Runs one writer to its end. Writes a failure next to the ledger. Returns whether it succeeded.
fn live(settings: &Settings, life: Life, doom: Option<Doom>) -> bool {
    let ledger = Ledger::create(&settings.ledger, life).expect("create the ledger");
    let mut writer = Writer {
        settings,
        life,
        ledger,
        executioner: doom.map(Executioner::new),
        database: None,
        runs: HashMap::new(),
        ids: HashMap::new(),
        logged: HashMap::new(),
        done: 0,
        has_adopted: false,
    };
    match writer.follow_script() {
        Ok(()) => true,
        Err(text) => {
            complain(settings, life, &text);
            // The state of its engine is unknown, so nothing may be closed.
            std::mem::forget(writer);
            false
        }
    }
}

/// Writes a failure to a file that the coordinator finds.
pub(crate) fn complain(settings: &Settings, life: Life, text: &str) {
    let path: PathBuf = settings.ledger.join(format!("{life}.error"));
    let text = format!("writer {life}: {text}");
    fs::write(path, text).expect("write into the folder of the ledger");
}

impl Writer<'_> {
    fn follow_script(&mut self) -> std::result::Result<(), String> {
        let mut script = Script::new(self.settings.seed, self.life);
        for ops in 0.. {
            let op = script.next();
            let is_stopped = ledger::is_stopped(&self.settings.ledger);
            let op = if is_stopped { Op::End { cleanly: true } } else { op };
            self.enter(phase_of(op));
            if let Op::End { cleanly } = op {
                return self.end(cleanly).map_err(|error| describe(op, &error));
            }
            self.perform(op, ops).map_err(|error| describe(op, &error))?;
            self.ledger.acknowledge(Progress { ops: ops + 1, calls: 0 });
            script.model.apply(self.life, op, op.calls());
        }
        Ok(())
    }

    fn enter(&self, phase: Phase) {
        self.ledger.set_phase(phase);
        if let Some(executioner) = &self.executioner {
            executioner.enter(phase);
        }
    }

    fn database(&self) -> &Database {
        self.database.as_ref().expect("the script begins with open")
    }

    fn perform(&mut self, op: Op, ops: u64) -> Result<()> {
        if self.settings.deceit == Deceit::AcknowledgesEarly && op.calls() == 1 {
            self.ledger.acknowledge(Progress { ops: ops + 1, calls: 0 });
        }
        match op {
            Op::Open => self.open(),
            Op::Close => self.close(),
            Op::Start { run } => self.start(run),
            Op::Resume { run } => self.resume(run),
            Op::Points { .. } | Op::ClockPoints { .. } | Op::Rows { .. } => self.log(op, ops),
            Op::Params { run, number } => {
                self.runs[&run].log_params(script::params(self.life, run, number))
            }
            Op::Tags { run, number } => {
                self.runs[&run].set_tags(script::tags(self.life, run, number))
            }
            Op::Untag { run } => self.runs[&run].delete_tag("last"),
            Op::Artifact { run, number } => {
                let (path, bytes) = files::artifact(self.life, run, number);
                let artifacts = self.runs[&run].artifacts();
                until_recovered(|| artifacts.log_bytes(&bytes, &path))
            }
            Op::Model { change, number } => {
                let run = match change {
                    models::Change::Version { run } => self.runs.get(&run),
                    _ => None,
                };
                let database = self.database.as_ref().expect("the script begins with open");
                let what = (self.life, change, number);
                models::perform(database, what, run, &mut self.logged, &self.ledger)
            }
            Op::Finish { run } => match self.runs.remove(&run) {
                Some(run) => tolerate_failed_sync(run.finish()),
                None => Ok(()),
            },
            Op::Delete { run } => {
                self.runs.remove(&run);
                self.database().delete_run(self.ids[&run])
            }
            Op::Restore { run } => self.restore(run),
            Op::Gc => tolerate_failed_sync(self.database().gc().map(drop)),
            Op::Adopt { pick, count } => self.adopt(pick, count),
            Op::Sync => tolerate_failed_sync(self.database().sync()),
            Op::Tick => tolerate_failed_sync(self.database().tick()),
            Op::Pause { micros } => {
                thread::sleep(Duration::from_micros(micros));
                Ok(())
            }
            Op::Fork { child } => {
                self.fork(child);
                Ok(())
            }
            Op::End { .. } => Ok(()),
        }
    }

    fn open(&mut self) -> Result<()> {
        // Some writers have no background thread, and only tick explicitly.
        let has_thread = !self.life.number.is_multiple_of(3);
        let builder = self.settings.builder_of(self.life).create(true).background(has_thread);
        self.database = Some(builder.open(&self.settings.file)?);
        Ok(())
    }

    fn close(&mut self) -> Result<()> {
        self.runs.clear();
        let closed = self.database.take().map(Database::close);
        closed.map_or(Ok(()), tolerate_failed_sync)
    }

    fn start(&mut self, number: u32) -> Result<()> {
        let experiment = self.database().experiment(&format!("/by/{}", self.life.number % 5))?;
        let name = self.life.run_name(number);
        let run = experiment.new_run().name(&name).params(script::params(self.life, number, 0));
        let run = run.tags(script::tags(self.life, number, 0)).start()?;
        self.ledger.set_run(number, run.id());
        self.ids.insert(number, run.id());
        self.runs.insert(number, run);
        Ok(())
    }

    fn resume(&mut self, number: u32) -> Result<()> {
        let run = self.database().resume_run(self.ids[&number])?;
        self.runs.insert(number, run);
        Ok(())
    }

    /// Restores a run. A run that another process purged cannot be restored.
    fn restore(&mut self, number: u32) -> Result<()> {
        match self.database().restore_run(self.ids[&number]) {
            Err(error) if error.kind() == ErrorKind::NotFound => Ok(()),
            Err(error) => Err(error),
            Ok(()) => {
                self.ledger.set_restored(number);
                Ok(())
            }
        }
    }

    /// Resumes a run of a dead process, at most once per writer, and logs to it.
    fn adopt(&mut self, pick: u64, count: u64) -> Result<()> {
        let folder = &self.settings.ledger;
        if self.has_adopted {
            return Ok(());
        }
        let dead: Vec<Life> = ledger::lives(folder)
            .into_iter()
            .filter(|life| *life != self.life && ledger::is_dead(folder, *life))
            .collect();
        let Some(&life) = dead.get((pick % dead.len().max(1) as u64) as usize) else {
            return Ok(());
        };
        let Some(page) = Page::read(folder, life) else { return Ok(()) };
        let expected = Replay::new(self.settings.seed, life).at(page.progress());
        // The call in flight may have been the deletion.
        let is_kept = |run: &u32| {
            let fate = |model: &Model| model.runs[*run as usize].fate;
            fate(&expected.acknowledged) == Fate::Kept && fate(&expected.in_flight) == Fate::Kept
        };
        let mut runs = 0..expected.acknowledged.runs.len() as u32;
        let Some(number) = runs.rfind(is_kept) else { return Ok(()) };
        self.has_adopted = true;
        self.ledger.set_adopted(folder, life, number);
        let run = self.database().resume_run(page.run(number))?;
        let key = script::adopted_key(self.life);
        let seed = script::series_seed(self.life, number, &key);
        run.set_tag(&key, count)?;
        let metric = run.metric(&key)?;
        for step in 0..count {
            let time = Timestamp::from_nanos(script::time(step));
            metric.log_at(script::series_value(seed, step), step as i64, time)?;
            self.ledger.acknowledge_adopted(step + 1);
        }
        Ok(())
    }

    /// Logs the points or rows of an operation, call by call.
    fn log(&mut self, op: Op, ops: u64) -> Result<()> {
        match op {
            Op::Points { run, key, first, count } => {
                let key = script::point_key(key);
                let seed = script::series_seed(self.life, run, &key);
                let metric = self.runs[&run].metric(&key)?;
                self.calls(ops, first, count, |step, flip| {
                    let value = altered(script::series_value(seed, step), flip);
                    let time = Timestamp::from_nanos(script::time(step));
                    if step % 7 > 0 {
                        return metric.log_at(value, step as i64, time);
                    }
                    metric.log_points(&[MetricPoint { step: step as i64, time, value }])
                })
            }
            Op::ClockPoints { run, key, first, count } => {
                let key = script::clock_key(key);
                let seed = script::series_seed(self.life, run, &key);
                let run = self.runs[&run].clone();
                self.calls(ops, first, count, |step, flip| {
                    run.log_metric(
                        &key,
                        altered(script::series_value(seed, step), flip),
                        step as i64,
                    )
                })
            }
            Op::Rows { run, row, first, count } => {
                let keys = script::row_keys(row);
                let keys: Vec<&str> = keys.iter().map(String::as_str).collect();
                let seeds: Vec<u64> =
                    keys.iter().map(|key| script::series_seed(self.life, run, key)).collect();
                let handle = self.runs[&run].metric_row(&keys)?;
                let mut values = vec![0.0; keys.len()];
                self.calls(ops, first, count, |step, flip| {
                    for (value, seed) in values.iter_mut().zip(&seeds) {
                        *value = script::series_value(*seed, step);
                    }
                    values[0] = altered(values[0], flip);
                    let time = Timestamp::from_nanos(script::time(step));
                    handle.log_at(&values, step as i64, time)
                })
            }
            _ => Ok(()),
        }
    }

    /// Makes the calls of one operation, and records each when it has returned.
    fn calls(
        &mut self,
        ops: u64,
        first: u64,
        count: u64,
        mut call: impl FnMut(u64, bool) -> Result<()>,
    ) -> Result<()> {
        let deceit = self.settings.deceit;
        for calls in 1..=count {
            let progress = Progress { ops, calls };
            let step = first + calls - 1;
            self.done += 1;
            let is_wrong = self.done.is_multiple_of(DECEIT_EVERY);
            if deceit == Deceit::AcknowledgesEarly {
                self.ledger.acknowledge(progress);
                // It spends nearly all its time between the note and the call.
                thread::sleep(EARLY);
            }
            if !(is_wrong && deceit == Deceit::SkipsCalls) {
                call(step, is_wrong && deceit == Deceit::AltersValues)?;
            }
            if is_wrong && deceit == Deceit::RepeatsCalls {
                call(step, false)?;
            }
            self.ledger.acknowledge(progress);
        }
        Ok(())
    }

    /// Forks a child. It checks that inherited handles fail, and then opens the file again.
    fn fork(&self, child: u64) {
        let life = Life { child, ..self.life };
        let _process = forking::start(|| {
            // The child must not touch the engine of its parent. The handles must fail.
            match self.inherited_handles_fail() {
                Ok(()) => live(self.settings, life, None),
                Err(text) => {
                    complain(self.settings, life, &text);
                    false
                }
            }
        });
    }

    fn inherited_handles_fail(&self) -> std::result::Result<(), String> {
        let mut answers = vec![
            ("sync", self.database().sync()),
            ("tick", self.database().tick()),
            ("experiments", self.database().experiments().map(drop)),
        ];
        for run in self.runs.values() {
            answers.push(("log_metric", run.log_metric("inherited", 1.0, 0)));
            answers.push(("set_tag", run.set_tag("inherited", "1")));
        }
        for (call, answer) in answers {
            let kind = answer.as_ref().err().map(tracklite::Error::kind);
            if kind != Some(ErrorKind::Forked) {
                return Err(format!("{call} through an inherited handle returned {answer:?}"));
            }
        }
        Ok(())
    }

    fn end(&mut self, cleanly: bool) -> Result<()> {
        let ended = if cleanly { self.close() } else { Ok(()) };
        if ended.is_ok() {
            self.ledger.set_ended();
        }
        if !cleanly {
            // Like a return from `main` with all handles leaked.
            std::mem::forget(self.database.take());
            std::mem::forget(std::mem::take(&mut self.runs));
        }
        ended
    }
}

fn altered(value: f64, flip: bool) -> f64 {
    if flip { f64::from_bits(value.to_bits() ^ 1) } else { value }
}

/// Retries while the file is poisoned, because a process was killed during a sync.
pub(crate) fn until_recovered(work: impl Fn() -> Result<()>) -> Result<()> {
    loop {
        match work() {
            Err(error) if error.kind() == ErrorKind::Poisoned => {}
            other => return other,
        }
    }
}

/// Accepts `Poisoned`. A writer killed during a sync makes the next syncs of all others fail until
/// each has rewritten its pages. No logged data is lost.
pub(crate) fn tolerate_failed_sync(outcome: Result<()>) -> Result<()> {
    match outcome {
        Err(error) if error.kind() == ErrorKind::Poisoned => Ok(()),
        other => other,
    }
}

fn describe(op: Op, error: &tracklite::Error) -> String {
    let mut text = format!("{op:?}: {:?}: {error}", error.kind());
    let mut source = std::error::Error::source(error);
    while let Some(cause) = source {
        text.push_str(&format!(": {cause}"));
        source = cause.source();
    }
    text
}

fn phase_of(op: Op) -> Phase {
    match op {
        Op::Open => Phase::Opening,
        Op::Start { .. } | Op::Resume { .. } => Phase::StartingRun,
        Op::Points { .. } | Op::ClockPoints { .. } => Phase::Points,
        Op::Rows { .. } => Phase::Rows,
        Op::Params { .. } | Op::Tags { .. } | Op::Untag { .. } => Phase::Metadata,
        Op::Artifact { .. } => Phase::Syncing,
        Op::Model { .. } => Phase::Models,
        Op::Delete { .. } | Op::Restore { .. } => Phase::Metadata,
        Op::Gc => Phase::Purging,
        Op::Adopt { .. } => Phase::Points,
        Op::Sync | Op::Finish { .. } => Phase::Syncing,
        Op::Tick => Phase::Ticking,
        Op::Close | Op::End { .. } => Phase::Closing,
        Op::Fork { .. } => Phase::Forking,
        Op::Pause { .. } => Phase::Pausing,
    }
}
