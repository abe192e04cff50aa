//! Frames of the metadata chain: checksummed lists of records.
//!
//! A frame is bound to its place and to all frames before it.
//!
//! ```text
//! 0   u32  CRC-32C of bytes 4.. seeded with the file's id and the frame's position
//! 4   u32  length of the frame in bytes, a multiple of 8    (0..8 is the commit word)
//! 8   u64  hash of the chain up to and with this frame
//! 16  u16  number of records
//! 18  u8   class: the strictest of the records'
//! 19  u8   0
//! 20  u32  length of the payload
//! 24       payload: for each record u16 kind, u8 version, u8 class, u32 length, body (bincode 2);
//!          then zeros up to a multiple of 8
//! ```

use super::body::READING;
use super::bytes::{u32_at, u64_at};
use super::record::{Position, Record, RecordClass, begins_with_run};
use super::{FRAME_PAYLOAD_MAX, FileId};
use crate::entity::id::RunId;
use crate::error::{Error, ErrorKind, Result};
use crate::mutant::fault;
use crate::sys::checksum::{crc32c_bytes, crc32c_words};

/// The size of a frame before its payload.
pub const FRAME_HEADER_BYTES: usize = 24;
/// The size of a record before its body.
pub const RECORD_HEADER_BYTES: usize = 8;
/// The maximum size of a frame.
pub const FRAME_BYTES_MAX: usize = FRAME_HEADER_BYTES + FRAME_PAYLOAD_MAX;

/// The hash of an empty chain.
pub const EMPTY_CHAIN_HASH: u64 = 0x7472_6163_6b6c_6974;

/// Encodes the frame of `records` for `position`, after a chain of hash `previous`.
///
/// Returns the frame's bytes and the chain hash including it.
///
/// # Errors
///
/// - [`ErrorKind::InvalidInput`] if the records exceed `FRAME_PAYLOAD_MAX` bytes in total.
#[cfg(any(test, feature = "internals"))]
pub fn encode(
    file: FileId,
    position: Position,
    previous: u64,
    records: &[Record],
) -> Result<(Vec<u8>, u64)> {
    let mut bytes = encode_unplaced(records)?;
    let hash = place(file, position, previous, &mut bytes);
    Ok((bytes, hash))
}

/// Encodes a frame without its hash and commit word, which [`place`] adds.
pub fn encode_unplaced(records: &[Record]) -> Result<Vec<u8>> {
    let mut bytes = vec![0; FRAME_HEADER_BYTES];
    let mut strictest = RecordClass::Ignorable;
    for record in records {
        let (kind, version, class) = record.tag();
        strictest = strictest.max(class);
        bytes.extend(kind.to_le_bytes());
        bytes.extend([version, class as u8]);
        let length_at = bytes.len();
        bytes.extend([0; 4]);
        record.encode_body(&mut bytes).map_err(|source| {
            Error::new(ErrorKind::InvalidInput, "a record cannot be encoded").with_source(source)
        })?;
        let length = u32::try_from(bytes.len() - length_at - 4).unwrap_or(u32::MAX);
        bytes[length_at..length_at + 4].copy_from_slice(&length.to_le_bytes());
    }
    let payload = bytes.len() - FRAME_HEADER_BYTES;
    let count = u16::try_from(records.len());
    let (Ok(count), true) = (count, payload <= FRAME_PAYLOAD_MAX) else {
        return Err(Error::new(
            ErrorKind::InvalidInput,
            format!(
                "{} records of {payload} bytes do not fit one batch: the maximum is {} records \
                 of {FRAME_PAYLOAD_MAX} bytes",
                records.len(),
                u16::MAX
            ),
        ));
    };
    bytes.resize(bytes.len().next_multiple_of(8), 0);
    let length = u32::try_from(bytes.len()).unwrap_or(u32::MAX);
    bytes[4..8].copy_from_slice(&length.to_le_bytes());
    bytes[16..18].copy_from_slice(&count.to_le_bytes());
    bytes[18] = strictest as u8;
    bytes[20..24].copy_from_slice(&u32::try_from(payload).unwrap_or(u32::MAX).to_le_bytes());
    Ok(bytes)
}

/// Binds a frame to its position and predecessor. Returns the chain hash including it.
pub fn place(file: FileId, position: Position, previous: u64, bytes: &mut [u8]) -> u64 {
    let hash = chain_hash(previous, &bytes[16..]);
    bytes[8..16].copy_from_slice(&hash.to_le_bytes());
    let checksum = frame_checksum(file, position, bytes);
    bytes[0..4].copy_from_slice(&checksum.to_le_bytes());
    hash
}

fn frame_checksum(file: FileId, position: Position, bytes: &[u8]) -> u32 {
    let seed = if fault!(UnseededChecksum) {
        0
    } else {
        let [low, high] = file.words();
        crc32c_words(0, &[low, high, position.0])
    };
    crc32c_bytes(seed, &bytes[4..])
}

/// Mixes a frame's contents into the chain hash (the finaliser of SplitMix64 over a CRC).
fn chain_hash(previous: u64, contents: &[u8]) -> u64 {
    let checksum = u64::from(crc32c_bytes(0, contents));
    let mut hash = previous ^ (checksum | (contents.len() as u64) << 32);
    hash = (hash ^ hash >> 30).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    hash = (hash ^ hash >> 27).wrapping_mul(0x94d0_49bb_1331_11eb);
    hash ^ hash >> 31
}

/// An intact frame with undecoded records.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Frame<'a> {
    /// The chain hash including this frame.
    pub hash: u64,
    /// The frame's length in bytes.
    pub length: usize,
    /// The number of records.
    pub count: u16,
    payload: &'a [u8],
    contents: &'a [u8],
}

/// The content at a place of the chain.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Parsed<'a> {
    /// No frame was committed here.
    Empty,
    /// A frame of this many bytes may be here, but fewer were given.
    NeedsMore(usize),
    /// A frame.
    Whole(Frame<'a>),
    /// Not a valid frame of this chain at this place, with the reason.
    Bad(String),
}

/// Parses the content at `position`, where the unit has `room` bytes left.
///
/// With `previous`, the frame must follow a chain of that hash. Without it, only the frame's own
/// checksum is verified (for a frame that is reached by a hint).
#[must_use]
pub fn parse(
    file: FileId,
    position: Position,
    previous: Option<u64>,
    bytes: &[u8],
    room: usize,
) -> Parsed<'_> {
    let Some(head) = bytes.get(..8) else { return Parsed::NeedsMore(8) };
    if u64_at(head, 0) == 0 {
        return Parsed::Empty;
    }
    let length = u32_at(head, 4) as usize;
    let bounds = FRAME_HEADER_BYTES..=room.min(FRAME_BYTES_MAX);
    if !bounds.contains(&length) || !length.is_multiple_of(8) {
        return Parsed::Bad(format!("frame has length {length}, but {room} bytes are left"));
    }
    let Some(frame) = bytes.get(..length) else { return Parsed::NeedsMore(length) };
    if let Err(reason) = check(file, position, previous, frame) {
        return Parsed::Bad(reason);
    }
    let payload = u32_at(frame, 20) as usize;
    let Some(payload) = frame[FRAME_HEADER_BYTES..].get(..payload) else {
        return Parsed::Bad(format!("frame of {length} bytes has a payload of {payload} bytes"));
    };
    let count = u16::from_le_bytes([frame[16], frame[17]]);
    Parsed::Whole(Frame { hash: u64_at(frame, 8), length, count, payload, contents: &frame[16..] })
}

fn check(
    file: FileId,
    position: Position,
    previous: Option<u64>,
    frame: &[u8],
) -> Result<(), String> {
    if fault!(NoChecksum) {
        return Ok(());
    }
    let (got, wanted) = (u32_at(frame, 0), frame_checksum(file, position, frame));
    if got != wanted {
        return Err(format!("frame has checksum {got:08x}, expected {wanted:08x}"));
    }
    let hash = u64_at(frame, 8);
    match previous.map(|previous| chain_hash(previous, &frame[16..])) {
        Some(wanted) if wanted != hash => {
            Err(format!("frame has chain hash {hash:016x}, expected {wanted:016x}"))
        }
        _ => Ok(()),
    }
}

/// An undecoded record of a frame.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct RawRecord<'a> {
    /// The kind.
    pub kind: u16,
    /// The version.
    pub version: u8,
    /// How a build treats the record if it does not know it.
    pub class: RecordClass,
    /// The body.
    pub body: &'a [u8],
}

impl RawRecord<'_> {
    /// Returns whether this build knows the record's kind and version.
    #[must_use]
    pub fn is_known(&self) -> bool {
        Record::is_known(self.kind, self.version)
    }

    /// Returns the run that the record is about, if its first field is a run.
    #[must_use]
    pub fn run(&self) -> Option<RunId> {
        let about_run = begins_with_run(self.kind) && self.is_known();
        let first = || bincode::serde::decode_from_slice(self.body, READING).ok();
        about_run.then(first).flatten().map(|(run, _): (RunId, usize)| run)
    }

    /// Decodes the record. An unknown kind or version becomes [`Record::Unknown`].
    pub fn decode(&self) -> Result<Record> {
        let Self { kind, version, class, body } = *self;
        Record::decode_body(kind, version, class, body).map_err(|source| {
            Error::new(
                ErrorKind::Damaged,
                format!("record of kind {kind}, version {version} cannot be decoded"),
            )
            .with_source(source)
        })
    }
}

impl<'a> Frame<'a> {
    /// Returns whether the frame follows a chain of this hash.
    #[must_use]
    pub fn follows(&self, previous: u64) -> bool {
        chain_hash(previous, self.contents) == self.hash
    }

    /// Iterates over the undecoded records. Fails if their lengths do not match the payload.
    pub fn raw_records(&self) -> impl Iterator<Item = Result<RawRecord<'a>>> + use<'a> {
        let (mut rest, mut left, mut failed) = (self.payload, self.count, false);
        std::iter::from_fn(move || {
            if failed || (left == 0 && rest.is_empty()) {
                return None;
            }
            let next = if left == 0 { None } else { split_record(rest) };
            let Some((record, tail)) = next else {
                failed = true;
                let message = "the records of a frame do not match its payload";
                return Some(Err(Error::new(ErrorKind::Damaged, message)));
            };
            (rest, left) = (tail, left - 1);
            Some(Ok(record))
        })
    }

    /// Decodes all records.
    pub fn records(&self) -> Result<Vec<Record>> {
        self.raw_records().map(|raw| raw?.decode()).collect()
    }
}

fn split_record(bytes: &[u8]) -> Option<(RawRecord<'_>, &[u8])> {
    let head = bytes.get(..RECORD_HEADER_BYTES)?;
    let length = u32_at(head, 4) as usize;
    let body = bytes[RECORD_HEADER_BYTES..].get(..length)?;
    let kind = u16::from_le_bytes([head[0], head[1]]);
    let class = RecordClass::from_byte(head[3]);
    let record = RawRecord { kind, version: head[2], class, body };
    Some((record, &bytes[RECORD_HEADER_BYTES + length..]))
}

#[cfg(test)]
mod tests {
    use super::super::record::{Incarnation, Punched, WriterClosed};
    use super::*;

    const FILE: FileId = FileId(42);

    fn sample() -> Vec<Record> {
        vec![
            WriterClosed { incarnation: Incarnation(7) }.into(),
            Punched { extents: vec![1, 500, 70_000] }.into(),
        ]
    }

    #[test]
    fn records_survive_the_round_trip() {
        let (bytes, hash) = encode(FILE, Position(128), EMPTY_CHAIN_HASH, &sample()).unwrap();
        assert!(bytes.len().is_multiple_of(8));
        let parsed = parse(FILE, Position(128), Some(EMPTY_CHAIN_HASH), &bytes, bytes.len());
        let Parsed::Whole(frame) = parsed else { panic!("{parsed:?}") };
        assert_eq!((frame.hash, frame.length), (hash, bytes.len()));
        assert_eq!(frame.records().unwrap(), sample());
    }

    #[test]
    fn a_frame_is_valid_only_at_its_place_in_its_file_and_chain() {
        let (bytes, _) = encode(FILE, Position(128), 1, &sample()).unwrap();
        let bad = |file, position, previous| {
            matches!(parse(file, position, previous, &bytes, 4096), Parsed::Bad(_))
        };
        assert!(!bad(FILE, Position(128), Some(1)) && !bad(FILE, Position(128), None));
        assert!(bad(FileId(43), Position(128), Some(1)));
        assert!(bad(FILE, Position(136), Some(1)));
        assert!(bad(FILE, Position(128), Some(2)));
    }

    #[test]
    fn every_flipped_bit_and_truncation_is_detected() {
        let (bytes, _) = encode(FILE, Position(128), 1, &sample()).unwrap();
        for bit in 0..bytes.len() * 8 {
            let mut damaged = bytes.clone();
            damaged[bit / 8] ^= 1 << (bit % 8);
            let parsed = parse(FILE, Position(128), Some(1), &damaged, bytes.len());
            assert!(!matches!(parsed, Parsed::Whole(_)), "bit {bit}");
        }
        for length in 8..bytes.len() {
            let parsed = parse(FILE, Position(128), Some(1), &bytes[..length], bytes.len());
            assert_eq!(parsed, Parsed::NeedsMore(bytes.len()));
        }
    }

    #[test]
    fn an_unknown_version_is_decoded_with_its_class() {
        let raw =
            RawRecord { kind: 5, version: 9, class: RecordClass::ReadIncompatible, body: b"x" };
        let known = raw.decode().unwrap();
        let class = RecordClass::ReadIncompatible;
        assert_eq!(known, Record::Unknown { kind: 5, version: 9, class });
    }
}
