//! The reserved tags that mirror a run's name and its parent.

use tracklite::{ErrorKind, Run, RunId};

use crate::common::{TestDatabase, error_kind, error_message, start_run};

const NAME: &str = "mlflow.runName";
const PARENT: &str = "mlflow.parentRunId";

fn tag(run: &Run, key: &str) -> Option<String> {
    run.tags().unwrap().remove(key)
}

#[test]
fn the_name_and_its_tag_stay_in_sync() {
    let database = TestDatabase::new();
    let run = start_run(&database, "first");
    assert_eq!(tag(&run, NAME).as_deref(), Some("first"));
    run.set_name("second").unwrap();
    assert_eq!(tag(&run, NAME).as_deref(), Some("second"));
    run.set_tags([(NAME, "skipped"), ("other", "x"), (NAME, "third")]).unwrap();
    assert_eq!(run.name().unwrap(), "third");
    assert_eq!(run.record().unwrap().tags[NAME], "third");

    assert_eq!(error_kind(run.set_tag(NAME, " ")), ErrorKind::InvalidInput);
    assert_eq!(error_kind(run.set_tags([("fine", "x"), (NAME, "")])), ErrorKind::InvalidInput);
    assert_eq!((run.name().unwrap().as_str(), tag(&run, "fine")), ("third", None));

    let copy = database.verified_backup().run(run.id()).unwrap();
    assert_eq!(copy.record().unwrap(), run.record().unwrap());
}

#[test]
fn a_generated_name_also_sets_its_tag() {
    let database = TestDatabase::new();
    let run = start_run(&database, "");
    assert_eq!(tag(&run, NAME), Some(run.name().unwrap()));
}

#[test]
fn a_run_keeps_its_name_when_the_tag_is_deleted() {
    let database = TestDatabase::new();
    let run = start_run(&database, "first");
    run.delete_tag(NAME).unwrap();
    assert_eq!((run.name().unwrap().as_str(), tag(&run, NAME)), ("first", None));
    assert_eq!(error_kind(run.delete_tag(NAME)), ErrorKind::NotFound);
    let copy = database.verified_backup().run(run.id()).unwrap();
    assert_eq!(copy.record().unwrap(), run.record().unwrap());
    run.set_name("second").unwrap();
    assert_eq!(tag(&run, NAME).as_deref(), Some("second"));
    run.delete_tag(NAME).unwrap();
}

#[test]
fn the_tag_names_a_run_and_a_different_name_is_rejected() {
    let database = TestDatabase::new();
    let experiment = database.default_experiment().unwrap();
    let run = experiment.new_run().tag(NAME, "tagged").start().unwrap();
    assert_eq!((run.name().unwrap(), run.tags().unwrap().len()), ("tagged".to_owned(), 1));
    experiment.new_run().name("both").tag(NAME, "both").start().unwrap();
    let error = error_message(
        experiment.new_run().name("a").tag(NAME, "b").start(),
        ErrorKind::InvalidInput,
    );
    assert!(error.contains("(run_name='a', mlflow.runName='b')"), "{error}");
    assert_eq!(experiment.runs().unwrap().len(), 2);
}

#[test]
fn the_parent_and_its_tag_stay_in_sync() {
    let database = TestDatabase::new();
    let experiment = database.default_experiment().unwrap();
    let parent = experiment.start_run("parent").unwrap();
    let child = experiment.new_run().parent(parent.id()).start().unwrap();
    assert_eq!(tag(&child, PARENT), Some(parent.id().to_string()));
    let tagged = experiment.new_run().tag(PARENT, parent.id()).start().unwrap();
    assert_eq!(tagged.info().unwrap().parent, Some(parent.id()));
    assert_eq!(parent.children().unwrap(), [child.id(), tagged.id()]);
}

#[test]
fn changing_the_parent_tag_changes_the_parent() {
    let database = TestDatabase::new();
    let experiment = database.default_experiment().unwrap();
    let parent = experiment.start_run("parent").unwrap();
    let child = experiment.new_run().parent(parent.id()).start().unwrap();
    let tagged = experiment.new_run().tag(PARENT, parent.id()).start().unwrap();

    let other = experiment.start_run("other").unwrap();
    child.set_tag(PARENT, other.id()).unwrap();
    assert_eq!(child.info().unwrap().parent, Some(other.id()));
    assert_eq!(parent.children().unwrap(), [tagged.id()]);

    tagged.set_tag(PARENT, "not an id").unwrap();
    assert_eq!((tagged.info().unwrap().parent, parent.children().unwrap()), (None, Vec::new()));
    assert_eq!(tag(&tagged, PARENT).as_deref(), Some("not an id"));

    child.delete_tag(PARENT).unwrap();
    assert_eq!((child.info().unwrap().parent, tag(&child, PARENT)), (None, None));
    assert_eq!(error_kind(child.delete_tag(PARENT)), ErrorKind::NotFound);
    let copy = database.verified_backup();
    assert_eq!(copy.all_runs().unwrap(), database.all_runs().unwrap());
}

#[test]
fn a_parent_that_differs_from_its_tag_is_rejected() {
    let database = TestDatabase::new();
    let experiment = database.default_experiment().unwrap();
    let parent = experiment.start_run("parent").unwrap();
    let builder = || experiment.new_run().parent(parent.id());
    builder().tag(PARENT, parent.id()).start().unwrap();
    let other = RunId::from_bits(7);
    assert_eq!(error_kind(builder().tag(PARENT, other).start()), ErrorKind::InvalidInput);
    // A parent given only by its tag need not exist: it may be in another file.
    let run = experiment.new_run().tag(PARENT, other).start().unwrap();
    assert_eq!(run.info().unwrap().parent, Some(other));
}
