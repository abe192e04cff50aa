//! Tests of sealing that fails half-way and is retried.

use std::path::Path;
use std::sync::Arc;

use crate::entity::id::{RunId, Timestamp};
use crate::index::IndexPlace;
use crate::storage::{CallKind, Failure, Fault, FaultPlan, FaultStorage, MemoryFile};
use crate::{Database, Result};

/// More than the first extent holds, but less than the first two.
const POINTS: i64 = 5000;

fn open(file: &MemoryFile, plan: &FaultPlan) -> Result<Database> {
    let storage = Arc::new(FaultStorage::new(Arc::new(file.open()), plan));
    let builder = Database::builder().index(IndexPlace::InMemory).background(false);
    builder.open_storage(Path::new("/test/runs.tracklite"), storage)
}

fn log_points(database: &Database) -> Result<RunId> {
    let run = database.default_experiment()?.start_run("")?;
    let metric = run.metric("loss")?;
    for step in 0..POINTS {
        metric.log_at(step as f64, step, Timestamp::from_nanos(step))?;
    }
    Ok(run.id())
}

#[test]
fn a_failure_after_one_sealed_extent_loses_no_points_of_others() {
    for kind in [CallKind::Sync, CallKind::Punch, CallKind::Write, CallKind::Allocate] {
        for nth in 1..12 {
            let header = super::new_header(7);
            let file = MemoryFile::with_bytes(&super::new_file(header));
            let plan = FaultPlan::new();
            let database = open(&file, &plan).unwrap();
            let run = log_points(&database).unwrap();
            let failure = Failure::StorageFull;
            plan.arm(Fault { kind: Some(kind), nth, failure, for_ever: false });
            // The tick seals the first extent alone. Closing seals the rest.
            let outcome = (database.tick(), database.close());
            plan.disarm();
            let database = open(&file, &plan).unwrap();
            database.tick().unwrap();
            let steps = database.run(run).unwrap().history("loss").unwrap().steps;
            let is_whole = steps.iter().copied().eq(0..POINTS);
            assert!(is_whole, "{} steps after {kind:?} call {nth}: {outcome:?}", steps.len());
        }
    }
}
