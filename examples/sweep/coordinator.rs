//! The coordinator: starts the workers, assigns trainings, and replaces a worker that dies.

use std::collections::{BTreeMap, VecDeque};

use tracklite::{Database, Run, RunId, RunStatus, Timestamp};

use crate::Result;
use crate::digits::configuration::{Configuration, grid};
use crate::leaderboard::{self, Row};
use crate::messages::{Order, Report};
use crate::options::Options;
use crate::pool::{Event, Pool};
use crate::progress::Display;

/// How often a training is started before the sweep fails.
const MAX_ATTEMPTS: u32 = 3;

/// One training to run.
#[derive(Clone, Copy)]
struct Job {
    /// The index of its trial.
    trial: usize,
    seed: u64,
    attempt: u32,
}

/// One configuration with its runs.
struct Trial {
    /// Its index in the grid.
    place: usize,
    configuration: Configuration,
    parent: Run,
    finished: Vec<RunId>,
}

/// The training of a worker and the progress that it reported.
struct Assignment {
    job: Job,
    run: Option<RunId>,
    epoch: u32,
    /// The last step that was reported as logged, or -1 before the first.
    step: i64,
}

/// The state of a sweep.
pub(crate) struct Coordinator<'a> {
    database: &'a Database,
    options: &'a Options,
    trials: Vec<Trial>,
    queue: VecDeque<Job>,
    pool: Pool,
    /// Keyed by worker.
    assignments: BTreeMap<usize, Assignment>,
    finished: usize,
    display: Display,
    /// The worker that `--kill` killed, if it has.
    victim: Option<usize>,
}

impl<'a> Coordinator<'a> {
    /// Starts one run for each configuration, but no worker yet.
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

    /// Trains everything. Returns the runs of each configuration.
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

    /// Assigns the next job, or dismisses the worker if there is none.
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
            return Err(format!("worker {worker} reports on a training it was not assigned").into());
        };
        match report {
            Report::Started(run) => assignment.run = Some(run),
            Report::Epoch(progress) => {
                (assignment.epoch, assignment.step) = (progress.epoch, progress.step);
                self.display.offer_best(progress.test_accuracy);
                self.show_progress();
                // Kill early, so that the worker cannot be done already.
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

    /// Counts a finished training. After the last one of a configuration, finishes its parent run.
    fn finish_job(&mut self, worker: usize) -> Result<()> {
        let Some(Assignment { job, run: Some(run), .. }) = self.assignments.remove(&worker) else {
            return Err(format!("worker {worker} finished a training it did not start").into());
        };
        self.finished += 1;
        self.show_progress();
        let trial = &mut self.trials[job.trial];
        trial.finished.push(run);
        if trial.finished.len() as u64 == self.options.seeds() {
            let summary = leaderboard::summarize(self.database, &trial.finished)?;
            summary.log(&trial.parent)?;
            trial.parent.clone().finish()?;
            self.display.print_line(&format!("{summary}  {}", trial.configuration));
        }
        Ok(())
    }

    fn show_progress(&self) {
        let running = self.assignments.values().map(|assignment| u64::from(assignment.epoch));
        let finished = self.finished as u64 * u64::from(self.options.epochs());
        self.display.set_epochs(finished + running.sum::<u64>());
    }

    /// Handles the end of a worker's process. Replaces it if it was at work.
    fn on_end(&mut self, worker: usize) -> Result<()> {
        self.pool.kill(worker)?; // A worker that printed an invalid line may still be running.
        let (process, status) = self.pool.end(worker)?;
        let Some(assignment) = self.assignments.get(&worker) else { return Ok(()) };
        let mut job = assignment.job;
        let trial = &self.trials[job.trial];
        let name = format!("{} seed={}", trial.configuration, job.seed);
        self.display.print_line(&format!(
            "worker {worker} (process {process}) ended with {status} while training {name}"
        ));
        if self.is_finished(worker)? {
            self.victim = self.victim.filter(|&victim| victim != worker);
            self.finish_job(worker)?;
            return if self.queue.is_empty() { Ok(()) } else { self.start_worker() };
        }
        self.mark_killed(worker)?;
        self.assignments.remove(&worker);
        if job.attempt == MAX_ATTEMPTS {
            return Err(format!("{name}: failed {MAX_ATTEMPTS} times, giving up").into());
        }
        job.attempt += 1;
        self.queue.push_front(job);
        self.start_worker()
    }

    /// Returns whether the worker finished its run but died before reporting it.
    fn is_finished(&self, worker: usize) -> Result<bool> {
        let run = self.assignments.get(&worker).and_then(|assignment| assignment.run);
        let status = run.map(|run| self.database.run(run)?.info()).transpose()?;
        Ok(status.is_some_and(|info| info.status == RunStatus::Finished))
    }

    /// Checks that the dead worker's run contains every reported step, and marks the run killed.
    fn mark_killed(&self, worker: usize) -> Result<()> {
        let Some(&Assignment { run: Some(id), step, .. }) = self.assignments.get(&worker) else {
            self.display.print_line("  it had not started its run");
            return Ok(());
        };
        let run = self.database.run(id)?;
        let alive = run.is_alive()?;
        let kept = run.latest("loss")?.map_or(-1, |point| point.step);
        if kept < step {
            return Err(
                format!("run {id} reported step {step}, but the file ends at {kept}").into()
            );
        }
        let (reported, kept) = (step + 1, kept + 1);
        self.display.print_line(&format!(
            "  run {id}: is_alive is {alive}; steps reported: {reported}, in the file: {kept}; \
             nothing is lost, another worker starts over"
        ));
        if !run.info()?.status.is_terminated() {
            run.set_status(RunStatus::Killed)?;
        }
        Ok(())
    }
}

/// Starts one parent run for each configuration, all with the same `sweep` tag.
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
