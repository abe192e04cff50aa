//! Periodic work: checking the file and its peers, syncing, preparing extents, sealing, cleaning
//! up.

use crate::error::{ErrorKind, Result};
use crate::format::word::WordPlace;

use super::Log;
use super::chain::write_word;

impl Log {
    /// Does all work that is due, and syncs unless syncs happen only on request.
    pub(crate) fn tick(&self) -> Result<()> {
        if !self.watch(self.options.sync_interval.is_some())? {
            return Ok(());
        }
        #[cfg(feature = "internals")]
        self.release_postponed()?;
        self.seal_and_clean_up()
    }

    /// Checks the file's name and the syncs of others, and does a due sync.
    ///
    /// Returns false while the file is poisoned, because no sync can be trusted then.
    pub(super) fn watch(&self, syncs: bool) -> Result<bool> {
        self.check_usable()?;
        self.check_place()?;
        self.check_intents()?;
        if !self.recover_from_poison()? {
            return Ok(false);
        }
        if syncs && self.has_unsynced() {
            self.sync_once()?;
        }
        self.write_checkpoint()?;
        Ok(true)
    }

    /// Prepares the next extent, seals all full ones, and closes dead writers.
    ///
    /// If one step fails, the others still run, because each frees space for the others.
    pub(super) fn seal_and_clean_up(&self) -> Result<()> {
        let prepared = self.prepare_extent();
        let paid = self.pay_debts();
        let sealed = self.seal_all();
        let paid = paid.and_then(|()| self.pay_debts());
        let tended = self.close_dead_writers();
        let prepared = self.prepare_again(prepared);
        sealed.and(paid).and(tended).and(prepared)
    }

    /// Seals all full extents, or stops early if the database is closed, which seals the rest.
    fn seal_all(&self) -> Result<()> {
        while !self.wake.is_over() && !self.is_poisoned()? && self.seal_full()? > 0 {}
        Ok(())
    }

    /// Prepares the next extent, and seals full ones.
    pub(super) fn check_extents(&self) -> Result<()> {
        self.populate_ahead();
        let prepared = self.prepare_extent();
        self.seal_unless_poisoned()?;
        self.prepare_again(prepared)
    }

    /// Seals one pass, unless the file is poisoned.
    pub(super) fn seal_unless_poisoned(&self) -> Result<()> {
        if self.is_poisoned()? {
            return Ok(());
        }
        self.seal_full().map(drop)
    }

    /// Prepares the extent again if the disk was full: sealing has freed space since.
    fn prepare_again(&self, prepared: Result<()>) -> Result<()> {
        match prepared {
            Err(error) if error.kind() == ErrorKind::StorageFull => self.prepare_extent(),
            other => other,
        }
    }

    pub(super) fn has_unsynced(&self) -> bool {
        let points = self.points.lock();
        let known = points.chain_synced;
        points.stored > points.synced || self.chain_end.get() > known
    }

    #[cfg(feature = "internals")]
    fn release_postponed(&self) -> Result<()> {
        let records = self.wake.take_postponed();
        if records.is_empty() {
            return Ok(());
        }
        self.append(|_, _| Ok((records.clone(), ())))
    }

    /// Refuses all writes if the file has lost its name, because other processes cannot find them.
    fn check_place(&self) -> Result<()> {
        let Ok(place) = self.storage.place() else { return Ok(()) };
        if place.links > 0 && place.name_leads_here {
            return Ok(());
        }
        let reason = "the file was removed or replaced while it was open: no more is written to \
                      it; earlier writes are in the file that was opened";
        self.refuse(reason.to_owned());
        Err(self.refused())
    }

    fn write_checkpoint(&self) -> Result<()> {
        let bytes = self.options.checkpoint_bytes;
        let due = |state: &super::State| state.since_checkpoint >= bytes;
        if !self.with_state(|state, _| due(state))? {
            return Ok(());
        }
        let written = self.append(|state, _| {
            let records = if due(state) { vec![state.checkpoint().into()] } else { Vec::new() };
            let written = !records.is_empty();
            Ok((records, written))
        })?;
        if written {
            let position = self.with_state(|_, cursor| cursor.last)?;
            // Sync before the hint is written. Otherwise a power cut could keep the checkpoint and
            // lose a frame before it. A writer that opens from the checkpoint would then fork the
            // chain.
            self.sync_once()?;
            self.hint_checkpoint(position)?;
        }
        Ok(())
    }

    pub(super) fn hint_checkpoint(&self, position: crate::format::record::Position) -> Result<()> {
        write_word(&*self.storage, self.file, WordPlace::Checkpoint, position.0 / 8)
    }
}
