//! A backup while another process logs, seals and punches, and a power cut right after it.
//!
//! Power cuts during the copy are not tested, because the copy has no name until it is complete.
//! Vacuum makes its copy the same way.

use std::sync::Arc;
use std::sync::atomic::{AtomicI64, Ordering};

use tracklite::internals::storage::simulated::{Random, SimulatedDisk, run_together};
use tracklite::internals::{backup_to_storage, verify_storage};
use tracklite::{Database, Result, RunId, Timestamp};

use crate::engine::{self, Opening};
use crate::world::{Verdict, describe};

/// The keys of the rows, and the number of rows that fill about two extents.
const KEYS: [&str; 40] = ["row"; 40];
const ROWS: i64 = 400;
const IMAGES: usize = 3;

fn value(step: i64) -> f64 {
    f64::from_bits(Random::new(step.cast_unsigned()).bits() >> 2 | 1 << 60)
}

fn keys() -> Vec<String> {
    KEYS.iter().enumerate().map(|(place, key)| format!("{key}{place}")).collect()
}

/// Logs rows of consecutive steps, and sometimes ticks. Publishes the number of acknowledged rows.
fn log(
    database: &Database,
    run: RunId,
    steps: std::ops::Range<i64>,
    acknowledged: &AtomicI64,
    mut random: Random,
) -> Result<()> {
    let keys = keys();
    let keys: Vec<&str> = keys.iter().map(String::as_str).collect();
    let row = database.run(run)?.metric_row(&keys)?;
    for step in steps {
        row.log_at(&[value(step); KEYS.len()], step, Timestamp::from_nanos(step))?;
        acknowledged.store(step + 1, Ordering::Release);
        if random.one_in(60) {
            database.tick()?;
        }
    }
    Ok(())
}

/// Returns the number of steps in a copy. Every key must have the same steps, without gaps.
fn steps_of(image: &SimulatedDisk, run: RunId) -> Verdict<i64> {
    let read = |database: &Database| -> Result<Vec<Vec<i64>>> {
        let run = database.run(run)?;
        keys().iter().map(|key| Ok(run.history(key)?.steps)).collect()
    };
    let steps = engine::with_reader(image, read).map_err(|error| describe("reading", &error))?;
    let count = steps[0].len() as i64;
    let is_whole = steps.iter().all(|steps| steps.iter().copied().eq(0..count));
    let report = verify_storage(Arc::new(image.attach()));
    let report = report.map_err(|error| describe("verify", &error))?;
    match (is_whole, report.is_sound()) {
        (true, true) => Ok(count),
        _ => Err(format!("the steps are {:?}, verify reports {:?}", steps[0], report.damages)),
    }
}

/// Backs up a file while another process writes to it, then cuts the power of the copy.
pub fn backup(seed: u64) -> Verdict<()> {
    let mut random = Random::new(seed);
    let (disk, target) = (SimulatedDisk::new(random.bits()), SimulatedDisk::new(random.bits()));
    let opening = Opening { create: true, tick_syncs: true, ..Opening::WRITE };
    let open = || engine::open(&disk, opening).0.map_err(|error| describe("opening", &error));
    let (writer, copier) = (open()?, open()?);
    let experiment = writer.default_experiment();
    let started = experiment.and_then(|experiment| experiment.start_run("busy"));
    let run = started.map_err(|error| describe("starting a run", &error))?.id();
    let acknowledged = AtomicI64::new(0);
    let first = random.below(ROWS as usize) as i64;
    let logged = log(&writer, run, 0..first, &acknowledged, Random::new(random.bits()));
    logged.map_err(|error| describe("logging", &error))?;
    let later = Random::new(random.bits());
    let copied = || {
        backup_to_storage(&copier, Arc::new(target.attach()))?;
        Ok(acknowledged.load(Ordering::Acquire))
    };
    let busy = || log(&writer, run, first..first + ROWS, &acknowledged, later).map(|()| 0);
    let jobs: Vec<Box<dyn FnOnce() -> Result<i64> + Send + '_>> =
        vec![Box::new(copied), Box::new(busy)];
    let mut outcomes = run_together(random.bits(), jobs).into_iter();
    // One more row may be in the copy, because its acknowledgement comes after it.
    let acknowledged = outcomes.next().ok_or("no result of the backup")?;
    let max = acknowledged.map_err(|error| describe("backup", &error))? + 1;
    outcomes
        .try_for_each(|logged| logged.map(drop))
        .map_err(|error| describe("logging", &error))?;
    for _ in 0..IMAGES {
        let count = steps_of(&target.crash_image(&mut random), run)?;
        if !(first..=max).contains(&count) {
            return Err(format!("the copy has {count} rows, expected {first} to {max}"));
        }
    }
    let count = steps_of(&disk, run)?;
    let expected = first + ROWS;
    if count == expected {
        Ok(())
    } else {
        Err(format!("the file has {count} rows, expected {expected}"))
    }
}
