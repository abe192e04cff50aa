//! A training loop that logs into `runs.tracklite` or the named file. It fits a line to points,
//! once for each of three learning rates.

use tracklite::capture::Capture;
use tracklite::{Database, Run, RunStatus};

const POINTS: [(f64, f64); 5] = [(0.0, 1.1), (1.0, 2.9), (2.0, 5.2), (3.0, 6.8), (4.0, 9.1)];

fn main() -> tracklite::Result<()> {
    let file = std::env::args_os().nth(1).unwrap_or("runs.tracklite".into());
    let database = Database::create(&file)?;
    let experiment = database.experiment("/examples/quickstart")?;
    for learning_rate in [0.01, 0.05, 0.1] {
        let run = experiment.start_run(&format!("rate {learning_rate}"))?;
        let _capturing = Capture::everything().build(tracklite::build_facts!()).start(&run)?;
        run.log_param("learning_rate", learning_rate)?;
        fit(learning_rate, &run)?;
        look_back(&run)?;
        run.finish()?;
    }
    leaderboard(&database)
}

/// Runs gradient descent. A metric handle logs the loss, a row logs values that belong together.
fn fit(learning_rate: f64, run: &Run) -> tracklite::Result<()> {
    let loss = run.metric("loss")?;
    let line = run.metric_row(&["slope", "offset"])?;
    let (mut slope, mut offset) = (0.0, 0.0);
    for step in 0..200 {
        let errors = POINTS.map(|(x, y)| (x, slope * x + offset - y));
        loss.log(mean(errors.map(|(_, error)| error * error)), step)?;
        slope -= learning_rate * mean(errors.map(|(x, error)| error * x));
        offset -= learning_rate * mean(errors.map(|(_, error)| error));
        line.log(&[slope, offset], step)?;
    }
    Ok(())
}

fn mean(values: [f64; 5]) -> f64 {
    values.iter().sum::<f64>() / 5.0
}

/// Reads back logged points. They are visible to all processes immediately.
fn look_back(run: &Run) -> tracklite::Result<()> {
    let history = run.history("loss")?;
    let first = history.values.iter().take(3).map(|loss| format!("{loss:.3}")).collect::<Vec<_>>();
    println!("{}: {} losses, {} ...", run.name()?, history.len(), first.join(", "));
    Ok(())
}

/// Prints all finished runs of the experiment, lowest loss first.
fn leaderboard(database: &Database) -> tracklite::Result<()> {
    let mut runs = database.experiment("/examples/quickstart")?.runs()?;
    runs.retain(|run| run.info.status == RunStatus::Finished);
    runs.sort_by(|a, b| a.metrics["loss"].value.total_cmp(&b.metrics["loss"].value));
    for run in runs {
        let metric = |key: &str| run.metrics[key].value;
        let (loss, slope, offset) = (metric("loss"), metric("slope"), metric("offset"));
        println!("loss {loss:.4}  y = {slope:.2} x + {offset:.2}  {}", run.info.name);
    }
    Ok(())
}
