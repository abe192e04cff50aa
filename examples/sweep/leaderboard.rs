//! The result of the sweep: means and deviations over the seeds, read back from the file.

use std::collections::HashMap;
use std::fmt;
use std::path::Path;

use tracklite::{Database, Run, RunId, RunRecord, RunSearch};

use crate::Result;
use crate::digits::configuration::Configuration;
use crate::digits::text::{quoted, short};

/// A configuration and its runs.
pub(crate) struct Row {
    /// The configuration.
    pub(crate) configuration: Configuration,
    /// The run of the configuration, which has the means.
    pub(crate) parent: RunId,
    /// The runs nested in it, one for each seed.
    pub(crate) seeds: Vec<RunId>,
}

/// The accuracies of one configuration over its seeds, from 0 to 1.
pub(crate) struct Summary {
    test_mean: f64,
    test_deviation: f64,
    train_mean: f64,
}

/// The metrics of a parent run, in the order of the fields of [`Summary`].
const SUMMARY_METRICS: [&str; 3] =
    ["test_accuracy_mean", "test_accuracy_std", "train_accuracy_mean"];

impl Summary {
    /// Logs the three values in one row.
    pub(crate) fn log(&self, run: &Run) -> Result<()> {
        let values = [self.test_mean, self.test_deviation, self.train_mean];
        Ok(run.metric_row(&SUMMARY_METRICS)?.log(&values, 0)?)
    }

    /// Reads the values that [`Summary::log`] wrote.
    fn read(run: &RunRecord) -> Result<Self> {
        let mut values = [0.0; 3];
        for (value, key) in values.iter_mut().zip(SUMMARY_METRICS) {
            let point = run.metrics.get(key);
            *value = point.ok_or_else(|| format!("run {} has no {key}", run.info.id))?.value;
        }
        let [test_mean, test_deviation, train_mean] = values;
        Ok(Summary { test_mean, test_deviation, train_mean })
    }
}

/// `98.40 +- 0.23 %`.
impl fmt::Display for Summary {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:6.2} +- {:4.2} %", 100.0 * self.test_mean, 100.0 * self.test_deviation)
    }
}

/// Computes the means over these runs after their last pass over the data.
pub(crate) fn summarize(database: &Database, runs: &[RunId]) -> Result<Summary> {
    let (mut test, mut train) = (Vec::new(), Vec::new());
    for &id in runs {
        let run = database.run(id)?;
        test.push(latest_value(&run, "test_accuracy")?);
        train.push(latest_value(&run, "train_accuracy")?);
    }
    let (test_mean, test_deviation) = mean_and_deviation(&test);
    let (train_mean, _) = mean_and_deviation(&train);
    Ok(Summary { test_mean, test_deviation, train_mean })
}

fn latest_value(run: &Run, key: &str) -> Result<f64> {
    let point = run.latest(key)?.ok_or_else(|| format!("run {} has no {key}", run.id()))?;
    Ok(point.value)
}

/// Returns the mean and the sample standard deviation (divided by count - 1).
fn mean_and_deviation(values: &[f64]) -> (f64, f64) {
    let count = values.len() as f64;
    let mean = values.iter().sum::<f64>() / count;
    let squares = values.iter().map(|value| (value - mean).powi(2)).sum::<f64>();
    (mean, (squares / (count - 1.0).max(1.0)).sqrt())
}

/// All configurations, best first.
pub(crate) struct Leaderboard(Vec<(Summary, Row)>);

impl Leaderboard {
    /// Searches the file for the runs that have the means, best first.
    pub(crate) fn read(database: &Database, rows: Vec<Row>) -> Result<Self> {
        let [mean, deviation, _] = SUMMARY_METRICS;
        let search = RunSearch::new()
            .filter(format!("metrics.{mean} >= 0"))
            .order_by(format!("metrics.{mean} DESC"))
            .order_by(format!("metrics.{deviation}"))
            .max_results(RunSearch::MAX_RESULTS);
        let mut rows: HashMap<RunId, Row> = rows.into_iter().map(|row| (row.parent, row)).collect();
        let found = database.search_runs(&search)?.items;
        // Runs of earlier sweeps in the same file have no row here.
        let ranked = found.iter().filter_map(|record| {
            let row = rows.remove(&record.info.id)?;
            Some(Summary::read(record).map(|summary| (summary, row)))
        });
        Ok(Leaderboard(ranked.collect::<Result<_>>()?))
    }

    /// Returns the commands to try next on the best runs.
    pub(crate) fn next_commands(&self, file: &Path) -> String {
        let tracklite = "cargo tracklite";
        let file = quoted(file);
        let mut text = format!("Try next:\n  {tracklite} runs {file}\n");
        if let Some((_, Row { parent, seeds, .. })) = self.0.first() {
            text += &format!("  {tracklite} show {file} {}\n", short(*parent));
            for (seed, key) in seeds.iter().zip(["loss", "test_accuracy"]) {
                text += &format!("  {tracklite} metrics {file} {} {key}\n", short(*seed));
            }
        }
        text
    }
}

/// The header of [`columns`].
const TITLES: &str = "model    hidden  activation  learning rate  weight decay  batch";

/// Formats the settings in columns.
fn columns(configuration: &Configuration) -> String {
    let Configuration { hidden, learning_rate, weight_decay, batch_size, .. } = configuration;
    let (model, activation) = (configuration.model(), configuration.activation_name());
    format!(
        "{model:<7}  {hidden:>6}  {activation:<10}  {learning_rate:>13}  {weight_decay:>12}  \
         {batch_size:>5}"
    )
}

/// A header and one line for each configuration.
impl fmt::Display for Leaderboard {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        writeln!(f, "  #     test accuracy      train  {TITLES}  run")?;
        for (rank, (summary, row)) in self.0.iter().enumerate() {
            let (rank, train) = (rank + 1, 100.0 * summary.train_mean);
            let (columns, run) = (columns(&row.configuration), short(row.parent));
            writeln!(f, "{rank:>3}  {summary}  {train:6.2} %  {columns}  {run}")?;
        }
        Ok(())
    }
}
