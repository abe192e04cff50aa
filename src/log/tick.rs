//! What is due from time to time: looking after the file and its peers, syncing, making extents
//! ready, sealing, tending to the dead.

use crate::error::{ErrorKind, Result};
use crate::format::word::WordPlace;

use super::Log;
use super::chain::write_word;

impl Log {
    /// Does all that is due, and syncs unless this is done only when asked for.
    pub(crate) fn tick(&self) -> Result<()> {
        if !self.watch(self.options.sync_interval.is_some())? {
            return Ok(());
        }
        #[cfg(feature = "internals")]
        self.release_postponed()?;
        self.seal_and_tend()
    }

    /// Looks after the file's name and after failed syncs, and does a sync that is due; false while
    /// none can be believed.
    pub(super) fn watch(&self, syncs: bool) -> Result<bool> {
        self.check_usable()?;
        self.check_place()?;
        self.heed_intents()?;
        if !self.recover_from_poison()? {
            return Ok(false);
        }
        if syncs && self.has_unsynced() {
            self.sync_once()?;
        }
        self.write_checkpoint()?;
        Ok(true)
    }

    /// Makes the next extent ready, seals all that is full, and tends to the dead; whichever of
    /// these fails, the others are tried, as each makes room for the others.
    pub(super) fn seal_and_tend(&self) -> Result<()> {
        let prepared = self.prepare_extent();
        let paid = self.pay_debts();
        let sealed = self.seal_all();
        let paid = paid.and_then(|()| self.pay_debts());
        let tended = self.tend_dead();
        let prepared = self.prepare_again(prepared);
        sealed.and(paid).and(tended).and(prepared)
    }

    /// Seals all that is full; when the database is closed meanwhile, the rest is left to that.
    fn seal_all(&self) -> Result<()> {
        while !self.wake.is_over() && !self.is_poisoned()? && self.seal_full()? > 0 {}
        Ok(())
    }

    /// Makes the next extent ready, and seals what has become full.
    pub(super) fn look_at_extents(&self) -> Result<()> {
        self.populate_ahead();
        let prepared = self.prepare_extent();
        self.seal_unless_poisoned()?;
        self.prepare_again(prepared)
    }

    /// One pass of sealing; none while no sync can be believed.
    pub(super) fn seal_unless_poisoned(&self) -> Result<()> {
        if self.is_poisoned()? {
            return Ok(());
        }
        self.seal_full().map(drop)
    }

    /// On a full disk no extent can be made ready, and sealing is what makes room: then once more.
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

    /// The file must still have its name, or what is written to it is lost for everybody else.
    fn check_place(&self) -> Result<()> {
        let Ok(place) = self.storage.place() else { return Ok(()) };
        if place.links > 0 && place.name_leads_here {
            return Ok(());
        }
        let reason = "the file was removed or replaced while it was open: nothing is written to \
                      it any more; what was logged so far is in the file that was opened";
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
            // A power cut that keeps a checkpoint and loses a frame before it must not leave a
            // hint to it: whoever goes on behind it would fork the chain.
            self.sync_once()?;
            self.hint_checkpoint(position)?;
        }
        Ok(())
    }

    pub(super) fn hint_checkpoint(&self, position: crate::format::record::Position) -> Result<()> {
        write_word(&*self.storage, self.file, WordPlace::Checkpoint, position.0 / 8)
    }
}
