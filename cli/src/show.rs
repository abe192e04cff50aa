//! `tracklite show`: everything about one run.

use std::collections::BTreeMap;

use serde::Serialize;

use super::args::RunArgs;
use super::columns::{short_id, status_cell};
use super::json::{self, RunObject, StatisticsObject};
use super::runs::is_alive;
use super::table::{Cell, Table};
use super::terminal::Terminal;
use super::{Exit, Failure, Outcome, find_run, text};
use tracklite::{
    Database, ExperimentInfo, MetricStatistics, Result, RunId, RunInfo, RunRecord, RunStatus,
    Timestamp,
};

/// A run with all that `show` tells of it.
struct Whole {
    record: RunRecord,
    experiment: ExperimentInfo,
    is_alive: Option<bool>,
    parent: Option<(RunId, String)>,
    statistics: BTreeMap<String, MetricStatistics>,
    children: Vec<RunInfo>,
}

impl Whole {
    fn read(database: &Database, id: RunId) -> Result<Whole> {
        let run = database.run(id)?;
        let record = run.record()?;
        let mut statistics = BTreeMap::new();
        for key in record.metrics.keys() {
            if let Some(amount) = run.statistics(key)? {
                statistics.insert(key.clone(), amount);
            }
        }
        let children = run.children()?.into_iter().map(|id| database.run(id)?.info());
        // A parent that was purged, or that is in another file, has an id but no name.
        let name = |id: RunId| database.run(id).and_then(|run| run.name()).unwrap_or_default();
        Ok(Whole {
            experiment: database.experiment_by_id(record.info.experiment)?.info()?,
            is_alive: is_alive(database, &record)?,
            parent: record.info.parent.map(|id| (id, name(id))),
            children: children.collect::<Result<_>>()?,
            statistics,
            record,
        })
    }
}

#[derive(Serialize)]
struct WholeObject<'a> {
    #[serde(flatten)]
    run: RunObject<'a>,
    metric_statistics: BTreeMap<&'a str, StatisticsObject>,
    children: Vec<String>,
}

/// Prints the run.
pub(super) fn show(args: &RunArgs, terminal: &mut Terminal) -> Outcome {
    let (database, id) = find_run(&args.file, &args.run)?;
    let whole = Whole::read(&database, id)?;
    if args.json {
        let statistics = whole.statistics.iter();
        let object = WholeObject {
            run: RunObject::new(&whole.record, &whole.experiment.path, whole.is_alive),
            metric_statistics: statistics.map(|(key, it)| (key.as_str(), (*it).into())).collect(),
            children: whole.children.iter().map(|child| child.id.to_string()).collect(),
        };
        json::print(terminal, &object)?;
    } else {
        print(&whole, terminal)?;
    }
    Ok(Exit::Good)
}

fn print(whole: &Whole, terminal: &mut Terminal) -> Result<(), Failure> {
    facts(whole).print(terminal)?;
    print_pairs("params", &whole.record.params, terminal)?;
    print_pairs("tags", &whole.record.tags, terminal)?;
    if !whole.statistics.is_empty() {
        terminal.heading(&format!("metrics ({})", whole.statistics.len()))?;
        metrics(&whole.statistics).print(terminal)?;
    }
    if !whole.children.is_empty() {
        terminal.heading(&format!("children ({})", whole.children.len()))?;
        children(&whole.children).print(terminal)?;
    }
    Ok(())
}

/// The facts about the run itself, one a line.
fn facts(whole: &Whole) -> Table {
    let info = &whole.record.info;
    let now = Timestamp::now();
    let mut rows: Vec<(&str, Cell)> = vec![
        ("run", info.id.to_string().into()),
        ("name", (&info.name).into()),
        ("experiment", format!("{} (id {})", whole.experiment.path, info.experiment).into()),
        ("status", status_cell(info.status, whole.is_alive, info.lifecycle)),
        ("started", started(info, now).into()),
    ];
    if let Some(ended) = info.ended {
        let took = text::span(ended.as_nanos().saturating_sub(info.started.as_nanos()));
        rows.push(("ended", format!("{} UTC, after {took}", text::date(ended)).into()));
    }
    if info.status == RunStatus::Running && whole.is_alive == Some(false) {
        rows.push(("", "its process has ended without saying how".into()));
    }
    if !info.user.is_empty() {
        rows.push(("user", (&info.user).into()));
    }
    if let Some((id, name)) = &whole.parent {
        rows.push(("parent", format!("{} {name}", short_id(*id, 8)).into()));
    }
    let mut table = Table::default();
    let (names, values): (Vec<&str>, Vec<Cell>) = rows.into_iter().unzip();
    table.words("", names);
    table.whole_text(values);
    table
}

fn started(info: &RunInfo, now: Timestamp) -> String {
    format!("{} UTC, {} ago", text::date(info.started), text::age(info.started, now))
}

/// Params or tags, whole: they wrap where the terminal is narrow.
fn print_pairs(
    title: &str,
    pairs: &BTreeMap<String, String>,
    terminal: &mut Terminal,
) -> Result<(), Failure> {
    if pairs.is_empty() {
        return Ok(());
    }
    terminal.heading(&format!("{title} ({})", pairs.len()))?;
    let mut table = Table::indented(2);
    table.words("", pairs.keys());
    table.whole_text(pairs.values());
    table.print(terminal)?;
    Ok(())
}

fn metrics(statistics: &BTreeMap<String, MetricStatistics>) -> Table {
    let numbers = |of: fn(&MetricStatistics) -> f64| {
        statistics.values().map(move |it| text::number(of(it))).collect::<Vec<String>>()
    };
    let mut table = Table::indented(2);
    table.words("key", statistics.keys());
    table.numbers("latest", numbers(|it| it.latest.value));
    table.numbers("at step", statistics.values().map(|it| it.latest.step.to_string()));
    table.numbers("min", numbers(|it| it.min));
    table.numbers("max", numbers(|it| it.max));
    table.numbers("mean", numbers(MetricStatistics::mean));
    table.numbers("points", statistics.values().map(|it| text::count(it.count)));
    if statistics.values().any(|it| it.nan_count > 0) {
        table.numbers("NaN", statistics.values().map(|it| text::count(it.nan_count)));
    }
    table
}

fn children(children: &[RunInfo]) -> Table {
    let mut table = Table::indented(2);
    table.words("id", children.iter().map(|child| short_id(child.id, 8)));
    table.long_text("name", 20, children.iter().map(|child| &child.name));
    table.words("status", children.iter().map(|it| status_cell(it.status, None, it.lifecycle)));
    table
}
