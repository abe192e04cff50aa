//! A described model: it predicts a row, or leaves it to the worker.

use super::linear::Linear;
use super::trees::Trees;

/// A model whose predictions are computed here.
#[derive(Debug)]
pub(super) struct Model {
    pub(super) scaler: Option<Scaler>,
    /// Whether the rows are a matrix of 32-bit floats.
    pub(super) is_single: bool,
    /// Whether the model predicts rows with values that are not a number.
    pub(super) takes_nan: bool,
    /// Whether it predicts rows with infinite values.
    pub(super) takes_infinite: bool,
    pub(super) scores: Scores,
    pub(super) decision: Decision,
}

/// The mean that is subtracted from each column, and the deviation that it is divided by.
#[derive(Debug)]
pub(super) struct Scaler {
    pub(super) means: Option<Vec<f64>>,
    pub(super) deviations: Option<Vec<f64>>,
}

/// How the scores of a row are computed.
#[derive(Debug)]
pub(super) enum Scores {
    Trees(Trees),
    Linear(Linear),
}

/// How a prediction follows from the scores.
#[derive(Debug)]
pub(super) enum Decision {
    /// The only score is the prediction.
    Number,
    /// A label, written as JSON. Scores that are closer to the other side than `margin` are left to
    /// the worker.
    Label { rule: Rule, labels: Vec<String>, margin: f64 },
}

/// Which label the scores mean.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Rule {
    /// That of the first of the highest scores.
    Highest,
    /// The second one if the only score is above zero.
    Positive,
    /// The second one if the only score is not below zero.
    NotNegative,
}

/// A prediction of a row.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) enum Prediction<'m> {
    Number(f64),
    Label(&'m str),
}

impl Model {
    /// Returns the prediction of a row, which is changed. `None` if it is left to the worker.
    pub(super) fn predict(&self, row: &mut [f64], scores: &mut Vec<f64>) -> Option<Prediction<'_>> {
        if self.is_left(row) {
            return None;
        }
        if let Some(scaler) = &self.scaler {
            scaler.scale(row, self.is_single);
        }
        let slack = match &self.scores {
            Scores::Trees(trees) => {
                if trees.is_rounded {
                    row.iter_mut().for_each(|value| *value = f64::from(*value as f32));
                }
                // A number may have become infinite.
                if self.is_left(row) {
                    return None;
                }
                trees.score(row, scores)?;
                0.0
            }
            Scores::Linear(linear) => linear.score(row, scores),
        };
        self.decision.of(scores, slack)
    }

    fn is_left(&self, row: &[f64]) -> bool {
        row.iter().any(|value| {
            value.is_nan() && !self.takes_nan || value.is_infinite() && !self.takes_infinite
        })
    }

    /// Returns how many steps the prediction of a row takes at most.
    pub(super) fn steps(&self) -> usize {
        match &self.scores {
            Scores::Trees(trees) => trees.steps,
            Scores::Linear(linear) => linear.products(),
        }
    }

    /// Returns whether the number of rows of a request decides the last digits.
    pub(super) fn is_of_one_row(&self) -> bool {
        matches!((&self.scores, &self.decision), (Scores::Linear(_), Decision::Number))
    }
}

impl Scaler {
    /// Scales a row. A matrix of 32 bits is rounded after each step.
    fn scale(&self, row: &mut [f64], is_single: bool) {
        let rounded = |value: f64| if is_single { f64::from(value as f32) } else { value };
        for (value, mean) in row.iter_mut().zip(self.means.iter().flatten()) {
            *value = rounded(*value - mean);
        }
        for (value, deviation) in row.iter_mut().zip(self.deviations.iter().flatten()) {
            *value = rounded(*value / deviation);
        }
    }
}

impl Decision {
    /// Returns the prediction that scores mean, each of which may be wrong by `slack`.
    fn of(&self, scores: &[f64], slack: f64) -> Option<Prediction<'_>> {
        let (Decision::Label { rule, labels, margin }, &[first, ..]) = (self, scores) else {
            return scores.first().map(|score| Prediction::Number(*score));
        };
        let margin = margin + slack;
        if *rule == Rule::Highest {
            return Some(Prediction::Label(labels.get(highest(scores, 2.0 * margin)?)?));
        }
        // Neither is true of a score that is not a number.
        let is_clear = first.abs() > margin || margin == 0.0 && !first.is_nan();
        let is_second = if *rule == Rule::Positive { first > 0.0 } else { first >= 0.0 };
        is_clear.then(|| labels.get(usize::from(is_second)))?.map(|label| Prediction::Label(label))
    }
}

/// Returns the place of the first of the highest scores, if no other one is within the margin.
fn highest(scores: &[f64], margin: f64) -> Option<usize> {
    let mut best = 0;
    let mut most = *scores.first()?;
    for (place, score) in scores.iter().enumerate() {
        if *score > most {
            (best, most) = (place, *score);
        }
    }
    let is_near = |(place, score): (usize, &f64)| place != best && most - score <= margin;
    let is_unclear = margin > 0.0 && scores.iter().enumerate().any(is_near);
    let is_odd = scores.iter().any(|score| score.is_nan()) || margin.is_nan();
    (!is_unclear && !is_odd).then_some(best)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn label(rule: Rule, margin: f64, scores: &[f64]) -> Option<&'static str> {
        let labels = ["a", "b", "c"].map(str::to_owned).to_vec();
        let decision = Decision::Label { rule, labels, margin };
        match decision.of(scores, 0.0)? {
            Prediction::Label("a") => Some("a"),
            Prediction::Label("b") => Some("b"),
            Prediction::Label(_) => Some("c"),
            Prediction::Number(_) => None,
        }
    }

    #[test]
    fn the_first_of_the_highest_scores_wins() {
        assert_eq!(label(Rule::Highest, 0.0, &[1.0, 3.0, 3.0]), Some("b"));
        assert_eq!(label(Rule::Highest, 0.0, &[-0.0, 0.0, -1.0]), Some("a"));
        assert_eq!(label(Rule::Highest, 0.0, &[1.0, f64::NAN, 0.0]), None);
    }

    #[test]
    fn zero_is_on_the_side_of_the_rule() {
        for zero in [0.0, -0.0] {
            assert_eq!(label(Rule::Positive, 0.0, &[zero]), Some("a"));
            assert_eq!(label(Rule::NotNegative, 0.0, &[zero]), Some("b"));
        }
        assert_eq!(label(Rule::Positive, 0.0, &[f64::NAN]), None);
        assert_eq!(label(Rule::Positive, 0.1, &[f64::NAN]), None);
    }

    #[test]
    fn scores_within_the_margin_are_left() {
        assert_eq!(label(Rule::Highest, 0.1, &[1.0, 1.15, 0.0]), None);
        assert_eq!(label(Rule::Highest, 0.1, &[1.0, 1.25, 0.0]), Some("b"));
        assert_eq!(label(Rule::Positive, 0.1, &[0.1]), None);
        assert_eq!(label(Rule::Positive, 0.1, &[0.11]), Some("b"));
        assert_eq!(label(Rule::NotNegative, 0.1, &[-0.2]), Some("a"));
        let infinite = Decision::Label { rule: Rule::Positive, labels: vec![], margin: 0.0 };
        assert_eq!(infinite.of(&[1.0], f64::INFINITY), None);
    }

    #[test]
    fn a_matrix_of_32_bits_is_rounded_after_each_step() {
        let scaler = Scaler { means: Some(vec![0.1]), deviations: Some(vec![0.3]) };
        let mut row = [1.0];
        scaler.scale(&mut row, false);
        assert_eq!(row, [(1.0 - 0.1) / 0.3]);
        let mut row = [1.0];
        scaler.scale(&mut row, true);
        let mean = f64::from((1.0_f64 - 0.1) as f32);
        assert_eq!(row, [f64::from((mean / 0.3) as f32)]);
    }
}
