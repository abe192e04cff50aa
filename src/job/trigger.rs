//! Triggers: runs at events of the registry and of tables, and when files arrive.
//!
//! Events are ordered by their records in the chain, not by the clocks of processes. A job has run
//! for all events before its last run for an event. So no event is lost, and none counts twice.

use serde_json::{Value, json};

use crate::entity::id::Timestamp;
use crate::entity::{
    FileArrivalEvent, JobChange, JobEvents, JobId, JobInfo, JobSettings, JobTrigger, ModelEvent,
    TableEvent,
};
use crate::error::Result;
use crate::format::record::Record;
use crate::index::Index;
use crate::index::job_events::IndexedEvent;
use crate::job::fire::Planner;
use crate::job::runs::{Fresh, NewRun, created, settings_of};
use crate::job::{EVENT_KINDS, Jobs};

/// A folder whose new files make a job run.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct FileWatch {
    /// The job.
    pub job: JobId,
    /// The folder, below that of the workspace.
    pub folder: String,
    /// Only files count that arrived after this time.
    pub after: Timestamp,
    /// The time without a new file before a run, in seconds.
    pub wait_seconds: u64,
}

/// The state of a trigger.
enum State {
    /// Nothing has happened.
    Idle,
    /// Something has happened, and the job runs at this time or later.
    Waits(Timestamp),
    /// The job runs for this event.
    Fires { trigger: JobTrigger, time: Timestamp, cause: Value },
}

/// The times that a trigger waits.
struct Pauses {
    between: u64,
    after: u64,
}

impl Planner {
    /// Returns the folders whose new files make jobs run.
    #[must_use]
    pub fn file_watches(&self) -> Vec<FileWatch> {
        let watch = |(job, after, files): (JobId, Timestamp, &FileArrivalEvent)| FileWatch {
            job,
            folder: files.url.clone(),
            after,
            wait_seconds: files.wait_after_last_change_seconds,
        };
        self.file_jobs().map(watch).collect()
    }
}

impl Jobs {
    /// Creates a run of a job because files arrived in its folder, unless another process has done
    /// so. `newest` is the time at which the newest of them arrived.
    ///
    /// Returns false if the job has run for these files, or must not run yet.
    ///
    /// # Errors
    ///
    /// - [`ErrorKind::InvalidState`](crate::ErrorKind::InvalidState) if the file is open read-only.
    pub fn files_arrived(&self, job: JobId, newest: Timestamp) -> Result<bool> {
        let (id, author) = (self.new_run_id()?, self.user());
        self.change(|index| {
            let Some(JobChange::Saved(info)) = index.job_change(job)? else {
                return Ok((Vec::new(), false));
            };
            let read = settings_of(&info)?;
            let files = read.trigger.as_ref().and_then(|trigger| trigger.file_arrival.as_ref());
            let Some(files) = files.filter(|_| !read.is_paused()) else {
                return Ok((Vec::new(), false));
            };
            let last_run = index.event_mark(job)?.last_run;
            let between = files.min_time_between_triggers_seconds;
            let is_early = last_run.is_some_and(|last| self.wait(last, between).is_some());
            if newest <= info.last_fire.map_or(info.since, |last| last.max(info.since)) || is_early
            {
                return Ok((Vec::new(), false));
            }
            let cause = json!({"file_arrival": {"location": files.url}});
            let fires = State::Fires { trigger: JobTrigger::FileArrival, time: newest, cause };
            Ok((self.run_for(index, &info, &read, id, &author, fires)?, true))
        })
    }

    /// Creates the runs of jobs whose models or tables have changed. Returns when one of them must
    /// wait no longer.
    pub(crate) fn fire_events(&self, jobs: &[JobId]) -> Result<Option<Timestamp>> {
        let mut next = None;
        for job in jobs {
            let (id, author) = (self.new_run_id()?, self.user());
            let build = |index: &Index| {
                let Some(JobChange::Saved(info)) = index.job_change(*job)? else {
                    return Ok((Vec::new(), None));
                };
                let read = settings_of(&info)?;
                match self.state_of(index, &info, &read)? {
                    State::Idle => Ok((Vec::new(), None)),
                    State::Waits(time) => Ok((Vec::new(), Some(time))),
                    fires => Ok((self.run_for(index, &info, &read, id, &author, fires)?, None)),
                }
            };
            let waits = self.engine().append_synced(&EVENT_KINDS, build)?;
            next = [next, waits].into_iter().flatten().min();
        }
        Ok(next)
    }

    fn state_of(&self, index: &Index, info: &JobInfo, read: &JobSettings) -> Result<State> {
        let Some(trigger) = read.trigger.as_ref().filter(|_| !read.is_paused()) else {
            return Ok(State::Idle);
        };
        let mark = index.event_mark(info.id)?;
        let found = match trigger {
            JobEvents { model: Some(model), .. } => model_event(index, model, mark.place)?,
            JobEvents { table_update: Some(tables), .. } => table_event(index, tables, mark.place)?,
            _ => None,
        };
        let Some((fires, time, pauses)) = found else { return Ok(State::Idle) };
        let begins = [Some((time, pauses.after)), mark.last_run.map(|last| (last, pauses.between))];
        let wait = begins.into_iter().flatten().filter_map(|(from, pause)| self.wait(from, pause));
        Ok(wait.max().map_or(fires, State::Waits))
    }

    /// Returns the time until which a pause lasts. A time after now is from before a clock was set
    /// back, so that nobody waits for it.
    fn wait(&self, from: Timestamp, seconds: u64) -> Option<Timestamp> {
        let nanos = i64::try_from(seconds).unwrap_or(i64::MAX).saturating_mul(1_000_000_000);
        let (until, now) = (from.as_nanos().saturating_add(nanos), self.now());
        (from <= now && until > now.as_nanos()).then(|| Timestamp::from_nanos(until))
    }

    fn run_for(
        &self,
        index: &Index,
        info: &JobInfo,
        read: &JobSettings,
        id: crate::entity::JobRunId,
        author: &str,
        fires: State,
    ) -> Result<Vec<Record>> {
        let State::Fires { trigger, time, cause } = fires else { return Ok(Vec::new()) };
        // Two events may have the same time after the clock was set back.
        let is_taken = index.is_job_fired(info.id, time)?;
        let run = NewRun {
            id,
            job: Some(info.id),
            settings: &info.settings,
            read,
            trigger,
            nominal: (!is_taken).then(|| time.as_nanos()),
            token: None,
            request: json!({"trigger": cause}).to_string(),
            author,
            time: self.now().as_nanos(),
        };
        created(index, run, &mut Fresh::default())
    }
}

type Found = Option<(State, Timestamp, Pauses)>;

fn model_event(index: &Index, wanted: &ModelEvent, after: i64) -> Result<Found> {
    let kind = match wanted.condition.as_str() {
        "MODEL_ALIAS_SET" => "ALIAS",
        "MODEL_CREATED" => "CREATED",
        _ => "READY",
    };
    let events = index.model_events(kind, &wanted.securable_name, after)?;
    let counts = |event: &IndexedEvent| {
        kind != "ALIAS" || wanted.aliases.is_empty() || wanted.aliases.contains(&event.detail)
    };
    let Some(event) = events.into_iter().find(counts) else { return Ok(None) };
    let cause = json!({"model": {
        "name": event.name,
        "alias": event.detail,
        "version": event.version.to_string(),
        "condition": wanted.condition,
    }});
    let fires = State::Fires { trigger: JobTrigger::Model, time: event.time, cause };
    let pauses = Pauses {
        between: wanted.min_time_between_triggers_seconds,
        after: wanted.wait_after_last_change_seconds,
    };
    Ok(Some((fires, event.time, pauses)))
}

fn table_event(index: &Index, wanted: &TableEvent, after: i64) -> Result<Found> {
    let mut events = Vec::new();
    for name in &wanted.table_names {
        events.extend(index.table_event(name, after)?);
    }
    let needs_all = wanted.condition.as_deref() == Some("ALL_UPDATED");
    if needs_all && events.len() < wanted.table_names.len() {
        return Ok(None);
    }
    let Some(newest) = events.iter().max_by_key(|event| event.place) else { return Ok(None) };
    let names: Vec<&str> = events.iter().map(|event| event.name.as_str()).collect();
    let cause = json!({"table_update": {
        "updated_tables": names,
        "version": newest.version.to_string(),
    }});
    let fires = State::Fires { trigger: JobTrigger::Table, time: newest.time, cause };
    let pauses = Pauses {
        between: wanted.min_time_between_triggers_seconds,
        after: wanted.wait_after_last_change_seconds,
    };
    Ok(Some((fires, newest.time, pauses)))
}
