//! The registry with 10,000 models of 10 versions: `cargo bench --bench registry`. The database is
//! in memory, so that a change costs no sync. A change with its sync is measured on disk, next to a
//! bare sync of the same disk.

#![allow(clippy::expect_used, reason = "a bench may panic")]

use std::hint::black_box;
use std::io::Write as _;
use std::path::Path;
use std::sync::Arc;
use std::time::{Duration, Instant};

use tracklite::internals::storage::MemoryFile;
use tracklite::registry::{Registry, RegistrySearch};
use tracklite::{Database, IndexPlace};

const MODELS: usize = 10_000;
const VERSIONS: usize = 10;

fn main() {
    let database = Database::builder()
        .create(true)
        .index(IndexPlace::InMemory)
        .open_storage(Path::new("memory"), Arc::new(MemoryFile::new().open()))
        .expect("create a database in memory");
    let registry = database.registry();
    let start = Instant::now();
    fill(&registry);
    println!("{} models of {VERSIONS} versions in {:.1} s", MODELS, start.elapsed().as_secs_f64());
    lookups(&registry);
    searches(&registry);
    moves(&registry);
    moves_on_disk();
}

fn name(number: usize) -> String {
    format!("ml.team_{}.model_{number}", number % 17)
}

fn fill(registry: &Registry) {
    let experiment = registry.database().default_experiment().expect("open the experiment");
    let run = experiment.start_run("").expect("start a run");
    for number in 0..MODELS {
        let model = registry.new_model(&name(number)).tag("team", number % 17);
        let model = model.create().expect("create a model");
        for version in 0..VERSIONS {
            let source = format!("s3://models/{number}/{version}");
            let builder = model.new_version(&source).run(run.id());
            let stage = ["dev", "test", "prod"][version % 3];
            let builder = builder.tag("stage", stage).tag("rank", number * 10 + version);
            builder.create().expect("create a version");
        }
        model.set_alias("champion", 7).expect("set the alias");
    }
}

/// Measures `calls` calls. Prints and returns the median.
fn measure(what: &str, calls: usize, mut call: impl FnMut(usize)) -> Duration {
    call(0);
    let mut times: Vec<Duration> = (0..calls)
        .map(|number| {
            let start = Instant::now();
            call(number);
            start.elapsed()
        })
        .collect();
    times.sort_unstable();
    let median = times[times.len() / 2];
    println!("{what:<60} {:>10.1} us", median.as_secs_f64() * 1e6);
    median
}

fn lookups(registry: &Registry) {
    let names: Vec<String> = (0..MODELS).map(name).collect();
    let at = |number: usize| names[number * 7919 % MODELS].as_str();
    measure("version by name and number", 2000, |number| {
        black_box(registry.version_info(at(number), 1 + number as u64 % 10).expect("find it"));
    });
    measure("version by name and alias", 2000, |number| {
        black_box(registry.version_info_by_alias(at(number), "champion").expect("find it"));
    });
    measure("resolve a URI", 2000, |number| {
        let uri = format!("models:/{}@champion", at(number));
        black_box(registry.resolve(&uri).expect("resolve it"));
    });
}

fn searches(registry: &Registry) {
    let page = |filter: &str, order: &str| {
        let search = RegistrySearch::new().filter(filter).max_results(100);
        if order.is_empty() { search } else { search.order_by(order) }
    };
    for (filter, order) in [
        ("", ""),
        ("name = 'ml.team_3.model_5000'", ""),
        ("name LIKE 'ml.team_3.%'", ""),
        ("tags.stage = 'prod'", ""),
        ("tags.stage = 'prod' AND version_number > 5", "name"),
        ("tags.rank = '77777'", ""),
        ("tags.rank LIKE '%7777'", ""),
        ("source_path LIKE '%/9999/%'", ""),
        ("source_path ILIKE '%nowhere%'", ""),
        ("version_number = 3", "creation_timestamp"),
    ] {
        let search = page(filter, order);
        let what = format!("versions: {filter:?} by {order:?}");
        measure(&what, 21, |_| {
            black_box(registry.search_versions(&search).expect("search versions"));
        });
    }
    after_changes(registry, &page("tags.rank LIKE '%7777'", ""));
    for (filter, order) in [
        ("", ""),
        ("name LIKE '%_3.model_77%'", ""),
        ("tags.team = '3'", ""),
        ("name ILIKE '%nobody%'", ""),
        ("tags.team != '3'", "timestamp DESC"),
    ] {
        let search = page(filter, order);
        measure(&format!("models: {filter:?} by {order:?}"), 21, |_| {
            black_box(registry.search_models(&search).expect("search models"));
        });
    }
}

/// Measures the first search after a version or an alias changed.
fn after_changes(registry: &Registry, search: &RegistrySearch) {
    let model = registry.model(&name(99)).expect("find the model");
    let mut searched = Vec::new();
    measure("set a tag of a version, then search", 21, |number| {
        let version = model.version(1 + number as u64 % 10).expect("find the version");
        version.set_tag("stage", number).expect("set the tag");
        let began = Instant::now();
        black_box(registry.search_versions(search).expect("search versions"));
        searched.push(began.elapsed());
    });
    searched.sort_unstable();
    let median = searched[searched.len() / 2].as_secs_f64() * 1e6;
    println!("{:<60} {median:>10.1} us", "  the search alone");
    measure("move an alias, then search", 21, |number| {
        model.set_alias("champion", 1 + number as u64 % 10).expect("move the alias");
        black_box(registry.search_versions(search).expect("search versions"));
    });
}

fn moves(registry: &Registry) {
    let model = registry.model(&name(77)).expect("find the model");
    measure("move an alias, without a sync", 2000, |number| {
        model.set_alias("champion", 1 + number as u64 % 10).expect("move the alias");
    });
}

/// Measures a move with its sync, on the disk of the temporary folder.
fn moves_on_disk() {
    let folder = tempfile::tempdir().expect("create a temporary folder");
    let path = folder.path().join("runs.tracklite");
    let database = Database::create(path).expect("create the file");
    let model = database.registry().create_model("m").expect("create a model");
    for _ in 0..2 {
        model.new_version("s3://m").create().expect("create a version");
    }
    let moved = measure("move an alias, with its sync", 200, |number| {
        model.set_alias("champion", 1 + number as u64 % 2).expect("move the alias");
    });
    let mut file = std::fs::File::create(folder.path().join("floor")).expect("create a file");
    let floor = measure("floor: append and sync 64 bytes", 200, |_| {
        file.write_all(&[7; 64]).and_then(|()| file.sync_data()).expect("append and sync");
    });
    let own = moved.saturating_sub(floor);
    println!("{:<60} {:>10.1} us", "the move above the floor", own.as_secs_f64() * 1e6);
}
