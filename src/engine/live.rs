//! The latest values of unsealed points. Each read adds only the points since the previous one.

use std::collections::{BTreeMap, HashMap, HashSet};
use std::sync::Arc;

use foldhash::fast::FixedState;

use crate::entity::id::{RunId, Timestamp};
use crate::entity::{MetricPoint, MetricStatistics};
use crate::error::Result;
use crate::format::bytes::u64_at;
use crate::format::record::{Incarnation, SeriesId};
use crate::format::scan::{Entry, PointSlot};
use crate::index::UnsealedExtent;
use crate::log::{ExtentState, Log};

/// The latest point of every metric, by run and key.
pub(crate) type LatestByRun = HashMap<RunId, BTreeMap<String, MetricPoint>>;

/// Where live points and the names of their series are read from.
pub(crate) trait LiveSource {
    /// The log that holds the extents.
    fn log(&self) -> &Log;

    /// Returns the unsealed extents in file order, and how many records have purged runs so far.
    fn unsealed_extents(&self) -> Result<(Vec<(Incarnation, UnsealedExtent)>, u64)>;

    /// Returns the run and key of each of these series of a writer; `None` for an undefined one.
    fn series(
        &self,
        owner: Incarnation,
        series: &[SeriesId],
    ) -> Result<Vec<Option<(RunId, String)>>>;

    /// Returns the series of a writer's row schema; `None` if no record defines it.
    fn row_schema(&self, owner: Incarnation, schema: SeriesId) -> Result<Option<Vec<SeriesId>>>;
}

/// The cached latest points of the unsealed extents.
#[derive(Debug, Default)]
pub(crate) struct LivePoints {
    extents: HashMap<u32, LiveExtent, FixedState>,
    names: Names,
    /// The number of purge records when the names were read.
    purges: u64,
}

/// An extent that is read up to the slot `next`.
#[derive(Debug)]
struct LiveExtent {
    owner: Incarnation,
    next: u32,
    /// The statistics of the points of each series.
    series: HashMap<SeriesId, MetricStatistics, FixedState>,
}

/// Cached definitions of the ids of writers, which never change.
#[derive(Debug, Default)]
struct Names {
    series: HashMap<(Incarnation, SeriesId), Option<Name>, FixedState>,
    rows: HashMap<(Incarnation, SeriesId), Arc<[SeriesId]>, FixedState>,
}

/// The run and the key of a series.
type Name = (RunId, Arc<str>);

impl LivePoints {
    /// Reads the points since the last call from the unsealed extents.
    ///
    /// If an extent is sealed meanwhile, its points may be missing. So callers must read the index
    /// afterwards, which has them then. A retry would not end on a busy file, where sealing never
    /// stops.
    pub(crate) fn catch_up(&mut self, source: &impl LiveSource) -> Result<()> {
        let (unsealed, purges) = source.unsealed_extents()?;
        let LivePoints { extents, names, .. } = self;
        extents.retain(|unit, _| unsealed.iter().any(|(_, extent)| extent.unit == *unit));
        // Clears the names of ended writers now and then, so that they do not accumulate.
        if extents.is_empty() || self.purges != purges {
            *names = Names::default();
            self.purges = purges;
        }
        for (owner, extent) in unsealed {
            let known = extents.entry(extent.unit).or_insert_with(|| LiveExtent {
                owner,
                next: 0,
                series: HashMap::default(),
            });
            known.catch_up(source, &extent, names)?;
            names.learn(source, owner, known.series.keys())?;
        }
        Ok(())
    }

    /// Returns the first unit of each extent, and how many of its slots were read.
    pub(crate) fn amounts(&self) -> impl Iterator<Item = (u64, u64)> {
        self.extents.iter().map(|(unit, extent)| (u64::from(*unit), u64::from(extent.next)))
    }

    /// Visits the latest point of each series in each extent, without purged runs.
    ///
    /// A metric appears once for each extent that contains it, in any order. Its latest point is
    /// the maximum by [`MetricPoint::latest_order`].
    pub(crate) fn each(&self) -> impl Iterator<Item = (RunId, &str, MetricPoint)> {
        self.named().map(|(_, run, key, series)| (run, key, series.latest))
    }

    /// Returns the latest live point of every metric, of all runs or of one.
    pub(crate) fn latest(&self, only: Option<RunId>) -> LatestByRun {
        let mut latest = LatestByRun::new();
        let wanted = self.each().filter(|(run, ..)| only.is_none_or(|only| only == *run));
        for (run, key, point) in wanted {
            keep_latest(latest.entry(run).or_default(), key, point);
        }
        latest
    }

    /// Visits the statistics of each series in each of these extents, without purged runs.
    pub(crate) fn statistics<'l>(
        &'l self,
        units: &'l HashSet<u32>,
    ) -> impl Iterator<Item = (RunId, &'l str, MetricStatistics)> {
        let named = self.named().filter(|(unit, ..)| units.contains(unit));
        named.map(|(_, run, key, statistics)| (run, key, statistics))
    }

    /// Returns the points of each extent, by its first unit, without those of purged runs.
    pub(crate) fn points_by_extent(&self) -> HashMap<u32, u64> {
        let mut points = HashMap::new();
        for (unit, _, _, series) in self.named() {
            *points.entry(unit).or_default() += series.count;
        }
        points
    }

    fn named(&self) -> impl Iterator<Item = (u32, RunId, &str, MetricStatistics)> {
        self.extents.iter().flat_map(|(unit, extent)| {
            extent.series.iter().filter_map(|(id, series)| {
                let (run, key) = self.names.series.get(&(extent.owner, *id))?.as_ref()?;
                Some((*unit, *run, &**key, *series))
            })
        })
    }
}

/// Replaces the point of `key` if `point` is later.
pub(crate) fn keep_latest(
    latest: &mut BTreeMap<String, MetricPoint>,
    key: &str,
    point: MetricPoint,
) {
    match latest.get_mut(key) {
        Some(known) => {
            if point.latest_order(known).is_gt() {
                *known = point;
            }
        }
        None => {
            latest.insert(key.to_owned(), point);
        }
    }
}

impl LiveExtent {
    fn catch_up(
        &mut self,
        source: &impl LiveSource,
        extent: &UnsealedExtent,
        names: &mut Names,
    ) -> Result<()> {
        let read = self.read_on(source, extent, names);
        if read.is_err() {
            // The failed read may have added some points, so the next one must start over.
            self.next = 0;
            self.series.clear();
        }
        read
    }

    fn read_on(
        &mut self,
        source: &impl LiveSource,
        extent: &UnsealedExtent,
        names: &mut Names,
    ) -> Result<()> {
        let LiveExtent { owner, next, series } = self;
        let state = ExtentState { unit: extent.unit, units: extent.units, sealed: false };
        let mut failed = Ok(());
        let report = source.log().scan_extent(*owner, &state, *next, |_, entry| match entry {
            Entry::Points(points) => {
                for PointSlot { series: id, step, time, value } in points.iter() {
                    add(series, id, step, time, value);
                }
            }
            Entry::Row { schema, step, time, values } => match names.row(source, *owner, schema) {
                Ok(ids) => {
                    for (id, bytes) in ids.iter().zip(values.chunks_exact(8)) {
                        add(series, *id, step, time, f64::from_bits(u64_at(bytes, 0)));
                    }
                }
                Err(error) => failed = Err(error),
            },
        })?;
        *next = report.next;
        failed
    }
}

fn add(
    series: &mut HashMap<SeriesId, MetricStatistics, FixedState>,
    id: SeriesId,
    step: i64,
    time: i64,
    value: f64,
) {
    let point = MetricPoint { step, time: Timestamp::from_nanos(time), value };
    let point = MetricStatistics::of_point(point);
    let known = series.entry(id);
    known.and_modify(|known| *known = known.with(point)).or_insert(point);
}

impl Names {
    fn learn<'s>(
        &mut self,
        source: &impl LiveSource,
        owner: Incarnation,
        series: impl Iterator<Item = &'s SeriesId>,
    ) -> Result<()> {
        let unknown = series.copied().filter(|id| !self.series.contains_key(&(owner, *id)));
        let unknown: Vec<SeriesId> = unknown.collect();
        if unknown.is_empty() {
            return Ok(());
        }
        let found = source.series(owner, &unknown)?;
        for (series, name) in unknown.into_iter().zip(found) {
            self.series.insert((owner, series), name.map(|(run, key)| (run, Arc::from(key))));
        }
        Ok(())
    }

    /// Returns the series of a row schema. Returns none if a power cut took its definition.
    fn row(
        &mut self,
        source: &impl LiveSource,
        owner: Incarnation,
        schema: SeriesId,
    ) -> Result<Arc<[SeriesId]>> {
        if let Some(known) = self.rows.get(&(owner, schema)) {
            return Ok(Arc::clone(known));
        }
        let found = source.row_schema(owner, schema)?;
        let series: Arc<[SeriesId]> = found.unwrap_or_default().into();
        self.rows.insert((owner, schema), Arc::clone(&series));
        Ok(series)
    }
}
