//! One small situation for each of some rules: what must not happen, as directly as can be had.

use std::sync::Arc;

use parking_lot::Mutex;
use tracklite::storage::Storage as _;
use tracklite::storage::simulated::{ProcessControl, Random, SimulatedDisk, Step, run_together};
use tracklite::{Database, MetricPoint, Result, Run, Timestamp};

use crate::engine::{self, Opening};
use crate::world::{Verdict, tell};

pub const CREATE: Opening = Opening { create: true, read_only: false, tick_syncs: false };
pub const KEY: &str = "loss";

pub fn said<T>(result: Result<T>, what: &str) -> Verdict<T> {
    result.map_err(|error| tell(what, &error))
}

pub fn open(disk: &SimulatedDisk, opening: Opening) -> Verdict<(Database, ProcessControl)> {
    let (database, control) = engine::open(disk, opening);
    Ok((said(database, "opening")?, control))
}

/// A run with so many points, each of another value.
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

/// Rule 8: the durable mark is that of the chain when the sync began. What another process appends
/// while the sync is under way may be lost in a power cut, and is no damage then.
pub fn synced_beside_an_appender(seed: u64) -> Verdict<()> {
    let mut random = Random::new(seed);
    let disk = SimulatedDisk::new(random.bits());
    let (syncing, _control) = open(&disk, CREATE)?;
    said(syncing.sync(), "the first sync")?;
    let (appending, _control) = open(&disk, Opening::WRITE)?;
    let run = said(filled_run(&appending, "appending", 0, 1), "logging")?;
    let images = Arc::new(Mutex::new(Vec::new()));
    let (taken, mut cuts) = (Arc::clone(&images), Random::new(random.bits()));
    disk.on_change(Some(Box::new(move |view| {
        if matches!(view.step(), Step::SyncEnd | Step::CommitWord | Step::Write) {
            taken.lock().push(view.crash_image(&mut cuts));
        }
    })));
    let sync = || (0..3).try_for_each(|_| said(syncing.sync(), "syncing"));
    let append = || {
        (0..8).try_for_each(|place| said(run.set_tag("tag", place.to_string()), "setting a tag"))
    };
    let jobs: Vec<Box<dyn FnOnce() -> Verdict<()> + Send + '_>> =
        vec![Box::new(sync), Box::new(append)];
    run_together(random.bits(), jobs).into_iter().collect::<Verdict<()>>()?;
    disk.on_change(None);
    for image in images.lock().drain(..) {
        said(engine::open(&image, Opening::WRITE).0, "opening after a power cut beside a sync")?;
    }
    Ok(())
}

/// Rule 20: after a tick no power cut takes what was logged before it, where ticks sync.
pub fn interval_keeps_its_promise(seed: u64) -> Verdict<()> {
    const COUNT: usize = 40;
    let mut random = Random::new(seed);
    let disk = SimulatedDisk::new(random.bits());
    let (database, _control) = open(&disk, Opening { tick_syncs: true, ..CREATE })?;
    said(filled_run(&database, "kept", 0, COUNT), "logging")?;
    said(database.tick(), "a tick")?;
    for _ in 0..20 {
        let found = values(&disk.crash_image(&mut random))?;
        if found != [("kept".to_owned(), wanted(0, COUNT))] {
            return Err(format!("{COUNT} points before a tick, after a power cut {found:?}"));
        }
    }
    Ok(())
}

/// Rule 8: a power cut keeps the link to the chain's next unit, and loses frames before it that
/// were not synced. That is no damage: what was synced is there, and the chain goes on.
pub fn power_cut_after_growth(seed: u64) -> Verdict<()> {
    let mut random = Random::new(seed);
    let disk = SimulatedDisk::new(random.bits());
    let (database, _control) = open(&disk, CREATE)?;
    let run = said(filled_run(&database, "grown", 0, 1), "logging")?;
    said(run.set_tag("synced", "1"), "setting a tag")?;
    said(database.sync(), "syncing")?;
    for number in 0..6 {
        let value = "v".repeat(10_000 + random.below(40_000));
        said(run.set_tag(&number.to_string(), value), "setting a large tag")?;
    }
    for round in 0..12 {
        let mut image = disk.crash_image(&mut random);
        let mut wanted = vec!["synced".to_owned()];
        // Again and again, so that what the first recovery wrote is lost in part as well.
        for again in 0..3 {
            let (database, control) = open(&image, Opening::WRITE)?;
            let run = said(database.run(run.id()), "finding the run")?;
            let tags = said(run.tags(), "reading the tags")?;
            if let Some(lost) = wanted.iter().find(|key| !tags.contains_key(*key)) {
                return Err(format!("image {round}, recovery {again}: the tag {lost} is lost"));
            }
            let value = "w".repeat(random.below(60_000));
            said(run.set_tag(&format!("after{again}"), value), "writing after a power cut")?;
            if random.one_in(2) {
                said(database.sync(), "syncing after a power cut")?;
                wanted.push(format!("after{again}"));
            }
            image = image.crash_image(&mut random);
            control.kill();
        }
    }
    Ok(())
}
