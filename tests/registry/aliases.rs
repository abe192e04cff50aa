//! Aliases: rules, compare-and-set moves, races.

use std::sync::Barrier;
use std::sync::atomic::{AtomicUsize, Ordering};

use tracklite::ErrorKind;

use super::{snapshot, with_versions};
use crate::common::{TestDatabase, error_kind, open_read_only};

#[test]
fn an_alias_points_to_one_version() {
    let database = TestDatabase::new();
    let registry = database.registry();
    let model = with_versions(&registry, "churn", 2);
    model.set_alias("champion", 1).unwrap();
    model.set_alias("Champion", 2).unwrap();
    model.set_alias("other", 1).unwrap();
    assert_eq!(model.version(1).unwrap().info().unwrap().aliases, ["champion", "other"]);
    model.set_alias("champion", 2).unwrap();
    assert_eq!(registry.version_info_by_alias("churn", "champion").unwrap().version, 2);
    assert_eq!(model.version_by_alias("other").unwrap().version(), 1);
    assert_eq!(error_kind(model.set_alias("champion", 3)), ErrorKind::NotFound);
}

#[test]
fn a_deleted_or_unknown_alias_is_not_resolved() {
    let database = TestDatabase::new();
    let registry = database.registry();
    let model = with_versions(&registry, "churn", 2);
    for (alias, version) in [("champion", 2), ("Champion", 2), ("other", 1)] {
        model.set_alias(alias, version).unwrap();
    }
    model.delete_alias("champion").unwrap();
    model.delete_alias("champion").unwrap();
    assert_eq!(error_kind(registry.version_by_alias("churn", "champion")), ErrorKind::InvalidInput);
    assert_eq!(error_kind(model.version_by_alias("champion")), ErrorKind::InvalidInput);
    assert_eq!(error_kind(registry.version_by_alias("unknown", "champion")), ErrorKind::NotFound);
    assert_eq!(model.info().unwrap().aliases.len(), 2);
}

#[test]
fn invalid_aliases_are_rejected() {
    let database = TestDatabase::new();
    let model = with_versions(&database.registry(), "churn", 1);
    let long = "a".repeat(256);
    for bad in ["", "latest", "LATEST", "v1", "V22", "a b", "a.b", "a/b", "a@b", "a\n", &long] {
        assert_eq!(error_kind(model.set_alias(bad, 1)), ErrorKind::InvalidInput, "{bad}");
        assert_eq!(error_kind(model.move_alias(bad, None, 1)), ErrorKind::InvalidInput, "{bad}");
    }
    for valid in ["v", "v1a", "version1", "latest1", "a-b_c", "\u{645}", &long[1..]] {
        model.set_alias(valid, 1).unwrap();
    }
}

#[test]
fn a_move_with_a_wrong_expectation_is_a_conflict() {
    let database = TestDatabase::new();
    let model = with_versions(&database.registry(), "churn", 3);
    assert_eq!(error_kind(model.move_alias("champion", Some(1), 2)), ErrorKind::Conflict);
    model.move_alias("champion", None, 1).unwrap();
    assert_eq!(error_kind(model.move_alias("champion", None, 2)), ErrorKind::Conflict);
    assert_eq!(error_kind(model.move_alias("champion", Some(3), 2)), ErrorKind::Conflict);
    assert_eq!(error_kind(model.move_alias("champion", Some(1), 9)), ErrorKind::NotFound);
    model.move_alias("champion", Some(1), 2).unwrap();
    assert_eq!(model.info().unwrap().aliases["champion"], 2);
}

#[test]
fn one_of_several_concurrent_moves_wins() {
    let database = TestDatabase::new();
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
    let before = snapshot(&database.registry());
    drop(model);
    let folder = database.close();
    // The reader rebuilds the index from the chain.
    assert_eq!(snapshot(&open_read_only(&folder.file()).registry()), before);
}

#[test]
fn concurrent_threads_get_distinct_version_numbers() {
    let database = TestDatabase::new();
    let model = with_versions(&database.registry(), "churn", 0);
    let numbers = numbers_of_four_threads(&model);
    assert_eq!(numbers, (1..=40).collect::<Vec<u64>>());
    drop(model);
    let database = database.reopen();
    assert_eq!(database.registry().model("churn").unwrap().versions().unwrap().len(), 40);
}

/// Returns the sorted version numbers that four threads get for ten versions each.
fn numbers_of_four_threads(model: &tracklite::registry::RegisteredModel) -> Vec<u64> {
    let create = || -> Vec<u64> {
        (0..10).map(|_| model.new_version("s3://m").create().unwrap().version()).collect()
    };
    let mut numbers: Vec<u64> = std::thread::scope(|scope| {
        let threads: Vec<_> = (0..4).map(|_| scope.spawn(create)).collect();
        threads.into_iter().flat_map(|thread| thread.join().unwrap()).collect()
    });
    numbers.sort_unstable();
    numbers
}
