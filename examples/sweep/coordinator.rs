//! The coordinator: starts the workers, hands out the trainings, and stands in when one dies.

use std::collections::{BTreeMap, VecDeque};

use tracklite::{Database, Run, RunId, RunStatus, Timestamp};

use crate::Result;
use crate::digits::configuration::{Configuration, grid};
use crate::leaderboard::{self, Row};
use crate::messages::{Order, Report};
use crate::options::Options;
use crate::pool::{Event, Pool};
use crate::progress::Display;

/// How often a training is begun before the sweep gives up.
const MAX_ATTEMPTS: u32 = 3;

/// One training to be done.
#[derive(Clone, Copy)]
struct Job {
    /// The trial that it belongs to.
    trial: usize,
    seed: u64,
    attempt: u32,
}

/// One configuration with its runs.
struct Trial {
    /// Its place in the grid.
    place: usize,
    configuration: Configuration,
    parent: Run,
    finished: Vec<RunId>,
}

/// What a worker is doing, as far as it has told.
struct Assignment {
    job: Job,
    run: Option<RunId>,
    epoch: u32,
    /// The last step that is known to be in the file; -1 before the first.
    step: i64,
}

/// The state of a sweep.
pub(crate) struct Coordinator<'a> {
    database: &'a Database,
    options: &'a Options,
    trials: Vec<Trial>,
    queue: VecDeque<Job>,
    pool: Pool,
    /// By worker.
    assignments: BTreeMap<usize, Assignment>,
    finished: usize,
    display: Display,
    /// The worker that was killed for show, if that was asked for and has been done.
    victim: Option<usize>,
}

impl<'a> Coordinator<'a> {
    /// Starts one run for each configuration; no worker yet.
    pub(crate) fn new(database: &'a Database, options: &'a Options) -> Result<Self> {
        let trials = start_trials(database, options)?;
        let mut queue = VecDeque::new();
        for trial in 0..trials.len() {
            queue.extend((0..options.seeds()).map(|seed| Job { trial, seed, attempt: 1 }));
        }
        let epochs = queue.len() as u64 * u64::from(options.epochs());
        let display = Display::new(epochs, options.workers)?;
        Ok(Coordinator {
            database,
            options,
            trials,
            queue,
            pool: Pool::new(&options.file),
            assignments: BTreeMap::new(),
            finished: 0,
            display,
            victim: None,
        })
    }

    /// Trains everything; gives the runs of each configuration.
    pub(crate) fn run(mut self) -> Result<Vec<Row>> {
        let jobs = self.queue.len();
        for _ in 0..self.options.workers.min(jobs) {
            self.start_worker()?;
        }
        while self.finished < jobs {
            match self.pool.next_event()? {
                Event::Report(worker, report) => self.on_report(worker, report)?,
                Event::Ended(worker) => self.on_end(worker)?,
            }
        }
        self.pool.end_all()?;
        self.display.close();
        let rows = self.trials.into_iter().map(|trial| Row {
            configuration: trial.configuration,
            parent: trial.parent.id(),
            seeds: trial.finished,
        });
        Ok(rows.collect())
    }

    fn start_worker(&mut self) -> Result<()> {
        let worker = self.pool.start()?;
        self.assign(worker);
        Ok(())
    }

    /// Gives the worker the next job, or sends it home.
    fn assign(&mut self, worker: usize) {
        let Some(job) = self.queue.pop_front() else {
            self.pool.dismiss(worker);
            return;
        };
        let trial = &self.trials[job.trial];
        let order = Order {
            configuration: trial.place,
            seed: job.seed,
            epochs: self.options.epochs(),
            parent: trial.parent.id(),
        };
        self.assignments.insert(worker, Assignment { job, run: None, epoch: 0, step: -1 });
        self.pool.order(worker, &order);
    }

    fn on_report(&mut self, worker: usize, report: Report) -> Result<()> {
        let Some(assignment) = self.assignments.get_mut(&worker) else {
            return Err(format!("worker {worker} reports on what it was not asked for").into());
        };
        match report {
            Report::Started(run) => assignment.run = Some(run),
            Report::Epoch(progress) => {
                (assignment.epoch, assignment.step) = (progress.epoch, progress.step);
                self.display.offer_best(progress.test_accuracy);
                self.show_progress();
                // Early, so that the kill comes well before the worker is done.
                if self.options.kill && self.victim.is_none() && progress.epoch > 1 {
                    self.pool.kill(worker)?;
                    self.victim = Some(worker);
                }
            }
            Report::Finished => {
                self.finish_job(worker)?;
                self.assign(worker);
            }
        }
        Ok(())
    }

    /// Counts a finished training; the last one of a configuration closes that one's run.
    fn finish_job(&mut self, worker: usize) -> Result<()> {
        let Some(Assignment { job, run: Some(run), .. }) = self.assignments.remove(&worker) else {
            return Err(format!("worker {worker} finished what it did not start").into());
        };
        self.finished += 1;
        self.show_progress();
        let trial = &mut self.trials[job.trial];
        trial.finished.push(run);
        if trial.finished.len() as u64 == self.options.seeds() {
            let summary = leaderboard::summarize(self.database, &trial.finished)?;
            summary.log(&trial.parent)?;
            trial.parent.clone().finish()?;
            self.display.say(&format!("{summary}  {}", trial.configuration));
        }
        Ok(())
    }

    fn show_progress(&self) {
        let running = self.assignments.values().map(|assignment| u64::from(assignment.epoch));
        let finished = self.finished as u64 * u64::from(self.options.epochs());
        self.display.set_epochs(finished + running.sum::<u64>());
    }

    /// A worker's process is gone. If it was at work, another one takes its place.
    fn on_end(&mut self, worker: usize) -> Result<()> {
        self.pool.kill(worker)?; // no more than a precaution: it might live on and talk nonsense
        let (process, status) = self.pool.end(worker)?;
        let Some(assignment) = self.assignments.get(&worker) else { return Ok(()) };
        let mut job = assignment.job;
        let trial = &self.trials[job.trial];
        let name = format!("{} seed={}", trial.configuration, job.seed);
        self.display
            .say(&format!("worker {worker} (process {process}) ended, {status}, in {name}"));
        if self.is_finished(worker)? {
            self.victim = self.victim.filter(|&victim| victim != worker);
            self.finish_job(worker)?;
            return if self.queue.is_empty() { Ok(()) } else { self.start_worker() };
        }
        self.bury(worker)?;
        self.assignments.remove(&worker);
        if job.attempt == MAX_ATTEMPTS {
            return Err(format!("{name}: given up after {MAX_ATTEMPTS} attempts").into());
        }
        job.attempt += 1;
        self.queue.push_front(job);
        self.start_worker()
    }

    /// Whether the worker had finished its run but died before it could say so.
    fn is_finished(&self, worker: usize) -> Result<bool> {
        let run = self.assignments.get(&worker).and_then(|assignment| assignment.run);
        let status = run.map(|run| self.database.run(run)?.info()).transpose()?;
        Ok(status.is_some_and(|info| info.status == RunStatus::Finished))
    }

    /// Tells which run is dead, checks that it has all that was reported, and marks it killed.
    fn bury(&self, worker: usize) -> Result<()> {
        let Some(&Assignment { run: Some(id), step, .. }) = self.assignments.get(&worker) else {
            self.display.say("  it had not started its run");
            return Ok(());
        };
        let run = self.database.run(id)?;
        let alive = run.is_alive()?;
        let kept = run.latest("loss")?.map_or(-1, |point| point.step);
        if kept < step {
            return Err(format!("run {id} was at step {step}, the file ends at {kept}").into());
        }
        let (reported, kept) = (step + 1, kept + 1);
        self.display.say(&format!(
            "  run {id}: is_alive is {alive}; {reported} steps were reported, {kept} are in the \
             file: nothing is lost; another worker starts over"
        ));
        if !run.info()?.status.is_terminated() {
            run.set_status(RunStatus::Killed)?;
        }
        Ok(())
    }
}

/// One parent run for each configuration, all with the same `sweep` tag.
fn start_trials(database: &Database, options: &Options) -> Result<Vec<Trial>> {
    let experiment = database.experiment("/examples/digits")?;
    let sweep = Timestamp::now().as_millis();
    let grid = grid();
    let mut trials = Vec::new();
    for place in options.selection(&grid) {
        let configuration = grid[place];
        let builder = experiment.new_run().name(&configuration.to_string());
        let builder = builder.params(configuration.params()).param("epochs", options.epochs());
        let builder = builder.tag("sweep", sweep).tag("dataset", "optdigits");
        let parent = builder.tag("model", configuration.model()).start()?;
        trials.push(Trial { place, configuration, parent, finished: Vec::new() });
    }
    Ok(trials)
}
