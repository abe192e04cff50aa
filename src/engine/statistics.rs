//! Statistics of metrics over all points, for many runs at once.

use std::collections::HashSet;
use std::sync::Arc;

use crate::columns::{KeySet, RunColumns};
use crate::engine::Engine;
use crate::engine::block_cache::OfSeries;
use crate::engine::live::LivePoints;
use crate::entity::MetricStatistics;
use crate::entity::id::RunId;
use crate::error::Result;
use crate::format::record::{BlockPlace, SeriesId};
use crate::index::Index;

impl Engine {
    /// Loads the statistics of these metrics into columns.
    pub(crate) fn load_statistics(
        &self,
        live: &LivePoints,
        index: &Index,
        columns: &mut RunColumns,
        keys: &KeySet,
    ) -> Result<()> {
        if keys.iter().next().is_none() {
            return Ok(());
        }
        // A point that is being sealed must not count twice.
        let unsealed = index.unsealed_extents()?;
        let units: HashSet<u32> = unsealed.iter().map(|(_, extent)| extent.unit).collect();
        let sealed = |key: &str, runs: Option<&[RunId]>| self.sealed_statistics(index, key, runs);
        columns.load_statistics(keys, sealed, live.statistics(&units), index.metric_goals()?)
    }

    /// Returns the statistics of the sealed points of a metric, for each part of each run.
    fn sealed_statistics(
        &self,
        index: &Index,
        key: &str,
        runs: Option<&[RunId]>,
    ) -> Result<Vec<(RunId, MetricStatistics)>> {
        let mut found = Vec::new();
        let blocks = index.read_rows(runs, |rows| rows.blocks_of_metric(key))?;
        for (run, series, place) in blocks {
            let of_block = self.statistics_of_block(&place)?;
            found.extend(of_series(&of_block, series).map(|statistics| (run, *statistics)));
        }
        Ok(found)
    }

    fn statistics_of_block(&self, place: &BlockPlace) -> Result<OfSeries> {
        let offset = match place {
            BlockPlace::Inline(_) => None,
            BlockPlace::At { offset, .. } => Some(*offset),
        };
        let known = offset.and_then(|offset| self.block_statistics.lock().get(offset));
        if let Some(known) = known {
            return Ok(known);
        }
        let footer = self.footer(place)?;
        let series = footer.groups.iter().flat_map(|group| &group.series);
        let mut of_block: Vec<(SeriesId, MetricStatistics)> =
            series.map(|series| (series.label.series, series.statistics)).collect();
        // A block may have a hundred thousand series, each of which is looked up.
        of_block.sort_by_key(|(series, _)| *series);
        let of_block: OfSeries = of_block.into();
        if let Some(offset) = offset {
            self.block_statistics.lock().insert(offset, Arc::clone(&of_block));
        }
        Ok(of_block)
    }
}

/// Returns the statistics of each part of a series in a block, which is sorted by series.
fn of_series(
    of_block: &[(SeriesId, MetricStatistics)],
    series: SeriesId,
) -> impl Iterator<Item = &MetricStatistics> {
    let first = of_block.partition_point(|(other, _)| *other < series);
    let rest = of_block.get(first..).unwrap_or_default().iter();
    rest.take_while(move |(other, _)| *other == series).map(|(_, statistics)| statistics)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::entity::MetricPoint;
    use crate::entity::id::Timestamp;

    #[test]
    fn all_parts_of_a_series_are_found() {
        let of = |value: f64| {
            let time = Timestamp::from_nanos(0);
            MetricStatistics::of_point(MetricPoint { step: 0, time, value })
        };
        let block = [(1, 1.0), (3, 2.0), (3, 3.0), (7, 4.0)];
        let block = block.map(|(series, value)| (SeriesId(series), of(value)));
        let found = |series: u32| -> Vec<f64> {
            of_series(&block, SeriesId(series)).map(|statistics| statistics.min).collect()
        };
        assert_eq!((found(3), found(7), found(1)), (vec![2.0, 3.0], vec![4.0], vec![1.0]));
        assert!(found(0).is_empty() && found(4).is_empty() && found(9).is_empty());
    }
}
