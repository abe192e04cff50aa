//! One small situation for each of some rules: what must not happen, as directly as can be had.

use tracklite::storage::Storage as _;
use tracklite::storage::simulated::{ProcessControl, Random, SimulatedDisk, run_together};
use tracklite::{Database, MetricPoint, Result, Run, Timestamp};

use crate::engine::{self, Opening};
use crate::world::{Verdict, tell};

const CREATE: Opening = Opening { create: true, read_only: false, tick_syncs: false };
const KEY: &str = "loss";

fn said<T>(result: Result<T>, what: &str) -> Verdict<T> {
    result.map_err(|error| tell(what, &error))
}

fn open(disk: &SimulatedDisk, opening: Opening) -> Verdict<(Database, ProcessControl)> {
    let (database, control) = engine::open(disk, opening);
    Ok((said(database, "opening")?, control))
}

/// A run with so many points, each of another value.
fn filled_run(database: &Database, name: &str, first: usize, count: usize) -> Result<Run> {
    let run = database.default_experiment()?.start_run(name)?;
    let points: Vec<MetricPoint> = (first..first + count)
        .map(|place| MetricPoint {
            step: place as i64,
            time: Timestamp::from_nanos(place as i64),
            value: place as f64 + 0.5,
        })
        .collect();
    run.metric(KEY)?.log_points(&points)?;
    Ok(run)
}

fn wanted(first: usize, count: usize) -> Vec<f64> {
    (first..first + count).map(|place| place as f64 + 0.5).collect()
}

/// The values of every run of the file, by the run's name.
fn values(disk: &SimulatedDisk) -> Verdict<Vec<(String, Vec<f64>)>> {
    let read = |database: &Database| {
        let runs = database.all_runs()?.into_iter();
        runs.map(|it| {
            let history = database.run(it.info.id)?.history(KEY)?;
            Ok((it.info.name, history.values))
        })
        .collect()
    };
    said(engine::with_reader(disk, read), "reading")
}

/// Rule 1: processes follow each other by closing, dying and power cuts; none must be taken for
/// the owner of what another one logged.
pub fn writers_in_turn(seed: u64) -> Verdict<()> {
    const COUNT: usize = 20;
    let mut random = Random::new(seed);
    let mut disk = SimulatedDisk::new(random.bits());
    let mut whole = Vec::new();
    for turn in 0..4 {
        let (database, control) = open(&disk, if turn == 0 { CREATE } else { Opening::WRITE })?;
        said(filled_run(&database, &turn.to_string(), turn * COUNT, COUNT), "logging")?;
        match random.below(3) {
            0 => {
                said(database.close(), "closing")?;
                whole.push(turn);
            }
            1 => control.kill(),
            _ => {
                disk = disk.crash_image(&mut random);
                control.kill();
            }
        }
    }
    let found = values(&disk)?;
    for (name, values) in &found {
        let turn: usize = name.parse().map_err(|_| format!("a run named {name:?}"))?;
        let own = wanted(turn * COUNT, COUNT);
        if values.len() > COUNT || values.iter().any(|it| !own.contains(it)) {
            return Err(format!("run {name} has points of others: {values:?}"));
        }
        if whole.contains(&turn) && *values != own {
            return Err(format!("run {name} was closed and has lost points: {values:?}"));
        }
    }
    let is_there = |turn: &usize| found.iter().any(|(name, _)| *name == turn.to_string());
    if whole.iter().all(is_there) { Ok(()) } else { Err(format!("closed {whole:?}: {found:?}")) }
}

/// Rule 12: a row holds copies of the file's own slots, and a power cut takes its header: they
/// must not be believed where they stand.
pub fn copied_slots(seed: u64) -> Verdict<()> {
    const COPIES: usize = 40;
    let mut random = Random::new(seed);
    let disk = SimulatedDisk::new(random.bits());
    let (database, _control) = open(&disk, CREATE)?;
    let count = 1 + random.below(30);
    let run = said(filled_run(&database, "copied", 0, count), "logging")?;
    let names: Vec<String> = (0..COPIES * 4).map(|it| format!("copy{it}")).collect();
    let names: Vec<&str> = names.iter().map(String::as_str).collect();
    let row = said(run.metric_row(&names), "defining a row")?;
    said(database.sync(), "syncing")?;
    let slot = slot_of(&disk, 0.5)?;
    let copies: Vec<f64> = slot.iter().copied().cycle().take(COPIES * 4).collect();
    said(row.log_at(&copies, 1, Timestamp::from_nanos(1)), "logging a row")?;
    for _ in 0..40 {
        let found = values(&disk.crash_image(&mut random))?;
        if found != [("copied".to_owned(), wanted(0, count))] {
            return Err(format!("{count} points were logged, {found:?} were found"));
        }
    }
    Ok(())
}

/// The words of the slot with this value, each as a value.
fn slot_of(disk: &SimulatedDisk, value: f64) -> Verdict<[f64; 4]> {
    let storage = disk.attach();
    let mut bytes = vec![0; storage.len().map_err(|error| error.to_string())? as usize];
    storage.read_at(0, &mut bytes).map_err(|error| error.to_string())?;
    let slots = bytes.as_chunks::<32>().0.iter();
    let mut slots =
        slots.map(|slot| std::array::from_fn(|word| f64::from_le_bytes(slot.as_chunks().0[word])));
    slots.find(|slot: &[f64; 4]| slot[3] == value).ok_or_else(|| "the slot is not there".to_owned())
}

/// Rule 18: a reader comes while the extent that it reads is sealed and punched.
pub fn sealed_while_read(seed: u64) -> Verdict<()> {
    const COUNT: usize = 300;
    let mut random = Random::new(seed);
    let disk = SimulatedDisk::new(random.bits());
    let (writer, _writer) = open(&disk, CREATE)?;
    let id = said(filled_run(&writer, "sealed", 0, COUNT), "logging")?.id();
    let (reader, _reader) = open(&disk, Opening::READ)?;
    let run = said(reader.run(id), "finding the run")?;
    let look = move || {
        for _ in 0..6 {
            let found = said(run.history(KEY), "reading beside a sealer")?.values;
            if found != wanted(0, COUNT) {
                return Err(format!("{} of {COUNT} points beside a sealer", found.len()));
            }
        }
        Ok(())
    };
    let seal = move || said(writer.close(), "closing");
    let jobs: Vec<Box<dyn FnOnce() -> Verdict<()> + Send>> = vec![Box::new(look), Box::new(seal)];
    run_together(random.bits(), jobs).into_iter().collect()
}

/// Rule 21: the disk forgets what it was to sync, says so once, and calls the next sync good.
pub fn failed_sync(seed: u64) -> Verdict<()> {
    const COUNT: usize = 600;
    let mut random = Random::new(seed);
    let disk = SimulatedDisk::new(random.bits());
    let (database, _control) = open(&disk, CREATE)?;
    said(database.sync(), "the first sync")?;
    said(filled_run(&database, "synced", 0, COUNT), "logging")?;
    disk.fail_syncs(1);
    if database.sync().is_ok() {
        return Err("a sync that failed was called good".to_owned());
    }
    let mut is_promised = database.sync().is_ok();
    for _ in 0..4 {
        if !is_promised {
            said(database.tick(), "the tick after a failed sync")?;
            is_promised = database.sync().is_ok();
        }
    }
    if !is_promised {
        return Err("a disk that takes everything again is not trusted again".to_owned());
    }
    for _ in 0..8 {
        let found = values(&disk.crash_image(&mut random))?;
        if found != [("synced".to_owned(), wanted(0, COUNT))] {
            let counts: Vec<usize> = found.iter().map(|(_, values)| values.len()).collect();
            return Err(format!("{COUNT} points were synced, of each run are left {counts:?}"));
        }
    }
    Ok(())
}
