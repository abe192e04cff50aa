//! Reads everything that a file holds through the public API.

use tracklite::{
    Database, ErrorKind, ExperimentInfo, MetricHistory, MetricPoint, MetricStatistics, Result,
    RunRecord,
};

/// A run with all its points.
#[derive(Debug)]
pub struct RunSeen {
    pub record: RunRecord,
    pub histories: Vec<(String, MetricHistory)>,
}

/// Everything that a file holds.
#[derive(Debug)]
pub struct Observation {
    pub experiments: Vec<ExperimentInfo>,
    pub runs: Vec<RunSeen>,
    /// Whether nobody wrote meanwhile, so that all parts are of one moment.
    pub is_quiet: bool,
}

/// Reads everything while others write; a run that they purge meanwhile is left out.
pub fn observe_amid(database: &Database) -> Result<Observation> {
    Ok(Observation { is_quiet: false, ..observe(database)? })
}

/// Reads everything.
pub fn observe(database: &Database) -> Result<Observation> {
    let records = database.all_runs()?;
    let mut runs = Vec::with_capacity(records.len());
    for record in records {
        match histories(database, &record) {
            Ok(histories) => runs.push(RunSeen { record, histories }),
            Err(error) if error.kind() == ErrorKind::NotFound => {}
            Err(error) => return Err(error),
        }
    }
    Ok(Observation { experiments: database.experiments()?, runs, is_quiet: true })
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
