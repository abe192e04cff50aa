//! Reading metrics: sealed points from column blocks, unsealed ones from extents.

use crate::engine::Engine;
use crate::entity::id::{RunId, Timestamp};
use crate::entity::{MetricHistory, MetricPoint, MetricStatistics};
use crate::error::{Error, ErrorKind, Result};
use crate::format::block::{self, Column, Footer, FooterOrMore, SeriesFooter};
use crate::format::bytes::u64_at;
use crate::format::record::{BlockPlace, Incarnation, SeriesId};
use crate::format::scan::{Entry, PointSlot, PointSlots};
use crate::format::slot::slot_count;
use crate::index::{SeriesSource, UnsealedExtent};
use crate::log::{ExtentState, reserve_to_fill};
use crate::mutant::fault;

/// The first read at the end of a block, which covers most footers.
const TAIL_BYTES: u32 = 8 * 1024;

/// The maximum number of points for which memory is reserved at once. A damaged file may claim
/// more.
const RESERVE_MAX: u64 = 1 << 24;

/// After this many points of one series in a row, memory for all remaining points is reserved.
const MANY_POINTS: usize = 256;

impl Engine {
    /// Replaces the content of `into` with all points of a metric, ordered by time, step and value.
    pub(crate) fn read_history(
        &self,
        run: RunId,
        key: &str,
        into: &mut MetricHistory,
    ) -> Result<()> {
        into.clear();
        let sealed = self.with_index(|index, _| index.sealed_points(run, key))?;
        let room = sealed.min(RESERVE_MAX) as usize;
        reserve_to_fill(&mut into.steps, room);
        reserve_to_fill(&mut into.times, room);
        reserve_to_fill(&mut into.values, room);
        let is_sorted = self.read_series(run, key, |sources| {
            into.clear();
            let mut history = HistoryBuilder { history: &mut *into, is_sorted: true, expected: 0 };
            for source in sources {
                for place in &source.blocks {
                    self.read_columns(place, source, &mut history)?;
                }
                self.scan_source(source, &mut history)?;
            }
            Ok(history.is_sorted)
        })?;
        if !is_sorted {
            into.sort();
        }
        Ok(())
    }

    /// Returns the statistics of a metric of a run. Returns `None` if it has no points.
    pub(crate) fn statistics(&self, run: RunId, key: &str) -> Result<Option<MetricStatistics>> {
        self.read_series(run, key, |sources| {
            let mut sum = StatisticsSum(None);
            for source in sources {
                for place in &source.blocks {
                    let footer = self.footer(place)?;
                    for group in &footer.groups {
                        let own = group.series.iter().filter(|series| is_series(series, source));
                        own.for_each(|series| sum.add(series.statistics));
                    }
                }
                self.scan_source(source, &mut sum)?;
            }
            Ok(sum.0)
        })
    }

    /// Returns the number of sealed and live points, without those of purged runs.
    pub(crate) fn count_points(&self) -> Result<u64> {
        // Both lookups must be in one query, so that no point is counted as sealed and as live.
        self.with_points(|live, index, _| {
            let live = live.points_by_extent();
            let unsealed = index.unsealed_extents()?;
            let live: u64 = unsealed.iter().filter_map(|(_, extent)| live.get(&extent.unit)).sum();
            Ok(index.counts()?.points + live)
        })
    }

    /// Calls `read` with the places of the points. Retries if an extent was sealed or a block moved
    /// meanwhile, because a punched place reads as empty.
    pub(super) fn read_series<T>(
        &self,
        run: RunId,
        key: &str,
        mut read: impl FnMut(&[SeriesSource]) -> Result<T>,
    ) -> Result<T> {
        let mut before = None;
        let mut retry = self.log.retry();
        loop {
            let sources = self.with_index(|index, _| index.series_sources(run, Some(key)))?;
            let outcome = read(&sources);
            let owned = sources.iter().flat_map(|source| {
                source.extents.iter().map(|extent| (source.incarnation, *extent))
            });
            let is_fixed = self.all_unsealed(owned)?;
            match outcome {
                Ok(answer) if is_fixed => return Ok(answer),
                // A moved block reads as damaged. It is damaged only if its place has not changed.
                Err(error) if is_fixed && before.as_ref() == Some(&sources) => {
                    return Err(self.locate(error));
                }
                _ => before = Some(sources),
            }
            self.located(retry.again("the points moved while they were read"))?;
        }
    }

    fn all_unsealed(
        &self,
        extents: impl Iterator<Item = (Incarnation, UnsealedExtent)>,
    ) -> Result<bool> {
        if fault!(Rule18NoRecheck) {
            return Ok(true);
        }
        let extents: Vec<_> = extents.collect();
        if extents.is_empty() {
            return Ok(true);
        }
        self.log.with_state(|state, _| {
            extents.iter().all(|(incarnation, extent)| {
                let writer = state.writer(*incarnation);
                writer.is_some_and(|writer| writer.unsealed().any(|own| own.unit == extent.unit))
            })
        })
    }

    /// Passes the unsealed points of a series to the sink.
    pub(super) fn scan_source(
        &self,
        source: &SeriesSource,
        sink: &mut impl PointSink,
    ) -> Result<()> {
        let mut buffer = Vec::new();
        for (number, extent) in source.extents.iter().enumerate() {
            let left =
                source.extents[number..].iter().map(|extent| slot_count(extent.units) as usize);
            sink.expect(left.sum());
            let (owner, state) = (source.incarnation, extent_state(extent));
            self.log.scan_extent_with(&mut buffer, owner, &state, 0, |_, entry| match entry {
                Entry::Points(points) => sink.points_of(source.series, points),
                Entry::Row { schema, step, time, values } => {
                    let row = source.rows.iter().find(|row| row.row == schema);
                    let column =
                        row.and_then(|row| row.series.iter().position(|id| *id == source.series));
                    if let Some(bytes) = column.and_then(|at| values.get(at * 8..at * 8 + 8)) {
                        let value = f64::from_bits(u64_at(bytes, 0));
                        sink.point(MetricPoint { step, time: Timestamp::from_nanos(time), value });
                    }
                }
            })?;
        }
        Ok(())
    }

    fn read_columns(
        &self,
        place: &BlockPlace,
        source: &SeriesSource,
        history: &mut HistoryBuilder<'_>,
    ) -> Result<()> {
        let footer = self.footer(place)?;
        for group in &footer.groups {
            for series in group.series.iter().filter(|series| is_series(series, source)) {
                history.extend(|columns| {
                    let bytes = self.column(place, &group.steps)?;
                    block::decode_column_i64(&group.steps, &bytes, &mut columns.steps)?;
                    let bytes = self.column(place, &group.times)?;
                    block::decode_column_i64(&group.times, &bytes, &mut columns.times)?;
                    let bytes = self.column(place, &series.values)?;
                    block::decode_column_f64(&series.values, &bytes, &mut columns.values)
                })?;
            }
        }
        Ok(())
    }

    /// Reads only the footer of a block.
    pub(crate) fn footer(&self, place: &BlockPlace) -> Result<Footer> {
        let (offset, length) = match place {
            BlockPlace::Inline(bytes) => return block::parse(bytes),
            BlockPlace::At { offset, length, .. } => (*offset, *length),
        };
        let mut tail = TAIL_BYTES.min(length);
        loop {
            let start = offset + u64::from(length - tail);
            let bytes = self.log.read_piece(start, tail as usize)?;
            match block::footer_from_tail(&bytes, u64::from(length))? {
                FooterOrMore::Footer(footer) => return Ok(footer),
                FooterOrMore::More(needed) => {
                    let needed = u32::try_from(needed).unwrap_or(u32::MAX);
                    if needed <= tail || needed > length {
                        let message = format!("the block at byte {offset} has no valid footer");
                        return Err(Error::new(ErrorKind::Damaged, message));
                    }
                    tail = needed;
                }
            }
        }
    }

    pub(super) fn column(&self, place: &BlockPlace, column: &Column) -> Result<Vec<u8>> {
        match place {
            BlockPlace::Inline(bytes) => column.bytes_of(bytes).map(<[u8]>::to_vec),
            BlockPlace::At { offset, .. } => {
                self.log.read_piece(offset + u64::from(column.offset), column.length as usize)
            }
        }
    }
}

/// A consumer of the points of one series.
pub(super) trait PointSink {
    /// Announces the maximum number of points that may follow.
    fn expect(&mut self, _points: usize) {}

    /// Adds one point.
    fn point(&mut self, point: MetricPoint);

    /// Adds the points that belong to this series.
    fn points_of(&mut self, series: SeriesId, points: PointSlots<'_>) {
        let own = points.iter().filter(|point| point.series == series);
        own.for_each(|PointSlot { step, time, value, .. }| {
            self.point(MetricPoint { step, time: Timestamp::from_nanos(time), value });
        });
    }
}

/// A builder of a history, which checks the order while the points are in the cache.
#[derive(Debug)]
struct HistoryBuilder<'a> {
    history: &'a mut MetricHistory,
    is_sorted: bool,
    /// The maximum number of points that may follow.
    expected: usize,
}

impl HistoryBuilder<'_> {
    /// Calls `add`, which appends to the columns, and checks the order of the new points.
    #[inline]
    fn extend<T>(&mut self, add: impl FnOnce(&mut MetricHistory) -> T) -> T {
        let from = self.history.len();
        let outcome = add(self.history);
        self.is_sorted &= self.history.is_sorted_from(from);
        outcome
    }

    /// Reserves memory for all points that may follow, after many points of this series at once.
    /// This avoids repeated moves of a growing history.
    fn make_room(&mut self, points: usize) {
        let history = &mut *self.history;
        if points < MANY_POINTS || history.values.capacity() - history.len() >= points {
            return;
        }
        let room = self.expected.min(RESERVE_MAX as usize).max(points);
        reserve_to_fill(&mut history.steps, room);
        reserve_to_fill(&mut history.times, room);
        reserve_to_fill(&mut history.values, room);
    }
}

impl PointSink for HistoryBuilder<'_> {
    fn expect(&mut self, points: usize) {
        self.expected = points;
    }

    fn point(&mut self, point: MetricPoint) {
        self.extend(|history| history.push(point));
    }

    fn points_of(&mut self, series: SeriesId, points: PointSlots<'_>) {
        let is_all = points.iter().all(|point| point.series == series);
        if is_all {
            self.make_room(points.iter().len());
        }
        self.extend(|history| {
            if is_all {
                // The common case, as three loops without a branch.
                history.steps.extend(points.iter().map(|point| point.step));
                history.times.extend(points.iter().map(|point| point.time));
                history.values.extend(points.iter().map(|point| point.value));
                return;
            }
            for PointSlot { step, time, value, .. } in
                points.iter().filter(|point| point.series == series)
            {
                history.push(MetricPoint { step, time: Timestamp::from_nanos(time), value });
            }
        });
    }
}

/// The sum of the statistics so far.
#[derive(Debug)]
struct StatisticsSum(Option<MetricStatistics>);

impl StatisticsSum {
    fn add(&mut self, next: MetricStatistics) {
        self.0 = Some(self.0.map_or(next, |sum| sum.with(next)));
    }
}

impl PointSink for StatisticsSum {
    fn point(&mut self, point: MetricPoint) {
        self.add(MetricStatistics::of_point(point));
    }
}

pub(super) fn is_series(footer: &SeriesFooter, source: &SeriesSource) -> bool {
    footer.label.series == source.series
}

fn extent_state(extent: &UnsealedExtent) -> ExtentState {
    ExtentState { unit: extent.unit, units: extent.units, sealed: false }
}
