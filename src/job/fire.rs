//! The clock of jobs: which runs are due, and when the next one is.
//!
//! A fire is one append that checks that nobody else has fired for the same nominal time. The next
//! fire follows from the last one in the file, not from the time of the process.

use std::collections::{HashMap, HashSet};

use crate::entity::id::Timestamp;
use crate::entity::{
    FileArrivalEvent, JobChange, JobId, JobInfo, JobResult, JobRunId, JobSettings, JobTrigger,
};
use crate::error::Result;
use crate::index::Index;
use crate::index::jobs::{JobMark, JobRunQuery};
use crate::job::Jobs;
use crate::job::runs::{Fresh, NewRun, created, settings_of};
use crate::job::when::Fires;
use crate::mutant::fault;

/// How late a fire may be before it counts as missed: one minute, like in Quartz.
const LATE: i64 = 60_000_000_000;
/// The fires that are made up for by default, if all are.
const ALL_MAX: u32 = 100;
/// The most runs that one append creates.
const RUNS_PER_FRAME: usize = 256;
/// The most changed jobs that are read one by one.
const QUERIES_MAX: usize = 64;
/// The pause of a continuous job after its first failure. It doubles with each failure.
const PAUSE: i64 = 10_000_000_000;
/// The longest pause of a continuous job: an hour.
const PAUSE_MAX: i64 = 3_600_000_000_000;

/// The schedules of all jobs as a process knows them. Begin with an empty one.
#[derive(Debug, Default)]
pub struct Planner {
    jobs: HashMap<JobId, Known>,
    /// The state of the file that was read.
    mark: Option<u64>,
    /// When a trigger must wait no longer.
    event_wake: Option<Timestamp>,
}

impl Planner {
    /// Returns the jobs that run when files arrive, with the time after which they do.
    pub(crate) fn file_jobs(&self) -> impl Iterator<Item = (JobId, Timestamp, &FileArrivalEvent)> {
        self.jobs
            .iter()
            .filter_map(|(job, known)| Some((*job, known.base(), known.files.as_ref()?)))
    }
}

/// The schedule of a job as a process knows it.
#[derive(Debug)]
struct Known {
    mark: JobMark,
    fires: Option<Fires>,
    missed: Missed,
    is_continuous: bool,
    /// Whether it runs at changes of models or tables.
    has_events: bool,
    files: Option<FileArrivalEvent>,
    next: Option<Timestamp>,
}

/// The fires that are made up for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Missed {
    None,
    Last(usize),
}

impl Known {
    fn new(mark: JobMark, settings: &JobSettings) -> Known {
        let missed = match settings.tracklite.missed_fires.as_deref() {
            Some("none") => Missed::None,
            Some("all") => {
                Missed::Last(settings.tracklite.missed_fires_max.unwrap_or(ALL_MAX) as usize)
            }
            _ => Missed::Last(1),
        };
        let is_continuous = settings.continuous.is_some() && !settings.is_paused();
        let fires = Fires::of(settings);
        let trigger = settings.trigger.as_ref().filter(|_| !settings.is_paused());
        let has_events = trigger.is_some_and(|of| of.model.is_some() || of.table_update.is_some());
        let files = trigger.and_then(|trigger| trigger.file_arrival.clone());
        let mut known = Known { mark, fires, missed, is_continuous, has_events, files, next: None };
        known.plan();
        known
    }

    /// Returns the time after which the next fire is searched.
    fn base(&self) -> Timestamp {
        let since = self.mark.since;
        self.mark.last_fire.map_or(since, |last| last.max(since))
    }

    fn plan(&mut self) {
        self.plan_after(self.base());
    }

    fn plan_after(&mut self, time: Timestamp) {
        let next = |fires: &Fires| fires.next_after(time, self.mark.since);
        self.next = self.fires.as_ref().and_then(next);
    }

    /// Returns the nominal times for which runs are created now.
    fn due(&self, now: Timestamp) -> Vec<Timestamp> {
        let Some(fires) = &self.fires else { return Vec::new() };
        if self.next.is_none_or(|next| next > now) {
            return Vec::new();
        }
        let wanted = match self.missed {
            Missed::None => 1,
            Missed::Last(count) => count.max(1),
        };
        let mut due = last_fires(fires, self.base(), now, self.mark.since, wanted);
        if self.missed == Missed::None {
            due.retain(|fire| now.as_nanos().saturating_sub(fire.as_nanos()) <= LATE);
        }
        due
    }
}

/// Returns the last fires after `base` until `now`, at most `wanted`.
///
/// It looks at longer and longer times before now, so that it need not count years of fires.
fn last_fires(
    fires: &Fires,
    base: Timestamp,
    now: Timestamp,
    since: Timestamp,
    wanted: usize,
) -> Vec<Timestamp> {
    let mut span = LATE;
    loop {
        let from = Timestamp::from_nanos(now.as_nanos().saturating_sub(span)).max(base);
        let mut found = Vec::new();
        let mut at = from;
        while let Some(next) = fires.next_after(at, since).filter(|next| *next <= now) {
            found.push(next);
            at = next;
        }
        if found.len() >= wanted || from == base {
            return found.split_off(found.len().saturating_sub(wanted));
        }
        span = span.saturating_mul(16);
    }
}

impl Jobs {
    /// Creates the runs that are due. Returns the time of the next one.
    ///
    /// Several processes may call it. Each fire creates one run, in one of them.
    ///
    /// # Performance
    ///
    /// Without changes of jobs and runs since the last call, it reads one word of the file.
    pub fn fire(&self, planner: &mut Planner) -> Result<Option<Timestamp>> {
        let is_changed = self.refresh(planner)?;
        let now = self.now();
        let mut due: Vec<(JobId, Timestamp)> = Vec::new();
        for (job, known) in &mut planner.jobs {
            let fires = known.due(now);
            if fires.is_empty() && known.next.is_some_and(|next| next <= now) {
                // All of them were missed, and are not made up for.
                known.plan_after(now);
            }
            due.extend(fires.into_iter().map(|fire| (*job, fire)));
        }
        due.sort_by_key(|(job, fire)| (*fire, *job));
        for some in due.chunks(RUNS_PER_FRAME) {
            self.fire_some(some)?;
        }
        if is_changed || planner.event_wake.is_some_and(|wake| wake <= now) {
            let waits = planner.jobs.iter().filter(|(_, known)| known.has_events);
            let waits: Vec<JobId> = waits.map(|(job, _)| *job).collect();
            planner.event_wake = self.fire_events(&waits)?;
        }
        let next = self.continue_jobs(planner, now)?;
        let mut next = [next, planner.event_wake].into_iter().flatten().min();
        if !due.is_empty() {
            self.refresh(planner)?;
        }
        for known in planner.jobs.values() {
            next = [next, known.next].into_iter().flatten().min();
        }
        Ok(next)
    }

    /// Creates the runs of these fires, unless another process has created them.
    fn fire_some(&self, due: &[(JobId, Timestamp)]) -> Result<()> {
        let ids = due.iter().map(|_| self.new_run_id()).collect::<Result<Vec<JobRunId>>>()?;
        let author = self.user();
        self.change(|index| {
            let (mut records, mut fresh) = (Vec::new(), Fresh::default());
            for ((job, fire), id) in due.iter().zip(&ids) {
                let Some(JobChange::Saved(info)) = index.job_change(*job)? else { continue };
                let base = info.last_fire.map_or(info.since, |last| last.max(info.since));
                let read = settings_of(&info)?;
                let is_late = *fire <= base || read.is_paused();
                if is_late || index.is_job_fired(*job, *fire)? {
                    continue;
                }
                let run = NewRun {
                    id: *id,
                    job: Some(*job),
                    settings: &info.settings,
                    read: &read,
                    trigger: JobTrigger::Periodic,
                    nominal: Some(fire.as_nanos()),
                    token: None,
                    request: "{}".to_owned(),
                    author: &author,
                    time: self.now().as_nanos(),
                };
                records.extend(created(index, run, &mut fresh)?);
            }
            Ok((records, ()))
        })
    }

    /// Creates the next runs of continuous jobs. Returns when one of them must wait no longer.
    fn continue_jobs(&self, planner: &Planner, now: Timestamp) -> Result<Option<Timestamp>> {
        let all = planner.jobs.iter().filter(|(_, known)| known.is_continuous);
        let mut next = None;
        for (job, _) in all {
            let id = self.new_run_id()?;
            let author = self.user();
            let waits = self.change(|index| {
                let Some(JobChange::Saved(info)) = index.job_change(*job)? else {
                    return Ok((Vec::new(), None));
                };
                match continued(index, &info, now)? {
                    Err(time) => Ok((Vec::new(), time)),
                    Ok(read) => {
                        let run = NewRun {
                            id,
                            job: Some(*job),
                            settings: &info.settings,
                            read: &read,
                            trigger: JobTrigger::Continuous,
                            nominal: None,
                            token: None,
                            request: "{}".to_owned(),
                            author: &author,
                            time: now.as_nanos(),
                        };
                        Ok((created(index, run, &mut Fresh::default())?, None))
                    }
                }
            })?;
            next = [next, waits].into_iter().flatten().min();
        }
        Ok(next)
    }

    /// Reads what has changed since the last call. Returns whether something may have.
    fn refresh(&self, planner: &mut Planner) -> Result<bool> {
        let (is_changed, mark) = self.changed_since(planner.mark.unwrap_or(0))?;
        planner.mark = Some(mark);
        if !is_changed {
            return Ok(false);
        }
        let jobs = &mut planner.jobs;
        self.engine().with_index(|index, _| {
            let marks = index.job_marks()?;
            let ids: HashSet<JobId> = marks.iter().map(|mark| mark.id).collect();
            jobs.retain(|id, _| ids.contains(id));
            let mut saved = HashMap::new();
            for mark in marks {
                match jobs.get_mut(&mark.id) {
                    Some(known) if known.mark == mark => {}
                    Some(known) if known.mark.revision == mark.revision => {
                        known.mark = mark;
                        known.plan();
                    }
                    _ => drop(saved.insert(mark.id, mark)),
                }
            }
            for info in infos_of(index, &saved)? {
                let Some(mark) = saved.get(&info.id) else { continue };
                // Settings of a later version of this program may not be readable here.
                let settings = settings_of(&info).unwrap_or_default();
                let mut known = Known::new(*mark, &settings);
                if fault!(FireAfterNow) {
                    known.plan_after(self.now());
                }
                jobs.insert(info.id, known);
            }
            Ok(true)
        })
    }
}

/// Returns at least these jobs. One query for all is faster than one for each of many.
fn infos_of(index: &Index, wanted: &HashMap<JobId, JobMark>) -> Result<Vec<JobInfo>> {
    if wanted.len() > QUERIES_MAX {
        return index.jobs();
    }
    let mut infos = Vec::new();
    for job in wanted.keys() {
        if let Some(JobChange::Saved(info)) = index.job_change(*job)? {
            infos.push(*info);
        }
    }
    Ok(infos)
}

/// Returns the settings of a continuous job if its next run begins now, or else the time until
/// which it must wait, if that is known.
fn continued(
    index: &Index,
    info: &JobInfo,
    now: Timestamp,
) -> Result<Result<JobSettings, Option<Timestamp>>> {
    let read = settings_of(info)?;
    let is_active = !index.active_runs_of_job(info.id)?.is_empty();
    if is_active || read.is_paused() || read.continuous.is_none() {
        return Ok(Err(None));
    }
    let query = JobRunQuery { job: Some(info.id), limit: 16, ..JobRunQuery::default() };
    let runs = index.job_runs(&query)?;
    let is_bad = |result: JobResult| !result.is_good();
    let ends = runs.iter().filter_map(|run| run.end.as_ref());
    let failures = ends.clone().take_while(|end| is_bad(end.result)).count();
    let Some(last) = ends.map(|end| end.time).max().filter(|_| failures > 0) else {
        return Ok(Ok(read));
    };
    let shift = u32::try_from(failures - 1).unwrap_or(u32::MAX).min(20);
    let pause = PAUSE.saturating_mul(1 << shift).min(PAUSE_MAX);
    let time = Timestamp::from_nanos(last.as_nanos().saturating_add(pause));
    Ok(if time > now { Err(Some(time)) } else { Ok(read) })
}
