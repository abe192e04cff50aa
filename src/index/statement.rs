//! A SELECT in the making, and the tests of the search language in it.

use rusqlite::types::Value;

use crate::search::{Direction, NumberTest, TextTest};

/// A statement in the making: its text, and the values of its parameters in order.
#[derive(Debug, Default)]
pub(super) struct Statement {
    /// The text so far.
    pub(super) sql: String,
    /// The values so far.
    pub(super) values: Vec<Value>,
}

impl Statement {
    /// Begins with this text.
    pub(super) fn new(sql: &str) -> Self {
        Statement { sql: sql.to_owned(), values: Vec::new() }
    }

    /// Goes on with this text.
    pub(super) fn text(&mut self, sql: &str) {
        self.sql.push_str(sql);
    }

    /// A parameter with its value.
    pub(super) fn value(&mut self, value: impl Into<Value>) {
        self.sql.push('?');
        self.values.push(value.into());
    }

    /// Parameters with their values, in brackets.
    pub(super) fn list<V: Into<Value>>(&mut self, values: impl IntoIterator<Item = V>) {
        self.text("(");
        for (place, value) in values.into_iter().enumerate() {
            self.text(if place == 0 { "" } else { ", " });
            self.value(value);
        }
        self.text(")");
    }

    /// Whether the number in a column passes. NaN is NULL in the tables, and passes `!=` and
    /// `NOT IN` alone.
    pub(super) fn number_passes(&mut self, column: &str, test: &NumberTest) {
        let (operator, number) = match test {
            NumberTest::Equal(number) => ("=", number),
            NumberTest::NotEqual(number) => ("<>", number),
            NumberTest::Less(number) => ("<", number),
            NumberTest::LessOrEqual(number) => ("<=", number),
            NumberTest::Greater(number) => (">", number),
            NumberTest::GreaterOrEqual(number) => (">=", number),
            NumberTest::In(numbers) => {
                self.text(&format!("{column} IN "));
                return self.list(numbers.iter().copied());
            }
            NumberTest::NotIn(numbers) => {
                self.text(&format!("ifnull({column} NOT IN "));
                self.list(numbers.iter().copied());
                return self.text(", 1)");
            }
        };
        let is_for_nan = matches!(test, NumberTest::NotEqual(_));
        self.text(&format!("{}{column} {operator} ", if is_for_nan { "ifnull(" } else { "" }));
        self.value(*number);
        self.text(if is_for_nan { ", 1)" } else { "" });
    }

    /// Whether a text passes, which `operand` writes. One that is NULL passes `IS NULL` alone.
    pub(super) fn text_passes(&mut self, operand: &dyn Fn(&mut Statement), test: &TextTest) {
        let (operator, text) = match test {
            TextTest::Equal(text) => (" = ", text),
            TextTest::NotEqual(text) => (" <> ", text),
            TextTest::Like(pattern) => return self.like("like_exactly", operand, pattern),
            TextTest::ILike(pattern) => return self.like("like_in_any_case", operand, pattern),
            TextTest::In(texts) | TextTest::NotIn(texts) => {
                operand(self);
                let is_in = matches!(test, TextTest::In(_));
                self.text(if is_in { " IN " } else { " NOT IN " });
                return self.list(texts.as_slice().iter().cloned());
            }
            TextTest::IsNull | TextTest::IsNotNull => {
                operand(self);
                let is_null = *test == TextTest::IsNull;
                return self.text(if is_null { " IS NULL" } else { " IS NOT NULL" });
            }
        };
        operand(self);
        self.text(operator);
        self.value(text.clone());
    }

    fn like(&mut self, function: &str, operand: &dyn Fn(&mut Statement), pattern: &str) {
        self.text(&format!("{function}("));
        self.value(pattern.to_owned());
        self.text(", ");
        operand(self);
        self.text(")");
    }

    /// Whether the text in a column passes; see [`Statement::text_passes`].
    pub(super) fn column_passes(&mut self, column: &str, test: &TextTest) {
        self.text_passes(&|it| it.text(column), test);
    }

    /// Orders by one more column.
    pub(super) fn order(&mut self, place: usize, column: &str, direction: Direction) {
        let before = if place == 0 { " ORDER BY" } else { "," };
        self.text(&format!("{before} {column} {}", keyword(direction)));
    }

    /// Passes over some results, and ends after so many.
    pub(super) fn page(&mut self, offset: u64, limit: u64) {
        self.text(" LIMIT ");
        self.value(i64::try_from(limit).unwrap_or(i64::MAX));
        self.text(" OFFSET ");
        self.value(i64::try_from(offset).unwrap_or(i64::MAX));
    }
}

/// How SQL says it.
pub(super) fn keyword(direction: Direction) -> &'static str {
    match direction {
        Direction::Ascending => "ASC",
        Direction::Descending => "DESC",
    }
}
