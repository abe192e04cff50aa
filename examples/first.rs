//! The first example of the README, which a test compares with this.

use tracklite::Database;

fn main() -> tracklite::Result<()> {
    let database = Database::create("runs.tracklite")?;
    let run = database.experiment("/Shared/team/churn")?.start_run("baseline")?;
    run.log_param("learning_rate", 0.1)?;
    for step in 0..3 {
        run.log_metric("loss", 1.0 / f64::from(step + 1), step)?;
    }
    for point in run.history("loss")?.iter() {
        println!("step {}  loss {:.3}", point.step, point.value);
    }
    run.finish()
}
