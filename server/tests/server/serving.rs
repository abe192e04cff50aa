//! Serving endpoints over HTTP, with the substitute for MLflow of the member `serve`.

use std::os::unix::fs::PermissionsExt as _;
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use serde_json::{Value, json};
use tempfile::TempDir;
use tracklite::Database;
use tracklite::token::TokenScope;
use tracklite_server::ServerBuilder;

use crate::client::{Answer, Served};

pub(crate) const ENDPOINTS: &str = "/api/2.0/serving-endpoints";
pub(crate) const JSON: (&str, &str) = ("content-type", "application/json");

/// Makes a Python with the substitute for MLflow.
pub(crate) fn python(folder: &Path) -> PathBuf {
    let places = std::env::var_os("PATH").unwrap_or_default();
    let found = std::env::split_paths(&places).map(|place| place.join("python3"));
    let python = { found }.find(|place| place.is_file()).expect("the tests need python3");
    let substitute = Path::new(env!("CARGO_MANIFEST_DIR")).join("../serve/tests/serve/substitute");
    let script = format!(
        "#!/bin/sh\nPYTHONPATH='{}' PYTHONDONTWRITEBYTECODE=1 exec '{}' \"$@\"\n",
        substitute.display(),
        python.display()
    );
    let path = folder.join("python");
    std::fs::write(&path, script).unwrap();
    std::fs::set_permissions(&path, std::fs::Permissions::from_mode(0o755)).unwrap();
    path
}

/// Starts a server over a file with this number of versions of the model `churn`.
pub(crate) fn served(versions: u64) -> (Served, TempDir) {
    served_with(versions, |builder| builder)
}

/// Starts such a server with other settings.
pub(crate) fn served_with(
    versions: u64,
    change: impl FnOnce(ServerBuilder) -> ServerBuilder,
) -> (Served, TempDir) {
    let folder = tempfile::tempdir().unwrap();
    let python = python(folder.path());
    let served = Served::with(|builder| change(builder.python(python)));
    (1..=versions).for_each(|label| add_version(&served.database, label));
    (served, folder)
}

fn add_version(database: &Database, label: u64) {
    add(database, &json!({"label": label.to_string()}));
}

/// Adds a version with these facts.
pub(crate) fn add(database: &Database, facts: &Value) {
    let registry = database.registry();
    let model = registry.model("churn").or_else(|_| registry.create_model("churn")).unwrap();
    let version = model.new_version("s3://models/churn").files_follow().create().unwrap();
    version.artifacts().log_text(&facts.to_string(), "MLmodel").unwrap();
    version.finalize(None).unwrap();
}

pub(crate) fn config(version: &str) -> Value {
    let served = json!({"entity_name": "churn", "entity_version": version});
    json!({"name": "e", "served_entities": [served]})
}

fn with_lane(version: &str, lane: &str) -> Value {
    let mut config = config(version);
    config["served_entities"][0]["lane"] = json!(lane);
    config
}

/// Polls an endpoint as the SDK does, until no update is in progress.
pub(crate) fn settled(served: &Served) -> Value {
    let began = Instant::now();
    loop {
        let found = served.get(&format!("{ENDPOINTS}/e")).json();
        if found["state"]["config_update"] != "IN_PROGRESS" {
            return found;
        }
        assert!(began.elapsed() < Duration::from_secs(60), "{found}");
        std::thread::sleep(Duration::from_millis(20));
    }
}

pub(crate) fn invoke(served: &Served, body: &Value, headers: &[(&str, &str)]) -> Answer {
    let headers = [&[JSON], headers].concat();
    let target = "/serving-endpoints/e/invocations";
    served.send_with("POST", target, &headers, body.to_string().as_bytes())
}

#[test]
fn an_endpoint_is_created_asked_updated_and_deleted() {
    let (served, _folder) = served(2);
    let created = served.post(
        ENDPOINTS,
        &json!({"name": "e", "config": config("1"),
        "tags": [{"key": "team", "value": "growth"}]}),
    );
    let (status, body) = (created.status, created.json());
    assert_eq!((status, &body["name"]), (200, &json!("e")), "{body}");
    assert_eq!(body["state"], json!({"ready": "NOT_READY", "config_update": "IN_PROGRESS"}));
    assert!(body["config"].is_null() && body["pending_config"]["start_time"].is_i64(), "{body}");
    assert_eq!(body["id"].as_str().unwrap().len(), 32);

    let found = settled(&served);
    assert_eq!(found["state"], json!({"ready": "READY", "config_update": "NOT_UPDATING"}));
    assert!(found["pending_config"].is_null() && found["config"]["config_version"] == 1);
    let item = &found["config"]["served_entities"][0];
    assert_eq!(&found["config"]["served_models"][0], item);
    assert_eq!((&item["name"], &item["entity_version"]), (&json!("churn-1"), &json!("1")));
    assert_eq!(item["state"]["deployment"], "DEPLOYMENT_READY");
    assert_eq!(found["config"]["traffic_config"]["routes"][0]["traffic_percentage"], 100);
    assert_eq!(found["tags"], json!([{"key": "team", "value": "growth"}]));

    let answer = invoke(&served, &json!(["echo", 5]), &[]);
    assert_eq!((answer.status, answer.json()), (200, json!(["1", 5])));
    assert_eq!(answer.header("served-model-name"), Some("churn-1"));
    assert_eq!(answer.header("served-model-version"), Some("1"));

    let target = format!("{ENDPOINTS}/e/config");
    let body = with_lane("2", "native").to_string();
    let updated = served.send_with("PUT", &target, &[JSON], body.as_bytes());
    assert_eq!(updated.status, 200, "{:?}", updated.json());
    let found = settled(&served);
    assert_eq!(found["config"]["config_version"], 2);
    assert!(item["lane"].is_null(), "the default is not named: {item}");
    assert_eq!(found["config"]["served_entities"][0]["lane"], "native");
    assert_eq!(invoke(&served, &json!(["echo", 5]), &[]).json(), json!(["2", 5]));
    // MLflow's client of deployments lists with a slash at the end.
    assert_eq!(served.get(&format!("{ENDPOINTS}/")).json()["endpoints"][0]["name"], "e");

    assert_eq!(served.send("DELETE", &format!("{ENDPOINTS}/e"), b"").status, 200);
    assert_eq!(served.get(&format!("{ENDPOINTS}/e")).status, 404);
    let began = Instant::now();
    while invoke(&served, &json!(["echo", 5]), &[]).status != 404 {
        assert!(began.elapsed() < Duration::from_secs(10));
    }
    assert_eq!(served.get(ENDPOINTS).json(), json!({"endpoints": []}));
}

#[test]
fn mistakes_have_codes_that_clients_do_not_repeat() {
    let (served, _folder) = served(1);
    for (config, status, code) in [
        (config("7"), 404, "RESOURCE_DOES_NOT_EXIST"),
        (config("@nobody"), 400, "INVALID_PARAMETER_VALUE"),
        (config("x"), 400, "INVALID_PARAMETER_VALUE"),
        (with_lane("1", "fast"), 400, "INVALID_PARAMETER_VALUE"),
        (json!({"name": "e"}), 400, "INVALID_PARAMETER_VALUE"),
        (json!({"served_entities": "churn"}), 400, "INVALID_PARAMETER_VALUE"),
    ] {
        let refused = served.post(ENDPOINTS, &json!({"name": "e", "config": config}));
        assert_eq!((refused.status, &refused.json()["error_code"]), (status, &json!(code)));
    }
    let unknown = invoke(&served, &json!(["echo", 1]), &[]);
    assert_eq!(
        (unknown.status, unknown.json()["error_code"].as_str().unwrap()),
        (404, "RESOURCE_DOES_NOT_EXIST")
    );
    let new = json!({"name": "e", "config": config("1")});
    assert_eq!(served.post(ENDPOINTS, &new).status, 200);
    let early = invoke(&served, &json!(["echo", 1]), &[]);
    assert_eq!((early.status, &early.json()["error_code"]), (400, &json!("INVALID_STATE")));
    let again = served.post(ENDPOINTS, &new);
    assert_eq!(
        (again.status, &again.json()["error_code"]),
        (400, &json!("RESOURCE_ALREADY_EXISTS"))
    );
    let body = config("1").to_string();
    let target = format!("{ENDPOINTS}/e/config");
    let during = served.send_with("PUT", &target, &[JSON], body.as_bytes());
    assert_eq!((during.status, &during.json()["error_code"]), (409, &json!("RESOURCE_CONFLICT")));
    settled(&served);
    let large = served.send_with(
        "POST",
        "/serving-endpoints/e/invocations",
        &[JSON],
        &vec![b' '; 16 * 1024 * 1024 + 1],
    );
    assert_eq!(large.status, 400);
    let other = served.send("POST", "/serving-endpoints/e/invocations", b"{}");
    assert_eq!((other.status, other.header("content-type")), (415, Some("text/plain")));
    let crashed = invoke(&served, &json!(["kill", 9]), &[]);
    assert_eq!((crashed.status, &crashed.json()["error_code"]), (500, &json!("INTERNAL_ERROR")));
}

#[test]
fn only_admins_deploy_and_readers_may_ask() {
    let (served, _folder) = served(1);
    let token = |scope| {
        let (_, text) = served.database.new_token().scope(scope).create().unwrap();
        format!("Bearer {}", text.as_str())
    };
    let (read, write) = (token(TokenScope::Read), token(TokenScope::Write));
    let admin = token(TokenScope::Admin);
    let body = json!({"name": "e", "config": config("1")}).to_string();
    let create = |token: &str| {
        let headers = [JSON, ("authorization", token)];
        served.send_with("POST", ENDPOINTS, &headers, body.as_bytes()).status
    };
    assert_eq!((create(&read), create(&write)), (403, 403));
    assert_eq!(served.send("POST", ENDPOINTS, body.as_bytes()).status, 401);
    assert_eq!(create(&admin), 200);
    let began = Instant::now();
    loop {
        let answer = invoke(&served, &json!(["echo", 1]), &[("authorization", &read)]);
        if answer.status == 200 {
            break;
        }
        assert_eq!(answer.json()["error_code"], "INVALID_STATE");
        assert!(began.elapsed() < Duration::from_secs(60));
        std::thread::sleep(Duration::from_millis(20));
    }
    assert_eq!(invoke(&served, &json!(["echo", 1]), &[]).status, 401);
}

#[test]
fn requests_with_the_same_key_go_to_the_same_model() {
    let (served, _folder) = served(2);
    let entity = |version: u64| {
        let name = format!("v{version}");
        json!({"entity_name": "churn", "entity_version": version, "name": name})
    };
    let routes = json!([
        {"served_model_name": "v1", "traffic_percentage": 50},
        {"served_model_name": "v2", "traffic_percentage": 50},
    ]);
    let config = json!({"served_entities": [entity(1), entity(2)],
        "traffic_config": {"routes": routes}});
    assert_eq!(served.post(ENDPOINTS, &json!({"name": "e", "config": config})).status, 200);
    settled(&served);
    for header in ["x-tracklite-sticky", "x-request-id"] {
        let ask = |key: &str| {
            let answer = invoke(&served, &json!(["echo", 1]), &[(header, key)]);
            answer.header("served-model-name").unwrap().to_owned()
        };
        let keys: Vec<String> = (0..40).map(|key| format!("k{key}")).collect();
        let first: Vec<String> = keys.iter().map(|key| ask(key)).collect();
        let second: Vec<String> = keys.iter().map(|key| ask(key)).collect();
        assert_eq!(first, second);
        let ones = first.iter().filter(|name| *name == "v1").count();
        // 20 are expected, and four standard deviations are 13.
        assert!((7..=33).contains(&ones), "{header}: {ones}");
    }
}
