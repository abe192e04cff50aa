//! Bytes to records and back, without I/O. All constants of the file format are defined here.
//!
//! `docs/format.md` is the normative text. A test compares it with this code.

#[cfg(not(loom))]
pub mod block;
mod body;
pub(crate) mod bytes;
#[cfg(not(loom))]
pub mod chunk;
pub mod frame;
pub mod header;
mod ids;
pub mod record;
pub mod scan;
#[cfg(not(loom))]
pub mod secret;
#[cfg(not(loom))]
pub(crate) mod segment;
pub mod slot;
pub mod word;

/// The format's version. Version 0 may change. Later released versions stay readable for ever.
pub const FORMAT_VERSION: u16 = 0;
/// The generation of the lock protocol. Builds of different generations never share a file.
pub const LOCK_GENERATION: u8 = 1;
/// The unit of space: 64 KiB. Unit `i` starts at byte `i * UNIT_BYTES`.
pub const UNIT_BYTES: u64 = 64 * 1024;
/// The page that a medium caches and writes at once. The header copies are in different pages.
pub const PAGE_BYTES: u64 = 4096;
/// The size of the header of every unit but the first.
pub const UNIT_HEADER_BYTES: u64 = 64;
/// The size of a slot in a point extent.
pub const SLOT_BYTES: u64 = 32;
/// The offset of the first slot in an extent.
pub const FIRST_SLOT_BYTES: u64 = UNIT_HEADER_BYTES;
/// The offset of the successor word in a chain unit.
pub const SUCCESSOR_BYTES: u64 = UNIT_HEADER_BYTES;
/// The offset of the first frame in a chain unit.
pub const FIRST_FRAME_BYTES: u64 = 128;
/// The unit in which the chain begins. Unit 0 has the header and the shared words.
pub const FIRST_CHAIN_UNIT: u32 = 1;
/// The maximum number of values in a row.
pub const ROW_VALUES_MAX: usize = 1 << 18;
/// The maximum size of the records in a frame.
pub const FRAME_PAYLOAD_MAX: usize = 32 * 1024 * 1024;

/// Returns the offset of a unit.
#[must_use]
pub const fn unit_start(unit: u32) -> u64 {
    unit as u64 * UNIT_BYTES
}

/// Returns the number of units for `bytes`, rounded up.
#[must_use]
pub fn units_for(bytes: u64) -> u32 {
    u32::try_from(bytes.div_ceil(UNIT_BYTES)).unwrap_or(u32::MAX)
}

/// The id of a file: 128 random bits in its header and in the seed of every checksum.
#[derive(Clone, Copy, PartialEq, Eq, Hash)]
pub struct FileId(pub u128);

impl FileId {
    /// Returns the two halves as words, the low one first.
    #[must_use]
    pub const fn words(self) -> [u64; 2] {
        [self.0 as u64, (self.0 >> 64) as u64]
    }
}

impl std::fmt::Debug for FileId {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "FileId({:032x})", self.0)
    }
}

#[cfg(test)]
mod tests {
    use super::frame::EMPTY_CHAIN_HASH;
    use super::header::Header;
    use super::record::{Incarnation, Position, Record, SeriesId, WriterClosed};
    use super::slot::{SlotSeed, point_words};
    use super::word::WordPlace;
    use super::*;

    /// Formats bytes in lines of sixteen, like the document.
    fn hex(bytes: &[u8]) -> String {
        let byte = |byte: &u8| format!("{byte:02x}");
        let line = |line: &[u8]| line.iter().map(byte).collect::<Vec<_>>().join(" ");
        bytes.chunks(16).map(line).collect::<Vec<_>>().join("\n")
    }

    #[test]
    fn the_worked_example_of_the_document_matches_the_code() {
        let document = include_str!("../../docs/format.md");
        let file = FileId(0x0011_2233_4455_4677_8899_aabb_ccdd_eeff);
        let header = Header { file, created: 1_700_000_000_000_000_000 };
        let position = Position(unit_start(FIRST_CHAIN_UNIT) + FIRST_FRAME_BYTES);
        let record = WriterClosed { incarnation: Incarnation(0x0102_0304_0506_0708) };
        let frame = frame::encode(file, position, EMPTY_CHAIN_HASH, &[record.into()]).unwrap().0;
        let seed = SlotSeed::new(file, 2, Incarnation(0x0102_0304_0506_0708));
        let words = point_words(seed, 0, SeriesId(1), 10, 1_700_000_000_000_000_000, 0.25);
        let slot: Vec<u8> = words.iter().flat_map(|word| word.to_le_bytes()).collect();
        let mark = WordPlace::DurableMark.encode(file, position.0 / 8).to_le_bytes();
        let parts = [
            ("header", header.encode().to_vec()),
            ("frame", frame),
            ("slot", slot),
            ("mark", mark.to_vec()),
        ];
        for (name, bytes) in parts {
            let text = hex(&bytes);
            assert!(document.contains(&text), "docs/format.md lacks the {name}:\n{text}");
        }
    }

    #[test]
    fn the_document_lists_every_record_with_kind_and_class() {
        let document = include_str!("../../docs/format.md");
        for (name, kind, version, class) in Record::TAGS {
            let version =
                if *version == 0 { String::new() } else { format!("version {version}: ") };
            let row = format!("\n| {kind} | {} | {name} | {version}", *class as u8);
            assert!(document.contains(&row), "docs/format.md lacks {row}");
        }
        let rows = document.lines().filter(|line| {
            let cells: Vec<&str> = line.split(" | ").collect();
            let is_number = |cell: &str| cell.trim_start_matches("| ").parse::<u16>().is_ok();
            cells.len() == 4 && is_number(cells[0]) && is_number(cells[1])
        });
        let is_of_record =
            |row: &&str| row.split(" | ").nth(2).is_some_and(|name| !name.contains(' '));
        assert_eq!(rows.filter(is_of_record).count(), Record::TAGS.len());
    }

    #[test]
    fn the_constants_of_the_format_never_change() {
        assert_eq!((UNIT_BYTES, PAGE_BYTES, UNIT_HEADER_BYTES), (65_536, 4096, 64));
        assert_eq!((SLOT_BYTES, FIRST_FRAME_BYTES, FIRST_SLOT_BYTES), (32, 128, 64));
        assert_eq!(header::FILE_MAGIC, [0x89, 0x54, 0x52, 0x4b, 0x0d, 0x0a, 0x1a, 0x0a]);
        assert_eq!(WordPlace::DurableMark.offset(), 4096);
        assert_eq!(WordPlace::Intent(4095).offset(), 12_288 + 8 * 4095);
        assert_eq!(WordPlace::Successor(1).offset(), 65_600);
    }
}
