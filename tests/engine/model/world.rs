//! One file, two processes that may have it open, and the plain model of its contents.

use std::collections::{BTreeMap, HashMap};

use tracklite::internals::storage::FaultPlan;
use tracklite::internals::storage::simulated::SimulatedDisk;
use tracklite::{
    Database, ErrorKind, ExperimentId, IndexPlace, Lifecycle, MetricPoint, Run, RunId, RunStatus,
    Timestamp,
};

use super::calls::{Call, Choice, Method};
use super::difference::difference;
use super::plain::{Answer, Plain};
use crate::support::{self, Content, Kill, Opening, RunContent};

/// The number of points of a bulk, which exceeds the first extent.
const BULK: i64 = 2100;
/// The time in the model for calls without a time.
const NOW: i64 = 1_750_000_000_000_000_000;
const ROWS: [&[&str]; 4] = [&["k0"], &["k0", "k1"], &["k3", "k1", "k2"], &["k2", "k0"]];

pub(super) struct Process {
    // First, because handles keep the database open.
    runs: HashMap<RunId, Run>,
    pub(super) database: Database,
    pub(super) kill: Kill,
}

pub struct World {
    pub(super) file: SimulatedDisk,
    processes: [Option<Process>; 2],
    pub(super) plain: Plain,
    pub(super) folder: tempfile::TempDir,
    pub(super) boots: u64,
}

fn pick<T: Copy>(choice: Choice, items: &[T]) -> Option<T> {
    items.get(usize::from(choice) % items.len().max(1)).copied()
}

fn same(what: &str, found: Answer, expected: Answer) -> Result<(), String> {
    if found == expected {
        return Ok(());
    }
    Err(format!("{what} returned {found:?}, the model {expected:?}"))
}

pub(super) fn describe(what: &str, error: &tracklite::Error) -> String {
    format!("{what}: {:?}: {error}", error.kind())
}

fn kind(result: Result<(), tracklite::Error>) -> Answer {
    result.map_err(|error| error.kind())
}

impl World {
    pub fn new() -> Self {
        World {
            file: support::disk_with(&support::create(11).to_bytes(), 11),
            processes: [None, None],
            plain: Plain::new(),
            folder: support::scratch(),
            boots: 1,
        }
    }

    fn index(&self) -> IndexPlace {
        IndexPlace::Directory(self.folder.path().join("index"))
    }

    /// Returns the process, which opens the file if necessary. Applies the other process's changes.
    pub(super) fn process(&mut self, who: bool) -> Result<&mut Process, String> {
        let opening = Opening { tick_syncs: false, index: self.index(), ..Opening::write() };
        let slot = &mut self.processes[usize::from(who)];
        if slot.is_none() {
            let (database, kill) = support::open(&self.file, &opening, &FaultPlan::new());
            let database = database.map_err(|error| describe("open", &error))?;
            *slot = Some(Process { runs: HashMap::new(), database, kill });
        }
        let process = slot.as_mut().ok_or("no process")?;
        process.database.default_experiment().map_err(|error| describe("catching up", &error))?;
        Ok(process)
    }

    pub(super) fn database(&mut self, who: bool) -> Result<Database, String> {
        Ok(self.process(who)?.database.clone())
    }

    fn run(&mut self, who: bool, id: RunId) -> Result<Result<Run, ErrorKind>, String> {
        let process = self.process(who)?;
        if let Some(run) = process.runs.get(&id) {
            return Ok(Ok(run.clone()));
        }
        let run = process.database.run(id).map_err(|error| error.kind());
        if let Ok(run) = &run {
            process.runs.insert(id, run.clone());
        }
        Ok(run)
    }

    /// Makes a call on one of all runs ever started.
    fn on_run(
        &mut self,
        who: bool,
        choice: Choice,
        call: impl FnOnce(&Run) -> tracklite::Result<()>,
        model: impl FnOnce(&mut Plain, RunId) -> Answer,
    ) -> Result<(), String> {
        let Some(id) = pick(choice, &self.plain.started) else { return Ok(()) };
        let found = self.run(who, id)?.and_then(|run| kind(call(&run)));
        same("the run", found, model(&mut self.plain, id))
    }

    fn on_experiment(
        &mut self,
        who: bool,
        choice: Choice,
        call: impl FnOnce(&tracklite::Experiment) -> tracklite::Result<()>,
        model: impl FnOnce(&mut Plain, u64) -> Answer,
    ) -> Result<(), String> {
        let Some(id) = pick(choice, &self.plain.created) else { return Ok(()) };
        let database = self.database(who)?;
        let experiment = database.experiment_by_id(ExperimentId::new(id));
        let found = kind(experiment.and_then(|experiment| call(&experiment)));
        same("the experiment", found, model(&mut self.plain, id))
    }

    pub fn make(&mut self, call: &Call) -> Result<(), String> {
        match *call {
            Call::CreateExperiment(who, path) => self.create_experiment(who, path),
            Call::StartRun { who, experiment, parent, param } => {
                self.start_run(who, experiment, parent, param)
            }
            Call::Log { .. } => self.log(call),
            Call::Finish(who, run) => self.finish(who, run),
            Call::Gc(who) => self.gc(who),
            Call::Tick(who) => self.database(who)?.tick().map_err(|error| describe("tick", &error)),
            Call::Sync(who) => self.database(who)?.sync().map_err(|error| describe("sync", &error)),
            Call::Compare(who) => {
                let database = self.database(who)?;
                self.compare("live", support::read(&database))?;
                self.compare_lists(&database)
            }
            Call::Close(who) => self.close(who),
            Call::Kill(who) => {
                self.kill(who);
                Ok(())
            }
            Call::Reboot => self.reboot(),
            Call::PowerCut(who) => self.power_cut(who),
            Call::DieIn(who, nth, ref call) => self.die_in(who, nth, call),
            Call::DeleteIndex => {
                let _ = std::fs::remove_dir_all(self.folder.path().join("index"));
                Ok(())
            }
            Call::Backup(who) => self.backup(who),
            Call::Vacuum => self.vacuum(),
            Call::Salvage => self.salvage(),
            ref other => self.change(other),
        }
    }

    fn change(&mut self, call: &Call) -> Result<(), String> {
        match *call {
            Call::RenameExperiment(who, of, to) => {
                let path = format!("/p{to}");
                self.on_experiment(
                    who,
                    of,
                    |experiment| experiment.rename(&path),
                    |plain, id| plain.rename_experiment(id, &path),
                )
            }
            Call::DeleteExperiment(who, of) => {
                self.on_experiment(who, of, tracklite::Experiment::delete, |plain, id| {
                    plain.set_experiment_lifecycle(id, Lifecycle::Deleted)
                })
            }
            Call::RestoreExperiment(who, of) => {
                self.on_experiment(who, of, tracklite::Experiment::restore, |plain, id| {
                    plain.set_experiment_lifecycle(id, Lifecycle::Active)
                })
            }
            Call::SetExperimentTag(who, of, key) => {
                let key = format!("t{key}");
                self.on_experiment(
                    who,
                    of,
                    |experiment| experiment.set_tag(&key, "v"),
                    |plain, id| plain.set_experiment_tag(id, &key, "v"),
                )
            }
            Call::DeleteExperimentTag(who, of, key) => {
                let key = format!("t{key}");
                self.on_experiment(
                    who,
                    of,
                    |experiment| experiment.delete_tag(&key),
                    |plain, id| plain.delete_experiment_tag(id, &key),
                )
            }
            ref other => self.change_run(other),
        }
    }

    fn change_run(&mut self, call: &Call) -> Result<(), String> {
        match *call {
            Call::LogParam(who, run, key, other) => {
                let (key, value) = (format!("p{key}"), if other { "w" } else { "v" });
                self.on_run(
                    who,
                    run,
                    |run| run.log_param(&key, value),
                    |plain, id| plain.log_param(id, &key, value),
                )
            }
            Call::SetTag(who, run, key, value) => {
                let (key, value) = (format!("t{key}"), format!("v{value}"));
                self.on_run(
                    who,
                    run,
                    |run| run.set_tag(&key, &value),
                    |plain, id| plain.set_tag(id, &key, &value),
                )
            }
            Call::DeleteTag(who, run, key) => {
                let key = format!("t{key}");
                self.on_run(
                    who,
                    run,
                    |run| run.delete_tag(&key),
                    |plain, id| plain.delete_tag(id, &key),
                )
            }
            Call::SetName(who, run, name) => {
                let name = format!("name {name}");
                self.on_run(
                    who,
                    run,
                    |run| run.set_name(&name),
                    |plain, id| plain.set_name(id, &name),
                )
            }
            Call::SetStatus(who, run, to) => {
                let status = RunStatus::ALL[usize::from(to)];
                self.on_run(
                    who,
                    run,
                    |run| run.set_status(status),
                    |plain, id| plain.set_status(id, status),
                )
            }
            Call::Resume(who, run) => {
                let database = self.database(who)?;
                self.on_run(
                    who,
                    run,
                    |run| database.resume_run(run.id()).map(drop),
                    |plain, id| plain.set_status(id, RunStatus::Running),
                )
            }
            Call::DeleteRun(who, run) => self.set_lifecycle(who, run, Lifecycle::Deleted),
            Call::RestoreRun(who, run) => self.set_lifecycle(who, run, Lifecycle::Active),
            ref other => Err(format!("not a change: {other:?}")),
        }
    }

    fn set_lifecycle(&mut self, who: bool, run: u8, to: Lifecycle) -> Result<(), String> {
        let database = self.database(who)?;
        self.on_run(
            who,
            run,
            |run| match to {
                Lifecycle::Deleted => database.delete_run(run.id()),
                Lifecycle::Active => database.restore_run(run.id()),
            },
            |plain, id| plain.set_run_lifecycle(id, to),
        )
    }

    fn create_experiment(&mut self, who: bool, path: Choice) -> Result<(), String> {
        let path = format!("/p{path}");
        let found = self.database(who)?.experiment(&path);
        let found = found.map(|experiment| experiment.id().get()).map_err(|error| error.kind());
        let expected = self.plain.experiment(&path);
        match (found, expected) {
            (Ok(id), Ok(None)) if self.plain.created.contains(&id) => {
                Err(format!("the id {id} of a purged experiment was reused"))
            }
            (Ok(id), Ok(None)) => {
                self.plain.created(id, &path);
                Ok(())
            }
            (Ok(id), Ok(Some(known))) if id == known => Ok(()),
            (Err(found), Err(expected)) if found == expected => Ok(()),
            (found, expected) => Err(format!("found {found:?}, expected {expected:?}")),
        }
    }

    fn start_run(
        &mut self,
        who: bool,
        experiment: Choice,
        parent: Option<Choice>,
        param: Option<Choice>,
    ) -> Result<(), String> {
        let Some(experiment) = pick(experiment, &self.plain.created) else { return Ok(()) };
        let parent = parent.and_then(|parent| pick(parent, &self.plain.started));
        let name = format!("run {}", self.plain.started.len());
        let params: BTreeMap<String, String> =
            param.map(|key| (format!("p{key}"), "v".to_owned())).into_iter().collect();
        let database = self.database(who)?;
        let experiment_handle = database.experiment_by_id(ExperimentId::new(experiment));
        let started = experiment_handle.and_then(|experiment| {
            let builder = experiment.new_run().name(&name).params(&params).tags(&params);
            parent.into_iter().fold(builder, tracklite::RunBuilder::parent).start()
        });
        let expected = self.plain.may_start(experiment, parent);
        let found = started.as_ref().map(drop).map_err(tracklite::Error::kind);
        same("the start of a run", found, expected)?;
        let Ok(run) = started else { return Ok(()) };
        let content = RunContent {
            experiment,
            name,
            parent,
            status: RunStatus::Running,
            has_ended: false,
            lifecycle: Lifecycle::Active,
            tags: params.clone(),
            params,
            metrics: BTreeMap::new(),
        };
        self.plain.started(run.id(), content);
        self.process(who)?.runs.insert(run.id(), run);
        Ok(())
    }

    fn log(&mut self, call: &Call) -> Result<(), String> {
        let Call::Log { who, run, key, method, step, time, value } = *call else { return Ok(()) };
        let row = ROWS[usize::from(key)];
        let name = format!("k{key}");
        let at = Timestamp::from_nanos(time);
        let values: Vec<f64> = (0..row.len()).map(|place| value + place as f64).collect();
        let pairs: Vec<(&str, f64)> = row.iter().copied().zip(values.iter().copied()).collect();
        let point = |number| MetricPoint { step: step.wrapping_add(number), time: at, value };
        let array: Vec<MetricPoint> = (0..3).map(point).collect();
        let points: Vec<(&str, i64, i64, f64)> = match method {
            Method::ByName => vec![(&name, NOW, step, value)],
            Method::ByHandle => vec![(&name, time, step, value)],
            Method::Array => array.iter().map(|point| (&*name, time, point.step, value)).collect(),
            Method::RowByName => {
                pairs.iter().map(|(key, value)| (*key, NOW, step, *value)).collect()
            }
            Method::Row => pairs.iter().map(|(key, value)| (*key, time, step, *value)).collect(),
            Method::Bulk => {
                let point = |number| (&*name, time, step.wrapping_add(number), value);
                (0..BULK).map(point).collect()
            }
        };
        self.on_run(
            who,
            run,
            |run| match method {
                Method::ByName => run.log_metric(&name, value, step),
                Method::ByHandle => run.metric(&name)?.log_at(value, step, at),
                Method::Array => run.metric(&name)?.log_points(&array),
                Method::RowByName => run.log_metrics(&pairs, step),
                Method::Row => run.metric_row(row)?.log_at(&values, step, at),
                Method::Bulk => {
                    let metric = run.metric(&name)?;
                    let log = |number| metric.log_at(value, step.wrapping_add(number), at);
                    (0..BULK).try_for_each(log)
                }
            },
            |plain, id| {
                points.iter().try_for_each(|&(key, time, step, value)| {
                    plain.log(id, key, (time, step, value.to_bits()))
                })
            },
        )
    }

    fn finish(&mut self, who: bool, run: Choice) -> Result<(), String> {
        let Some(id) = pick(run, &self.plain.started) else { return Ok(()) };
        let found = self.run(who, id)?.and_then(|run| kind(run.finish()));
        self.process(who)?.runs.remove(&id);
        same("finish", found, self.plain.set_status(id, RunStatus::Finished))
    }

    fn gc(&mut self, who: bool) -> Result<(), String> {
        let report = self.database(who)?.gc().map_err(|error| describe("gc", &error))?;
        let before = self.plain.content.runs.len();
        self.plain.gc();
        let gone = before - self.plain.content.runs.len();
        self.forget_purged();
        if report.runs == gone as u64 {
            return Ok(());
        }
        Err(format!("gc purged {} runs, the model {gone}", report.runs))
    }

    /// Drops the handles of purged runs, which accept no more calls.
    pub(super) fn forget_purged(&mut self) {
        let kept = &self.plain.content.runs;
        for process in self.processes.iter_mut().flatten() {
            process.runs.retain(|id, _| kept.contains_key(id));
        }
    }

    pub(super) fn close(&mut self, who: bool) -> Result<(), String> {
        let Some(process) = self.processes[usize::from(who)].take() else { return Ok(()) };
        drop(process.runs);
        process.database.close().map_err(|error| describe("close", &error))
    }

    pub(super) fn kill(&mut self, who: bool) {
        if let Some(process) = self.processes[usize::from(who)].take() {
            process.kill.kill();
        }
    }

    /// Compares the observed contents with the model.
    pub(super) fn compare(
        &self,
        what: &str,
        found: tracklite::Result<Content>,
    ) -> Result<(), String> {
        let mut found = found.map_err(|error| describe(what, &error))?;
        for points in found.runs.values_mut().flat_map(|run| run.metrics.values_mut()) {
            for point in points.iter_mut().filter(|point| (NOW..i64::MAX).contains(&point.0)) {
                point.0 = NOW;
            }
            let value = |bits| f64::from_bits(bits);
            points.sort_by(|a, b| {
                (a.0, a.1).cmp(&(b.0, b.1)).then_with(|| value(a.2).total_cmp(&value(b.2)))
            });
        }
        let expected = self.plain.sorted();
        if found == expected {
            return Ok(());
        }
        Err(format!("{what}: {}", difference(&found, &expected)))
    }

    /// Compares lists, which leave out deleted runs.
    fn compare_lists(&self, database: &Database) -> Result<(), String> {
        let runs = database.runs().map_err(|error| describe("runs", &error))?;
        let mut found: Vec<RunId> = runs.iter().map(|run| run.info.id).collect();
        found.sort_unstable();
        let is_listed = |run: &RunContent| {
            let experiment = self.plain.content.experiments.get(&run.experiment);
            let is_active =
                experiment.is_some_and(|experiment| experiment.lifecycle == Lifecycle::Active);
            is_active && run.lifecycle == Lifecycle::Active
        };
        let expected = self.plain.content.runs.iter().filter(|(_, run)| is_listed(run));
        let expected: Vec<RunId> = expected.map(|(id, _)| *id).collect();
        if found == expected {
            Ok(())
        } else {
            Err(format!("listed {found:?}, expected {expected:?}"))
        }
    }

    fn check_sound(&self, what: &str) -> Result<(), String> {
        let report = support::verify(&self.file).map_err(|error| describe(what, &error))?;
        if report.is_sound() {
            Ok(())
        } else {
            Err(format!("{what}: verify reports {:?}", report.damages))
        }
    }

    /// Compares the contents for live processes and readers, now and after closing the file.
    pub fn compare_everywhere(&mut self) -> Result<(), String> {
        for process in self.processes.iter().flatten() {
            self.compare("live", support::read(&process.database))?;
        }
        self.compare("a reader during writes", support::read_file(&self.file))?;
        self.check_sound("during writes")?;
        self.salvage()?;
        self.close(false)?;
        self.compare("a reader after closing", support::read_file(&self.file))?;
        self.kill(true);
        self.compare("a reader after a kill", support::read_file(&self.file))?;
        let database = self.database(false)?;
        self.compare("reopened", support::read(&database))?;
        database.tick().map_err(|error| describe("tick", &error))?;
        self.compare("after a tick", support::read(&database))?;
        drop(database);
        self.power_cut(false)?;
        let database = self.database(false)?;
        self.compare("after a power cut", support::read(&database))?;
        drop(database);
        self.close(false)?;
        self.make(&Call::DeleteIndex)?;
        let database = self.database(true)?;
        self.compare("without an index", support::read(&database))?;
        drop(database);
        self.close(true)?;
        self.compare("a final reader", support::read_file(&self.file))?;
        self.check_sound("at the end")?;
        let violations = self.file.violations();
        if violations.is_empty() { Ok(()) } else { Err(format!("{violations:?}")) }
    }
}
