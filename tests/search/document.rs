//! The examples of filters and orders in `docs/search.md` return what the document states.

use tracklite::inputs::{Dataset, DatasetInput};
use tracklite::internals::Way;
use tracklite::{Database, ErrorKind, Experiment, RunSearch, Timestamp};

use crate::common::TestDatabase;

const DOCUMENT: &str = include_str!("../../docs/search.md");

/// The head of the table of runs, which begins the section of examples.
const RUNS: &str = "\n| run | `metrics.loss` |";

/// Returns the cells of all table rows in the section, including heads.
fn rows() -> Vec<Vec<&'static str>> {
    let (_, section) = DOCUMENT.split_once(RUNS).unwrap();
    let (section, _) = section.split_once("\n## ").unwrap();
    let lines = section.lines().filter_map(|line| line.strip_prefix("| ")?.strip_suffix('|'));
    lines.map(|line| line.split('|').map(str::trim).collect()).collect()
}

/// Returns the rows of all tables of two columns whose first column has this title.
fn rows_under(title: &str) -> Vec<(&'static str, &'static str)> {
    let mut found = Vec::new();
    let mut is_under = false;
    for row in rows() {
        match row[..] {
            ["---", ..] => {}
            [first, second] if is_under && first.starts_with('`') => found.push((first, second)),
            _ => is_under = row.len() == 2 && row[0] == title,
        }
    }
    found
}

/// Returns the text between the backticks of a cell.
fn code(cell: &str) -> &str {
    cell.strip_prefix('`').and_then(|cell| cell.strip_suffix('`')).unwrap()
}

/// Starts the run that a row describes, at this number of milliseconds.
fn start(experiment: &Experiment, number: i64, row: &[&str]) {
    let [name, loss, model, note, datasets] = row[..] else { panic!("{row:?}") };
    let started = Timestamp::from_millis(number).unwrap();
    let run = experiment.new_run().name(code(name)).started(started).start().unwrap();
    if !loss.is_empty() {
        run.log_metric("loss", loss.parse::<f64>().unwrap(), 0).unwrap();
    }
    if !model.is_empty() {
        run.log_param("model", model).unwrap();
    }
    if !note.is_empty() {
        run.set_tag("note", if note == "(empty)" { "" } else { note }).unwrap();
    }
    for dataset in datasets.split(", ").filter(|dataset| !dataset.is_empty()) {
        let (name, context) = dataset.split_once(" for ").unwrap();
        let dataset = Dataset::new(name, "1", "local", "here");
        run.log_inputs(&[DatasetInput::new(dataset).context(context)], &[]).unwrap();
    }
}

/// Creates the runs of the section's first table.
fn example() -> TestDatabase {
    let database = TestDatabase::new();
    let rows = rows();
    let runs: Vec<_> =
        rows.iter().filter(|row| row.len() == 5 && row[0].starts_with('`')).collect();
    assert_eq!(runs.len(), 4);
    let experiment = database.default_experiment().unwrap();
    (0..).zip(runs).for_each(|(number, row)| start(&experiment, number, row));
    database
}

/// Returns the names of the found runs, or "nothing" or "an error", like in the document.
fn found(database: &Database, search: &RunSearch) -> String {
    match database.search_runs(search) {
        Ok(page) if page.items.is_empty() => "nothing".to_owned(),
        Ok(page) => {
            let names = page.items.iter().map(|run| format!("`{}`", run.info.name));
            names.collect::<Vec<_>>().join(" ")
        }
        Err(error) => {
            assert_eq!(error.kind(), ErrorKind::InvalidInput);
            "an error".to_owned()
        }
    }
}

#[test]
fn examples_in_the_document_return_the_documented_runs() {
    let database = example();
    let filters = rows_under("filter");
    let orders = rows_under("order");
    assert_eq!((filters.len(), orders.len()), (20, 5));
    for way in [Way::Sql, Way::Columns] {
        for (filter, wanted) in &filters {
            let search = RunSearch::new().filter(code(filter)).order_by("run_name").way(way);
            assert_eq!(found(&database, &search), *wanted, "{way:?} {filter}");
        }
        for (order, wanted) in &orders {
            let search = RunSearch::new().order_by(code(order)).way(way);
            assert_eq!(found(&database, &search), *wanted, "{way:?} {order}");
        }
    }
}
