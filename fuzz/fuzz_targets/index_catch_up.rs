//! Chains of arbitrary records: an index that is updated in two steps must equal a rebuilt one,
//! even if another chain replaced the known one in between.

use std::path::Path;
use std::sync::Arc;

use tracklite::artifact::{ArtifactOwner, ContentHash};
use tracklite::internals::frame::{self, EMPTY_CHAIN_HASH, RawRecord};
use tracklite::internals::header::Header;
use tracklite::internals::record::{
    ArtifactReferenced, ArtifactsDeleted, ArtifactsWritten, BlockPlace, BlockUnitOpened,
    ChunkUnitOpened, ChunksFreed, ChunksStored, DatasetLogged, ExperimentCreated,
    ExperimentLifecycleSet, ExperimentRenamed, ExperimentTagDeleted, ExperimentTagsSet,
    ExtentOpened, FileContent, FolderMade, FolderRemoved, Incarnation, InputsLogged, OutputsLogged,
    ParamsSet, Position, Punched, Purged, Record, RecordClass, RowDefined, RunLifecycleSet,
    RunResumed, RunStarted, RunUpdated, Sealed, SealedBlock, SealedSeries, SeriesDefined, SeriesId,
    StoredChunk, TagDeleted, TagsSet, WriterClosed, WriterOpened, WrittenFile,
};
use tracklite::internals::storage::{MemoryFile, Storage as _};
use tracklite::internals::{FIRST_CHAIN_UNIT, FIRST_FRAME_BYTES, FileId, UNIT_BYTES, unit_start};
use tracklite::{Database, ExperimentId, IndexPlace, Lifecycle, RunId, RunStatus};
use tracklite_fuzz::Choices;

#[path = "index_catch_up/endpoints.rs"]
mod endpoints;
#[path = "index_catch_up/jobs.rs"]
mod jobs;
#[path = "index_catch_up/models.rs"]
mod models;
#[path = "index_catch_up/tables.rs"]
mod tables;
#[path = "index_catch_up/tokens.rs"]
mod tokens;
#[path = "index_catch_up/views.rs"]
mod views;
#[path = "index_catch_up/webhooks.rs"]
mod webhooks;

tracklite_fuzz::fuzz_program!(run, seeds);

const FILE: FileId = FileId(7);
const FRAMES_MAX: usize = 24;
const TABLES: [&str; 47] = [
    "experiments",
    "experiment_tags",
    "runs",
    "params",
    "tags",
    "metrics",
    "datasets",
    "dataset_inputs",
    "dataset_input_tags",
    "model_inputs",
    "model_outputs",
    "writers",
    "run_writers",
    "series",
    "row_schemas",
    "row_schema_runs",
    "extents",
    "block_series",
    "artifacts",
    "artifact_chunks",
    "chunks",
    "chunk_units",
    "logged_models",
    "logged_model_params",
    "logged_model_tags",
    "logged_model_metrics",
    "registered_models",
    "registered_model_tags",
    "model_versions",
    "model_version_tags",
    "model_aliases",
    "registry_mode",
    "catalogs",
    "catalog_schemas",
    "tokens",
    "webhooks",
    "webhook_events",
    "saved_views",
    "endpoints",
    "stored_tables",
    "table_writes",
    "table_segments",
    "jobs",
    "job_fires",
    "job_runs",
    "job_attempts",
    "job_repairs",
];

fn run(input: &[u8]) {
    let mut choices = Choices::new(input);
    let known = choices.below(FRAMES_MAX);
    let is_replaced = choices.byte() >= 128;
    let frames = frames(&mut choices);
    let mut first: Vec<_> = frames.iter().take(known).cloned().collect();
    if let (true, Some(last)) = (is_replaced, first.last_mut()) {
        last.push(WriterClosed { incarnation: Incarnation(u64::MAX) }.into());
    }
    let header = Header { file: FILE, created: 0 };
    let file = MemoryFile::with_bytes(&tracklite::internals::new_file(header));
    let folder = tracklite_fuzz::temporary_folder();
    let kept = IndexPlace::Directory(folder.path().to_owned());
    put(&file, &first);
    let before = answers(&file, kept.clone());
    put(&file, &frames);
    let caught_up = answers(&file, kept);
    let rebuilt = answers(&file, IndexPlace::InMemory);
    assert_eq!(caught_up, rebuilt, "before: {before:#?}");
}

/// Writes these frames as the chain of the file, until its first unit is full.
fn put(file: &MemoryFile, frames: &[Vec<Record>]) {
    let storage = file.open();
    let start = unit_start(FIRST_CHAIN_UNIT);
    let (mut at, mut hash) = (start + FIRST_FRAME_BYTES, EMPTY_CHAIN_HASH);
    let blank = vec![0; usize::try_from(start + UNIT_BYTES - at).expect("convert a unit's size")];
    storage.write_at(at, &blank).expect("write to memory");
    for records in frames {
        let Ok((bytes, next)) = frame::encode(FILE, Position(at), hash, records) else { return };
        let end = at + bytes.len() as u64;
        if end + 64 > start + UNIT_BYTES {
            return;
        }
        storage.write_at(at, &bytes).expect("write to memory");
        (at, hash) = (end, next);
    }
}

/// Returns everything in the index as text. Errors are results too.
fn answers(file: &MemoryFile, index: IndexPlace) -> Vec<String> {
    let builder = Database::builder().read_only(true).background(false).index(index);
    let storage = Arc::new(file.open());
    let database = match builder.open_storage(Path::new("/fuzz/runs.tracklite"), storage) {
        Ok(database) => database,
        Err(error) => return vec![format!("{error:?}")],
    };
    let mut answers = vec![format!("{:?}", database.experiments())];
    answers.push(format!("{:?}", database.all_runs()));
    for table in TABLES {
        answers.push(format!("{table}: {:?}", database.sql(&format!("SELECT * FROM {table}"))));
    }
    answers
}

fn frames(choices: &mut Choices<'_>) -> Vec<Vec<Record>> {
    let mut frames = Vec::new();
    while !choices.is_over() && frames.len() < FRAMES_MAX {
        frames.push((0..choices.below(4)).map(|_| record(choices)).collect());
    }
    frames
}

fn record(choices: &mut Choices<'_>) -> Record {
    match choices.below(17) {
        0 => raw_record(choices),
        1 => run_started(choices),
        2 => series_defined(choices),
        3 => sealed(choices),
        4 => about_writers(choices),
        5 => about_experiments(choices),
        6 => models::about_logged_models(choices),
        7 | 8 => models::about_registry(choices),
        11 => tokens::about_tokens(choices),
        12 => webhooks::about_webhooks(choices),
        13 => views::about_views(choices),
        14 => endpoints::about_endpoints(choices),
        15 => tables::about_tables(choices),
        16 => jobs::about_jobs(choices),
        _ => about_runs(choices),
    }
}

/// Decodes arbitrary bytes as a record of any kind.
fn raw_record(choices: &mut Choices<'_>) -> Record {
    let (kind, version) = (u16::from(choices.byte()), choices.byte() / 250);
    let length = 1 + choices.below(64);
    let body = choices.bytes(length);
    let raw = RawRecord { kind, version, class: RecordClass::Ignorable, body };
    let closed = WriterClosed { incarnation: incarnation(choices) };
    match raw.decode() {
        Ok(Record::Unknown { .. }) | Err(_) => closed.into(),
        Ok(record) => record,
    }
}

fn run_id(choices: &mut Choices<'_>) -> RunId {
    RunId::from_bits(choices.below(4) as u128)
}

fn incarnation(choices: &mut Choices<'_>) -> Incarnation {
    Incarnation(1 + choices.below(3) as u64)
}

fn experiment(choices: &mut Choices<'_>) -> ExperimentId {
    ExperimentId::new(choices.below(3) as u64)
}

fn lifecycle(choices: &mut Choices<'_>) -> Lifecycle {
    if choices.byte() < 128 { Lifecycle::Active } else { Lifecycle::Deleted }
}

fn text(choices: &mut Choices<'_>) -> String {
    // The index interprets two of the tags. The id is a valid value of one of them.
    let id = "00000000000000000000000000000001";
    let some = ["", "loss", "a/b", "\u{fc}", "quote'\"", "\0"];
    let all = [&some[..], &["mlflow.runName", "mlflow.parentRunId", id]].concat();
    all[choices.below(9)].to_owned()
}

fn pairs(choices: &mut Choices<'_>) -> Vec<(String, String)> {
    (0..choices.below(3)).map(|_| (text(choices), text(choices))).collect()
}

fn run_started(choices: &mut Choices<'_>) -> Record {
    RunStarted {
        run: run_id(choices),
        experiment: experiment(choices),
        incarnation: (choices.byte() < 200).then(|| incarnation(choices)),
        name: text(choices),
        parent: (choices.byte() < 100).then(|| run_id(choices)),
        user: text(choices),
        time: choices.integer(),
    }
    .into()
}

fn series_defined(choices: &mut Choices<'_>) -> Record {
    let incarnation = incarnation(choices);
    let id = SeriesId(choices.below(6) as u32);
    if choices.byte() < 60 {
        let series = (0..choices.below(4)).map(|_| SeriesId(choices.below(6) as u32)).collect();
        return RowDefined { incarnation, row: id, series }.into();
    }
    let keys = (0..choices.below(3)).map(|_| text(choices)).collect();
    SeriesDefined { incarnation, run: run_id(choices), first: id, keys }.into()
}

fn sealed(choices: &mut Choices<'_>) -> Record {
    let series = |choices: &mut Choices<'_>| SealedSeries {
        series: SeriesId(choices.below(6) as u32),
        count: u64::from(choices.byte()),
        step: choices.integer(),
        time: choices.integer(),
        value: choices.value(),
    };
    let block = |choices: &mut Choices<'_>| SealedBlock {
        place: if choices.byte() < 128 {
            let length = choices.below(20);
            BlockPlace::Inline(choices.bytes(length).to_vec())
        } else {
            BlockPlace::At { offset: u64::from(choices.byte()) * 8, length: 9, checksum: 1 }
        },
        series: (0..choices.below(4)).map(|_| series(choices)).collect(),
    };
    Sealed {
        incarnation: incarnation(choices),
        extents: (0..choices.below(3)).map(|_| choices.below(8) as u32).collect(),
        dropped: u64::from(choices.byte()),
        blocks: (0..choices.below(3)).map(|_| block(choices)).collect(),
    }
    .into()
}

fn about_writers(choices: &mut Choices<'_>) -> Record {
    let incarnation = incarnation(choices);
    let (unit, units) = (choices.below(8) as u32, choices.below(3) as u32);
    match choices.below(8) {
        0 => WriterClosed { incarnation }.into(),
        1 => ExtentOpened { incarnation, unit, units }.into(),
        2 => BlockUnitOpened { incarnation, unit, units }.into(),
        3 => Punched { extents: vec![unit, units] }.into(),
        4 => ChunkUnitOpened { incarnation, unit, units }.into(),
        5 if choices.byte() < 128 => ChunksFreed { hashes: hashes(choices) }.into(),
        5 => ChunksStored { chunks: hashes(choices).into_iter().map(chunk).collect() }.into(),
        _ => WriterOpened {
            incarnation,
            byte: choices.below(3) as u16,
            boot_id: 0,
            floor: unit,
            process: 1,
            host: text(choices),
            time: choices.integer(),
        }
        .into(),
    }
}

fn about_experiments(choices: &mut Choices<'_>) -> Record {
    let (experiment, time) = (experiment(choices), choices.integer());
    match choices.below(8) {
        0 => ExperimentRenamed { experiment, path: text(choices), time }.into(),
        1 => {
            let lifecycle = lifecycle(choices);
            ExperimentLifecycleSet { experiment, lifecycle, time }.into()
        }
        2 => ExperimentTagsSet { experiment, tags: pairs(choices), time }.into(),
        3 => ExperimentTagDeleted { experiment, key: text(choices), time }.into(),
        4 => FolderMade { path: text(choices), time }.into(),
        5 => FolderRemoved { path: text(choices), time }.into(),
        _ => ExperimentCreated { experiment, path: text(choices), time }.into(),
    }
}

fn about_runs(choices: &mut Choices<'_>) -> Record {
    let run = run_id(choices);
    match choices.below(10) {
        0 => RunResumed { run, incarnation: incarnation(choices), time: 5 }.into(),
        1 => RunUpdated {
            run,
            name: (choices.byte() < 128).then(|| text(choices)),
            status: (choices.byte() < 128).then(|| RunStatus::ALL[choices.below(5)]),
            ended: (choices.byte() < 128).then(|| Some(choices.integer())),
        }
        .into(),
        2 => RunLifecycleSet { run, lifecycle: lifecycle(choices), time: 6 }.into(),
        3 => TagsSet { run, tags: pairs(choices) }.into(),
        4 => TagDeleted { run, key: text(choices) }.into(),
        5 => {
            let experiments = (0..choices.below(2)).map(|_| experiment(choices)).collect();
            Purged { runs: vec![run], experiments }.into()
        }
        6 => about_data(choices, run),
        7 | 8 => about_artifacts(choices, run),
        _ => ParamsSet { run, params: pairs(choices) }.into(),
    }
}

fn hashes(choices: &mut Choices<'_>) -> Vec<ContentHash> {
    (0..choices.below(4)).map(|_| ContentHash::from_bytes([choices.below(8) as u8; 32])).collect()
}

fn chunk(hash: ContentHash) -> StoredChunk {
    let offset = 131_136 + u64::from(hash.as_bytes()[0]) * 8;
    StoredChunk { hash, length: 8, coded: 8, codec: 0, offset, checksum: 1 }
}

fn about_artifacts(choices: &mut Choices<'_>, run: RunId) -> Record {
    let owner = match choices.below(4) {
        0 => ArtifactOwner::LoggedModel(models::logged_model(choices)),
        1 => {
            let (model, version) = (models::registered_model(choices), models::version(choices));
            ArtifactOwner::ModelVersion { model, version }
        }
        _ => ArtifactOwner::Run(run),
    };
    let (time, path) = (choices.integer(), text(choices));
    let file = |choices: &mut Choices<'_>| {
        let (path, size, hashes) = (text(choices), u64::from(choices.byte()), hashes(choices));
        let is_list = choices.byte() < 64;
        let content = if is_list { FileContent::List(hashes) } else { FileContent::Chunks(hashes) };
        WrittenFile {
            path,
            size,
            digest: ContentHash::from_bytes([9; 32]),
            media_type: None,
            content,
        }
    };
    match choices.below(4) {
        0 => ArtifactsDeleted { owner, time, path }.into(),
        1 => {
            let uri = text(choices);
            ArtifactReferenced { owner, time, path, uri, size: None, digest: None }.into()
        }
        _ => {
            let files = (0..choices.below(4)).map(|_| file(choices)).collect();
            ArtifactsWritten { owner, time, files }.into()
        }
    }
}

fn about_data(choices: &mut Choices<'_>, run: RunId) -> Record {
    let model = |choices: &mut Choices<'_>| (text(choices), choices.integer());
    if choices.byte() < 100 {
        let models = (0..choices.below(3)).map(|_| model(choices)).collect();
        return OutputsLogged { run, models }.into();
    }
    let dataset = |choices: &mut Choices<'_>| DatasetLogged {
        name: text(choices),
        digest: text(choices),
        source_type: "local".to_owned(),
        source: text(choices),
        schema: (choices.byte() < 128).then(|| text(choices)),
        profile: None,
        tags: pairs(choices),
    };
    let datasets = (0..choices.below(3)).map(|_| dataset(choices)).collect();
    let models = (0..choices.below(3)).map(|_| text(choices)).collect();
    InputsLogged { run, datasets, models }.into()
}

fn seeds() -> Vec<(&'static str, Vec<u8>)> {
    // Pseudorandom bytes that cover each kind of record.
    let bytes = |seed: u32, count: usize| -> Vec<u8> {
        let mut state = seed;
        let mut next = || {
            state = state.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
            (state >> 24) as u8
        };
        (0..count).map(|_| next()).collect()
    };
    vec![
        ("empty", Vec::new()),
        ("short", bytes(1, 200)),
        ("long", bytes(2, 1500)),
        ("other", bytes(3, 1500)),
        ("third", bytes(4, 900)),
        ("models", bytes(5, 1500)),
        ("registry", bytes(6, 1500)),
    ]
}
