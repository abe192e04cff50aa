//! Reads everything that a file holds through the public API.

use std::collections::BTreeMap;

use tracklite::{
    Database, ErrorKind, ExperimentInfo, MetricHistory, MetricPoint, MetricStatistics, Result,
    RunRecord,
};

use crate::artifacts::told;
use crate::things::{ThingSeen, things};

/// A run with all its points.
#[derive(Debug)]
pub struct RunSeen {
    pub record: RunRecord,
    pub histories: Vec<(String, MetricHistory)>,
    /// What the files hold; not read while others write.
    pub artifacts: Option<BTreeMap<String, String>>,
}

/// Everything that a file holds.
#[derive(Debug)]
pub struct Observation {
    pub experiments: Vec<ExperimentInfo>,
    pub runs: Vec<RunSeen>,
    /// Models and their versions; not read while others write.
    pub things: Option<Vec<ThingSeen>>,
    /// Whether nobody wrote meanwhile, so that all parts are of one moment.
    pub is_quiet: bool,
}

/// Reads everything while others write; a run that they purge meanwhile is left out.
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
            Ok((histories, is_quiet.then(|| told(&run.artifacts())).transpose()?))
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

/// Compares what the engine says of each series with what its points say.
pub fn check_statistics(database: &Database, seen: &Observation) -> Result<(), String> {
    for run in &seen.runs {
        let handle = database.run(run.record.info.id).map_err(|error| error.to_string())?;
        for (key, history) in &run.histories {
            let told = handle.statistics(key).map_err(|error| error.to_string())?;
            let mut points = history.iter().map(MetricStatistics::of_point);
            let first = points.next();
            let found = first.map(|first| points.fold(first, MetricStatistics::with));
            if told.map(|it| (it.count, it.latest)) != found.map(|it| (it.count, it.latest)) {
                let name = &run.record.info.name;
                return Err(format!("statistics of {name}/{key}: {told:?}, points: {found:?}"));
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

/// The greatest point by (step, time, value).
pub fn latest_of(history: &MetricHistory) -> Option<MetricPoint> {
    history.iter().max_by(MetricPoint::latest_order)
}
