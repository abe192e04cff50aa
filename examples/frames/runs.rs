//! The runs of the example. Apart from their ids they are the same each time.

use tracklite::inputs::{Dataset, DatasetInput};
use tracklite::{Database, RunId, RunStatus, RunUpdate, Timestamp};

/// The start time of the first run.
const START: i64 = 1_790_000_000_000_000_000;
const SECOND: i64 = 1_000_000_000;

/// Trains three models.
pub fn train_all(database: &Database) -> tracklite::Result<Vec<RunId>> {
    let models = [("tree", 0.3), ("net", 0.1), ("net", 0.01)];
    let train = |(number, (model, rate))| train(database, number, model, rate);
    models.into_iter().enumerate().map(train).collect()
}

/// Logs a run with a loss that falls in three steps. Accuracy is logged at every other step.
fn train(database: &Database, number: usize, model: &str, rate: f64) -> tracklite::Result<RunId> {
    let started = START + number as i64 * 60 * SECOND;
    let experiment = database.experiment("/examples/frames")?;
    let run = experiment
        .new_run()
        .name(&format!("{model}-{number}"))
        .started(Timestamp::from_nanos(started))
        .param("model", model)
        .param("rate", rate)
        .param("seed", 7)
        .tag("note", "an example")
        .start()?;
    let digits = Dataset::new("digits", "9f86d081", "local", "digits.csv");
    run.log_inputs(&[DatasetInput::new(digits).context("train")], &[])?;
    let (loss, accuracy) = (run.metric("loss")?, run.metric("accuracy")?);
    for step in 0..3_i64 {
        let time = Timestamp::from_nanos(started + (step + 1) * SECOND);
        let value = rate + 1.0 / (step + 1) as f64;
        loss.log_at(value, step, time)?;
        if step % 2 == 0 {
            accuracy.log_at(1.0 - value / 3.0, step, time)?;
        }
    }
    let end = Timestamp::from_nanos(started + 4 * SECOND);
    run.update(RunUpdate::new().status(RunStatus::Finished).ended(end))?;
    Ok(run.id())
}
