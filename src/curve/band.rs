//! Bands: statistics over all runs of a group at common places.

use super::axis::Window;
use super::rows::{Row, Rows};

/// The spread that a band shows around the mean.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub enum BandKind {
    /// One standard deviation of a sample (n - 1) to both sides. No width for one run.
    #[default]
    Deviation,
    /// One standard error of the mean to both sides.
    StandardError,
    /// The 95 % confidence interval of the mean by the normal distribution: 1.96 standard errors.
    Confidence,
    /// The smallest and the largest value.
    Extremes,
    /// The first and the third quartile, interpolated linearly.
    Quartiles,
}

/// A row of a band.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) struct BandRow {
    pub(super) place: f64,
    pub(super) mean: f64,
    pub(super) low: f64,
    pub(super) high: f64,
    pub(super) runs: u32,
}

/// The values of one run on the axis, ascending, without NaN.
type Line = Vec<(f64, f64)>;

/// Makes the band of these curves, one for each run.
///
/// A run counts at each place between its first and its last value. Between two of its own values
/// it is interpolated linearly. With `is_smooth`, its smoothed values are taken.
pub(super) fn band(
    curves: &[Rows],
    window: &Window,
    kind: BandKind,
    is_smooth: bool,
) -> Vec<BandRow> {
    let value = |row: &Row| if is_smooth { row.smooth } else { row.bucket.mean() };
    let lines_of = |by_column: bool| -> Vec<Line> {
        let of = |rows: &Rows| line(rows, window, by_column || !rows.is_exact, value);
        curves.iter().map(of).collect()
    };
    let mut lines = lines_of(false);
    let mut places = places_of(&lines);
    if places.len() > 2 * window.columns {
        lines = lines_of(true);
        places = places_of(&lines);
    }
    let mut cursors = vec![0; lines.len()];
    let mut values = Vec::with_capacity(lines.len());
    let mut rows = Vec::with_capacity(places.len());
    for place in places {
        values.clear();
        for (line, cursor) in lines.iter().zip(&mut cursors) {
            values.extend(value_at(line, cursor, place));
        }
        rows.push(row(place, &mut values, kind));
    }
    rows
}

/// Returns all places of the lines, ascending, each once.
fn places_of(lines: &[Line]) -> Vec<f64> {
    let mut places: Vec<f64> = lines.iter().flatten().map(|(place, _)| *place).collect();
    places.sort_by(f64::total_cmp);
    places.dedup();
    places
}

/// Returns the values of a run by place, or by the middle of a column.
fn line(rows: &Rows, window: &Window, by_column: bool, value: impl Fn(&Row) -> f64) -> Line {
    let place = |row: &Row| match by_column {
        true => window.middle(window.column(row.last_place)),
        false => row.last_place,
    };
    let mut line = Line::new();
    let (mut sum, mut count) = (0.0, 0.0);
    for row in &rows.rows {
        let value = value(row);
        if value.is_nan() {
            continue;
        }
        let place = place(row);
        match line.last_mut() {
            // Several points at one place count as their mean.
            Some(last) if last.0 >= place => {
                sum += value;
                count += 1.0;
                last.1 = sum / count;
            }
            _ => {
                (sum, count) = (value, 1.0);
                line.push((place, value));
            }
        }
    }
    line
}

/// Returns the value of a line at a place inside of its range. `cursor` follows ascending places.
fn value_at(line: &Line, cursor: &mut usize, place: f64) -> Option<f64> {
    while line.get(*cursor).is_some_and(|(at, _)| *at < place) {
        *cursor += 1;
    }
    let (after, value) = *line.get(*cursor)?;
    if after <= place {
        return Some(value);
    }
    let (before, earlier) = *line.get(cursor.checked_sub(1)?)?;
    let share = (place - before) / (after - before);
    Some(earlier + share * (value - earlier))
}

fn row(place: f64, values: &mut [f64], kind: BandKind) -> BandRow {
    let count = values.len() as f64;
    let mean = values.iter().sum::<f64>() / count;
    let variance = || {
        let squares: f64 = values.iter().map(|value| (value - mean).powi(2)).sum();
        if values.len() > 1 { squares / (count - 1.0) } else { 0.0 }
    };
    let around = |width: f64| (mean - width, mean + width);
    let (low, high) = match kind {
        BandKind::Deviation => around(variance().sqrt()),
        BandKind::StandardError => around((variance() / count).sqrt()),
        BandKind::Confidence => around(1.96 * (variance() / count).sqrt()),
        BandKind::Extremes | BandKind::Quartiles => {
            values.sort_by(f64::total_cmp);
            let share = if kind == BandKind::Quartiles { 0.25 } else { 0.0 };
            (quantile(values, share), quantile(values, 1.0 - share))
        }
    };
    BandRow { place, mean, low, high, runs: u32::try_from(values.len()).unwrap_or(u32::MAX) }
}

/// Returns the quantile of sorted values, interpolated linearly.
#[expect(
    clippy::cast_possible_truncation,
    clippy::cast_sign_loss,
    reason = "the place is between 0 and the number of values"
)]
fn quantile(values: &[f64], share: f64) -> f64 {
    let at = share * (values.len().saturating_sub(1)) as f64;
    let below = at.floor() as usize;
    let above = (below + 1).min(values.len().saturating_sub(1));
    match (values.get(below), values.get(above)) {
        (Some(low), Some(high)) => low + (at - below as f64) * (high - low),
        _ => f64::NAN,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::curve::rows::{Placed, of_points};
    use crate::entity::MetricPoint;
    use crate::entity::id::Timestamp;

    const WINDOW: Window = Window { from: 0.0, to: 10.0, columns: 5 };

    fn curve(points: &[(f64, f64)]) -> Rows {
        let place = |(place, value): &(f64, f64)| {
            let point = MetricPoint { step: 0, time: Timestamp::from_nanos(0), value: *value };
            Placed { place: *place, point, smooth: f64::NAN }
        };
        of_points(&points.iter().map(place).collect::<Vec<_>>(), &WINDOW)
    }

    fn of(curves: &[&[(f64, f64)]], kind: BandKind) -> Vec<(f64, f64, f64, f64, u32)> {
        let curves: Vec<Rows> = curves.iter().map(|points| curve(points)).collect();
        let rows = band(&curves, &WINDOW, kind, false).into_iter();
        rows.map(|row| (row.place, row.mean, row.low, row.high, row.runs)).collect()
    }

    #[test]
    fn a_run_counts_only_in_its_own_range() {
        let long: &[(f64, f64)] = &[(0.0, 0.0), (4.0, 4.0)];
        let short: &[(f64, f64)] = &[(1.0, 3.0), (2.0, 5.0)];
        let found = of(&[long, short], BandKind::Extremes);
        let wanted = [
            (0.0, 0.0, 0.0, 0.0, 1),
            (1.0, 2.0, 1.0, 3.0, 2),
            (2.0, 3.5, 2.0, 5.0, 2),
            (4.0, 4.0, 4.0, 4.0, 1),
        ];
        assert_eq!(found, wanted);
    }

    #[test]
    fn bands_are_those_of_numpy() {
        let lines: Vec<[(f64, f64); 1]> =
            [1.0, 2.0, 4.0, 9.0].into_iter().map(|value| [(3.0, value)]).collect();
        let lines: Vec<&[(f64, f64)]> = lines.iter().map(<[_; 1]>::as_slice).collect();
        // numpy: std([1, 2, 4, 9], ddof=1) = 3.559026084010437, quantile 0.25 = 1.75, 0.75 = 5.25.
        let deviation = 3.559_026_084_010_437;
        for (kind, low, high) in [
            (BandKind::Deviation, 4.0 - deviation, 4.0 + deviation),
            (BandKind::StandardError, 4.0 - deviation / 2.0, 4.0 + deviation / 2.0),
            (BandKind::Confidence, 4.0 - 0.98 * deviation, 4.0 + 0.98 * deviation),
            (BandKind::Extremes, 1.0, 9.0),
            (BandKind::Quartiles, 1.75, 5.25),
        ] {
            let found = of(&lines, kind);
            let [(place, mean, found_low, found_high, runs)] = found[..] else { panic!() };
            assert_eq!((place, mean, runs), (3.0, 4.0, 4), "{kind:?}");
            assert!((found_low - low).abs() < 1e-12, "{kind:?} {found_low} {low}");
            assert!((found_high - high).abs() < 1e-12, "{kind:?} {found_high} {high}");
        }
        assert_eq!(of(&lines[..1], BandKind::Deviation), [(3.0, 1.0, 1.0, 1.0, 1)]);
    }

    #[test]
    fn nan_and_repeated_places_do_not_break_a_band() {
        let line: &[(f64, f64)] = &[(1.0, f64::NAN), (2.0, 1.0), (2.0, 3.0), (3.0, f64::NAN)];
        assert_eq!(of(&[line], BandKind::Extremes), [(2.0, 2.0, 2.0, 2.0, 1)]);
        assert_eq!(of(&[&[(1.0, f64::NAN)], &[]], BandKind::Extremes), []);
    }

    #[test]
    fn many_places_are_joined_by_column() {
        let line = |shift: f64| -> Vec<(f64, f64)> {
            (0..10).map(|at| (f64::from(at) + shift, shift)).collect()
        };
        let (left, right) = (line(0.0), line(0.25));
        let found = of(&[&left, &right], BandKind::Extremes);
        assert_eq!(found.len(), 5);
        assert!(found.iter().all(|row| (row.1, row.2, row.3, row.4) == (0.125, 0.0, 0.25, 2)));
        assert_eq!(found[0].0, 1.0);
    }
}
