//! The life cycle of logged models: creation, params, tags, metrics, signatures, deletion, purging.

use tracklite::logged_model::{LoggedModel, LoggedModelMetric, LoggedModelStatus, Signature};
use tracklite::{
    Batch, Database, ErrorKind, ExperimentId, Lifecycle, LoggedModelId, MetricPoint, Run, RunId,
    Timestamp,
};

use crate::common::{TestDatabase, error_kind, open, start_run};

fn signature() -> Signature {
    let json = r#"{"inputs": [{"name": "x", "type": "double"}], "outputs": [{"type": "long"}]}"#;
    Signature::parse(json).unwrap()
}

fn metric(run: RunId, step: i64, value: f64) -> LoggedModelMetric {
    let time = Timestamp::from_nanos(5);
    LoggedModelMetric::new("acc", value, step).time(time).run(run).dataset("test", "1")
}

/// Creates a model with every field set and changes some of them.
fn complete_model(database: &Database) -> (Run, LoggedModel) {
    let experiment = database.experiment("/Shared/digits").unwrap();
    let run = experiment.start_run("").unwrap();
    let builder = experiment.new_logged_model().name("digits").model_type("linear");
    let builder = builder.source_run(run.id()).param("depth", 3).tag("team", "a").tag("team", "b");
    let model = builder.signature(signature()).input_example("[1, 2]").create().unwrap();
    model.log_params([("rate", "0.1"), ("depth", "3")]).unwrap();
    model.set_tags([("stage", "dev")]).unwrap();
    model.delete_tag("team").unwrap();
    model.log_metrics([metric(run.id(), 0, -0.0), metric(run.id(), 1, f64::NAN)]).unwrap();
    model.set_status(LoggedModelStatus::Failed, Some("no space")).unwrap();
    model.finalize(LoggedModelStatus::Ready).unwrap();
    (run, model)
}

#[test]
fn a_model_returns_the_fields_it_was_created_with() {
    let database = TestDatabase::new();
    let (run, model) = complete_model(&database);
    let experiment = database.find_experiment("/Shared/digits").unwrap().unwrap();
    let info = model.info().unwrap();
    assert_eq!((info.id, info.experiment), (model.id(), experiment.id()));
    assert_eq!((info.name.as_str(), info.model_type.as_deref()), ("digits", Some("linear")));
    assert_eq!(info.source_run_id(), Some(run.id()));
    assert_eq!(info.status, LoggedModelStatus::Ready);
    assert_eq!(info.status_message.as_deref(), Some("no space"));
    assert_eq!(model.signature().unwrap(), Some(signature()));
    assert_eq!(info.input_example.as_deref(), Some("[1, 2]"));
}

#[test]
fn a_model_returns_its_params_tags_and_metrics() {
    let database = TestDatabase::new();
    let (run, model) = complete_model(&database);
    let info = model.info().unwrap();
    let pairs = |pairs: &std::collections::BTreeMap<String, String>| -> Vec<(String, String)> {
        pairs.clone().into_iter().collect()
    };
    assert_eq!(pairs(&info.params), [("depth".into(), "3".into()), ("rate".into(), "0.1".into())]);
    assert_eq!(pairs(&info.tags), [("stage".into(), "dev".into())]);
    assert_eq!(info.metrics[0], metric(run.id(), 0, -0.0));
    assert!(info.metrics[0].value.is_sign_negative() && info.metrics[1].value.is_nan());
}

#[test]
fn a_model_survives_reopening_and_a_backup() {
    let database = TestDatabase::new();
    let (run, model) = complete_model(&database);
    let (id, info) = (model.id(), model.info().unwrap());
    let copy = database.folder().join("copy");
    database.backup(&copy).unwrap();
    drop((run, model));
    let folder = database.close();
    for path in [folder.file(), copy] {
        assert!(Database::verify(&path).unwrap().is_sound());
        let read = open(&path).logged_model(id).unwrap().info().unwrap();
        assert_eq!(format!("{read:?}"), format!("{info:?}"));
    }
}

#[test]
fn invalid_models_are_not_created() {
    let database = TestDatabase::new();
    let experiment = database.default_experiment().unwrap();
    for bad in ["", " ", "a/b", "a:b", "a.b", "a%b", "a\"b", "a'b"] {
        let rejected = experiment.new_logged_model().name(bad).create();
        assert_eq!(error_kind(rejected), ErrorKind::InvalidInput, "{bad}");
    }
    let twice = experiment.new_logged_model().param("a", 1).param("a", 2).create();
    assert_eq!(error_kind(twice), ErrorKind::InvalidInput);
    let example = experiment.new_logged_model().input_example("{").create();
    assert_eq!(error_kind(example), ErrorKind::InvalidInput);
    assert_eq!(database.search_logged_models(&Default::default()).unwrap().items, []);
    assert_eq!(error_kind(database.logged_model(LoggedModelId::from_bits(1))), ErrorKind::NotFound);
}

#[test]
fn invalid_writes_leave_a_model_unchanged() {
    let database = TestDatabase::new();
    let experiment = database.default_experiment().unwrap();
    let model = experiment.new_logged_model().param("a", 1).create().unwrap();
    assert!(!model.info().unwrap().name.is_empty());
    assert_eq!(error_kind(model.log_params([("b", 1), ("a", 2)])), ErrorKind::InvalidInput);
    assert_eq!(error_kind(model.log_params([("b", 1), ("b", 2)])), ErrorKind::InvalidInput);
    assert_eq!(error_kind(model.set_tags([("t", 1), ("", 2)])), ErrorKind::InvalidInput);
    assert_eq!(error_kind(model.delete_tag("t")), ErrorKind::NotFound);
    assert_eq!(error_kind(model.log_metric("a*b", 1.0, 0)), ErrorKind::InvalidInput);
    let blank = LoggedModelMetric::new("a", 1.0, 0).dataset("", "1");
    let good = LoggedModelMetric::new("a", 1.0, 0);
    assert_eq!(error_kind(model.log_metrics([good, blank])), ErrorKind::InvalidInput);
    assert_eq!(
        error_kind(model.set_signature(&Signature::default(), Some("{"))),
        ErrorKind::InvalidInput
    );
    let info = model.info().unwrap();
    assert_eq!((info.params.len(), info.tags.len(), info.metrics.len()), (1, 0, 0));
}

#[test]
fn a_deleted_model_cannot_be_written_until_it_is_restored() {
    let database = TestDatabase::new();
    let experiment = database.experiment("/e").unwrap();
    let model = experiment.new_logged_model().create().unwrap();
    model.delete().unwrap();
    model.delete().unwrap();
    assert_eq!(model.info().unwrap().lifecycle, Lifecycle::Deleted);
    assert_eq!(error_kind(model.set_tag("a", 1)), ErrorKind::InvalidState);
    assert_eq!(error_kind(model.log_metric("a", 1.0, 0)), ErrorKind::InvalidState);
    assert_eq!(error_kind(model.finalize(LoggedModelStatus::Ready)), ErrorKind::InvalidState);
    let registered = database.registry().create_model("m").unwrap();
    let version = registered.new_version(&format!("models:/{}", model.id())).create();
    assert_eq!(error_kind(version), ErrorKind::InvalidState);
    model.restore().unwrap();
    model.set_tag("a", 1).unwrap();
}

#[test]
fn a_model_cannot_be_written_while_its_experiment_is_deleted() {
    let database = TestDatabase::new();
    let experiment = database.experiment("/e").unwrap();
    let run = experiment.start_run("").unwrap();
    let model = experiment.new_logged_model().create().unwrap();
    model.set_tag("a", 1).unwrap();

    database.delete_run(run.id()).unwrap();
    let of_deleted = experiment.new_logged_model().source_run(run.id()).create().unwrap();
    assert_eq!(of_deleted.info().unwrap().source_run_id(), Some(run.id()));
    experiment.delete().unwrap();
    assert_eq!(error_kind(model.set_tag("a", 1)), ErrorKind::InvalidState);
    assert_eq!(error_kind(experiment.new_logged_model().create()), ErrorKind::InvalidState);
    experiment.restore().unwrap();
    model.set_tag("a", 2).unwrap();
}

#[test]
fn gc_purges_deleted_models_and_models_of_deleted_experiments() {
    let database = TestDatabase::new();
    let (kept, gone) =
        (database.experiment("/kept").unwrap(), database.experiment("/gone").unwrap());
    let run = kept.start_run("").unwrap();
    let model = kept.new_logged_model().source_run(run.id()).name("stays").create().unwrap();
    let deleted = kept.new_logged_model().name("secret").create().unwrap();
    deleted.log_metric("a", 1.0, 0).unwrap();
    let orphan = gone.new_logged_model().create().unwrap();
    deleted.delete().unwrap();
    database.delete_run(run.id()).unwrap();
    gone.delete().unwrap();
    let report = database.gc().unwrap();
    assert_eq!((report.logged_models, report.runs, report.experiments), (2, 1, 1));
    assert_eq!(database.gc().unwrap().logged_models, 0);
    for purged in [&deleted, &orphan] {
        assert_eq!(error_kind(purged.info()), ErrorKind::NotFound);
        assert_eq!(error_kind(purged.set_tag("a", 1)), ErrorKind::NotFound);
        assert_eq!(error_kind(purged.restore()), ErrorKind::NotFound);
    }
    // A model outlives the run that made it.
    assert_eq!(model.info().unwrap().source_run_id(), Some(run.id()));
    model.set_tag("a", 1).unwrap();
    let left = database.sql("SELECT count(*) FROM logged_model_metrics").unwrap();
    assert_eq!(left.rows[0][0], tracklite::SqlValue::Integer(0));
    let copy = database.folder().join("copy");
    database.backup(&copy).unwrap();
    let bytes = std::fs::read(&copy).unwrap();
    assert!(!bytes.windows(6).any(|window| window == b"secret"));
    assert!(Database::verify(&copy).unwrap().is_sound());
    assert_eq!(
        open(&copy).logged_model(model.id()).unwrap().info().unwrap(),
        model.info().unwrap()
    );
}

#[test]
fn a_version_takes_run_and_signature_from_its_logged_model() {
    let database = TestDatabase::new();
    let experiment = database.experiment_by_id(ExperimentId::DEFAULT).unwrap();
    let run = experiment.start_run("").unwrap();
    let builder = experiment.new_logged_model().source_run(run.id()).signature(signature());
    let model = builder.create().unwrap();
    let registered = database.registry().create_model("m").unwrap();
    let source = format!("models:/{}", model.id());
    let info = registered.new_version(&source).create().unwrap().info().unwrap();
    assert_eq!((info.run_id(), info.logged_model), (Some(run.id()), Some(model.id())));
    assert_eq!(info.location, source);
    assert_eq!(Signature::parse(&info.signature.unwrap()).unwrap(), signature());

    let info = registered.new_version("s3://m").logged_model(model.id()).create().unwrap();
    let info = info.info().unwrap();
    assert_eq!((info.run_id(), info.location.as_str()), (Some(run.id()), "s3://m"));
    let resolved = database.registry().resolve(&format!("{source}/data")).unwrap();
    assert_eq!(resolved.owner, tracklite::artifact::ArtifactOwner::LoggedModel(model.id()));
    assert_eq!(resolved.path, "data");
}

/// Builds a batch with a point, a param, a tag, and one metric for each of these models.
fn batch_for(run: &Run, models: &[LoggedModelId]) -> Batch {
    let point = MetricPoint { step: 3, time: Timestamp::now(), value: 0.5 };
    let mut batch = Batch::new();
    batch.point("loss", point).param("depth", 3).tag("stage", "try");
    for model in models {
        let metric = LoggedModelMetric::new("loss", 0.5, 3).run(run.id());
        batch.logged_model_metric(*model, metric.dataset("d", "1"));
    }
    batch
}

fn two_models(database: &Database) -> [LoggedModel; 2] {
    let experiment = database.default_experiment().unwrap();
    ["first", "second"].map(|name| experiment.new_logged_model().name(name).create().unwrap())
}

#[test]
fn a_batch_with_an_invalid_model_metric_logs_nothing() {
    let database = TestDatabase::new();
    let run = start_run(&database, "");
    let [first, second] = two_models(&database);
    second.delete().unwrap();
    let absent: LoggedModelId = format!("m-{}", "0".repeat(32)).parse().unwrap();
    for (model, kind) in [(absent, ErrorKind::NotFound), (second.id(), ErrorKind::InvalidState)] {
        assert_eq!(error_kind(run.log_batch(&batch_for(&run, &[first.id(), model]))), kind);
        let record = run.record().unwrap();
        assert!(record.metrics.is_empty() && record.params.is_empty());
        assert!(!record.tags.contains_key("stage"));
        assert_eq!(first.info().unwrap().metrics, []);
    }
    // A rejected param also keeps the model metrics out.
    run.log_param("depth", 4).unwrap();
    let batch = batch_for(&run, &[first.id()]);
    assert_eq!(error_kind(run.log_batch(&batch)), ErrorKind::InvalidInput);
    assert_eq!(first.info().unwrap().metrics, []);
}

#[test]
fn a_batch_logs_metrics_of_models() {
    let database = TestDatabase::new();
    let run = start_run(&database, "");
    let [first, second] = two_models(&database);
    second.delete().unwrap();
    second.restore().unwrap();
    run.log_batch(&batch_for(&run, &[first.id(), second.id(), first.id()])).unwrap();
    assert_eq!(run.history("loss").unwrap().len(), 1);
    assert_eq!(run.params().unwrap()["depth"], "3");
    let dataset = Some(("d".to_owned(), "1".to_owned()));
    for (model, count) in [(&first, 2), (&second, 1)] {
        let metrics = model.info().unwrap().metrics;
        assert_eq!(metrics.len(), count);
        assert!(metrics.iter().all(|metric| metric.dataset == dataset));
    }
}

#[test]
fn the_source_run_of_a_model_is_any_text() {
    let database = TestDatabase::new();
    let experiment = database.experiment("/e").unwrap();
    let unknown = RunId::from_bits(1).to_string();
    let upper = format!("{:032X}", 10);
    for (text, id) in [("42", None), (" ", None), (&upper, None), (&unknown, Some(1))] {
        let model = experiment.new_logged_model().source_run(text).create().unwrap();
        let info = model.info().unwrap();
        assert_eq!(info.source_run.as_deref(), Some(text));
        assert_eq!(info.source_run_id(), id.map(RunId::from_bits));
        let search = tracklite::logged_model::LoggedModelSearch::new();
        let search = search.filter(format!("source_run_id = '{text}'"));
        let found = database.search_logged_models(&search).unwrap().items;
        assert_eq!((found.len(), found.first()), (1, Some(&info)));
        let registered = database.registry().create_model(&format!("of {text:?}")).unwrap();
        let version = registered.new_version(&format!("models:/{}", model.id())).create().unwrap();
        assert_eq!(version.info().unwrap().run, info.source_run);
    }
}
