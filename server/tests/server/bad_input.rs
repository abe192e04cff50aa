//! Requests that are broken on purpose: each is an error in JSON, and the server continues.

use std::io::{Read as _, Write as _};
use std::net::TcpStream;
use std::time::Duration;

use serde_json::json;
use tracklite::Database;
use tracklite_server::Server;

use crate::client::Served;

const CREATE: &str = "/api/2.0/mlflow/experiments/create";
const LOG: &str = "/api/2.0/mlflow/runs/log-metric";

/// The statuses that clients of Databricks repeat for minutes.
const REPEATED: [u16; 6] = [405, 413, 415, 422, 429, 503];

#[test]
fn unknown_routes_and_methods_are_errors_in_json() {
    let served = Served::new();
    for (method, target) in [
        ("GET", "/api/2.0/nothing"),
        ("POST", "/nothing/at/all"),
        ("DELETE", "/api/2.0/mlflow/experiments/get?experiment_id=0"),
        ("PUT", "/health"),
        ("PATCH", "/.well-known/databricks-config"),
        ("POST", "/api/2.0/mlflow/traces"),
        ("GET", "/api/2.0/clusters/list"),
        ("BREW", "/health"),
    ] {
        let message = served.send(method, target, b"").fails(404, "ENDPOINT_NOT_FOUND");
        assert!(message.contains(method), "{message}");
    }
    // The answer to HEAD has no body.
    assert_eq!(served.send("HEAD", "/nothing", b"").status, 404);
    assert_eq!(served.get("/health").status, 200);
}

#[test]
fn broken_json_is_an_error_of_the_caller() {
    let served = Served::new();
    let deep = format!("{}{}", "{\"a\":".repeat(20_000), "1");
    let bodies: [&[u8]; 10] = [
        b"{",
        b"[]",
        b"3",
        b"\"text\"",
        b"{\"name\": \"a\"",
        b"{\"name\": }",
        b"{\"name\": \"\xff\"}",
        b"{\"name\": \"\\ud800\"}",
        b"\x00\x01\x02",
        deep.as_bytes(),
    ];
    for body in bodies {
        let answer = served.send("POST", CREATE, body);
        assert_eq!(
            answer.status,
            400,
            "{:?}",
            String::from_utf8_lossy(&body[..body.len().min(40)])
        );
        assert!(!answer.json()["error_code"].is_null());
    }
    // A broken body that declares itself as JSON of another kind is read as JSON all the same.
    served.send("POST", CREATE, b"{\"name\": \"/Shared/good\"}").expect(200);
}

#[test]
fn numbers_that_do_not_fit_are_errors() {
    let served = Served::new();
    let run =
        served.post("/api/2.0/mlflow/runs/create", &json!({"experiment_id": "0"})).expect(200);
    let run = run["run"]["info"]["run_id"].as_str().expect("an id").to_owned();
    for (value, time, step) in [
        ("1e999", "1", "1"),
        ("1", "99999999999999999999999", "1"),
        ("1", "1", "9223372036854775808"),
        ("1", "1.5", "1"),
        ("\"x\"", "1", "1"),
        ("null", "1", "1"),
        ("true", "1", "1"),
        ("1", "-1", "1"),
        ("[1]", "1", "1"),
    ] {
        let body = format!(
            "{{\"run_id\": \"{run}\", \"key\": \"m\", \"value\": {value}, \"timestamp\": {time}, \
             \"step\": {step}}}"
        );
        let answer = served.send("POST", LOG, body.as_bytes());
        assert_eq!(answer.status, 400, "{body}");
    }
    for value in ["NaN", "Infinity", "-Infinity", "\"NaN\"", "1e308", "\"1\"", "-0.0"] {
        let body = format!(
            "{{\"run_id\": \"{run}\", \"key\": \"m\", \"value\": {value}, \"timestamp\": \"1\"}}"
        );
        served.send("POST", LOG, body.as_bytes()).expect(200);
    }
}

#[test]
fn a_body_that_is_too_large_or_ends_early_is_refused() {
    let served = Served::new();
    let mut connection = served.connect();
    connection.head("POST", CREATE, &[], Some(17 * 1024 * 1024));
    let answer = connection.answer(false);
    assert!(!REPEATED.contains(&answer.status), "{}", answer.status);
    assert_eq!(answer.status, 400);
    let mut chunked = served.connect();
    chunked.head("POST", CREATE, &[("transfer-encoding", "chunked")], None);
    let block = vec![b' '; 1024 * 1024];
    for _ in 0..18 {
        chunked.write(b"100000\r\n");
        chunked.write(&block);
        chunked.write(b"\r\n");
    }
    assert_eq!(chunked.answer(false).status, 400);
    let mut half = TcpStream::connect(served.host()).expect("a connection");
    let head = format!(
        "POST {CREATE} HTTP/1.1\r\nhost: {}\r\ncontent-length: 100\r\n\r\n{{\"name\"",
        served.host()
    );
    half.write_all(head.as_bytes()).expect("it is sent");
    half.shutdown(std::net::Shutdown::Write).expect("it is closed");
    let mut answer = String::new();
    half.set_read_timeout(Some(Duration::from_secs(10))).expect("a limit");
    let _ = half.read_to_string(&mut answer);
    assert!(answer.is_empty() || answer.starts_with("HTTP/1.1 400"), "{answer}");
    assert_eq!(served.database.experiments().expect("a list").len(), 1);
}

#[test]
fn heads_that_are_not_http_are_refused() {
    let served = Served::new();
    let many = "a: b\r\n".repeat(200);
    let long = format!("GET /{} HTTP/1.1\r\nhost: {}\r\n\r\n", "a".repeat(40_000), served.host());
    let heads = [
        "nonsense\r\n\r\n".to_owned(),
        "GET /health HTTP/1.1\r\n\r\n".to_owned(),
        format!("GET /health HTTP/1.1\r\nhost: {}\r\n{many}\r\n", served.host()),
        format!(
            "POST {CREATE} HTTP/1.1\r\nhost: {0}\r\ncontent-length: 2\r\ncontent-length: 3\r\n\r\n\
             {{}}",
            served.host()
        ),
        long,
        format!(
            "GET /health HTTP/1.1\r\nhost: {}\r\nx: {}\r\n\r\n",
            served.host(),
            "a".repeat(100_000)
        ),
    ];
    for head in heads {
        let mut stream = TcpStream::connect(served.host()).expect("a connection");
        stream.set_read_timeout(Some(Duration::from_secs(10))).expect("a limit");
        let _ = stream.write_all(head.as_bytes());
        let mut answer = vec![0; 4096];
        let read = stream.read(&mut answer).unwrap_or(0);
        let answer = String::from_utf8_lossy(&answer[..read]);
        let shown = &head[..head.len().min(60)];
        assert!(answer.is_empty() || answer.starts_with("HTTP/1.1 4"), "{shown:?}: {answer}");
    }
    assert_eq!(served.get("/health").status, 200);
}

#[test]
fn a_port_that_is_taken_and_a_host_that_is_unknown_are_errors() {
    let served = Served::new();
    let port = served.host().rsplit(':').next().and_then(|port| port.parse().ok()).expect("a port");
    let server = Server::builder(served.database.clone()).port(port).start();
    let Err(error) = server else { panic!("two servers have one port") };
    assert!(error.to_string().contains("port 0"), "{error}");
    let server = Server::builder(served.database.clone()).host("no.such.host.invalid").port(0);
    assert!(server.start().is_err());
}

#[test]
fn a_file_that_is_open_read_only_is_served_and_not_changed() {
    let folder = tempfile::tempdir().expect("a folder");
    let path = folder.path().join("runs.tracklite");
    Database::create(&path).expect("a file").close().expect("it closes");
    let database = Database::open_read_only(&path).expect("it opens");
    let server = Server::builder(database).port(0).start().expect("it starts");
    let url = server.url().strip_prefix("http://").expect("an address").to_owned();
    let ask = |request: String| {
        let mut stream = TcpStream::connect(&url).expect("a connection");
        stream.write_all(request.as_bytes()).expect("it is sent");
        let mut answer = String::new();
        stream.read_to_string(&mut answer).expect("an answer");
        answer
    };
    let read = format!(
        "GET /api/2.0/mlflow/experiments/get?experiment_id=0 HTTP/1.1\r\nhost: {url}\r\n\
         connection: close\r\n\r\n"
    );
    assert!(ask(read).starts_with("HTTP/1.1 200"));
    let write = format!(
        "POST {CREATE} HTTP/1.1\r\nhost: {url}\r\nconnection: close\r\ncontent-length: 13\r\n\r\n\
         {{\"name\": \"a\"}}"
    );
    let answer = ask(write);
    assert!(answer.starts_with("HTTP/1.1 403") && answer.contains("PERMISSION_DENIED"), "{answer}");
    server.stop();
}

#[test]
fn a_request_that_is_being_answered_survives_the_stop() {
    let served = Served::new();
    let mut connection = served.connect();
    connection.head("POST", CREATE, &[], Some(13));
    std::thread::sleep(Duration::from_millis(200));
    std::thread::scope(|scope| {
        let stopping = scope.spawn(move || {
            let database = served.database.clone();
            drop(served);
            database
        });
        std::thread::sleep(Duration::from_millis(200));
        connection.write(b"{\"name\": \"a\"}");
        connection.answer(false).expect(200);
        let database = stopping.join().expect("it stops");
        assert!(database.find_experiment("a").expect("a search").is_some());
    });
}
