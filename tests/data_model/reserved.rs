//! The tags that are the run's name and its parent.

use tracklite::{ErrorKind, Run, RunId};

use super::{backup, kind, new, told};

const NAME: &str = "mlflow.runName";
const PARENT: &str = "mlflow.parentRunId";

fn tag(run: &Run, key: &str) -> Option<String> {
    run.tags().unwrap().remove(key)
}

#[test]
fn the_name_and_its_tag_are_one() {
    let (folder, database) = new();
    let run = database.default_experiment().unwrap().start_run("first").unwrap();
    assert_eq!(tag(&run, NAME).as_deref(), Some("first"));
    run.set_name("second").unwrap();
    assert_eq!(tag(&run, NAME).as_deref(), Some("second"));
    run.set_tags([(NAME, "skipped"), ("other", "x"), (NAME, "third")]).unwrap();
    assert_eq!(run.name().unwrap(), "third");
    assert_eq!(run.record().unwrap().tags[NAME], "third");
    assert_eq!(kind(run.set_tag(NAME, " ")), ErrorKind::InvalidInput);
    assert_eq!(kind(run.set_tags([("fine", "x"), (NAME, "")])), ErrorKind::InvalidInput);
    assert_eq!((run.name().unwrap().as_str(), tag(&run, "fine")), ("third", None));
    let copy = backup(&folder, &database).run(run.id()).unwrap();
    assert_eq!(copy.record().unwrap(), run.record().unwrap());
}

#[test]
fn a_generated_name_has_its_tag_too() {
    let (_folder, database) = new();
    let run = database.default_experiment().unwrap().start_run("").unwrap();
    assert_eq!(tag(&run, NAME), Some(run.name().unwrap()));
}

#[test]
fn a_name_outlives_its_tag() {
    let (folder, database) = new();
    let run = database.default_experiment().unwrap().start_run("first").unwrap();
    run.delete_tag(NAME).unwrap();
    assert_eq!((run.name().unwrap().as_str(), tag(&run, NAME)), ("first", None));
    assert_eq!(kind(run.delete_tag(NAME)), ErrorKind::NotFound);
    let copy = backup(&folder, &database).run(run.id()).unwrap();
    assert_eq!(copy.record().unwrap(), run.record().unwrap());
    run.set_name("second").unwrap();
    assert_eq!(tag(&run, NAME).as_deref(), Some("second"));
    run.delete_tag(NAME).unwrap();
}

#[test]
fn a_run_is_named_by_its_tag_unless_both_disagree() {
    let (_folder, database) = new();
    let experiment = database.default_experiment().unwrap();
    let run = experiment.new_run().tag(NAME, "tagged").start().unwrap();
    assert_eq!((run.name().unwrap(), run.tags().unwrap().len()), ("tagged".to_owned(), 1));
    experiment.new_run().name("both").tag(NAME, "both").start().unwrap();
    let error =
        told(experiment.new_run().name("a").tag(NAME, "b").start(), ErrorKind::InvalidInput);
    assert!(error.contains("\"a\"") && error.contains("\"b\"") && error.contains(NAME), "{error}");
    assert_eq!(experiment.runs().unwrap().len(), 2);
}

#[test]
fn the_parent_and_its_tag_are_one() {
    let (folder, database) = new();
    let experiment = database.default_experiment().unwrap();
    let parent = experiment.start_run("parent").unwrap();
    let child = experiment.new_run().parent(parent.id()).start().unwrap();
    assert_eq!(tag(&child, PARENT), Some(parent.id().to_string()));
    let tagged = experiment.new_run().tag(PARENT, parent.id()).start().unwrap();
    assert_eq!(tagged.info().unwrap().parent, Some(parent.id()));
    assert_eq!(parent.children().unwrap(), [child.id(), tagged.id()]);

    let other = experiment.start_run("other").unwrap();
    child.set_tag(PARENT, other.id()).unwrap();
    assert_eq!(child.info().unwrap().parent, Some(other.id()));
    assert_eq!(parent.children().unwrap(), [tagged.id()]);
    tagged.set_tag(PARENT, "no id at all").unwrap();
    assert_eq!((tagged.info().unwrap().parent, parent.children().unwrap()), (None, Vec::new()));
    assert_eq!(tag(&tagged, PARENT).as_deref(), Some("no id at all"));
    child.delete_tag(PARENT).unwrap();
    assert_eq!((child.info().unwrap().parent, tag(&child, PARENT)), (None, None));
    assert_eq!(kind(child.delete_tag(PARENT)), ErrorKind::NotFound);
    let copy = backup(&folder, &database);
    assert_eq!(copy.all_runs().unwrap(), database.all_runs().unwrap());
}

#[test]
fn a_parent_and_a_tag_that_disagree_are_refused() {
    let (_folder, database) = new();
    let experiment = database.default_experiment().unwrap();
    let parent = experiment.start_run("parent").unwrap();
    let builder = || experiment.new_run().parent(parent.id());
    builder().tag(PARENT, parent.id()).start().unwrap();
    let other = RunId::from_bits(7);
    assert_eq!(kind(builder().tag(PARENT, other).start()), ErrorKind::InvalidInput);
    // Given by the tag alone, the parent need not be known: it may be in another file.
    let run = experiment.new_run().tag(PARENT, other).start().unwrap();
    assert_eq!(run.info().unwrap().parent, Some(other));
}
