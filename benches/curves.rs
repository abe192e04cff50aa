//! Curves of 50 metrics of a million points each: `cargo bench --bench curves`. The floor is the
//! history of a metric, which reads all of its points.

#![allow(clippy::expect_used, reason = "a bench may panic")]

use std::hint::black_box;
use std::time::{Duration, Instant};

use tracklite::curve::{CurveAxis, CurveQuery, Smoothing};
use tracklite::{Database, RunId};

const METRICS: usize = 50;
const POINTS: i64 = 1_000_000;
/// The width of a card on the page in pixels.
const WIDTH: usize = 300;

fn main() {
    let folder = tempfile::tempdir().expect("make a folder");
    let path = folder.path().join("curves.tracklite");
    let started = Instant::now();
    let run = fill(Database::create(&path).expect("create the file"));
    println!("{METRICS} metrics of {POINTS} points in {:.1} s", started.elapsed().as_secs_f64());
    let open = || Database::open_read_only(&path).expect("open the file");
    let all: Vec<String> = (0..METRICS).map(key).collect();
    let all: Vec<&str> = all.iter().map(String::as_str).collect();
    let query = CurveQuery::new(WIDTH);

    let history = || black_box(open().run(run).expect("find the run").history(all[0])).map(drop);
    measure("history of a metric, in a new process", history);
    measure("first curve, in a new process", || curves(&open(), run, &all[..1], &query));
    measure("first 50 curves, in a new process", || curves(&open(), run, &all, &query));
    let database = open();
    curves(&database, run, &all, &query).expect("make all buckets");
    measure("a curve", || curves(&database, run, &all[..1], &query));
    measure("12 curves", || curves(&database, run, &all[..12], &query));
    measure("50 curves", || curves(&database, run, &all, &query));
    let by_time = query.clone().axis(CurveAxis::Relative);
    measure("12 curves over the time", || curves(&database, run, &all[..12], &by_time));
    let part = query.clone().range(400_000.0, 600_000.0);
    measure("a curve of a fifth of the steps", || curves(&database, run, &all[..1], &part));
    let part = query.clone().range(500_000.0, 500_999.0);
    measure("a curve of 1,000 steps, all points", || curves(&database, run, &all[..1], &part));
    let smooth = query.clone().smoothing(Smoothing::HalfLife { half_life: 5_000.0 });
    measure("a smoothed curve", || curves(&database, run, &all[..1], &smooth));
    let other = query.clone().axis(CurveAxis::Metric(key(1)));
    measure("a curve over another metric", || curves(&database, run, &all[..1], &other));
}

fn key(number: usize) -> String {
    format!("layer{}/metric{number}", number / 10)
}

/// Logs all metrics step by step, in rows of one layer.
fn fill(database: Database) -> RunId {
    let run = database.default_experiment().expect("open it").start_run("").expect("start a run");
    let keys: Vec<String> = (0..METRICS).map(key).collect();
    let rows: Vec<_> = keys
        .chunks(10)
        .map(|keys| {
            let keys: Vec<&str> = keys.iter().map(String::as_str).collect();
            run.metric_row(&keys).expect("make a row")
        })
        .collect();
    let mut values = [0.0; 10];
    for step in 0..POINTS {
        let falling = 1.0 / (1.0 + step as f64 / 10_000.0);
        for (layer, row) in rows.iter().enumerate() {
            for (place, value) in values.iter_mut().enumerate() {
                let mixed = (step as u64).wrapping_mul(2_654_435_761 + place as u64) >> 16;
                *value = falling + (mixed % 1000) as f64 * 1e-4 + layer as f64;
            }
            row.log(&values, step).expect("log a row");
        }
    }
    let id = run.id();
    drop((rows, run));
    database.close().expect("close the file");
    id
}

fn curves(
    database: &Database,
    run: RunId,
    keys: &[&str],
    query: &CurveQuery,
) -> tracklite::Result<()> {
    database.curves(&[run], keys, query).map(|curves| {
        assert_eq!(curves.len(), keys.len());
        black_box(curves);
    })
}

/// Measures some calls, and prints their median.
fn measure(what: &str, mut call: impl FnMut() -> tracklite::Result<()>) {
    let mut times: Vec<Duration> = (0..7)
        .map(|_| {
            let start = Instant::now();
            call().expect(what);
            start.elapsed()
        })
        .collect();
    times.sort_unstable();
    println!("{what:<60} {:>10.2} ms", times[times.len() / 2].as_secs_f64() * 1e3);
}
