//! The command line prints the output that the README shows.

#[path = "../../examples/frames/runs.rs"]
mod runs;

use std::path::Path;

use tracklite::Database;

use super::program;
use crate::common::TestFolder;

const README: &str = include_str!("../../README.md");

/// Returns the commands of the README block that begins with this command, with their output.
fn shown(first: &str) -> Vec<(&'static str, String)> {
    let blocks = README.split("```text\n").skip(1);
    let mut blocks = blocks.filter_map(|rest| rest.split_once("\n```")).map(|(block, _)| block);
    let block = blocks.find(|block| block.starts_with(first)).expect("the README has the block");
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
fn search_compare_and_export_print_the_output_in_the_readme() {
    let folder = TestFolder::new();
    let file = folder.join("frames.tracklite");
    let database = Database::create(&file).expect("the file can be created");
    runs::train_all(&database).expect("the runs are logged");
    database.close().expect("the file is closed");
    let all = shown("$ tracklite search frames.tracklite");
    for word in ["search", "compare", "export"] {
        let is_shown = all.iter().any(|(command, _)| command.starts_with(word));
        assert!(is_shown, "the README does not show {word}");
    }
    for (command, wanted) in all {
        let found = printed(folder.path(), command);
        assert_eq!(found, wanted, "{command}\n{found}");
    }
}
