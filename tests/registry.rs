//! The model registry: MLflow's behaviour, and where tracklite is stricter.

mod aliases;
mod bad_input;
mod catalogs;
mod copies;
mod lineage;
mod pending;
mod pinned;
mod processes;
mod search;
mod versions;

use tracklite::registry::{RegisteredModel, Registry};

/// Creates a model with versions 1 to `count`, all from one source.
fn with_versions(registry: &Registry, name: &str, count: u64) -> RegisteredModel {
    let model = registry.create_model(name).unwrap();
    for version in 1..=count {
        assert_eq!(model.new_version("s3://m").create().unwrap().version(), version);
    }
    model
}

/// Returns everything that the registry reads, with models and versions sorted by name.
fn snapshot(registry: &Registry) -> Vec<String> {
    let mut lines = vec![format!("{:?}", registry.mode().unwrap())];
    if let Ok(catalogs) = registry.catalogs() {
        for catalog in catalogs {
            lines.push(format!("{catalog:?} {:?}", registry.schemas(&catalog.name).unwrap()));
        }
    }
    let search = tracklite::registry::RegistrySearch::new().max_results(1000);
    for info in registry.search_models(&search).unwrap().items {
        let versions = registry.model(&info.name).unwrap().versions().unwrap();
        lines.push(format!("{info:?} {versions:?}"));
    }
    lines
}
