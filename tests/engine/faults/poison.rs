//! After a failed sync nothing is promised and nothing punched, until all was written again.

use tracklite::storage::{CallKind, Failure, Fault};
use tracklite::{ErrorKind, Result};

use super::world::{Process, ROWS_PER_EXTENT, World};

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
    assert_eq!(kind_of(second.database.sync()), Some(ErrorKind::Poisoned));
    let run = world.start_run(&second, "later").unwrap();
    world.log_points(&run, "loss", 3);
    let punched = world.faults.calls(CallKind::Punch);
    let written = world.faults.calls(CallKind::Write);
    first.database.tick().unwrap();
    assert!(world.faults.calls(CallKind::Write) > written + 4, "its extents are written again");
    assert_eq!(world.faults.calls(CallKind::Punch), punched);
    let told = kind_of(first.database.sync());
    assert_eq!(told, Some(ErrorKind::Poisoned), "the second has not written its part again");
    second.database.tick().unwrap();
    first.database.tick().unwrap();
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
    assert_eq!(kind_of(second.database.sync()), Some(ErrorKind::Poisoned));
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
    fail_from_the_sync_on(&world);
    assert!(first.database.sync().is_err());
    world.kill(first);
    world.faults.disarm();
    second.database.tick().unwrap();
    assert_eq!(kind_of(second.database.sync()), Some(ErrorKind::Poisoned));
    second.database.tick().unwrap();
    second.database.sync().unwrap();
    assert!(world.close(second));
    world.check().unwrap();
}
