//! Columns of bytes.

use super::validity::Validity;

/// A column of byte strings, each of which may be null.
///
/// The layout is Arrow's large binary: one buffer, and an offset of 64 bits for each row.
#[derive(Clone, Debug)]
pub struct Bytes {
    bytes: Vec<u8>,
    offsets: Vec<i64>,
    validity: Validity,
}

impl Default for Bytes {
    fn default() -> Self {
        Bytes::new()
    }
}

impl Bytes {
    /// Creates an empty column.
    #[must_use]
    pub fn new() -> Self {
        Bytes { bytes: Vec::new(), offsets: vec![0], validity: Validity::default() }
    }

    /// Adds a row.
    pub fn push(&mut self, bytes: Option<&[u8]>) {
        self.bytes.extend_from_slice(bytes.unwrap_or_default());
        self.offsets.push(self.bytes.len() as i64);
        self.validity.push(bytes.is_some());
    }

    /// Returns the number of rows.
    #[must_use]
    pub fn len(&self) -> usize {
        self.validity.len()
    }

    /// Returns whether there are no rows.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// Returns the number of nulls.
    #[must_use]
    pub fn null_count(&self) -> usize {
        self.validity.null_count()
    }

    /// Returns the bytes of a row, or `None` if they are null or there is no such row.
    #[must_use]
    pub fn get(&self, row: usize) -> Option<&[u8]> {
        let range = self.offsets.get(row..row.checked_add(2)?)?;
        let bytes = self.bytes.get(*range.first()? as usize..*range.last()? as usize);
        bytes.filter(|_| self.validity.is_valid(row))
    }

    /// Iterates over the rows.
    pub fn iter(&self) -> impl ExactSizeIterator<Item = Option<&[u8]>> + '_ {
        (0..self.len()).map(|row| self.get(row))
    }

    /// Returns the buffers of Arrow's large binary: the bytes, the offsets (one more than rows) and
    /// the validity bitmap, which is `None` if there are no nulls.
    #[must_use]
    pub fn into_parts(self) -> (Vec<u8>, Vec<i64>, Option<Vec<u8>>) {
        (self.bytes, self.offsets, self.validity.into_bitmap())
    }
}

impl<T: AsRef<[u8]>> FromIterator<Option<T>> for Bytes {
    fn from_iter<I: IntoIterator<Item = Option<T>>>(rows: I) -> Self {
        let mut column = Bytes::new();
        rows.into_iter().for_each(|row| column.push(row.as_ref().map(AsRef::as_ref)));
        column
    }
}
