//! `tracklite search`: the runs that a filter finds, in an order, as a table or as JSON.

use super::args::{ChoiceArgs, SearchArgs};
use super::json::{self, RunObject};
use super::runs::{listed, print_table};
use super::terminal::{Style, Terminal};
use super::{Exit, Failure, Outcome, not_found};
use crate::{Database, Result, RunSearch, Timestamp, View};

/// Prints one page of what a search finds.
pub(super) fn search(args: &SearchArgs, terminal: &mut Terminal) -> Outcome {
    let database = Database::open_read_only(&args.file)?;
    let page = database.search_runs(&search_of(&database, args)?)?;
    let runs = listed(&database, page.items)?;
    if args.json {
        let objects = runs.iter().map(|run| {
            Ok::<_, Failure>(RunObject::new(&run.record, &run.experiment, run.is_alive))
        });
        json::print_array(terminal, objects)?;
        return Ok(Exit::Good);
    }
    if runs.is_empty() {
        terminal.line("no runs")?;
    } else {
        let found = runs.len();
        print_table(&runs, found, args.columns.as_deref(), Timestamp::now(), terminal)?;
    }
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

fn search_of(database: &Database, args: &SearchArgs) -> Result<RunSearch> {
    let page = args.page.as_deref().unwrap_or("");
    let (order, experiment) = (&args.order, args.experiment.as_deref());
    let search = search_in(database, &args.filter, order, experiment, args.deleted)?;
    Ok(search.max_results(args.limit).page_token(page))
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
