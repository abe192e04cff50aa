//! `tracklite tables`.

use serde_json::{Value, json};
use tracklite::Database;
use tracklite::table::{ColumnType, Table, TableSpec, Values};

use super::{Sample, errors, failure_of};

const NAME: &str = "ml.features.users";

/// Creates a table and writes to it twice.
fn with_table() -> Sample {
    let sample = Sample::new();
    let database = Database::open(&sample.file).unwrap();
    let spec = TableSpec::new()
        .commented_column("user", ColumnType::Long, Some("who"))
        .column("spend", ColumnType::Double)
        .primary_key(["user"])
        .description("what users spend");
    let table = database.tables().acting_for("eve").create(NAME, &spec).unwrap();
    for spend in [0.5, 7.0] {
        let mut rows = Table::new();
        rows.add_column("user", Values::from(vec![2_i64, 1])).unwrap();
        rows.add_column("spend", Values::from(vec![spend, -1.0])).unwrap();
        table.merge(&rows).unwrap();
    }
    database.close().unwrap();
    sample
}

fn print(sample: &Sample, command: &str, arguments: &[&str]) -> String {
    let file = sample.file.to_str().unwrap();
    let output = sample.run_any("tables", &[&[command, file], arguments].concat());
    assert_eq!((errors(&output).as_str(), output.status.code()), ("", Some(0)));
    String::from_utf8(output.stdout).unwrap()
}

fn json(sample: &Sample, command: &str, arguments: &[&str]) -> Value {
    let printed = print(sample, command, &[arguments, &["--json"]].concat());
    serde_json::from_str(&printed).unwrap_or_else(|error| panic!("{error}: {printed}"))
}

fn failure(sample: &Sample, command: &str, arguments: &[&str]) -> String {
    let file = sample.file.to_str().unwrap();
    failure_of(&sample.run_any("tables", &[&[command, file], arguments].concat()))
}

#[test]
fn tables_are_listed_shown_and_read() {
    let sample = with_table();
    let listed = print(&sample, "ls", &[]);
    assert!(listed.contains(NAME) && listed.contains("user"), "{listed}");
    let listed = json(&sample, "ls", &[]);
    let [table] = &listed.as_array().unwrap()[..] else { panic!("one table") };
    assert_eq!((&table["version"], &table["owner"]), (&json!(2), &json!("eve")));
    assert_eq!(&json(&sample, "show", &[NAME]), table);
    let columns = json!([
        {"name": "user", "type": "bigint", "comment": "who"},
        {"name": "spend", "type": "double", "comment": null},
    ]);
    assert_eq!(table["columns"], columns);
    let shown = print(&sample, "show", &[NAME]);
    assert!(shown.starts_with("what users spend\n") && shown.contains("bigint"), "{shown}");
    assert_eq!(print(&sample, "read", &[NAME]), "user,spend\n1,-1\n2,7\n");
    let first = print(&sample, "read", &[NAME, "--version", "1", "--columns", "spend"]);
    assert_eq!(first, "spend\n-1\n0.5\n");
    let lines = print(&sample, "read", &[NAME, "--format", "jsonl"]);
    assert_eq!(lines, "{\"user\":1,\"spend\":-1.0}\n{\"user\":2,\"spend\":7.0}\n");
    let history = json(&sample, "history", &[NAME]);
    assert_eq!(history[1]["mode"], "merge");
    assert_eq!((&history[1]["version"], &history[1]["rows"]), (&json!(2), &json!(2)));
    assert!(print(&sample, "history", &[NAME]).contains("merge"));
}

#[test]
fn tables_are_saved_compacted_and_dropped() {
    let sample = with_table();
    let out = sample.folder.path().join("users.csv");
    let out_text = out.to_str().unwrap();
    assert_eq!(print(&sample, "read", &[NAME, "--out", out_text]), "");
    assert_eq!(std::fs::read_to_string(&out).unwrap(), "user,spend\n1,-1\n2,7\n");
    assert!(failure(&sample, "read", &[NAME, "--out", out_text]).contains("exists"));
    let compacted = print(&sample, "compact", &[NAME]);
    assert_eq!(compacted, format!("table {NAME:?} is compacted\n"));
    assert_eq!(print(&sample, "read", &[NAME, "--version", "1"]), "user,spend\n1,-1\n2,0.5\n");
    let forgotten = print(&sample, "forget", &[NAME, "--before", "2"]);
    assert_eq!(forgotten, format!("table {NAME:?} is without its history\n"));
    let gone = failure(&sample, "read", &[NAME, "--version", "1"]);
    assert!(gone.contains("was removed"), "{gone}");
    assert_eq!(print(&sample, "read", &[NAME]), "user,spend\n1,-1\n2,7\n");
    assert!(failure(&sample, "forget", &[NAME, "--before", "9"]).contains("no version 9"));
    assert_eq!(json(&sample, "drop", &[NAME]), json!({"name": NAME, "done": "dropped"}));
    assert_eq!(print(&sample, "ls", &[]), "no tables\n");
    for command in ["show", "read", "history", "compact", "drop"] {
        let message = failure(&sample, command, &[NAME]);
        assert!(message.contains("there is no table"), "{message}");
    }
}

#[test]
fn a_wrong_column_or_version_is_an_error() {
    let sample = with_table();
    assert!(failure(&sample, "read", &[NAME, "--columns", "age"]).contains("no column \"age\""));
    assert!(failure(&sample, "read", &[NAME, "--version", "3"]).contains("no version 3"));
}
