//! What is stored already takes no more space, whoever logs it.

use crate::files::Helper;

use super::{World, noise, number, same_noise};

const MIB: usize = 1024 * 1024;

#[test]
fn the_same_bytes_are_stored_once() {
    let world = World::new();
    let bytes = noise(6 * MIB, 1);
    world.artifacts().log_bytes("a.bin", &bytes).unwrap();
    let (stored, length) = (world.stored(), world.length());
    assert!((bytes.len() as u64..bytes.len() as u64 + 1000).contains(&stored), "{stored}");
    for path in ["a.bin", "b/c.bin"] {
        let artifacts = world.artifacts();
        artifacts.log_bytes(path, &bytes).unwrap();
        assert!(artifacts.read(path).unwrap() == bytes);
    }
    assert_eq!((world.stored(), world.length()), (stored, length));
}

#[test]
fn versions_of_a_large_file_share_what_they_have_in_common() {
    let world = World::new();
    let artifacts = world.artifacts();
    let first = noise(20 * MIB, 2);
    artifacts.log_bytes("first", &first).unwrap();
    let before = world.stored();
    let mut second = first.clone();
    second.splice(7 * MIB..7 * MIB + 10, noise(1000, 3));
    artifacts.log_bytes("second", &second).unwrap();
    let more = world.stored() - before;
    assert!(more < 3 * MIB as u64, "{more} bytes for a change of 1000");
    assert!(artifacts.read("first").unwrap() == first);
    assert!(artifacts.read("second").unwrap() == second);
    assert_eq!(number(&world.database, "SELECT count(*) FROM artifacts WHERE is_list"), 0);
}

#[test]
fn what_shrinks_is_compressed() {
    let world = World::new();
    let artifacts = world.artifacts();
    let text = "step,loss\n1,0.5\n".repeat(100_000);
    artifacts.log_text("log.csv", &text).unwrap();
    assert!(world.stored() * 20 < text.len() as u64, "{}", world.stored());
    assert!(artifacts.read("log.csv").unwrap() == text.as_bytes());
}

#[test]
fn two_that_log_the_same_at_once_store_it_once() {
    let world = World::new();
    let artifacts = world.artifacts();
    let bytes = same_noise();
    let helpers: Vec<_> =
        (0..2).map(|_| Helper::start("log the same artifacts", &world.file)).collect();
    std::thread::scope(|scope| {
        for thread in 0..2 {
            let (artifacts, bytes) = (&artifacts, &bytes);
            scope.spawn(move || {
                for round in 0..5 {
                    artifacts.log_bytes(&format!("here/{thread}/{round}"), bytes).unwrap();
                }
            });
        }
    });
    helpers.into_iter().for_each(Helper::finish);
    let found = artifacts.list_all().unwrap();
    assert_eq!(found.len(), 20);
    for info in found {
        assert!(artifacts.read(&info.path).unwrap() == bytes, "{}", info.path);
    }
    let stored = world.stored();
    assert!(stored < bytes.len() as u64 + 1000, "{stored}");
}
