//! Gathering the entries of extents into the columns of a block.

use std::collections::HashMap;

use foldhash::fast::FixedState;

use crate::error::Result;
use crate::format::block::{Codec, Encoder, Group, SeriesLabel};
use crate::format::bytes::u64_at;
use crate::format::record::SeriesId;
use crate::format::scan::{Entry, PointSlot};
use crate::format::slot::ROW_FLAG;

use super::definitions::Definition;
use super::sealer::Define;

/// A collector of entries into groups of columns.
pub(super) struct Gathering<'a> {
    define: Define<'a>,
    /// The group of each series, or of each row schema with its flag. `None` if it is undefined.
    by_tag: HashMap<u32, Option<usize>, FixedState>,
    /// The last lookup, which is usually the next one too.
    last: Option<(u32, Option<usize>)>,
    groups: Vec<Group>,
    pub(super) numbers: usize,
    pub(super) dropped: u64,
}

impl<'a> Gathering<'a> {
    pub(super) fn new(define: Define<'a>) -> Self {
        let (by_tag, groups) = (HashMap::default(), Vec::new());
        Gathering { define, by_tag, last: None, groups, numbers: 0, dropped: 0 }
    }

    /// Adds an entry of an extent.
    pub(super) fn add(&mut self, entry: &Entry<'_>) {
        match *entry {
            Entry::Points(points) => points.iter().for_each(|point| self.add_point(&point)),
            Entry::Row { schema, step, time, values } => self.add_row(schema, step, time, values),
        }
    }

    #[inline]
    fn add_point(&mut self, point: &PointSlot) {
        let Some(group) = self.group(point.series.0) else {
            self.dropped += 1;
            return;
        };
        group.steps.push(point.step);
        group.times.push(point.time);
        group.values[0].push(point.value);
        self.numbers += 3;
    }

    fn add_row(&mut self, schema: SeriesId, step: i64, time: i64, values: &[u8]) {
        let count = values.len() / 8;
        let group = self.group(schema.0 | ROW_FLAG).filter(|group| group.values.len() == count);
        let Some(group) = group else {
            self.dropped += count as u64;
            return;
        };
        group.steps.push(step);
        group.times.push(time);
        for (column, bytes) in group.values.iter_mut().zip(values.chunks_exact(8)) {
            column.push(f64::from_bits(u64_at(bytes, 0)));
        }
        self.numbers += 2 + count;
    }

    /// Returns the group of a series, or of a row schema with its flag.
    #[inline]
    fn group(&mut self, tag: u32) -> Option<&mut Group> {
        let place = match self.last {
            Some((last, place)) if last == tag => place,
            _ => self.place_of(tag),
        };
        self.last = Some((tag, place));
        place.and_then(|place| self.groups.get_mut(place))
    }

    fn place_of(&mut self, tag: u32) -> Option<usize> {
        if let Some(known) = self.by_tag.get(&tag) {
            return *known;
        }
        let group = self.new_group(tag).map(|group| {
            self.groups.push(group);
            self.groups.len() - 1
        });
        self.by_tag.insert(tag, group);
        group
    }

    fn new_group(&self, tag: u32) -> Option<Group> {
        let ids = match (self.define)(SeriesId(tag & !ROW_FLAG))? {
            Definition::Series { .. } if tag & ROW_FLAG == 0 => vec![SeriesId(tag)],
            Definition::Row(series) if tag & ROW_FLAG != 0 => series.to_vec(),
            _ => return None,
        };
        let label = |id| match (self.define)(id)? {
            Definition::Series { run, key } => {
                Some(SeriesLabel { series: id, run, key: key.to_string() })
            }
            Definition::Row(_) => None,
        };
        let series = ids.into_iter().map(label).collect::<Option<Vec<_>>>()?;
        let values = vec![Vec::new(); series.len()];
        Some(Group { series, steps: Vec::new(), times: Vec::new(), values })
    }

    /// Encodes the gathered entries as a block and clears them. Returns `None` if there are none.
    pub(super) fn encode(&mut self) -> Result<Option<Vec<u8>>> {
        let groups = std::mem::take(&mut self.groups);
        self.by_tag.clear();
        self.last = None;
        self.numbers = 0;
        if groups.is_empty() {
            return Ok(None);
        }
        let mut encoder = Encoder::new(Codec::Pco);
        for group in groups {
            // Each group is freed once it is encoded.
            encoder.push(&group)?;
        }
        encoder.finish().map(Some)
    }
}
