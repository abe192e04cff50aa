//! Syncing, and what a failed sync sets off: the poison, and the recovery from it.
//!
//! After a failed sync the kernel may have marked lost pages clean, so that the next sync would
//! succeed without having written them. Nothing is therefore retried and trusted: the poison word
//! makes every process's sync fail and stops all punching, until each writer has dirtied its own
//! pages again with the same bytes, the janitor those of the dead and of the chain, and all of
//! that was synced. The word counts its episodes, so that an answer to an old one is not taken
//! for an answer to this one.

use std::sync::atomic::Ordering;

use crate::error::{Error, ErrorKind, Result};
use crate::format::header::HEADER_OFFSETS;
use crate::format::record::{Incarnation, Position};
use crate::format::word::WordPlace;
use crate::format::{PAGE_BYTES, UNIT_BYTES, unit_start};
use crate::mutant::{self, Mutant};
use crate::storage::LockMode;

use super::chain::{read_word, write_word};
use super::locks;
use super::seal::Sealer;
use super::state::ExtentState;
use super::{Log, WriterIdentity, io_error};

/// How much is dirtied again at a time.
const REWRITE_BYTES: u64 = 64 * 1024;

/// What a writer last said about its syncs.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Outcome {
    /// A sync has begun.
    Pending,
    /// It was good.
    Good,
    /// It failed.
    Failed,
}

/// The intent word of a writer: which writer, how its sync went, and in which episode.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Intent {
    outcome: Outcome,
    episode: u64,
    owner: u64,
}

impl Intent {
    fn encode(self) -> u64 {
        let outcome = match self.outcome {
            Outcome::Pending => 1,
            Outcome::Good => 2,
            Outcome::Failed => 3,
        };
        outcome | (self.episode & 0xFF_FFFF) << 2 | self.owner << 26
    }

    fn decode(value: u64) -> Option<Self> {
        let outcome = match value & 3 {
            1 => Outcome::Pending,
            2 => Outcome::Good,
            3 => Outcome::Failed,
            _ => return None,
        };
        Some(Intent { outcome, episode: value >> 2 & 0xFF_FFFF, owner: value >> 26 })
    }
}

fn owner_bits(incarnation: Incarnation) -> u64 {
    incarnation.0 & 0x3F_FFFF
}

/// The poison word: how many episodes there were, and whether one is on.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Poison {
    episode: u64,
    is_on: bool,
}

impl Log {
    /// Makes everything durable that any process logged before the call, as far as the device
    /// honours a flush. Fails while the file is poisoned.
    pub(crate) fn sync(&self) -> Result<()> {
        let writer = self.check_usable()?;
        let _serial = self.syncing.lock();
        self.pay_alarm()?;
        let poison = self.poison()?;
        if poison.is_on {
            return Err(poisoned());
        }
        // Taken before the sync begins: what is appended meanwhile may not be covered.
        let mark = self.chain_end.get();
        let stored = self.stored();
        if let Err(error) = self.sync_storage(writer, poison.episode) {
            if !mutant::is_active(Mutant::Rule21NoPoison) {
                self.owes_alarm.store(true, Ordering::Release);
                // What cannot be said now is said before the next sync.
                let _ = self.pay_alarm();
            }
            return Err(error);
        }
        self.advance_mark(mark)?;
        let mut points = self.points.lock();
        points.synced = stored;
        points.chain_synced = mark;
        points.populate_tail();
        Ok(())
    }

    /// One sync of the storage between two words that say that it began and how it went.
    fn sync_storage(&self, writer: WriterIdentity, episode: u64) -> Result<()> {
        let owner = owner_bits(writer.incarnation);
        let say = |outcome| {
            let value = Intent { outcome, episode, owner }.encode();
            write_word(&*self.storage, self.file, WordPlace::Intent(writer.byte), value)
        };
        say(Outcome::Pending)?;
        match self.storage.sync() {
            Ok(()) => say(Outcome::Good),
            Err(source) => {
                say(Outcome::Failed)?;
                let message = "syncing the file failed: what was logged since the last sync \
                               survives the death of a process, but maybe not a power cut";
                Err(Error::io(message, source))
            }
        }
    }

    fn advance_mark(&self, mark: Position) -> Result<()> {
        let known = read_word(&*self.storage, self.file, WordPlace::DurableMark)?.unwrap_or(0);
        if mark.0 / 8 > known {
            write_word(&*self.storage, self.file, WordPlace::DurableMark, mark.0 / 8)?;
        }
        Ok(())
    }

    fn poison(&self) -> Result<Poison> {
        let value = read_word(&*self.storage, self.file, WordPlace::Poison)?.unwrap_or(0);
        Ok(Poison { episode: value >> 1, is_on: value & 1 == 1 })
    }

    /// Whether the file is poisoned by a failed sync.
    pub(crate) fn is_poisoned(&self) -> Result<bool> {
        Ok(self.owes_alarm.load(Ordering::Acquire) || self.poison()?.is_on)
    }

    /// Sets the alarm that could not be set when a sync failed.
    fn pay_alarm(&self) -> Result<()> {
        if self.owes_alarm.load(Ordering::Acquire) {
            self.set_poison()?;
            self.owes_alarm.store(false, Ordering::Release);
        }
        Ok(())
    }

    /// Sets the alarm; under the metadata lock, so that it does not cross with its clearing.
    pub(super) fn set_poison(&self) -> Result<()> {
        let _chain = self.chain.lock();
        let _held = self.lock_metadata()?;
        let poison = self.poison()?;
        if !poison.is_on {
            let value = (poison.episode + 1) << 1 | 1;
            write_word(&*self.storage, self.file, WordPlace::Poison, value)?;
        }
        Ok(())
    }

    fn lock_metadata(&self) -> Result<locks::LockGuard<'_>> {
        let (storage, patience) = (&*self.storage, self.options.lock_timeout);
        locks::lock(storage, locks::METADATA, LockMode::Exclusive, patience, "the metadata chain")
    }

    /// Whether the writer that had this byte died during a sync, or after one that failed.
    pub(super) fn left_bad_sync(&self, byte: u16, incarnation: Incarnation) -> Result<bool> {
        let value = read_word(&*self.storage, self.file, WordPlace::Intent(byte))?;
        let intent = value.and_then(Intent::decode);
        Ok(intent.is_some_and(|intent| {
            intent.owner == owner_bits(incarnation) && intent.outcome != Outcome::Good
        }))
    }

    /// Says that a dead writer's sync has been dealt with.
    pub(super) fn settle_intent(&self, byte: u16) -> Result<()> {
        write_word(&*self.storage, self.file, WordPlace::Intent(byte), 0)
    }

    /// While the file is poisoned: dirties this process's pages again and syncs them; as the
    /// janitor also those of the dead and of the chain, and lifts the poison when every living
    /// writer has done its part. Gives whether the file is free of poison.
    pub(crate) fn recover_from_poison(&self) -> Result<bool> {
        self.pay_alarm()?;
        let poison = self.poison()?;
        if !poison.is_on {
            return Ok(true);
        }
        let writer = self.check_usable()?;
        // No block is written, and nothing is synced, while pages are written again.
        let sealer = self.sealer.lock();
        let _serial = self.syncing.lock();
        self.rewrite_own(&sealer)?;
        self.rewrite_chain()?;
        let janitor = self.try_maintenance(LockMode::Exclusive)?;
        if janitor.is_some() {
            self.rewrite_dead(writer)?;
        }
        self.sync_storage(writer, poison.episode)?;
        if janitor.is_none() || !self.all_have_recovered(writer, poison.episode)? {
            return Ok(false);
        }
        let _chain = self.chain.lock();
        let _held = self.lock_metadata()?;
        if self.poison()? != poison {
            return Ok(false);
        }
        write_word(&*self.storage, self.file, WordPlace::Poison, poison.episode << 1)?;
        Ok(true)
    }

    fn all_have_recovered(&self, own: WriterIdentity, episode: u64) -> Result<bool> {
        let writers = self.with_state(|state, _| state.writers.clone())?;
        for writer in writers.values() {
            let other = writer.opened.incarnation;
            if other == own.incarnation || self.is_dead(writer)? {
                continue;
            }
            let place = WordPlace::Intent(writer.opened.byte);
            let value = read_word(&*self.storage, self.file, place)?;
            let good = Intent { outcome: Outcome::Good, episode, owner: owner_bits(other) };
            if value.and_then(Intent::decode) != Some(good) {
                return Ok(false);
            }
        }
        Ok(true)
    }

    /// Writes the bytes of this process's unsealed extents and block units over themselves.
    fn rewrite_own(&self, sealer: &Sealer) -> Result<()> {
        for &(unit, units) in sealer.block_units() {
            self.rewrite(unit_start(unit), u64::from(units) * UNIT_BYTES)?;
        }
        // The mutex keeps the writer still: a store between the read and the write would be lost.
        let points = self.points.lock();
        for (extent, _) in points.unsealed() {
            self.rewrite_extent(&extent)?;
        }
        Ok(())
    }

    fn rewrite_dead(&self, own: WriterIdentity) -> Result<()> {
        let writers = self.with_state(|state, _| state.writers.clone())?;
        for writer in writers.values() {
            if writer.opened.incarnation != own.incarnation && self.is_dead(writer)? {
                writer.unsealed().try_for_each(|extent| self.rewrite_extent(&extent))?;
            }
        }
        Ok(())
    }

    /// Writes the chain from the durable mark on over itself, under the metadata lock.
    fn rewrite_chain(&self) -> Result<()> {
        let mut chain = self.chain.lock();
        let _held = self.lock_metadata()?;
        chain.catch_up()?;
        for (start, end) in chain.reader.units_from_mark()? {
            self.rewrite(start, end - start)?;
        }
        // The header's two pages; each sync writes the shared words anew by itself.
        HEADER_OFFSETS.into_iter().try_for_each(|offset| self.rewrite(offset, PAGE_BYTES))
    }

    fn rewrite_extent(&self, extent: &ExtentState) -> Result<()> {
        self.rewrite(unit_start(extent.unit), u64::from(extent.units) * UNIT_BYTES)
    }

    fn rewrite(&self, start: u64, length: u64) -> Result<()> {
        let mut buffer = vec![0; REWRITE_BYTES.min(length) as usize];
        for offset in (0..length).step_by(REWRITE_BYTES as usize) {
            let piece = &mut buffer[..REWRITE_BYTES.min(length - offset) as usize];
            let offset = start + offset;
            let doing = || io_error(format!("writing the bytes at {offset} again"));
            let got = self.storage.read_at(offset, piece).map_err(doing())?;
            self.storage.write_at(offset, &piece[..got]).map_err(doing())?;
        }
        Ok(())
    }
}

fn poisoned() -> Error {
    Error::new(
        ErrorKind::Poisoned,
        "a sync of this file failed before, in this or another process: logging goes on and \
         survives the death of a process; `sync` fails until the disk takes everything again",
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn intents_survive_the_round_trip() {
        for outcome in [Outcome::Pending, Outcome::Good, Outcome::Failed] {
            let intent = Intent { outcome, episode: 77, owner: 0x2A_BCDE };
            assert_eq!(Intent::decode(intent.encode()), Some(intent));
            assert!(intent.encode() < 1 << 48);
        }
        assert_eq!(Intent::decode(0), None);
    }
}
