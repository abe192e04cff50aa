//! What is refused is refused with its kind, and leaves nothing behind: neither a record nor a part
//! of one.

use std::fs::OpenOptions;
use std::os::unix::fs::FileExt as _;

use tracklite::{
    ArtifactOwner, Database, ErrorKind, LoggedModelId, ModelStage, Registry, RunId, SqlValue,
};

use super::{kind, new, told, with_versions};

/// The frames of the file: each change is at least one.
fn frames(database: &Database) -> u64 {
    Database::verify(database.path()).unwrap().frames
}

/// What is tried, how it is refused, and the call.
type Attempt<'a> = (&'a str, ErrorKind, &'a dyn Fn() -> tracklite::Result<()>);

/// Each of these is refused with its kind, and after all of them nothing has changed.
fn refused(database: &Database, registry: &Registry, attempts: &[Attempt<'_>]) {
    let before = (told(registry), frames(database));
    for (what, wanted, attempt) in attempts {
        let error = attempt().expect_err(what);
        assert_eq!(error.kind(), *wanted, "{what}: {error}");
        let text = error.to_string();
        assert!(text.contains("runs.tracklite"), "{what}: the file is not named in {text}");
    }
    assert_eq!((told(registry), frames(database)), before);
}

#[test]
fn names_aliases_versions_and_stages_that_are_not_there_or_not_allowed() {
    let (_folder, database) = new();
    let registry = database.registry();
    let model = with_versions(&registry, "churn", 2);
    model.set_alias("champion", 1).unwrap();
    let version = model.version(1).unwrap();
    let [invalid, absent] = [ErrorKind::InvalidInput, ErrorKind::NotFound];
    refused(
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
            ("no such model", absent, &|| registry.model("nobody").map(drop)),
            ("archiving for Archived", invalid, &|| {
                version.transition_stage(ModelStage::Archived, true)
            }),
            ("a blank tag", invalid, &|| model.set_tag(" /", 1)),
            ("a bad filter", invalid, &|| {
                let search = tracklite::RegistrySearch::new().filter("nme = 'churn'");
                registry.search_models(&search).map(drop)
            }),
        ],
    );
    // What need not be there to be deleted is none, and changes nothing either.
    let before = frames(&database);
    model.delete_alias("best").unwrap();
    model.delete_tag("best").unwrap();
    version.delete_tag("best").unwrap();
    assert_eq!(frames(&database), before);
}

#[test]
fn sources_that_lead_nowhere_or_to_what_is_deleted() {
    let (_folder, database) = new();
    let registry = database.registry();
    let model = with_versions(&registry, "churn", 1);
    let experiment = database.default_experiment().unwrap();
    let [run, gone] = ["kept", "gone"].map(|name| experiment.start_run(name).unwrap());
    let of_gone = experiment.new_logged_model().source_run(gone.id()).create().unwrap();
    let deleted = experiment.new_logged_model().source_run(run.id()).create().unwrap();
    gone.log_text("model/MLmodel", "").unwrap();
    database.delete_run(gone.id()).unwrap();
    deleted.delete().unwrap();
    let make = |source: String| model.new_version(&source).create().map(drop);
    let [unresolved, state] = [ErrorKind::Unresolved, ErrorKind::InvalidState];
    let absent = LoggedModelId::from_bits(3);
    refused(
        &database,
        &registry,
        &[
            ("a source of no version", unresolved, &|| make("models:/churn/9".into())),
            ("a source of no alias", unresolved, &|| make("models:/churn@best".into())),
            ("a source of no stage", unresolved, &|| make("models:/churn/Staging".into())),
            ("a source of no model", unresolved, &|| make("models:/nobody/latest".into())),
            ("a source of no logged model", unresolved, &|| make(format!("models:/{absent}"))),
            ("a source of no run", unresolved, &|| {
                make(format!("runs:/{}/m", RunId::from_bits(3)))
            }),
            ("a deleted run", state, &|| make(format!("runs:/{}/model", gone.id()))),
            ("the model of a deleted run", state, &|| make(format!("models:/{}", of_gone.id()))),
            ("the same beside a source", state, &|| {
                model.new_version("s3://m").logged_model(of_gone.id()).create().map(drop)
            }),
            ("a deleted model", state, &|| make(format!("models:/{}", deleted.id()))),
            ("an empty source", ErrorKind::InvalidInput, &|| make(String::new())),
        ],
    );
    // With the run its model comes back.
    database.restore_run(gone.id()).unwrap();
    make(format!("models:/{}", of_gone.id())).unwrap();
}

/// A version of a logged model whose file has a flipped bit on the disk.
fn with_a_damaged_chunk(database: &Database) -> tracklite::RegisteredModel {
    let experiment = database.default_experiment().unwrap();
    let logged = experiment.new_logged_model().create().unwrap();
    let files = database.artifacts_of(ArtifactOwner::LoggedModel(logged.id())).unwrap();
    let bytes = crate::artifacts::noise(100_000, 3);
    files.log_bytes("weights", &bytes).unwrap();
    files.log_text("MLmodel", "flavors").unwrap();
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
fn a_damaged_file_of_a_version_is_refused_and_the_rest_is_served() {
    let (_folder, database) = new();
    let model = with_a_damaged_chunk(&database);
    let registry = database.registry();
    let found = registry.resolve("models:/churn@Champion").unwrap();
    let files = database.artifacts_of(found.owner).unwrap();
    let error = files.read("weights").unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Damaged, "{error}");
    let out = tempfile::tempdir().unwrap();
    assert_eq!(kind(files.download("weights", out.path())), ErrorKind::Damaged);
    assert_eq!(std::fs::read_dir(out.path()).unwrap().count(), 0, "half of a file is left");
    assert_eq!(files.read("MLmodel").unwrap(), b"flavors");
    let damages = Database::verify(database.path()).unwrap().damages;
    // The logged model and the version share the chunk.
    assert!(!damages.is_empty());
    assert!(damages.iter().all(|it| it.place.contains("weights")), "{damages:?}");
    // Names, aliases and new versions are not of this file and go on.
    model.new_version("s3://m").create().unwrap();
    model.move_alias("Champion", Some(1), 2).unwrap();
    assert_eq!(registry.resolve("models:/churn@Champion").unwrap().location, "s3://m");
}
