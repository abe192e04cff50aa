//! The queries of MLflow's web page.

use serde_json::{Value, json};

use crate::client::Served;

fn run(served: &Served) -> String {
    let body = json!({"experiment_id": "0", "run_name": "r", "start_time": 1});
    let made = served.post("/api/2.0/mlflow/runs/create", &body).expect(200);
    let run = made["run"]["info"]["run_id"].as_str().expect("an id").to_owned();
    let metrics = json!([
        {"key": "m", "value": 0.5, "timestamp": 1, "step": 0},
        {"key": "n", "value": "NaN", "timestamp": 1, "step": 0},
    ]);
    let body = json!({"run_id": run, "metrics": metrics, "tags": [{"key": "t", "value": "v"}]});
    served.post("/api/2.0/mlflow/runs/log-batch", &body).expect(200);
    run
}

fn ask(served: &Served, query: &str, variables: &Value) -> Value {
    let body = json!({"query": query, "variables": variables, "operationName": "Q"});
    served.post("/graphql", &body).expect(200)
}

#[test]
fn the_queries_of_a_run_page_are_answered() {
    let served = Served::new();
    let run = run(&served);
    let query = "query Q($data: MlflowGetRunInput!) @component(name: \"MLflow.Run\") {
        mlflowGetRun(input: $data) {
            apiError { code helpUrl message __typename }
            run {
                info { runName status runUuid startTime endTime __typename }
                experiment { experimentId name tags { key value } }
                modelVersions { name version }
                ...Data
                __typename
            }
        }
    }
    fragment Data on MlflowRun { data { metrics { key value step } tags { key value } } }";
    let answer = ask(&served, query, &json!({"data": {"runId": run}}));
    assert_eq!(answer["errors"], Value::Null, "{answer}");
    let found = &answer["data"]["mlflowGetRun"];
    assert_eq!(found["apiError"], Value::Null);
    let found = &found["run"];
    let info = json!({
        "runName": "r",
        "status": "RUNNING",
        "runUuid": run,
        "startTime": "1",
        "endTime": null,
        "__typename": "MlflowRunInfo",
    });
    assert_eq!(found["info"], info);
    assert_eq!(found["experiment"]["experimentId"], "0");
    assert_eq!(found["modelVersions"], json!([]));
    let metrics = json!([
        {"key": "m", "value": 0.5, "step": "0"},
        {"key": "n", "value": null, "step": "0"},
    ]);
    assert_eq!(found["data"]["metrics"], metrics);
}

#[test]
fn searches_and_histories_are_answered() {
    let served = Served::new();
    let run = run(&served);
    let query = "query Q($d: MlflowSearchRunsInput!) {
        found: mlflowSearchRuns(input: $d) { runs { info { runId } } nextPageToken }
        mlflowGetMetricHistoryBulkInterval(input: {runIds: [\"x\"], metricKey: \"m\"}) {
            metrics { runId step }
        }
    }";
    let variables =
        json!({"d": {"experimentIds": ["0"], "filter": "metrics.m > 0", "maxResults": 1}});
    let answer = ask(&served, query, &variables);
    assert_eq!(answer["errors"], Value::Null, "{answer}");
    assert_eq!(answer["data"]["found"]["runs"][0]["info"]["runId"], run.as_str());
    assert_eq!(answer["data"]["mlflowGetMetricHistoryBulkInterval"]["metrics"], json!([]));
}

#[test]
fn wrong_queries_are_errors_in_the_answer() {
    let served = Served::new();
    for query in [
        "query Q { nothing { a } }",
        "query Q { mlflowGetRun(input: {runId: \"x\"}) { run { info { runId } } } }",
        "query Q { mlflowGetRun(input: {runId: \"x\"}) { nothing } }",
        "query Q {",
        "mutation Q { a }",
    ] {
        let answer = ask(&served, query, &json!({}));
        assert!(answer["errors"][0].is_string(), "{query}: {answer}");
    }
    served.post("/graphql", &json!({"variables": {}})).fails(400, "INVALID_PARAMETER_VALUE");
}
