//! Tables as text: CSV (RFC 4180) and JSON lines.

use std::fmt;
use std::io::{self, Write};

use serde::{Serialize, Serializer};

use super::{Row, Table, Value};
use crate::entity::id::Timestamp;

/// The value as text that reads back as the same value: numbers in as few digits as possible,
/// `NaN`, `Infinity` and `-Infinity`, times by RFC 3339. Null is nothing.
impl fmt::Display for Value<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Value::Null => Ok(()),
            Value::Text(text) => f.write_str(text),
            Value::Integer(number) => write!(f, "{number}"),
            Value::Float(number) => match not_finite(*number) {
                Some(word) => f.write_str(word),
                None if *number == 0.0 || (1e-5..1e16).contains(&number.abs()) => {
                    write!(f, "{number}")
                }
                None => write!(f, "{number:e}"),
            },
            Value::Bool(is_true) => write!(f, "{is_true}"),
            Value::Time(time) => write!(f, "{time}"),
            Value::Date(days) => write_date(f, *days),
            Value::Bytes(bytes) => bytes.iter().try_for_each(|byte| write!(f, "{byte:02x}")),
            Value::List(list) => {
                f.write_str("[")?;
                for (at, item) in list.items().enumerate() {
                    write!(f, "{}{item}", if at > 0 { ", " } else { "" })?;
                }
                f.write_str("]")
            }
        }
    }
}

/// Writes a day as `YYYY-MM-DD`.
fn write_date(f: &mut fmt::Formatter<'_>, days: i32) -> fmt::Result {
    let day = i64::from(days) * 24 * 60 * 60 * 1_000_000_000;
    // The range of times in nanoseconds is smaller than that of days.
    match day / 1_000_000_000 / (24 * 60 * 60) == i64::from(days) && days.abs() < 106_000 {
        true => {
            let text = Timestamp::from_nanos(day).to_string();
            f.write_str(text.split('T').next().unwrap_or_default())
        }
        false => write!(f, "day {days}"),
    }
}

/// Returns MLflow's word for a number that JSON does not have.
fn not_finite(number: f64) -> Option<&'static str> {
    if number.is_nan() {
        Some("NaN")
    } else if number.is_infinite() {
        Some(if number > 0.0 { "Infinity" } else { "-Infinity" })
    } else {
        None
    }
}

impl Table {
    /// Writes the table as CSV (RFC 4180): a line of names, then a line for each row.
    ///
    /// Values are written as their `Display`. A null is an empty field; an empty text is `""`.
    ///
    /// # Errors
    ///
    /// Those of `out`.
    pub fn write_csv(&self, out: &mut impl Write) -> io::Result<()> {
        let names = self.names.iter().map(|name| Value::Text(name));
        write_csv_line(out, names)?;
        self.write_csv_rows(out)
    }

    /// Writes the rows of [`Table::write_csv`] without the names, to append to another table.
    ///
    /// # Errors
    ///
    /// Those of `out`.
    pub fn write_csv_rows(&self, out: &mut impl Write) -> io::Result<()> {
        self.rows().try_for_each(|row| write_csv_line(out, row.values()))
    }

    /// Writes each row as a JSON object on a line of its own, with the columns in order.
    ///
    /// Times, NaN and infinities are strings, written as in CSV.
    ///
    /// # Errors
    ///
    /// Those of `out`.
    pub fn write_json_lines(&self, out: &mut impl Write) -> io::Result<()> {
        self.rows().try_for_each(|row| {
            serde_json::to_writer(&mut *out, &row)?;
            out.write_all(b"\n")
        })
    }
}

fn write_csv_line<'a>(
    out: &mut impl Write,
    values: impl ExactSizeIterator<Item = Value<'a>>,
) -> io::Result<()> {
    let is_alone = values.len() == 1;
    for (at, value) in values.enumerate() {
        if at > 0 {
            out.write_all(b",")?;
        }
        match value {
            // Readers skip a line with nothing in it.
            Value::Null if is_alone => out.write_all(b"\"\"")?,
            Value::Text(text) if text.is_empty() || text.contains([',', '"', '\n', '\r']) => {
                write!(out, "\"{}\"", text.replace('"', "\"\""))?;
            }
            value => write!(out, "{value}")?,
        }
    }
    out.write_all(b"\n")
}

impl Serialize for Row<'_> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_map(self.table.names.iter().zip(self.values()))
    }
}

impl Serialize for Value<'_> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        match self {
            Value::Null => serializer.serialize_none(),
            Value::Text(text) => serializer.serialize_str(text),
            Value::Integer(number) => serializer.serialize_i64(*number),
            Value::Float(number) if number.is_finite() => serializer.serialize_f64(*number),
            Value::Bool(is_true) => serializer.serialize_bool(*is_true),
            Value::List(list) => serializer.collect_seq(list.items()),
            Value::Float(_) | Value::Time(_) | Value::Date(_) | Value::Bytes(_) => {
                serializer.collect_str(self)
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::super::{Column, Texts, Values};
    use super::*;

    fn table() -> Table {
        let texts: Texts =
            [Some("a, \"b\"\n"), Some(""), None, Some("plain")].into_iter().collect();
        let numbers = Values::from(vec![f64::NAN, f64::NEG_INFINITY, 5e-324, 0.1]);
        let times: Values<i64> = [Some(0), None, Some(-1), Some(1)].into_iter().collect();
        let mut table = Table::new();
        table.add_column("te,xt", texts).unwrap();
        table.add_column("number", numbers).unwrap();
        table.add_column("time", Column::Time(times)).unwrap();
        table
    }

    #[test]
    fn csv_quotes_what_needs_it_and_keeps_empty_texts_apart_from_nulls() {
        let mut out = Vec::new();
        table().write_csv(&mut out).unwrap();
        let wanted = "\"te,xt\",number,time\n\
            \"a, \"\"b\"\"\n\",NaN,1970-01-01T00:00:00.000000000Z\n\
            \"\",-Infinity,\n\
            ,5e-324,1969-12-31T23:59:59.999999999Z\n\
            plain,0.1,1970-01-01T00:00:00.000000001Z\n";
        assert_eq!(String::from_utf8(out).unwrap(), wanted);
    }

    #[test]
    fn a_single_null_is_no_empty_line() {
        let mut table = Table::new();
        table.add_column("a", [None, Some("x")].into_iter().collect::<Texts>()).unwrap();
        let mut out = Vec::new();
        table.write_csv_rows(&mut out).unwrap();
        assert_eq!(out, b"\"\"\nx\n");
    }

    #[test]
    fn json_lines_have_the_columns_in_order() {
        let mut out = Vec::new();
        table().write_json_lines(&mut out).unwrap();
        let wanted = concat!(
            r#"{"te,xt":"a, \"b\"\n","number":"NaN","time":"1970-01-01T00:00:00.000000000Z"}"#,
            "\n",
            r#"{"te,xt":"","number":"-Infinity","time":null}"#,
            "\n",
            r#"{"te,xt":null,"number":5e-324,"time":"1969-12-31T23:59:59.999999999Z"}"#,
            "\n",
            r#"{"te,xt":"plain","number":0.1,"time":"1970-01-01T00:00:00.000000001Z"}"#,
            "\n",
        );
        assert_eq!(String::from_utf8(out).unwrap(), wanted);
    }
}
