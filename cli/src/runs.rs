//! `tracklite runs`: lists the runs of a file as a table or JSON.

use std::collections::BTreeMap;

use tracklite::{
    Database, Error, ErrorKind, Experiment, ExperimentId, Result, RunRecord, RunStatus, Timestamp,
};

use crate::args::RunsArgs;
use crate::columns::{self, Column, Listed};
use crate::json::{self, RunObject};
use crate::table::Table;
use crate::terminal::{Style, Terminal};
use crate::{Exit, Failure, Outcome, not_found, text};

/// Prints the selected runs.
pub(crate) fn runs(args: &RunsArgs, terminal: &mut Terminal) -> Outcome {
    let database = Database::open_read_only(&args.file.path)?;
    let now = Timestamp::now();
    let mut runs = listed(&database, select(&database, args)?)?;
    sort(&mut runs, args, now)?;
    let found = runs.len();
    runs.truncate(args.limit.unwrap_or(usize::MAX));
    if args.output.json {
        let objects = runs.iter().map(|run| {
            Ok::<_, Failure>(RunObject::new(&run.record, &run.experiment, run.is_alive))
        });
        json::print_array(terminal, objects)?;
    } else {
        let columns = chosen_columns(&database, args.columns.as_deref(), &runs)?;
        print_table(&runs, found, columns, now, terminal)?;
    }
    Ok(Exit::Success)
}

/// Returns the records of the selected runs, newest first.
fn select(database: &Database, args: &RunsArgs) -> Result<Vec<RunRecord>> {
    let mut records = if args.view.deleted { database.all_runs()? } else { database.runs()? };
    if let Some(path) = &args.experiment.path {
        let experiment = find_experiment(database, path)?;
        records.retain(|record| record.info.experiment == experiment.id());
    }
    Ok(records)
}

/// Returns the experiment at a path.
pub(crate) fn find_experiment(database: &Database, path: &str) -> Result<Experiment> {
    let found = database.find_experiment(path)?;
    found.ok_or_else(|| not_found(database, format!("there is no experiment {path:?}")))
}

/// The paths of all experiments.
pub(crate) type ExperimentPaths = BTreeMap<ExperimentId, String>;

pub(crate) fn experiment_paths(database: &Database) -> Result<ExperimentPaths> {
    Ok(database.experiments()?.into_iter().map(|info| (info.id, info.path)).collect())
}

impl Listed {
    pub(crate) fn new(
        database: &Database,
        record: RunRecord,
        paths: &ExperimentPaths,
    ) -> Result<Listed> {
        let experiment = paths.get(&record.info.experiment).cloned().unwrap_or_default();
        let is_alive = is_alive(database, &record)?;
        Ok(Listed { record, experiment, is_alive })
    }
}

/// Adds to each run what its record does not have.
pub(crate) fn listed(database: &Database, records: Vec<RunRecord>) -> Result<Vec<Listed>> {
    let paths = experiment_paths(database)?;
    records.into_iter().map(|record| Listed::new(database, record, &paths)).collect()
}

/// Returns whether a living process writes the run, or `None` if its status is not running.
pub(crate) fn is_alive(database: &Database, record: &RunRecord) -> Result<Option<bool>> {
    if record.info.status != RunStatus::Running {
        return Ok(None);
    }
    database.run(record.info.id)?.is_alive().map(Some)
}

fn sort(runs: &mut [Listed], args: &RunsArgs, now: Timestamp) -> Result<()> {
    let Some(wanted) = args.sort.as_deref() else { return Ok(()) };
    let (name, largest_first) = match wanted.strip_prefix('-') {
        Some(name) => (name, true),
        None => (wanted, false),
    };
    if !runs.is_empty() {
        let column = Column::find(name, runs).ok_or_else(|| no_column(name))?;
        column.sort(runs, largest_first, now);
    }
    Ok(())
}

/// Returns the columns with these names. A key without a prefix may be that of a run that is not
/// listed.
pub(crate) fn chosen_columns(
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
    let names = Column::fixed_names();
    let message = format!(
        "unknown column {name:?}: no run has a metric, param or tag of this name, and it is not one \
         of {names}"
    );
    Error::new(ErrorKind::InvalidInput, message)
}

/// Prints a table of runs out of `found` runs, with these columns or the default ones.
pub(crate) fn print_table(
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
        None => columns::defaults(runs),
    };
    let chosen = chosen.into_iter().filter(|column| !matches!(column, Column::Id | Column::Name));
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

/// Prints what the table leaves out.
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
