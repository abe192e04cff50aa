//! Processes that vacuum the file, beside others that open and create it.

use std::fs;

use tracklite::Database;

use super::helper::Helper;
use super::{Place, open_to_read};

/// Processes open the file, or create it, and log, while others put vacuumed ones in its place.
#[test]
fn vacuums_beside_openers_lose_nothing() {
    const ROUNDS: usize = 5;
    const AT_ONCE: usize = 3;
    let place = Place::new();
    let closed = place.closed_file();
    let vacuums: Vec<_> =
        (0..2).map(|_| Helper::start("vacuum again and again", &closed)).collect();
    for _ in 0..ROUNDS {
        let helpers: Vec<_> = (0..AT_ONCE).map(|_| Helper::start("create", &closed)).collect();
        helpers.into_iter().for_each(Helper::finish);
    }
    fs::write(closed.with_extension("stop"), "").unwrap();
    let mut vacuumed = 0;
    for mut helper in vacuums {
        vacuumed += helper.wait_for("vacuumed ").parse::<u32>().unwrap();
        helper.finish();
    }
    assert!(vacuumed > 0, "the file was never vacuumed");
    fs::remove_file(closed.with_extension("stop")).unwrap();
    let runs = open_to_read(&closed).runs().unwrap();
    assert_eq!(runs.len(), 1 + ROUNDS * AT_ONCE);
    assert!(runs.iter().all(|run| run.metrics["loss"].step == 9));
    assert!(Database::verify(&closed).unwrap().is_sound());
    assert_eq!(fs::read_dir(place.folder.path()).unwrap().count(), 1, "nothing is left beside it");
}
