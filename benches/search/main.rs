//! Searching and frames: `cargo bench --bench search`. Each group has its floor: polars over
//! columns that are there already, or reading the same from Parquet. What a new process pays, and
//! what a search costs beside 16 writers, is printed before: with `-- processes` that alone.

#![allow(clippy::expect_used, reason = "a bench may stop short")]

#[path = "../common/mod.rs"]
mod common;
mod history;
mod processes;
#[path = "../common/runs.rs"]
mod runs;

use std::hint::black_box;

use criterion::{Criterion, criterion_group};
use polars::prelude::{ChunkCompareEq as _, ChunkCompareIneq as _, DataFrame, SortMultipleOptions};
use tracklite::internals::Way;
use tracklite::internals::search::{RunFilter, RunOrder};
use tracklite::{Database, RunSearch};

fn searches(criterion: &mut Criterion, name: &str, count: usize) {
    let folder = tempfile::tempdir().expect("a folder");
    let path = runs::write(folder.path(), count);
    let database = runs::open(&path);
    let mut group = criterion.benchmark_group(name);
    let top = if count > 10_000 { 100 } else { 10 };
    let three = runs::three_clauses(top);
    group.bench_function("three clauses, first page", |bencher| {
        bencher.iter(|| black_box(database.search_runs(&three).expect("a page")));
    });
    let by_sql = three.clone().way(Way::Sql);
    group.bench_function("three clauses, first page, by SQL", |bencher| {
        bencher.iter(|| black_box(database.search_runs(&by_sql).expect("a page")));
    });
    if count > 10_000 {
        let frame = whole(&database);
        group.bench_function("floor: three clauses by polars over the whole frame", |bencher| {
            bencher.iter(|| black_box(by_polars(&frame, top)));
        });
        return;
    }
    let one = runs::one_clause(1000);
    group.bench_function("one clause, a thousand records", |bencher| {
        // Until the records are there; what becomes of them is the caller's.
        bencher.iter_with_large_drop(|| database.search_runs(&one).expect("a page"));
    });
    group.bench_function("the whole frame", |bencher| {
        bencher.iter(|| black_box(whole(&database)));
    });
    let frame = whole(&database);
    group.bench_function("floor: three clauses by polars over the whole frame", |bencher| {
        bencher.iter(|| black_box(by_polars(&frame, top)));
    });
    group.bench_function("floor: the whole frame, copied by polars", |bencher| {
        bencher.iter(|| black_box(copied(&frame)));
    });
}

fn whole(database: &Database) -> DataFrame {
    database.search_runs_frame(&RunSearch::new()).expect("a frame")
}

/// The same clauses and the same order over a frame that is there.
fn by_polars(frame: &DataFrame, top: usize) -> DataFrame {
    let loss = frame.column("metrics.m03").expect("a column").f64().expect("numbers").lt(0.4);
    let param = frame.column("params.p01").expect("a column").str().expect("texts");
    let param = param.iter().map(|text| text.is_some_and(|it| it.starts_with("value-1"))).collect();
    let tag = frame.column("tags.t2").expect("a column").str().expect("texts").equal("tag-1");
    let mask = loss & param & tag;
    let options = SortMultipleOptions::new().with_order_descending(true);
    let found = frame.filter(&mask).expect("rows");
    found.sort(["metrics.m07"], options).expect("rows").head(Some(top))
}

/// Every value of a frame, taken out and put into a new one.
fn copied(frame: &DataFrame) -> DataFrame {
    let all: Vec<u32> = (0..frame.height() as u32).collect();
    let all = polars::prelude::UInt32Chunked::from_vec("".into(), all);
    frame.take(&all).expect("rows")
}

fn ten_thousand(criterion: &mut Criterion) {
    searches(criterion, "search 10 k runs", 10_000);
}

fn hundred_thousand(criterion: &mut Criterion) {
    searches(criterion, "search 100 k runs", 100_000);
}

fn plan(criterion: &mut Criterion) {
    let filter = "metrics.loss < 0.4 AND params.model LIKE 'value-1%' AND tags.team = 'tag-1'";
    criterion.bench_function("parse and plan a filter of three clauses", |bencher| {
        bencher.iter(|| {
            let order = RunOrder::parse(&[black_box("metrics.loss DESC")]);
            black_box((RunFilter::parse(black_box(filter)), order))
        });
    });
}

criterion_group!(benches, plan, history::report, ten_thousand, hundred_thousand);

fn main() {
    let arguments: Vec<String> =
        std::env::args().skip(1).filter(|argument| !argument.starts_with("--")).collect();
    if processes::is_child(&arguments) {
        return;
    }
    // `cargo bench --bench search -- processes` measures these alone.
    if arguments.iter().all(|argument| argument == "processes") {
        processes::report();
    }
    if !arguments.iter().any(|argument| argument == "processes") {
        benches();
        Criterion::default().configure_from_args().final_summary();
    }
}
