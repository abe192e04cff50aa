//! Vacuums that run while other processes open and create the file.

use std::fs;

use tracklite::Database;

use super::closed_file;
use super::helper::Helper;
use crate::common::{TestFolder, open_read_only};

/// Some processes open or create the file and log, while others replace it by vacuumed copies.
#[test]
fn vacuums_lose_no_runs_of_processes_that_open_the_file() {
    const ROUNDS: usize = 5;
    const AT_ONCE: usize = 3;
    let folder = TestFolder::new();
    let closed = closed_file(&folder);
    let vacuums: Vec<_> = (0..2).map(|_| Helper::start("vacuum repeatedly", &closed)).collect();
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
    assert!(vacuumed > 0, "the file must be vacuumed at least once");
    fs::remove_file(closed.with_extension("stop")).unwrap();
    let runs = open_read_only(&closed).runs().unwrap();
    assert_eq!(runs.len(), 1 + ROUNDS * AT_ONCE);
    assert!(runs.iter().all(|run| run.metrics["loss"].step == 9));
    assert!(Database::verify(&closed).unwrap().is_sound());
    assert_eq!(folder.entries(), 1, "no temporary file may be left");
}
