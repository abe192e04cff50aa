//! What logging costs the training loop, beside the floor: the bare store with its checksum.

#![allow(clippy::unwrap_used, missing_docs, reason = "a bench may stop short")]

use std::hint::black_box;

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

/// Stores slots over and over into one mapped unit: nothing but checksum and stores.
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
    let mut step = 0_i64;
    criterion.bench_function("append/point by handle", |bencher| {
        bencher.iter(|| {
            step += 1;
            loss.log(black_box(0.5), step).unwrap();
        });
    });
    criterion.bench_function("append/point by handle, time given", |bencher| {
        bencher.iter(|| {
            step += 1;
            loss.log_at(black_box(0.5), step, Timestamp::from_nanos(step)).unwrap();
        });
    });
    criterion.bench_function("append/point by name", |bencher| {
        bencher.iter(|| {
            step += 1;
            run.log_metric("loss", black_box(0.5), step).unwrap();
        });
    });
    criterion.bench_function("append/row of 8 by handle", |bencher| {
        bencher.iter(|| {
            step += 1;
            row.log(black_box(&[0.5; 8]), step).unwrap();
        });
    });
    criterion.bench_function("append/row of 8 by names", |bencher| {
        bencher.iter(|| {
            step += 1;
            run.log_metrics(black_box(&named), step).unwrap();
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
    criterion.bench_function("start a run with 20 params", |bencher| {
        bencher.iter(|| experiment.new_run().params(params.clone()).start().unwrap());
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
    targets = floor, append, positioned, metadata
}
criterion_main!(benches);
