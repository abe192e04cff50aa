//! The data model row by row: what MLflow does (`SqlAlchemyStore`), and where this is stricter.

mod batch;
mod copies;
mod deleted;
mod histories;
mod inputs;
mod lifecycle;
mod limits;
mod reserved;
mod runs;
mod tree;

use std::path::Path;

use tracklite::{Database, ErrorKind, ExperimentInfo, IndexPlace, RunRecord};

fn open(path: &Path) -> Database {
    Database::builder().create(true).index(IndexPlace::InMemory).open(path).unwrap()
}

/// A new database, in a folder that goes with it.
fn new() -> (tempfile::TempDir, Database) {
    let folder = tempfile::tempdir().unwrap();
    let database = open(&folder.path().join("runs.tracklite"));
    (folder, database)
}

#[track_caller]
fn kind<T: std::fmt::Debug>(result: tracklite::Result<T>) -> ErrorKind {
    result.unwrap_err().kind()
}

/// The message of an error of this kind.
#[track_caller]
fn told<T: std::fmt::Debug>(result: tracklite::Result<T>, kind: ErrorKind) -> String {
    let error = result.unwrap_err();
    assert_eq!(error.kind(), kind, "{error}");
    error.to_string()
}

/// What a backup of the database holds.
fn backup(folder: &tempfile::TempDir, database: &Database) -> Database {
    let path = folder.path().join(format!("{:?}.tracklite", std::time::Instant::now()));
    database.backup(&path).unwrap();
    assert_eq!(Database::verify(&path).unwrap().damages, []);
    open(&path)
}

/// All that the public API tells of a database but its points.
fn told_of(database: &Database) -> (Vec<ExperimentInfo>, Vec<RunRecord>, Vec<String>) {
    let (experiments, runs) = (database.experiments().unwrap(), database.all_runs().unwrap());
    let ids: Vec<_> = experiments.iter().map(|info| info.id).collect();
    let mut more: Vec<String> = Vec::new();
    more.push(format!("{:?}", database.search_datasets(&ids).unwrap()));
    for record in &runs {
        let run = database.run(record.info.id).unwrap();
        assert_eq!(run.inputs().unwrap().datasets, record.datasets);
        assert_eq!(run.inputs().unwrap().models, record.model_inputs);
        assert_eq!(run.outputs().unwrap(), record.model_outputs);
        more.push(format!("{:?}", (run.children(), run.descendants(), run.ancestors())));
        for key in record.metrics.keys() {
            more.push(format!("{key} {:?}", run.history(key)));
        }
    }
    (experiments, runs, more)
}
