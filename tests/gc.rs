//! Garbage collection of many runs and many blocks.

use std::path::Path;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::thread;
use std::time::{Duration, Instant};

use tracklite::upkeep::DumpedFrame;
use tracklite::{Database, ExperimentId};

use crate::common::{TestDatabase, TestFolder, open_quietly, start_run};

/// Returns the length of each frame with records of this kind, and the number of such records.
fn frames_with(file: &Path, kind: &str) -> Vec<(u64, usize)> {
    let mut found = Vec::new();
    let damages = Database::frames(file, |frame: &DumpedFrame| {
        let count = frame.records.iter().filter(|record| record.text.contains(kind)).count();
        found.extend((count > 0).then_some((frame.length, count)));
        Ok(())
    });
    assert_eq!(damages.unwrap(), Vec::new());
    found
}

#[test]
fn gc_purges_many_runs_in_several_frames() {
    let database = TestDatabase::quiet();
    let experiment = database.experiment("/deleted").unwrap();
    for _ in 0..10_500 {
        experiment.start_run("deleted").unwrap();
    }
    let kept = database.default_experiment().unwrap().start_run("kept").unwrap().id();
    experiment.delete().unwrap();
    let report = database.gc().unwrap();
    assert_eq!((report.runs, report.experiments), (10_500, 1));
    let left: Vec<_> = database.all_runs().unwrap().iter().map(|run| run.info.id).collect();
    assert_eq!(left, [kept]);
    let experiments: Vec<_> = database.experiments().unwrap().iter().map(|info| info.id).collect();
    assert_eq!(experiments, [ExperimentId::DEFAULT]);
    drop(experiment);
    let folder = database.close();
    let frames = frames_with(&folder.file(), "Purged");
    assert!(frames.len() == 2 && frames[0].0 < 200_000, "{frames:?}");
}

#[test]
fn gc_moves_many_blocks_in_several_frames() {
    let folder = TestFolder::in_memory();
    let file = folder.file();
    let [deleted, kept] =
        ["deleted", "kept"].map(|name| start_run(&open_quietly(&file), name).id());
    // Each time the file is closed, its points are sealed into a new block.
    for number in 0..600_u32 {
        let database = open_quietly(&file);
        let run = database.run(deleted).unwrap();
        for key in ["a", "b"] {
            let metric = run.metric(key).unwrap();
            (0..400)
                .for_each(|step| metric.log(f64::from(step * 600 + number).sin(), step).unwrap());
        }
        database.run(kept).unwrap().log_metric("loss", f64::from(number), number).unwrap();
        drop(run);
        database.close().unwrap();
    }
    let database = open_quietly(&file);
    database.delete_run(deleted).unwrap();
    let report = database.gc().unwrap();
    assert!(report.runs == 1 && report.freed_bytes > 600 * 4096, "{report:?}");
    assert_eq!(database.run(kept).unwrap().history("loss").unwrap().len(), 600);
    assert_eq!(database.gc().unwrap().freed_bytes, 0);
    database.close().unwrap();
    let moves = frames_with(&file, "BlockMoved");
    assert!(moves.iter().all(|(_, count)| *count <= 512), "{moves:?}");
    assert_eq!(moves.iter().map(|(_, count)| count).sum::<usize>(), 600);
    assert!(Database::verify(&file).unwrap().is_sound());
}

#[test]
fn gc_finishes_while_others_keep_writing() {
    const LONG: Duration = Duration::from_secs(20);
    let database = TestDatabase::quiet();
    let experiment = database.experiment("/deleted").unwrap();
    (0..20_000).for_each(|_| drop(experiment.start_run("deleted").unwrap()));
    experiment.delete().unwrap();
    let busy = database.default_experiment().unwrap().start_run("busy").unwrap();
    let (began, is_over) = (Instant::now(), AtomicBool::new(false));
    let tags = AtomicU64::new(0);
    let report = thread::scope(|scope| {
        scope.spawn(|| {
            // Each tag writes one frame. The deadline ends a gc that hangs.
            while !is_over.load(Ordering::Relaxed) && began.elapsed() < LONG {
                busy.set_tag("time", format!("{:?}", began.elapsed())).unwrap();
                tags.fetch_add(1, Ordering::Relaxed);
            }
        });
        while tags.load(Ordering::Relaxed) < 100 {
            thread::yield_now();
        }
        let report = database.gc();
        is_over.store(true, Ordering::Relaxed);
        report.unwrap()
    });
    assert_eq!((report.runs, report.experiments), (20_000, 1));
    assert!(began.elapsed() < LONG, "gc waited until the writer stopped");
}
