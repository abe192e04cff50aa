//! Limits on the length of texts: MLflow's numbers by default, or those given when opening.

use tracklite::{ErrorKind, Limits};

use crate::common::{TestDatabase, TestFolder, builder, error_kind, error_message};

#[test]
fn the_default_limits_are_those_of_mlflow() {
    let database = TestDatabase::new();
    let experiment = database.default_experiment().unwrap();
    let run = experiment.start_run("").unwrap();
    let text = |count: usize| "\u{e9}".repeat(count);
    run.log_param("most", text(6000)).unwrap();
    let error = error_message(run.log_param("over", text(6001)), ErrorKind::InvalidInput);
    let text_of_mlflow = "'Param value' exceeds the maximum length of 6000 characters";
    assert!(error.contains(text_of_mlflow) && error.contains("6001"), "{error}");

    run.set_tag("most", text(8000)).unwrap();
    assert_eq!(error_kind(run.set_tag("over", text(8001))), ErrorKind::InvalidInput);
    experiment.set_tag("most", text(20_000)).unwrap();
    assert_eq!(error_kind(experiment.set_tag("over", text(20_001))), ErrorKind::InvalidInput);
    assert_eq!(error_kind(experiment.set_tag(&text(251), "")), ErrorKind::InvalidInput);

    for name in ["param", "tag"] {
        let builder = experiment.new_run();
        let started = match name {
            "param" => builder.param("over", text(6001)).start(),
            _ => builder.tag("over", text(8001)).start(),
        };
        assert_eq!(error_kind(started), ErrorKind::InvalidInput, "{name}");
    }
    assert_eq!((run.params().unwrap().len(), run.tags().unwrap().len()), (1, 2));
    assert_eq!(experiment.runs().unwrap().len(), 1);
}

#[test]
fn an_experiment_name_may_contain_any_characters() {
    let database = TestDatabase::new();
    for name in ["tab\there", "*?[]", "\u{1f600}", "a:b\\c", " padded "] {
        let experiment = database.experiment(name).unwrap();
        assert_eq!(experiment.info().unwrap().path, name);
    }
    database.experiment(&"n".repeat(500)).unwrap();
    for name in ["", " ", "\t\n", &"n".repeat(501)] {
        assert_eq!(error_kind(database.experiment(name)), ErrorKind::InvalidInput, "{name:?}");
    }
}

#[test]
fn limits_can_be_set_when_opening() {
    let folder = TestFolder::new();
    let open = |limits| builder().limits(limits).open(folder.file()).unwrap();
    let id = {
        let database = open(Limits::unlimited());
        let run = database.experiment(&"n".repeat(501)).unwrap().start_run("").unwrap();
        run.set_tag(&"k".repeat(1000), "x".repeat(1 << 20)).unwrap();
        run.id()
    };
    let database = open(Limits::default().tag_value(3).param_value(9));
    let run = database.run(id).unwrap();
    let key = "k".repeat(1000);
    assert_eq!(run.tags().unwrap()[&key].len(), 1 << 20, "limits apply to writes only");
    run.set_tag("a", "123").unwrap();
    assert_eq!(error_kind(run.set_tag("a", "1234")), ErrorKind::InvalidInput);
    run.log_param("a", "123456789").unwrap();
}
