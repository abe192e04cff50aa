//! The table of requests to an endpoint: its columns, its readers, and labels that come later.

use tracklite::endpoint::{EndpointCapture, EndpointSettings, EndpointSpec, ServedModel};
use tracklite::table::{Column, ColumnType, Table, TableSpec, Texts, Value, Values};
use tracklite::{ErrorKind, Timestamp};

use crate::common::{TestDatabase, error_kind, error_message};

const DAY: i64 = 86_400_000_000_000;

fn capture() -> EndpointCapture {
    EndpointCapture {
        catalog: "ml".to_owned(),
        schema: "live".to_owned(),
        prefix: None,
        is_enabled: true,
        percent: 50,
        is_durable: false,
        is_legacy: false,
    }
}

/// Creates two endpoints that share a table.
fn with_endpoints() -> TestDatabase {
    let database = TestDatabase::quiet();
    let model = database.registry().create_model("churn").unwrap();
    model.new_version("s3://models/churn/1").create().unwrap();
    let shared = EndpointCapture { prefix: Some("both".to_owned()), ..capture() };
    for name in ["a", "b"] {
        let settings = EndpointSettings::new().capture(Some(shared.clone()));
        let spec = EndpointSpec::new().serve(ServedModel::version("churn", 1)).settings(settings);
        database.endpoints().create(name, &spec).unwrap();
    }
    database
}

/// The endpoint, the id, the time, and whether the request is for a shadow.
type Written = (&'static str, &'static str, i64, bool);

fn write(database: &TestDatabase, rows: &[Written]) {
    let info = database.endpoints().get("a").unwrap();
    let table = database.endpoints().request_table("a", &info.state.capture.unwrap()).unwrap();
    let texts = |of: &dyn Fn(&Written) -> String| -> Texts {
        rows.iter().map(|row| Some(of(row))).collect()
    };
    let times: Values<i64> = rows.iter().map(|row| Some(row.2)).collect();
    let shadows: Values<bool> = rows.iter().map(|row| Some(row.3)).collect();
    let mut all = Table::new();
    all.add_column("endpoint_name", texts(&|row| row.0.to_owned())).unwrap();
    all.add_column("databricks_request_id", texts(&|row| row.1.to_owned())).unwrap();
    all.add_column("request_time", Column::Time(times)).unwrap();
    all.add_column("is_shadow", shadows).unwrap();
    all.add_column("model_name", texts(&|_| "chu\"rn".to_owned())).unwrap();
    all.add_column("model_version", Values::from(vec![7_i64; rows.len()])).unwrap();
    all.add_column("execution_duration_ms", Values::from(vec![3_i64; rows.len()])).unwrap();
    table.append(&all).unwrap();
}

fn ids(table: &Table) -> Vec<String> {
    let ids = table.column("databricks_request_id").unwrap();
    ids.values().map(|id| id.to_string()).collect()
}

#[test]
fn requests_are_read_by_endpoint_and_time() {
    let database = with_endpoints();
    write(&database, &[("a", "1", DAY, false), ("b", "2", DAY, false)]);
    write(&database, &[("a", "3", 2 * DAY, true), ("a", "4", 3 * DAY, false)]);
    let requests = database.endpoints().requests("a");
    assert_eq!(ids(&requests.table().unwrap()), ["1", "3", "4"]);
    assert_eq!(ids(&database.endpoints().requests("b").table().unwrap()), ["2"]);
    let (second, third) = (Timestamp::from_nanos(2 * DAY), Timestamp::from_nanos(3 * DAY - 1));
    assert_eq!(ids(&requests.clone().from(second).table().unwrap()), ["3", "4"]);
    assert_eq!(ids(&requests.clone().until(third).table().unwrap()), ["1", "3"]);
    assert_eq!(ids(&requests.from(second).until(third).table().unwrap()), ["3"]);
}

#[test]
fn the_columns_are_those_of_databricks() {
    let database = with_endpoints();
    write(&database, &[("a", "1", 5_000_000, false), ("a", "1", 6_000_000, true)]);
    let requests = database.endpoints().requests("a");
    let gateway = [
        "request_date",
        "databricks_request_id",
        "client_request_id",
        "request_time",
        "status_code",
        "sampling_fraction",
        "execution_duration_ms",
        "request",
        "response",
        "logging_error_codes",
        "served_entity_id",
        "requester",
    ];
    let found = requests.table().unwrap();
    assert_eq!((&found.names()[..12], found.len()), (&gateway.map(str::to_owned)[..], 2));
    let legacy = [
        "databricks_request_id",
        "client_request_id",
        "date",
        "timestamp_ms",
        "status_code",
        "sampling_fraction",
        "execution_time_ms",
        "request",
        "response",
        "request_metadata",
    ];
    let found = requests.legacy(true).table().unwrap();
    // A copy for a shadow has no answer that anybody got.
    assert_eq!((found.names(), found.len()), (&legacy.map(str::to_owned)[..], 1));
    let row = found.rows().next().unwrap();
    assert_eq!(row.get("timestamp_ms"), Some(Value::Integer(5)));
    assert_eq!(row.get("execution_time_ms"), Some(Value::Integer(3)));
    let metadata = r#"{"endpoint_name":"a","model_name":"chu\"rn","model_version":"7"}"#;
    assert_eq!(row.get("request_metadata"), Some(Value::Text(metadata)));
}

#[test]
fn labels_that_come_later_are_joined_by_request() {
    let database = with_endpoints();
    write(&database, &[("a", "1", DAY, false), ("a", "2", DAY, false)]);
    let spec = TableSpec::new()
        .column("id", ColumnType::String)
        .column("churned", ColumnType::Boolean)
        .primary_key(["id"]);
    let labels = database.tables().create("ml.live.labels", &spec).unwrap();
    for (id, is_true) in [("2", false), ("9", true), ("2", true)] {
        let mut rows = Table::new();
        rows.add_column("id", [Some(id)].into_iter().collect::<Texts>()).unwrap();
        rows.add_column("churned", Values::from(vec![is_true])).unwrap();
        labels.merge(&rows).unwrap();
    }
    for is_legacy in [false, true] {
        let requests = database.endpoints().requests("a").legacy(is_legacy);
        let found = requests.labels("ml.live.labels").table().unwrap();
        let churned: Vec<Value> = found.column("churned").unwrap().values().collect();
        assert_eq!(
            (ids(&found), churned),
            (vec!["1".to_owned(), "2".to_owned()], vec![Value::Null, Value::Bool(true)])
        );
    }
    let missing = database.endpoints().requests("a").labels("ml.live.nothing").table();
    assert_eq!(error_kind(missing), ErrorKind::NotFound);
}

#[test]
fn requests_that_are_not_written_cannot_be_read() {
    let database = with_endpoints();
    let endpoints = database.endpoints();
    assert_eq!(error_kind(endpoints.requests("nothing").table()), ErrorKind::NotFound);
    let unwritten = error_message(endpoints.requests("a").table(), ErrorKind::NotFound);
    assert!(unwritten.contains("ml.live.both_payload"), "{unwritten}");
    endpoints.set("a", &EndpointSettings::new().capture(None), None).unwrap();
    let unset = endpoints.requests("a").table();
    assert_eq!(error_kind(unset), ErrorKind::InvalidState);
}
