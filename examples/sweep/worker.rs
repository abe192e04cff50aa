//! A worker process: trains what standard input asks for and logs it into the shared file.

use std::io::{self, Write};
use std::path::Path;

use tracklite::capture::Capture;
use tracklite::{Database, Run, RunStatus};

use crate::Result;
use crate::digits::configuration::{Configuration, grid};
use crate::digits::data::{Digits, dataset};
use crate::digits::{training, weights};
use crate::messages::{Order, Report};

/// Works until standard input ends.
pub(crate) fn work(path: &Path) -> Result<()> {
    let database = Database::open(path)?;
    let digits = Digits::load()?;
    let grid = grid();
    for line in io::stdin().lines() {
        let order = line?.parse::<Order>()?;
        let configuration = grid.get(order.configuration).ok_or("no such configuration")?;
        carry_out(&database, &digits, configuration, &order)?;
    }
    database.close()?;
    Ok(())
}

/// Trains one network in a run of its own.
fn carry_out(
    database: &Database,
    digits: &Digits,
    configuration: &Configuration,
    order: &Order,
) -> Result<()> {
    let run = start_run(database, configuration, order)?;
    // Record code, command and machine, and the message of a panic, until the run is finished.
    let capture = Capture::new().git(true).command(true).host(true).user(true).panics(true);
    let _capturing = capture.build(tracklite::build_facts!()).start(&run)?;
    run.log_dataset(dataset("optdigits-train", &digits.train), "train")?;
    report(&Report::Started(run.id()))?;
    let &Order { seed, epochs, .. } = order;
    let trained = training::train(configuration, seed, epochs, digits, &run, |progress| {
        report(&Report::Epoch(progress))
    });
    match trained {
        Ok(network) => run.log_bytes(&weights::write(&network)?, weights::PATH)?,
        Err(failure) => {
            run.finish_as(RunStatus::Failed)?;
            return Err(failure);
        }
    }
    run.finish()?;
    report(&Report::Finished)
}

/// Starts a run below the run of its configuration, with the same tags.
fn start_run(database: &Database, configuration: &Configuration, order: &Order) -> Result<Run> {
    let parent = database.run(order.parent)?;
    let experiment = database.experiment_by_id(parent.info()?.experiment)?;
    let builder = experiment.new_run().name(&format!("{configuration} seed={}", order.seed));
    // Tags with this prefix hold the name and parent of a run.
    let tags = parent.tags()?.into_iter().filter(|(key, _)| !key.starts_with("mlflow."));
    let builder = builder.parent(order.parent).tags(tags);
    let builder = builder.params(configuration.params()).param("epochs", order.epochs);
    Ok(builder.param("seed", order.seed).start()?)
}

/// Sends a report to the coordinator. Fails if the coordinator is gone, to stop the worker.
fn report(report: &Report) -> Result<()> {
    let mut output = io::stdout().lock();
    let sent = writeln!(output, "{report}").and_then(|()| output.flush());
    sent.map_err(|error| format!("worker stops, the coordinator is gone: {error}").into())
}
