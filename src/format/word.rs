//! Words that stand alone in the file: a 48-bit value with a 16-bit check, stored by one write.

use super::FileId;
use crate::sys::checksum::crc32c_words;

/// The greatest value that a word can hold.
pub const WORD_VALUE_MAX: u64 = (1 << 48) - 1;

/// What a word is for; a word copied to another place does not pass its check.
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

    /// Where the word lies in the file.
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

    /// The word that says `value` (of at most 48 bits) at this place; never zero.
    #[must_use]
    pub fn encode(self, file: FileId, value: u64) -> u64 {
        debug_assert!(value <= WORD_VALUE_MAX);
        let word = value << 16 | self.check(file, value);
        // A zero word means "never written": value 0 with check 0 is told by the check's opposite.
        if word == 0 { 0xFFFF } else { word }
    }

    /// The value of a word; `None` when it was never written or fails its check.
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
    fn word_passes_only_at_its_own_place_in_its_own_file() {
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
