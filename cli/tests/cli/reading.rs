//! The commands that only read.

use serde_json::{Value, json};
use tracklite::Database;

use super::Sample;
use crate::common::TestFolder;

/// Returns the number of the first line with this word.
fn position(printed: &str, word: &str) -> usize {
    let found = printed.lines().position(|line| line.contains(word));
    found.unwrap_or_else(|| panic!("no line with {word:?} in:\n{printed}"))
}

#[test]
fn info_prints_the_contents_of_the_file() {
    let sample = Sample::new();
    let printed = sample.print("info", &[]);
    assert!(printed.contains("runs.tracklite"), "{printed}");
    let info = sample.json("info", &[]);
    assert_eq!(info["runs"], 4);
    assert_eq!(info["experiments"], 2);
    assert_eq!(info["points"], 108);
    assert_eq!(info["file_id"].as_str().map(str::len), Some(32));
    let length = std::fs::metadata(&sample.file).expect("the file exists").len();
    assert_eq!(info["file_bytes"], length);
}

#[test]
fn info_lists_living_writers() {
    let sample = Sample::new();
    let writing = Database::open(&sample.file).expect("the file opens");
    let run = writing.run(sample.other).expect("the run exists");
    run.log_metric("loss", 1.0, 0).expect("the metric is logged");
    let info = sample.json("info", &[]);
    let own = std::process::id();
    let writers = info["writers"].as_array().expect("an array");
    let alive = |writer: &&Value| writer["process"] == own && writer["is_alive"] == true;
    assert_eq!(writers.iter().filter(alive).count(), 1, "{writers:?}");
}

#[test]
fn runs_prints_a_table_with_the_newest_run_first() {
    let sample = Sample::new();
    let printed = sample.print("runs", &[]);
    assert!(position(&printed, "nested") < position(&printed, "first"), "{printed}");
    let short = &sample.first.to_string()[..8];
    let line = printed.lines().find(|line| line.contains("first")).unwrap_or_default();
    assert!(line.starts_with(short), "{printed}");
    for word in ["FINISHED", "/Shared/team/churn", "0.1", "NaN"] {
        assert!(line.contains(word), "{word} is not in {printed}");
    }
    assert!(!printed.contains("gone"), "deleted runs must be hidden: {printed}");
    assert!(!printed.contains("depth"), "params that are equal must be hidden: {printed}");
    assert!(!printed.contains('\u{1b}'), "a pipe must get no colours: {printed:?}");
}

#[test]
fn a_running_run_without_a_process_is_shown_as_dead() {
    let sample = Sample::new();
    let printed = sample.print("runs", &[]);
    assert!(printed.contains("RUNNING (dead)"), "{printed}");
    let object = sample.json("show", &[&sample.other.to_string()]);
    assert_eq!((&object["status"], &object["is_alive"]), (&json!("RUNNING"), &json!(false)));
}

#[test]
fn a_resumed_run_is_shown_as_running() {
    let sample = Sample::new();
    let writing = Database::open(&sample.file).expect("the file opens");
    let resumed = writing.resume_run(sample.other).expect("the run is resumed");
    resumed.log_metric("loss", 1.0, 0).expect("the metric is logged");
    let printed = sample.print("runs", &[]);
    assert!(printed.contains("RUNNING") && !printed.contains("(dead)"), "{printed}");
}

#[test]
fn runs_as_json_use_the_names_of_mlflow() {
    let sample = Sample::new();
    let runs = sample.json("runs", &[]);
    let runs = runs.as_array().expect("an array");
    assert_eq!(runs.len(), 3);
    let first = runs.iter().find(|run| run["run_name"] == "first").expect("the run is listed");
    assert_eq!(first["run_id"], sample.first.to_string());
    assert_eq!(first["experiment_id"], "1");
    assert_eq!(first["status"], "FINISHED");
    assert_eq!(first["lifecycle_stage"], "active");

    assert_eq!(first["params"], json!({"depth": "3", "rate": "0.1"}));
    assert_eq!(first["tags"]["note"], "two\nlines");
    assert_eq!(first["metrics"]["loss"], json!(0.01));
    assert_eq!(first["metrics"]["acc"], "NaN");

    let [start, end] = ["start_time", "end_time"].map(|key| first[key].as_i64().expect("a time"));
    assert!(start > 1_600_000_000_000 && start <= end, "not milliseconds: {start} {end}");
    let other = runs.iter().find(|run| run["status"] == "RUNNING").expect("the run is listed");
    assert_eq!(other["end_time"], Value::Null);
    assert_eq!(other["run_name"], "\u{4e2d}\u{6587} \u{fc}ber");
}

#[test]
fn runs_can_be_filtered_limited_and_sorted() {
    let sample = Sample::new();
    let names = |arguments: &[&str]| -> Vec<String> {
        let runs = sample.json("runs", arguments);
        let names = runs.as_array().expect("an array").iter();
        names.map(|run| run["run_name"].as_str().expect("a name").to_owned()).collect()
    };
    assert_eq!(names(&["--experiment", "/Shared/team/churn"]), ["nested", "first"]);
    assert_eq!(names(&["--limit", "1", "-e", "/Shared/team/churn"]), ["nested"]);
    assert_eq!(names(&["--limit", "0"]), [""; 0]);
    assert_eq!(names(&["--deleted", "-e", "/Shared/team/churn"]), ["gone", "nested", "first"]);
    assert_eq!(names(&["--sort", "loss"])[..2], ["first", "nested"]);
    assert_eq!(names(&["--sort", "-loss"])[..2], ["nested", "first"]);
    assert_eq!(names(&["--sort=-params.rate"])[..2], ["nested", "first"]);
    let message = sample.failure("runs", &["--experiment", "/nowhere"]);
    assert!(message.contains("\"/nowhere\"") && message.contains("runs.tracklite"), "{message}");
}

#[test]
fn runs_can_be_printed_with_chosen_columns() {
    let sample = Sample::new();
    let printed = sample.print("runs", &["--columns", "depth,tags.note,metrics.loss"]);
    let titles: Vec<&str> = printed.lines().next().unwrap_or("").split_whitespace().collect();
    assert_eq!(titles, ["id", "name", "depth", "note", "loss"]);
    assert!(printed.contains("two\\nlines"), "line ends must be escaped: {printed}");
    let message = sample.failure("runs", &["--columns", "nothing"]);
    assert!(message.contains("\"nothing\"") && message.contains("experiment, age"), "{message}");
}

#[test]
fn runs_of_an_empty_file_are_none() {
    let folder = TestFolder::new();
    let file = folder.join("empty.tracklite");
    Database::create(&file).and_then(Database::close).expect("the file is created");
    let output = super::program(folder.path()).arg("runs").arg(&file).output();
    assert_eq!(output.expect("the program starts").stdout, b"no runs\n");
    let output = super::program(folder.path()).arg("runs").arg(&file).arg("--json").output();
    assert_eq!(output.expect("the program starts").stdout, b"[]\n");
}

#[test]
fn show_prints_everything_about_a_run() {
    let sample = Sample::new();
    let printed = sample.print("show", &[&sample.first.to_string()]);
    for word in ["first", "/Shared/team/churn (id 1)", "FINISHED", "rate", "two\\nlines", "nested"]
    {
        assert!(printed.contains(word), "{word} is not in {printed}");
    }
    let loss = &printed.lines().nth(position(&printed, "  loss ")).unwrap_or_default();
    let cells: Vec<&str> = loss.split_whitespace().collect();
    assert_eq!(cells[..5], ["loss", "0.01", "99", "0.01", "1"]);
    let nested = sample.print("show", &[&sample.nested.to_string()]);
    assert!(nested.contains(&format!("{} first", &sample.first.to_string()[..8])), "{nested}");
}

#[test]
fn show_prints_children_and_statistics_as_json() {
    let sample = Sample::new();
    let object = sample.json("show", &[&sample.first.to_string()]);
    assert_eq!(object["children"], json!([sample.nested.to_string()]));
    let wild = &object["metric_statistics"]["wild"];
    assert_eq!((&wild["count"], &wild["nan_count"]), (&json!(5), &json!(1)));
    assert_eq!((&wild["min"], &wild["max"]), (&json!("-Infinity"), &json!("Infinity")));
    assert_eq!(wild["latest"]["value"], json!(7.0));
}

#[test]
fn metrics_prints_a_plot_with_statistics() {
    let sample = Sample::new();
    let id = sample.first.to_string();
    let printed = sample.print("metrics", &[&id, "loss"]);
    for (name, value) in [("latest", "0.01 at step 99"), ("max", "1 at step 0"), ("points", "100")]
    {
        let line = printed.lines().nth(position(&printed, name)).unwrap_or_default();
        assert!(line.ends_with(value), "{name}: {line:?}");
    }
    let braille = |line: &str| line.chars().any(|c| ('\u{2801}'..='\u{28ff}').contains(&c));
    assert_eq!(printed.lines().filter(|line| braille(line)).count(), 16, "{printed}");
}

#[test]
fn a_plot_can_be_small_logarithmic_and_ascii() {
    let sample = Sample::new();
    let id = sample.first.to_string();
    let small = ["--width", "40", "--height", "6", "--ascii", "--log-y"];
    let printed = sample.print("metrics", &[&[id.as_str(), "loss"], &small[..]].concat());
    let plot: Vec<&str> = printed.lines().filter(|line| line.contains(['|', '+'])).collect();
    assert_eq!(plot.len(), 7, "expected six lines and an axis: {printed}");
    assert!(plot.iter().all(|line| line.len() <= 40), "{printed}");
    assert!(plot[0].trim_start().starts_with("1e0 +*"), "{printed}");
}

#[test]
fn a_plot_marks_nan_and_infinities() {
    let sample = Sample::new();
    let id = sample.first.to_string();
    let printed = sample.print("metrics", &[&id, "wild"]);
    assert!(printed.contains("x = NaN, ^ = Infinity, v = -Infinity"), "{printed}");
    assert!(printed.contains("5, 1 of them NaN"), "{printed}");
}

#[test]
fn points_are_printed_exactly() {
    let sample = Sample::new();
    let id = sample.first.to_string();
    let printed = sample.print("metrics", &[&id, "wild", "--points"]);
    let mut lines = printed.lines();
    assert_eq!(lines.next(), Some("step,time,value"));
    let values: Vec<(&str, &str)> = lines
        .map(|line| {
            let cells: Vec<&str> = line.split(',').collect();
            assert!(cells[1].starts_with("20") && cells[1].ends_with('Z'), "{line}");
            (cells[0], cells[2])
        })
        .collect();
    let want = [("0", "-2.5"), ("1", "Infinity"), ("2", "-Infinity"), ("3", "NaN"), ("4", "7")];
    assert_eq!(values, want);
}

#[test]
fn points_as_json_keep_infinities() {
    let sample = Sample::new();
    let id = sample.first.to_string();
    let object = sample.json("metrics", &[&id, "wild"]);
    assert_eq!(object["points"][1]["value"], "Infinity");
    assert_eq!(object["points"][4], {
        let mut point = json!({"step": 4, "value": 7.0});
        point["timestamp"] = object["points"][4]["timestamp"].clone();
        point
    });
    assert_eq!(object["statistics"]["count"], 5);
}

#[test]
fn an_unknown_metric_is_an_error_that_lists_the_known_ones() {
    let sample = Sample::new();
    let id = sample.first.to_string();
    let message = sample.failure("metrics", &[&id, "los"]);
    assert!(message.contains("\"los\"") && message.contains("acc, loss, wild"), "{message}");
}

#[test]
fn a_run_is_found_only_by_a_unique_prefix() {
    let sample = Sample::new();
    let database = Database::open(&sample.file).expect("the file opens");
    let experiment = database.experiment("/many").expect("a valid path");
    let mut ids: Vec<String> = Vec::new();
    for _ in 0..17 {
        let run = experiment.start_run("").expect("the run starts");
        ids.push(run.id().to_string());
    }
    database.close().expect("the file is closed");
    // At least two of 17 ids begin with the same one of 16 digits.
    let shared = ids.iter().find_map(|id| {
        let digit = &id[..1];
        (ids.iter().filter(|other| other.starts_with(digit)).count() > 1).then_some(digit)
    });
    let message = sample.failure("show", &[shared.expect("two share a digit")]);
    assert!(message.contains("runs.tracklite"), "{message}");
    let object = sample.json("show", &[&ids[3][..12]]);
    assert_eq!(object["run_id"], ids[3]);
    for nothing in ["0000000000000000", "x", "not-an-id", ""] {
        sample.failure("show", &[nothing]);
    }
}

#[test]
fn experiments_are_listed_with_the_number_of_their_runs() {
    let sample = Sample::new();
    let experiments = sample.json("experiments", &[]);
    let facts: Vec<(&Value, &Value)> = experiments
        .as_array()
        .expect("an array")
        .iter()
        .map(|experiment| (&experiment["experiment_id"], &experiment["runs"]))
        .collect();
    assert_eq!(facts, [(&json!("0"), &json!(1)), (&json!("1"), &json!(2))]);
    assert_eq!(experiments[1]["name"], "/Shared/team/churn");
    let printed = sample.print("experiments", &[]);
    assert_eq!(position(&printed, "/Shared/team/churn"), 2, "{printed}");
}

#[test]
fn deleted_experiments_are_listed_only_on_request() {
    let sample = Sample::new();
    let database = Database::open(&sample.file).expect("the file opens");
    let churn = database.experiment("/Shared/team/churn").expect("the experiment exists");
    churn.delete().expect("the experiment is deleted");
    database.close().expect("the file is closed");
    assert!(!sample.print("experiments", &[]).contains("churn"));
    assert!(sample.print("experiments", &["--deleted"]).contains("churn"));
}

#[test]
fn sql_prints_rows_as_json_or_as_a_table() {
    let sample = Sample::new();
    let query = "SELECT name, status FROM runs ORDER BY name LIMIT 2";
    let rows = sample.json("sql", &[query]);
    let names: Vec<&Value> =
        rows.as_array().expect("an array").iter().map(|row| &row["name"]).collect();
    assert_eq!(names, ["first", "gone"]);
    let printed = sample.print("sql", &["SELECT 1 AS one, 1 AS one, NULL, 0.5, x'00ff', 'a'"]);
    assert!(printed.contains("NULL") && printed.contains("00ff"), "{printed}");
    assert!(printed.ends_with("(1 row)\n"), "{printed}");
    let rows = sample.json("sql", &["SELECT 1 AS one, 2 AS one"]);
    assert_eq!(rows, json!([{"one": 1, "one_2": 2}]));
}

#[test]
fn sql_rejects_invalid_queries_and_changes() {
    let sample = Sample::new();
    for bad in ["DELETE FROM runs", "SELEC", "SELECT nothing FROM runs", ""] {
        sample.failure("sql", &[bad]);
    }
    assert_eq!(sample.json("runs", &[]).as_array().map(Vec::len), Some(3));
}

#[test]
fn dump_prints_the_records() {
    let sample = Sample::new();
    let printed = sample.print("dump", &[]);
    for word in ["/Shared/team/churn", "rate", "first"] {
        assert!(printed.contains(word), "{word} is not in {printed}");
    }
}

#[test]
fn commands_that_read_change_no_byte_of_the_file() {
    let sample = Sample::new();
    let before = std::fs::read(&sample.file).expect("the file can be read");
    let id = sample.first.to_string();
    for (command, arguments) in reading_commands(&id) {
        sample.print(command, &arguments);
    }
    let after = std::fs::read(&sample.file).expect("the file can be read");
    assert!(before == after, "a command that only reads wrote to the file");
}

/// Returns every command that only reads, with its arguments.
pub(super) fn reading_commands(run: &str) -> Vec<(&'static str, Vec<&str>)> {
    vec![
        ("info", vec![]),
        ("experiments", vec![]),
        ("experiments", vec!["name LIKE '%'", "--order", "name"]),
        ("runs", vec![]),
        ("runs", vec!["--json"]),
        ("show", vec![run]),
        ("show", vec![run, "--json"]),
        ("metrics", vec![run, "loss"]),
        ("metrics", vec![run, "loss", "--points"]),
        ("metrics", vec![run, "loss", "--json"]),
        ("sql", vec!["SELECT * FROM runs"]),
        ("dump", vec![]),
        ("dump", vec!["--json"]),
        ("verify", vec![]),
    ]
}
