//! `tracklite importance`: how much each param matters for a metric.

use serde::Serialize;
use tracklite::Database;
use tracklite::importance::{Importance, ImportanceQuery};

use crate::importance_args::ImportanceArgs;
use crate::json::{self, Number};
use crate::search::run_search;
use crate::table::Table;
use crate::terminal::{Style, Terminal};
use crate::{Exit, Outcome, text};

/// Below this share of explained variance, the result is printed with a warning.
const EXPLAINED_MIN: f64 = 0.1;

#[derive(Serialize)]
struct ImportanceObject<'a> {
    runs: usize,
    explained: Number,
    params: Vec<ParamObject<'a>>,
}

#[derive(Serialize)]
struct ParamObject<'a> {
    key: &'a str,
    importance: Number,
    error: Number,
    correlation: Option<Number>,
    runs: usize,
}

/// Prints the importance of params.
pub(crate) fn importance(args: &ImportanceArgs, terminal: &mut Terminal) -> Outcome {
    let database = Database::open_read_only(&args.file.path)?;
    let mut search = run_search(&database, &args.filter, &args.selection)?;
    if let Some(limit) = args.selection.limit {
        search = search.max_results(limit);
    }
    let mut query = ImportanceQuery::new(&args.objective);
    if args.log {
        query = query.log();
    }
    let query = args.exclude.iter().fold(query, ImportanceQuery::exclude);
    let found = database.importance(&search, &query)?;
    if args.output.json {
        json::print(terminal, &object(&found))?;
        return Ok(Exit::Success);
    }
    if found.params.is_empty() {
        terminal.line("no param differs between the runs")?;
    } else {
        table(&found).print(terminal)?;
    }
    let runs = text::plural(found.runs as u64, "run");
    let explained = text::number(found.explained.max(0.0) * 100.0);
    let mut note = format!("{runs}; the params explain {explained} % of the variance");
    if found.explained < EXPLAINED_MIN {
        note.push_str(", too little to say which of them matter");
    }
    let note = terminal.paint(Style::Faint, &note).into_owned();
    terminal.line(&format!("\n{note}"))?;
    Ok(Exit::Success)
}

fn object(found: &Importance) -> ImportanceObject<'_> {
    let params = found.params.iter().map(|param| ParamObject {
        key: &param.key,
        importance: Number(param.importance),
        error: Number(param.error),
        correlation: param.correlation.map(Number),
        runs: param.runs,
    });
    let explained = Number(found.explained);
    ImportanceObject { runs: found.runs, explained, params: params.collect() }
}

fn table(found: &Importance) -> Table {
    let params = || found.params.iter();
    let mut table = Table::default();
    table.long_text("param", 6, params().map(|param| param.key.as_str()));
    table.numbers("importance", params().map(|param| format!("{:.3}", param.importance)));
    table.numbers("error", params().map(|param| format!("{:.3}", param.error)));
    let correlation = |correlation: Option<f64>| match correlation {
        Some(correlation) => format!("{correlation:+.2}"),
        None => "-".to_owned(),
    };
    table.numbers("correlation", params().map(|param| correlation(param.correlation)));
    table.numbers("runs", params().map(|param| text::count(param.runs as u64)));
    table
}
