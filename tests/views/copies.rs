//! Saved views in backups, vacuumed and salvaged files.

use std::fs;

use tracklite::{Database, ErrorKind};

use crate::common::{TestDatabase, error_kind, open_quietly};

fn contains(bytes: &[u8], part: &str) -> bool {
    bytes.windows(part.len()).any(|window| window == part.as_bytes())
}

#[test]
fn copies_keep_the_last_revision_of_each_view() {
    let database = TestDatabase::quiet();
    database.save_view("kept", r#"{"it": "the earlier state"}"#, 0).unwrap();
    let kept = database.save_view_as("ada", "kept", r#"{"it": "the last state"}"#, 1).unwrap();
    database.save_view("gone", r#"{"it": "the deleted state"}"#, 0).unwrap();
    database.delete_view("gone", 1).unwrap();
    let path = database.path().to_owned();
    let (backup, salvaged) = (path.with_extension("backup"), path.with_extension("salvaged"));
    database.backup(&backup).unwrap();
    let folder = database.close();
    assert_eq!(Database::salvage(&path, &salvaged).unwrap().lost, Vec::<String>::new());
    assert!(Database::vacuum(&path).is_ok());
    for copy in [&backup, &salvaged, &path] {
        let report = Database::verify(copy).unwrap();
        assert!(report.is_sound(), "{:?}", report.damages);
        let bytes = fs::read(copy).unwrap();
        assert!(contains(&bytes, "the last state"), "the search works");
        assert!(!contains(&bytes, "the earlier state") && !contains(&bytes, "the deleted state"));
        let copy = open_quietly(copy);
        assert_eq!(copy.views().unwrap(), std::slice::from_ref(&kept));
        assert_eq!(error_kind(copy.save_view("kept", "{}", 1)), ErrorKind::Conflict);
        // The copy remembers the revision of the deletion.
        assert_eq!(copy.save_view("gone", "{}", 0).unwrap().revision, 3);
        assert_eq!(copy.save_view("kept", "{}", 2).unwrap().created, kept.created);
    }
    drop(folder);
}

#[test]
fn salvage_keeps_the_last_revision_that_can_be_read() {
    let database = TestDatabase::quiet();
    let kept = database.save_view("a", r#"{"n": 1}"#, 0).unwrap();
    database.save_view("a", r#"{"n": "the lost state"}"#, 1).unwrap();
    let last = database.save_view("b", "{}", 0).unwrap();
    let path = database.path().to_owned();
    let folder = database.close();
    let mut lost = None;
    let damages = Database::frames(&path, |frame| {
        let is_it = frame.records.iter().any(|record| format!("{record:?}").contains("lost state"));
        lost = lost.or(is_it.then_some(frame.position));
        Ok(())
    });
    assert_eq!(damages.unwrap(), []);
    let mut bytes = fs::read(&path).unwrap();
    bytes[usize::try_from(lost.unwrap()).unwrap() + 30] ^= 1;
    fs::write(&path, bytes).unwrap();

    let copy = folder.join("salvaged");
    assert!(!Database::salvage(&path, &copy).unwrap().lost.is_empty());
    let copy = open_quietly(&copy);
    assert_eq!(copy.views().unwrap(), [kept, last]);
}
