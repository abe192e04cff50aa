//! How long texts may be: MLflow's numbers unless the database is opened with others.

use tracklite::{Database, ErrorKind, IndexPlace, Limits};

use super::{kind, new, told};

#[test]
fn the_limits_are_those_of_mlflow() {
    let (_folder, database) = new();
    let experiment = database.default_experiment().unwrap();
    let run = experiment.start_run("").unwrap();
    let text = |count: usize| "\u{e9}".repeat(count);
    run.log_param("most", text(6000)).unwrap();
    let error = told(run.log_param("over", text(6001)), ErrorKind::InvalidInput);
    assert!(error.contains("\"over\"") && error.contains("6001") && error.contains("6000"));
    run.set_tag("most", text(8000)).unwrap();
    assert_eq!(kind(run.set_tag("over", text(8001))), ErrorKind::InvalidInput);
    experiment.set_tag("most", text(20_000)).unwrap();
    assert_eq!(kind(experiment.set_tag("over", text(20_001))), ErrorKind::InvalidInput);
    assert_eq!(kind(experiment.set_tag(&text(251), "")), ErrorKind::InvalidInput);
    for name in ["param", "tag"] {
        let builder = experiment.new_run();
        let started = match name {
            "param" => builder.param("over", text(6001)).start(),
            _ => builder.tag("over", text(8001)).start(),
        };
        assert_eq!(kind(started), ErrorKind::InvalidInput, "{name}");
    }
    assert_eq!((run.params().unwrap().len(), run.tags().unwrap().len()), (1, 2));
    assert_eq!(experiment.runs().unwrap().len(), 1);
}

#[test]
fn an_experiment_is_named_by_any_characters() {
    let (_folder, database) = new();
    for name in ["tab\there", "*?[]", "\u{1f600}", "a:b\\c", " padded "] {
        let experiment = database.experiment(name).unwrap();
        assert_eq!(experiment.info().unwrap().path, name);
    }
    database.experiment(&"n".repeat(500)).unwrap();
    for name in ["", " ", "\t\n", &"n".repeat(501)] {
        assert_eq!(kind(database.experiment(name)), ErrorKind::InvalidInput, "{name:?}");
    }
}

#[test]
fn limits_are_options_of_the_database() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("runs.tracklite");
    let open = |limits| {
        let builder = Database::builder().create(true).index(IndexPlace::InMemory);
        builder.limits(limits).open(&path).unwrap()
    };
    let id = {
        let database = open(Limits::unlimited());
        let run = database.experiment(&"n".repeat(501)).unwrap().start_run("").unwrap();
        run.set_tag(&"k".repeat(1000), "x".repeat(1 << 20)).unwrap();
        run.id()
    };
    let database = open(Limits::default().tag_value(3).param_value(9));
    let run = database.run(id).unwrap();
    assert_eq!(run.tags().unwrap()[&"k".repeat(1000)].len(), 1 << 20, "what is there is read");
    run.set_tag("a", "123").unwrap();
    assert_eq!(kind(run.set_tag("a", "1234")), ErrorKind::InvalidInput);
    run.log_param("a", "123456789").unwrap();
}
