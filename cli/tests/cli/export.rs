//! `tracklite export`: every format has the same values.

#[cfg(feature = "polars")]
mod binary;

use std::fs;
use std::path::PathBuf;

use serde_json::{Map, Value, json};
use tracklite::Database;
use tracklite::inputs::{Dataset, DatasetInput};

use super::Sample;

const TABLES: [&str; 5] = ["runs", "metrics", "params", "tags", "datasets"];

/// Marks a missing value in [`Texts`].
const MISSING: &str = "(nothing)";

/// A table as text: the names of its columns, and its rows.
#[derive(Debug, PartialEq)]
struct Texts {
    names: Vec<String>,
    rows: Vec<Vec<String>>,
}

/// Parses CSV by RFC 4180. An unquoted empty field is missing, a quoted one is an empty text.
fn csv_texts(printed: &str) -> Texts {
    let mut rows = vec![vec![String::from(MISSING)]];
    let mut chars = printed.chars().peekable();
    let mut is_quoted = false;
    while let Some(letter) = chars.next() {
        let row = rows.last_mut().expect("there is a first row");
        let field = row.last_mut().expect("a row has a first field");
        match letter {
            '"' if is_quoted && chars.next_if_eq(&'"').is_some() => field.push('"'),
            '"' if is_quoted => is_quoted = false,
            '"' => {
                assert_eq!(field, MISSING, "a quote inside an unquoted field");
                is_quoted = true;
                field.clear();
            }
            ',' if !is_quoted => row.push(MISSING.to_owned()),
            '\n' if !is_quoted => rows.push(vec![MISSING.to_owned()]),
            letter => {
                assert!(is_quoted || letter != '\r', "an unquoted carriage return");
                if field == MISSING {
                    field.clear();
                }
                field.push(letter);
            }
        }
    }
    let last = rows.pop();
    assert!(!is_quoted && last == Some(vec![MISSING.to_owned()]), "the last line is incomplete");
    let names = rows.remove(0);
    assert!(rows.iter().all(|row| row.len() == names.len()), "a row has a wrong number of fields");
    Texts { names, rows }
}

fn lines(printed: &str) -> Vec<Map<String, Value>> {
    printed.lines().map(|line| serde_json::from_str(line).expect("an object")).collect()
}

/// Returns the text of a JSON value. The standard library parses the numbers, because `serde_json`
/// may round to a neighbouring number.
fn as_text(value: &Value, written: &str) -> String {
    match value {
        Value::Null => MISSING.to_owned(),
        Value::String(text) => text.clone(),
        Value::Number(_) if written.contains(['.', 'e']) => {
            format!("float {:?}", written.parse::<f64>().expect("a number"))
        }
        Value::Number(_) => written.to_owned(),
        other => panic!("unexpected value {other}"),
    }
}

/// Returns the text of a CSV field in a column with this name.
fn as_number(table: &str, name: &str, field: &str) -> String {
    let is_number = (table, name) == ("metrics", "value") || name.starts_with("metrics.");
    match field.parse::<f64>() {
        Ok(number) if is_number && number.is_finite() => format!("float {number:?}"),
        _ => field.to_owned(),
    }
}

/// Splits the text after its first JSON value, into the value, its text, and the rest.
fn split_value<'a>(text: &'a str, ends: &[char]) -> (Value, &'a str, &'a str) {
    let mut values = serde_json::Deserializer::from_str(text).into_iter::<Value>();
    let value = values.next().expect("a value").expect("a value");
    let (written, rest) = text.split_at(values.byte_offset());
    (value, written, rest.strip_prefix(ends).expect("the end of a value"))
}

/// Parses one JSON object per line, and keeps the order of its keys.
fn lines_texts(printed: &str) -> Texts {
    let mut names = Vec::new();
    let mut rows = Vec::new();
    for line in printed.lines() {
        let mut rest = line.strip_prefix('{').expect("an object");
        let (mut keys, mut row) = (Vec::new(), Vec::new());
        while !rest.is_empty() {
            let (key, _, after) = split_value(rest, &[':']);
            let (value, written, after) = split_value(after, &[',', '}']);
            keys.push(key.as_str().expect("a key").to_owned());
            row.push(as_text(&value, written));
            rest = after;
        }
        assert!(rows.is_empty() || keys == names, "the objects have different keys");
        names = keys;
        rows.push(row);
    }
    Texts { names, rows }
}

/// Creates the sample with texts that need quotes, extreme numbers, and datasets.
fn careful() -> Sample {
    let sample = Sample::new();
    let database = Database::open(&sample.file).expect("the file opens");
    let run = database.run(sample.nested).expect("the run exists");
    run.log_param("a", "x, \"y\"\r\nz").expect("a param is logged");
    run.log_param("empty", "").expect("a param is logged");
    run.set_tag("\u{e4} b/c", "\u{4e2d}'").expect("a tag is set");
    for (key, value) in [("tiny", 5e-324), ("third", 1.0 / 3.0), ("minus", -0.0), ("Tiny", 1e300)] {
        run.log_metric(key, value, i64::MIN).expect("a metric is logged");
    }
    let digits = Dataset::new("digits", "9f86", "local", "{\"path\": \"a\"}").schema("[]");
    let inputs = [DatasetInput::new(digits).context("train")];
    run.log_inputs(&inputs, &[]).expect("the inputs are logged");
    database.close().expect("the file is closed");
    sample
}

impl Sample {
    fn export(&self, what: &str, arguments: &[&str]) -> String {
        self.print("export", &[&[what], arguments].concat())
    }

    fn path(&self, name: &str) -> PathBuf {
        self.folder.join(name)
    }

    /// Returns the names of all files in the folder, without the cache.
    fn names(&self) -> Vec<String> {
        let entries = fs::read_dir(self.folder.path()).expect("the folder can be read");
        let entries = entries.map(|entry| entry.expect("an entry"));
        let names = entries.map(|entry| entry.file_name().into_string().unwrap());
        let mut names: Vec<String> = names.filter(|name| name != "tracklite").collect();
        names.sort();
        names
    }
}

#[test]
fn csv_and_json_lines_have_the_same_values() {
    let sample = careful();
    for table in TABLES {
        let printed = sample.export(table, &["--deleted"]);
        let mut csv = csv_texts(&printed);
        for row in &mut csv.rows {
            for (name, field) in csv.names.iter().zip(row) {
                *field = as_number(table, name, field);
            }
        }
        let of_lines = lines_texts(&sample.export(table, &["--deleted", "-f", "jsonl"]));
        assert!(!csv.rows.is_empty(), "{table}");
        assert!(of_lines == csv, "{table}: {of_lines:#?}\n{csv:#?}");
    }
}

#[test]
fn runs_have_the_columns_of_mlflow() {
    let sample = careful();
    let runs = csv_texts(&sample.export("runs", &["", "--order", "run_name"]));
    let usual = [
        "run_id",
        "run_name",
        "experiment_id",
        "status",
        "artifact_uri",
        "start_time",
        "end_time",
        "metrics.Tiny",
        "metrics.acc",
    ];
    assert_eq!(runs.names[..9], usual);
    assert_eq!(runs.rows.len(), 3);
}

#[test]
fn a_run_has_the_values_of_its_own_keys() {
    let sample = careful();
    let first = lines(&sample.export("runs", &["run_name = 'first'", "-f", "jsonl"])).remove(0);
    assert_eq!(first["run_id"], sample.first.to_string());
    assert_eq!(first["metrics.acc"], "NaN");
    assert_eq!(first["metrics.loss"], json!(0.01));
    assert_eq!(first["params.rate"], "0.1");
    assert_eq!(first["tags.note"], "two\nlines");
    assert!(!first.contains_key("metrics.tiny"), "a key of another run");
}

#[test]
fn times_have_nanoseconds() {
    let sample = careful();
    let first = lines(&sample.export("runs", &["run_name = 'first'", "-f", "jsonl"])).remove(0);
    let database = Database::open_read_only(&sample.file).expect("the file opens");
    let info = database.run(sample.first).and_then(|run| run.info()).expect("the run exists");
    let time = first["start_time"].as_str().expect("a time");
    let nanos = format!("{:09}Z", info.started.as_nanos().rem_euclid(1_000_000_000));
    assert!(time.starts_with("20") && time.contains('T') && time.ends_with(&nanos), "{time}");
    assert_eq!(time.len(), "2026-01-31T18:05:09.000000001Z".len());
}

#[test]
fn columns_and_runs_can_be_chosen() {
    let sample = careful();
    let columns = "run_name,params.rate,metrics.loss,run_name,metrics.none";
    let arguments = ["params.rate LIKE '%'", "--columns", columns, "--order", "params.rate DESC"];
    let printed = sample.export("runs", &arguments);
    let wanted =
        "run_name,params.rate,metrics.loss,metrics.none\nnested,0.5,0.25,\nfirst,0.1,0.01,\n";
    assert_eq!(printed, wanted);
    assert_eq!(csv_texts(&sample.export("runs", &["-n", "1"])).rows.len(), 1);
    let none = sample.export("runs", &["run_name = 'none'", "--columns", "run_id,metrics.*"]);
    assert_eq!(none, "run_id\n");
    assert_eq!(sample.export("params", &["run_name = 'none'", "-f", "jsonl"]), "");
}

#[test]
fn keys_of_metrics_can_be_chosen() {
    let sample = careful();
    let points = csv_texts(&sample.export("metrics", &["", "--keys", "wild,acc,wild,none"]));
    let values: Vec<&str> = points.rows.iter().map(|row| row[4].as_str()).collect();
    assert_eq!(values, ["-2.5", "Infinity", "-Infinity", "NaN", "7", "0.5", "NaN"]);
    assert_eq!(points.rows[1][1..3], ["wild", "1"]);
    let of_nested = ["run_name = 'nested'", "--keys", "tiny,minus,third"];
    let points = csv_texts(&sample.export("metrics", &of_nested));
    let values: Vec<&str> = points.rows.iter().map(|row| row[4].as_str()).collect();
    assert_eq!(values, ["5e-324", "-0", "0.3333333333333333"]);
    assert_eq!(points.rows[0][2], i64::MIN.to_string());
}

#[test]
fn invalid_columns_options_and_limits_are_rejected() {
    let sample = careful();
    let message = sample.failure("export", &["runs", "--columns", "metrcs.loss"]);
    assert!(message.contains("metrics.loss"), "{message}");
    for (table, option) in [("params", "--columns"), ("runs", "--keys")] {
        let message = sample.failure("export", &[table, option, "a"]);
        assert!(message.contains(option), "{message}");
    }
    sample.failure("export", &["runs", "-n", "0"]);
}

#[test]
fn an_output_file_is_replaced_only_on_request() {
    let sample = careful();
    let out = sample.path("out.csv");
    let path = out.to_str().expect("the path is UTF-8");
    assert_eq!(sample.export("runs", &["-o", path]), "");
    let printed = sample.export("runs", &[]);
    assert_eq!(fs::read_to_string(&out).expect("the file exists"), printed);
    let message = sample.failure("export", &["tags", "-o", path]);
    assert!(message.contains("out.csv") && message.contains("--force"), "{message}");
    assert_eq!(fs::read_to_string(&out).expect("the file exists"), printed);
    sample.export("tags", &["-o", path, "--force"]);
    assert_eq!(fs::read_to_string(&out).expect("the file exists"), sample.export("tags", &[]));
}

#[test]
fn a_failed_export_leaves_no_file() {
    let sample = careful();
    let out = sample.path("out.csv");
    let path = out.to_str().expect("the path is UTF-8");
    let before = sample.names();
    sample.failure("export", &["runs", "-o", path, "--columns", "nothing"]);
    sample.failure_lines("export", &["runs", "metrcs.a > 1", "-o", path]);
    sample.failure("export", &["runs", "-o", sample.path("no/out.csv").to_str().unwrap()]);
    assert_eq!(sample.names(), before);
}

#[test]
fn an_export_never_replaces_the_database_or_a_folder() {
    let sample = careful();
    let bytes = fs::read(&sample.file).expect("the file can be read");
    let link = sample.path("link.csv");
    std::os::unix::fs::symlink(&sample.file, &link).expect("a link can be created");
    let folder = sample.path("folder.csv");
    fs::create_dir(&folder).expect("a folder can be created");
    for target in [&sample.file, &link, &folder] {
        let target = target.to_str().expect("the path is UTF-8");
        let message = sample.failure("export", &["runs", "-f", "csv", "--force", "-o", target]);
        assert!(message.contains(target), "{message}");
    }
    assert!(fs::read(&sample.file).expect("the file can be read") == bytes);
    assert!(link.is_symlink() && folder.is_dir());
}

#[test]
fn the_format_follows_the_file_name_or_an_option() {
    let sample = careful();
    for (name, arguments) in [("a.jsonl", vec![]), ("b.txt", vec!["--format", "jsonl"])] {
        let out = sample.path(name);
        let path = out.to_str().expect("the path is UTF-8");
        sample.export("params", &[&["-o", path], &arguments[..]].concat());
        let text = fs::read_to_string(&out).expect("the file exists");
        assert_eq!(text, sample.export("params", &["-f", "jsonl"]));
    }
    let message = sample.failure("export", &["runs", "-o", "c.xls"]);
    assert!(message.contains("c.xls") && message.contains("--format"), "{message}");
}

#[cfg(not(feature = "polars"))]
#[test]
fn a_format_that_is_not_built_names_its_feature() {
    let sample = careful();
    for format in ["parquet", "arrow"] {
        let message = sample.failure("export", &["runs", "--format", format]);
        assert!(message.contains("--features polars"), "{message}");
        let out = sample.path(&format!("out.{format}"));
        sample.failure("export", &["runs", "-o", out.to_str().expect("the path is UTF-8")]);
        assert!(!out.exists());
    }
}

#[test]
fn column_lists_may_have_blanks_and_the_short_names_of_search() {
    let sample = Sample::new();
    let table = |columns: &str| {
        let order = ["--order", "run_name", "-c", columns];
        csv_texts(&sample.print("export", &[&["runs", "metrics.loss < 9"][..], &order].concat()))
    };
    let plain = table("run_name,metrics.loss,start_time,user_id");
    assert_eq!(table("run_name, metrics.loss , start_time,user_id"), plain);
    assert_eq!(table("name,metrics.loss, started,user"), plain);
    assert_eq!(plain.rows.len(), 2);
}

#[test]
fn key_lists_may_have_blanks() {
    let sample = Sample::new();
    let points = |keys: &str| sample.print("export", &["metrics", "-k", keys]);
    assert_eq!(points("loss, acc"), points("loss,acc"));
    assert_eq!(points("loss,acc").lines().count(), 1 + 100 + 2 + 1);
}
