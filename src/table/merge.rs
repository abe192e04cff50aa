//! Rows of several segments as one: images of rows in order, and which of them count.
//!
//! Each write of a row is an image. The images of all segments are ordered by key, time and
//! version. A row consists of adjacent images: those since its last deletion. The value of a column
//! is that of the newest image that wrote it.

use std::cmp::Ordering;
use std::ops::Range;

use crate::database::Database;
use crate::entity::ColumnType;
use crate::entity::TableColumn;
use crate::entity::table::{Column, NO_ROW};
use crate::entity::wording::invalid;
use crate::error::Result;
use crate::table::batch::Times;
use crate::table::blocks::Blocks;
use crate::table::keys::Keys;
use crate::table::segment::{Wanted, read_columns};
use crate::table::snapshot::Snapshot;
use crate::table::write::{DELETED, written_column};

/// The hidden column with the version of each row of a merged segment.
pub(crate) const VERSION: &str = "#version";

/// The images of a row: a range of [`Images::order`]. Empty for no row.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct RowImages {
    pub(crate) start: u32,
    pub(crate) end: u32,
}

impl RowImages {
    pub(crate) fn is_empty(self) -> bool {
        self.start >= self.end
    }

    fn range(self) -> Range<usize> {
        self.start as usize..self.end as usize
    }
}

/// The keys, times and versions of all images of a snapshot.
#[derive(Debug)]
pub(crate) struct Images {
    pub(crate) keys: Keys,
    times: Option<Times>,
    /// The version of each image, or that of all of them.
    versions: Versions,
    /// Whether each image is a deletion. `None` if none is.
    deleted: Option<Vec<bool>>,
    /// The images by key, time and version.
    pub(crate) order: Vec<u32>,
    /// The version that is read.
    version: u64,
    /// The blocks that were read, in the order of their images.
    pub(crate) blocks: Blocks,
}

#[derive(Debug)]
enum Versions {
    All(u64),
    Each(Vec<u64>),
}

impl Versions {
    fn get(&self, image: usize) -> u64 {
        match self {
            Versions::All(version) => *version,
            Versions::Each(versions) => versions.get(image).copied().unwrap_or(u64::MAX),
        }
    }
}

impl Images {
    /// Reads the keys, times and versions of all blocks of a snapshot.
    pub(crate) fn read(database: &Database, snapshot: &Snapshot) -> Result<Images> {
        Images::of(database, snapshot, Blocks::all(&snapshot.segments))
    }

    /// Reads the keys, times and versions of some blocks, and puts the images in order. Either all
    /// blocks that have images of a key are among them, or none of these.
    pub(crate) fn of(database: &Database, snapshot: &Snapshot, blocks: Blocks) -> Result<Images> {
        let (info, segments) = (&snapshot.info, &snapshot.segments);
        let rows = blocks.rows();
        if rows >= u64::from(NO_ROW) {
            let message = format!("table {:?} has {rows} images of rows, too many", info.name);
            return Err(invalid(message));
        }
        let kind =
            |name: &str| info.state.column(name).map_or(ColumnType::Long, |found| found.kind);
        let mut wanted: Vec<Wanted> = info
            .state
            .sort_columns()
            .map(|name| Wanted { name: name.to_owned(), kind: kind(name) })
            .collect();
        wanted.push(Wanted { name: VERSION.to_owned(), kind: ColumnType::Long });
        wanted.push(Wanted { name: DELETED.to_owned(), kind: ColumnType::Boolean });
        let keep = |segment, block| blocks.has(segment, block);
        let mut columns = read_columns(database, info.id, segments, &wanted, &keep)?;
        let deleted = columns.pop().and_then(|column| deletions(&column));
        let versions = versions(snapshot, &blocks, columns.pop().as_ref());
        let times = info.state.timestamp.as_ref().and_then(|_| columns.pop());
        let keys = Keys::of(&columns.iter().collect::<Vec<_>>(), rows as usize);
        let times = times.as_ref().and_then(Times::of);
        let order = (0..rows as u32).collect();
        let version = snapshot.version;
        let mut images = Images { keys, times, versions, deleted, order, version, blocks };
        images.sort(segments.len());
        Ok(images)
    }

    /// Sorts the images. Those of one segment are in order already.
    fn sort(&mut self, segments: usize) {
        if segments > 1 {
            let mut order = std::mem::take(&mut self.order);
            order.sort_by(|left, right| self.compare(*left as usize, *right as usize));
            self.order = order;
        }
    }

    fn compare(&self, left: usize, right: usize) -> Ordering {
        let versions = || self.versions.get(left).cmp(&self.versions.get(right));
        self.keys
            .compare(left, &self.keys, right)
            .then_with(|| self.time(left).cmp(&self.time(right)))
            .then_with(versions)
    }

    /// Returns the time of an image. A deletion of all times of a key has none, and so has each
    /// image of a table without times.
    fn time(&self, image: usize) -> Option<i64> {
        self.times.as_ref().and_then(|times| times.get(image))
    }

    /// Returns the version of an image.
    pub(crate) fn version_of(&self, image: u32) -> i64 {
        self.versions.get(image as usize).cast_signed()
    }

    /// Returns the images of a row, the oldest first.
    pub(crate) fn of_row(&self, row: RowImages) -> &[u32] {
        self.order.get(row.range()).unwrap_or_default()
    }

    /// Returns whether any image is a deletion.
    pub(crate) fn has_deletions(&self) -> bool {
        self.deleted.is_some()
    }

    /// Returns whether an image is a deletion.
    pub(crate) fn is_deletion(&self, image: u32) -> bool {
        let deleted = self.deleted.as_ref().and_then(|deleted| deleted.get(image as usize));
        deleted.copied().unwrap_or(false)
    }

    /// Returns the image at a place of the order.
    pub(crate) fn image(&self, place: usize) -> usize {
        self.order.get(place).map_or(usize::MAX, |image| *image as usize)
    }

    /// Returns the end of the images at and after `start` that have the same key.
    pub(crate) fn key_end(&self, start: usize) -> usize {
        let first = self.image(start);
        let is_same = |place: usize| {
            self.keys.compare(first, &self.keys, self.image(place)) == Ordering::Equal
        };
        gallop(start + 1, self.order.len(), is_same)
    }

    /// Returns the first place at or after `start` whose key is not below that of a row.
    pub(crate) fn first_of(&self, start: usize, keys: &Keys, row: usize) -> usize {
        let is_below =
            |place: usize| self.keys.compare(self.image(place), keys, row) == Ordering::Less;
        gallop(start, self.order.len(), is_below)
    }

    /// Returns the end of the images in `start..end` that have the same time. The key is the same.
    fn time_end(&self, start: usize, end: usize) -> usize {
        let time = self.time(self.image(start));
        gallop(start + 1, end, |place| self.time(self.image(place)) == time)
    }

    /// Returns the newest row of a key with a time from `from` to `to`, as it was at `version`. The
    /// images of the key are at `key`.
    pub(crate) fn row_at(
        &self,
        key: Range<usize>,
        (from, to): (Option<i64>, i64),
        version: u64,
    ) -> RowImages {
        if self.times.is_none() {
            return self.alive(key, 0, version);
        }
        let (rows, cleared) = self.cleared(key, version);
        let mut end = rows.start
            + self.order[rows.clone()]
                .partition_point(|image| self.time(*image as usize).is_none_or(|time| time <= to));
        while end > rows.start {
            let time = self.time(self.image(end - 1));
            if from.is_some_and(|from| time.is_none_or(|time| time < from)) {
                return RowImages::default();
            }
            let earlier = self.order[rows.start..end]
                .partition_point(|image| self.time(*image as usize) < time);
            let start = rows.start + earlier;
            let found = self.alive(start..end, cleared, version);
            if !found.is_empty() {
                return found;
            }
            end = start;
        }
        RowImages::default()
    }

    /// Returns the images of a key behind the deletions of all its times, and the version of the
    /// last such deletion, or 0.
    fn cleared(&self, key: Range<usize>, version: u64) -> (Range<usize>, u64) {
        if self.deleted.is_none() {
            return (key, 0);
        }
        let start = key.start
            + self.order[key.clone()].partition_point(|image| self.time(*image as usize).is_none());
        let versions = (key.start..start).map(|place| self.versions.get(self.image(place)));
        let cleared = versions.filter(|cleared| *cleared <= version).max().unwrap_or(0);
        (start..key.end, cleared)
    }

    /// Returns the images of one row that count at a version: those since its last deletion.
    fn alive(&self, row: Range<usize>, cleared: u64, version: u64) -> RowImages {
        let known = |image: &u32| self.versions.get(*image as usize) <= version;
        let end = row.start + self.order[row.clone()].partition_point(known);
        let mut start = end;
        while start > row.start {
            let image = self.image(start - 1);
            if self.is_deletion(image as u32) || self.versions.get(image) <= cleared {
                break;
            }
            start -= 1;
        }
        // There are fewer than 2^32 images.
        RowImages { start: start as u32, end: end as u32 }
    }

    /// Returns each image up to the version as a row of its own, for a table without a key.
    pub(crate) fn known(&self) -> impl Iterator<Item = RowImages> {
        let places = (0..self.order.len())
            .filter(|place| self.versions.get(self.image(*place)) <= self.version);
        // There are fewer than 2^32 images.
        places.map(|place| RowImages { start: place as u32, end: place as u32 + 1 })
    }

    /// Returns the rows as they were at a version, and each later image as a row of its own, by
    /// key, time and version.
    pub(crate) fn since(&self, floor: u64) -> Vec<RowImages> {
        let (mut rows, mut start) = (Vec::new(), 0);
        while start < self.order.len() {
            let end = self.key_end(start);
            let (range, cleared) = match self.times {
                Some(_) => self.cleared(start..end, floor),
                None => (start..end, 0),
            };
            self.add_later(start..range.start, floor, &mut rows);
            let mut at = range.start;
            while at < end {
                let time_end = if self.times.is_some() { self.time_end(at, end) } else { end };
                let row = self.alive(at..time_end, cleared, floor);
                if !row.is_empty() {
                    rows.push(row);
                }
                self.add_later(at..time_end, floor, &mut rows);
                at = time_end;
            }
            start = end;
        }
        rows
    }

    fn add_later(&self, places: Range<usize>, floor: u64, rows: &mut Vec<RowImages>) {
        let is_later = |place: &usize| self.versions.get(self.image(*place)) > floor;
        // There are fewer than 2^32 images.
        let one = |place: usize| RowImages { start: place as u32, end: place as u32 + 1 };
        rows.extend(places.filter(is_later).map(one));
    }

    /// Returns all rows, by key and time.
    pub(crate) fn rows(&self) -> Vec<RowImages> {
        let mut rows = Vec::new();
        let mut start = 0;
        while start < self.order.len() {
            let end = self.key_end(start);
            let (mut at, cleared) = match self.times {
                Some(_) => {
                    let (range, cleared) = self.cleared(start..end, self.version);
                    (range.start, cleared)
                }
                None => (start, 0),
            };
            while at < end {
                let time_end = if self.times.is_some() { self.time_end(at, end) } else { end };
                let row = self.alive(at..time_end, cleared, self.version);
                if !row.is_empty() {
                    rows.push(row);
                }
                at = time_end;
            }
            start = end;
        }
        rows
    }
}

/// Returns the first place from `start` to `end` at which `holds` is false. It is true before
/// that place and false after it.
pub(crate) fn gallop(start: usize, end: usize, holds: impl Fn(usize) -> bool) -> usize {
    let (mut low, mut step) = (start, 1);
    while low < end && holds((low + step - 1).min(end - 1)) {
        low = (low + step).min(end);
        step *= 2;
    }
    let mut high = (low + step - 1).min(end);
    while low < high {
        let middle = low + (high - low) / 2;
        if holds(middle) {
            low = middle + 1;
        } else {
            high = middle;
        }
    }
    low
}

/// Returns which images are deletions, or `None` if none is.
fn deletions(column: &Column) -> Option<Vec<bool>> {
    let Column::Bool(values) = column else { return None };
    let has_any = values.null_count() < values.len();
    has_any.then(|| values.iter().map(|value| value == Some(true)).collect())
}

fn versions(snapshot: &Snapshot, blocks: &Blocks, column: Option<&Column>) -> Versions {
    if let [segment] = &snapshot.segments[..]
        && segment.stored.first == segment.stored.last
    {
        return Versions::All(segment.stored.first);
    }
    let mut versions = Vec::new();
    for (segment, images) in blocks.of(&snapshot.segments) {
        let (start, rows) = (images.start, images.len());
        match (segment.stored.first == segment.stored.last, column) {
            (false, Some(Column::Integer(values))) => {
                let of = (start..start + rows).map(|row| values.get(row).unwrap_or(i64::MAX));
                versions.extend(of.map(i64::cast_unsigned));
            }
            _ => versions.extend(std::iter::repeat_n(segment.stored.first, rows)),
        }
    }
    Versions::Each(versions)
}

/// Reads columns of rows: for each row the value of its newest image that wrote it.
///
/// A row without images has nulls.
pub(crate) fn gather(
    database: &Database,
    snapshot: &Snapshot,
    images: &Images,
    rows: &[RowImages],
    columns: &[TableColumn],
) -> Result<Vec<Column>> {
    let (id, segments) = (snapshot.info.id, &snapshot.segments);
    let wanted = |column: &TableColumn| Wanted { name: column.name.clone(), kind: column.kind };
    let wanted: Vec<Wanted> = columns.iter().map(wanted).collect();
    let used = images.blocks.used(rows.iter().flat_map(|row| images.of_row(*row)).copied());
    let keep = |segment, block| used.has(segment, block);
    let newest: Vec<u32> = rows.iter().map(|row| newest(images, *row)).collect();
    let newest = used.places(newest, &images.blocks);
    let values = read_columns(database, id, segments, &wanted, &keep)?;
    let mut gathered = Vec::with_capacity(columns.len());
    for (column, values) in columns.iter().zip(values) {
        let written = written(database, snapshot, &images.blocks, &column.name)?;
        gathered.push(match written {
            None => values.take(&newest),
            Some(written) => {
                let chosen = rows.iter().map(|row| {
                    let mut images = images.of_row(*row).iter().rev();
                    images.find(|image| written[**image as usize]).copied().unwrap_or(NO_ROW)
                });
                values.take(&used.places(chosen.collect(), &images.blocks))
            }
        });
    }
    Ok(gathered)
}

fn newest(images: &Images, row: RowImages) -> u32 {
    match row.is_empty() {
        true => NO_ROW,
        false => images.order.get(row.end as usize - 1).copied().unwrap_or(NO_ROW),
    }
}

/// Returns which images of some blocks wrote a column, or `None` if all did.
pub(crate) fn written(
    database: &Database,
    snapshot: &Snapshot,
    blocks: &Blocks,
    name: &str,
) -> Result<Option<Vec<bool>>> {
    let hidden = written_column(name);
    let is_partial = |segment: &crate::table::segment::Segment| {
        segment.footer.column(name).is_none() || segment.footer.column(&hidden).is_some()
    };
    if !snapshot.segments.iter().any(is_partial) {
        return Ok(None);
    }
    let wanted = [Wanted { name: hidden.clone(), kind: ColumnType::Boolean }];
    let (id, segments) = (snapshot.info.id, &snapshot.segments);
    let keep = |segment, block| blocks.has(segment, block);
    let flags = read_columns(database, id, segments, &wanted, &keep)?;
    let mut written = Vec::new();
    for (segment, images) in blocks.of(segments) {
        let (start, rows) = (images.start, images.len());
        let has = segment.footer.column(name).is_some();
        match (segment.footer.column(&hidden), flags.first()) {
            (Some(_), Some(Column::Bool(flags))) => {
                written.extend((start..start + rows).map(|row| flags.get(row) == Some(true)));
            }
            _ => written.extend(std::iter::repeat_n(has, rows)),
        }
    }
    Ok(Some(written))
}
