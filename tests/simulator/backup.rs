//! A backup while another process logs, seals and punches, and a power cut right after it.
//!
//! What a power cut leaves of a copy that is under way is of no interest: it has no name yet. What
//! vacuum makes is such a copy too.

use std::sync::Arc;
use std::sync::atomic::{AtomicI64, Ordering};

use tracklite::internals::{backup_to_storage, verify_storage};
use tracklite::storage::simulated::{Random, SimulatedDisk, run_together};
use tracklite::{Database, Result, RunId, Timestamp};

use crate::engine::{self, Opening};
use crate::world::{Verdict, tell};

/// The keys of the rows, and how many rows fill about two extents.
const KEYS: [&str; 40] = ["row"; 40];
const ROWS: i64 = 400;
const IMAGES: usize = 3;

fn value(step: i64) -> f64 {
    f64::from_bits(Random::new(step.cast_unsigned()).bits() >> 2 | 1 << 60)
}

fn keys() -> Vec<String> {
    KEYS.iter().enumerate().map(|(place, key)| format!("{key}{place}")).collect()
}

/// Logs rows of consecutive steps; tells how many are acknowledged, and ticks now and then.
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

/// The steps that a copy holds of every key; they must be the first ones.
fn steps_of(image: &SimulatedDisk, run: RunId) -> Verdict<i64> {
    let read = |database: &Database| -> Result<Vec<Vec<i64>>> {
        let run = database.run(run)?;
        keys().iter().map(|key| Ok(run.history(key)?.steps)).collect()
    };
    let steps = engine::with_reader(image, read).map_err(|error| tell("reading", &error))?;
    let count = steps[0].len() as i64;
    let is_whole = steps.iter().all(|it| it.iter().copied().eq(0..count));
    let report = verify_storage(Arc::new(image.attach())).map_err(|it| tell("verify", &it))?;
    match (is_whole, report.is_sound()) {
        (true, true) => Ok(count),
        _ => Err(format!("{:?} rows, {:?}", steps[0], report.damages)),
    }
}

/// Backs a file up that another process writes, and cuts the power of the copy.
pub fn backup(seed: u64) -> Verdict<()> {
    let mut random = Random::new(seed);
    let (disk, target) = (SimulatedDisk::new(random.bits()), SimulatedDisk::new(random.bits()));
    let opening = Opening { create: true, tick_syncs: true, ..Opening::WRITE };
    let open = || engine::open(&disk, opening).0.map_err(|error| tell("opening", &error));
    let (writer, copier) = (open()?, open()?);
    let started = writer.default_experiment().and_then(|it| it.start_run("busy"));
    let run = started.map_err(|error| tell("starting a run", &error))?.id();
    let acknowledged = AtomicI64::new(0);
    let first = random.below(ROWS as usize) as i64;
    let logged = log(&writer, run, 0..first, &acknowledged, Random::new(random.bits()));
    logged.map_err(|error| tell("logging", &error))?;
    let later = Random::new(random.bits());
    let copied = || {
        backup_to_storage(&copier, Arc::new(target.attach()))?;
        Ok(acknowledged.load(Ordering::Acquire))
    };
    let busy = || log(&writer, run, first..first + ROWS, &acknowledged, later).map(|()| 0);
    let jobs: Vec<Box<dyn FnOnce() -> Result<i64> + Send + '_>> =
        vec![Box::new(copied), Box::new(busy)];
    let mut outcomes = run_together(random.bits(), jobs).into_iter();
    // Of what is being logged one row may be there that is not told yet.
    let most = outcomes.next().map_or(Ok(0), |it| it).map_err(|it| tell("backup", &it))? + 1;
    outcomes.try_for_each(|it| it.map(drop)).map_err(|error| tell("logging", &error))?;
    for _ in 0..IMAGES {
        let count = steps_of(&target.crash_image(&mut random), run)?;
        if !(first..=most).contains(&count) {
            return Err(format!("{count} rows are not {first} to {most}"));
        }
    }
    let count = steps_of(&disk, run)?;
    if count == first + ROWS { Ok(()) } else { Err(format!("{count} rows of {}", first + ROWS)) }
}
