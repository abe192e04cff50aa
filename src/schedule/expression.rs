//! Expressions: the text and its meaning.

use std::fmt;
use std::str::FromStr;

use super::calendar::Calendar;
use super::explain::explain;
use super::parse::{Parsed, parse};
use crate::error::{Error, Result};

/// A Quartz cron expression, such as `0 0 6 * * ?` for each day at six.
///
/// The [module](super) describes the language.
#[derive(Clone, Debug)]
pub struct CronExpression {
    text: String,
    parsed: Parsed,
}

impl CronExpression {
    /// Parses an expression of six or seven fields.
    ///
    /// # Errors
    ///
    /// - [`ErrorKind::InvalidInput`](crate::ErrorKind::InvalidInput) if it is not valid. The
    ///   message shows the place and what is expected there, and so does [`Error::place`].
    ///
    /// ```
    /// use tracklite::schedule::CronExpression;
    ///
    /// let error = CronExpression::parse("0 0 25 * * ?").unwrap_err();
    /// assert_eq!(error.place(), Some(4..6));
    /// assert_eq!(
    ///     error.message(),
    ///     "invalid Quartz expression\n    \
    ///          0 0 25 * * ?\n        \
    ///              ^^\n\
    ///      hour is `25`: expected `*`, a number from 0 to 23, a range like `9-17` or a step \
    ///      like `*/2`"
    /// );
    /// ```
    pub fn parse(text: &str) -> Result<Self> {
        match parse(text) {
            Ok(parsed) => Ok(CronExpression { text: text.to_owned(), parsed }),
            Err(problem) => Err(problem.into_error(text)),
        }
    }

    /// Returns the text as it was given.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.text
    }

    /// Returns when it fires, in plain English.
    ///
    /// ```
    /// use tracklite::schedule::CronExpression;
    ///
    /// let mornings = CronExpression::parse("0 30 6 ? * MON-FRI")?;
    /// assert_eq!(mornings.explain(), "at 06:30 on Monday to Friday");
    /// # Ok::<(), tracklite::Error>(())
    /// ```
    #[must_use]
    pub fn explain(&self) -> String {
        explain(&self.parsed.calendar)
    }

    pub(super) fn calendar(&self) -> &Calendar {
        &self.parsed.calendar
    }

    /// Returns whether it fires in each real hour, because its hours have a `*` or `/`.
    pub(super) fn runs(&self) -> bool {
        self.parsed.runs
    }
}

impl FromStr for CronExpression {
    type Err = Error;

    fn from_str(text: &str) -> Result<Self> {
        CronExpression::parse(text)
    }
}

impl fmt::Display for CronExpression {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.text)
    }
}

/// Two expressions are equal if they fire at the same times in each zone.
impl PartialEq for CronExpression {
    fn eq(&self, other: &Self) -> bool {
        self.parsed == other.parsed
    }
}

impl Eq for CronExpression {}
