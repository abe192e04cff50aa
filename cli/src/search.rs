//! `tracklite search`: the runs that a filter finds, in an order, as a table or as JSON.

use std::io::Write as _;

use super::args::{ChoiceArgs, SearchArgs};
use super::json::{self, RunObject};
use super::runs::{chosen_columns, listed, print_table};
use super::terminal::{Style, Terminal};
use super::{Exit, Failure, Outcome, not_found};
use tracklite::{Database, Result, RunSearch, Timestamp, View};

/// How many runs a table has when nothing else is asked for; JSON has them all.
const TABLE_RUNS: usize = 100;

/// Prints what a search finds: a page of it as a table, or as JSON.
pub(super) fn search(args: &SearchArgs, terminal: &mut Terminal) -> Outcome {
    let database = Database::open_read_only(&args.file)?;
    let search = search_of(&database, args)?;
    if args.json {
        let page = database.search_all_runs(&search)?;
        let runs = listed(&database, page.items)?;
        let objects = runs.iter().map(|run| {
            Ok::<_, Failure>(RunObject::new(&run.record, &run.experiment, run.is_alive))
        });
        json::print_array(terminal, objects)?;
        note_next(page.next_page_token.as_deref());
        return Ok(Exit::Good);
    }
    let page = database.search_runs(&search)?;
    let runs = listed(&database, page.items)?;
    let columns = chosen_columns(&database, args.columns.as_deref(), &runs)?;
    print_table(&runs, runs.len(), columns, Timestamp::now(), terminal)?;
    print_next(page.next_page_token.as_deref(), terminal)?;
    Ok(Exit::Good)
}

/// Says how the next page is asked for.
pub(super) fn print_next(token: Option<&str>, terminal: &mut Terminal) -> Result<(), Failure> {
    if let Some(token) = token {
        let note = format!("there are more: --page {token}");
        let note = terminal.paint(Style::Faint, &note).into_owned();
        terminal.line(&note)?;
    }
    Ok(())
}

/// As [`print_next`], beside JSON on standard output.
pub(super) fn note_next(token: Option<&str>) {
    if let Some(token) = token {
        // What was asked for is printed: nothing else is to be done when nobody hears this.
        let _ = writeln!(std::io::stderr(), "there are more: --page {token}");
    }
}

fn search_of(database: &Database, args: &SearchArgs) -> Result<RunSearch> {
    let page = args.page.as_deref().unwrap_or("");
    let (order, experiment) = (&args.order, args.experiment.as_deref());
    let search = search_in(database, &args.filter, order, experiment, args.deleted)?;
    let search = search.page_token(page);
    match args.limit.or((!args.json).then_some(TABLE_RUNS)) {
        Some(limit) => Ok(search.max_results(limit)),
        None => Ok(search),
    }
}

/// The search for the runs of this filter that are chosen.
pub(super) fn run_search(
    database: &Database,
    filter: &str,
    choice: &ChoiceArgs,
) -> Result<RunSearch> {
    let experiment = choice.experiment.as_deref();
    search_in(database, filter, &choice.order, experiment, choice.deleted)
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
    match database.find_experiment(path)? {
        Some(experiment) => Ok(search.experiment(experiment.id())),
        None => Err(not_found(database.path(), format!("there is no experiment {path:?}"))),
    }
}
