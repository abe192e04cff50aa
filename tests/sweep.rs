//! The example `sweep`, run by `cargo sweep --quick` like a user runs it, and the file of the full
//! sweep, which `cargo xtask test sweep` runs.

use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};
use std::process::Command;

use tracklite::{Database, Run, RunId, RunRecord, RunStatus};

use crate::common::TestFolder;

/// The size of a sweep, like in `examples/sweep`.
struct Size {
    /// Passes over the data of each run.
    epochs: usize,
    /// Runs of each configuration.
    seeds: usize,
}

const QUICK: Size = Size { epochs: 20, seeds: 2 };
const FULL: Size = Size { epochs: 100, seeds: 3 };
/// The minimum number of configurations in the full sweep.
const CONFIGURATIONS_MIN: usize = 16;
/// The minimum number of workers in the full sweep, in addition to the coordinator.
const WORKERS_MIN: usize = 4;
/// The kind of the record that a process writes when it opens the file for writing.
const WRITER_OPENED: u64 = 1;
/// The kind of the record that a process writes when it starts a run.
const RUN_STARTED: u64 = 48;

/// The number of training images.
const TRAIN_IMAGES: usize = 1297;

/// A quick sweep into a file of its own, with its lines of output and its messages.
struct Sweep {
    _folder: TestFolder,
    file: PathBuf,
    lines: Vec<String>,
    messages: String,
}

impl Sweep {
    fn run(options: &[&str]) -> Self {
        let folder = TestFolder::new();
        let file = folder.file();
        let mut sweep = Sweep { _folder: folder, file, lines: Vec::new(), messages: String::new() };
        sweep.run_again(options);
        sweep
    }

    /// Runs another sweep into the same file.
    fn run_again(&mut self, options: &[&str]) {
        let mut command = Command::new(env!("CARGO"));
        command.args(["sweep", "--quick", "--file"]).arg(&self.file).args(options);
        let output = command.current_dir(env!("CARGO_MANIFEST_DIR")).output().unwrap();
        self.messages = String::from_utf8(output.stderr).unwrap();
        assert!(output.status.success(), "{}: {}", output.status, self.messages);
        let text = String::from_utf8(output.stdout).unwrap();
        self.lines = text.lines().map(str::to_owned).collect();
    }

    fn runs(&self) -> Vec<RunRecord> {
        Database::open_read_only(&self.file).unwrap().runs().unwrap()
    }
}

fn count(runs: &[RunRecord], matches: impl Fn(&RunRecord) -> bool) -> usize {
    runs.iter().filter(|run| matches(run)).count()
}

fn param(run: &RunRecord, key: &str) -> usize {
    run.params[key].parse().unwrap()
}

/// Checks that a finished run has each step and each epoch exactly once and in order.
fn check_points(run: &Run, epochs: usize) {
    let record = run.record().unwrap();
    let steps_per_epoch = TRAIN_IMAGES.div_ceil(param(&record, "batch_size"));
    for key in ["loss", "accuracy", "learning_rate", "gradient_norm"] {
        let history = run.history(key).unwrap();
        let expected = 0..(steps_per_epoch * epochs) as i64;
        // Report only the first difference, because there are hundreds of steps.
        let difference = expected.clone().zip(&history.steps).find(|(due, found)| due != *found);
        assert!(difference.is_none(), "{key}: (expected, found) {difference:?}");
        assert_eq!(history.len(), expected.count(), "{key}");
        assert!(history.values.iter().all(|value| value.is_finite()), "{key}");
    }
    let accuracies = run.history("accuracy").unwrap().values;
    assert!(accuracies.iter().all(|share| (0.0..=1.0).contains(share)));
    let epoch_ends = (1..=epochs).map(|epoch| (epoch * steps_per_epoch) as i64 - 1);
    let epoch_ends = epoch_ends.collect::<Vec<_>>();
    for key in ["train_accuracy", "test_accuracy", "test_loss", "images_per_second"] {
        assert_eq!(run.history(key).unwrap().steps, epoch_ends, "{key}");
    }
}

/// Checks all runs in the file, and returns the parent run of each configuration.
fn check_file(file: &Path, finished: usize, size: &Size) -> Vec<RunId> {
    let database = Database::open_read_only(file).unwrap();
    let runs = database.runs().unwrap();
    let seeds = runs.iter().filter(|run| run.info.parent.is_some());
    let seeds = seeds.filter(|run| run.info.status == RunStatus::Finished).collect::<Vec<_>>();
    assert_eq!(seeds.len(), finished);
    for run in &seeds {
        check_points(&database.run(run.info.id).unwrap(), size.epochs);
        assert_eq!(run.tags["dataset"], "optdigits");
        assert!(run.tags.contains_key("tracklite.command"), "{:?}", run.tags);
    }
    let parents = runs.iter().filter(|run| run.info.parent.is_none()).collect::<Vec<_>>();
    for parent in &parents {
        assert_eq!(parent.info.status, RunStatus::Finished);
        let children = seeds.iter().filter(|run| run.info.parent == Some(parent.info.id));
        let mut accuracies = Vec::new();
        for run in children {
            accuracies.push(run.metrics["test_accuracy"].value);
            let tags = ["sweep", "model"].map(|key| (&parent.tags[key], &run.tags[key]));
            assert!(tags.iter().all(|(ours, theirs)| ours == theirs), "{tags:?}");
        }
        let mean = accuracies.iter().sum::<f64>() / accuracies.len() as f64;
        assert_eq!(accuracies.len(), size.seeds);
        assert!((parent.metrics["test_accuracy_mean"].value - mean).abs() < 1e-12);
    }
    parents.iter().map(|run| run.info.id).collect()
}

/// Checks the output: a leaderboard with the best configuration first, then the path on a line of
/// its own, the size, and the commands.
fn check_output(sweep: &Sweep, points: u64, parents: &[RunId]) {
    let lines = &sweep.lines;
    let path = lines.iter().position(|line| Path::new(line) == sweep.file).unwrap();
    let leaderboard = &lines[path - 3..path - 1];
    let mut accuracies = Vec::new();
    for (line, rank) in leaderboard.iter().zip(["1", "2"]) {
        let words = line.split_whitespace().collect::<Vec<_>>();
        assert_eq!((words[0], words[2], words[4]), (rank, "+-", "%"), "{line}");
        assert!(parents.iter().any(|id| id.to_string().starts_with(words[words.len() - 1])));
        accuracies.push(words[1].parse::<f64>().unwrap());
    }
    assert!(accuracies[0] >= accuracies[1] && accuracies[0] > 90.0, "{accuracies:?}");
    assert!(lines[path + 1].contains(&format!(" on disk, {points} points in ")));
    assert!(lines[path + 4].ends_with(&format!("cargo tracklite runs {}", sweep.file.display())));
}

/// Returns the number of points of one quick sweep: four runs and two summaries.
fn points_of_one() -> u64 {
    let steps = [32, 64].map(|batch| 2 * QUICK.epochs * TRAIN_IMAGES.div_ceil(batch));
    let epochs = 4 * QUICK.epochs;
    (4 * (steps[0] + steps[1]) + 4 * epochs + 2 * 3) as u64
}

#[test]
fn a_sweep_trains_logs_and_ranks_its_runs() {
    let mut sweep = Sweep::run(&[]);
    let parents = check_file(&sweep.file, 4, &QUICK);
    assert_eq!((parents.len(), sweep.runs().len()), (2, 6));
    check_output(&sweep, points_of_one(), &parents);

    // A second sweep appends to the same file.
    sweep.run_again(&["--workers", "2"]);
    assert!(sweep.messages.contains("already has 6 runs"), "{}", sweep.messages);
    let parents = check_file(&sweep.file, 8, &QUICK);
    assert_eq!((parents.len(), sweep.runs().len()), (4, 12));
    check_output(&sweep, 2 * points_of_one(), &parents);
}

#[test]
fn a_killed_worker_loses_no_points() {
    let has_killed = |sweep: &Sweep| sweep.messages.contains("is_alive");
    // On a busy machine a worker may finish before it is killed.
    let mut sweeps = (0..5).map(|_| Sweep::run(&["--kill"]));
    let sweep = sweeps.find(has_killed).expect("a worker that is killed before it finishes");
    check_file(&sweep.file, 4, &QUICK);
    let runs = sweep.runs();
    assert_eq!(count(&runs, |run| run.info.status == RunStatus::Finished), 6);
    assert_eq!((count(&runs, |run| run.info.status == RunStatus::Killed), runs.len()), (1, 7));
    assert!(sweep.messages.contains("is_alive is false"), "{}", sweep.messages);
    assert!(sweep.messages.contains("nothing is lost"), "{}", sweep.messages);
}

/// Returns the distinct values of a field in all records of a kind, read by `tracklite dump`.
fn values_of(file: &Path, kind: u64, field: &str) -> BTreeSet<String> {
    let mut command = Command::new(env!("CARGO"));
    command.args(["tracklite", "dump", "--json"]).arg(file).current_dir(env!("CARGO_MANIFEST_DIR"));
    let output = command.output().unwrap();
    let frames: serde_json::Value = serde_json::from_slice(&output.stdout).unwrap();
    let frames = frames.as_array().unwrap().iter();
    let records = frames.flat_map(|frame| frame["records"].as_array().unwrap());
    let records = records.filter(|record| record["kind"] == kind);
    let values = records.map(|record| {
        let (_, rest) = record["text"].as_str().unwrap().split_once(field).unwrap();
        rest.split(',').next().unwrap().to_owned()
    });
    values.collect()
}

#[test]
#[ignore = "needs the file that `cargo xtask test sweep` names in TRACKLITE_SWEEP_FILE"]
fn the_whole_sweep_is_in_its_file() {
    let file = std::env::var_os("TRACKLITE_SWEEP_FILE").map(PathBuf::from).unwrap();
    let database = Database::open_read_only(&file).unwrap();
    let runs = database.runs().unwrap();
    let parents = runs.iter().filter(|run| run.info.parent.is_none()).collect::<Vec<_>>();
    assert!(parents.len() >= CONFIGURATIONS_MIN, "{} configurations", parents.len());
    let different = parents.iter().map(|run| &run.params).collect::<BTreeSet<_>>();
    assert_eq!(different.len(), parents.len(), "a configuration was tried twice");
    check_file(&file, parents.len() * FULL.seeds, &FULL);
    let mut seeds = BTreeMap::<RunId, BTreeSet<usize>>::new();
    for run in &runs {
        let Some(parent) = run.info.parent else { continue };
        let settings = &runs.iter().find(|run| run.info.id == parent).unwrap().params;
        assert!(settings.iter().all(|(key, value)| &run.params[key] == value), "{:?}", run.params);
        seeds.entry(parent).or_default().insert(param(run, "seed"));
    }
    let all = (0..FULL.seeds).collect::<BTreeSet<_>>();
    assert!(seeds.len() == parents.len() && seeds.values().all(|seeds| *seeds == all), "{seeds:?}");
    for (kind, field) in [(WRITER_OPENED, " process: "), (RUN_STARTED, " incarnation: ")] {
        let writers = values_of(&file, kind, field);
        assert!(writers.len() > WORKERS_MIN, "too few writers of records {kind}: {writers:?}");
    }
}

#[test]
fn an_unknown_argument_is_an_error() {
    let mut command = Command::new(env!("CARGO"));
    command.args(["sweep", "--quik"]).current_dir(env!("CARGO_MANIFEST_DIR"));
    let output = command.output().unwrap();
    assert_eq!(output.status.code(), Some(1));
    assert!(String::from_utf8_lossy(&output.stderr).contains("unknown argument \"--quik\""));
}
