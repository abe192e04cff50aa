//! `tracklite metrics`: the history of a metric as a plot, CSV or JSON.

use std::io::Write as _;

use serde::Serialize;
use tracklite::{Error, ErrorKind, MetricHistory, MetricStatistics, Result, Run, Timestamp};

use crate::args::MetricsArgs;
use crate::json::{self, Points, StatisticsObject};
use crate::plot::{self, PlotOptions};
use crate::table::Table;
use crate::terminal::{Style, Terminal};
use crate::{Exit, Failure, Outcome, open_run, text};

/// The width of a plot that is not printed to a terminal.
const DEFAULT_WIDTH: usize = 80;

#[derive(Serialize)]
struct MetricObject<'a> {
    run_id: String,
    key: &'a str,
    statistics: StatisticsObject,
    points: Points<'a>,
}

/// Prints a metric.
pub(crate) fn metrics(args: &MetricsArgs, terminal: &mut Terminal) -> Outcome {
    let (database, id) = open_run(&args.file, &args.run)?;
    let run = database.run(id)?;
    let Some(statistics) = run.statistics(&args.key)? else {
        return Err(no_such_metric(&run, &args.key)?.with_path(database.path()).into());
    };
    let history = run.history(&args.key)?;
    if args.output.json {
        let object = MetricObject {
            run_id: id.to_string(),
            key: &args.key,
            statistics: statistics.into(),
            points: Points(&history),
        };
        json::print_compact(terminal, &object)?;
    } else if args.points {
        print_points(&history, terminal)?;
    } else {
        let title = format!("{} of {} ({id})", args.key, run.name()?);
        let title = terminal.paint(Style::Bold, &title).into_owned();
        terminal.line(&title)?;
        print_plot(&history, args, terminal)?;
        print_statistics(&statistics, &history, terminal)?;
    }
    Ok(Exit::Success)
}

/// Returns the error for a metric that the run does not have. It lists those that it has.
///
/// # Errors
///
/// - Those of [`Run::metrics`].
pub fn no_such_metric(run: &Run, key: &str) -> Result<Error> {
    let keys: Vec<String> = run.metrics()?.into_keys().take(20).collect();
    let has = if keys.is_empty() { "none".to_owned() } else { keys.join(", ") };
    let message = format!("run {} has no metric {key:?}; its metrics: {has}", run.id());
    Ok(Error::new(ErrorKind::NotFound, message))
}

fn print_points(history: &MetricHistory, terminal: &mut Terminal) -> Result<(), Failure> {
    terminal.line("step,time,value")?;
    for point in history.iter() {
        let (time, value) = (point.time.to_string(), text::exact(point.value));
        writeln!(terminal, "{},{time},{value}", point.step)?;
    }
    Ok(())
}

fn print_plot(
    history: &MetricHistory,
    args: &MetricsArgs,
    terminal: &mut Terminal,
) -> Result<(), Failure> {
    let options = PlotOptions {
        width: args.width.map_or(terminal.width().unwrap_or(DEFAULT_WIDTH), usize::from),
        height: usize::from(args.height),
        log_y: args.log_y,
        ascii: args.ascii,
    };
    for line in plot::plot(history, options) {
        let label = terminal.paint(Style::Faint, &line.label);
        let body = terminal.paint(Style::Busy, &line.body);
        let line = format!("{label}{body}");
        terminal.line(line.trim_end())?;
    }
    Ok(())
}

fn print_statistics(
    statistics: &MetricStatistics,
    history: &MetricHistory,
    terminal: &mut Terminal,
) -> Result<(), Failure> {
    let latest = statistics.latest;
    let mut names = vec!["latest"];
    let mut values =
        vec![format!("{} at step {}", text::exact(latest.value), text::grouped(latest.step))];
    for (name, wanted) in [("min", statistics.min), ("max", statistics.max)] {
        let place = history.values.iter().position(|&value| value == wanted);
        if let Some(&step) = place.and_then(|place| history.steps.get(place)) {
            names.push(name);
            values.push(format!("{} at step {}", text::exact(wanted), text::grouped(step)));
        }
    }
    names.extend(["mean", "points"]);
    values.push(text::number(statistics.mean()));
    let nan = match statistics.nan_count {
        0 => String::new(),
        count => format!(", {} of them NaN", text::count(count)),
    };
    values.push(format!("{}{nan}", text::count(statistics.count)));
    names.push("time");
    values.push(period(history));
    let mut table = Table::default();
    table.words("", names);
    table.whole_text(values);
    terminal.line("")?;
    table.print(terminal)?;
    Ok(())
}

/// Returns the period in which the points were logged.
fn period(history: &MetricHistory) -> String {
    let first = history.times.iter().copied().min().unwrap_or_default();
    let last = history.times.iter().copied().max().unwrap_or_default();
    let length = text::span(last.saturating_sub(first));
    let [first, last] = [first, last].map(|nanos| text::date(Timestamp::from_nanos(nanos)));
    format!("{first} to {last} UTC, {length}")
}
