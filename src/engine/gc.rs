//! Purging what is marked deleted, and returning its space to the file system.

use crate::engine::Engine;
use crate::engine::free_chunks::free_chunks;
use crate::entity::{Deleted, Lifecycle, RunInfo};
use crate::error::{Error, ErrorKind, Result};
use crate::format::block;
use crate::format::record::{
    BlockMoved, BlockPlace, ExperimentLifecycleSet, LoggedModelLifecycleSet, LoggedModelsPurged,
    Purged, Record, RunLifecycleSet, SealedBlock,
};
use crate::index::{BlockRuns, Index, RunScope};
use crate::log::Log;
use crate::mutant::{self, Mutant};

/// How many runs and how many experiments one frame purges at most.
const PURGED_MAX: usize = 10_000;

/// How many blocks gc rewrites between two syncs.
const MOVES_MAX: usize = 512;

/// About how many bytes of records name them.
const MOVE_BYTES_MAX: usize = 4 * 1024 * 1024;

/// What gc did.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct GcReport {
    /// Runs that are gone.
    pub runs: u64,
    /// Experiments that are gone.
    pub experiments: u64,
    /// Logged models that are gone.
    pub logged_models: u64,
    /// Bytes of column blocks, and of chunks of artifacts, whose space was given back.
    pub freed_bytes: u64,
}

/// Purges what is marked deleted, and gives the space of its points back.
pub(crate) fn gc(engine: &Engine) -> Result<GcReport> {
    with_space_given_back(engine, |engine| {
        let logged_models = purge_logged_models(engine)?;
        let mut report = GcReport { logged_models, ..GcReport::default() };
        while let Some(purged) = purge(engine)? {
            report.runs += purged.runs.len() as u64;
            report.experiments += purged.experiments.len() as u64;
        }
        Ok(report)
    })
}

/// Purges by `purge`, with the maintenance lock, and gives back the space of what is gone.
fn with_space_given_back(
    engine: &Engine,
    purge: impl FnOnce(&Engine) -> Result<GcReport>,
) -> Result<GcReport> {
    let log = &engine.log;
    log.check_usable()?;
    if log.is_poisoned()? {
        // Waits for the recovery, which needs the maintenance lock: before it is taken here.
        log.sync()?;
    }
    let _janitor = log.wait_for_maintenance()?;
    let mut report = purge(engine)?;
    report.freed_bytes = free_blocks(engine)? + free_chunks(engine)?;
    Ok(report)
}

/// Purges the logged models that are marked deleted, or whose experiment is; gives their number.
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

/// Makes it irreversible that what is marked deleted is gone, as much as goes into a frame; `None`
/// when nothing is marked.
fn purge(engine: &Engine) -> Result<Option<Purged>> {
    let only = |kind| kind..=kind;
    // What was looked up must still hold when it is made irreversible.
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

/// What is marked deleted, as much as goes into a frame: experiments when their runs are gone.
fn deleted(index: &Index) -> Result<Purged> {
    let is_deleted = |lifecycle| lifecycle == Lifecycle::Deleted;
    let experiments = index.experiments()?.into_iter().filter(|it| is_deleted(it.lifecycle));
    let mut experiments: Vec<_> = experiments.map(|it| it.id).collect();
    let runs = index.run_infos(RunScope::All)?;
    let is_gone = |run: &&RunInfo| {
        is_deleted(run.lifecycle) || experiments.binary_search(&run.experiment).is_ok()
    };
    let mut runs: Vec<_> = runs.iter().filter(is_gone).map(|run| run.id).collect();
    experiments.truncate(if runs.len() > PURGED_MAX { 0 } else { PURGED_MAX });
    runs.truncate(PURGED_MAX);
    Ok(Purged { runs, experiments })
}

/// Rewrites blocks that are mostly dead, and gives back the space of what no frame names.
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

/// About what the record of a move takes in a frame, or more.
fn record_bytes(moved: &BlockMoved) -> usize {
    let Some(to) = &moved.to else { return 32 };
    let inline = if let BlockPlace::Inline(bytes) = &to.place { bytes.len() } else { 0 };
    64 + inline + to.series.len() * 48
}

/// Makes the chain name the blocks at their new places, and gives the space of the old ones back.
///
/// Nothing records that this space is owed: what a process leaves that dies before it is given
/// back is free after the next vacuum.
///
/// The syncs do not wait out a poison: nobody can lift it while the caller has the maintenance
/// lock.
fn commit_moves(log: &Log, moves: &[BlockMoved]) -> Result<u64> {
    if moves.is_empty() {
        return Ok(0);
    }
    log.sync_once()?;
    log.append(|_, _| Ok((moves.iter().cloned().map(Into::into).collect(), ())))?;
    if !mutant::is_active(Mutant::Rule14MovedBeforeSync) {
        log.sync_once()?;
    }
    let mut freed = 0;
    for it in moves {
        log.punch_range(it.from, u64::from(it.from_length))?;
        freed += u64::from(it.from_length);
    }
    Ok(freed)
}

/// The move of a block without its purged runs; `None` when too little of it is dead.
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

/// Purges what was chosen of what is marked deleted; see `Database::purge`.
pub(crate) fn purge_chosen(engine: &Engine, chosen: &Deleted) -> Result<GcReport> {
    with_space_given_back(engine, |engine| {
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

/// The records that purge what was chosen, and what is told of it.
fn chosen_records(index: &Index, chosen: &Deleted) -> Result<(Vec<Record>, GcReport)> {
    let Deleted { mut runs, experiments, mut logged_models } = chosen.clone();
    for id in &runs {
        let found = index.run_info(*id)?.map(|run| run.lifecycle);
        check_deleted("run", id, found)?;
    }
    for id in &logged_models {
        let found = index.logged_model_lifecycle(*id)?.map(|(of_model, _)| of_model);
        check_deleted("logged model", id, found)?;
    }
    for id in &experiments {
        let found = index.experiment(*id)?.map(|experiment| experiment.lifecycle);
        check_deleted("experiment", id, found)?;
    }
    if !experiments.is_empty() {
        let all = index.run_infos(RunScope::All)?;
        runs.extend(all.iter().filter(|it| experiments.contains(&it.experiment)).map(|it| it.id));
        for experiment in &experiments {
            logged_models.extend(index.models_of(*experiment)?);
        }
    }
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

fn check_deleted(what: &str, id: &impl std::fmt::Display, found: Option<Lifecycle>) -> Result<()> {
    let (kind, message) = match found {
        Some(Lifecycle::Deleted) => return Ok(()),
        Some(Lifecycle::Active) => {
            (ErrorKind::InvalidState, format!("{what} {id} is not deleted: delete it first"))
        }
        None => (ErrorKind::NotFound, format!("there is no {what} {id}")),
    };
    Err(Error::new(kind, message))
}
