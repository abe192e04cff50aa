//! Applies records about jobs and their runs.
//!
//! A record of a job whose revision is not the highest is ignored, and so is a record of a run that
//! does not exist. The first run of a nominal time counts.

use crate::entity::{JobTrigger, job_grants_to_json};
use crate::format::record::{
    JobAttemptEnded, JobAttemptStarted, JobDeleted, JobGrantsSet, JobRunCanceled, JobRunCreated,
    JobRunDeleted, JobRunEnded, JobRunNotified, JobRunRepaired, JobSaved, Record,
};

use super::Applier;

/// The text that settings with receivers of notifications contain.
const NOTIFICATIONS: &str = "notification";

impl Applier<'_> {
    /// Applies the record. Returns false if it does not concern jobs.
    pub(super) fn apply_to_jobs(&self, record: &Record) -> rusqlite::Result<bool> {
        match record {
            Record::JobSaved(record) => self.job_saved(record)?,
            Record::JobDeleted(record) => self.job_deleted(record)?,
            Record::JobRunCreated(record) => self.job_run_created(record)?,
            Record::JobAttemptStarted(record) => self.job_attempt_started(record)?,
            Record::JobAttemptEnded(record) => self.job_attempt_ended(record)?,
            Record::JobRunEnded(record) => self.job_run_ended(record)?,
            Record::JobRunCanceled(record) => self.job_run_canceled(record)?,
            Record::JobRunRepaired(record) => self.job_run_repaired(record)?,
            Record::JobRunDeleted(record) => self.job_run_deleted(record)?,
            Record::JobRunNotified(record) => self.job_run_notified(record)?,
            Record::JobGrantsSet(record) => self.job_grants_set(record)?,
            _ => return Ok(false),
        }
        Ok(true)
    }

    fn job_saved(&self, record: &JobSaved) -> rusqlite::Result<()> {
        self.execute(
            "INSERT INTO jobs (job, settings, creator, created, author, revision, since, updated,
             since_place) VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9)
             ON CONFLICT (job) DO UPDATE SET settings = ?2, creator = ?3, created = ?4, author = ?5,
             revision = ?6, since = ?7, updated = ?8,
             since_place = iif(since IS ?7, since_place, ?9) WHERE revision < ?6",
            (
                record.job.get().cast_signed(),
                &record.settings,
                &record.creator,
                record.created,
                &record.author,
                record.revision.cast_signed(),
                record.since,
                record.time,
                self.place()?,
            ),
        )
    }

    fn job_grants_set(&self, record: &JobGrantsSet) -> rusqlite::Result<()> {
        let grants = job_grants_to_json(&record.grants);
        self.execute(
            "INSERT INTO job_grants VALUES (?1, ?2, ?3)
             ON CONFLICT (job) DO UPDATE SET grants = ?2, revision = ?3 WHERE revision < ?3",
            (record.job.get().cast_signed(), grants, record.revision.cast_signed()),
        )
    }

    fn job_deleted(&self, record: &JobDeleted) -> rusqlite::Result<()> {
        let job = record.job.get().cast_signed();
        self.execute("DELETE FROM job_grants WHERE job = ?1", [job])?;
        self.execute(
            "INSERT INTO jobs (job, author, revision, updated) VALUES (?1, ?2, ?3, ?4)
             ON CONFLICT (job) DO UPDATE SET settings = NULL, creator = NULL, created = NULL,
             since = NULL, author = ?2, revision = ?3, updated = ?4 WHERE revision < ?3",
            (
                record.job.get().cast_signed(),
                &record.author,
                record.revision.cast_signed(),
                record.time,
            ),
        )
    }

    fn job_run_created(&self, record: &JobRunCreated) -> rusqlite::Result<()> {
        let job = record.job.map(|job| job.get().cast_signed());
        self.execute(
            "INSERT OR IGNORE INTO job_runs (job_run, job, number, trigger_type, nominal, token,
             settings, request, author, created, loud)
             VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10, ?11)",
            (
                record.run.get().cast_signed(),
                job,
                record.number.cast_signed(),
                record.trigger.as_str(),
                record.nominal,
                &record.token,
                &record.settings,
                &record.request,
                &record.author,
                record.time,
                record.settings.contains(NOTIFICATIONS).then_some(1),
            ),
        )?;
        self.job_fired(job, record.number, record.nominal)?;
        match record.trigger {
            JobTrigger::Model | JobTrigger::Table | JobTrigger::FileArrival => {
                self.job_event_taken(job, record.time)
            }
            _ => Ok(()),
        }
    }

    /// Notes that a job has run for all events so far.
    fn job_event_taken(&self, job: Option<i64>, time: i64) -> rusqlite::Result<()> {
        let place = self.place()?;
        self.execute(
            "UPDATE job_fires SET event_place = ?2, event_time = ?3 WHERE job = ?1",
            (job, place, time),
        )
    }

    /// Notes an event at which jobs may run.
    pub(super) fn job_event(
        &self,
        kind: &str,
        (object, detail): (&str, &str),
        version: u64,
        time: i64,
    ) -> rusqlite::Result<()> {
        let place = self.place()?;
        self.execute(
            "INSERT OR REPLACE INTO job_events VALUES (?1, ?2, ?3, ?4, ?5, ?6)",
            (kind, object, detail, version.cast_signed(), time, place),
        )
    }

    /// Returns the number of the record in the order of the chain.
    fn place(&self) -> rusqlite::Result<i64> {
        let mut select = self.connection.prepare_cached("SELECT records FROM state")?;
        let before: i64 = select.query_row((), |row| row.get(0))?;
        Ok(before + self.records)
    }

    /// Notes the last fire of a job, which outlives its runs.
    fn job_fired(&self, job: Option<i64>, number: u64, at: Option<i64>) -> rusqlite::Result<()> {
        let Some(job) = job else { return Ok(()) };
        self.execute(
            "INSERT INTO job_fires (job, number, nominal) VALUES (?1, ?2, ?3)
             ON CONFLICT (job) DO UPDATE SET number = max(number, ?2),
             nominal = max(ifnull(nominal, ?3), ifnull(?3, nominal))",
            (job, number.cast_signed(), at),
        )
    }

    fn job_attempt_started(&self, record: &JobAttemptStarted) -> rusqlite::Result<()> {
        self.execute(
            "INSERT OR IGNORE INTO job_attempts (attempt, job_run, task, number, repair,
             incarnation, started)
             SELECT ?1, ?2, ?3, ?4, ?5, ?6, ?7 WHERE EXISTS
             (SELECT 1 FROM job_runs WHERE job_run = ?2)",
            (
                record.attempt.get().cast_signed(),
                record.run.get().cast_signed(),
                &record.task,
                record.number,
                record.repair,
                record.incarnation.0.cast_signed(),
                record.time,
            ),
        )?;
        self.execute(
            "UPDATE job_runs SET started = ?2 WHERE job_run = ?1 AND started IS NULL",
            (record.run.get().cast_signed(), record.time),
        )
    }

    fn job_attempt_ended(&self, record: &JobAttemptEnded) -> rusqlite::Result<()> {
        self.execute(
            "INSERT INTO job_attempts (attempt, job_run, task, number, repair, result, exit_code,
             message, output, ended)
             SELECT ?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10 WHERE EXISTS
             (SELECT 1 FROM job_runs WHERE job_run = ?2)
             ON CONFLICT (attempt) DO UPDATE SET result = ?6, exit_code = ?7, message = ?8,
             output = ?9, ended = ?10 WHERE ended IS NULL",
            (
                record.attempt.get().cast_signed(),
                record.run.get().cast_signed(),
                &record.task,
                record.number,
                record.repair,
                record.result.as_str(),
                record.exit,
                &record.message,
                &record.output,
                record.time,
            ),
        )
    }

    fn job_run_ended(&self, record: &JobRunEnded) -> rusqlite::Result<()> {
        self.execute(
            "UPDATE job_runs SET result = ?2, message = ?3, ended = ?4
             WHERE job_run = ?1 AND ended IS NULL",
            (record.run.get().cast_signed(), record.result.as_str(), &record.message, record.time),
        )
    }

    fn job_run_canceled(&self, record: &JobRunCanceled) -> rusqlite::Result<()> {
        self.execute(
            "UPDATE job_runs SET canceled = ?2
             WHERE job_run = ?1 AND ended IS NULL AND canceled IS NULL",
            (record.run.get().cast_signed(), record.reason.as_str()),
        )
    }

    fn job_run_repaired(&self, record: &JobRunRepaired) -> rusqlite::Result<()> {
        let run = record.run.get().cast_signed();
        self.execute(
            "INSERT OR IGNORE INTO job_repairs (repair, job_run, tasks, request, author, time)
             SELECT ?1, ?2, ?3, ?4, ?5, ?6 WHERE EXISTS
             (SELECT 1 FROM job_runs WHERE job_run = ?2)",
            (
                record.repair.get().cast_signed(),
                run,
                record.tasks.join("\n"),
                &record.request,
                &record.author,
                record.time,
            ),
        )?;
        self.execute(
            "UPDATE job_runs SET result = NULL, message = NULL, ended = NULL, canceled = NULL,
             loud = iif(instr(settings, ?2) > 0, 1, NULL) WHERE job_run = ?1",
            (run, NOTIFICATIONS),
        )
    }

    fn job_run_deleted(&self, record: &JobRunDeleted) -> rusqlite::Result<()> {
        let run = record.run.get().cast_signed();
        self.execute("DELETE FROM job_attempts WHERE job_run = ?1", [run])?;
        self.execute("DELETE FROM job_repairs WHERE job_run = ?1", [run])?;
        self.execute("DELETE FROM job_notices WHERE job_run = ?1", [run])?;
        let mut delete =
            self.connection.prepare_cached("DELETE FROM job_runs WHERE job_run = ?1")?;
        let is_copy = delete.execute([run])? == 0;
        let job = record.job.map(|job| job.get().cast_signed());
        self.job_fired(job, record.number, record.nominal)?;
        // A copy has no other record of the event that this run was for.
        if is_copy && record.nominal.is_some() {
            self.job_event_taken(job, record.time)
        } else {
            Ok(())
        }
    }

    fn job_run_notified(&self, record: &JobRunNotified) -> rusqlite::Result<()> {
        let run = record.run.get().cast_signed();
        self.execute(
            "INSERT OR IGNORE INTO job_notices SELECT ?1, ?2, ?3, ?4 WHERE EXISTS
             (SELECT 1 FROM job_runs WHERE job_run = ?1)",
            (run, record.repair, record.event.as_str(), record.time),
        )?;
        if record.event.is_end() {
            self.execute(
                "UPDATE job_runs SET loud = NULL WHERE job_run = ?1 AND ended IS NOT NULL",
                [run],
            )?;
        }
        Ok(())
    }
}
