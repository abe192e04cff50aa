//! Columns of lists of numbers.

use super::Value;
use super::validity::Validity;

/// A column of lists of numbers, each of which may be null. The numbers may not.
///
/// The layout is Arrow's large list: one buffer of numbers, and an offset of 64 bits for each row.
#[derive(Clone, Debug)]
pub struct Lists<T> {
    numbers: Vec<T>,
    offsets: Vec<i64>,
    validity: Validity,
}

/// A list in a [`Value`].
#[derive(Clone, Copy, Debug, PartialEq)]
#[non_exhaustive]
pub enum List<'a> {
    /// Integers.
    Integers(&'a [i64]),
    /// Numbers.
    Floats(&'a [f64]),
}

impl<'a> List<'a> {
    /// Returns the number of items.
    #[must_use]
    pub fn len(&self) -> usize {
        match self {
            List::Integers(items) => items.len(),
            List::Floats(items) => items.len(),
        }
    }

    /// Returns whether there are no items.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// Iterates over the items.
    pub fn items(&self) -> impl ExactSizeIterator<Item = Value<'a>> + use<'a> {
        let list = *self;
        (0..self.len()).map(move |at| match list {
            List::Integers(items) => {
                items.get(at).map_or(Value::Null, |item| Value::Integer(*item))
            }
            List::Floats(items) => items.get(at).map_or(Value::Null, |item| Value::Float(*item)),
        })
    }
}

impl<T> Default for Lists<T> {
    fn default() -> Self {
        Lists { numbers: Vec::new(), offsets: vec![0], validity: Validity::default() }
    }
}

impl<T: Copy> Lists<T> {
    /// Creates an empty column.
    #[must_use]
    pub fn new() -> Self {
        Lists::default()
    }

    /// Adds a row.
    pub fn push(&mut self, items: Option<&[T]>) {
        self.numbers.extend_from_slice(items.unwrap_or_default());
        self.offsets.push(self.numbers.len() as i64);
        self.validity.push(items.is_some());
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

    /// Returns the list of a row, or `None` if it is null or there is no such row.
    #[must_use]
    pub fn get(&self, row: usize) -> Option<&[T]> {
        let range = self.offsets.get(row..row.checked_add(2)?)?;
        let items = self.numbers.get(*range.first()? as usize..*range.last()? as usize);
        items.filter(|_| self.validity.is_valid(row))
    }

    /// Iterates over the rows.
    pub fn iter(&self) -> impl ExactSizeIterator<Item = Option<&[T]>> + '_ {
        (0..self.len()).map(|row| self.get(row))
    }

    /// Returns the buffers of Arrow's large list: the numbers, the offsets (one more than rows) and
    /// the validity bitmap, which is `None` if there are no nulls.
    #[must_use]
    pub fn into_parts(self) -> (Vec<T>, Vec<i64>, Option<Vec<u8>>) {
        (self.numbers, self.offsets, self.validity.into_bitmap())
    }
}

impl<T: Copy, L: AsRef<[T]>> FromIterator<Option<L>> for Lists<T> {
    fn from_iter<I: IntoIterator<Item = Option<L>>>(rows: I) -> Self {
        let mut column = Lists::new();
        rows.into_iter().for_each(|row| column.push(row.as_ref().map(AsRef::as_ref)));
        column
    }
}
