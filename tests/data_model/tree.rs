//! Nested runs, and experiments in folders.

use tracklite::{Database, ErrorKind, RunId};

use crate::common::{TestDatabase, error_kind};

const PARENT: &str = "mlflow.parentRunId";

#[test]
fn runs_can_be_nested_to_any_depth() {
    let database = TestDatabase::new();
    let experiment = database.default_experiment().unwrap();
    let mut chain = vec![experiment.start_run("root").unwrap()];
    for _ in 0..300 {
        let parent = chain.last().unwrap().id();
        chain.push(experiment.new_run().parent(parent).start().unwrap());
    }
    let ids: Vec<RunId> = chain.iter().map(tracklite::Run::id).collect();
    assert_eq!(chain[0].descendants().unwrap(), ids[1..]);
    assert_eq!(chain[0].children().unwrap(), ids[1..2]);
    let above: Vec<RunId> = ids[..300].iter().rev().copied().collect();
    assert_eq!(chain[300].ancestors().unwrap(), above);
    let beside = experiment.new_run().parent(ids[0]).start().unwrap();
    let mut all = ids[1..].to_vec();
    all.push(beside.id());
    assert_eq!(chain[0].descendants().unwrap(), all, "in the order of their start");
    assert!(chain[300].descendants().unwrap().is_empty());
    assert!(chain[0].ancestors().unwrap().is_empty());
}

#[test]
fn a_cycle_of_parents_is_followed_once() {
    let database = TestDatabase::new();
    let experiment = database.default_experiment().unwrap();
    let [a, b, c] = ["a", "b", "c"].map(|name| experiment.start_run(name).unwrap());
    b.set_tag(PARENT, a.id()).unwrap();
    c.set_tag(PARENT, b.id()).unwrap();
    a.set_tag(PARENT, c.id()).unwrap();
    assert_eq!(a.descendants().unwrap(), [b.id(), c.id()]);
    assert_eq!(a.ancestors().unwrap(), [c.id(), b.id()]);
    a.set_tag(PARENT, a.id()).unwrap();
    assert_eq!(a.ancestors().unwrap(), []);
    assert_eq!(a.descendants().unwrap(), [b.id(), c.id()]);
}

#[test]
fn ancestors_stop_at_a_purged_parent() {
    let database = TestDatabase::new();
    let experiment = database.default_experiment().unwrap();
    let root = experiment.start_run("root").unwrap();
    let middle = experiment.new_run().parent(root.id()).start().unwrap();
    let leaf = experiment.new_run().parent(middle.id()).start().unwrap();
    let gone = root.clone();
    root.delete().unwrap();
    assert_eq!(leaf.ancestors().unwrap(), [middle.id(), gone.id()], "deleted ancestors count");
    database.gc().unwrap();
    assert_eq!(leaf.ancestors().unwrap(), [middle.id()]);
    assert_eq!(error_kind(gone.ancestors()), ErrorKind::NotFound);
}

fn paths(database: &Database, folder: &str) -> Vec<String> {
    let found = database.experiments_under(folder).unwrap();
    found.into_iter().map(|info| info.path).collect()
}

#[test]
fn experiments_under_lists_a_folder_recursively() {
    let database = TestDatabase::new();
    for path in ["/a/b/c", "/a/b", "/a/bc/d", "/a/b/x/y", "plain", "/A/b"] {
        database.experiment(path).unwrap();
    }
    database.find_experiment("/a/b/c").unwrap().unwrap().delete().unwrap();
    assert_eq!(paths(&database, "/a/b"), ["/a/b/c", "/a/b/x/y"]);
    assert_eq!(paths(&database, "a//b/"), ["/a/b/c", "/a/b/x/y"]);
    assert_eq!(paths(&database, "/a"), ["/a/b", "/a/b/c", "/a/b/x/y", "/a/bc/d"]);
    assert_eq!(paths(&database, "/").len(), 7);
    assert!(paths(&database, "/a/b/c").is_empty() && paths(&database, "/nowhere").is_empty());
}

#[test]
fn experiment_folder_lists_direct_children_only() {
    let database = TestDatabase::new();
    for path in ["/a/b/c", "/a/b", "/a/bc/d", "/a/b/x/y", "plain", "/A/b"] {
        database.experiment(path).unwrap();
    }
    database.find_experiment("/a/b/c").unwrap().unwrap().delete().unwrap();
    let listed = database.experiment_folder("/").unwrap();
    let direct: Vec<_> = listed.experiments.iter().map(|info| info.path.as_str()).collect();
    assert_eq!((listed.path.as_str(), &direct[..]), ("/", &["Default", "plain"][..]));
    assert_eq!(listed.folders, ["/A", "/a"]);
    let listed = database.experiment_folder("/a/").unwrap();
    assert_eq!((listed.path.as_str(), listed.folders.len()), ("/a", 2));
    assert_eq!((listed.experiments.len(), listed.folders[0].as_str()), (1, "/a/b"));
}

#[test]
fn folders_exist_without_experiments() {
    let database = TestDatabase::new();
    database.create_experiment("/Shared/team/churn").unwrap();
    database.create_experiment("plain").unwrap();
    database.create_folder("/Shared/team/drafts/old/").unwrap();
    database.create_folder("/Shared/team/drafts").unwrap();
    database.create_folder("/plain").unwrap();
    let listed = database.experiment_folder("/Shared/team").unwrap();
    assert_eq!(listed.folders, ["/Shared/team/drafts"]);
    let made = ["/Shared", "/Shared/team", "/Shared/team/drafts", "/Shared/team/drafts/old"];
    assert_eq!(database.folders().unwrap(), [&made[..], &["/plain"]].concat());
    let path = database.folder().join("copy.tracklite");
    database.delete_folder("/Shared/team/drafts/old").unwrap();
    database.backup(&path).unwrap();
    let database = database.reopen();
    for folders in [&database, &tracklite::Database::open(&path).unwrap()] {
        assert_eq!(folders.folders().unwrap(), [&made[..3], &["/plain"]].concat());
    }
}

#[test]
fn a_folder_that_cannot_be_made_or_deleted_is_refused() {
    let database = TestDatabase::new();
    let experiment = database.create_experiment("/a/b").unwrap();
    for path in ["/a/b", "/a/b/", "//a//b/c"] {
        assert_eq!(error_kind(database.create_folder(path)), ErrorKind::AlreadyExists, "{path}");
    }
    for path in ["", "/", "//", "relative", &format!("/{}", "x".repeat(600))] {
        assert_eq!(error_kind(database.create_folder(path)), ErrorKind::InvalidInput, "{path}");
    }
    database.create_folder("/a/made/below").unwrap();
    for path in ["/a", "/a/made"] {
        assert_eq!(error_kind(database.delete_folder(path)), ErrorKind::InvalidState, "{path}");
    }
    for path in ["/a/b", "/a/absent", "/"] {
        let kind = error_kind(database.delete_folder(path));
        assert!([ErrorKind::NotFound, ErrorKind::InvalidState].contains(&kind), "{path}: {kind:?}");
    }
    experiment.delete().unwrap();
    database.create_folder("/a/b").unwrap();
    database.delete_folder("/a/b").unwrap();
    assert_eq!(database.folders().unwrap(), ["/a", "/a/made", "/a/made/below"]);
}
