//! What a version is made of stays what it was.

use tracklite::{ArtifactOwner, Database, ErrorKind};

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
