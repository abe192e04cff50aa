//! The first Rust example of the README; a test compares the two.

use tracklite::Database;

fn main() -> tracklite::Result<()> {
    let database = Database::create("first.tracklite")?;
    let run = database.experiment("churn")?.start_run("baseline")?;
    run.log_param("rate", 1.0)?;
    for step in 0..3 {
        run.log_metric("loss", 1.0 / f64::from(step + 1), step)?;
    }
    for point in run.history("loss")?.iter() {
        println!("step {}  loss {:.3}", point.step, point.value);
    }
    run.finish()
}
