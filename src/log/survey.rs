//! A survey of a file that may be damaged: it finds every intact frame and reports the rest.

use std::collections::BTreeSet;

use crate::error::Result;
use crate::format::frame::{self, FRAME_BYTES_MAX, FRAME_HEADER_BYTES, Frame, Parsed};
use crate::format::header::{UnitHeader, UnitKind};
use crate::format::record::Position;
use crate::format::word::WordPlace;
use crate::format::{
    FIRST_CHAIN_UNIT, FIRST_FRAME_BYTES, UNIT_BYTES, UNIT_HEADER_BYTES, unit_start, units_for,
};
use crate::storage::Storage;

use super::Log;
use super::chain::read_word;
use super::io_error::io_error;

/// A damaged place of the file.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Damage {
    /// A description of the damaged part.
    pub place: String,
    /// The offset from the start of the file in bytes.
    pub offset: u64,
    /// The expected content.
    pub wanted: String,
    /// The content that was found.
    pub got: String,
}

impl Log {
    /// Returns the intact unit headers in file order.
    pub(crate) fn unit_headers(&self) -> Result<Vec<UnitHeader>> {
        let length =
            self.storage.len().map_err(io_error("reading the file's length".to_owned()))?;
        let mut headers = Vec::new();
        // Also look inside large units. A power cut may have lost the end of one and its record,
        // and newer units then begin within it.
        for unit in FIRST_CHAIN_UNIT..units_for(length) {
            headers.extend(self.unit_header(unit)?);
        }
        Ok(headers)
    }

    fn unit_header(&self, unit: u32) -> Result<Option<UnitHeader>> {
        let mut bytes = [0; UNIT_HEADER_BYTES as usize];
        self.storage
            .read_at(unit_start(unit), &mut bytes)
            .map_err(io_error(format!("reading the header of unit {unit}")))?;
        Ok(UnitHeader::decode(self.file, unit, &bytes))
    }

    /// Visits every intact frame in file order, which is chain order, and returns the damage.
    ///
    /// This trusts only checksums, not the links between units and not the chain hash. It does not
    /// report the remains of a power cut, which are:
    ///
    /// - whatever follows a gap beyond the durable mark,
    /// - bytes of a unit behind the place where its successor continues,
    /// - units beyond the mark that continue a chain whose last frames are lost.
    pub(crate) fn survey(
        &self,
        mut visit: impl FnMut(Position, &Frame<'_>) -> Result<()>,
    ) -> Result<Vec<Damage>> {
        let mark = read_word(&*self.storage, self.file, WordPlace::DurableMark)?.unwrap_or(0) * 8;
        let mut damages = Vec::new();
        let mut units: BTreeSet<(u32, u32)> = BTreeSet::new();
        let headers = self.linked_headers()?;
        units.extend(headers.iter().map(|header| (header.unit, header.units)));
        self.add_linked(&mut units, mark, &mut damages)?;
        let mut previous = None;
        for (unit, units) in units {
            let own = headers.iter().find(|header| header.unit == unit);
            let continues = own.map(|header| header.previous_hash);
            let is_other = continues.zip(previous).is_some_and(|(wanted, found)| wanted != found);
            if is_other && unit_start(unit) >= mark {
                continue;
            }
            let next = read_word(&*self.storage, self.file, WordPlace::Successor(unit))?;
            let next = headers.iter().find(|header| Some(u64::from(header.unit)) == next);
            let end = next.map(|header| header.previous_end);
            let before = damages.len();
            let linked = LinkedUnit { unit, units, end };
            previous = self.survey_unit(linked, mark, previous, &mut damages, &mut visit)?;
            if damages.len() > before {
                previous = None;
            }
        }
        Ok(damages)
    }

    /// Returns the headers of chain units, except for those that the chain is known to bypass.
    ///
    /// A power cut can take the link to a unit, and the chain then continues in another one.
    fn linked_headers(&self) -> Result<Vec<UnitHeader>> {
        let mut headers = self.unit_headers()?;
        headers.retain(|header| header.kind == UnitKind::Chain);
        let mut linked = Vec::new();
        for header in &headers {
            let holds = |other: &&UnitHeader| {
                let start = unit_start(other.unit);
                let end = start + u64::from(other.units) * UNIT_BYTES;
                (start..=end).contains(&header.previous_end.0) && other.unit != header.unit
            };
            let next = match headers.iter().find(holds) {
                Some(before) => {
                    read_word(&*self.storage, self.file, WordPlace::Successor(before.unit))?
                }
                None => None,
            };
            let elsewhere = next.is_some_and(|next| {
                next != u64::from(header.unit)
                    && headers.iter().any(|other| u64::from(other.unit) == next)
            });
            if !elsewhere {
                linked.push(*header);
            }
        }
        Ok(linked)
    }

    /// Adds units to which the chain links although their own header is damaged.
    fn add_linked(
        &self,
        units: &mut BTreeSet<(u32, u32)>,
        mark: u64,
        damages: &mut Vec<Damage>,
    ) -> Result<()> {
        let mut linked: Vec<u32> = vec![FIRST_CHAIN_UNIT];
        for (unit, _) in units.iter() {
            linked.extend(self.successor(*unit)?);
        }
        for unit in linked {
            if units.iter().any(|(known, _)| *known == unit) {
                continue;
            }
            units.insert((unit, 1));
            // The first header is synced before the file gets its name.
            if unit_start(unit) < mark || unit == FIRST_CHAIN_UNIT {
                damages.push(Damage {
                    place: format!("header of chain unit {unit}"),
                    offset: unit_start(unit),
                    wanted: "a unit header of this file".to_owned(),
                    got: "other bytes".to_owned(),
                });
            }
        }
        Ok(())
    }

    fn successor(&self, unit: u32) -> Result<Option<u32>> {
        let word = read_word(&*self.storage, self.file, WordPlace::Successor(unit))?;
        Ok(word.and_then(|unit| u32::try_from(unit).ok()))
    }

    /// Visits the intact frames of a unit and returns the chain hash after the last one.
    fn survey_unit(
        &self,
        linked: LinkedUnit,
        mark: u64,
        mut previous: Option<u64>,
        damages: &mut Vec<Damage>,
        visit: &mut impl FnMut(Position, &Frame<'_>) -> Result<()>,
    ) -> Result<Option<u64>> {
        let LinkedUnit { unit, units, end } = linked;
        let start = unit_start(unit);
        let whole = u64::from(units) * UNIT_BYTES;
        let length = end.map_or(whole, |end| end.0.saturating_sub(start).min(whole));
        let file = self.storage.len().map_err(io_error("reading the file's length".to_owned()))?;
        let mut pieces = Pieces {
            storage: &*self.storage,
            next: start + FIRST_FRAME_BYTES,
            end: (start + length).min(file),
            bytes: Vec::new(),
        };
        let mut at = start + FIRST_FRAME_BYTES;
        let mut gap: Option<(u64, String)> = None;
        loop {
            let (rest, room) = pieces.rest(at)?;
            if rest.len() < FRAME_HEADER_BYTES {
                break;
            }
            let position = Position(at);
            match frame::parse(self.file, position, None, rest, room) {
                Parsed::Whole(frame) => {
                    if let Some((from, got)) = gap.take() {
                        if end.is_none() && from >= mark {
                            return Ok(previous);
                        }
                        damages.push(missing(from, got));
                    }
                    check_hash(position, &frame, previous, damages);
                    visit(position, &frame)?;
                    previous = Some(frame.hash);
                    at += frame.length as u64;
                }
                other => {
                    let reason = || describe(&other);
                    gap.get_or_insert_with(|| (at, reason()));
                    at += 8;
                }
            }
        }
        let (from, got) = gap.unwrap_or_else(|| (at, "the end of the file".to_owned()));
        // Reaching the end of the chain is not damage.
        if (end.is_some() && from < start + length) || (end.is_none() && from < mark) {
            damages.push(missing(from, got));
        }
        let unit_end = start + whole;
        if unit_end < mark && self.successor(unit)?.is_none() {
            damages.push(Damage {
                place: format!("successor of chain unit {unit}"),
                offset: WordPlace::Successor(unit).offset(),
                wanted: "the number of the next chain unit".to_owned(),
                got: "other bytes".to_owned(),
            });
        }
        Ok(previous)
    }
}

/// A unit of the chain, with its successor.
#[derive(Clone, Copy, Debug)]
struct LinkedUnit {
    unit: u32,
    /// The number of units it spans.
    units: u32,
    /// Where the successor continues the chain, if there is one.
    end: Option<Position>,
}

/// A window over a range of the file that holds as many bytes as the largest frame.
///
/// The length comes from a unit header that may be damaged, so it must not size an allocation.
struct Pieces<'a> {
    storage: &'a dyn Storage,
    /// The offset after the bytes in memory.
    next: u64,
    end: u64,
    bytes: Vec<u8>,
}

impl Pieces<'_> {
    /// Returns the bytes from `at`, and the number of bytes from there to the end.
    ///
    /// The slice reaches the end or holds at least the largest frame. `at` must not decrease.
    fn rest(&mut self, at: u64) -> Result<(&[u8], usize)> {
        let held = (self.next.saturating_sub(at) as usize).min(self.bytes.len());
        let mut passed = self.bytes.len() - held;
        if held < FRAME_BYTES_MAX && self.next < self.end {
            self.bytes.drain(..passed);
            passed = 0;
            let length = (self.end - self.next).min(FRAME_BYTES_MAX as u64) as usize;
            self.bytes.resize(held + length, 0);
            let got = self
                .storage
                .read_at(self.next, &mut self.bytes[held..])
                .map_err(io_error(format!("reading {length} bytes at {}", self.next)))?;
            self.bytes.truncate(held + got);
            self.next += got as u64;
            if got < length {
                self.end = self.next;
            }
        }
        Ok((&self.bytes[passed..], self.end.saturating_sub(at) as usize))
    }
}

fn missing(offset: u64, got: String) -> Damage {
    let wanted = "a frame of the metadata chain".to_owned();
    Damage { place: "metadata chain".to_owned(), offset, wanted, got }
}

fn check_hash(
    position: Position,
    frame: &Frame<'_>,
    previous: Option<u64>,
    damages: &mut Vec<Damage>,
) {
    let Some(previous) = previous else { return };
    if !frame.follows(previous) {
        damages.push(Damage {
            place: "metadata chain".to_owned(),
            offset: position.0,
            wanted: format!("a frame after the chain of hash {previous:016x}"),
            got: "a frame of another chain, or one after lost frames".to_owned(),
        });
    }
}

fn describe(parsed: &Parsed<'_>) -> String {
    match parsed {
        Parsed::Empty => "nothing".to_owned(),
        Parsed::Bad(reason) => reason.clone(),
        Parsed::NeedsMore(length) => format!("a frame of {length} bytes, which exceeds the unit"),
        Parsed::Whole(_) => "a frame".to_owned(),
    }
}
