//! Where the labels of a plot's axes stand and what they say.

use super::text;

/// How values are spread along an axis.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Scale {
    /// Evenly.
    Linear,
    /// Evenly by their logarithms.
    Logarithmic,
}

impl Scale {
    /// Whether the value has a place on the axis.
    pub(super) fn has(self, value: f64) -> bool {
        value.is_finite() && (self == Scale::Linear || value > 0.0)
    }

    /// A range with this one value in its middle.
    pub(super) fn around(self, value: f64) -> (f64, f64) {
        match self {
            Scale::Logarithmic => (value / 2.0, (value * 2.0).min(f64::MAX)),
            Scale::Linear if value == 0.0 => (-1.0, 1.0),
            Scale::Linear => {
                let half = value.abs() / 2.0;
                ((value - half).max(f64::MIN), (value + half).min(f64::MAX))
            }
        }
    }

    /// How far along the range the value is, from 0 to 1.
    pub(super) fn share(self, value: f64, (low, high): (f64, f64)) -> f64 {
        let (value, low, high) = match self {
            // Halves, because the whole range may be greater than the greatest number.
            Scale::Linear => (value / 2.0, low / 2.0, high / 2.0),
            Scale::Logarithmic => (value.log10(), low.log10(), high.log10()),
        };
        let share = (value - low) / (high - low);
        if share.is_finite() { share.clamp(0.0, 1.0) } else { 0.5 }
    }
}

/// The place from 0 to `places - 1` that a share of the axis falls to.
#[expect(clippy::cast_precision_loss, reason = "a terminal has few places")]
#[expect(clippy::cast_sign_loss, reason = "the share is from 0 to 1")]
pub(super) fn place(share: f64, places: usize) -> usize {
    ((share * (places.max(1) - 1) as f64).round() as usize).min(places.saturating_sub(1))
}

/// A label of the axis of values.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Tick {
    /// The line that it stands at; 0 is the lowest.
    pub(super) place: usize,
    /// What it says.
    pub(super) label: String,
}

impl Tick {
    /// The label of the only value there is.
    pub(super) fn in_the_middle(value: f64, lines: usize) -> Self {
        Tick { place: place(0.5, lines), label: text::number(value) }
    }
}

/// The labels of the axis of values over so many lines.
pub(super) fn values(range: (f64, f64), scale: Scale, lines: usize) -> Vec<Tick> {
    let powers = match scale {
        Scale::Logarithmic => powers_of_ten(range, lines),
        Scale::Linear => Vec::new(),
    };
    let marked = if powers.len() > 1 { powers } else { round_values(range, lines) };
    let mut ticks: Vec<Tick> = Vec::new();
    for (value, label) in marked {
        let place = place(scale.share(value, range), lines);
        if ticks.iter().all(|tick| tick.place != place) {
            ticks.push(Tick { place, label });
        }
    }
    ticks
}

fn powers_of_ten((low, high): (f64, f64), lines: usize) -> Vec<(f64, String)> {
    let (first, last) = (exponent(low), exponent(high));
    let room = i32::try_from(lines / 2).unwrap_or(1).max(1);
    let every = ((last - first) / room).max(1);
    let within = |power: &(f64, String)| (low..=high).contains(&power.0);
    (first..=last + 1)
        .filter(|power| power.rem_euclid(every) == 0)
        .map(|power| format!("1e{power}"))
        // Read from text, for the nearest number; a power that is computed is a little beside it.
        .filter_map(|label| Some((label.parse().ok()?, label)))
        .filter(within)
        .collect()
}

/// Multiples of a round number within the range, one for every two lines or more.
fn round_values((low, high): (f64, f64), lines: usize) -> Vec<(f64, String)> {
    let wanted = f64::from(u16::try_from(lines).unwrap_or(u16::MAX)) / 2.0;
    let Some((digit, power)) = round_step((high / 2.0 - low / 2.0) / wanted.max(2.0) * 2.0) else {
        return vec![(low, label(low, low, 0)), (high, label(high, high, 0))];
    };
    let step = digit * 10_f64.powi(power);
    let largest = low.abs().max(high.abs());
    let first = (low / step).ceil();
    let mut marked = Vec::new();
    // There are fewer steps than lines, so this ends soon; where
    // numbers lie too far apart for the step, the bound ends it.
    for count in 0..=lines {
        let value = (first + f64::from(u16::try_from(count).unwrap_or(u16::MAX))) * step;
        if !value.is_finite() || value > high {
            break;
        }
        marked.push((value, label(value, largest, power)));
    }
    marked
}

/// The smallest of 1, 2 and 5 times a power of ten that is not below `least`.
fn round_step(least: f64) -> Option<(f64, i32)> {
    if !least.is_normal() || least < 0.0 {
        return None;
    }
    let power = exponent(least);
    let unit = 10_f64.powi(power);
    let fitting = [1.0, 2.0, 5.0].into_iter().find(|digit| digit * unit >= least);
    Some(fitting.map_or((1.0, power + 1), |digit| (digit, power)))
}

/// The decimal exponent of a number other than 0.
fn exponent(value: f64) -> i32 {
    value.abs().log10().floor() as i32
}

/// The value with the digits that tell it from its neighbours, `power` being the exponent of the
/// step between them and `largest` the greatest value of the axis.
fn label(value: f64, largest: f64, power: i32) -> String {
    let size = if largest == 0.0 { 0 } else { exponent(largest) };
    if size < 6 && power > -7 {
        let decimals = usize::try_from(-power).unwrap_or(0);
        return format!("{value:.decimals$}");
    }
    if value == 0.0 {
        return "0".to_owned();
    }
    let digits = usize::try_from(exponent(value) - power).unwrap_or(0).min(15);
    format!("{value:.digits$e}")
}

/// The labels of the axis of steps over so many columns, each with its column.
pub(super) fn steps((first, last): (i64, i64), columns: usize) -> Vec<(usize, String)> {
    let (first, last) = (i128::from(first), i128::from(last));
    let span = last - first;
    if span == 0 {
        return vec![(0, first.to_string())];
    }
    let widest = first.to_string().len().max(last.to_string().len()) + 2;
    let wanted = i128::try_from((columns / widest).clamp(1, 10)).unwrap_or(1);
    let step = round_whole_step(span / wanted);
    let last_column = i128::try_from(columns.max(1) - 1).unwrap_or(0);
    let mut marked = Vec::new();
    let mut value = first.div_euclid(step) * step;
    while value <= last {
        if value >= first {
            let column = ((value - first) * last_column + span / 2) / span;
            marked.push((usize::try_from(column).unwrap_or(0), value.to_string()));
        }
        value += step;
    }
    marked
}

/// The smallest of 1, 2 and 5 times a power of ten that is not below `least`.
fn round_whole_step(least: i128) -> i128 {
    let mut unit = 1;
    loop {
        for digit in [1, 2, 5] {
            if digit * unit >= least {
                return digit * unit;
            }
        }
        unit *= 10;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn labels(range: (f64, f64), scale: Scale, lines: usize) -> Vec<String> {
        values(range, scale, lines).into_iter().map(|tick| tick.label).collect()
    }

    #[test]
    fn values_are_round() {
        assert_eq!(
            labels((0.0, 1.0), Scale::Linear, 16),
            ["0.0", "0.2", "0.4", "0.6", "0.8", "1.0"]
        );
        assert_eq!(labels((-3.0, 17.0), Scale::Linear, 12), ["0", "5", "10", "15"]);
        assert_eq!(
            labels((0.7931, 0.7933), Scale::Linear, 9),
            ["0.79310", "0.79315", "0.79320", "0.79325", "0.79330"]
        );
    }

    #[test]
    fn large_and_small_values_have_exponents() {
        assert_eq!(labels((0.0, 2e9), Scale::Linear, 6), ["0", "1e9", "2e9"]);
        assert_eq!(labels((0.0, 2e-9), Scale::Linear, 6), ["0", "1e-9", "2e-9"]);
    }

    #[test]
    fn a_logarithmic_axis_shows_powers_of_ten() {
        assert_eq!(
            labels((0.01, 100.0), Scale::Logarithmic, 16),
            ["1e-2", "1e-1", "1e0", "1e1", "1e2"]
        );
        assert_eq!(labels((1e-300, 1e300), Scale::Logarithmic, 8).len(), 5);
        assert!(labels((2.0, 7.0), Scale::Logarithmic, 12).len() > 1);
    }

    #[test]
    fn every_range_ends() {
        let ranges = [
            (f64::MIN, f64::MAX),
            (1.0, 1.0 + f64::EPSILON),
            (1e300, 1.000_000_000_000_000_2e300),
            (0.0, f64::MIN_POSITIVE / 4.0),
        ];
        for range in ranges {
            let ticks = values(range, Scale::Linear, 16);
            assert!(!ticks.is_empty() && ticks.len() <= 17, "{range:?}: {ticks:?}");
        }
    }

    #[test]
    fn steps_are_round_and_in_their_columns() {
        let labelled = steps((0, 100), 101);
        assert!(labelled.iter().all(|(place, label)| place.to_string() == *label), "{labelled:?}");
        assert_eq!(labelled.len(), 11);
        assert_eq!(steps((5, 5), 40), [(0, "5".to_owned())]);
        assert!(!steps((i64::MIN, i64::MAX), 60).is_empty());
        assert_eq!(steps((-7, -3), 5).first().map(|tick| tick.1.as_str()), Some("-5"));
    }

    #[test]
    fn a_single_value_stands_in_the_middle() {
        for scale in [Scale::Linear, Scale::Logarithmic] {
            let share = scale.share(3.5, scale.around(3.5));
            assert!((share - 0.5).abs() < 1e-9, "{scale:?} {share}");
        }
        assert_eq!(Scale::Linear.around(0.0), (-1.0, 1.0));
        assert!(Scale::Linear.around(f64::MAX).1.is_finite());
    }
}
