//! Buckets: exact summaries of consecutive points of a series, from which curves are drawn.

use crate::entity::metric::{MetricHistory, MetricPoint};

/// The number of consecutive points that one bucket summarises.
///
/// A curve of a million points then has 3,907 buckets, a few for each pixel of a wide chart.
pub(crate) const BUCKET_POINTS: usize = 256;

/// A summary of consecutive points of a series.
///
/// Extremes ignore NaN. They are NaN if there is no other value.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) struct Bucket {
    /// The number of points, NaN included.
    pub(crate) count: u64,
    /// The number of NaN values.
    pub(crate) nan_count: u64,
    /// The step of the first NaN, if there is one.
    pub(crate) first_nan_step: Option<i64>,
    /// The smallest and the largest step.
    pub(crate) steps: (i64, i64),
    /// The earliest and the latest time in nanoseconds.
    pub(crate) times: (i64, i64),
    /// The earliest point.
    pub(crate) first: MetricPoint,
    /// The latest point by time.
    pub(crate) last: MetricPoint,
    /// The first of the points with the smallest value.
    pub(crate) min: MetricPoint,
    /// The first of the points with the largest value.
    pub(crate) max: MetricPoint,
    /// The sum of the values without NaN.
    pub(crate) sum: f64,
}

impl Bucket {
    pub(crate) fn of_point(point: MetricPoint) -> Self {
        let is_nan = point.value.is_nan();
        let time = point.time.as_nanos();
        Bucket {
            count: 1,
            nan_count: u64::from(is_nan),
            first_nan_step: is_nan.then_some(point.step),
            steps: (point.step, point.step),
            times: (time, time),
            first: point,
            last: point,
            min: point,
            max: point,
            sum: if is_nan { 0.0 } else { point.value },
        }
    }

    /// Adds another part of the same series. The parts may overlap in time.
    pub(crate) fn add(&mut self, other: &Bucket) {
        self.count += other.count;
        self.nan_count += other.nan_count;
        if let Some(step) = other.first_nan_step
            && self.first_nan_step.is_none_or(|known| step < known)
        {
            self.first_nan_step = Some(step);
        }
        self.steps = (self.steps.0.min(other.steps.0), self.steps.1.max(other.steps.1));
        self.times = (self.times.0.min(other.times.0), self.times.1.max(other.times.1));
        if other.first.time < self.first.time {
            self.first = other.first;
        }
        if other.last.time >= self.last.time {
            self.last = other.last;
        }
        if other.min.value < self.min.value || self.min.value.is_nan() {
            self.min = other.min;
        }
        if other.max.value > self.max.value || self.max.value.is_nan() {
            self.max = other.max;
        }
        self.sum += other.sum;
    }

    /// Returns the mean of the values, ignoring NaN. NaN if no other value exists.
    #[expect(clippy::cast_precision_loss, reason = "a count of points above 2^53 is out of reach")]
    pub(crate) fn mean(&self) -> f64 {
        self.sum / (self.count - self.nan_count) as f64
    }

    /// Summarises points in order, [`BUCKET_POINTS`] at a time.
    pub(crate) fn of_history(history: &MetricHistory) -> Vec<Bucket> {
        let mut buckets: Vec<Bucket> = Vec::with_capacity(history.len() / BUCKET_POINTS + 1);
        for (place, point) in history.iter().enumerate() {
            let point = Bucket::of_point(point);
            match buckets.last_mut() {
                Some(last) if place % BUCKET_POINTS != 0 => last.add(&point),
                _ => buckets.push(point),
            }
        }
        buckets
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::entity::id::Timestamp;

    fn history(values: &[f64]) -> MetricHistory {
        let mut history = MetricHistory::default();
        for (place, value) in (0..).zip(values) {
            let time = Timestamp::from_nanos(place);
            history.push(MetricPoint { step: place / 2, time, value: *value });
        }
        history
    }

    #[test]
    fn a_bucket_has_the_extremes_of_its_points() {
        let values = [2.0, f64::NAN, -1.0, 7.0, 7.0, f64::NAN, -1.0];
        let buckets = Bucket::of_history(&history(&values));
        let [bucket] = buckets.as_slice() else { panic!("{buckets:?}") };
        assert_eq!((bucket.count, bucket.nan_count, bucket.first_nan_step), (7, 2, Some(0)));
        assert_eq!((bucket.steps, bucket.times), ((0, 3), (0, 6)));
        assert_eq!((bucket.min.value, bucket.min.time.as_nanos()), (-1.0, 2));
        assert_eq!((bucket.max.value, bucket.max.time.as_nanos()), (7.0, 3));
        assert_eq!((bucket.first.value, bucket.last.value), (2.0, -1.0));
        assert!((bucket.mean() - 14.0 / 5.0).abs() < 1e-12);
    }

    #[test]
    fn a_bucket_of_nan_has_no_extremes() {
        let mut bucket = Bucket::of_history(&history(&[f64::NAN, f64::NAN]))[0];
        assert!(bucket.min.value.is_nan() && bucket.max.value.is_nan() && bucket.mean().is_nan());
        bucket.add(&Bucket::of_history(&history(&[3.0]))[0]);
        assert_eq!((bucket.min.value, bucket.max.value, bucket.mean()), (3.0, 3.0, 3.0));
    }

    #[test]
    fn buckets_have_equal_numbers_of_points() {
        let buckets = Bucket::of_history(&history(&vec![1.0; 2 * BUCKET_POINTS + 1]));
        let counts: Vec<u64> = buckets.iter().map(|bucket| bucket.count).collect();
        assert_eq!(counts, [256, 256, 1]);
    }

    #[test]
    fn parts_may_come_in_any_order() {
        let all = history(&[5.0, 1.0, f64::NAN, 9.0]);
        let parts: Vec<Bucket> = all.iter().map(Bucket::of_point).collect();
        let wanted = Bucket::of_history(&all)[0];
        let mut backward = parts[3];
        parts[..3].iter().rev().for_each(|part| backward.add(part));
        assert_eq!(backward, wanted);
    }
}
