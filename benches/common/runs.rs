//! Reproducible files with many runs, each with 20 metrics, 20 params and 5 tags.

#![allow(dead_code, unreachable_pub, reason = "each bench uses a part of this")]

use std::path::{Path, PathBuf};

use tracklite::{Database, IndexPlace, RunSearch};

use crate::common::Random;

/// Metrics per run, and params per run.
pub const VALUES: usize = 20;
/// Tags per run.
pub const TAGS: usize = 5;

/// Returns a search with three clauses and an order.
pub fn three_clauses(results: usize) -> RunSearch {
    let filter = "metrics.m03 < 0.4 AND params.p01 LIKE 'value-1%' AND tags.t2 = 'tag-1'";
    RunSearch::new().filter(filter).order_by("metrics.m07 DESC").max_results(results)
}

/// Returns a search with one clause.
pub fn one_clause(results: usize) -> RunSearch {
    RunSearch::new().filter("metrics.m03 < 0.9").max_results(results)
}

/// Opens the file with its index in the same folder, so that the user's cache stays clean.
pub fn open(path: &Path) -> Database {
    Database::builder().index(index_of(path)).open(path).expect("open the file")
}

/// Opens the file read-only, like `tracklite search`.
pub fn open_to_read(path: &Path) -> Database {
    let builder = Database::builder().read_only(true).index(index_of(path));
    builder.open(path).expect("open the file")
}

fn index_of(path: &Path) -> IndexPlace {
    IndexPlace::Directory(path.parent().expect("the folder of the file").join("index"))
}

/// Writes a file with this number of runs, seals its points and builds its index.
pub fn write(folder: &Path, runs: usize) -> PathBuf {
    let path = folder.join("runs.tracklite");
    let builder = Database::builder().create(true).index(index_of(&path));
    let database = builder.open(&path).expect("create the file");
    let experiment = database.experiment("/bench").expect("open the experiment");
    let mut random = Random::new(7);
    let keys: Vec<String> = (0..VALUES).map(|at| format!("m{at:02}")).collect();
    for run in 0..runs {
        let params = (0..VALUES).map(|at| {
            // Like real params: most have few values, some have many.
            let kinds = [3, 10, 100, 1_000_000][at % 4];
            (format!("p{at:02}"), format!("value-{}", random.bits() % kinds))
        });
        let params: Vec<_> = params.collect();
        let tags = (0..TAGS).map(|at| (format!("t{at}"), format!("tag-{}", random.bits() % 3)));
        let tags: Vec<_> = tags.collect();
        let started = experiment.new_run().name(&format!("run-{run}")).params(params).tags(tags);
        let started = started.start().expect("start a run");
        let values: Vec<f64> = keys.iter().map(|_| random.unit()).collect();
        let row: Vec<(&str, f64)> = keys.iter().map(String::as_str).zip(values).collect();
        started.log_metrics(&row, 0).expect("log a row");
        started.finish().expect("finish the run");
    }
    database.close().expect("close the file");
    // The first search builds the index.
    open(&path).search_runs(&one_clause(1)).expect("search the runs");
    path
}
