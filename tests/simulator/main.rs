//! Power cuts at any step of the shipped engine, on a simulated disk, checked by an oracle.
//!
//! `TRACKLITE_SIMULATOR_STATES` sets the number of distinct states to recover from (default
//! 50,000). `TRACKLITE_SIMULATOR_SEED` replays the workload of one seed.

#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    reason = "a failed test may panic"
)]

mod artifacts;
mod backup;
mod compare;
mod endpoints;
mod engine;
mod explore;
mod jobs;
mod levels;
mod models;
mod mutants;
mod observe;
mod oracle;
mod pending;
mod points;
mod races;
mod resolve;
mod rules;
mod scenarios;
mod schedulers;
mod tables;
mod things;
mod tokens;
mod views;
mod webhooks;
mod workload;
mod world;

use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::time::Instant;

use parking_lot::Mutex;
use tracklite::internals::storage::simulated::Phase;

use explore::{Statistics, run_seed};
use workload::Focus;

/// The number of states in the tests that run for every change.
const STATES: usize = 50_000;

/// Returns the focus of a seed. Phases that need more work per state come more often.
fn focus_of(seed: u64) -> Focus {
    const TURNS: [Focus; 10] = [
        Focus::Append,
        Focus::SealAndPunch,
        Focus::Gc,
        Focus::Recovery,
        Focus::TwoRecovering,
        Focus::SealAndPunch,
        Focus::Gc,
        Focus::TwoRecovering,
        Focus::Gc,
        Focus::Gc,
    ];
    TURNS[(seed % 10) as usize]
}

/// Runs the workload of a seed. A panic of the engine is a violation too.
fn judge_seed(seed: u64, statistics: &Statistics) -> Result<(), String> {
    let run = AssertUnwindSafe(|| run_seed(seed, focus_of(seed), statistics));
    catch_unwind(run).unwrap_or_else(|panic| {
        let text = panic.downcast_ref::<String>().map(String::as_str);
        let text = text.or_else(|| panic.downcast_ref::<&str>().copied());
        Err(format!("panic: {}", text.unwrap_or("not a text")))
    })
}

fn setting(name: &str) -> Option<u64> {
    let text = std::env::var(name).ok()?;
    Some(text.parse().unwrap_or_else(|_| panic!("{name}={text} is not a number")))
}

fn report(statistics: &Statistics, seeds: u64, began: Instant) {
    let counts = statistics.counts();
    let total: usize = counts.iter().sum();
    let seconds = began.elapsed().as_secs_f64();
    let recovered = statistics.recovered.load(Ordering::Relaxed);
    println!("{total} distinct states ({recovered} recoveries) of {seeds} seeds in {seconds:.1} s");
    println!("  {} units linked by growth", statistics.grown_units.load(Ordering::Relaxed));
    for (phase, count) in Phase::ALL.iter().zip(counts) {
        let share = count as f64 * 100.0 / total.max(1) as f64;
        let bar = "#".repeat((share / 2.0) as usize);
        println!("  {:<14} {count:>9} {share:5.1} % {bar}", format!("{phase:?}"));
    }
}

#[test]
fn power_cuts_lose_nothing_durable_and_invent_nothing() {
    let statistics = Statistics::default();
    let began = Instant::now();
    if let Some(seed) = setting("TRACKLITE_SIMULATOR_SEED") {
        world::IS_TRACING.store(true, Ordering::Relaxed);
        let verdict = judge_seed(seed, &statistics);
        report(&statistics, 1, began);
        return verdict.unwrap();
    }
    let wanted = setting("TRACKLITE_SIMULATOR_STATES").map_or(STATES, |states| states as usize);
    let next = AtomicU64::new(0);
    let is_over = AtomicBool::new(false);
    let violation = Mutex::new(None);
    // Every seed yields dozens of states. If this many seeds do not suffice, a phase is missed.
    let max_seeds = wanted as u64;
    let work = || {
        while !is_over.load(Ordering::Relaxed) {
            let seed = next.fetch_add(1, Ordering::Relaxed);
            if let Err(error) = judge_seed(seed, &statistics) {
                violation.lock().get_or_insert((seed, error));
            }
            let counts = statistics.counts();
            let enough = counts.iter().sum::<usize>() >= wanted
                && counts.iter().all(|&count| count >= wanted / 10);
            if enough || seed >= max_seeds || violation.lock().is_some() {
                is_over.store(true, Ordering::Relaxed);
            }
        }
    };
    let threads = std::thread::available_parallelism().map_or(1, usize::from);
    std::thread::scope(|scope| (0..threads).for_each(|_| drop(scope.spawn(work))));
    report(&statistics, next.load(Ordering::Relaxed), began);
    if let Some((seed, error)) = violation.into_inner() {
        panic!(
            "seed {seed}: {error}\nreplay with TRACKLITE_SIMULATOR_SEED={seed} cargo test \
             --release --features internals --test simulator power_cuts -- --nocapture"
        );
    }
    let counts = statistics.counts();
    assert!(counts.iter().sum::<usize>() >= wanted, "too few distinct states");
    assert!(counts.iter().all(|&count| count >= wanted / 10), "a phase has too few states");
    let grown = statistics.grown_units.load(Ordering::Relaxed);
    assert!(grown > 0, "no chain grew beyond a unit");
}

#[test]
fn a_damaged_chain_is_not_accepted_as_a_shorter_one() {
    for seed in 0..300 {
        scenarios::damaged_chain(seed).unwrap_or_else(|error| panic!("seed {seed}: {error}"));
    }
}

#[test]
fn a_backup_of_a_live_file_is_a_snapshot_and_survives_a_power_cut() {
    for seed in 0..200 {
        backup::backup(seed).unwrap_or_else(|error| panic!("seed {seed}: {error}"));
    }
}

#[test]
fn interval_syncs_survive_power_cuts() {
    for seed in 0..20 {
        let kept = rules::interval_syncs_survive_power_cuts(seed);
        kept.unwrap_or_else(|error| panic!("seed {seed}: {error}"));
    }
}

#[test]
fn gc_during_a_restore_keeps_the_run_or_reports_it_missing() {
    for seed in 0..150 {
        let outcome = races::gc_during_restore(seed);
        outcome.unwrap_or_else(|error| panic!("seed {seed}: {error}"));
    }
}

#[test]
fn only_one_of_two_processes_moves_an_alias() {
    for seed in 0..150 {
        races::alias_movers(seed).unwrap_or_else(|error| panic!("seed {seed}: {error}"));
    }
}

#[test]
fn acknowledged_models_survive_a_power_cut() {
    for seed in 0..100 {
        models::models_alone(seed).unwrap_or_else(|error| panic!("seed {seed}: {error}"));
    }
}

#[test]
fn levels_and_their_content_are_renamed_at_once() {
    for seed in 0..100 {
        let outcome = levels::renamed_levels(seed);
        outcome.unwrap_or_else(|error| panic!("seed {seed}: {error}"));
    }
}

#[test]
fn each_write_of_rows_is_there_whole_or_not_at_all() {
    for seed in 0..100 {
        tables::table_writes(seed).unwrap_or_else(|error| panic!("seed {seed}: {error}"));
    }
}

#[test]
fn schedulers_lose_and_double_nothing_by_a_death_and_a_power_cut() {
    for seed in 0..60 {
        let outcome = schedulers::schedulers(seed);
        outcome.unwrap_or_else(|error| panic!("seed {seed}: {error}"));
    }
}

#[test]
fn unsynced_frames_lost_before_a_link_are_not_damage() {
    for seed in 0..40 {
        let outcome = rules::power_cut_after_growth(seed);
        outcome.unwrap_or_else(|error| panic!("seed {seed}: {error}"));
    }
}

#[test]
fn an_index_newer_than_its_chain_is_rebuilt() {
    let folder = tempfile::tempdir().unwrap();
    for seed in 0..60 {
        scenarios::outlived_index(seed, folder.path())
            .and_then(|()| scenarios::index_of_another_branch(seed, folder.path()))
            .unwrap_or_else(|error| panic!("seed {seed}: {error}"));
    }
}
