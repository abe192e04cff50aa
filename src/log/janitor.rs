//! The janitor: seals the points of dead writers and releases their space.
//!
//! Any process may become the janitor: it is the one that holds the maintenance lock.

use std::collections::{BTreeMap, BTreeSet};

use crate::error::Result;
use crate::format::record::{Incarnation, Punched, WriterClosed, WriterOpened};
use crate::mutant::fault;
use crate::storage::{LockMode, Storage};
use crate::sys::mutex::RankedGuard;

use super::definitions::Definitions;
use super::io_error::io_error;
use super::locks::{self, LockGuard};
use super::open::share_generation;
use super::state::{ExtentState, WriterState};
use super::{EVENTS, Log};

/// The maintenance lock, of the process and of the file.
#[derive(Debug)]
pub(crate) struct Maintenance<'a> {
    // Fields drop in this order, so the lock of the file is released first.
    _file: LockGuard<'a>,
    _process: RankedGuard<'a, ()>,
}

impl Log {
    /// Takes the maintenance lock, or returns `None` if it is held.
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

    /// Takes the maintenance lock exclusively through another storage of the same file.
    ///
    /// For a read-only log, whose own storage cannot hold the lock.
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

    /// Waits for the maintenance lock through another storage of the same file.
    ///
    /// For a read-only log, whose own storage cannot hold the lock.
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

    /// Returns whether another writer is dead: its liveness byte is free or has a new owner.
    ///
    /// This uses no process ids and no clocks. It never probes this process's own byte, because a
    /// lock query through the owning descriptor reports it free.
    pub(crate) fn is_dead(&self, writer: &WriterState) -> Result<bool> {
        if self.writer.is_some_and(|own| own.incarnation == writer.opened.incarnation) {
            return Ok(false);
        }
        if writer.superseded {
            return Ok(true);
        }
        // Without trusted locks a free byte proves nothing, so no writer is ever declared dead.
        if !self.storage.medium().locks_trusted {
            return Ok(false);
        }
        let held = self
            .storage
            .is_locked_elsewhere(locks::liveness(writer.opened.byte))
            .map_err(io_error("checking whether a writer is alive".to_owned()))?;
        // If this process holds the byte, it took the byte over from the dead writer.
        Ok(!held)
    }

    /// Closes dead writers, unless another process is the janitor. Returns how many it closed.
    pub(crate) fn close_dead_writers(&self) -> Result<usize> {
        let writers = self.with_state(|state, _| state.writers.clone())?;
        let mut dead = Vec::new();
        // Definitions that a mutant reads too early, by writer.
        let mut early = BTreeMap::new();
        for writer in writers.into_values() {
            if fault!(Rule6CatchUpBeforeProbe) {
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
        // After a failed sync nothing may be punched until the file has recovered.
        if self.check_intents()? {
            return Ok(0);
        }
        self.sync_for_dead(&dead)?;
        let Some(_janitor) = self.try_maintenance(LockMode::Exclusive)? else { return Ok(0) };
        let mut tended = 0;
        for opened in dead {
            self.close_dead(opened.incarnation, early.remove(&opened.incarnation))?;
            tended += 1;
        }
        Ok(tended)
    }

    /// Reads what the writer has defined in the chain, up to its end.
    fn definitions_of(&self, writer: &WriterState) -> Result<Definitions> {
        let mut reader = self.reader(super::Cursor::start());
        let opened = reader.cursor_after(writer.opened_at, None)?;
        let start = opened.unwrap_or_else(super::Cursor::start);
        Definitions::read(&mut reader, start, writer.opened.incarnation)
    }

    /// Syncs once when writers are newly found dead, because they can no longer sync their last
    /// points.
    ///
    /// This comes before the maintenance lock, which a backup may hold for long.
    fn sync_for_dead(&self, dead: &[WriterOpened]) -> Result<()> {
        let dead: BTreeSet<Incarnation> = dead.iter().map(|opened| opened.incarnation).collect();
        if !dead.is_subset(&self.seen_dead.lock()) {
            ::log::info!(target: EVENTS, "{} dead writers: sealing their points", dead.len());
            self.sync_once()?;
        }
        *self.seen_dead.lock() = dead;
        Ok(())
    }

    /// Seals a dead writer's extents, punches them, and closes the writer in the chain.
    ///
    /// The caller has probed that the writer is dead, and the chain is caught up only after that.
    /// In the other order, a series defined just before the death would look undefined, and its
    /// points would be dropped.
    fn close_dead(&self, incarnation: Incarnation, early: Option<Definitions>) -> Result<()> {
        let found = self.with_state(|state, _| state.writer(incarnation).cloned())?;
        let Some(writer) = found else { return Ok(()) };
        let unsealed: Vec<ExtentState> = writer.unsealed().collect();
        if !unsealed.is_empty() {
            let definitions = early.map_or_else(|| self.definitions_of(&writer), Ok)?;
            let define = |id| definitions.get(id).cloned();
            for pass in super::sealer::passes(&unsealed) {
                if self.wake.is_over() {
                    // This process is closing. The next janitor continues.
                    return Ok(());
                }
                self.seal_extents(incarnation, pass, &define)?;
            }
        }
        // Punch only after a sync of the frames that sealed the extents. Otherwise a power cut
        // could lose both the points and the record of their blocks.
        if !fault!(Rule14JanitorBeforeSync) {
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
