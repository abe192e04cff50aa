//! Reads the whole file through the public API.

use std::collections::BTreeMap;

use tracklite::{
    Database, ErrorKind, ExperimentInfo, MetricHistory, MetricPoint, MetricStatistics, Result,
    RunRecord,
};

use crate::artifacts::file_labels;
use crate::things::{ThingSeen, things};

/// A run with all of its points.
#[derive(Debug)]
pub struct RunSeen {
    pub record: RunRecord,
    pub histories: Vec<(String, MetricHistory)>,
    /// The labels of the files. Not read while others write.
    pub artifacts: Option<BTreeMap<String, String>>,
}

/// The contents of a file.
#[derive(Debug)]
pub struct Observation {
    pub experiments: Vec<ExperimentInfo>,
    pub runs: Vec<RunSeen>,
    /// Models and their versions. Not read while others write.
    pub things: Option<Vec<ThingSeen>>,
    /// Whether no process wrote during the reads, so that all parts show the same state.
    pub is_quiet: bool,
}

/// Reads everything while others write. Leaves out runs that they purge during the reads.
pub fn observe_amid(database: &Database) -> Result<Observation> {
    observe_when(database, false)
}

/// Reads everything.
pub fn observe(database: &Database) -> Result<Observation> {
    observe_when(database, true)
}

fn observe_when(database: &Database, is_quiet: bool) -> Result<Observation> {
    let records = database.all_runs()?;
    let mut runs = Vec::with_capacity(records.len());
    for record in records {
        let read = histories(database, &record).and_then(|histories| {
            let run = database.run(record.info.id)?;
            Ok((histories, is_quiet.then(|| file_labels(&run.artifacts())).transpose()?))
        });
        match read {
            Ok((histories, artifacts)) => runs.push(RunSeen { record, histories, artifacts }),
            Err(error) if error.kind() == ErrorKind::NotFound => {}
            Err(error) => return Err(error),
        }
    }
    let things = is_quiet.then(|| things(database)).transpose()?;
    Ok(Observation { experiments: database.experiments()?, runs, things, is_quiet })
}

fn histories(database: &Database, record: &RunRecord) -> Result<Vec<(String, MetricHistory)>> {
    let run = database.run(record.info.id)?;
    let history = |key: &String| Ok((key.clone(), run.history(key)?));
    record.metrics.keys().map(history).collect()
}

/// Compares the engine's statistics of each series with its points.
pub fn check_statistics(database: &Database, seen: &Observation) -> Result<(), String> {
    for run in &seen.runs {
        let handle = database.run(run.record.info.id).map_err(|error| error.to_string())?;
        for (key, history) in &run.histories {
            let reported = handle.statistics(key).map_err(|error| error.to_string())?;
            let mut points = history.iter().map(MetricStatistics::of_point);
            let first = points.next();
            let found = first.map(|first| points.fold(first, MetricStatistics::with));
            let facts = |it: MetricStatistics| (it.count, it.latest);
            if reported.map(facts) != found.map(facts) {
                let name = &run.record.info.name;
                return Err(format!("statistics of {name}/{key}: {reported:?}, points: {found:?}"));
            }
            let latest = handle.latest(key).map_err(|error| error.to_string())?;
            if latest != latest_of(history) {
                return Err(format!(
                    "latest of {key}: {latest:?}, points: {:?}",
                    latest_of(history)
                ));
            }
        }
    }
    Ok(())
}

/// Returns the maximum point by (step, time, value).
pub fn latest_of(history: &MetricHistory) -> Option<MetricPoint> {
    history.iter().max_by(MetricPoint::latest_order)
}
