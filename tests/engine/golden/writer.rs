//! Writes the golden file of version 0, byte by byte and reproducibly.

use std::collections::BTreeSet;

use tracklite::artifact::{ArtifactOwner, ContentHash};
use tracklite::internals::block::{self, Codec, Group, SeriesLabel};
use tracklite::internals::frame::{self, EMPTY_CHAIN_HASH, Parsed};
use tracklite::internals::header::{Header, UnitHeader, UnitKind};
use tracklite::internals::new_file;
use tracklite::internals::record::*;
use tracklite::internals::slot::{SlotSeed, point_words, row_words};
use tracklite::internals::word::WordPlace;
use tracklite::{ExperimentId, Lifecycle, RunId, RunStatus};

const UNIT: usize = 64 * 1024;
const UNITS: usize = 7;
const SECOND_CHAIN_UNIT: u32 = 4;
const BLOCK_UNIT: u32 = 3;
/// The sealed and punched extent, and the live one.
const EXTENTS: [u32; 2] = [2, 5];
const CHUNK_UNIT: u32 = 6;
const FIRST_FRAME: usize = 128;
pub const WRITERS: [Incarnation; 2] =
    [Incarnation(0x1111_2222_3333_4445), Incarnation(0x5555_6666_7777_8889)];
const GOLDEN: ExperimentId = ExperimentId::new(1);
const DELETED: ExperimentId = ExperimentId::new(2);

pub const TIME: i64 = 1_700_000_000_000_000_000;
pub const HEADER: Header = Header { file: FILE, created: TIME };
const FILE: tracklite::internals::FileId =
    tracklite::internals::FileId(0x0123_4567_89ab_cdef_fedc_ba98_7654_3210);
pub const RUN: RunId = RunId::from_bits(0x1111_1111_1111_4111_8111_1111_1111_1111);
pub const FINISHED: RunId = RunId::from_bits(0x2222_2222_2222_4222_8222_2222_2222_2222);
const PURGED: RunId = RunId::from_bits(0x3333_3333_3333_4333_8333_3333_3333_3333);

/// Sealed points of `loss` as (step, value). There are many, so that their block is in a unit.
pub fn loss() -> Vec<(i64, f64)> {
    let special = [f64::NAN, f64::INFINITY, f64::NEG_INFINITY, -0.0, f64::MIN_POSITIVE / 4.0];
    let number = |step: i64| 1.0 / (step + 1) as f64;
    (0..1000).map(number).chain(special).zip(0..).map(|(value, step)| (step, value)).collect()
}

/// Points of `accuracy`: sealed ones, whose block is in the frame, and a live one in a row.
pub fn accuracy() -> Vec<(i64, f64)> {
    vec![(-5, 0.25), (0, 0.5), (1, 0.75), (2001, 0.875)]
}

/// Live points of `loss`: single ones, and the last one in a row.
pub fn live_loss() -> Vec<(i64, f64)> {
    vec![(1999, 0.125), (2000, -1.5), (2001, 2.5)]
}

/// The column blocks in the order of the chain.
pub struct Blocks(Vec<Vec<u8>>);

impl Blocks {
    /// Encodes the blocks with this build.
    pub fn encode() -> Self {
        let group = |series, run, key: &str, points: &[(i64, f64)]| Group {
            series: vec![SeriesLabel { series: SeriesId(series), run, key: key.to_owned() }],
            steps: points.iter().map(|(step, _)| *step).collect(),
            times: points.iter().map(|(step, _)| TIME + step).collect(),
            values: vec![points.iter().map(|(_, value)| *value).collect()],
        };
        let encode = |group, codec| block::encode(&[group], codec).unwrap();
        Blocks(vec![
            encode(group(1, RUN, "loss", &loss()), Codec::Pco),
            encode(group(2, RUN, "accuracy", &accuracy()[..3]), Codec::ShuffleZstd),
            encode(group(4, PURGED, "gone", &loss()[..100]), Codec::ShuffleZstd),
        ])
    }

    /// Extracts the blocks from a file. Also returns the kinds of all records.
    pub fn cut_from(bytes: &[u8]) -> (Self, BTreeSet<u16>) {
        let (mut blocks, mut kinds) = (Vec::new(), BTreeSet::new());
        for unit in [1, SECOND_CHAIN_UNIT as usize] {
            let mut at = unit * UNIT + FIRST_FRAME;
            while let Parsed::Whole(frame) =
                frame::parse(FILE, Position(at as u64), None, &bytes[at..], UNIT)
            {
                for record in frame.records().unwrap() {
                    kinds.insert(record.tag().0);
                    let Record::Sealed(sealed) = record else { continue };
                    blocks.extend(sealed.blocks.into_iter().map(|block| match block.place {
                        BlockPlace::Inline(bytes) => bytes,
                        BlockPlace::At { offset, length, .. } => {
                            // The block of the purged run was punched. Its zeros are written again.
                            bytes[offset as usize..][..length as usize].to_vec()
                        }
                    }));
                }
                at += frame.length;
            }
        }
        (Blocks(blocks), kinds)
    }
}

struct Writer {
    bytes: Vec<u8>,
    at: usize,
    hash: u64,
    kinds: BTreeSet<CheckpointKind>,
}

impl Writer {
    fn put(&mut self, at: usize, bytes: &[u8]) {
        self.bytes[at..at + bytes.len()].copy_from_slice(bytes);
    }

    fn word(&mut self, place: WordPlace, value: u64) {
        self.put(place.offset() as usize, &place.encode(FILE, value).to_le_bytes());
    }

    /// Appends a frame. Returns its position.
    fn frame(&mut self, records: &[Record]) -> Position {
        let position = Position(self.at as u64);
        let tags = records.iter().map(Record::tag);
        let named = tags.filter(|(.., class)| *class != RecordClass::Ignorable);
        self.kinds.extend(named.map(|(kind, version, class)| {
            let class = class as u8;
            CheckpointKind { kind, version, class }
        }));
        let (bytes, hash) = frame::encode(FILE, position, self.hash, records).unwrap();
        self.put(self.at, &bytes);
        self.at += bytes.len();
        self.hash = hash;
        position
    }

    fn unit(&mut self, kind: UnitKind, unit: u32, writer: Incarnation) {
        let is_chain = kind == UnitKind::Chain;
        let header = UnitHeader {
            kind,
            unit,
            units: 1,
            incarnation: writer,
            previous_end: Position(if is_chain { self.at as u64 } else { 0 }),
            previous_hash: if is_chain { self.hash } else { 0 },
        };
        self.put(unit as usize * UNIT, &header.encode(FILE));
    }

    fn slots(&mut self, at: usize, words: &[u64]) {
        let bytes: Vec<u8> = words.iter().flat_map(|word| word.to_le_bytes()).collect();
        self.put(EXTENTS[1] as usize * UNIT + 64 + at * 32, &bytes);
    }
}

fn opened(writer: usize) -> WriterOpened {
    WriterOpened {
        incarnation: WRITERS[writer],
        byte: 0,
        boot_id: 1,
        floor: 2,
        process: 100,
        host: "golden".to_owned(),
        time: TIME,
    }
}

fn started(run: RunId, name: &str, parent: Option<RunId>) -> Record {
    RunStarted {
        run,
        experiment: GOLDEN,
        incarnation: Some(WRITERS[0]),
        name: name.to_owned(),
        parent,
        user: "somebody".to_owned(),
        time: TIME,
    }
    .into()
}

fn defined(writer: usize, run: RunId, first: u32, keys: &[&str]) -> Record {
    SeriesDefined {
        incarnation: WRITERS[writer],
        run,
        first: SeriesId(first),
        keys: keys.iter().map(|&key| key.to_owned()).collect(),
    }
    .into()
}

fn pairs(pairs: &[(&str, &str)]) -> Vec<(String, String)> {
    pairs.iter().map(|(key, value)| ((*key).to_owned(), (*value).to_owned())).collect()
}

fn row(writer: usize, row: u32, series: [u32; 2]) -> Record {
    let series = series.map(SeriesId).to_vec();
    RowDefined { incarnation: WRITERS[writer], row: SeriesId(row), series }.into()
}

fn extent(writer: usize) -> Record {
    ExtentOpened { incarnation: WRITERS[writer], unit: EXTENTS[writer], units: 1 }.into()
}

/// Returns the bytes of the file. The records in `more` follow those of all nouns.
pub fn write(blocks: &Blocks, more: &[Record]) -> Vec<u8> {
    let mut bytes = new_file(HEADER);
    bytes.resize(UNITS * UNIT, 0);
    let (at, kinds) = (UNIT + FIRST_FRAME, BTreeSet::new());
    let mut writer = Writer { bytes, at, hash: EMPTY_CHAIN_HASH, kinds };
    experiments_and_runs(&mut writer);
    seal(&mut writer, blocks);
    changes(&mut writer);
    let models = super::models::frames().into_iter().chain(super::tokens::frames());
    let others = super::webhooks::frames().into_iter().chain(super::views::frames());
    let others = others.chain(super::folders::frames()).chain(super::endpoints::frames());
    let others = others.chain(super::tables::frames());
    let others = others.chain(super::jobs::frames());
    for records in models.chain(others) {
        writer.frame(&records);
    }
    if !more.is_empty() {
        writer.frame(more);
    }
    second_writer(&mut writer);
    artifacts(&mut writer);
    writer.bytes
}

fn experiments_and_runs(writer: &mut Writer) {
    writer.frame(&[opened(0).into()]);
    let created = |experiment, path: &str| {
        ExperimentCreated { experiment, path: path.to_owned(), time: TIME }.into()
    };
    let tags = pairs(&[("owner", "somebody"), ("old", "x")]);
    writer.frame(&[
        created(GOLDEN, "/golden"),
        ExperimentTagsSet { experiment: GOLDEN, tags, time: TIME }.into(),
        created(DELETED, "/golden/deleted"),
    ]);
    writer.frame(&[
        started(RUN, "run", None),
        ParamsSet { run: RUN, params: pairs(&[("rate", "0.1"), ("depth", "3")]) }.into(),
        TagsSet { run: RUN, tags: pairs(&[("stage", "first"), ("old", "x")]) }.into(),
    ]);
    writer.frame(&[started(FINISHED, "finished", Some(RUN)), started(PURGED, "purged", None)]);
    writer.frame(&[defined(0, RUN, 1, &["loss", "accuracy"]), row(0, 3, [1, 2])]);
    writer.frame(&[defined(0, PURGED, 4, &["gone"]), extent(0)]);
}

/// Seals the first extent into blocks, and purges one of them.
fn seal(writer: &mut Writer, Blocks(blocks): &Blocks) {
    writer.unit(UnitKind::Block, BLOCK_UNIT, WRITERS[0]);
    let incarnation = WRITERS[0];
    writer.frame(&[BlockUnitOpened { incarnation, unit: BLOCK_UNIT, units: 1 }.into()]);
    let mut next = BLOCK_UNIT as usize * UNIT + 64;
    let mut sealed = Vec::new();
    for (index, bytes) in blocks.iter().enumerate() {
        let series = block::parse(bytes).unwrap().sealed_series();
        let place = if index == 1 {
            BlockPlace::Inline(bytes.clone())
        } else {
            let (offset, length) = (next as u64, u32::try_from(bytes.len()).unwrap());
            writer.put(next, bytes);
            next = (next + bytes.len()).next_multiple_of(8);
            BlockPlace::At { offset, length, checksum: crc32c::crc32c(bytes) }
        };
        sealed.push(SealedBlock { place, series });
    }
    let BlockPlace::At { offset, length, .. } = sealed[2].place else { panic!("not in a unit") };
    let sealed = Sealed { incarnation, extents: vec![EXTENTS[0]], dropped: 0, blocks: sealed };
    writer.frame(&[sealed.into()]);
    writer.frame(&[Punched { extents: vec![EXTENTS[0]] }.into()]);
    let lifecycle = Lifecycle::Deleted;
    writer.frame(&[RunLifecycleSet { run: PURGED, lifecycle, time: TIME }.into()]);
    writer.frame(&[Purged { runs: vec![PURGED], experiments: Vec::new() }.into()]);
    writer.frame(&[BlockMoved { from: offset, from_length: length, to: None }.into()]);
}

fn changes(writer: &mut Writer) {
    let (experiment, time) = (GOLDEN, TIME + 1);
    let path = "/golden/renamed".to_owned();
    writer.frame(&[
        ExperimentRenamed { experiment, path, time }.into(),
        ExperimentTagDeleted { experiment, key: "old".to_owned(), time }.into(),
        ExperimentLifecycleSet { experiment: DELETED, lifecycle: Lifecycle::Deleted, time }.into(),
    ]);
    let name = Some("renamed run".to_owned());
    let (status, ended) = (Some(RunStatus::Failed), Some(Some(TIME + 2)));
    writer.frame(&[
        TagsSet { run: RUN, tags: pairs(&[("stage", "second")]) }.into(),
        TagDeleted { run: RUN, key: "old".to_owned() }.into(),
        RunUpdated { run: RUN, name, status: None, ended: None }.into(),
        RunUpdated { run: FINISHED, name: None, status, ended }.into(),
        RunLifecycleSet { run: FINISHED, lifecycle: Lifecycle::Deleted, time }.into(),
    ]);
    let dataset = |tags| DatasetLogged {
        name: "iris".to_owned(),
        digest: "5f2c".to_owned(),
        source_type: "local".to_owned(),
        source: "/data/iris.csv".to_owned(),
        schema: Some("{}".to_owned()),
        profile: None,
        tags: pairs(tags),
    };
    let datasets = vec![
        dataset(&[("mlflow.data.context", "train")]),
        // A duplicate: the first one wins.
        DatasetLogged { source: "elsewhere".to_owned(), ..dataset(&[("late", "x")]) },
    ];
    let models = vec![("m-made".to_owned(), -3), ("m-made".to_owned(), -3)];
    writer.frame(&[
        InputsLogged { run: RUN, datasets, models: vec!["m-given".to_owned()] }.into(),
        OutputsLogged { run: RUN, models }.into(),
    ]);
    writer.frame(&[WriterClosed { incarnation: WRITERS[0] }.into()]);
}

/// A second writer continues in another unit of the chain, and is killed.
fn second_writer(writer: &mut Writer) {
    writer.unit(UnitKind::Chain, SECOND_CHAIN_UNIT, WRITERS[1]);
    writer.word(WordPlace::Successor(1), u64::from(SECOND_CHAIN_UNIT));
    writer.at = SECOND_CHAIN_UNIT as usize * UNIT + FIRST_FRAME;
    let opened_at = writer.frame(&[opened(1).into()]);
    let of = |id, path: &str, lifecycle| CheckpointExperiment { id, path: path.into(), lifecycle };
    let checkpoint = Checkpoint {
        next_unit: SECOND_CHAIN_UNIT + 1,
        writers: vec![CheckpointWriter {
            opened_at,
            opened: opened(1),
            superseded: false,
            extents: Vec::new(),
        }],
        last_experiment: DELETED,
        experiments: vec![
            of(ExperimentId::DEFAULT, "Default", Lifecycle::Active),
            of(GOLDEN, "/golden/renamed", Lifecycle::Active),
            of(DELETED, "/golden/deleted", Lifecycle::Deleted),
        ],
        kinds: writer.kinds.iter().copied().collect(),
    };
    let checkpoint = writer.frame(&[checkpoint.into()]);
    writer.word(WordPlace::Checkpoint, checkpoint.0 / 8);
    let resumed = RunResumed { run: RUN, incarnation: WRITERS[1], time: TIME + 3 };
    writer.frame(&[resumed.into(), defined(1, RUN, 1, &["accuracy", "loss"])]);
    writer.frame(&[row(1, 3, [1, 2]), extent(1)]);
    writer.word(WordPlace::DurableMark, writer.at as u64 / 8);
    writer.unit(UnitKind::Extent, EXTENTS[1], WRITERS[1]);
    let seed = SlotSeed::new(FILE, EXTENTS[1], WRITERS[1]);
    for ((step, value), slot) in live_loss().into_iter().zip(0..2) {
        let words = point_words(seed, slot, SeriesId(2), step, TIME + step, value);
        writer.slots(slot as usize, &words);
    }
    let values = [accuracy()[3].1.to_bits(), live_loss()[2].1.to_bits(), 0, 0];
    writer.slots(2, &row_words(seed, 2, SeriesId(3), 2001, TIME + 2001, 2, &values));
    writer.slots(3, &values);
}

/// The chunks as content, codec and stored bytes. The second one is compressed with zstd. The third
/// is a list of the first two. The last belongs to a deleted file.
fn chunks() -> [(Vec<u8>, u8, Vec<u8>); 4] {
    let frame = [b"\x28\xb5\x2f\xfd\x20\x05\x29\0\0".as_slice(), CHUNKS[1]].concat();
    let list = CHUNKS[..2].iter().flat_map(|bytes| *blake3::hash(bytes).as_bytes());
    let list: Vec<u8> = list.collect();
    let [first, second] = CHUNKS.map(<[u8]>::to_vec);
    [(first.clone(), 0, first), (second, 1, frame), (list.clone(), 0, list), (vec![7], 0, vec![7])]
}

/// The contents of the files.
pub const CHUNKS: [&[u8]; 2] = [b"Hello, ", b"chunk"];

pub fn hash(bytes: &[u8]) -> ContentHash {
    ContentHash::from_bytes(*blake3::hash(bytes).as_bytes())
}

/// Writes the files of the second writer. Deletes one of them and frees its chunk.
fn artifacts(writer: &mut Writer) {
    let (incarnation, owner) = (WRITERS[1], ArtifactOwner::Run(RUN));
    writer.frame(&[ChunkUnitOpened { incarnation, unit: CHUNK_UNIT, units: 1 }.into()]);
    writer.unit(UnitKind::Chunks, CHUNK_UNIT, incarnation);
    let mut next = CHUNK_UNIT as usize * UNIT + 64;
    let mut stored = Vec::new();
    for (bytes, codec, coded) in chunks() {
        let [length, size] = [&bytes, &coded].map(|bytes| u32::try_from(bytes.len()).unwrap());
        let (offset, checksum) = (next as u64, crc32c::crc32c(&coded));
        stored.push(StoredChunk {
            hash: hash(&bytes),
            length,
            coded: size,
            codec,
            offset,
            checksum,
        });
        writer.put(next, &coded);
        next = (next + coded.len()).next_multiple_of(8);
    }
    let hashes: Vec<ContentHash> = stored.iter().map(|chunk| chunk.hash).collect();
    let whole = CHUNKS.concat();
    let file = |path: &str, content, bytes: &[u8]| WrittenFile {
        path: path.to_owned(),
        size: bytes.len() as u64,
        digest: hash(bytes),
        media_type: (path == "a.txt").then(|| "text/plain".to_owned()),
        content,
    };
    let files = vec![
        file("a.txt", FileContent::Chunks(hashes[..2].to_vec()), &whole),
        file("b/list", FileContent::List(vec![hashes[2]]), &whole),
        file("b/empty", FileContent::Chunks(Vec::new()), b""),
        file("gone/x", FileContent::Chunks(vec![hashes[3]]), &[7]),
    ];
    let uri = "s3://golden/train.csv".to_owned();
    let (path, digest) = ("data".to_owned(), Some("md5:1".to_owned()));
    writer.frame(&[
        ChunksStored { chunks: stored }.into(),
        ArtifactsWritten { owner, time: TIME, files }.into(),
        ArtifactReferenced { owner, time: TIME, path, uri, size: Some(7), digest }.into(),
    ]);
    writer.frame(&[ArtifactsDeleted { owner, time: TIME, path: "gone".to_owned() }.into()]);
    writer.frame(&[ChunksFreed { hashes: vec![hashes[3]] }.into()]);
    writer.word(WordPlace::DurableMark, writer.at as u64 / 8);
}
