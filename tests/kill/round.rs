//! One round: writers and a reader share a file. Writers are killed and replaced until enough died.

use std::collections::BTreeMap;
use std::fs;
use std::os::unix::process::ExitStatusExt as _;
use std::process::{Child, ExitStatus};
use std::thread;
use std::time::{Duration, Instant};

use rustix::process::{Pid, Signal, kill_process};
use tracklite::Database;

use crate::check::{Checker, Complaint, Counts, Fault};
use crate::ledger::{self, Page, Phase};
use crate::random::Random;
use crate::script::Life;
use crate::settings::{Deceit, Doom, Settings};

/// The number of kills between checks of the whole file, while the writers continue.
const KILLS_PER_CHECK: u64 = 75;
/// How long writers may take to exit after the stop mark.
const ENDING_PATIENCE: Duration = Duration::from_secs(120);

/// The phases in which writers must die. A round needs at least one kill in each.
const AIMED_AT: [Phase; 11] = [
    Phase::Opening,
    Phase::StartingRun,
    Phase::Points,
    Phase::Rows,
    Phase::Metadata,
    Phase::Syncing,
    Phase::Ticking,
    Phase::Closing,
    Phase::Forking,
    Phase::Purging,
    Phase::Models,
];

/// The size of a round.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Plan {
    pub(crate) writers: usize,
    pub(crate) kills: u64,
    pub(crate) has_reader: bool,
}

/// The result of a round.
#[derive(Clone, Debug, Default)]
pub(crate) struct Outcome {
    pub(crate) kills: u64,
    pub(crate) kills_by_phase: BTreeMap<Phase, u64>,
    pub(crate) lives: u64,
    /// The number of writers that were forks of others.
    pub(crate) forks: u64,
    pub(crate) looks: u64,
    pub(crate) file_bytes: u64,
    pub(crate) counts: Counts,
    pub(crate) complaints: Vec<Complaint>,
}

struct Slot {
    life: Life,
    process: Child,
}

pub(crate) struct Round {
    settings: Settings,
    plan: Plan,
    random: Random,
    checker: Checker,
    slots: Vec<Slot>,
    next_life: u64,
    /// Whether the first writers die while they open the file.
    die_at_once: bool,
    outcome: Outcome,
}

impl Round {
    pub(crate) fn new(settings: &Settings, plan: Plan) -> Self {
        Round {
            settings: settings.clone(),
            plan,
            random: Random::new(settings.seed ^ 0xD00D),
            checker: Checker::new(settings),
            slots: Vec::new(),
            next_life: 1,
            die_at_once: false,
            outcome: Outcome::default(),
        }
    }

    /// Makes the first writers die while they open the file.
    pub(crate) fn dying_at_once(mut self) -> Self {
        self.die_at_once = true;
        self
    }

    /// Runs the round to its end.
    pub(crate) fn play(mut self) -> Outcome {
        for _ in 0..self.plan.writers {
            self.start();
        }
        let reader = self.plan.has_reader.then(|| self.settings.reader().spawn());
        let reader = reader.transpose().expect("start the reader");
        let mut due = KILLS_PER_CHECK;
        while self.must_continue() {
            thread::sleep(Duration::from_millis(1 + self.random.below(120)));
            // In the end, spare the writers that are to die in a phase without a kill.
            if self.outcome.kills < self.plan.kills || self.random.below(6) == 0 {
                self.kill_one();
            }
            self.tend();
            self.gather_errors();
            if self.outcome.kills >= due {
                due += KILLS_PER_CHECK;
                self.check("while the writers continue");
            }
        }
        ledger::stop(&self.settings.ledger);
        self.wait_for_all();
        if let Some(mut reader) = reader {
            let ended = wait(&mut reader, Instant::now() + ENDING_PATIENCE);
            let is_success = ended.is_some_and(|status| status.success());
            self.expect(is_success, "the reader failed");
            self.read_reader();
        }
        self.gather_errors();
        self.check_at_the_end();
        let lives = ledger::lives(&self.settings.ledger);
        self.outcome.lives = lives.len() as u64;
        self.outcome.forks = lives.iter().filter(|life| life.child > 0).count() as u64;
        if self.plan.has_reader {
            self.expect_full_coverage();
        }
        self.outcome
    }

    /// Returns whether there are too few kills, or phases without one. Stops after three times
    /// as many kills as planned.
    fn must_continue(&self) -> bool {
        let most = if self.plan.has_reader { self.plan.kills * 3 + 100 } else { self.plan.kills };
        let is_short = self.outcome.kills < self.plan.kills || !self.phases_missed().is_empty();
        is_short && self.outcome.kills < most && self.outcome.complaints.is_empty()
    }

    fn phases_missed(&self) -> Vec<Phase> {
        let is_missed = |phase: &Phase| !self.outcome.kills_by_phase.contains_key(phase);
        AIMED_AT.into_iter().filter(is_missed).collect()
    }

    /// Complains about events that never happened, because the round proves nothing about them.
    fn expect_full_coverage(&mut self) {
        let missed = self.phases_missed();
        self.expect(missed.is_empty(), &format!("no writer was killed in {missed:?}"));
        let (looks, forks) = (self.outcome.looks, self.outcome.forks);
        self.expect(looks > 0, "the reader read nothing");
        self.expect(forks > 0, "no writer forked");
    }

    fn expect(&mut self, is_so: bool, text: &str) {
        if !is_so {
            self.outcome.complaints.push(Complaint::new(Fault::Other, text));
        }
    }

    fn start(&mut self) {
        let life = Life { number: self.next_life, child: 0 };
        self.next_life += 1;
        let doom = self.doom();
        let process = self.settings.writer(life, doom).spawn();
        self.slots.push(Slot { life, process: process.expect("start a writer") });
    }

    /// Chooses a moment for the writer's death. A kill from outside would hardly ever hit the short
    /// phases.
    fn doom(&mut self) -> Option<Doom> {
        if self.die_at_once && self.outcome.kills == 0 {
            let micros = self.random.below(12_000);
            return Some(Doom { phase: Phase::Opening, nth: 1, micros });
        }
        // Only a death between note and call reveals a writer that acknowledges early.
        let is_early = self.settings.deceit == Deceit::AcknowledgesEarly;
        let chosen = if is_early { 2 } else { self.next_life % 17 };
        let missed = self.phases_missed();
        if self.outcome.kills >= self.plan.kills && !missed.is_empty() {
            let phase = missed[self.random.below(missed.len() as u64) as usize];
            return Some(Doom { phase, nth: 1, micros: self.random.below(200) });
        }
        let (phase, often, micros) = match chosen {
            0 => (Phase::Opening, 1, 8000),
            1 => (Phase::StartingRun, 4, 300),
            2..6 => (Phase::Points, 20, 400),
            6..8 => (Phase::Rows, 10, 300),
            8 => (Phase::Metadata, 10, 100),
            9 => (Phase::Syncing, 3, 4000),
            10..12 => (Phase::Ticking, 6, 8000),
            12 => (Phase::Closing, 2, 8000),
            13 => (Phase::Forking, 1, 600),
            14 => (Phase::Purging, 1, 3000),
            15 => (Phase::Models, 4, 4000),
            _ => return None,
        };
        let nth = 1 + self.random.below(often);
        Some(Doom { phase, nth, micros: self.random.below(micros) })
    }

    /// Kills a writer, or a fork of one, at a random moment.
    fn kill_one(&mut self) {
        let living: Vec<Life> = ledger::lives(&self.settings.ledger)
            .into_iter()
            .filter(|life| !ledger::is_dead(&self.settings.ledger, *life))
            .collect();
        if living.is_empty() {
            return;
        }
        let life = living[self.random.below(living.len() as u64) as usize];
        let Some(page) = Page::read(&self.settings.ledger, life) else { return };
        if life.child > 0 && !page.has_ended() && is_running(page.process()) {
            kill(page.process());
            self.note_kill(life);
        } else if let Some(slot) = self.slots.iter_mut().find(|slot| slot.life == life) {
            // `tend` records its end.
            slot.process.kill().expect("kill a child process");
        }
    }

    fn note_kill(&mut self, life: Life) {
        self.outcome.kills += 1;
        let page = Page::read(&self.settings.ledger, life);
        let phase = page.map_or(Phase::Started, |page| page.phase());
        *self.outcome.kills_by_phase.entry(phase).or_default() += 1;
    }

    /// Replaces the writers that have ended.
    fn tend(&mut self) {
        for mut slot in std::mem::take(&mut self.slots) {
            match slot.process.try_wait().expect("check on a child process") {
                None => self.slots.push(slot),
                Some(status) => {
                    self.note_end(slot.life, status);
                    self.start();
                }
            }
        }
        self.mark_dead_forks();
    }

    fn note_end(&mut self, life: Life, status: ExitStatus) {
        if status.signal() == Some(9) {
            self.note_kill(life);
        } else if !status.success() {
            let text = format!("writer {life} ended with {status}");
            self.outcome.complaints.push(Complaint::new(Fault::Other, text));
        }
        ledger::mark_dead(&self.settings.ledger, life);
    }

    fn mark_dead_forks(&mut self) {
        let folder = &self.settings.ledger;
        for life in ledger::lives(folder).into_iter().filter(|life| life.child > 0) {
            let page = Page::read(folder, life);
            // The page of a fork that was killed early may not have its process id yet.
            let process = page.map_or(0, |page| page.process());
            if process > 0 && !ledger::is_dead(folder, life) && !is_running(process) {
                ledger::mark_dead(folder, life);
            }
        }
    }

    fn wait_for_all(&mut self) {
        let deadline = Instant::now() + ENDING_PATIENCE;
        for mut slot in std::mem::take(&mut self.slots) {
            match wait(&mut slot.process, deadline) {
                Some(status) => self.note_end(slot.life, status),
                None => {
                    let place = stack_of(slot.process.id());
                    slot.process.kill().expect("kill a child process");
                    slot.process.wait().expect("wait for a child process");
                    ledger::mark_dead(&self.settings.ledger, slot.life);
                    self.expect(false, &format!("writer {} hangs: {place}", slot.life));
                }
            }
        }
        while self.running_forks().next().is_some() && Instant::now() < deadline {
            thread::sleep(Duration::from_millis(20));
        }
        let left: Vec<_> = self.running_forks().collect();
        for (life, process) in left {
            let place = stack_of(process);
            kill(process);
            self.expect(false, &format!("writer {life} hangs: {place}"));
        }
        self.mark_dead_forks();
    }

    fn running_forks(&self) -> impl Iterator<Item = (Life, u32)> + '_ {
        let lives = ledger::lives(&self.settings.ledger).into_iter().filter(|life| life.child > 0);
        let process = |life| Some((life, Page::read(&self.settings.ledger, life)?.process()));
        lives.filter_map(process).filter(|(_, process)| *process > 0 && is_running(*process))
    }

    /// Collects the error files of writers and the reader.
    fn gather_errors(&mut self) {
        let entries = fs::read_dir(&self.settings.ledger).expect("list the folder of the ledger");
        let entries = entries.flatten();
        for path in entries.map(|entry| entry.path()) {
            if path.extension().is_some_and(|extension| extension == "error") {
                let text = fs::read_to_string(&path).unwrap_or_default();
                let fault = match text.split(':').next() {
                    Some("Lost") => Fault::Lost,
                    Some("Altered") => Fault::Altered,
                    _ => Fault::Other,
                };
                self.outcome.complaints.push(Complaint::new(fault, text));
                fs::remove_file(path).expect("remove the error file");
            }
        }
    }

    fn read_reader(&mut self) {
        let text = fs::read_to_string(self.settings.ledger.join("reader.done"));
        let text = text.unwrap_or_default();
        let looks = text.split(' ').next().and_then(|looks| looks.parse().ok());
        self.outcome.looks = looks.unwrap_or(0);
    }

    fn check(&mut self, when: &str) {
        let database = self.settings.builder().read_only(true).open(&self.settings.file);
        let mut complaints = Vec::new();
        let checked = database.and_then(|database| self.checker.check(&database, &mut complaints));
        let located = |complaint: Complaint| {
            Complaint::new(complaint.fault, format!("{when}: {}", complaint.text))
        };
        self.outcome.complaints.extend(complaints.into_iter().map(located));
        match checked {
            Ok(counts) => self.outcome.counts = counts,
            Err(error) => self.expect(false, &format!("{when}: {error}")),
        }
    }

    /// Checks the file after all writers died, then after the janitor, then after a vacuum.
    fn check_at_the_end(&mut self) {
        let file = self.settings.file.clone();
        self.check("after the last writer");
        self.verify("after the last writer", false);
        let clean_up = || -> tracklite::Result<usize> {
            let database = self.settings.builder().background(false).open(&file)?;
            let mut ticks = 0;
            // One writer is this process. An interrupted sync takes a few more ticks.
            while database.info()?.writers.len() > 1 && ticks < 10_000 {
                database.tick()?;
                ticks += 1;
            }
            let left = database.info()?.writers.len() - 1;
            database.close()?;
            Ok(left)
        };
        match clean_up() {
            Ok(left) => self.expect(left == 0, "the janitor left dead writers behind"),
            Err(error) => self.expect(false, &format!("the janitor failed: {error}")),
        }
        self.check("after the janitor");
        self.verify("after the janitor", false);
        self.outcome.file_bytes = fs::metadata(&file).map_or(0, |facts| facts.len());
        if let Err(error) = Database::vacuum(&file) {
            self.expect(false, &format!("the vacuum failed: {error}"));
        }
        let folder = file.parent().expect("the file is in a folder");
        let files = fs::read_dir(folder).expect("list the folder of the file").count();
        self.expect(files == 1, "the vacuum left another file in the folder");
        self.check("after the vacuum");
        self.verify("after the vacuum", true);
    }

    fn verify(&mut self, when: &str, is_vacuumed: bool) {
        match Database::verify(&self.settings.file) {
            Ok(report) => {
                let text = format!("{when}: verify reports {:?}", report.damages);
                self.expect(report.is_sound(), &text);
                let counted = self.outcome.counts.points;
                let text = format!("{when}: verify counts {} points, not {counted}", report.points);
                // Blocks with mostly live points keep purged ones until the vacuum.
                let is_exact = report.points == counted;
                self.expect(is_exact || (!is_vacuumed && report.points > counted), &text);
            }
            Err(error) => self.expect(false, &format!("{when}: verify failed: {error}")),
        }
    }
}

fn wait(process: &mut Child, deadline: Instant) -> Option<ExitStatus> {
    while Instant::now() < deadline {
        if let Some(status) = process.try_wait().expect("check on a child process") {
            return Some(status);
        }
        thread::sleep(Duration::from_millis(5));
    }
    None
}

fn kill(process: u32) {
    if let Some(process) = i32::try_from(process).ok().and_then(Pid::from_raw) {
        // The process may have exited in the meantime.
        let _ = kill_process(process, Signal::KILL);
    }
}

/// Returns whether the process has a running thread. Waiting for it is impossible, because a fork
/// is not a child of this process.
fn is_running(process: u32) -> bool {
    let Ok(threads) = fs::read_dir(format!("/proc/{process}/task")) else { return false };
    threads.flatten().any(|thread| {
        let stat = fs::read_to_string(thread.path().join("stat")).unwrap_or_default();
        let state = stat.rsplit(')').next().and_then(|rest| rest.trim_start().chars().next());
        !matches!(state, None | Some('Z' | 'X'))
    })
}

/// Describes where each thread of a process is blocked.
fn stack_of(process: u32) -> String {
    let threads = fs::read_dir(format!("/proc/{process}/task")).into_iter().flatten().flatten();
    let place = |path: std::path::PathBuf| {
        let read = |name| fs::read_to_string(path.join(name)).unwrap_or_default();
        format!("[{} {} {}]", read("comm").trim(), read("wchan"), read("syscall").trim())
    };
    threads.map(|thread| place(thread.path())).collect::<Vec<_>>().join(" ")
}
