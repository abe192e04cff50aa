//! Reads an input as a sequence of choices. After its end every choice is zero.

/// The unread rest of an input.
pub struct Choices<'a> {
    rest: &'a [u8],
}

impl<'a> Choices<'a> {
    /// Starts at the beginning of the input.
    #[must_use]
    pub fn new(input: &'a [u8]) -> Self {
        Choices { rest: input }
    }

    /// Returns whether the input is used up.
    #[must_use]
    pub fn is_over(&self) -> bool {
        self.rest.is_empty()
    }

    /// Returns the unread rest.
    #[must_use]
    pub fn rest(&self) -> &'a [u8] {
        self.rest
    }

    /// Returns the next `count` bytes, or fewer at the end.
    pub fn bytes(&mut self, count: usize) -> &'a [u8] {
        let (taken, rest) = self.rest.split_at(count.min(self.rest.len()));
        self.rest = rest;
        taken
    }

    /// Returns the next byte.
    pub fn byte(&mut self) -> u8 {
        self.bytes(1).first().copied().unwrap_or(0)
    }

    /// Returns a number below `end` from one byte, or 0 if `end` is 0.
    pub fn below(&mut self, end: usize) -> usize {
        usize::from(self.byte()) % end.max(1)
    }

    /// Returns the next two bytes as a number.
    pub fn number(&mut self) -> u16 {
        u16::from_le_bytes([self.byte(), self.byte()])
    }

    /// Returns the next eight bytes as a number.
    pub fn word(&mut self) -> u64 {
        let mut word = [0; 8];
        let taken = self.bytes(8);
        word[..taken.len()].copy_from_slice(taken);
        u64::from_le_bytes(word)
    }

    /// Returns a step or time: usually small, sometimes at the ends of its range.
    pub fn integer(&mut self) -> i64 {
        match self.byte() {
            0 => i64::MIN,
            1 => i64::MAX,
            2 => self.word().cast_signed(),
            small => i64::from(small) - 16,
        }
    }

    /// Returns a value: usually a small fraction, sometimes arbitrary bits.
    pub fn value(&mut self) -> f64 {
        match self.byte() {
            0 => f64::NAN,
            1 => f64::INFINITY,
            2 => f64::NEG_INFINITY,
            3 => -0.0,
            4 => f64::from_bits(self.word()),
            small => f64::from(small) / 7.0,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_used_up_input_yields_zeros() {
        let mut choices = Choices::new(&[7, 1]);
        assert_eq!((choices.byte(), choices.word(), choices.byte()), (7, 1, 0));
        assert!(choices.is_over() && choices.below(0) == 0);
    }
}
