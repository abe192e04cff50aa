//! Decoding the footer of a column block, and removing purged runs from a block.

use std::collections::HashMap;

use crate::entity::id::{RunId, Timestamp};
use crate::entity::{MetricPoint, MetricStatistics};
use crate::error::Result;
use crate::format::record::{SealedSeries, SeriesId};

use super::column::{Column, ColumnCodec};
use super::footer::{
    StoredColumn, StoredFooter, StoredGroup, StoredSeries, Trailer, append_footer,
};
use super::{NUMBERS_MAX, SeriesLabel, TRAILER_BYTES, damaged};

/// The footer of a block: its groups in order, the places of columns, and statistics.
#[derive(Clone, Debug, PartialEq)]
pub struct Footer {
    /// The groups, at least one.
    pub groups: Vec<GroupFooter>,
}

/// A group of a block.
#[derive(Clone, Debug, PartialEq)]
pub struct GroupFooter {
    /// The number of points of each series, at least one.
    pub points: u32,
    /// The steps, an `i64` column.
    pub steps: Column,
    /// The times, an `i64` column.
    pub times: Column,
    /// The series, at least one.
    pub series: Vec<SeriesFooter>,
}

/// A series of a group.
#[derive(Clone, Debug, PartialEq)]
pub struct SeriesFooter {
    /// The identity of the series.
    pub label: SeriesLabel,
    /// The statistics of its points in this group.
    pub statistics: MetricStatistics,
    /// The values, an `f64` column.
    pub values: Column,
}

/// The result of reading the end of a block.
#[derive(Clone, Debug, PartialEq)]
pub enum FooterOrMore {
    /// The verified footer.
    Footer(Footer),
    /// The number of bytes at the block's end that are needed to read the footer.
    More(usize),
}

/// Reads and verifies the footer of a whole block. Columns are verified when they are decoded.
pub fn parse(block: &[u8]) -> Result<Footer> {
    let length = block.len() as u64;
    match footer_from_tail(block, length)? {
        FooterOrMore::Footer(footer) => Ok(footer),
        FooterOrMore::More(needed) => {
            Err(damaged("length of the block", length, &format!("at least {needed}")))
        }
    }
}

/// Reads and verifies the footer of a block of `block_length` bytes from its last bytes.
///
/// 4 KiB are enough for most blocks. If they are too few, the result is the number needed.
pub fn footer_from_tail(tail: &[u8], block_length: u64) -> Result<FooterOrMore> {
    if block_length < TRAILER_BYTES as u64 || tail.len() as u64 > block_length {
        let want = format!("at least {}", tail.len().max(TRAILER_BYTES));
        return Err(damaged("length of the block", block_length, &want));
    }
    let Some(trailer) = tail.last_chunk::<TRAILER_BYTES>() else {
        return Ok(FooterOrMore::More(TRAILER_BYTES));
    };
    let trailer = Trailer::read(*trailer, block_length)?;
    let needed = trailer.footer_length + TRAILER_BYTES;
    if tail.len() < needed {
        return Ok(FooterOrMore::More(needed));
    }
    let stored = trailer.decode(&tail[tail.len() - needed..])?;
    let footer = Checker::default().footer(stored, block_length - needed as u64)?;
    Ok(FooterOrMore::Footer(footer))
}

impl Footer {
    /// Returns each series once with its count and latest point, in the order of first appearance.
    #[must_use]
    pub fn sealed_series(&self) -> Vec<SealedSeries> {
        let mut merged: Vec<(SeriesId, MetricStatistics)> = Vec::new();
        let mut places = HashMap::new();
        for series in self.groups.iter().flat_map(|group| &group.series) {
            let id = series.label.series;
            let place = *places.entry(id).or_insert(merged.len());
            match merged.get_mut(place) {
                Some((_, before)) => *before = before.with(series.statistics),
                None => merged.push((id, series.statistics)),
            }
        }
        let sealed = merged.into_iter().map(|(series, statistics)| SealedSeries {
            series,
            count: statistics.count,
            step: statistics.latest.step,
            time: statistics.latest.time.as_nanos(),
            value: statistics.latest.value,
        });
        sealed.collect()
    }
}

/// A conversion of the stored footer that verifies its consistency.
#[derive(Default)]
struct Checker {
    runs: Vec<u128>,
    offset: u64,
    numbers: u64,
}

impl Checker {
    fn footer(mut self, stored: StoredFooter, columns_end: u64) -> Result<Footer> {
        self.runs = stored.runs;
        if stored.groups.is_empty() {
            return Err(damaged("number of groups", 0, "at least 1"));
        }
        let groups = stored.groups.into_iter().map(|group| self.group(group));
        let groups = groups.collect::<Result<_>>()?;
        if self.offset != columns_end {
            return Err(damaged("end of the columns", self.offset, &format!("{columns_end}")));
        }
        Ok(Footer { groups })
    }

    fn group(&mut self, stored: StoredGroup) -> Result<GroupFooter> {
        let points = stored.points;
        if points == 0 || stored.series.is_empty() {
            let got = format!("{points} points of {} series", stored.series.len());
            return Err(damaged("size of a group", got, "at least 1 of 1"));
        }
        let columns = stored.series.len() as u64 + 2;
        self.numbers = self.numbers.saturating_add(columns.saturating_mul(u64::from(points)));
        if self.numbers > NUMBERS_MAX {
            let want = format!("at most {NUMBERS_MAX}");
            return Err(damaged("count of numbers", self.numbers, &want));
        }
        let steps = self.column(&stored.steps, points)?;
        let times = self.column(&stored.times, points)?;
        let series = stored.series.into_iter().map(|series| self.series(series, points));
        Ok(GroupFooter { points, steps, times, series: series.collect::<Result<_>>()? })
    }

    fn series(&mut self, stored: StoredSeries, points: u32) -> Result<SeriesFooter> {
        let Some(&run) = self.runs.get(stored.run as usize) else {
            let want = format!("below {}", self.runs.len());
            return Err(damaged("run of a series", stored.run, &want));
        };
        if stored.nan_count > points {
            let want = format!("at most {points}");
            return Err(damaged("NaN count of a series", stored.nan_count, &want));
        }
        let latest = MetricPoint {
            step: stored.latest_step,
            time: Timestamp::from_nanos(stored.latest_time),
            value: stored.latest_value,
        };
        let statistics = MetricStatistics {
            count: u64::from(points),
            nan_count: u64::from(stored.nan_count),
            first_step: stored.first_step,
            last_step: stored.last_step,
            min: stored.min,
            max: stored.max,
            sum: stored.sum,
            latest,
        };
        let series = SeriesId(stored.series);
        let label = SeriesLabel { series, run: RunId::from_bits(run), key: stored.key };
        Ok(SeriesFooter { label, statistics, values: self.column(&stored.values, points)? })
    }

    fn column(&mut self, stored: &StoredColumn, points: u32) -> Result<Column> {
        let Ok(offset) = u32::try_from(self.offset) else {
            return Err(damaged("start of a column", self.offset, "below 4 GiB"));
        };
        self.offset += u64::from(stored.length);
        let codec = ColumnCodec::from_id(stored.codec)?;
        let StoredColumn { length, checksum, .. } = *stored;
        Ok(Column { offset, length, points, codec, checksum })
    }
}

/// Copies the block without the series whose run `keep` rejects. `None` if nothing is left.
///
/// # Performance
///
/// Verifies and copies columns without decoding them, at several GB/s.
pub fn retain(block: &[u8], mut keep: impl FnMut(RunId) -> bool) -> Result<Option<Vec<u8>>> {
    let footer = parse(block)?;
    let mut rewriter = Rewriter { old: block, new: Vec::new(), footer: StoredFooter::default() };
    let mut places = HashMap::new();
    for group in &footer.groups {
        let kept: Vec<_> = group.series.iter().filter(|series| keep(series.label.run)).collect();
        if kept.is_empty() {
            continue;
        }
        let steps = rewriter.copy(&group.steps)?;
        let times = rewriter.copy(&group.times)?;
        let mut series = Vec::with_capacity(kept.len());
        for one in kept {
            let place = rewriter.place_of(one.label.run, &mut places)?;
            let values = rewriter.copy(&one.values)?;
            series.push(StoredSeries::new(&one.label, place, &one.statistics, values));
        }
        let points = group.points;
        rewriter.footer.groups.push(StoredGroup { points, steps, times, series });
    }
    if rewriter.footer.groups.is_empty() {
        return Ok(None);
    }
    append_footer(&rewriter.footer, &mut rewriter.new)?;
    Ok(Some(rewriter.new))
}

struct Rewriter<'a> {
    old: &'a [u8],
    new: Vec<u8>,
    footer: StoredFooter,
}

impl Rewriter<'_> {
    fn copy(&mut self, column: &Column) -> Result<StoredColumn> {
        let bytes = column.bytes_of(self.old)?;
        column.verify(bytes)?;
        self.new.extend_from_slice(bytes);
        let Column { codec, length, checksum, .. } = *column;
        Ok(StoredColumn { codec: codec as u8, length, checksum })
    }

    fn place_of(&mut self, run: RunId, places: &mut HashMap<RunId, u32>) -> Result<u32> {
        if let Some(&place) = places.get(&run) {
            return Ok(place);
        }
        let place = u32::try_from(places.len())
            .map_err(|_| damaged("number of runs", places.len(), "below 2^32"))?;
        places.insert(run, place);
        self.footer.runs.push(run.to_bits());
        Ok(place)
    }
}
