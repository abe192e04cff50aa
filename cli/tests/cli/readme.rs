//! The command line prints the output that the README and the tour show.

#[path = "../../../examples/frames/runs.rs"]
mod runs;

use std::path::Path;

use tracklite::Database;

use super::program;
use crate::common::TestFolder;

const README: &str = include_str!("../../../README.md");
const TOUR: &str = include_str!("../../../docs/tour.md");

/// Returns the commands of the document's block that begins with this command, with their output.
fn shown(document: &'static str, first: &str) -> Vec<(&'static str, String)> {
    let blocks = document.split("```text\n").skip(1);
    let mut blocks = blocks.filter_map(|rest| rest.split_once("\n```")).map(|(block, _)| block);
    let block = blocks.find(|block| block.starts_with(first)).expect("the document has the block");
    let commands = block.split("$ tracklite ").filter(|command| !command.is_empty());
    let parts = commands.map(|command| command.split_once('\n').expect("a command ends its line"));
    parts.map(|(command, printed)| (command, lines(printed))).collect()
}

/// Removes blanks at line ends, and replaces ids by `#`, because they are random.
fn lines(printed: &str) -> String {
    let is_id = |word: &str| word.len() == 8 && word.bytes().all(|byte| byte.is_ascii_hexdigit());
    let mut lines = String::new();
    for line in printed.trim_end().lines() {
        let words = line.trim_end().split(' ');
        let mask = |word| if is_id(word) { "########" } else { word };
        let words: Vec<&str> = words.map(mask).collect();
        lines.push_str(&words.join(" "));
        lines.push('\n');
    }
    lines
}

/// Splits a command into words, some of which are in double quotes.
fn words(command: &str) -> Vec<&str> {
    let pieces = command.split('"').enumerate();
    let words = pieces.flat_map(|(number, piece)| match number % 2 {
        0 => piece.split_whitespace().collect::<Vec<_>>(),
        _ => vec![piece],
    });
    words.collect()
}

/// Runs a command in this folder, and returns its output and its errors.
fn printed(folder: &Path, command: &str) -> String {
    let output = program(folder).current_dir(folder).args(words(command)).output();
    let output = output.expect("the program starts");
    let text = String::from_utf8_lossy(&[output.stdout, output.stderr].concat()).into_owned();
    let folder = std::fs::canonicalize(folder).expect("the folder exists");
    lines(&text.replace(&folder.display().to_string(), "/data"))
}

#[test]
fn search_compare_and_export_print_the_output_in_the_tour() {
    let folder = TestFolder::new();
    let file = folder.join("frames.tracklite");
    let database = Database::create(&file).expect("the file can be created");
    runs::train_all(&database).expect("the runs are logged");
    database.close().expect("the file is closed");
    let all = shown(TOUR, "$ tracklite search frames.tracklite");
    for word in ["search", "compare", "export"] {
        let is_shown = all.iter().any(|(command, _)| command.starts_with(word));
        assert!(is_shown, "the tour does not show {word}");
    }
    check(folder.path(), all);
}

/// Each command prints what is shown.
fn check(folder: &Path, shown: Vec<(&str, String)>) {
    for (command, wanted) in shown {
        let found = printed(folder, command);
        assert_eq!(found, wanted, "{command}\n{found}");
    }
}

#[test]
fn the_readme_shows_what_a_search_of_its_first_file_prints() {
    let folder = tempfile::tempdir().expect("a folder can be made");
    let file = folder.path().join("first.tracklite");
    let database = Database::create(&file).expect("the file can be created");
    let experiment = database.experiment("churn").expect("the experiment is created");
    for rate in [0.1, 0.01] {
        let name = format!("rate {rate}");
        let run = experiment.new_run().name(&name).param("rate", rate).start();
        let run = run.expect("the run starts");
        for step in 0..100 {
            let loss = (-rate * f64::from(step)).exp();
            run.log_metric("loss", loss, step).expect("the point is logged");
            run.log_metric("accuracy", 1.0 - loss, step).expect("the point is logged");
        }
        run.finish().expect("the run ends");
    }
    database.close().expect("the file is closed");
    check(folder.path(), shown(README, "$ tracklite search first.tracklite"));
}
