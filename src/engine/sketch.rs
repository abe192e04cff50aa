//! Sketches of series: the buckets of sealed points, and the points that are not sealed.
//!
//! The buckets of a block are made when a curve first needs them.

use std::sync::Arc;

use crate::engine::Engine;
use crate::engine::block_cache::{Parts, SealedPart, Sketch};
use crate::engine::points::{PointSink, is_series};
use crate::entity::bucket::Bucket;
use crate::entity::id::RunId;
use crate::entity::{MetricHistory, MetricPoint};
use crate::error::Result;
use crate::format::block::{self, Column};
use crate::format::record::BlockPlace;
use crate::index::SeriesSource;

impl Engine {
    /// Reads the sketch of a metric of a run. An unknown metric has an empty one.
    pub(crate) fn sketch(&self, run: RunId, key: &str) -> Result<Sketch> {
        self.read_series(run, key, |sources| {
            let mut sketch = Sketch::default();
            for source in sources {
                for place in &source.blocks {
                    self.sketch_block(place, source, &mut sketch)?;
                }
                self.scan_source(source, &mut sketch.points)?;
            }
            if !sketch.points.is_sorted_from(0) {
                sketch.points.sort();
            }
            Ok(sketch)
        })
    }

    /// Draws this sketch of a metric of a run. Repeats on a new one while blocks are moved.
    ///
    /// A block that was moved reads as damaged. It is damaged only if its place has not changed.
    pub(crate) fn with_sketch<T>(
        &self,
        run: RunId,
        key: &str,
        mut sketch: Sketch,
        mut draw: impl FnMut(&Sketch) -> Result<T>,
    ) -> Result<T> {
        let mut retry = self.log.retry();
        loop {
            let error = match draw(&sketch) {
                Ok(answer) => return Ok(answer),
                Err(error) => error,
            };
            let next = self.sketch(run, key)?;
            if next.places().eq(sketch.places()) {
                return Err(self.locate(error));
            }
            sketch = next;
            self.located(retry.again("the points moved while they were read"))?;
        }
    }

    /// Reads the points of a sealed part.
    ///
    /// Fails with [`ErrorKind::Damaged`](crate::ErrorKind::Damaged) if the block was moved since
    /// the sketch was read.
    pub(crate) fn part_points(&self, part: &SealedPart) -> Result<MetricHistory> {
        let mut points = MetricHistory::default();
        self.add_part(&part.place, part.columns.each_ref(), &mut points)?;
        Ok(points)
    }

    fn sketch_block(
        &self,
        place: &BlockPlace,
        source: &SeriesSource,
        sketch: &mut Sketch,
    ) -> Result<()> {
        let BlockPlace::At { offset, .. } = place else {
            // A block in a record is small, and has no place by which to remember it.
            return self.each_part(place, source, |columns| {
                self.add_part(place, columns, &mut sketch.points)
            });
        };
        let name = (*offset, source.series);
        if let Some(parts) = self.sketches.lock().parts.get(&name) {
            sketch.sealed.extend(parts.iter().cloned());
            return Ok(());
        }
        let mut parts = Vec::new();
        self.each_part(place, source, |columns| {
            parts.extend(self.read_part(place, columns)?.map(Arc::new));
            Ok(())
        })?;
        let parts: Parts = parts.into();
        sketch.sealed.extend(parts.iter().cloned());
        self.sketches.lock().insert(name, parts);
        Ok(())
    }

    /// Visits the columns of steps, times and values of each part of a series in a block.
    fn each_part(
        &self,
        place: &BlockPlace,
        source: &SeriesSource,
        mut visit: impl FnMut([&Column; 3]) -> Result<()>,
    ) -> Result<()> {
        for group in &self.footer(place)?.groups {
            for series in group.series.iter().filter(|series| is_series(series, source)) {
                visit([&group.steps, &group.times, &series.values])?;
            }
        }
        Ok(())
    }

    fn read_part(&self, place: &BlockPlace, columns: [&Column; 3]) -> Result<Option<SealedPart>> {
        let mut points = MetricHistory::default();
        self.add_part(place, columns, &mut points)?;
        let buckets = Bucket::of_history(&points);
        let columns = columns.map(|column| *column);
        let whole = buckets.iter().copied().reduce(|mut whole, bucket| {
            whole.add(&bucket);
            whole
        });
        let place = place.clone();
        Ok(whole.map(|whole| SealedPart { place, columns, buckets, whole }))
    }

    fn add_part(
        &self,
        place: &BlockPlace,
        [steps, times, values]: [&Column; 3],
        into: &mut MetricHistory,
    ) -> Result<()> {
        block::decode_column_i64(steps, &self.column(place, steps)?, &mut into.steps)?;
        block::decode_column_i64(times, &self.column(place, times)?, &mut into.times)?;
        block::decode_column_f64(values, &self.column(place, values)?, &mut into.values)
    }
}

impl PointSink for MetricHistory {
    fn point(&mut self, point: MetricPoint) {
        self.push(point);
    }
}
