//! Jobs: programs that run by the clock, by events or on request, with their runs in the file.

use std::collections::BTreeMap;

use pyo3::prelude::*;
use pyo3::types::{PyInt, PyList, PyString};
use tracklite::Timestamp;
use tracklite::artifact::ArtifactOwner;
use tracklite::job::{
    JobGrant, JobId, JobOutput, JobRunId, JobRunInfo, JobRunRequest, JobRunSearch,
};
use tracklite::schedule::{CronExpression, CronSchedule, DaylightSaving, TimeZone};

use crate::convert::{grants, instant, json, whole};
use crate::database::Database;
use crate::entity::{Entity as _, Object, to_list};
use crate::error::{invalid_input, python_error};
use crate::job_entity::Fires;
use crate::session::Handle;

/// The jobs of a file: tasks with a schedule, and all their runs.
///
/// `tracklite serve` and `tracklite jobs daemon` run them. A job is named by its id, by its name,
/// or by a `JobInfo`. Each change is durable when the call returns.
///
/// >>> jobs = database.jobs()
/// >>> job = jobs.create({
/// ...     "name": "retrain",
/// ...     "tasks": [{"task_key": "train", "command_task": {"command": ["python", "train.py"]}}],
/// ...     "schedule": {"quartz_cron_expression": "0 0 6 * * ?", "timezone_id": "UTC"},
/// ... })
/// >>> run = jobs.run_now("retrain", {"rate": "0.1"})
/// >>> run.number, run.result, jobs.pause(job).paused
/// (1, None, True)
#[pyclass(frozen, module = "tracklite")]
pub(crate) struct Jobs {
    handle: Handle<tracklite::job::Jobs>,
}

#[pymethods]
impl Database {
    /// Returns the jobs of the file.
    fn jobs(&self, py: Python<'_>) -> PyResult<Jobs> {
        Ok(Jobs { handle: self.handle.call_derive(py, |database| Ok(database.jobs()))? })
    }
}

#[pymethods]
impl Jobs {
    /// Returns all jobs as `JobInfo`, newest first.
    fn list<'py>(&self, py: Python<'py>) -> PyResult<Bound<'py, PyList>> {
        to_list(py, &self.handle.call(py, tracklite::job::Jobs::list)?)
    }

    /// Returns a job.
    fn get<'py>(&self, py: Python<'py>, job: &Bound<'_, PyAny>) -> PyResult<Object<'py>> {
        let job = self.job(py, job)?;
        self.handle.call(py, |jobs| jobs.get(job))?.to_python(py)
    }

    /// Creates a job.
    ///
    /// `settings` is a dict, or JSON of an object as text, in the words of Databricks. `grants` has
    /// the levels of users by their names, such as "CAN_MANAGE_RUN"; "users" means all of them, and
    /// other groups and services have the prefixes "group:" and "service:".
    #[pyo3(signature = (settings, *, grants=None))]
    fn create<'py>(
        &self,
        py: Python<'py>,
        settings: &Bound<'_, PyAny>,
        grants: Option<&Bound<'_, PyAny>>,
    ) -> PyResult<Object<'py>> {
        let (settings, grants) = (json(settings)?, grants.map(granted).transpose()?);
        let grants = grants.unwrap_or_default();
        let created = self.handle.call(py, |jobs| jobs.create_with_grants(&settings, &grants))?;
        created.to_python(py)
    }

    /// Replaces the members of the settings that `changes` has, and removes those in `removed`.
    ///
    /// Tasks are merged by their keys. A task is removed by its place, `tasks/KEY`.
    ///
    /// >>> jobs = database.jobs()
    /// >>> task = {"task_key": "hello", "command_task": {"command": ["echo", "hello"]}}
    /// >>> job = jobs.create({"name": "greet", "tasks": [task], "timeout_seconds": 60})
    /// >>> changed = jobs.update(job, {"name": "greet all"}, removed=["timeout_seconds"])
    /// >>> changed.name, "timeout_seconds" in changed.settings
    /// ('greet all', False)
    #[pyo3(signature = (job, changes, *, removed=Vec::new()))]
    fn update<'py>(
        &self,
        py: Python<'py>,
        job: &Bound<'_, PyAny>,
        changes: &Bound<'_, PyAny>,
        removed: Vec<String>,
    ) -> PyResult<Object<'py>> {
        let (job, changes) = (self.job(py, job)?, json(changes)?);
        let removed: Vec<&str> = removed.iter().map(String::as_str).collect();
        self.handle.call(py, |jobs| jobs.update(job, &changes, &removed))?.to_python(py)
    }

    /// Replaces all settings of a job.
    fn reset<'py>(
        &self,
        py: Python<'py>,
        job: &Bound<'_, PyAny>,
        settings: &Bound<'_, PyAny>,
    ) -> PyResult<Object<'py>> {
        let (job, settings) = (self.job(py, job)?, json(settings)?);
        self.handle.call(py, |jobs| jobs.reset(job, &settings))?.to_python(py)
    }

    /// Replaces the levels of users by their names, as `create` has them.
    fn set_grants<'py>(
        &self,
        py: Python<'py>,
        job: &Bound<'_, PyAny>,
        grants: &Bound<'_, PyAny>,
    ) -> PyResult<Object<'py>> {
        let (job, grants) = (self.job(py, job)?, granted(grants)?);
        self.handle.call(py, |jobs| jobs.set_grants(job, |_| grants.clone()))?.to_python(py)
    }

    /// Deletes a job permanently. Its runs stay.
    fn delete(&self, py: Python<'_>, job: &Bound<'_, PyAny>) -> PyResult<()> {
        let job = self.job(py, job)?;
        self.handle.call(py, |jobs| jobs.delete(job))
    }

    /// Pauses the schedule or trigger of a job.
    fn pause<'py>(&self, py: Python<'py>, job: &Bound<'_, PyAny>) -> PyResult<Object<'py>> {
        let job = self.job(py, job)?;
        self.handle.call(py, |jobs| jobs.set_paused(job, true))?.to_python(py)
    }

    /// Lets the schedule or trigger of a job continue. Fires while it was paused are not made up
    /// for.
    fn resume<'py>(&self, py: Python<'py>, job: &Bound<'_, PyAny>) -> PyResult<Object<'py>> {
        let job = self.job(py, job)?;
        self.handle.call(py, |jobs| jobs.set_paused(job, false))?.to_python(py)
    }

    /// Creates a run, which the next free server or daemon runs.
    ///
    /// `parameters` are those of the job by name. A repeated call with the same `token` returns the
    /// first run.
    #[pyo3(signature = (job, parameters=None, *, token=None))]
    fn run_now<'py>(
        &self,
        py: Python<'py>,
        job: &Bound<'_, PyAny>,
        parameters: Option<&Bound<'_, PyAny>>,
        token: Option<String>,
    ) -> PyResult<Object<'py>> {
        let job = self.job(py, job)?;
        let mut request = match parameters {
            Some(parameters) => {
                let found: BTreeMap<_, _> =
                    crate::convert::texts(parameters, "parameters")?.into_iter().collect();
                let object = serde_json::json!({"job_parameters": found});
                JobRunRequest::new(if found.is_empty() {
                    String::new()
                } else {
                    object.to_string()
                })
            }
            None => JobRunRequest::default(),
        };
        request.token = token;
        self.handle.call(py, |jobs| jobs.run_now(job, &request))?.to_python(py)
    }

    /// Asks a run to end early. Its runner ends the processes; then its result is "CANCELED".
    fn cancel(&self, py: Python<'_>, run: &Bound<'_, PyAny>) -> PyResult<()> {
        let run = run_id(run)?;
        self.handle.call(py, |jobs| jobs.cancel(run))
    }

    /// Asks all active runs of a job to end early.
    fn cancel_all(&self, py: Python<'_>, job: &Bound<'_, PyAny>) -> PyResult<()> {
        let job = self.job(py, job)?;
        self.handle.call(py, |jobs| jobs.cancel_all(Some(job)))
    }

    /// Returns runs as `JobRunInfo`, newest first: of one job, or of all.
    ///
    /// With `active`, only those that have not ended, or only those that have. `offset` leaves the
    /// first ones out.
    #[pyo3(signature = (job=None, *, active=None, offset=0, max_results=100))]
    fn runs<'py>(
        &self,
        py: Python<'py>,
        job: Option<&Bound<'_, PyAny>>,
        active: Option<bool>,
        offset: u64,
        max_results: u64,
    ) -> PyResult<Bound<'py, PyList>> {
        let mut search = JobRunSearch::new().page(offset, max_results);
        if let Some(job) = job {
            search = search.job(self.job(py, job)?);
        }
        if let Some(is_active) = active {
            search = search.ended(!is_active);
        }
        let found = match max_results {
            // The engine reads 0 as no limit.
            0 => Vec::new(),
            _ => self.handle.call(py, |jobs| jobs.runs(&search))?,
        };
        to_list(py, &found)
    }

    /// Returns a run with its attempts, by its id or a `JobRunInfo`.
    fn run<'py>(&self, py: Python<'py>, run: &Bound<'_, PyAny>) -> PyResult<Object<'py>> {
        let run = run_id(run)?;
        self.handle.call(py, |jobs| jobs.run(run))?.to_python(py)
    }

    /// Returns what the tasks of a run have printed: texts by the keys of the tasks.
    ///
    /// The text of a task is that of its last attempt. A task that has printed nothing, or has not
    /// ended, has none.
    fn output(&self, py: Python<'_>, run: &Bound<'_, PyAny>) -> PyResult<BTreeMap<String, String>> {
        let run = run_id(run)?;
        self.handle.call(py, |jobs| printed(jobs, &jobs.run(run)?))
    }

    /// Deletes an ended run permanently.
    fn delete_run(&self, py: Python<'_>, run: &Bound<'_, PyAny>) -> PyResult<()> {
        let run = run_id(run)?;
        self.handle.call(py, |jobs| jobs.delete_run(run))
    }

    /// Explains a Quartz cron expression. Returns it in words, with its next fires.
    ///
    /// `zone` is a name of the IANA database or of Java. `after` is the time after which fires are
    /// returned, by default now. With `daylight_saving="once"`, each time of day fires once, also
    /// when clocks change. With "quartz", it fires like Quartz, which may lose fires.
    ///
    /// >>> from datetime import datetime, timezone
    /// >>> after = datetime(2027, 1, 1, tzinfo=timezone.utc)
    /// >>> found = database.jobs().explain("0 0 6 * * ?", "America/New_York", after=after, count=1)
    /// >>> found.text, [fire.isoformat() for fire in found.fires]
    /// ('at 06:00 every day (America/New_York)', ['2027-01-01T11:00:00+00:00'])
    #[staticmethod]
    #[pyo3(signature = (expression, zone="UTC", *, after=None, count=5, daylight_saving="once"))]
    fn explain<'py>(
        py: Python<'py>,
        expression: &str,
        zone: &str,
        after: Option<&Bound<'py, PyAny>>,
        count: usize,
        daylight_saving: &str,
    ) -> PyResult<Object<'py>> {
        let after = after.map(|time| instant(time, "after")).transpose()?;
        let read = || {
            let mode: DaylightSaving = daylight_saving.parse()?;
            let (expression, zone) = (CronExpression::parse(expression)?, TimeZone::named(zone)?);
            Ok(CronSchedule::new(expression, zone).daylight_saving(mode))
        };
        let schedule = read().map_err(|error| python_error(py, &error))?;
        let after = after.unwrap_or_else(Timestamp::now);
        let fires = schedule.fires_after(after).take(count).collect();
        Fires { schedule, fires }.to_python(py)
    }

    fn __repr__(&self) -> String {
        String::from("Jobs()")
    }
}

impl Jobs {
    /// Returns the id of a job that is named by its id, its name or a `JobInfo`.
    fn job(&self, py: Python<'_>, job: &Bound<'_, PyAny>) -> PyResult<JobId> {
        if let Ok(name) = job.cast::<PyString>() {
            let name = name.to_cow()?.into_owned();
            return Ok(self.handle.call(py, |jobs| jobs.find(&name))?.id);
        }
        Ok(JobId::new(number_of(job, "a job")?))
    }
}

fn run_id(run: &Bound<'_, PyAny>) -> PyResult<JobRunId> {
    Ok(JobRunId::new(number_of(run, "a run of a job")?))
}

/// Returns a number, or the number that an object has as its `id`.
fn number_of(value: &Bound<'_, PyAny>, what: &str) -> PyResult<u64> {
    let id = match value.is_instance_of::<PyInt>() {
        true => value.clone(),
        false => value.getattr_opt("id")?.unwrap_or_else(|| value.clone()),
    };
    let number = whole(&id, &format!("the id of {what}"))?;
    u64::try_from(number)
        .map_err(|_| invalid_input(value.py(), &format!("{number} is not the id of {what}")))
}

fn granted(given: &Bound<'_, PyAny>) -> PyResult<Vec<JobGrant>> {
    let given = grants(given)?.into_iter();
    Ok(given.map(|(principal, level)| JobGrant::new(principal, level)).collect())
}

/// Reads the printed output of the tasks of a run.
fn printed(
    jobs: &tracklite::job::Jobs,
    run: &JobRunInfo,
) -> tracklite::Result<BTreeMap<String, String>> {
    let mut texts = BTreeMap::new();
    for attempt in &run.attempts {
        let end = attempt.end.as_ref();
        let Some(log) = end.and_then(|end| end.output.log_run()) else { continue };
        let bytes = jobs.database().artifacts_of(ArtifactOwner::Run(log))?.read(JobOutput::FILE)?;
        texts.insert(attempt.task.clone(), String::from_utf8_lossy(&bytes).into_owned());
    }
    Ok(texts)
}
