//! A short sweep for files without one: two configurations with two seeds each.

use tracklite::{Database, Timestamp};

use crate::Result;
use crate::digits::configuration::{Configuration, QUICK_EPOCHS, grid};
use crate::digits::data::{Digits, dataset};
use crate::digits::text::print;
use crate::digits::{training, weights};

/// Trains and logs the networks one after another.
pub(crate) fn train(database: &Database, digits: &Digits) -> Result<()> {
    print("This file has no sweep. Training four small networks first.\n\n")?;
    let (grid, sweep) = (grid(), Timestamp::now().as_millis().to_string());
    for configuration in grid.first().into_iter().chain(grid.last()) {
        for seed in 0..2 {
            train_one(database, digits, configuration, seed, &sweep)?;
        }
    }
    Ok(())
}

fn train_one(
    database: &Database,
    digits: &Digits,
    configuration: &Configuration,
    seed: u64,
    sweep: &str,
) -> Result<()> {
    let experiment = database.experiment("/examples/digits")?;
    let builder = experiment.new_run().name(&format!("{configuration} seed={seed}"));
    let builder = builder.params(configuration.params()).param("epochs", QUICK_EPOCHS);
    let builder = builder.param("seed", seed).tag("sweep", sweep).tag("dataset", "optdigits");
    let run = builder.tag("model", configuration.model()).start()?;
    run.log_dataset(dataset("optdigits-train", &digits.train), "train")?;
    let network = training::train(configuration, seed, QUICK_EPOCHS, digits, &run, |_| Ok(()))?;
    run.log_bytes(&weights::write(&network)?, weights::PATH)?;
    Ok(run.finish()?)
}
