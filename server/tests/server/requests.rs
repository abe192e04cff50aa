//! Tables of requests: each request to an endpoint and its answer as a row.

use std::time::{Duration, Instant};

use serde_json::{Value, json};
use tempfile::TempDir;
use tracklite::Database;
use tracklite::logged_model::Signature;
use tracklite::table::{Table, Value as Cell};

use crate::client::Served;
use crate::serving::{ENDPOINTS, JSON, config, invoke, python, served, settled};

const TABLE: &str = "ml.live.e_payload";

/// Adds a version whose rows have an age and a city.
fn add_signed(database: &Database) {
    let model = database.registry().model("churn").unwrap();
    let version = model.new_version("s3://models/churn").files_follow().create().unwrap();
    version.artifacts().log_text(&json!({"label": "2"}).to_string(), "MLmodel").unwrap();
    let signature = json!({"params": null, "outputs": [{"type": "long"}],
        "inputs": [{"name": "age", "type": "long"}, {"name": "city", "type": "string"}]});
    version.finalize(Some(Signature::parse(&signature.to_string()).unwrap())).unwrap();
}

/// Starts a server with an endpoint whose requests are written, with these settings.
fn capturing(settings: &Value) -> (Served, TempDir) {
    let (served, folder) = served(1);
    add_signed(&served.database);
    let mut table = json!({"catalog_name": "ml", "schema_name": "live", "enabled": true});
    let more = settings.as_object().unwrap().clone();
    table.as_object_mut().unwrap().extend(more);
    let body = json!({"name": "e", "config": config("2"),
        "ai_gateway": {"inference_table_config": table}});
    let created = served.post(ENDPOINTS, &body);
    assert_eq!(created.status, 200, "{}", created.json());
    settled(&served);
    (served, folder)
}

fn read(database: &Database) -> Table {
    database.endpoints().requests("e").table().unwrap()
}

/// Waits until the table has this many rows.
fn rows(database: &Database, wanted: usize) -> Table {
    let began = Instant::now();
    loop {
        let found = database.endpoints().requests("e").table();
        if let Some(found) = found.ok().filter(|found| found.len() >= wanted) {
            assert_eq!(found.len(), wanted);
            return found;
        }
        assert!(began.elapsed() < Duration::from_secs(30), "fewer than {wanted} rows");
        std::thread::sleep(Duration::from_millis(20));
    }
}

fn metrics(served: &Served, name: &str) -> u64 {
    let text = served.get("/metrics").text();
    let line = text.lines().find(|line| line.starts_with(&format!("{name}{{")));
    let line = line.unwrap_or_else(|| panic!("no {name}: {text}"));
    line.rsplit_once(' ').unwrap().1.parse().unwrap()
}

#[test]
fn each_request_is_a_row_with_the_values_of_its_columns() {
    let (served, _folder) = capturing(&json!({}));
    // The table is there before the first row.
    let began = Instant::now();
    while served.database.tables().get(TABLE).is_err() {
        assert!(began.elapsed() < Duration::from_secs(20));
    }
    let row = json!({"age": 35, "city": "Bern"});
    let body = json!({"dataframe_records": [row], "client_request_id": "c1"});
    assert_eq!(invoke(&served, &body, &[("x-request-id", "r1")]).json()["predictions"], json!([2]));
    let two = json!({"dataframe_records": [row, {}]});
    assert_eq!(invoke(&served, &two, &[("x-request-id", "r2")]).status, 200);
    assert_eq!(invoke(&served, &json!("refuse"), &[("x-request-id", "r3")]).status, 400);
    let found = rows(&served.database, 3);
    let all: Vec<_> = found.rows().collect();
    let text = |row: usize, name: &str| match all[row].get(name) {
        Some(Cell::Text(text)) => text.to_owned(),
        other => panic!("{name} of row {row}: {other:?}"),
    };
    assert_eq!(
        (0..3).map(|row| text(row, "databricks_request_id")).collect::<Vec<_>>(),
        ["r1", "r2", "r3"]
    );
    assert_eq!(text(0, "client_request_id"), "c1");
    assert_eq!(text(0, "request"), body.to_string());
    assert_eq!(text(0, "response"), r#"{"predictions": [2]}"#);
    assert_eq!(
        (text(0, "served_entity_id"), text(0, "model_name")),
        ("churn-2".to_owned(), "churn".to_owned())
    );
    for (row, name, wanted) in [
        (0, "input_age", Cell::Integer(35)),
        (0, "input_city", Cell::Text("Bern")),
        (0, "prediction", Cell::Integer(2)),
        (0, "input_rows", Cell::Integer(1)),
        (0, "status_code", Cell::Integer(200)),
        (0, "sampling_fraction", Cell::Float(1.0)),
        (0, "model_version", Cell::Integer(2)),
        (0, "is_shadow", Cell::Bool(false)),
        (0, "logging_error_codes", Cell::Null),
        (1, "input_age", Cell::Null),
        (1, "prediction", Cell::Null),
        (1, "input_rows", Cell::Integer(2)),
        (2, "status_code", Cell::Integer(400)),
        (2, "client_request_id", Cell::Null),
    ] {
        assert_eq!(all[row].get(name), Some(wanted), "{name} of row {row}");
    }
    // A row is counted after it can be read.
    let began = Instant::now();
    while metrics(&served, "inference_rows_written_total") != 3 {
        assert!(began.elapsed() < Duration::from_secs(20));
    }
    assert_eq!(metrics(&served, "inference_rows_dropped_total"), 0);
}

#[test]
fn the_earlier_form_has_the_state_of_its_table() {
    let (served, _folder) = served(1);
    let mut config = config("1");
    config["auto_capture_config"] =
        json!({"catalog_name": "ml", "schema_name": "live", "table_name_prefix": "old"});
    assert_eq!(served.post(ENDPOINTS, &json!({"name": "e", "config": config})).status, 200);
    let found = settled(&served);
    let state = &found["config"]["auto_capture_config"]["state"]["payload_table"];
    let wanted = json!({"name": "ml.live.old_payload", "status": "READY", "status_message": ""});
    assert_eq!(*state, wanted, "{found}");
    assert_eq!(invoke(&served, &json!(["echo", 5]), &[]).status, 200);
    assert_eq!(
        rows(&served.database, 1).rows().next().unwrap().get("response"),
        Some(Cell::Text("[\"1\", 5]"))
    );
    // Without the setting, nothing more is written.
    let target = format!("{ENDPOINTS}/e/config");
    let plain = self::config("1").to_string();
    assert_eq!(served.send_with("PUT", &target, &[JSON], plain.as_bytes()).status, 200);
    settled(&served);
    assert_eq!(invoke(&served, &json!(["echo", 6]), &[]).status, 200);
    let (path, database) = (served.path.clone(), served.database.clone());
    let table = database.tables().get("ml.live.old_payload").unwrap();
    drop(served);
    assert_eq!(table.read().table().unwrap().len(), 1, "{path:?}");
}

#[test]
fn rows_that_wait_are_written_when_the_server_stops() {
    let (served, _folder) = capturing(&json!({}));
    for number in 0..20 {
        assert_eq!(invoke(&served, &json!(["echo", number]), &[]).status, 200);
    }
    let database = served.database.clone();
    drop(served);
    assert_eq!(read(&database).len(), 20);
}

#[test]
fn a_durable_row_is_in_the_file_before_its_answer() {
    let (served, _folder) = capturing(&json!({"durable": true}));
    for number in 1..=5 {
        assert_eq!(invoke(&served, &json!(["echo", number]), &[]).status, 200);
        assert_eq!(read(&served.database).len(), number);
    }
    let table = served.database.tables().get(TABLE).unwrap();
    table.drop().unwrap();
    // It is made again.
    assert_eq!(invoke(&served, &json!(["echo", 6]), &[]).status, 200);
    assert_eq!(read(&served.database).len(), 1);
}

#[test]
fn rows_that_cannot_be_written_are_counted_and_only_durable_answers_fail() {
    let (served, _folder) = capturing(&json!({}));
    // A table of other columns has the name.
    let began = Instant::now();
    let table = loop {
        match served.database.tables().get(TABLE) {
            Ok(table) => break table,
            Err(_) => assert!(began.elapsed() < Duration::from_secs(20)),
        }
    };
    table.drop().unwrap();
    let spec = tracklite::table::TableSpec::new().column("x", tracklite::table::ColumnType::Long);
    served.database.tables().create(TABLE, &spec).unwrap();
    assert_eq!(invoke(&served, &json!(["echo", 1]), &[]).status, 200);
    let began = Instant::now();
    while metrics(&served, "inference_rows_dropped_total") != 1 {
        assert!(began.elapsed() < Duration::from_secs(20));
        std::thread::sleep(Duration::from_millis(20));
    }
    let gateway = json!({"inference_table_config":
        {"catalog_name": "ml", "schema_name": "live", "durable": true, "sampling_percent": 100}});
    let target = format!("{ENDPOINTS}/e/ai-gateway");
    let set = served.send_with("PUT", &target, &[JSON], gateway.to_string().as_bytes());
    assert_eq!(set.status, 200, "{}", set.json());
    let began = Instant::now();
    loop {
        let answer = invoke(&served, &json!(["echo", 2]), &[]);
        if answer.status == 500 {
            let body = answer.json();
            let message = body["message"].as_str().unwrap();
            assert!(message.contains("has no column"), "{message}");
            break;
        }
        assert!(began.elapsed() < Duration::from_secs(20), "the setting holds at once");
    }
}

#[test]
fn a_sample_and_the_hashes_of_large_bodies_are_written() {
    let (served, _folder) = capturing(&json!({"sampling_percent": 50}));
    for number in 0..60 {
        let id = format!("r{number}");
        assert_eq!(invoke(&served, &json!(["echo", 1]), &[("x-request-id", &id)]).status, 200);
    }
    let sampled = metrics_settled(&served);
    // 30 are expected, and five standard deviations are 19.
    assert!((11..=49).contains(&sampled), "{sampled}");
    let found = rows(&served.database, usize::try_from(sampled).unwrap());
    assert_eq!(found.rows().next().unwrap().get("sampling_fraction"), Some(Cell::Float(0.5)));

    let (served, _folder) = capturing(&json!({}));
    let large = json!(["echo", "x".repeat(1 << 20)]);
    assert_eq!(invoke(&served, &large, &[]).status, 200);
    let found = rows(&served.database, 1);
    let row = found.rows().next().unwrap();
    let body = large.to_string();
    let hash =
        json!({"blake3": blake3::hash(body.as_bytes()).to_hex().as_str(), "bytes": body.len()});
    assert_eq!(row.get("request"), Some(Cell::Text(&hash.to_string())));
    let codes = r#"["MAX_REQUEST_SIZE_EXCEEDED","MAX_RESPONSE_SIZE_EXCEEDED"]"#;
    assert_eq!(row.get("logging_error_codes"), Some(Cell::Text(codes)));
}

/// Waits until the number of written rows stays the same for two pauses between batches.
fn metrics_settled(served: &Served) -> u64 {
    let mut before = 0;
    loop {
        std::thread::sleep(Duration::from_millis(2500));
        let now = metrics(served, "inference_rows_written_total");
        if now == before && now > 0 {
            return now;
        }
        before = now;
    }
}

#[test]
fn two_servers_of_a_file_write_to_the_same_table() {
    let (served, folder) = capturing(&json!({"durable": true}));
    let pepper = served.path.with_file_name("pepper");
    let database = Database::builder().pepper_file(pepper).open(&served.path).unwrap();
    let python = python(folder.path());
    let other = Served::over(database, |builder| builder.python(python));
    let began = Instant::now();
    while other.get("/serving-endpoints/e/ping").status != 200 {
        assert!(began.elapsed() < Duration::from_secs(60));
        std::thread::sleep(Duration::from_millis(20));
    }
    std::thread::scope(|scope| {
        for server in [&served, &other] {
            scope.spawn(move || {
                for number in 0..15 {
                    assert_eq!(invoke(server, &json!(["echo", number]), &[]).status, 200);
                }
            });
        }
    });
    assert_eq!(read(&served.database).len(), 30);
    assert!(Database::verify(&served.path).unwrap().is_sound());
}
