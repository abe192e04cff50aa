//! `tracklite show`: everything about a run.

use std::collections::BTreeMap;

use serde::Serialize;
use tracklite::{
    Database, ExperimentInfo, MetricStatistics, Result, RunId, RunInfo, RunRecord, RunStatus,
    Timestamp,
};

use crate::args::RunArgs;
use crate::columns::{short_id, status_cell};
use crate::json::{self, RunObject, StatisticsObject};
use crate::runs::is_alive;
use crate::table::{Cell, Table};
use crate::terminal::Terminal;
use crate::{Exit, Failure, Outcome, open_run, text};

/// Everything that `show` prints about a run.
struct RunDetails {
    record: RunRecord,
    experiment: ExperimentInfo,
    is_alive: Option<bool>,
    parent: Option<(RunId, String)>,
    statistics: BTreeMap<String, MetricStatistics>,
    children: Vec<RunInfo>,
}

impl RunDetails {
    fn read(database: &Database, id: RunId) -> Result<RunDetails> {
        let run = database.run(id)?;
        let record = run.record()?;
        let mut statistics = BTreeMap::new();
        for key in record.metrics.keys() {
            if let Some(found) = run.statistics(key)? {
                statistics.insert(key.clone(), found);
            }
        }
        let children = run.children()?.into_iter().map(|id| database.run(id)?.info());
        // A parent that was purged, or is in another file, has no name.
        let name = |id: RunId| database.run(id).and_then(|run| run.name()).unwrap_or_default();
        Ok(RunDetails {
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
struct DetailsObject<'a> {
    #[serde(flatten)]
    run: RunObject<'a>,
    metric_statistics: BTreeMap<&'a str, StatisticsObject>,
    children: Vec<String>,
}

/// Prints a run.
pub(crate) fn show(args: &RunArgs, terminal: &mut Terminal) -> Outcome {
    let (database, id) = open_run(&args.file, &args.run)?;
    let details = RunDetails::read(&database, id)?;
    if args.output.json {
        let statistics = details.statistics.iter();
        let object = DetailsObject {
            run: RunObject::new(&details.record, &details.experiment.path, details.is_alive),
            metric_statistics: statistics
                .map(|(key, found)| (key.as_str(), (*found).into()))
                .collect(),
            children: details.children.iter().map(|child| child.id.to_string()).collect(),
        };
        json::print(terminal, &object)?;
    } else {
        print(&details, terminal)?;
    }
    Ok(Exit::Success)
}

fn print(details: &RunDetails, terminal: &mut Terminal) -> Result<(), Failure> {
    facts(details).print(terminal)?;
    print_pairs("params", &details.record.params, terminal)?;
    print_pairs("tags", &details.record.tags, terminal)?;
    if !details.statistics.is_empty() {
        terminal.heading(&format!("metrics ({})", details.statistics.len()))?;
        metrics(&details.statistics).print(terminal)?;
    }
    if !details.children.is_empty() {
        terminal.heading(&format!("children ({})", details.children.len()))?;
        children(&details.children).print(terminal)?;
    }
    Ok(())
}

/// Makes a table of facts about the run itself.
fn facts(details: &RunDetails) -> Table {
    let info = &details.record.info;
    let now = Timestamp::now();
    let mut rows: Vec<(&str, Cell)> = vec![
        ("run", info.id.to_string().into()),
        ("name", (&info.name).into()),
        ("experiment", format!("{} (id {})", details.experiment.path, info.experiment).into()),
        ("status", status_cell(info.status, details.is_alive, info.lifecycle)),
        ("started", started(info, now).into()),
    ];
    if let Some(ended) = info.ended {
        let duration = text::span(ended.as_nanos().saturating_sub(info.started.as_nanos()));
        rows.push(("ended", format!("{} UTC, after {duration}", text::date(ended)).into()));
    }
    if info.status == RunStatus::Running && details.is_alive == Some(false) {
        rows.push(("", "its process ended without finishing the run".into()));
    }
    if !info.user.is_empty() {
        rows.push(("user", (&info.user).into()));
    }
    if let Some((id, name)) = &details.parent {
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

/// Prints params or tags without cutting them. They wrap if the terminal is narrow.
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
        statistics.values().map(move |metric| text::number(of(metric))).collect::<Vec<String>>()
    };
    let mut table = Table::indented(2);
    table.words("key", statistics.keys());
    table.numbers("latest", numbers(|metric| metric.latest.value));
    table.numbers("at step", statistics.values().map(|metric| metric.latest.step.to_string()));
    table.numbers("min", numbers(|metric| metric.min));
    table.numbers("max", numbers(|metric| metric.max));
    table.numbers("mean", numbers(MetricStatistics::mean));
    table.numbers("points", statistics.values().map(|metric| text::count(metric.count)));
    if statistics.values().any(|metric| metric.nan_count > 0) {
        table.numbers("NaN", statistics.values().map(|metric| text::count(metric.nan_count)));
    }
    table
}

fn children(children: &[RunInfo]) -> Table {
    let mut table = Table::indented(2);
    table.words("id", children.iter().map(|child| short_id(child.id, 8)));
    table.long_text("name", 20, children.iter().map(|child| &child.name));
    table.words(
        "status",
        children.iter().map(|child| status_cell(child.status, None, child.lifecycle)),
    );
    table
}
