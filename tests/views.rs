//! Saved views: their revisions, conflicts, rules and copies.

#[path = "views/copies.rs"]
mod copies;

use std::sync::Barrier;

use tracklite::view::SavedView;
use tracklite::{Database, ErrorKind, Timestamp};

use crate::common::{TestDatabase, error_kind, error_message, open, open_quietly, open_read_only};

fn names(found: &[SavedView]) -> Vec<&str> {
    found.iter().map(|view| view.name.as_str()).collect()
}

#[test]
fn a_view_keeps_all_its_fields() {
    let database = TestDatabase::quiet();
    let state = "{ \"order\": \"metrics.loss\", \"\u{e9}\": [1e300, {}], \"a\": null } ";
    let before = Timestamp::now();
    let first = database.save_view_as("ada", "best \u{1f600}", state, 0).unwrap();
    assert_eq!((first.name.as_str(), first.state.as_str()), ("best \u{1f600}", state));
    assert_eq!((first.author.as_str(), first.revision), ("ada", 1));
    assert!(before <= first.created && first.created == first.updated);
    let second = database.save_view_as("bob", "best \u{1f600}", "{}", 1).unwrap();
    assert_eq!((second.state.as_str(), second.author.as_str(), second.revision), ("{}", "bob", 2));
    assert_eq!(second.created, first.created);
    let database = database.reopen();
    assert_eq!(database.view("best \u{1f600}").unwrap(), second);
    assert_eq!(database.views().unwrap(), [second]);
}

#[test]
fn the_author_is_the_user_of_the_process() {
    let database = TestDatabase::quiet();
    let run = crate::common::start_run(&database, "run").record().unwrap();
    assert_eq!(database.save_view("a", "{}", 0).unwrap().author, run.info.user);
}

#[test]
fn views_are_listed_by_name() {
    let database = TestDatabase::quiet();
    for name in ["b", "a/b", "B", "a", "\u{fc}"] {
        database.save_view(name, "{}", 0).unwrap();
    }
    assert_eq!(names(&database.views().unwrap()), ["B", "a", "a/b", "b", "\u{fc}"]);
}

#[test]
fn a_conflict_names_the_author_and_the_time() {
    let database = TestDatabase::quiet();
    let kept = database.save_view_as("ada \"x\"", "a", "{\"n\": 1}", 0).unwrap();
    for (expects, expected) in [(0, "no such view"), (2, "revision 2"), (u64::MAX, "revision 18")] {
        let found = database.save_view_as("bob", "a", "{}", expects);
        let message = error_message(found, ErrorKind::Conflict);
        let saved = format!("\"ada \\\"x\\\"\" saved revision 1 at {}", kept.updated);
        assert!(message.contains(&saved) && message.contains(expected), "{message}");
        if expects > 0 {
            let message = error_message(database.delete_view("a", expects), ErrorKind::Conflict);
            assert!(message.contains(&saved) && message.contains(expected), "{message}");
        }
    }
    let message = error_message(database.save_view("new", "{}", 3), ErrorKind::Conflict);
    assert!(message.contains("it does not exist, expected revision 3"), "{message}");
    assert_eq!(database.views().unwrap(), [kept]);
}

#[test]
fn a_deleted_view_is_gone_and_its_revisions_are_not_used_again() {
    let database = TestDatabase::quiet();
    let gone = database.save_view_as("ada", "gone", "{}", 0).unwrap();
    database.save_view("kept", "{}", 0).unwrap();
    database.delete_view_as("bob", "gone", 1).unwrap();
    assert_eq!(names(&database.views().unwrap()), ["kept"]);
    for name in ["gone", "never", ""] {
        let message = error_message(database.view(name), ErrorKind::NotFound);
        assert!(message.contains(&format!("there is no view {name:?}")), "{message}");
        assert_eq!(error_message(database.delete_view(name, 1), ErrorKind::NotFound), message);
    }
    let message = error_message(database.save_view("gone", "{}", 1), ErrorKind::Conflict);
    assert!(message.contains("\"bob\" deleted it at "), "{message}");
    // A page that still shows revision 1 must not replace the new view.
    let again = database.save_view("gone", "{}", 0).unwrap();
    assert_eq!(again.revision, 3);
    assert!(again.created > gone.created);
    assert_eq!(error_kind(database.save_view("gone", "{}", 1)), ErrorKind::Conflict);
    let database = database.reopen();
    database.delete_view("gone", 3).unwrap();
    assert_eq!(database.save_view("gone", "{}", 0).unwrap().revision, 5);
}

#[test]
fn one_of_several_writers_saves_a_revision() {
    const WRITERS: usize = 4;
    const ROUNDS: u64 = 20;
    let database = TestDatabase::quiet();
    let handles: Vec<Database> = (0..WRITERS).map(|_| open_quietly(database.path())).collect();
    let barrier = Barrier::new(WRITERS);
    // Nothing is checked before the threads end, because the others wait for a thread that panics.
    let save = |number: usize, handle: &Database| -> Vec<Result<u64, ErrorKind>> {
        let save = |round| {
            barrier.wait();
            let saved = handle.save_view("shared", &format!("{{\"writer\": {number}}}"), round);
            saved.map(|view| view.revision).map_err(|error| error.kind())
        };
        (0..ROUNDS).map(save).collect()
    };
    let save = &save;
    let found: Vec<_> = std::thread::scope(|scope| {
        let writers = handles.iter().enumerate();
        let writers: Vec<_> =
            writers.map(|(number, handle)| scope.spawn(move || save(number, handle))).collect();
        writers.into_iter().flat_map(|writer| writer.join().unwrap()).collect()
    });
    let mut saved: Vec<u64> = found.iter().filter_map(|result| result.ok()).collect();
    saved.sort_unstable();
    assert_eq!(saved, (1..=ROUNDS).collect::<Vec<u64>>());
    let mut failed = found.iter().filter_map(|result| result.err());
    assert!(failed.all(|kind| kind == ErrorKind::Conflict), "{found:?}");
    assert_eq!(database.view("shared").unwrap().revision, ROUNDS);
}

#[test]
fn bad_input_changes_nothing() {
    let database = TestDatabase::quiet();
    let kept = database.save_view("a", "{}", 0).unwrap();
    let long = |length: usize| format!("{{\"a\": \"{}\"}}", "x".repeat(length - 9));
    let deep = format!("{{\"a\": {}{}}}", "[".repeat(200), "]".repeat(200));
    let states = ["", "[]", "1", "null", "{", "{} {}", "{\"a\": NaN}", &deep, &long(262_145)];
    for state in states {
        assert_eq!(error_kind(database.save_view("a", state, 1)), ErrorKind::InvalidInput);
    }
    for name in ["", " ", "a\n", "\u{7f}", &"n".repeat(251)] {
        assert_eq!(error_kind(database.save_view(name, "{}", 0)), ErrorKind::InvalidInput);
    }
    for user in ["", "a\u{0}b", &"u".repeat(256)] {
        assert_eq!(error_kind(database.save_view_as(user, "a", "{}", 1)), ErrorKind::InvalidInput);
        assert_eq!(error_kind(database.delete_view_as(user, "a", 1)), ErrorKind::InvalidInput);
    }
    assert_eq!(database.views().unwrap(), [kept]);
    database.save_view(&"n".repeat(250), &long(262_144), 0).unwrap();
}

#[test]
fn a_read_only_handle_changes_no_view() {
    let database = TestDatabase::quiet();
    let view = database.save_view("a", "{}", 0).unwrap();
    let reader = open_read_only(database.path());
    assert_eq!(reader.view("a").unwrap(), view);
    assert_eq!(error_kind(reader.save_view("a", "{}", 1)), ErrorKind::ReadOnly);
    assert_eq!(error_kind(reader.delete_view("a", 1)), ErrorKind::ReadOnly);
    let other = open(database.path());
    let second = other.save_view("a", "{\"n\": 2}", 1).unwrap();
    assert_eq!((reader.view("a").unwrap(), database.view("a").unwrap()), (second.clone(), second));
}
