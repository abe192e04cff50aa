//! Tables with aligned columns that fit the terminal.

use std::io;

use unicode_width::{UnicodeWidthChar as _, UnicodeWidthStr as _};

use crate::terminal::{Style, Terminal};
use crate::text;

/// The number of blanks between two columns.
const GAP: usize = 2;

/// A cell.
#[derive(Clone, Debug, Default)]
pub(crate) struct Cell {
    text: String,
    style: Style,
}

impl Cell {
    /// Creates a cell. Characters that are not safe for a terminal are escaped.
    pub(crate) fn styled(style: Style, words: &str) -> Self {
        Cell { text: text::printable(words).into_owned(), style }
    }
}

impl<T: AsRef<str>> From<T> for Cell {
    fn from(words: T) -> Self {
        Cell::styled(Style::Plain, words.as_ref())
    }
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Align {
    Left,
    Right,
}

/// The behaviour of a column in a narrow terminal.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Room {
    /// It is not cut, but may be left out.
    Whole,
    /// Its cells are cut, to this width at least.
    Cut(usize),
    /// It is the last column, and the terminal wraps it.
    Wrap,
}

#[derive(Debug)]
struct Column {
    title: String,
    align: Align,
    room: Room,
    cells: Vec<Cell>,
}

impl Column {
    fn width(&self) -> usize {
        let cells = self.cells.iter().map(|cell| cell.text.width());
        cells.chain([self.title.width()]).max().unwrap_or(0)
    }

    fn may_shrink_from(&self, width: usize) -> bool {
        matches!(self.room, Room::Cut(min) if width > min)
    }
}

/// A table, built column by column.
#[derive(Debug, Default)]
pub(crate) struct Table {
    columns: Vec<Column>,
    indent: usize,
}

impl Table {
    /// Creates a table with indented lines.
    pub(crate) fn indented(indent: usize) -> Self {
        Table { columns: Vec::new(), indent }
    }

    /// Adds a column that is never cut.
    pub(crate) fn words<C: Into<Cell>>(&mut self, title: &str, cells: impl IntoIterator<Item = C>) {
        self.column(title, Align::Left, Room::Whole, cells);
    }

    /// Adds the last column, without a title. Its text is never cut, even if it is long.
    pub(crate) fn whole_text<C: Into<Cell>>(&mut self, cells: impl IntoIterator<Item = C>) {
        self.column("", Align::Left, Room::Wrap, cells);
    }

    /// Adds a column of text that is cut to `width_min` at least if the terminal is narrow.
    pub(crate) fn long_text<C: Into<Cell>>(
        &mut self,
        title: &str,
        width_min: usize,
        cells: impl IntoIterator<Item = C>,
    ) {
        self.column(title, Align::Left, Room::Cut(width_min), cells);
    }

    /// Adds a column that is aligned to the right.
    pub(crate) fn numbers<C: Into<Cell>>(
        &mut self,
        title: &str,
        cells: impl IntoIterator<Item = C>,
    ) {
        self.column(title, Align::Right, Room::Whole, cells);
    }

    fn column<C: Into<Cell>>(
        &mut self,
        title: &str,
        align: Align,
        room: Room,
        cells: impl IntoIterator<Item = C>,
    ) {
        let cells = cells.into_iter().map(Into::into).collect();
        let title = text::printable(title).into_owned();
        self.columns.push(Column { title, align, room, cells });
    }

    /// Prints the headings and rows. Returns the titles of columns that do not fit.
    pub(crate) fn print(&self, terminal: &mut Terminal) -> io::Result<Vec<String>> {
        let (widths, left_out) = self.fit(terminal.width());
        let shown = &self.columns[..widths.len()];
        if shown.iter().any(|column| !column.title.is_empty()) {
            let titles = shown.iter().map(|column| (column.title.as_str(), Style::Bold));
            self.print_line(terminal, titles, &widths)?;
        }
        let rows = shown.iter().map(|column| column.cells.len()).max().unwrap_or(0);
        for row in 0..rows {
            let cells = shown.iter().map(|column| {
                column.cells.get(row).map_or(("", Style::Plain), |cell| (&cell.text, cell.style))
            });
            self.print_line(terminal, cells, &widths)?;
        }
        Ok(left_out)
    }

    fn print_line<'a>(
        &self,
        terminal: &mut Terminal,
        cells: impl Iterator<Item = (&'a str, Style)>,
        widths: &[usize],
    ) -> io::Result<()> {
        let mut line = " ".repeat(self.indent);
        let mut pending = 0;
        for ((words, style), (column, &width)) in cells.zip(self.columns.iter().zip(widths)) {
            let words = cut(words, width);
            let blank = width - words.width().min(width);
            let (before, after) = match column.align {
                Align::Left => (0, blank),
                Align::Right => (blank, 0),
            };
            if !words.is_empty() {
                line.push_str(&" ".repeat(pending + before));
                line.push_str(&terminal.paint(style, &words));
                pending = after + GAP;
            } else {
                pending += width + GAP;
            }
        }
        terminal.line(&line)
    }

    /// Returns the width of each column that fits, and the titles of the others.
    fn fit(&self, limit: Option<usize>) -> (Vec<usize>, Vec<String>) {
        let mut widths: Vec<usize> = self.columns.iter().map(Column::width).collect();
        let Some(limit) = limit else {
            return (widths, Vec::new());
        };
        let full_widths = widths.clone();
        for (width, column) in widths.iter_mut().zip(&self.columns) {
            if column.room == Room::Wrap {
                *width = 0;
            }
        }
        while self.total(&widths) > limit {
            let widest = (0..widths.len())
                .filter(|&at| self.columns[at].may_shrink_from(widths[at]))
                .max_by_key(|&at| widths[at]);
            match widest {
                Some(at) => widths[at] -= 1,
                None => break,
            }
        }
        while self.total(&widths) > limit && widths.len() > 1 {
            widths.pop();
        }
        for (at, width) in widths.iter_mut().enumerate() {
            if self.columns[at].room == Room::Wrap {
                *width = full_widths[at];
            }
        }
        let left_out = self.columns[widths.len()..].iter().map(|column| column.title.clone());
        (widths, left_out.collect())
    }

    fn total(&self, widths: &[usize]) -> usize {
        self.indent + widths.iter().sum::<usize>() + GAP * widths.len().saturating_sub(1)
    }
}

/// Cuts text that is wider than `width` and ends it with an ellipsis.
pub(crate) fn cut(words: &str, width: usize) -> String {
    if words.width() <= width {
        return words.to_owned();
    }
    let mut kept = String::new();
    let mut used = 1;
    for letter in words.chars() {
        used += letter.width().unwrap_or(0);
        if used > width {
            break;
        }
        kept.push(letter);
    }
    kept.push('\u{2026}');
    kept
}

#[cfg(test)]
mod tests {
    use super::*;

    fn table() -> Table {
        let mut table = Table::default();
        table.words("id", ["aaaa", "bbbb"]);
        table.long_text("name", 12, ["a name of many, many words", "b"]);
        table.numbers("loss", ["0.5", "12.25"]);
        table
    }

    #[test]
    fn columns_have_their_full_width_without_a_limit() {
        assert_eq!(table().fit(None), (vec![4, 26, 5], Vec::new()));
        assert_eq!(table().fit(Some(39)).0, [4, 26, 5]);
    }

    #[test]
    fn long_text_is_cut_before_a_column_is_left_out() {
        assert_eq!(table().fit(Some(30)), (vec![4, 17, 5], Vec::new()));
        assert_eq!(table().fit(Some(20)), (vec![4, 12], vec!["loss".to_owned()]));
    }

    #[test]
    fn the_first_column_is_never_left_out() {
        assert_eq!(table().fit(Some(1)).0, [4]);
    }

    #[test]
    fn wide_characters_count_twice() {
        assert_eq!(cut("abcdef", 6), "abcdef");
        assert_eq!(cut("abcdef", 4), "abc\u{2026}");
        // Chinese characters are two columns wide.
        assert_eq!(cut("\u{4e2d}\u{6587}\u{5b57}", 4), "\u{4e2d}\u{2026}");
    }
}
