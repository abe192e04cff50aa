//! `kill -9` of any process at any moment does not lose or alter acknowledged data.
//!
//! Sixteen writers and a live reader share one file. Writers fork children that log too. Writers
//! are killed at random moments and replaced. A ledger outside the file records every acknowledged
//! call.
//!
//! `TRACKLITE_KILLS` sets the number of kills (default 300), `TRACKLITE_KILL_SEED` the seed of the
//! scripts. Arguments select the parts whose names contain one of them.

#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    reason = "a failed test may panic"
)]

mod check;
mod endpoints;
mod files;
mod jobs;
mod ledger;
mod models;
mod random;
mod reader;
mod round;
#[cfg(feature = "schedule")]
mod schedulers;
mod script;
mod settings;
mod small;
mod writer;

use std::path::{Path, PathBuf};
use std::process::ExitCode;
use std::time::Instant;

use check::Fault;
use round::{Outcome, Plan, Round};
use script::Life;
use settings::{Deceit, Role, Settings};

/// Kills in the tests that run for every change.
const KILLS: u64 = 300;
/// Kills per file. After that, a new round starts with a new file.
const KILLS_PER_ROUND: u64 = 250;
/// The number of concurrent writers.
const WRITERS: usize = 16;

/// A part of the test: its name and a function that returns whether it passed.
type Part = (&'static str, fn() -> bool);

fn main() -> ExitCode {
    #[cfg(feature = "schedule")]
    if let Some(code) = schedulers::child() {
        return code;
    }
    match settings::role() {
        Role::Writer { settings, life, doom } => writer::main(&settings, life, doom),
        Role::Reader { settings } => reader::main(&settings),
        Role::Coordinator => coordinate(),
    }
}

fn coordinate() -> ExitCode {
    let words: Vec<String> =
        std::env::args().skip(1).filter(|word| !word.starts_with('-')).collect();
    let parts: &[Part] = &[
        ("oracle_detects_cheating", oracle_detects_cheating),
        ("creation", creation),
        #[cfg(feature = "schedule")]
        ("schedulers", schedulers::schedulers),
        ("mapped", || rounds(false)),
        ("positioned", || rounds(true)),
    ];
    let mut all_passed = true;
    for (name, part) in parts {
        if words.is_empty() || words.iter().any(|word| name.contains(word.as_str())) {
            let passed = part();
            println!("test {name} ... {}", if passed { "ok" } else { "FAILED" });
            all_passed &= passed;
        }
    }
    if all_passed { ExitCode::SUCCESS } else { ExitCode::FAILURE }
}

fn number(variable: &str) -> Option<u64> {
    let text = std::env::var(variable).ok()?;
    Some(text.parse().unwrap_or_else(|_| panic!("{variable}={text} is not a number")))
}

fn seed() -> u64 {
    number("TRACKLITE_KILL_SEED").unwrap_or(1)
}

/// The folder of a round's file, and the folder of its ledger, which is in memory if possible.
struct Folders {
    file: tempfile::TempDir,
    ledger: tempfile::TempDir,
}

impl Folders {
    fn new() -> Folders {
        let memory = Path::new("/dev/shm");
        let memory = if memory.is_dir() { memory.to_owned() } else { std::env::temp_dir() };
        let ledger = tempfile::Builder::new().prefix("tracklite-kill-").tempdir_in(memory);
        Folders {
            file: tempfile::tempdir().expect("create a temporary folder"),
            ledger: ledger.expect("create a temporary folder"),
        }
    }

    fn settings(&self, seed: u64, deceit: Deceit, is_positioned: bool) -> Settings {
        let file: PathBuf = self.file.path().join("runs.tracklite");
        let ledger = self.ledger.path().join("ledger");
        std::fs::create_dir(&ledger).expect("create the folder of the ledger");
        Settings { file, ledger, seed, deceit, is_positioned }
    }

    /// Keeps the files, so that a failure can be examined.
    fn keep(self) {
        println!("the file is kept in {}", self.file.keep().display());
        println!("the ledger is kept in {}", self.ledger.keep().display());
    }
}

/// Runs two thirds of the kills on the mapped path, and one third on the positioned one.
fn rounds(is_positioned: bool) -> bool {
    let all = number("TRACKLITE_KILLS").unwrap_or(KILLS);
    let mut left = if is_positioned { all / 3 } else { all - all / 3 };
    for round in 0.. {
        if left == 0 {
            break;
        }
        let began = Instant::now();
        let kills = left.min(KILLS_PER_ROUND);
        left -= kills;
        let folders = Folders::new();
        let settings = folders.settings(seed() + 1000 * round, Deceit::None, is_positioned);
        let plan = Plan { writers: WRITERS, kills, has_reader: true };
        let outcome = Round::new(&settings, plan).play();
        report(&outcome, began);
        if !outcome.complaints.is_empty() {
            folders.keep();
            return false;
        }
    }
    true
}

fn report(outcome: &Outcome, began: Instant) {
    let Outcome { kills, kills_by_phase, lives, forks, looks, file_bytes, counts, complaints } =
        outcome;
    let count = |fault| complaints.iter().filter(|complaint| complaint.fault == fault).count();
    println!(
        "{kills} kills of {lives} writers ({forks} forks), {} points in {} series of {} runs, \
         {looks} reads by the live reader, {:.1} s, {} MiB: {} lost, {} altered, {} other",
        counts.points,
        counts.series,
        counts.runs,
        began.elapsed().as_secs_f64(),
        file_bytes >> 20,
        count(Fault::Lost),
        count(Fault::Altered),
        count(Fault::Other),
    );
    let (whole, absent) = (counts.in_flight_whole, counts.in_flight_absent);
    println!(
        "  {} runs purged, {} restored, {} points logged to runs of dead writers",
        counts.purged, counts.restored, counts.adopted
    );
    println!(
        "  {} own models and versions, {} versions and {} alias moves of the shared model",
        counts.things, counts.shared, counts.moves
    );
    println!("  calls in flight: {whole} took effect, {absent} did not; killed during:");
    for (phase, count) in kills_by_phase {
        println!("  {:<12} {count:>6}", format!("{phase:?}"));
    }
    for complaint in complaints.iter().take(20) {
        println!("  {complaint}");
    }
}

/// Lets several writers create the same file at once, and kills some of them meanwhile.
fn creation() -> bool {
    let kills = (number("TRACKLITE_KILLS").unwrap_or(KILLS) / 100).clamp(1, 1000);
    let began = Instant::now();
    let mut all = 0;
    for number in 0..kills {
        let folders = Folders::new();
        let settings = folders.settings(seed() + 77 * number, Deceit::None, number % 2 == 1);
        let plan = Plan { writers: 8, kills: 4, has_reader: false };
        let outcome = Round::new(&settings, plan).dying_at_once().play();
        all += outcome.kills;
        if !outcome.complaints.is_empty() {
            report(&outcome, began);
            folders.keep();
            return false;
        }
    }
    println!("{all} kills of writers creating a file, {:.1} s", began.elapsed().as_secs_f64());
    true
}

/// Returns whether the oracle complains about cheating writers.
fn is_seen(deceit: Deceit, fault: Fault, seed: u64) -> bool {
    let folders = Folders::new();
    let settings = folders.settings(seed, deceit, false);
    let kills = match deceit {
        // A writer that acknowledges early is caught only if it dies between note and call.
        Deceit::AcknowledgesEarly => 36,
        Deceit::NeverLooksAgain => 60,
        _ => 3,
    };
    let plan = Plan { writers: 6, kills, has_reader: false };
    let outcome = Round::new(&settings, plan).play();
    // A recorded call that was not made may show as an old tag value or a run that is not deleted.
    let is_early = deceit == Deceit::AcknowledgesEarly;
    let is_wanted = |found: Fault| found == fault || (is_early && found == Fault::Altered);
    let seen = outcome.complaints.iter().filter(|complaint| is_wanted(complaint.fault)).count();
    println!("{deceit:?}: {seen} complaints in {} kills", outcome.kills);
    if seen == 0 {
        report(&outcome, Instant::now());
    }
    seen > 0
}

/// Checks the oracle itself: it must detect each way of cheating.
fn oracle_detects_cheating() -> bool {
    for (deceit, fault) in [
        (Deceit::AcknowledgesEarly, Fault::Lost),
        (Deceit::SkipsCalls, Fault::Lost),
        (Deceit::RepeatsCalls, Fault::Altered),
        (Deceit::AltersValues, Fault::Altered),
        (Deceit::DefinesLate, Fault::Lost),
        (Deceit::NeverLooksAgain, Fault::Altered),
    ] {
        // Two writers must meet within microseconds. That may take several rounds.
        let rounds = if deceit == Deceit::NeverLooksAgain { 6 } else { 1 };
        if !(0..rounds).any(|round| is_seen(deceit, fault, seed() + round)) {
            return false;
        }
    }
    // Honest writers must pass.
    let folders = Folders::new();
    let settings = folders.settings(seed(), Deceit::None, false);
    let outcome = Round::new(&settings, Plan { writers: 6, kills: 3, has_reader: false }).play();
    outcome.complaints.iter().for_each(|complaint| println!("{complaint}"));
    let life = Life { number: 1, child: 0 };
    let name = life.run_name(0);
    assert_eq!(script::parse_run_name(&name), Some((life, 0)));
    outcome.complaints.is_empty()
}
