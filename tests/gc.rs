//! Removing what is deleted, a lot of it.

use std::path::Path;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::thread;
use std::time::{Duration, Instant};

use tracklite::{Database, DumpedFrame, ExperimentId, IndexPlace};

fn open(path: &Path) -> Database {
    let builder = Database::builder().create(true).background(false).index(IndexPlace::InMemory);
    builder.sync_interval(None).open(path).unwrap()
}

/// A folder in memory where there is such a place: these tests sync very often.
fn folder() -> tempfile::TempDir {
    tempfile::tempdir_in("/dev/shm").or_else(|_| tempfile::tempdir()).unwrap()
}

/// Lengths and numbers of records of the frames with this word.
fn frames_of(file: &Path, word: &str) -> Vec<(u64, usize)> {
    let mut found = Vec::new();
    let damages = Database::frames(file, |frame: &DumpedFrame| {
        let count = frame.records.iter().filter(|record| record.text.contains(word)).count();
        found.extend((count > 0).then_some((frame.length, count)));
        Ok(())
    });
    assert_eq!(damages.unwrap(), Vec::new());
    found
}

#[test]
fn many_runs_are_purged_in_several_frames() {
    let folder = folder();
    let file = folder.path().join("runs.tracklite");
    let database = open(&file);
    let experiment = database.experiment("/gone").unwrap();
    for _ in 0..10_500 {
        experiment.start_run("gone").unwrap();
    }
    let kept = database.default_experiment().unwrap().start_run("kept").unwrap().id();
    experiment.delete().unwrap();
    let report = database.gc().unwrap();
    assert_eq!((report.runs, report.experiments), (10_500, 1));
    let left: Vec<_> = database.all_runs().unwrap().iter().map(|run| run.info.id).collect();
    assert_eq!(left, [kept]);
    let experiments: Vec<_> = database.experiments().unwrap().iter().map(|it| it.id).collect();
    assert_eq!(experiments, [ExperimentId::DEFAULT]);
    drop(experiment);
    database.close().unwrap();
    let frames = frames_of(&file, "Purged");
    assert!(frames.len() == 2 && frames[0].0 < 200_000, "{frames:?}");
}

#[test]
fn many_blocks_are_rewritten_in_several_frames() {
    let folder = folder();
    let file = folder.path().join("runs.tracklite");
    let [gone, kept] = ["gone", "kept"]
        .map(|name| open(&file).default_experiment().unwrap().start_run(name).unwrap().id());
    // Each opening leaves a block of its own.
    for number in 0..600_u32 {
        let database = open(&file);
        let run = database.run(gone).unwrap();
        for key in ["a", "b"] {
            let metric = run.metric(key).unwrap();
            (0..400)
                .for_each(|step| metric.log(f64::from(step * 600 + number).sin(), step).unwrap());
        }
        database.run(kept).unwrap().log_metric("loss", f64::from(number), number).unwrap();
        drop(run);
        database.close().unwrap();
    }
    let database = open(&file);
    database.delete_run(gone).unwrap();
    let report = database.gc().unwrap();
    assert!(report.runs == 1 && report.freed_bytes > 600 * 4096, "{report:?}");
    assert_eq!(database.run(kept).unwrap().history("loss").unwrap().len(), 600);
    assert_eq!(database.gc().unwrap().freed_bytes, 0);
    database.close().unwrap();
    let moves = frames_of(&file, "BlockMoved");
    assert!(moves.iter().all(|(_, count)| *count <= 512), "{moves:?}");
    assert_eq!(moves.iter().map(|(_, count)| count).sum::<usize>(), 600);
    assert!(Database::verify(&file).unwrap().is_sound());
}

#[test]
fn gc_ends_although_others_go_on_writing() {
    const LONG: Duration = Duration::from_secs(20);
    let folder = folder();
    let database = open(&folder.path().join("runs.tracklite"));
    let experiment = database.experiment("/gone").unwrap();
    (0..20_000).for_each(|_| drop(experiment.start_run("gone").unwrap()));
    experiment.delete().unwrap();
    let busy = database.default_experiment().unwrap().start_run("busy").unwrap();
    let (began, is_over) = (Instant::now(), AtomicBool::new(false));
    let tags = AtomicU64::new(0);
    let report = thread::scope(|scope| {
        scope.spawn(|| {
            // A frame each; what hangs is let go in the end.
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
    assert!(began.elapsed() < LONG, "gc has waited until the others have stopped");
}
