//! What a point costs in the file once it is closed: growth of allocated blocks by points.

use std::path::Path;

use tracklite::{Run, Timestamp};

use crate::common::{Curve, curve, times};
use crate::{allocated, create, print};

const POINTS: usize = 2_000_000;

pub(crate) fn report() {
    measure("bytes a point, rows of 8", |run| {
        let columns: Vec<Vec<f64>> =
            (0..8).map(|it| curve(Curve::ALL[it], 7 + it as u64, POINTS / 8)).collect();
        let keys = ["a", "b", "c", "d", "e", "f", "g", "h"];
        let row = run.metric_row(&keys).expect("a row");
        let times = times(3, POINTS / 8);
        for step in 0..POINTS / 8 {
            let values: Vec<f64> = columns.iter().map(|column| column[step]).collect();
            row.log_at(&values, step as i64, Timestamp::from_nanos(times[step])).expect("logged");
        }
    });
    measure("bytes a point, singles of one key", |run| {
        let share = POINTS / Curve::ALL.len();
        for (number, kind) in Curve::ALL.into_iter().enumerate() {
            let metric = run.metric(&format!("curve-{number}")).expect("a metric");
            let (values, times) = (curve(kind, number as u64, share), times(9, share));
            for step in 0..share {
                let time = Timestamp::from_nanos(times[step]);
                metric.log_at(values[step], step as i64, time).expect("logged");
            }
        }
    });
    measure("bytes a point, singles over 100 keys", |run| {
        let share = POINTS / 100;
        let metrics: Vec<_> =
            (0..100).map(|it| run.metric(&format!("key-{it}")).expect("a metric")).collect();
        let kind = |it: usize| Curve::ALL[it % Curve::ALL.len()];
        let columns: Vec<_> = (0..100).map(|it| curve(kind(it), it as u64, share)).collect();
        let times = times(5, share);
        for step in 0..share {
            for (metric, column) in metrics.iter().zip(&columns) {
                let time = Timestamp::from_nanos(times[step]);
                metric.log_at(column[step], step as i64, time).expect("logged");
            }
        }
    });
}

fn measure(what: &str, log: impl FnOnce(&Run)) {
    let folder = tempfile::tempdir().expect("a folder");
    let path = folder.path().join("runs.tracklite");
    let database = create(&path);
    let run = database.default_experiment().and_then(|it| it.start_run("")).expect("a run");
    let before = empty_size(folder.path());
    log(&run);
    drop(run);
    database.close().expect("closed");
    let grown = allocated(&path).saturating_sub(before);
    print(what, &format!("{:.2}", grown as f64 / POINTS as f64));
}

/// The size of a file with one run and no points.
fn empty_size(folder: &Path) -> u64 {
    let path = folder.join("empty.tracklite");
    let database = create(&path);
    drop(database.default_experiment().and_then(|it| it.start_run("")).expect("a run"));
    database.close().expect("closed");
    allocated(&path)
}
