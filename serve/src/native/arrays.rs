//! Named arrays of numbers in the bytes that a worker sends.
//!
//! Each array is the length of its name (u8), the name, the number of its bytes (u64), and these.
//! All numbers are little-endian. The worker is not trusted: no length is believed before the bytes
//! are there.

use std::collections::BTreeMap;

/// Arrays by name, within the bytes that were read.
pub(super) struct Arrays<'b>(BTreeMap<&'b str, &'b [u8]>);

impl<'b> Arrays<'b> {
    /// Finds the arrays.
    pub(super) fn read(mut bytes: &'b [u8]) -> Result<Arrays<'b>, String> {
        let mut found = BTreeMap::new();
        while !bytes.is_empty() {
            let (name, array, rest) = first(bytes).ok_or("an array is truncated")?;
            if found.insert(name, array).is_some() {
                return Err(format!("the array {name:?} appears twice"));
            }
            bytes = rest;
        }
        Ok(Arrays(found))
    }

    /// Returns whether there is an array.
    pub(super) fn has(&self, name: &str) -> bool {
        self.0.contains_key(name)
    }

    /// Returns the bytes of an array.
    pub(super) fn bytes(&self, name: &str) -> Result<&'b [u8], String> {
        self.0.get(name).copied().ok_or_else(|| format!("the array {name:?} is missing"))
    }

    /// Returns an array of 64-bit floats.
    pub(super) fn floats(&self, name: &str) -> Result<Vec<f64>, String> {
        self.numbers(name, f64::from_le_bytes)
    }

    /// Returns an array of 32-bit whole numbers.
    pub(super) fn words(&self, name: &str) -> Result<Vec<u32>, String> {
        self.numbers(name, u32::from_le_bytes)
    }

    fn numbers<const N: usize, T>(
        &self,
        name: &str,
        number: fn([u8; N]) -> T,
    ) -> Result<Vec<T>, String> {
        let (numbers, rest) = self.bytes(name)?.as_chunks::<N>();
        match rest.is_empty() {
            true => Ok(numbers.iter().map(|bytes| number(*bytes)).collect()),
            false => Err(format!("the array {name:?} ends within a number")),
        }
    }
}

/// Returns the name and the bytes of the first array, and the rest.
fn first(bytes: &[u8]) -> Option<(&str, &[u8], &[u8])> {
    let (length, rest) = bytes.split_first()?;
    let (name, rest) = rest.split_at_checked(usize::from(*length))?;
    let (count, rest) = rest.split_first_chunk::<8>()?;
    let count = usize::try_from(u64::from_le_bytes(*count)).ok()?;
    let (array, rest) = rest.split_at_checked(count)?;
    Some((std::str::from_utf8(name).ok()?, array, rest))
}

#[cfg(test)]
pub(super) mod tests {
    use super::*;

    /// Returns an array as a worker writes it.
    pub(crate) fn written(name: &str, array: &[u8]) -> Vec<u8> {
        let mut bytes = vec![u8::try_from(name.len()).unwrap()];
        bytes.extend(name.as_bytes());
        bytes.extend((array.len() as u64).to_le_bytes());
        bytes.extend(array);
        bytes
    }

    #[test]
    fn arrays_are_found_by_name() {
        let mut bytes = written("a", &1.5_f64.to_le_bytes());
        bytes.extend(written("b", &[7, 0, 0, 0, 8, 0, 0, 0]));
        let arrays = Arrays::read(&bytes).unwrap();
        assert_eq!(arrays.floats("a").unwrap(), [1.5]);
        assert_eq!(arrays.words("b").unwrap(), [7, 8]);
        assert!(arrays.has("b") && !arrays.has("c"));
        assert!(arrays.words("c").unwrap_err().contains("missing"));
        assert!(Arrays::read(&[]).unwrap().0.is_empty());
    }

    #[test]
    fn cut_and_doubled_arrays_are_refused() {
        let whole = written("a", &[1, 2, 3]);
        for length in 1..whole.len() {
            assert!(Arrays::read(&whole[..length]).is_err(), "{length}");
        }
        assert!(Arrays::read(&[whole.clone(), whole.clone()].concat()).is_err());
        assert!(Arrays::read(&whole).unwrap().floats("a").is_err());
        let mut huge = whole;
        huge[2..10].copy_from_slice(&u64::MAX.to_le_bytes());
        assert!(Arrays::read(&huge).is_err());
    }
}
