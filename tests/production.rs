//! The example `registry`, run as its users run it: by `cargo registry`, on a file of its own and
//! on that of a sweep; and what it leaves, read through the API.

#[path = "../examples/digits/mod.rs"]
#[allow(dead_code, reason = "shared with the examples, which use all of it")]
mod digits;

use std::path::{Path, PathBuf};
use std::process::Command;

use tracklite::{
    ArtifactOwner, Database, LineageDirection, LineageNode, LoggedModelStatus, ModelVersionInfo,
    RegistryMode, RunSearch, Signature,
};

use digits::data::Digits;
use digits::weights;

const TOUR: &str = include_str!("../docs/tour.md");
const NAME: &str = "ml.production.digits";

/// A file in a folder of its own.
struct Place {
    _folder: tempfile::TempDir,
    file: PathBuf,
}

impl Place {
    fn new() -> Place {
        let folder = tempfile::tempdir().unwrap();
        let file = folder.path().join("runs.tracklite");
        Place { _folder: folder, file }
    }

    /// What `cargo ALIAS` with these words and the file prints.
    fn run(&self, alias: &str, words: &[&str]) -> String {
        let mut command = Command::new(env!("CARGO"));
        command.arg(alias).args(words).arg("--file").arg(&self.file);
        let output = command.current_dir(env!("CARGO_MANIFEST_DIR")).output().unwrap();
        let notes = String::from_utf8_lossy(&output.stderr);
        assert!(output.status.success(), "{}: {notes}", output.status);
        String::from_utf8(output.stdout).unwrap()
    }

    fn read(&self) -> Database {
        Database::open_read_only(&self.file).unwrap()
    }
}

/// The share of test images that the version's weights get right, and what they say of each.
fn judged(database: &Database, info: &ModelVersionInfo) -> (f64, Vec<usize>) {
    let owner = ArtifactOwner::ModelVersion { model: info.model, version: info.version };
    let file = database.artifacts_of(owner).unwrap().read("weights.safetensors").unwrap();
    let (network, images) = (weights::read(&file).unwrap(), Digits::load().unwrap().test);
    let predicted: Vec<usize> = images.iter().map(|it| network.predict(&it.pixels)).collect();
    let pairs = images.iter().zip(&predicted);
    let right = pairs.filter(|(image, predicted)| image.digit == **predicted).count();
    (right as f64 / images.len() as f64, predicted)
}

/// Of each version: its run, its logged model, and its files are of one network, and signed.
fn check_version(database: &Database, info: &ModelVersionInfo) {
    let logged = database.logged_model(info.logged_model.unwrap()).unwrap();
    let told = logged.info().unwrap();
    assert_eq!((told.status, told.source_run), (LoggedModelStatus::Ready, info.run));
    let signature = Signature::parse(info.signature.as_deref().unwrap()).unwrap();
    assert!(signature.is_complete() && logged.signature().unwrap() == Some(signature));
    assert!(told.input_example.is_some());
    assert!(info.digest.is_some());
    let run = database.run(info.run.unwrap()).unwrap();
    let of_run = run.artifacts().info(weights::PATH).unwrap().digest;
    let owner = ArtifactOwner::ModelVersion { model: info.model, version: info.version };
    let files = database.artifacts_of(owner).unwrap().list_all().unwrap();
    let names: Vec<&str> = files.iter().map(|file| file.path.as_str()).collect();
    assert_eq!(names, ["input_example.json", "weights.safetensors"]);
    assert_eq!(files[1].digest, of_run);
    let (accuracy, _) = judged(database, info);
    let measured = told.metrics.iter().find(|it| it.key == "test_accuracy").unwrap();
    assert_eq!(measured.dataset.as_ref().unwrap().0, "optdigits-test");
    assert_eq!(measured.value, accuracy);
    assert_eq!(run.latest("test_accuracy").unwrap().unwrap().value, accuracy);
}

/// The versions of the file and which of them is the champion, all of them checked.
fn check_file(database: &Database) -> (Vec<ModelVersionInfo>, u64) {
    let registry = database.registry();
    assert_eq!(registry.mode().unwrap(), RegistryMode::UnityCatalog);
    let model = registry.model(NAME).unwrap();
    let versions = model.versions().unwrap();
    versions.iter().for_each(|info| check_version(database, info));
    let champion = model.info().unwrap().aliases["Champion"];
    let accuracies = versions.iter().map(|info| judged(database, info).0);
    let champions = judged(database, &versions[champion as usize - 1]).0;
    assert!(accuracies.clone().all(|it| it <= champions), "{:?}", accuracies.collect::<Vec<_>>());
    (versions, champion)
}

/// The last predictions are those of the champion, and the output tells their accuracy.
fn check_predictions(database: &Database, champion: &ModelVersionInfo, printed: &str) {
    let search = RunSearch::new().filter("attributes.run_name = 'predictions of Champion'");
    let last = database.search_runs(&search.max_results(1)).unwrap().items.remove(0);
    let run = database.run(last.info.id).unwrap();
    let table = String::from_utf8(run.artifacts().read("predictions.csv").unwrap()).unwrap();
    let logged: Vec<usize> =
        table.lines().skip(1).map(|it| it.split_once(',').unwrap().1.parse().unwrap()).collect();
    let (accuracy, predicted) = judged(database, champion);
    assert_eq!(logged, predicted);
    assert_eq!(run.latest("accuracy").unwrap().unwrap().value, accuracy);
    let told = format!("{:.2} % of 500 test images are right", 100.0 * accuracy);
    assert!(printed.contains(&told), "{told:?} is not in {printed}");
    let inputs = run.inputs().unwrap();
    assert_eq!(inputs.models, [champion.logged_model.unwrap().to_string()]);
}

/// Each line with words that have digits as `#`, for ids are random and the last bit of an
/// accuracy is the processor's.
fn masked(text: &str) -> String {
    let mask = |word| if str::contains(word, |it: char| it.is_ascii_digit()) { "#" } else { word };
    let lines = text.lines().map(|line| line.split_whitespace().map(mask).collect::<Vec<_>>());
    lines.map(|words| words.join(" ") + "\n").collect()
}

#[test]
fn a_file_without_a_sweep_gets_one_and_a_champion() {
    let place = Place::new();
    let printed = place.run("registry", &[]);
    let shown = TOUR.split("```text\n$ cargo registry\n").nth(1).expect("the tour shows it");
    let shown = shown.split("```").next().unwrap_or_default();
    let folder = place.file.parent().unwrap().display().to_string();
    assert_eq!(masked(&printed.replace(&folder, "/data")), masked(shown), "{printed}");
    assert!(printed.lines().any(|line| Path::new(line) == place.file), "{printed}");

    let database = place.read();
    let (versions, champion) = check_file(&database);
    assert_eq!((versions.len(), champion), (2, 2));
    assert_eq!(versions[1].aliases, ["Champion"]);
    assert_ne!(versions[0].digest, versions[1].digest);
    check_predictions(&database, &versions[1], &printed);
    let alias = LineageNode::Alias { name: NAME.to_owned(), alias: "Champion".to_owned() };
    let graph = database.lineage(&alias, LineageDirection::Upstream).unwrap();
    let kinds: Vec<&str> = graph.nodes.keys().map(LineageNode::kind).collect();
    assert_eq!(kinds, ["dataset", "run", "logged model", "model version", "alias"]);
    assert!(printed.contains(&graph.to_mermaid()));
    assert!(Database::verify(&place.file).unwrap().is_sound());
    database.close().unwrap();

    // Once more: the champion keeps its place until it is beaten.
    let printed = place.run("registry", &[]);
    let database = place.read();
    let (after, champion) = check_file(&database);
    assert_eq!(after[0], versions[0]);
    assert_eq!(
        (after[1].digest.as_ref(), champion),
        (versions[1].digest.as_ref(), after.len() as u64)
    );
    assert_eq!(printed.contains("No challenger was better"), after.len() == 2, "{printed}");
    check_predictions(&database, &after[champion as usize - 1], &printed);
}

#[test]
fn the_best_of_a_sweep_is_what_is_registered() {
    let place = Place::new();
    place.run("sweep", &["--quick"]);
    let database = place.read();
    let search = RunSearch::new().order_by("metrics.test_accuracy DESC");
    let runs = database.search_runs(&search.order_by("metrics.test_loss")).unwrap().items;
    database.close().unwrap();
    place.run("registry", &[]);
    let database = place.read();
    let (versions, _) = check_file(&database);
    assert_eq!(versions[0].run, Some(runs[0].info.id));
    let (_, predicted) = judged(&database, &versions[0]);
    assert_eq!(predicted.len(), 500);
}

#[test]
fn a_file_whose_names_are_free_is_left_as_it_is() {
    let place = Place::new();
    place.run("sweep", &["--quick"]);
    let database = Database::open(&place.file).unwrap();
    database.registry().create_model("churn").unwrap();
    database.close().unwrap();
    let mut command = Command::new(env!("CARGO"));
    command.args(["registry", "--file"]).arg(&place.file);
    let output = command.current_dir(env!("CARGO_MANIFEST_DIR")).output().unwrap();
    assert_eq!(output.status.code(), Some(1));
    let errors = String::from_utf8_lossy(&output.stderr);
    assert!(errors.contains("there are registered models already"), "{errors}");
    let registry = place.read().registry();
    assert_eq!(registry.mode().unwrap(), RegistryMode::Plain);
    assert!(registry.model("churn").is_ok());
}
