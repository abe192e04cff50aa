//! Answers as tables: columns, types, order, nulls, and the text that is written of them.

use tracklite::table::Table;
use tracklite::table::{Column, Value};
use tracklite::{Database, ErrorKind, Run, RunId, RunSearch, Timestamp};

/// Creates a file with the run `one` (finished, 3 points of `loss`, a NaN `acc`) and the run `two`.
fn two_runs(folder: &tempfile::TempDir) -> (Database, RunId, RunId) {
    let database = Database::create(folder.path().join("runs.tracklite")).unwrap();
    let experiment = database.default_experiment().unwrap();
    let one = experiment.start_run("one").unwrap();
    one.log_param("rate", 0.1).unwrap();
    log(&one, "loss", &[(0, 10, 3.0), (1, 20, 2.0), (1, 21, 1.0)]);
    log(&one, "acc", &[(1, 12, f64::NAN)]);
    let first = one.id();
    one.finish().unwrap();
    let two = experiment.start_run("two").unwrap();
    two.log_param("rate", "a, b").unwrap();
    log(&two, "loss", &[(5, 50, 0.5)]);
    (database, first, two.id())
}

fn log(run: &Run, key: &str, points: &[(i64, i64, f64)]) {
    let metric = run.metric(key).unwrap();
    for (step, time, value) in points {
        metric.log_at(*value, *step, Timestamp::from_nanos(*time)).unwrap();
    }
}

fn values<'t>(table: &'t Table, column: &str) -> Vec<Value<'t>> {
    table.column(column).unwrap().values().collect()
}

#[test]
fn runs_have_typed_columns_and_nulls() {
    let folder = tempfile::tempdir().unwrap();
    let (database, first, second) = two_runs(&folder);
    let search = RunSearch::new().order_by("run_name");
    let table = database.runs_table(&search).unwrap();
    let names: Vec<&str> = table.names().iter().map(String::as_str).collect();
    let keyed = ["metrics.acc", "metrics.loss", "params.rate"];
    assert_eq!(names[7..10], keyed);
    let ids = [first.to_string(), second.to_string()];
    assert_eq!(values(&table, "run_id"), [Value::Text(&ids[0]), Value::Text(&ids[1])]);
    assert_eq!(values(&table, "metrics.acc"), [Value::Float(f64::NAN), Value::Null]);
    assert!(
        matches!(table.column("start_time"), Some(Column::Time(times)) if times.null_count() == 0)
    );
    assert!(
        matches!(table.column("end_time"), Some(Column::Time(times)) if times.null_count() == 1)
    );
    assert_eq!(database.search_run_ids(&search).unwrap(), [first, second]);
    let one = search.max_results(1).columns(["run_name", "run_name", "metrics.none"]);
    let table = database.runs_table(&one).unwrap();
    assert_eq!((table.len(), table.names()), (1, &["run_name".into(), "metrics.none".into()][..]));
    assert!(matches!(table.column("metrics.none"), Some(Column::Float(_))));
}

#[test]
fn a_search_without_runs_has_columns_of_the_usual_types() {
    let folder = tempfile::tempdir().unwrap();
    let (database, ..) = two_runs(&folder);
    let search = RunSearch::new().filter("run_name = 'none'");
    let table = database.runs_table(&search).unwrap();
    assert_eq!((table.len(), table.width()), (0, 7));
    let error = database.runs_table(&search.columns(["run_nam"])).unwrap_err();
    assert_eq!(error.kind(), ErrorKind::InvalidInput);
    assert!(error.path().is_some() && error.to_string().contains("run_name"), "{error}");
}

#[test]
fn a_long_history_stores_run_and_key_once() {
    let folder = tempfile::tempdir().unwrap();
    let (database, first, second) = two_runs(&folder);
    let table = database.history_table(&[second, first, second], &["loss", "none"]).unwrap();
    assert_eq!(table.names(), ["run_id", "key", "step", "timestamp", "value"]);
    let Some(Column::Text(runs)) = table.column("run_id") else { panic!("texts") };
    let stretches: Vec<_> = runs.stretches().collect();
    let ids = [second.to_string(), first.to_string()];
    assert_eq!(stretches, [(Some(ids[0].as_str()), 1), (Some(ids[1].as_str()), 3)]);
    assert_eq!(values(&table, "step"), [5, 0, 1, 1].map(Value::Integer));
    assert_eq!(values(&table, "value"), [0.5, 3.0, 2.0, 1.0].map(Value::Float));
    let all = database.history_table(&[first], &[]).unwrap();
    assert_eq!(values(&all, "key")[..2], [Value::Text("acc"), Value::Text("loss")]);
}

#[test]
fn a_wide_history_has_a_row_for_each_step_of_a_run() {
    let folder = tempfile::tempdir().unwrap();
    let (database, first, second) = two_runs(&folder);
    let table = database.wide_history_table(&[first, second], &["loss", "acc"]).unwrap();
    assert_eq!(table.names(), ["run_id", "step", "timestamp", "loss", "acc"]);
    assert_eq!(values(&table, "step"), [0, 1, 1, 5].map(Value::Integer));
    assert_eq!(values(&table, "loss"), [3.0, 2.0, 1.0, 0.5].map(Value::Float));
    let nan = Value::Float(f64::NAN);
    assert_eq!(values(&table, "acc"), [Value::Null, nan, Value::Null, Value::Null]);
}

#[test]
fn a_comparison_keeps_what_differs() {
    let folder = tempfile::tempdir().unwrap();
    let (database, first, second) = two_runs(&folder);
    let table = database.comparison_table(&[first, second]).unwrap();
    assert!(table.column("params.rate").is_some() && table.column("status").is_some());
    assert!(table.column("experiment_id").is_none() && table.column("artifact_uri").is_none());
    let alone = database.comparison_table(&[first, first]).unwrap();
    assert_eq!(alone.names(), ["run_id", "run_name"]);
    let unknown = database.comparison_table(&[RunId::from_bits(7)]).unwrap_err();
    assert_eq!(unknown.kind(), ErrorKind::NotFound);
}

#[test]
fn params_are_written_as_csv_and_as_json_lines() {
    let folder = tempfile::tempdir().unwrap();
    let (database, first, second) = two_runs(&folder);
    let table = database.params_table(&[first, second]).unwrap();
    let (mut csv, mut lines) = (Vec::new(), Vec::new());
    table.write_csv(&mut csv).unwrap();
    table.write_json_lines(&mut lines).unwrap();
    let csv = String::from_utf8(csv).unwrap();
    assert_eq!(csv, format!("run_id,key,value\n{first},rate,0.1\n{second},rate,\"a, b\"\n"));
    let lines = String::from_utf8(lines).unwrap();
    let first_line = format!("{{\"run_id\":\"{first}\",\"key\":\"rate\",\"value\":\"0.1\"}}");
    assert_eq!(lines.lines().next(), Some(first_line.as_str()));
}
