//! Smoothing over all points of a curve, before they are thinned.

use crate::entity::average::Average;

use super::query::Smoothing;
use super::rows::Placed;

/// Gaussians with more than this number of weights are computed over cells.
const WEIGHTS_MAX: usize = 4_000_000;
/// The number of cells within one standard deviation.
const CELLS_PER_SIGMA: f64 = 32.0;
/// The most cells. A narrower Gaussian than this allows is computed with cells of this number.
const CELLS_MAX: usize = 1 << 20;
/// Beyond this number of standard deviations, a weight counts as zero.
const SIGMAS: f64 = 4.0;

/// Sets the smoothed value of each point. The points are sorted by place.
///
/// Points without a finite value are skipped. They get the value before them.
pub(super) fn smooth(points: &mut [Placed], smoothing: Smoothing) {
    let finite: Vec<(f64, f64)> = points
        .iter()
        .filter(|point| point.point.value.is_finite())
        .map(|point| (point.place, point.point.value))
        .collect();
    let smoothed = match smoothing {
        Smoothing::Average { weight } => average(&finite, |_| weight),
        Smoothing::HalfLife { half_life } => {
            average(&finite, |distance| (-distance / half_life).exp2())
        }
        Smoothing::Gaussian { sigma } => gaussian(&finite, sigma),
        Smoothing::Window { points } => window(&finite, points),
    };
    let mut smoothed = smoothed.into_iter();
    let mut last = f64::NAN;
    for point in points {
        if point.point.value.is_finite() {
            last = smoothed.next().unwrap_or(last);
        }
        point.smooth = last;
    }
}

/// Returns the exponential moving average. `decay` is the weight of the past after a distance.
fn average(points: &[(f64, f64)], decay: impl Fn(f64) -> f64) -> Vec<f64> {
    let mut average = Average::default();
    let mut before = points.first().map_or(0.0, |point| point.0);
    let values = points.iter().map(|(place, value)| {
        let decay = decay(place - before);
        before = *place;
        average.next(decay, *value)
    });
    values.collect()
}

/// Returns the mean of up to `width` points around each one.
fn window(points: &[(f64, f64)], width: usize) -> Vec<f64> {
    let half = width / 2;
    let mut sums = Vec::with_capacity(points.len() + 1);
    sums.push(Sum::default());
    for (_, value) in points {
        sums.push(sums.last().copied().unwrap_or_default().with(*value));
    }
    let mean = |place: usize| {
        let from = place.saturating_sub(half);
        let until = place.saturating_add(half + 1).min(points.len());
        sums[until].without(sums[from]) / count(until - from)
    };
    (0..points.len()).map(mean).collect()
}

/// A sum that keeps what rounding takes from it (Neumaier). So the difference of two sums is right
/// also after a value that is much larger than the others.
#[derive(Clone, Copy, Debug, Default)]
struct Sum {
    rounded: f64,
    lost: f64,
}

impl Sum {
    fn with(self, value: f64) -> Sum {
        let rounded = self.rounded + value;
        let lost = match self.rounded.abs() >= value.abs() {
            true => (self.rounded - rounded) + value,
            false => (value - rounded) + self.rounded,
        };
        Sum { rounded, lost: self.lost + lost }
    }

    fn without(self, other: Sum) -> f64 {
        (self.rounded - other.rounded) + (self.lost - other.lost)
    }
}

/// Returns the mean weighted by a Gaussian around each point.
///
/// Points beyond a gap without weights do not count, so each stretch between such gaps is computed
/// alone. A point far away then costs nothing.
fn gaussian(points: &[(f64, f64)], sigma: f64) -> Vec<f64> {
    let mut smoothed = Vec::with_capacity(points.len());
    for stretch in points.chunk_by(|left, right| right.0 - left.0 <= SIGMAS * sigma) {
        smoothed.extend(gaussian_of_stretch(stretch, sigma));
    }
    smoothed
}

fn gaussian_of_stretch(points: &[(f64, f64)], sigma: f64) -> Vec<f64> {
    let (Some(first), Some(last)) = (points.first(), points.last()) else {
        return Vec::new();
    };
    if weights(points, sigma) <= WEIGHTS_MAX {
        return gaussian_of_points(points, points.iter().map(|point| point.0), sigma);
    }
    let range = last.0 - first.0;
    if range <= 0.0 {
        let mean = points.iter().map(|point| point.1).sum::<f64>() / count(points.len());
        return vec![mean; points.len()];
    }
    Cells::new(points, first.0, range, sigma).smoothed(points, sigma)
}

/// Returns the number of weights of all points, or a number above [`WEIGHTS_MAX`].
fn weights(points: &[(f64, f64)], sigma: f64) -> usize {
    let (mut from, mut until, mut sum) = (0, 0, 0);
    for (place, _) in points {
        while points.get(from).is_some_and(|point| point.0 < place - SIGMAS * sigma) {
            from += 1;
        }
        while points.get(until).is_some_and(|point| point.0 <= place + SIGMAS * sigma) {
            until += 1;
        }
        sum += until - from;
        if sum > WEIGHTS_MAX {
            break;
        }
    }
    sum
}

/// Returns the mean of all points around each of these places, which ascend.
fn gaussian_of_points(
    points: &[(f64, f64)],
    places: impl Iterator<Item = f64>,
    sigma: f64,
) -> Vec<f64> {
    let mut from = 0;
    let mean = |place: f64| {
        while points.get(from).is_some_and(|point| point.0 < place - SIGMAS * sigma) {
            from += 1;
        }
        let (mut sum, mut weights) = (0.0, 0.0);
        let near = points[from..].iter().take_while(|point| point.0 <= place + SIGMAS * sigma);
        for (other, value) in near {
            let weight = weight(other - place, sigma);
            sum += weight * value;
            weights += weight;
        }
        sum / weights
    };
    places.map(mean).collect()
}

fn weight(distance: f64, sigma: f64) -> f64 {
    let scaled = distance / sigma;
    (-0.5 * scaled * scaled).exp()
}

/// Points counted in cells of equal width, which are narrow beside the Gaussian.
struct Cells {
    first: f64,
    width: f64,
    sums: Vec<f64>,
    counts: Vec<f64>,
}

impl Cells {
    #[expect(
        clippy::cast_possible_truncation,
        clippy::cast_sign_loss,
        reason = "the number of cells is positive and bounded"
    )]
    fn new(points: &[(f64, f64)], first: f64, range: f64, sigma: f64) -> Self {
        let wanted = (range / sigma * CELLS_PER_SIGMA).ceil().clamp(1.0, count(CELLS_MAX));
        let width = range / wanted;
        let cells = wanted as usize + 1;
        let mut cells = Cells { first, width, sums: vec![0.0; cells], counts: vec![0.0; cells] };
        for (place, value) in points {
            let cell = cells.cell(*place);
            cells.sums[cell] += value;
            cells.counts[cell] += 1.0;
        }
        cells
    }

    #[expect(
        clippy::cast_possible_truncation,
        clippy::cast_sign_loss,
        reason = "places are not before the first one"
    )]
    fn cell(&self, place: f64) -> usize {
        (((place - self.first) / self.width) as usize).min(self.sums.len() - 1)
    }

    /// Returns the smoothed value at each point: that of its cell and the next, interpolated.
    #[expect(
        clippy::cast_possible_truncation,
        clippy::cast_sign_loss,
        reason = "a few standard deviations are a few dozen cells"
    )]
    fn smoothed(&self, points: &[(f64, f64)], sigma: f64) -> Vec<f64> {
        let reach = ((SIGMAS * sigma / self.width).ceil() as usize).min(self.sums.len());
        let weights: Vec<f64> =
            (0..=reach).map(|cell| weight(count(cell) * self.width, sigma)).collect();
        let means: Vec<f64> = (0..self.sums.len()).map(|cell| self.mean(cell, &weights)).collect();
        let value = |(place, _): &(f64, f64)| {
            // The mean of a cell is placed at its middle.
            let at = ((place - self.first) / self.width - 0.5).max(0.0);
            let cell = (at as usize).min(means.len() - 1);
            let next = (cell + 1).min(means.len() - 1);
            let share = (at - count(cell)).clamp(0.0, 1.0);
            match (means[cell].is_nan(), means[next].is_nan()) {
                (false, false) => means[cell] * (1.0 - share) + means[next] * share,
                (true, _) => means[next],
                (_, true) => means[cell],
            }
        };
        points.iter().map(value).collect()
    }

    fn mean(&self, cell: usize, weights: &[f64]) -> f64 {
        let reach = weights.len() - 1;
        let (from, until) = (cell.saturating_sub(reach), (cell + reach + 1).min(self.sums.len()));
        let (mut sum, mut total) = (0.0, 0.0);
        for other in from..until {
            let weight = weights[other.abs_diff(cell)];
            sum += weight * self.sums[other];
            total += weight * self.counts[other];
        }
        sum / total
    }
}

#[expect(clippy::cast_precision_loss, reason = "counts of points in memory are below 2^53")]
fn count(number: usize) -> f64 {
    number as f64
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::entity::MetricPoint;
    use crate::entity::id::Timestamp;

    fn points(values: &[(f64, f64)]) -> Vec<Placed> {
        let place = |(place, value): &(f64, f64)| {
            let point = MetricPoint { step: 0, time: Timestamp::from_nanos(0), value: *value };
            Placed { place: *place, point, smooth: f64::NAN }
        };
        values.iter().map(place).collect()
    }

    fn smoothed(values: &[(f64, f64)], smoothing: Smoothing) -> Vec<f64> {
        let mut points = points(values);
        smooth(&mut points, smoothing);
        points.iter().map(|point| point.smooth).collect()
    }

    fn wave(count: usize) -> Vec<(f64, f64)> {
        let value = |at: usize| {
            let place = at as f64 / count as f64 * 100.0;
            (place, (place / 3.0).sin() + if at.is_multiple_of(2) { 0.3 } else { -0.3 })
        };
        (0..count).map(value).collect()
    }

    fn assert_close(found: &[f64], wanted: &[f64], tolerance: f64) {
        assert_eq!(found.len(), wanted.len());
        for (place, (found, wanted)) in found.iter().zip(wanted).enumerate() {
            assert!((found - wanted).abs() <= tolerance, "{place}: {found}, wanted {wanted}");
        }
    }

    #[test]
    fn an_average_is_tensorboards() {
        // last = last * weight + (1 - weight) * value, divided by 1 - weight^n.
        let values = [(0.0, 4.0), (1.0, 2.0), (5.0, 6.0)];
        let found = smoothed(&values, Smoothing::Average { weight: 0.5 });
        let mut last = 0.0;
        let wanted: Vec<f64> = (1..)
            .zip(values)
            .map(|(number, (_, value))| {
                last = last * 0.5 + 0.5 * value;
                last / (1.0 - 0.5_f64.powi(number))
            })
            .collect();
        assert_close(&found, &wanted, 1e-12);
    }

    #[test]
    fn a_half_life_depends_on_distance_and_not_on_the_number_of_points() {
        let sparse: Vec<(f64, f64)> = (0..=40).map(|at| (f64::from(at), f64::from(at))).collect();
        let half_life = Smoothing::HalfLife { half_life: 5.0 };
        let found = smoothed(&sparse, half_life);
        // The weighted mean by hand at the last point.
        let weight = |at: f64| 0.5_f64.powf((40.0 - at) / 5.0);
        let sum: f64 = sparse.iter().map(|(at, value)| weight(*at) * value).sum();
        let weights: f64 = sparse.iter().map(|(at, _)| weight(*at)).sum();
        assert!((found[40] - sum / weights).abs() < 1e-9);
        let dense: Vec<(f64, f64)> =
            (0..=4000).map(|at| (f64::from(at) / 100.0, f64::from(at) / 100.0)).collect();
        assert!((smoothed(&dense, half_life)[4000] - found[40]).abs() < 0.6);
    }

    #[test]
    fn a_window_is_a_mean_around_each_point() {
        let values: Vec<(f64, f64)> =
            [1.0, 2.0, 6.0, 4.0].into_iter().map(|value| (0.0, value)).collect();
        let found = smoothed(&values, Smoothing::Window { points: 3 });
        assert_close(&found, &[1.5, 3.0, 4.0, 5.0], 1e-12);
        assert_eq!(smoothed(&values, Smoothing::Window { points: 1 }), [1.0, 2.0, 6.0, 4.0]);
    }

    #[test]
    fn a_gaussian_over_cells_is_that_over_points() {
        for (count, sigma) in [(9_000, 3.0), (9_000, 20.0), (30_000, 0.7)] {
            let values = wave(count);
            let wanted = gaussian_of_points(&values, values.iter().map(|point| point.0), sigma);
            let cells = Cells::new(&values, 0.0, values[count - 1].0, sigma);
            let found = cells.smoothed(&values, sigma);
            // Half a pixel of a chart that is 300 high, over a range of 2.6.
            assert_close(&found, &wanted, 0.5 * 2.6 / 300.0);
        }
    }

    #[test]
    fn a_window_forgets_a_large_value_that_has_left_it() {
        let values: Vec<(f64, f64)> =
            (0..20).map(|at| (0.0, if at == 2 { 1e20 } else { 1.0 })).collect();
        let found = smoothed(&values, Smoothing::Window { points: 3 });
        assert!(found[4..].iter().all(|value| *value == 1.0), "{found:?}");
        let found = smoothed(&values, Smoothing::Window { points: usize::MAX });
        assert!(found.iter().all(|value| (value / 5e18 - 1.0).abs() < 1e-9), "{found:?}");
    }

    #[test]
    fn a_gaussian_is_bounded_for_any_width_and_place() {
        let same: Vec<(f64, f64)> = (0..9000).map(|at| (7.0, f64::from(at % 2))).collect();
        for sigma in [1e-300, 1.0, 1e15, 1e300] {
            let gaussian = Smoothing::Gaussian { sigma };
            assert!(smoothed(&same, gaussian).iter().all(|value| (value - 0.5).abs() < 1e-9));
            let mut wide = wave(9000);
            wide.push((1e15, 8.0));
            let found = smoothed(&wide, gaussian);
            assert!(found.iter().all(|value| value.is_finite()), "{sigma}");
        }
        // A point far away does not count, and does not make the others coarse.
        let values = wave(9000);
        let wanted = smoothed(&values, Smoothing::Gaussian { sigma: 3.0 });
        let mut far = values.clone();
        far.push((1e15, 8.0));
        let found = smoothed(&far, Smoothing::Gaussian { sigma: 3.0 });
        assert_close(&found[..9000], &wanted, 1e-9);
        assert_eq!(found[9000], 8.0);
    }

    #[test]
    fn few_points_are_smoothed_exactly() {
        let values = [(0.0, 1.0), (1.0, 3.0)];
        let near = (-0.5_f64).exp();
        let found = smoothed(&values, Smoothing::Gaussian { sigma: 1.0 });
        let wanted = [(1.0 + 3.0 * near) / (1.0 + near), (near + 3.0) / (1.0 + near)];
        assert_close(&found, &wanted, 1e-12);
    }

    #[test]
    fn values_that_are_not_finite_are_skipped() {
        let values =
            [(0.0, f64::NAN), (1.0, 2.0), (2.0, f64::INFINITY), (3.0, 4.0), (4.0, f64::NAN)];
        for smoothing in [
            Smoothing::Average { weight: 0.5 },
            Smoothing::HalfLife { half_life: 1.0 },
            Smoothing::Gaussian { sigma: 1.0 },
            Smoothing::Window { points: 3 },
        ] {
            let found = smoothed(&values, smoothing);
            assert!(found[0].is_nan(), "{smoothing:?}");
            assert!(found[1..].iter().all(|value| value.is_finite()), "{smoothing:?} {found:?}");
            assert_eq!(found[2].to_bits(), found[1].to_bits(), "{smoothing:?}");
            assert!(smoothed(&[], smoothing).is_empty());
        }
    }
}
