//! The scenarios in which calls fail.

use super::journal::Outcome;
use super::world::{Process, ROWS_PER_EXTENT, World};
use crate::support::Opening;

/// A scenario: the preparation without faults, and the part with faults.
pub struct Scenario {
    pub name: &'static str,
    pub prepare: fn(&mut World),
    pub play: fn(&mut World),
}

fn nothing(_: &mut World) {}

/// Logs to runs across extents, syncs, finishes, closes and reopens.
pub const LOGGING: Scenario = Scenario {
    name: "logging",
    prepare: nothing,
    play: |world| {
        let Some(process) = world.open() else { return };
        if let Some(run) = world.start_run(&process, "first") {
            world.log_points(&run, "loss", 3);
            world.log_rows(&run, ROWS_PER_EXTENT);
            world.log_param(&run, "rate");
            world.log_points(&run, "loss", 2);
            world.sync(&process);
            world.finish(run);
        }
        if let Some(run) = world.start_run(&process, "second") {
            world.set_tag(&run, "mark");
            world.log_rows(&run, 3);
        }
        world.close(process);
        let Some(process) = world.open() else { return };
        if let Some(run) = world.start_run(&process, "third") {
            world.log_points(&run, "loss", 3);
        }
        world.close(process);
    },
};

/// Fills several extents between ticks, which seal and punch them.
pub const SEALING: Scenario = Scenario {
    name: "sealing",
    prepare: nothing,
    play: |world| {
        let Some(process) = world.open() else { return };
        let Some(run) = world.start_run(&process, "sealed") else { return };
        for _ in 0..2 {
            world.log_points(&run, "loss", 2);
            world.log_rows(&run, ROWS_PER_EXTENT);
            world.tick(&process);
        }
        world.log_rows(&run, ROWS_PER_EXTENT);
        world.log_points(&run, "loss", 2);
        world.sync(&process);
        world.tick(&process);
        world.log_points(&run, "loss", 2);
        drop(run);
        world.kill(process);
    },
};

/// Two processes write to one file. One is killed, and the other cleans up after it.
pub const TWO_PROCESSES: Scenario = Scenario {
    name: "two processes",
    prepare: nothing,
    play: |world| {
        let (Some(first), Some(second)) = (world.open(), world.open()) else { return };
        let runs = [world.start_run(&first, "a"), world.start_run(&second, "b")];
        for run in runs.iter().flatten() {
            world.log_points(run, "loss", 3);
            world.log_rows(run, 160);
            world.log_param(run, "rate");
        }
        world.tick(&first);
        world.tick(&second);
        for run in runs.iter().flatten() {
            world.log_rows(run, 160);
            world.log_points(run, "loss", 3);
        }
        drop(runs);
        world.kill(second);
        world.tick(&first);
        if let Some(run) = world.start_run(&first, "c") {
            world.log_points(&run, "loss", 2);
            world.tick(&first);
            world.finish(run);
        }
        world.close(first);
    },
};

fn kill_two_writers(world: &mut World) {
    let opening = Opening { tick_syncs: false, ..Opening::write() };
    for name in ["first", "second"] {
        let process: Process = world.open_with(&opening).unwrap();
        let run = world.start_run(&process, name).unwrap();
        world.log_rows(&run, ROWS_PER_EXTENT);
        world.log_points(&run, "loss", 2);
        world.sync(&process);
        world.log_points(&run, "loss", 2);
        drop(run);
        world.kill(process);
    }
    // Simulate a power cut: half a frame after the last one, and another boot id.
    let bytes = world.file.to_bytes();
    let unit = 64 * 1024..128 * 1024;
    let end = unit.start + bytes[unit].iter().rposition(|byte| *byte != 0).unwrap() + 1;
    let storage = world.file.open();
    let torn = [0x55_u8; 40];
    let place = end.next_multiple_of(8) as u64;
    tracklite::internals::storage::Storage::write_at(&storage, place, &torn).unwrap();
    world.file.set_boot_id(2);
}

/// Opens a file after two writers died and a power cut tore the end of the chain.
pub const RECOVERY: Scenario = Scenario {
    name: "recovery",
    prepare: kill_two_writers,
    play: |world| {
        let Some(process) = world.open() else { return };
        world.tick(&process);
        world.tick(&process);
        if let Some(run) = world.start_run(&process, "after") {
            world.log_points(&run, "loss", 2);
            world.finish(run);
        }
        world.close(process);
    },
};

fn leave_deleted_runs(world: &mut World) {
    let process = world.open().unwrap();
    let runs: Vec<_> =
        ["kept", "gone", "gone too"].map(|name| world.start_run(&process, name).unwrap()).into();
    for _ in 0..2 {
        for run in &runs {
            world.log_rows(run, 120);
        }
    }
    world.tick(&process);
    for run in runs.into_iter().skip(1) {
        let id = run.id();
        process.database.delete_run(id).unwrap();
        world.of(id).deletion = Some(Outcome::Acknowledged);
    }
    world.close(process);
}

/// Purges deleted runs and rewrites their blocks.
pub const GC: Scenario = Scenario {
    name: "gc",
    prepare: leave_deleted_runs,
    play: |world| {
        let Some(process) = world.open() else { return };
        for _ in 0..2 {
            let purged = world.call("gc", || process.database.gc());
            let outcome = Outcome::of(purged.as_ref());
            for run in world.journal.runs.values_mut().filter(|run| run.deletion.is_some()) {
                run.purge = match run.purge {
                    Some(Outcome::Acknowledged) => run.purge,
                    _ => Some(outcome),
                };
            }
            world.tick(&process);
        }
        world.close(process);
    },
};

/// Returns the free space in the first unit of the chain.
fn chain_room(world: &World) -> usize {
    let unit = &world.file.to_bytes()[64 * 1024..128 * 1024];
    unit.iter().rev().take_while(|byte| **byte == 0).count()
}

/// Returns a key that is so long that few of them fill a unit.
fn long_key(number: usize) -> String {
    format!("{number:0>240}")
}

fn fill_a_chain_unit(world: &mut World) {
    let process = world.open().unwrap();
    let run = world.start_run(&process, "long").unwrap();
    for number in 0.. {
        world.set_tag(&run, &long_key(number));
        if chain_room(world) < 2500 {
            break;
        }
    }
    drop(run);
    world.close(process);
}

/// Makes the chain outgrow its unit, so that it continues in another one.
pub const CHAIN: Scenario = Scenario {
    name: "chain",
    prepare: fill_a_chain_unit,
    play: |world| {
        let Some(process) = world.open() else { return };
        if let Some(run) = world.start_run(&process, "next unit") {
            (0..8).for_each(|number| world.set_tag(&run, &long_key(number)));
            world.log_points(&run, "loss", 2);
            world.tick(&process);
            world.finish(run);
        }
        world.close(process);
        assert!(world.faults.failures() > 0 || chain_room(world) < 600, "the unit is not full");
    },
};
