//! Columns: the values of one key by row, whether dense or sparse.

use crate::entity::MetricPoint;
use crate::search::TextTest;

use super::growth::push;
use super::texts::Texts;

/// The values of some rows, in row order.
#[derive(Clone, Debug)]
pub(crate) struct Column<T> {
    /// The rows of the values, ascending. `None` means the first rows, each with a value.
    rows: Option<Vec<u32>>,
    values: Vec<T>,
}

impl<T> Default for Column<T> {
    fn default() -> Self {
        Column { rows: None, values: Vec::new() }
    }
}

impl<T> Column<T> {
    /// Returns the value of a row, in O(1) if all rows before it have one, else by binary search.
    pub(crate) fn get(&self, row: u32) -> Option<&T> {
        let at = row as usize;
        let Some(rows) = &self.rows else { return self.values.get(at) };
        if rows.get(at) == Some(&row) {
            return self.values.get(at);
        }
        // Rows are sorted and unique, so a row's index is at most its number.
        let until = at.min(rows.len());
        rows[..until].binary_search(&row).ok().and_then(|at| self.values.get(at))
    }

    /// Returns the values of these ascending rows, in one pass over the column.
    pub(crate) fn of_rows<'a, 'r>(
        &'a self,
        rows: &'r [u32],
    ) -> impl Iterator<Item = Option<&'a T>> + use<'a, 'r, T> {
        let mut at = 0;
        rows.iter().map(move |row| {
            let Some(known) = &self.rows else { return self.values.get(*row as usize) };
            // All rows together take at most as many steps as the column has entries.
            while known.get(at).is_some_and(|known| known < row) {
                at += 1;
            }
            known.get(at).filter(|known| *known == row).and_then(|_| self.values.get(at))
        })
    }

    /// Visits the rows that have a value, ascending.
    pub(crate) fn entries(&self) -> impl Iterator<Item = (u32, &T)> {
        let row = |at: usize| self.rows.as_ref().map_or(at as u32, |rows| rows[at]);
        self.values.iter().enumerate().map(move |(at, value)| (row(at), value))
    }

    /// Sets the value of a row. O(1) for the last row.
    pub(crate) fn set(&mut self, row: u32, value: T) {
        let at = match self.place(row) {
            Ok(at) => return self.values[at] = value,
            Err(at) => at,
        };
        if at < self.values.len() {
            self.sparse_rows().insert(at, row);
            return self.values.insert(at, value);
        }
        if self.rows.is_some() || at != row as usize {
            push(self.sparse_rows(), row);
        }
        push(&mut self.values, value);
    }

    pub(crate) fn remove(&mut self, row: u32) {
        if let Ok(at) = self.place(row) {
            self.sparse_rows().remove(at);
            self.values.remove(at);
        }
    }

    /// Returns the list of rows, which is made if all the first rows have had a value.
    fn sparse_rows(&mut self) -> &mut Vec<u32> {
        self.rows.get_or_insert_with(|| (0..self.values.len() as u32).collect())
    }

    fn place(&self, row: u32) -> Result<usize, usize> {
        let Some(rows) = &self.rows else {
            let at = row as usize;
            return if at < self.values.len() { Ok(at) } else { Err(self.values.len()) };
        };
        match rows.last() {
            None => Err(0),
            Some(last) if *last < row => Err(rows.len()),
            Some(last) if *last == row => Ok(rows.len() - 1),
            Some(_) => rows.binary_search(&row),
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
    texts: Texts,
}

impl TextColumn {
    /// Sets the text of a row. Amortized O(1) for the last row.
    pub(crate) fn set(&mut self, row: u32, text: &str) {
        let code = self.texts.number_of(text);
        self.codes.set(row, code);
        // Overwritten strings are kept until they outnumber the rows.
        if self.texts.len() > 2 * self.codes.values.len() {
            self.drop_unused();
        }
    }

    /// Drops strings that no row uses, and renumbers the others.
    fn drop_unused(&mut self) {
        let texts = std::mem::take(&mut self.texts);
        for code in &mut self.codes.values {
            *code = self.texts.number_of(texts.get(*code));
        }
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
        self.texts.get(code)
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
                let known = column.texts.len();
                assert!(known <= 2 * rows as usize, "{rows}: {known}");
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
