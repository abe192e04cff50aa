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

#[cfg(test)]
mod tests {
    use serde_json::json;
    use tracklite::job::JobRunRequest;

    use super::*;

    /// Creates a run of a job with a run that has this accuracy. Returns its task.
    fn task(database: &Database, accuracy: f64) -> Task {
        let jobs = database.jobs();
        let work = json!({"condition": "metrics.accuracy > 0.85", "model_name": "churn",
            "alias": "champion"});
        let settings =
            json!({"tasks": [{"task_key": "r", "max_retries": 1, "register_task": work}]});
        let job = jobs.create(&settings.to_string()).unwrap();
        let run = jobs.run_now(job.id, &JobRunRequest::default()).unwrap();
        let trained = database.experiment("churn").unwrap().new_run();
        let trained = trained.tags([("mlflow.databricks.jobRunID", run.id.to_string())]);
        let trained = trained.start().unwrap();
        trained.log_metric("accuracy", accuracy, 0).unwrap();
        trained.log_bytes(b"weights", "model/weights").unwrap();
        trained.finish().unwrap();
        jobs.advance(1).unwrap().tasks.remove(0)
    }

    fn ended(database: &Database, task: &Task) -> Ended {
        register(database, task, task.task.work.register_task.as_ref().unwrap())
    }

    #[test]
    fn a_runner_that_died_after_the_registration_leaves_one_version() {
        let folder = tempfile::tempdir().unwrap();
        let database = Database::create(folder.path().join("runs.tracklite")).unwrap();
        let first = task(&database, 0.9);
        let before = ended(&database, &first);
        assert_eq!(before.result, JobResult::Success, "{}", before.message);
        // The end was not recorded, so another runner repeats the task.
        let mut died = Ended::default();
        died.message = "it died".to_owned();
        assert!(database.jobs().end_attempt(&first, &died).unwrap());
        let second = database.jobs().advance(1).unwrap().tasks.remove(0);
        assert_eq!((second.run, second.number), (first.run, 1));
        let after = ended(&database, &second);
        assert_eq!(after.output.values, before.output.values);
        let model = database.registry().model("churn").unwrap();
        assert_eq!(model.versions().unwrap().len(), 1);
        assert_eq!(model.info().unwrap().aliases["champion"], 1);
    }

    #[test]
    fn a_run_below_the_threshold_registers_nothing() {
        let folder = tempfile::tempdir().unwrap();
        let database = Database::create(folder.path().join("runs.tracklite")).unwrap();
        let ended = ended(&database, &task(&database, 0.5));
        assert_eq!(ended.result, JobResult::Success, "{}", ended.message);
        assert_eq!(ended.output.values["registered"], "false");
        assert!(database.registry().model("churn").is_err());
    }
}
