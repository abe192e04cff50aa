//! Creating, changing and deleting jobs.

use serde_json::{Map, Value};

use crate::entity::limits::check_author;
use crate::entity::wording::invalid;
use crate::entity::{JobChange, JobGrant, JobId, JobInfo, JobSettings, check_job_grants};
use crate::error::{Error, ErrorKind, Result};
use crate::format::record::{JobDeleted, JobGrantsSet, JobSaved, Record};
use crate::job::check::checked;
use crate::job::{Jobs, existing};
use crate::mutant::fault;

impl Jobs {
    /// Creates a job. The settings are a JSON object in the words of Databricks.
    ///
    /// # Errors
    ///
    /// - [`ErrorKind::InvalidInput`] if the settings break a rule. The message names it.
    pub fn create(&self, settings: &str) -> Result<JobInfo> {
        self.create_with_grants(settings, &[])
    }

    /// Creates a job with rights of users.
    ///
    /// # Errors
    ///
    /// - Those of [`Jobs::create`] and [`Jobs::set_grants`].
    pub fn create_with_grants(&self, settings: &str, grants: &[JobGrant]) -> Result<JobInfo> {
        let (engine, user) = (self.engine(), self.user());
        engine.located(check_author(&user).and_then(|()| checked(settings)))?;
        engine.located(check_job_grants(grants))?;
        let id = JobId::from_random(engine.random_bits()?);
        self.change(|index| {
            if index.job_change(id)?.is_some() {
                return Err(Error::new(ErrorKind::Conflict, "the id is taken: retry"));
            }
            let now = self.now();
            let info = JobInfo {
                id,
                settings: settings.to_owned(),
                creator: user.clone(),
                created: now,
                author: user.clone(),
                updated: now,
                revision: 1,
                since: now,
                last_fire: None,
                grants: grants.to_vec(),
            };
            let mut records = vec![record(&info)];
            if !grants.is_empty() {
                records.push(grants_record(id, grants, &user, 1, now.as_nanos()));
            }
            Ok((records, info))
        })
    }

    /// Replaces the rights of users to a job by those that `change` returns for the current ones.
    ///
    /// A server enforces them. A process that opens the file may do everything.
    ///
    /// # Errors
    ///
    /// - [`ErrorKind::NotFound`] if there is no such job.
    /// - [`ErrorKind::InvalidInput`] if a name is too long, somebody has two levels, there is more
    ///   than one owner, or a group owns the job.
    pub fn set_grants(
        &self,
        job: JobId,
        change: impl Fn(&[JobGrant]) -> Vec<JobGrant>,
    ) -> Result<JobInfo> {
        let author = self.user();
        self.engine().located(check_author(&author))?;
        self.change(|index| {
            let mut info = existing(job, index.job_change(job)?)?;
            let grants = change(&info.grants);
            check_job_grants(&grants)?;
            let step = u64::from(!fault!(StaleGrants));
            let revision = index.job_grants_revision(job)?.saturating_add(step);
            let record = grants_record(job, &grants, &author, revision, self.now().as_nanos());
            info.grants = grants;
            Ok((vec![record], info))
        })
    }

    /// Replaces all settings of a job.
    ///
    /// # Errors
    ///
    /// - [`ErrorKind::NotFound`] if there is no such job.
    /// - Those of [`Jobs::create`].
    pub fn reset(&self, job: JobId, settings: &str) -> Result<JobInfo> {
        self.engine().located(checked(settings))?;
        self.save(job, |_| Ok(settings.to_owned()))
    }

    /// Replaces the members of the settings that `changes` has, and removes those named in
    /// `removed`. Tasks are merged by their keys.
    ///
    /// A removed member is a name, or the place of a task: `tasks/KEY`.
    ///
    /// # Errors
    ///
    /// - [`ErrorKind::NotFound`] if there is no such job.
    /// - Those of [`Jobs::create`].
    pub fn update(&self, job: JobId, changes: &str, removed: &[&str]) -> Result<JobInfo> {
        self.save(job, |before| {
            let merged = merged(before, changes, removed)?;
            checked(&merged)?;
            Ok(merged)
        })
    }

    /// Pauses the schedule or trigger of a job, or lets it continue. Fires while it was paused are
    /// not made up for.
    ///
    /// # Errors
    ///
    /// - [`ErrorKind::NotFound`] if there is no such job.
    /// - [`ErrorKind::InvalidState`] if the job has no schedule and no trigger.
    pub fn set_paused(&self, job: JobId, is_paused: bool) -> Result<JobInfo> {
        self.save(job, |before| {
            let mut settings = object(before)?;
            let status = if is_paused { "PAUSED" } else { "UNPAUSED" };
            for member in ["schedule", "trigger", "continuous"] {
                if let Some(Value::Object(found)) = settings.get_mut(member) {
                    found.insert("pause_status".to_owned(), status.into());
                    return Ok(Value::Object(settings).to_string());
                }
            }
            let message = format!("Job {job} has no schedule and no trigger to pause: add one");
            Err(Error::new(ErrorKind::InvalidState, message))
        })
    }

    /// Deletes a job permanently. Its runs stay.
    ///
    /// # Errors
    ///
    /// - [`ErrorKind::NotFound`] if there is no such job.
    /// - [`ErrorKind::InvalidState`] if it has runs that have not ended.
    pub fn delete(&self, job: JobId) -> Result<()> {
        let author = self.user();
        self.engine().located(check_author(&author))?;
        self.change(|index| {
            let info = existing(job, index.job_change(job)?)?;
            let active = index.active_runs_of_job(job)?;
            if let Some(run) = active.first() {
                let (count, run) = (active.len(), run.id);
                let message = format!(
                    "Job {job} has {count} active runs, such as {run}: cancel them, then delete it"
                );
                return Err(Error::new(ErrorKind::InvalidState, message));
            }
            let (revision, time) = (next(&info)?, self.now().as_nanos());
            Ok((vec![JobDeleted { job, author: author.clone(), revision, time }.into()], ()))
        })
    }

    /// Saves the settings that `build` returns for the current ones.
    fn save(&self, job: JobId, mut build: impl FnMut(&str) -> Result<String>) -> Result<JobInfo> {
        let user = self.user();
        self.engine().located(check_author(&user))?;
        self.change(|index| {
            let mut info = match index.job_change(job)? {
                Some(JobChange::Saved(info)) => *info,
                other => return existing(job, other).map(|info| (Vec::new(), info)),
            };
            let settings = build(&info.settings)?;
            let now = self.now();
            if fires_differently(&info.settings, &settings)? {
                info.since = now;
            }
            info.revision = next(&info)?;
            info.settings = settings;
            info.author.clone_from(&user);
            info.updated = now;
            Ok((vec![record(&info)], info))
        })
    }
}

fn grants_record(
    job: JobId,
    grants: &[JobGrant],
    author: &str,
    revision: u64,
    time: i64,
) -> Record {
    let (grants, author) = (grants.to_vec(), author.to_owned());
    JobGrantsSet { job, grants, author, revision, time }.into()
}

fn next(info: &JobInfo) -> Result<u64> {
    let revision = info.revision.checked_add(1).filter(|next| i64::try_from(*next).is_ok());
    revision.ok_or_else(|| {
        let message = format!("Job {} has the highest revision: create another job", info.id);
        Error::new(ErrorKind::InvalidState, message)
    })
}

/// Returns whether a change of settings starts a new schedule.
fn fires_differently(before: &str, after: &str) -> Result<bool> {
    let (before, after) = (JobSettings::from_json(before)?, JobSettings::from_json(after)?);
    Ok(before.schedule != after.schedule
        || before.trigger != after.trigger
        || before.continuous != after.continuous)
}

fn object(text: &str) -> Result<Map<String, Value>> {
    serde_json::from_str(text)
        .map_err(|error| invalid(format!("the settings are not a JSON object: {error}")))
}

/// Merges settings: members replace members, and tasks with a known key replace that task.
fn merged(before: &str, changes: &str, removed: &[&str]) -> Result<String> {
    let mut settings = object(before)?;
    for (name, value) in object(changes)? {
        let key = match name.as_str() {
            "tasks" => "task_key",
            "job_clusters" => "job_cluster_key",
            _ => "",
        };
        match (settings.get_mut(&name), value) {
            (Some(Value::Array(known)), Value::Array(new)) if !key.is_empty() => {
                merge_by_key(known, new, key);
            }
            (_, value) => drop(settings.insert(name, value)),
        }
    }
    for name in removed {
        match name.split_once('/') {
            Some(("tasks", key)) => {
                if let Some(Value::Array(tasks)) = settings.get_mut("tasks") {
                    tasks.retain(|task| task.get("task_key").and_then(Value::as_str) != Some(key));
                }
            }
            _ => drop(settings.remove(*name)),
        }
    }
    Ok(Value::Object(settings).to_string())
}

fn merge_by_key(known: &mut Vec<Value>, new: Vec<Value>, key: &str) {
    for value in new {
        match known.iter_mut().find(|known| known.get(key) == value.get(key)) {
            Some(place) => *place = value,
            None => known.push(value),
        }
    }
}

fn record(info: &JobInfo) -> Record {
    JobSaved {
        job: info.id,
        settings: info.settings.clone(),
        creator: info.creator.clone(),
        created: info.created.as_nanos(),
        author: info.author.clone(),
        revision: info.revision,
        since: info.since.as_nanos(),
        time: info.updated.as_nanos(),
    }
    .into()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn changes_are_merged_by_member_and_by_task() {
        let before = r#"{"name": "a", "tasks": [{"task_key": "x", "n": 1}, {"task_key": "y"}],
            "schedule": {}}"#;
        let changes = r#"{"name": "b", "tasks": [{"task_key": "x"}, {"task_key": "z"}]}"#;
        let merged = merged(before, changes, &["schedule", "tasks/y"]).unwrap();
        let expected = r#"{"name": "b", "tasks": [{"task_key": "x"}, {"task_key": "z"}]}"#;
        let value = |text: &str| serde_json::from_str::<Value>(text).unwrap();
        assert_eq!(value(&merged), value(expected));
    }
}
