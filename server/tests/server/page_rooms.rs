//! Jobs, stored tables and endpoints of the page's API.

use serde_json::{Value, json};
use tracklite::endpoint::{EndpointSpec, ServedModel};
use tracklite::job::{Ended, JobResult, JobRunRequest};
use tracklite::table::{ColumnType, Table, TableSpec, Values};

use crate::client::Served;
use crate::frame::Frame;

const DAILY: &str = r#"{"name": "<b>daily", "tasks": [
    {"task_key": "train", "command_task": {"command": ["true"]}}],
    "schedule": {"quartz_cron_expression": "0 0 6 * * ?", "timezone_id": "America/New_York"}}"#;

#[test]
fn jobs_have_their_schedule_in_words_and_their_runs() {
    let served = Served::new();
    let jobs = served.database.jobs();
    let job = jobs.create(DAILY).unwrap();
    jobs.create(r#"{"tasks": [{"task_key": "a", "command_task": {"command": ["true"]}}]}"#)
        .unwrap();
    let run = jobs.run_now(job.id, &JobRunRequest::default()).unwrap();
    let listed = served.get("/api/v1/jobs").expect(200);
    let lines = listed["jobs"].as_array().unwrap();
    let daily = lines.iter().find(|line| line["id"] == job.id.get()).unwrap();
    assert_eq!(daily["name"], "<b>daily");
    assert_eq!(daily["words"], "at 06:00 every day");
    assert_eq!(daily["zone"], "America/New_York");
    assert_eq!((&daily["trigger"], &daily["paused"]), (&json!("cron"), &json!(false)));
    let next: Vec<i64> =
        daily["next"].as_array().unwrap().iter().map(|time| time.as_i64().unwrap()).collect();
    assert_eq!(next.len(), 5);
    assert!(next.windows(2).all(|pair| pair[0] < pair[1]), "{next:?}");
    assert_eq!(daily["runs"][0]["state"], "QUEUED");
    let other = lines.iter().find(|line| line["id"] != job.id.get()).unwrap();
    assert_eq!((&other["trigger"], &other["next"]), (&Value::Null, &json!([])));

    let task = jobs.advance(1).unwrap().tasks.remove(0);
    let running = served.get(&format!("/api/v1/jobs/{}", job.id)).expect(200);
    assert_eq!(running["job"]["runs"][0]["state"], "RUNNING");
    assert_eq!(running["job"]["runs"][0]["tasks"][0]["state"], "RUNNING");
    let mut ended = Ended::default();
    (ended.result, ended.message) = (JobResult::Failed, "exit code 3".to_owned());
    jobs.end_attempt(&task, &ended).unwrap();
    jobs.advance(1).unwrap();
    let found = served.get(&format!("/api/v1/jobs/{}", job.id)).expect(200);
    let line = &found["job"]["runs"][0];
    assert_eq!((&line["id"], &line["state"]), (&json!(run.id.get()), &json!("FAILED")));
    let task = &line["tasks"][0];
    assert_eq!((&task["key"], &task["message"]), (&json!("train"), &json!("exit code 3")));
    assert_eq!(found["settings"]["schedule"]["quartz_cron_expression"], "0 0 6 * * ?");
    assert_eq!(found["more"], false);
    for _ in 0..2 {
        jobs.run_now(job.id, &JobRunRequest::default()).unwrap();
    }
    let cut = served.get(&format!("/api/v1/jobs/{}?limit=2", job.id)).expect(200);
    assert_eq!((cut["job"]["runs"].as_array().unwrap().len(), &cut["more"]), (2, &json!(true)));
    served.get("/api/v1/jobs/99").fails(404, "RESOURCE_DOES_NOT_EXIST");
    served.get("/api/v1/jobs/x").fails(404, "RESOURCE_DOES_NOT_EXIST");
}

#[test]
fn a_paused_job_has_no_next_fires_and_a_change_is_reported() {
    let served = Served::new();
    let job = served.database.jobs().create(DAILY).unwrap();
    let before = served.get("/api/v1/file").expect(200)["position"].clone();
    let target = format!("/api/v1/jobs/{}/pause", job.id);
    let paused = served.post(&target, &json!({"paused": true})).expect(200);
    assert_eq!((&paused["paused"], &paused["next"]), (&json!(true), &json!([])));
    let since = before.as_str().unwrap();
    let change = served.get(&format!("/api/v1/changes?since={since}")).expect(200);
    assert_eq!((&change["registry"], &change["runs"]), (&json!(true), &json!(false)));
    let going = served.post(&target, &json!({"paused": false})).expect(200);
    assert_eq!(going["next"].as_array().unwrap().len(), 5);
    served.post(&target, &json!({})).fails(400, "INVALID_PARAMETER_VALUE");
}

fn features(served: &Served) -> String {
    let spec = TableSpec::new()
        .column("user", ColumnType::Long)
        .column("day", ColumnType::Date)
        .column("spend", ColumnType::Double)
        .column("name", ColumnType::String)
        .primary_key(["user"])
        .description("what **users** do");
    let users = served.database.tables().create("ml.features.users", &spec).unwrap();
    for base in [0_i64, 1] {
        let mut rows = Table::new();
        let ids: Vec<i64> = (0..300).map(|user| (1 << 60) + user).collect();
        rows.add_column("user", Values::from(ids)).unwrap();
        rows.add_column("spend", Values::from(vec![base as f64; 300])).unwrap();
        users.merge(&rows).unwrap();
    }
    "/api/v1/tables/ml.features.users".to_owned()
}

#[test]
fn tables_have_columns_versions_and_rows_by_window() {
    let served = Served::new();
    let target = features(&served);
    let listed = served.get("/api/v1/tables").expect(200);
    let line = &listed["tables"][0];
    assert_eq!((&line["name"], &line["version"]), (&json!("ml.features.users"), &json!(2)));
    assert_eq!((&line["key"], &line["timestamp"]), (&json!(["user"]), &Value::Null));
    assert_eq!(line["columns"][1], json!({"name": "day", "type": "date", "comment": null}));
    let found = served.get(&target).expect(200);
    let versions: Vec<u64> = found["writes"]
        .as_array()
        .unwrap()
        .iter()
        .map(|write| write["version"].as_u64().unwrap())
        .collect();
    assert_eq!(versions, [2, 1]);
    assert_eq!(found["writes"][0]["rows"], 300);

    let window = Frame::of(served.get(&format!("{target}/rows?offset=290")));
    assert_eq!(window.dict("user").len(), 10);
    // A number beyond 2^53 stays exact.
    assert_eq!(window.dict("user")[9], Some(((1_i64 << 60) + 299).to_string()));
    assert_eq!(window.f64_or_missing("spend")[0], Some(1.0));
    assert_eq!(window.f64_or_missing("day")[0], None);
    let earlier = Frame::of(served.get(&format!("{target}/rows?version=1&limit=2")));
    assert_eq!(earlier.f64("spend"), [0.0, 0.0]);
    let newest = Frame::of(served.get(&format!("{target}/rows?newest=true&limit=1")));
    assert_eq!(newest.dict("user")[0], Some(((1_i64 << 60) + 299).to_string()));
    let beyond = Frame::of(served.get(&format!("{target}/rows?offset=900")));
    assert!(beyond.dict("user").is_empty());
    served.get(&format!("{target}/rows?version=9")).fails(400, "INVALID_PARAMETER_VALUE");
    served.get(&format!("{target}/rows?offset=-1")).fails(400, "INVALID_PARAMETER_VALUE");
    served.get("/api/v1/tables/ml.features.none").fails(404, "RESOURCE_DOES_NOT_EXIST");
}

#[test]
fn an_endpoint_has_the_path_of_its_requests_and_the_logged_example() {
    let served = Served::new();
    let run = served.database.default_experiment().unwrap().start_run("training").unwrap();
    let example = r#"{"dataframe_records": [{"age": 35}]}"#;
    run.log_bytes(example.as_bytes(), "model/serving_input_example.json").unwrap();
    run.log_bytes(b"flavors: {}", "model/MLmodel").unwrap();
    let churn = served.database.registry().create_model("churn").unwrap();
    churn.new_version(&format!("runs:/{}/model", run.id())).run(run.id()).create().unwrap();
    let spec = EndpointSpec::new().serve(ServedModel::version("churn", 1));
    served.database.endpoints().create("churn-live", &spec).unwrap();
    let facts = served.get("/api/v1/endpoints/churn-live").expect(200);
    assert_eq!(facts["path"], "serving-endpoints/churn-live/invocations");
    assert_eq!(facts["example"], example);
    assert_eq!((&facts["table"], &facts["signature"]), (&Value::Null, &Value::Null));
    assert_eq!(facts["counters"], json!([]));
    let listed = served.get("/api/v1/endpoints").expect(200);
    assert_eq!(listed, json!({"endpoints": [{"name": "churn-live", "counters": []}]}));
    served.get("/api/v1/endpoints/none").fails(404, "RESOURCE_DOES_NOT_EXIST");
}
