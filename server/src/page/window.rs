//! Windows of runs: the rows of some runs as a frame.

use tracklite::table::{Column, Table, Value};
use tracklite::{Database, RunHealth, RunId};

use super::frame::Frame;
use super::names;
use crate::failure::{Failure, Outcome};
use crate::mlflow::queries;

/// The columns of the library that each window has, beside those that were asked for.
const ALWAYS: &[&str] = &[
    "run_id",
    "run_name",
    "experiment_id",
    "status",
    "start_time",
    "end_time",
    "user_id",
    "parent_run_id",
];
/// The most columns of a window.
const COLUMNS_MAX: usize = 500;
/// Windows with more runs have no column with their health, which takes a look at each process.
const HEALTH_MAX: usize = 5000;

/// Refuses names of columns that cannot be in a window.
pub(super) fn check(columns: &[String]) -> Outcome<()> {
    if columns.len() > COLUMNS_MAX {
        return Err(Failure::invalid(format!(
            "{} columns were asked for, at most {COLUMNS_MAX} are answered: ask for fewer",
            columns.len()
        )));
    }
    match columns.iter().find(|name| !names::is_single(name)) {
        None => Ok(()),
        Some(name) => Err(Failure::invalid(format!(
            "{name:?} is not one column: name each key, such as \"metrics.loss\""
        ))),
    }
}

/// Returns whether a column of the library has numbers of metrics.
pub(super) fn is_measure(name: &str) -> bool {
    let prefix = name.split_once('.').map(|(prefix, _)| prefix);
    prefix.is_some_and(|prefix| !["params", "tags", "attributes", "datasets"].contains(&prefix))
}

/// Returns a value as text, if it is one.
pub(super) fn text(value: Option<Value<'_>>) -> Option<String> {
    match value {
        Some(Value::Text(text)) => Some(text.to_owned()),
        _ => None,
    }
}

/// Reads the columns of some runs.
pub(super) fn table(database: &Database, runs: &[RunId], columns: &[String]) -> Outcome<Table> {
    let mut wanted: Vec<String> = ALWAYS.iter().map(|name| (*name).to_owned()).collect();
    wanted.extend(columns.iter().map(|name| names::column(name)));
    Ok(database.columns_of_runs(runs, &wanted)?)
}

/// Returns a window of these runs. Runs that were purged since are left out.
pub(super) fn frame(database: &Database, runs: &[RunId], columns: &[String]) -> Outcome<Frame> {
    let table = table(database, runs, columns)?;
    let mut frame = Frame::new(table.len());
    frame.text("id", texts(&table, "run_id").map(Option::unwrap_or_default));
    frame.text("name", texts(&table, "run_name").map(Option::unwrap_or_default));
    frame.dict("experiment", texts(&table, "experiment_id"));
    frame.dict("status", texts(&table, "status"));
    if runs.len() <= HEALTH_MAX {
        frame.dict("health", health(database, &table)?.into_iter().map(Some));
    }
    frame.f64_or_missing("start", &numbers(table.column("start_time")));
    frame.f64_or_missing("end", &numbers(table.column("end_time")));
    frame.dict("user", texts(&table, "user_id"));
    frame.text("parent", texts(&table, "parent_run_id").map(Option::unwrap_or_default));
    for name in columns {
        add(&mut frame, name, table.column(&names::column(name)));
    }
    Ok(frame)
}

fn texts<'a>(table: &'a Table, name: &str) -> impl Iterator<Item = Option<String>> + use<'a> {
    table.column(name).into_iter().flat_map(Column::values).map(|value| text(Some(value)))
}

fn health(database: &Database, table: &Table) -> Outcome<Vec<&'static str>> {
    let ids = texts(table, "run_id").flatten().map(|id| queries::run_id(&id));
    let ids: Vec<RunId> = ids.collect::<Outcome<_>>()?;
    Ok(database.run_health(&ids)?.into_iter().map(RunHealth::as_str).collect())
}

/// Returns a column as numbers. Times are milliseconds.
fn numbers(column: Option<&Column>) -> Vec<Option<f64>> {
    let number = |value: Value<'_>| match value {
        Value::Float(number) => Some(number),
        Value::Integer(number) => Some(number as f64),
        Value::Bool(truth) => Some(f64::from(u8::from(truth))),
        Value::Time(time) => Some(time.as_millis() as f64),
        _ => None,
    };
    column.into_iter().flat_map(Column::values).map(number).collect()
}

fn add(frame: &mut Frame, name: &str, column: Option<&Column>) {
    match column {
        Some(Column::Text(texts)) => frame.dict(name, texts.iter()),
        other => frame.f64_or_missing(name, &numbers(other)),
    }
}
