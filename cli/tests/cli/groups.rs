//! `tracklite search --group-by`.

use std::process::Output;

use serde_json::{Value, json};
use tracklite::Database;

use super::program;
use crate::common::{TestFolder, builder, start_run};

/// Makes a file with three seeds of two rates.
fn seeds() -> TestFolder {
    let folder = TestFolder::new();
    let database: Database = builder().open(folder.file()).unwrap();
    for (rate, losses) in [("0.1", [1.0, 2.0, 3.0]), ("0.2", [5.0, 5.0, 5.0])] {
        for (seed, loss) in losses.into_iter().enumerate() {
            let run = start_run(&database, &format!("{rate} {seed}"));
            run.log_param("rate", rate).unwrap();
            run.log_param("seed", seed).unwrap();
            run.log_metric("loss", loss + 1.0, 0).unwrap();
            run.log_metric("loss", loss, 1).unwrap();
        }
    }
    database.close().unwrap();
    folder
}

fn search(folder: &TestFolder, arguments: &[&str]) -> Output {
    let mut command = program(folder.path());
    command.arg("search").arg(folder.file()).args(arguments).output().unwrap()
}

fn print(folder: &TestFolder, arguments: &[&str]) -> String {
    let output = search(folder, arguments);
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    String::from_utf8(output.stdout).unwrap()
}

#[test]
fn seeds_are_one_line_with_mean_and_deviation() {
    let folder = seeds();
    let printed = print(&folder, &["", "--group-by", "auto", "--order", "metrics.loss"]);
    let lines: Vec<Vec<&str>> =
        printed.lines().map(|line| line.split_whitespace().collect()).collect();
    assert_eq!(lines[0], ["rate", "runs", "loss"]);
    assert_eq!(lines[1], ["0.1", "3", "2", "±", "1"]);
    assert_eq!(lines[2], ["0.2", "3", "5", "±", "0"]);
    assert_eq!(lines.len(), 3);
}

#[test]
fn groups_may_have_other_columns_and_filters() {
    let folder = seeds();
    let arguments = ["min.loss > 1", "--group-by", "params.seed", "--order", "params.seed"];
    let columns = ["--columns", "max.loss,params.rate", "-n", "2"];
    let printed = print(&folder, &[&arguments[..], &columns].concat());
    let lines: Vec<&str> = printed.lines().collect();
    assert!(lines[0].contains("max.loss") && lines[0].contains("rate"), "{printed}");
    let words: Vec<Vec<&str>> =
        lines[1..].iter().map(|line| line.split_whitespace().collect()).collect();
    // The run of rate 0.1 and seed 0 has a loss of 1.
    assert_eq!(words[0], ["0", "1", "6", "0.2"]);
    assert_eq!(words[1][..2], ["1", "2"]);
    assert_eq!(words.len(), 2);
    assert_eq!(print(&folder, &["min.loss > 9", "--group-by", "auto"]), "no runs\n");
}

#[test]
fn groups_are_json_with_all_numbers() {
    let folder = seeds();
    let printed =
        print(&folder, &["", "--group-by", "params.rate", "--order", "run_name", "--json"]);
    let groups: Value = serde_json::from_str(&printed).unwrap();
    assert_eq!(groups[0]["keys"], json!({"params.rate": "0.1"}));
    assert_eq!(groups[0]["runs"].as_array().unwrap().len(), 3);
    let wanted = json!({"count": 3, "mean": 2.0, "deviation": 1.0, "min": 1.0, "max": 3.0});
    assert_eq!(groups[0]["columns"]["metrics.loss"], wanted);
}

#[test]
fn unknown_fields_of_groups_are_errors() {
    let folder = seeds();
    let output = search(&folder, &["", "--group-by", "rate"]);
    assert_eq!(output.status.code(), Some(1));
    let message = String::from_utf8_lossy(&output.stderr).into_owned();
    assert!(message.contains("unknown column \"rate\""), "{message}");
}
