//! Models whose features are looked up: requests with keys alone, and features without a model.

use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

use serde_json::{Value, json};
use tracklite::Database;
use tracklite::endpoint::{EndpointSpec, ServedModel};
use tracklite::table::{Column, ColumnType, StoredTable, Table, TableSpec, Texts, Values};
use tracklite_serve::{Observer, Refusal, Request};

use crate::serving::{ENDPOINT, MODEL, Served, add_files, ask, parse, version};

const USERS: &str = "ml.features.users";

/// Creates a table of users with the rows of the users 1 and 2.
fn users(database: &Database) -> StoredTable {
    let spec = TableSpec::new()
        .column("user", ColumnType::Long)
        .column("time", ColumnType::Timestamp)
        .column("spend", ColumnType::Double)
        .column("city", ColumnType::String)
        .primary_key(["user"])
        .timestamp("time");
    let users = database.tables().create(USERS, &spec).unwrap();
    merge(&users, 1, 1, 0.5, Some("Rome"));
    merge(&users, 1, 2, 1.5, None);
    merge(&users, 2, 1, f64::NAN, Some("Bern"));
    users
}

fn merge(users: &StoredTable, user: i64, second: i64, spend: f64, city: Option<&str>) {
    let mut rows = Table::new();
    rows.add_column("user", Values::from(vec![user])).unwrap();
    let times = Values::from(vec![second * 1_000_000_000]);
    rows.add_column("time", Column::Time(times)).unwrap();
    rows.add_column("spend", Values::from(vec![spend])).unwrap();
    rows.add_column("city", [city].into_iter().collect::<Texts>()).unwrap();
    users.merge(&rows).unwrap();
}

fn features() -> Value {
    json!({
        "tracklite_features": 1,
        "lookups": [{
            "table": USERS, "keys": ["id"], "features": ["spend", "city"],
            "rename": {"city": "town"}, "time": "at", "lookback": null,
            "defaults": {"town": "?", "city": "?"}, "version": 1
        }],
        "labels": ["churned"],
        "exclude_columns": ["at"],
        "input_columns": ["id", "age", "spend", "town"]
    })
}

/// Adds a version whose file of features is this one.
fn add_model(database: &Database, features: &Value) -> u64 {
    let model = json!({"label": "keys"}).to_string();
    let files = [("MLmodel", model), ("tracklite_features.json", features.to_string())];
    add_files(database, &files)
}

async fn rows(served: &Served, body: &Value) -> (Value, Value) {
    let answer = ask(&served.serving, "key", body).await.unwrap();
    let (label, found) = parse(&answer);
    assert_eq!(label, "keys");
    (found["dataframe_split"]["columns"].clone(), found["dataframe_split"]["data"].clone())
}

#[tokio::test(flavor = "multi_thread")]
async fn a_request_with_keys_alone_is_completed_from_the_tables() {
    let served = Served::new();
    let table = users(&served.database);
    let mut wrong = features();
    wrong["lookups"][0]["defaults"] = json!({"city": "?"});
    let number = add_model(&served.database, &wrong);
    served.create(&version(number, 1)).await;

    let body = json!({"dataframe_records": [{"id": 1, "age": 7}, {"id": 9}, {"id": null}]});
    let (columns, data) = rows(&served, &body).await;
    assert_eq!(columns, json!(["id", "age", "spend", "town"]));
    let wanted = json!([[1, 7, 1.5, "?"], [9, null, null, "?"], [null, null, null, "?"]]);
    assert_eq!(data, wanted, "the newest row counts, and the default replaces nulls");

    let body = json!({"inputs": {"id": [1, 9], "town": ["Oslo", null], "other": [1, 1]}});
    let (columns, data) = rows(&served, &body).await;
    assert_eq!(columns, json!(["id", "spend", "town"]));
    assert_eq!(data[0], json!([1, 1.5, "Oslo"]), "the request wins");
    assert_eq!(data[1][2], Value::Null, "also with its null");

    // Without a key if no feature is missing.
    let body = json!({"instances": [{"spend": 3, "town": "Rome"}]});
    let (columns, data) = rows(&served, &body).await;
    assert_eq!((columns, data), (json!(["spend", "town"]), json!([[3, "Rome"]])));

    merge(&table, 9, 1, 4.25, Some("Wien"));
    let began = Instant::now();
    let body = json!({"dataframe_split": {"columns": ["id"], "data": [[9]]}, "params": {"a": 1}});
    while rows(&served, &body).await.1 != json!([[9, 4.25, "Wien"]]) {
        assert!(began.elapsed() < Duration::from_millis(500), "a merge is not seen");
    }
    served.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn requests_whose_features_cannot_be_looked_up_are_refused() {
    let served = Served::new();
    users(&served.database);
    let mut fitting = features();
    fitting["lookups"][0]["defaults"] = json!({});
    let number = add_model(&served.database, &fitting);
    served.create(&version(number, 1)).await;
    for (body, wanted) in [
        (json!({"instances": [{"age": 1}]}), "key \"id\" for table \"ml.features.users\""),
        (json!({"instances": [{"id": "1"}]}), "column \"id\" has \"1\" in row 0"),
        (json!({"instances": [{"id": 1.5}]}), "expected a value of type bigint"),
        (json!({"instances": [[1]]}), "row 0 is not an object"),
        (json!({"rows": []}), "exactly one of"),
    ] {
        let refused = ask(&served.serving, "key", &body).await.unwrap_err();
        let Refusal::Invalid(text) = &refused else { panic!("{refused:?}") };
        assert!(text.contains(wanted), "{text}");
        assert_eq!(refused.status(), 400);
    }
    let csv =
        Request { body: "id\n1".into(), content_type: "text/csv".into(), ..Request::default() };
    let refused = served.serving.answer(ENDPOINT, csv).await.unwrap_err().to_string();
    assert!(refused.contains("text/csv"), "{refused}");
    let (_, data) = rows(&served, &json!({"instances": []})).await;
    assert_eq!(data, json!([]));
    served.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn the_observer_gets_the_features_and_their_times() {
    let seen = Arc::new(Mutex::new(Vec::new()));
    let collected = Arc::clone(&seen);
    let observer = Observer(Arc::new(move |exchange| {
        collected.lock().unwrap().push(exchange.features.map(str::to_owned));
        None
    }));
    let served = Served::with(|mut settings| {
        settings.observer = Some(observer);
        settings
    });
    users(&served.database);
    let mut fitting = features();
    fitting["lookups"][0]["defaults"] = json!({});
    let number = add_model(&served.database, &fitting);
    served.create(&version(number, 1)).await;
    // Python's NaN is not JSON, so that the answer is not read.
    let body = json!({"instances": [{"id": 1, "town": "x"}, {"id": 2}, {"id": 3}]});
    assert_eq!(ask(&served.serving, "key", &body).await.unwrap().status, 200);
    assert!(ask(&served.serving, "key", &json!({})).await.is_err());
    let seen = seen.lock().unwrap().clone();
    let found: Value = serde_json::from_str(seen[0].as_ref().unwrap()).unwrap();
    let wanted = json!([{
        "table": USERS, "version": 3, "features": {"spend": [1.5, "NaN", null]},
        "times": ["1970-01-01T00:00:02.000000000Z", "1970-01-01T00:00:01.000000000Z", null]
    }]);
    assert_eq!((found, &seen[1]), (wanted, &None));
    served.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_table_that_is_missing_fails_the_update_and_not_the_endpoint() {
    let served = Served::new();
    served.create(&version(1, 1)).await;
    let number = add_model(&served.database, &features());
    served.database.endpoints().update(ENDPOINT, &version(number, 1), None).unwrap();
    let info = served.settled().await;
    let failure = info.state.failure.unwrap();
    assert!(failure.contains("there is no table \"ml.features.users\""), "{failure}");
    assert_eq!(served.answer("echo", json!(1)).await, ("1".to_owned(), json!(1)));

    // A table without a column that the model needs.
    let spec = TableSpec::new().column("user", ColumnType::Long).primary_key(["user"]);
    served.database.tables().create(USERS, &spec).unwrap();
    served.database.endpoints().update(ENDPOINT, &version(number, 1), None).unwrap();
    let failure = served.settled().await.state.failure.unwrap();
    assert!(failure.contains("has no column \"spend\""), "{failure}");
    served.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_table_that_is_dropped_fails_the_requests_that_need_it() {
    let served = Served::new();
    let table = users(&served.database);
    let mut fitting = features();
    fitting["lookups"][0]["defaults"] = json!({});
    let number = add_model(&served.database, &fitting);
    served.create(&version(number, 1)).await;
    table.drop().unwrap();
    tokio::time::sleep(Duration::from_millis(50)).await;
    let refused = ask(&served.serving, "key", &json!({"instances": [{"id": 1}]})).await;
    let refused = refused.unwrap_err().to_string();
    assert!(refused.contains("ml.features.users"), "{refused}");
    served.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn functions_are_evaluated_in_the_worker() {
    let served = Served::new();
    users(&served.database);
    let mut with_function = features();
    with_function["lookups"][0]["defaults"] = json!({"spend": 0, "city": "?"});
    with_function["functions"] = json!([
        {
            "udf_name": "ml.f.ratio", "name": "ratio", "output": "ratio",
            "source": "def ratio(a, b):\n    return None if b is None else a / b\n",
            "bindings": {"a": "spend", "b": "months"}
        },
        {
            "udf_name": "ml.f.twice", "name": "twice", "output": "twice",
            "source": "def twice(a):\n    return a and 2 * a\n", "bindings": {"a": "ratio"}
        }
    ]);
    with_function["input_columns"] = json!(["id", "spend", "ratio", "twice"]);
    let number = add_model(&served.database, &with_function);
    served.create(&version(number, 1)).await;
    let body = json!({"instances": [{"id": 1, "months": 3}, {"id": 9, "months": null}]});
    let (columns, data) = rows(&served, &body).await;
    assert_eq!(columns, json!(["id", "spend", "ratio", "twice"]), "the months are not an input");
    assert_eq!(data, json!([[1, 1.5, 0.5, 1.0], [9, 0.0, null, null]]));
    // A given column replaces the function, which then needs nothing.
    let body = json!({"instances": [{"id": 1, "ratio": 7}]});
    assert_eq!(rows(&served, &body).await.1, json!([[1, 1.5, 7, 14]]));
    for (row, wanted) in [
        (json!({"id": 1, "months": 0}), "'ml.f.ratio' failed in row 0: ZeroDivisionError"),
        (json!({"id": 1}), "needs the column 'months'"),
    ] {
        let answer = ask(&served.serving, "key", &json!({"instances": [row]})).await.unwrap();
        let text = String::from_utf8(answer.body).unwrap();
        assert!(answer.status == 400 && text.contains(wanted), "{} {text}", answer.status);
    }
    served.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn features_are_served_without_a_model() {
    let served = Served::new();
    users(&served.database);
    let mut spec = features();
    spec["lookups"][0]["defaults"] = json!({"city": "?"});
    spec["input_columns"] = json!(["id", "spend", "town"]);
    let number = add_files(&served.database, &[("tracklite_features.json", spec.to_string())]);
    let unnamed = EndpointSpec::new().serve(ServedModel::features(MODEL));
    let refused = served.database.endpoints().create(ENDPOINT, &unnamed).unwrap_err();
    assert!(refused.to_string().contains("name the version"), "{refused}");
    let model = served.database.registry().model(MODEL).unwrap();
    let tag = tracklite::feature::FeatureSpec::TAG;
    served.database.registry().version(MODEL, number).unwrap().set_tag(tag, 1).unwrap();
    served.create(&unnamed).await;

    let body = json!({"dataframe_records": [{"id": 2, "x": 1}, {"id": 1, "spend": 8}, {"id": 5}]});
    let answer = ask(&served.serving, "key", &body).await.unwrap();
    assert_eq!((answer.entity.as_str(), answer.version), ("churn-features", number));
    let found: Value = serde_json::from_slice(&answer.body).unwrap();
    let wanted = json!({"outputs": [
        {"id": 2, "town": "Bern"}, {"id": 1, "spend": 8, "town": "?"}, {"id": 5, "town": "?"}]});
    // A column that a row lacks is null there, because the request has it.
    assert_eq!(found["outputs"][1], wanted["outputs"][1]);
    assert_eq!(found["outputs"][0], json!({"id": 2, "spend": null, "town": "Bern"}));
    assert!(ask(&served.serving, "key", &json!({"instances": [{"a": 1}]})).await.is_err());
    let measures = served.serving.measures(ENDPOINT);
    assert_eq!((measures[0].statuses[&200], measures[0].statuses[&400]), (1, 1));
    drop(model);
    served.stop().await;
}
