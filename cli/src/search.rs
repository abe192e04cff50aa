//! `tracklite search`: finds runs with a filter and prints a table or JSON.

use std::io::Write as _;

use tracklite::{Database, Result, RunRecord, RunSearch, Timestamp, View};

use crate::args::{SearchArgs, SelectionArgs};
use crate::columns::Listed;
use crate::groups::{self, Grouping};
use crate::json::{self, RunObject};
use crate::runs::{chosen_columns, experiment_paths, find_experiment, listed, print_table};
use crate::terminal::{Style, Terminal};
use crate::{Exit, Failure, Outcome};

/// The default number of runs in a table. JSON has them all.
const TABLE_RUNS: usize = 100;

/// Prints the runs that a search finds.
pub(crate) fn search(args: &SearchArgs, terminal: &mut Terminal) -> Outcome {
    let database = Database::open_read_only(&args.file.path)?;
    let (experiment, deleted) = (args.experiment.path.as_deref(), args.view.deleted);
    let search = search_in(&database, &args.filter, &args.order.order, experiment, deleted)?;
    if !args.group_by.is_empty() {
        let (keys, columns) = (args.group_by.as_slice(), args.columns.as_deref());
        let (limit, as_json) = (args.page.limit, args.output.json);
        let grouping = Grouping { keys, columns, limit, as_json };
        return groups::print(&database, &search, &grouping, terminal);
    }
    let search = search.page_token(args.page.token());
    if args.output.json {
        print_json(&database, search, args.page.limit, terminal)?;
        return Ok(Exit::Success);
    }
    let limit = args.page.limit.unwrap_or(TABLE_RUNS);
    let page = database.search_runs(&search.max_results(limit))?;
    let runs = listed(&database, page.items)?;
    let columns = chosen_columns(&database, args.columns.as_deref(), &runs)?;
    print_table(&runs, runs.len(), columns, Timestamp::now(), terminal)?;
    print_next(page.next_page_token.as_deref(), terminal)?;
    Ok(Exit::Success)
}

/// Prints a page of runs, or all of them if there is no limit.
fn print_json(
    database: &Database,
    search: RunSearch,
    limit: Option<usize>,
    terminal: &mut Terminal,
) -> Result<(), Failure> {
    let paths = experiment_paths(database)?;
    let mut array = json::Array::default();
    let mut print = |record: RunRecord| -> Result<(), Failure> {
        let run = Listed::new(database, record, &paths)?;
        let object = RunObject::new(&run.record, &run.experiment, run.is_alive);
        Ok(array.push(terminal, &object)?)
    };
    let next = match limit {
        Some(limit) => {
            let page = database.search_runs(&search.max_results(limit))?;
            page.items.into_iter().try_for_each(&mut print)?;
            page.next_page_token
        }
        None => {
            database.search_all_runs(&search)?.try_for_each(|record| print(record?))?;
            None
        }
    };
    array.end(terminal)?;
    note_next(next.as_deref());
    Ok(())
}

/// Prints how to get the next page, if there is one.
pub(crate) fn print_next(token: Option<&str>, terminal: &mut Terminal) -> Result<(), Failure> {
    if let Some(token) = token {
        let note = format!("more results: --page {token}");
        let note = terminal.paint(Style::Faint, &note).into_owned();
        terminal.line(&note)?;
    }
    Ok(())
}

/// Prints the same to standard error, because standard output has JSON.
pub(crate) fn note_next(token: Option<&str>) {
    if let Some(token) = token {
        // The results are printed, so a closed standard error is not a failure.
        let _ = writeln!(std::io::stderr(), "more results: --page {token}");
    }
}

/// Returns the search for runs with this filter and selection.
pub(crate) fn run_search(
    database: &Database,
    filter: &str,
    selection: &SelectionArgs,
) -> Result<RunSearch> {
    let experiment = selection.experiment.path.as_deref();
    search_in(database, filter, &selection.order, experiment, selection.view.deleted)
}

fn search_in(
    database: &Database,
    filter: &str,
    order: &[String],
    experiment: Option<&str>,
    deleted: bool,
) -> Result<RunSearch> {
    let view = if deleted { View::All } else { View::ActiveOnly };
    let mut search = RunSearch::new().view(view).filter(filter);
    for field in order {
        search = search.order_by(field);
    }
    let Some(path) = experiment else { return Ok(search) };
    Ok(search.experiment(find_experiment(database, path)?.id()))
}
