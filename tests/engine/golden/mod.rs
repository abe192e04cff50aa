//! Every build must read a file of each format version ever released, with the same result.
//!
//! `writer.rs` writes the file byte by byte, with every kind of record. It is stored compressed. A
//! second file also has the later versions of records.
//! `TRACKLITE_REMAKE_FIXTURES=1` writes the fixture again, which is only acceptable as long as the
//! format is version 0.

mod endpoints;
mod folders;
mod jobs;
mod models;
mod tables;
mod tokens;
mod views;
mod webhooks;
mod writer;

use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;

use tracklite::inputs::{Dataset, DatasetInput, ModelOutput};
use tracklite::internals::header::Header;
use tracklite::internals::record::Record;
use tracklite::internals::storage::{FaultPlan, MemoryFile};
use tracklite::{Lifecycle, RunStatus};

use self::writer::{Blocks, CHUNKS, FINISHED, RUN, TIME, accuracy, live_loss, loss};
use crate::support::{self, Content, ExperimentContent, Opening, Point, RunContent};

/// The fixtures, embedded so that the test runs from any folder.
const PACKED: &[u8] = include_bytes!("../../fixtures/v0/all-records.tracklite.zst");
const PACKED_ENDPOINTS: &[u8] = include_bytes!("../../fixtures/v0/endpoints.tracklite.zst");
const PACKED_TEXT_RUNS: &[u8] = include_bytes!("../../fixtures/v0/text-runs.tracklite.zst");

/// The file with version 0 of every record.
fn stored() -> Vec<u8> {
    unpacked("all-records", PACKED, &[])
}

/// The same file, and version 1 of the records that have one.
fn stored_text_runs() -> Vec<u8> {
    unpacked("text-runs", PACKED_TEXT_RUNS, &models::of_text_runs())
}

/// The same file, and version 1 of the records of endpoints.
fn stored_endpoints() -> Vec<u8> {
    unpacked("endpoints", PACKED_ENDPOINTS, &endpoints::of_version_1())
}

fn unpacked(name: &str, packed: &[u8], more: &[Record]) -> Vec<u8> {
    if crate::setting("TRACKLITE_REMAKE_FIXTURES") == Some(1) {
        let bytes = writer::write(&Blocks::encode(), more);
        let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/fixtures/v0");
        let path = folder.join(format!("{name}.tracklite.zst"));
        std::fs::write(path, zstd::encode_all(&*bytes, 19).unwrap()).unwrap();
        return bytes;
    }
    assert!(packed.len() < 300 * 1024);
    zstd::decode_all(packed).unwrap()
}

fn texts(pairs: &[(&str, &str)]) -> BTreeMap<String, String> {
    pairs.iter().map(|(key, value)| ((*key).to_owned(), (*value).to_owned())).collect()
}

/// Returns the expected contents of the fixture.
fn expected() -> Content {
    let experiment = |path: &str, lifecycle, tags: &[(&str, &str)]| ExperimentContent {
        path: path.to_owned(),
        lifecycle,
        tags: texts(tags),
    };
    let point = |(step, value): (i64, f64)| -> Point { (TIME + step, step, value.to_bits()) };
    let mut metrics = BTreeMap::new();
    let sealed: Vec<Point> = loss().into_iter().chain(live_loss()).map(point).collect();
    metrics.insert("loss".to_owned(), sealed);
    metrics.insert("accuracy".to_owned(), accuracy().into_iter().map(point).collect());
    let run = RunContent {
        experiment: 1,
        name: "renamed run".to_owned(),
        parent: None,
        status: RunStatus::Running,
        has_ended: false,
        lifecycle: Lifecycle::Active,
        params: texts(&[("rate", "0.1"), ("depth", "3")]),
        tags: texts(&[("stage", "second")]),
        metrics,
    };
    let finished = RunContent {
        experiment: 1,
        name: "finished".to_owned(),
        parent: Some(RUN),
        status: RunStatus::Failed,
        has_ended: true,
        lifecycle: Lifecycle::Deleted,
        params: BTreeMap::new(),
        tags: BTreeMap::new(),
        metrics: BTreeMap::new(),
    };
    Content {
        experiments: BTreeMap::from([
            (0, experiment("Default", Lifecycle::Active, &[])),
            (1, experiment("/golden/renamed", Lifecycle::Active, &[("owner", "somebody")])),
            (2, experiment("/golden/deleted", Lifecycle::Deleted, &[])),
        ]),
        runs: BTreeMap::from([(RUN, run), (FINISHED, finished)]),
    }
}

#[test]
fn the_golden_file_of_version_0_has_the_expected_contents() {
    let file = MemoryFile::with_bytes(&stored());
    assert_eq!(support::read_file(&file).unwrap(), expected());
    let report = support::verify(&file).unwrap();
    assert_eq!(report.damages, []);
    assert_eq!((report.runs, report.points), (2, expected().points() as u64));
}

#[test]
fn the_golden_file_of_version_0_has_inputs_and_outputs() {
    let file = MemoryFile::with_bytes(&stored());
    let (database, _) = support::open(&file, &Opening::read(), &FaultPlan::new());
    let record = database.unwrap().run(RUN).unwrap().record().unwrap();
    let iris = Dataset::new("iris", "5f2c", "local", "/data/iris.csv").schema("{}");
    let wanted = DatasetInput::new(iris).context("train");
    assert_eq!(record.datasets, [wanted]);
    assert_eq!(record.model_inputs, ["m-given"]);
    assert_eq!(record.model_outputs, [ModelOutput::new("m-made", -3)]);
}

#[test]
fn the_golden_file_of_version_0_has_artifacts() {
    let file = MemoryFile::with_bytes(&stored());
    let (database, _) = support::open(&file, &Opening::read(), &FaultPlan::new());
    let artifacts = database.unwrap().run(RUN).unwrap().artifacts();
    let infos = artifacts.list_all().unwrap().into_iter();
    let found: Vec<String> = infos.map(|info| info.path).collect();
    assert_eq!(found, ["a.txt", "b/empty", "b/list", "data"]);
    for path in ["a.txt", "b/list"] {
        assert_eq!(artifacts.read(path).unwrap(), CHUNKS.concat());
    }
    assert_eq!(artifacts.read("b/empty").unwrap(), b"");
    let info = artifacts.info("a.txt").unwrap();
    assert_eq!((info.size, info.media_type.as_deref()), (Some(12), Some("text/plain")));
    let reference = artifacts.info("data").unwrap();
    assert_eq!(reference.uri.as_deref(), Some("s3://golden/train.csv"));
    let report = support::verify(&file).unwrap();
    assert_eq!((report.artifacts, report.chunks), (6, 3));
}

#[test]
fn the_golden_file_of_version_0_has_models() {
    let file = MemoryFile::with_bytes(&stored());
    let (database, _) = support::open(&file, &Opening::read(), &FaultPlan::new());
    models::check(&database.unwrap());
}

#[test]
fn the_golden_file_of_version_0_has_tokens() {
    tokens::check(&MemoryFile::with_bytes(&stored()));
}

#[test]
fn the_golden_file_of_text_runs_has_the_models_of_both_versions() {
    let file = MemoryFile::with_bytes(&stored_text_runs());
    let (database, _) = support::open(&file, &Opening::read(), &FaultPlan::new());
    let database = database.unwrap();
    models::check_text_runs(&database);
    drop(database);
    assert_eq!(support::read_file(&file).unwrap(), expected());
    assert!(support::verify(&file).unwrap().is_sound());
}

#[test]
fn the_golden_file_of_version_0_has_webhooks() {
    webhooks::check(&MemoryFile::with_bytes(&stored()));
}

#[test]
fn the_golden_file_of_version_0_has_views() {
    views::check(&MemoryFile::with_bytes(&stored()));
}

#[test]
fn the_golden_file_of_version_0_has_folders() {
    folders::check(&MemoryFile::with_bytes(&stored()));
}

#[test]
fn the_golden_file_of_version_0_has_tables() {
    tables::check(&MemoryFile::with_bytes(&stored()));
}

#[test]
fn the_golden_file_of_version_0_has_endpoints() {
    endpoints::check(&MemoryFile::with_bytes(&stored()));
}

#[test]
fn the_golden_file_of_endpoints_has_those_of_both_versions() {
    let file = MemoryFile::with_bytes(&stored_endpoints());
    let (database, _) = support::open(&file, &Opening::read(), &FaultPlan::new());
    endpoints::check_version_1(&database.unwrap());
    assert!(support::verify(&file).unwrap().is_sound());
}

#[test]
fn the_golden_file_of_version_0_has_jobs() {
    jobs::check(&MemoryFile::with_bytes(&stored()));
}

#[test]
fn the_golden_file_of_version_0_is_writable() {
    let file = MemoryFile::with_bytes(&stored());
    let (database, _) = support::open(&file, &Opening::write(), &FaultPlan::new());
    let database = database.unwrap();
    database.tick().unwrap();
    assert_eq!(support::read(&database).unwrap(), expected());
    let run = database.run(RUN).unwrap();
    run.log_metric("loss", 1.0, 1_000_000).unwrap();
    drop(run);
    database.close().unwrap();
    let content = support::read_file(&file).unwrap();
    assert_eq!(content.points(), expected().points() + 1);
    assert_eq!(content.experiments, expected().experiments);
    assert!(support::verify(&file).unwrap().is_sound());
}

#[test]
fn this_build_writes_version_0_like_the_golden_file() {
    check_written(&stored(), &[]);
    check_written(&stored_text_runs(), &models::of_text_runs());
    check_written(&stored_endpoints(), &endpoints::of_version_1());
}

fn check_written(stored: &[u8], more: &[Record]) {
    assert_eq!(Header::decode(stored).unwrap(), writer::HEADER);
    // Compressed columns depend on the version of the codec, so take them from the file.
    let (blocks, kinds) = Blocks::cut_from(stored);
    let written = writer::write(&blocks, more);
    let differs = stored.iter().zip(&written).position(|(old, new)| old != new);
    assert_eq!((differs, stored.len()), (None, written.len()), "the format has changed");
    let all: BTreeSet<u16> = (1..=13)
        .chain(32..=38)
        .chain(48..=57)
        .chain(64..=72)
        .chain(80..=82)
        .chain(96..=120)
        .chain(160..=163)
        .chain(176..=186)
        .chain(224..=225)
        .chain(232..=234)
        .chain(240..=241)
        .chain(248..=249)
        .collect();
    assert_eq!(kinds, all, "the golden file lacks a kind of record");
}
