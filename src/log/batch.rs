//! Batches: points, params and tags of a run in one frame.

use std::sync::Arc;

use crate::entity::MetricPoint;
use crate::entity::id::RunId;
use crate::error::Result;
use crate::format::block::{self, Codec, Encoder, Group, SeriesLabel};
use crate::format::record::{BlockPlace, Record, Sealed, SealedBlock, SeriesDefined, SeriesId};

use super::checks::{check_id, check_run_writable};
use super::definitions::Definition;
use super::sealer::BLOCK_NUMBERS_MAX;
use super::{Log, State};

/// The key and points of a metric in a batch.
pub(crate) type KeyedPoints<'a> = (&'a str, Vec<MetricPoint>);

impl Log {
    /// Appends the records from `build`, and the points as blocks, in one frame.
    ///
    /// So a reader sees all of it or nothing. Each key must occur once. If `build` returns `None`,
    /// nothing is appended and the result is false.
    pub(crate) fn append_batch(
        &self,
        run: RunId,
        metrics: &[KeyedPoints<'_>],
        mut build: impl FnMut(&State) -> Result<Option<Vec<Record>>>,
    ) -> Result<bool> {
        let incarnation = self.check_usable()?.incarnation;
        let mut definitions = self.definitions.lock();
        let meaning = |key: &str| Definition::Series { run, key: Arc::from(key) };
        let first = definitions.next_id();
        let (mut fresh, mut series) = (Vec::new(), Vec::new());
        for (key, _) in metrics {
            series.push(definitions.find(&meaning(key)).unwrap_or_else(|| {
                fresh.push((*key).to_owned());
                SeriesId(first.0.saturating_add(fresh.len() as u32 - 1))
            }));
        }
        check_id(u64::from(first.0) + fresh.len() as u64)?;
        // Encode the points before taking the metadata lock.
        let blocks = encode(run, metrics, &series)?;
        let defined = SeriesDefined { incarnation, run, first, keys: fresh };
        let sealed = Sealed { incarnation, extents: Vec::new(), dropped: 0, blocks };
        let appended = self.append(|state, _| {
            check_run_writable(state, run)?;
            let Some(mut records) = build(state)? else { return Ok((Vec::new(), false)) };
            if !defined.keys.is_empty() {
                records.push(defined.clone().into());
            }
            if !sealed.blocks.is_empty() {
                records.push(sealed.clone().into());
            }
            Ok((records, true))
        });
        // If writing the frame failed, it may still be in the chain, so its ids are never reused.
        if !appended.inspect_err(|_| definitions.skip(defined.keys.len()))? {
            return Ok(false);
        }
        for (offset, key) in (0..).zip(&defined.keys) {
            definitions.set_own(SeriesId(first.0 + offset), meaning(key));
        }
        Ok(true)
    }
}

/// Encodes the points as blocks of at most [`BLOCK_NUMBERS_MAX`] numbers.
fn encode(
    run: RunId,
    metrics: &[KeyedPoints<'_>],
    series: &[SeriesId],
) -> Result<Vec<SealedBlock>> {
    let mut blocks = Vec::new();
    let (mut encoder, mut numbers) = (Encoder::new(Codec::Pco), 0);
    for ((key, points), &series) in metrics.iter().zip(series) {
        for part in points.chunks(BLOCK_NUMBERS_MAX / 3) {
            if numbers + 3 * part.len() > BLOCK_NUMBERS_MAX {
                blocks.push(finish(std::mem::replace(&mut encoder, Encoder::new(Codec::Pco)))?);
                numbers = 0;
            }
            encoder.push(&Group {
                series: vec![SeriesLabel { series, run, key: (*key).to_owned() }],
                steps: part.iter().map(|point| point.step).collect(),
                times: part.iter().map(|point| point.time.as_nanos()).collect(),
                values: vec![part.iter().map(|point| point.value).collect()],
            })?;
            numbers += 3 * part.len();
        }
    }
    if numbers > 0 {
        blocks.push(finish(encoder)?);
    }
    Ok(blocks)
}

/// Finishes a block. It is stored in the record at any size, so that one frame commits everything.
fn finish(encoder: Encoder) -> Result<SealedBlock> {
    let bytes = encoder.finish()?;
    let series = block::parse(&bytes)?.sealed_series();
    Ok(SealedBlock { place: BlockPlace::Inline(bytes), series })
}
