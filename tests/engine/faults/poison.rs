//! After a failed sync nothing is promised and nothing punched, until all was written again.

use std::path::Path;
use std::time::{Duration, Instant};

use tracklite::storage::{CallKind, Failure, Fault, LockMode, LockRange, Storage as _};
use tracklite::{Database, ErrorKind, IndexPlace, Result};

use super::world::{Process, ROWS_PER_EXTENT, World};
use crate::support::{File as _, Opening};

/// The lock byte of whoever seals the dead or makes a backup.
const MAINTENANCE: LockRange = LockRange::byte(1);

fn fail(world: &World, kind: Option<CallKind>, for_ever: bool) {
    world.faults.arm(Fault { kind, nth: 1, failure: Failure::Io, for_ever });
}

/// The alarm is read, the intent written; from then on all calls fail.
fn fail_from_the_sync_on(world: &World) {
    world.faults.arm(Fault { kind: None, nth: 3, failure: Failure::Io, for_ever: true });
}

fn kind_of(result: Result<()>) -> Option<ErrorKind> {
    result.err().map(|error| error.kind())
}

/// Two processes, each with a run and a full extent that waits to be sealed.
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
fn a_failed_sync_fails_every_process_until_all_have_written_again() {
    let (mut world, [first, second]) = two_writers();
    fail(&world, Some(CallKind::Sync), false);
    assert_eq!(kind_of(first.database.sync()), Some(ErrorKind::Io));
    // The device would take the next sync: that proves nothing.
    assert_eq!(kind_of(first.database.sync()), Some(ErrorKind::Poisoned));
    let run = world.start_run(&second, "later").unwrap();
    world.log_points(&run, "loss", 3);
    let punched = world.faults.calls(CallKind::Punch);
    first.database.tick().unwrap();
    assert_eq!(world.faults.calls(CallKind::Punch), punched);
    let told = kind_of(first.database.sync());
    assert_eq!(told, Some(ErrorKind::Poisoned), "the second has not written its part again");
    let written = world.faults.calls(CallKind::Write);
    second.database.sync().unwrap();
    assert!(world.faults.calls(CallKind::Write) > written + 4, "its extents are written again");
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

/// The alarm itself could not be written: the process that knows must not forget.
#[test]
fn a_failed_sync_is_remembered_when_the_alarm_cannot_be_set() {
    let (mut world, [first, second]) = two_writers();
    fail_from_the_sync_on(&world);
    assert!(first.database.sync().is_err());
    world.faults.disarm();
    assert_eq!(kind_of(first.database.sync()), Some(ErrorKind::Poisoned));
    let written = world.faults.calls(CallKind::Write);
    second.database.sync().unwrap();
    assert!(world.faults.calls(CallKind::Write) > written + 4, "its extents are written again");
    for process in [&first, &second, &first] {
        process.database.tick().unwrap();
    }
    first.database.sync().unwrap();
    for process in [first, second] {
        assert!(world.close(process));
    }
    world.check().unwrap();
}

/// A process that dies between a failed sync and the alarm leaves its intent behind.
#[test]
fn a_sync_whose_process_died_counts_as_failed() {
    let (mut world, [first, second]) = two_writers();
    let third = world.open().unwrap();
    fail_from_the_sync_on(&world);
    assert!(first.database.sync().is_err());
    world.kill(first);
    world.faults.disarm();
    let told = kind_of(second.database.sync());
    assert_eq!(told, Some(ErrorKind::Poisoned), "the third has not written its part again");
    third.database.tick().unwrap();
    second.database.sync().unwrap();
    for process in [second, third] {
        assert!(world.close(process));
    }
    world.check().unwrap();
}

/// Whoever gets the liveness byte of such a process writes over its intent.
#[test]
fn a_sync_whose_process_died_is_remembered_when_its_byte_is_taken() {
    let (mut world, [first, second]) = two_writers();
    fail_from_the_sync_on(&world);
    assert!(first.database.sync().is_err());
    world.kill(first);
    world.faults.disarm();
    let third = world.open().unwrap();
    let told = kind_of(third.database.sync());
    assert_eq!(told, Some(ErrorKind::Poisoned), "the second has not written its part again");
    second.database.tick().unwrap();
    third.database.sync().unwrap();
    for process in [second, third] {
        assert!(world.close(process));
    }
    world.check().unwrap();
}

/// A sync that fails while others have written again may take what these logged since.
#[test]
fn a_sync_that_fails_during_the_recovery_begins_it_anew() {
    let (mut world, [first, second]) = two_writers();
    fail(&world, Some(CallKind::Sync), false);
    assert_eq!(kind_of(first.database.sync()), Some(ErrorKind::Io));
    first.database.tick().unwrap();
    let run = world.start_run(&first, "since").unwrap();
    world.log_points(&run, "loss", 3);
    fail(&world, Some(CallKind::Sync), false);
    assert_eq!(kind_of(second.database.tick()), Some(ErrorKind::Io));
    let told = kind_of(second.database.sync());
    assert_eq!(told, Some(ErrorKind::Poisoned), "the first has not written its part once more");
    first.database.sync().unwrap();
    second.database.sync().unwrap();
    drop(run);
    for process in [first, second] {
        assert!(world.close(process));
    }
    world.check().unwrap();
}

/// A writer that waits for others where a test needs it.
fn patient(world: &World) -> Database {
    let builder = Database::builder().background(false).index(IndexPlace::InMemory);
    let builder = builder.lock_timeout(Duration::from_secs(10));
    builder.open_storage(Path::new("memory"), world.file.storage()).unwrap()
}

/// The recovery needs the maintenance lock, which gc holds for most of its time.
#[test]
fn gc_waits_for_the_recovery_before_it_keeps_everybody_from_it() {
    let (mut world, [first, second]) = two_writers();
    let patient = patient(&world);
    // Closing seals all of it, into a block of its own.
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

/// A process that is killed in its sync costs the others a moment, and no error.
#[test]
fn a_sync_waits_for_the_others_to_write_again() {
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

/// What a process logged last is synced by whoever sees it dead, and once: also when somebody is
/// at the maintenance for long, so that nothing can be sealed.
#[test]
fn who_sees_a_peer_dead_syncs_once_even_beside_a_backup() {
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
    assert_eq!(syncs_of_ticks(3), 0, "nobody is dead");
    first.kill.kill();
    drop(first);
    assert_eq!(syncs_of_ticks(1), 1, "one is newly dead");
    assert_eq!(syncs_of_ticks(3), 0, "and is not new any more");
    drop(backup);
    second.database.tick().unwrap();
    assert!(world.faults.calls(CallKind::Punch) > 0, "then it is wound up");
    assert!(world.close(second));
    world.check().unwrap();
}
