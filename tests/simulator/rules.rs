//! One small scenario for each of several rules, which shows a violation as directly as possible.

use std::sync::Arc;

use parking_lot::Mutex;
use tracklite::internals::storage::Storage as _;
use tracklite::internals::storage::simulated::{
    ProcessControl, Random, SimulatedDisk, Step, run_together,
};
use tracklite::{Database, MetricPoint, Result, Run, Timestamp};

use crate::engine::{self, Opening};
use crate::world::{Verdict, describe};

pub const CREATE: Opening = Opening { create: true, read_only: false, tick_syncs: false };
pub const KEY: &str = "loss";

pub fn context<T>(result: Result<T>, what: &str) -> Verdict<T> {
    result.map_err(|error| describe(what, &error))
}

pub fn open(disk: &SimulatedDisk, opening: Opening) -> Verdict<(Database, ProcessControl)> {
    let (database, control) = engine::open(disk, opening);
    Ok((context(database, "opening")?, control))
}

/// Logs a run with `count` points, each with another value.
pub fn filled_run(database: &Database, name: &str, first: usize, count: usize) -> Result<Run> {
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

/// Returns the values of every run of the file, with the name of the run.
fn values(disk: &SimulatedDisk) -> Verdict<Vec<(String, Vec<f64>)>> {
    let read = |database: &Database| {
        let runs = database.all_runs()?.into_iter();
        runs.map(|run| {
            let history = database.run(run.info.id)?.history(KEY)?;
            Ok((run.info.name, history.values))
        })
        .collect()
    };
    context(engine::with_reader(disk, read), "reading")
}

/// Rule 1: processes follow each other after a close, a death or a power cut. None must become the
/// owner of points that another one logged.
pub fn writers_in_turn(seed: u64) -> Verdict<()> {
    const COUNT: usize = 20;
    let mut random = Random::new(seed);
    let mut disk = SimulatedDisk::new(random.bits());
    let mut whole = Vec::new();
    for turn in 0..4 {
        let (database, control) = open(&disk, if turn == 0 { CREATE } else { Opening::WRITE })?;
        context(filled_run(&database, &turn.to_string(), turn * COUNT, COUNT), "logging")?;
        match random.below(3) {
            0 => {
                context(database.close(), "closing")?;
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
        let turn: usize = name.parse().map_err(|_| format!("unexpected run name {name:?}"))?;
        let own = wanted(turn * COUNT, COUNT);
        if values.len() > COUNT || values.iter().any(|value| !own.contains(value)) {
            return Err(format!("run {name} has points of other runs: {values:?}"));
        }
        if whole.contains(&turn) && *values != own {
            return Err(format!("run {name} was closed but lost points: {values:?}"));
        }
    }
    let is_there = |turn: &usize| found.iter().any(|(name, _)| *name == turn.to_string());
    if whole.iter().all(is_there) {
        Ok(())
    } else {
        Err(format!("closed runs: {whole:?}, found: {found:?}"))
    }
}

/// Rule 12: a row contains copies of the file's own slots, and a power cut loses its header.
/// Recovery must not take the copies for slots.
pub fn copied_slots(seed: u64) -> Verdict<()> {
    const COPIES: usize = 40;
    let mut random = Random::new(seed);
    let disk = SimulatedDisk::new(random.bits());
    let (database, _control) = open(&disk, CREATE)?;
    let count = 1 + random.below(30);
    let run = context(filled_run(&database, "copied", 0, count), "logging")?;
    let names: Vec<String> = (0..COPIES * 4).map(|copy| format!("copy{copy}")).collect();
    let names: Vec<&str> = names.iter().map(String::as_str).collect();
    let row = context(run.metric_row(&names), "defining a row")?;
    context(database.sync(), "syncing")?;
    let slot = slot_of(&disk, 0.5)?;
    let copies: Vec<f64> = slot.iter().copied().cycle().take(COPIES * 4).collect();
    context(row.log_at(&copies, 1, Timestamp::from_nanos(1)), "logging a row")?;
    for _ in 0..40 {
        let found = values(&disk.crash_image(&mut random))?;
        if found != [("copied".to_owned(), wanted(0, count))] {
            return Err(format!("{count} points were logged, but the file has {found:?}"));
        }
    }
    Ok(())
}

/// Returns the words of the slot with this value, each as a value.
fn slot_of(disk: &SimulatedDisk, value: f64) -> Verdict<[f64; 4]> {
    let storage = disk.attach();
    let mut bytes = vec![0; storage.len().map_err(|error| error.to_string())? as usize];
    storage.read_at(0, &mut bytes).map_err(|error| error.to_string())?;
    let slots = bytes.as_chunks::<32>().0.iter();
    let mut slots =
        slots.map(|slot| std::array::from_fn(|word| f64::from_le_bytes(slot.as_chunks().0[word])));
    slots.find(|slot: &[f64; 4]| slot[3] == value).ok_or_else(|| "slot not found".to_owned())
}

/// Rule 18: a reader reads an extent while it is sealed and punched.
pub fn sealed_while_read(seed: u64) -> Verdict<()> {
    const COUNT: usize = 300;
    let mut random = Random::new(seed);
    let disk = SimulatedDisk::new(random.bits());
    let (writer, _writer) = open(&disk, CREATE)?;
    let id = context(filled_run(&writer, "sealed", 0, COUNT), "logging")?.id();
    let (reader, _reader) = open(&disk, Opening::READ)?;
    let run = context(reader.run(id), "finding the run")?;
    let look = move || {
        for _ in 0..6 {
            let found = context(run.history(KEY), "reading during sealing")?.values;
            if found != wanted(0, COUNT) {
                return Err(format!("{} of {COUNT} points during sealing", found.len()));
            }
        }
        Ok(())
    };
    let seal = move || context(writer.close(), "closing");
    let jobs: Vec<Box<dyn FnOnce() -> Verdict<()> + Send>> = vec![Box::new(look), Box::new(seal)];
    run_together(random.bits(), jobs).into_iter().collect()
}

/// Rule 21: the disk drops data that it should sync, reports this once, and then reports success.
pub fn failed_sync(seed: u64) -> Verdict<()> {
    const COUNT: usize = 600;
    let mut random = Random::new(seed);
    let disk = SimulatedDisk::new(random.bits());
    let (database, _control) = open(&disk, CREATE)?;
    context(database.sync(), "the first sync")?;
    context(filled_run(&database, "synced", 0, COUNT), "logging")?;
    disk.fail_syncs(1);
    if database.sync().is_ok() {
        return Err("a failed sync was reported as success".to_owned());
    }
    let mut is_promised = database.sync().is_ok();
    for _ in 0..4 {
        if !is_promised {
            context(database.tick(), "the tick after a failed sync")?;
            is_promised = database.sync().is_ok();
        }
    }
    if !is_promised {
        return Err("syncs still fail after the disk recovered".to_owned());
    }
    for _ in 0..8 {
        let found = values(&disk.crash_image(&mut random))?;
        if found != [("synced".to_owned(), wanted(0, COUNT))] {
            let counts: Vec<usize> = found.iter().map(|(_, values)| values.len()).collect();
            return Err(format!("{COUNT} points were synced, but the runs have {counts:?}"));
        }
    }
    Ok(())
}

/// Rule 8: a sync marks the chain as durable up to its end when the sync began. Frames that another
/// process appends during the sync may be lost in a power cut, which must not count as damage.
pub fn synced_during_an_append(seed: u64) -> Verdict<()> {
    let mut random = Random::new(seed);
    let disk = SimulatedDisk::new(random.bits());
    let (syncing, _control) = open(&disk, CREATE)?;
    context(syncing.sync(), "the first sync")?;
    let (appending, _control) = open(&disk, Opening::WRITE)?;
    let run = context(filled_run(&appending, "appending", 0, 1), "logging")?;
    let images = Arc::new(Mutex::new(Vec::new()));
    let (taken, mut cuts) = (Arc::clone(&images), Random::new(random.bits()));
    disk.on_change(Some(Box::new(move |view| {
        if matches!(view.step(), Step::SyncEnd | Step::CommitWord | Step::Write) {
            taken.lock().push(view.crash_image(&mut cuts));
        }
    })));
    let sync = || (0..3).try_for_each(|_| context(syncing.sync(), "syncing"));
    let append = || {
        let tag = |place: u64| context(run.set_tag("tag", place.to_string()), "setting a tag");
        (0..8).try_for_each(tag)
    };
    let jobs: Vec<Box<dyn FnOnce() -> Verdict<()> + Send + '_>> =
        vec![Box::new(sync), Box::new(append)];
    run_together(random.bits(), jobs).into_iter().collect::<Verdict<()>>()?;
    disk.on_change(None);
    for image in images.lock().drain(..) {
        let opened = engine::open(&image, Opening::WRITE).0;
        context(opened, "opening after a power cut during a sync")?;
    }
    Ok(())
}

/// Rule 20: if ticks sync, a power cut after a tick loses nothing that was logged before it.
pub fn interval_syncs_survive_power_cuts(seed: u64) -> Verdict<()> {
    const COUNT: usize = 40;
    let mut random = Random::new(seed);
    let disk = SimulatedDisk::new(random.bits());
    let (database, _control) = open(&disk, Opening { tick_syncs: true, ..CREATE })?;
    context(filled_run(&database, "kept", 0, COUNT), "logging")?;
    context(database.tick(), "a tick")?;
    for _ in 0..20 {
        let found = values(&disk.crash_image(&mut random))?;
        if found != [("kept".to_owned(), wanted(0, COUNT))] {
            return Err(format!("{COUNT} points before a tick, but after a power cut {found:?}"));
        }
    }
    Ok(())
}

/// Rule 8: a power cut keeps the link to the next unit of the chain, but loses unsynced frames
/// before it. This is not damage: synced frames are there, and appending continues.
pub fn power_cut_after_growth(seed: u64) -> Verdict<()> {
    let mut random = Random::new(seed);
    let disk = SimulatedDisk::new(random.bits());
    let (database, _control) = open(&disk, CREATE)?;
    let run = context(filled_run(&database, "grown", 0, 1), "logging")?;
    context(run.set_tag("synced", "1"), "setting a tag")?;
    context(database.sync(), "syncing")?;
    for number in 0..6 {
        let value = "v".repeat(10_000 + random.below(40_000));
        context(run.set_tag(&number.to_string(), value), "setting a large tag")?;
    }
    for round in 0..12 {
        let mut image = disk.crash_image(&mut random);
        let mut wanted = vec!["synced".to_owned()];
        // Repeat, so that the power cut also hits frames that the first recovery wrote.
        for again in 0..3 {
            let (database, control) = open(&image, Opening::WRITE)?;
            let run = context(database.run(run.id()), "finding the run")?;
            let tags = context(run.tags(), "reading the tags")?;
            if let Some(lost) = wanted.iter().find(|key| !tags.contains_key(*key)) {
                return Err(format!("image {round}, recovery {again}: lost tag {lost}"));
            }
            let value = "w".repeat(random.below(60_000));
            context(run.set_tag(&format!("after{again}"), value), "writing after a power cut")?;
            if random.one_in(2) {
                context(database.sync(), "syncing after a power cut")?;
                wanted.push(format!("after{again}"));
            }
            image = image.crash_image(&mut random);
            control.kill();
        }
    }
    Ok(())
}
