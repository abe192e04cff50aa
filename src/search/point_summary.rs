//! Statistics that are computed from the points of a metric.

use crate::entity::average::Average;
use crate::entity::{MetricGoal, MetricHistory, MetricPoint, MetricStatistics};

use super::runs::MetricStatistic;

/// The weight of the past in the smoothing of `smooth_best.KEY`.
const SMOOTH_WEIGHT: f64 = 0.9;

/// A statistic of all points of a metric, for both goals.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub(crate) struct PointSummary {
    lowest: Option<f64>,
    highest: Option<f64>,
}

impl PointSummary {
    /// Computes a statistic of points.
    pub(crate) fn compute(statistic: MetricStatistic, points: &MetricHistory) -> Self {
        match statistic {
            MetricStatistic::AtStep(step) => {
                let value = value_at(points, step);
                PointSummary { lowest: value, highest: value }
            }
            _ => smoothed(points),
        }
    }

    /// Returns a statistic that needs no points: a value before all steps, after them or at the
    /// last one, and anything about a single point. `None` for others.
    pub(crate) fn of_statistics(
        statistic: MetricStatistic,
        known: &MetricStatistics,
    ) -> Option<Self> {
        let is_known = match statistic {
            MetricStatistic::AtStep(step) => step < known.first_step || step >= known.last_step,
            _ => false,
        };
        if !is_known && known.count != 1 {
            return None;
        }
        let mut points = MetricHistory::default();
        if !matches!(statistic, MetricStatistic::AtStep(step) if step < known.first_step) {
            points.push(known.latest);
        }
        Some(PointSummary::compute(statistic, &points))
    }

    /// Returns the value for this goal. `None` if the metric does not have it.
    pub(crate) fn of(&self, goal: MetricGoal) -> Option<f64> {
        match goal {
            MetricGoal::Lower => self.lowest,
            MetricGoal::Higher => self.highest,
        }
    }
}

/// Returns the latest value at a step, or at the last step before it. `None` before the first step
/// and after the last one.
fn value_at(points: &MetricHistory, step: i64) -> Option<f64> {
    let is_reached = points.steps.iter().any(|known| *known >= step);
    let before = points.iter().filter(|point| point.step <= step);
    let last = before.max_by(MetricPoint::latest_order).filter(|_| is_reached);
    last.map(|point| point.value)
}

/// Returns the extremes of the smoothed values in the order of steps. They are NaN without a finite
/// value.
fn smoothed(points: &MetricHistory) -> PointSummary {
    let finite = points.iter().filter(|point| point.value.is_finite());
    let mut finite: Vec<(i64, f64)> = finite.map(|point| (point.step, point.value)).collect();
    if !finite.is_sorted_by_key(|(step, _)| *step) {
        // The sort is stable, so values at one step stay in the order of time.
        finite.sort_by_key(|(step, _)| *step);
    }
    let mut average = Average::default();
    let (mut lowest, mut highest) = (f64::NAN, f64::NAN);
    for (_, value) in finite {
        let value = average.next(SMOOTH_WEIGHT, value);
        (lowest, highest) = (value.min(lowest), value.max(highest));
    }
    PointSummary { lowest: Some(lowest), highest: Some(highest) }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::entity::id::Timestamp;

    fn history(points: &[(i64, f64)]) -> MetricHistory {
        let mut history = MetricHistory::default();
        for (time, (step, value)) in (0..).zip(points) {
            let time = Timestamp::from_nanos(time);
            history.push(MetricPoint { step: *step, time, value: *value });
        }
        history
    }

    #[test]
    fn a_value_at_a_step_is_the_latest_one_up_to_it() {
        let points = history(&[(0, 1.0), (10, 2.0), (10, 3.0), (20, f64::NAN), (5, 4.0)]);
        let at = |step| {
            let summary = PointSummary::compute(MetricStatistic::AtStep(step), &points);
            summary.of(MetricGoal::Lower)
        };
        assert_eq!(
            [-1, 0, 4, 5, 9, 10, 19].map(at),
            [None, Some(1.0), Some(1.0), Some(4.0), Some(4.0), Some(3.0), Some(3.0)]
        );
        assert!(at(20).is_some_and(f64::is_nan));
        assert_eq!(at(21), None);
    }

    #[test]
    fn what_follows_from_statistics_is_that_of_the_points() {
        for points in [
            history(&[(3, 1.0)]),
            history(&[(3, f64::NAN)]),
            history(&[(5, f64::INFINITY)]),
            history(&[(1, 1.0), (4, 2.0), (4, 7.0), (2, 9.0)]),
        ] {
            let parts = points.iter().map(MetricStatistics::of_point);
            let known = parts.reduce(MetricStatistics::with).unwrap();
            let mut found = 0;
            let steps = (0..7).map(MetricStatistic::AtStep);
            for statistic in steps.chain([MetricStatistic::SmoothBest]) {
                let Some(summary) = PointSummary::of_statistics(statistic, &known) else {
                    continue;
                };
                let wanted = PointSummary::compute(statistic, &points);
                let bits = |summary: PointSummary| {
                    [summary.lowest, summary.highest].map(|value| value.map(f64::to_bits))
                };
                assert_eq!(bits(summary), bits(wanted), "{statistic:?} of {points:?}");
                found += 1;
            }
            assert_eq!(found, if known.count == 1 { 8 } else { 4 });
        }
    }

    #[test]
    fn one_low_value_is_not_the_best_smoothed_one() {
        let mut values: Vec<(i64, f64)> = (0..100).map(|step| (step, 5.0)).collect();
        values[50].1 = 0.0;
        values[70].1 = f64::INFINITY;
        // Logged late, but first by step.
        values.rotate_left(30);
        let best = PointSummary::compute(MetricStatistic::SmoothBest, &history(&values));
        let lowest = best.of(MetricGoal::Lower).unwrap();
        assert!((4.4..4.6).contains(&lowest), "{lowest}");
        assert!((best.of(MetricGoal::Higher).unwrap() - 5.0).abs() < 1e-9);
        let none = PointSummary::compute(MetricStatistic::SmoothBest, &history(&[(0, f64::NAN)]));
        assert!(none.of(MetricGoal::Lower).is_some_and(f64::is_nan));
    }
}
