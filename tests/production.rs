//! The example `registry`, run by `cargo registry` like a user runs it, on a new file and on the
//! file of a sweep. The results are read through the API.

#[path = "../examples/digits/mod.rs"]
#[allow(dead_code, reason = "shared with the examples, which use all of it")]
mod digits;

use std::path::Path;
use std::process::Command;

use tracklite::artifact::ArtifactOwner;
use tracklite::lineage::{LineageDirection, LineageNode};
use tracklite::logged_model::{LoggedModelStatus, Signature};
use tracklite::registry::{ModelVersionInfo, RegistryMode};
use tracklite::{Database, RunSearch};

use digits::data::Digits;
use digits::weights;

use crate::common::TestFolder;

const TOUR: &str = include_str!("../docs/tour.md");
const NAME: &str = "ml.production.digits";

impl TestFolder {
    /// Runs `cargo ALIAS` on the database file and returns the output.
    fn run_example(&self, alias: &str, arguments: &[&str]) -> String {
        let mut command = Command::new(env!("CARGO"));
        command.arg(alias).args(arguments).arg("--file").arg(self.file());
        let output = command.current_dir(env!("CARGO_MANIFEST_DIR")).output().unwrap();
        let errors = String::from_utf8_lossy(&output.stderr);
        assert!(output.status.success(), "{}: {errors}", output.status);
        String::from_utf8(output.stdout).unwrap()
    }

    fn read(&self) -> Database {
        Database::open_read_only(self.file()).unwrap()
    }
}

/// Returns the accuracy of a version's weights on the test images, and their predictions.
fn evaluate(database: &Database, info: &ModelVersionInfo) -> (f64, Vec<usize>) {
    let owner = ArtifactOwner::ModelVersion { model: info.model, version: info.version };
    let file = database.artifacts_of(owner).unwrap().read("weights.safetensors").unwrap();
    let (network, images) = (weights::read(&file).unwrap(), Digits::load().unwrap().test);
    let predictions: Vec<usize> =
        images.iter().map(|image| network.predict(&image.pixels)).collect();
    let pairs = images.iter().zip(&predictions);
    let correct = pairs.filter(|(image, prediction)| image.digit == **prediction).count();
    (correct as f64 / images.len() as f64, predictions)
}

/// Checks that the run, the logged model and the files of a version belong to one network.
fn check_version(database: &Database, info: &ModelVersionInfo) {
    let logged = database.logged_model(info.logged_model.unwrap()).unwrap();
    let model = logged.info().unwrap();
    assert_eq!((model.status, model.source_run), (LoggedModelStatus::Ready, info.run.clone()));
    let signature = Signature::parse(info.signature.as_deref().unwrap()).unwrap();
    assert!(signature.is_complete() && logged.signature().unwrap() == Some(signature));
    assert!(model.input_example.is_some());
    assert!(info.digest.is_some());
    let run = database.run(info.run_id().unwrap()).unwrap();
    let digest_of_run = run.artifacts().info(weights::PATH).unwrap().digest;
    let owner = ArtifactOwner::ModelVersion { model: info.model, version: info.version };
    let files = database.artifacts_of(owner).unwrap().list_all().unwrap();
    let names: Vec<&str> = files.iter().map(|file| file.path.as_str()).collect();
    assert_eq!(names, ["input_example.json", "weights.safetensors"]);
    assert_eq!(files[1].digest, digest_of_run);
    let (accuracy, _) = evaluate(database, info);
    let metric = model.metrics.iter().find(|metric| metric.key == "test_accuracy").unwrap();
    assert_eq!(metric.dataset.as_ref().unwrap().0, "optdigits-test");
    assert_eq!(metric.value, accuracy);
    assert_eq!(run.latest("test_accuracy").unwrap().unwrap().value, accuracy);
}

/// Checks all versions in the file, and returns them with the number of the champion.
fn check_file(database: &Database) -> (Vec<ModelVersionInfo>, u64) {
    let registry = database.registry();
    assert_eq!(registry.mode().unwrap(), RegistryMode::UnityCatalog);
    let model = registry.model(NAME).unwrap();
    let versions = model.versions().unwrap();
    versions.iter().for_each(|info| check_version(database, info));
    let champion = model.info().unwrap().aliases["Champion"];
    let accuracies: Vec<f64> = versions.iter().map(|info| evaluate(database, info).0).collect();
    let best = accuracies[champion as usize - 1];
    assert!(accuracies.iter().all(|accuracy| *accuracy <= best), "{accuracies:?}");
    (versions, champion)
}

/// Checks that the latest predictions are the champion's and that the output has their accuracy.
fn check_predictions(database: &Database, champion: &ModelVersionInfo, printed: &str) {
    let search = RunSearch::new().filter("attributes.run_name = 'predictions of Champion'");
    let last = database.search_runs(&search.max_results(1)).unwrap().items.remove(0);
    let run = database.run(last.info.id).unwrap();
    let table = String::from_utf8(run.artifacts().read("predictions.csv").unwrap()).unwrap();
    let rows = table.lines().skip(1);
    let logged: Vec<usize> =
        rows.map(|row| row.split_once(',').unwrap().1.parse().unwrap()).collect();
    let (accuracy, predictions) = evaluate(database, champion);
    assert_eq!(logged, predictions);
    assert_eq!(run.latest("accuracy").unwrap().unwrap().value, accuracy);
    let line = format!("{:.2} % of 500 test images are correct", 100.0 * accuracy);
    assert!(printed.contains(&line), "{line:?} is not in {printed}");
    let inputs = run.inputs().unwrap();
    assert_eq!(inputs.models, [champion.logged_model.unwrap().to_string()]);
}

/// Replaces each word with a digit by `#`, because ids are random and accuracies differ in the last
/// bit between processors.
fn masked(text: &str) -> String {
    let has_digit = |word: &str| word.bytes().any(|byte| byte.is_ascii_digit());
    let mask = |word| if has_digit(word) { "#" } else { word };
    let lines = text.lines().map(|line| line.split_whitespace().map(mask).collect::<Vec<_>>());
    lines.map(|words| words.join(" ") + "\n").collect()
}

#[test]
fn the_example_creates_a_sweep_and_promotes_a_champion() {
    let folder = TestFolder::new();
    let printed = folder.run_example("registry", &[]);
    let shown = TOUR.split("```text\n$ cargo registry\n").nth(1).expect("the tour has it");
    let shown = shown.split("```").next().unwrap_or_default();
    let path = folder.path().display().to_string();
    assert_eq!(masked(&printed.replace(&path, "/data")), masked(shown), "{printed}");
    assert!(printed.lines().any(|line| Path::new(line) == folder.file()), "{printed}");

    let database = folder.read();
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
    assert!(Database::verify(folder.file()).unwrap().is_sound());
    database.close().unwrap();

    // In a second run, the champion stays unless a challenger is better.
    let printed = folder.run_example("registry", &[]);
    let database = folder.read();
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
fn the_example_registers_the_best_run_of_a_sweep() {
    let folder = TestFolder::new();
    folder.run_example("sweep", &["--quick"]);
    let database = folder.read();
    let search = RunSearch::new().order_by("metrics.test_accuracy DESC");
    let runs = database.search_runs(&search.order_by("metrics.test_loss")).unwrap().items;
    database.close().unwrap();
    folder.run_example("registry", &[]);
    let database = folder.read();
    let (versions, _) = check_file(&database);
    assert_eq!(versions[0].run_id(), Some(runs[0].info.id));
    let (_, predictions) = evaluate(&database, &versions[0]);
    assert_eq!(predictions.len(), 500);
}

#[test]
fn the_example_does_not_change_a_file_with_models_in_plain_mode() {
    let folder = TestFolder::new();
    folder.run_example("sweep", &["--quick"]);
    let database = Database::open(folder.file()).unwrap();
    database.registry().create_model("churn").unwrap();
    database.close().unwrap();
    let mut command = Command::new(env!("CARGO"));
    command.args(["registry", "--file"]).arg(folder.file());
    let output = command.current_dir(env!("CARGO_MANIFEST_DIR")).output().unwrap();
    assert_eq!(output.status.code(), Some(1));
    let errors = String::from_utf8_lossy(&output.stderr);
    assert!(errors.contains("the file already has registered models"), "{errors}");
    let registry = folder.read().registry();
    assert_eq!(registry.mode().unwrap(), RegistryMode::Plain);
    assert!(registry.model("churn").is_ok());
}
