//! Encoding groups of points as a column block.

use std::collections::HashMap;

use crate::entity::id::{RunId, Timestamp};
use crate::entity::{MetricPoint, MetricStatistics};
use crate::error::{Error, ErrorKind, Result};

use super::column::append_column;
use super::footer::{StoredFooter, StoredGroup, StoredSeries, append_footer};
use super::{Codec, Group, NUMBERS_MAX, SeriesLabel};

/// Encodes the groups into one block, in this order. [`Encoder`] does the same step by step.
#[cfg(any(test, feature = "internals"))]
pub fn encode(groups: &[Group], codec: Codec) -> Result<Vec<u8>> {
    let mut encoder = Encoder::new(codec);
    for group in groups {
        encoder.push(group)?;
    }
    encoder.finish()
}

/// An encoder that builds a block group by group, so that only one needs to be in memory.
///
/// Besides the block, it uses about 1 MiB regardless of the size of the groups. A column that pco
/// cannot shrink needs two more copies of it, and the memory of zstd.
#[derive(Debug)]
pub struct Encoder {
    codec: Codec,
    block: Vec<u8>,
    footer: StoredFooter,
    places: HashMap<RunId, u32>,
    numbers: u64,
}

impl Encoder {
    /// Creates an encoder with an empty block.
    #[must_use]
    pub fn new(codec: Codec) -> Self {
        Encoder {
            codec,
            block: Vec::new(),
            footer: StoredFooter::default(),
            places: HashMap::new(),
            numbers: 0,
        }
    }

    /// Adds a group after the others.
    ///
    /// # Errors
    ///
    /// - [`ErrorKind::InvalidInput`] if the group has no points or no series, if its columns differ
    ///   in length, or if the block would exceed [`NUMBERS_MAX`] numbers.
    pub fn push(&mut self, group: &Group) -> Result<()> {
        let points = check_shape(group)?;
        let columns = group.values.len() as u64 + 2;
        self.numbers = self.numbers.saturating_add(columns.saturating_mul(u64::from(points)));
        if self.numbers > NUMBERS_MAX {
            let message = format!("the column block exceeds {NUMBERS_MAX} numbers");
            return Err(Error::new(ErrorKind::InvalidInput, message));
        }
        let steps = append_column(&group.steps, self.codec, &mut self.block)?;
        let times = append_column(&group.times, self.codec, &mut self.block)?;
        let labelled = group.series.iter().zip(&group.values);
        let series = labelled.map(|(label, values)| self.push_series(label, values, group));
        let series = series.collect::<Result<_>>()?;
        self.footer.groups.push(StoredGroup { points, steps, times, series });
        Ok(())
    }

    fn push_series(
        &mut self,
        label: &SeriesLabel,
        values: &[f64],
        group: &Group,
    ) -> Result<StoredSeries> {
        let statistics = statistics(&group.steps, &group.times, values);
        let statistics = statistics.ok_or_else(|| refusal("a series without points"))?;
        let run = self.place_of(label.run)?;
        let values = append_column(values, self.codec, &mut self.block)?;
        Ok(StoredSeries::new(label, run, &statistics, values))
    }

    fn place_of(&mut self, run: RunId) -> Result<u32> {
        if let Some(&place) = self.places.get(&run) {
            return Ok(place);
        }
        let place = u32::try_from(self.places.len()).map_err(|_| refusal("2^32 runs"))?;
        self.places.insert(run, place);
        self.footer.runs.push(run.to_bits());
        Ok(place)
    }

    /// Finishes the block.
    ///
    /// # Errors
    ///
    /// - [`ErrorKind::InvalidInput`] if it has no group.
    pub fn finish(mut self) -> Result<Vec<u8>> {
        if self.footer.groups.is_empty() {
            return Err(refusal("no group"));
        }
        append_footer(&self.footer, &mut self.block)?;
        Ok(self.block)
    }
}

#[cold]
fn refusal(what: &str) -> Error {
    Error::new(ErrorKind::InvalidInput, format!("a column block cannot hold {what}"))
}

/// Checks the lengths of a group's columns and returns the number of points.
fn check_shape(group: &Group) -> Result<u32> {
    let points = group.steps.len();
    let even = group.times.len() == points
        && group.values.len() == group.series.len()
        && group.values.iter().all(|values| values.len() == points);
    if points == 0 || group.series.is_empty() {
        return Err(refusal("an empty group"));
    }
    if !even {
        return Err(refusal("a group with columns of different length"));
    }
    u32::try_from(points).map_err(|_| refusal("2^32 points in a group"))
}

/// Returns the statistics of points in any order, or `None` if there are none.
///
/// The columns must be of equal length.
#[must_use]
pub fn statistics(steps: &[i64], times: &[i64], values: &[f64]) -> Option<MetricStatistics> {
    let point = |i: usize| MetricPoint {
        step: steps[i],
        time: Timestamp::from_nanos(times[i]),
        value: values[i],
    };
    if values.is_empty() {
        return None;
    }
    let mut result = MetricStatistics::of_point(point(0));
    result.count = values.len() as u64;
    result.first_step = steps.iter().copied().min().unwrap_or_default();
    result.last_step = steps.iter().copied().max().unwrap_or_default();
    for &value in &values[1..] {
        let is_nan = value.is_nan();
        result.nan_count += u64::from(is_nan);
        result.min = result.min.min(value);
        result.max = result.max.max(value);
        result.sum += if is_nan { 0.0 } else { value };
    }
    let mut latest = 0;
    for i in 1..values.len() {
        // Most points are newer by their step alone. Only equal steps need the full comparison.
        let newer = match steps[i].cmp(&steps[latest]) {
            std::cmp::Ordering::Equal => point(i).latest_order(&point(latest)).is_gt(),
            order => order.is_gt(),
        };
        latest = if newer { i } else { latest };
    }
    result.latest = point(latest);
    Some(result)
}
