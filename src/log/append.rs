//! Appending to the metadata chain, and allocating units at the end of the file.

use std::ops::Range;

use crate::error::{Error, ErrorKind, Result};
use crate::format::frame::{self};
use crate::format::record::{Incarnation, Record};
use crate::format::unit_start;
use crate::storage::LockMode;

use super::Log;
use super::chain::ChainEnd;
use super::chain_tail::{Chain, RESERVE_UNITS, Take, append_encoded, chain_units, link_unit};
use super::io_error::io_error;
use super::locks;
use super::state::State;

/// How often an append retries after others took the space that it had prepared.
const ATTEMPTS_MAX: u32 = 64;

impl Log {
    /// Appends one frame with the records that `build` creates from the state at the chain's end.
    ///
    /// `build` runs under the metadata lock, after the chain was caught up. So its checks still
    /// hold when the frame is committed. It may run several times. An empty list appends nothing.
    pub(crate) fn append<T>(
        &self,
        mut build: impl FnMut(&State, &mut Take) -> Result<(Vec<Record>, T)>,
    ) -> Result<T> {
        self.check_usable()?;
        let (mut wanted, mut is_for_points) = (0, false);
        // Under the metadata lock nothing waits for the disk, so space is allocated before. The
        // first attempt only finds out how much is needed.
        for attempt in 0..ATTEMPTS_MAX {
            let prepared = self.prepare(wanted, attempt, is_for_points)?;
            let mut chain = self.chain.lock();
            let patience = self.options.lock_timeout;
            let what = "the metadata chain";
            let exclusive = LockMode::Exclusive;
            let _held = locks::lock(&*self.storage, locks::METADATA, exclusive, patience, what)?;
            self.check_fork()?;
            chain.catch_up_to_append()?;
            let next = chain.state.next_unit;
            let mut take =
                Take { next, prepared, wanted: 0, is_short: false, is_for_points: false };
            let (records, value) = build(&chain.state, &mut take)?;
            if !take.is_short && records.is_empty() {
                return Ok(value);
            }
            if !take.is_short && self.append_records(&mut chain, &records, &mut take)? {
                self.chain_end.set(chain.reader.cursor().next);
                return Ok(value);
            }
            (wanted, is_for_points) = (take.wanted, take.is_for_points);
        }
        let message = "other processes took all space prepared for this append; try again";
        Err(Error::new(ErrorKind::Locked, message))
    }

    /// Allocates space at the end of the file, before the metadata lock is taken.
    fn prepare(&self, units: u32, attempt: u32, is_for_points: bool) -> Result<Range<u64>> {
        if units == 0 {
            return Ok(0..0);
        }
        // Other processes may take the space before this one has the lock. After that, prepare
        // more.
        let slack = if attempt <= 1 { 0 } else { attempt * 2 };
        // Start from the current end: space that was released since would be allocated again.
        let start = self.with_state(|state, _| unit_start(state.next_unit))?;
        let needed = unit_start(units.saturating_add(slack));
        let wished = needed + unit_start(RESERVE_UNITS);
        let allocate = |length| self.storage.allocate(start, length).map(|()| length);
        let allocated = match allocate(wished) {
            Err(_) if !is_for_points => allocate(needed),
            other => other,
        };
        let doing = || io_error(format!("allocating {needed} bytes at {start}"));
        let length = allocated.map_err(doing())?.min(needed);
        Ok(start..start + length)
    }

    /// Releases the reserve if no other process has the file open for writing.
    ///
    /// This punches under the metadata lock, against the rule that no space changes under it. The
    /// lock keeps others from opening the file and taking the units meanwhile.
    pub(super) fn release_reserve(&self) -> Result<()> {
        let mut chain = self.chain.lock();
        let (storage, patience) = (&*self.storage, self.options.lock_timeout);
        let what = "the metadata chain";
        let _held = locks::lock(storage, locks::METADATA, LockMode::Exclusive, patience, what)?;
        let doing = || io_error("releasing the reserve".to_owned());
        if storage.is_locked_elsewhere(locks::LIVENESS).map_err(doing())? {
            return Ok(());
        }
        if chain.catch_up()? != ChainEnd::Clean {
            // The unread part of the chain may name units there.
            return Ok(());
        }
        let start = unit_start(chain.state.next_unit);
        let end = storage.len().map_err(doing())?;
        if start < end { self.punch_range(start, end - start) } else { Ok(()) }
    }

    /// Writes the frame. Returns false if the chain needs a new unit that has no space yet.
    fn append_records(
        &self,
        chain: &mut Chain,
        records: &[Record],
        take: &mut Take,
    ) -> Result<bool> {
        let mut bytes = frame::encode_unplaced(records)?;
        if bytes.len() > chain.reader.cursor().room() {
            let units = chain_units(take.next, bytes.len());
            let Some(unit) = take.units(units) else { return Ok(false) };
            let cursor = chain.reader.cursor();
            let owner = self.writer.map_or(Incarnation(0), |writer| writer.incarnation);
            let linked = link_unit(&*self.storage, self.file, &cursor, unit, units, owner)?;
            chain.reader.set_cursor(linked);
            chain.state.enter_unit(&linked);
        }
        append_encoded(&*self.storage, self.file, chain, &mut bytes)?;
        Ok(true)
    }
}
