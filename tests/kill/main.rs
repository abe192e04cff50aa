//! `kill -9` of any process at any moment loses nothing that was acknowledged and alters nothing.
//!
//! Sixteen writers and a live reader share one file; writers fork children that log too; they are
//! killed at random moments and started again. What was acknowledged is noted in other memory.
//!
//! `TRACKLITE_KILLS` sets how many kills there are to be (default 300), `TRACKLITE_KILL_SEED` what
//! the scripts are made from. With words as arguments only the parts whose names hold one are run.

#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    reason = "a test that cannot go on has failed"
)]

mod check;
mod files;
mod ledger;
mod models;
mod random;
mod reader;
mod round;
mod script;
mod settings;
mod writer;

use std::path::{Path, PathBuf};
use std::process::ExitCode;
use std::time::Instant;

use check::Fault;
use round::{Outcome, Plan, Round};
use script::Life;
use settings::{Deceit, Role, Settings};

/// Kills in the tests that run with every change.
const KILLS: u64 = 300;
/// Kills on one file; then a new one is begun.
const KILLS_PER_ROUND: u64 = 250;
/// The writers at once on one file.
const WRITERS: usize = 16;

/// A part of the test: its name, and whether it went well.
type Part = (&'static str, fn() -> bool);

fn main() -> ExitCode {
    match settings::role() {
        Role::Writer { settings, life, doom } => writer::main(&settings, life, doom),
        Role::Reader { settings } => reader::main(&settings),
        Role::Coordinator => coordinate(),
    }
}

fn coordinate() -> ExitCode {
    let words: Vec<String> =
        std::env::args().skip(1).filter(|word| !word.starts_with('-')).collect();
    let parts: [Part; 4] = [
        ("oracle_sees_deceit", oracle_sees_deceit),
        ("creation", creation),
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

/// The folder of a round's file, and the one of its ledger, which lies in memory where possible.
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
            file: tempfile::tempdir().expect("a temporary folder can be made"),
            ledger: ledger.expect("a temporary folder can be made"),
        }
    }

    fn settings(&self, seed: u64, deceit: Deceit, is_positioned: bool) -> Settings {
        let file: PathBuf = self.file.path().join("runs.tracklite");
        let ledger = self.ledger.path().join("ledger");
        std::fs::create_dir(&ledger).expect("the folder is ours");
        Settings { file, ledger, seed, deceit, is_positioned }
    }

    /// Leaves the files where they are, for whoever looks into a failure.
    fn keep(self) {
        println!("the file is kept in {}", self.file.keep().display());
        println!("the ledger is kept in {}", self.ledger.keep().display());
    }
}

/// Two thirds of the kills on the mapped path, one third on the positioned one.
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
    let count = |fault| complaints.iter().filter(|it| it.fault == fault).count();
    println!(
        "{kills} kills of {lives} writers, {forks} of them forks, {} points in {} series of {} \
         runs, {looks} looks of the reader, {:.1} s, {} MiB: {} lost, {} altered, {} other",
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
        "  {} runs purged, {} restored, {} points logged to runs of the dead",
        counts.purged, counts.restored, counts.adopted
    );
    println!(
        "  {} models and versions of writers, {} versions of the one of all, {} moves of its alias",
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

/// Writers that come at once to a file that is not there, some of them killed as they create it.
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
    println!("{all} kills of writers that create a file, {:.1} s", began.elapsed().as_secs_f64());
    true
}

/// Whether the oracle complains of writers that cheat.
fn is_seen(deceit: Deceit, fault: Fault, seed: u64) -> bool {
    let folders = Folders::new();
    let settings = folders.settings(seed, deceit, false);
    let kills = match deceit {
        // One that acknowledges early is honest at most moments: only deaths tell.
        Deceit::AcknowledgesEarly => 36,
        Deceit::NeverLooksAgain => 60,
        _ => 3,
    };
    let plan = Plan { writers: 6, kills, has_reader: false };
    let outcome = Round::new(&settings, plan).play();
    // What was noted and not done may be a tag that is the old one, or a run not deleted.
    let is_early = deceit == Deceit::AcknowledgesEarly;
    let is_it = |it: Fault| it == fault || (is_early && it == Fault::Altered);
    let seen = outcome.complaints.iter().filter(|it| is_it(it.fault)).count();
    println!("{deceit:?}: {seen} complaints in {} kills", outcome.kills);
    if seen == 0 {
        report(&outcome, Instant::now());
    }
    seen > 0
}

/// An oracle that never complains proves nothing: each way to cheat must be seen.
fn oracle_sees_deceit() -> bool {
    for (deceit, fault) in [
        (Deceit::AcknowledgesEarly, Fault::Lost),
        (Deceit::SkipsCalls, Fault::Lost),
        (Deceit::RepeatsCalls, Fault::Altered),
        (Deceit::AltersValues, Fault::Altered),
        (Deceit::DefinesLate, Fault::Lost),
        (Deceit::NeverLooksAgain, Fault::Altered),
    ] {
        // Whether two meet within the microseconds that one of them needs is not in our hands.
        let rounds = if deceit == Deceit::NeverLooksAgain { 6 } else { 1 };
        if !(0..rounds).any(|round| is_seen(deceit, fault, seed() + round)) {
            return false;
        }
    }
    // The other way around: the same without deceit is found in order.
    let folders = Folders::new();
    let settings = folders.settings(seed(), Deceit::None, false);
    let outcome = Round::new(&settings, Plan { writers: 6, kills: 3, has_reader: false }).play();
    outcome.complaints.iter().for_each(|complaint| println!("{complaint}"));
    let life = Life { number: 1, child: 0 };
    let name = life.run_name(0);
    assert_eq!(script::parse_run_name(&name), Some((life, 0)));
    outcome.complaints.is_empty()
}
