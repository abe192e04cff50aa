//! What a version is made of stays what it was.

use std::fs;
use std::path::Path;

use tracklite::{ArtifactOwner, Database, ErrorKind, ModelVersionStatus};

use super::{kind, new};

fn read(database: &Database, address: &str, path: &str) -> Vec<u8> {
    let owner = database.registry().resolve(address).unwrap().owner;
    database.artifacts_of(owner).unwrap().read(path).unwrap()
}

#[test]
fn a_version_keeps_the_files_of_its_run_whatever_becomes_of_them() {
    let (folder, database) = new();
    let experiment = database.experiment("/churn").unwrap();
    let run = experiment.start_run("first").unwrap();
    let artifacts = run.artifacts();
    artifacts.log_text("model/MLmodel", "flavors").unwrap();
    artifacts.log_bytes("model/data/weights", &[7; 3000]).unwrap();
    artifacts.log_text("notes", "of the run alone").unwrap();
    artifacts.log_reference("model/train.csv", "s3://data/train.csv", None, None).unwrap();
    let registry = database.registry();
    let model = registry.create_model("churn").unwrap();
    let source = format!("runs:/{}/model", run.id());
    let version = model.new_version(&source).create().unwrap();
    let digest = version.info().unwrap().digest;
    assert!(digest.is_some());
    let owner = ArtifactOwner::ModelVersion { model: model.id(), version: 1 };
    let files = database.artifacts_of(owner).unwrap();
    let paths = || files.list_all().unwrap().into_iter().map(|it| it.path).collect::<Vec<_>>();
    assert_eq!(paths(), ["MLmodel", "data/weights", "train.csv"]);
    // Of the version nothing can be changed, and of the run everything.
    assert_eq!(kind(files.log_text("MLmodel", "other")), ErrorKind::InvalidState);
    assert_eq!(kind(files.delete("MLmodel")), ErrorKind::InvalidState);
    artifacts.log_text("model/MLmodel", "changed").unwrap();
    assert_eq!(read(&database, "models:/churn/1", "MLmodel"), b"flavors");
    let second = model.new_version(&source).create().unwrap();
    assert_ne!(second.info().unwrap().digest, digest);
    let copy = version.copy_to("prod").unwrap();
    assert_eq!(copy.info().unwrap().digest, digest);
    run.delete().unwrap();
    database.gc().unwrap();
    assert_eq!(kind(database.run(source[6..38].parse().unwrap())), ErrorKind::NotFound);
    for address in ["models:/churn/1", "models:/prod/1"] {
        assert_eq!(read(&database, address, "MLmodel"), b"flavors");
        assert_eq!(read(&database, address, "data/weights"), [7; 3000]);
    }
    assert_eq!(read(&database, "models:/churn/2", "MLmodel"), b"changed");
    let report = Database::verify(database.path()).unwrap();
    assert_eq!(report.damages, []);
    let path = folder.path().join("copy.tracklite");
    database.backup(&path).unwrap();
    assert_eq!(Database::verify(&path).unwrap().damages, []);
    assert_eq!(read(&super::open(&path), "models:/prod/1", "data/weights"), [7; 3000]);
}

#[test]
fn the_files_of_versions_and_logged_models_go_with_them() {
    let (_folder, database) = new();
    let experiment = database.experiment("/churn").unwrap();
    let logged = experiment.new_logged_model().name("net").create().unwrap();
    let of_logged = database.artifacts_of(ArtifactOwner::LoggedModel(logged.id())).unwrap();
    of_logged.log_bytes("weights", &[3; 200_000]).unwrap();
    let registry = database.registry();
    let model = registry.create_model("churn").unwrap();
    let source = format!("models:/{}", logged.id());
    let version = model.new_version(&source).create().unwrap();
    model.new_version(&format!("{source}/weights")).create().unwrap();
    assert_eq!(read(&database, "models:/churn/2", "weights").len(), 200_000);
    let chunks = || Database::verify(database.path()).unwrap().chunks;
    let stored = chunks();
    logged.delete().unwrap();
    assert_eq!(kind(of_logged.log_text("more", "")), ErrorKind::InvalidState);
    assert_eq!(database.gc().unwrap().logged_models, 1);
    assert_eq!(chunks(), stored, "the versions have them still");
    version.delete().unwrap();
    database.gc().unwrap();
    assert_eq!(read(&database, "models:/churn/2", "weights").len(), 200_000);
    model.delete().unwrap();
    database.gc().unwrap();
    assert_eq!(chunks(), 0, "nobody has them any more");
    assert_eq!(kind(of_logged.log_text("more", "")), ErrorKind::NotFound);
}

/// Flips a bit in the only place of the file where these bytes stand.
fn damage(file: &Path, bytes: &[u8]) {
    let mut all = fs::read(file).unwrap();
    let places: Vec<usize> = all
        .windows(bytes.len())
        .enumerate()
        .filter(|(_, window)| *window == bytes)
        .map(|(place, _)| place)
        .collect();
    assert_eq!(places.len(), 1, "where {} bytes stand", bytes.len());
    all[places[0]] ^= 4;
    fs::write(file, all).unwrap();
}

#[test]
fn a_version_that_lost_a_file_is_salvaged_as_one_that_failed() {
    let (folder, database) = new();
    let run = database.default_experiment().unwrap().start_run("first").unwrap();
    let mut state = 1_u32;
    let noise: Vec<u8> = std::iter::repeat_with(|| {
        state = state.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
        (state >> 24) as u8
    })
    .take(3000)
    .collect();
    run.artifacts().log_bytes("model/weights", &noise).unwrap();
    run.artifacts().log_text("model/MLmodel", "flavors").unwrap();
    run.artifacts().log_text("other/MLmodel", "others").unwrap();
    let model = database.registry().create_model("churn").unwrap();
    for folder in ["other", "model"] {
        model.new_version(&format!("runs:/{}/{folder}", run.id())).create().unwrap();
    }
    model.set_alias("champion", 2).unwrap();
    let file = database.path().to_owned();
    drop((run, model));
    database.close().unwrap();
    damage(&file, &noise);
    assert!(!Database::verify(&file).unwrap().is_sound());
    let copy = folder.path().join("salvaged.tracklite");
    let report = Database::salvage(&file, &copy).unwrap();
    let told = report.lost.iter().find(|it| it.contains("pinned no more")).unwrap();
    assert!(told.contains("version 2") && told.contains("weights"), "{report:?}");
    assert_eq!(Database::verify(&copy).unwrap().damages, []);
    let salvaged = super::open(&copy);
    let broken = salvaged.registry().version_by_alias("churn", "champion").unwrap();
    assert_eq!((broken.version, broken.digest), (2, None));
    assert_eq!(broken.status, ModelVersionStatus::FailedRegistration);
    assert!(broken.status_message.unwrap().contains("weights"));
    assert_eq!(read(&salvaged, "models:/churn/2", "MLmodel"), b"flavors");
    let whole = salvaged.registry().version("churn", 1).unwrap();
    assert_eq!(whole.status, ModelVersionStatus::Ready);
    assert!(whole.digest.is_some());
    let model = salvaged.registry().model("churn").unwrap();
    assert_eq!(model.new_version("s3://m").create().unwrap().version(), 3);
}
