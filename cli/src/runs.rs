//! `tracklite runs`: the runs of a file as a table or as JSON.

use std::collections::BTreeMap;

use super::args::RunsArgs;
use super::columns::{self, Column, Listed};
use super::json::{self, RunObject};
use super::table::Table;
use super::terminal::{Style, Terminal};
use super::{Exit, Failure, Outcome, not_found, text};
use tracklite::{Database, Error, ErrorKind, ExperimentId, Result, RunRecord, RunStatus, Timestamp};

/// Prints the runs that were asked for.
pub(super) fn runs(args: &RunsArgs, terminal: &mut Terminal) -> Outcome {
    let database = Database::open_read_only(&args.file)?;
    let now = Timestamp::now();
    let mut runs = listed(&database, select(&database, args)?)?;
    sort(&mut runs, args, now)?;
    let found = runs.len();
    runs.truncate(args.limit.unwrap_or(usize::MAX));
    if args.json {
        let objects = runs.iter().map(|run| {
            Ok::<_, Failure>(RunObject::new(&run.record, &run.experiment, run.is_alive))
        });
        json::print_array(terminal, objects)?;
    } else {
        let columns = chosen_columns(&database, args.columns.as_deref(), &runs)?;
        print_table(&runs, found, columns, now, terminal)?;
    }
    Ok(Exit::Good)
}

/// The records of the runs of the experiment asked for, newest first.
fn select(database: &Database, args: &RunsArgs) -> Result<Vec<RunRecord>> {
    let mut records = if args.deleted { database.all_runs()? } else { database.runs()? };
    if let Some(path) = &args.experiment {
        let Some(experiment) = database.find_experiment(path)? else {
            return Err(not_found(&args.file, format!("there is no experiment {path:?}")));
        };
        records.retain(|record| record.info.experiment == experiment.id());
    }
    Ok(records)
}

/// The runs with the path of the experiment of each, and whether the running ones are alive.
pub(super) fn listed(database: &Database, records: Vec<RunRecord>) -> Result<Vec<Listed>> {
    let paths: BTreeMap<ExperimentId, String> =
        database.experiments()?.into_iter().map(|it| (it.id, it.path)).collect();
    records
        .into_iter()
        .map(|record| {
            let experiment = paths.get(&record.info.experiment).cloned().unwrap_or_default();
            let is_alive = is_alive(database, &record)?;
            Ok(Listed { record, experiment, is_alive })
        })
        .collect()
}

/// Of a running run, whether a living process writes it.
pub(super) fn is_alive(database: &Database, record: &RunRecord) -> Result<Option<bool>> {
    if record.info.status != RunStatus::Running {
        return Ok(None);
    }
    database.run(record.info.id)?.is_alive().map(Some)
}

fn sort(runs: &mut [Listed], args: &RunsArgs, now: Timestamp) -> Result<()> {
    let Some(wanted) = args.sort.as_deref() else { return Ok(()) };
    let (name, greatest_first) = match wanted.strip_prefix('-') {
        Some(name) => (name, true),
        None => (wanted, false),
    };
    if !runs.is_empty() {
        let column = Column::find(name, runs).ok_or_else(|| no_column(name))?;
        column.sort(runs, greatest_first, now);
    }
    Ok(())
}

/// The columns of these names. A bare key may be one that no listed run has, but another run.
pub(super) fn chosen_columns(
    database: &Database,
    names: Option<&[String]>,
    runs: &[Listed],
) -> Result<Option<Vec<Column>>> {
    let Some(names) = names else { return Ok(None) };
    let names = names.iter().map(|name| name.trim()).filter(|name| !name.is_empty());
    let mut others: Option<Vec<RunRecord>> = None;
    let mut columns = Vec::new();
    for name in names {
        if let Some(column) = Column::find(name, runs) {
            columns.push(column);
            continue;
        }
        let others = match &mut others {
            Some(others) => others,
            None => others.insert(database.all_runs()?),
        };
        columns.push(Column::find_key(name, others).ok_or_else(|| no_column(name))?);
    }
    Ok(Some(columns))
}

fn no_column(name: &str) -> Error {
    let words = Column::fixed_words();
    let message = format!(
        "no column {name:?}: no run has a metric, param or tag of that key, and it is none of \
         {words}"
    );
    Error::new(ErrorKind::InvalidInput, message)
}

/// The table of these runs, of so many that were found, with these columns or the usual ones.
pub(super) fn print_table(
    runs: &[Listed],
    found: usize,
    columns: Option<Vec<Column>>,
    now: Timestamp,
    terminal: &mut Terminal,
) -> Result<(), Failure> {
    if runs.is_empty() {
        terminal.line("no runs")?;
        return Ok(());
    }
    let (chosen, mut left_out) = match columns {
        Some(columns) => (columns, Vec::new()),
        None => columns::by_default(runs),
    };
    let chosen = chosen.into_iter().filter(|it| !matches!(it, Column::Id | Column::Name));
    let chosen: Vec<Column> = [Column::Id, Column::Name].into_iter().chain(chosen).collect();
    let mut table = Table::default();
    for column in &chosen {
        let same = chosen.iter().filter(|other| other.title() == column.title()).count();
        let title = if same > 1 { column.full_name() } else { column.title().to_owned() };
        column.add_to(&mut table, &title, runs, now);
    }
    let no_room = table.print(terminal)?;
    left_out.splice(0..0, no_room);
    note(runs, found, &left_out, terminal)
}

/// Says what the table does not.
fn note(
    runs: &[Listed],
    found: usize,
    left_out: &[String],
    terminal: &mut Terminal,
) -> Result<(), Failure> {
    let mut notes = Vec::new();
    if let Some(experiment) = columns::only_experiment(runs) {
        notes.push(format!("experiment {experiment}"));
    }
    if runs.len() < found {
        let shown = runs.len();
        notes.push(format!("{shown} of {} shown", text::plural(found as u64, "run")));
    }
    if !left_out.is_empty() {
        let names: Vec<&str> = left_out.iter().take(8).map(String::as_str).collect();
        let more = if left_out.len() > names.len() { ", ..." } else { "" };
        let columns = text::plural(left_out.len() as u64, "column");
        notes.push(format!("{columns} left out (see --columns): {}{more}", names.join(", ")));
    }
    if !notes.is_empty() {
        let notes = terminal.paint(Style::Faint, &notes.join("; ")).into_owned();
        terminal.line(&format!("\n{notes}"))?;
    }
    Ok(())
}
