//! Formulas of metrics, which are drawn like a metric.

use crate::entity::{MetricHistory, MetricPoint};
use crate::error::{Error, ErrorKind, Result};

use super::joined::ValuesByStep;

/// The first character of a key that is a formula.
const MARK: char = '=';
/// The largest formula in bytes, and how deep it may be nested.
const BYTES_MAX: usize = 1000;
const DEPTH_MAX: usize = 50;

/// A formula: its metrics, and what is done with their values.
#[derive(Debug)]
pub(super) struct Formula {
    metrics: Vec<String>,
    root: Term,
}

#[derive(Debug)]
enum Term {
    Number(f64),
    /// The value of the metric with this number.
    Metric(usize),
    One(Function, Box<Term>),
    Two(fn(f64, f64) -> f64, Box<Term>, Box<Term>),
}

impl Term {
    fn value(&self, values: &[f64]) -> f64 {
        match self {
            Term::Number(number) => *number,
            Term::Metric(at) => values[*at],
            Term::One(function, term) => function(term.value(values)),
            Term::Two(function, left, right) => function(left.value(values), right.value(values)),
        }
    }
}

type Function = fn(f64) -> f64;

/// The functions of formulas.
const FUNCTIONS: &[(&str, Function)] = &[
    ("abs", f64::abs),
    ("exp", f64::exp),
    ("log", f64::ln),
    ("log10", f64::log10),
    ("log2", f64::log2),
    ("sqrt", f64::sqrt),
];

/// Returns whether a key is a formula.
pub(super) fn is_formula(key: &str) -> bool {
    key.starts_with(MARK)
}

impl Formula {
    /// Parses a key that is a formula, such as `=metrics.train - metrics.val`.
    pub(super) fn parse(key: &str) -> Result<Self> {
        let text = key.strip_prefix(MARK).unwrap_or(key);
        let mut parser = Parser { text, at: 0, metrics: Vec::new(), depth: 0 };
        let root = match text.len() > BYTES_MAX {
            true => Err(format!("at most {BYTES_MAX} bytes")),
            false => parser.sum(),
        };
        let root = root.and_then(|root| match parser.rest().is_empty() {
            true => Ok(root),
            false => Err("an operator or the end".to_owned()),
        });
        let root = root.and_then(|root| match parser.metrics.is_empty() {
            true => Err("a metric, such as metrics.loss".to_owned()),
            false => Ok(root),
        });
        let place = text.get(..parser.at).unwrap_or(text).chars().count() + 1;
        let root = root.map_err(|expected| {
            let message = format!(
                "the formula {text:?} is not valid at character {place}: expected {expected}"
            );
            Error::new(ErrorKind::InvalidInput, message)
        })?;
        Ok(Formula { metrics: parser.metrics, root })
    }

    /// Computes the points of the formula, one for each point of its first metric. The other
    /// metrics have their value at the same step, or at the last step before it. A point without
    /// all values is left out.
    pub(super) fn history(
        &self,
        mut read: impl FnMut(&str) -> Result<MetricHistory>,
    ) -> Result<MetricHistory> {
        let Some((first, others)) = self.metrics.split_first() else {
            return Ok(MetricHistory::default());
        };
        let points = read(first)?;
        let others = others.iter().map(|key| Ok(ValuesByStep::new(read(key)?)));
        let mut others = others.collect::<Result<Vec<ValuesByStep>>>()?;
        let mut history = MetricHistory::default();
        let mut values = Vec::with_capacity(self.metrics.len());
        for point in points.iter() {
            values.clear();
            values.push(point.value);
            values.extend(others.iter_mut().filter_map(|other| other.at(point.step)));
            if values.len() == self.metrics.len() {
                history.push(MetricPoint { value: self.root.value(&values), ..point });
            }
        }
        Ok(history)
    }
}

/// Reads a formula from left to right. An error is what was expected instead.
struct Parser<'t> {
    text: &'t str,
    at: usize,
    metrics: Vec<String>,
    depth: usize,
}

type Parsed = std::result::Result<Term, String>;

impl<'t> Parser<'t> {
    /// Returns the text that is left, without spaces before it.
    fn rest(&mut self) -> &'t str {
        let rest = self.text.get(self.at..).unwrap_or_default();
        let trimmed = rest.trim_start();
        self.at += rest.len() - trimmed.len();
        trimmed
    }

    fn takes(&mut self, sign: char) -> bool {
        let is_next = self.rest().starts_with(sign);
        self.at += if is_next { sign.len_utf8() } else { 0 };
        is_next
    }

    fn sum(&mut self) -> Parsed {
        let mut left = self.product()?;
        loop {
            let function: fn(f64, f64) -> f64 = match self.rest().chars().next() {
                Some('+') => |a, b| a + b,
                Some('-') => |a, b| a - b,
                _ => return Ok(left),
            };
            self.at += 1;
            left = Term::Two(function, Box::new(left), Box::new(self.product()?));
        }
    }

    fn product(&mut self) -> Parsed {
        let mut left = self.factor()?;
        loop {
            let function: fn(f64, f64) -> f64 = match self.rest().chars().next() {
                Some('*') => |a, b| a * b,
                Some('/') => |a, b| a / b,
                _ => return Ok(left),
            };
            self.at += 1;
            left = Term::Two(function, Box::new(left), Box::new(self.factor()?));
        }
    }

    /// Reads a value with its sign and power. A power binds more tightly than a sign.
    fn factor(&mut self) -> Parsed {
        self.depth += 1;
        if self.depth > DEPTH_MAX {
            return Err(format!("at most {DEPTH_MAX} levels"));
        }
        let term = if self.takes('-') {
            Term::One(|value| -value, Box::new(self.factor()?))
        } else {
            let base = self.value()?;
            match self.takes('^') {
                true => Term::Two(f64::powf, Box::new(base), Box::new(self.factor()?)),
                false => base,
            }
        };
        self.depth -= 1;
        Ok(term)
    }

    fn value(&mut self) -> Parsed {
        let rest = self.rest();
        if let Some(key) = rest.strip_prefix("metrics.") {
            return self.metric(key, rest.len() - key.len());
        }
        let function = FUNCTIONS.iter().rev().find(|(name, _)| {
            rest.strip_prefix(name).is_some_and(|rest| rest.trim_start().starts_with('('))
        });
        if let Some((name, function)) = function {
            self.at += name.len();
            return Ok(Term::One(*function, Box::new(self.value()?)));
        }
        if self.takes('(') {
            let term = self.sum()?;
            return if self.takes(')') { Ok(term) } else { Err("an operator or )".to_owned()) };
        }
        let is_part = |letter: char| letter.is_ascii_digit() || letter == '.';
        let end = rest.find(|letter| !is_part(letter)).unwrap_or(rest.len());
        let number = rest.get(..end).and_then(|number| number.parse().ok());
        let number = number.ok_or_else(|| {
            "a number, metrics.KEY, ( or a function: abs, exp, log, log10, log2, sqrt".to_owned()
        })?;
        self.at += end;
        Ok(Term::Number(number))
    }

    /// Reads the key of a metric, which has backticks around it unless it is a word.
    fn metric(&mut self, key: &str, prefix: usize) -> Parsed {
        let is_word = |letter: char| letter.is_alphanumeric() || letter == '_' || letter == '.';
        let (name, length) = match key.strip_prefix('`').map(|quoted| quoted.split_once('`')) {
            Some(Some((name, _))) => (name, name.len() + 2),
            Some(None) => return Err("a second backtick".to_owned()),
            None => {
                let end = key.find(|letter| !is_word(letter)).unwrap_or(key.len());
                (key.get(..end).unwrap_or_default(), end)
            }
        };
        if name.is_empty() {
            return Err("the key of a metric".to_owned());
        }
        self.at += prefix + length;
        let known = self.metrics.iter().position(|metric| metric == name);
        Ok(Term::Metric(known.unwrap_or_else(|| {
            self.metrics.push(name.to_owned());
            self.metrics.len() - 1
        })))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::entity::id::Timestamp;

    fn value(text: &str) -> f64 {
        let formula = Formula::parse(text).unwrap();
        let of = |name: &String| if name == "a" { 3.0 } else { 2.0 };
        formula.root.value(&formula.metrics.iter().map(of).collect::<Vec<f64>>())
    }

    #[test]
    fn operators_bind_as_in_mathematics() {
        for (text, expected) in [
            ("=metrics.a - metrics.b - 1", 0.0),
            ("=1+metrics.a*2", 7.0),
            ("=(1 + metrics.a) * 2", 8.0),
            ("=-metrics.a^2", -9.0),
            ("=2^metrics.b^metrics.a", 256.0),
            ("=12 / metrics.a / metrics.b", 2.0),
            ("=log10(100)*metrics.`b/c d`", 4.0),
            ("=abs (-metrics.a) + sqrt(4) + log2(8)", 8.0),
            ("=2*-metrics.b", -4.0),
        ] {
            assert!((value(text) - expected).abs() < 1e-12, "{text}: {}", value(text));
        }
    }

    #[test]
    fn a_mistake_is_shown_with_its_place() {
        let message = |text: &str| Formula::parse(text).unwrap_err().to_string();
        assert!(message("=metrics.a +").contains("character 12: expected a number"));
        assert!(message("=metrics.a metrics.b").contains("character 11: expected an operator"));
        assert!(message("=(metrics.a").contains("expected an operator or )"));
        assert!(message("=metrics.`a").contains("a second backtick"));
        assert!(message("=metrics. + 1").contains("the key of a metric"));
        assert!(message("=1 + 2").contains("a metric, such as metrics.loss"));
        assert!(message(&format!("={}metrics.a", "-".repeat(60))).contains("at most 50 levels"));
        assert!(message(&format!("={}metrics.a", "(".repeat(60))).contains("at most 50 levels"));
        assert!(message(&format!("={}", "1+".repeat(600))).contains("at most 1000 bytes"));
    }

    #[test]
    fn metrics_are_joined_by_step() {
        let history = |points: &[(i64, f64)]| {
            let mut history = MetricHistory::default();
            for (step, value) in points {
                let time = Timestamp::from_nanos(*step);
                history.push(MetricPoint { step: *step, time, value: *value });
            }
            history
        };
        let formula = Formula::parse("=metrics.train - metrics.val").unwrap();
        let found = formula.history(|key| {
            Ok(match key {
                "train" => history(&[(0, 9.0), (1, 5.0), (2, 4.0), (3, f64::NAN)]),
                _ => history(&[(1, 1.0), (3, 2.0)]),
            })
        });
        let found: Vec<(i64, String)> =
            found.unwrap().iter().map(|point| (point.step, point.value.to_string())).collect();
        let wanted = [(1, "4"), (2, "3"), (3, "NaN")];
        assert_eq!(found, wanted.map(|(step, value)| (step, value.to_owned())));
    }
}
