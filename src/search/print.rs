//! Prints queries in a canonical form that parses back to the same query.

use std::fmt::{self, Display, Formatter, Write as _};

use super::query::{Condition, Direction, Field, Filter, NumberTest, Order, SortKey, TextTest};
use super::token::{is_hexadecimal, is_number, is_word_character, quoted_length};

/// How a numeric field is printed.
pub trait NumberField: Display {
    /// Returns whether the numbers compared with this field are quoted.
    fn is_quoted(&self) -> bool {
        false
    }
}

/// How a text field is printed.
pub trait TextField: Display {
    /// Returns whether double quotes are part of the values compared with this field.
    fn keeps_double_quotes(&self) -> bool {
        false
    }
}

impl<N: NumberField, T: TextField> Display for Filter<N, T> {
    /// Does not always round-trip, because the language has no escapes. A value that ends in a
    /// backslash is misread if another quote follows.
    fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
        for (index, condition) in self.conditions.iter().enumerate() {
            f.write_str(if index == 0 { "" } else { " AND " })?;
            condition.fmt(f)?;
        }
        Ok(())
    }
}

impl<N: NumberField, T: TextField> Display for Condition<N, T> {
    fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
        match self {
            Condition::Number(field, test) => {
                write!(f, "{field} ")?;
                write_number_test(f, test, field.is_quoted())
            }
            Condition::Text(field, test) => {
                write!(f, "{field} ")?;
                write_text_test(f, test, field.keeps_double_quotes())
            }
        }
    }
}

fn write_number_test(f: &mut Formatter<'_>, test: &NumberTest, quoted: bool) -> fmt::Result {
    let (operator, value) = match test {
        NumberTest::Equal(value) => ("=", value),
        NumberTest::NotEqual(value) => ("!=", value),
        NumberTest::Less(value) => ("<", value),
        NumberTest::LessOrEqual(value) => ("<=", value),
        NumberTest::Greater(value) => (">", value),
        NumberTest::GreaterOrEqual(value) => (">=", value),
        NumberTest::In(list) => {
            return write_list(f, "IN", list.iter().map(|number| format!("'{number}'")));
        }
        NumberTest::NotIn(list) => {
            return write_list(f, "NOT IN", list.iter().map(|number| format!("'{number}'")));
        }
    };
    match (quoted, value.is_infinite()) {
        (true, _) => write!(f, "{operator} '{value}'"),
        (false, true) => write!(f, "{operator} {}1e999", if *value < 0.0 { "-" } else { "" }),
        (false, false) => write!(f, "{operator} {value}"),
    }
}

fn write_text_test(f: &mut Formatter<'_>, test: &TextTest, raw: bool) -> fmt::Result {
    let (operator, value) = match test {
        TextTest::Equal(value) => ("=", value),
        TextTest::NotEqual(value) => ("!=", value),
        TextTest::Like(value) => ("LIKE", value),
        TextTest::ILike(value) => ("ILIKE", value),
        TextTest::In(list) => return write_list(f, "IN", list.as_slice().iter().map(item)),
        TextTest::NotIn(list) => return write_list(f, "NOT IN", list.as_slice().iter().map(item)),
        TextTest::IsNull => return f.write_str("IS NULL"),
        TextTest::IsNotNull => return f.write_str("IS NOT NULL"),
    };
    match (holds('\'', value), raw) {
        (true, _) => write!(f, "{operator} '{value}'"),
        (false, true) => write!(f, "{operator} {value}"),
        (false, false) if holds('"', value) || is_closed('"', value) => {
            write!(f, "{operator} \"{value}\"")
        }
        (false, false) => write!(f, "{operator} '{value}'"),
    }
}

fn write_list(
    f: &mut Formatter<'_>,
    operator: &str,
    items: impl Iterator<Item = String>,
) -> fmt::Result {
    write!(f, "{operator} (")?;
    for (index, item) in items.enumerate() {
        f.write_str(if index == 0 { "" } else { ", " })?;
        f.write_str(&item)?;
    }
    f.write_char(')')
}

fn item(text: &String) -> String {
    let quote = if text.contains('\'') { '"' } else { '\'' };
    format!("{quote}{text}{quote}")
}

/// Returns whether the text parses back from these quotes, whatever comes after.
fn holds(quote: char, text: &str) -> bool {
    is_closed(quote, text) && !(quote != '`' && text.ends_with('\\'))
}

/// Returns whether the text parses back from these quotes, if no other quote comes after.
fn is_closed(quote: char, text: &str) -> bool {
    let probe = format!("{quote}{text}{quote}");
    quoted_length(&probe) == Some(probe.len())
}

/// Writes `prefix.key` with the key in backticks or quotes if it needs them.
pub(super) fn write_key(f: &mut Formatter<'_>, prefix: &str, key: &str) -> fmt::Result {
    let in_backticks = key.len() >= 2 && key.starts_with('`') && key.ends_with('`');
    match (is_bare(key), holds('`', key)) {
        (true, _) => write!(f, "{prefix}.{key}"),
        (false, true) => write!(f, "{prefix}.`{key}`"),
        // The parser strips backticks directly inside other quotes as well.
        (false, false) if in_backticks => write!(f, "{prefix}.\"`{key}`\""),
        (false, false) if is_closed('"', key) => write!(f, "{prefix}.\"{key}\""),
        (false, false) => write!(f, "{prefix}.'{key}'"),
    }
}

/// Writes `prefix.key` in the language where only backticks quote.
pub(super) fn write_raw_key(f: &mut Formatter<'_>, prefix: &str, key: &str) -> fmt::Result {
    if !is_bare(key) && holds('`', key) {
        return write!(f, "{prefix}.`{key}`");
    }
    write!(f, "{prefix}.{key}")
}

/// Returns whether a key needs no quotes.
pub(super) fn is_bare(key: &str) -> bool {
    let names = |part: &str| !is_number(part) && !is_hexadecimal(part);
    !key.is_empty()
        && key.chars().all(|character| character == '.' || is_word_character(character))
        && key.split('.').all(names)
}

impl<N: Display, T: Display> Order<N, T> {
    /// Returns the order as a list of items that parses back to the same order.
    #[must_use]
    pub fn to_items(&self) -> Vec<String> {
        self.keys.iter().map(ToString::to_string).collect()
    }
}

impl<N: Display, T: Display> Display for Order<N, T> {
    /// Writes the items separated by commas.
    fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
        f.write_str(&self.to_items().join(", "))
    }
}

impl<N: Display, T: Display> Display for SortKey<N, T> {
    fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
        match &self.field {
            Field::Number(field) => field.fmt(f)?,
            Field::Text(field) => field.fmt(f)?,
        }
        f.write_str(match self.direction {
            Direction::Ascending => " ASC",
            Direction::Descending => " DESC",
        })
    }
}
