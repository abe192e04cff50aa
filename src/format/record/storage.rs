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
        /// The first byte in the file; it identifies the block until `BlockMoved` names another.
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
