//! Attacks that worked once.

use std::io::{Read as _, Write as _};
use std::net::TcpStream;
use std::thread::sleep;
use std::time::Duration;

use serde_json::json;
use tracklite::token::TokenScope;

use crate::client::Served;

const ME: &str = "/api/2.0/preview/scim/v2/Me";
const CREATE: &str = "/api/2.0/mlflow/experiments/create";

#[test]
fn the_end_of_the_last_token_does_not_open_the_file() {
    let served = Served::new();
    let made = served.database.new_token().user("ada").scope(TokenScope::Read).create();
    let (info, text) = made.unwrap();
    served.database.revoke_token(info.id).unwrap();
    sleep(Duration::from_millis(700));
    served.get(ME).fails(401, "UNAUTHENTICATED");
    let bearer = format!("Bearer {}", text.as_str());
    let headers = [("authorization", bearer.as_str())];
    served.send_with("GET", ME, &headers, b"").fails(401, "UNAUTHENTICATED");
    served.post("/api/2.0/token/create", &json!({})).fails(401, "UNAUTHENTICATED");
}

#[test]
fn the_body_of_a_get_is_not_read() {
    let served = Served::new();
    let mut connection = served.connect();
    // The body never comes.
    let target = "/.well-known/databricks-config";
    connection.head("GET", target, &[], Some(10_000_000));
    assert_eq!(connection.answer(false).status, 200);
}

#[test]
fn folders_and_parts_have_limits() {
    let served = Served::new();
    let deep = format!("/{}", "a/".repeat(60));
    let long = format!("/{}", "a".repeat(2000));
    for path in [deep, long] {
        let body = json!({"path": path});
        served.post("/api/2.0/workspace/mkdirs", &body).fails(400, "INVALID_PARAMETER_VALUE");
    }
    let run = served.database.default_experiment().unwrap().start_run("").unwrap().id();
    let path = format!("0/{run}/artifacts/large");
    let begun = served.post(
        &format!("/api/2.0/mlflow-artifacts/mpu/create/{path}"),
        &json!({"path": "large", "num_parts": 1}),
    );
    let begun = begun.expect(200);
    let upload = begun["upload_id"].as_str().unwrap().to_owned();
    let parts = json!([{"part_number": 1, "etag": "a"}, {"part_number": 1, "etag": "a"}]);
    let body = json!({"path": "large", "upload_id": upload, "parts": parts});
    let target = format!("/api/2.0/mlflow-artifacts/mpu/complete/{path}");
    let message = served.post(&target, &body).fails(400, "INVALID_PARAMETER_VALUE");
    assert!(message.contains("twice"), "{message}");
}

#[test]
fn pages_of_other_ports_are_strangers() {
    let served = Served::new();
    let body = b"{\"name\": \"/Shared/a\"}";
    for origin in ["http://localhost", "http://127.0.0.1:1", "http://6.6.6.6"] {
        let headers = [("origin", origin)];
        served.send_with("POST", CREATE, &headers, body).fails(403, "PERMISSION_DENIED");
    }
    // A page can send a body without a type to its own origin only, and needs no such body there.
    let own = format!("http://{}", served.host());
    let headers = [("origin", own.as_str())];
    served.send_with("POST", CREATE, &headers, body).fails(400, "INVALID_PARAMETER_VALUE");
    let headers = [("origin", own.as_str()), ("content-type", "application/json")];
    served.send_with("POST", CREATE, &headers, body).expect(200);
}

#[test]
fn a_path_that_is_not_text_is_an_error_in_json() {
    let served = Served::new();
    let answer = served.get("/api/2.0/mlflow/logged-models/%FF");
    answer.fails(400, "INVALID_PARAMETER_VALUE");
}

#[test]
fn a_query_cannot_cause_endless_calls() {
    let served = Served::new();
    let experiment = served.database.default_experiment().unwrap();
    for _ in 0..30 {
        experiment.start_run("").unwrap();
    }
    let versions: String = (0..60).map(|n| format!("a{n}: modelVersions {{ name }} ")).collect();
    let query = format!(
        "{{ mlflowSearchRuns(input: {{experimentIds: [\"0\"]}}) {{ runs {{ {versions} }} }} }}"
    );
    // Equal questions are asked once, so this is one call for each run.
    let answer = served.post("/graphql", &json!({"query": query})).expect(200);
    assert!(answer["errors"].is_null(), "{}", answer["errors"]);
    let input = "{experimentIds: [\"0\"]}";
    let root = |n| format!("r{n}: mlflowSearchRuns(input: {input}) {{ runs {{ {versions} }} }} ");
    let roots: String = (0..10).map(root).collect();
    served.post("/graphql", &json!({"query": format!("{{ {roots} }}")})).expect(200);
}

#[test]
fn a_client_that_never_reads_does_not_stop_others() {
    let served = Served::new();
    let mut silent = TcpStream::connect(served.host()).unwrap();
    let request = format!("GET /openapi.json HTTP/1.1\r\nhost: {}\r\n\r\n", served.host());
    silent.set_write_timeout(Some(Duration::from_millis(200))).unwrap();
    for _ in 0..2000 {
        if silent.write_all(request.as_bytes()).is_err() {
            break;
        }
    }
    assert_eq!(served.get("/health").status, 200);
    let mut byte = [0];
    silent.read_exact(&mut byte).unwrap();
}
