//! A builder for SELECT statements, with the tests of the search language.

use rusqlite::types::Value;

use crate::search::{Direction, NumberTest, TextTest};

/// An unfinished statement: its text, and the values of its parameters in order.
#[derive(Debug, Default)]
pub(super) struct Statement {
    /// The text so far.
    pub(super) sql: String,
    /// The parameters so far.
    pub(super) values: Vec<Value>,
}

impl Statement {
    /// Creates a statement that begins with this text.
    pub(super) fn new(sql: &str) -> Self {
        Statement { sql: sql.to_owned(), values: Vec::new() }
    }

    /// Appends text.
    pub(super) fn text(&mut self, sql: &str) {
        self.sql.push_str(sql);
    }

    /// Appends a parameter with this value.
    pub(super) fn value(&mut self, value: impl Into<Value>) {
        self.sql.push('?');
        self.values.push(value.into());
    }

    /// Appends a list of parameters in parentheses.
    pub(super) fn list<V: Into<Value>>(&mut self, values: impl IntoIterator<Item = V>) {
        self.text("(");
        for (place, value) in values.into_iter().enumerate() {
            self.text(if place == 0 { "" } else { ", " });
            self.value(value);
        }
        self.text(")");
    }

    /// Appends a test of a numeric column. NaN is stored as NULL, and passes only `!=` and `NOT
    /// IN`.
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

    /// Appends a test of the text that `operand` appends. NULL passes only `IS NULL`.
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

    /// Appends a test of a text column, like [`Statement::text_passes`].
    pub(super) fn column_passes(&mut self, column: &str, test: &TextTest) {
        self.text_passes(&|statement| statement.text(column), test);
    }

    /// Appends one more column to the order.
    pub(super) fn order(&mut self, place: usize, column: &str, direction: Direction) {
        let before = if place == 0 { " ORDER BY" } else { "," };
        self.text(&format!("{before} {column} {}", keyword(direction)));
    }

    /// Appends the limit and the offset.
    pub(super) fn page(&mut self, offset: u64, limit: u64) {
        self.text(" LIMIT ");
        self.value(i64::try_from(limit).unwrap_or(i64::MAX));
        self.text(" OFFSET ");
        self.value(i64::try_from(offset).unwrap_or(i64::MAX));
    }
}

/// Returns the SQL keyword for a direction.
pub(super) fn keyword(direction: Direction) -> &'static str {
    match direction {
        Direction::Ascending => "ASC",
        Direction::Descending => "DESC",
    }
}
