//! The settings of jobs: the members of their JSON that are interpreted. Others are kept unread.

use std::collections::BTreeMap;

use serde::Deserialize;

use crate::entity::job_events::{JobContinuous, JobCron, JobEvents};
use crate::entity::wording::invalid;
use crate::error::Result;

/// The settings of a job or of a submitted run, in Databricks's words.
///
/// They are read from JSON. Members that are not listed here are ignored.
#[derive(Clone, Debug, Default, PartialEq, Deserialize)]
#[serde(default)]
#[non_exhaustive]
pub struct JobSettings {
    /// The name, which need not be unique.
    pub name: Option<String>,
    /// The name of a submitted run.
    pub run_name: Option<String>,
    /// The tasks.
    pub tasks: Vec<JobTask>,
    /// When it runs by the clock.
    pub schedule: Option<JobCron>,
    /// Whether it runs without end.
    pub continuous: Option<JobContinuous>,
    /// Other events at which it runs.
    pub trigger: Option<JobEvents>,
    /// How many runs may be active. Default: 1.
    pub max_concurrent_runs: Option<u32>,
    /// Whether runs wait for earlier ones.
    pub queue: Option<JobQueue>,
    /// The parameters with their defaults.
    pub parameters: Vec<JobParameter>,
    /// The longest duration of a run in seconds. 0 means no limit.
    pub timeout_seconds: u64,
    /// Warnings about long runs.
    pub health: Option<JobHealth>,
    /// Where to send notifications.
    pub webhook_notifications: JobNotifications,
    /// Whom to write. It is kept, but no e-mail is sent.
    pub email_notifications: JobEmails,
    /// The events without notifications.
    pub notification_settings: JobQuiet,
    /// Settings that Databricks has no word for.
    pub tracklite: JobExtras,
    /// The task of a job in the form of the first API, which has only one.
    #[serde(flatten)]
    pub single: JobWork,
}

/// A task.
#[derive(Clone, Debug, Default, PartialEq, Deserialize)]
#[serde(default)]
#[non_exhaustive]
pub struct JobTask {
    /// The key, unique in the job.
    pub task_key: String,
    /// The tasks that must end before it.
    pub depends_on: Vec<JobDependency>,
    /// The condition on the results of those tasks, such as `ALL_SUCCESS`.
    pub run_if: Option<String>,
    /// Whether it is left out.
    pub disabled: bool,
    /// The longest duration of an attempt in seconds. 0 means no limit.
    pub timeout_seconds: u64,
    /// How often a failed attempt is repeated. -1 means without limit.
    pub max_retries: i64,
    /// The pause before the next attempt, in milliseconds.
    pub min_retry_interval_millis: u64,
    /// Whether an attempt that took too long is repeated too.
    pub retry_on_timeout: bool,
    /// The work.
    #[serde(flatten)]
    pub work: JobWork,
}

/// The work of a task: exactly one of these.
#[derive(Clone, Debug, Default, PartialEq, Deserialize)]
#[serde(default)]
#[non_exhaustive]
pub struct JobWork {
    /// Runs a notebook.
    pub notebook_task: Option<NotebookWork>,
    /// Runs a Python file.
    pub spark_python_task: Option<PythonFileWork>,
    /// Runs an entry point of an installed Python package.
    pub python_wheel_task: Option<PythonWheelWork>,
    /// Runs `spark-submit`.
    pub spark_submit_task: Option<SparkSubmitWork>,
    /// Runs a command.
    pub command_task: Option<CommandWork>,
    /// Compares two values.
    pub condition_task: Option<ConditionWork>,
    /// Registers the model of a run of this job, if a run meets a condition.
    pub register_task: Option<RegisterWork>,
    /// Runs a task once for each input.
    pub for_each_task: Option<Box<ForEachWork>>,
    /// Runs another job, and waits for its end.
    pub run_job_task: Option<RunJobWork>,
}

/// A dependency on another task.
#[derive(Clone, Debug, Default, PartialEq, Deserialize)]
#[serde(default)]
pub struct JobDependency {
    /// The key of the other task.
    pub task_key: String,
    /// The outcome that a condition must have: `true` or `false`.
    pub outcome: Option<String>,
}

/// A notebook: a file with cells.
#[derive(Clone, Debug, Default, PartialEq, Deserialize)]
#[serde(default)]
pub struct NotebookWork {
    /// The path in the workspace, without extension or with it.
    pub notebook_path: String,
    /// The values of its widgets.
    pub base_parameters: BTreeMap<String, String>,
}

/// A Python file with arguments.
#[derive(Clone, Debug, Default, PartialEq, Deserialize)]
#[serde(default)]
pub struct PythonFileWork {
    /// The path in the workspace.
    pub python_file: String,
    /// The arguments.
    pub parameters: Vec<String>,
}

/// An entry point of an installed Python package.
#[derive(Clone, Debug, Default, PartialEq, Deserialize)]
#[serde(default)]
pub struct PythonWheelWork {
    /// The name of the package.
    pub package_name: String,
    /// The name of its entry point, or of a function in it.
    pub entry_point: String,
    /// The arguments.
    pub parameters: Vec<String>,
    /// Arguments that are passed as `--key=value`.
    pub named_parameters: BTreeMap<String, String>,
}

/// The arguments of `spark-submit`.
#[derive(Clone, Debug, Default, PartialEq, Deserialize)]
#[serde(default)]
pub struct SparkSubmitWork {
    /// The arguments.
    pub parameters: Vec<String>,
}

/// A command: a program with its arguments.
#[derive(Clone, Debug, Default, PartialEq, Deserialize)]
#[serde(default)]
pub struct CommandWork {
    /// The program and its arguments.
    pub command: Vec<String>,
}

/// A comparison.
#[derive(Clone, Debug, Default, PartialEq, Deserialize)]
#[serde(default)]
pub struct ConditionWork {
    /// The operator, such as `EQUAL_TO`.
    pub op: String,
    /// The left value.
    pub left: String,
    /// The right value.
    pub right: String,
}

/// The registration of a model under a condition.
#[derive(Clone, Debug, Default, PartialEq, Deserialize)]
#[serde(default)]
pub struct RegisterWork {
    /// The condition on a run, in the language of searches: `metrics.accuracy > 0.85`.
    pub condition: String,
    /// The registered model.
    pub model_name: String,
    /// The path of the model in the run. Default: `model`.
    pub artifact_path: Option<String>,
    /// The alias that is moved to the new version.
    pub alias: Option<String>,
}

/// Another job.
#[derive(Clone, Debug, Default, PartialEq, Deserialize)]
#[serde(default)]
pub struct RunJobWork {
    /// The id of the job.
    pub job_id: u64,
    /// The parameters of its run.
    pub job_parameters: BTreeMap<String, String>,
}

/// A loop.
#[derive(Clone, Debug, Default, PartialEq, Deserialize)]
#[serde(default)]
pub struct ForEachWork {
    /// The inputs: a JSON array, or a reference to one.
    pub inputs: String,
    /// How many iterations run at once. Default: 1.
    pub concurrency: Option<u32>,
    /// The task of each iteration.
    pub task: JobTask,
}

/// Whether runs wait for earlier ones.
#[derive(Clone, Debug, Default, PartialEq, Deserialize)]
#[serde(default)]
pub struct JobQueue {
    /// Whether they wait.
    pub enabled: bool,
}

/// A parameter of a job.
#[derive(Clone, Debug, Default, PartialEq, Deserialize)]
#[serde(default)]
pub struct JobParameter {
    /// The name.
    pub name: String,
    /// The value if a request has none.
    pub default: String,
}

/// Warnings about long runs.
#[derive(Clone, Debug, Default, PartialEq, Deserialize)]
#[serde(default)]
pub struct JobHealth {
    /// The rules.
    pub rules: Vec<JobHealthRule>,
}

/// A rule of warnings.
#[derive(Clone, Debug, Default, PartialEq, Deserialize)]
#[serde(default)]
pub struct JobHealthRule {
    /// `RUN_DURATION_SECONDS`.
    pub metric: String,
    /// `GREATER_THAN`.
    pub op: String,
    /// The limit in seconds.
    pub value: u64,
}

/// Where notifications are sent, by event.
#[derive(Clone, Debug, Default, PartialEq, Deserialize)]
#[serde(default)]
pub struct JobNotifications {
    /// At the beginning of a run.
    pub on_start: Vec<JobReceiver>,
    /// After a success.
    pub on_success: Vec<JobReceiver>,
    /// After a failure.
    pub on_failure: Vec<JobReceiver>,
    /// When a run takes longer than a rule of its health.
    pub on_duration_warning_threshold_exceeded: Vec<JobReceiver>,
}

/// A receiver of notifications.
#[derive(Clone, Debug, Default, PartialEq, Deserialize)]
#[serde(default)]
pub struct JobReceiver {
    /// The id of a webhook of the file, or an address to which it is sent.
    pub id: String,
}

/// The addresses of e-mails, by event.
#[derive(Clone, Debug, Default, PartialEq, Deserialize)]
#[serde(default)]
#[non_exhaustive]
pub struct JobEmails {
    /// At the beginning of a run.
    pub on_start: Vec<String>,
    /// After a success.
    pub on_success: Vec<String>,
    /// After a failure.
    pub on_failure: Vec<String>,
    /// When a run takes longer than a rule of its health.
    pub on_duration_warning_threshold_exceeded: Vec<String>,
}

/// The events without notifications.
#[derive(Clone, Debug, Default, PartialEq, Deserialize)]
#[serde(default)]
#[non_exhaustive]
pub struct JobQuiet {
    /// Whether runs that did not begin are left out.
    pub no_alert_for_skipped_runs: bool,
    /// Whether runs that were canceled are left out.
    pub no_alert_for_canceled_runs: bool,
}

/// Settings that Databricks has no word for.
#[derive(Clone, Debug, Default, PartialEq, Deserialize)]
#[serde(default)]
#[non_exhaustive]
pub struct JobExtras {
    /// The fires that are made up for: `none`, `latest` (the default) or `all`.
    pub missed_fires: Option<String>,
    /// The most fires that `all` makes up for. Default: 100.
    pub missed_fires_max: Option<u32>,
    /// The rule while the job has as many runs as it may: `skip`, `queue`, `allow` or
    /// `cancel_other`. Default: `queue` if `queue.enabled`, else `skip`.
    pub overlap: Option<String>,
    /// The rule for changes of clocks: `once` (the default) or `quartz`.
    pub daylight_saving: Option<String>,
    /// A command that gets each notification as JSON on its standard input.
    pub notification_command: Vec<String>,
}

impl JobSettings {
    /// Reads settings from JSON.
    ///
    /// # Errors
    ///
    /// - [`ErrorKind::InvalidInput`](crate::ErrorKind::InvalidInput) if a member that is
    ///   interpreted has another type.
    pub fn from_json(text: &str) -> Result<JobSettings> {
        let read: Result<JobSettings, _> = serde_json::from_str(text);
        let mut settings = read.map_err(|error| {
            invalid(format!("Invalid settings of a job: {error}; correct this value"))
        })?;
        let single = std::mem::take(&mut settings.single);
        if settings.tasks.is_empty() && single.count() > 0 {
            settings.tasks.push(JobTask {
                task_key: "main".to_owned(),
                work: single,
                ..JobTask::default()
            });
        }
        Ok(settings)
    }

    /// Returns the name for people.
    #[must_use]
    pub fn title(&self) -> &str {
        self.name.as_deref().or(self.run_name.as_deref()).unwrap_or("Untitled")
    }

    /// Returns the task with this key. `train[3]` is the task of an iteration of `train`.
    #[must_use]
    pub fn task(&self, key: &str) -> Option<&JobTask> {
        let name = key.split('[').next().unwrap_or(key);
        let task = self.tasks.iter().find(|task| task.task_key == name)?;
        match &task.work.for_each_task {
            Some(each) if key != name => Some(&each.task),
            _ => Some(task),
        }
    }

    /// Returns whether its schedule, trigger or continuity is paused.
    #[must_use]
    pub fn is_paused(&self) -> bool {
        let statuses = [
            self.schedule.as_ref().and_then(|schedule| schedule.pause_status.as_deref()),
            self.trigger.as_ref().and_then(|trigger| trigger.pause_status.as_deref()),
            self.continuous.as_ref().and_then(|continuous| continuous.pause_status.as_deref()),
        ];
        statuses.contains(&Some("PAUSED"))
    }

    /// Returns how many runs may be active.
    #[must_use]
    pub fn concurrent_runs(&self) -> usize {
        if self.continuous.is_some() {
            return 1;
        }
        self.max_concurrent_runs.unwrap_or(1) as usize
    }

    /// Returns what happens while the job has as many runs as it may.
    #[must_use]
    pub fn overlap(&self) -> &str {
        let queues = self.queue.as_ref().is_some_and(|queue| queue.enabled);
        let default = if queues || self.continuous.is_some() { "queue" } else { "skip" };
        self.tracklite.overlap.as_deref().unwrap_or(default)
    }
}

impl JobWork {
    /// Returns the name of the member that is set, if exactly one is.
    #[must_use]
    pub fn kind(&self) -> Option<&'static str> {
        let mut set = self.kinds();
        set.next().filter(|_| set.next().is_none())
    }

    pub(crate) fn count(&self) -> usize {
        self.kinds().count()
    }

    fn kinds(&self) -> impl Iterator<Item = &'static str> {
        let all = [
            ("notebook_task", self.notebook_task.is_some()),
            ("spark_python_task", self.spark_python_task.is_some()),
            ("python_wheel_task", self.python_wheel_task.is_some()),
            ("spark_submit_task", self.spark_submit_task.is_some()),
            ("command_task", self.command_task.is_some()),
            ("condition_task", self.condition_task.is_some()),
            ("register_task", self.register_task.is_some()),
            ("for_each_task", self.for_each_task.is_some()),
            ("run_job_task", self.run_job_task.is_some()),
        ];
        all.into_iter().filter(|(_, is_set)| *is_set).map(|(name, _)| name)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn settings_are_read_and_unknown_members_are_ignored() {
        let text = r#"{"name": "churn", "tasks": [{"task_key": "train", "existing_cluster_id": "1",
            "notebook_task": {"notebook_path": "/a", "source": "WORKSPACE"}}], "x": []}"#;
        let settings = JobSettings::from_json(text).unwrap();
        assert_eq!(settings.title(), "churn");
        let task = settings.task("train").unwrap();
        assert_eq!(task.work.kind(), Some("notebook_task"));
        assert_eq!((settings.concurrent_runs(), settings.overlap()), (1, "skip"));
        let error = JobSettings::from_json(r#"{"tasks": [{"task_key": 5}]}"#).unwrap_err();
        assert!(error.message().contains("expected a string"), "{error}");
    }

    #[test]
    fn a_job_of_the_first_api_has_one_task() {
        let text = r#"{"notebook_task": {"notebook_path": "/a"}, "queue": {"enabled": true}}"#;
        let settings = JobSettings::from_json(text).unwrap();
        assert_eq!(settings.tasks.len(), 1);
        assert_eq!((settings.title(), settings.overlap()), ("Untitled", "queue"));
        assert_eq!(settings.task("main").unwrap().work.kind(), Some("notebook_task"));
    }

    #[test]
    fn an_iteration_has_the_task_of_its_loop() {
        let text = r#"{"tasks": [{"task_key": "all", "for_each_task": {"inputs": "[1]",
            "task": {"task_key": "one", "command_task": {"command": ["x"]}}}}]}"#;
        let settings = JobSettings::from_json(text).unwrap();
        assert_eq!(settings.task("all").unwrap().work.kind(), Some("for_each_task"));
        assert_eq!(settings.task("all[0]").unwrap().task_key, "one");
        assert_eq!(settings.task("one"), None);
    }
}
