//! Models and versions: numbers, names, tags, stages, deletion, sources.

use tracklite::{ErrorKind, ModelStage, ModelVersionStatus, RunId};

use super::{kind, new, open, told, with_versions};

#[test]
fn numbers_are_never_used_twice() {
    let (_folder, database) = new();
    let registry = database.registry();
    let model = with_versions(&registry, "churn", 3);
    model.version(3).unwrap().delete().unwrap();
    assert_eq!(kind(model.version(3)), ErrorKind::NotFound);
    assert_eq!(model.new_version("s3://m").create().unwrap().version(), 4);
    let numbers: Vec<u64> = model.versions().unwrap().iter().map(|it| it.version).collect();
    assert_eq!(numbers, [1, 2, 4]);

    let old = model.version(4).unwrap();
    model.delete().unwrap();
    let again = with_versions(&registry, "churn", 1);
    assert_ne!(again.id(), model.id());
    assert!(again.info().unwrap().aliases.is_empty());
    // Handles of what was deleted do not turn to what has its name now.
    for failed in [kind(model.info()), kind(model.set_tag("a", 1)), kind(old.info())] {
        assert_eq!(failed, ErrorKind::NotFound);
    }
    assert_eq!(kind(old.delete()), ErrorKind::NotFound);
    assert_eq!(kind(model.new_version("s3://m").create()), ErrorKind::NotFound);
}

#[test]
fn the_files_of_a_version_may_have_another_address_than_its_source() {
    let (_folder, database) = new();
    let run = database.default_experiment().unwrap().start_run("").unwrap();
    run.log_text("model/weights", "heavy").unwrap();
    let model = database.registry().create_model("churn").unwrap();
    let address = format!("runs:/{}/model", run.id());
    let version = model.new_version("proxy://somewhere/model").files_at(address.as_str());
    let version = version.create().unwrap();
    let info = version.info().unwrap();
    assert_eq!((info.source.as_str(), info.location), ("proxy://somewhere/model", address));
    assert_eq!((info.run, info.digest.is_some()), (Some(run.id()), true));
}

#[test]
fn a_version_tells_what_it_was_given() {
    let (_folder, database) = new();
    let registry = database.registry();
    let model = registry.new_model("churn").description("who leaves").tag("team", "a").create();
    let model = model.unwrap();
    let run = RunId::from_bits(5);
    let version = model.new_version("s3://m").run(run).run_link("http://x").description("first");
    let version = version.tag("a", 1).tag("b", "2").user("ada").create().unwrap();
    let info = version.info().unwrap();
    assert_eq!((info.name.as_str(), info.version, info.source.as_str()), ("churn", 1, "s3://m"));
    assert_eq!((info.run, info.run_link.as_deref()), (Some(run), Some("http://x")));
    assert_eq!((info.description.as_deref(), info.user.as_str()), (Some("first"), "ada"));
    assert_eq!((info.status, info.stage), (ModelVersionStatus::Ready, ModelStage::None));
    assert_eq!(info.tags.len(), 2);
    assert_eq!(registry.version("churn", 1).unwrap(), info);

    version.set_description(None).unwrap();
    version.set_status(ModelVersionStatus::FailedRegistration, Some("no space")).unwrap();
    version.set_tag("a", 7).unwrap();
    version.delete_tag("b").unwrap();
    version.delete_tag("never there").unwrap();
    let changed = version.info().unwrap();
    assert_eq!(changed.description, None);
    assert_eq!(changed.status, ModelVersionStatus::FailedRegistration);
    assert_eq!(changed.status_message.as_deref(), Some("no space"));
    assert_eq!(changed.tags.into_iter().collect::<Vec<_>>(), [("a".into(), "7".into())]);
    assert!(changed.updated > info.updated && changed.created == info.created);

    model.set_description(Some("who stays")).unwrap();
    model.delete_tag("team").unwrap();
    let told = model.info().unwrap();
    assert_eq!((told.description.as_deref(), told.tags.len()), (Some("who stays"), 0));
    assert_eq!(told.latest_versions, [version.info().unwrap()]);
}

#[test]
fn names_follow_the_rules() {
    let (_folder, database) = new();
    let registry = database.registry();
    for bad in ["", "  ", "a/b", "a:b", ".", "..", "models:/a", &"n".repeat(257)] {
        assert_eq!(kind(registry.create_model(bad)), ErrorKind::InvalidInput, "{bad}");
        assert_eq!(kind(registry.model(bad)), ErrorKind::InvalidInput, "{bad}");
    }
    for good in ["a", "ml.production.churn", "a@b", "\u{645}", &"n".repeat(256)] {
        registry.create_model(good).unwrap();
        assert_eq!(kind(registry.create_model(good)), ErrorKind::AlreadyExists, "{good}");
    }
    let model = registry.model("a").unwrap();
    assert_eq!(kind(model.rename("a@b")), ErrorKind::AlreadyExists);
    assert_eq!(kind(model.rename("x/y")), ErrorKind::InvalidInput);
    model.rename("a").unwrap();
    assert_eq!(kind(model.set_tag("", 1)), ErrorKind::InvalidInput);
    let version = model.new_version("s3://m").tag("k", "v".repeat(100_001)).create();
    assert_eq!(kind(version), ErrorKind::InvalidInput);
    assert_eq!(kind(model.new_version(" ").create()), ErrorKind::InvalidInput);
    assert_eq!(model.versions().unwrap(), []);
}

#[test]
fn a_rename_carries_all_along() {
    let (folder, database) = new();
    let registry = database.registry();
    let model = with_versions(&registry, "old", 2);
    model.set_tag("team", "a").unwrap();
    model.set_alias("champion", 2).unwrap();
    model.rename("new").unwrap();
    assert_eq!(kind(registry.model("old")), ErrorKind::NotFound);
    let info = registry.model("new").unwrap().info().unwrap();
    assert_eq!((info.id, info.aliases["champion"], info.tags.len()), (model.id(), 2, 1));
    assert_eq!(registry.version_by_alias("new", "champion").unwrap().name, "new");
    // The old name is free.
    with_versions(&registry, "old", 1);
    let before = told(&registry);
    let path = folder.path().join("runs.tracklite");
    drop((registry, model));
    database.close().unwrap();
    assert_eq!(told(&open(&path).registry()), before);
}

#[test]
fn a_deleted_version_is_redacted() {
    let (_folder, database) = new();
    let registry = database.registry();
    let model = with_versions(&registry, "churn", 2);
    model.set_alias("champion", 1).unwrap();
    model.set_alias("challenger", 2).unwrap();
    model.version(1).unwrap().delete().unwrap();
    let aliases: Vec<_> = model.info().unwrap().aliases.into_iter().collect();
    assert_eq!(aliases, [("challenger".to_owned(), 2)]);
    assert_eq!(kind(registry.version_by_alias("churn", "champion")), ErrorKind::InvalidInput);
    assert_eq!(kind(registry.version("churn", 1)), ErrorKind::NotFound);
    let table = database.sql("SELECT count(*) FROM model_versions WHERE version = 1").unwrap();
    assert_eq!(table.rows[0][0], tracklite::SqlValue::Integer(0));
}

#[test]
fn stages_are_served() {
    let (_folder, database) = new();
    let registry = database.registry();
    let model = with_versions(&registry, "churn", 4);
    let stage_of = |version| model.version(version).unwrap().info().unwrap().stage;
    let transition =
        |version, stage, archive| model.version(version).unwrap().transition_stage(stage, archive);
    transition(1, ModelStage::Production, false).unwrap();
    transition(2, ModelStage::Production, false).unwrap();
    transition(3, ModelStage::Production, true).unwrap();
    assert_eq!(
        [1, 2, 3].map(stage_of),
        [ModelStage::Archived, ModelStage::Archived, ModelStage::Production]
    );
    assert_eq!(kind(transition(4, ModelStage::Archived, true)), ErrorKind::InvalidInput);
    let latest = |stages: &[ModelStage]| -> Vec<u64> {
        model.latest_versions(stages).unwrap().iter().map(|it| it.version).collect()
    };
    assert_eq!(latest(&[]), [4, 3, 2]);
    assert_eq!(latest(&[ModelStage::Production, ModelStage::Staging]), [3]);
    let resolved = |uri: &str| registry.resolve(uri).unwrap().version.unwrap().version;
    assert_eq!(resolved("models:/churn/production"), 3);
    assert_eq!(resolved("models:/churn/Archived"), 2);
    assert_eq!(resolved("models:/churn/latest"), 4);
    assert_eq!(kind(registry.resolve("models:/churn/Staging")), ErrorKind::NotFound);
}

#[test]
fn sources_are_resolved_or_refused() {
    let (_folder, database) = new();
    let registry = database.registry();
    let experiment = database.default_experiment().unwrap();
    let run = experiment.start_run("").unwrap();
    let model = with_versions(&registry, "churn", 1);
    let of_run = model.new_version(&format!("runs:/{}/model", run.id())).create().unwrap();
    let info = of_run.info().unwrap();
    assert_eq!((info.run, info.location.as_str()), (Some(run.id()), info.source.as_str()));

    let copy = model.new_version("models:/churn/2/sub").create().unwrap().info().unwrap();
    assert_eq!(copy.location, format!("runs:/{}/model/sub", run.id()));
    assert_eq!((copy.run, copy.copied_from), (Some(run.id()), Some((model.id(), 2))));

    for absent in [
        "models:/churn/17",
        "models:/nobody/1",
        "models:/churn@champion",
        "models:/churn/Staging",
        &format!("models:/m-{:032x}", 1),
        &format!("runs:/{:032x}/model", 1),
    ] {
        assert_eq!(kind(model.new_version(absent).create()), ErrorKind::Unresolved, "{absent}");
    }
    for malformed in ["models:/churn", "models:/m-1", "runs:/x/model", "models:/churn/1/../2"] {
        let refused = kind(model.new_version(malformed).create());
        assert_eq!(refused, ErrorKind::InvalidInput, "{malformed}");
    }
    database.delete_run(run.id()).unwrap();
    for deleted in [
        model.new_version(&format!("runs:/{}/model", run.id())),
        model.new_version("s3://m").run(run.id()),
    ] {
        assert_eq!(kind(deleted.create()), ErrorKind::InvalidState);
    }
    assert_eq!(model.versions().unwrap().len(), 3);
    // The version that was made before stays, and leads where it led.
    assert_eq!(registry.resolve("models:/churn/2").unwrap().location, info.location);
}

#[test]
fn addresses_lead_to_what_they_name() {
    let (_folder, database) = new();
    let registry = database.registry();
    let run = database.default_experiment().unwrap().start_run("").unwrap();
    let model = with_versions(&registry, "churn", 2);
    model.set_alias("champion", 1).unwrap();
    let resolved = registry.resolve("models:/churn@champion/data/x.bin").unwrap();
    let owner = tracklite::ArtifactOwner::ModelVersion { model: model.id(), version: 1 };
    assert_eq!((resolved.owner, resolved.path.as_str()), (owner, "data/x.bin"));
    assert_eq!((resolved.location.as_str(), resolved.version.unwrap().version), ("s3://m", 1));
    let of_run = registry.resolve(&format!("runs:/{}/plots", run.id())).unwrap();
    assert_eq!(of_run.owner, tracklite::ArtifactOwner::Run(run.id()));
    assert_eq!(of_run.path, "plots");
    assert_eq!(kind(registry.resolve("models:/churn@nobody")), ErrorKind::InvalidInput);
    assert_eq!(kind(registry.resolve("models:/churn/9")), ErrorKind::NotFound);
    assert_eq!(kind(registry.resolve("models:/nobody@a")), ErrorKind::NotFound);
    assert_eq!(kind(registry.resolve(&format!("runs:/{:032x}", 1))), ErrorKind::NotFound);
    assert_eq!(kind(registry.resolve("s3://m")), ErrorKind::InvalidInput);
}
