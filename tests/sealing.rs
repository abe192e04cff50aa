//! Sealing that fails half-way: logged points stay, and the space that holds them is not freed.

use std::path::Path;
use std::sync::Arc;

use tracklite::internals::storage::{
    Access, CallKind, Failure, Fault, FaultPlan, FaultStorage, FileStorage, WritePath,
};
use tracklite::{Database, IndexPlace};

use crate::common::{TestFolder, start_run};

fn open(path: &Path, plan: &FaultPlan) -> Database {
    let storage = FileStorage::open(path, Access::ReadWrite, WritePath::Automatic).unwrap();
    let storage = Arc::new(FaultStorage::new(Arc::new(storage), plan));
    let builder = Database::builder().index(IndexPlace::InMemory).background(false);
    builder.sync_interval(None).open_storage(path, storage).unwrap()
}

/// Lets one call during sealing fail, then fills and seals more extents.
#[test]
fn no_point_is_lost_when_a_call_fails_during_sealing() {
    for kind in [CallKind::Sync, CallKind::Punch, CallKind::Write] {
        for nth in 1..12 {
            let folder = TestFolder::new();
            let path = folder.file();
            drop(Database::create(&path).unwrap());
            let plan = FaultPlan::new();
            let database = open(&path, &plan);
            let run = start_run(&database, "");
            let mut logged = 0_i64;
            let mut log = |count| {
                for _ in 0..count {
                    run.log_metric("loss", logged as f64 * 0.3, logged).unwrap();
                    logged += 1;
                }
                logged
            };
            log(3000);
            plan.arm(Fault { kind: Some(kind), nth, failure: Failure::Io, for_ever: false });
            for _ in 0..4 {
                let _ = database.tick();
                plan.disarm();
                log(9000);
            }
            let wanted = log(1);
            for _ in 0..4 {
                database.tick().unwrap();
            }
            let history = run.history("loss").unwrap();
            let steps = 0..wanted;
            assert!(history.steps.iter().copied().eq(steps), "{kind:?} {nth}: {}", history.len());
            drop(run);
            database.close().unwrap();
            let report = Database::verify(&path).unwrap();
            assert!(report.is_sound() && report.points == wanted as u64, "{kind:?} {nth}");
        }
    }
}
