//! Distinct strings, each with a number.

use std::hash::BuildHasher as _;

use foldhash::fast::FixedState;
use hashbrown::HashTable;

use super::growth::push;

/// Distinct strings, numbered in the order in which they came.
///
/// The strings are stored one after the other. So one costs its bytes and about 14 more. A map of
/// strings by themselves would cost about 80 more.
#[derive(Clone, Debug, Default)]
pub(super) struct Texts {
    bytes: String,
    /// Where each string ends.
    ends: Vec<usize>,
    numbers: HashTable<u32>,
}

impl Texts {
    pub(super) fn len(&self) -> usize {
        self.ends.len()
    }

    /// Returns a string that is here.
    pub(super) fn get(&self, number: u32) -> &str {
        text(&self.bytes, &self.ends, number)
    }

    /// Returns the number of a string, which is added if it is new. Amortized O(1).
    pub(super) fn number_of(&mut self, wanted: &str) -> u32 {
        let (bytes, ends) = (&self.bytes, &self.ends);
        let is_same = |number: &u32| text(bytes, ends, *number) == wanted;
        if let Some(number) = self.numbers.find(hash(wanted), is_same) {
            return *number;
        }
        // Row numbers have 32 bits as well, so this cannot overflow.
        let number = self.ends.len() as u32;
        if self.bytes.capacity() < self.bytes.len() + wanted.len() {
            self.bytes.reserve_exact(wanted.len() + self.bytes.len() / 8 + 16);
        }
        self.bytes.push_str(wanted);
        push(&mut self.ends, self.bytes.len());
        let (bytes, ends) = (&self.bytes, &self.ends);
        let hash_of = |number: &u32| hash(text(bytes, ends, *number));
        self.numbers.insert_unique(hash(wanted), number, hash_of);
        number
    }
}

fn text<'a>(bytes: &'a str, ends: &[usize], number: u32) -> &'a str {
    let number = number as usize;
    let start = number.checked_sub(1).map_or(0, |before| ends[before]);
    &bytes[start..ends[number]]
}

fn hash(text: &str) -> u64 {
    FixedState::default().hash_one(text)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_string_has_one_number() {
        let mut texts = Texts::default();
        let words = ["", "a", "\u{e9}", "ab", "b"];
        for round in 0..3 {
            for (number, word) in words.iter().enumerate() {
                assert_eq!(texts.number_of(word), number as u32, "{word:?}, {round}");
            }
        }
        let many: Vec<String> = (0..2000).map(|number| format!("text {number}")).collect();
        many.iter().for_each(|text| assert!(texts.number_of(text) >= 5));
        assert_eq!(texts.len(), 2005);
        for (number, word) in
            words.iter().copied().chain(many.iter().map(String::as_str)).enumerate()
        {
            assert_eq!(texts.get(number as u32), word);
            assert_eq!(texts.number_of(word), number as u32);
        }
    }
}
