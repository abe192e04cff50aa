//! Points placed by another metric.

use crate::entity::MetricHistory;

use super::rows::Placed;

/// The points of a metric, each with the value of another metric at its step.
#[derive(Debug)]
pub(super) struct Joined {
    /// The place of each point. NaN if it has none.
    places: Vec<f64>,
    points: MetricHistory,
}

impl Joined {
    /// Places points by the finite value of another metric: at the same step, or at the last one
    /// before it. Points before its first value have no place.
    pub(super) fn new(points: MetricHistory, other: MetricHistory) -> Self {
        let mut values = ValuesByStep::new(finite(other));
        let places = points.steps.iter().map(|step| values.at(*step).unwrap_or(f64::NAN));
        Joined { places: places.collect(), points }
    }

    /// Returns the number of points, also of those without a place.
    pub(super) fn len(&self) -> usize {
        self.places.len()
    }

    /// Returns the smallest and the largest place.
    pub(super) fn range(&self) -> Option<(f64, f64)> {
        let places = self.places.iter().copied().filter(|place| !place.is_nan());
        places.fold(None, |range, place| {
            let (from, to) = range.unwrap_or((place, place));
            Some((place.min(from), place.max(to)))
        })
    }

    /// Returns the points that have a place, in the order of the history.
    pub(super) fn iter(&self) -> impl Iterator<Item = Placed> + '_ {
        let placed = self.places.iter().zip(self.points.iter());
        let placed = placed.filter(|(place, _)| !place.is_nan());
        placed.map(|(place, point)| Placed { place: *place, point, smooth: f64::NAN })
    }
}

/// This many steps are compared one by one before a binary search.
const NEAR: usize = 8;

/// Leaves out what is not a place.
fn finite(mut history: MetricHistory) -> MetricHistory {
    if !history.values.iter().all(|value| value.is_finite()) {
        let pairs = history.steps.into_iter().zip(history.values);
        (history.steps, history.values) = pairs.filter(|(_, value)| value.is_finite()).unzip();
    }
    history
}

/// The values of a metric by step. Steps that ascend are found in one pass.
#[derive(Debug)]
pub(super) struct ValuesByStep {
    steps: Vec<i64>,
    values: Vec<f64>,
    /// The number of steps up to the one that was found last.
    found: usize,
}

impl ValuesByStep {
    /// Takes the steps and values of a history.
    pub(super) fn new(history: MetricHistory) -> Self {
        let MetricHistory { mut steps, mut values, .. } = history;
        if !steps.is_sorted() {
            let mut pairs: Vec<(i64, f64)> = steps.into_iter().zip(values).collect();
            // The sort is stable, so the latest of several values at a step is the last one.
            pairs.sort_by_key(|(step, _)| *step);
            (steps, values) = pairs.into_iter().unzip();
        }
        ValuesByStep { steps, values, found: 0 }
    }

    /// Returns the value at a step, or at the last one before it.
    pub(super) fn at(&mut self, step: i64) -> Option<f64> {
        let is_until = |known: &i64| *known <= step;
        let is_back = self.found > 0 && !is_until(&self.steps[self.found - 1]);
        let next = self.steps[self.found..].iter().take(NEAR);
        self.found = match next.take_while(|known| is_until(known)).count() {
            near if near < NEAR && !is_back => self.found + near,
            _ => self.steps.partition_point(is_until),
        };
        self.values.get(self.found.checked_sub(1)?).copied()
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::entity::MetricPoint;
    use crate::entity::id::Timestamp;

    fn history(points: &[(i64, f64)]) -> MetricHistory {
        let mut history = MetricHistory::default();
        for (time, (step, value)) in (0..).zip(points) {
            let time = Timestamp::from_nanos(time);
            history.push(MetricPoint { step: *step, time, value: *value });
        }
        history
    }

    /// Returns the place of a step by looking at all points.
    fn plain(other: &[(i64, f64)], step: i64) -> Option<f64> {
        let before = other.iter().filter(|(at, value)| *at <= step && value.is_finite());
        before.max_by_key(|(at, _)| *at).map(|(_, value)| *value)
    }

    fn series() -> impl Strategy<Value = Vec<(i64, f64)>> {
        let value = prop_oneof![
            8 => -1.0..1.0_f64, 1 => Just(f64::NAN), 1 => Just(f64::NEG_INFINITY)
        ];
        let rising = prop::collection::vec((0_i64..20, value.clone()), 0..60).prop_map(|steps| {
            let mut step = 0;
            let rise = |(by, value)| {
                step += by;
                (step, value)
            };
            steps.into_iter().map(rise).collect()
        });
        prop_oneof![prop::collection::vec((-5_i64..40, value), 0..60), rising]
    }

    proptest! {
        #[test]
        fn a_join_finds_the_last_value_before_each_step(points in series(), other in series()) {
            let joined = Joined::new(history(&points), history(&other));
            prop_assert_eq!(joined.len(), points.len());
            let wanted: Vec<(f64, i64)> = points
                .iter()
                .filter_map(|(step, _)| plain(&other, *step).map(|place| (place, *step)))
                .collect();
            let found: Vec<(f64, i64)> =
                joined.iter().map(|placed| (placed.place, placed.point.step)).collect();
            prop_assert_eq!(&found, &wanted);
            let places = wanted.iter().map(|(place, _)| (*place, *place));
            let range = places.reduce(|range, next| (range.0.min(next.0), range.1.max(next.1)));
            prop_assert_eq!(joined.range(), range);
        }
    }
}
