//! The cost of logging for a training loop, compared with the floor: store plus checksum.

#![allow(clippy::unwrap_used, missing_docs, reason = "a bench may panic")]

use std::hint::black_box;
use std::io::Write as _;
use std::time::{Duration, Instant};

use criterion::{Criterion, criterion_group, criterion_main};
use tracklite::internals::record::{Incarnation, SeriesId};
use tracklite::internals::slot::{SlotSeed, point_words};
use tracklite::internals::storage::{Access, FileStorage, Storage as _};
use tracklite::internals::{FileId, new_file, new_header};
use tracklite::{Database, IndexPlace, Timestamp, WritePath};

fn database(path: &std::path::Path, write_path: WritePath) -> Database {
    let builder = Database::builder().create(true).index(IndexPlace::InMemory);
    builder.write_path(write_path).open(path).unwrap()
}

/// Stores slots repeatedly into one mapped unit: only checksum and stores.
fn floor(criterion: &mut Criterion) {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("floor.tracklite");
    FileStorage::create_new(&path, &new_file(new_header(1))).unwrap();
    let storage = FileStorage::open(&path, Access::ReadWrite, WritePath::Mapped).unwrap();
    storage.allocate(131_072, 65_536).unwrap();
    let region = storage.region(131_072, 65_536).unwrap();
    let seed = SlotSeed::new(FileId(1), 2, Incarnation(3));
    let mut index = 0_u32;
    criterion.bench_function("append/floor: store and checksum", |bencher| {
        bencher.iter(|| {
            index = (index + 1) % 2000;
            let words = point_words(seed, index, SeriesId(1), i64::from(index), 5, black_box(0.5));
            region.commit(64 + 32 * index as usize, &words).unwrap();
        });
    });
    criterion.bench_function("append/floor: clock", |bencher| bencher.iter(Timestamp::now));
}

fn append(criterion: &mut Criterion) {
    let folder = tempfile::tempdir().unwrap();
    let database = database(&folder.path().join("runs.tracklite"), WritePath::Automatic);
    let run = database.default_experiment().unwrap().start_run("bench").unwrap();
    let loss = run.metric("loss").unwrap();
    let keys = ["a", "b", "c", "d", "e", "f", "g", "h"];
    let row = run.metric_row(&keys).unwrap();
    let named: Vec<(&str, f64)> = keys.iter().map(|key| (*key, 0.5)).collect();
    in_bursts(criterion, "append/point by handle", &database, |step| {
        loss.log(black_box(0.5), step).unwrap();
    });
    in_bursts(criterion, "append/point by handle, time given", &database, |step| {
        loss.log_at(black_box(0.5), step, Timestamp::from_nanos(step)).unwrap();
    });
    in_bursts(criterion, "append/point by name", &database, |step| {
        run.log_metric("loss", black_box(0.5), step).unwrap();
    });
    in_bursts(criterion, "append/row of 8 by handle", &database, |step| {
        row.log(black_box(&[0.5; 8]), step).unwrap();
    });
    in_bursts(criterion, "append/row of 8 by names", &database, |step| {
        run.log_metrics(black_box(&named), step).unwrap();
    });
    // Runs long enough that the logging thread has to help with sealing.
    let mut step = 0_i64;
    criterion.bench_function("append/point by handle, sustained", |bencher| {
        bencher.iter(|| {
            step += 1;
            loss.log(black_box(0.5), step).unwrap();
        });
    });
}

/// Calls `work` in bursts of a million steps. After each burst it seals everything, which the
/// measurement excludes.
fn in_bursts(
    criterion: &mut Criterion,
    name: &str,
    database: &Database,
    mut work: impl FnMut(i64),
) {
    const BURST: u64 = 1_000_000;
    let (mut step, mut left) = (0_i64, BURST);
    criterion.bench_function(name, |bencher| {
        bencher.iter_custom(|calls| {
            let (mut took, mut due) = (Duration::ZERO, calls);
            while due > 0 {
                let burst = due.min(left);
                let began = Instant::now();
                for _ in 0..burst {
                    step += 1;
                    work(step);
                }
                took += began.elapsed();
                due -= burst;
                left -= burst;
                if left == 0 {
                    database.tick().unwrap();
                    left = BURST;
                }
            }
            took
        });
    });
}

fn positioned(criterion: &mut Criterion) {
    let folder = tempfile::tempdir().unwrap();
    let database = database(&folder.path().join("runs.tracklite"), WritePath::Positioned);
    let run = database.default_experiment().unwrap().start_run("bench").unwrap();
    let loss = run.metric("loss").unwrap();
    let mut step = 0_i64;
    criterion.bench_function("append/point by handle, pwrite", |bencher| {
        bencher.iter(|| {
            step += 1;
            loss.log(black_box(0.5), step).unwrap();
        });
    });
}

fn metadata(criterion: &mut Criterion) {
    let folder = tempfile::tempdir().unwrap();
    let database = database(&folder.path().join("runs.tracklite"), WritePath::Automatic);
    let experiment = database.experiment("/bench").unwrap();
    let params: Vec<(String, String)> =
        (0..20).map(|number| (format!("param-{number}"), format!("{}", number * 7))).collect();
    let chain_bytes = || database.info().unwrap().chain_bytes;
    let before = chain_bytes();
    for _ in 0..1000 {
        drop(experiment.new_run().params(params.clone()).start().unwrap());
    }
    let frame = vec![7_u8; (chain_bytes() - before) as usize / 1000];
    criterion.bench_function("start a run with 20 params", |bencher| {
        bencher.iter(|| experiment.new_run().params(params.clone()).start().unwrap());
    });
    let mut file = std::fs::File::create(folder.path().join("floor")).unwrap();
    criterion.bench_function("start a run/floor: its bytes written", |bencher| {
        bencher.iter(|| file.write_all(black_box(&frame)).unwrap());
    });
    let run = experiment.start_run("tags").unwrap();
    let mut number = 0_u64;
    criterion.bench_function("set a tag", |bencher| {
        bencher.iter(|| {
            number += 1;
            run.set_tag("tag", number).unwrap();
        });
    });
}

criterion_group! {
    name = benches;
    config = Criterion::default().sample_size(30);
    targets = floor, positioned, metadata
}
criterion_group! {
    name = bursts;
    // After each burst comes a sealing that takes ten times as long.
    config = Criterion::default()
        .sample_size(30)
        .warm_up_time(Duration::from_millis(100))
        .measurement_time(Duration::from_millis(500));
    targets = append
}
criterion_main!(benches, bursts);
