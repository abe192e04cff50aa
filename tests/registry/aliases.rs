//! Aliases: rules, moves that expect something, races.

use std::sync::Barrier;
use std::sync::atomic::{AtomicUsize, Ordering};

use tracklite::{Database, ErrorKind, IndexPlace};

use super::{kind, new, open, told, with_versions};

#[test]
fn an_alias_names_one_version() {
    let (_folder, database) = new();
    let registry = database.registry();
    let model = with_versions(&registry, "churn", 2);
    model.set_alias("champion", 1).unwrap();
    model.set_alias("Champion", 2).unwrap();
    model.set_alias("other", 1).unwrap();
    assert_eq!(model.version(1).unwrap().info().unwrap().aliases, ["champion", "other"]);
    model.set_alias("champion", 2).unwrap();
    assert_eq!(registry.version_by_alias("churn", "champion").unwrap().version, 2);
    assert_eq!(model.version_by_alias("other").unwrap().version(), 1);
    assert_eq!(kind(model.set_alias("champion", 3)), ErrorKind::NotFound);
    model.delete_alias("champion").unwrap();
    model.delete_alias("champion").unwrap();
    assert_eq!(kind(registry.version_by_alias("churn", "champion")), ErrorKind::InvalidInput);
    assert_eq!(kind(model.version_by_alias("champion")), ErrorKind::InvalidInput);
    assert_eq!(kind(registry.version_by_alias("nobody", "champion")), ErrorKind::NotFound);
    assert_eq!(model.info().unwrap().aliases.len(), 2);
}

#[test]
fn bad_aliases_are_refused() {
    let (_folder, database) = new();
    let model = with_versions(&database.registry(), "churn", 1);
    let long = "a".repeat(256);
    for bad in ["", "latest", "LATEST", "v1", "V22", "a b", "a.b", "a/b", "a@b", "a\n", &long] {
        assert_eq!(kind(model.set_alias(bad, 1)), ErrorKind::InvalidInput, "{bad}");
        assert_eq!(kind(model.move_alias(bad, None, 1)), ErrorKind::InvalidInput, "{bad}");
    }
    for good in ["v", "v1a", "version1", "latest1", "a-b_c", "\u{645}", &long[1..]] {
        model.set_alias(good, 1).unwrap();
    }
}

#[test]
fn a_move_that_expects_something_else_is_a_conflict() {
    let (_folder, database) = new();
    let model = with_versions(&database.registry(), "churn", 3);
    assert_eq!(kind(model.move_alias("champion", Some(1), 2)), ErrorKind::Conflict);
    model.move_alias("champion", None, 1).unwrap();
    assert_eq!(kind(model.move_alias("champion", None, 2)), ErrorKind::Conflict);
    assert_eq!(kind(model.move_alias("champion", Some(3), 2)), ErrorKind::Conflict);
    assert_eq!(kind(model.move_alias("champion", Some(1), 9)), ErrorKind::NotFound);
    model.move_alias("champion", Some(1), 2).unwrap();
    assert_eq!(model.info().unwrap().aliases["champion"], 2);
}

#[test]
fn of_those_who_move_an_alias_at_once_one_wins() {
    let (folder, database) = new();
    let path = folder.path().join("runs.tracklite");
    let model = with_versions(&database.registry(), "churn", 5);
    model.set_alias("champion", 1).unwrap();
    for round in 0..20 {
        let before = model.info().unwrap().aliases["champion"];
        let (won, lost) = (AtomicUsize::new(0), AtomicUsize::new(0));
        let barrier = Barrier::new(4);
        std::thread::scope(|scope| {
            for version in 2..6 {
                let (model, won, lost, barrier) = (model.clone(), &won, &lost, &barrier);
                scope.spawn(move || {
                    barrier.wait();
                    match model.move_alias("champion", Some(before), version) {
                        Ok(()) => won.fetch_add(1, Ordering::Relaxed),
                        Err(error) => {
                            assert_eq!(error.kind(), ErrorKind::Conflict, "{error}");
                            lost.fetch_add(1, Ordering::Relaxed)
                        }
                    }
                });
            }
        });
        let moved = model.info().unwrap().aliases["champion"];
        let (won, lost) = (won.into_inner(), lost.into_inner());
        assert_eq!((won, lost), (1, 3), "round {round}");
        assert!((2..6).contains(&moved));
        model.set_alias("champion", 1).unwrap();
    }
    let before = told(&database.registry());
    drop(model);
    database.close().unwrap();
    // The index is built anew from the chain.
    let reader = Database::builder().read_only(true).index(IndexPlace::InMemory).open(&path);
    assert_eq!(told(&reader.unwrap().registry()), before);
}

#[test]
fn numbers_are_given_out_once_to_many() {
    let (folder, database) = new();
    let model = with_versions(&database.registry(), "churn", 0);
    let numbers = numbers_of_four_threads(&model);
    assert_eq!(numbers, (1..=40).collect::<Vec<u64>>());
    drop((database, model));
    let database = open(&folder.path().join("runs.tracklite"));
    assert_eq!(database.registry().model("churn").unwrap().versions().unwrap().len(), 40);
}

/// The numbers that four threads get for ten versions each, sorted.
fn numbers_of_four_threads(model: &tracklite::RegisteredModel) -> Vec<u64> {
    let create = || -> Vec<u64> {
        (0..10).map(|_| model.new_version("s3://m").create().unwrap().version()).collect()
    };
    let mut numbers: Vec<u64> = std::thread::scope(|scope| {
        let threads: Vec<_> = (0..4).map(|_| scope.spawn(create)).collect();
        threads.into_iter().flat_map(|it| it.join().unwrap()).collect()
    });
    numbers.sort_unstable();
    numbers
}
