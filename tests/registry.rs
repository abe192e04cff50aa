//! The registry: what MLflow's does, and where this one is stricter.

mod aliases;
mod bad_input;
mod catalogs;
mod copies;
mod lineage;
mod pinned;
mod processes;
mod search;
mod versions;

use std::path::Path;

use tracklite::{Database, ErrorKind, IndexPlace, RegisteredModel, Registry};

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

/// A model with versions 1 to `count`, all of one source.
fn with_versions(registry: &Registry, name: &str, count: u64) -> RegisteredModel {
    let model = registry.create_model(name).unwrap();
    for version in 1..=count {
        assert_eq!(model.new_version("s3://m").create().unwrap().version(), version);
    }
    model
}

/// All that the registry tells, of models and versions in the order of their names.
fn told(registry: &Registry) -> Vec<String> {
    let mut told = vec![format!("{:?}", registry.mode().unwrap())];
    if let Ok(catalogs) = registry.catalogs() {
        for catalog in catalogs {
            told.push(format!("{catalog:?} {:?}", registry.schemas(&catalog.name).unwrap()));
        }
    }
    let search = tracklite::RegistrySearch::new().max_results(1000);
    for info in registry.search_models(&search).unwrap().items {
        let versions = registry.model(&info.name).unwrap().versions().unwrap();
        told.push(format!("{info:?} {versions:?}"));
    }
    told
}
