//! Metrics: series of points, each with a step, a time and a value.

use std::cmp::Ordering;

use crate::entity::id::Timestamp;

/// A logged value of a metric.
#[derive(Clone, Copy, Debug)]
pub struct MetricPoint {
    /// The training step. Any integer, and steps may repeat.
    pub step: i64,
    /// The time of logging.
    pub time: Timestamp,
    /// The value, bit for bit as logged, including NaN and infinities.
    pub value: f64,
}

/// Compares values by their bits, so that NaN equals itself.
impl PartialEq for MetricPoint {
    fn eq(&self, other: &Self) -> bool {
        self.step == other.step
            && self.time == other.time
            && self.value.to_bits() == other.value.to_bits()
    }
}

impl MetricPoint {
    /// Compares points by (step, time, value), with NaN counted as 0. The maximum is the latest.
    ///
    /// This is MLflow's rule for latest metrics (`SqlAlchemyStore`).
    #[must_use]
    pub fn latest_order(&self, other: &Self) -> Ordering {
        let number = |value: f64| if value.is_nan() { 0.0 } else { value };
        (self.step, self.time).cmp(&(other.step, other.time)).then_with(|| {
            number(self.value).partial_cmp(&number(other.value)).unwrap_or(Ordering::Equal)
        })
    }

    /// Compares only the values, as MLflow's SQL store does: NaN counts as 0, but comes after it.
    /// Both zeros are equal.
    pub(crate) fn value_order(&self, other: &Self) -> Ordering {
        let number = |value: f64| if value.is_nan() { 0.0 } else { value };
        let by_number = number(self.value).partial_cmp(&number(other.value));
        let is_nan = self.value.is_nan().cmp(&other.value.is_nan());
        by_number.unwrap_or(Ordering::Equal).then(is_nan)
    }

    /// Compares the points of a history by time, then step, then value.
    pub(crate) fn history_order(&self, other: &Self) -> Ordering {
        let by_place = (self.time, self.step).cmp(&(other.time, other.step));
        by_place.then_with(|| self.value.total_cmp(&other.value))
    }
}

/// The points of a metric of a run, as columns of equal length.
///
/// Points are in MLflow's order: by time, then step, then value. The order does not depend on which
/// process logged a point, and equal points are adjacent.
#[derive(Clone, Debug, Default)]
pub struct MetricHistory {
    /// The step of each point.
    pub steps: Vec<i64>,
    /// The time of each point in nanoseconds since the Unix epoch.
    pub times: Vec<i64>,
    /// The value of each point.
    pub values: Vec<f64>,
}

impl MetricHistory {
    /// Returns the number of points.
    #[must_use]
    pub fn len(&self) -> usize {
        self.values.len()
    }

    /// Returns whether there are no points.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.values.is_empty()
    }

    /// Appends a point.
    pub fn push(&mut self, point: MetricPoint) {
        self.steps.push(point.step);
        self.times.push(point.time.as_nanos());
        self.values.push(point.value);
    }

    /// Removes all points and keeps the allocated memory.
    pub fn clear(&mut self) {
        self.steps.clear();
        self.times.clear();
        self.values.clear();
    }

    /// Removes all but the first `count` points.
    pub fn truncate(&mut self, count: usize) {
        self.steps.truncate(count);
        self.times.truncate(count);
        self.values.truncate(count);
    }

    /// Sorts the points.
    pub(crate) fn sort(&mut self) {
        let mut points: Vec<MetricPoint> = self.iter().collect();
        points.sort_by(MetricPoint::history_order);
        *self = MetricHistory::default();
        points.into_iter().for_each(|point| self.push(point));
    }

    /// Returns whether the points from index `from` on continue the order of those before.
    pub(crate) fn is_sorted_from(&self, from: usize) -> bool {
        let start = from.saturating_sub(1);
        let times = self.times.get(start..).unwrap_or_default();
        // Usually the times alone decide.
        times.is_sorted_by(|left, right| left < right)
            || self.iter().skip(start).is_sorted_by(|left, right| left.history_order(right).is_le())
    }

    /// Returns the points that MLflow distinguishes, each once, by time in milliseconds, step and
    /// value.
    ///
    /// NaN counts as 0, but comes after it. Both zeros are equal.
    ///
    /// ```
    /// use tracklite::{MetricHistory, MetricPoint, Timestamp};
    ///
    /// let mut history = MetricHistory::default();
    /// for (step, nanos) in [(2, 1_000_001), (1, 1_000_002), (2, 1_000_003)] {
    ///     history.push(MetricPoint { step, time: Timestamp::from_nanos(nanos), value: 0.5 });
    /// }
    /// let steps: Vec<i64> = history.distinct().iter().map(|point| point.step).collect();
    /// assert_eq!(steps, [1, 2]);
    /// ```
    #[must_use]
    pub fn distinct(&self) -> Vec<MetricPoint> {
        let order = |left: &MetricPoint, right: &MetricPoint| {
            let place = |point: &MetricPoint| (point.time.as_millis(), point.step);
            place(left).cmp(&place(right)).then_with(|| left.value_order(right))
        };
        let mut points: Vec<MetricPoint> = self.iter().collect();
        if !points.is_sorted_by(|left, right| order(left, right).is_le()) {
            points.sort_by(order);
        }
        points.dedup_by(|left, right| order(left, right).is_eq());
        points
    }

    /// Returns an iterator over the points.
    pub fn iter(&self) -> impl ExactSizeIterator<Item = MetricPoint> + '_ {
        let columns = self.steps.iter().zip(&self.times).zip(&self.values);
        columns.map(|((&step, &time), &value)| MetricPoint {
            step,
            time: Timestamp::from_nanos(time),
            value,
        })
    }
}

/// Summary statistics of a series.
#[derive(Clone, Copy, Debug, PartialEq)]
#[non_exhaustive]
pub struct MetricStatistics {
    /// The number of points, NaN included.
    pub count: u64,
    /// The number of NaN values.
    pub nan_count: u64,
    /// The smallest step.
    pub first_step: i64,
    /// The largest step.
    pub last_step: i64,
    /// The smallest value, ignoring NaN. NaN if no other value exists.
    pub min: f64,
    /// The largest value, ignoring NaN. NaN if no other value exists.
    pub max: f64,
    /// The sum of the values including infinities, but without NaN.
    pub sum: f64,
    /// The latest point: the maximum by step, time and value.
    pub latest: MetricPoint,
}

impl MetricStatistics {
    /// Returns the statistics of a single point.
    #[must_use]
    pub fn of_point(point: MetricPoint) -> Self {
        let is_nan = point.value.is_nan();
        MetricStatistics {
            count: 1,
            nan_count: u64::from(is_nan),
            first_step: point.step,
            last_step: point.step,
            min: point.value,
            max: point.value,
            sum: if is_nan { 0.0 } else { point.value },
            latest: point,
        }
    }

    /// Merges the statistics of two parts of a series.
    #[must_use]
    pub fn with(self, later: Self) -> Self {
        let newest = later.latest.latest_order(&self.latest) == Ordering::Greater;
        MetricStatistics {
            count: self.count + later.count,
            nan_count: self.nan_count + later.nan_count,
            first_step: self.first_step.min(later.first_step),
            last_step: self.last_step.max(later.last_step),
            min: self.min.min(later.min),
            max: self.max.max(later.max),
            sum: self.sum + later.sum,
            latest: if newest { later.latest } else { self.latest },
        }
    }

    /// Returns the mean of the values, ignoring NaN. NaN if no other value exists.
    #[must_use]
    #[expect(clippy::cast_precision_loss, reason = "a count of points above 2^53 is out of reach")]
    pub fn mean(&self) -> f64 {
        self.sum / (self.count - self.nan_count) as f64
    }
}

/// Whether a lower or a higher value of a metric is better.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum MetricGoal {
    /// A lower value is better, as for a loss.
    Lower,
    /// A higher value is better, as for an accuracy.
    Higher,
}

/// The words of keys whose metrics are better when lower.
const LOWER_WORDS: &[&str] = &[
    "loss",
    "losses",
    "err",
    "error",
    "errors",
    "mae",
    "mse",
    "rmse",
    "mape",
    "smape",
    "msle",
    "rmsle",
    "perplexity",
    "ppl",
    "nll",
    "logloss",
    "brier",
    "wer",
    "cer",
    "fid",
    "kl",
    "kld",
    "divergence",
    "regret",
    "distance",
    "cost",
    "latency",
    "duration",
    "time",
    "seconds",
    "ms",
    "memory",
    "bytes",
    "penalty",
    "residual",
    "deviance",
    "entropy",
    "hinge",
];

/// The words of keys whose metrics are better when higher.
const HIGHER_WORDS: &[&str] = &[
    "acc",
    "accuracy",
    "auc",
    "auroc",
    "auprc",
    "ap",
    "map",
    "f1",
    "fscore",
    "precision",
    "recall",
    "sensitivity",
    "specificity",
    "r2",
    "score",
    "reward",
    "return",
    "success",
    "correct",
    "iou",
    "miou",
    "dice",
    "jaccard",
    "kappa",
    "mcc",
    "bleu",
    "rouge",
    "meteor",
    "psnr",
    "ssim",
    "ndcg",
    "mrr",
    "likelihood",
    "throughput",
];

impl MetricGoal {
    /// Guesses the goal of a metric from the words of its key. Without a known word it is
    /// [`MetricGoal::Higher`].
    ///
    /// ```
    /// use tracklite::MetricGoal;
    ///
    /// assert_eq!(MetricGoal::of("val/crossEntropyLoss"), MetricGoal::Lower);
    /// assert_eq!(MetricGoal::of("test_accuracy"), MetricGoal::Higher);
    /// ```
    #[must_use]
    pub fn of(key: &str) -> Self {
        MetricGoal::known(key).unwrap_or(MetricGoal::Higher)
    }

    /// Guesses the goal like [`MetricGoal::of`], or returns `None` without a known word.
    ///
    /// ```
    /// use tracklite::MetricGoal;
    ///
    /// assert_eq!(MetricGoal::known("val/f1"), Some(MetricGoal::Higher));
    /// assert_eq!(MetricGoal::known("learning_rate"), None);
    /// ```
    #[must_use]
    pub fn known(key: &str) -> Option<Self> {
        let words: Vec<String> = words(key).collect();
        let has = |known: &[&str]| words.iter().any(|word| known.contains(&word.as_str()));
        match () {
            () if has(LOWER_WORDS) => Some(MetricGoal::Lower),
            () if has(HIGHER_WORDS) => Some(MetricGoal::Higher),
            () => None,
        }
    }
}

/// Returns the words of a key in lower case: divided at other characters, and before a capital
/// that follows a small letter.
fn words(key: &str) -> impl Iterator<Item = String> {
    let mut words = vec![String::new()];
    let mut before = ' ';
    for letter in key.chars() {
        let is_start = letter.is_uppercase() && before.is_lowercase();
        if is_start || !letter.is_alphanumeric() {
            words.push(String::new());
        }
        if let Some(word) = words.last_mut()
            && letter.is_alphanumeric()
        {
            word.extend(letter.to_lowercase());
        }
        before = letter;
    }
    words.into_iter().filter(|word| !word.is_empty())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn goals_follow_from_the_words_of_a_key() {
        for key in ["loss", "val_loss", "train/Loss", "crossEntropyLoss", "eval.mse", "step time"] {
            assert_eq!(MetricGoal::of(key), MetricGoal::Lower, "{key}");
        }
        for key in ["accuracy", "f1", "glossary", "flosses", "", "AUC", "reward", "timer"] {
            assert_eq!(MetricGoal::of(key), MetricGoal::Higher, "{key}");
        }
    }
}
