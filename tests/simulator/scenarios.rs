//! Scenarios that need more than a power cut.

use std::path::Path;

use tracklite::internals::storage::simulated::{Random, SimulatedDisk};
use tracklite::{Error, ErrorKind, Run};

use crate::compare::compare;
use crate::engine::{self, Opening};
use crate::observe::observe;
use crate::oracle::Snapshot;
use crate::workload::{Call, Focus};
use crate::world::{Actor, Sampling, Verdict, World, describe};

pub const NO_CUTS: Sampling = Sampling { one_in: 1, at_once: 0, max: 0 };
/// The offset of the first unit of the metadata chain.
const CHAIN_START: u64 = 64 * 1024;

fn make_some_calls(actor: &mut Actor, focus: Focus, random: &mut Random) -> Verdict<()> {
    (0..8 + random.below(16)).try_for_each(|_| actor.call(Call::draw(focus, random)))
}

/// Damages a synced sector of the chain. The file must not be taken for a shorter one.
pub fn damaged_chain(seed: u64) -> Verdict<()> {
    let mut random = Random::new(seed);
    let (world, mut actor) = World::create(&mut random, NO_CUTS)?;
    make_some_calls(&mut actor, Focus::Append, &mut random)?;
    actor.sync()?;
    actor.sync()?;
    actor.control.kill();
    let durable = world.disk.crash_image(&mut random);
    if !damage(&durable, &mut random) {
        return Ok(());
    }
    let at = world.everything();
    let oracle = world.oracle.lock();
    let is_reported = |error: &Error| error.kind() == ErrorKind::Damaged;
    for opening in [Opening::READ, Opening::WRITE] {
        let (database, _control) = engine::open(&durable, opening);
        let database = match database {
            Ok(database) => database,
            Err(error) if is_reported(&error) => continue,
            Err(error) => return Err(describe("opening a damaged file", &error)),
        };
        match observe(&database) {
            Ok(seen) => {
                let warnings = database.info().map_err(|error| describe("info", &error))?.warnings;
                if let Err(lost) = compare(&oracle, &seen, at)
                    && (warnings.is_empty() || !opening.read_only)
                {
                    return Err(format!("undetected damage of the chain: {lost}"));
                }
            }
            Err(error) if is_reported(&error) => {}
            Err(error) => return Err(describe("reading a damaged file", &error)),
        }
    }
    Ok(())
}

/// Zeroes a used sector of the chain, or flips one of its bits.
fn damage(disk: &SimulatedDisk, random: &mut Random) -> bool {
    use tracklite::internals::storage::Storage as _;
    let storage = disk.attach();
    let mut unit = vec![0; CHAIN_START as usize];
    if storage.read_at(CHAIN_START, &mut unit).is_err() {
        return false;
    }
    // The header of the unit comes first. Nothing was written after the last nonzero byte.
    let used = unit.iter().rposition(|&byte| byte != 0).unwrap_or(0);
    if used < 256 {
        return false;
    }
    let place = 128 + random.below(used - 128);
    let damaged = if random.one_in(2) {
        let start = place / 512 * 512;
        storage.write_at(CHAIN_START + start.max(128) as u64, &vec![0; 512 - start.max(128) % 512])
    } else {
        storage.write_at(CHAIN_START + place as u64, &[unit[place] ^ 1 << random.below(8)])
    };
    damaged.is_ok() && storage.sync().is_ok()
}

/// Keeps an index that is newer than its chain after a power cut. The index must be rebuilt.
pub fn outlived_index(seed: u64, folder: &Path) -> Verdict<()> {
    let mut random = Random::new(seed);
    let folder = folder.join(seed.to_string());
    std::fs::create_dir_all(&folder).map_err(|error| error.to_string())?;
    let (world, first) = World::create(&mut random, NO_CUTS)?;
    first.die();
    let mut actor = world.open_with_index(&folder, random.bits())?;
    make_some_calls(&mut actor, Focus::Append, &mut random)?;
    actor.check_live()?;
    if random.one_in(2) {
        actor.sync()?;
    }
    make_some_calls(&mut actor, Focus::Append, &mut random)?;
    // Reading brings the index up to date with the chain.
    actor.check_live()?;
    let at: Snapshot = world.oracle.lock().clocks.snapshot();
    let image = world.disk.crash_image(&mut random);
    actor.die();
    let (database, control) = engine::open_with_index(&image, &folder);
    let database = database.map_err(|error| describe("opening with an old index", &error))?;
    let seen = observe(&database).map_err(|error| describe("reading with an old index", &error))?;
    let verdict = world.agrees(&seen, at);
    control.kill();
    drop(database);
    std::fs::remove_dir_all(&folder).map_err(|error| error.to_string())?;
    verdict.map_err(|error| format!("with an index from before the power cut: {error}"))
}

/// Replaces the file with an older copy, which then gets different frames. The index knows other
/// frames at the same positions, so it must be rebuilt.
pub fn index_of_another_branch(seed: u64, folder: &Path) -> Verdict<()> {
    let mut random = Random::new(seed);
    let folder = folder.join(seed.to_string());
    std::fs::create_dir_all(&folder).map_err(|error| error.to_string())?;
    let (world, mut actor) = World::create(&mut random, NO_CUTS)?;
    actor.call(Call::StartRun)?;
    make_some_calls(&mut actor, Focus::Append, &mut random)?;
    actor.call(Call::StartRun)?;
    actor.sync()?;
    let live = actor.oracle.lock().live_runs();
    let own = live.iter().filter_map(|run| actor.runs.get(run));
    let Some(run) = own.map(Run::id).min() else { return Ok(()) };
    actor.die();
    let older = world.disk.duplicate(random.bits());
    let count = 1 + random.below(6);
    let write = |disk: &SimulatedDisk, letter: char, index: Option<&Path>| {
        let (database, control) = match index {
            Some(folder) => engine::open_with_index(disk, folder),
            None => engine::open(disk, Opening::WRITE),
        };
        let written = database.and_then(|database| {
            let run = database.run(run)?;
            for place in 0..count {
                run.set_tag(&format!("branch{place}"), format!("{letter}{place}"))?;
            }
            let tags = run.tags();
            control.kill();
            tags
        });
        written.map_err(|error| describe("writing a branch", &error))
    };
    write(&world.disk, 'a', Some(&folder))?;
    let wanted = write(&older, 'b', None)?;
    let (database, control) = engine::open_with_index(&older, &folder);
    let found = database.and_then(|database| {
        let tags = database.run(run)?.tags();
        control.kill();
        tags
    });
    std::fs::remove_dir_all(&folder).map_err(|error| error.to_string())?;
    let found = found.map_err(|error| describe("reading with another branch's index", &error))?;
    if found == wanted {
        return Ok(());
    }
    Err(format!("the index of another branch was used: {found:?}, expected {wanted:?}"))
}
