//! Runs, params, datasets and histories as polars data frames: makes a small file, or the one that
//! is named, and shows a frame of each kind.

use polars::prelude::DataFrame;
use tracklite::{Database, Dataset, DatasetInput, RunId, RunSearch, Timestamp};

/// When the first run began: the same each time, so that the same is printed.
const START: i64 = 1_790_000_000_000_000_000;
const SECOND: i64 = 1_000_000_000;

fn main() -> tracklite::Result<()> {
    let file = std::env::args_os().nth(1).unwrap_or("frames.tracklite".into());
    let database = Database::create(&file)?;
    let mut runs = Vec::new();
    for (number, (model, rate)) in [("tree", 0.3), ("net", 0.1), ("net", 0.01)].iter().enumerate() {
        runs.push(train(&database, number, model, *rate)?);
    }

    let search = RunSearch::new().filter("metrics.loss < 1").order_by("metrics.loss").columns([
        "run_name",
        "start_time",
        "metrics.loss",
        "params.model",
        "params.rate",
    ]);
    let found = database.search_runs_frame(&search)?;
    show("search_runs_frame: what a filter finds, the lowest loss first", &found);
    let mut differing = without_ids(database.comparison_frame(&runs)?);
    // It is the time of day.
    let _ = differing.drop_in_place("end_time");
    show("comparison_frame: only what differs", &differing);
    let keys = ["accuracy", "loss"];
    let points = without_ids(database.history_frame(&runs[..1], &keys)?);
    show("history_frame: a row for each point", &points);
    let steps = without_ids(database.wide_history_frame(&runs[1..], &keys)?);
    show("wide_history_frame: a row for each step", &steps);
    show("params_frame", &without_ids(database.params_frame(&runs)?));
    show("tags_frame", &without_ids(database.tags_frame(&runs[..1])?));
    show("datasets_frame", &without_ids(database.datasets_frame(&runs)?));
    database.close()
}

/// A run whose loss falls in three steps; the accuracy is measured at every second one.
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
    let id = run.id();
    run.finish()?;
    Ok(id)
}

/// The frame without the ids, which are random and wide.
fn without_ids(mut frame: DataFrame) -> DataFrame {
    let _ = frame.drop_in_place("run_id");
    frame
}

fn show(title: &str, frame: &DataFrame) {
    println!("{title}\n{frame}\n");
}
