//! Rows as text: CSV by RFC 4180, and JSON lines.

use std::io::{self, Write};

use serde::{Serialize, Serializer};

use super::super::json::Number;
use super::super::text;
use super::output::Output;
use crate::Result;
use crate::run::rows::{RowSink, Value};

/// Rows on their way to an output.
pub(super) struct TextRows<'a, 'o> {
    way: Way,
    out: &'a mut Output<'o>,
    /// Of the columns.
    names: Vec<String>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Way {
    Csv,
    Lines,
}

impl<'a, 'o> TextRows<'a, 'o> {
    /// A line of names, then a line for each row.
    pub(super) fn csv(out: &'a mut Output<'o>) -> Self {
        TextRows { way: Way::Csv, out, names: Vec::new() }
    }

    /// An object for each row.
    pub(super) fn lines(out: &'a mut Output<'o>) -> Self {
        TextRows { way: Way::Lines, out, names: Vec::new() }
    }

    fn write(&mut self, values: &[Value<'_>]) -> io::Result<()> {
        match self.way {
            Way::Csv => write_csv(self.out, values),
            Way::Lines => {
                let line = Line { names: &self.names, values };
                serde_json::to_writer(&mut *self.out, &line)?;
                self.out.write_all(b"\n")
            }
        }
    }
}

impl RowSink for TextRows<'_, '_> {
    fn begin(&mut self, names: &[&str]) -> Result<()> {
        self.names = names.iter().map(|name| (*name).to_owned()).collect();
        if self.way == Way::Lines {
            return Ok(());
        }
        let names: Vec<Value<'_>> = names.iter().map(|name| Value::text(name)).collect();
        self.row(&names)
    }

    fn row(&mut self, values: &[Value<'_>]) -> Result<()> {
        self.write(values).map_err(|source| self.out.error(source))
    }
}

/// Writes a line of fields with commas between them.
fn write_csv(out: &mut impl Write, values: &[Value<'_>]) -> io::Result<()> {
    for (at, value) in values.iter().enumerate() {
        if at > 0 {
            out.write_all(b",")?;
        }
        match value {
            // A line with nothing in it would be taken for no row.
            Value::Missing if values.len() == 1 => out.write_all(b"\"\"")?,
            Value::Missing => {}
            Value::Text(text) => write_csv_text(out, text)?,
            Value::Whole(number) => write!(out, "{number}")?,
            Value::Number(number) => out.write_all(text::exact(*number).as_bytes())?,
            Value::Time(time) => out.write_all(text::rfc3339(*time).as_bytes())?,
        }
    }
    out.write_all(b"\n")
}

/// In quotes where it must be, and when it is empty: only what is missing is nothing at all.
fn write_csv_text(out: &mut impl Write, text: &str) -> io::Result<()> {
    if !text.is_empty() && !text.contains([',', '"', '\n', '\r']) {
        return out.write_all(text.as_bytes());
    }
    write!(out, "\"{}\"", text.replace('"', "\"\""))
}

/// A row as an object, in the order of the columns.
struct Line<'a> {
    names: &'a [String],
    values: &'a [Value<'a>],
}

impl Serialize for Line<'_> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_map(self.names.iter().zip(self.values.iter().map(Field)))
    }
}

struct Field<'a>(&'a Value<'a>);

impl Serialize for Field<'_> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        match self.0 {
            Value::Missing => serializer.serialize_none(),
            Value::Text(text) => serializer.serialize_str(text),
            Value::Whole(number) => serializer.serialize_i64(*number),
            Value::Number(number) => Number(*number).serialize(serializer),
            Value::Time(time) => serializer.serialize_str(&text::rfc3339(*time)),
        }
    }
}
