//! Identifiers and timestamps.

use std::fmt;
use std::str::FromStr;
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use serde::{Deserialize, Serialize};

use crate::error::{Error, ErrorKind, Result};

const NANOS_PER_SECOND: i64 = 1_000_000_000;
const SECONDS_PER_DAY: i64 = 86_400;

/// The id of a run: 128 random bits (a version-4 UUID), displayed as 32 lower-case hexadecimal
/// digits.
#[derive(Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
pub struct RunId(u128);

impl RunId {
    /// Creates an id from 128 random bits. The version and variant bits of a UUID are set.
    #[must_use]
    pub fn from_random(bits: u128) -> Self {
        let version = 0x4_u128 << 76;
        let variant = 0x2_u128 << 62;
        let cleared = bits & !(0xF_u128 << 76) & !(0x3_u128 << 62);
        RunId(cleared | version | variant)
    }

    /// Creates an id from exactly these bits.
    #[must_use]
    pub const fn from_bits(bits: u128) -> Self {
        RunId(bits)
    }

    /// Returns the 128 bits of the id.
    #[must_use]
    pub const fn to_bits(self) -> u128 {
        self.0
    }

    /// Returns the id that is displayed as exactly this text, or `None` for any other text.
    #[must_use]
    pub(crate) fn displayed_as(text: &str) -> Option<Self> {
        RunId::lookup(text).ok()
    }
}

impl RunId {
    /// Parses an id of a run that must exist: exactly 32 lower-case hexadecimal digits.
    ///
    /// # Errors
    ///
    /// - [`ErrorKind::NotFound`] for any other text, because no run has such an id, as in MLflow.
    pub fn lookup(text: &str) -> Result<Self> {
        let found = text.parse::<RunId>().ok().filter(|id| id.to_string() == text);
        found.ok_or_else(|| no_such_run(text))
    }
}

/// Returns the error for a run that does not exist, or was purged.
pub(crate) fn no_such_run(id: impl fmt::Display) -> Error {
    Error::new(ErrorKind::NotFound, format!("Run with id={id} not found"))
}

impl fmt::Display for RunId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:032x}", self.0)
    }
}

impl fmt::Debug for RunId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "RunId({self})")
    }
}

impl FromStr for RunId {
    type Err = Error;

    /// Parses 32 hexadecimal digits.
    ///
    /// # Errors
    ///
    /// - [`ErrorKind::InvalidInput`] if the text is anything else.
    fn from_str(text: &str) -> Result<Self> {
        let digits = text.len() == 32 && text.bytes().all(|byte| byte.is_ascii_hexdigit());
        match u128::from_str_radix(text, 16) {
            Ok(bits) if digits => Ok(RunId(bits)),
            _ => Err(Error::new(
                ErrorKind::InvalidInput,
                format!("invalid run id {text:?}: expected 32 hexadecimal digits"),
            )),
        }
    }
}

/// The id of a logged model: 128 random bits, displayed as `m-` and 32 lower-case hexadecimal
/// digits.
#[derive(Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
pub struct LoggedModelId(u128);

impl LoggedModelId {
    /// Creates an id from exactly these bits.
    #[must_use]
    pub const fn from_bits(bits: u128) -> Self {
        LoggedModelId(bits)
    }

    /// Returns the 128 bits of the id.
    #[must_use]
    pub const fn to_bits(self) -> u128 {
        self.0
    }
}

impl LoggedModelId {
    /// Parses an id of a logged model that must exist, exactly as it is displayed.
    ///
    /// # Errors
    ///
    /// - [`ErrorKind::NotFound`] for any other text, because no logged model has such an id, as in
    ///   MLflow.
    pub fn lookup(text: &str) -> Result<Self> {
        let found = text.parse::<LoggedModelId>().ok().filter(|id| id.to_string() == text);
        found.ok_or_else(|| no_such_logged_model(text))
    }
}

/// Returns the error for a logged model that does not exist, or was purged.
pub(crate) fn no_such_logged_model(id: impl fmt::Display) -> Error {
    Error::new(ErrorKind::NotFound, format!("Logged model with ID '{id}' not found."))
}

impl fmt::Display for LoggedModelId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "m-{:032x}", self.0)
    }
}

impl fmt::Debug for LoggedModelId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "LoggedModelId({self})")
    }
}

impl FromStr for LoggedModelId {
    type Err = Error;

    /// Parses `m-` and 32 hexadecimal digits.
    ///
    /// # Errors
    ///
    /// - [`ErrorKind::InvalidInput`] if the text is anything else.
    fn from_str(text: &str) -> Result<Self> {
        let digits = text.strip_prefix("m-").unwrap_or_default();
        let are_digits = digits.len() == 32 && digits.bytes().all(|byte| byte.is_ascii_hexdigit());
        match u128::from_str_radix(digits, 16) {
            Ok(bits) if are_digits => Ok(LoggedModelId(bits)),
            _ => Err(Error::new(
                ErrorKind::InvalidInput,
                format!("invalid logged model id {text:?}: expected m- and 32 hexadecimal digits"),
            )),
        }
    }
}

/// The id of a registered model: 128 random bits that do not change when it is renamed.
///
/// A model that reuses the name of a deleted one gets a new id.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
pub struct RegisteredModelId(u128);

impl RegisteredModelId {
    /// Creates an id from exactly these bits.
    #[must_use]
    pub const fn from_bits(bits: u128) -> Self {
        RegisteredModelId(bits)
    }

    /// Returns the 128 bits of the id.
    #[must_use]
    pub const fn to_bits(self) -> u128 {
        self.0
    }
}

/// The id of an experiment within its file: 0 is the default experiment, others count up from 1.
#[derive(
    Clone, Copy, Debug, Default, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize,
)]
pub struct ExperimentId(u64);

impl ExperimentId {
    /// The default experiment, which exists in every file.
    pub const DEFAULT: ExperimentId = ExperimentId(0);

    /// Creates an id from its number.
    #[must_use]
    pub const fn new(number: u64) -> Self {
        ExperimentId(number)
    }

    /// Returns the number.
    #[must_use]
    pub const fn get(self) -> u64 {
        self.0
    }
}

impl fmt::Display for ExperimentId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}", self.0)
    }
}

/// A point in time, in nanoseconds since 1970-01-01T00:00:00Z. Covers the years 1677 to 2262.
#[derive(
    Clone, Copy, Debug, Default, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize,
)]
pub struct Timestamp(i64);

impl Timestamp {
    /// Creates a timestamp from nanoseconds since the Unix epoch.
    #[must_use]
    pub const fn from_nanos(nanos: i64) -> Self {
        Timestamp(nanos)
    }

    /// Creates a timestamp from milliseconds since the Unix epoch, MLflow's unit.
    ///
    /// # Errors
    ///
    /// - [`ErrorKind::InvalidInput`] if the time is outside the years 1677 to 2262.
    pub fn from_millis(millis: i64) -> Result<Self> {
        match millis.checked_mul(1_000_000) {
            Some(nanos) => Ok(Timestamp(nanos)),
            None => Err(Error::new(
                ErrorKind::InvalidInput,
                format!("time {millis} ms is out of range: expected the years 1677 to 2262"),
            )),
        }
    }

    /// Returns the current time of the system clock.
    #[must_use]
    pub fn now() -> Self {
        match SystemTime::now().duration_since(UNIX_EPOCH) {
            Ok(after) => Timestamp(saturating_nanos(after)),
            Err(before) => Timestamp(-saturating_nanos(before.duration())),
        }
    }

    /// Returns the present time in nanoseconds, as records hold it.
    #[must_use]
    pub(crate) fn now_nanos() -> i64 {
        Timestamp::now().as_nanos()
    }

    /// Returns the nanoseconds since the Unix epoch.
    #[must_use]
    pub const fn as_nanos(self) -> i64 {
        self.0
    }

    /// Returns the whole milliseconds since the Unix epoch, rounded down.
    #[must_use]
    pub const fn as_millis(self) -> i64 {
        self.0.div_euclid(1_000_000)
    }
}

/// RFC 3339 in UTC to the nanosecond: `2026-01-31T18:05:09.000000001Z`.
impl fmt::Display for Timestamp {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let seconds = self.0.div_euclid(NANOS_PER_SECOND);
        let nanos = self.0.rem_euclid(NANOS_PER_SECOND);
        let (year, month, day) = civil_date(seconds.div_euclid(SECONDS_PER_DAY));
        let second = seconds.rem_euclid(SECONDS_PER_DAY);
        let (hour, minute, second) = (second / 3600, second / 60 % 60, second % 60);
        write!(f, "{year:04}-{month:02}-{day:02}T{hour:02}:{minute:02}:{second:02}.{nanos:09}Z")
    }
}

/// Returns year, month and day in the Gregorian calendar, given the days since 1970.
///
/// This is Howard Hinnant's `civil_from_days`: years begin in March, so that the leap day is the
/// last of its year, and 400 years are one era of 146,097 days.
fn civil_date(days: i64) -> (i64, i64, i64) {
    let days = days + 719_468;
    let era = days.div_euclid(146_097);
    let day_of_era = days.rem_euclid(146_097);
    let leap_days = day_of_era / 1_460 - day_of_era / 36_524 + day_of_era / 146_096;
    let year_of_era = (day_of_era - leap_days) / 365;
    let day_of_year = day_of_era - (365 * year_of_era + year_of_era / 4 - year_of_era / 100);
    let month_from_march = (5 * day_of_year + 2) / 153;
    let day = day_of_year - (153 * month_from_march + 2) / 5 + 1;
    let month = if month_from_march < 10 { month_from_march + 3 } else { month_from_march - 9 };
    (era * 400 + year_of_era + i64::from(month <= 2), month, day)
}

fn saturating_nanos(duration: Duration) -> i64 {
    i64::try_from(duration.as_nanos()).unwrap_or(i64::MAX)
}
