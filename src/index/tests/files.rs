//! Tests of concurrent users, unclean boots, defects, and unusable folders.

use std::fs;
use std::os::unix::fs::MetadataExt as _;
use std::path::{Path, PathBuf};
use std::time::Duration;

use rusqlite::Connection;
use tempfile::TempDir;

use super::*;
use crate::index::leftovers;
use crate::index::place::FolderLock;

fn place(directory: &TempDir) -> IndexPlace {
    IndexPlace::Directory(directory.path().to_owned())
}

fn open(directory: &TempDir) -> Index {
    Index::open(&key(), &place(directory)).unwrap()
}

fn frames() -> Vec<ChainFrame> {
    vec![
        frame(100, vec![writer_opened(WRITER, 7), experiment_created(CHURN, "/team/churn")]),
        frame(200, vec![run_started(run(1), CHURN, 10)]),
        frame(300, vec![run_started(run(2), CHURN, 20)]),
    ]
}

/// Returns the database files in the folder of the index.
fn databases(index: &Path) -> Vec<PathBuf> {
    let files = fs::read_dir(index.parent().unwrap()).unwrap();
    let paths = files.map(|entry| entry.unwrap().path());
    paths.filter(|path| path.extension().is_some_and(|extension| extension == "sqlite")).collect()
}

#[test]
fn a_frame_applied_twice_counts_once() {
    let mut index = in_memory();
    let frames = frames();
    index.apply(&frames[..2]).unwrap();
    index.apply(&frames[..2]).unwrap();
    assert_eq!(index.cursor().unwrap(), Some((Position(200), !200)));
    index.apply(&frames).unwrap();
    index.apply(&[]).unwrap();
    assert_eq!(index.cursor().unwrap(), Some((Position(300), !300)));
    assert_eq!(index.counts().unwrap().runs, 2);
}

#[test]
fn a_frame_of_another_chain_is_refused() {
    let mut index = in_memory();
    let mut frames = frames();
    index.apply(&frames[..2]).unwrap();
    frames[1].hash ^= 1;
    assert_eq!(index.apply(&frames).unwrap_err().kind(), ErrorKind::Index);
    assert_eq!(index.cursor().unwrap(), Some((Position(200), !200)));
    index.reset().unwrap();
    assert_eq!(index.cursor().unwrap(), None);
    index.apply(&frames).unwrap();
    assert_eq!(index.counts().unwrap().runs, 2);
}

#[test]
fn a_failed_transaction_changes_nothing() {
    let mut index = in_memory();
    index.apply(&frames()[..2]).unwrap();
    index.store.connection.execute_batch("DROP TABLE params").unwrap();
    let params = Record::ParamsSet(ParamsSet { run: run(1), params: pairs(&[("a", "b")]) });
    let late = frame(400, vec![run_started(run(3), CHURN, 1), params]);
    assert_eq!(index.apply(&[late]).unwrap_err().kind(), ErrorKind::Index);
    assert_eq!(index.cursor().unwrap(), Some((Position(200), !200)));
    assert_eq!(ids(&index, RunScope::All), [run(1)]);
}

#[test]
fn two_users_share_one_file() {
    let directory = TempDir::new().unwrap();
    let (mut one, mut other) = (open(&directory), open(&directory));
    assert_eq!(one.path().unwrap(), other.path().unwrap());
    let frames = frames();
    one.apply(&frames[..2]).unwrap();
    assert_eq!(other.cursor().unwrap(), Some((Position(200), !200)));
    other.apply(&frames).unwrap();
    one.apply(&frames[1..]).unwrap();
    assert_eq!(ids(&one, RunScope::All), ids(&other, RunScope::All));
    assert_eq!(one.counts().unwrap().runs, 2);
}

#[test]
fn threads_that_apply_the_same_frames_agree() {
    let directory = TempDir::new().unwrap();
    let frames: Vec<_> =
        (1..200).map(|n| frame(n * 8, vec![run_started(run(n.into()), CHURN, 0)])).collect();
    std::thread::scope(|scope| {
        for _ in 0..4 {
            let mut index = open(&directory);
            let frames = &frames;
            scope.spawn(move || {
                frames.chunks(7).for_each(|chunk| index.apply(chunk).unwrap());
            });
        }
    });
    assert_eq!(open(&directory).counts().unwrap().runs, 199);
}

#[test]
fn a_closed_index_is_reopened() {
    let directory = TempDir::new().unwrap();
    let mut index = open(&directory);
    index.apply(&frames()).unwrap();
    let path = index.path().unwrap().to_owned();
    drop(index);
    let index = open(&directory);
    assert_eq!(index.path().unwrap(), path);
    assert_eq!(index.cursor().unwrap(), Some((Position(300), !300)));
    let elsewhere = IndexKey { inode: 99, ..key() };
    let elsewhere = Index::open(&elsewhere, &place(&directory)).unwrap();
    assert_eq!(elsewhere.cursor().unwrap(), None);
    let newer = IndexKey { format_level: 1, ..key() };
    assert_eq!(Index::open(&newer, &place(&directory)).unwrap().cursor().unwrap(), None);
}

#[test]
fn an_index_of_an_unclean_boot_is_rebuilt_under_another_name() {
    let directory = TempDir::new().unwrap();
    let mut index = open(&directory);
    index.apply(&frames()).unwrap();
    let old = index.path().unwrap().to_owned();
    drop(index);
    let rebooted = IndexKey { boot_id: 5, ..key() };
    let index = Index::open(&rebooted, &place(&directory)).unwrap();
    assert_eq!(index.cursor().unwrap(), None);
    assert_ne!(index.path().unwrap(), old);
    assert_eq!(databases(&old), [index.path().unwrap()]);
}

#[test]
fn an_unknown_boot_is_never_the_same_boot() {
    let directory = TempDir::new().unwrap();
    let unknown = IndexKey { boot_id: 0, ..key() };
    Index::open(&unknown, &place(&directory)).unwrap().apply(&frames()).unwrap();
    let index = Index::open(&unknown, &place(&directory)).unwrap();
    assert_eq!(index.cursor().unwrap(), None);
}

#[test]
fn a_clean_index_survives_a_boot_until_the_next_write() {
    let directory = TempDir::new().unwrap();
    let mut index = open(&directory);
    index.worth_cleaning_records = 1;
    index.apply(&frames()[..2]).unwrap();
    drop(index);
    let rebooted = IndexKey { boot_id: 5, ..key() };
    let mut index = Index::open(&rebooted, &place(&directory)).unwrap();
    assert_eq!(index.cursor().unwrap(), Some((Position(200), !200)));
    index.apply(&frames()).unwrap();
    drop(index);
    assert_eq!(open(&directory).cursor().unwrap(), None, "written in boot 5, opened in boot 4");
}

#[test]
fn an_index_is_not_clean_while_another_user_has_it_open() {
    let directory = TempDir::new().unwrap();
    let (mut one, mut other) = (open(&directory), open(&directory));
    one.worth_cleaning_records = 1;
    one.apply(&frames()[..2]).unwrap();
    drop(one);
    let clean = |index: &Index| index.store.files.as_ref().unwrap().is_clean();
    assert!(!clean(&other));
    other.worth_cleaning_records = 1;
    other.apply(&frames()).unwrap();
    drop(other);
    let index = open(&directory);
    assert!(clean(&index));
    assert_eq!(index.cursor().unwrap(), Some((Position(300), !300)));
}

#[test]
fn an_overwritten_index_is_rebuilt() {
    let directory = TempDir::new().unwrap();
    let mut index = open(&directory);
    index.apply(&frames()).unwrap();
    let path = index.path().unwrap().to_owned();
    drop(index);
    fs::write(&path, vec![0xAA; 8192]).unwrap();
    let index = open(&directory);
    assert_eq!(index.cursor().unwrap(), None);
    assert_ne!(index.path().unwrap(), path);
}

#[test]
fn a_later_defect_is_an_index_error_and_reset_repairs_it() {
    let directory = TempDir::new().unwrap();
    let mut index = open(&directory);
    index.apply(&frames()).unwrap();
    let path = index.path().unwrap().to_owned();
    drop(index);
    let connection = Connection::open(&path).unwrap();
    let number = "SELECT rootpage, (SELECT page_size FROM pragma_page_size) FROM sqlite_master
                  WHERE name = 'runs'";
    let (page, size): (isize, isize) =
        connection.query_row(number, (), |row| Ok((row.get(0)?, row.get(1)?))).unwrap();
    drop(connection);
    let (page, size) = (page.cast_unsigned(), size.cast_unsigned());
    let mut bytes = fs::read(&path).unwrap();
    bytes[(page - 1) * size..page * size].fill(0xAA);
    fs::write(&path, bytes).unwrap();

    let mut index = open(&directory);
    assert_eq!(index.cursor().unwrap(), Some((Position(300), !300)));
    assert_eq!(index.run_infos(RunScope::All).unwrap_err().kind(), ErrorKind::Index);
    assert_eq!(index.sql("SELECT * FROM runs").unwrap_err().kind(), ErrorKind::Index);
    index.reset().unwrap();
    index.apply(&frames()).unwrap();
    assert_eq!(ids(&index, RunScope::All).len(), 2);
    assert_ne!(index.path().unwrap(), path);
    assert_eq!(databases(&path), [index.path().unwrap()]);
}

#[test]
fn an_index_of_another_schema_is_rebuilt() {
    let directory = TempDir::new().unwrap();
    let mut index = open(&directory);
    index.apply(&frames()).unwrap();
    index.store.connection.pragma_update(None, "user_version", 999).unwrap();
    drop(index);
    assert_eq!(open(&directory).cursor().unwrap(), None);
}

#[test]
fn a_malformed_pointer_is_not_followed() {
    let directory = TempDir::new().unwrap();
    let mut index = open(&directory);
    index.apply(&frames()).unwrap();
    let pointer = index.path().unwrap().with_file_name("current");
    drop(index);
    for text in ["", "../../index\n", "index-0123456789abcdef.sqlite\n", "current\n"] {
        fs::write(&pointer, text).unwrap();
        let index = open(&directory);
        assert_eq!(index.cursor().unwrap(), None, "{text:?}");
        let named = fs::read_to_string(&pointer).unwrap();
        assert_eq!(index.path().unwrap().file_name().unwrap().to_str(), named.strip_suffix('\n'));
    }
}

#[test]
fn reset_keeps_the_file_of_another_user() {
    let directory = TempDir::new().unwrap();
    let (mut one, mut other) = (open(&directory), open(&directory));
    one.apply(&frames()).unwrap();
    other.reset().unwrap();
    assert_ne!(one.path().unwrap(), other.path().unwrap());
    assert!(one.path().unwrap().exists());
    assert_eq!((one.counts().unwrap().runs, other.counts().unwrap().runs), (2, 0));
    let old = one.path().unwrap().to_owned();
    drop(one);
    other.reset().unwrap();
    assert!(!old.exists());
}

#[test]
fn an_unusable_folder_falls_back_to_memory() {
    let directory = TempDir::new().unwrap();
    let file = directory.path().join("file");
    fs::write(&file, "").unwrap();
    let place = IndexPlace::Directory(file.join("below"));
    let mut index = Index::open(&key(), &place).unwrap();
    assert_eq!(index.path(), None);
    index.apply(&frames()).unwrap();
    assert_eq!(index.counts().unwrap().runs, 2);
    index.reset().unwrap();
    assert_eq!((index.path(), index.counts().unwrap().runs), (None, 0));
}

#[test]
fn a_folder_that_cannot_be_locked_falls_back_to_memory() {
    let directory = TempDir::new().unwrap();
    let folder = open(&directory).path().unwrap().parent().unwrap().to_owned();
    fs::remove_dir_all(&folder).unwrap();
    fs::create_dir_all(folder.join("lock")).unwrap();
    assert_eq!(open(&directory).path(), None);
}

#[test]
fn a_busy_index_continues_in_memory_after_a_reset() {
    let directory = TempDir::new().unwrap();
    let (mut one, other) = (open(&directory), open(&directory));
    one.store.connection.busy_timeout(std::time::Duration::from_millis(20)).unwrap();
    other.store.connection.execute_batch("BEGIN IMMEDIATE").unwrap();
    assert_eq!(one.apply(&frames()).unwrap_err().kind(), ErrorKind::Index);
    one.reset().unwrap();
    one.apply(&frames()).unwrap();
    assert_eq!((one.path(), one.counts().unwrap().runs), (None, 2));
}

/// Opens an index of the file at `path`, in its own folder.
fn index_of(directory: &TempDir, path: &Path, number: u128) -> (Index, PathBuf) {
    let (device, inode) = match fs::metadata(path) {
        Ok(found) => (found.dev(), found.ino()),
        Err(_) => (1, 1),
    };
    let key = IndexKey { file_id: number, device, inode, ..key() };
    let index = Index::open(&key, &place(directory)).unwrap();
    index.note_database(path);
    let folder = index.path().unwrap().parent().unwrap().to_owned();
    (index, folder)
}

#[test]
fn old_folders_of_missing_databases_are_removed() {
    let directory = TempDir::new().unwrap();
    let there = directory.path().join("there.tracklite");
    let gone = directory.path().join("gone.tracklite");
    fs::write(&there, "a database").unwrap();
    let old = |path: &Path, number| {
        let (index, folder) = index_of(&directory, path, number);
        leftovers::age(&folder);
        (index, folder)
    };
    let (index, unused) = old(&gone, 1);
    drop(index);
    let (index, kept) = old(&there, 2);
    drop(index);
    let (_used, used) = old(&gone, 3);
    let (index, foreign) = old(&gone, 4);
    drop(index);
    fs::write(foreign.join("notes.txt"), "of somebody").unwrap();
    // A vacuum has replaced the file.
    let (index, vacuumed) = old(&there, 5);
    drop(index);
    let renamed = vacuumed.with_file_name(format!("{:032x}-1-1-1-0", 5));
    fs::rename(&vacuumed, &renamed).unwrap();
    let (index, recent) = index_of(&directory, &gone, 6);
    drop(index);
    assert!(!unused.exists());
    let exists = [&kept, &used, &recent].map(|folder| folder.join("database").exists());
    assert_eq!(exists, [true; 3]);
    assert!(!renamed.exists());
    let left: Vec<_> =
        fs::read_dir(&foreign).unwrap().map(|entry| entry.unwrap().file_name()).collect();
    assert_eq!(left, ["notes.txt"]);
}

#[test]
fn a_folder_removed_during_a_wait_for_its_lock_is_recreated() {
    let directory = TempDir::new().unwrap();
    let (index, folder) = index_of(&directory, Path::new("/none"), 1);
    drop(index);
    let lock = FolderLock::take(&folder).unwrap();
    let waiting = std::thread::scope(|scope| {
        let waiting = scope.spawn(|| FolderLock::take(&folder));
        std::thread::sleep(Duration::from_millis(20));
        fs::remove_file(folder.join("database")).unwrap();
        lock.remove_folder();
        waiting.join().unwrap()
    });
    assert!(waiting.unwrap().current().is_none());
    assert!(folder.join("lock").exists());
}
