//! The bitmap of a column: which rows have a value.

/// Arrow's validity bitmap: bit `n`, counted from the lowest bit of the first byte, is set if row
/// `n` has a value. It takes no memory until the first null.
#[derive(Clone, Debug, Default)]
pub(super) struct Validity {
    bits: Vec<u8>,
    len: usize,
    nulls: usize,
}

impl Validity {
    pub(super) fn all_valid(len: usize) -> Self {
        Validity { bits: Vec::new(), len, nulls: 0 }
    }

    pub(super) fn len(&self) -> usize {
        self.len
    }

    pub(super) fn null_count(&self) -> usize {
        self.nulls
    }

    pub(super) fn push(&mut self, is_valid: bool) {
        let (byte, bit) = (self.len / 8, self.len % 8);
        self.len += 1;
        if self.nulls == 0 {
            if is_valid {
                return;
            }
            self.bits = vec![0xFF; byte];
            if bit > 0 {
                self.bits.push((1 << bit) - 1);
            }
        }
        if bit == 0 {
            self.bits.push(0);
        }
        if is_valid {
            self.bits[byte] |= 1 << bit;
        } else {
            self.nulls += 1;
        }
    }

    /// Adds rows that have a value.
    pub(super) fn push_valid(&mut self, rows: usize) {
        if self.nulls == 0 {
            self.len += rows;
        } else {
            (0..rows).for_each(|_| self.push(true));
        }
    }

    pub(super) fn is_valid(&self, row: usize) -> bool {
        row < self.len && (self.nulls == 0 || self.bits[row / 8] >> (row % 8) & 1 == 1)
    }

    /// Returns the bitmap, or `None` if there are no nulls.
    pub(super) fn bitmap(&self) -> Option<&[u8]> {
        (self.nulls > 0).then_some(&self.bits)
    }

    pub(super) fn into_bitmap(self) -> Option<Vec<u8>> {
        (self.nulls > 0).then_some(self.bits)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_pattern_of_nulls_is_kept() {
        for len in 0..20_usize {
            for seed in 0..200_u32 {
                let pattern: Vec<bool> = (0..len as u32)
                    .map(|at| seed.wrapping_mul(2_654_435_761) >> at & 1 == 1)
                    .collect();
                let mut validity = Validity::default();
                pattern.iter().for_each(|valid| validity.push(*valid));
                let read: Vec<bool> = (0..len).map(|row| validity.is_valid(row)).collect();
                assert_eq!(read, pattern);
                let nulls = pattern.iter().filter(|valid| !**valid).count();
                assert_eq!((validity.len(), validity.null_count()), (len, nulls));
                match validity.bitmap() {
                    Some(bits) => assert_eq!(bits.len(), len.div_ceil(8)),
                    None => assert_eq!(nulls, 0),
                }
                assert!(!validity.is_valid(len));
            }
        }
    }
}
