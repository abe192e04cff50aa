//! A server as a whole: it answers, keeps connections, and refuses what it does not know.

use crate::client::Served;

#[test]
fn one_connection_serves_many_requests() {
    let served = Served::new();
    let mut connection = served.connect();
    for _ in 0..3 {
        let answer = connection.send("GET", "/health", &[], b"");
        assert_eq!((answer.status, &answer.body[..]), (200, &b"OK"[..]));
        assert!(answer.header("x-databricks-org-id").is_some());
        let unknown = connection.send("GET", "/api/2.0/nothing", &[], b"");
        unknown.fails(404, "ENDPOINT_NOT_FOUND");
    }
    assert!(served.path.exists() && served.database.path().exists());
}

#[test]
fn a_head_has_no_body() {
    let served = Served::new();
    let mut connection = served.connect();
    assert_eq!(connection.send("HEAD", "/health", &[], b"").status, 200);
    assert_eq!(connection.send("GET", "/health", &[], b"").body, b"OK");
}

#[test]
fn json_is_sent_and_read() {
    let served = Served::new();
    let made = served.post("/api/2.0/mlflow/experiments/create", &serde_json::json!({"name": "a"}));
    let id = made.expect(200)["experiment_id"].as_str().unwrap().to_owned();
    let found = served.get(&format!("/api/2.0/mlflow/experiments/get?experiment_id={id}"));
    assert_eq!(found.expect(200)["experiment"]["name"], "a");
}
