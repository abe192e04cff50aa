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
use crate::format::record::BlockPlace;
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
        columns.load_statistics(keys, sealed, live.statistics(&units))
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
            let own = of_block.iter().filter(|(other, _)| *other == series);
            found.extend(own.map(|(_, statistics)| (run, *statistics)));
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
        let of_block: OfSeries =
            series.map(|series| (series.label.series, series.statistics)).collect();
        if let Some(offset) = offset {
            self.block_statistics.lock().insert(offset, Arc::clone(&of_block));
        }
        Ok(of_block)
    }
}
