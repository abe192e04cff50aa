//! Walking a file that may be damaged: every frame that is sound by itself, and what is not.

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

use super::chain::read_word;
use super::{Log, io_error};

/// A place at which the file is not what it should be.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Damage {
    /// What is damaged, in words.
    pub place: String,
    /// Where it is, in bytes from the start of the file.
    pub offset: u64,
    /// What should be there.
    pub wanted: String,
    /// What is there.
    pub got: String,
}

impl Log {
    /// The unit headers that are sound, in the order of the file.
    pub(crate) fn unit_headers(&self) -> Result<Vec<UnitHeader>> {
        let length = self.storage.len().map_err(io_error("asking for the length".to_owned()))?;
        let mut headers = Vec::new();
        // Also within units of several: a power cut may have cut off their end and their record,
        // and what was taken then begins there.
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

    /// Visits every frame that is sound by itself, in the order of the file, which is the order
    /// of the chain; what lies between sound frames is told as damage.
    ///
    /// Nothing is trusted but checksums: neither the links between units nor the hash of the
    /// chain. Remains of a power cut are passed over in silence: what follows a gap beyond the
    /// durable mark, what stands in a unit behind the place from which its successor goes on, and
    /// units beyond the mark that continue a chain whose last frames are lost.
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
            let continues = headers.iter().find(|it| it.unit == unit).map(|it| it.previous_hash);
            let is_other = continues.zip(previous).is_some_and(|(wanted, found)| wanted != found);
            if is_other && unit_start(unit) >= mark {
                continue;
            }
            let next = read_word(&*self.storage, self.file, WordPlace::Successor(unit))?;
            let next = headers.iter().find(|it| Some(u64::from(it.unit)) == next);
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

    /// The headers of chain units, but for those of which it is known that the chain does not go
    /// through them: a power cut took the link, and it went on in another unit.
    fn linked_headers(&self) -> Result<Vec<UnitHeader>> {
        let mut headers = self.unit_headers()?;
        headers.retain(|header| header.kind == UnitKind::Chain);
        let mut linked = Vec::new();
        for header in &headers {
            let holds = |it: &&UnitHeader| {
                let start = unit_start(it.unit);
                let end = start + u64::from(it.units) * UNIT_BYTES;
                (start..=end).contains(&header.previous_end.0) && it.unit != header.unit
            };
            let next = match headers.iter().find(holds) {
                Some(before) => {
                    read_word(&*self.storage, self.file, WordPlace::Successor(before.unit))?
                }
                None => None,
            };
            let elsewhere = next.is_some_and(|next| {
                next != u64::from(header.unit)
                    && headers.iter().any(|it| u64::from(it.unit) == next)
            });
            if !elsewhere {
                linked.push(*header);
            }
        }
        Ok(linked)
    }

    /// Adds units to which the chain leads although their own header is not sound.
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
            // The first one is durable before the file has its name.
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

    /// Visits the sound frames of one unit; gives the chain's hash after the last of them.
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
        let file = self.storage.len().map_err(io_error("asking for the length".to_owned()))?;
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
        // The end of the chain is no damage.
        if (end.is_some() && from < start + length) || (end.is_none() && from < mark) {
            damages.push(missing(from, got));
        }
        let unit_end = start + whole;
        if unit_end < mark && self.successor(unit)?.is_none() {
            damages.push(Damage {
                place: format!("successor of chain unit {unit}"),
                offset: WordPlace::Successor(unit).offset(),
                wanted: "the number of the unit in which the chain goes on".to_owned(),
                got: "other bytes".to_owned(),
            });
        }
        Ok(previous)
    }
}

/// A unit of the chain.
#[derive(Clone, Copy, Debug)]
struct LinkedUnit {
    unit: u32,
    /// How many it spans.
    units: u32,
    /// Where its successor goes on, if there is one.
    end: Option<Position>,
}

/// Bytes of the file from one place to another, of which only as many are held as a frame has:
/// what a header says of the length of its unit is no reason to take memory.
struct Pieces<'a> {
    storage: &'a dyn Storage,
    /// Where the byte is that follows those that are held.
    next: u64,
    end: u64,
    bytes: Vec<u8>,
}

impl Pieces<'_> {
    /// The bytes from `at` on, to the end or at least as many as a frame has, and how many there
    /// are up to the end. `at` is never less than before.
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
            got: "a frame of another chain, or after frames that are lost".to_owned(),
        });
    }
}

fn describe(parsed: &Parsed<'_>) -> String {
    match parsed {
        Parsed::Empty => "nothing".to_owned(),
        Parsed::Bad(reason) => reason.clone(),
        Parsed::NeedsMore(length) => format!("a frame of {length} bytes, beyond the unit"),
        Parsed::Whole(_) => "a frame".to_owned(),
    }
}
