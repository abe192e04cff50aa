//! Columns of text.

use std::fmt::{Display, Write as _};

use super::validity::Validity;

/// A column of texts, each of which may be null.
///
/// The layout is Arrow's large string: one buffer of bytes, and an offset of 64 bits for each text.
/// A text that is repeated in adjacent rows by [`Texts::push_repeated`] is stored once.
#[derive(Clone, Debug)]
pub struct Texts {
    bytes: String,
    /// Where each text begins, and where the last one ends.
    offsets: Vec<i64>,
    validity: Validity,
    /// The row after the last one of each text. Empty while each text has one row.
    ends: Vec<usize>,
    nulls: usize,
}

impl Default for Texts {
    fn default() -> Self {
        Texts::new()
    }
}

impl Texts {
    /// Creates an empty column.
    #[must_use]
    pub fn new() -> Self {
        Texts {
            bytes: String::new(),
            offsets: vec![0],
            validity: Validity::default(),
            ends: Vec::new(),
            nulls: 0,
        }
    }

    /// Adds a row.
    pub fn push(&mut self, text: Option<&str>) {
        self.bytes.push_str(text.unwrap_or_default());
        self.end_text(text.is_some(), 1);
    }

    /// Adds a row with a value written as text.
    pub fn push_display(&mut self, value: &impl Display) {
        // Writing to a string fails only if the value itself refuses: it is then cut off.
        let _ = write!(self.bytes, "{value}");
        self.end_text(true, 1);
    }

    /// Adds `rows` rows with the same text, which is stored once.
    pub fn push_repeated(&mut self, text: Option<&str>, rows: usize) {
        if rows > 0 {
            self.bytes.push_str(text.unwrap_or_default());
            self.end_text(text.is_some(), rows);
        }
    }

    /// Ends the text that was just appended to the bytes. It has `rows` rows.
    fn end_text(&mut self, is_valid: bool, rows: usize) {
        let before = self.len();
        if rows > 1 && self.ends.is_empty() {
            self.ends.extend(1..=before);
        }
        if rows > 1 || !self.ends.is_empty() {
            self.ends.push(before + rows);
        }
        self.offsets.push(self.bytes.len() as i64);
        self.validity.push(is_valid);
        self.nulls += if is_valid { 0 } else { rows };
    }

    /// Returns the number of rows.
    #[must_use]
    pub fn len(&self) -> usize {
        self.ends.last().copied().unwrap_or(self.validity.len())
    }

    /// Returns whether there are no rows.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// Returns the number of nulls.
    #[must_use]
    pub fn null_count(&self) -> usize {
        self.nulls
    }

    /// Returns the text of a row, or `None` if it is null or there is no such row.
    #[must_use]
    pub fn get(&self, row: usize) -> Option<&str> {
        match self.ends.is_empty() {
            true => self.text(row),
            false => self.text(self.ends.partition_point(|end| *end <= row)),
        }
    }

    fn text(&self, at: usize) -> Option<&str> {
        let is_valid = self.validity.is_valid(at);
        is_valid.then(|| &self.bytes[self.offsets[at] as usize..self.offsets[at + 1] as usize])
    }

    /// Iterates over the rows.
    pub fn iter(&self) -> impl Iterator<Item = Option<&str>> {
        self.stretches().flat_map(|(text, rows)| std::iter::repeat_n(text, rows))
    }

    /// Iterates over the stored texts, each with the number of adjacent rows that have it.
    ///
    /// Adjacent stretches may have the same text.
    pub fn stretches(&self) -> impl ExactSizeIterator<Item = (Option<&str>, usize)> {
        let mut row = 0;
        (0..self.validity.len()).map(move |at| {
            let end = self.ends.get(at).copied().unwrap_or(at + 1);
            let rows = end - row;
            row = end;
            (self.text(at), rows)
        })
    }

    /// Returns the buffers of Arrow's large string: the bytes, the offsets (one more than rows) and
    /// the validity bitmap, which is `None` if there are no nulls.
    ///
    /// Copies nothing unless texts are repeated.
    #[must_use]
    pub fn into_parts(self) -> (Vec<u8>, Vec<i64>, Option<Vec<u8>>) {
        let plain = match self.ends.is_empty() {
            true => self,
            false => self.iter().collect(),
        };
        (plain.bytes.into_bytes(), plain.offsets, plain.validity.into_bitmap())
    }
}

impl<T: AsRef<str>> FromIterator<Option<T>> for Texts {
    fn from_iter<I: IntoIterator<Item = Option<T>>>(texts: I) -> Self {
        let texts = texts.into_iter();
        let mut column = Texts::new();
        column.offsets.reserve(texts.size_hint().0);
        texts.for_each(|text| column.push(text.as_ref().map(AsRef::as_ref)));
        column
    }
}
