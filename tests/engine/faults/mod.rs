//! The Nth call of the storage fails, once or for ever after: an error, and nothing is lost.
//!
//! `TRACKLITE_FAULTS_ALL=1` fails every call; by default of a kind that is called often only the
//! first ones and then some.

mod files;
mod journal;
mod poison;
mod scenarios;
mod world;

use std::panic::{AssertUnwindSafe, catch_unwind};

use tracklite::storage::{CallKind, Failure, Fault};

use self::scenarios::Scenario;
use self::world::World;

/// Of each kind so many calls are failed one by one, of the others one in a few.
const EVERY_ONE_UP_TO: u64 = 24;

/// How calls of a kind fail.
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

/// Whether a call may pass although its storage failed: a lock that cannot be given back is held
/// until the process ends, and space that cannot be allocated is taken from the reserve.
fn may_pass(kind: Option<CallKind>) -> bool {
    matches!(kind, None | Some(CallKind::Lock | CallKind::Allocate))
}

/// Whether what seals may pass although its storage failed: when the disk was full once, while the
/// next extent was made ready or several were sealed, one after the other is sealed, which makes
/// room.
fn sealing_may_pass(fault: Fault) -> bool {
    let is_full = matches!(fault.failure, Failure::StorageFull | Failure::Short);
    fault.kind == Some(CallKind::Write) && is_full && !fault.for_ever
}

/// The calls that are failed of `count`.
fn numbers(count: u64) -> impl Iterator<Item = u64> {
    let stride = match crate::setting("TRACKLITE_FAULTS_ALL") {
        Some(1..) => 1,
        _ => (count / 24).max(1),
    };
    (1..=count).filter(move |nth| *nth <= EVERY_ONE_UP_TO || nth.is_multiple_of(stride))
}

/// Plays the scenario with a fault, ends it, and looks at what is left.
fn play(scenario: &Scenario, fault: Option<Fault>) -> Result<World, String> {
    let mut world = World::new();
    let played = || {
        (scenario.prepare)(&mut world);
        world.may_pass = fault.is_some_and(|it| may_pass(it.kind));
        world.sealing_may_pass = fault.is_some_and(sealing_may_pass);
        if let Some(fault) = fault {
            world.faults.arm(fault);
        }
        (scenario.play)(&mut world);
        world.check().map_err(|error| format!("{error}; calls that failed: {:?}", world.errors))
    };
    caught(played).map(|()| world)
}

/// What the work gives; a panic is an error.
fn caught<T>(work: impl FnOnce() -> Result<T, String>) -> Result<T, String> {
    catch_unwind(AssertUnwindSafe(work)).unwrap_or_else(|panic| {
        let text = panic.downcast_ref::<String>().map(String::as_str);
        let text = text.or_else(|| panic.downcast_ref::<&str>().copied());
        Err(format!("panic: {}", text.unwrap_or("of another type")))
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
                failures_of(kind).iter().flat_map(|it| [(*it, false), (*it, true)])
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
    assert!(wrong.is_empty(), "{}: {} of {played} wrong:\n{shown}", scenario.name, wrong.len());
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
fn faults_while_the_chain_goes_on_in_another_unit() {
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
