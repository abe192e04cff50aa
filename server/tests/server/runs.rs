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
