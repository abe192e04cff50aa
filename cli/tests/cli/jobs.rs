//! `tracklite jobs`.

use std::path::Path;
use std::process::Output;

use serde_json::{Value, json};

use super::{errors, failure_of, program};

fn explain(arguments: &[&str]) -> Output {
    let mut program = program(Path::new("."));
    program.args(["jobs", "explain"]).args(arguments).output().expect("the program starts")
}

fn print(arguments: &[&str]) -> String {
    let output = explain(arguments);
    assert_eq!((errors(&output).as_str(), output.status.code()), ("", Some(0)));
    String::from_utf8(output.stdout).expect("the output is UTF-8")
}

const MORNING: [&str; 5] =
    ["0 0 6 * * ?", "--zone", "America/New_York", "--after", "2027-03-13 06:00"];

#[test]
fn a_schedule_is_explained_with_its_next_fires() {
    let printed = print(&[&MORNING[..], &["-n", "2"]].concat());
    let lines: Vec<&str> = printed.lines().map(str::trim_end).collect();
    let expected = [
        "at 06:00 every day (America/New_York)",
        "local time                   UTC",
        "Sun 2027-03-14 06:00:00 -04  2027-03-14 10:00:00",
        "Mon 2027-03-15 06:00:00 -04  2027-03-15 10:00:00",
    ];
    assert_eq!(lines, expected);
    let never = print(&["0 0 6 30 2 ?"]);
    assert_eq!(never, "at 06:00 on the 30th of February (UTC)\nno fires\n");
}

#[test]
fn json_has_the_names_of_databricks() {
    let printed = print(&[&MORNING[..], &["-n", "1", "--json"]].concat());
    let object: Value = serde_json::from_str(&printed).expect("one JSON value");
    let expected = json!({
        "quartz_cron_expression": "0 0 6 * * ?",
        "timezone_id": "America/New_York",
        "daylight_saving": "once",
        "explanation": "at 06:00 every day",
        "next_fire_times": [1_805_018_400_000_i64],
    });
    assert_eq!(object, expected);
}

#[test]
fn the_mode_decides_about_skipped_times() {
    let first = |mode| {
        let zone = ["--zone", "America/New_York", "--after", "2027-03-14", "-n", "1"];
        let arguments = [&["0 30 2 * * ?"], &zone[..], &["--daylight-saving", mode]].concat();
        print(&arguments).lines().nth(2).unwrap_or_default().trim_end().to_owned()
    };
    assert_eq!(first("once"), "Sun 2027-03-14 03:00:00 -04  2027-03-14 07:00:00");
    assert_eq!(first("quartz"), "Mon 2027-03-15 02:30:00 -04  2027-03-15 06:30:00");
}

#[test]
fn bad_input_is_refused_with_the_place() {
    let output = explain(&["0 0 25 * * ?"]);
    assert_eq!(output.status.code(), Some(1));
    let message = errors(&output);
    assert!(
        message.contains("\n    0 0 25 * * ?\n        ^^\nhour is `25`: expected "),
        "{message}"
    );
    for (arguments, expected) in [
        (["--zone", "Mars"], "error: unknown time zone `Mars`"),
        (["--after", "noon"], "error: invalid local time `noon`"),
        (["--daylight-saving", "twice"], "error: daylight saving is \"twice\""),
    ] {
        let output = explain(&[&["0 0 6 * * ?"], &arguments[..]].concat());
        assert!(failure_of(&output).starts_with(expected), "{output:?}");
    }
}
