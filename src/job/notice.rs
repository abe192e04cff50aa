//! Notifications about runs: which are due, and who sends them.
//!
//! An event follows from the run. The process whose record about it comes first sends it, and no
//! other one does. If this process dies before it has sent it, nobody sends it.

use serde_json::json;

use crate::entity::id::Timestamp;
use crate::entity::{
    JobEvent, JobNotifications, JobReceiver, JobResult, JobRunId, JobRunInfo, JobSettings,
};
use crate::error::Result;
use crate::format::record::{JobRunNotified, Record};
use crate::index::Index;
use crate::job::Jobs;
use crate::mutant::fault;

/// The only measure of health.
pub(crate) const DURATION: &str = "RUN_DURATION_SECONDS";

/// A notification that the caller of [`Jobs::take_notices`] must send.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Notice {
    /// The run.
    pub run: JobRunId,
    /// The event.
    pub event: JobEvent,
    /// The ids of webhooks of the file, and addresses.
    pub receivers: Vec<String>,
    /// The command that gets the body on its standard input, if there is one.
    pub command: Vec<String>,
    /// The addresses that wait for an e-mail. None is sent.
    pub emails: Vec<String>,
    /// The text to send: a JSON object.
    pub body: String,
}

/// The notifications that [`Jobs::take_notices`] has taken.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct Notices {
    /// The notifications that the caller must send.
    pub taken: Vec<Notice>,
    /// When a run takes longer than a rule allows, if it does not end before.
    pub wake: Option<Timestamp>,
}

impl Jobs {
    /// Takes the notifications that are due and that no other process has taken. The caller sends
    /// them.
    ///
    /// # Errors
    ///
    /// - [`ErrorKind::InvalidState`](crate::ErrorKind::InvalidState) if the file is open read-only.
    ///
    /// # Performance
    ///
    /// Reads the runs whose settings name receivers, until the notification about their end.
    pub fn take_notices(&self) -> Result<Notices> {
        let is_quiet =
            self.engine().with_index(|index, _| Ok(index.loud_job_runs()?.is_empty()))?;
        if is_quiet {
            return Ok(Notices::default());
        }
        self.change(|index| {
            let (mut records, mut notices) = (Vec::new(), Notices::default());
            for run in index.loud_job_runs()? {
                self.take_from(index, &run, &mut records, &mut notices)?;
            }
            Ok((records, notices))
        })
    }

    fn take_from(
        &self,
        index: &Index,
        run: &JobRunInfo,
        records: &mut Vec<Record>,
        notices: &mut Notices,
    ) -> Result<()> {
        // Settings of a later version of this program may not be readable here.
        let Ok(settings) = JobSettings::from_json(&run.settings) else { return Ok(()) };
        let repair = u32::try_from(run.repairs.len()).unwrap_or(u32::MAX);
        let (known, now) = (index.job_notices(run.id)?, self.now());
        let is_new =
            |event: &JobEvent| fault!(RepeatedNotice) || !known.contains(&(repair, *event));
        let wake = warn_at(run, &settings).filter(|_| run.end.is_none());
        let wake = wake.filter(|wake| *wake > now);
        notices.wake = [notices.wake, wake].into_iter().flatten().min();
        for event in events(run, &settings, now).into_iter().filter(is_new) {
            let notice = notice(run, &settings, event);
            let is_silent = notice.receivers.is_empty()
                && notice.command.is_empty()
                && notice.emails.is_empty();
            // The end of a run is noted also if nobody waits for it, so that it is not read again.
            if is_silent && !event.is_end() {
                continue;
            }
            let time = now.as_nanos();
            records.push(JobRunNotified { run: run.id, repair, event, time }.into());
            if !is_silent {
                notices.taken.push(notice);
            }
        }
        Ok(())
    }
}

/// Returns the events of a run so far, in order.
fn events(run: &JobRunInfo, settings: &JobSettings, now: Timestamp) -> Vec<JobEvent> {
    let mut events = Vec::new();
    if begun(run).is_some() {
        events.push(JobEvent::Started);
    }
    let end = run.end.as_ref();
    let until = end.map_or(now, |end| end.time);
    if warn_at(run, settings).is_some_and(|limit| limit <= until) {
        events.push(JobEvent::RunsLong);
    }
    events.extend(end.map(|end| match end.result {
        JobResult::TooManyRuns => JobEvent::Skipped,
        result if result.is_good() => JobEvent::Succeeded,
        _ => JobEvent::Failed,
    }));
    events
}

/// Returns when the run, or its last repair, has begun.
fn begun(run: &JobRunInfo) -> Option<Timestamp> {
    let repairs = run.repairs.len() as u64;
    let mut attempts = run.attempts.iter().filter(|attempt| u64::from(attempt.repair) == repairs);
    attempts.find_map(|attempt| attempt.started)
}

/// Returns when the run takes longer than its health allows.
fn warn_at(run: &JobRunInfo, settings: &JobSettings) -> Option<Timestamp> {
    let rules = settings.health.iter().flat_map(|health| &health.rules);
    let limits = rules.filter(|rule| rule.metric == DURATION).map(|rule| rule.value);
    let seconds = i64::try_from(limits.min()?).unwrap_or(i64::MAX);
    let nanos = begun(run)?.as_nanos().saturating_add(seconds.saturating_mul(1_000_000_000));
    Some(Timestamp::from_nanos(nanos))
}

fn notice(run: &JobRunInfo, settings: &JobSettings, event: JobEvent) -> Notice {
    let is_canceled = run.end.as_ref().is_some_and(|end| end.result == JobResult::Canceled);
    let quiet = &settings.notification_settings;
    let is_quiet = (event == JobEvent::Skipped && quiet.no_alert_for_skipped_runs)
        || (event.is_end() && is_canceled && quiet.no_alert_for_canceled_runs);
    let mut notice = Notice {
        run: run.id,
        event,
        receivers: Vec::new(),
        command: Vec::new(),
        emails: Vec::new(),
        body: body(run, settings, event),
    };
    if !is_quiet {
        let receivers = receivers(&settings.webhook_notifications, event);
        notice.receivers = receivers.iter().map(|receiver| receiver.id.clone()).collect();
        notice.command.clone_from(&settings.tracklite.notification_command);
        let emails = &settings.email_notifications;
        notice.emails.clone_from(match event {
            JobEvent::Started => &emails.on_start,
            JobEvent::Succeeded => &emails.on_success,
            JobEvent::Failed | JobEvent::Skipped => &emails.on_failure,
            JobEvent::RunsLong => &emails.on_duration_warning_threshold_exceeded,
        });
    }
    notice
}

fn receivers(all: &JobNotifications, event: JobEvent) -> &[JobReceiver] {
    match event {
        JobEvent::Started => &all.on_start,
        JobEvent::Succeeded => &all.on_success,
        JobEvent::Failed | JobEvent::Skipped => &all.on_failure,
        JobEvent::RunsLong => &all.on_duration_warning_threshold_exceeded,
    }
}

/// Returns the text of a notification: the members of Databricks's webhooks, and more.
fn body(run: &JobRunInfo, settings: &JobSettings, event: JobEvent) -> String {
    let end = run.end.as_ref();
    let millis = |time: Option<Timestamp>| time.map(Timestamp::as_millis);
    json!({
        "event_type": event.event_type(),
        "event": event.as_str(),
        "job": {"job_id": run.job.map(crate::entity::JobId::get), "name": settings.title()},
        "run": {
            "run_id": run.id.get(),
            "number_in_job": run.number,
            "trigger": run.trigger.as_str(),
            "start_time": millis(run.started),
            "end_time": millis(end.map(|end| end.time)),
            "result_state": end.map(|end| end.result.as_str()),
            "state_message": end.map(|end| end.message.as_str()),
        },
    })
    .to_string()
}
