//! The rights of callers: tokens, scopes, names and origins.

use std::sync::{Arc, Mutex};
use std::thread::sleep;
use std::time::{Duration, Instant};

use serde_json::json;
use tracklite::token::TokenScope;
use tracklite::{Database, ErrorKind};
use tracklite_server::Server;

use crate::client::Served;

const ME: &str = "/api/2.0/preview/scim/v2/Me";
const CREATE: &str = "/api/2.0/mlflow/experiments/create";

/// Creates a token in the file, with a pepper of the test's own.
fn token(served: &Served, user: &str, scope: TokenScope) -> (String, tracklite::token::TokenId) {
    let token = served.database.new_token().user(user).scope(scope).create();
    let (info, text) = token.expect("a token can be created");
    (text.as_str().to_owned(), info.id)
}

fn bearer(token: &str) -> String {
    format!("Bearer {token}")
}

#[test]
fn without_tokens_in_the_file_none_is_asked() {
    let served = Served::new();
    assert_eq!(served.get(ME).status, 200);
    // Programs that are written for Databricks always send one.
    let headers = [("authorization", "Bearer anything")];
    assert_eq!(served.send_with("GET", ME, &headers, b"").status, 200);
}

#[test]
fn a_token_decides_about_reading_writing_and_tokens() {
    let served = Served::new();
    let (read, _) = token(&served, "rita", TokenScope::Read);
    let (write, _) = token(&served, "will", TokenScope::Write);
    let (admin, _) = token(&served, "ada", TokenScope::Admin);
    sleep(Duration::from_secs(1));
    served.get(ME).fails(401, "UNAUTHENTICATED");
    for (token, user, may_write, may_admin) in
        [(&read, "rita", false, false), (&write, "will", true, false), (&admin, "ada", true, true)]
    {
        let bearer = bearer(token);
        let headers = [("authorization", bearer.as_str())];
        let me = served.send_with("GET", ME, &headers, b"").expect(200);
        assert_eq!(me["userName"], user);
        let body = json!({"name": format!("/Shared/{user}")}).to_string();
        let created = served.send_with("POST", CREATE, &headers, body.as_bytes());
        assert_eq!(created.status, if may_write { 200 } else { 403 }, "{user}");
        let listed = served.send_with("GET", "/api/2.0/token/list", &headers, b"");
        assert_eq!(listed.status, if may_admin { 200 } else { 403 }, "{user}");
    }
}

#[test]
fn wrong_tokens_are_refused_alike() {
    let served = Served::new();
    let (good, id) = token(&served, "ada", TokenScope::Admin);
    sleep(Duration::from_secs(1));
    let mut forged = good.clone();
    let last = if forged.pop() == Some('0') { '1' } else { '0' };
    forged.push(last);
    let unknown = good.replacen(&id.to_string(), "0000000000000000", 1);
    let mut messages = Vec::new();
    for text in [forged.as_str(), unknown.as_str(), "anything", "tlk_", ""] {
        let bearer = bearer(text);
        let answer = served.send_with("GET", ME, &[("authorization", bearer.as_str())], b"");
        let message = answer.fails(401, "UNAUTHENTICATED");
        assert!(!message.contains(&good), "{message}");
        messages.push(message);
    }
    // The first three have the form of a request with a token.
    messages.truncate(3);
    messages.dedup();
    assert_eq!(messages.len(), 1, "{messages:?}");
    let headers = [("authorization", "Basic Og==")];
    served.send_with("GET", ME, &headers, b"").fails(401, "UNAUTHENTICATED");
}

#[test]
fn a_revoked_token_is_refused_within_a_second() {
    let served = Served::new();
    let (text, id) = token(&served, "ada", TokenScope::Admin);
    // Another one stays, so that the server continues to ask for tokens.
    let (_other, _) = token(&served, "eve", TokenScope::Read);
    sleep(Duration::from_secs(1));
    let bearer = bearer(&text);
    let headers = [("authorization", bearer.as_str())];
    assert_eq!(served.send_with("GET", ME, &headers, b"").status, 200);
    let other = Database::open(&served.path).expect("another process may open the file");
    other.revoke_token(id).expect("it can be revoked");
    let began = Instant::now();
    while served.send_with("GET", ME, &headers, b"").status == 200 {
        assert!(began.elapsed() < Duration::from_secs(1), "it still works");
    }
}

#[test]
fn the_sdk_calls_for_tokens_work() {
    let served = Served::new();
    let body = json!({"comment": "ci", "lifetime_seconds": 60});
    let made = served.post("/api/2.0/token/create", &body).expect(200);
    let bearer = bearer(made["token_value"].as_str().expect("a text"));
    let headers = [("authorization", bearer.as_str())];
    sleep(Duration::from_secs(1));
    let listed = served.send_with("GET", "/api/2.0/token/list", &headers, b"").expect(200);
    assert_eq!(listed["token_infos"][0]["comment"], "ci");
    assert_eq!(listed["token_infos"][0]["token_id"], made["token_info"]["token_id"]);
    assert!(listed.to_string().find("token_value").is_none());
    let body = json!({"token_id": made["token_info"]["token_id"]}).to_string();
    served.send_with("POST", "/api/2.0/token/delete", &headers, body.as_bytes()).expect(200);
}

#[test]
fn a_server_of_its_own_token_asks_for_it() {
    let served = Served::with(|server| server.token("tlk_own"));
    served.get(ME).fails(401, "UNAUTHENTICATED");
    let good = [("authorization", "Bearer tlk_own")];
    assert_eq!(served.send_with("GET", ME, &good, b"").status, 200);
    let wrong = [("authorization", "Bearer tlk_owm")];
    served.send_with("GET", ME, &wrong, b"").fails(401, "UNAUTHENTICATED");
    // Clients ask for these before they sign in.
    assert_eq!(served.get("/.well-known/databricks-config").status, 200);
    assert_eq!(served.get("/health").status, 200);
    served.get("/metrics").fails(401, "UNAUTHENTICATED");
    served.get("/openapi.json").expect(200);
}

#[test]
fn a_wrong_token_is_refused_before_the_body_is_read() {
    let served = Served::with(|server| server.token("tlk_own"));
    let mut connection = served.connect();
    // The body never comes.
    connection.head("POST", CREATE, &[("authorization", "Bearer wrong")], Some(1_000_000));
    assert_eq!(connection.answer(false).status, 401);
}

#[test]
fn other_names_and_origins_are_refused_on_every_route() {
    let served = Served::new();
    let own = format!("http://{}", served.host());
    for target in ["/health", "/metrics", "/openapi.json", "/", "/graphql", ME, "/nothing"] {
        let evil = [("host", "evil.example")];
        served.send_with("GET", target, &evil, b"").fails(403, "PERMISSION_DENIED");
        for origin in ["http://evil.example", "null"] {
            let foreign = [("origin", origin)];
            served.send_with("GET", target, &foreign, b"").fails(403, "PERMISSION_DENIED");
        }
        let same = served.send_with("GET", target, &[("origin", own.as_str())], b"");
        assert_ne!(same.status, 403, "{target}");
    }
    // A request to a proxy has a name in its address, which must be that of this server too.
    let here = format!("{own}/health");
    assert_eq!(served.get(&here).status, 200);
    for address in ["http://evil.example/health", "http://evil.example:80/nothing"] {
        served.get(address).fails(403, "PERMISSION_DENIED");
    }
    let proxied = Served::with(|server| server.allow_host("runs.example"));
    let name = [("host", "runs.example")];
    assert_eq!(proxied.send_with("GET", "/health", &name, b"").status, 200);
}

#[test]
fn forms_of_web_pages_are_refused() {
    let served = Served::new();
    for kind in ["text/plain", "application/x-www-form-urlencoded", "multipart/form-data; a=b"] {
        let headers = [("content-type", kind)];
        let answer = served.send_with("POST", CREATE, &headers, b"{\"name\": \"a\"}");
        answer.fails(400, "INVALID_PARAMETER_VALUE");
    }
    assert!(served.database.find_experiment("a").expect("a search").is_none());
}

#[test]
fn other_machines_are_not_served_without_tokens() {
    let folder = tempfile::tempdir().expect("a folder");
    let builder = Database::builder().create(true).pepper_file(folder.path().join("pepper"));
    let database = builder.open(folder.path().join("runs.tracklite")).expect("a file");
    let server = |database: &Database| Server::builder(database.clone()).host("0.0.0.0").port(0);
    let Err(error) = server(&database).start() else { panic!("it started") };
    assert_eq!(error.kind(), ErrorKind::InvalidInput, "{error}");
    assert!(error.to_string().contains("token create"), "{error}");
    server(&database).unsafe_without_tokens().start().expect("it was asked to").stop();
    database.new_token().user("ada").scope(TokenScope::Read).create().expect("a token");
    server(&database).start().expect("there is a token").stop();
}

#[test]
fn the_log_has_a_line_for_each_request_and_no_secret() {
    let lines = Arc::new(Mutex::new(Vec::<String>::new()));
    let seen = Arc::clone(&lines);
    let served = Served::with(move |server| {
        server.token("tlk_secret").log(move |line| seen.lock().expect("a lock").push(line.into()))
    });
    let headers = [("authorization", "Bearer tlk_secret"), ("x-request-id", "abc-1")];
    let target = format!("{ME}?token=tlk_secret");
    let answer = served.send_with("GET", &target, &headers, b"");
    assert_eq!(answer.header("x-request-id"), Some("abc-1"));
    let bad = [("x-request-id", "a\tb")];
    let answer = served.send_with("GET", "/health", &bad, b"");
    assert_ne!(answer.header("x-request-id"), Some("a\tb"));
    let wrong = [("authorization", "Bearer tlk_secret_wrong")];
    served.send_with("GET", ME, &wrong, b"");
    drop(served);
    let lines = lines.lock().expect("a lock");
    assert_eq!(lines.len(), 3);
    let first: serde_json::Value = serde_json::from_str(&lines[0]).expect("JSON");
    assert_eq!((&first["id"], &first["status"]), (&json!("abc-1"), &json!(200)));
    assert_eq!(first["path"], ME);
    assert!(lines.iter().all(|line| !line.contains("tlk_")), "{lines:?}");
}
