//! The append path: points and rows into the process's own extent.

use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::{Duration, Instant};

use crate::entity::id::{RunId, Timestamp};
use crate::error::{Error, ErrorKind, Result};
use crate::format::header::{UnitHeader, UnitKind};
use crate::format::record::{
    ExtentOpened, Incarnation, Position, Record, RowDefined, SeriesDefined, SeriesId,
};
use crate::format::slot::{self, SLOT_WORDS, SlotSeed, point_words, row_slots, row_words};
use crate::format::{
    FIRST_SLOT_BYTES, ROW_VALUES_MAX, SLOT_BYTES, UNIT_BYTES, unit_start, units_for,
};
#[cfg(feature = "internals")]
use crate::mutant::{self, Mutant};
use crate::sys::clock::Clock;
use crate::sys::mutex::MutexGuard;

use super::definitions::Definition;
use super::extent::{OpenExtent, Window, slot_offset};
use super::state::ExtentState;
use super::{Log, io_error};

/// Sizes of extents, in units: a process begins with the first and goes on as its rate demands.
const EXTENT_UNITS: [u32; 4] = [1, 4, 16, 64];
/// An extent that fills faster than this is followed by a larger one.
const FILLS_FAST: Duration = Duration::from_secs(4);
/// Where this process stores its next point.
#[derive(Debug)]
pub(crate) struct Points {
    active: Option<OpenExtent>,
    /// Opened ahead of time, so that the append path need not wait for the chain.
    ready: Option<OpenExtent>,
    /// Full extents that are not sealed, in order.
    pub(super) full: Vec<ExtentState>,
    /// Those of them that are being sealed.
    sealing: Vec<ExtentState>,
    /// Entries stored since the process opened the file.
    pub(super) stored: u64,
    /// How many of them the last good sync covered.
    pub(super) synced: u64,
    /// The end of the chain that it covered.
    pub(super) chain_synced: Position,
    /// The values of a row as padded words; kept to spare an allocation a row.
    row: Vec<u64>,
    /// Looked at under the lock: so the points of a process are in the order of their times.
    clock: Clock,
}

impl Points {
    /// No extent yet; the chain up to `chain_synced` is somebody else's to sync.
    pub(super) fn new(chain_synced: Position) -> Self {
        Points {
            active: None,
            ready: None,
            full: Vec::new(),
            sealing: Vec::new(),
            stored: 0,
            synced: 0,
            chain_synced,
            row: Vec::new(),
            clock: Clock::of_machine(),
        }
    }
}

impl Points {
    /// Takes all extents away from the writer: the part-filled ones count as full, as do these.
    pub(super) fn fill_all(&mut self, unopened: Vec<ExtentState>) {
        self.full.extend(self.active.take().map(|extent| extent.state()));
        self.full.extend(self.ready.take().map(|extent| extent.state()));
        self.full.extend(unopened);
    }

    /// Takes the first `count` full extents away, to be sealed.
    pub(super) fn take_full(&mut self, count: usize) -> Vec<ExtentState> {
        let taken: Vec<ExtentState> = self.full.drain(..count).collect();
        self.sealing.extend(&taken);
        taken
    }

    /// These extents were sealed; or they were not, and are full ones again.
    pub(super) fn end_sealing(&mut self, extents: &[ExtentState], are_sealed: bool) {
        self.sealing.retain(|extent| !extents.contains(extent));
        if !are_sealed {
            self.full.splice(0..0, extents.iter().copied());
        }
    }

    /// The extents that hold stores of this process that may be unsynced, with the slots in use.
    pub(super) fn unsealed(&self) -> Vec<(ExtentState, Option<u32>)> {
        let full = self.sealing.iter().chain(&self.full);
        let mut all: Vec<_> = full.map(|extent| (*extent, None)).collect();
        all.extend(self.active.iter().map(|extent| (extent.state(), Some(extent.next))));
        all
    }

    /// Bytes of full extents that wait to be sealed.
    fn backlog_bytes(&self) -> u64 {
        self.full.iter().map(|extent| u64::from(extent.units) * UNIT_BYTES).sum()
    }

    /// The pages of the next stores, which a sync has write-protected.
    fn tail(&self) -> Option<Window> {
        self.active.as_ref().map(OpenExtent::tail)
    }

    /// Whether the writer fills extents of the largest size.
    fn is_fast(&self) -> bool {
        self.active.as_ref().is_some_and(|extent| extent.units >= EXTENT_UNITS[3])
    }

    /// Whether the writer is in the second half of its last extent.
    pub(super) fn is_ready_needed(&self) -> bool {
        let half = |extent: &OpenExtent| extent.next >= extent.capacity / 2;
        self.ready.is_none() && self.active.as_ref().is_some_and(half)
    }

    /// Lets go of the extent when it has no slot left. On a full disk it can then be sealed, which
    /// makes room, and the next one that is tried is of the smallest size.
    fn release_full(&mut self) {
        let full = self.active.take_if(|extent| extent.next == extent.capacity);
        self.full.extend(full.map(|extent| extent.state()));
    }

    fn next_units(&self) -> u32 {
        let Some(active) = &self.active else { return EXTENT_UNITS[0] };
        let took = active.began.map_or(FILLS_FAST, |began| began.elapsed());
        // Asked when the extent is part-filled: what the whole of it will take.
        let filled = f64::from(active.next.max(1)) / f64::from(active.capacity);
        let is_fast = took.as_secs_f64() / filled < FILLS_FAST.as_secs_f64();
        let larger = EXTENT_UNITS.into_iter().find(|units| *units > active.units);
        let usual = EXTENT_UNITS.into_iter().rev().find(|units| *units <= active.units);
        match (is_fast, larger) {
            (true, Some(larger)) => larger,
            _ => usual.unwrap_or(EXTENT_UNITS[0]),
        }
    }
}

impl Log {
    /// Appends one point, of now when no time is given. When this returns, the point survives the
    /// death of the process.
    ///
    /// Of its time fresh pages are the most; the next extent is ready before it is needed.
    #[inline]
    pub(crate) fn append_point(
        &self,
        series: SeriesId,
        step: i64,
        time: Option<Timestamp>,
        value: f64,
    ) -> Result<()> {
        self.check_usable()?;
        let mut guard = self.points.lock();
        loop {
            let points = &mut *guard;
            if let Some(extent) = &mut points.active
                && extent.next < extent.capacity
            {
                if extent.soiled > 0 {
                    extent.clean()?;
                }
                let time = time.map_or_else(|| points.clock.now(), Timestamp::as_nanos);
                let words = point_words(extent.seed, extent.next, series, step, time, value);
                if let Err(source) = extent.region.commit(slot_offset(extent.next), &words) {
                    extent.soiled = extent.next + 1;
                    return Err(Error::io("storing a point", source));
                }
                extent.next += 1;
                let is_noticed = extent.next >= extent.notice_at;
                points.stored += 1;
                if is_noticed {
                    self.notice(points);
                }
                return Ok(());
            }
            guard = self.make_room(guard, 1)?;
        }
    }

    /// Appends one row, of now when no time is given: all of its values or, if the process dies,
    /// none.
    pub(crate) fn append_row(
        &self,
        schema: SeriesId,
        step: i64,
        time: Option<Timestamp>,
        values: &[f64],
    ) -> Result<()> {
        self.check_usable()?;
        check_row_length(values.len())?;
        let slots = row_slots(values.len()) as u32;
        let mut guard = self.points.lock();
        loop {
            let points = &mut *guard;
            if let Some(extent) = &mut points.active
                && extent.capacity - extent.next >= slots
            {
                if extent.soiled > 0 {
                    extent.clean()?;
                }
                points.row.clear();
                points.row.extend(values.iter().map(|value| value.to_bits()));
                points.row.resize(values.len().next_multiple_of(SLOT_WORDS), 0);
                let (seed, index) = (extent.seed, extent.next);
                let time = time.map_or_else(|| points.clock.now(), Timestamp::as_nanos);
                let header = row_words(seed, index, schema, step, time, values.len(), &points.row);
                let stored = extent.region.store_row(slot_offset(index), &header, &points.row);
                if let Err(source) = stored {
                    extent.soiled = extent.next + slots;
                    return Err(Error::io("storing a row", source));
                }
                extent.next += slots;
                let is_noticed = extent.next >= extent.notice_at;
                points.stored += 1;
                if is_noticed {
                    self.notice(points);
                }
                return Ok(());
            }
            guard = self.make_room(guard, slots)?;
        }
    }

    /// Half a window on: asks for pages and for the next extent where these are due, and where
    /// nobody has run ahead, makes the next window resident at once.
    #[cold]
    fn notice(&self, points: &mut Points) {
        let is_ready_needed = points.is_ready_needed();
        let Some(extent) = &mut points.active else { return };
        extent.put_notice();
        if extent.next >= extent.populated
            && let Some(window) = extent.take_window()
        {
            window.populate();
        }
        if is_ready_needed || extent.is_window_needed() {
            self.wake_ahead();
        }
    }

    /// Wakes whoever makes pages and extents ready.
    fn wake_ahead(&self) {
        let has_runner = self.has_runner.load(Ordering::Relaxed);
        if has_runner { self.runner_wake.wake() } else { self.wake.wake() }
    }

    /// Whether the writer is so fast that a thread of its own should run ahead of it.
    pub(super) fn is_fast(&self) -> bool {
        self.points.lock().is_fast()
    }

    /// Makes a window of pages resident before the writer comes to it; whether one was due.
    ///
    /// It is of the active extent when it is taken. It is populated before anybody else can take
    /// one, and before an extent is punched: a page that is touched after that would take space
    /// again, for ever.
    pub(super) fn populate_ahead(&self) -> bool {
        let _one = self.populating.lock();
        let window = self.next_window();
        // Without the lock of the points: the writer goes on meanwhile.
        window.iter().for_each(Window::populate);
        window.is_some()
    }

    fn next_window(&self) -> Option<Window> {
        let mut points = self.points.lock();
        points.active.as_mut().filter(|extent| !extent.is_far_ahead())?.take_window()
    }

    /// Makes the pages that the writer touches next writable again, after a sync.
    pub(super) fn populate_tail(&self) {
        let _one = self.populating.lock();
        let tail = self.points.lock().tail();
        tail.iter().for_each(Window::populate);
    }

    /// Goes over to an extent that has room for `slots` slots; but who logs for long faster than
    /// is sealed helps with the sealing first, lest the disk be filled.
    #[cold]
    fn make_room<'a>(
        &'a self,
        mut points: MutexGuard<'a, Points>,
        slots: u32,
    ) -> Result<MutexGuard<'a, Points>> {
        if points.backlog_bytes() >= self.options.backlog_bytes {
            drop(points);
            // Points go on being taken where they cannot be sealed: the sealing says why by itself.
            self.wait_within(|| drop(self.seal_unless_poisoned()));
            points = self.points.lock();
            let has_room = |extent: &OpenExtent| extent.capacity - extent.next >= slots;
            if points.active.as_ref().is_some_and(has_room) {
                // Another thread was here meanwhile.
                return Ok(points);
            }
        }
        self.next_extent(&mut points, slots)?;
        Ok(points)
    }

    /// Goes over to an extent that has room for `slots` slots.
    fn next_extent(&self, points: &mut Points, slots: u32) -> Result<()> {
        let fits = points.ready.as_ref().is_some_and(|extent| extent.capacity >= slots);
        let mut next = if fits { points.ready.take() } else { None };
        if next.is_none() {
            let bytes = FIRST_SLOT_BYTES + u64::from(slots) * SLOT_BYTES;
            let units = points.next_units().max(units_for(bytes));
            let opened = self.open_extent(units);
            if opened.is_err() {
                points.release_full();
                self.wake.wake();
            }
            next = Some(opened?);
            // One that was ready and is too small keeps its place in the order: before this one.
            points.full.extend(points.active.take().map(|extent| extent.state()));
            points.full.extend(points.ready.take().map(|extent| extent.state()));
        }
        points.full.extend(points.active.take().map(|extent| extent.state()));
        points.active = next.map(|extent| OpenExtent { began: Some(Instant::now()), ..extent });
        self.wake.wake();
        Ok(())
    }

    /// Makes the next extent ready when the active one is half full.
    pub(super) fn prepare_extent(&self) -> Result<()> {
        let Some(_one) = self.preparing.try_lock() else { return Ok(()) };
        let units = {
            let points = self.points.lock();
            if !points.is_ready_needed() {
                return Ok(());
            }
            points.next_units()
        };
        let mut extent = self.open_extent(units)?;
        extent.take_window().iter().for_each(Window::populate);
        let mut points = self.points.lock();
        if points.ready.is_none() {
            points.ready = Some(extent);
        } else {
            // The writer was faster and opened one itself: this one is empty and goes to the seal.
            points.full.push(extent.state());
        }
        Ok(())
    }

    fn open_extent(&self, units: u32) -> Result<OpenExtent> {
        let incarnation = self.check_usable()?.incarnation;
        let unopened = {
            let mut unopened = self.unopened.lock();
            let fits = unopened.iter().position(|extent| extent.units >= units);
            fits.map(|index| unopened.swap_remove(index))
        };
        let extent = match unopened {
            Some(extent) => extent,
            None => {
                let unit = self.append(|_, take| {
                    let Some(unit) = take.units_for_points(units) else {
                        return Ok((Vec::new(), 0));
                    };
                    // Before the frame that names it: an extent without a header is damaged.
                    self.write_extent_header(incarnation, unit, units, 0)?;
                    Ok((vec![ExtentOpened { incarnation, unit, units }.into()], unit))
                })?;
                ExtentState { unit, units, sealed: false }
            }
        };
        // One that fails here is tried again: a failure that lasts must not fill the file.
        self.map_extent(extent, incarnation).inspect_err(|_| self.unopened.lock().push(extent))
    }

    /// Stores for a mutant how many slots of its extents are in use, as of the last sync.
    #[cfg(feature = "internals")]
    pub(super) fn store_lengths(&self, points: &Points) -> Result<()> {
        if !mutant::is_active(Mutant::TrustedLength) {
            return Ok(());
        }
        let incarnation = self.check_usable()?.incarnation;
        for (extent, slots) in points.unsealed() {
            let slots = slots.unwrap_or_else(|| slot::slot_count(extent.units));
            self.write_extent_header(incarnation, extent.unit, extent.units, slots)?;
        }
        Ok(())
    }

    /// Extents say nothing of their length in slots: `slots` is 0, but for a mutant.
    fn write_extent_header(
        &self,
        incarnation: Incarnation,
        unit: u32,
        units: u32,
        slots: u32,
    ) -> Result<()> {
        let header = UnitHeader {
            kind: UnitKind::Extent,
            unit,
            units,
            incarnation,
            previous_end: Position(u64::from(slots)),
            previous_hash: 0,
        };
        let written = self.storage.write_at(unit_start(unit), &header.encode(self.file));
        written.map_err(io_error(format!("writing the header of extent {unit}")))
    }

    fn map_extent(&self, extent: ExtentState, incarnation: Incarnation) -> Result<OpenExtent> {
        let ExtentState { unit, units, .. } = extent;
        let region = self
            .storage
            .region(unit_start(unit), u64::from(units) * UNIT_BYTES)
            .map_err(io_error(format!("opening extent {unit}")))?;
        let seed = SlotSeed::new(self.file, unit, incarnation);
        Ok(OpenExtent::new(unit, units, seed, Arc::from(region)))
    }

    /// The ids of metrics of a run; those that this process has not defined yet are, in one frame.
    pub(crate) fn define_series(&self, run: RunId, keys: &[&str]) -> Result<Vec<SeriesId>> {
        let writer = self.check_usable()?;
        let mut definitions = self.definitions.lock();
        let meaning = |key: &str| Definition::Series { run, key: Arc::from(key) };
        let known: Vec<_> = keys.iter().map(|key| definitions.find(&meaning(key))).collect();
        let fresh = keys.iter().zip(&known).filter(|(_, known)| known.is_none());
        let fresh: Vec<&str> = fresh.map(|(key, _)| *key).collect();
        let first = definitions.next_id();
        check_id(u64::from(first.0) + fresh.len() as u64)?;
        let record: Record = SeriesDefined {
            incarnation: writer.incarnation,
            run,
            first,
            keys: fresh.iter().map(|&key| key.to_owned()).collect(),
        }
        .into();
        if !fresh.is_empty() && !self.wake.postpones(&record) {
            let defined = self.append(|state, _| {
                check_run_writable(state, run)?;
                Ok((vec![record.clone()], ()))
            });
            // A frame whose writing failed may stand in the chain all the same.
            defined.inspect_err(|_| definitions.skip(fresh.len()))?;
        }
        for (offset, key) in (0..).zip(&fresh) {
            definitions.set_own(SeriesId(first.0 + offset), meaning(key));
        }
        let mut given = (first.0..).map(SeriesId);
        Ok(known.into_iter().filter_map(|known| known.or_else(|| given.next())).collect())
    }

    /// The id of rows that hold these series, all of one run, in this order.
    pub(crate) fn define_row(&self, series: &[SeriesId]) -> Result<SeriesId> {
        let writer = self.check_usable()?;
        check_row_length(series.len())?;
        let mut definitions = self.definitions.lock();
        let meaning = Definition::Row(series.into());
        if let Some(known) = definitions.find(&meaning) {
            return Ok(known);
        }
        let row = definitions.next_id();
        check_id(u64::from(row.0))?;
        let record = RowDefined { incarnation: writer.incarnation, row, series: series.to_vec() };
        let defined = self.append(|_, _| Ok((vec![record.clone().into()], ())));
        defined.inspect_err(|_| definitions.skip(1))?;
        definitions.set_own(row, meaning);
        Ok(row)
    }

    /// How many entries this process has stored so far.
    pub(crate) fn stored(&self) -> u64 {
        self.points.lock().stored
    }
}

/// A run takes metrics unless it is deleted or purged.
pub(crate) fn check_run_writable(state: &super::State, run: RunId) -> Result<()> {
    match state.runs.get(&run) {
        Some(held) if held.purged => Err(Error::new(
            ErrorKind::NotFound,
            format!("run {run} was purged: it is gone for good"),
        )),
        Some(held) if held.lifecycle == crate::entity::Lifecycle::Deleted => Err(Error::new(
            ErrorKind::InvalidState,
            format!("run {run} is deleted: restore it before writing to it"),
        )),
        _ => Ok(()),
    }
}

/// A row has at least one value and at most as many as the format takes.
pub(crate) fn check_row_length(count: usize) -> Result<()> {
    if (1..=ROW_VALUES_MAX).contains(&count) {
        return Ok(());
    }
    Err(Error::new(
        ErrorKind::InvalidInput,
        format!("a row of {count} values: it takes 1 to {ROW_VALUES_MAX}"),
    ))
}

pub(super) fn check_id(last: u64) -> Result<()> {
    if last < u64::from(slot::ROW_FLAG) {
        return Ok(());
    }
    Err(Error::new(
        ErrorKind::InvalidInput,
        "this process has defined 2^31 metrics, the most there can be: open the file anew",
    ))
}
