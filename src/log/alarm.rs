//! Syncing, and recovery from a failed sync.
//!
//! After a failed sync, the kernel may mark the lost pages clean. The next sync would then succeed
//! without writing them. So a retry proves nothing. Instead a failed sync sets the poison word in
//! the shared page. While it is set, every process's sync fails and nothing is punched.
//!
//! Recovery dirties all pages that may be lost, by writing the same bytes over them, and syncs
//! again. Each writer does this for its own pages and the chain, and the janitor for those of the
//! dead. When all of it has succeeded, the janitor clears the poison. The poison word counts its
//! episodes, so that a writer's answer to an old episode is not counted for a new one.
//!
//! A writer announces each sync in its intent word and records the outcome there. If it dies in
//! between, nobody knows whether the kernel dropped pages. So an intent whose owner died counts as
//! failed.

use std::sync::atomic::Ordering;
use std::time::{Duration, Instant};

use crate::error::{Error, ErrorKind, Result};
use crate::format::header::HEADER_OFFSETS;
use crate::format::record::{Incarnation, Position, WriterOpened};
use crate::format::word::WordPlace;
use crate::format::{FileId, PAGE_BYTES, UNIT_BYTES, unit_start};
use crate::mutant::fault;
use crate::storage::{LockMode, Storage};

use super::chain::{read_word, write_word};
use super::io_error::io_error;
use super::locks;
use super::sealer::Sealer;
use super::state::{ExtentState, State, WriterState};
use super::{EVENTS, Log, WriterIdentity};

/// How many bytes are rewritten at a time.
const REWRITE_BYTES: u64 = 64 * 1024;
/// How long a sync sleeps between checks while other processes recover.
const RECOVERY_WAIT: Duration = Duration::from_millis(10);
/// The largest episode that fits an intent word.
const EPISODE_MAX: u64 = 0xFF_FFFF;

/// The outcome of a writer's last sync.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Outcome {
    /// The sync is running.
    Pending,
    /// The sync succeeded.
    Good,
    /// The sync failed.
    Failed,
}

/// The intent word of a writer: its last sync's outcome and episode, and bits of its incarnation.
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

/// The poison word: the number of episodes, and whether one is active.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Poison {
    episode: u64,
    is_on: bool,
}

impl Log {
    /// Makes everything durable that any process logged before the call.
    ///
    /// The device must honour a flush. On a poisoned file, this does its part of the recovery. It
    /// then waits up to `recovery_timeout` for the others before it fails.
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

    /// Does this process's part of the recovery and waits for the others, up to the timeout.
    pub(super) fn wait_out_poison(&self, began: Instant) -> Result<()> {
        while !self.recover_from_poison()? {
            let episode = self.poison()?.episode;
            // After one timeout in this episode, later calls fail without another wait.
            let is_vain = self.given_up.load(Ordering::Relaxed) == episode;
            if is_vain || began.elapsed() >= self.options.recovery_timeout {
                self.given_up.store(episode, Ordering::Relaxed);
                return Err(poisoned());
            }
            std::thread::sleep(RECOVERY_WAIT);
        }
        Ok(())
    }

    /// Syncs like [`Log::sync`], but fails at once while the file is poisoned.
    pub(crate) fn sync_once(&self) -> Result<()> {
        let writer = self.check_usable()?;
        let _serial = self.syncing.lock();
        self.set_owed_alarm()?;
        let poison = self.poison()?;
        if poison.is_on {
            return Err(poisoned());
        }
        // Read before the sync begins, because the sync may miss records appended during it. A mark
        // beyond durable bytes would turn the remains of a power cut into damage.
        let mark = self.chain_end.get();
        let stored = self.stored();
        self.sync_or_alarm(writer, poison.episode)?;
        // A failed sync of another process may have dropped pages that this sync should have
        // covered. So our own success counts only if no other sync has failed.
        if self.check_intents()? || self.poison()? != poison {
            return Err(poisoned());
        }
        let mark = if fault!(MarkAfterSync) { self.chain_end.get() } else { mark };
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

    /// Syncs the storage, and sets the alarm if that fails.
    fn sync_or_alarm(&self, writer: WriterIdentity, episode: u64) -> Result<()> {
        self.sync_storage(writer, episode).inspect_err(|_| {
            if !fault!(Rule21NoPoison) {
                self.owes_alarm.store(true, Ordering::Release);
                // If the alarm cannot be set now, the next sync sets it first.
                let _ = self.set_owed_alarm();
            }
        })
    }

    /// Syncs the storage, and records the start and the outcome in the intent word.
    fn sync_storage(&self, writer: WriterIdentity, episode: u64) -> Result<()> {
        let owner = owner_bits(writer.incarnation);
        let record = |outcome| {
            let value = Intent { outcome, episode, owner }.encode();
            write_word(&*self.storage, self.file, WordPlace::Intent(writer.byte), value)
        };
        record(Outcome::Pending)?;
        match self.storage.sync() {
            Ok(()) => record(Outcome::Good),
            Err(source) => {
                record(Outcome::Failed)?;
                let message = "syncing the file failed: points since the last sync survive the \
                               death of a process, but may not survive a power cut";
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

    /// Returns whether the file is poisoned by a failed sync.
    pub(crate) fn is_poisoned(&self) -> Result<bool> {
        Ok(self.owes_alarm.load(Ordering::Acquire) || self.poison()?.is_on)
    }

    /// Sets the alarm that an earlier failed sync could not set.
    fn set_owed_alarm(&self) -> Result<()> {
        if self.owes_alarm.load(Ordering::Acquire) {
            self.set_poison()?;
            self.owes_alarm.store(false, Ordering::Release);
        }
        Ok(())
    }

    /// Sets the alarm. The metadata lock keeps this from racing with the end of a recovery.
    fn set_poison(&self) -> Result<()> {
        let _chain = self.chain.lock();
        let _held = self.lock_metadata()?;
        ::log::error!(target: EVENTS, "a sync failed: unsynced data is written again");
        begin_episode(&*self.storage, self.file)
    }

    fn lock_metadata(&self) -> Result<locks::LockGuard<'_>> {
        let (storage, patience) = (&*self.storage, self.options.lock_timeout);
        locks::lock(storage, locks::METADATA, LockMode::Exclusive, patience, "the metadata chain")
    }

    /// Returns whether another writer's sync has failed, or counts as failed because the writer
    /// died.
    ///
    /// Sets the alarm on behalf of the dead. A living writer judges its own running sync.
    pub(super) fn check_intents(&self) -> Result<bool> {
        if fault!(Rule21NoPoison) {
            return Ok(false);
        }
        let mut has_failed = false;
        for (writer, outcome) in self.bad_intents()? {
            has_failed |= if self.is_dead(&writer)? {
                let _chain = self.chain.lock();
                let _held = self.lock_metadata()?;
                check_dead_intent(&*self.storage, self.file, &writer)?
            } else {
                outcome == Outcome::Failed
            };
        }
        Ok(has_failed)
    }

    /// Returns the other writers whose last sync failed or is running. Costs a small read per
    /// writer.
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

    /// Does this process's part of the recovery. Returns whether the file is free of poison.
    ///
    /// The process rewrites its own pages and the chain, and syncs them. The janitor also does so
    /// for the dead. It clears the poison once every living writer has done its part.
    pub(crate) fn recover_from_poison(&self) -> Result<bool> {
        self.set_owed_alarm()?;
        let poison = self.poison()?;
        if !poison.is_on {
            return Ok(true);
        }
        let writer = self.check_usable()?;
        // These locks keep blocks from being written and syncs from running during the rewrite.
        let sealer = self.sealer.lock();
        let _serial = self.syncing.lock();
        // A writer that died in a sync since starts a new episode, so check for that first.
        self.check_intents()?;
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
        if self.check_intents()? || janitor.is_none() {
            return Ok(false);
        }
        let others = self.not_recovered(poison.episode)?;
        if others.iter().any(|writer| !dead.contains(&writer.opened.incarnation)) {
            return Ok(false);
        }
        // A new episode that began meanwhile must not be cleared: some of its pages may be lost
        // again.
        let _chain = self.chain.lock();
        let _held = self.lock_metadata()?;
        if self.poison()? != poison {
            return Ok(false);
        }
        write_word(&*self.storage, self.file, WordPlace::Poison, poison.episode << 1)?;
        Ok(true)
    }

    /// Returns whether the writer has rewritten its pages in this episode and synced them.
    fn has_recovered(&self, byte: u16, incarnation: Incarnation, episode: u64) -> Result<bool> {
        let good = Intent { outcome: Outcome::Good, episode, owner: owner_bits(incarnation) };
        let value = read_word(&*self.storage, self.file, WordPlace::Intent(byte))?;
        Ok(value.and_then(Intent::decode) == Some(good))
    }

    /// Returns the writers other than this one that have not, living and dead.
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

    /// Writes the bytes of this process's unsealed extents, block units and chunks over themselves.
    fn rewrite_own(&self, sealer: &Sealer) -> Result<()> {
        for &(unit, units) in sealer.block_units() {
            self.rewrite(unit_start(unit), u64::from(units) * UNIT_BYTES)?;
        }
        self.rewrite_chunks()?;
        // The mutex keeps the writer out: a store between the read and the write would be lost.
        let points = self.points.lock();
        for (extent, _) in points.unsealed() {
            self.rewrite_extent(&extent)?;
        }
        Ok(())
    }

    /// Rewrites the unsealed extents of the dead, and returns their incarnations.
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

    /// Writes the chain from the durable mark over itself, under the metadata lock.
    fn rewrite_chain(&self) -> Result<()> {
        let mut chain = self.chain.lock();
        let _held = self.lock_metadata()?;
        chain.catch_up()?;
        for (start, end) in chain.reader.units_from_mark()? {
            self.rewrite(start, end - start)?;
        }
        // The two header pages. The page of shared words is dirtied by each sync anyway.
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
            let doing = || io_error(format!("rewriting the bytes at {offset}"));
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

/// Starts an episode of poison, even if one is active.
///
/// The new failure may have dropped what a writer logged after it had rewritten its pages.
fn begin_episode(storage: &dyn Storage, file: FileId) -> Result<()> {
    let episode = (read_poison(storage, file)?.episode + 1) & EPISODE_MAX;
    write_word(storage, file, WordPlace::Poison, episode << 1 | 1)
}

/// Returns the recorded outcome of the writer's last sync, unless it succeeded.
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

/// Sets the alarm if a dead writer left a sync that counts as failed. Returns whether it did.
///
/// Call it under the metadata lock. A writer of an earlier boot sets no alarm, because the page
/// cache of that boot is gone. Whatever could be lost is lost already.
fn check_dead_intent(storage: &dyn Storage, file: FileId, writer: &WriterState) -> Result<bool> {
    if bad_outcome(storage, file, writer)?.is_none() {
        return Ok(false);
    }
    let is_of_this_boot = writer.opened.boot_id == storage.boot_id();
    if is_of_this_boot {
        begin_episode(storage, file)?;
    }
    // The evidence is cleared after the alarm is set. If this process dies in between, the next one
    // still finds it.
    write_word(storage, file, WordPlace::Intent(writer.opened.byte), 0)?;
    Ok(is_of_this_boot)
}

/// Runs [`check_dead_intent`] for the former owners of a liveness byte.
///
/// The byte's new owner is about to overwrite their intent word.
pub(super) fn check_byte_intents(
    storage: &dyn Storage,
    file: FileId,
    state: &State,
    byte: u16,
) -> Result<()> {
    for writer in state.writers.values().filter(|writer| writer.opened.byte == byte) {
        check_dead_intent(storage, file, writer)?;
    }
    Ok(())
}

fn poisoned() -> Error {
    Error::new(
        ErrorKind::Poisoned,
        "a sync of this file failed before, in this or another process: logging continues and \
         survives the death of a process; `sync` fails until the disk accepts all writes again",
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
