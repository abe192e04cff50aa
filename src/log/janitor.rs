//! Tending to dead writers: sealing what they logged, giving back the space they owe.

use std::collections::{BTreeMap, BTreeSet};

use crate::error::Result;
use crate::format::record::{Incarnation, Punched, WriterClosed, WriterOpened};
use crate::mutant::{self, Mutant};
use crate::storage::{LockMode, Storage};
use crate::sys::mutex::MutexGuard;

use super::definitions::Definitions;
use super::locks::{self, LockGuard};
use super::open::share_generation;
use super::state::{ExtentState, WriterState};
use super::{Log, io_error};

/// The maintenance lock, of the process and of the file.
#[derive(Debug)]
pub(crate) struct Maintenance<'a> {
    // Dropped in this order: the file's lock first.
    _file: LockGuard<'a>,
    _process: MutexGuard<'a, ()>,
}

impl Log {
    /// Takes the maintenance lock when nobody else is at it.
    pub(crate) fn try_maintenance(&self, mode: LockMode) -> Result<Option<Maintenance<'_>>> {
        self.try_maintenance_of(&*self.storage, mode)
    }

    fn try_maintenance_of<'a>(
        &'a self,
        storage: &'a dyn Storage,
        mode: LockMode,
    ) -> Result<Option<Maintenance<'a>>> {
        let Some(process) = self.maintenance.try_lock() else { return Ok(None) };
        let file = locks::try_lock(storage, locks::MAINTENANCE, mode)?;
        Ok(file.map(|file| Maintenance { _file: file, _process: process }))
    }

    /// As [`Log::try_maintenance`], exclusively, for a log that only reads, whose own storage
    /// cannot hold the lock: through another storage of the same file.
    pub(crate) fn try_maintenance_through<'a>(
        &'a self,
        storage: &'a dyn Storage,
    ) -> Result<Option<Maintenance<'a>>> {
        share_generation(storage)?;
        self.try_maintenance_of(storage, LockMode::Exclusive)
    }

    /// Waits for the maintenance lock, exclusively.
    pub(crate) fn wait_for_maintenance(&self) -> Result<Maintenance<'_>> {
        self.wait_for_maintenance_through(&*self.storage)
    }

    /// As [`Log::wait_for_maintenance`] for a log that only reads, whose own storage cannot hold
    /// the lock: through another storage of the same file.
    pub(crate) fn wait_for_maintenance_through<'a>(
        &'a self,
        storage: &'a dyn Storage,
    ) -> Result<Maintenance<'a>> {
        self.check_fork()?;
        if self.writer.is_none() {
            share_generation(storage)?;
        }
        let process = self.maintenance.lock();
        let patience = self.options.lock_timeout;
        let exclusive = LockMode::Exclusive;
        let file = locks::lock(storage, locks::MAINTENANCE, exclusive, patience, "maintenance")?;
        Ok(Maintenance { _file: file, _process: process })
    }

    /// Whether a writer other than this one is dead: its byte has another writer, or is free.
    ///
    /// No process id and no clock is asked. One's own incarnation is never probed: a lock query
    /// through one's own descriptor says "free".
    pub(crate) fn is_dead(&self, writer: &WriterState) -> Result<bool> {
        if self.writer.is_some_and(|own| own.incarnation == writer.opened.incarnation) {
            return Ok(false);
        }
        if writer.superseded {
            return Ok(true);
        }
        if !self.storage.medium().locks_trusted {
            return Ok(false);
        }
        let held = self
            .storage
            .is_locked_elsewhere(locks::liveness(writer.opened.byte))
            .map_err(io_error("asking whether a writer lives".to_owned()))?;
        // A byte that this very process holds was taken over from the writer in question.
        Ok(!held)
    }

    /// Winds up dead writers, unless somebody else is at it. Gives how many were wound up.
    pub(crate) fn tend_dead(&self) -> Result<usize> {
        let writers = self.with_state(|state, _| state.writers.clone())?;
        let mut dead = Vec::new();
        // What a mutant knows too early, by writer.
        let mut early = BTreeMap::new();
        for writer in writers.into_values() {
            if mutant::is_active(Mutant::Rule6CatchUpBeforeProbe) {
                early.insert(writer.opened.incarnation, self.definitions_of(&writer)?);
            }
            if self.is_dead(&writer)? {
                dead.push(writer.opened);
            }
        }
        if dead.is_empty() {
            self.seen_dead.lock().clear();
            return Ok(0);
        }
        if self.heed_intents()? {
            return Ok(0);
        }
        self.sync_for_dead(&dead)?;
        let Some(_janitor) = self.try_maintenance(LockMode::Exclusive)? else { return Ok(0) };
        let mut tended = 0;
        for opened in dead {
            self.wind_up(opened.incarnation, early.remove(&opened.incarnation))?;
            tended += 1;
        }
        Ok(tended)
    }

    /// What the writer has defined in the chain, up to its end.
    fn definitions_of(&self, writer: &WriterState) -> Result<Definitions> {
        let mut reader = self.reader(super::Cursor::start());
        let opened = reader.cursor_after(writer.opened_at, None)?;
        let start = opened.unwrap_or_else(super::Cursor::start);
        Definitions::read(&mut reader, start, writer.opened.incarnation)
    }

    /// Syncs once for those that are newly seen dead: what they logged last was theirs to sync.
    ///
    /// Before the maintenance lock is asked for, which a backup may hold for long.
    fn sync_for_dead(&self, dead: &[WriterOpened]) -> Result<()> {
        let dead: BTreeSet<Incarnation> = dead.iter().map(|opened| opened.incarnation).collect();
        if !dead.is_subset(&self.seen_dead.lock()) {
            self.sync_once()?;
        }
        *self.seen_dead.lock() = dead;
        Ok(())
    }

    /// Seals a dead writer's extents, punches them, and closes it in the chain.
    ///
    /// The caller has seen that it is dead, and only then is the chain caught up: what the dying
    /// writer defined last is known when its extents are scanned.
    fn wind_up(&self, incarnation: Incarnation, early: Option<Definitions>) -> Result<()> {
        let found = self.with_state(|state, _| state.writer(incarnation).cloned())?;
        let Some(writer) = found else { return Ok(()) };
        let unsealed: Vec<ExtentState> = writer.unsealed().collect();
        if !unsealed.is_empty() {
            let definitions = early.map_or_else(|| self.definitions_of(&writer), Ok)?;
            let define = |id| definitions.get(id).cloned();
            for pass in super::seal::passes(&unsealed) {
                if self.wake.is_over() {
                    // This process is leaving; the next janitor goes on.
                    return Ok(());
                }
                self.seal_extents(incarnation, pass, &define)?;
            }
        }
        // The frames that sealed the extents are synced before their space is given back.
        if !mutant::is_active(Mutant::Rule14JanitorBeforeSync) {
            self.sync_once()?;
        }
        for extent in &writer.extents {
            self.punch(extent)?;
        }
        let extents = writer.extents.iter().map(|extent| extent.unit).collect();
        self.append(|state, _| {
            let still = state.writer(incarnation).is_some();
            let records = vec![
                Punched { extents: Vec::clone(&extents) }.into(),
                WriterClosed { incarnation }.into(),
            ];
            Ok((if still { records } else { Vec::new() }, ()))
        })
    }
}
