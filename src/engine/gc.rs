//! Purging deleted objects and returning their space to the file system.

use std::fmt::Display;

use crate::engine::Engine;
use crate::engine::free_chunks::free_chunks;
use crate::engine::guards::{no_such_experiment, no_such_logged_model, no_such_run};
use crate::entity::id::ExperimentId;
use crate::entity::{Deleted, Lifecycle, RunInfo};
use crate::error::{Error, ErrorKind, Result};
use crate::format::block;
use crate::format::record::{
    BlockMoved, BlockPlace, ExperimentLifecycleSet, LoggedModelLifecycleSet, LoggedModelsPurged,
    Purged, Record, RunLifecycleSet, SealedBlock,
};
use crate::index::{BlockRuns, Index, RunScope};
use crate::log::Log;
use crate::mutant::fault;

/// The maximum number of runs, and of experiments, that one frame purges.
const PURGED_MAX: usize = 10_000;

/// The maximum number of blocks that gc rewrites between two syncs.
const MOVES_MAX: usize = 512;

/// The maximum bytes of their records, approximately.
const MOVE_BYTES_MAX: usize = 4 * 1024 * 1024;

/// The result of a gc or a purge.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct GcReport {
    /// Purged runs.
    pub runs: u64,
    /// Purged experiments.
    pub experiments: u64,
    /// Purged logged models.
    pub logged_models: u64,
    /// Freed bytes of column blocks and of chunks of artifacts.
    pub freed_bytes: u64,
}

/// Purges all deleted objects and frees their space.
pub(crate) fn gc(engine: &Engine) -> Result<GcReport> {
    purge_and_free(engine, |engine| {
        let logged_models = purge_logged_models(engine)?;
        let mut report = GcReport { logged_models, ..GcReport::default() };
        while let Some(purged) = purge(engine)? {
            report.runs += purged.runs.len() as u64;
            report.experiments += purged.experiments.len() as u64;
        }
        Ok(report)
    })
}

/// Runs `purge` under the maintenance lock, then frees the space of the purged objects.
fn purge_and_free(
    engine: &Engine,
    purge: impl FnOnce(&Engine) -> Result<GcReport>,
) -> Result<GcReport> {
    let log = &engine.log;
    log.check_usable()?;
    if log.is_poisoned()? {
        // The recovery needs the maintenance lock, so wait for it before taking the lock.
        log.sync()?;
    }
    let _janitor = log.wait_for_maintenance()?;
    let mut report = purge(engine)?;
    report.freed_bytes = free_blocks(engine)? + free_chunks(engine)?;
    Ok(report)
}

/// Purges the logged models that are deleted or whose experiment is. Returns their number.
fn purge_logged_models(engine: &Engine) -> Result<u64> {
    let kinds = [
        LoggedModelLifecycleSet::KIND..=LoggedModelsPurged::KIND,
        ExperimentLifecycleSet::KIND..=ExperimentLifecycleSet::KIND,
    ];
    let mut purged = 0;
    loop {
        let count = engine.append_decided(&kinds, |index| {
            let models = index.deleted_logged_models(PURGED_MAX)?;
            let count = models.len() as u64;
            Ok((if count > 0 { vec![LoggedModelsPurged { models }.into()] } else { vec![] }, count))
        })?;
        purged += count;
        if count == 0 {
            return Ok(purged);
        }
    }
}

/// Purges as many deleted runs and experiments as one frame holds. Returns `None` without any.
fn purge(engine: &Engine) -> Result<Option<Purged>> {
    let only = |kind| kind..=kind;
    // A purge cannot be undone, so a restore since the lookup must win.
    let kinds =
        [only(ExperimentLifecycleSet::KIND), only(RunLifecycleSet::KIND), only(Purged::KIND)];
    engine.append_decided(&kinds, |index| {
        let purged = deleted(index)?;
        match purged.runs.is_empty() && purged.experiments.is_empty() {
            true => Ok((Vec::new(), None)),
            false => Ok((vec![purged.clone().into()], Some(purged))),
        }
    })
}

/// Returns as many deleted runs and experiments as one frame holds. An experiment is purged with or
/// after its last runs. The default experiment stays, because every file has it.
fn deleted(index: &Index) -> Result<Purged> {
    let is_deleted = |lifecycle| lifecycle == Lifecycle::Deleted;
    let experiments = index.experiments()?.into_iter().filter(|info| is_deleted(info.lifecycle));
    let mut experiments: Vec<_> = experiments.map(|info| info.id).collect();
    let runs = index.run_infos(RunScope::All)?;
    let is_gone = |run: &&RunInfo| {
        is_deleted(run.lifecycle) || experiments.binary_search(&run.experiment).is_ok()
    };
    let mut runs: Vec<_> = runs.iter().filter(is_gone).map(|run| run.id).collect();
    experiments.retain(|id| *id != ExperimentId::DEFAULT);
    experiments.truncate(if runs.len() > PURGED_MAX { 0 } else { PURGED_MAX });
    runs.truncate(PURGED_MAX);
    Ok(Purged { runs, experiments })
}

/// Rewrites blocks in which most runs are purged, and frees their old space. Returns the bytes.
fn free_blocks(engine: &Engine) -> Result<u64> {
    let mut freed = 0;
    let (mut moves, mut bytes) = (Vec::new(), 0);
    for block in engine.with_index(|index, _| index.blocks_with_purged())? {
        let Some(moved) = rewrite(&engine.log, &block)? else { continue };
        bytes += record_bytes(&moved);
        moves.push(moved);
        if moves.len() >= MOVES_MAX || bytes >= MOVE_BYTES_MAX {
            freed += commit_moves(&engine.log, &moves)?;
            moves.clear();
            bytes = 0;
        }
    }
    Ok(freed + commit_moves(&engine.log, &moves)?)
}

/// Returns an upper estimate of the size of a move's record.
fn record_bytes(moved: &BlockMoved) -> usize {
    let Some(to) = &moved.to else { return 32 };
    let inline = if let BlockPlace::Inline(bytes) = &to.place { bytes.len() } else { 0 };
    64 + inline + to.series.len() * 48
}

/// Appends the new places of moved blocks, then frees their old places. Returns the freed bytes.
///
/// The order is: sync the new blocks, append the frame, sync it, free the old space. A power cut at
/// any step leaves a chain that names complete blocks. If the process dies before the last step, no
/// record names the space, and the next vacuum frees it.
///
/// The syncs do not wait for the recovery of a poisoned file, because that needs the maintenance
/// lock, which the caller holds.
fn commit_moves(log: &Log, moves: &[BlockMoved]) -> Result<u64> {
    if moves.is_empty() {
        return Ok(0);
    }
    log.sync_once()?;
    log.append(|_, _| Ok((moves.iter().cloned().map(Into::into).collect(), ())))?;
    if !fault!(Rule14MovedBeforeSync) {
        log.sync_once()?;
    }
    let mut freed = 0;
    for moved in moves {
        log.punch_range(moved.from, u64::from(moved.from_length))?;
        freed += u64::from(moved.from_length);
    }
    Ok(freed)
}

/// Rewrites a block without its purged runs. Returns `None` if fewer than half of them are purged.
fn rewrite(log: &Log, block: &BlockRuns) -> Result<Option<BlockMoved>> {
    let BlockPlace::At { offset, length, .. } = block.place else { return Ok(None) };
    let moved = |to| Some(BlockMoved { from: offset, from_length: length, to });
    if block.live.is_empty() {
        return Ok(moved(None));
    }
    if (block.purged as usize) < block.live.len() {
        return Ok(None);
    }
    let bytes = log.read_block(&block.place)?;
    let keep = |run| block.live.iter().any(|(_, live)| *live == run);
    let Some(bytes) = block::retain(&bytes, keep)? else { return Ok(moved(None)) };
    let series = block::parse(&bytes)?.sealed_series();
    let place = log.adopt_block(bytes)?;
    Ok(moved(Some(SealedBlock { place, series })))
}

/// Purges the chosen deleted objects. See `Database::purge`.
pub(crate) fn purge_chosen(engine: &Engine, chosen: &Deleted) -> Result<GcReport> {
    purge_and_free(engine, |engine| {
        let only = |kind| kind..=kind;
        let kinds = [
            only(ExperimentLifecycleSet::KIND),
            only(RunLifecycleSet::KIND),
            only(Purged::KIND),
            LoggedModelLifecycleSet::KIND..=LoggedModelsPurged::KIND,
        ];
        engine.append_decided(&kinds, |index| chosen_records(index, chosen))
    })
}

/// Returns the records that purge the chosen objects, and the report.
fn chosen_records(index: &Index, chosen: &Deleted) -> Result<(Vec<Record>, GcReport)> {
    let Deleted { mut runs, mut experiments, mut logged_models } = chosen.clone();
    for id in &runs {
        let found = index.run_info(*id)?.map(|run| run.lifecycle);
        check_deleted(id, "run", found, no_such_run)?;
    }
    for id in &logged_models {
        let found = index.logged_model_lifecycle(*id)?.map(|(lifecycle, _)| lifecycle);
        check_deleted(id, "logged model", found, no_such_logged_model)?;
    }
    for id in &experiments {
        let found = index.experiment(*id)?.map(|experiment| experiment.lifecycle);
        check_deleted(id, "experiment", found, no_such_experiment)?;
    }
    if !experiments.is_empty() {
        let all = index.run_infos(RunScope::All)?;
        let own = all.iter().filter(|run| experiments.contains(&run.experiment));
        runs.extend(own.map(|run| run.id));
        for experiment in &experiments {
            logged_models.extend(index.models_of(*experiment)?);
        }
    }
    // The default experiment stays, because every file has it.
    experiments.retain(|id| *id != ExperimentId::DEFAULT);
    runs.sort_unstable();
    runs.dedup();
    logged_models.sort_unstable();
    logged_models.dedup();
    let report = GcReport {
        runs: runs.len() as u64,
        experiments: experiments.len() as u64,
        logged_models: logged_models.len() as u64,
        ..GcReport::default()
    };
    let mut records: Vec<Record> = Vec::new();
    if !logged_models.is_empty() {
        records.push(LoggedModelsPurged { models: logged_models }.into());
    }
    if !runs.is_empty() || !experiments.is_empty() {
        records.push(Purged { runs, experiments }.into());
    }
    Ok((records, report))
}

fn check_deleted<I: Copy + Display>(
    id: &I,
    what: &str,
    found: Option<Lifecycle>,
    no_such: fn(I) -> Error,
) -> Result<()> {
    match found {
        Some(Lifecycle::Deleted) => Ok(()),
        Some(Lifecycle::Active) => {
            let message = format!("{what} {id} is not deleted; delete it first");
            Err(Error::new(ErrorKind::InvalidState, message))
        }
        None => Err(no_such(*id)),
    }
}
