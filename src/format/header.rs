//! The file's header, stored twice, and the header of every other unit.

use super::bytes::{u32_at, u64_at};
use super::ids::{Incarnation, Position};
use super::{FORMAT_VERSION, FileId, LOCK_GENERATION, PAGE_BYTES, UNIT_BYTES, UNIT_HEADER_BYTES};
use crate::error::{Error, ErrorKind, Result};
use crate::sys::checksum::crc32c_bytes;

/// The first bytes of a file. Like PNG's, they are not text and expose newline conversions.
pub const FILE_MAGIC: [u8; 8] = *b"\x89TRK\r\n\x1a\n";
/// The first bytes of a unit.
pub const UNIT_MAGIC: [u8; 8] = *b"TRKLunit";
/// The offsets of the two copies of the header.
pub const HEADER_OFFSETS: [u64; 2] = [0, 2 * PAGE_BYTES];
/// The size of a header copy. The rest of its page is zero.
pub const HEADER_BYTES: usize = 64;

/// The properties of a file that never change.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Header {
    /// The id of the file.
    pub file: FileId,
    /// When it was created, in nanoseconds since the epoch.
    pub created: i64,
}

impl Header {
    /// Encodes the header.
    #[must_use]
    pub fn encode(&self) -> [u8; HEADER_BYTES] {
        let mut bytes = [0; HEADER_BYTES];
        bytes[0..8].copy_from_slice(&FILE_MAGIC);
        bytes[8..10].copy_from_slice(&FORMAT_VERSION.to_le_bytes());
        bytes[10] = LOCK_GENERATION;
        bytes[12..16].copy_from_slice(&unit_bytes().to_le_bytes());
        bytes[16..32].copy_from_slice(&self.file.0.to_le_bytes());
        bytes[32..40].copy_from_slice(&self.created.to_le_bytes());
        let checksum = crc32c_bytes(0, &bytes[..60]);
        bytes[60..64].copy_from_slice(&checksum.to_le_bytes());
        bytes
    }

    /// Decodes one copy of the header.
    ///
    /// # Errors
    ///
    /// - [`ErrorKind::NotTracklite`] if the bytes are not a header.
    /// - [`ErrorKind::Damaged`] if the checksum does not match.
    /// - [`ErrorKind::UnsupportedFormat`] if this build does not know the format or lock
    ///   generation.
    pub fn decode(bytes: &[u8]) -> Result<Header> {
        let Some(bytes) = bytes.first_chunk::<HEADER_BYTES>() else {
            return Err(Error::new(ErrorKind::NotTracklite, "too short for a tracklite file"));
        };
        if bytes[0..8] != FILE_MAGIC {
            return Err(Error::new(ErrorKind::NotTracklite, "not a tracklite file"));
        }
        let (got, wanted) = (u32_at(bytes, 60), crc32c_bytes(0, &bytes[..60]));
        if got != wanted {
            return Err(Error::new(
                ErrorKind::Damaged,
                format!("header has checksum {got:08x}, expected {wanted:08x}"),
            ));
        }
        check_versions(u16::from_le_bytes([bytes[8], bytes[9]]), bytes[10], u32_at(bytes, 12))?;
        Ok(Header {
            file: FileId(u128::from(u64_at(bytes, 16)) | u128::from(u64_at(bytes, 24)) << 64),
            created: u64_at(bytes, 32).cast_signed(),
        })
    }
}

fn unit_bytes() -> u32 {
    u32::try_from(UNIT_BYTES).unwrap_or(0)
}

fn check_versions(format: u16, generation: u8, unit: u32) -> Result<()> {
    if format != FORMAT_VERSION || unit != unit_bytes() {
        return Err(Error::new(
            ErrorKind::UnsupportedFormat,
            format!(
                "the file has format version {format} (units of {unit} bytes), this build reads \
                 version {FORMAT_VERSION}; use a build of tracklite that reads that version"
            ),
        ));
    }
    if generation != LOCK_GENERATION {
        return Err(Error::new(
            ErrorKind::UnsupportedFormat,
            format!(
                "the file uses lock protocol {generation}, this build uses protocol \
                 {LOCK_GENERATION}; use a build of tracklite with that protocol"
            ),
        ));
    }
    Ok(())
}

/// The purpose of a unit.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[repr(u8)]
pub enum UnitKind {
    /// Frames of the metadata chain.
    Chain = 1,
    /// Slots of points.
    Extent = 2,
    /// Column blocks.
    Block = 3,
    /// Chunks of artifacts.
    Chunks = 4,
}

impl UnitKind {
    fn from_byte(byte: u8) -> Option<Self> {
        [UnitKind::Chain, UnitKind::Extent, UnitKind::Block, UnitKind::Chunks]
            .into_iter()
            .find(|kind| *kind as u8 == byte)
    }
}

/// The first 64 bytes of a unit (or of several that belong together).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct UnitHeader {
    /// The purpose of the unit.
    pub kind: UnitKind,
    /// Its number.
    pub unit: u32,
    /// The number of units it spans.
    pub units: u32,
    /// The writer that allocated it.
    pub incarnation: Incarnation,
    /// In a chain unit, the end of the chain before this unit was linked, else 0.
    pub previous_end: Position,
    /// In a chain unit, the hash of the chain at that place, else 0.
    pub previous_hash: u64,
}

impl UnitHeader {
    /// Encodes the header for the file `file`.
    #[must_use]
    pub fn encode(&self, file: FileId) -> [u8; UNIT_HEADER_BYTES as usize] {
        let mut bytes = [0; UNIT_HEADER_BYTES as usize];
        bytes[0..8].copy_from_slice(&UNIT_MAGIC);
        bytes[8] = self.kind as u8;
        bytes[16..20].copy_from_slice(&self.unit.to_le_bytes());
        bytes[20..24].copy_from_slice(&self.units.to_le_bytes());
        bytes[24..32].copy_from_slice(&self.incarnation.0.to_le_bytes());
        bytes[32..40].copy_from_slice(&self.previous_end.0.to_le_bytes());
        bytes[40..48].copy_from_slice(&self.previous_hash.to_le_bytes());
        let checksum = unit_checksum(file, &bytes);
        bytes[60..64].copy_from_slice(&checksum.to_le_bytes());
        bytes
    }

    /// Decodes the header of a unit. Returns `None` if it does not belong to this file and place.
    #[must_use]
    pub fn decode(file: FileId, unit: u32, bytes: &[u8]) -> Option<UnitHeader> {
        let bytes = bytes.first_chunk::<{ UNIT_HEADER_BYTES as usize }>()?;
        let sound = bytes[0..8] == UNIT_MAGIC
            && u32_at(bytes, 60) == unit_checksum(file, bytes)
            && u32_at(bytes, 16) == unit
            && u32_at(bytes, 20) > 0;
        if !sound {
            return None;
        }
        Some(UnitHeader {
            kind: UnitKind::from_byte(bytes[8])?,
            unit,
            units: u32_at(bytes, 20),
            incarnation: Incarnation(u64_at(bytes, 24)),
            previous_end: Position(u64_at(bytes, 32)),
            previous_hash: u64_at(bytes, 40),
        })
    }
}

fn unit_checksum(file: FileId, bytes: &[u8; UNIT_HEADER_BYTES as usize]) -> u32 {
    crc32c_bytes(crc32c_bytes(0, &file.0.to_le_bytes()), &bytes[..60])
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_header_survives_the_round_trip_and_detects_flipped_bits() {
        let header = Header { file: FileId(0x1234_5678_9abc_def0 << 40), created: -5 };
        let bytes = header.encode();
        assert_eq!(Header::decode(&bytes).unwrap(), header);
        for bit in 0..bytes.len() * 8 {
            let mut damaged = bytes;
            damaged[bit / 8] ^= 1 << (bit % 8);
            assert!(Header::decode(&damaged).is_err(), "bit {bit}");
        }
        assert_eq!(Header::decode(b"MZ").unwrap_err().kind(), ErrorKind::NotTracklite);
    }

    #[test]
    fn a_newer_version_is_not_reported_as_damage() {
        let mut bytes = Header { file: FileId(1), created: 0 }.encode();
        bytes[8] = 9;
        let checksum = crc32c_bytes(0, &bytes[..60]);
        bytes[60..64].copy_from_slice(&checksum.to_le_bytes());
        assert_eq!(Header::decode(&bytes).unwrap_err().kind(), ErrorKind::UnsupportedFormat);
    }

    #[test]
    fn a_unit_header_is_valid_only_at_its_own_unit_in_its_own_file() {
        let header = UnitHeader {
            kind: UnitKind::Extent,
            unit: 9,
            units: 4,
            incarnation: Incarnation(77),
            previous_end: Position(0),
            previous_hash: 0,
        };
        let bytes = header.encode(FileId(1));
        assert_eq!(UnitHeader::decode(FileId(1), 9, &bytes), Some(header));
        assert_eq!(UnitHeader::decode(FileId(2), 9, &bytes), None);
        assert_eq!(UnitHeader::decode(FileId(1), 8, &bytes), None);
    }
}
