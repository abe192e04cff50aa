//! Schedules: an expression in a zone, and its fires.

use std::fmt;
use std::str::FromStr;

use super::expression::CronExpression;
use super::zone::{TimeZone, instant};
use super::{literal, once};
use crate::entity::id::Timestamp;
use crate::error::{Error, ErrorKind, Result};

/// The rule for fires when clocks are set forward or back.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum DaylightSaving {
    /// Each wall time of listed hours fires exactly once. One that clocks skip fires when they are
    /// set forward, and one that they show twice fires at the first.
    ///
    /// Hours with `*` or `/` fire in each real hour, so that none is missed and none is doubled.
    #[default]
    Once,
    /// Like Quartz: a wall time that clocks skip may not fire, and one that they show twice fires
    /// at the second. Expressions that fire each hour pause for the first.
    Quartz,
}

impl DaylightSaving {
    /// Returns the name: `once` or `quartz`.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            DaylightSaving::Once => "once",
            DaylightSaving::Quartz => "quartz",
        }
    }
}

impl fmt::Display for DaylightSaving {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

impl FromStr for DaylightSaving {
    type Err = Error;

    fn from_str(text: &str) -> Result<Self> {
        let all = [DaylightSaving::Once, DaylightSaving::Quartz];
        all.into_iter().find(|mode| mode.as_str() == text).ok_or_else(|| {
            let message = format!("daylight saving is {text:?}: expected \"once\" or \"quartz\"");
            Error::new(ErrorKind::InvalidInput, message)
        })
    }
}

/// A Quartz expression in a time zone.
///
/// ```
/// use tracklite::schedule::CronSchedule;
///
/// let schedule = CronSchedule::parse("0 0 6 * * ?", "America/New_York")?;
/// let noon = schedule.zone().instant_of("2027-03-13 12:00")?;
/// let fires = schedule.fires_after(noon).take(2);
/// let local = fires.map(|fire| schedule.zone().local_time(fire).to_string());
/// // Clocks are set forward on the 14th, and it is six in the morning all the same.
/// assert_eq!(local.collect::<Vec<_>>(), ["2027-03-14 06:00:00 -04", "2027-03-15 06:00:00 -04"]);
/// # Ok::<(), tracklite::Error>(())
/// ```
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct CronSchedule {
    expression: CronExpression,
    zone: TimeZone,
    daylight_saving: DaylightSaving,
}

impl CronSchedule {
    /// Creates a schedule in the mode [`DaylightSaving::Once`].
    #[must_use]
    pub fn new(expression: CronExpression, zone: TimeZone) -> Self {
        CronSchedule { expression, zone, daylight_saving: DaylightSaving::Once }
    }

    /// Parses an expression and the name of a zone.
    ///
    /// # Errors
    ///
    /// As for [`CronExpression::parse`] and [`TimeZone::named`].
    pub fn parse(expression: &str, zone: &str) -> Result<Self> {
        let expression = CronExpression::parse(expression)?;
        Ok(CronSchedule::new(expression, TimeZone::named(zone)?))
    }

    /// Sets the rule for fires when clocks are set forward or back.
    #[must_use]
    pub fn daylight_saving(mut self, mode: DaylightSaving) -> Self {
        self.daylight_saving = mode;
        self
    }

    /// Returns the expression.
    #[must_use]
    pub fn expression(&self) -> &CronExpression {
        &self.expression
    }

    /// Returns the zone.
    #[must_use]
    pub fn zone(&self) -> &TimeZone {
        &self.zone
    }

    /// Returns the first fire after an instant, or `None` if there is none until the end of 2261.
    ///
    /// A fire is at a whole second, and always later than `after`.
    ///
    /// # Performance
    ///
    /// Takes less than 5 us, however far away the fire is.
    #[must_use]
    pub fn next_after(&self, after: Timestamp) -> Option<Timestamp> {
        let (calendar, after) = (self.expression.calendar(), instant(after));
        let fire = match self.daylight_saving {
            DaylightSaving::Quartz => literal::next(calendar, &self.zone, after),
            DaylightSaving::Once if self.expression.runs() => {
                once::next_running(calendar, &self.zone, after)
            }
            DaylightSaving::Once => once::next_fixed(calendar, &self.zone, after),
        };
        fire?.as_second().checked_mul(1_000_000_000).map(Timestamp::from_nanos)
    }

    /// Returns the fires after an instant, in order.
    pub fn fires_after(&self, after: Timestamp) -> impl Iterator<Item = Timestamp> {
        std::iter::successors(self.next_after(after), |last| self.next_after(*last))
    }
}

/// Prints its meaning in plain English: `at 06:00 every day (America/New_York)`.
impl fmt::Display for CronSchedule {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} ({})", self.expression.explain(), self.zone.name())
    }
}
