//! Models and versions: numbers, names, tags, stages, deletion, sources.

use tracklite::registry::{ModelStage, ModelVersion, ModelVersionStatus, RegisteredModel};
use tracklite::{Database, ErrorKind, RunId};

use super::{snapshot, with_versions};
use crate::common::{TestDatabase, error_kind, start_run};

#[test]
fn version_numbers_are_never_reused() {
    let database = TestDatabase::new();
    let registry = database.registry();
    let model = with_versions(&registry, "churn", 3);
    model.version(3).unwrap().delete().unwrap();
    assert_eq!(error_kind(model.version(3)), ErrorKind::NotFound);
    assert_eq!(model.new_version("s3://m").create().unwrap().version(), 4);
    let numbers: Vec<u64> = model.versions().unwrap().iter().map(|info| info.version).collect();
    assert_eq!(numbers, [1, 2, 4]);
}

#[test]
fn handles_of_a_deleted_model_do_not_follow_its_name() {
    let database = TestDatabase::new();
    let registry = database.registry();
    let model = with_versions(&registry, "churn", 4);
    let old = model.version(4).unwrap();
    model.delete().unwrap();
    let again = with_versions(&registry, "churn", 1);
    assert_ne!(again.id(), model.id());
    assert!(again.info().unwrap().aliases.is_empty());
    for kind in
        [error_kind(model.info()), error_kind(model.set_tag("a", 1)), error_kind(old.info())]
    {
        assert_eq!(kind, ErrorKind::NotFound);
    }
    assert_eq!(error_kind(old.delete()), ErrorKind::NotFound);
    assert_eq!(error_kind(model.new_version("s3://m").create()), ErrorKind::NotFound);
}

#[test]
fn the_files_of_a_version_may_have_a_different_address_from_its_source() {
    let database = TestDatabase::new();
    let run = start_run(&database, "");
    run.log_text("heavy", "model/weights").unwrap();
    let model = database.registry().create_model("churn").unwrap();
    let address = format!("runs:/{}/model", run.id());
    let version = model.new_version("proxy://somewhere/model").files_at(address.as_str());
    let version = version.create().unwrap();
    let info = version.info().unwrap();
    assert_eq!(
        (info.source.as_str(), info.location.as_str()),
        ("proxy://somewhere/model", address.as_str())
    );
    assert_eq!((info.run_id(), info.digest.is_some()), (Some(run.id()), true));
}

/// Creates a model and a version with every field set.
fn complete_version(database: &Database) -> (RegisteredModel, ModelVersion) {
    let registry = database.registry();
    let model = registry.new_model("churn").description("who leaves").tag("team", "a");
    let model = model.create().unwrap();
    let version = model.new_version("s3://m").run(RunId::from_bits(5)).run_link("http://x");
    let version = version.description("first").tag("a", 1).tag("b", "2").user("ada");
    let version = version.create().unwrap();
    (model, version)
}

#[test]
fn a_version_returns_the_fields_it_was_created_with() {
    let database = TestDatabase::new();
    let (_, version) = complete_version(&database);
    let info = version.info().unwrap();
    assert_eq!((info.name.as_str(), info.version, info.source.as_str()), ("churn", 1, "s3://m"));
    assert_eq!(info.run_id(), Some(RunId::from_bits(5)));
    assert_eq!(info.run_link.as_deref(), Some("http://x"));
    assert_eq!((info.description.as_deref(), info.user.as_str()), (Some("first"), "ada"));
    assert_eq!((info.status, info.stage), (ModelVersionStatus::Ready, ModelStage::None));
    assert_eq!(info.tags.len(), 2);
    assert_eq!(database.registry().version_info("churn", 1).unwrap(), info);
}

#[test]
fn the_fields_of_a_version_can_be_changed() {
    let database = TestDatabase::new();
    let (_, version) = complete_version(&database);
    let info = version.info().unwrap();
    version.set_description(None).unwrap();
    version.set_status(ModelVersionStatus::FailedRegistration, Some("no space")).unwrap();
    version.set_tag("a", 7).unwrap();
    version.delete_tag("b").unwrap();
    version.delete_tag("unknown").unwrap();
    let changed = version.info().unwrap();
    assert_eq!(changed.description, None);
    assert_eq!(changed.status, ModelVersionStatus::FailedRegistration);
    assert_eq!(changed.status_message.as_deref(), Some("no space"));
    assert_eq!(changed.tags.into_iter().collect::<Vec<_>>(), [("a".into(), "7".into())]);
    assert!(changed.updated > info.updated && changed.created == info.created);
}

#[test]
fn the_fields_of_a_model_can_be_changed() {
    let database = TestDatabase::new();
    let (model, version) = complete_version(&database);
    model.set_description(Some("who stays")).unwrap();
    model.delete_tag("team").unwrap();
    let info = model.info().unwrap();
    assert_eq!((info.description.as_deref(), info.tags.len()), (Some("who stays"), 0));
    assert_eq!(info.latest_versions, [version.info().unwrap()]);
}

#[test]
fn invalid_and_taken_names_are_rejected() {
    let database = TestDatabase::new();
    let registry = database.registry();
    for bad in ["", "  ", "a/b", "a:b", ".", "..", "models:/a", &"n".repeat(257)] {
        assert_eq!(error_kind(registry.create_model(bad)), ErrorKind::InvalidInput, "{bad}");
        assert_eq!(error_kind(registry.model(bad)), ErrorKind::InvalidInput, "{bad}");
    }
    for valid in ["a", "ml.production.churn", "a@b", "\u{645}", &"n".repeat(256)] {
        registry.create_model(valid).unwrap();
        assert_eq!(error_kind(registry.create_model(valid)), ErrorKind::AlreadyExists, "{valid}");
    }
    let model = registry.model("a").unwrap();
    assert_eq!(error_kind(model.rename("a@b")), ErrorKind::AlreadyExists);
    assert_eq!(error_kind(model.rename("x/y")), ErrorKind::InvalidInput);
    model.rename("a").unwrap();
}

#[test]
fn invalid_tags_and_sources_are_rejected() {
    let database = TestDatabase::new();
    let model = database.registry().create_model("a").unwrap();
    assert_eq!(error_kind(model.set_tag("", 1)), ErrorKind::InvalidInput);
    let version = model.new_version("s3://m").tag("k", "v".repeat(100_001)).create();
    assert_eq!(error_kind(version), ErrorKind::InvalidInput);
    assert_eq!(error_kind(model.new_version(" ").create()), ErrorKind::InvalidInput);
    assert_eq!(model.versions().unwrap(), []);
}

#[test]
fn a_renamed_model_keeps_its_versions_aliases_and_tags() {
    let database = TestDatabase::new();
    let registry = database.registry();
    let model = with_versions(&registry, "old", 2);
    model.set_tag("team", "a").unwrap();
    model.set_alias("champion", 2).unwrap();
    model.rename("new").unwrap();
    assert_eq!(error_kind(registry.model("old")), ErrorKind::NotFound);
    let info = registry.model("new").unwrap().info().unwrap();
    assert_eq!((info.id, info.aliases["champion"], info.tags.len()), (model.id(), 2, 1));
    assert_eq!(registry.version_info_by_alias("new", "champion").unwrap().name, "new");
    // The old name can be used again.
    with_versions(&registry, "old", 1);
    let before = snapshot(&registry);
    drop((registry, model));
    assert_eq!(snapshot(&database.reopen().registry()), before);
}

#[test]
fn a_deleted_version_loses_its_aliases_and_its_row() {
    let database = TestDatabase::new();
    let registry = database.registry();
    let model = with_versions(&registry, "churn", 2);
    model.set_alias("champion", 1).unwrap();
    model.set_alias("challenger", 2).unwrap();
    model.version(1).unwrap().delete().unwrap();
    let aliases: Vec<_> = model.info().unwrap().aliases.into_iter().collect();
    assert_eq!(aliases, [("challenger".to_owned(), 2)]);
    assert_eq!(error_kind(registry.version_by_alias("churn", "champion")), ErrorKind::InvalidInput);
    assert_eq!(error_kind(registry.version("churn", 1)), ErrorKind::NotFound);
    let table = database.sql("SELECT count(*) FROM model_versions WHERE version = 1").unwrap();
    assert_eq!(table.rows[0][0], tracklite::SqlValue::Integer(0));
}

#[test]
fn a_stage_transition_can_archive_the_versions_in_that_stage() {
    let database = TestDatabase::new();
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
    assert_eq!(error_kind(transition(4, ModelStage::Archived, true)), ErrorKind::InvalidInput);
}

#[test]
fn versions_can_be_found_by_stage() {
    let database = TestDatabase::new();
    let registry = database.registry();
    let model = with_versions(&registry, "churn", 4);
    for (version, archive) in [(1, false), (2, false), (3, true)] {
        let version = model.version(version).unwrap();
        version.transition_stage(ModelStage::Production, archive).unwrap();
    }
    let latest = |stages: &[ModelStage]| -> Vec<u64> {
        model.latest_versions(stages).unwrap().iter().map(|info| info.version).collect()
    };
    assert_eq!(latest(&[]), [4, 3, 2]);
    assert_eq!(latest(&[ModelStage::Production, ModelStage::Staging]), [3]);
    let resolved = |uri: &str| registry.resolve(uri).unwrap().version.unwrap().version;
    assert_eq!(resolved("models:/churn/production"), 3);
    assert_eq!(resolved("models:/churn/Archived"), 2);
    assert_eq!(resolved("models:/churn/latest"), 4);
    assert_eq!(error_kind(registry.resolve("models:/churn/Staging")), ErrorKind::NotFound);
}

#[test]
fn a_source_is_resolved_when_the_version_is_created() {
    let database = TestDatabase::new();
    let registry = database.registry();
    let experiment = database.default_experiment().unwrap();
    let run = experiment.start_run("").unwrap();
    let model = with_versions(&registry, "churn", 1);
    let of_run = model.new_version(&format!("runs:/{}/model", run.id())).create().unwrap();
    let info = of_run.info().unwrap();
    assert_eq!((info.run_id(), info.location.as_str()), (Some(run.id()), info.source.as_str()));

    let copy = model.new_version("models:/churn/2/sub").create().unwrap().info().unwrap();
    assert_eq!(copy.location, format!("runs:/{}/model/sub", run.id()));
    assert_eq!((copy.run_id(), copy.copied_from), (Some(run.id()), Some((model.id(), 2))));
}

#[test]
fn unknown_and_malformed_models_are_not_sources() {
    let database = TestDatabase::new();
    let model = with_versions(&database.registry(), "churn", 1);
    for absent in [
        "models:/churn/17",
        "models:/unknown/1",
        "models:/churn@champion",
        "models:/churn/Staging",
        &format!("models:/m-{:032x}", 1),
    ] {
        assert_eq!(
            error_kind(model.new_version(absent).create()),
            ErrorKind::Unresolved,
            "{absent}"
        );
    }
    for malformed in ["models:/churn", "models:/m-1", "models:/churn/1/../2"] {
        let kind = error_kind(model.new_version(malformed).create());
        assert_eq!(kind, ErrorKind::InvalidInput, "{malformed}");
    }
    assert_eq!(model.versions().unwrap().len(), 1);
}

#[test]
fn a_deleted_run_is_a_source_until_it_is_purged_and_its_versions_stay() {
    let database = TestDatabase::new();
    let registry = database.registry();
    let run = start_run(&database, "");
    run.log_text("heavy", "model/weights").unwrap();
    let model = with_versions(&registry, "churn", 1);
    let of_run = model.new_version(&format!("runs:/{}/model", run.id())).create().unwrap();
    let info = of_run.info().unwrap();
    database.delete_run(run.id()).unwrap();
    let again = model.new_version(&format!("runs:/{}/model", run.id())).create().unwrap();
    let again = again.info().unwrap();
    assert_eq!((again.run_id(), again.digest), (Some(run.id()), info.digest));
    assert!(info.digest.is_some());

    database.gc().unwrap();
    let gone = model.new_version(&format!("runs:/{}/model", run.id())).create().unwrap();
    let gone = gone.info().unwrap();
    assert_eq!((gone.run, gone.digest, &gone.location), (None, None, &info.location));
    let named = model.new_version("s3://m").run(run.id()).create().unwrap();
    assert_eq!(named.info().unwrap().run_id(), Some(run.id()));
    assert_eq!(model.versions().unwrap().len(), 5);
    assert_eq!(registry.resolve("models:/churn/2").unwrap().location, info.location);
}

#[test]
fn the_run_of_a_version_is_any_text() {
    let database = TestDatabase::new();
    let model = database.registry().create_model("churn").unwrap();
    let known = start_run(&database, "").id().to_string();
    let (unknown, upper) = (RunId::from_bits(1).to_string(), known.to_uppercase());
    for text in ["42", "x/y", "\u{fc} '\"", &unknown, &known, &upper] {
        let version = model.new_version("s3://m").run(text).create().unwrap();
        let info = version.info().unwrap();
        assert_eq!(info.run.as_deref(), Some(text));
        let is_id = text == unknown || text == known;
        assert_eq!(info.run_id().map(|id| id.to_string()), is_id.then(|| text.to_owned()));
        assert_eq!(version.copy_to("copies").unwrap().info().unwrap().run, info.run);
        if !text.contains('\'') {
            let search = tracklite::registry::RegistrySearch::new();
            let search = search.filter(format!("run_id = '{text}' AND name = 'churn'"));
            let found = database.registry().search_versions(&search).unwrap().items;
            assert_eq!(found, [info], "{text}");
        }
    }
    let number = model.new_version("s3://m").run(42).create().unwrap();
    assert_eq!(number.info().unwrap().run.as_deref(), Some("42"));
}

#[test]
fn only_a_run_of_the_file_is_an_origin_of_a_version() {
    use tracklite::lineage::{LineageDirection, LineageNode};
    let database = TestDatabase::new();
    let model = database.registry().create_model("churn").unwrap();
    let run = start_run(&database, "");
    let upper = run.id().to_string().to_uppercase();
    for text in ["42", &RunId::from_bits(1).to_string(), &upper, &run.id().to_string()] {
        let version = model.new_version("s3://m").run(text).create().unwrap().version();
        let node = LineageNode::ModelVersion { name: "churn".to_owned(), version };
        let graph = database.lineage(&node, LineageDirection::Upstream).unwrap();
        let origins: Vec<_> = graph.edges.into_iter().map(|edge| edge.from).collect();
        let wanted = (version == 4).then(|| LineageNode::Run(run.id()));
        assert_eq!(origins, wanted.into_iter().collect::<Vec<_>>(), "{text}");
    }
    let graph = database.lineage(&LineageNode::Run(run.id()), LineageDirection::Downstream);
    assert_eq!(graph.unwrap().edges.len(), 1);
}

#[test]
fn a_source_may_be_a_run_elsewhere() {
    let database = TestDatabase::new();
    let model = database.registry().create_model("churn").unwrap();
    for source in [&format!("runs:/{:032x}/model", 1), "runs:/x/model", "runs:/"] {
        let info = model.new_version(source).create().unwrap().info().unwrap();
        assert_eq!((info.source.as_str(), info.location.as_str()), (source, source));
        assert_eq!((info.run, info.digest), (None, None), "{source}");
    }
}

#[test]
fn addresses_resolve_to_versions_and_runs() {
    let database = TestDatabase::new();
    let registry = database.registry();
    let run = start_run(&database, "");
    let model = with_versions(&registry, "churn", 2);
    model.set_alias("champion", 1).unwrap();
    let resolved = registry.resolve("models:/churn@champion/data/x.bin").unwrap();
    let owner = tracklite::artifact::ArtifactOwner::ModelVersion { model: model.id(), version: 1 };
    assert_eq!((resolved.owner, resolved.path.as_str()), (owner, "data/x.bin"));
    assert_eq!((resolved.location.as_str(), resolved.version.unwrap().version), ("s3://m", 1));
    let of_run = registry.resolve(&format!("runs:/{}/plots", run.id())).unwrap();
    assert_eq!(of_run.owner, tracklite::artifact::ArtifactOwner::Run(run.id()));
    assert_eq!(of_run.path, "plots");
}

#[test]
fn unknown_addresses_are_rejected() {
    let database = TestDatabase::new();
    let registry = database.registry();
    with_versions(&registry, "churn", 2).set_alias("champion", 1).unwrap();
    assert_eq!(error_kind(registry.resolve("models:/churn@unknown")), ErrorKind::InvalidInput);
    assert_eq!(error_kind(registry.resolve("models:/churn/9")), ErrorKind::NotFound);
    assert_eq!(error_kind(registry.resolve("models:/unknown@a")), ErrorKind::NotFound);
    assert_eq!(error_kind(registry.resolve(&format!("runs:/{:032x}", 1))), ErrorKind::NotFound);
    assert_eq!(error_kind(registry.resolve("s3://m")), ErrorKind::InvalidInput);
}
