//! The records of the file itself: writers, extents, blocks, definitions, checkpoints.

use serde::{Deserialize, Serialize};

use super::{Incarnation, Position, SeriesId};
use crate::entity::Lifecycle;
use crate::entity::id::{ExperimentId, RunId};

/// A process opened the file for writing.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct WriterOpened {
    /// The new writer.
    pub incarnation: Incarnation,
    /// Its liveness byte. An earlier writer with this byte is dead.
    pub byte: u16,
    /// The boot of the kernel under which it runs.
    pub boot_id: u128,
    /// The first unit that may still be allocated.
    pub floor: u32,
    /// The process id, for messages only.
    pub process: u32,
    /// The host's name, for messages only.
    pub host: String,
    /// The time in nanoseconds since the epoch.
    pub time: i64,
}

/// A writer closed, or the janitor closed it, after its extents were sealed and punched.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct WriterClosed {
    /// The writer.
    pub incarnation: Incarnation,
}

/// Units at the end of the file were allocated as a point extent of a writer.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct ExtentOpened {
    /// The owner.
    pub incarnation: Incarnation,
    /// The first unit.
    pub unit: u32,
    /// The number of units.
    pub units: u32,
}

/// Units at the end of the file were allocated for column blocks of a writer.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct BlockUnitOpened {
    /// The owner.
    pub incarnation: Incarnation,
    /// The first unit.
    pub unit: u32,
    /// The number of units.
    pub units: u32,
}

/// The place of a column block.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum BlockPlace {
    /// In the record itself.
    Inline(Vec<u8>),
    /// In a block unit.
    At {
        /// The offset in the file. It identifies the block until a `BlockMoved` names another.
        offset: u64,
        /// The length in bytes.
        length: u32,
        /// The CRC-32C of the block's bytes.
        checksum: u32,
    },
}

/// The count and the latest point of a series in a sealed block.
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

/// A sealed block: its place and its series.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct SealedBlock {
    /// The place of the bytes.
    pub place: BlockPlace,
    /// The series in it, each of them once.
    pub series: Vec<SealedSeries>,
}

/// Extents were sealed into column blocks. From here on, only the blocks are valid.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Sealed {
    /// The owner of the extents and of the series ids.
    pub incarnation: Incarnation,
    /// The first units of the extents, in the order in which they were filled.
    pub extents: Vec<u32>,
    /// Points that were dropped because no record defines their series (after a power cut).
    pub dropped: u64,
    /// The blocks in the order of logging. There are none if the extents were empty.
    pub blocks: Vec<SealedBlock>,
}

/// Sealed extents were punched.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Punched {
    /// The first units of the extents.
    pub extents: Vec<u32>,
}

/// A block was rewritten without its purged runs, or dropped if nothing was left.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct BlockMoved {
    /// The previous offset of the block.
    pub from: u64,
    /// The previous length of the block.
    pub from_length: u32,
    /// The new block, or `None` if all its runs are purged.
    pub to: Option<SealedBlock>,
}

/// Series of a run got the ids `first`, `first + 1`, …
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct SeriesDefined {
    /// The writer, which logs to the run from here on.
    pub incarnation: Incarnation,
    /// The run.
    pub run: RunId,
    /// The id of the first key.
    pub first: SeriesId,
    /// The metric keys.
    pub keys: Vec<String>,
}

/// A row schema got an id. Each such row has values of these series in this order.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct RowDefined {
    /// The writer.
    pub incarnation: Incarnation,
    /// The id of the schema, from the same sequence as those of series.
    pub row: SeriesId,
    /// The series.
    pub series: Vec<SeriesId>,
}

/// An extent that is not punched yet, in a checkpoint.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct CheckpointExtent {
    /// The first unit.
    pub unit: u32,
    /// The number of units.
    pub units: u32,
    /// Whether it is sealed, so that only its space is left to punch.
    pub sealed: bool,
}

/// A writer that is not closed, in a checkpoint.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct CheckpointWriter {
    /// The place of its `WriterOpened`. Its definitions follow.
    pub opened_at: Position,
    /// Its `WriterOpened`.
    pub opened: WriterOpened,
    /// Whether a later writer took its byte.
    pub superseded: bool,
    /// Its extents in order.
    pub extents: Vec<CheckpointExtent>,
}

/// An experiment in a checkpoint.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct CheckpointExperiment {
    /// The id.
    pub id: ExperimentId,
    /// The path.
    pub path: String,
    /// Whether it is deleted.
    pub lifecycle: Lifecycle,
}

/// A kind and version of record in a checkpoint.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub struct CheckpointKind {
    /// The kind.
    pub kind: u16,
    /// The version.
    pub version: u8,
    /// The number of the class, for builds that do not know the kind.
    pub class: u8,
}

/// The state that a writer needs of the chain before this place.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Checkpoint {
    /// The first unit that was never allocated.
    pub next_unit: u32,
    /// The highest experiment id that was ever used, including purged experiments.
    pub last_experiment: ExperimentId,
    /// Writers that are not closed.
    pub writers: Vec<CheckpointWriter>,
    /// All experiments.
    pub experiments: Vec<CheckpointExperiment>,
    /// All kinds and versions of earlier records that no build may ignore, in order.
    ///
    /// A build that begins here must still find out that it does not know one of them.
    pub kinds: Vec<CheckpointKind>,
}
