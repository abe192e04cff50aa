//! `tracklite view`.

use std::io::Write as _;
use std::process::{Output, Stdio};

use serde_json::{Value, json};

use super::{Sample, errors, failure_of, program};

/// Runs `tracklite view COMMAND FILE ARGUMENTS` with this text at standard input.
fn view(sample: &Sample, command: &str, arguments: &[&str], input: &str) -> Output {
    let mut program = program(sample.folder.path());
    program.env("USER", "eve").args(["view", command]).arg(&sample.file).args(arguments);
    program.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped());
    let mut child = program.spawn().expect("the program starts");
    let mut stdin = child.stdin.take().expect("a pipe");
    // A command that reads nothing may have ended already.
    let _ = stdin.write_all(input.as_bytes());
    drop(stdin);
    child.wait_with_output().expect("the program ends")
}

fn print(sample: &Sample, command: &str, arguments: &[&str]) -> String {
    let output = view(sample, command, arguments, "");
    assert_eq!((errors(&output).as_str(), output.status.code()), ("", Some(0)));
    String::from_utf8(output.stdout).expect("the output is UTF-8")
}

fn json(sample: &Sample, command: &str, arguments: &[&str]) -> Value {
    let printed = print(sample, command, &[arguments, &["--json"]].concat());
    serde_json::from_str(&printed).unwrap_or_else(|error| panic!("{error}: {printed}"))
}

fn failure(sample: &Sample, command: &str, arguments: &[&str]) -> String {
    failure_of(&view(sample, command, arguments, ""))
}

#[test]
fn a_view_is_saved_shown_listed_and_removed() {
    let sample = Sample::new();
    assert_eq!(print(&sample, "ls", &[]), "no views\n");
    assert_eq!(json(&sample, "ls", &[]), json!([]));
    let state = "{\"order\": \"metrics.loss\",  \"a\": [1]}";
    let printed = print(&sample, "save", &["best runs", state]);
    assert_eq!(printed, "view \"best runs\" has revision 1\n");
    assert_eq!(print(&sample, "show", &["best runs"]), format!("{state}\n"));
    let shown = json(&sample, "show", &["best runs"]);
    assert_eq!(shown["state"], json!({"order": "metrics.loss", "a": [1]}));
    assert_eq!((&shown["user_id"], &shown["revision"]), (&json!("eve"), &json!(1)));
    assert_eq!(shown["creation_time"], shown["last_updated_time"]);
    assert_eq!(json(&sample, "ls", &[]), json!([shown]));

    let saved = json(&sample, "save", &["best runs", "{}", "--expects", "1", "--user", "ada"]);
    assert_eq!((&saved["user_id"], &saved["revision"]), (&json!("ada"), &json!(2)));
    assert_eq!((&saved["state"], &saved["creation_time"]), (&json!({}), &shown["creation_time"]));
    let listed = print(&sample, "ls", &[]);
    let line = listed.lines().nth(1).expect("a line");
    assert!(
        line.starts_with("best runs") && line.contains("ada") && line.contains('2'),
        "{listed}"
    );

    assert_eq!(print(&sample, "rm", &["best runs"]), "view \"best runs\" is removed\n");
    assert_eq!(print(&sample, "ls", &[]), "no views\n");
}

#[test]
fn a_state_is_read_from_standard_input() {
    let sample = Sample::new();
    let output = view(&sample, "save", &["a", "-"], "{\"from\": \"a pipe\"}\n");
    assert_eq!(errors(&output), "");
    assert_eq!(json(&sample, "show", &["a"])["state"], json!({"from": "a pipe"}));
}

#[test]
fn a_view_that_was_changed_meanwhile_is_not_replaced() {
    let sample = Sample::new();
    print(&sample, "save", &["a", "{}", "--user", "ada"]);
    for arguments in [&["a", "{}"][..], &["a", "{}", "--expects", "2"]] {
        let message = failure(&sample, "save", arguments);
        assert!(message.contains("\"ada\" saved revision 1 at "), "{message}");
    }
    let message = failure(&sample, "rm", &["a", "--expects", "3"]);
    assert!(message.contains("expected revision 3"), "{message}");
    let message = failure(&sample, "save", &["a", "[]", "--expects", "1"]);
    assert!(message.contains("not a JSON object"), "{message}");
    for command in ["show", "rm"] {
        let message = failure(&sample, command, &["b"]);
        assert!(message.contains("there is no view \"b\""), "{message}");
    }
    assert_eq!(json(&sample, "show", &["a"])["revision"], 1);
}
