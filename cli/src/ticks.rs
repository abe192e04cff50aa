//! The labels of the axes of a plot.

use crate::text;

/// The scale of an axis.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Scale {
    /// Proportional to the values.
    Linear,
    /// Proportional to the logarithms of the values.
    Logarithmic,
}

impl Scale {
    /// Returns whether the value is on the axis.
    pub(crate) fn has(self, value: f64) -> bool {
        value.is_finite() && (self == Scale::Linear || value > 0.0)
    }

    /// Returns a range with this value in the middle.
    pub(crate) fn around(self, value: f64) -> (f64, f64) {
        match self {
            Scale::Logarithmic => (value / 2.0, (value * 2.0).min(f64::MAX)),
            Scale::Linear if value == 0.0 => (-1.0, 1.0),
            Scale::Linear => {
                let half = value.abs() / 2.0;
                ((value - half).max(f64::MIN), (value + half).min(f64::MAX))
            }
        }
    }

    /// Returns the position of the value in the range, from 0 to 1.
    pub(crate) fn share(self, value: f64, (low, high): (f64, f64)) -> f64 {
        let (value, low, high) = match self {
            // Halved, because the range may exceed the largest number.
            Scale::Linear => (value / 2.0, low / 2.0, high / 2.0),
            Scale::Logarithmic => (value.log10(), low.log10(), high.log10()),
        };
        let share = (value - low) / (high - low);
        if share.is_finite() { share.clamp(0.0, 1.0) } else { 0.5 }
    }
}

/// Returns the place, from 0 to `places - 1`, of a share of the axis.
#[expect(clippy::cast_precision_loss, reason = "a terminal has few places")]
#[expect(clippy::cast_sign_loss, reason = "the share is from 0 to 1")]
pub(crate) fn place(share: f64, places: usize) -> usize {
    ((share * (places.max(1) - 1) as f64).round() as usize).min(places.saturating_sub(1))
}

/// A label of the axis of values.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Tick {
    /// The line. 0 is the lowest.
    pub(crate) place: usize,
    /// The text.
    pub(crate) label: String,
}

impl Tick {
    /// Creates the label of the only value.
    pub(crate) fn centered(value: f64, lines: usize) -> Self {
        Tick { place: place(0.5, lines), label: text::number(value) }
    }
}

/// Returns the labels of an axis of values with this number of lines.
pub(crate) fn values(range: (f64, f64), scale: Scale, lines: usize) -> Vec<Tick> {
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
        // Parsed from text, because a computed power may not be the nearest number.
        .filter_map(|label| Some((label.parse().ok()?, label)))
        .filter(within)
        .collect()
}

/// Returns multiples of a round number in the range, at most one for two lines.
fn round_values((low, high): (f64, f64), lines: usize) -> Vec<(f64, String)> {
    let wanted = f64::from(u16::try_from(lines).unwrap_or(u16::MAX)) / 2.0;
    let Some((digit, power)) = round_step((high / 2.0 - low / 2.0) / wanted.max(2.0) * 2.0) else {
        return vec![(low, label(low, low, 0)), (high, label(high, high, 0))];
    };
    let step = digit * 10_f64.powi(power);
    let largest = low.abs().max(high.abs());
    let first = (low / step).ceil();
    let mut marked = Vec::new();
    // There are fewer steps than lines. The bound is needed if the step is too small to change the
    // value.
    for count in 0..=lines {
        let value = (first + f64::from(u16::try_from(count).unwrap_or(u16::MAX))) * step;
        if !value.is_finite() || value > high {
            break;
        }
        marked.push((value, label(value, largest, power)));
    }
    marked
}

/// Returns the smallest of 1, 2 and 5 times a power of ten that is at min `min`.
fn round_step(min: f64) -> Option<(f64, i32)> {
    if !min.is_normal() || min < 0.0 {
        return None;
    }
    let power = exponent(min);
    let unit = 10_f64.powi(power);
    let fitting = [1.0, 2.0, 5.0].into_iter().find(|digit| digit * unit >= min);
    Some(fitting.map_or((1.0, power + 1), |digit| (digit, power)))
}

/// Returns the decimal exponent of a number other than 0.
fn exponent(value: f64) -> i32 {
    value.abs().log10().floor() as i32
}

/// Formats a value with enough digits to differ from its neighbours. `power` is the exponent of the
/// step between them, and `largest` the largest value of the axis.
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

/// Returns the labels of an axis of steps with this number of columns, each with its column.
pub(crate) fn steps((first, last): (i64, i64), columns: usize) -> Vec<(usize, String)> {
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

/// Returns the smallest of 1, 2 and 5 times a power of ten that is at min `min`.
fn round_whole_step(min: i128) -> i128 {
    let mut unit = 1;
    loop {
        for digit in [1, 2, 5] {
            if digit * unit >= min {
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
    fn a_single_value_is_in_the_middle() {
        for scale in [Scale::Linear, Scale::Logarithmic] {
            let share = scale.share(3.5, scale.around(3.5));
            assert!((share - 0.5).abs() < 1e-9, "{scale:?} {share}");
        }
        assert_eq!(Scale::Linear.around(0.0), (-1.0, 1.0));
        assert!(Scale::Linear.around(f64::MAX).1.is_finite());
    }
}
