//! Single words in the file: a 48-bit value with a 16-bit checksum, stored by one write.

use super::FileId;
use crate::sys::checksum::crc32c_words;

/// The maximum value of a word.
pub const WORD_VALUE_MAX: u64 = (1 << 48) - 1;

/// The purpose of a word. A word copied to another place fails its check.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum WordPlace {
    /// The end of the chain that the last successful sync covered, in 8 bytes.
    DurableMark,
    /// The place of the newest checkpoint, in 8 bytes.
    Checkpoint,
    /// The alarm after a failed sync.
    Poison,
    /// The sync intent of the writer with this liveness byte.
    Intent(u16),
    /// The successor of the chain unit with this number.
    Successor(u32),
}

impl WordPlace {
    fn tag(self) -> u64 {
        match self {
            WordPlace::DurableMark => 1,
            WordPlace::Checkpoint => 2,
            WordPlace::Poison => 3,
            WordPlace::Intent(byte) => 1 << 32 | u64::from(byte),
            WordPlace::Successor(unit) => 2 << 32 | u64::from(unit),
        }
    }

    /// Returns the offset of the word in the file.
    #[must_use]
    pub fn offset(self) -> u64 {
        match self {
            WordPlace::DurableMark => super::PAGE_BYTES,
            WordPlace::Checkpoint => super::PAGE_BYTES + 8,
            WordPlace::Poison => super::PAGE_BYTES + 16,
            WordPlace::Intent(byte) => 3 * super::PAGE_BYTES + 8 * u64::from(byte),
            WordPlace::Successor(unit) => super::unit_start(unit) + super::SUCCESSOR_BYTES,
        }
    }

    fn check(self, file: FileId, value: u64) -> u64 {
        let [low, high] = file.words();
        u64::from(crc32c_words(0, &[low, high, self.tag(), value])) & 0xFFFF
    }

    /// Encodes `value` (at most 48 bits) for this place. The result is never zero.
    #[must_use]
    pub fn encode(self, file: FileId, value: u64) -> u64 {
        debug_assert!(value <= WORD_VALUE_MAX);
        let word = value << 16 | self.check(file, value);
        // Zero means "never written", so value 0 with check 0 is stored with an inverted check.
        if word == 0 { 0xFFFF } else { word }
    }

    /// Decodes a word. Returns `None` if it was never written or fails its check.
    #[must_use]
    pub fn decode(self, file: FileId, word: u64) -> Option<u64> {
        let value = word >> 16;
        (word != 0 && self.encode(file, value) == word).then_some(value)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_word_is_valid_only_at_its_own_place_in_its_own_file() {
        let (file, other) = (FileId(7), FileId(8));
        for value in [0, 1, 12_345, WORD_VALUE_MAX] {
            let word = WordPlace::Intent(3).encode(file, value);
            assert_ne!(word, 0);
            assert_eq!(WordPlace::Intent(3).decode(file, word), Some(value));
            assert_eq!(WordPlace::Intent(4).decode(file, word), None);
            assert_eq!(WordPlace::Intent(3).decode(other, word), None);
            assert_eq!(WordPlace::Intent(3).decode(file, word ^ 1 << 40), None);
        }
        assert_eq!(WordPlace::Poison.decode(file, 0), None);
    }
}
