//! Columns of numbers, truths and times.

use super::validity::Validity;

/// A column of values of fixed size, each of which may be null.
///
/// The layout is Arrow's: one buffer of values, in which a null has any value, and a bitmap.
#[derive(Clone, Debug, Default)]
pub struct Values<T> {
    values: Vec<T>,
    validity: Validity,
}

impl<T: Copy + Default> Values<T> {
    /// Creates an empty column.
    #[must_use]
    pub fn new() -> Self {
        Values::default()
    }

    /// Adds a row.
    pub fn push(&mut self, value: Option<T>) {
        self.values.push(value.unwrap_or_default());
        self.validity.push(value.is_some());
    }

    /// Returns the value of a row, or `None` if it is null or there is no such row.
    #[must_use]
    pub fn get(&self, row: usize) -> Option<T> {
        self.values.get(row).copied().filter(|_| self.validity.is_valid(row))
    }

    /// Iterates over the rows.
    pub fn iter(&self) -> impl ExactSizeIterator<Item = Option<T>> + '_ {
        self.values
            .iter()
            .enumerate()
            .map(|(row, value)| self.validity.is_valid(row).then_some(*value))
    }
}

impl<T> Values<T> {
    /// Returns the number of rows.
    #[must_use]
    pub fn len(&self) -> usize {
        self.values.len()
    }

    /// Returns whether there are no rows.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.values.is_empty()
    }

    /// Returns the number of nulls.
    #[must_use]
    pub fn null_count(&self) -> usize {
        self.validity.null_count()
    }

    /// Adds the rows that `append` appends, all with a value.
    pub(crate) fn extend_valid<E>(
        &mut self,
        append: impl FnOnce(&mut Vec<T>) -> Result<(), E>,
    ) -> Result<(), E> {
        append(&mut self.values)?;
        self.validity.push_valid(self.values.len() - self.validity.len());
        Ok(())
    }

    /// Returns the buffer of values. Nulls are in it too, with any value.
    #[must_use]
    pub fn values(&self) -> &[T] {
        &self.values
    }

    /// Returns Arrow's validity bitmap: bit `n`, counted from the lowest bit of the first byte, is
    /// set if row `n` has a value. Returns `None` if there are no nulls.
    #[must_use]
    pub fn validity(&self) -> Option<&[u8]> {
        self.validity.bitmap()
    }

    /// Returns [`Values::values`] and [`Values::validity`] without copying them.
    #[must_use]
    pub fn into_parts(self) -> (Vec<T>, Option<Vec<u8>>) {
        (self.values, self.validity.into_bitmap())
    }
}

/// A column without nulls.
impl<T> From<Vec<T>> for Values<T> {
    fn from(values: Vec<T>) -> Self {
        let validity = Validity::all_valid(values.len());
        Values { values, validity }
    }
}

impl<T: Copy + Default> FromIterator<Option<T>> for Values<T> {
    fn from_iter<I: IntoIterator<Item = Option<T>>>(values: I) -> Self {
        let values = values.into_iter();
        let mut column = Values::new();
        column.values.reserve(values.size_hint().0);
        values.for_each(|value| column.push(value));
        column
    }
}
