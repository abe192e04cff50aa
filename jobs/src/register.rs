//! The registration of a model if a run of the job meets a condition.

use std::collections::BTreeMap;

use serde_json::Value;
use tracklite::job::{Ended, JobOutput, JobResult, RegisterWork, Task};
use tracklite::{Database, ErrorKind, Result, RunId, RunSearch, View};

/// The tag of a version with the task that has registered it.
const TASK_TAG: &str = "tracklite.job.task";

/// Registers the model of the newest run of the same run of the job that meets the condition. If a
/// runner died after an earlier registration, that version is used.
pub(crate) fn register(database: &Database, task: &Task, work: &RegisterWork) -> Ended {
    let mut ended = Ended::default();
    match registered(database, task, work) {
        Ok(values) => {
            ended.result = JobResult::Success;
            ended.output.values = values;
        }
        Err(error) => {
            ended.result = JobResult::Failed;
            ended.message = error.message().to_owned();
            ended.output = JobOutput::default();
        }
    }
    ended
}

fn registered(
    database: &Database,
    task: &Task,
    work: &RegisterWork,
) -> Result<BTreeMap<String, Value>> {
    let Some(run) = best_run(database, task, &work.condition)? else {
        return Ok(BTreeMap::from([("registered".to_owned(), "false".into())]));
    };
    let registry = database.registry().acting_for(&task.user);
    let model = match registry.create_model(&work.model_name) {
        Err(error) if error.kind() == ErrorKind::AlreadyExists => {
            registry.model(&work.model_name)?
        }
        model => model?,
    };
    let mark = format!("{}/{}", task.run, task.key);
    let known = model.versions()?;
    let known = known.iter().find(|version| version.tags.get(TASK_TAG) == Some(&mark));
    let version = match known {
        Some(known) => known.version,
        None => {
            let path = work.artifact_path.as_deref().unwrap_or("model");
            let new = model.new_version(&format!("runs:/{run}/{path}"));
            new.run(run).tag(TASK_TAG, &mark).create()?.version()
        }
    };
    if let Some(alias) = &work.alias {
        model.set_alias(alias, version)?;
    }
    Ok(BTreeMap::from([
        ("registered".to_owned(), "true".into()),
        ("version".to_owned(), version.to_string().into()),
        ("run_id".to_owned(), run.to_string().into()),
    ]))
}

/// Returns the newest run that this run of the job has logged and that meets the condition.
fn best_run(database: &Database, task: &Task, condition: &str) -> Result<Option<RunId>> {
    let mut filter = format!("tags.`mlflow.databricks.jobRunID` = '{}'", task.run);
    if !condition.trim().is_empty() {
        filter = format!("{filter} AND {condition}");
    }
    let search = RunSearch::new().filter(filter).view(View::ActiveOnly).max_results(1);
    let found = database.search_runs(&search.order_by("attributes.start_time DESC"))?;
    Ok(found.items.first().map(|run| run.info.id))
}
