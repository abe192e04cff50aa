//! Whatever is done to a database, a backup of it tells the same.

use proptest::prelude::*;
use tracklite::{Batch, Database, Dataset, DatasetInput, MetricPoint, Run, Timestamp};

use super::{backup, new, told_of};

/// What is done, to which run, and with what.
#[derive(Clone, Copy, Debug)]
struct Deed {
    kind: u8,
    run: usize,
    what: usize,
}

fn deeds() -> impl Strategy<Value = Vec<Deed>> {
    let deed = (0_u8..14, 0_usize..6, 0_usize..4);
    prop::collection::vec(deed.prop_map(|(kind, run, what)| Deed { kind, run, what }), 1..40)
}

fn dataset(what: usize, source: usize) -> DatasetInput {
    let dataset = Dataset::new(format!("d{}", what % 2), "1", "local", format!("s{source}"));
    DatasetInput::new(dataset).context(format!("c{what}"))
}

/// Refusals are as good as anything else: here only the copy is looked at.
fn act(database: &Database, runs: &mut Vec<Run>, deed: Deed) -> tracklite::Result<()> {
    let Deed { kind, run, what } = deed;
    let experiment = database.find_experiment(&format!("/e/{}", what % 2))?;
    let experiment = experiment.map_or_else(|| database.experiment("/e/0"), Ok)?;
    let other = runs[what % runs.len()].id();
    let count = runs.len();
    let run = &runs[run % count];
    match kind {
        0 => runs.push(experiment.start_run("")?),
        1 => runs.push(experiment.new_run().parent(other).tag("a", what).start()?),
        2 => run.set_name(&format!("name {what}"))?,
        3 => run.set_tag(["a", "mlflow.runName", "mlflow.parentRunId", "b"][what], other)?,
        4 => run.delete_tag(["a", "mlflow.runName", "mlflow.parentRunId", "b"][what])?,
        5 => run.log_param(&format!("p{what}"), kind)?,
        6 => {
            run.log_inputs(&[dataset(what, count), dataset(what + 1, 0)], &["m", "n"][..what % 3])?;
        }
        7 => run.log_outputs([("m", what as i64), ("n", 1)])?,
        8 => run.log_metric("loss", what as f64, what as i64)?,
        9 => {
            let mut batch = Batch::new();
            let time = Timestamp::from_nanos(what as i64);
            batch.point("loss", MetricPoint { step: 7, time, value: f64::NAN });
            batch.point("other", MetricPoint { step: -7, time, value: 0.5 });
            run.log_batch(batch.param("q", what).tag("a", "batch"))?;
        }
        10 => database.delete_run(run.id())?,
        11 => database.restore_run(run.id())?,
        12 if what == 0 => drop(database.gc()?),
        12 => experiment.delete()?,
        _ => experiment.restore()?,
    }
    Ok(())
}

fn config() -> ProptestConfig {
    ProptestConfig { failure_persistence: None, ..ProptestConfig::with_cases(48) }
}

proptest! {
    #![proptest_config(config())]

    #[test]
    fn a_backup_tells_what_the_database_tells(deeds in deeds()) {
        let (folder, database) = new();
        database.experiment("/e/1").unwrap();
        let first = database.experiment("/e/0").unwrap().start_run("first").unwrap();
        let mut runs = vec![first];
        let mut done = 0;
        for deed in deeds {
            done += usize::from(act(&database, &mut runs, deed).is_ok());
        }
        prop_assert_eq!(told_of(&backup(&folder, &database)), told_of(&database), "{} done", done);
    }
}
