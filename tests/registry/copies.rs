//! Copies of versions, and the registry in backups and vacuumed files.

use tracklite::{Database, ErrorKind};

use super::{snapshot, with_versions};
use crate::common::{TestDatabase, error_kind, open};

#[test]
fn a_copy_of_a_version_has_everything_except_aliases_and_stage() {
    let database = TestDatabase::new();
    let registry = database.registry();
    let model = registry.create_model("churn").unwrap();
    let version = model.new_version("s3://m").tag("a", 1).description("d").run_link("l");
    let version = version.create().unwrap();
    model.set_alias("champion", 1).unwrap();
    version.transition_stage(tracklite::registry::ModelStage::Production, false).unwrap();
    let original = version.info().unwrap();
    let copy = version.copy_to("prod").unwrap().info().unwrap();
    assert_eq!((copy.name.as_str(), copy.version), ("prod", 1));
    assert_eq!((copy.source.as_str(), copy.location.as_str()), ("models:/churn/1", "s3://m"));
    assert_eq!(copy.copied_from, Some((model.id(), 1)));
    assert_eq!((&copy.tags, &copy.description), (&original.tags, &original.description));
    assert_eq!(
        (&copy.run_link, copy.stage),
        (&original.run_link, tracklite::registry::ModelStage::None)
    );
    assert!(copy.aliases.is_empty());
}

#[test]
fn each_copy_gets_the_next_version_number_of_its_model() {
    let database = TestDatabase::new();
    let model = with_versions(&database.registry(), "churn", 1);
    let version = model.version(1).unwrap();
    assert_eq!(version.copy_to("prod").unwrap().version(), 1);
    assert_eq!(version.copy_to("prod").unwrap().version(), 2);
    assert_eq!(version.copy_to("churn").unwrap().version(), 2);
}

#[test]
fn a_deleted_version_cannot_be_copied() {
    let database = TestDatabase::new();
    let registry = database.registry();
    let version = with_versions(&registry, "churn", 1).version(1).unwrap();
    version.copy_to("prod").unwrap();
    version.delete().unwrap();
    assert_eq!(error_kind(version.copy_to("prod")), ErrorKind::NotFound);
    assert_eq!(error_kind(version.copy_to("never/made")), ErrorKind::NotFound);
    assert_eq!(error_kind(registry.model("never")), ErrorKind::NotFound);
}

/// By name, `a` is a copy of `b` and `b` is a copy of `a`. Each copy must keep the location that it
/// had when it was created.
#[test]
fn copies_of_each_other_still_resolve() {
    let database = TestDatabase::new();
    let registry = database.registry();
    let first = with_versions(&registry, "a", 1);
    let b = first.version(1).unwrap().copy_to("b").unwrap();
    first.delete().unwrap();
    let second = b.copy_to("a").unwrap();
    assert_eq!(b.info().unwrap().source, "models:/a/1");
    assert_eq!(second.info().unwrap().source, "models:/b/1");
    assert_eq!(second.info().unwrap().copied_from, Some((b.model_id(), 1)));
    assert_eq!(registry.resolve("models:/a/1").unwrap().location, "s3://m");
    assert_eq!(registry.resolve("models:/b/1").unwrap().location, "s3://m");
}

#[test]
fn a_backup_and_a_vacuum_keep_the_registry() {
    let database = TestDatabase::new();
    let registry = database.registry();
    let model = with_versions(&registry, "churn", 3);
    model.set_alias("champion", 2).unwrap();
    model.set_alias("gone", 3).unwrap();
    model.version(3).unwrap().delete().unwrap();
    model.version(2).unwrap().copy_to("prod").unwrap();
    model.rename("retention").unwrap();
    with_versions(&registry, "deleted", 2).delete().unwrap();
    let before = snapshot(&registry);
    let copy = database.verified_backup();
    assert_eq!(snapshot(&copy.registry()), before);
    // The number of the deleted version must not be used again.
    let again = copy.registry().model("retention").unwrap().new_version("s3://m").create();
    assert_eq!(again.unwrap().version(), 4);
    drop((registry, model));
    let folder = database.close();
    Database::vacuum(folder.file()).unwrap();
    assert_eq!(snapshot(&open(&folder.file()).registry()), before);
}

#[test]
fn a_backup_has_no_bytes_of_deleted_versions() {
    let database = TestDatabase::new();
    let registry = database.registry();
    let model = registry.create_model("churn").unwrap();
    let secret = model.new_version("s3://secret-place").tag("k", "secret-tag").create().unwrap();
    secret.set_description(Some("secret-words")).unwrap();
    secret.delete().unwrap();
    with_versions(&registry, "secret-name", 1).delete().unwrap();
    let path = database.folder().join("copy");
    database.backup(&path).unwrap();
    let bytes = std::fs::read(&path).unwrap();
    let found = bytes.windows(7).filter(|window| window.starts_with(b"secret-")).count();
    assert_eq!(found, 0);
    assert_eq!(open(&path).registry().model("churn").unwrap().versions().unwrap(), []);
}
