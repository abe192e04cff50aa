//! A file that several processes have open, and random changes between two searches.

use std::path::Path;
use std::sync::Arc;

use proptest::prelude::*;
use proptest::sample::select;
use tracklite::inputs::{Dataset, DatasetInput};
use tracklite::internals::storage::MemoryFile;
use tracklite::internals::{new_file, new_header};
use tracklite::{
    Batch, Database, Experiment, ExperimentId, IndexPlace, Lifecycle, MetricPoint, Run, RunId,
    RunStatus, RunUpdate, Timestamp,
};

pub(super) const METRICS: [&str; 3] = ["loss", "val/loss", "top 5"];
pub(super) const PARAMS: [&str; 3] = ["model", "lr", "a.b-c"];
pub(super) const TEXTS: [&str; 8] = ["", "a", "A", "ab", "a%b", "a_b", "\u{e4}b", "it's"];
pub(super) const NUMBERS: [f64; 9] =
    [0.0, -0.0, 1.0, -1.0, 0.5, 1e300, f64::INFINITY, f64::NEG_INFINITY, f64::NAN];
pub(super) const EXPERIMENTS: [&str; 3] = ["Default", "/a", "/b"];
pub(super) const USERS: [&str; 3] = ["ada", "Ada", "bob"];
/// The path under which the file in memory is opened.
pub(super) const PATH: &str = "/memory";

const DATASETS: [&str; 3] = ["digits", "Digits", "ab"];
const NAMES: [&str; 3] = ["one", "two", "Two"];
const NAME_TAG: &str = "mlflow.runName";
/// More points than one extent holds.
const BURST: i64 = 2100;

/// The values of a run to start. All value lists are short, so that runs often share values.
#[derive(Clone, Debug)]
pub(super) struct NewRun {
    experiment: &'static str,
    name: &'static str,
    user: &'static str,
    /// In milliseconds.
    started: i64,
    /// Status and time of the end, in milliseconds.
    ended: Option<(RunStatus, i64)>,
    /// Whether the tag with its name is deleted.
    is_unnamed: bool,
    is_deleted: bool,
    metrics: Vec<(&'static str, f64)>,
    params: Vec<(&'static str, &'static str)>,
    tags: Vec<(&'static str, &'static str)>,
    /// Name, digest, and context if there is one.
    datasets: Vec<(&'static str, &'static str, Option<&'static str>)>,
}

fn pair() -> impl Strategy<Value = (&'static str, &'static str)> {
    (select(&PARAMS[..]), select(&TEXTS[..]))
}

fn end() -> impl Strategy<Value = (RunStatus, i64)> {
    let ends = vec![RunStatus::Finished, RunStatus::Failed, RunStatus::Killed];
    (select(ends), 0..4_i64)
}

pub(super) fn new_run() -> impl Strategy<Value = NewRun> {
    let texts = (select(&EXPERIMENTS[..]), select(&NAMES[..]), select(&USERS[..]));
    let context = || prop::option::of(select(&TEXTS[1..]));
    (
        (texts, 0..4_i64, prop::option::of(end()), any::<(bool, bool)>()),
        prop::collection::vec((select(&METRICS[..]), select(&NUMBERS[..])), 0..5),
        prop::collection::vec(pair(), 0..4),
        prop::collection::vec(pair(), 0..4),
        prop::collection::vec((select(&DATASETS[..]), select(&DATASETS[..]), context()), 0..3),
    )
        .prop_map(|((texts, started, ended, flags), metrics, params, tags, datasets)| {
            let (experiment, name, user) = texts;
            let (is_unnamed, is_deleted) = flags;
            NewRun {
                experiment,
                name,
                user,
                started,
                ended,
                is_unnamed,
                is_deleted,
                metrics,
                params,
                tags,
                datasets,
            }
        })
}

/// A change to a run, an experiment or the whole file. Numbers select one of the started runs.
#[derive(Clone, Debug)]
enum Action {
    Tag(usize, &'static str, &'static str),
    DeleteTag(usize, &'static str),
    Param(usize, &'static str, &'static str),
    Metric(usize, &'static str, f64, i64),
    /// Logs a point that is sealed at once.
    Batch(usize, &'static str, f64, i64),
    /// Logs enough points to begin another extent.
    Burst(usize, &'static str, f64, i64),
    Dataset(usize, &'static str),
    Rename(usize, &'static str),
    Status(usize, RunStatus),
    End(usize, RunStatus, i64),
    Resume(usize),
    Delete(usize),
    Restore(usize),
    Start(NewRun),
    DeleteExperiment(&'static str),
    RestoreExperiment(&'static str),
    /// Seals full extents.
    Tick,
    /// Closes the database, which seals all points, and opens it again.
    Reopen,
    Purge,
}

/// A change made by one of the processes.
#[derive(Clone, Debug)]
pub(super) struct Change {
    by: usize,
    action: Action,
}

pub(super) fn change() -> impl Strategy<Value = Change> {
    (0..World::PROCESSES, action()).prop_map(|(by, action)| Change { by, action })
}

fn action() -> impl Strategy<Value = Action> {
    let run = || 0..16_usize;
    // Choose mostly the same few runs, so that several extents have points of one metric.
    let few = || prop_oneof![3 => 0..3_usize, 1 => run()];
    let metric = || (few(), select(&METRICS[..]), select(&NUMBERS[..]), 0..3_i64);
    let tag = select(vec![PARAMS[0], PARAMS[1], PARAMS[2], NAME_TAG]);
    let path = || select(&EXPERIMENTS[..]);
    prop_oneof![
        2 => (run(), pair()).prop_map(|(run, (key, text))| Action::Tag(run, key, text)),
        2 => (run(), tag).prop_map(|(run, key)| Action::DeleteTag(run, key)),
        2 => (run(), pair()).prop_map(|(run, (key, text))| Action::Param(run, key, text)),
        8 => metric().prop_map(|(run, key, value, step)| Action::Metric(run, key, value, step)),
        2 => metric().prop_map(|(run, key, value, step)| Action::Batch(run, key, value, step)),
        2 => metric().prop_map(|(run, key, value, step)| Action::Burst(run, key, value, step)),
        1 => (run(), select(&DATASETS[..])).prop_map(|(run, name)| Action::Dataset(run, name)),
        1 => (run(), select(vec!["one", "three"]))
            .prop_map(|(run, name)| Action::Rename(run, name)),
        1 => (run(), select(vec![RunStatus::Finished, RunStatus::Scheduled]))
            .prop_map(|(run, status)| Action::Status(run, status)),
        1 => (run(), end()).prop_map(|(run, (status, end))| Action::End(run, status, end)),
        1 => run().prop_map(Action::Resume),
        1 => run().prop_map(Action::Delete),
        1 => run().prop_map(Action::Restore),
        1 => new_run().prop_map(Action::Start),
        1 => path().prop_map(Action::DeleteExperiment),
        1 => path().prop_map(Action::RestoreExperiment),
        1 => Just(Action::Tick),
        1 => Just(Action::Reopen),
        1 => Just(Action::Purge),
    ]
}

/// The file, the processes that have it open, and the runs that were ever started.
pub(super) struct World {
    file: MemoryFile,
    processes: Vec<Database>,
    pub(super) ids: Vec<RunId>,
}

impl World {
    /// The number of processes that change the file. One more process only searches.
    const PROCESSES: usize = 2;

    pub(super) fn new() -> World {
        let file = MemoryFile::with_bytes(&new_file(new_header(1)));
        let processes = (0..=World::PROCESSES).map(|_| open(&file)).collect();
        World { file, processes, ids: Vec::new() }
    }

    /// The process that only searches.
    pub(super) fn reader(&self) -> &Database {
        &self.processes[World::PROCESSES]
    }

    /// One of the processes that change the file.
    pub(super) fn writer(&self, number: usize) -> &Database {
        &self.processes[number % World::PROCESSES]
    }

    pub(super) fn start(&mut self, by: usize, run: &NewRun) {
        let id = start(self.writer(by), run).id();
        self.ids.push(id);
    }

    pub(super) fn reopen(&mut self, by: usize) {
        self.processes[by] = open(&self.file);
    }

    /// Returns the experiments at these paths, without those that do not exist.
    pub(super) fn experiments(&self, paths: &[&str]) -> Vec<ExperimentId> {
        let find = |path: &&str| self.reader().find_experiment(path).unwrap();
        paths.iter().filter_map(find).map(|experiment| experiment.id()).collect()
    }

    /// Applies a change. A change that is rejected, such as one to a deleted run, is ignored.
    pub(super) fn apply(&mut self, Change { by, action }: &Change) {
        match action {
            Action::Start(run) => self.start(*by, run),
            Action::Reopen => self.reopen(*by),
            _ => {
                let _ = apply(&self.processes[*by], &self.ids, action);
            }
        }
    }
}

fn open(file: &MemoryFile) -> Database {
    let builder = Database::builder().background(false).index(IndexPlace::InMemory);
    builder.open_storage(Path::new(PATH), Arc::new(file.open())).unwrap()
}

/// Applies an action. Fails if its run or experiment does not exist or rejects the change.
fn apply(database: &Database, ids: &[RunId], action: &Action) -> Result<(), ()> {
    let run = |at: &usize| database.run(*ids.get(*at).ok_or(())?).map_err(drop);
    let experiment = |path: &str| -> Result<Experiment, ()> {
        database.find_experiment(path).map_err(drop)?.ok_or(())
    };
    let done = match action {
        Action::Tag(at, key, text) => run(at)?.set_tag(key, text),
        Action::DeleteTag(at, key) => run(at)?.delete_tag(key),
        Action::Param(at, key, text) => run(at)?.log_param(key, text),
        Action::Metric(at, key, value, step) => run(at)?.log_metric(key, *value, *step),
        Action::Batch(at, key, value, step) => {
            let point = MetricPoint { step: *step, time: Timestamp::now(), value: *value };
            run(at)?.log_batch(Batch::new().point(key, point))
        }
        Action::Burst(at, key, value, step) => {
            let run = run(at)?;
            (0..BURST).try_for_each(|past| run.log_metric(key, *value, *step - past))
        }
        Action::Dataset(at, name) => {
            let dataset = Dataset::new(*name, "ab", "local", "here");
            run(at)?.log_inputs(&[DatasetInput::new(dataset)], &[])
        }
        Action::Rename(at, name) => run(at)?.set_name(name),
        Action::Status(at, status) => run(at)?.set_status(*status),
        Action::End(at, status, end) => run(at)?.update(ending(*status, *end)),
        Action::Resume(at) => database.resume_run(run(at)?.id()).map(drop),
        Action::Delete(at) => database.delete_run(run(at)?.id()),
        Action::Restore(at) => database.restore_run(run(at)?.id()),
        Action::DeleteExperiment(path) => experiment(path)?.delete(),
        Action::RestoreExperiment(path) => experiment(path)?.restore(),
        Action::Tick => database.tick(),
        Action::Purge => database.gc().map(drop),
        Action::Start(_) | Action::Reopen => Ok(()),
    };
    done.map_err(drop)
}

fn ending(status: RunStatus, end: i64) -> RunUpdate {
    RunUpdate::new().status(status).ended(millis(end))
}

fn millis(millis: i64) -> Timestamp {
    Timestamp::from_millis(millis).unwrap()
}

fn start(database: &Database, new: &NewRun) -> Run {
    // A deleted experiment cannot start runs. The default experiment is restored for them.
    let experiment = database.experiment(new.experiment);
    let default = || database.experiment_by_id(ExperimentId::new(0));
    let experiment = experiment.or_else(|_| default()).unwrap();
    if experiment.info().unwrap().lifecycle == Lifecycle::Deleted {
        experiment.restore().unwrap();
    }
    let run = experiment.new_run().name(new.name).user(new.user);
    let run = run.started(millis(new.started)).start().unwrap();
    for (key, value) in &new.params {
        // A second value of the same param is rejected.
        let _ = run.log_param(key, value);
    }
    for (key, value) in &new.tags {
        run.set_tag(key, value).unwrap();
    }
    for (step, (key, value)) in (0..).zip(&new.metrics) {
        run.log_metric(key, *value, step / 2).unwrap();
    }
    for (name, digest, context) in &new.datasets {
        let input = DatasetInput::new(Dataset::new(*name, *digest, "local", "here"));
        let input = context.iter().fold(input, |input, context| input.context(*context));
        run.log_inputs(&[input], &[]).unwrap();
    }
    if new.is_unnamed {
        run.delete_tag(NAME_TAG).unwrap();
    }
    if let Some((status, end)) = new.ended {
        run.update(ending(status, end)).unwrap();
    }
    if new.is_deleted {
        database.delete_run(run.id()).unwrap();
    }
    run
}
