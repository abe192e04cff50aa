//! Runs, params, datasets and histories as polars data frames. Creates a small file, or the named
//! one, and prints a frame of each kind.

mod runs;

use polars::prelude::DataFrame;
use tracklite::{Database, RunSearch};

fn main() -> tracklite::Result<()> {
    let file = std::env::args_os().nth(1).unwrap_or("frames.tracklite".into());
    let database = Database::create(&file)?;
    let runs = runs::train_all(&database)?;

    let search = RunSearch::new().filter("metrics.loss < 1").order_by("metrics.loss").columns([
        "run_name",
        "start_time",
        "metrics.loss",
        "params.model",
        "params.rate",
    ]);
    let found = database.search_runs_frame(&search)?;
    show("search_runs_frame: the runs that match a filter, lowest loss first", &found);
    let differing = without_ids(database.comparison_frame(&runs)?);
    show("comparison_frame: only the params that differ", &differing);
    let keys = ["accuracy", "loss"];
    let points = without_ids(database.history_frame(&runs[..1], &keys)?);
    show("history_frame: one row per point", &points);
    let steps = without_ids(database.wide_history_frame(&runs[1..], &keys)?);
    show("wide_history_frame: one row per step", &steps);
    show("params_frame", &without_ids(database.params_frame(&runs)?));
    show("tags_frame", &without_ids(database.tags_frame(&runs[..1])?));
    show("datasets_frame", &without_ids(database.datasets_frame(&runs)?));
    database.close()
}

/// Removes the ids, which are random and wide.
fn without_ids(mut frame: DataFrame) -> DataFrame {
    let _ = frame.drop_in_place("run_id");
    frame
}

fn show(title: &str, frame: &DataFrame) {
    println!("{title}\n{frame}\n");
}
