//! The workers of a served version, and the requests that wait for them.

use std::num::NonZero;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::thread::available_parallelism;
use std::time::Duration;

use tokio::sync::mpsc::error::TrySendError;
use tokio::sync::{Mutex, mpsc, oneshot, watch};
use tokio::time::{Instant, timeout, timeout_at};
use tracklite::endpoint::{EndpointLimits, EndpointSize};

use crate::answer::{Refusal, Request};
use crate::breaker::Breaker;
use crate::files::ModelFiles;
use crate::job::{Job, Outcome};
use crate::tail::Tail;
use crate::worker::{Exchange, Worker};
use crate::workshop::Workshop;

/// How long a request may wait for a worker.
const WAIT_MAX: Duration = Duration::from_secs(10);
/// How long a new pool waits for its other workers, after the first one is ready.
const FILL_TIMEOUT: Duration = Duration::from_secs(30);

/// The requests that wait. All workers take from it.
type Jobs = Arc<Mutex<mpsc::Receiver<Job>>>;

/// The workers of a version. They end when this is dropped.
pub(crate) struct Pool {
    queue: mpsc::Sender<Job>,
    lane: Arc<Lane>,
    /// The tasks of the workers end when this is dropped.
    _open: watch::Sender<()>,
}

/// The things that the tasks of a pool share.
struct Lane {
    workshop: Arc<Workshop>,
    files: Arc<ModelFiles>,
    breaker: Breaker,
    log: Tail,
    alive: watch::Sender<usize>,
}

/// Returns the number of workers of a served model.
pub(crate) fn workers(limits: EndpointLimits, size: EndpointSize) -> usize {
    if limits.workers > 0 {
        return limits.workers as usize;
    }
    let cores = available_parallelism().map_or(1, NonZero::get);
    let most = match size {
        EndpointSize::Medium => 4,
        EndpointSize::Large => 16,
        _ => 2,
    };
    cores.min(most)
}

impl Pool {
    /// Starts workers, and waits until they are ready.
    pub(crate) async fn start(
        workshop: Arc<Workshop>,
        files: Arc<ModelFiles>,
        (workers, waiting): (usize, usize),
    ) -> Result<Pool, String> {
        let log = Tail::default();
        // The first one shows whether the model can be loaded at all.
        let first = workshop.start(&files, &log).await?;
        let (alive, mut ready) = watch::channel(0);
        let lane = Arc::new(Lane { workshop, files, breaker: Breaker::default(), log, alive });
        let (queue, jobs) = mpsc::channel(waiting);
        let (open, closed) = watch::channel(());
        let (jobs, mut first) = (Arc::new(Mutex::new(jobs)), Some(first));
        for _ in 0..workers {
            let task = Task {
                lane: Arc::clone(&lane),
                jobs: Arc::clone(&jobs),
                queue: queue.downgrade(),
                closed: closed.clone(),
                held: None,
            };
            tokio::spawn(task.run(first.take()));
        }
        // Fewer workers than wanted are better than none.
        drop(timeout(FILL_TIMEOUT, ready.wait_for(|alive| *alive == workers)).await);
        Ok(Pool { queue, lane, _open: open })
    }

    /// Answers a request within a time.
    pub(crate) async fn answer(
        &self,
        request: Request,
        within: Duration,
    ) -> Result<Outcome, Refusal> {
        static NEXT: AtomicU64 = AtomicU64::new(1);
        if let Some(reason) = self.failure() {
            return Err(Refusal::Down(reason));
        }
        let (reply, mut answer) = oneshot::channel();
        let (now, has_begun) = (Instant::now(), Arc::new(AtomicBool::new(false)));
        let (id, deadline) = (NEXT.fetch_add(1, Ordering::Relaxed), now + within);
        let job = Job {
            id,
            request,
            deadline,
            has_begun: Arc::clone(&has_begun),
            was_retried: false,
            reply,
        };
        self.queue.try_send(job).map_err(|_| self.busy())?;
        let patience = deadline.min(now + WAIT_MAX);
        let mut found = timeout_at(patience, &mut answer).await;
        if found.is_err() && has_begun.load(Ordering::Relaxed) {
            found = timeout_at(deadline, &mut answer).await;
        }
        match found {
            Ok(Ok(outcome)) => Ok(outcome),
            Ok(Err(_)) => Err(Refusal::Stopped),
            Err(_) if Instant::now() >= deadline => Ok(Outcome::Late),
            Err(_) => Err(self.busy()),
        }
    }

    /// Returns why no worker can be started now, if there is none.
    pub(crate) fn failure(&self) -> Option<String> {
        let is_empty = *self.lane.alive.borrow() == 0;
        let (reason, seconds) = self.lane.breaker.pause().filter(|_| is_empty)?;
        Some(format!(
            "the workers of the model die again and again, the next start is in {seconds} s: \
             {reason}"
        ))
    }

    fn busy(&self) -> Refusal {
        let most = self.queue.max_capacity();
        Refusal::Busy(format!(
            "too many requests wait for this model: at most {most}, and each at most {} s",
            WAIT_MAX.as_secs()
        ))
    }
}

impl Lane {
    /// Starts a worker, after the pause that earlier deaths have caused.
    async fn restarted(&self) -> Worker {
        loop {
            self.breaker.wait().await;
            match self.workshop.start(&self.files, &self.log).await {
                Ok(worker) => return worker,
                Err(reason) => {
                    log::warn!("a worker could not be started: {reason}");
                    self.breaker.note(&reason);
                }
            }
        }
    }
}

/// The task of one worker. It starts the worker again when it has died.
struct Task {
    lane: Arc<Lane>,
    jobs: Jobs,
    queue: mpsc::WeakSender<Job>,
    closed: watch::Receiver<()>,
    /// A request whose worker has died, which this task answers itself.
    held: Option<Job>,
}

/// Why a worker is not used any more.
enum End {
    Closed,
    Died(String),
    Stuck,
}

impl Task {
    async fn run(mut self, mut first: Option<Worker>) {
        loop {
            let worker = match first.take() {
                Some(worker) => worker,
                None => tokio::select! {
                    worker = self.lane.restarted() => worker,
                    _ = self.closed.changed() => return,
                },
            };
            self.lane.alive.send_modify(|alive| *alive += 1);
            let end = self.serve(worker).await;
            self.lane.alive.send_modify(|alive| *alive -= 1);
            match end {
                End::Closed => return,
                // A request that takes too long is not a fault of the model.
                End::Stuck => log::warn!("a worker was killed, because it exceeded its time"),
                End::Died(reason) => {
                    log::warn!("a worker died: {reason}");
                    self.lane.breaker.note(&reason);
                }
            }
        }
    }

    /// Has a worker answer requests for as long as it lives.
    async fn serve(&mut self, mut worker: Worker) -> End {
        loop {
            let job = match self.held.take() {
                Some(job) => job,
                None => tokio::select! {
                    biased;
                    reason = worker.gone() => return End::Died(reason),
                    job = next(&self.jobs) => match job {
                        Some(job) => job,
                        None => return End::Closed,
                    },
                },
            };
            if job.reply.is_closed() || job.deadline <= Instant::now() {
                continue;
            }
            job.has_begun.store(true, Ordering::Relaxed);
            match worker.exchange(&job).await {
                // The client may have gone.
                Exchange::Done(outcome) => drop(job.reply.send(outcome)),
                Exchange::Stuck => {
                    drop(job.reply.send(Outcome::Late));
                    return End::Stuck;
                }
                Exchange::Died(reason) => {
                    self.retry(job, &reason);
                    return End::Died(reason);
                }
            }
        }
    }

    /// Passes a request on whose worker has died: once to another worker, then it fails.
    fn retry(&mut self, mut job: Job, reason: &str) {
        if job.was_retried {
            drop(job.reply.send(Outcome::Crashed(reason.to_owned())));
            return;
        }
        job.was_retried = true;
        job.has_begun.store(false, Ordering::Relaxed);
        let Some(queue) = self.queue.upgrade() else { return };
        self.held = match queue.try_send(job) {
            Ok(()) => None,
            Err(TrySendError::Full(job) | TrySendError::Closed(job)) => Some(job),
        };
    }
}

async fn next(jobs: &Jobs) -> Option<Job> {
    jobs.lock().await.recv().await
}
