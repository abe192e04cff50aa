//! A file that several processes have open, and what happens to it between two searches.

use std::path::Path;
use std::sync::Arc;

use proptest::prelude::*;
use proptest::sample::select;
use tracklite::internals::storage::MemoryFile;
use tracklite::internals::{new_file, new_header};
use tracklite::{
    Batch, Database, Dataset, DatasetInput, Experiment, ExperimentId, IndexPlace, MetricPoint, Run,
    RunId, RunStatus, RunUpdate, Timestamp,
};

pub(super) const METRICS: [&str; 3] = ["loss", "val/loss", "top 5"];
pub(super) const PARAMS: [&str; 3] = ["model", "lr", "a.b-c"];
pub(super) const TEXTS: [&str; 8] = ["", "a", "A", "ab", "a%b", "a_b", "\u{e4}b", "it's"];
pub(super) const NUMBERS: [f64; 9] =
    [0.0, -0.0, 1.0, -1.0, 0.5, 1e300, f64::INFINITY, f64::NEG_INFINITY, f64::NAN];
pub(super) const EXPERIMENTS: [&str; 3] = ["Default", "/a", "/b"];
pub(super) const USERS: [&str; 3] = ["ada", "Ada", "bob"];
/// Where the file is said to be.
pub(super) const PATH: &str = "/memory";

const DATASETS: [&str; 3] = ["digits", "Digits", "ab"];
const NAMES: [&str; 3] = ["one", "two", "Two"];
const NAME_TAG: &str = "mlflow.runName";
/// One extent holds fewer points.
const BURST: i64 = 2100;

/// What a run is made of; every list is short, so that values often meet.
#[derive(Clone, Debug)]
pub(super) struct Made {
    experiment: &'static str,
    name: &'static str,
    user: &'static str,
    /// In milliseconds, as the end is.
    started: i64,
    ended: Option<(RunStatus, i64)>,
    /// Whether the tag that is its name is deleted.
    is_unnamed: bool,
    is_deleted: bool,
    metrics: Vec<(&'static str, f64)>,
    params: Vec<(&'static str, &'static str)>,
    tags: Vec<(&'static str, &'static str)>,
    /// Name and digest, and context when it has one.
    datasets: Vec<(&'static str, &'static str, Option<&'static str>)>,
}

fn pair() -> impl Strategy<Value = (&'static str, &'static str)> {
    (select(&PARAMS[..]), select(&TEXTS[..]))
}

fn end() -> impl Strategy<Value = (RunStatus, i64)> {
    let ends = vec![RunStatus::Finished, RunStatus::Failed, RunStatus::Killed];
    (select(ends), 0..4_i64)
}

pub(super) fn made() -> impl Strategy<Value = Made> {
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
            Made {
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

/// What happens to one of the runs or experiments, or to all.
#[derive(Clone, Debug)]
enum What {
    Tag(usize, &'static str, &'static str),
    DeleteTag(usize, &'static str),
    Param(usize, &'static str, &'static str),
    Metric(usize, &'static str, f64, i64),
    /// Sealed at once.
    Batch(usize, &'static str, f64, i64),
    /// So many points that another extent begins.
    Burst(usize, &'static str, f64, i64),
    Dataset(usize, &'static str),
    Rename(usize, &'static str),
    Status(usize, RunStatus),
    End(usize, RunStatus, i64),
    Resume(usize),
    Delete(usize),
    Restore(usize),
    Start(Made),
    DeleteExperiment(&'static str),
    RestoreExperiment(&'static str),
    /// Seals what is in extents.
    Tick,
    /// The process ends, which seals too, and another one comes.
    Reopen,
    Purge,
}

/// What one of the processes does.
#[derive(Clone, Debug)]
pub(super) struct Change {
    by: usize,
    what: What,
}

pub(super) fn change() -> impl Strategy<Value = Change> {
    (0..World::PROCESSES, what()).prop_map(|(by, what)| Change { by, what })
}

fn what() -> impl Strategy<Value = What> {
    let run = || 0..16_usize;
    // Mostly of the same few runs, so that several extents have points of one metric.
    let few = || prop_oneof![3 => 0..3_usize, 1 => run()];
    let metric = || (few(), select(&METRICS[..]), select(&NUMBERS[..]), 0..3_i64);
    let tag = select(vec![PARAMS[0], PARAMS[1], PARAMS[2], NAME_TAG]);
    let path = || select(&EXPERIMENTS[..]);
    prop_oneof![
        2 => (run(), pair()).prop_map(|(run, (key, text))| What::Tag(run, key, text)),
        2 => (run(), tag).prop_map(|(run, key)| What::DeleteTag(run, key)),
        2 => (run(), pair()).prop_map(|(run, (key, text))| What::Param(run, key, text)),
        8 => metric().prop_map(|(run, key, value, step)| What::Metric(run, key, value, step)),
        2 => metric().prop_map(|(run, key, value, step)| What::Batch(run, key, value, step)),
        2 => metric().prop_map(|(run, key, value, step)| What::Burst(run, key, value, step)),
        1 => (run(), select(&DATASETS[..])).prop_map(|(run, name)| What::Dataset(run, name)),
        1 => (run(), select(vec!["one", "three"]))
            .prop_map(|(run, name)| What::Rename(run, name)),
        1 => (run(), select(vec![RunStatus::Finished, RunStatus::Scheduled]))
            .prop_map(|(run, status)| What::Status(run, status)),
        1 => (run(), end()).prop_map(|(run, (status, end))| What::End(run, status, end)),
        1 => run().prop_map(What::Resume),
        1 => run().prop_map(What::Delete),
        1 => run().prop_map(What::Restore),
        1 => made().prop_map(What::Start),
        1 => path().prop_map(What::DeleteExperiment),
        1 => path().prop_map(What::RestoreExperiment),
        1 => Just(What::Tick),
        1 => Just(What::Reopen),
        1 => Just(What::Purge),
    ]
}

/// The file, the processes that have it open, and the runs that were ever started.
pub(super) struct World {
    file: MemoryFile,
    processes: Vec<Database>,
    pub(super) ids: Vec<RunId>,
}

impl World {
    /// How many processes change the file; one more only searches.
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

    /// One of those that write.
    pub(super) fn writer(&self, number: usize) -> &Database {
        &self.processes[number % World::PROCESSES]
    }

    pub(super) fn start(&mut self, by: usize, made: &Made) {
        let id = make(self.writer(by), made).id();
        self.ids.push(id);
    }

    pub(super) fn reopen(&mut self, by: usize) {
        self.processes[by] = open(&self.file);
    }

    /// The experiments of these paths that there are.
    pub(super) fn experiments(&self, paths: &[&str]) -> Vec<ExperimentId> {
        let find = |path: &&str| self.reader().find_experiment(path).unwrap();
        paths.iter().filter_map(find).map(|it| it.id()).collect()
    }

    /// Does it; what is refused, because the run is deleted or gone, changes nothing.
    pub(super) fn apply(&mut self, Change { by, what }: &Change) {
        match what {
            What::Start(made) => self.start(*by, made),
            What::Reopen => self.reopen(*by),
            _ => {
                let _ = change_file(&self.processes[*by], &self.ids, what);
            }
        }
    }
}

fn open(file: &MemoryFile) -> Database {
    let builder = Database::builder().background(false).index(IndexPlace::InMemory);
    builder.open_storage(Path::new(PATH), Arc::new(file.open())).unwrap()
}

/// What another run or experiment was not there for, or did not take, is an error like any other.
fn change_file(database: &Database, ids: &[RunId], what: &What) -> Result<(), ()> {
    let run = |at: &usize| database.run(*ids.get(*at).ok_or(())?).map_err(drop);
    let experiment = |path: &str| -> Result<Experiment, ()> {
        database.find_experiment(path).map_err(drop)?.ok_or(())
    };
    let done = match what {
        What::Tag(at, key, text) => run(at)?.set_tag(key, text),
        What::DeleteTag(at, key) => run(at)?.delete_tag(key),
        What::Param(at, key, text) => run(at)?.log_param(key, text),
        What::Metric(at, key, value, step) => run(at)?.log_metric(key, *value, *step),
        What::Batch(at, key, value, step) => {
            let point = MetricPoint { step: *step, time: Timestamp::now(), value: *value };
            run(at)?.log_batch(Batch::new().point(key, point))
        }
        What::Burst(at, key, value, step) => {
            let run = run(at)?;
            (0..BURST).try_for_each(|past| run.log_metric(key, *value, *step - past))
        }
        What::Dataset(at, name) => {
            let dataset = Dataset::new(*name, "ab", "local", "here");
            run(at)?.log_inputs(&[DatasetInput::new(dataset)], &[])
        }
        What::Rename(at, name) => run(at)?.set_name(name),
        What::Status(at, status) => run(at)?.set_status(*status),
        What::End(at, status, end) => run(at)?.update(ending(*status, *end)),
        What::Resume(at) => database.resume_run(run(at)?.id()).map(drop),
        What::Delete(at) => database.delete_run(run(at)?.id()),
        What::Restore(at) => database.restore_run(run(at)?.id()),
        What::DeleteExperiment(path) => experiment(path)?.delete(),
        What::RestoreExperiment(path) => experiment(path)?.restore(),
        What::Tick => database.tick(),
        What::Purge => database.gc().map(drop),
        What::Start(_) | What::Reopen => Ok(()),
    };
    done.map_err(drop)
}

fn ending(status: RunStatus, end: i64) -> RunUpdate {
    RunUpdate::new().status(status).ended(millis(end))
}

fn millis(millis: i64) -> Timestamp {
    Timestamp::from_millis(millis).unwrap()
}

fn make(database: &Database, made: &Made) -> Run {
    // In a deleted experiment no run can be started.
    let experiment = database.experiment(made.experiment);
    let experiment = experiment.or_else(|_| database.default_experiment()).unwrap();
    let run = experiment.new_run().name(made.name).user(made.user);
    let run = run.started(millis(made.started)).start().unwrap();
    for (key, value) in &made.params {
        // The second value of a param is refused.
        let _ = run.log_param(key, value);
    }
    for (key, value) in &made.tags {
        run.set_tag(key, value).unwrap();
    }
    for (step, (key, value)) in (0..).zip(&made.metrics) {
        run.log_metric(key, *value, step / 2).unwrap();
    }
    for (name, digest, context) in &made.datasets {
        let input = DatasetInput::new(Dataset::new(*name, *digest, "local", "here"));
        let input = context.iter().fold(input, |input, context| input.context(*context));
        run.log_inputs(&[input], &[]).unwrap();
    }
    if made.is_unnamed {
        run.delete_tag(NAME_TAG).unwrap();
    }
    if let Some((status, end)) = made.ended {
        run.update(ending(status, end)).unwrap();
    }
    if made.is_deleted {
        database.delete_run(run.id()).unwrap();
    }
    run
}
