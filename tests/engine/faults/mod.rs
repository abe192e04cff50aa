//! Fails the Nth storage call, once or from then on. The result must be an error, and nothing
//! acknowledged may be lost.
//!
//! `TRACKLITE_FAULTS_ALL=1` fails every call. By default, of a kind with many calls only the first
//! and a sample of the others fail.

mod files;
mod journal;
mod poison;
mod scenarios;
mod world;

use std::panic::{AssertUnwindSafe, catch_unwind};

use tracklite::internals::storage::{CallKind, Failure, Fault};

use self::scenarios::Scenario;
use self::world::World;

/// Up to this number every call of a kind fails, beyond it only a sample.
const EVERY_ONE_UP_TO: u64 = 24;

/// Returns how calls of a kind can fail.
fn failures_of(kind: Option<CallKind>) -> &'static [Failure] {
    match kind {
        Some(CallKind::Write | CallKind::Allocate) => {
            &[Failure::StorageFull, Failure::Io, Failure::Short]
        }
        Some(CallKind::Store) => &[Failure::StorageFull, Failure::Short],
        Some(CallKind::Sync) => &[Failure::StorageFull, Failure::Io],
        _ => &[Failure::Io],
    }
}

/// Returns whether a call may succeed despite the fault. A lock that cannot be released is held
/// until the process ends, and space that cannot be allocated comes from the reserve.
fn may_pass(kind: Option<CallKind>) -> bool {
    matches!(kind, None | Some(CallKind::Lock | CallKind::Allocate))
}

/// Returns whether sealing may succeed despite the fault. If the disk is full once, sealing the
/// extents one by one makes room.
fn sealing_may_pass(fault: Fault) -> bool {
    let is_full = matches!(fault.failure, Failure::StorageFull | Failure::Short);
    fault.kind == Some(CallKind::Write) && is_full && !fault.for_ever
}

/// Returns the numbers of the calls to fail, out of `count`.
fn numbers(count: u64) -> impl Iterator<Item = u64> {
    let stride = match crate::setting("TRACKLITE_FAULTS_ALL") {
        Some(1..) => 1,
        _ => (count / 24).max(1),
    };
    (1..=count).filter(move |nth| *nth <= EVERY_ONE_UP_TO || nth.is_multiple_of(stride))
}

/// Plays the scenario with a fault, closes the file, and checks its contents.
fn play(scenario: &Scenario, fault: Option<Fault>) -> Result<World, String> {
    let mut world = World::new();
    let played = || {
        (scenario.prepare)(&mut world);
        world.may_pass = fault.is_some_and(|fault| may_pass(fault.kind));
        world.sealing_may_pass = fault.is_some_and(sealing_may_pass);
        if let Some(fault) = fault {
            world.faults.arm(fault);
        }
        (scenario.play)(&mut world);
        world.check().map_err(|error| format!("{error}; failed calls: {:?}", world.errors))
    };
    caught(played).map(|()| world)
}

/// Runs the work. Turns a panic into an error.
fn caught<T>(work: impl FnOnce() -> Result<T, String>) -> Result<T, String> {
    catch_unwind(AssertUnwindSafe(work)).unwrap_or_else(|panic| {
        let text = panic.downcast_ref::<String>().map(String::as_str);
        let text = text.or_else(|| panic.downcast_ref::<&str>().copied());
        Err(format!("panic: {}", text.unwrap_or("not a text")))
    })
}

fn fail_every_call(scenario: &Scenario) {
    let whole = play(scenario, None).unwrap_or_else(|error| panic!("without a fault: {error}"));
    assert_eq!(whole.errors, [""; 0]);
    let mut played = 0;
    let mut wrong = Vec::new();
    let kinds = CallKind::ALL.into_iter().map(Some).chain([None]);
    for kind in kinds {
        let count = kind.map_or(whole.faults.all_calls(), |kind| whole.faults.calls(kind));
        for nth in numbers(count) {
            for (failure, for_ever) in
                failures_of(kind).iter().flat_map(|failure| [(*failure, false), (*failure, true)])
            {
                let fault = Fault { kind, nth, failure, for_ever };
                played += 1;
                if let Err(error) = play(scenario, Some(fault)) {
                    wrong.push(format!("{fault:?}: {error}"));
                }
            }
        }
    }
    println!("{}: {played} faults in {} calls", scenario.name, whole.faults.all_calls());
    let shown = wrong.iter().take(20).map(String::as_str).collect::<Vec<_>>().join("\n\n");
    let count = wrong.len();
    assert!(wrong.is_empty(), "{}: {count} of {played} failed:\n{shown}", scenario.name);
}

#[test]
fn faults_while_runs_are_logged_and_finished() {
    fail_every_call(&scenarios::LOGGING);
}

#[test]
fn faults_while_extents_are_sealed_and_punched() {
    fail_every_call(&scenarios::SEALING);
}

#[test]
fn faults_while_two_processes_write_and_one_is_killed() {
    fail_every_call(&scenarios::TWO_PROCESSES);
}

#[test]
fn faults_while_the_chain_grows_into_another_unit() {
    fail_every_call(&scenarios::CHAIN);
}

#[test]
fn faults_during_recovery() {
    fail_every_call(&scenarios::RECOVERY);
}

#[test]
fn faults_during_gc() {
    fail_every_call(&scenarios::GC);
}
