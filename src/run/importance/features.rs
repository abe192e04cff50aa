//! Params as features: numbers in bins of equal counts, and texts in a bin each.

use std::collections::HashMap;

use super::forest::{BINS, Feature};

/// The bin of runs that do not have the param.
const MISSING: u8 = 0;
/// The bin of all texts that are not frequent enough for one of their own.
const OTHERS: usize = BINS - 1;

/// A param of some runs.
#[derive(Clone, Debug)]
pub(super) struct Param {
    pub(super) key: String,
    pub(super) feature: Feature,
    /// The number of each run, if all values are numbers. NaN if the run does not have it.
    pub(super) numbers: Option<Vec<f64>>,
    /// The value of each bin: the mean of its numbers, or a text.
    pub(super) labels: Vec<(u8, Label)>,
}

/// The value of a bin.
#[derive(Clone, Debug, PartialEq)]
pub(super) enum Label {
    Number(f64),
    Text(Option<String>),
}

impl Param {
    /// Makes a feature of the values of a param, one for each run. `None` if all are equal.
    pub(super) fn new(key: &str, values: &[Option<&str>]) -> Option<Self> {
        if values.iter().all(|value| *value == values[0]) {
            return None;
        }
        let number = |value: &Option<&str>| match value {
            None => Some(f64::NAN),
            Some(text) => text.trim().parse().ok().filter(|number: &f64| number.is_finite()),
        };
        let key = key.to_owned();
        Some(match values.iter().map(number).collect::<Option<Vec<f64>>>() {
            Some(numbers) => {
                let (feature, labels) = of_numbers(&numbers);
                Param { key, feature, numbers: Some(numbers), labels }
            }
            None => {
                let (feature, labels) = of_texts(values);
                Param { key, feature, numbers: None, labels }
            }
        })
    }

    /// Returns how many runs have the param.
    pub(super) fn runs(&self) -> usize {
        self.feature.bins.iter().filter(|bin| **bin != MISSING).count()
    }
}

fn of_numbers(numbers: &[f64]) -> (Feature, Vec<(u8, Label)>) {
    let mut sorted: Vec<f64> = numbers.iter().copied().filter(|n| !n.is_nan()).collect();
    sorted.sort_by(f64::total_cmp);
    let mut distinct = sorted.clone();
    distinct.dedup();
    // The lower ends of the bins.
    let ends: Vec<f64> = match distinct.len() < BINS {
        true => distinct,
        false => {
            let mut ends: Vec<f64> =
                (0..BINS - 1).map(|bin| sorted[bin * sorted.len() / (BINS - 1)]).collect();
            ends.dedup();
            ends
        }
    };
    let bin = |number: &f64| match number.is_nan() {
        true => MISSING,
        false => ends.partition_point(|end| end <= number) as u8,
    };
    let bins: Vec<u8> = numbers.iter().map(bin).collect();
    let mut sums = vec![(0.0, 0.0); BINS];
    for (bin, number) in bins.iter().zip(numbers).filter(|(bin, _)| **bin != MISSING) {
        let sum = &mut sums[usize::from(*bin)];
        *sum = (sum.0 + number, sum.1 + 1.0);
    }
    let known = (0..).zip(&sums).filter(|(_, (_, count))| *count > 0.0);
    let labels = known.map(|(bin, (sum, count))| (bin, Label::Number(sum / count))).collect();
    (Feature { bins, is_ordered: true }, labels)
}

fn of_texts(values: &[Option<&str>]) -> (Feature, Vec<(u8, Label)>) {
    let mut counts: HashMap<&str, usize> = HashMap::new();
    values.iter().flatten().for_each(|text| *counts.entry(*text).or_default() += 1);
    let mut frequent: Vec<(&str, usize)> = counts.into_iter().collect();
    frequent.sort_by(|left, right| right.1.cmp(&left.1).then(left.0.cmp(right.0)));
    let all = frequent.len();
    frequent.truncate(OTHERS - 1);
    let numbered: HashMap<&str, u8> =
        frequent.iter().zip(1..).map(|((text, _), bin)| (*text, bin)).collect();
    let bin = |value: &Option<&str>| match value {
        None => MISSING,
        Some(text) => numbered.get(text).copied().unwrap_or(OTHERS as u8),
    };
    let bins = values.iter().map(bin).collect();
    let text = |(text, bin): (&(&str, usize), u8)| (bin, Label::Text(Some(text.0.to_owned())));
    let mut labels: Vec<(u8, Label)> = frequent.iter().zip(1..).map(text).collect();
    if all > frequent.len() {
        labels.push((OTHERS as u8, Label::Text(None)));
    }
    (Feature { bins, is_ordered: false }, labels)
}

/// Returns Spearman's rank correlation of pairs. `None` if one side does not vary.
pub(super) fn rank_correlation(pairs: &[(f64, f64)]) -> Option<f64> {
    let (left, right): (Vec<f64>, Vec<f64>) = pairs.iter().copied().unzip();
    let (left, right) = (ranks(&left), ranks(&right));
    let middle = (pairs.len() as f64 - 1.0) / 2.0;
    let products = left.iter().zip(&right).map(|(a, b)| (a - middle) * (b - middle));
    let squares = |ranks: &[f64]| ranks.iter().map(|rank| (rank - middle).powi(2)).sum::<f64>();
    let scale = (squares(&left) * squares(&right)).sqrt();
    (scale > 0.0).then(|| products.sum::<f64>() / scale)
}

/// Returns the rank of each value, from 0. Equal values share the mean of their ranks.
fn ranks(values: &[f64]) -> Vec<f64> {
    let mut order: Vec<usize> = (0..values.len()).collect();
    order.sort_by(|left, right| values[*left].total_cmp(&values[*right]));
    let mut ranks = vec![0.0; values.len()];
    let mut first = 0;
    for equal in order.chunk_by(|left, right| values[*left] == values[*right]) {
        let rank = first as f64 + (equal.len() as f64 - 1.0) / 2.0;
        equal.iter().for_each(|at| ranks[*at] = rank);
        first += equal.len();
    }
    ranks
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_are_in_order_and_texts_by_frequency() {
        let of = |values: &[Option<&str>]| Param::new("a", values).unwrap();
        let numbers = of(&[Some("1e3"), None, Some("-2"), Some("10"), Some("10.0")]);
        assert_eq!(numbers.feature.bins, [3, 0, 1, 2, 2]);
        assert!(numbers.feature.is_ordered);
        assert_eq!((numbers.runs(), numbers.labels[1].clone()), (4, (2, Label::Number(10.0))));
        let texts = of(&[Some("b"), Some("a"), Some("b"), None, Some("1")]);
        assert_eq!(texts.feature.bins, [1, 3, 1, 0, 2]);
        assert!(!texts.feature.is_ordered && texts.numbers.is_none());
        assert!(Param::new("a", &[Some("1"), Some("1")]).is_none());
    }

    #[test]
    fn many_values_share_bins() {
        let texts: Vec<String> = (0..1000).map(|at| format!("{}", at * 7 % 1000)).collect();
        let values: Vec<Option<&str>> = texts.iter().map(|text| Some(text.as_str())).collect();
        let param = Param::new("a", &values).unwrap();
        assert_eq!(param.labels.len(), BINS - 1);
        let mut counts = [0; BINS];
        param.feature.bins.iter().for_each(|bin| counts[usize::from(*bin)] += 1);
        assert!(counts[1..].iter().all(|count| (15..=17).contains(count)), "{counts:?}");
        let names: Vec<String> = (0..1000).map(|at| format!("run {at}")).collect();
        let values: Vec<Option<&str>> = names.iter().map(|name| Some(name.as_str())).collect();
        let param = Param::new("a", &values).unwrap();
        assert_eq!(param.labels.last(), Some(&(63, Label::Text(None))));
    }

    #[test]
    fn ranks_correlate_whatever_the_scale() {
        let pairs: Vec<(f64, f64)> =
            (1..20).map(|at| (f64::from(at), 1.0 / f64::from(at))).collect();
        assert!((rank_correlation(&pairs).unwrap() + 1.0).abs() < 1e-12);
        // By hand: ranks 0.5 0.5 2 and 0 1 2.
        let tied = rank_correlation(&[(1.0, 1.0), (1.0, 2.0), (5.0, 3.0)]).unwrap();
        assert!((tied - 1.5 / (1.5_f64 * 2.0).sqrt()).abs() < 1e-12);
        assert_eq!(rank_correlation(&[(1.0, 1.0), (1.0, 2.0)]), None);
    }
}
