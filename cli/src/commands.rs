//! `tracklite info`, `experiments` and `sql`: what the file holds.

use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};

use serde::Serialize;

use super::args::{ExperimentsArgs, FileArgs, SqlArgs};
use super::json::{self, Hexadecimal, RowObject};
use super::search::{note_next, print_next};
use super::table::{Cell, Table};
use super::terminal::{Style, Terminal};
use super::{Exit, Failure, Outcome, text};
use tracklite::{
    Database, DatabaseInfo, ExperimentInfo, ExperimentSearch, Lifecycle, Result, SqlTable,
    SqlValue, Timestamp, View,
};

#[derive(Serialize)]
struct InfoObject<'a> {
    path: &'a Path,
    file_id: String,
    format_version: u16,
    file_bytes: u64,
    allocated_bytes: u64,
    chain_bytes: u64,
    unsealed_bytes: u64,
    creation_time: i64,
    experiments: u64,
    runs: u64,
    points: u64,
    writers: Vec<WriterObject<'a>>,
    index_path: Option<&'a PathBuf>,
    warnings: &'a [String],
}

#[derive(Serialize)]
struct WriterObject<'a> {
    process: u32,
    host: &'a str,
    opened_time: i64,
    is_alive: bool,
}

impl<'a> From<&'a DatabaseInfo> for InfoObject<'a> {
    fn from(info: &'a DatabaseInfo) -> Self {
        let writers = info.writers.iter().map(|writer| WriterObject {
            process: writer.process,
            host: &writer.host,
            opened_time: writer.opened.as_millis(),
            is_alive: writer.alive,
        });
        InfoObject {
            path: &info.path,
            file_id: format!("{:032x}", info.file_id),
            format_version: info.format_version,
            file_bytes: info.file_bytes,
            allocated_bytes: info.allocated_bytes,
            chain_bytes: info.chain_bytes,
            unsealed_bytes: info.unsealed_bytes,
            creation_time: info.created.as_millis(),
            experiments: info.experiments,
            runs: info.runs,
            points: info.points,
            writers: writers.collect(),
            index_path: info.index_path.as_ref(),
            warnings: &info.warnings,
        }
    }
}

/// Prints what the file holds, how large it is and who is writing to it.
pub(super) fn info(args: &FileArgs, terminal: &mut Terminal) -> Outcome {
    let info = Database::open_read_only(&args.file)?.info()?;
    if args.json {
        json::print(terminal, &InfoObject::from(&info))?;
    } else {
        print_info(&info, terminal)?;
    }
    Ok(Exit::Good)
}

fn print_info(info: &DatabaseInfo, terminal: &mut Terminal) -> Result<(), Failure> {
    let index = info.index_path.as_ref();
    let index = index.map_or("in memory".to_owned(), |path| path.display().to_string());
    let size = format!(
        "{} on the disk, {} long",
        text::bytes(info.allocated_bytes),
        text::bytes(info.file_bytes)
    );
    let parts = format!(
        "{} metadata, {} points not yet packed",
        text::bytes(info.chain_bytes),
        text::bytes(info.unsealed_bytes)
    );
    let alive = info.writers.iter().filter(|writer| writer.alive).count();
    let facts = [
        ("file", info.path.display().to_string()),
        ("file id", format!("{:032x}", info.file_id)),
        ("format", format!("version {}", info.format_version)),
        ("created", format!("{} UTC", text::date(info.created))),
        ("experiments", text::count(info.experiments)),
        ("runs", text::count(info.runs)),
        ("points", text::count(info.points)),
        ("size", size),
        ("of which", parts),
        ("index", index),
        ("writers", format!("{alive} alive")),
    ];
    let mut table = Table::default();
    table.words("", facts.iter().map(|fact| fact.0));
    table.whole_text(facts.iter().map(|fact| &fact.1));
    table.print(terminal)?;
    print_writers(info, terminal)?;
    for warning in &info.warnings {
        let word = terminal.paint(Style::Warning, "warning").into_owned();
        terminal.line(&format!("{word}: {}", text::printable(warning)))?;
    }
    Ok(())
}

fn print_writers(info: &DatabaseInfo, terminal: &mut Terminal) -> Result<(), Failure> {
    if info.writers.is_empty() {
        return Ok(());
    }
    let now = Timestamp::now();
    let writers = || info.writers.iter();
    let mut table = Table::indented(2);
    table.numbers("process", writers().map(|it| it.process.to_string()));
    table.long_text("host", 12, writers().map(|it| &it.host));
    table.numbers("open for", writers().map(|it| text::age(it.opened, now)));
    table.words(
        "state",
        writers().map(|it| match it.alive {
            true => Cell::styled(Style::Good, "alive"),
            false => Cell::styled(Style::Bad, "dead"),
        }),
    );
    table.print(terminal)?;
    Ok(())
}

#[derive(Serialize)]
struct ExperimentObject<'a> {
    experiment_id: String,
    name: &'a str,
    lifecycle_stage: &'static str,
    creation_time: i64,
    last_update_time: i64,
    runs: usize,
    tags: &'a BTreeMap<String, String>,
}

/// Prints the experiments with the number of active runs of each.
pub(super) fn experiments(args: &ExperimentsArgs, terminal: &mut Terminal) -> Outcome {
    let database = Database::open_read_only(&args.file)?;
    let search = experiment_search(args);
    let page = match args.json {
        true => database.search_all_experiments(&search)?,
        false => database.search_experiments(&search)?,
    };
    let experiments = page.items;
    let mut counts = BTreeMap::new();
    for record in database.all_runs()? {
        if record.info.lifecycle == Lifecycle::Active {
            *counts.entry(record.info.experiment).or_insert(0) += 1;
        }
    }
    let runs = |experiment: &ExperimentInfo| counts.get(&experiment.id).copied().unwrap_or(0);
    if args.json {
        let objects = experiments.iter().map(|it| {
            Ok::<_, Failure>(ExperimentObject {
                experiment_id: it.id.to_string(),
                name: &it.path,
                lifecycle_stage: it.lifecycle.as_str(),
                creation_time: it.created.as_millis(),
                last_update_time: it.updated.as_millis(),
                runs: runs(it),
                tags: &it.tags,
            })
        });
        json::print_array(terminal, objects)?;
        note_next(page.next_page_token.as_deref());
        return Ok(Exit::Good);
    }
    let mut table = Table::default();
    table.numbers("id", experiments.iter().map(|it| it.id.to_string()));
    table.long_text("path", 20, experiments.iter().map(|it| &it.path));
    table.numbers("runs", experiments.iter().map(|it| runs(it).to_string()));
    table.words("created (UTC)", experiments.iter().map(|it| text::date(it.created)));
    if args.deleted {
        table.words("stage", experiments.iter().map(|it| it.lifecycle.as_str()));
    }
    if experiments.is_empty() {
        terminal.line("no experiments")?;
    } else {
        table.print(terminal)?;
    }
    print_next(page.next_page_token.as_deref(), terminal)?;
    Ok(Exit::Good)
}

/// What is asked for; by id unless there is an order.
fn experiment_search(args: &ExperimentsArgs) -> ExperimentSearch {
    let view = if args.deleted { View::All } else { View::ActiveOnly };
    let search = ExperimentSearch::new().filter(&args.filter).view(view);
    let search = search.page_token(args.page.as_deref().unwrap_or(""));
    let search = args.limit.into_iter().fold(search, ExperimentSearch::max_results);
    match args.order.is_empty() {
        true => search.order_by("experiment_id"),
        false => args.order.iter().fold(search, ExperimentSearch::order_by),
    }
}

/// Prints the rows that answer a query.
pub(super) fn sql(args: &SqlArgs, terminal: &mut Terminal) -> Outcome {
    let mut answer = Database::open_read_only(&args.file)?.sql(&args.query)?;
    if args.json {
        make_distinct(&mut answer.columns);
        let rows = answer.rows.iter();
        let rows = rows.map(|values| Ok(RowObject { names: &answer.columns, values }));
        json::print_array(terminal, rows)?;
    } else {
        print_rows(&answer, terminal)?;
    }
    Ok(Exit::Good)
}

/// Gives columns of the same name a number, as an object can have a name only once.
fn make_distinct(names: &mut [String]) {
    let mut taken = BTreeSet::new();
    for name in names {
        let plain = name.clone();
        let mut number = 2;
        while !taken.insert(name.clone()) {
            *name = format!("{plain}_{number}");
            number += 1;
        }
    }
}

fn print_rows(answer: &SqlTable, terminal: &mut Terminal) -> Result<(), Failure> {
    let mut table = Table::default();
    for (at, title) in answer.columns.iter().enumerate() {
        let cells = || answer.rows.iter().filter_map(|row| row.get(at));
        let is_number =
            |value: &SqlValue| matches!(value, SqlValue::Integer(_) | SqlValue::Real(_));
        if cells().any(is_number) {
            table.numbers(title, cells().map(sql_cell));
        } else {
            table.long_text(title, 12, cells().map(sql_cell));
        }
    }
    let left_out = table.print(terminal)?;
    let rows = text::plural(answer.rows.len() as u64, "row");
    let note = match left_out.is_empty() {
        true => rows,
        false => format!("{rows}; no room for {}", left_out.join(", ")),
    };
    let note = terminal.paint(Style::Faint, &format!("({note})")).into_owned();
    terminal.line(&note)?;
    Ok(())
}

fn sql_cell(value: &SqlValue) -> Cell {
    match value {
        SqlValue::Null => Cell::styled(Style::Faint, "NULL"),
        SqlValue::Integer(value) => value.to_string().into(),
        SqlValue::Real(value) => text::exact(*value).into(),
        SqlValue::Text(value) => value.into(),
        SqlValue::Blob(bytes) => Hexadecimal(bytes).to_string().into(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn columns_of_one_name_are_numbered() {
        let mut names = ["a", "b", "a", "a_2", "a"].map(str::to_owned);
        make_distinct(&mut names);
        assert_eq!(names, ["a", "b", "a_2", "a_2_2", "a_3"]);
    }
}
