//! Experiments and runs, rule by rule: MLflow's behaviour (`SqlAlchemyStore`), and where tracklite
//! is stricter.

mod batch;
mod copies;
mod deleted;
mod histories;
mod inputs;
mod lifecycle;
mod limits;
mod mlflow_errors;
mod reserved;
mod runs;
mod tree;

use tracklite::{Database, ExperimentInfo, RunRecord};

/// Returns everything that the public API reads from a database.
fn snapshot(database: &Database) -> (Vec<ExperimentInfo>, Vec<RunRecord>, Vec<String>) {
    let (experiments, runs) = (database.experiments().unwrap(), database.all_runs().unwrap());
    let ids: Vec<_> = experiments.iter().map(|info| info.id).collect();
    let mut details: Vec<String> = Vec::new();
    details.push(format!("{:?}", database.search_datasets(&ids).unwrap()));
    for record in &runs {
        let run = database.run(record.info.id).unwrap();
        assert_eq!(run.inputs().unwrap().datasets, record.datasets);
        assert_eq!(run.inputs().unwrap().models, record.model_inputs);
        assert_eq!(run.outputs().unwrap(), record.model_outputs);
        details.push(format!("{:?}", (run.children(), run.descendants(), run.ancestors())));
        for key in record.metrics.keys() {
            details.push(format!("{key} {:?}", run.history(key)));
        }
    }
    (experiments, runs, details)
}
