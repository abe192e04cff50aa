//! The rows of numbers in the body of a request.
//!
//! Only bodies are read whose meaning is certain: JSON with one of `dataframe_records` and
//! `dataframe_split`, whose columns are exactly those of the signature. They are read as Python
//! reads them: `NaN` is a number, and `-0` is a whole number, so that it has no sign. Everything
//! else is left to the worker.

/// The largest whole number that a 64-bit float has together with all smaller ones.
const WHOLE_MAX: u64 = 1 << 53;
/// The most columns among which a name is searched that is not at its place.
const SEARCHED_MAX: usize = 64;

/// A column of the signature.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Column {
    pub(super) name: String,
    pub(super) kind: Kind,
}

/// The type of a column.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Kind {
    Integer,
    Long,
    Float,
    Double,
}

impl Kind {
    /// Returns the type with a name of MLflow.
    pub(super) fn named(name: &str) -> Option<Kind> {
        match name {
            "integer" => Some(Kind::Integer),
            "long" => Some(Kind::Long),
            "float" => Some(Kind::Float),
            "double" => Some(Kind::Double),
            _ => None,
        }
    }
}

/// Returns the values of a body, row after row, in the order of the columns. `None` if the body is
/// left to the worker.
pub(super) fn rows(body: &[u8], columns: &[Column]) -> Option<Vec<f64>> {
    let mut reader =
        Reader { bytes: body, at: 0, columns, values: Vec::new(), has_value: Vec::new() };
    reader.body()?;
    let is_whole = reader.at == body.len() && !reader.values.is_empty();
    is_whole.then_some(reader.values)
}

struct Reader<'b> {
    bytes: &'b [u8],
    at: usize,
    columns: &'b [Column],
    values: Vec<f64>,
    /// Whether the record that is read has a value for each column.
    has_value: Vec<bool>,
}

impl<'b> Reader<'b> {
    fn body(&mut self) -> Option<()> {
        self.mark(b'{')?;
        let form = self.text()?;
        self.mark(b':')?;
        match form {
            b"dataframe_records" => self.list(&mut Self::record)?,
            b"dataframe_split" => self.split()?,
            _ => return None,
        }
        self.mark(b'}')?;
        self.skip_space();
        Some(())
    }

    /// Reads an object with a value for each column.
    fn record(&mut self) -> Option<()> {
        let (start, width) = (self.values.len(), self.columns.len());
        self.values.resize(start + width, 0.0);
        self.has_value.clear();
        self.has_value.resize(width, false);
        self.mark(b'{')?;
        for place in 0..width {
            if place > 0 {
                self.mark(b',')?;
            }
            let name = self.text()?;
            self.mark(b':')?;
            let column = self.column(place, name)?;
            let value = self.number(self.columns.get(column)?.kind)?;
            *self.values.get_mut(start + column)? = value;
            let is_known = std::mem::replace(self.has_value.get_mut(column)?, true);
            if is_known {
                return None;
            }
        }
        self.mark(b'}')
    }

    /// Returns the place of a column. Mostly they are in order.
    fn column(&self, expected: usize, name: &[u8]) -> Option<usize> {
        let is_it = |column: &Column| column.name.as_bytes() == name;
        match self.columns.get(expected).is_some_and(is_it) {
            true => Some(expected),
            // In long records, the search would take longer than a worker does.
            false if self.columns.len() > SEARCHED_MAX => None,
            false => self.columns.iter().position(is_it),
        }
    }

    fn split(&mut self) -> Option<()> {
        self.mark(b'{')?;
        let (mut has_columns, mut has_data) = (false, false);
        for place in 0..2 {
            if place > 0 {
                self.mark(b',')?;
            }
            let name = self.text()?;
            self.mark(b':')?;
            let seen = match name {
                b"columns" => {
                    self.names()?;
                    &mut has_columns
                }
                b"data" => {
                    self.list(&mut Self::row)?;
                    &mut has_data
                }
                _ => return None,
            };
            if std::mem::replace(seen, true) {
                return None;
            }
        }
        self.mark(b'}')
    }

    /// Reads the list of all columns, in order.
    fn names(&mut self) -> Option<()> {
        let mut place = 0;
        self.list(&mut |reader: &mut Self| {
            let is_it = reader.text()? == reader.columns.get(place)?.name.as_bytes();
            place += 1;
            is_it.then_some(())
        })?;
        (place == self.columns.len()).then_some(())
    }

    /// Reads a list with a value for each column.
    fn row(&mut self) -> Option<()> {
        let mut place = 0;
        self.list(&mut |reader: &mut Self| {
            let value = reader.number(reader.columns.get(place)?.kind)?;
            reader.values.push(value);
            place += 1;
            Some(())
        })?;
        (place == self.columns.len()).then_some(())
    }

    /// Reads a list with at least one item.
    fn list(&mut self, item: &mut dyn FnMut(&mut Self) -> Option<()>) -> Option<()> {
        self.mark(b'[')?;
        loop {
            item(self)?;
            self.skip_space();
            match self.next()? {
                b',' => {}
                b']' => return Some(()),
                _ => return None,
            }
        }
    }

    fn skip_space(&mut self) {
        while let Some(b' ' | b'\t' | b'\n' | b'\r') = self.bytes.get(self.at) {
            self.at += 1;
        }
    }

    fn next(&mut self) -> Option<u8> {
        let byte = self.bytes.get(self.at).copied()?;
        self.at += 1;
        Some(byte)
    }

    /// Reads one character of punctuation, and the space before it.
    fn mark(&mut self, byte: u8) -> Option<()> {
        self.skip_space();
        (self.next()? == byte).then_some(())
    }

    /// Reads a text without escapes.
    fn text(&mut self) -> Option<&'b [u8]> {
        self.mark(b'"')?;
        let start = self.at;
        loop {
            match self.next()? {
                b'"' => return self.bytes.get(start..self.at - 1),
                b'\\' | 0..0x20 => return None,
                _ => {}
            }
        }
    }

    /// Reads a number as a value of a column.
    fn number(&mut self, kind: Kind) -> Option<f64> {
        self.skip_space();
        let start = self.at;
        let is_negative = self.skip(b"-");
        let value = if self.skip(b"Infinity") {
            let sign = if is_negative { -1.0 } else { 1.0 };
            sign * f64::INFINITY
        } else if !is_negative && self.skip(b"NaN") {
            f64::NAN
        } else {
            let is_whole = self.skip_number()?;
            let text = std::str::from_utf8(self.bytes.get(start..self.at)?).ok()?;
            if is_whole {
                return whole(text, kind);
            }
            text.parse().ok()?
        };
        match kind {
            Kind::Double => Some(value),
            Kind::Float => Some(f64::from(value as f32)),
            Kind::Integer | Kind::Long => None,
        }
    }

    fn skip(&mut self, word: &[u8]) -> bool {
        let is_there = self.bytes.get(self.at..).is_some_and(|rest| rest.starts_with(word));
        self.at += if is_there { word.len() } else { 0 };
        is_there
    }

    /// Skips the number after its sign. Returns whether it is written as a whole one.
    fn skip_number(&mut self) -> Option<bool> {
        if !self.skip(b"0") {
            self.digits()?;
        }
        let has_fraction = self.skip(b".");
        if has_fraction {
            self.digits()?;
        }
        let has_exponent = self.skip(b"e") || self.skip(b"E");
        if has_exponent {
            let _is_signed = self.skip(b"+") || self.skip(b"-");
            self.digits()?;
        }
        Some(!has_fraction && !has_exponent)
    }

    /// Skips at least one digit.
    fn digits(&mut self) -> Option<()> {
        let start = self.at;
        while self.bytes.get(self.at).is_some_and(u8::is_ascii_digit) {
            self.at += 1;
        }
        (self.at > start).then_some(())
    }
}

fn whole(text: &str, kind: Kind) -> Option<f64> {
    let number: i64 = text.parse().ok()?;
    if number.unsigned_abs() > WHOLE_MAX {
        return None;
    }
    let value = number as f64;
    match kind {
        Kind::Integer => i32::try_from(number).ok().map(f64::from),
        Kind::Float => Some(f64::from(value as f32)),
        Kind::Long | Kind::Double => Some(value),
    }
}

#[cfg(test)]
pub(super) mod tests {
    use super::*;

    pub(crate) fn columns(columns: &[(&str, Kind)]) -> Vec<Column> {
        let column = |(name, kind): &(&str, Kind)| Column { name: (*name).to_owned(), kind: *kind };
        columns.iter().map(column).collect()
    }

    fn read(body: &str) -> Option<Vec<f64>> {
        rows(body.as_bytes(), &columns(&[("a", Kind::Double), ("b", Kind::Long)]))
    }

    #[test]
    fn both_forms_have_the_same_rows() {
        for body in [
            r#"{"dataframe_records": [{"a": 1.5, "b": 2}, {"b": 4, "a": 3}]}"#,
            r#"{"dataframe_split":{"columns":["a","b"],"data":[[1.5,2],[3,4]]}}"#,
            concat!(
                "\n{\"dataframe_split\" : {\"data\" : [[1.5 , 2] , [3 , 4]] ,",
                "\"columns\":[ \"a\",\"b\"]}}\t"
            ),
        ] {
            assert_eq!(read(body).unwrap(), [1.5, 2.0, 3.0, 4.0], "{body}");
        }
    }

    #[test]
    fn numbers_are_those_that_python_reads() {
        let one = columns(&[("a", Kind::Double)]);
        let value = |text: &str| {
            let body = format!("{{\"dataframe_records\": [{{\"a\": {text}}}]}}");
            rows(body.as_bytes(), &one).map(|values| values[0].to_bits())
        };
        for (text, wanted) in [
            ("-0", 0.0),
            ("-0.0", -0.0),
            ("0.1", 0.1),
            ("1e400", f64::INFINITY),
            ("-Infinity", f64::NEG_INFINITY),
            ("4.9e-324", f64::from_bits(1)),
            ("123456789012345678.0", 123_456_789_012_345_680.0),
            ("1E+2", 100.0),
            ("9007199254740992", 9_007_199_254_740_992.0),
        ] {
            assert_eq!(value(text), Some(wanted.to_bits()), "{text}");
        }
        assert!(value("NaN").is_some_and(|bits| f64::from_bits(bits).is_nan()));
        for text in [
            "\"1\"",
            "null",
            "true",
            "-NaN",
            "01",
            "1.",
            ".5",
            "+1",
            "1e",
            "--1",
            "nan",
            "-",
            "9007199254740993",
            "99999999999999999999",
            "1_0",
            "0x1",
            "[1]",
            "",
        ] {
            assert_eq!(value(text), None, "{text}");
        }
    }

    #[test]
    fn a_value_has_the_type_of_its_column() {
        let of = |kind, text: &str| {
            let body = format!("{{\"dataframe_records\": [{{\"x\": {text}}}]}}");
            rows(body.as_bytes(), &columns(&[("x", kind)])).map(|values| values[0])
        };
        assert_eq!(of(Kind::Float, "0.1"), Some(f64::from(0.1_f32)));
        assert_eq!(of(Kind::Float, "16777217"), Some(16_777_216.0));
        assert_eq!(of(Kind::Integer, "2147483647"), Some(2_147_483_647.0));
        assert_eq!(of(Kind::Integer, "2147483648"), None);
        assert_eq!(of(Kind::Long, "2147483648"), Some(2_147_483_648.0));
        assert_eq!(of(Kind::Long, "1.0"), None);
        assert_eq!(of(Kind::Integer, "NaN"), None);
    }

    #[test]
    fn bodies_that_are_not_certain_are_left() {
        for body in [
            "",
            "{}",
            "[]",
            r#"{"dataframe_records": []}"#,
            r#"{"dataframe_records": [{}]}"#,
            r#"{"dataframe_records": [{"a": 1}]}"#,
            r#"{"dataframe_records": [{"a": 1, "b": 2, "c": 3}]}"#,
            r#"{"dataframe_records": [{"a": 1, "a": 2}]}"#,
            r#"{"dataframe_records": [{"a": NaN, "a": NaN}]}"#,
            r#"{"dataframe_records": [{"a": 1, "\u0062": 2}]}"#,
            r#"{"dataframe_records": [{"a": 1, "b": 2},]}"#,
            r#"{"dataframe_records": [{"a": 1, "b": 2}], "params": {}}"#,
            r#"{"dataframe_records": [{"a": 1, "b": 2}]} x"#,
            r#"{"dataframe_split": {"columns": ["b", "a"], "data": [[1, 2]]}}"#,
            r#"{"dataframe_split": {"columns": ["a"], "data": [[1, 2]]}}"#,
            r#"{"dataframe_split": {"columns": ["a", "b"], "data": [[1]]}}"#,
            r#"{"dataframe_split": {"columns": ["a", "b"], "data": [[1, 2, 3]]}}"#,
            r#"{"dataframe_split": {"columns": ["a", "b"], "columns": ["a", "b"]}}"#,
            r#"{"dataframe_split": {"columns": ["a", "b"], "index": [0], "data": [[1, 2]]}}"#,
            r#"{"instances": [[1, 2]]}"#,
        ] {
            assert_eq!(read(body), None, "{body}");
        }
        let whole = r#"{"dataframe_records": [{"a": 1.5, "b": 2}]}"#;
        for length in 0..whole.len() {
            assert_eq!(read(&whole[..length]), None, "{length}");
        }
    }
}
