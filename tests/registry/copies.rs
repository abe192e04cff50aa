//! Copies of versions, and copies of the whole file.

use tracklite::{Database, ErrorKind};

use super::{kind, new, open, told, with_versions};

/// What a backup of the database holds.
pub fn backup(folder: &tempfile::TempDir, database: &Database) -> Database {
    let path = folder.path().join(format!("{:?}.tracklite", std::time::Instant::now()));
    database.backup(&path).unwrap();
    assert_eq!(Database::verify(&path).unwrap().damages, []);
    open(&path)
}

#[test]
fn a_copy_of_a_version_takes_all_but_aliases_and_stage() {
    let (_folder, database) = new();
    let registry = database.registry();
    let model = registry.create_model("churn").unwrap();
    let version = model.new_version("s3://m").tag("a", 1).description("d").run_link("l");
    let version = version.create().unwrap();
    model.set_alias("champion", 1).unwrap();
    version.transition_stage(tracklite::ModelStage::Production, false).unwrap();
    let original = version.info().unwrap();
    let copy = version.copy_to("prod").unwrap().info().unwrap();
    assert_eq!((copy.name.as_str(), copy.version), ("prod", 1));
    assert_eq!((copy.source.as_str(), copy.location.as_str()), ("models:/churn/1", "s3://m"));
    assert_eq!(copy.copied_from, Some((model.id(), 1)));
    assert_eq!((&copy.tags, &copy.description), (&original.tags, &original.description));
    assert_eq!((&copy.run_link, copy.stage), (&original.run_link, tracklite::ModelStage::None));
    assert!(copy.aliases.is_empty());
    assert_eq!(version.copy_to("prod").unwrap().version(), 2);
    assert_eq!(version.copy_to("churn").unwrap().version(), 2);
    version.delete().unwrap();
    assert_eq!(kind(version.copy_to("prod")), ErrorKind::NotFound);
    assert_eq!(kind(version.copy_to("never/made")), ErrorKind::NotFound);
    assert_eq!(kind(registry.model("never")), ErrorKind::NotFound);
}

/// By name `a` is made of `b`, and `b` of `a`: each leads to where it led when it was made.
#[test]
fn copies_go_round_in_no_circle() {
    let (_folder, database) = new();
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
fn a_backup_and_a_vacuum_tell_the_same() {
    let (folder, database) = new();
    let registry = database.registry();
    let model = with_versions(&registry, "churn", 3);
    model.set_alias("champion", 2).unwrap();
    model.set_alias("gone", 3).unwrap();
    model.version(3).unwrap().delete().unwrap();
    model.version(2).unwrap().copy_to("prod").unwrap();
    model.rename("retention").unwrap();
    with_versions(&registry, "deleted", 2).delete().unwrap();
    let before = told(&registry);
    let copy = backup(&folder, &database);
    assert_eq!(told(&copy.registry()), before);
    // The number of the deleted version is not forgotten.
    let again = copy.registry().model("retention").unwrap().new_version("s3://m").create();
    assert_eq!(again.unwrap().version(), 4);
    let path = folder.path().join("runs.tracklite");
    drop((registry, model));
    database.close().unwrap();
    Database::vacuum(&path).unwrap();
    assert_eq!(told(&open(&path).registry()), before);
}

#[test]
fn what_is_deleted_is_not_in_a_copy() {
    let (folder, database) = new();
    let registry = database.registry();
    let model = registry.create_model("churn").unwrap();
    let secret = model.new_version("s3://secret-place").tag("k", "secret-tag").create().unwrap();
    secret.set_description(Some("secret-words")).unwrap();
    secret.delete().unwrap();
    with_versions(&registry, "secret-name", 1).delete().unwrap();
    let path = folder.path().join("copy");
    database.backup(&path).unwrap();
    let bytes = std::fs::read(&path).unwrap();
    let found = bytes.windows(7).filter(|it| it.starts_with(b"secret-")).count();
    assert_eq!(found, 0);
    assert_eq!(open(&path).registry().model("churn").unwrap().versions().unwrap(), []);
}
