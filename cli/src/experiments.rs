//! `tracklite experiments`: lists the experiments of a file.

use std::collections::BTreeMap;

use serde::Serialize;
use tracklite::{Database, ExperimentInfo, ExperimentSearch, Result, RunSearch, View};

use crate::args::ExperimentsArgs;
use crate::search::{note_next, print_next};
use crate::table::Table;
use crate::terminal::Terminal;
use crate::{Exit, Failure, Outcome, json, text};

/// A column of runs.
const EXPERIMENT_ID: &str = "experiment_id";

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
pub(crate) fn experiments(args: &ExperimentsArgs, terminal: &mut Terminal) -> Outcome {
    let database = Database::open_read_only(&args.file.path)?;
    let search = experiment_search(args);
    let (experiments, next) = if args.output.json && args.page.limit.is_none() {
        (database.search_all_experiments(&search)?, None)
    } else {
        let page = database.search_experiments(&search)?;
        (page.items, page.next_page_token)
    };
    let counts = active_runs(&database)?;
    let runs = |info: &ExperimentInfo| counts.get(&info.id.to_string()).copied().unwrap_or(0);
    if args.output.json {
        let objects = experiments.iter().map(|info| {
            Ok::<_, Failure>(ExperimentObject {
                experiment_id: info.id.to_string(),
                name: &info.path,
                lifecycle_stage: info.lifecycle.as_str(),
                creation_time: info.created.as_millis(),
                last_update_time: info.updated.as_millis(),
                runs: runs(info),
                tags: &info.tags,
            })
        });
        json::print_array(terminal, objects)?;
        note_next(next.as_deref());
        return Ok(Exit::Success);
    }
    let mut table = Table::default();
    table.numbers("id", experiments.iter().map(|info| info.id.to_string()));
    table.long_text("path", 20, experiments.iter().map(|info| &info.path));
    table.numbers("runs", experiments.iter().map(|info| runs(info).to_string()));
    table.words("created (UTC)", experiments.iter().map(|info| text::date(info.created)));
    if args.view.deleted {
        table.words("stage", experiments.iter().map(|info| info.lifecycle.as_str()));
    }
    if experiments.is_empty() {
        terminal.line("no experiments")?;
    } else {
        table.print(terminal)?;
    }
    print_next(next.as_deref(), terminal)?;
    Ok(Exit::Success)
}

/// Counts the active runs by the id of their experiment.
fn active_runs(database: &Database) -> Result<BTreeMap<String, usize>> {
    let table = database.runs_table(&RunSearch::new().columns([EXPERIMENT_ID]))?;
    let mut counts = BTreeMap::new();
    if let Some(ids) = table.column(EXPERIMENT_ID) {
        for id in ids.values() {
            *counts.entry(id.to_string()).or_insert(0) += 1;
        }
    }
    Ok(counts)
}

/// Returns the search. The default order is by id.
fn experiment_search(args: &ExperimentsArgs) -> ExperimentSearch {
    let view = if args.view.deleted { View::All } else { View::ActiveOnly };
    let search = ExperimentSearch::new().filter(&args.filter).view(view);
    let search = search.page_token(args.page.token());
    let search = args.page.limit.into_iter().fold(search, ExperimentSearch::max_results);
    match args.order.order.is_empty() {
        true => search.order_by("experiment_id"),
        false => args.order.order.iter().fold(search, ExperimentSearch::order_by),
    }
}
