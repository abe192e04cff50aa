//! Runs: what clients leave out when they start one.

use serde_json::json;

use crate::client::Served;

const CREATE: &str = "/api/2.0/mlflow/runs/create";

#[test]
fn a_run_without_an_experiment_belongs_to_the_default_one() {
    let served = Served::new();
    let started = served.post(CREATE, &json!({})).expect(200);
    assert_eq!(started["run"]["info"]["experiment_id"], "0");
    // Null counts as a missing body.
    let json = ("content-type", "application/json");
    let started = served.send_with("POST", CREATE, &[json], b"null").expect(200);
    assert_eq!(started["run"]["info"]["experiment_id"], "0");
    // MLflow sends this text to Databricks if no experiment is set.
    let body = json!({"experiment_id": "None"}).to_string();
    let agent = ("user-agent", "unknown/0.0.0 databricks-sdk-py/0.162.0");
    let started = served.send_with("POST", CREATE, &[agent, json], body.as_bytes()).expect(200);
    assert_eq!(started["run"]["info"]["experiment_id"], "0");
    served
        .send_with("POST", CREATE, &[json], body.as_bytes())
        .fails(400, "INVALID_PARAMETER_VALUE");
}

#[test]
fn a_version_in_a_catalog_names_the_experiment_of_its_run() {
    let served = Served::new();
    let experiment = served.database.create_experiment("/Shared/churn").unwrap();
    let run = experiment.start_run("").unwrap().id().to_string();
    let route = |name: &str| format!("/api/2.0/mlflow/unity-catalog/{name}");
    let name = "ml.prod.churn";
    served.post(&route("registered-models/create"), &json!({"name": name})).expect(200);
    let found = |run: &str| {
        let new = json!({"name": name, "source": format!("s3://{run}"), "run_id": run});
        let made = served.post(&route("model-versions/create"), &new).expect(200);
        let version = made["model_version"]["version"].as_str().unwrap();
        let get = route(&format!("model-versions/get?name={name}&version={version}"));
        let version = served.get(&get).expect(200)["model_version"].clone();
        assert_eq!(version["run_id"], run);
        version["run_experiment_id"].clone()
    };
    assert_eq!(found(&run), experiment.id().to_string());
    // The run may be of another workspace.
    assert_eq!(found("elsewhere"), json!(null));
}
