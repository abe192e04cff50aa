//! Invalid calls fail with the documented kind and write nothing to the file.

use std::fs::OpenOptions;
use std::os::unix::fs::FileExt as _;

use tracklite::artifact::ArtifactOwner;
use tracklite::registry::{ModelStage, Registry};
use tracklite::{Database, ErrorKind, LoggedModelId, SqlValue};

use super::{snapshot, with_versions};
use crate::common::{TestDatabase, TestFolder, count_frames, error_kind, noise};

/// A description, the expected kind of error, and the call.
type Attempt<'a> = (&'a str, ErrorKind, &'a dyn Fn() -> tracklite::Result<()>);

/// Checks that each call fails with its kind and that all of them together change nothing.
fn check_rejected(database: &Database, registry: &Registry, attempts: &[Attempt<'_>]) {
    let before = (snapshot(registry), count_frames(database.path()));
    for (what, wanted, attempt) in attempts {
        let error = attempt().expect_err(what);
        assert_eq!(error.kind(), *wanted, "{what}: {error}");
        let text = error.to_string();
        assert!(text.contains("runs.tracklite"), "{what}: the file is not named in {text}");
    }
    assert_eq!((snapshot(registry), count_frames(database.path())), before);
}

#[test]
fn invalid_or_unknown_names_aliases_versions_and_stages_are_rejected() {
    let database = TestDatabase::new();
    let registry = database.registry();
    let model = with_versions(&registry, "churn", 2);
    model.set_alias("champion", 1).unwrap();
    let version = model.version(1).unwrap();
    let [invalid, absent] = [ErrorKind::InvalidInput, ErrorKind::NotFound];
    check_rejected(
        &database,
        &registry,
        &[
            ("a name with /", invalid, &|| registry.create_model("a/b").map(drop)),
            ("a name with :", invalid, &|| registry.create_model("a:b").map(drop)),
            ("a taken name", ErrorKind::AlreadyExists, &|| {
                registry.create_model("churn").map(drop)
            }),
            ("renaming to /", invalid, &|| model.rename("a/b")),
            ("copying to :", invalid, &|| version.copy_to("a:b").map(drop)),
            ("the alias latest", invalid, &|| model.set_alias("Latest", 1)),
            ("the alias v1", invalid, &|| model.move_alias("v1", None, 1)),
            ("an alias of no version", absent, &|| model.set_alias("best", 7)),
            ("moving to no version", absent, &|| model.move_alias("champion", Some(1), 7)),
            ("moving what moved", ErrorKind::Conflict, &|| {
                model.move_alias("champion", Some(2), 1)
            }),
            ("no such version", absent, &|| model.version(7).map(drop)),
            ("no such alias", invalid, &|| registry.version_by_alias("churn", "best").map(drop)),
            ("an address of no alias", invalid, &|| registry.resolve("models:/churn@b").map(drop)),
            ("an address of no version", absent, &|| registry.resolve("models:/churn/7").map(drop)),
            ("a version in words", invalid, &|| registry.resolve("models:/churn/two").map(drop)),
            ("no such model", absent, &|| registry.model("unknown").map(drop)),
            ("archiving for Archived", invalid, &|| {
                version.transition_stage(ModelStage::Archived, true)
            }),
            ("a blank tag", invalid, &|| model.set_tag(" /", 1)),
            ("a bad filter", invalid, &|| {
                let search = tracklite::registry::RegistrySearch::new().filter("nme = 'churn'");
                registry.search_models(&search).map(drop)
            }),
        ],
    );
}

#[test]
fn deleting_an_unknown_alias_or_tag_writes_nothing() {
    let database = TestDatabase::new();
    let model = with_versions(&database.registry(), "churn", 2);
    model.set_alias("champion", 1).unwrap();
    let version = model.version(1).unwrap();
    let before = count_frames(database.path());
    model.delete_alias("best").unwrap();
    model.delete_tag("best").unwrap();
    version.delete_tag("best").unwrap();
    assert_eq!(count_frames(database.path()), before);
}

#[test]
fn unknown_and_deleted_sources_are_rejected() {
    let database = TestDatabase::new();
    let registry = database.registry();
    let model = with_versions(&registry, "churn", 1);
    let experiment = database.default_experiment().unwrap();
    let run = experiment.start_run("kept").unwrap();
    let deleted = experiment.new_logged_model().source_run(run.id()).create().unwrap();
    deleted.delete().unwrap();
    let make = |source: String| model.new_version(&source).create().map(drop);
    let [unresolved, state] = [ErrorKind::Unresolved, ErrorKind::InvalidState];
    let absent = LoggedModelId::from_bits(3);
    check_rejected(
        &database,
        &registry,
        &[
            ("a source of no version", unresolved, &|| make("models:/churn/9".into())),
            ("a source of no alias", unresolved, &|| make("models:/churn@best".into())),
            ("a source of no stage", unresolved, &|| make("models:/churn/Staging".into())),
            ("a source of no model", unresolved, &|| make("models:/unknown/latest".into())),
            ("a source of no logged model", unresolved, &|| make(format!("models:/{absent}"))),
            ("a deleted model", state, &|| make(format!("models:/{}", deleted.id()))),
            ("an empty source", ErrorKind::InvalidInput, &|| make(String::new())),
        ],
    );
}

/// Creates a version of a logged model, then flips a bit of its artifact on disk.
fn with_a_damaged_chunk(database: &Database) -> tracklite::registry::RegisteredModel {
    let experiment = database.default_experiment().unwrap();
    let logged = experiment.new_logged_model().create().unwrap();
    let files = database.artifacts_of(ArtifactOwner::LoggedModel(logged.id())).unwrap();
    let bytes = noise(100_000, 3);
    files.log_bytes(&bytes, "weights").unwrap();
    files.log_text("flavors", "MLmodel").unwrap();
    let model = database.registry().create_model("churn").unwrap();
    model.new_version(&format!("models:/{}", logged.id())).create().unwrap();
    model.set_alias("Champion", 1).unwrap();
    let query = "SELECT offset FROM chunks ORDER BY coded DESC LIMIT 1";
    let SqlValue::Integer(offset) = database.sql(query).unwrap().rows[0][0] else { panic!() };
    let file = OpenOptions::new().read(true).write(true).open(database.path()).unwrap();
    let (mut byte, at) = ([0], offset as u64 + 1000);
    file.read_exact_at(&mut byte, at).unwrap();
    file.write_all_at(&[byte[0] ^ 1], at).unwrap();
    model
}

#[test]
fn a_damaged_artifact_of_a_version_cannot_be_read_but_others_can() {
    let database = TestDatabase::new();
    with_a_damaged_chunk(&database);
    let registry = database.registry();
    let found = registry.resolve("models:/churn@Champion").unwrap();
    let files = database.artifacts_of(found.owner).unwrap();
    let error = files.read("weights").unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Damaged, "{error}");
    let out = TestFolder::new();
    assert_eq!(error_kind(files.download("weights", out.path())), ErrorKind::Damaged);
    assert_eq!(out.entries(), 0, "a failed download must leave no partial file");
    assert_eq!(files.read("MLmodel").unwrap(), b"flavors");
    let damages = Database::verify(database.path()).unwrap().damages;
    // The logged model and the version share the chunk.
    assert!(!damages.is_empty());
    assert!(damages.iter().all(|damage| damage.place.contains("weights")), "{damages:?}");
}

#[test]
fn a_damaged_artifact_does_not_block_new_versions_and_aliases() {
    let database = TestDatabase::new();
    let model = with_a_damaged_chunk(&database);
    let registry = database.registry();
    let found = registry.resolve("models:/churn@Champion").unwrap();
    let weights = database.artifacts_of(found.owner).unwrap().read("weights");
    assert_eq!(error_kind(weights), ErrorKind::Damaged);
    model.new_version("s3://m").create().unwrap();
    model.move_alias("Champion", Some(1), 2).unwrap();
    assert_eq!(registry.resolve("models:/churn@Champion").unwrap().location, "s3://m");
}
