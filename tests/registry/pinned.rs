//! The files of a version never change.

use std::fs;
use std::path::Path;

use tracklite::artifact::{ArtifactOwner, Artifacts};
use tracklite::registry::{ModelVersion, ModelVersionStatus, RegisteredModel};
use tracklite::{Database, ErrorKind, Run};

use crate::common::{TestDatabase, error_kind, noise, open, start_run};

fn read(database: &Database, address: &str, path: &str) -> Vec<u8> {
    let owner = database.registry().resolve(address).unwrap().owner;
    database.artifacts_of(owner).unwrap().read(path).unwrap()
}

/// Registers version 1 of the model `churn` from the folder `model` of a run.
fn version_of_a_run(database: &Database) -> (Run, RegisteredModel, ModelVersion) {
    let run = database.experiment("/churn").unwrap().start_run("first").unwrap();
    let artifacts = run.artifacts();
    artifacts.log_text("flavors", "model/MLmodel").unwrap();
    artifacts.log_bytes(&[7; 3000], "model/data/weights").unwrap();
    artifacts.log_text("of the run only", "notes").unwrap();
    artifacts.log_reference("s3://data/train.csv", "model/train.csv", None, None).unwrap();
    let model = database.registry().create_model("churn").unwrap();
    let version = model.new_version(&source_of(&run)).create().unwrap();
    (run, model, version)
}

fn source_of(run: &Run) -> String {
    format!("runs:/{}/model", run.id())
}

fn files_of(database: &Database, model: &RegisteredModel) -> Artifacts {
    let owner = ArtifactOwner::ModelVersion { model: model.id(), version: 1 };
    database.artifacts_of(owner).unwrap()
}

#[test]
fn a_version_has_the_files_below_its_source() {
    let database = TestDatabase::new();
    let (_run, model, version) = version_of_a_run(&database);
    assert!(version.info().unwrap().digest.is_some());
    let files = files_of(&database, &model).list_all().unwrap();
    let paths: Vec<&str> = files.iter().map(|file| file.path.as_str()).collect();
    assert_eq!(paths, ["MLmodel", "data/weights", "train.csv"]);
}

#[test]
fn the_files_of_a_version_cannot_be_written() {
    let database = TestDatabase::new();
    let (_run, model, _) = version_of_a_run(&database);
    let files = files_of(&database, &model);
    assert_eq!(error_kind(files.log_text("other", "MLmodel")), ErrorKind::InvalidState);
    assert_eq!(error_kind(files.delete("MLmodel")), ErrorKind::InvalidState);
}

#[test]
fn a_version_keeps_its_files_when_the_run_changes_them() {
    let database = TestDatabase::new();
    let (run, model, version) = version_of_a_run(&database);
    run.artifacts().log_text("changed", "model/MLmodel").unwrap();
    assert_eq!(read(&database, "models:/churn/1", "MLmodel"), b"flavors");

    let digest = version.info().unwrap().digest;
    let second = model.new_version(&source_of(&run)).create().unwrap();
    assert_ne!(second.info().unwrap().digest, digest);
    let copy = version.copy_to("prod").unwrap();
    assert_eq!(copy.info().unwrap().digest, digest);
}

#[test]
fn versions_and_copies_keep_their_files_when_the_run_is_purged() {
    let database = TestDatabase::new();
    let (run, model, version) = version_of_a_run(&database);
    run.artifacts().log_text("changed", "model/MLmodel").unwrap();
    model.new_version(&source_of(&run)).create().unwrap();
    version.copy_to("prod").unwrap();
    let id = run.id();
    run.delete().unwrap();
    database.gc().unwrap();
    assert_eq!(error_kind(database.run(id)), ErrorKind::NotFound);

    for address in ["models:/churn/1", "models:/prod/1"] {
        assert_eq!(read(&database, address, "MLmodel"), b"flavors");
        assert_eq!(read(&database, address, "data/weights"), [7; 3000]);
    }
    assert_eq!(read(&database, "models:/churn/2", "MLmodel"), b"changed");
    assert_eq!(Database::verify(database.path()).unwrap().damages, []);
    let copy = database.verified_backup();
    assert_eq!(read(&copy, "models:/prod/1", "data/weights"), [7; 3000]);
}

#[test]
fn gc_frees_files_once_no_version_or_logged_model_has_them() {
    let database = TestDatabase::new();
    let experiment = database.experiment("/churn").unwrap();
    let logged = experiment.new_logged_model().name("net").create().unwrap();
    let of_logged = database.artifacts_of(ArtifactOwner::LoggedModel(logged.id())).unwrap();
    of_logged.log_bytes(&[3; 200_000], "weights").unwrap();
    let registry = database.registry();
    let model = registry.create_model("churn").unwrap();
    let source = format!("models:/{}", logged.id());
    let version = model.new_version(&source).create().unwrap();
    model.new_version(&format!("{source}/weights")).create().unwrap();
    assert_eq!(read(&database, "models:/churn/2", "weights").len(), 200_000);
    let chunks = || Database::verify(database.path()).unwrap().chunks;
    let stored = chunks();
    logged.delete().unwrap();
    assert_eq!(error_kind(of_logged.log_text("", "more")), ErrorKind::InvalidState);
    assert_eq!(database.gc().unwrap().logged_models, 1);
    assert_eq!(chunks(), stored, "the versions still have the files");
    version.delete().unwrap();
    database.gc().unwrap();
    assert_eq!(read(&database, "models:/churn/2", "weights").len(), 200_000);
    model.delete().unwrap();
    database.gc().unwrap();
    assert_eq!(chunks(), 0, "nothing has the files any more");
    assert_eq!(error_kind(of_logged.log_text("", "more")), ErrorKind::NotFound);
}

/// Flips a bit in the only occurrence of these bytes in the file.
fn damage(file: &Path, bytes: &[u8]) {
    let mut all = fs::read(file).unwrap();
    let places: Vec<usize> = all
        .windows(bytes.len())
        .enumerate()
        .filter(|(_, window)| *window == bytes)
        .map(|(place, _)| place)
        .collect();
    assert_eq!(places.len(), 1, "the {} bytes must occur once", bytes.len());
    all[places[0]] ^= 4;
    fs::write(file, all).unwrap();
}

#[test]
fn salvage_marks_a_version_with_a_lost_file_as_failed() {
    let database = TestDatabase::new();
    let run = start_run(&database, "first");
    let noise = noise(3000, 1);
    run.artifacts().log_bytes(&noise, "model/weights").unwrap();
    run.artifacts().log_text("flavors", "model/MLmodel").unwrap();
    run.artifacts().log_text("others", "other/MLmodel").unwrap();
    let model = database.registry().create_model("churn").unwrap();
    for folder in ["other", "model"] {
        model.new_version(&format!("runs:/{}/{folder}", run.id())).create().unwrap();
    }
    model.set_alias("champion", 2).unwrap();
    let file = database.path().to_owned();
    drop((run, model));
    let folder = database.close();
    damage(&file, &noise);
    assert!(!Database::verify(&file).unwrap().is_sound());
    let copy = folder.join("salvaged.tracklite");
    let report = Database::salvage(&file, &copy).unwrap();
    let lost = report.lost.iter().find(|line| line.contains("no longer pinned")).unwrap();
    assert!(lost.contains("version 2") && lost.contains("weights"), "{report:?}");
    assert_eq!(Database::verify(&copy).unwrap().damages, []);

    let salvaged = open(&copy);
    let broken = salvaged.registry().version_info_by_alias("churn", "champion").unwrap();
    assert_eq!((broken.version, broken.digest), (2, None));
    assert_eq!(broken.status, ModelVersionStatus::FailedRegistration);
    assert!(broken.status_message.unwrap().contains("weights"));
    assert_eq!(read(&salvaged, "models:/churn/2", "MLmodel"), b"flavors");

    let whole = salvaged.registry().version_info("churn", 1).unwrap();
    assert_eq!(whole.status, ModelVersionStatus::Ready);
    assert!(whole.digest.is_some());
    let model = salvaged.registry().model("churn").unwrap();
    assert_eq!(model.new_version("s3://m").create().unwrap().version(), 3);
}
