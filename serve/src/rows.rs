//! The body of a request as columns of JSON, and rows as the body that a model reads.

use std::fmt::Write as _;

use serde_json::{Map, Value};
use tracklite::Timestamp;
use tracklite::table::{Column, ColumnType, Table, Texts, Value as Cell, Values};

/// The nanoseconds of a day.
const DAY: i64 = 24 * 60 * 60 * 1_000_000_000;

/// The rows of a request, by column, and its members beside the rows.
#[derive(Debug, PartialEq)]
pub(crate) struct Rows {
    pub(crate) count: usize,
    columns: Vec<(String, Vec<Value>)>,
    others: Map<String, Value>,
}

impl Rows {
    /// Reads rows in one of MLflow's forms.
    pub(crate) fn parse(body: &[u8]) -> Result<Rows, String> {
        let body: Value = serde_json::from_slice(body)
            .map_err(|error| format!("the body is not JSON, which features need: {error}"))?;
        let Value::Object(mut others) = body else {
            return Err("the body is not a JSON object".to_owned());
        };
        let forms = ["dataframe_records", "dataframe_split", "instances", "inputs"];
        let mut given = forms.into_iter().filter(|form| others.contains_key(*form));
        let (Some(form), None) = (given.next(), given.next()) else {
            return Err(format!("the body must have exactly one of {}", forms.join(", ")));
        };
        let value = others.remove(form).unwrap_or_default();
        let (count, columns) = match (form, value) {
            ("dataframe_split", Value::Object(split)) => of_split(split)?,
            ("inputs", Value::Object(columns)) => of_columns(columns)?,
            ("dataframe_records" | "instances" | "inputs", Value::Array(records)) => {
                of_records(records)?
            }
            _ => return Err(format!("{form:?} has no rows with named columns")),
        };
        Ok(Rows { count, columns, others })
    }

    pub(crate) fn names(&self) -> impl Iterator<Item = &str> {
        self.columns.iter().map(|(name, _)| name.as_str())
    }

    pub(crate) fn column(&self, name: &str) -> Option<&[Value]> {
        self.columns.iter().find(|(known, _)| known == name).map(|(_, values)| &**values)
    }

    /// Writes given and found columns in the form `dataframe_split`, with the other members.
    pub(crate) fn body(&self, names: &[String], found: &Table) -> Vec<u8> {
        let columns: Vec<(&String, Source<'_>)> =
            names.iter().filter_map(|name| Some((name, self.source(name, found)?))).collect();
        let mut text = String::from("{");
        for (name, value) in &self.others {
            // Writing to a text does not fail.
            let _ = write!(text, "{}: {value}, ", Value::from(name.as_str()));
        }
        text.push_str("\"dataframe_split\": {\"columns\": [");
        for (at, (name, _)) in columns.iter().enumerate() {
            let comma = if at > 0 { ", " } else { "" };
            let _ = write!(text, "{comma}{}", Value::from(name.as_str()));
        }
        text.push_str("], \"data\": [");
        for row in 0..self.count {
            text.push_str(if row > 0 { ", [" } else { "[" });
            for (at, (_, source)) in columns.iter().enumerate() {
                text.push_str(if at > 0 { ", " } else { "" });
                match source {
                    Source::Given(values) => {
                        let _ = write!(text, "{}", values.get(row).unwrap_or(&Value::Null));
                    }
                    Source::Found(column) => write_cell(&mut text, column.value(row)),
                }
            }
            text.push(']');
        }
        text.push_str("]}}");
        text.into_bytes()
    }

    /// Returns rows of given and found columns as a list of objects.
    pub(crate) fn records(&self, names: &[String], found: &Table) -> Vec<Value> {
        let columns: Vec<(&String, Source<'_>)> =
            names.iter().filter_map(|name| Some((name, self.source(name, found)?))).collect();
        let record = |row: usize| {
            let fields = columns.iter().map(|(name, source)| {
                let value = match source {
                    Source::Given(values) => values.get(row).cloned().unwrap_or_default(),
                    Source::Found(column) => {
                        serde_json::to_value(column.value(row)).unwrap_or_default()
                    }
                };
                ((*name).clone(), value)
            });
            Value::Object(fields.collect())
        };
        (0..self.count).map(record).collect()
    }

    fn source<'s>(&'s self, name: &str, found: &'s Table) -> Option<Source<'s>> {
        let given = self.column(name).map(Source::Given);
        given.or_else(|| found.column(name).map(Source::Found))
    }

    /// Returns a given column as the keys of a table, or `None` if it is not given.
    pub(crate) fn keys(&self, name: &str, kind: ColumnType) -> Option<Result<Column, String>> {
        let values = self.column(name)?;
        Some(key_column(values, kind).map_err(|row| {
            let found = values.get(row).unwrap_or(&Value::Null);
            format!("column {name:?} has {found} in row {row}, expected a value of type {kind}")
        }))
    }
}

/// The values of a column.
enum Source<'s> {
    Given(&'s [Value]),
    Found(&'s Column),
}

type Columns = (usize, Vec<(String, Vec<Value>)>);

fn of_records(records: Vec<Value>) -> Result<Columns, String> {
    let count = records.len();
    let mut columns: Vec<(String, Vec<Value>)> = Vec::new();
    for (row, record) in records.into_iter().enumerate() {
        let Value::Object(record) = record else {
            return Err(format!("row {row} is not an object with named columns"));
        };
        for (at, (name, value)) in record.into_iter().enumerate() {
            // The rows mostly have their columns in the same order.
            let is_next = columns.get(at).is_some_and(|(known, _)| *known == name);
            let known = if is_next {
                Some(at)
            } else {
                columns.iter().position(|(known, _)| *known == name)
            };
            let place = known.unwrap_or_else(|| {
                columns.push((name, Vec::new()));
                columns.len() - 1
            });
            if let Some((_, values)) = columns.get_mut(place) {
                // A row that lacks a column has a null, as in pandas.
                values.resize(row, Value::Null);
                values.push(value);
            }
        }
    }
    columns.iter_mut().for_each(|(_, values)| values.resize(count, Value::Null));
    Ok((count, columns))
}

fn of_split(mut split: Map<String, Value>) -> Result<Columns, String> {
    let (Some(Value::Array(names)), Some(Value::Array(rows))) =
        (split.remove("columns"), split.remove("data"))
    else {
        return Err("\"dataframe_split\" has no lists \"columns\" and \"data\"".to_owned());
    };
    let (count, width) = (rows.len(), names.len());
    let mut columns = Vec::with_capacity(width);
    for name in names {
        let Value::String(name) = name else {
            return Err(format!("the column {name} is not named by a text"));
        };
        if columns.iter().any(|(known, _)| *known == name) {
            return Err(format!("column {name:?} is given twice"));
        }
        columns.push((name, Vec::with_capacity(count)));
    }
    for (at, row) in rows.into_iter().enumerate() {
        match row {
            Value::Array(row) if row.len() == width => {
                columns.iter_mut().zip(row).for_each(|((_, values), value)| values.push(value));
            }
            _ => return Err(format!("row {at} is not a list of {width} values")),
        }
    }
    Ok((count, columns))
}

fn of_columns(given: Map<String, Value>) -> Result<Columns, String> {
    let mut count = None;
    let mut columns = Vec::with_capacity(given.len());
    for (name, values) in given {
        let Value::Array(values) = values else {
            return Err(format!("column {name:?} of \"inputs\" is not a list"));
        };
        let expected = *count.get_or_insert(values.len());
        if values.len() != expected {
            let found = values.len();
            return Err(format!("column {name:?} has {found} values, another one has {expected}"));
        }
        columns.push((name, values));
    }
    Ok((count.unwrap_or(0), columns))
}

/// Returns values of JSON as keys, or the first row whose value has another type.
fn key_column(values: &[Value], kind: ColumnType) -> Result<Column, usize> {
    match kind {
        ColumnType::String => texts(values).map(Column::Text),
        ColumnType::Boolean => typed(values, Value::as_bool).map(Column::Bool),
        ColumnType::Timestamp => {
            let nanos = |value: &Value| Some(time(value)?.as_nanos());
            typed(values, nanos).map(Column::Time)
        }
        ColumnType::Date => {
            let day = |value: &Value| {
                let nanos = time(value)?.as_nanos();
                i32::try_from(nanos.div_euclid(DAY)).ok().filter(|_| nanos.rem_euclid(DAY) == 0)
            };
            typed(values, day).map(Column::Date)
        }
        _ => typed(values, Value::as_i64).map(Column::Integer),
    }
}

fn time(value: &Value) -> Option<Timestamp> {
    value.as_str()?.parse().ok()
}

fn typed<T: Copy + Default>(
    values: &[Value],
    read: impl Fn(&Value) -> Option<T>,
) -> Result<Values<T>, usize> {
    let mut column = Values::new();
    for (row, value) in values.iter().enumerate() {
        match value {
            Value::Null => column.push(None),
            value => column.push(Some(read(value).ok_or(row)?)),
        }
    }
    Ok(column)
}

fn texts(values: &[Value]) -> Result<Texts, usize> {
    let mut column = Texts::new();
    for (row, value) in values.iter().enumerate() {
        match value {
            Value::Null => column.push(None),
            value => column.push(Some(value.as_str().ok_or(row)?)),
        }
    }
    Ok(column)
}

/// Writes a value as MLflow reads it: also NaN, which Python's JSON has.
fn write_cell(text: &mut String, cell: Cell<'_>) {
    // Writing to a text does not fail.
    let _ = match cell {
        Cell::Null => text.write_str("null"),
        Cell::Float(number) if !number.is_finite() => write!(text, "{cell}"),
        // A time without a zone, because numpy has none.
        Cell::Time(time) => write!(text, "\"{}\"", time.to_string().trim_end_matches('Z')),
        Cell::Bytes(bytes) => write!(text, "\"{}\"", base64(bytes)),
        Cell::List(list) => {
            text.push('[');
            for (at, item) in list.items().enumerate() {
                text.push_str(if at > 0 { ", " } else { "" });
                write_cell(text, item);
            }
            text.write_str("]")
        }
        cell => text.write_str(&serde_json::to_string(&cell).unwrap_or_default()),
    };
}

fn base64(bytes: &[u8]) -> String {
    const DIGITS: &[u8; 64] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
    let mut text = String::with_capacity(bytes.len().div_ceil(3) * 4);
    for chunk in bytes.chunks(3) {
        let byte = |at: usize| chunk.get(at).copied().map_or(0, u32::from);
        let bits = byte(0) << 16 | byte(1) << 8 | byte(2);
        for place in 0..4 {
            let digit = DIGITS.get((bits >> (18 - 6 * place) & 63) as usize).copied();
            let is_digit = place <= chunk.len();
            text.push(char::from(digit.filter(|_| is_digit).unwrap_or(b'=')));
        }
    }
    text
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn rows(body: &Value) -> Result<Rows, String> {
        Rows::parse(body.to_string().as_bytes())
    }

    #[test]
    fn all_forms_have_the_same_columns() {
        let wanted = rows(&json!({"dataframe_records": [{"a": 1, "b": "x"}, {"a": 2, "b": null}]}));
        let wanted = wanted.unwrap();
        assert_eq!(wanted.count, 2);
        for body in [
            json!({"dataframe_split": {"columns": ["a", "b"], "data": [[1, "x"], [2, null]]}}),
            json!({"instances": [{"a": 1, "b": "x"}, {"b": null, "a": 2}]}),
            json!({"inputs": {"a": [1, 2], "b": ["x", null]}}),
            json!({"dataframe_records": [{"a": 1, "b": "x"}, {"a": 2}]}),
        ] {
            assert_eq!(rows(&body).unwrap(), wanted, "{body}");
        }
    }

    #[test]
    fn a_column_that_a_row_lacks_is_null_there() {
        let found = rows(&json!({"instances": [{"a": 1}, {"b": 2}, {"a": 3, "c": 4}]})).unwrap();
        assert_eq!(found.column("a").unwrap(), [json!(1), json!(null), json!(3)]);
        assert_eq!(found.column("b").unwrap(), [json!(null), json!(2), json!(null)]);
        assert_eq!(found.column("c").unwrap(), [json!(null), json!(null), json!(4)]);
    }

    #[test]
    fn bodies_without_named_columns_are_refused() {
        for (body, wanted) in [
            (json!([1]), "not a JSON object"),
            (json!({"params": {}}), "exactly one of"),
            (json!({"inputs": {}, "instances": []}), "exactly one of"),
            (json!({"instances": [[1, 2]]}), "row 0 is not an object"),
            (json!({"inputs": 7}), "\"inputs\" has no rows"),
            (json!({"inputs": {"a": [1], "b": [1, 2]}}), "column \"b\" has 2 values"),
            (json!({"dataframe_split": {"data": []}}), "no lists"),
            (json!({"dataframe_split": {"columns": [1], "data": []}}), "not named by a text"),
            (json!({"dataframe_split": {"columns": ["a", "a"], "data": []}}), "given twice"),
            (json!({"dataframe_split": {"columns": ["a"], "data": [[1, 2]]}}), "list of 1 values"),
        ] {
            let message = rows(&body).unwrap_err();
            assert!(message.contains(wanted), "{message}");
        }
        assert!(Rows::parse(b"a,b\n1,2").unwrap_err().contains("not JSON"));
    }

    #[test]
    fn keys_have_the_type_of_their_table() {
        let body = json!({"inputs": {
            "n": [1, null], "t": ["a", null], "b": [true, null],
            "d": ["2026-01-31", null], "s": ["1970-01-01T01:00:00+01:00", null], "f": [0, 1.5]}});
        let rows = rows(&body).unwrap();
        let cell = |name: &str, kind| {
            let column = rows.keys(name, kind).unwrap().unwrap();
            assert_eq!(column.value(1), Cell::Null);
            format!("{:?}", column.value(0))
        };
        assert_eq!(cell("n", ColumnType::Int), "Integer(1)");
        assert_eq!(cell("t", ColumnType::String), "Text(\"a\")");
        assert_eq!(cell("b", ColumnType::Boolean), "Bool(true)");
        assert_eq!(cell("d", ColumnType::Date), "Date(20484)");
        assert_eq!(cell("s", ColumnType::Timestamp), "Time(Timestamp(0))");
        assert!(rows.keys("x", ColumnType::Long).is_none());
        for (name, kind, row) in [
            ("t", ColumnType::Long, 0),
            ("n", ColumnType::String, 0),
            ("n", ColumnType::Timestamp, 0),
            ("f", ColumnType::Long, 1),
        ] {
            let message = rows.keys(name, kind).unwrap().unwrap_err();
            let wanted = format!("in row {row}, expected a value of type {kind}");
            assert!(message.contains(&wanted), "{message}");
        }
    }

    #[test]
    fn the_body_has_the_wanted_columns_in_order() {
        let body = json!({"params": {"p": 1}, "inputs": {"id": [7, 8], "x": [1, 2], "y": [0, 0]}});
        let rows = rows(&body).unwrap();
        let mut found = Table::new();
        let numbers: Values<f64> = [Some(f64::NAN), Some(0.1)].into_iter().collect();
        found.add_column("f", numbers).unwrap();
        found.add_column("x", Values::from(vec![5_i64, 5])).unwrap();
        found.add_column("t", [None, Some("a\"b")].into_iter().collect::<Texts>()).unwrap();
        let at: Values<i64> = [Some(0), None].into_iter().collect();
        found.add_column("at", Column::Time(at)).unwrap();
        let names = ["f", "x", "missing", "t", "at"].map(str::to_owned);
        let text = String::from_utf8(rows.body(&names, &found)).unwrap();
        let wanted = "{\"params\": {\"p\":1}, \"dataframe_split\": {\"columns\": \
            [\"f\", \"x\", \"t\", \"at\"], \"data\": \
            [[NaN, 1, null, \"1970-01-01T00:00:00.000000000\"], [0.1, 2, \"a\\\"b\", null]]}}";
        assert_eq!(text, wanted);
        let records = Value::Array(rows.records(&names, &found));
        assert_eq!(records[1], json!({"f": 0.1, "x": 2, "t": "a\"b", "at": null}));
        assert_eq!(records[0]["f"], "NaN", "JSON has no NaN");
    }

    #[test]
    fn bytes_are_written_in_base64() {
        for (bytes, wanted) in
            [("", ""), ("f", "Zg=="), ("fo", "Zm8="), ("foo", "Zm9v"), ("foob", "Zm9vYg==")]
        {
            assert_eq!(base64(bytes.as_bytes()), wanted);
        }
    }
}
