//! Opens arbitrary bytes as a file, reads it, and writes to it.
//!
//! This must end without a panic, and every value read must have been logged. In the seeds, each
//! point at step `i` has the value `i / 8`, and damage can only remove points.

use std::path::Path;
use std::sync::Arc;

use tracklite::internals::mutant::{Mutant, with_mutant};
use tracklite::internals::storage::{MemoryFile, Storage as _};
use tracklite::{Database, IndexPlace, Result, Run, Timestamp};
use tracklite_fuzz::{pack, unpack};

tracklite_fuzz::fuzz_program!(run, seeds);

fn run(input: &[u8]) {
    let bytes = unpack(input);
    if let Ok(database) = open(&MemoryFile::with_bytes(&bytes), true) {
        read_everything(&database, true);
    }
    let file = MemoryFile::with_bytes(&bytes);
    if let Ok(database) = open(&file, false) {
        log_and_reopen(&file, database);
    }
    // Without checksums, forged data reaches the decoders too.
    with_mutant(Mutant::NoChecksum, || {
        if let Ok(database) = open(&MemoryFile::with_bytes(&bytes), true) {
            read_everything(&database, false);
        }
        if let Ok(database) = open(&MemoryFile::with_bytes(&bytes), false) {
            let _ = database.tick();
            read_everything(&database, false);
        }
    });
}

fn open(file: &MemoryFile, read_only: bool) -> Result<Database> {
    let builder = Database::builder().index(IndexPlace::InMemory).background(false);
    let storage = Arc::new(file.open());
    builder.read_only(read_only).open_storage(Path::new("/fuzz/runs.tracklite"), storage)
}

/// Reads everything through the public API. Errors are acceptable results.
fn read_everything(database: &Database, is_sound: bool) {
    let _ = (database.experiments(), database.runs());
    let _ = database.sql("SELECT count(*), sum(points) FROM metrics");
    for record in database.all_runs().unwrap_or_default() {
        let Ok(run) = database.run(record.info.id) else { continue };
        let _ = (run.params(), run.tags(), run.is_alive(), run.children());
        for (key, latest) in run.metrics().unwrap_or_default() {
            check(latest.step, latest.value, is_sound);
            let _ = run.statistics(&key);
            if let Ok(history) = run.history(&key) {
                history.iter().for_each(|point| check(point.step, point.value, is_sound));
            }
        }
    }
}

fn check(step: i64, value: f64, is_sound: bool) {
    assert!(!is_sound || value.to_bits() == value_at(step).to_bits(), "{value} at step {step}");
}

fn value_at(step: i64) -> f64 {
    step as f64 / 8.0
}

/// Logs a run to a file that opens for writing. The run must be there after reopening.
fn log_and_reopen(file: &MemoryFile, database: Database) {
    read_everything(&database, true);
    let logged = (|| {
        let run = database.default_experiment()?.start_run("afterwards")?;
        run.log_metric("loss", value_at(3), 3)?;
        database.tick()?;
        Ok::<Run, tracklite::Error>(run)
    })();
    let Ok(run) = logged else { return };
    let id = run.id();
    drop(run);
    if database.close().is_err() {
        return;
    }
    let again = open(file, true).expect("reopen the closed file");
    let run = again.run(id).expect("find the run");
    let history = run.history("loss").expect("read the history");
    assert_eq!((history.steps, history.values), (vec![3], vec![value_at(3)]));
    read_everything(&again, true);
}

fn seeds() -> Vec<(&'static str, Vec<u8>)> {
    let packed = |fill: fn(&MemoryFile) -> Result<()>| {
        let header = tracklite::internals::new_header(0x1234_5678);
        let file = MemoryFile::with_bytes(&tracklite::internals::new_file(header));
        match fill(&file) {
            Ok(()) => pack(&file.to_bytes()),
            Err(error) => panic!("{error}"),
        }
    };
    vec![
        ("empty", Vec::new()),
        ("new", packed(|_| Ok(()))),
        ("live", packed(|file| fill(file, std::mem::forget))),
        ("closed", packed(|file| fill(file, drop))),
        ("grown", packed(fill_often)),
    ]
}

/// Logs three runs in two experiments, deletes one of them, and calls `end`.
fn fill(file: &MemoryFile, end: impl Fn(Database)) -> Result<()> {
    // The random bits of memory are a fixed sequence. A replay must not draw the same ones again.
    for _ in 0..1 << 20 {
        file.open().random().expect("draw random bits");
    }
    let database = open(file, false)?;
    for (index, path) in ["/Shared/team/churn", "/Shared/team/churn", "other"].iter().enumerate() {
        let experiment = database.experiment(path)?;
        let started = Timestamp::from_millis(1_700_000_000_000)?;
        let run = experiment.new_run().name("seed").started(started).param("rate", index);
        let run = run.tag("kind", "seed").start()?;
        let row = run.metric_row(&["loss", "accuracy", "norm", "rate", "error"])?;
        for step in 0..20 {
            run.metric("single")?.log_at(value_at(step), step, started)?;
            row.log_at(&[value_at(step); 5], step, started)?;
        }
        if index == 1 {
            run.delete()?;
        } else {
            run.finish()?;
        }
    }
    end(database);
    Ok(())
}

/// Lets several writers take turns, for blocks, punched extents and a longer chain.
fn fill_often(file: &MemoryFile) -> Result<()> {
    for _ in 0..3 {
        fill(file, drop)?;
    }
    fill(file, std::mem::forget)
}
