//! The append path: points and rows go into the process's own extent.

use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::Instant;

use crate::entity::id::{RunId, Timestamp};
use crate::error::{Error, Result};
use crate::format::header::{UnitHeader, UnitKind};
use crate::format::record::{
    ExtentOpened, Incarnation, Position, Record, RowDefined, SeriesDefined, SeriesId,
};
use crate::format::slot::{SLOT_WORDS, SlotSeed, point_words, row_slots, row_words};
use crate::format::{FIRST_SLOT_BYTES, SLOT_BYTES, UNIT_BYTES, unit_start, units_for};
use crate::sys::mutex::MutexGuard;

use super::Log;
use super::checks::{check_id, check_row_length, check_run_writable};
use super::definitions::Definition;
use super::extent::{OpenExtent, Window, slot_offset};
use super::io_error::io_error;
use super::own_points::Points;
use super::state::ExtentState;

impl Log {
    /// Appends one point, timed now if no time is given.
    ///
    /// When this returns, the point survives the death of the process.
    ///
    /// # Performance
    ///
    /// Makes no system call and takes no lock of another process. Most of the time goes into page
    /// faults. The next extent is prepared ahead of time.
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
                if extent.dirty_end > 0 {
                    extent.clean()?;
                }
                let time = time.map_or_else(|| points.clock.now(), Timestamp::as_nanos);
                let words = point_words(extent.seed, extent.next, series, step, time, value);
                if let Err(source) = extent.region.commit(slot_offset(extent.next), &words) {
                    extent.dirty_end = extent.next + 1;
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

    /// Appends one row, timed now if no time is given. A crash keeps all of its values or none.
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
                if extent.dirty_end > 0 {
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
                    extent.dirty_end = extent.next + slots;
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

    /// Runs half a window after the last notice, and requests pages and the next extent.
    ///
    /// If no thread has run ahead, this makes the next window resident itself.
    #[cold]
    fn notice(&self, points: &mut Points) {
        let is_ready_needed = points.is_ready_needed();
        let Some(extent) = &mut points.active else { return };
        extent.schedule_notice();
        if extent.next >= extent.populated
            && let Some(window) = extent.take_window()
        {
            window.populate();
        }
        if is_ready_needed || extent.is_window_needed() {
            self.wake_ahead();
        }
    }

    /// Wakes the thread that prepares pages and extents.
    fn wake_ahead(&self) {
        let has_runner = self.has_runner.load(Ordering::Relaxed);
        if has_runner { self.runner_wake.wake() } else { self.wake.wake() }
    }

    /// Returns whether the writer is fast enough to need a thread that runs ahead of it.
    pub(super) fn is_fast(&self) -> bool {
        self.points.lock().is_fast()
    }

    /// Makes the next window of pages resident ahead of the writer. Returns whether one was due.
    ///
    /// The lock makes one thread at a time take and populate a window, and keeps an extent from
    /// being punched meanwhile. A page touched after the punch would take space permanently.
    pub(super) fn populate_ahead(&self) -> bool {
        let _one = self.populating.lock();
        let window = self.next_window();
        // Populate without the lock of the points, so that the writer can continue.
        window.iter().for_each(Window::populate);
        window.is_some()
    }

    fn next_window(&self) -> Option<Window> {
        let mut points = self.points.lock();
        points.active.as_mut().filter(|extent| !extent.is_far_ahead())?.take_window()
    }

    /// Makes the pages of the writer's next stores writable again after a sync.
    pub(super) fn populate_tail(&self) {
        let _one = self.populating.lock();
        let tail = self.points.lock().tail();
        tail.iter().for_each(Window::populate);
    }

    /// Switches to an extent with room for `slots` slots.
    ///
    /// A writer that outpaces the sealing seals some extents first, so that it does not fill the
    /// disk.
    #[cold]
    fn make_room<'a>(
        &'a self,
        mut points: MutexGuard<'a, Points>,
        slots: u32,
    ) -> Result<MutexGuard<'a, Points>> {
        if points.backlog_bytes() >= self.options.backlog_bytes {
            drop(points);
            // If sealing fails, logging continues. The background thread reports the failure.
            self.wait_within(|| drop(self.seal_unless_poisoned()));
            points = self.points.lock();
            let has_room = |extent: &OpenExtent| extent.capacity - extent.next >= slots;
            if points.active.as_ref().is_some_and(has_room) {
                // Another thread made room meanwhile.
                return Ok(points);
            }
        }
        self.next_extent(&mut points, slots)?;
        Ok(points)
    }

    /// Switches to an extent with room for `slots` slots.
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
            // A prepared extent that is too small stays empty. It comes before the new one in
            // order.
            points.full.extend(points.active.take().map(|extent| extent.state()));
            points.full.extend(points.ready.take().map(|extent| extent.state()));
        }
        points.full.extend(points.active.take().map(|extent| extent.state()));
        points.active = next.map(|extent| OpenExtent { began: Some(Instant::now()), ..extent });
        self.wake.wake();
        Ok(())
    }

    /// Prepares the next extent once the active one is half full.
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
            // The writer was faster and opened one itself. This one is empty and is sealed as such.
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
                    // Written before the frame that names it, because an extent without a header is
                    // damaged.
                    self.write_extent_header(incarnation, unit, units, 0)?;
                    Ok((vec![ExtentOpened { incarnation, unit, units }.into()], unit))
                })?;
                ExtentState { unit, units, sealed: false }
            }
        };
        // If this fails, the extent is reused, so that a lasting failure does not fill the file.
        self.map_extent(extent, incarnation).inspect_err(|_| self.unopened.lock().push(extent))
    }

    /// Writes the header of an extent. `slots` is 0 except for a mutant, because extents store no
    /// length.
    pub(super) fn write_extent_header(
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

    /// Returns the ids of a run's metrics. Defines those that are new in one frame.
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
            // If writing the frame failed, it may still be in the chain, so its ids are never
            // reused.
            defined.inspect_err(|_| definitions.skip(fresh.len()))?;
        }
        for (offset, key) in (0..).zip(&fresh) {
            definitions.set_own(SeriesId(first.0 + offset), meaning(key));
        }
        let mut given = (first.0..).map(SeriesId);
        Ok(known.into_iter().filter_map(|known| known.or_else(|| given.next())).collect())
    }

    /// Returns the id of rows that hold these series of one run in this order.
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

    /// Returns the number of entries that this process has stored.
    pub(crate) fn stored(&self) -> u64 {
        self.points.lock().stored
    }
}
