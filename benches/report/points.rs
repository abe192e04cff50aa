//! Appends and reads of latest values while a file grows. Both should stay equally fast.

use std::time::{Duration, Instant};

use tracklite::{Database, Metric, Run};

use crate::{allocated, create, print};

/// Metrics of the single run.
const KEYS: usize = 50;
/// How often the costs are measured while the file grows.
const LOOKS: u64 = 10;
/// Timed appends and reads per measurement.
const TIMED_APPENDS: u64 = 1_000_000;
const TIMED_READS: usize = 101;

/// Logs `TRACKLITE_POINTS` points (default: 10 million) into one file.
pub(crate) fn report() {
    let points = std::env::var("TRACKLITE_POINTS").unwrap_or_else(|_| "10000000".to_owned());
    let points: u64 = points.parse().expect("parse TRACKLITE_POINTS as a number");
    let folder = tempfile::tempdir().expect("create a temporary folder");
    let path = folder.path().join("runs.tracklite");
    let database = create(&path);
    let run = crate::start_run(&database);
    let keys: Vec<String> = (0..KEYS).map(|key| format!("metric-{key}")).collect();
    let metrics: Vec<Metric> =
        keys.iter().map(|key| run.metric(key).expect("define a metric")).collect();
    let (mut appends, mut reads) = (Vec::new(), Vec::new());
    let mut logged = 0;
    for look in 1..=LOOKS {
        let until = points * look / LOOKS;
        let timed = TIMED_APPENDS.min(until - logged);
        log(&metrics, logged..until - timed);
        seal(&database);
        let began = Instant::now();
        log(&metrics, until - timed..until);
        appends.push(began.elapsed() / u32::try_from(timed).expect("a small number"));
        logged = until;
        seal(&database);
        reads.push(latest(&run, &keys, logged));
        let (append, read) = (appends.last().expect("an append"), reads.last().expect("a read"));
        let size = allocated(&path) >> 20;
        let what = format!("{logged} points in one file, {size} MiB");
        print(&what, &format!("{append:.1?} per append, {read:.1?} per latest value"));
    }
    let ratios = format!("{:.2} / {:.2}", spread(&appends), spread(&reads));
    print("slowest / fastest measurement: append, latest value", &ratios);
}

fn log(metrics: &[Metric], numbers: std::ops::Range<u64>) {
    for number in numbers {
        let (step, key) = (number / KEYS as u64, number % KEYS as u64);
        let value = ((number.wrapping_mul(0x9E37_79B9_7F4A_7C15) >> 40) as f32).sqrt();
        metrics[key as usize].log(f64::from(value), step.cast_signed()).expect("log a point");
    }
}

/// Waits until the background thread has sealed all full extents.
fn seal(database: &Database) {
    let unsealed = || database.info().expect("read the database's facts").unsealed_bytes;
    let mut before = u64::MAX;
    while unsealed() < before {
        before = unsealed();
        database.tick().expect("run a tick");
    }
}

fn latest(run: &Run, keys: &[String], logged: u64) -> Duration {
    let mut took: Vec<Duration> = (0..TIMED_READS)
        .map(|number| {
            let began = Instant::now();
            let key = &keys[number % keys.len()];
            let point = run.latest(key).expect("read the latest point").expect("find a point");
            assert_eq!(point.step.cast_unsigned(), logged.div_ceil(KEYS as u64) - 1);
            began.elapsed()
        })
        .collect();
    took.sort();
    took[TIMED_READS / 2]
}

fn spread(durations: &[Duration]) -> f64 {
    let nanos = || durations.iter().map(Duration::as_nanos);
    nanos().max().unwrap_or(0) as f64 / nanos().min().unwrap_or(1).max(1) as f64
}
