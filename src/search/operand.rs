//! The right side of a comparison: a value as it was written into what is asked of a field.

use super::catalog::{Quoting, Rule, ValueKind};
use super::message::{Checked, Problem, quoted};
use super::parse::REPEATED_BYTES_MAX;
use super::query::{NumberTest, TextList, TextTest};
use super::syntax::{Comparison, Operator, Span, Value};
use super::token::is_number;

/// The text at a place.
pub(super) fn written(text: &str, span: Span) -> &str {
    text.get(span.start..span.end).unwrap_or("")
}

/// The right side of a comparison whose field and operator are known to fit.
pub(super) struct Operand<'a> {
    text: &'a str,
    comparison: &'a Comparison<'a>,
    rule: Rule,
    quoting: Quoting,
}

impl<'a> Operand<'a> {
    /// The right side of this comparison in this text.
    pub(super) fn new(
        text: &'a str,
        comparison: &'a Comparison<'a>,
        rule: Rule,
        quoting: Quoting,
    ) -> Self {
        Operand { text, comparison, rule, quoting }
    }

    /// What is asked of a number.
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

    /// What is asked of text.
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
            (Value::Number(number), Number | NumberOrQuotedInteger) => Ok(*number),
            (Value::Number(_), Integer) => {
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

    /// Tells that the value is not of the kind that the field is compared with.
    #[cold]
    fn unfit(&self) -> Problem {
        let name = written(self.text, self.comparison.identifier.span);
        let value = written(self.text, self.comparison.value_span);
        let expected = match self.rule.values {
            ValueKind::Number => "a number without quotes, as in `0.5`, `-1` or `1e-3`",
            ValueKind::Integer => "a whole number without quotes",
            ValueKind::QuotedInteger => "a whole number in quotes, as in `'1'`",
            ValueKind::NumberOrQuotedInteger => "a number, or a whole number in quotes",
            ValueKind::Text => "text in quotes",
        };
        let what = format!("{} is not what {} is compared with", quoted(value), quoted(name));
        let problem = Problem::new(self.comparison.value_span, what, expected);
        problem.suggest(self.requoted(value))
    }

    /// The value with quotes when they are missing, or without when they are too many.
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

/// A whole number of 64 bits, as the nearest number that a comparison can use.
#[expect(clippy::cast_precision_loss, reason = "beyond 2^53 no id, time or version is in use")]
fn integer(text: &str) -> Option<f64> {
    text.trim().parse::<i64>().ok().map(|number| number as f64)
}
