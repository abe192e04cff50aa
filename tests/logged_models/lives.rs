//! Creation, params, tags, metrics, signatures, deletion and purging.

use tracklite::{
    Batch, Database, ErrorKind, ExperimentId, Lifecycle, LoggedModelId, LoggedModelMetric,
    LoggedModelStatus, MetricPoint, RunId, Signature, Timestamp,
};

use super::{kind, new, open};

#[test]
fn a_model_tells_what_was_said_of_it() {
    let (folder, database) = new();
    let experiment = database.experiment("/Shared/digits").unwrap();
    let run = experiment.start_run("").unwrap();
    let json = r#"{"inputs": [{"name": "x", "type": "double"}], "outputs": [{"type": "long"}]}"#;
    let signature = Signature::parse(json).unwrap();
    let builder = experiment.new_logged_model().name("digits").model_type("linear");
    let builder = builder.source_run(run.id()).param("depth", 3).tag("team", "a").tag("team", "b");
    let model = builder.signature(signature.clone()).input_example("[1, 2]").create().unwrap();
    model.log_params([("rate", "0.1"), ("depth", "3")]).unwrap();
    model.set_tags([("stage", "dev")]).unwrap();
    model.delete_tag("team").unwrap();
    let metric = |step, value| {
        let time = Timestamp::from_nanos(5);
        LoggedModelMetric::new("acc", value, step).time(time).run(run.id()).dataset("test", "1")
    };
    model.log_metrics([metric(0, -0.0), metric(1, f64::NAN)]).unwrap();
    model.set_status(LoggedModelStatus::Failed, Some("no space")).unwrap();
    model.finalize(LoggedModelStatus::Ready).unwrap();

    let info = model.info().unwrap();
    assert_eq!(
        (info.id, info.experiment, info.name.as_str()),
        (model.id(), experiment.id(), "digits")
    );
    assert_eq!((info.model_type.as_deref(), info.source_run), (Some("linear"), Some(run.id())));
    assert_eq!(
        (info.status, info.status_message.as_deref()),
        (LoggedModelStatus::Ready, Some("no space"))
    );
    let pairs = |pairs: &std::collections::BTreeMap<String, String>| -> Vec<(String, String)> {
        pairs.clone().into_iter().collect()
    };
    assert_eq!(pairs(&info.params), [("depth".into(), "3".into()), ("rate".into(), "0.1".into())]);
    assert_eq!(pairs(&info.tags), [("stage".into(), "dev".into())]);
    assert_eq!(info.metrics[0], metric(0, -0.0));
    assert!(info.metrics[0].value.is_sign_negative() && info.metrics[1].value.is_nan());
    assert_eq!(model.signature().unwrap(), Some(signature));
    assert_eq!(info.input_example.as_deref(), Some("[1, 2]"));

    let path = folder.path().join("runs.tracklite");
    let copy = folder.path().join("copy");
    database.backup(&copy).unwrap();
    let id = model.id();
    drop((experiment, run, model));
    database.close().unwrap();
    for path in [path, copy] {
        assert!(Database::verify(&path).unwrap().is_sound());
        let read = open(&path).logged_model(id).unwrap().info().unwrap();
        assert_eq!(format!("{read:?}"), format!("{info:?}"));
    }
}

#[test]
fn bad_input_is_refused_and_nothing_is_half_done() {
    let (_folder, database) = new();
    let experiment = database.default_experiment().unwrap();
    for bad in ["", " ", "a/b", "a:b", "a.b", "a%b", "a\"b", "a'b"] {
        let refused = experiment.new_logged_model().name(bad).create();
        assert_eq!(kind(refused), ErrorKind::InvalidInput, "{bad}");
    }
    let twice = experiment.new_logged_model().param("a", 1).param("a", 2).create();
    assert_eq!(kind(twice), ErrorKind::InvalidInput);
    let example = experiment.new_logged_model().input_example("{").create();
    assert_eq!(kind(example), ErrorKind::InvalidInput);
    let run = experiment.new_logged_model().source_run(RunId::from_bits(1)).create();
    assert_eq!(kind(run), ErrorKind::NotFound);
    assert_eq!(database.search_logged_models(&Default::default()).unwrap().items, []);
    assert_eq!(kind(database.logged_model(LoggedModelId::from_bits(1))), ErrorKind::NotFound);

    let model = experiment.new_logged_model().param("a", 1).create().unwrap();
    assert!(!model.info().unwrap().name.is_empty());
    assert_eq!(kind(model.log_params([("b", 1), ("a", 2)])), ErrorKind::InvalidInput);
    assert_eq!(kind(model.log_params([("b", 1), ("b", 2)])), ErrorKind::InvalidInput);
    assert_eq!(kind(model.set_tags([("t", 1), ("", 2)])), ErrorKind::InvalidInput);
    assert_eq!(kind(model.delete_tag("t")), ErrorKind::NotFound);
    assert_eq!(kind(model.log_metric("a*b", 1.0, 0)), ErrorKind::InvalidInput);
    let blank = LoggedModelMetric::new("a", 1.0, 0).dataset("", "1");
    let good = LoggedModelMetric::new("a", 1.0, 0);
    assert_eq!(kind(model.log_metrics([good, blank])), ErrorKind::InvalidInput);
    assert_eq!(
        kind(model.set_signature(&Signature::default(), Some("{"))),
        ErrorKind::InvalidInput
    );
    let info = model.info().unwrap();
    assert_eq!((info.params.len(), info.tags.len(), info.metrics.len()), (1, 0, 0));
}

#[test]
fn what_is_deleted_takes_no_writes_until_it_is_restored() {
    let (_folder, database) = new();
    let experiment = database.experiment("/e").unwrap();
    let run = experiment.start_run("").unwrap();
    let model = experiment.new_logged_model().create().unwrap();
    model.delete().unwrap();
    model.delete().unwrap();
    assert_eq!(model.info().unwrap().lifecycle, Lifecycle::Deleted);
    assert_eq!(kind(model.set_tag("a", 1)), ErrorKind::InvalidState);
    assert_eq!(kind(model.log_metric("a", 1.0, 0)), ErrorKind::InvalidState);
    assert_eq!(kind(model.finalize(LoggedModelStatus::Ready)), ErrorKind::InvalidState);
    let registered = database.registry().create_model("m").unwrap();
    let version = registered.new_version(&format!("models:/{}", model.id())).create();
    assert_eq!(kind(version), ErrorKind::InvalidState);
    model.restore().unwrap();
    model.set_tag("a", 1).unwrap();

    database.delete_run(run.id()).unwrap();
    let of_deleted = experiment.new_logged_model().source_run(run.id()).create();
    assert_eq!(kind(of_deleted), ErrorKind::InvalidState);
    experiment.delete().unwrap();
    assert_eq!(kind(model.set_tag("a", 1)), ErrorKind::InvalidState);
    assert_eq!(kind(experiment.new_logged_model().create()), ErrorKind::InvalidState);
    experiment.restore().unwrap();
    model.set_tag("a", 2).unwrap();
}

#[test]
fn gc_purges_deleted_models_and_those_of_deleted_experiments() {
    let (folder, database) = new();
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
        assert_eq!(kind(purged.info()), ErrorKind::NotFound);
        assert_eq!(kind(purged.set_tag("a", 1)), ErrorKind::NotFound);
        assert_eq!(kind(purged.restore()), ErrorKind::NotFound);
    }
    // A model outlives the run that made it.
    assert_eq!(model.info().unwrap().source_run, Some(run.id()));
    model.set_tag("a", 1).unwrap();
    let left = database.sql("SELECT count(*) FROM logged_model_metrics").unwrap();
    assert_eq!(left.rows[0][0], tracklite::SqlValue::Integer(0));
    let copy = folder.path().join("copy");
    database.backup(&copy).unwrap();
    let bytes = std::fs::read(&copy).unwrap();
    assert!(!bytes.windows(6).any(|it| it == b"secret"));
    assert!(Database::verify(&copy).unwrap().is_sound());
    assert_eq!(
        open(&copy).logged_model(model.id()).unwrap().info().unwrap(),
        model.info().unwrap()
    );
}

#[test]
fn a_version_takes_run_and_signature_from_its_logged_model() {
    let (_folder, database) = new();
    let experiment = database.experiment_by_id(ExperimentId::DEFAULT).unwrap();
    let run = experiment.start_run("").unwrap();
    let json = r#"{"inputs": [{"name": "x", "type": "double"}], "outputs": [{"type": "long"}]}"#;
    let signature = Signature::parse(json).unwrap();
    let builder = experiment.new_logged_model().source_run(run.id()).signature(signature.clone());
    let model = builder.create().unwrap();
    let registered = database.registry().create_model("m").unwrap();
    let source = format!("models:/{}", model.id());
    let info = registered.new_version(&source).create().unwrap().info().unwrap();
    assert_eq!((info.run, info.logged_model), (Some(run.id()), Some(model.id())));
    assert_eq!(info.location, source);
    assert_eq!(Signature::parse(&info.signature.unwrap()).unwrap(), signature);
    let info = registered.new_version("s3://m").logged_model(model.id()).create().unwrap();
    let info = info.info().unwrap();
    assert_eq!((info.run, info.location.as_str()), (Some(run.id()), "s3://m"));
    let resolved = database.registry().resolve(&format!("{source}/data")).unwrap();
    assert_eq!(resolved.owner, tracklite::ArtifactOwner::LoggedModel(model.id()));
    assert_eq!(resolved.path, "data");
}

#[test]
fn a_batch_measures_models_too_or_nothing_at_all() {
    let (_folder, database) = new();
    let experiment = database.default_experiment().unwrap();
    let run = experiment.start_run("").unwrap();
    let model = |name| experiment.new_logged_model().name(name).create().unwrap();
    let (first, second) = (model("first"), model("second"));
    let point = MetricPoint { step: 3, time: Timestamp::now(), value: 0.5 };
    let batch_of = |models: &[LoggedModelId]| {
        let mut batch = Batch::new();
        batch.point("loss", point).param("depth", 3).tag("stage", "try");
        for model in models {
            let measured = LoggedModelMetric::new("loss", 0.5, 3).run(run.id());
            batch.logged_model_metric(*model, measured.dataset("d", "1"));
        }
        batch
    };
    second.delete().unwrap();
    let absent: LoggedModelId = format!("m-{}", "0".repeat(32)).parse().unwrap();
    for (wrong, due) in [(absent, ErrorKind::NotFound), (second.id(), ErrorKind::InvalidState)] {
        assert_eq!(kind(run.log_batch(&batch_of(&[first.id(), wrong]))), due);
        let record = run.record().unwrap();
        assert!(record.metrics.is_empty() && record.params.is_empty());
        assert!(!record.tags.contains_key("stage"));
        assert_eq!(first.info().unwrap().metrics, []);
    }
    // A param that cannot be set keeps the model's values out as well.
    run.log_param("depth", 4).unwrap();
    assert_eq!(kind(run.log_batch(&batch_of(&[first.id()]))), ErrorKind::InvalidInput);
    assert_eq!(first.info().unwrap().metrics, []);

    second.restore().unwrap();
    let run = experiment.start_run("").unwrap();
    run.log_batch(&batch_of(&[first.id(), second.id(), first.id()])).unwrap();
    assert_eq!(run.history("loss").unwrap().len(), 1);
    assert_eq!(run.params().unwrap()["depth"], "3");
    for (model, values) in [(&first, 2), (&second, 1)] {
        let metrics = model.info().unwrap().metrics;
        assert_eq!(metrics.len(), values);
        assert!(metrics.iter().all(|it| it.dataset == Some(("d".to_owned(), "1".to_owned()))));
    }
}
