//! Versions that are created before their files.

use std::time::Duration;

use tracklite::artifact::ArtifactOwner;
use tracklite::logged_model::Signature;
use tracklite::registry::{ModelVersion, ModelVersionStatus, RegisteredModel};
use tracklite::{Database, ErrorKind, Timestamp};

use crate::common::{TestDatabase, error_kind};

fn pending(model: &RegisteredModel) -> ModelVersion {
    model.new_version("made elsewhere").files_follow().create().unwrap()
}

#[test]
fn files_are_pinned_when_the_version_is_finalized() {
    let database = TestDatabase::new();
    let model = database.registry().create_model("churn").unwrap();
    let version = pending(&model);
    assert_eq!(version.info().unwrap().status, ModelVersionStatus::PendingRegistration);
    let artifacts = version.artifacts();
    artifacts.log_text("first", "MLmodel").unwrap();
    artifacts.log_text("second", "MLmodel").unwrap();
    artifacts.log_text("spare", "data/spare").unwrap();
    artifacts.delete("data/spare").unwrap();
    version.finalize(None).unwrap();
    let info = version.info().unwrap();
    assert_eq!(info.status, ModelVersionStatus::Ready);
    assert_eq!((info.digest.is_some(), info.status_message), (true, None));
    for refused in [
        artifacts.log_text("third", "MLmodel"),
        artifacts.log_reference("s3://other", "other", None, None),
        artifacts.delete("MLmodel"),
    ] {
        assert_eq!(error_kind(refused), ErrorKind::InvalidState);
    }
    version.finalize(None).unwrap();
    assert_eq!(artifacts.read("MLmodel").unwrap(), b"second");

    let copy = database.verified_backup();
    let copied = copy.registry().version("churn", 1).unwrap();
    assert_eq!(copied.info().unwrap().digest, info.digest);
    assert_eq!(copied.artifacts().read("MLmodel").unwrap(), b"second");
}

#[test]
fn a_version_with_pinned_files_takes_no_others() {
    let database = TestDatabase::new();
    let run = database.default_experiment().unwrap().start_run("a").unwrap();
    run.log_text("x", "model/MLmodel").unwrap();
    let model = database.registry().create_model("churn").unwrap();
    let source = format!("runs:/{}/model", run.id());
    let version = model.new_version(&source).create().unwrap();
    version.set_status(ModelVersionStatus::PendingRegistration, None).unwrap();
    let refused = version.artifacts().log_text("y", "MLmodel");
    assert_eq!(error_kind(refused), ErrorKind::InvalidState);
    // The source of a pending version is a label, so its files are not copied.
    let second = model.new_version(&source).files_follow().create().unwrap();
    assert!(second.artifacts().list_all().unwrap().is_empty());
    assert_eq!(second.info().unwrap().run.map(|run| run.to_string()), Some(run.id().to_string()));
}

#[test]
fn missing_and_failed_versions_take_no_files() {
    let database = TestDatabase::new();
    let model = database.registry().create_model("churn").unwrap();
    let version = pending(&model);
    version.set_status(ModelVersionStatus::FailedRegistration, Some("no disk")).unwrap();
    assert_eq!(error_kind(version.finalize(None)), ErrorKind::InvalidState);
    assert_eq!(error_kind(version.artifacts().log_text("x", "a")), ErrorKind::InvalidState);
    version.delete().unwrap();
    assert_eq!(error_kind(version.artifacts().log_text("x", "a")), ErrorKind::NotFound);
    assert_eq!(error_kind(version.finalize(None)), ErrorKind::NotFound);
}

#[test]
fn deleting_a_pending_version_deletes_its_files() {
    let database = TestDatabase::new();
    let model = database.registry().create_model("churn").unwrap();
    let version = pending(&model);
    version.artifacts().log_bytes(&[7; 100_000], "weights").unwrap();
    version.delete().unwrap();
    let owner = ArtifactOwner::ModelVersion { model: model.id(), version: 1 };
    assert!(database.artifacts_of(owner).unwrap().list_all().unwrap().is_empty());
    assert_eq!(pending(&model).version(), 2);
    database.verified_backup();
}

#[test]
fn the_source_of_a_pending_version_may_be_elsewhere() {
    let database = TestDatabase::new();
    let model = database.registry().create_model("churn").unwrap();
    for source in [&format!("models:/m-{:032x}", 9), "models:/unknown/3", "models:/bad"] {
        let version = model.new_version(source).files_follow().create().unwrap();
        assert_eq!(version.info().unwrap().source, *source);
    }
}

#[test]
fn a_repeated_creation_returns_the_same_version() {
    let database = TestDatabase::new();
    let model = database.registry().create_model("churn").unwrap();
    let since = Timestamp::from_millis(Timestamp::now().as_millis() - 60_000).unwrap();
    let create = |source: &str, tag: &str| {
        let version = model.new_version(source).tag("made", tag).files_follow();
        version.reuse_pending_since(since).create().unwrap()
    };
    let first = create("a", "x");
    assert_eq!(create("a", "x").version(), 1);
    assert_eq!(create("b", "x").version(), 2);
    assert_eq!(create("a", "y").version(), 3);
    first.artifacts().log_text("x", "MLmodel").unwrap();
    assert_eq!(create("a", "x").version(), 4);
    std::thread::sleep(Duration::from_millis(5));
    let late = model.new_version("a").tag("made", "x").files_follow();
    let late = late.reuse_pending_since(Timestamp::now()).create().unwrap();
    assert_eq!(late.version(), 5);
}

#[test]
fn catalogs_require_the_signature_at_the_end() {
    let database = TestDatabase::new();
    let registry = database.registry();
    registry.use_unity_catalog().unwrap();
    registry.create_catalog("ml", None).unwrap();
    registry.create_schema("ml", "dev", None).unwrap();
    let model = registry.create_model("ml.dev.churn").unwrap();
    let version = pending(&model);
    assert_eq!(error_kind(version.finalize(None)), ErrorKind::InvalidInput);
    let json = r#"{"inputs": [{"type": "double"}], "outputs": [{"type": "long"}]}"#;
    version.finalize(Some(Signature::parse(json).unwrap())).unwrap();
    assert!(version.info().unwrap().signature.unwrap().contains("outputs"));
}

/// Two processes write and finalize at once: a file is either pinned or refused.
#[test]
fn a_file_is_pinned_or_refused() {
    let database = TestDatabase::new();
    let model = database.registry().create_model("churn").unwrap();
    for round in 0..20 {
        let version = pending(&model);
        version.artifacts().log_text("x", "first").unwrap();
        let other = Database::open(database.path()).unwrap();
        let number = version.version();
        let writer = std::thread::spawn(move || {
            let version = other.registry().version("churn", number).unwrap();
            version.artifacts().log_text("y", &format!("late/{round}")).is_ok()
        });
        version.finalize(None).unwrap();
        let is_written = writer.join().unwrap();
        assert_eq!(version.artifacts().list_all().unwrap().len(), 1 + usize::from(is_written));
    }
    database.verified_backup();
}
