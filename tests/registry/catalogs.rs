//! Names of three levels, as in Unity Catalog.

use tracklite::{ErrorKind, ModelStage, RegistryMode, Signature};

use super::{kind, new, open, told, with_versions};

fn signature() -> Signature {
    let json = r#"{"inputs": [{"name": "x", "type": "double"}], "outputs": [{"type": "long"}]}"#;
    Signature::parse(json).unwrap()
}

fn with_catalogs(database: &tracklite::Database) -> tracklite::Registry {
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
fn the_mode_is_of_the_file_and_for_good() {
    let (folder, database) = new();
    let registry = database.registry();
    assert_eq!(registry.mode().unwrap(), RegistryMode::Plain);
    assert_eq!(kind(registry.catalogs()), ErrorKind::InvalidState);
    assert_eq!(kind(registry.create_catalog("ml", None)), ErrorKind::InvalidState);
    let model = with_versions(&registry, "churn", 1);
    assert_eq!(kind(registry.use_unity_catalog()), ErrorKind::InvalidState);
    model.delete().unwrap();
    registry.use_unity_catalog().unwrap();
    registry.use_unity_catalog().unwrap();
    drop((registry, model));
    database.close().unwrap();
    let database = open(&folder.path().join("runs.tracklite"));
    assert_eq!(database.registry().mode().unwrap(), RegistryMode::UnityCatalog);
}

#[test]
fn catalogs_and_schemas_are_objects() {
    let (folder, database) = new();
    let registry = with_catalogs(&database);
    let names: Vec<_> = registry.catalogs().unwrap().into_iter().map(|it| it.name).collect();
    assert_eq!(names, ["dev", "ml"]);
    let schemas: Vec<_> = registry.schemas("ml").unwrap().into_iter().map(|it| it.name).collect();
    assert_eq!(schemas, ["production", "staging"]);
    registry.comment_on_catalog("ml", Some("all models")).unwrap();
    registry.comment_on_schema("ml", "staging", None).unwrap();
    let catalog = registry.catalog("ml").unwrap();
    assert_eq!(catalog.comment.as_deref(), Some("all models"));
    assert!(!catalog.owner.is_empty() && catalog.updated > catalog.created);
    assert_eq!(registry.schema("ml", "staging").unwrap().comment, None);
    assert_eq!(registry.schema("ml", "production").unwrap().comment.as_deref(), Some("models"));

    assert_eq!(kind(registry.create_catalog("ml", None)), ErrorKind::AlreadyExists);
    assert_eq!(kind(registry.create_schema("ml", "staging", None)), ErrorKind::AlreadyExists);
    assert_eq!(kind(registry.create_schema("nobody", "a", None)), ErrorKind::NotFound);
    assert_eq!(kind(registry.schemas("nobody")), ErrorKind::NotFound);
    assert_eq!(kind(registry.drop_schema("ml", "nobody")), ErrorKind::NotFound);
    for bad in ["", " ", "a.b", "a/b", "a:b"] {
        assert_eq!(kind(registry.create_catalog(bad, None)), ErrorKind::InvalidInput, "{bad}");
        assert_eq!(kind(registry.create_schema("ml", bad, None)), ErrorKind::InvalidInput);
    }

    let model = registry.create_model("ml.staging.churn").unwrap();
    // A schema whose name begins like that of another is another one.
    registry.create_schema("ml", "stag", None).unwrap();
    registry.drop_schema("ml", "stag").unwrap();
    assert_eq!(kind(registry.drop_schema("ml", "staging")), ErrorKind::InvalidState);
    assert_eq!(kind(registry.drop_catalog("ml")), ErrorKind::InvalidState);
    let before = told(&registry);
    let copy = super::copies::backup(&folder, &database);
    assert_eq!(told(&copy.registry()), before);
    model.delete().unwrap();
    for schema in ["staging", "production"] {
        registry.drop_schema("ml", schema).unwrap();
    }
    registry.drop_catalog("ml").unwrap();
    assert_eq!(kind(registry.catalog("ml")), ErrorKind::NotFound);
}

#[test]
fn names_have_three_levels() {
    let (_folder, database) = new();
    let registry = with_catalogs(&database);
    for bad in ["churn", "staging.churn", "ml.staging.churn.x", "ml..churn", ".a.b", "ml.staging. "]
    {
        assert_eq!(kind(registry.create_model(bad)), ErrorKind::InvalidInput, "{bad}");
    }
    for absent in ["nobody.staging.churn", "ml.nobody.churn"] {
        assert_eq!(kind(registry.create_model(absent)), ErrorKind::NotFound, "{absent}");
    }
    let current = registry.with_current("ml", "staging");
    let model = current.create_model("churn").unwrap();
    assert_eq!(model.name().unwrap(), "ml.staging.churn");
    assert_eq!(current.model("staging.churn").unwrap().id(), model.id());
    assert_eq!(registry.model("ml.staging.churn").unwrap().id(), model.id());
    assert_eq!(kind(current.model("production.churn")), ErrorKind::NotFound);
    assert_eq!(kind(model.rename("ml.nobody.churn")), ErrorKind::NotFound);
    model.rename("production.digits").unwrap();
    assert_eq!(model.name().unwrap(), "ml.production.digits");
}

#[test]
fn there_are_no_stages_and_a_signature_is_required() {
    let (_folder, database) = new();
    let registry = with_catalogs(&database);
    let model = registry.create_model("ml.staging.churn").unwrap();
    assert_eq!(kind(model.new_version("s3://m").create()), ErrorKind::InvalidInput);
    let mut partial = signature();
    partial.outputs = None;
    let version = model.new_version("s3://m").signature(partial).create();
    assert_eq!(kind(version), ErrorKind::InvalidInput);
    assert_eq!(model.versions().unwrap(), []);
    let version = model.new_version("s3://m").signature(signature()).create().unwrap();
    let told = version.info().unwrap().signature.unwrap();
    assert_eq!(Signature::parse(&told).unwrap(), signature());

    assert_eq!(kind(model.latest_versions(&[])), ErrorKind::InvalidState);
    let staged = version.transition_stage(ModelStage::Production, false);
    assert_eq!(kind(staged), ErrorKind::InvalidState);
    for uri in ["models:/ml.staging.churn/latest", "models:/ml.staging.churn/Staging"] {
        assert_eq!(kind(registry.resolve(uri)), ErrorKind::InvalidState, "{uri}");
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
fn a_version_is_promoted_by_copying() {
    let (_folder, database) = new();
    let registry = with_catalogs(&database);
    let dev = registry.create_model("dev.churn.churn").unwrap();
    let version = dev.new_version("s3://m").tag("a", 1).signature(signature()).create().unwrap();
    let promoted = version.copy_to("ml.production.churn").unwrap().info().unwrap();
    assert_eq!((promoted.name.as_str(), promoted.version), ("ml.production.churn", 1));
    assert_eq!(promoted.source, "models:/dev.churn.churn/1");
    assert_eq!(promoted.signature, version.info().unwrap().signature);
    assert_eq!(kind(version.copy_to("ml.nobody.churn")), ErrorKind::NotFound);
    assert_eq!(kind(version.copy_to("churn")), ErrorKind::InvalidInput);
}
