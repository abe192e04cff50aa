//! The records of the metadata chain: one plain struct for each kind and version.
//!
//! A released struct never changes; what needs another field becomes the next version.

use bincode::error::{DecodeError, EncodeError};
use serde::{Deserialize, Serialize};

use crate::entity::{Lifecycle, RunStatus};
use crate::id::{ExperimentId, RunId};

/// Identifies one opening of the file by one process for writing: 64 random bits.
#[derive(Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
pub struct Incarnation(pub u64);

/// A place in the metadata chain: the byte of the file at which a frame begins.
#[derive(
    Clone, Copy, Debug, Default, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize,
)]
pub struct Position(pub u64);

/// Identifies a series, or the schema of a row, within its incarnation; counts up from 1.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
pub struct SeriesId(pub u32);

impl std::fmt::Debug for Incarnation {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "Incarnation({:016x})", self.0)
    }
}

/// A process opened the file for writing.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct WriterOpened {
    /// The new writer.
    pub incarnation: Incarnation,
    /// Its liveness byte; an earlier writer of this byte is dead.
    pub byte: u16,
    /// The boot of the kernel under which it runs.
    pub boot_id: u128,
    /// Units below this one are not given out any more.
    pub floor: u32,
    /// The process id, for messages only.
    pub process: u32,
    /// The host's name, for messages only.
    pub host: String,
    /// When, in nanoseconds since the epoch.
    pub time: i64,
}

/// A writer has sealed and punched all it had and has gone, or was found dead and wound up.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct WriterClosed {
    /// The writer.
    pub incarnation: Incarnation,
}

/// Units at the end of the file became a point extent of a writer.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct ExtentOpened {
    /// The owner.
    pub incarnation: Incarnation,
    /// The first unit.
    pub unit: u32,
    /// How many units.
    pub units: u32,
}

/// Units at the end of the file became room for column blocks of a writer.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct BlockUnitOpened {
    /// The owner.
    pub incarnation: Incarnation,
    /// The first unit.
    pub unit: u32,
    /// How many units.
    pub units: u32,
}

/// Where a column block is.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum BlockPlace {
    /// In the record itself.
    Inline(Vec<u8>),
    /// In a block unit.
    At {
        /// The first byte in the file; it identifies the block until `BlocksMoved` names another.
        offset: u64,
        /// The length in bytes.
        length: u32,
        /// The CRC-32C of the block's bytes.
        checksum: u32,
    },
}

/// The latest point of a series within one sealed block, and how many points it holds there.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
pub struct SealedSeries {
    /// The series, of the incarnation that the record names.
    pub series: SeriesId,
    /// The number of points of the series in the block.
    pub count: u64,
    /// The step of the latest point.
    pub step: i64,
    /// Its time in nanoseconds.
    pub time: i64,
    /// Its value.
    pub value: f64,
}

/// A sealed block: where it is and what it holds.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct SealedBlock {
    /// Where the bytes are.
    pub place: BlockPlace,
    /// The series in it, each once.
    pub series: Vec<SealedSeries>,
}

/// Extents became column blocks; from here on the blocks are the truth and the extents are not.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Sealed {
    /// The owner of the extents and of the series ids.
    pub incarnation: Incarnation,
    /// First units of the extents, in the order in which they were filled.
    pub extents: Vec<u32>,
    /// Points that were dropped because no record defines their series (after a power cut).
    pub dropped: u64,
    /// The blocks, in the order of logging; none when the extents were empty.
    pub blocks: Vec<SealedBlock>,
}

/// The space of sealed extents was given back.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Punched {
    /// First units of the extents.
    pub extents: Vec<u32>,
}

/// A block was rewritten without its purged runs, or dropped because nothing of it is left.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct BlockMoved {
    /// The offset that named the block so far.
    pub from: u64,
    /// Its length there.
    pub from_length: u32,
    /// Where the rest is now; `None` when all its runs are purged.
    pub to: Option<SealedBlock>,
}

/// Series of one run were given ids `first`, `first + 1`, …
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct SeriesDefined {
    /// The writer; it is a writer of the run from here on.
    pub incarnation: Incarnation,
    /// The run.
    pub run: RunId,
    /// The id of the first key.
    pub first: SeriesId,
    /// The metric keys.
    pub keys: Vec<String>,
}

/// A row schema was given an id: the series whose values each such row holds, in this order.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct RowDefined {
    /// The writer.
    pub incarnation: Incarnation,
    /// The schema's id, from the same count as series.
    pub row: SeriesId,
    /// The series.
    pub series: Vec<SeriesId>,
}

/// An extent that is not punched yet, within a checkpoint.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct CheckpointExtent {
    /// The first unit.
    pub unit: u32,
    /// How many units.
    pub units: u32,
    /// Whether it is sealed, so that only its space is still to be given back.
    pub sealed: bool,
}

/// A writer that is not closed, within a checkpoint.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct CheckpointWriter {
    /// Where its `WriterOpened` stands; its definitions follow.
    pub opened_at: Position,
    /// What it said when it opened.
    pub opened: WriterOpened,
    /// Whether a later writer has its byte.
    pub superseded: bool,
    /// Its extents in order.
    pub extents: Vec<CheckpointExtent>,
}

/// An experiment, within a checkpoint.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct CheckpointExperiment {
    /// The id.
    pub id: ExperimentId,
    /// The path.
    pub path: String,
    /// Whether it is deleted.
    pub lifecycle: Lifecycle,
}

/// A kind and version of record, within a checkpoint.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub struct CheckpointKind {
    /// The kind.
    pub kind: u16,
    /// The version.
    pub version: u8,
    /// The class, as a number: what a build does that does not know it.
    pub class: u8,
}

/// All that a writer must know of the chain before this place.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Checkpoint {
    /// The first unit that was never given out.
    pub next_unit: u32,
    /// The greatest id that an experiment ever had, purged ones included.
    pub last_experiment: ExperimentId,
    /// Writers that are not closed.
    pub writers: Vec<CheckpointWriter>,
    /// All experiments.
    pub experiments: Vec<CheckpointExperiment>,
    /// Each kind and version of the records so far that no build may pass over, in order: one
    /// that does not know them all must learn so although it begins here.
    pub kinds: Vec<CheckpointKind>,
}

/// An experiment was created.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct ExperimentCreated {
    /// The new id.
    pub experiment: ExperimentId,
    /// The unique path.
    pub path: String,
    /// When, in nanoseconds since the epoch.
    pub time: i64,
}

/// An experiment was renamed.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct ExperimentRenamed {
    /// The experiment.
    pub experiment: ExperimentId,
    /// The new path.
    pub path: String,
    /// When.
    pub time: i64,
}

/// An experiment was deleted or restored, and with it all its runs (MLflow's cascade).
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct ExperimentLifecycleSet {
    /// The experiment.
    pub experiment: ExperimentId,
    /// What it is now.
    pub lifecycle: Lifecycle,
    /// When.
    pub time: i64,
}

/// Tags of an experiment were set.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct ExperimentTagsSet {
    /// The experiment.
    pub experiment: ExperimentId,
    /// Keys and values; a later one wins.
    pub tags: Vec<(String, String)>,
    /// When.
    pub time: i64,
}

/// A tag of an experiment was deleted.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct ExperimentTagDeleted {
    /// The experiment.
    pub experiment: ExperimentId,
    /// The key.
    pub key: String,
    /// When.
    pub time: i64,
}

/// A run was started.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct RunStarted {
    /// The new id.
    pub run: RunId,
    /// Its experiment.
    pub experiment: ExperimentId,
    /// The writer that started it; `None` when it was copied from another file.
    pub incarnation: Option<Incarnation>,
    /// The name.
    pub name: String,
    /// The run that it is nested in.
    pub parent: Option<RunId>,
    /// The user.
    pub user: String,
    /// When.
    pub time: i64,
}

/// A writer goes on with a run that exists.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct RunResumed {
    /// The run.
    pub run: RunId,
    /// The writer.
    pub incarnation: Incarnation,
    /// When.
    pub time: i64,
}

/// Name, status or end of a run changed; `None` leaves a field as it is.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct RunUpdated {
    /// The run.
    pub run: RunId,
    /// The new name.
    pub name: Option<String>,
    /// The new status.
    pub status: Option<RunStatus>,
    /// The new end; the inner `None` clears it.
    pub ended: Option<Option<i64>>,
}

/// A run was deleted or restored.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct RunLifecycleSet {
    /// The run.
    pub run: RunId,
    /// What it is now.
    pub lifecycle: Lifecycle,
    /// When.
    pub time: i64,
}

/// Params of a run were set, each for the first time.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct ParamsSet {
    /// The run.
    pub run: RunId,
    /// Keys and values.
    pub params: Vec<(String, String)>,
}

/// Tags of a run were set.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct TagsSet {
    /// The run.
    pub run: RunId,
    /// Keys and values; a later one wins.
    pub tags: Vec<(String, String)>,
}

/// A tag of a run was deleted.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct TagDeleted {
    /// The run.
    pub run: RunId,
    /// The key.
    pub key: String,
}

/// Deleted runs and experiments are gone for good: their names and points are not read any more.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Purged {
    /// The runs.
    pub runs: Vec<RunId>,
    /// The experiments; all their runs are among `runs` or purged before.
    pub experiments: Vec<ExperimentId>,
}

/// A dataset that a run was given, and the tags of this use of it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct DatasetLogged {
    /// The name; with the digest it identifies the dataset in the run's experiment.
    pub name: String,
    /// The digest.
    pub digest: String,
    /// What kind of source it has.
    pub source_type: String,
    /// Where it comes from.
    pub source: String,
    /// What its columns are.
    pub schema: Option<String>,
    /// What it amounts to.
    pub profile: Option<String>,
    /// Keys and values; a later one wins.
    pub tags: Vec<(String, String)>,
}

/// Datasets and logged models that a run was given. What it has already stays as it is, and what
/// a dataset says beside its name and digest holds as the experiment's first record of it says.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct InputsLogged {
    /// The run.
    pub run: RunId,
    /// The datasets.
    pub datasets: Vec<DatasetLogged>,
    /// The ids of the models.
    pub models: Vec<String>,
}

/// Logged models that a run has made; one that it has already at this step is no second one.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct OutputsLogged {
    /// The run.
    pub run: RunId,
    /// The id of each model, and the training step.
    pub models: Vec<(String, i64)>,
}

/// What an older build does that meets a record it does not know, by kind or by version.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
#[repr(u8)]
pub enum RecordClass {
    /// It passes over the record.
    Ignorable = 0,
    /// It goes on reading, but no longer writes.
    WriteIncompatible = 1,
    /// It refuses the file.
    ReadIncompatible = 2,
}

impl RecordClass {
    /// The class of this number; numbers yet unknown are taken for the strictest class.
    #[must_use]
    pub fn from_byte(byte: u8) -> Self {
        match byte {
            0 => RecordClass::Ignorable,
            1 => RecordClass::WriteIncompatible,
            _ => RecordClass::ReadIncompatible,
        }
    }
}

/// Declares [`Record`]: the structs above with their kind, version and class.
macro_rules! records {
    ($($name:ident = $kind:literal, $version:literal, $class:ident;)*) => {
        /// One record of the chain, of any kind.
        #[derive(Clone, Debug, PartialEq)]
        pub enum Record {
            $(#[doc = concat!("See [`", stringify!($name), "`](struct@", stringify!($name), ").")]
            $name($name),)*
            /// A record of a kind or version that this build does not know.
            Unknown {
                /// The kind.
                kind: u16,
                /// The version.
                version: u8,
                /// What that means for this build.
                class: RecordClass,
            },
        }

        $(impl From<$name> for Record {
            fn from(record: $name) -> Self {
                Record::$name(record)
            }
        })*

        impl Record {
            /// The kind, version and class under which the record stands in the file.
            #[must_use]
            pub fn tag(&self) -> (u16, u8, RecordClass) {
                match self {
                    $(Record::$name(_) => ($kind, $version, RecordClass::$class),)*
                    Record::Unknown { kind, version, class } => (*kind, *version, *class),
                }
            }

            /// Appends the record's body to `bytes`; an unknown record has none.
            pub(super) fn encode_body(&self, bytes: &mut Vec<u8>) -> Result<(), EncodeError> {
                match self {
                    $(Record::$name(record) => super::frame::encode_body(record, bytes),)*
                    Record::Unknown { .. } => Ok(()),
                }
            }

            /// Whether this build knows records of this kind and version.
            pub(crate) fn is_known(kind: u16, version: u8) -> bool {
                matches!((kind, version), $(($kind, $version))|*)
            }

            /// Reads the body of a record of this kind and version.
            pub(super) fn decode_body(
                kind: u16,
                version: u8,
                class: RecordClass,
                body: &[u8],
            ) -> Result<Self, DecodeError> {
                match (kind, version) {
                    $(($kind, $version) => super::frame::decode_body(body).map(Record::$name),)*
                    _ => Ok(Record::Unknown { kind, version, class }),
                }
            }
        }
    };
}

records! {
    WriterOpened = 1, 0, WriteIncompatible;
    WriterClosed = 2, 0, WriteIncompatible;
    ExtentOpened = 3, 0, ReadIncompatible;
    BlockUnitOpened = 4, 0, WriteIncompatible;
    Sealed = 5, 0, ReadIncompatible;
    Punched = 6, 0, Ignorable;
    BlockMoved = 7, 0, ReadIncompatible;
    SeriesDefined = 8, 0, ReadIncompatible;
    RowDefined = 9, 0, ReadIncompatible;
    Checkpoint = 10, 0, WriteIncompatible;
    ExperimentCreated = 32, 0, ReadIncompatible;
    ExperimentRenamed = 33, 0, ReadIncompatible;
    ExperimentLifecycleSet = 34, 0, ReadIncompatible;
    ExperimentTagsSet = 35, 0, ReadIncompatible;
    ExperimentTagDeleted = 36, 0, ReadIncompatible;
    RunStarted = 48, 0, ReadIncompatible;
    RunResumed = 49, 0, WriteIncompatible;
    RunUpdated = 50, 0, ReadIncompatible;
    RunLifecycleSet = 51, 0, ReadIncompatible;
    ParamsSet = 52, 0, ReadIncompatible;
    TagsSet = 53, 0, ReadIncompatible;
    TagDeleted = 54, 0, ReadIncompatible;
    Purged = 55, 0, ReadIncompatible;
    InputsLogged = 56, 0, ReadIncompatible;
    OutputsLogged = 57, 0, ReadIncompatible;
}
