//! The examples of what the language means, in `docs/search.md`, searched for in a file.

use tracklite::internals::Way;
use tracklite::{
    Database, Dataset, DatasetInput, ErrorKind, Experiment, IndexPlace, RunSearch, Timestamp,
};

const DOCUMENT: &str = include_str!("../../docs/search.md");

/// The cells of the rows of all tables of the section, those of the heads too.
fn rows() -> Vec<Vec<&'static str>> {
    let (_, section) = DOCUMENT.split_once("\n## Meaning\n").unwrap();
    let (section, _) = section.split_once("\n## ").unwrap();
    let lines = section.lines().filter_map(|line| line.strip_prefix("| ")?.strip_suffix('|'));
    lines.map(|line| line.split('|').map(str::trim).collect()).collect()
}

/// The rows of tables with this head.
fn rows_under(head: [&str; 2]) -> Vec<(&'static str, &'static str)> {
    let mut found = Vec::new();
    let mut is_under = false;
    for row in rows() {
        match row[..] {
            ["---", ..] => {}
            [first, second] if is_under && first.starts_with('`') => found.push((first, second)),
            _ => is_under = row == head,
        }
    }
    found
}

fn code(cell: &str) -> &str {
    cell.strip_prefix('`').and_then(|cell| cell.strip_suffix('`')).unwrap()
}

/// Starts the run that a row of five cells describes, the number-th.
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
    for dataset in datasets.split(", ").filter(|it| !it.is_empty()) {
        let (name, context) = dataset.split_once(" for ").unwrap();
        let dataset = Dataset::new(name, "1", "local", "here");
        run.log_inputs(&[DatasetInput::new(dataset).context(context)], &[]).unwrap();
    }
}

/// The file of the section's first table.
fn example() -> (tempfile::TempDir, Database) {
    let folder = tempfile::tempdir().unwrap();
    let builder = Database::builder().create(true).index(IndexPlace::InMemory);
    let database = builder.open(folder.path().join("runs.tracklite")).unwrap();
    let rows = rows();
    let runs: Vec<_> =
        rows.iter().filter(|row| row.len() == 5 && row[0].starts_with('`')).collect();
    assert_eq!(runs.len(), 4);
    let experiment = database.default_experiment().unwrap();
    (0..).zip(runs).for_each(|(number, row)| start(&experiment, number, row));
    (folder, database)
}

/// The names of the runs that are found, as the document writes them.
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
fn filters_and_orders_mean_what_the_document_says() {
    let (_folder, database) = example();
    let filters = rows_under(["filter", "finds"]);
    let orders = rows_under(["order", "result"]);
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
