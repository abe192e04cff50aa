//! Any bytes at all, opened as a file, to read it and then to write to it.
//!
//! It ends without a panic, and no value is reported that was never logged: in the files to begin
//! with, each point at step `i` has the value `i / 8`, and damage can only take points away.

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
        go_on(&file, database);
    }
    // Without checksums all that a forged or unlucky file could hold is reached.
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

/// Asks for all that the public API tells; answers may be errors.
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

/// A file that can be opened for writing takes a run, and has it when it is opened again.
fn go_on(file: &MemoryFile, database: Database) {
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
    let again = open(file, true).expect("a file that was closed well can be opened");
    let run = again.run(id).expect("a run that was started is there");
    let history = run.history("loss").expect("what was logged can be read");
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

/// Two experiments, three runs, one of them deleted; then what `end` does.
fn fill(file: &MemoryFile, end: impl Fn(Database)) -> Result<()> {
    // The memory's random bits are a sequence: a replay must not draw those of this file again.
    for _ in 0..1 << 20 {
        file.open().random().expect("memory has random bits");
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

/// Several writers in turn, so that there are blocks, punched extents and a longer chain.
fn fill_often(file: &MemoryFile) -> Result<()> {
    for _ in 0..3 {
        fill(file, drop)?;
    }
    fill(file, std::mem::forget)
}
