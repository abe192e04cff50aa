//! Random expressions, most of them valid.

/// SplitMix64.
pub(crate) struct Random(pub(crate) u64);

impl Random {
    pub(crate) fn below(&mut self, end: u64) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut mixed = self.0;
        mixed = (mixed ^ mixed >> 30).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        mixed = (mixed ^ mixed >> 27).wrapping_mul(0x94d0_49bb_1331_11eb);
        (mixed ^ mixed >> 31) % end.max(1)
    }

    fn between(&mut self, first: u64, last: u64) -> u64 {
        first + self.below(last - first + 1)
    }

    pub(crate) fn choice<'a>(&mut self, choices: &[&'a str]) -> &'a str {
        choices[usize::try_from(self.below(choices.len() as u64)).expect("a small number")]
    }
}

/// The values of a field.
#[derive(Clone, Copy)]
struct Values {
    first: u64,
    last: u64,
    names: &'static [&'static str],
}

const SIXTY: Values = Values { first: 0, last: 59, names: &[] };
const HOURS: Values = Values { first: 0, last: 23, names: &[] };
const DAYS: Values = Values { first: 1, last: 31, names: &[] };
const MONTHS: Values = Values {
    first: 1,
    last: 12,
    names: &["JAN", "FEB", "MAR", "APR", "MAY", "JUN", "JUL", "AUG", "SEP", "OCT", "NOV", "DEC"],
};
const WEEKDAYS: Values =
    Values { first: 1, last: 7, names: &["SUN", "MON", "TUE", "WED", "THU", "FRI", "SAT"] };

/// Returns a valid expression.
pub(crate) fn expression(random: &mut Random) -> String {
    let seconds = match random.below(4) {
        0 => field(random, SIXTY),
        _ => "0".to_owned(),
    };
    let (minutes, hours) = (field(random, SIXTY), field(random, HOURS));
    let months = match random.below(3) {
        0 => field(random, MONTHS),
        _ => "*".to_owned(),
    };
    let (of_month, of_week) = match random.below(5) {
        0 => ("*".to_owned(), "?".to_owned()),
        1 | 2 => (month_days(random), "?".to_owned()),
        _ => ("?".to_owned(), week_days(random)),
    };
    let expression = format!("{seconds} {minutes} {hours} {of_month} {months} {of_week}");
    match random.below(6) {
        0 => format!("{expression} {}", years(random)),
        1 => format!("{expression} *"),
        _ => expression,
    }
}

fn field(random: &mut Random, values: Values) -> String {
    let count = if random.below(4) == 0 { random.between(2, 4) } else { 1 };
    let items: Vec<String> = (0..count).map(|_| item(random, values)).collect();
    items.join(",")
}

fn item(random: &mut Random, values: Values) -> String {
    let Values { first, last, names } = values;
    let step = random.between(1, last - first);
    let (from, to) = (random.between(first, last), random.between(first, last));
    let name = |value: u64| names[usize::try_from(value - first).expect("a small number")];
    let is_named = !names.is_empty() && random.below(2) == 0;
    match random.below(12) {
        0 | 1 => "*".to_owned(),
        2 => format!("*/{step}"),
        3 => format!("{from}/{step}"),
        4 => format!("{from}-{to}/{step}"),
        5 => format!("/{step}"),
        6 | 7 if is_named => format!("{}-{}", name(from), name(to)),
        6 | 7 => format!("{from}-{to}"),
        _ if is_named => name(from).to_owned(),
        _ => from.to_string(),
    }
}

fn month_days(random: &mut Random) -> String {
    match random.below(10) {
        0 => "L".to_owned(),
        1 => format!("L-{}", random.below(31)),
        2 => "LW".to_owned(),
        3 => format!("L-{}W", random.below(28)),
        4 | 5 => format!("{}W", random.between(1, 28)),
        _ => field(random, DAYS),
    }
}

fn week_days(random: &mut Random) -> String {
    let weekday = random.between(1, 7);
    let name = WEEKDAYS.names[usize::try_from(weekday - 1).expect("a small number")];
    match random.below(10) {
        0 => "L".to_owned(),
        1 => format!("{weekday}L"),
        2 => format!("{name}L"),
        3 => format!("{weekday}#{}", random.between(1, 5)),
        4 => format!("{name}#{}", random.between(1, 5)),
        _ => field(random, WEEKDAYS),
    }
}

fn years(random: &mut Random) -> String {
    let (first, last) = (random.between(2000, 2045), random.between(0, 20));
    match random.below(4) {
        0 => format!("{first}-{}", first + last),
        1 => format!("{first}/{}", random.between(1, 5)),
        2 => format!("{first},{}", first + last),
        _ => format!("*/{}", random.between(1, 5)),
    }
}

/// Returns an expression with a few characters changed, which may be invalid.
pub(crate) fn damaged(random: &mut Random) -> String {
    let mut characters: Vec<char> = expression(random).chars().collect();
    for _ in 0..=random.below(3) {
        let at = usize::try_from(random.below(characters.len() as u64)).expect("a small number");
        let other = random.choice(&[
            "0", "1", "7", "31", "60", "*", "?", "-", "/", ",", "L", "W", "#", " ", "MON", "JAN",
            "x", "fri", "L-3", "2030",
        ]);
        match random.below(4) {
            0 => drop(characters.remove(at)),
            1 => drop(characters.splice(at..=at, other.chars())),
            _ => drop(characters.splice(at..at, other.chars())),
        }
        if characters.is_empty() {
            break;
        }
    }
    characters.into_iter().collect()
}
