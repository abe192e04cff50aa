//! Searches and frames: `cargo bench --bench search`. Each group has a floor: polars over existing
//! columns, or the same data from Parquet. First it prints the cost of a search in a new process
//! and of a search beside 16 writers. `-- processes` runs only that part.

#![allow(clippy::expect_used, reason = "a bench may panic")]

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
    let folder = tempfile::tempdir().expect("create a temporary folder");
    let path = runs::write(folder.path(), count);
    let database = runs::open(&path);
    let mut group = criterion.benchmark_group(name);
    let top = if count > 10_000 { 100 } else { 10 };
    let three = runs::three_clauses(top);
    group.bench_function("three clauses, first page", |bencher| {
        bencher.iter(|| black_box(database.search_runs(&three).expect("search the runs")));
    });
    let by_sql = three.clone().way(Way::Sql);
    group.bench_function("three clauses, first page, by SQL", |bencher| {
        bencher.iter(|| black_box(database.search_runs(&by_sql).expect("search the runs")));
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
        // Dropping the records is not part of the search.
        bencher.iter_with_large_drop(|| database.search_runs(&one).expect("search the runs"));
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
    database.search_runs_frame(&RunSearch::new()).expect("read the frame")
}

/// Applies the same clauses and the same order to an existing frame.
fn by_polars(frame: &DataFrame, top: usize) -> DataFrame {
    let column = |name: &str| frame.column(name).expect("find the column");
    let loss = column("metrics.m03").f64().expect("read numbers").lt(0.4);
    let param = column("params.p01").str().expect("read texts");
    let is_wanted = |text: Option<&str>| text.is_some_and(|text| text.starts_with("value-1"));
    let param = param.iter().map(is_wanted).collect();
    let tag = column("tags.t2").str().expect("read texts").equal("tag-1");
    let mask = loss & param & tag;
    let options = SortMultipleOptions::new().with_order_descending(true);
    let found = frame.filter(&mask).expect("filter the rows");
    found.sort(["metrics.m07"], options).expect("sort the rows").head(Some(top))
}

/// Copies every value of a frame into a new frame.
fn copied(frame: &DataFrame) -> DataFrame {
    let all: Vec<u32> = (0..frame.height() as u32).collect();
    let all = polars::prelude::UInt32Chunked::from_vec("".into(), all);
    frame.take(&all).expect("take the rows")
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
    // `cargo bench --bench search -- processes` runs only this part.
    if arguments.iter().all(|argument| argument == "processes") {
        processes::report();
    }
    if !arguments.iter().any(|argument| argument == "processes") {
        benches();
        Criterion::default().configure_from_args().final_summary();
    }
}
