//! A backup equals its database after any sequence of changes.

use proptest::prelude::*;
use tracklite::inputs::{Dataset, DatasetInput};
use tracklite::{Batch, Database, MetricPoint, Run, Timestamp};

use super::snapshot;
use crate::common::TestDatabase;

/// One change: its kind, the run it changes, and a number that selects the values.
#[derive(Clone, Copy, Debug)]
struct Change {
    kind: u8,
    run: usize,
    value: usize,
}

fn changes() -> impl Strategy<Value = Vec<Change>> {
    let change = (0_u8..14, 0_usize..6, 0_usize..4);
    prop::collection::vec(change.prop_map(|(kind, run, value)| Change { kind, run, value }), 1..40)
}

fn dataset(value: usize, source: usize) -> DatasetInput {
    let dataset = Dataset::new(format!("d{}", value % 2), "1", "local", format!("s{source}"));
    DatasetInput::new(dataset).context(format!("c{value}"))
}

/// Applies a change, which may be rejected: only the copy is checked here.
fn apply(database: &Database, runs: &mut Vec<Run>, change: Change) -> tracklite::Result<()> {
    let Change { kind, run, value } = change;
    let experiment = database.find_experiment(&format!("/e/{}", value % 2))?;
    let experiment = experiment.map_or_else(|| database.experiment("/e/0"), Ok)?;
    let other = runs[value % runs.len()].id();
    let count = runs.len();
    let run = &runs[run % count];
    match kind {
        0 => runs.push(experiment.start_run("")?),
        1 => runs.push(experiment.new_run().parent(other).tag("a", value).start()?),
        2 => run.set_name(&format!("name {value}"))?,
        3 => run.set_tag(["a", "mlflow.runName", "mlflow.parentRunId", "b"][value], other)?,
        4 => run.delete_tag(["a", "mlflow.runName", "mlflow.parentRunId", "b"][value])?,
        5 => run.log_param(&format!("p{value}"), kind)?,
        6 => {
            let datasets = [dataset(value, count), dataset(value + 1, 0)];
            run.log_inputs(&datasets, &["m", "n"][..value % 3])?;
        }
        7 => run.log_outputs([("m", value as i64), ("n", 1)])?,
        8 => run.log_metric("loss", value as f64, value as i64)?,
        9 => {
            let mut batch = Batch::new();
            let time = Timestamp::from_nanos(value as i64);
            batch.point("loss", MetricPoint { step: 7, time, value: f64::NAN });
            batch.point("other", MetricPoint { step: -7, time, value: 0.5 });
            run.log_batch(batch.param("q", value).tag("a", "batch"))?;
        }
        10 => database.delete_run(run.id())?,
        11 => database.restore_run(run.id())?,
        12 if value == 0 => drop(database.gc()?),
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
    fn a_backup_equals_its_database(changes in changes()) {
        let database = TestDatabase::new();
        database.experiment("/e/1").unwrap();
        let first = database.experiment("/e/0").unwrap().start_run("first").unwrap();
        let mut runs = vec![first];
        let mut applied = 0;
        for change in changes {
            applied += usize::from(apply(&database, &mut runs, change).is_ok());
        }
        let copy = snapshot(&database.verified_backup());
        prop_assert_eq!(copy, snapshot(&database), "after {} changes", applied);
    }
}
