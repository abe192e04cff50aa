//! The size of a point in a closed file: growth of allocated blocks divided by points.

use std::path::Path;

use tracklite::{Run, Timestamp};

use crate::common::{Curve, curve, times};
use crate::{allocated, create, print};

const POINTS: usize = 2_000_000;

pub(crate) fn report() {
    measure("bytes per point, rows of 8", |run| {
        let columns: Vec<Vec<f64>> =
            (0..8).map(|kind| curve(Curve::ALL[kind], 7 + kind as u64, POINTS / 8)).collect();
        let keys = ["a", "b", "c", "d", "e", "f", "g", "h"];
        let row = run.metric_row(&keys).expect("define a row");
        let times = times(3, POINTS / 8);
        for step in 0..POINTS / 8 {
            let values: Vec<f64> = columns.iter().map(|column| column[step]).collect();
            let time = Timestamp::from_nanos(times[step]);
            row.log_at(&values, step as i64, time).expect("log a row");
        }
    });
    measure("bytes per point, singles of one key", |run| {
        let share = POINTS / Curve::ALL.len();
        for (number, kind) in Curve::ALL.into_iter().enumerate() {
            let metric = run.metric(&format!("curve-{number}")).expect("define a metric");
            let (values, times) = (curve(kind, number as u64, share), times(9, share));
            for step in 0..share {
                let time = Timestamp::from_nanos(times[step]);
                metric.log_at(values[step], step as i64, time).expect("log a point");
            }
        }
    });
    measure("bytes per point, singles over 100 keys", |run| {
        let share = POINTS / 100;
        let metric = |number| run.metric(&format!("key-{number}")).expect("define a metric");
        let metrics: Vec<_> = (0..100).map(metric).collect();
        let column =
            |number: usize| curve(Curve::ALL[number % Curve::ALL.len()], number as u64, share);
        let columns: Vec<_> = (0..100).map(column).collect();
        let times = times(5, share);
        for step in 0..share {
            for (metric, column) in metrics.iter().zip(&columns) {
                let time = Timestamp::from_nanos(times[step]);
                metric.log_at(column[step], step as i64, time).expect("log a point");
            }
        }
    });
}

fn measure(what: &str, log: impl FnOnce(&Run)) {
    let folder = tempfile::tempdir().expect("create a temporary folder");
    let path = folder.path().join("runs.tracklite");
    let database = create(&path);
    let run = crate::start_run(&database);
    let before = empty_size(folder.path());
    log(&run);
    drop(run);
    database.close().expect("close the database");
    let grown = allocated(&path).saturating_sub(before);
    print(what, &format!("{:.2}", grown as f64 / POINTS as f64));
}

/// Returns the size of a file with one run and no points.
fn empty_size(folder: &Path) -> u64 {
    let path = folder.join("empty.tracklite");
    let database = create(&path);
    drop(crate::start_run(&database));
    database.close().expect("close the database");
    allocated(&path)
}
