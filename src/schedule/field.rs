//! The seven fields: their values, names and steps.

/// The rules for one field of an expression.
#[derive(Debug)]
pub(super) struct Field {
    /// Its name in errors.
    pub(super) name: &'static str,
    pub(super) first: u32,
    pub(super) last: u32,
    /// The largest step after `*` or a single number.
    pub(super) step_max: u32,
    /// Names of the values, from the first.
    pub(super) names: &'static [&'static str],
    /// The forms that it accepts, for errors.
    pub(super) forms: &'static str,
}

const MONTHS: &[&str] =
    &["JAN", "FEB", "MAR", "APR", "MAY", "JUN", "JUL", "AUG", "SEP", "OCT", "NOV", "DEC"];
const WEEKDAYS: &[&str] = &["SUN", "MON", "TUE", "WED", "THU", "FRI", "SAT"];

pub(super) const SECOND: Field = Field {
    name: "second",
    first: 0,
    last: 59,
    step_max: 59,
    names: &[],
    forms: "`*`, a number from 0 to 59, a range like `0-29` or a step like `*/10`",
};

pub(super) const MINUTE: Field = Field { name: "minute", ..SECOND };

pub(super) const HOUR: Field = Field {
    name: "hour",
    last: 23,
    step_max: 23,
    forms: "`*`, a number from 0 to 23, a range like `9-17` or a step like `*/2`",
    ..SECOND
};

pub(super) const DAY_OF_MONTH: Field = Field {
    name: "day of month",
    first: 1,
    last: 31,
    step_max: 31,
    names: &[],
    forms: "`?`, `*`, a number from 1 to 31, a range, a step, `L`, `L-3`, `LW` or `15W`",
};

pub(super) const MONTH: Field = Field {
    name: "month",
    first: 1,
    last: 12,
    step_max: 12,
    names: MONTHS,
    forms: "`*`, a number from 1 to 12, a name from JAN to DEC, a range or a step like `*/3`",
};

pub(super) const DAY_OF_WEEK: Field = Field {
    name: "day of week",
    first: 1,
    last: 7,
    step_max: 7,
    names: WEEKDAYS,
    forms: "`?`, `*`, a number from 1 (Sunday) to 7, a name from SUN to SAT, a range, a step, \
            `6L` or `6#3`",
};

pub(super) const YEAR: Field = Field {
    name: "year",
    first: super::set::YEAR_FIRST,
    last: super::set::YEAR_LAST,
    step_max: u32::MAX,
    names: &[],
    forms: "`*`, a year from 1970 to 2261, a range or a step like `2027/2`",
};
