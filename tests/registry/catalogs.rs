//! Three-level names, like in Unity Catalog.

use tracklite::ErrorKind;
use tracklite::logged_model::Signature;
use tracklite::registry::{ModelStage, RegistryMode};

use super::{snapshot, with_versions};
use crate::common::{TestDatabase, error_kind};

fn signature() -> Signature {
    let json = r#"{"inputs": [{"name": "x", "type": "double"}], "outputs": [{"type": "long"}]}"#;
    Signature::parse(json).unwrap()
}

/// Creates the schemas `dev.churn`, `ml.production` and `ml.staging`.
fn with_catalogs(database: &tracklite::Database) -> tracklite::registry::Registry {
    let registry = database.registry();
    registry.use_unity_catalog().unwrap();
    for (catalog, schema) in [("dev", "churn"), ("ml", "production"), ("ml", "staging")] {
        if registry.catalog(catalog).is_err() {
            registry.create_catalog(catalog, None).unwrap();
        }
        registry.create_schema(catalog, schema, Some("models")).unwrap();
    }
    registry
}

#[test]
fn the_mode_is_stored_in_the_file_permanently() {
    let database = TestDatabase::new();
    let registry = database.registry();
    assert_eq!(registry.mode().unwrap(), RegistryMode::Plain);
    let model = with_versions(&registry, "churn", 1);
    assert_eq!(error_kind(registry.use_unity_catalog()), ErrorKind::InvalidState);
    model.delete().unwrap();
    registry.use_unity_catalog().unwrap();
    registry.use_unity_catalog().unwrap();
    drop((registry, model));
    let database = database.reopen();
    assert_eq!(database.registry().mode().unwrap(), RegistryMode::UnityCatalog);
}

#[test]
fn a_file_with_plain_names_may_have_catalogs() {
    let database = TestDatabase::new();
    let registry = database.registry();
    registry.create_catalog("ml", None).unwrap();
    registry.create_schema("ml", "staging", None).unwrap();
    registry.create_model("churn").unwrap();
    registry.create_model("other.staging.churn").unwrap();
    let model = registry.create_model("ml.staging.churn").unwrap();
    assert_eq!(registry.mode().unwrap(), RegistryMode::Plain);
    assert_eq!(error_kind(registry.drop_schema("ml", "staging")), ErrorKind::InvalidState);
    model.delete().unwrap();
    registry.drop_schema("ml", "staging").unwrap();
    registry.drop_catalog("ml").unwrap();
    assert_eq!(registry.catalogs().unwrap(), []);
}

#[test]
fn catalogs_and_schemas_are_listed_by_name() {
    let database = TestDatabase::new();
    let registry = with_catalogs(&database);
    let catalogs = registry.catalogs().unwrap().into_iter();
    assert_eq!(catalogs.map(|catalog| catalog.name).collect::<Vec<_>>(), ["dev", "ml"]);
    let schemas = registry.schemas("ml").unwrap().into_iter();
    let schemas: Vec<_> = schemas.map(|schema| schema.name).collect();
    assert_eq!(schemas, ["production", "staging"]);
}

#[test]
fn comments_on_catalogs_and_schemas_can_be_changed() {
    let database = TestDatabase::new();
    let registry = with_catalogs(&database);
    registry.comment_on_catalog("ml", Some("all models")).unwrap();
    registry.comment_on_schema("ml", "staging", None).unwrap();
    let catalog = registry.catalog("ml").unwrap();
    assert_eq!(catalog.comment.as_deref(), Some("all models"));
    assert!(!catalog.owner.is_empty() && catalog.updated > catalog.created);
    assert_eq!(registry.schema("ml", "staging").unwrap().comment, None);
    assert_eq!(registry.schema("ml", "production").unwrap().comment.as_deref(), Some("models"));
}

#[test]
fn taken_unknown_and_invalid_catalog_names_are_rejected() {
    let database = TestDatabase::new();
    let registry = with_catalogs(&database);
    assert_eq!(error_kind(registry.create_catalog("ml", None)), ErrorKind::AlreadyExists);
    assert_eq!(error_kind(registry.create_schema("ml", "staging", None)), ErrorKind::AlreadyExists);
    assert_eq!(error_kind(registry.create_schema("unknown", "a", None)), ErrorKind::NotFound);
    assert_eq!(error_kind(registry.schemas("unknown")), ErrorKind::NotFound);
    assert_eq!(error_kind(registry.drop_schema("ml", "unknown")), ErrorKind::NotFound);
    for bad in ["", " ", "a.b", "a/b", "a:b"] {
        assert_eq!(
            error_kind(registry.create_catalog(bad, None)),
            ErrorKind::InvalidInput,
            "{bad}"
        );
        assert_eq!(error_kind(registry.create_schema("ml", bad, None)), ErrorKind::InvalidInput);
    }
}

#[test]
fn only_empty_schemas_and_catalogs_can_be_dropped() {
    let database = TestDatabase::new();
    let registry = with_catalogs(&database);
    let model = registry.create_model("ml.staging.churn").unwrap();
    // The name `stag` is a prefix of `staging`, but not the same schema.
    registry.create_schema("ml", "stag", None).unwrap();
    registry.drop_schema("ml", "stag").unwrap();
    assert_eq!(error_kind(registry.drop_schema("ml", "staging")), ErrorKind::InvalidState);
    assert_eq!(error_kind(registry.drop_catalog("ml")), ErrorKind::InvalidState);

    let before = snapshot(&registry);
    let copy = database.verified_backup();
    assert_eq!(snapshot(&copy.registry()), before);

    model.delete().unwrap();
    for schema in ["staging", "production"] {
        registry.drop_schema("ml", schema).unwrap();
    }
    registry.drop_catalog("ml").unwrap();
    assert_eq!(error_kind(registry.catalog("ml")), ErrorKind::NotFound);
}

#[test]
fn model_names_have_three_levels() {
    let database = TestDatabase::new();
    let registry = with_catalogs(&database);
    for bad in ["churn", "staging.churn", "ml.staging.churn.x", "ml..churn", ".a.b", "ml.staging. "]
    {
        assert_eq!(error_kind(registry.create_model(bad)), ErrorKind::InvalidInput, "{bad}");
    }
    for absent in ["unknown.staging.churn", "ml.unknown.churn"] {
        assert_eq!(error_kind(registry.create_model(absent)), ErrorKind::NotFound, "{absent}");
    }
}

#[test]
fn short_names_are_completed_by_the_current_schema() {
    let database = TestDatabase::new();
    let registry = with_catalogs(&database);
    let current = registry.with_current("ml", "staging");
    let model = current.create_model("churn").unwrap();
    assert_eq!(model.name().unwrap(), "ml.staging.churn");
    assert_eq!(current.model("staging.churn").unwrap().id(), model.id());
    assert_eq!(registry.model("ml.staging.churn").unwrap().id(), model.id());
    assert_eq!(error_kind(current.model("production.churn")), ErrorKind::NotFound);
    assert_eq!(error_kind(model.rename("ml.unknown.churn")), ErrorKind::NotFound);
    model.rename("production.digits").unwrap();
    assert_eq!(model.name().unwrap(), "ml.production.digits");
}

#[test]
fn a_version_requires_a_complete_signature() {
    let database = TestDatabase::new();
    let registry = with_catalogs(&database);
    let model = registry.create_model("ml.staging.churn").unwrap();
    assert_eq!(error_kind(model.new_version("s3://m").create()), ErrorKind::InvalidInput);
    let mut partial = signature();
    partial.outputs = None;
    let version = model.new_version("s3://m").signature(partial).create();
    assert_eq!(error_kind(version), ErrorKind::InvalidInput);
    assert_eq!(model.versions().unwrap(), []);
    let version = model.new_version("s3://m").signature(signature()).create().unwrap();
    let stored = version.info().unwrap().signature.unwrap();
    assert_eq!(Signature::parse(&stored).unwrap(), signature());
}

#[test]
fn aliases_replace_stages() {
    let database = TestDatabase::new();
    let registry = with_catalogs(&database);
    let model = registry.create_model("ml.staging.churn").unwrap();
    let version = model.new_version("s3://m").signature(signature()).create().unwrap();
    assert_eq!(error_kind(model.latest_versions(&[])), ErrorKind::InvalidState);
    let staged = version.transition_stage(ModelStage::Production, false);
    assert_eq!(error_kind(staged), ErrorKind::InvalidState);
    for uri in ["models:/ml.staging.churn/latest", "models:/ml.staging.churn/Staging"] {
        assert_eq!(error_kind(registry.resolve(uri)), ErrorKind::InvalidState, "{uri}");
    }
    model.set_alias("champion", 1).unwrap();
    let found = registry.resolve("models:/ml.staging.churn@champion").unwrap();
    assert_eq!(found.version.unwrap().version, 1);
    let current = registry.with_current("ml", "staging");
    assert_eq!(
        current.resolve("models:/churn/1").unwrap().version.unwrap().name,
        "ml.staging.churn"
    );
}

#[test]
fn copying_promotes_a_version_to_another_catalog() {
    let database = TestDatabase::new();
    let registry = with_catalogs(&database);
    let dev = registry.create_model("dev.churn.churn").unwrap();
    let version = dev.new_version("s3://m").tag("a", 1).signature(signature()).create().unwrap();
    let promoted = version.copy_to("ml.production.churn").unwrap().info().unwrap();
    assert_eq!((promoted.name.as_str(), promoted.version), ("ml.production.churn", 1));
    assert_eq!(promoted.source, "models:/dev.churn.churn/1");
    assert_eq!(promoted.signature, version.info().unwrap().signature);
    assert_eq!(error_kind(version.copy_to("ml.unknown.churn")), ErrorKind::NotFound);
    assert_eq!(error_kind(version.copy_to("churn")), ErrorKind::InvalidInput);
}

#[test]
fn a_new_name_moves_all_that_is_inside() {
    let database = TestDatabase::new();
    let registry = with_catalogs(&database);
    let churn = registry.create_model("ml.staging.churn").unwrap();
    for _ in 0..2 {
        churn.new_version("s3://m").signature(signature()).create().unwrap();
    }
    churn.set_alias("champion", 2).unwrap();
    let other = registry.create_model("ml.production.other").unwrap();
    let stays = registry.create_model("dev.churn.stays").unwrap();
    let volume = database.create_experiment("/Volumes/ml/staging/files").unwrap();
    let neighbour = database.create_experiment("/Volumes/mls/staging/files").unwrap();
    registry.rename_catalog("ml", "prod").unwrap();
    registry.rename_schema("prod", "staging", "live").unwrap();
    registry.rename_schema("prod", "live", "live").unwrap();
    assert_eq!(churn.name().unwrap(), "prod.live.churn");
    assert_eq!(registry.model("prod.live.churn").unwrap().versions().unwrap().len(), 2);
    let version = registry.model("prod.live.churn").unwrap().version_by_alias("champion").unwrap();
    assert_eq!(version.info().unwrap().name, "prod.live.churn");
    assert_eq!(other.name().unwrap(), "prod.production.other");
    assert_eq!(stays.name().unwrap(), "dev.churn.stays");
    assert_eq!(volume.info().unwrap().path, "/Volumes/prod/live/files");
    assert_eq!(neighbour.info().unwrap().path, "/Volumes/mls/staging/files");
    assert_eq!(error_kind(registry.catalog("ml")), ErrorKind::NotFound);
    let schemas = registry.schemas("prod").unwrap().into_iter();
    assert_eq!(schemas.map(|schema| schema.name).collect::<Vec<_>>(), ["live", "production"]);
}

#[test]
fn a_taken_name_of_a_catalog_changes_nothing() {
    let database = TestDatabase::new();
    let registry = database.registry();
    for catalog in ["a", "b"] {
        registry.create_catalog(catalog, None).unwrap();
        registry.create_schema(catalog, "one", None).unwrap();
    }
    registry.create_schema("a", "two", None).unwrap();
    registry.create_model("a.one.m").unwrap();
    // The names are plain, so a model may have levels that do not exist.
    registry.create_model("c.one.m").unwrap();
    registry.create_model("a.three.m").unwrap();
    database.create_experiment("/Volumes/a/one/v").unwrap();
    database.create_experiment("/Volumes/d/one/v").unwrap();
    for name in ["b", "c", "d"] {
        assert_eq!(error_kind(registry.rename_catalog("a", name)), ErrorKind::AlreadyExists);
    }
    for name in ["two", "three"] {
        let renamed = registry.rename_schema("a", "one", name);
        assert_eq!(error_kind(renamed), ErrorKind::AlreadyExists, "{name}");
    }
    assert_eq!(error_kind(registry.rename_catalog("x", "y")), ErrorKind::NotFound);
    assert_eq!(error_kind(registry.rename_schema("a", "x", "y")), ErrorKind::NotFound);
    for name in ["", "a.b", "a/b"] {
        assert_eq!(error_kind(registry.rename_catalog("a", name)), ErrorKind::InvalidInput);
        assert_eq!(error_kind(registry.rename_schema("a", "one", name)), ErrorKind::InvalidInput);
    }
    assert!(registry.model("a.one.m").is_ok() && registry.schema("a", "one").is_ok());
    assert!(database.find_experiment("/Volumes/a/one/v").unwrap().is_some());
}

#[test]
fn catalogs_and_schemas_change_their_owner() {
    let database = TestDatabase::new();
    let registry = with_catalogs(&database);
    registry.set_catalog_owner("ml", "team").unwrap();
    registry.set_schema_owner("ml", "staging", "ada").unwrap();
    assert_eq!(registry.catalog("ml").unwrap().owner, "team");
    assert_eq!(registry.schema("ml", "staging").unwrap().owner, "ada");
    assert_ne!(registry.schema("ml", "production").unwrap().owner, "ada");
    assert_eq!(error_kind(registry.set_catalog_owner("x", "ada")), ErrorKind::NotFound);
    assert_eq!(error_kind(registry.set_schema_owner("ml", "x", "ada")), ErrorKind::NotFound);
    for owner in [" ", "a\nb"] {
        assert_eq!(error_kind(registry.set_catalog_owner("ml", owner)), ErrorKind::InvalidInput);
    }
}

#[test]
fn a_copy_has_the_new_names() {
    let database = TestDatabase::new();
    let registry = with_catalogs(&database);
    let churn = registry.create_model("ml.staging.churn").unwrap();
    churn.new_version("s3://m").signature(signature()).create().unwrap();
    registry.rename_catalog("ml", "prod").unwrap();
    registry.set_catalog_owner("prod", "team").unwrap();
    let path = database.folder().join("copy.tracklite");
    database.backup(&path).unwrap();
    let copy = tracklite::Database::open(&path).unwrap().registry();
    assert_eq!(copy.catalog("prod").unwrap().owner, "team");
    assert_eq!(copy.model("prod.staging.churn").unwrap().versions().unwrap().len(), 1);
    assert_eq!(error_kind(copy.catalog("ml")), ErrorKind::NotFound);
}
