//! Columns: the values of one key by row, whether dense or sparse.

use std::collections::HashMap;
use std::sync::Arc;

use foldhash::fast::FixedState;

use crate::entity::MetricPoint;
use crate::search::TextTest;

/// The values of some rows, in row order.
#[derive(Clone, Debug)]
pub(crate) struct Column<T> {
    rows: Vec<u32>,
    values: Vec<T>,
}

impl<T> Default for Column<T> {
    fn default() -> Self {
        Column { rows: Vec::new(), values: Vec::new() }
    }
}

impl<T> Column<T> {
    /// Returns the value of a row, in O(1) if all rows before it have one, else by binary search.
    pub(crate) fn get(&self, row: u32) -> Option<&T> {
        let at = row as usize;
        if self.rows.get(at) == Some(&row) {
            return self.values.get(at);
        }
        // Rows are sorted and unique, so a row's index is at most its number.
        let until = at.min(self.rows.len());
        self.rows[..until].binary_search(&row).ok().and_then(|at| self.values.get(at))
    }

    /// Returns the values of these ascending rows, in one pass over the column.
    pub(crate) fn of_rows<'a, 'r>(
        &'a self,
        rows: &'r [u32],
    ) -> impl Iterator<Item = Option<&'a T>> + use<'a, 'r, T> {
        let mut at = 0;
        rows.iter().map(move |row| {
            // All rows together take at most as many steps as the column has entries.
            while self.rows.get(at).is_some_and(|known| known < row) {
                at += 1;
            }
            self.rows.get(at).filter(|known| *known == row).and_then(|_| self.values.get(at))
        })
    }

    /// Visits the rows that have a value, ascending.
    pub(crate) fn entries(&self) -> impl Iterator<Item = (u32, &T)> {
        self.rows.iter().copied().zip(&self.values)
    }

    /// Sets the value of a row. O(1) for the last row.
    pub(crate) fn set(&mut self, row: u32, value: T) {
        match self.place(row) {
            Ok(at) => self.values[at] = value,
            Err(at) => {
                self.rows.insert(at, row);
                self.values.insert(at, value);
            }
        }
    }

    pub(crate) fn remove(&mut self, row: u32) {
        if let Ok(at) = self.place(row) {
            self.rows.remove(at);
            self.values.remove(at);
        }
    }

    fn place(&self, row: u32) -> Result<usize, usize> {
        match self.rows.last() {
            None => Err(0),
            Some(last) if *last < row => Err(self.rows.len()),
            Some(last) if *last == row => Ok(self.rows.len() - 1),
            Some(_) => self.rows.binary_search(&row),
        }
    }
}

impl Column<MetricPoint> {
    /// Sets the point of a row, unless the row has a later one.
    pub(crate) fn keep_latest(&mut self, row: u32, point: MetricPoint) {
        match self.place(row) {
            Ok(at) if point.latest_order(&self.values[at]).is_le() => {}
            _ => self.set(row, point),
        }
    }
}

/// A column of strings that stores each distinct string once.
#[derive(Clone, Debug, Default)]
pub(crate) struct TextColumn {
    codes: Column<u32>,
    texts: Vec<Arc<str>>,
    by_text: HashMap<Arc<str>, u32, FixedState>,
}

impl TextColumn {
    /// Sets the text of a row. Amortized O(1) for the last row.
    pub(crate) fn set(&mut self, row: u32, text: &str) {
        let code = self.code_of(text);
        self.codes.set(row, code);
        // Overwritten strings are kept until they outnumber the rows.
        if self.texts.len() > 2 * self.codes.values.len() {
            self.drop_unused();
        }
    }

    fn code_of(&mut self, text: &str) -> u32 {
        match self.by_text.get(text) {
            Some(code) => *code,
            None => {
                let text: Arc<str> = Arc::from(text);
                // Row numbers have 32 bits as well, so this cannot overflow.
                let code = self.texts.len() as u32;
                self.texts.push(Arc::clone(&text));
                self.by_text.insert(text, code);
                code
            }
        }
    }

    /// Drops strings that no row uses, and renumbers the others.
    fn drop_unused(&mut self) {
        let texts = std::mem::take(&mut self.texts);
        self.by_text = HashMap::default();
        let mut codes = std::mem::take(&mut self.codes);
        for code in &mut codes.values {
            *code = self.code_of(&texts[*code as usize]);
        }
        self.codes = codes;
    }

    pub(crate) fn remove(&mut self, row: u32) {
        self.codes.remove(row);
    }

    pub(crate) fn get(&self, row: u32) -> Option<&str> {
        self.codes.get(row).map(|code| self.text(*code))
    }

    /// Returns the texts of these ascending rows.
    pub(crate) fn of_rows<'a, 'r>(
        &'a self,
        rows: &'r [u32],
    ) -> impl Iterator<Item = Option<&'a str>> + use<'a, 'r> {
        self.codes.of_rows(rows).map(|code| code.map(|code| self.text(*code)))
    }

    /// Visits the rows that have a text, ascending.
    pub(crate) fn entries(&self) -> impl Iterator<Item = (u32, &str)> {
        self.codes.entries().map(|(row, code)| (row, self.text(*code)))
    }

    /// Tests the texts of these ascending rows. Each distinct string is tested once.
    pub(crate) fn matches<'a>(
        &'a self,
        test: &'a TextTest,
        rows: &'a [u32],
    ) -> impl Iterator<Item = bool> {
        let mut verdicts = vec![None; self.texts.len()];
        self.codes.of_rows(rows).map(move |code| match code {
            None => test.matches(None),
            Some(code) => {
                let verdict = &mut verdicts[*code as usize];
                *verdict.get_or_insert_with(|| test.matches_text(self.text(*code)))
            }
        })
    }

    fn text(&self, code: u32) -> &str {
        &self.texts[code as usize]
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn values_are_found_in_dense_and_sparse_columns() {
        for rows in [vec![0, 1, 2, 3], vec![0, 1, 3, 7], vec![5], vec![2, 9, 10, 11, 30], vec![]] {
            let mut column = Column::default();
            // Covers both appending after the last row and inserting between rows.
            for row in rows.iter().rev().chain(&rows) {
                column.set(*row, row * 10);
            }
            let all: Vec<u32> = (0..40).collect();
            let expected: Vec<Option<u32>> =
                all.iter().map(|row| rows.contains(row).then_some(row * 10)).collect();
            let one_by_one: Vec<_> = all.iter().map(|row| column.get(*row).copied()).collect();
            assert_eq!(one_by_one, expected, "{rows:?}");
            let in_one: Vec<_> = column.of_rows(&all).map(Option::<&u32>::copied).collect();
            assert_eq!(in_one, expected, "{rows:?}");
            let some: Vec<u32> = all.iter().copied().filter(|row| row % 3 == 0).collect();
            let expected: Vec<_> = some.iter().map(|row| expected[*row as usize]).collect();
            assert!(column.of_rows(&some).map(Option::<&u32>::copied).eq(expected), "{rows:?}");
        }
    }

    #[test]
    fn removing_a_value_keeps_the_others() {
        let mut column = TextColumn::default();
        for (row, text) in [(0, "a"), (2, "b"), (5, "a")] {
            column.set(row, text);
        }
        column.remove(2);
        column.remove(3);
        assert_eq!([0, 2, 5].map(|row| column.get(row)), [Some("a"), None, Some("a")]);
        column.set(2, "a");
        let rows = [0, 1, 2, 5];
        let verdicts: Vec<bool> = column.matches(&TextTest::Equal("a".into()), &rows).collect();
        assert_eq!(verdicts, [true, false, true, true]);
        assert_eq!(column.texts.len(), 2);
    }

    #[test]
    fn overwritten_texts_are_dropped() {
        for rows in [1, 2, 100] {
            let mut column = TextColumn::default();
            (0..rows).for_each(|row| column.set(row, "first"));
            for number in 0..1000 {
                let row = number % rows;
                column.set(row, &format!("text {number}"));
                let known = [column.texts.len(), column.by_text.len()];
                assert!(known.iter().all(|count| *count <= 2 * rows as usize), "{rows}: {known:?}");
                assert_eq!(column.get(row), Some(&*format!("text {number}")));
            }
            let all: Vec<u32> = (0..rows).collect();
            let texts: Vec<&str> = column.of_rows(&all).flatten().collect();
            let mut numbers: Vec<u32> =
                texts.iter().map(|text| text[5..].parse().unwrap()).collect();
            numbers.sort_unstable();
            assert!(numbers.into_iter().eq(1000 - rows..1000), "{texts:?}");
        }
    }
}
