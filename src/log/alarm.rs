//! Syncing, and what a failed sync sets off: the poison, and the recovery from it.
//!
//! After a failed sync the kernel may have marked lost pages clean, so that the next sync would
//! succeed without having written them. Nothing is therefore retried and trusted: the poison word
//! makes every process's sync fail and stops all punching, until each writer has dirtied its own
//! pages again with the same bytes, the janitor those of the dead and of the chain, and all of
//! that was synced. The word counts its episodes, so that an answer to an old one is not taken
//! for an answer to this one.

use std::sync::atomic::Ordering;
use std::time::{Duration, Instant};

use crate::error::{Error, ErrorKind, Result};
use crate::format::header::HEADER_OFFSETS;
use crate::format::record::{Incarnation, Position, WriterOpened};
use crate::format::word::WordPlace;
use crate::format::{FileId, PAGE_BYTES, UNIT_BYTES, unit_start};
use crate::mutant::{self, Mutant};
use crate::storage::{LockMode, Storage};

use super::chain::{read_word, write_word};
use super::locks;
use super::seal::Sealer;
use super::state::{ExtentState, State, WriterState};
use super::{Log, WriterIdentity, io_error};

/// How much is dirtied again at a time.
const REWRITE_BYTES: u64 = 64 * 1024;
/// How long a sync that waits for the recovery of others sleeps before it looks again.
const RECOVERY_WAIT: Duration = Duration::from_millis(10);
/// Episodes are counted in so many bits: what an intent word has room for.
const EPISODE_MAX: u64 = 0xFF_FFFF;

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
        outcome | (self.episode & EPISODE_MAX) << 2 | self.owner << 26
    }

    fn decode(value: u64) -> Option<Self> {
        let outcome = match value & 3 {
            1 => Outcome::Pending,
            2 => Outcome::Good,
            3 => Outcome::Failed,
            _ => return None,
        };
        Some(Intent { outcome, episode: value >> 2 & EPISODE_MAX, owner: value >> 26 })
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
    /// honours a flush. While the file is poisoned it does its part of the recovery and waits for
    /// that of the others, at most for `recovery_timeout`; then it fails.
    pub(crate) fn sync(&self) -> Result<()> {
        let began = Instant::now();
        let mut is_first = true;
        loop {
            let error = match self.sync_once() {
                Err(error) if error.kind() == ErrorKind::Poisoned => error,
                other => return other,
            };
            self.check_usable()?;
            if !std::mem::take(&mut is_first) {
                if began.elapsed() >= self.options.recovery_timeout {
                    return Err(error);
                }
                std::thread::sleep(RECOVERY_WAIT);
            }
            self.wait_out_poison(began)?;
        }
    }

    /// Does its part of the recovery and waits until the others have done theirs; fails when that
    /// takes too long.
    pub(super) fn wait_out_poison(&self, began: Instant) -> Result<()> {
        while !self.recover_from_poison()? {
            let episode = self.poison()?.episode;
            // Who has waited for an episode in vain does not wait for it again.
            let is_vain = self.given_up.load(Ordering::Relaxed) == episode;
            if is_vain || began.elapsed() >= self.options.recovery_timeout {
                self.given_up.store(episode, Ordering::Relaxed);
                return Err(poisoned());
            }
            std::thread::sleep(RECOVERY_WAIT);
        }
        Ok(())
    }

    /// As [`Log::sync`], without waiting: fails at once while the file is poisoned.
    pub(crate) fn sync_once(&self) -> Result<()> {
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
        self.sync_or_alarm(writer, poison.episode)?;
        // The sync of another process that failed before may have taken pages from this one.
        if self.heed_intents()? || self.poison()? != poison {
            return Err(poisoned());
        }
        let mark =
            if mutant::is_active(Mutant::MarkAfterSync) { self.chain_end.get() } else { mark };
        self.advance_mark(mark)?;
        let mut points = self.points.lock();
        points.synced = stored;
        points.chain_synced = mark;
        #[cfg(feature = "internals")]
        self.store_lengths(&points)?;
        drop(points);
        self.populate_tail();
        Ok(())
    }

    /// Syncs the storage, and sets the alarm when that fails.
    fn sync_or_alarm(&self, writer: WriterIdentity, episode: u64) -> Result<()> {
        self.sync_storage(writer, episode).inspect_err(|_| {
            if !mutant::is_active(Mutant::Rule21NoPoison) {
                self.owes_alarm.store(true, Ordering::Release);
                // What cannot be said now is said before the next sync.
                let _ = self.pay_alarm();
            }
        })
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
        read_poison(&*self.storage, self.file)
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
    fn set_poison(&self) -> Result<()> {
        let _chain = self.chain.lock();
        let _held = self.lock_metadata()?;
        begin_episode(&*self.storage, self.file)
    }

    fn lock_metadata(&self) -> Result<locks::LockGuard<'_>> {
        let (storage, patience) = (&*self.storage, self.options.lock_timeout);
        locks::lock(storage, locks::METADATA, LockMode::Exclusive, patience, "the metadata chain")
    }

    /// Whether a sync of another writer has failed, or counts as failed because that one died;
    /// sets the alarm for the dead. What is still under way is its owner's to judge.
    pub(super) fn heed_intents(&self) -> Result<bool> {
        if mutant::is_active(Mutant::Rule21NoPoison) {
            return Ok(false);
        }
        let mut has_failed = false;
        for (writer, outcome) in self.bad_intents()? {
            has_failed |= if self.is_dead(&writer)? {
                let _chain = self.chain.lock();
                let _held = self.lock_metadata()?;
                heed_intent(&*self.storage, self.file, &writer)?
            } else {
                outcome == Outcome::Failed
            };
        }
        Ok(has_failed)
    }

    /// The other writers whose last sync was not good, or is under way. Costs a small read for
    /// each writer.
    fn bad_intents(&self) -> Result<Vec<(WriterState, Outcome)>> {
        self.with_state(|state, _| {
            let mut bad = Vec::new();
            for writer in state.writers.values().filter(|writer| !self.is_own(writer)) {
                let outcome = bad_outcome(&*self.storage, self.file, writer)?;
                bad.extend(outcome.map(|outcome| (writer.clone(), outcome)));
            }
            Ok(bad)
        })?
    }

    fn is_own(&self, writer: &WriterState) -> bool {
        self.writer.is_some_and(|own| own.incarnation == writer.opened.incarnation)
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
        // A sync that died may have taken what others had written again before.
        self.heed_intents()?;
        let poison = self.poison()?;
        if !poison.is_on {
            return Ok(true);
        }
        let janitor = self.try_maintenance(LockMode::Exclusive)?;
        let is_done = self.has_recovered(writer.byte, writer.incarnation, poison.episode)?;
        let others = self.not_recovered(poison.episode)?;
        if is_done && (janitor.is_none() || self.is_any_alive(&others)?) {
            return Ok(false);
        }
        if !is_done {
            self.rewrite_own(&sealer)?;
        }
        self.rewrite_chain()?;
        let dead = match &janitor {
            Some(_) => self.rewrite_dead()?,
            None => Vec::new(),
        };
        self.sync_or_alarm(writer, poison.episode)?;
        if self.heed_intents()? || janitor.is_none() {
            return Ok(false);
        }
        let others = self.not_recovered(poison.episode)?;
        if others.iter().any(|it| !dead.contains(&it.opened.incarnation)) {
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

    /// Whether the writer has written its part again in this episode and synced it.
    fn has_recovered(&self, byte: u16, incarnation: Incarnation, episode: u64) -> Result<bool> {
        let good = Intent { outcome: Outcome::Good, episode, owner: owner_bits(incarnation) };
        let value = read_word(&*self.storage, self.file, WordPlace::Intent(byte))?;
        Ok(value.and_then(Intent::decode) == Some(good))
    }

    /// The writers besides this one that have not, living and dead.
    fn not_recovered(&self, episode: u64) -> Result<Vec<WriterState>> {
        let writers = self.with_state(|state, _| state.writers.clone())?;
        let mut others = Vec::new();
        for writer in writers.into_values().filter(|writer| !self.is_own(writer)) {
            let WriterOpened { byte, incarnation, .. } = writer.opened;
            if !self.has_recovered(byte, incarnation, episode)? {
                others.push(writer);
            }
        }
        Ok(others)
    }

    fn is_any_alive(&self, writers: &[WriterState]) -> Result<bool> {
        for writer in writers {
            if !self.is_dead(writer)? {
                return Ok(true);
            }
        }
        Ok(false)
    }

    /// Writes the bytes of this process's unsealed extents and block units over themselves.
    fn rewrite_own(&self, sealer: &Sealer) -> Result<()> {
        for &(unit, units) in sealer.block_units() {
            self.rewrite(unit_start(unit), u64::from(units) * UNIT_BYTES)?;
        }
        self.rewrite_chunks()?;
        // The mutex keeps the writer still: a store between the read and the write would be lost.
        let points = self.points.lock();
        for (extent, _) in points.unsealed() {
            self.rewrite_extent(&extent)?;
        }
        Ok(())
    }

    /// As [`Log::rewrite_own`] for the dead; gives who they are.
    fn rewrite_dead(&self) -> Result<Vec<Incarnation>> {
        let writers = self.with_state(|state, _| state.writers.clone())?;
        let mut dead = Vec::new();
        for writer in writers.values() {
            if self.is_dead(writer)? {
                writer.unsealed().try_for_each(|extent| self.rewrite_extent(&extent))?;
                dead.push(writer.opened.incarnation);
            }
        }
        Ok(dead)
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

    pub(super) fn rewrite(&self, start: u64, length: u64) -> Result<()> {
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

fn read_poison(storage: &dyn Storage, file: FileId) -> Result<Poison> {
    let value = read_word(storage, file, WordPlace::Poison)?.unwrap_or(0);
    Ok(Poison { episode: value >> 1, is_on: value & 1 == 1 })
}

/// Sets the alarm for a sync that failed. One that is set already begins anew: the failure may
/// have taken what a writer logged after it had written its part again.
fn begin_episode(storage: &dyn Storage, file: FileId) -> Result<()> {
    let episode = (read_poison(storage, file)?.episode + 1) & EPISODE_MAX;
    write_word(storage, file, WordPlace::Poison, episode << 1 | 1)
}

/// What the writer last said of a sync, unless it was good.
fn bad_outcome(
    storage: &dyn Storage,
    file: FileId,
    writer: &WriterState,
) -> Result<Option<Outcome>> {
    let value = read_word(storage, file, WordPlace::Intent(writer.opened.byte))?;
    let own = |intent: &Intent| intent.owner == owner_bits(writer.opened.incarnation);
    let outcome = value.and_then(Intent::decode).filter(own).map(|intent| intent.outcome);
    Ok(outcome.filter(|outcome| *outcome != Outcome::Good))
}

/// Sets the alarm when the writer, which is dead, has left a sync that counts as failed; under
/// the metadata lock. One of an earlier boot has lost what it could lose. Gives whether it was
/// set.
fn heed_intent(storage: &dyn Storage, file: FileId, writer: &WriterState) -> Result<bool> {
    if bad_outcome(storage, file, writer)?.is_none() {
        return Ok(false);
    }
    let is_of_this_boot = writer.opened.boot_id == storage.boot_id();
    if is_of_this_boot {
        begin_episode(storage, file)?;
    }
    // After the alarm: whoever dies between the two leaves the evidence.
    write_word(storage, file, WordPlace::Intent(writer.opened.byte), 0)?;
    Ok(is_of_this_boot)
}

/// As [`heed_intent`] for those who had a liveness byte before, whose word its new owner is about
/// to write over.
pub(super) fn heed_byte(
    storage: &dyn Storage,
    file: FileId,
    state: &State,
    byte: u16,
) -> Result<()> {
    for writer in state.writers.values().filter(|writer| writer.opened.byte == byte) {
        heed_intent(storage, file, writer)?;
    }
    Ok(())
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
