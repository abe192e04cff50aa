//! The right side of a comparison: turns the value as written into a typed test.

use super::message::{Checked, Problem, quoted};
use super::parse::REPEATED_BYTES_MAX;
use super::query::{NumberTest, TextList, TextTest};
use super::rule::{Quoting, Rule, ValueKind};
use super::syntax::{Comparison, Operator, Value, written};
use super::token::is_number;
use super::wording::{Dialect, Named};

/// The right side of a comparison whose operator is valid for the field.
pub(super) struct Operand<'a> {
    /// The filter.
    pub(super) text: &'a str,
    /// The comparison in it.
    pub(super) comparison: &'a Comparison<'a>,
    /// The rule of the field.
    pub(super) rule: Rule,
    /// How the value is unquoted.
    pub(super) quoting: Quoting,
    /// The search.
    pub(super) dialect: Dialect,
    /// The field.
    pub(super) field: Named<'a>,
}

impl Operand<'_> {
    /// Fails if the kind of the value is wrong for the field, whatever the operator.
    pub(super) fn check_kind(&self) -> Checked<()> {
        let is_text = self.rule.values == ValueKind::Text;
        match &self.comparison.value {
            Value::Absent => Ok(()),
            Value::Text(_) if is_text => Ok(()),
            Value::Number(_) if !is_text => Ok(()),
            Value::Text(_) | Value::List(_) if self.rule.values == ValueKind::QuotedInteger => {
                Ok(())
            }
            Value::Text(_) if self.rule.values == ValueKind::NumberOrQuotedInteger => Ok(()),
            _ => Err(self.unfit()),
        }
    }

    /// Returns the test for a numeric field.
    pub(super) fn number_test(&self) -> Checked<NumberTest> {
        let test = match self.comparison.operator {
            Operator::Equal => NumberTest::Equal(self.number()?),
            Operator::NotEqual => NumberTest::NotEqual(self.number()?),
            Operator::Less => NumberTest::Less(self.number()?),
            Operator::LessOrEqual => NumberTest::LessOrEqual(self.number()?),
            Operator::Greater => NumberTest::Greater(self.number()?),
            Operator::GreaterOrEqual => NumberTest::GreaterOrEqual(self.number()?),
            Operator::In => NumberTest::In(self.integers()?),
            Operator::NotIn => NumberTest::NotIn(self.integers()?),
            _ => return Err(self.unfit()),
        };
        Ok(test)
    }

    /// Returns the test for a text field.
    pub(super) fn text_test(&self) -> Checked<TextTest> {
        let test = match self.comparison.operator {
            Operator::Equal => TextTest::Equal(self.string()?),
            Operator::NotEqual => TextTest::NotEqual(self.string()?),
            Operator::Like => TextTest::Like(self.string()?),
            Operator::ILike => TextTest::ILike(self.string()?),
            Operator::In => TextTest::In(self.strings()?),
            Operator::NotIn => TextTest::NotIn(self.strings()?),
            Operator::IsNull => TextTest::IsNull,
            Operator::IsNotNull => TextTest::IsNotNull,
            _ => return Err(self.unfit()),
        };
        Ok(test)
    }

    fn number(&self) -> Checked<f64> {
        use ValueKind::{Integer, Number, NumberOrQuotedInteger, QuotedInteger};
        match (&self.comparison.value, self.rule.values) {
            (Value::Number(number), Number) => Ok(*number),
            (Value::Number(_), Integer | NumberOrQuotedInteger) => {
                integer(written(self.text, self.comparison.value_span)).ok_or_else(|| self.unfit())
            }
            (Value::Text(text), QuotedInteger | NumberOrQuotedInteger) => {
                integer(text).ok_or_else(|| self.unfit())
            }
            _ => Err(self.unfit()),
        }
    }

    fn integers(&self) -> Checked<Vec<f64>> {
        match &self.comparison.value {
            Value::List(items) => {
                items.iter().map(|item| integer(item).ok_or_else(|| self.unfit())).collect()
            }
            _ => Err(self.unfit()),
        }
    }

    fn string(&self) -> Checked<String> {
        match &self.comparison.value {
            Value::Text(_) | Value::Number(_) | Value::Word
                if self.quoting == Quoting::SingleOnly =>
            {
                let raw = written(self.text, self.comparison.value_span);
                Ok(raw.trim_matches('\'').to_owned())
            }
            Value::Text(text) => Ok((*text).to_owned()),
            _ => Err(self.unfit()),
        }
    }

    fn strings(&self) -> Checked<TextList> {
        match &self.comparison.value {
            Value::List(items) => {
                Ok(TextList::new(items.iter().map(|item| (*item).to_owned()).collect()))
            }
            _ => Err(self.unfit()),
        }
    }

    /// Reports a value of the wrong kind.
    #[cold]
    fn unfit(&self) -> Problem {
        let name = written(self.text, self.comparison.identifier.span);
        let value = written(self.text, self.comparison.value_span);
        let expected = match self.rule.values {
            ValueKind::Number => "a number without quotes, like `0.5`, `-1` or `1e-3`",
            ValueKind::Integer => "an integer without quotes",
            ValueKind::QuotedInteger => "a quoted integer, like `'1'`",
            ValueKind::NumberOrQuotedInteger => "an integer, with or without quotes",
            ValueKind::Text => "a quoted string",
        };
        let summary = format!("cannot compare {} with {}", quoted(name), quoted(value));
        let parsed = &self.comparison.value;
        let sentence = self.dialect.unfit_value(self.field, self.rule.values, parsed, value);
        let problem =
            Problem::new(self.comparison.value_span, summary, expected).sentence(sentence);
        problem.suggest(self.requoted(value))
    }

    /// Suggests the value with quotes added or removed, if that would make it valid.
    fn requoted(&self, value: &str) -> Option<String> {
        let short = value.len() <= REPEATED_BYTES_MAX;
        match (&self.comparison.value, self.rule.values) {
            (Value::Word | Value::Number(_), ValueKind::Text | ValueKind::QuotedInteger)
                if short =>
            {
                let bare = value.trim_matches('`');
                (!bare.contains('\'')).then(|| format!("'{bare}'"))
            }
            (Value::Text(text), ValueKind::Number | ValueKind::Integer) if is_number(text) => {
                Some(quoted(text))
            }
            _ => None,
        }
    }
}

/// Parses a 64-bit integer, rounded to the nearest `f64`.
#[expect(clippy::cast_precision_loss, reason = "beyond 2^53 no id, time or version is in use")]
fn integer(text: &str) -> Option<f64> {
    text.trim().parse::<i64>().ok().map(|number| number as f64)
}
