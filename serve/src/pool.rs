//! The workers of a served version, and the requests that wait for them.

use std::collections::VecDeque;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, AtomicUsize, Ordering};
use std::time::Duration;

use tokio::sync::mpsc::error::TrySendError;
use tokio::sync::{Mutex, Notify, mpsc, oneshot, watch};
use tokio::time::{Instant, sleep, timeout, timeout_at};
use tracklite::endpoint::ServingLane;

use crate::answer::{Refusal, Request};
use crate::breaker::Breaker;
use crate::files::Source;
use crate::job::{Job, Outcome, Place};
use crate::lookups::Lookups;
use crate::meter::{Measures, Meter};
use crate::shape::Shape;
use crate::shortcut::{Shortcut, described};
use crate::tail::Tail;
use crate::worker::{Failed, Worker};
use crate::workshop::Workshop;

/// How long a request may wait for a worker.
const WAIT_MAX: Duration = Duration::from_secs(10);
/// How long a new pool waits for its other workers, after the first one is ready.
const FILL_TIMEOUT: Duration = Duration::from_secs(30);

/// The most requests that a worker gets at once.
const JOINED_MAX: usize = 32;
/// The most bytes of the requests that a worker gets at once.
const JOINED_BYTES_MAX: usize = 256 << 10;

/// The requests that wait. All workers take from it.
type Jobs = Arc<Mutex<mpsc::Receiver<Job>>>;

/// The workers of a version. They end when this is dropped.
pub(crate) struct Pool {
    queue: mpsc::Sender<Job>,
    lane: Arc<Lane>,
    pub(crate) shape: Shape,
    /// The features with which requests are completed.
    pub(crate) lookups: Option<Arc<Lookups>>,
    /// The native answers, if the model has a description.
    pub(crate) shortcut: Option<Arc<Shortcut>>,
    /// The tasks of the workers end when this is dropped.
    _open: watch::Sender<()>,
}

/// The things that the tasks of a pool share.
struct Lane {
    workshop: Arc<Workshop>,
    source: Source,
    shape: Shape,
    breaker: Breaker,
    log: Tail,
    /// The text that was printed until the first worker was ready.
    built: String,
    meter: Meter,
    alive: watch::Sender<usize>,
    /// How many requests wait.
    waiting: Arc<AtomicUsize>,
    /// How many workers wait for a request, or are being started.
    free: AtomicUsize,
    /// Wakes a task whose worker has ended because there was no request.
    wake: Notify,
}

/// The words of a model in logs.
pub(crate) struct Printed {
    /// The version and its model.
    pub(crate) name: String,
    /// The output of what came before the first worker.
    pub(crate) installed: String,
}

impl Pool {
    /// Starts workers, and waits until they are ready.
    pub(crate) async fn start(
        workshop: Arc<Workshop>,
        source: Source,
        shape: Shape,
        lookups: Option<Arc<Lookups>>,
        printed: &Printed,
    ) -> Result<Pool, String> {
        let (log, began) = (Tail::default(), Instant::now());
        // The first one shows whether the model can be loaded at all.
        let first = workshop.start(&source, &shape, &log).await?;
        let took = began.elapsed().as_secs_f64();
        let (installed, loaded) = (&printed.installed, log.text());
        let mut built = format!("{installed}\n{loaded}\nthe model was loaded in {took:.2} s");
        let (mut first, mut shortcut) = (Some(first), None);
        if shape.lane == ServingLane::Native {
            let (found, text);
            (first, found, text) = described(first, &printed.name).await;
            shortcut = found.map(Arc::new);
            built = format!("{built}\n{text}");
        }
        let workers = shape.workers;
        let built = (log, built.trim_start().to_owned());
        let lane = Arc::new(Lane::new(workshop, source, shape.clone(), built));
        let mut ready = lane.alive.subscribe();
        // Requests whose worker has died come back to it.
        let places = shape.waiting.max(shape.held) + workers * JOINED_MAX;
        let (queue, jobs) = mpsc::channel(places);
        let (open, closed) = watch::channel(());
        let jobs = Arc::new(Mutex::new(jobs));
        for _ in 0..workers {
            let task = Task {
                lane: Arc::clone(&lane),
                jobs: Arc::clone(&jobs),
                queue: queue.downgrade(),
                closed: closed.clone(),
                held: VecDeque::new(),
            };
            tokio::spawn(task.run(first.take()));
        }
        // Fewer workers than wanted are better than none.
        drop(timeout(FILL_TIMEOUT, ready.wait_for(|alive| *alive == workers)).await);
        Ok(Pool { queue, lane, shape, lookups, shortcut, _open: open })
    }

    /// Returns the pool of a version without a model, whose answers are its features.
    pub(crate) fn without_workers(
        workshop: Arc<Workshop>,
        source: Source,
        shape: Shape,
        lookups: Arc<Lookups>,
    ) -> Pool {
        let built = (Tail::default(), "the features need no worker".to_owned());
        let lane = Arc::new(Lane::new(workshop, source, shape.clone(), built));
        let ((queue, _), (open, _)) = (mpsc::channel(1), watch::channel(()));
        Pool { queue, lane, shape, lookups: Some(lookups), shortcut: None, _open: open }
    }

    /// Returns whether there are only features, and no worker at any time.
    pub(crate) fn is_empty(&self) -> bool {
        !self.lane.source.files.has_model()
    }

    /// Has a worker answer a request within a time. It may have to do that as MLflow's own server
    /// does.
    pub(crate) async fn answer(
        &self,
        request: Request,
        within: Duration,
        is_exact: bool,
    ) -> Result<Outcome, Refusal> {
        static NEXT: AtomicU64 = AtomicU64::new(1);
        if let Some(reason) = self.failure() {
            return Err(Refusal::Down(reason));
        }
        // While no worker runs, a request waits for one to start, which takes as long as it takes.
        let is_asleep = self.is_asleep();
        let most = if is_asleep { self.shape.held } else { self.shape.waiting };
        let place = Place::take(&self.lane.waiting, most).ok_or_else(|| busy(most))?;
        let (reply, mut answer) = oneshot::channel();
        let (now, has_begun) = (Instant::now(), Arc::new(AtomicBool::new(false)));
        let (id, deadline) = (NEXT.fetch_add(1, Ordering::Relaxed), now + within);
        let job = Job {
            id,
            request,
            deadline,
            has_begun: Arc::clone(&has_begun),
            is_exact,
            was_retried: false,
            reply,
            place: Some(place),
        };
        self.queue.try_send(job).map_err(|_| busy(most))?;
        self.lane.wake_if_needed();
        let patience = if is_asleep { deadline } else { deadline.min(now + WAIT_MAX) };
        let mut found = timeout_at(patience, &mut answer).await;
        if found.is_err() && has_begun.load(Ordering::Relaxed) {
            found = timeout_at(deadline, &mut answer).await;
        }
        match found {
            Ok(Ok(outcome)) => Ok(outcome),
            Ok(Err(_)) => Err(Refusal::Stopped),
            Err(_) if Instant::now() >= deadline => Ok(Outcome::Late),
            Err(_) => Err(busy(most)),
        }
    }

    /// Returns whether all workers have ended because there was no request.
    pub(crate) fn is_asleep(&self) -> bool {
        self.shape.idle.is_some() && *self.lane.alive.borrow() == 0 && !self.is_empty()
    }

    /// Counts a request that has ended.
    pub(crate) fn count(&self, status: u16, took: Duration) {
        self.lane.meter.count(status, took);
    }

    /// Counts a copy for a shadow that found no room.
    pub(crate) fn count_dropped(&self) {
        self.lane.meter.dropped.fetch_add(1, Ordering::Relaxed);
    }

    /// Returns the counters now.
    pub(crate) fn measures(&self) -> Measures {
        let shortcut = self.shortcut.as_ref().map(|shortcut| shortcut.state());
        let (native, is_native_off) = shortcut.unwrap_or_default();
        Measures {
            native,
            is_native_off,
            workers: *self.lane.alive.borrow() as u64,
            waiting: self.lane.waiting.load(Ordering::Relaxed) as u64,
            ..self.lane.meter.read()
        }
    }

    /// Returns what was printed while the model was loaded, and what was printed last.
    pub(crate) fn logs(&self) -> (String, String) {
        (self.lane.built.clone(), self.lane.log.text())
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
}

fn busy(most: usize) -> Refusal {
    Refusal::Busy(format!(
        "too many requests wait for this model: at most {most}, and each at most {} s",
        WAIT_MAX.as_secs()
    ))
}

impl Lane {
    fn new(
        workshop: Arc<Workshop>,
        source: Source,
        shape: Shape,
        (log, built): (Tail, String),
    ) -> Lane {
        Lane {
            workshop,
            source,
            shape,
            breaker: Breaker::default(),
            log,
            built,
            meter: Meter::default(),
            alive: watch::channel(0).0,
            waiting: Arc::default(),
            free: AtomicUsize::new(0),
            wake: Notify::new(),
        }
    }

    /// Has a worker started, if more requests wait than workers can take at once.
    fn wake_if_needed(&self) {
        if self.is_short() {
            self.wake.notify_one();
        }
    }

    /// A request counts itself before it looks at the free workers, and a worker that ends does the
    /// opposite. So one of them sees the other.
    fn is_short(&self) -> bool {
        self.waiting.load(Ordering::SeqCst) > self.free.load(Ordering::SeqCst)
    }

    /// Starts a worker, after the pause that earlier deaths have caused.
    async fn restarted(&self) -> Worker {
        loop {
            self.breaker.wait().await;
            match self.workshop.start(&self.source, &self.shape, &self.log).await {
                Ok(worker) => return worker,
                Err(reason) => {
                    log::warn!("a worker could not be started: {reason}");
                    self.meter.deaths.fetch_add(1, Ordering::Relaxed);
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
    /// Requests that this task answers itself, because the queue had no room for them, or they
    /// must be answered alone.
    held: VecDeque<Job>,
}

/// Why a worker is not used any more.
enum End {
    Closed,
    /// There was no request for the idle time.
    Idle,
    Died(String),
    Stuck,
}

impl Task {
    async fn run(mut self, mut first: Option<Worker>) {
        loop {
            let lane = Arc::clone(&self.lane);
            let worker = match first.take() {
                Some(worker) => worker,
                None => {
                    let _free = Free::new(&lane);
                    tokio::select! {
                        worker = lane.restarted() => worker,
                        _ = self.closed.changed() => return,
                    }
                }
            };
            self.lane.alive.send_modify(|alive| *alive += 1);
            let end = self.serve(worker).await;
            self.lane.alive.send_modify(|alive| *alive -= 1);
            match end {
                End::Closed => return,
                End::Idle => {
                    // It may have been woken for a request that another worker has taken.
                    while !lane.is_short() {
                        tokio::select! {
                            () = lane.wake.notified() => {}
                            _ = self.closed.changed() => return,
                        }
                    }
                    if *lane.alive.borrow() == 0 {
                        lane.meter.cold_starts.fetch_add(1, Ordering::Relaxed);
                    }
                }
                // A request that takes too long is not a fault of the model.
                End::Stuck => log::warn!("a worker was killed, because it exceeded its time"),
                End::Died(reason) => {
                    log::warn!("a worker died: {reason}");
                    lane.meter.deaths.fetch_add(1, Ordering::Relaxed);
                    self.lane.breaker.note(&reason);
                }
            }
        }
    }

    /// Returns the next requests. Waits for one, the death of the worker, or the end of the idle
    /// time.
    async fn next(&mut self, worker: &mut Worker) -> Result<Vec<Job>, End> {
        if let Some(job) = self.held.pop_front() {
            return Ok(vec![job]);
        }
        let first = self.first(worker).await?;
        let mut jobs = vec![first];
        if worker.joins {
            self.join_waiting(&mut jobs);
        }
        Ok(jobs)
    }

    /// Adds requests that wait, as many as each worker gets if all take the same number.
    fn join_waiting(&mut self, jobs: &mut Vec<Job>) {
        let Ok(mut waiting) = self.jobs.try_lock() else { return };
        let workers = (*self.lane.alive.borrow()).max(1);
        let most = (waiting.len() + jobs.len()).div_ceil(workers).min(JOINED_MAX);
        let mut bytes: usize = jobs.iter().map(|job| job.request.body.len()).sum();
        while jobs.iter().all(|job| !job.is_alone())
            && jobs.len() < most
            && bytes < JOINED_BYTES_MAX
        {
            match waiting.try_recv() {
                // One whose worker has died is answered alone, which shows whose fault it was.
                Ok(job) if job.is_alone() => {
                    self.held.push_back(job);
                    return;
                }
                Ok(job) => {
                    bytes += job.request.body.len();
                    jobs.push(job);
                }
                Err(_) => return,
            }
        }
    }

    async fn first(&self, worker: &mut Worker) -> Result<Job, End> {
        let _free = Free::new(&self.lane);
        let idle = async {
            match self.lane.shape.idle {
                Some(time) => sleep(time).await,
                None => std::future::pending().await,
            }
        };
        tokio::select! {
            biased;
            reason = worker.gone() => Err(End::Died(reason)),
            job = next(&self.jobs) => job.ok_or(End::Closed),
            () = idle => Err(End::Idle),
        }
    }

    /// Has a worker answer requests for as long as it lives.
    async fn serve(&mut self, mut worker: Worker) -> End {
        loop {
            let mut jobs = match self.next(&mut worker).await {
                Ok(jobs) => jobs,
                Err(end) => return end,
            };
            let now = Instant::now();
            jobs.retain_mut(|job| {
                drop(job.place.take());
                let is_wanted = !job.reply.is_closed() && job.deadline > now;
                job.has_begun.store(is_wanted, Ordering::Relaxed);
                is_wanted
            });
            match worker.exchange(jobs).await {
                Ok(()) => {}
                Err((jobs, Failed::Stuck)) => {
                    for job in jobs {
                        drop(job.reply.send(Outcome::Late));
                    }
                    return End::Stuck;
                }
                Err((jobs, Failed::Died(reason))) => {
                    for job in jobs {
                        self.retry(job, &reason);
                    }
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
        if let Err(TrySendError::Full(job) | TrySendError::Closed(job)) = queue.try_send(job) {
            self.held.push_back(job);
        }
    }
}

/// Counts a worker as free until this is dropped.
struct Free<'a>(&'a Lane);

impl Free<'_> {
    fn new(lane: &Lane) -> Free<'_> {
        lane.free.fetch_add(1, Ordering::SeqCst);
        Free(lane)
    }
}

impl Drop for Free<'_> {
    fn drop(&mut self) {
        self.0.free.fetch_sub(1, Ordering::SeqCst);
    }
}

async fn next(jobs: &Jobs) -> Option<Job> {
    jobs.lock().await.recv().await
}
