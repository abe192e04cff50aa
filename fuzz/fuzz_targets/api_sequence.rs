//! Random sequences of calls must give the same results as a plain model: immediately, after
//! reopening, after the loss of the index, and after a kill.

use std::path::Path;
use std::sync::Arc;

use tempfile::TempDir;
use tracklite::internals::storage::MemoryFile;
use tracklite::{
    Database, DatabaseBuilder, Error, ErrorKind, Experiment, IndexPlace, MetricPoint, Run,
    RunStatus, Timestamp,
};
use tracklite_fuzz::{Choices, Model, ModelExperiment, ModelRun};

#[path = "api_sequence/endpoints.rs"]
mod endpoints;
#[path = "api_sequence/models.rs"]
mod models;
#[path = "api_sequence/tokens.rs"]
mod tokens;
#[path = "api_sequence/views.rs"]
mod views;
#[path = "api_sequence/webhooks.rs"]
mod webhooks;

tracklite_fuzz::fuzz_program!(run, seeds);

const CALLS_MAX: usize = 120;
const KEYS: [&str; 5] = ["loss", "accuracy", "grad/norm", "\u{43a}\u{43b}\u{44e}\u{447}", "a b"];
const PATHS: [&str; 5] = ["/Shared/team/churn", "b", "/c", "Default", "\u{1f600}"];
const VALUES: [&str; 4] = ["", "1", "0.5", "two\nlines"];

fn run(input: &[u8]) {
    let mut choices = Choices::new(input);
    let file = MemoryFile::with_bytes(&tracklite::internals::new_file(
        tracklite::internals::new_header(9),
    ));
    let pepper = tracklite_fuzz::temporary_folder();
    let database = open(&file, false, &pepper);
    let mut world = World { database, file, model: Model::default(), pepper };
    for _ in 0..CALLS_MAX {
        if choices.is_over() {
            break;
        }
        world.call(&mut choices);
    }
    world.check();
    world.back_up();
    world.kill();
    world.check();
    world.reopen();
    world.check();
}

/// Returns options with the pepper in this folder.
fn builder(pepper: &TempDir) -> DatabaseBuilder {
    Database::builder().index(IndexPlace::InMemory).pepper_file(pepper.path().join("pepper"))
}

fn open(file: &MemoryFile, read_only: bool, pepper: &TempDir) -> Database {
    let builder = builder(pepper).background(false);
    let storage = Arc::new(file.open());
    let opened =
        builder.read_only(read_only).open_storage(Path::new("/fuzz/runs.tracklite"), storage);
    opened.expect("open a sound file")
}

/// The database, the bytes of its file, and the expected contents.
struct World {
    database: Database,
    file: MemoryFile,
    model: Model,
    /// The folder of the pepper.
    pepper: TempDir,
}

impl World {
    fn call(&mut self, choices: &mut Choices<'_>) {
        match choices.below(34) {
            0 => self.reopen(),
            1 => self.kill(),
            2 => self.database.tick().expect("run a tick"),
            3 => self.database.sync().expect("sync"),
            4 => self.model.compare(&open(&self.file, true, &self.pepper)),
            5 => self.check(),
            6 | 7 => self.get_experiment(choices),
            8 => self.change_experiment(choices),
            9 => self.gc(),
            10 => self.back_up(),
            11 | 12 => self.start_run(choices),
            13 | 14 => self.change_run(choices),
            15 => self.set_lifecycle(choices),
            16 | 17 => self.set_params(choices),
            18 | 19 => self.set_tags(choices),
            20..=22 => self.log_row(choices),
            23 | 28 => self.change_registry(choices),
            27 => self.change_run_files(choices),
            29 => self.change_logged_model(choices),
            30 => self.change_webhooks(choices),
            31 => self.change_tokens(choices),
            32 => self.change_views(choices),
            33 => self.change_endpoints(choices),
            _ => self.log_points(choices),
        }
    }

    /// Checks that the database agrees with the model and that the file is sound.
    fn check(&self) {
        self.model.compare(&self.database);
        let report = tracklite::internals::verify_storage(Arc::new(self.file.open()));
        let report = report.expect("verify the file");
        assert!(report.is_sound(), "{:?}", report.damages);
    }

    fn gc(&mut self) {
        let report = self.database.gc().expect("run gc");
        let (runs, experiments) = (self.model.runs.len(), self.model.experiments.len());
        self.model.purge();
        assert_eq!(report.runs, (runs - self.model.runs.len()) as u64);
        assert_eq!(report.experiments, (experiments - self.model.experiments.len()) as u64);
    }

    /// Backs up the file. The copy must be sound and complete.
    fn back_up(&self) {
        let folder = tracklite_fuzz::temporary_folder();
        let copy = folder.path().join("copy.tracklite");
        self.database.backup(&copy).expect("back up the file");
        let opened = builder(&self.pepper).read_only(true).open(&copy);
        self.model.compare(&opened.expect("open the backup"));
        let report = Database::verify(&copy).expect("verify the backup");
        assert!(report.is_sound(), "{:?}", report.damages);
    }

    /// Closes and reopens the file, which rebuilds the index in memory.
    fn reopen(&mut self) {
        // The placeholder opens a copy, so that it does not hold the file.
        let placeholder = open(&MemoryFile::with_bytes(&self.file.to_bytes()), true, &self.pepper);
        std::mem::replace(&mut self.database, placeholder).close().expect("close the database");
        self.database = open(&self.file, false, &self.pepper);
    }

    /// Simulates `kill -9`: everything stored remains, and nothing is closed.
    fn kill(&mut self) {
        self.file = MemoryFile::with_bytes(&self.file.to_bytes());
        self.database = open(&self.file, false, &self.pepper);
    }

    fn get_experiment(&mut self, choices: &mut Choices<'_>) {
        let path = PATHS[choices.below(PATHS.len())];
        let known = self.model.experiments.iter().find(|known| known.path == path);
        let got = self.database.experiment(path);
        if known.is_some_and(|known| known.is_deleted) {
            return expect_error(got, ErrorKind::InvalidState);
        }
        let id = got.expect("open the experiment").id();
        match known {
            Some(known) => assert_eq!(known.id, id),
            None => self.model.experiments.push(ModelExperiment {
                id,
                path: path.to_owned(),
                is_deleted: false,
                tags: Default::default(),
            }),
        }
    }

    fn pick_experiment(&self, choices: &mut Choices<'_>) -> (usize, Experiment) {
        let place = choices.below(self.model.experiments.len());
        let id = self.model.experiments[place].id;
        (place, self.database.experiment_by_id(id).expect("find the experiment"))
    }

    fn change_experiment(&mut self, choices: &mut Choices<'_>) {
        let (place, experiment) = self.pick_experiment(choices);
        let was_deleted = self.model.experiments[place].is_deleted;
        match choices.below(5) {
            0 => self.delete_experiment(place, experiment.delete(), true),
            1 => self.delete_experiment(place, experiment.restore(), false),
            2 => {
                let path = PATHS[choices.below(PATHS.len())];
                let taken = self.model.experiments.iter().position(|known| known.path == path);
                let renamed = experiment.rename(path);
                if was_deleted {
                    expect_error(renamed, ErrorKind::InvalidState);
                } else if taken.is_some_and(|other| other != place) {
                    expect_error(renamed, ErrorKind::AlreadyExists);
                } else {
                    renamed.expect("rename the experiment");
                    path.clone_into(&mut self.model.experiments[place].path);
                }
            }
            other => self.tag_experiment(place, &experiment, other == 3, choices),
        }
    }

    fn delete_experiment(&mut self, place: usize, done: tracklite::Result<()>, delete: bool) {
        let known = &mut self.model.experiments[place];
        if known.is_deleted == delete {
            return expect_error(done, ErrorKind::NotFound);
        }
        done.expect("change the lifecycle of the experiment");
        known.is_deleted = delete;
        let id = known.id;
        let runs = self.model.runs.iter_mut().filter(|run| run.experiment == id);
        runs.for_each(|run| run.is_deleted = delete);
    }

    fn tag_experiment(
        &mut self,
        place: usize,
        experiment: &Experiment,
        set: bool,
        choices: &mut Choices<'_>,
    ) {
        let known = &mut self.model.experiments[place];
        let key = KEYS[choices.below(KEYS.len())];
        let value = VALUES[choices.below(VALUES.len())];
        let done = if set { experiment.set_tag(key, value) } else { experiment.delete_tag(key) };
        if !set && !known.tags.contains_key(key) {
            expect_error(done, ErrorKind::NotFound);
        } else if known.is_deleted {
            expect_error(done, ErrorKind::InvalidState);
        } else {
            done.expect("change a tag of the experiment");
            if set {
                known.tags.insert(key.to_owned(), value.to_owned());
            } else {
                known.tags.remove(key);
            }
        }
    }

    fn start_run(&mut self, choices: &mut Choices<'_>) {
        let (place, experiment) = self.pick_experiment(choices);
        let name = ["one", "two", "\u{3b1}"][choices.below(3)];
        let key = KEYS[choices.below(KEYS.len())];
        let value = VALUES[choices.below(VALUES.len())];
        let mut builder = experiment.new_run().name(name).param(key, value).tag(key, value);
        let parent = (choices.byte() < 64 && !self.model.runs.is_empty())
            .then(|| &self.model.runs[choices.below(self.model.runs.len())]);
        if let Some(parent) = parent {
            builder = builder.parent(parent.id);
        }
        let started = builder.start();
        let is_rejected = parent.is_some_and(|parent| parent.is_deleted);
        if is_rejected || self.model.experiments[place].is_deleted {
            return expect_error(started, ErrorKind::InvalidState);
        }
        let pair = || [(key.to_owned(), value.to_owned())].into();
        let run = ModelRun {
            id: started.expect("start a run").id(),
            experiment: self.model.experiments[place].id,
            parent: parent.map(|parent| parent.id),
            name: name.to_owned(),
            status: RunStatus::Running,
            is_deleted: false,
            params: pair(),
            tags: pair(),
            points: Default::default(),
            files: Default::default(),
        };
        self.model.runs.push(run);
    }

    /// Returns a run and its handle, if any run exists.
    fn pick_run(&mut self, choices: &mut Choices<'_>) -> Option<(&mut ModelRun, Run)> {
        let place = choices.below(self.model.runs.len());
        let known = self.model.runs.get_mut(place)?;
        let run = self.database.run(known.id).expect("find the run");
        Some((known, run))
    }

    fn change_run(&mut self, choices: &mut Choices<'_>) {
        let database = self.database.clone();
        let Some((known, run)) = self.pick_run(choices) else { return };
        let status = RunStatus::ALL[choices.below(RunStatus::ALL.len())];
        let (done, change): (_, fn(&mut ModelRun, RunStatus)) = match choices.below(4) {
            0 => (run.set_status(status), |known, status| known.status = status),
            1 => (run.finish(), |known, _| known.status = RunStatus::Finished),
            2 => {
                let resumed = database.resume_run(known.id).map(drop);
                (resumed, |known, _| known.status = RunStatus::Running)
            }
            _ => (run.set_name("renamed"), |known, _| "renamed".clone_into(&mut known.name)),
        };
        if known.is_deleted {
            return expect_error(done, ErrorKind::InvalidState);
        }
        done.expect("change the run");
        change(known, status);
    }

    fn set_lifecycle(&mut self, choices: &mut Choices<'_>) {
        let database = self.database.clone();
        let Some((known, _)) = self.pick_run(choices) else { return };
        known.is_deleted = choices.byte() < 128;
        let done = match known.is_deleted {
            true => database.delete_run(known.id),
            false => database.restore_run(known.id),
        };
        done.expect("change the lifecycle of the run");
    }

    fn set_params(&mut self, choices: &mut Choices<'_>) {
        let Some((known, run)) = self.pick_run(choices) else { return };
        let mut pick =
            || (KEYS[choices.below(KEYS.len())], VALUES[choices.below(VALUES.len())].to_owned());
        let pairs = [pick(), pick()];
        let mut wanted = known.params.clone();
        let mut is_new = true;
        for (key, value) in &pairs {
            let before = wanted.entry((*key).to_owned()).or_insert_with(|| value.clone());
            is_new &= before == value;
        }
        let done = run.log_params(pairs);
        if known.is_deleted {
            return expect_error(done, ErrorKind::InvalidState);
        }
        if !is_new {
            return expect_error(done, ErrorKind::InvalidInput);
        }
        done.expect("log params");
        known.params = wanted;
    }

    fn set_tags(&mut self, choices: &mut Choices<'_>) {
        let Some((known, run)) = self.pick_run(choices) else { return };
        let key = KEYS[choices.below(KEYS.len())];
        if choices.byte() < 64 {
            let done = run.delete_tag(key);
            if known.is_deleted {
                expect_error(done, ErrorKind::InvalidState);
            } else if known.tags.remove(key).is_none() {
                expect_error(done, ErrorKind::NotFound);
            } else {
                done.expect("delete a tag");
            }
            return;
        }
        let value = VALUES[choices.below(VALUES.len())];
        let done = run.set_tag(key, value);
        if known.is_deleted {
            return expect_error(done, ErrorKind::InvalidState);
        }
        done.expect("set a tag");
        known.tags.insert(key.to_owned(), value.to_owned());
    }

    fn log_row(&mut self, choices: &mut Choices<'_>) {
        let Some((known, run)) = self.pick_run(choices) else { return };
        let count = 1 + choices.below(KEYS.len());
        let (step, time) = (choices.integer(), Timestamp::from_nanos(choices.integer()));
        let values: Vec<f64> = (0..count).map(|_| choices.value()).collect();
        let row = run.metric_row(&KEYS[..count]);
        let done = row.and_then(|row| row.log_at(&values, step, time));
        if known.is_deleted {
            return expect_error(done, ErrorKind::InvalidState);
        }
        done.expect("log a row");
        for (key, value) in KEYS.into_iter().zip(values) {
            known.points.entry(key.to_owned()).or_default().push(MetricPoint { step, time, value });
        }
    }

    /// Logs a few points, or enough to fill an extent.
    fn log_points(&mut self, choices: &mut Choices<'_>) {
        let Some((known, run)) = self.pick_run(choices) else { return };
        let key = KEYS[choices.below(KEYS.len())];
        let count = if choices.byte() == 7 { 1500 } else { 1 + choices.below(5) };
        let (step, time, value) = (choices.integer(), choices.integer(), choices.value());
        let point = |index: usize| MetricPoint {
            step: step.wrapping_add(index as i64),
            time: Timestamp::from_nanos(time.wrapping_sub(index as i64 / 2)),
            value: value + index as f64,
        };
        let points: Vec<MetricPoint> = (0..count).map(point).collect();
        let done = run.metric(key).and_then(|metric| metric.log_points(&points));
        if known.is_deleted {
            return expect_error(done, ErrorKind::InvalidState);
        }
        done.expect("log points");
        known.points.entry(key.to_owned()).or_default().extend(points);
    }
}

fn expect_error<T>(result: Result<T, Error>, kind: ErrorKind) {
    match result {
        Ok(_) => panic!("succeeded, but {kind:?} was expected"),
        Err(error) => assert_eq!(error.kind(), kind, "{error}"),
    }
}

fn seeds() -> Vec<(&'static str, Vec<u8>)> {
    // Pseudorandom bytes after a fixed prefix.
    let bytes = |seed: u32, count: usize| -> Vec<u8> {
        let mut state = seed;
        let mut next = || {
            state = state.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
            (state >> 24) as u8
        };
        [6, 0, 9, 0, 0, 0, 0, 200].into_iter().chain((0..count).map(|_| next())).collect()
    };
    vec![
        ("empty", Vec::new()),
        ("short", bytes(11, 150)),
        ("long", bytes(12, 1200)),
        ("other", bytes(13, 1200)),
        ("third", bytes(14, 1200)),
        ("models", bytes(15, 1200)),
        ("registry", bytes(16, 1200)),
    ]
}
