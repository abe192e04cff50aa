//! A million points of one of fifty metrics read into a frame, compared with reading Parquet.

use std::fs::File;
use std::hint::black_box;
use std::path::Path;

use criterion::Criterion;
use polars::prelude::{
    DataFrame, ParquetCompression, ParquetReader, ParquetWriter, SerReader as _,
};
use tracklite::{Database, IndexPlace, MetricPoint, Run, RunId, Timestamp};

use crate::common::{Curve, curve, times};

const POINTS: usize = 1_000_000;
const METRICS: usize = 50;
const READ: &str = "metric-17";

/// How the metrics are logged: all of a step in one row, or each as a point of its own.
#[derive(Clone, Copy, PartialEq)]
enum Logged {
    Rows,
    Points,
}

pub fn report(criterion: &mut Criterion) {
    let mut group = criterion.benchmark_group("history of 1 M points to a frame");
    group.sample_size(20);
    for (name, logged) in [("logged as rows", Logged::Rows), ("as points", Logged::Points)] {
        let folder = tempfile::tempdir().expect("create a temporary folder");
        let path = folder.path().join("runs.tracklite");
        let id = write(&path, logged);
        let database = open(&path);
        group.bench_function(name, |bencher| {
            bencher.iter(|| black_box(frame(&database, id)));
        });
        let parquet = folder.path().join("history.parquet");
        write_parquet(&parquet, &mut frame(&database, id));
        group.bench_function(format!("floor: {name}, from Parquet"), |bencher| {
            bencher.iter(|| black_box(read_parquet(&parquet)));
        });
    }
}

fn open(path: &Path) -> Database {
    let builder = Database::builder().create(true).index(IndexPlace::InMemory);
    builder.open(path).expect("open the database")
}

fn frame(database: &Database, id: RunId) -> DataFrame {
    let frame = database.history_frame(&[id], &[READ]).expect("read the history");
    assert_eq!(frame.height(), POINTS);
    frame.select(["step", "timestamp", "value"]).expect("select the columns")
}

fn write(path: &Path, logged: Logged) -> RunId {
    let database = open(path);
    let experiment = database.default_experiment().expect("open the experiment");
    let run = experiment.start_run("").expect("start a run");
    let id = run.id();
    let keys: Vec<String> = (0..METRICS).map(|at| format!("metric-{at:02}")).collect();
    let times = times(3, POINTS);
    match logged {
        Logged::Rows => write_rows(&run, &keys, &times),
        Logged::Points => write_points(&run, &keys, &times),
    }
    run.finish().expect("finish the run");
    database.close().expect("close the database");
    id
}

/// Logs all metrics of each step in one row.
fn write_rows(run: &Run, keys: &[String], times: &[i64]) {
    let keys: Vec<&str> = keys.iter().map(String::as_str).collect();
    let row = run.metric_row(&keys).expect("define a row");
    let kinds = Curve::ALL.iter().cycle().zip(0..);
    let curves: Vec<Vec<f64>> =
        kinds.take(METRICS).map(|(kind, seed)| curve(*kind, seed, POINTS)).collect();
    let mut values = vec![0.0; METRICS];
    for (step, time) in times.iter().enumerate() {
        for (value, curve) in values.iter_mut().zip(&curves) {
            *value = curve[step];
        }
        row.log_at(&values, step as i64, Timestamp::from_nanos(*time)).expect("log a row");
    }
}

/// Logs each metric of each step as a point of its own.
fn write_points(run: &Run, keys: &[String], times: &[i64]) {
    let metrics: Vec<_> =
        keys.iter().map(|key| run.metric(key).expect("define a metric")).collect();
    let kinds = Curve::ALL.iter().cycle().zip(0..);
    let curves: Vec<Vec<f64>> =
        kinds.take(METRICS).map(|(kind, seed)| curve(*kind, seed, POINTS)).collect();
    for (step, time) in times.iter().enumerate() {
        for (metric, curve) in metrics.iter().zip(&curves) {
            let time = Timestamp::from_nanos(*time);
            let point = MetricPoint { step: step as i64, time, value: curve[step] };
            metric.log_points(&[point]).expect("log a point");
        }
    }
}

fn write_parquet(path: &Path, frame: &mut DataFrame) {
    let file = File::create(path).expect("create the Parquet file");
    // Without a level, zstd uses its default of 3.
    let writer = ParquetWriter::new(file).with_compression(ParquetCompression::Zstd(None));
    writer.finish(frame).expect("write the Parquet file");
}

fn read_parquet(path: &Path) -> DataFrame {
    let file = File::open(path).expect("open the Parquet file");
    ParquetReader::new(file).finish().expect("read the Parquet file")
}
