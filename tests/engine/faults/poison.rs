//! After a failed sync, nothing counts as durable and nothing is punched until every process has
//! rewritten its data.

use std::path::Path;
use std::time::{Duration, Instant};

use tracklite::internals::storage::{CallKind, Failure, Fault, LockMode, LockRange, Storage as _};
use tracklite::{Database, ErrorKind, IndexPlace, Result};

use super::world::{Process, ROWS_PER_EXTENT, World};
use crate::support::{File as _, Opening};

/// The lock byte of the process that seals for dead writers or makes a backup.
const MAINTENANCE: LockRange = LockRange::byte(1);

fn fail(world: &World, kind: Option<CallKind>, for_ever: bool) {
    world.faults.arm(Fault { kind, nth: 1, failure: Failure::Io, for_ever });
}

/// Fails all calls after the alarm was read and the intent written, so from the sync on.
fn fail_from_the_sync_on(world: &World) {
    world.faults.arm(Fault { kind: None, nth: 3, failure: Failure::Io, for_ever: true });
}

fn kind_of(result: Result<()>) -> Option<ErrorKind> {
    result.err().map(|error| error.kind())
}

/// Opens two processes, each with a run and a full extent to seal.
fn two_writers() -> (World, [Process; 2]) {
    let mut world = World::new();
    let processes = [world.open().unwrap(), world.open().unwrap()];
    for process in &processes {
        let run = world.start_run(process, "run").unwrap();
        world.log_rows(&run, ROWS_PER_EXTENT);
    }
    (world, processes)
}

#[test]
fn a_failed_sync_fails_every_process_until_all_have_rewritten() {
    let (mut world, [first, second]) = two_writers();
    fail(&world, Some(CallKind::Sync), false);
    assert_eq!(kind_of(first.database.sync()), Some(ErrorKind::Io));
    // The device would accept the next sync, but that proves nothing.
    assert_eq!(kind_of(first.database.sync()), Some(ErrorKind::Poisoned));
    let run = world.start_run(&second, "later").unwrap();
    world.log_points(&run, "loss", 3);
    let punched = world.faults.calls(CallKind::Punch);
    first.database.tick().unwrap();
    assert_eq!(world.faults.calls(CallKind::Punch), punched);
    let kind = kind_of(first.database.sync());
    assert_eq!(kind, Some(ErrorKind::Poisoned), "the second process has not rewritten yet");
    let written = world.faults.calls(CallKind::Write);
    second.database.sync().unwrap();
    assert!(world.faults.calls(CallKind::Write) > written + 4, "its extents are not rewritten");
    first.database.sync().unwrap();
    second.database.sync().unwrap();
    second.database.tick().unwrap();
    assert!(world.faults.calls(CallKind::Punch) > punched);
    drop(run);
    for process in [first, second] {
        assert!(world.close(process));
    }
    world.check().unwrap();
}

#[test]
fn nothing_is_sealed_or_punched_while_syncs_fail() {
    let (mut world, [first, second]) = two_writers();
    fail(&world, Some(CallKind::Sync), true);
    for _ in 0..3 {
        for process in [&first, &second] {
            assert!(process.database.tick().is_err());
        }
    }
    assert_eq!(world.faults.calls(CallKind::Punch), 0);
    let run = world.start_run(&first, "meanwhile").unwrap();
    world.log_rows(&run, ROWS_PER_EXTENT);
    drop(run);
    world.kill(first);
    world.kill(second);
    world.check().unwrap();
}

/// The process that saw the failed sync must remember it, even if it cannot write the alarm.
#[test]
fn a_failed_sync_is_remembered_when_the_alarm_cannot_be_set() {
    let (mut world, [first, second]) = two_writers();
    fail_from_the_sync_on(&world);
    assert!(first.database.sync().is_err());
    world.faults.disarm();
    assert_eq!(kind_of(first.database.sync()), Some(ErrorKind::Poisoned));
    let written = world.faults.calls(CallKind::Write);
    second.database.sync().unwrap();
    assert!(world.faults.calls(CallKind::Write) > written + 4, "its extents are not rewritten");
    for process in [&first, &second, &first] {
        process.database.tick().unwrap();
    }
    first.database.sync().unwrap();
    for process in [first, second] {
        assert!(world.close(process));
    }
    world.check().unwrap();
}

/// A process that dies between a failed sync and the alarm leaves its intent in the file.
#[test]
fn a_sync_whose_process_died_counts_as_failed() {
    let (mut world, [first, second]) = two_writers();
    let third = world.open().unwrap();
    fail_from_the_sync_on(&world);
    assert!(first.database.sync().is_err());
    world.kill(first);
    world.faults.disarm();
    let kind = kind_of(second.database.sync());
    assert_eq!(kind, Some(ErrorKind::Poisoned), "the third process has not rewritten yet");
    third.database.tick().unwrap();
    second.database.sync().unwrap();
    for process in [second, third] {
        assert!(world.close(process));
    }
    world.check().unwrap();
}

/// A process that reuses the liveness byte of such a dead process overwrites its intent.
#[test]
fn a_sync_whose_process_died_is_remembered_when_its_byte_is_taken() {
    let (mut world, [first, second]) = two_writers();
    fail_from_the_sync_on(&world);
    assert!(first.database.sync().is_err());
    world.kill(first);
    world.faults.disarm();
    let third = world.open().unwrap();
    let kind = kind_of(third.database.sync());
    assert_eq!(kind, Some(ErrorKind::Poisoned), "the second process has not rewritten yet");
    second.database.tick().unwrap();
    third.database.sync().unwrap();
    for process in [second, third] {
        assert!(world.close(process));
    }
    world.check().unwrap();
}

/// A sync that fails after other processes have rewritten may drop what they logged since.
#[test]
fn a_sync_that_fails_during_the_recovery_restarts_it() {
    let (mut world, [first, second]) = two_writers();
    fail(&world, Some(CallKind::Sync), false);
    assert_eq!(kind_of(first.database.sync()), Some(ErrorKind::Io));
    first.database.tick().unwrap();
    let run = world.start_run(&first, "since").unwrap();
    world.log_points(&run, "loss", 3);
    fail(&world, Some(CallKind::Sync), false);
    assert_eq!(kind_of(second.database.tick()), Some(ErrorKind::Io));
    let kind = kind_of(second.database.sync());
    assert_eq!(kind, Some(ErrorKind::Poisoned), "the first process has not rewritten again yet");
    first.database.sync().unwrap();
    second.database.sync().unwrap();
    drop(run);
    for process in [first, second] {
        assert!(world.close(process));
    }
    world.check().unwrap();
}

/// Opens the file with a lock timeout that is long enough to wait for other processes.
fn patient(world: &World) -> Database {
    let builder = Database::builder().background(false).index(IndexPlace::InMemory);
    let builder = builder.lock_timeout(Duration::from_secs(10));
    builder.open_storage(Path::new("memory"), world.file.storage()).unwrap()
}

/// The recovery needs the maintenance lock, which gc holds most of the time.
#[test]
fn gc_waits_for_the_recovery_before_it_takes_the_maintenance_lock() {
    let (mut world, [first, second]) = two_writers();
    let patient = patient(&world);
    // Closing seals all its points into a separate block.
    let third = world.open().unwrap();
    let run = world.start_run(&third, "deleted").unwrap();
    world.log_rows(&run, ROWS_PER_EXTENT);
    let id = run.id();
    drop(run);
    assert!(world.close(third));
    first.database.delete_run(id).unwrap();
    fail(&world, Some(CallKind::Sync), false);
    assert_eq!(kind_of(first.database.sync()), Some(ErrorKind::Io));
    let began = Instant::now();
    std::thread::scope(|scope| {
        scope.spawn(|| {
            std::thread::sleep(Duration::from_millis(50));
            first.database.tick().unwrap();
            second.database.tick().unwrap();
        });
        let report = patient.gc().unwrap();
        assert!(report.runs == 1 && report.freed_bytes > 0, "{report:?}");
    });
    assert!(began.elapsed() < Duration::from_secs(5), "{:?}", began.elapsed());
    for process in [first, second] {
        assert!(world.close(process));
    }
}

/// A process killed during its sync delays the others, but causes no error.
#[test]
fn a_sync_waits_for_other_processes_to_rewrite() {
    let (mut world, [first, second]) = two_writers();
    let patient = patient(&world);
    let run = patient.default_experiment().unwrap().start_run("patient").unwrap();
    world.of(run.id());
    fail_from_the_sync_on(&world);
    assert!(first.database.sync().is_err());
    world.kill(first);
    world.faults.disarm();
    std::thread::scope(|scope| {
        scope.spawn(|| {
            std::thread::sleep(Duration::from_millis(50));
            second.database.tick().unwrap();
        });
        run.finish().unwrap();
    });
    patient.close().unwrap();
    assert!(world.close(second));
}

/// The first process that notices a dead writer syncs its last points, and only once. This also
/// holds during a backup, which prevents sealing.
#[test]
fn a_dead_peer_is_synced_once_even_during_a_backup() {
    let mut world = World::new();
    let opening = Opening { tick_syncs: false, ..Opening::write() };
    let [first, second] = [(), ()].map(|()| world.open_with(&opening).unwrap());
    let run = world.start_run(&first, "run").unwrap();
    world.log_points(&run, "loss", 3);
    drop(run);
    let backup = world.file.open();
    assert!(backup.try_lock(MAINTENANCE, LockMode::Exclusive).unwrap());
    let syncs_of_ticks = |count: usize| {
        let before = world.faults.calls(CallKind::Sync);
        (0..count).for_each(|_| second.database.tick().unwrap());
        world.faults.calls(CallKind::Sync) - before
    };
    assert_eq!(syncs_of_ticks(3), 0, "no writer is dead");
    first.kill.kill();
    drop(first);
    assert_eq!(syncs_of_ticks(1), 1, "one writer is newly dead");
    assert_eq!(syncs_of_ticks(3), 0, "its death is already known");
    drop(backup);
    second.database.tick().unwrap();
    assert!(world.faults.calls(CallKind::Punch) > 0, "the dead writer was not cleaned up");
    assert!(world.close(second));
    world.check().unwrap();
}
