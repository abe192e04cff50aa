//! Caches of what blocks contain: summaries of their points.
//!
//! A block never changes, and its place is never reused. So what was read from it stays valid for
//! as long as the file is open.

use std::collections::HashMap;
use std::mem::size_of;
use std::sync::Arc;

use foldhash::fast::FixedState;

use crate::entity::bucket::Bucket;
use crate::entity::{MetricHistory, MetricStatistics};
use crate::format::block::Column;
use crate::format::record::{BlockPlace, SeriesId};

/// The memory that cached buckets may take. Above it, all are dropped and made again as needed.
///
/// It holds the buckets of about 200 million points.
const CACHE_BYTES: usize = 128 * 1024 * 1024;

/// All points of a series: summaries of the sealed ones, and the others themselves.
#[derive(Debug, Default)]
pub(crate) struct Sketch {
    /// The sealed parts, by writer, then in the order of logging.
    pub(crate) sealed: Vec<Arc<SealedPart>>,
    /// The points that are not sealed, or sealed in small blocks. In the order of a history.
    pub(crate) points: MetricHistory,
}

/// Consecutive points of a series in a block.
#[derive(Debug)]
pub(crate) struct SealedPart {
    pub(super) place: BlockPlace,
    /// The columns of steps, times and values.
    pub(super) columns: [Column; 3],
    /// The summaries of the points, in order.
    pub(crate) buckets: Vec<Bucket>,
    /// The summary of all these points.
    pub(crate) whole: Bucket,
}

/// The parts of each series in each block that were needed so far.
#[derive(Debug, Default)]
pub(crate) struct SketchCache {
    pub(super) parts: HashMap<(u64, SeriesId), Parts, FixedState>,
    bytes: usize,
}

pub(super) type Parts = Arc<[Arc<SealedPart>]>;

impl SketchCache {
    pub(super) fn insert(&mut self, place: (u64, SeriesId), parts: Parts) {
        let buckets: usize = parts.iter().map(|part| part.buckets.len()).sum();
        let bytes = buckets * size_of::<Bucket>() + parts.len() * size_of::<SealedPart>();
        if self.bytes + bytes > CACHE_BYTES {
            *self = SketchCache::default();
        }
        self.bytes += bytes;
        self.parts.insert(place, parts);
    }
}

impl Sketch {
    pub(super) fn places(&self) -> impl Iterator<Item = &BlockPlace> {
        self.sealed.iter().map(|part| &part.place)
    }
}

/// The number of blocks whose statistics are kept. Above it, all are dropped and read again.
const BLOCKS_MAX: usize = 100_000;

/// The statistics of each series in the blocks that were needed so far, by their offsets.
///
/// A block never changes, and its place is never reused.
#[derive(Debug, Default)]
pub(crate) struct BlockStatistics(HashMap<u64, OfSeries, FixedState>);

pub(super) type OfSeries = Arc<[(SeriesId, MetricStatistics)]>;

impl BlockStatistics {
    pub(super) fn get(&self, offset: u64) -> Option<OfSeries> {
        self.0.get(&offset).cloned()
    }

    pub(super) fn insert(&mut self, offset: u64, of_block: OfSeries) {
        if self.0.len() >= BLOCKS_MAX {
            self.0.clear();
        }
        self.0.insert(offset, of_block);
    }
}
