//! The examples in `docs/search.md` are accepted and refused as documented.

use crate::error::Result;
use crate::search::{
    ExperimentFilter, ExperimentOrder, LoggedModelFilter, ModelVersionFilter, ModelVersionOrder,
    PageToken, RegisteredModelFilter, RegisteredModelOrder, RunFilter, RunOrder,
};

const DOCUMENT: &str = include_str!("../../../docs/search.md");

/// A table row whose last cell is `accepted` or `refused`.
struct Example {
    heading: String,
    text: String,
    accepted: bool,
}

fn examples() -> Vec<Example> {
    let mut heading = String::new();
    let mut found = Vec::new();
    for line in DOCUMENT.lines() {
        if line.starts_with("## ") || line.starts_with("### ") {
            heading = line.trim_start_matches('#').trim().to_owned();
        }
        let rest = line.strip_suffix(" |").and_then(|line| line.rsplit_once(" | "));
        if let Some((cell, verdict @ ("accepted" | "refused"))) = rest {
            let text = code(cell.trim_start_matches("| ")).to_owned();
            found.push(Example { heading: heading.clone(), text, accepted: verdict == "accepted" });
        }
    }
    found
}

/// Returns the text of a code span with any number of backticks.
fn code(cell: &str) -> &str {
    let ticks = cell.len() - cell.trim_start_matches('`').len();
    let inner = &cell[ticks..cell.len() - ticks];
    assert!(ticks > 0 && cell.ends_with(&"`".repeat(ticks)), "{cell} is not a code span");
    match inner.strip_prefix(' ').and_then(|inner| inner.strip_suffix(' ')) {
        Some(padded) => padded,
        None => inner,
    }
}

fn read(heading: &str, text: &str) -> Result<()> {
    let items = &[text];
    match heading {
        "Grammar" | "Runs" | "Differences from MLflow" => RunFilter::parse(text).map(drop),
        "Orders of runs" => RunOrder::parse(items).map(drop),
        "Experiments" => ExperimentFilter::parse(text).map(drop),
        "Orders of experiments" => ExperimentOrder::parse(items).map(drop),
        "Registered models" => RegisteredModelFilter::parse(text).map(drop),
        "Orders of registered models" => RegisteredModelOrder::parse(items).map(drop),
        "Model versions" => ModelVersionFilter::parse(text).map(drop),
        "Orders of model versions" => ModelVersionOrder::parse(items).map(drop),
        "Logged models" => LoggedModelFilter::parse(text).map(drop),
        // Examples under other headings are run on a file by other tests.
        "Meaning" => PageToken::decode(text).map(drop),
        _ => panic!("no language belongs to the heading {heading:?}"),
    }
}

#[test]
fn the_examples_are_accepted_and_refused_as_documented() {
    let examples = examples();
    assert!(examples.len() > 100, "only {} examples are found", examples.len());
    for Example { heading, text, accepted } in examples {
        let result = read(&heading, &text);
        assert_eq!(result.is_ok(), accepted, "{heading}: {text}: {result:?}");
    }
}

#[test]
fn each_language_has_examples_of_both_kinds() {
    for heading in [
        "Grammar",
        "Runs",
        "Orders of runs",
        "Experiments",
        "Orders of experiments",
        "Registered models",
        "Orders of registered models",
        "Model versions",
        "Orders of model versions",
        "Logged models",
    ] {
        for accepted in [true, false] {
            let mut all = examples().into_iter();
            let found =
                all.any(|example| example.heading == heading && example.accepted == accepted);
            assert!(found, "{heading}: none is {}", if accepted { "accepted" } else { "refused" });
        }
    }
}
