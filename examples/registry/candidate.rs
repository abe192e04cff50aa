//! Runs that can become a model.

use tracklite::{Database, Run, RunRecord, RunSearch};

use crate::Result;
use crate::digits::weights;

/// The filter for finished trainings of sweeps.
const FILTER: &str =
    "tags.sweep LIKE '%' AND metrics.test_accuracy >= 0 AND attributes.status = 'FINISHED'";

/// A finished training and the file with its weights.
pub(crate) struct Candidate {
    /// The run.
    pub(crate) run: Run,
    /// Everything that the run logged except its points.
    pub(crate) record: RunRecord,
    /// The bytes of [`weights::PATH`].
    pub(crate) weights: Vec<u8>,
}

impl Candidate {
    /// Reads the weights that the run logged.
    pub(crate) fn of(run: Run) -> Result<Self> {
        let (record, weights) = (run.record()?, run.artifacts().read(weights::PATH)?);
        Ok(Candidate { run, record, weights })
    }

    /// Returns the share of test images classified correctly after the last pass over the data.
    pub(crate) fn accuracy(&self) -> f64 {
        self.record.metrics.get("test_accuracy").map_or(0.0, |point| point.value)
    }
}

fn search() -> RunSearch {
    let search = RunSearch::new().filter(FILTER).order_by("metrics.test_accuracy DESC");
    search.order_by("metrics.test_loss")
}

/// Returns whether the file contains a finished training.
pub(crate) fn has_sweep(database: &Database) -> Result<bool> {
    Ok(!database.search_runs(&search().max_results(1))?.items.is_empty())
}

/// Returns the run with the highest accuracy. Among equals the lowest loss wins.
pub(crate) fn best_of_sweep(database: &Database) -> Result<Candidate> {
    for record in database.search_runs(&search())?.items {
        let run = database.run(record.info.id)?;
        if run.artifacts().list_all()?.iter().any(|file| file.path == weights::PATH) {
            return Candidate::of(run);
        }
    }
    Err(format!("no run of the sweep has weights at {}: run the sweep again", weights::PATH).into())
}
