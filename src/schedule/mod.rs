//! Schedules: Quartz cron expressions in time zones, without I/O.
//!
//! [`CronSchedule`] is an expression in a zone. It returns the next fire after an instant, and
//! prints in plain English what it does.
//!
//! ```
//! use tracklite::Timestamp;
//! use tracklite::schedule::CronSchedule;
//!
//! let schedule = CronSchedule::parse("0 0 6 ? * MON-FRI", "America/New_York")?;
//! assert_eq!(schedule.to_string(), "at 06:00 on Monday to Friday (America/New_York)");
//! let next = schedule.next_after(Timestamp::from_millis(1_798_000_000_000)?);
//! assert_eq!(next, Some(Timestamp::from_millis(1_798_023_600_000)?));
//! # Ok::<(), tracklite::Error>(())
//! ```
//!
//! # Expressions
//!
//! An expression has six or seven fields, with spaces between them. It is the language of Quartz,
//! which Databricks uses.
//!
//! | field | values | also |
//! | --- | --- | --- |
//! | second | 0 to 59 | |
//! | minute | 0 to 59 | |
//! | hour | 0 to 23 | |
//! | day of month | 1 to 31 | `?` `L` `L-3` `LW` `L-3W` `15W` |
//! | month | 1 to 12, `JAN` to `DEC` | |
//! | day of week | 1 (Sunday) to 7, `SUN` to `SAT` | `?` `L` `6L` `6#3` |
//! | year | 1970 to 2261 | may be missing |
//!
//! | form | meaning |
//! | --- | --- |
//! | `*` | each value |
//! | `5,10,20-25` | a list |
//! | `22-2`, `FRI-MON` | a range, which may continue with the first value after the last |
//! | `*/15`, `5/15`, `9-17/2` | each 15th value from the first, from 5, or of a range |
//! | `?` | nothing; exactly one of the day fields is `?` |
//! | `L`, `L-3` | the last day of the month; the third day before it |
//! | `15W`, `LW` | the day from Monday to Friday nearest to the 15th, in the same month |
//! | `6L`, `6#3` | the last Friday of the month; the third |
//!
//! Names are in any case. A month without the day has no fire: `31` and `31W` do not fire in April.
//!
//! # Differences from Quartz
//!
//! Expressions fire as in Quartz 2.3.2, apart from these rows:
//!
//! | case | Quartz | here |
//! | --- | --- | --- |
//! | clocks are set forward or back | a fire may be lost | see [`DaylightSaving`] |
//! | `10W,20W` | only the first counts | both fire |
//! | `31W`, `L-29W` in shorter months | another day, or two months are skipped | no fire |
//! | text that Quartz ignores: `MON-FRI/2`, `5X`, `1,,2`, a step of 0 | is valid | is refused |
//! | `MON,6#3` | only one day counts | is refused |
//! | 0 as the end of a range of days or months | the last value | is refused |
//! | years before 1970 or after 2261 | are valid | are refused |

mod calendar;
mod cron_schedule;
mod days;
mod explain;
mod expression;
mod field;
mod item;
mod literal;
mod once;
mod parse;
mod problem;
mod set;
#[cfg(test)]
mod tests;
mod zone;

pub use self::cron_schedule::{CronSchedule, DaylightSaving};
pub use self::expression::CronExpression;
pub use self::zone::{LocalTime, TimeZone};
