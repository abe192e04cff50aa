//! Queries about jobs and their runs.

use rusqlite::types::Type;
use rusqlite::{Connection, OptionalExtension as _, Params, Row};

use crate::entity::id::Timestamp;
use crate::entity::{
    JobAttempt, JobAttemptEnd, JobChange, JobEvent, JobId, JobInfo, JobOutput, JobRepair,
    JobResult, JobRunEnd, JobRunId, JobRunInfo, JobTrigger, job_grants_from_json,
};
use crate::error::Result;

use super::{Index, unsigned};

const JOB: &str = "SELECT jobs.job, settings, creator, created, author, updated, jobs.revision,
     since, nominal, grants FROM jobs LEFT JOIN job_fires ON job_fires.job = jobs.job
     LEFT JOIN job_grants ON job_grants.job = jobs.job";
const RUN: &str = "SELECT job_run, job, number, trigger_type, nominal, token, settings, request,
     author, created, started, canceled, result, message, ended FROM job_runs";
const ATTEMPT: &str = "SELECT attempt, task, number, repair, incarnation, started, result,
     exit_code, message, output, ended FROM job_attempts";

/// The runs that a query returns, newest first.
#[derive(Clone, Debug, Default)]
pub(crate) struct JobRunQuery {
    pub(crate) job: Option<JobId>,
    /// Only those that have ended, or only those that have not.
    pub(crate) is_ended: Option<bool>,
    pub(crate) from: Option<Timestamp>,
    pub(crate) to: Option<Timestamp>,
    /// Only those with a job, or only those without.
    pub(crate) has_job: Option<bool>,
    pub(crate) offset: u64,
    pub(crate) limit: u64,
}

/// The state of a job that decides about its fires.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct JobMark {
    pub(crate) id: JobId,
    pub(crate) revision: u64,
    pub(crate) since: Timestamp,
    pub(crate) last_fire: Option<Timestamp>,
}

impl Index {
    /// Returns the state of each job that decides about its fires.
    pub(crate) fn job_marks(&self) -> Result<Vec<JobMark>> {
        self.read(|connection| {
            let sql = "SELECT jobs.job, revision, since, nominal FROM jobs
                 LEFT JOIN job_fires ON job_fires.job = jobs.job WHERE settings IS NOT NULL";
            let mut select = connection.prepare_cached(sql)?;
            let mark = |row: &Row<'_>| {
                Ok(JobMark {
                    id: JobId::new(unsigned(row.get(0)?)),
                    revision: unsigned(row.get(1)?),
                    since: Timestamp::from_nanos(row.get(2)?),
                    last_fire: time(row, 3)?,
                })
            };
            select.query_map((), mark)?.collect()
        })
    }

    /// Returns all jobs, newest first.
    pub(crate) fn jobs(&self) -> Result<Vec<JobInfo>> {
        self.read(|connection| {
            let sql = format!("{JOB} WHERE settings IS NOT NULL ORDER BY created DESC, jobs.job");
            let mut select = connection.prepare_cached(&sql)?;
            select.query_map((), job_info)?.collect()
        })
    }

    /// Returns the last change of a job, also if it deleted the job.
    pub(crate) fn job_change(&self, job: JobId) -> Result<Option<JobChange>> {
        self.read(|connection| {
            let mut select = connection.prepare_cached(&format!("{JOB} WHERE jobs.job = ?1"))?;
            let change = |row: &Row<'_>| match row.get_ref(1)?.as_str_or_null()? {
                None => Ok(JobChange::Deleted(unsigned(row.get(6)?))),
                Some(_) => Ok(JobChange::Saved(Box::new(job_info(row)?))),
            };
            select.query_row([job.get().cast_signed()], change).optional()
        })
    }

    /// Returns the revision of the rights to a job.
    pub(crate) fn job_grants_revision(&self, job: JobId) -> Result<u64> {
        self.read(|connection| {
            let sql = "SELECT revision FROM job_grants WHERE job = ?1";
            let mut select = connection.prepare_cached(sql)?;
            let found = select.query_row([job.get().cast_signed()], |row| row.get(0)).optional()?;
            Ok(found.map_or(0, unsigned))
        })
    }

    /// Returns the highest number of the runs that a job ever had.
    pub(crate) fn last_job_run_number(&self, job: JobId) -> Result<u64> {
        self.read(|connection| {
            let sql = "SELECT number FROM job_fires WHERE job = ?1";
            let mut select = connection.prepare_cached(sql)?;
            let number =
                select.query_row([job.get().cast_signed()], |row| row.get(0)).optional()?;
            Ok(number.map_or(0, unsigned))
        })
    }

    /// Returns a run by its id.
    pub(crate) fn job_run(&self, run: JobRunId) -> Result<Option<JobRunInfo>> {
        let found = self.job_runs_of("WHERE job_run = ?1", [run.get().cast_signed()])?;
        Ok(found.into_iter().next())
    }

    /// Returns the run to which an attempt belongs.
    pub(crate) fn job_run_of_attempt(&self, attempt: JobRunId) -> Result<Option<JobRunInfo>> {
        let place = "WHERE job_run = (SELECT job_run FROM job_attempts WHERE attempt = ?1)";
        let found = self.job_runs_of(place, [attempt.get().cast_signed()])?;
        Ok(found.into_iter().next())
    }

    /// Returns the run that was created with this token.
    pub(crate) fn job_run_of_token(&self, token: &str) -> Result<Option<JobRunInfo>> {
        Ok(self.job_runs_of("WHERE token = ?1 ORDER BY created", [token])?.into_iter().next())
    }

    /// Returns the run of a fire.
    pub(crate) fn is_job_fired(&self, job: JobId, nominal: Timestamp) -> Result<bool> {
        self.read(|connection| {
            let sql = "SELECT 1 FROM job_runs WHERE job = ?1 AND nominal = ?2";
            let mut select = connection.prepare_cached(sql)?;
            select.exists((job.get().cast_signed(), nominal.as_nanos()))
        })
    }

    /// Returns the runs that have not ended, oldest first.
    pub(crate) fn active_job_runs(&self) -> Result<Vec<JobRunInfo>> {
        self.job_runs_of("WHERE ended IS NULL ORDER BY created, number, job_run", ())
    }

    /// Returns the runs of a job that have not ended, oldest first.
    pub(crate) fn active_runs_of_job(&self, job: JobId) -> Result<Vec<JobRunInfo>> {
        let place = "WHERE ended IS NULL AND job = ?1 ORDER BY created, number, job_run";
        self.job_runs_of(place, [job.get().cast_signed()])
    }

    /// Returns the runs about which a notification is still due, oldest first.
    pub(crate) fn loud_job_runs(&self) -> Result<Vec<JobRunInfo>> {
        self.job_runs_of("WHERE loud IS NOT NULL ORDER BY created, number, job_run", ())
    }

    /// Returns the events of a run about which a notification was taken, with the repairs before
    /// them.
    pub(crate) fn job_notices(&self, run: JobRunId) -> Result<Vec<(u32, JobEvent)>> {
        self.read(|connection| {
            let sql = "SELECT repair, event FROM job_notices WHERE job_run = ?1";
            let mut select = connection.prepare_cached(sql)?;
            let notice = |row: &Row<'_>| Ok((row.get(0)?, word(row, 1, JobEvent::from_text)?));
            select.query_map([run.get().cast_signed()], notice)?.collect()
        })
    }

    /// Returns runs, newest first.
    pub(crate) fn job_runs(&self, query: &JobRunQuery) -> Result<Vec<JobRunInfo>> {
        let place = "WHERE (?1 IS NULL OR job = ?1) AND (?2 IS NULL OR (ended IS NOT NULL) = ?2)
             AND (?3 IS NULL OR created >= ?3) AND (?4 IS NULL OR created <= ?4)
             AND (?5 IS NULL OR (job IS NOT NULL) = ?5)
             ORDER BY created DESC, number DESC, job_run LIMIT ?6 OFFSET ?7";
        let limit = i64::try_from(query.limit).unwrap_or(i64::MAX);
        let offset = i64::try_from(query.offset).unwrap_or(i64::MAX);
        self.job_runs_of(
            place,
            (
                query.job.map(|job| job.get().cast_signed()),
                query.is_ended,
                query.from.map(Timestamp::as_nanos),
                query.to.map(Timestamp::as_nanos),
                query.has_job,
                limit,
                offset,
            ),
        )
    }

    fn job_runs_of(&self, place: &str, params: impl Params) -> Result<Vec<JobRunInfo>> {
        self.read(|connection| {
            let mut select = connection.prepare_cached(&format!("{RUN} {place}"))?;
            let mut runs: Vec<JobRunInfo> =
                select.query_map(params, run_info)?.collect::<rusqlite::Result<_>>()?;
            for run in &mut runs {
                run.attempts = attempts(connection, run.id)?;
                run.repairs = repairs(connection, run.id)?;
            }
            Ok(runs)
        })
    }
}

fn attempts(connection: &Connection, run: JobRunId) -> rusqlite::Result<Vec<JobAttempt>> {
    let sql = format!("{ATTEMPT} WHERE job_run = ?1 ORDER BY place");
    let mut select = connection.prepare_cached(&sql)?;
    select.query_map([run.get().cast_signed()], attempt)?.collect()
}

fn repairs(connection: &Connection, run: JobRunId) -> rusqlite::Result<Vec<JobRepair>> {
    let sql = "SELECT repair, tasks, request, author, time FROM job_repairs WHERE job_run = ?1
         ORDER BY place";
    let mut select = connection.prepare_cached(sql)?;
    let repair = |row: &Row<'_>| {
        let tasks: String = row.get(1)?;
        Ok(JobRepair {
            id: JobRunId::new(unsigned(row.get(0)?)),
            tasks: tasks.lines().map(str::to_owned).collect(),
            request: row.get(2)?,
            author: row.get(3)?,
            time: Timestamp::from_nanos(row.get(4)?),
        })
    };
    select.query_map([run.get().cast_signed()], repair)?.collect()
}

fn job_info(row: &Row<'_>) -> rusqlite::Result<JobInfo> {
    Ok(JobInfo {
        id: JobId::new(unsigned(row.get(0)?)),
        settings: row.get(1)?,
        creator: row.get(2)?,
        created: Timestamp::from_nanos(row.get(3)?),
        author: row.get(4)?,
        updated: Timestamp::from_nanos(row.get(5)?),
        revision: unsigned(row.get(6)?),
        since: Timestamp::from_nanos(row.get(7)?),
        last_fire: time(row, 8)?,
        grants: match row.get_ref(9)?.as_str_or_null()? {
            Some(text) => job_grants_from_json(text).map_err(|error| {
                rusqlite::Error::FromSqlConversionFailure(9, Type::Text, error.into())
            })?,
            None => Vec::new(),
        },
    })
}

fn run_info(row: &Row<'_>) -> rusqlite::Result<JobRunInfo> {
    let job: Option<i64> = row.get(1)?;
    let end = match time(row, 14)? {
        Some(time) => Some(JobRunEnd { result: result(row, 12)?, message: row.get(13)?, time }),
        None => None,
    };
    let canceled = match row.get_ref(11)?.as_str_or_null()? {
        Some(_) => Some(result(row, 11)?),
        None => None,
    };
    Ok(JobRunInfo {
        id: JobRunId::new(unsigned(row.get(0)?)),
        job: job.map(|job| JobId::new(unsigned(job))),
        number: unsigned(row.get(2)?),
        trigger: word(row, 3, JobTrigger::from_text)?,
        nominal: time(row, 4)?,
        token: row.get(5)?,
        settings: row.get(6)?,
        request: row.get(7)?,
        author: row.get(8)?,
        created: Timestamp::from_nanos(row.get(9)?),
        started: time(row, 10)?,
        canceled,
        end,
        attempts: Vec::new(),
        repairs: Vec::new(),
    })
}

fn attempt(row: &Row<'_>) -> rusqlite::Result<JobAttempt> {
    let incarnation: Option<i64> = row.get(4)?;
    let end = match time(row, 10)? {
        Some(time) => Some(JobAttemptEnd {
            result: result(row, 6)?,
            exit: row.get(7)?,
            message: row.get(8)?,
            output: JobOutput::from_json(row.get_ref(9)?.as_str()?),
            time,
        }),
        None => None,
    };
    Ok(JobAttempt {
        id: JobRunId::new(unsigned(row.get(0)?)),
        task: row.get(1)?,
        number: row.get(2)?,
        repair: row.get(3)?,
        incarnation: incarnation.map_or(0, unsigned),
        started: time(row, 5)?,
        end,
    })
}

fn time(row: &Row<'_>, column: usize) -> rusqlite::Result<Option<Timestamp>> {
    let nanos: Option<i64> = row.get(column)?;
    Ok(nanos.map(Timestamp::from_nanos))
}

fn result(row: &Row<'_>, column: usize) -> rusqlite::Result<JobResult> {
    word(row, column, JobResult::from_text)
}

fn word<T>(row: &Row<'_>, column: usize, read: impl Fn(&str) -> Option<T>) -> rusqlite::Result<T> {
    let text = row.get_ref(column)?.as_str()?;
    read(text).ok_or_else(|| {
        let error = format!("unknown word {text:?}").into();
        rusqlite::Error::FromSqlConversionFailure(column, Type::Text, error)
    })
}
