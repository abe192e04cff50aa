//! Products of a row and coefficients.

use super::arrays::Arrays;

/// The coefficients of each score, and what is added to their product with a row.
#[derive(Debug)]
pub(super) struct Linear {
    columns: usize,
    /// Those of the first score, then those of the next one.
    coefficients: Vec<f64>,
    intercepts: Vec<f64>,
    /// Whether each product is added without being rounded before.
    pub(super) is_fused: bool,
}

impl Linear {
    pub(super) fn read(arrays: &Arrays<'_>, columns: usize) -> Result<Linear, String> {
        let coefficients = arrays.floats("coefficients")?;
        let intercepts = arrays.floats("intercepts")?;
        if intercepts.is_empty() || coefficients.len() != intercepts.len() * columns {
            return Err(format!(
                "there are {} coefficients for {} scores of {columns} columns",
                coefficients.len(),
                intercepts.len()
            ));
        }
        Ok(Linear { columns, coefficients, intercepts, is_fused: false })
    }

    /// Returns how many scores a row has.
    pub(super) fn outputs(&self) -> usize {
        self.intercepts.len()
    }

    /// Returns how many products the scores of a row take.
    pub(super) fn products(&self) -> usize {
        self.coefficients.len()
    }

    /// Writes the scores of a row. Returns how far each of them may be from a sum in another order.
    pub(super) fn score(&self, row: &[f64], scores: &mut Vec<f64>) -> f64 {
        scores.clear();
        let mut size = 0.0_f64;
        let parts = self.coefficients.chunks_exact(self.columns.max(1));
        for (coefficients, intercept) in parts.zip(&self.intercepts) {
            let (mut sum, mut total) = (0.0_f64, intercept.abs());
            for (value, coefficient) in row.iter().zip(coefficients) {
                let product = value * coefficient;
                sum = if self.is_fused { value.mul_add(*coefficient, sum) } else { sum + product };
                total += product.abs();
            }
            scores.push(sum + intercept);
            size = size.max(total);
        }
        // Each of the operations rounds by at most half of this part, in both orders.
        size * f64::EPSILON * (self.columns + 2) as f64
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::native::arrays::tests::written;

    fn read(coefficients: &[f64], intercepts: &[f64], columns: usize) -> Result<Linear, String> {
        let floats = |floats: &[f64]| -> Vec<u8> {
            floats.iter().flat_map(|one| one.to_le_bytes()).collect()
        };
        let mut bytes = written("coefficients", &floats(coefficients));
        bytes.extend(written("intercepts", &floats(intercepts)));
        Linear::read(&Arrays::read(&bytes)?, columns)
    }

    #[test]
    fn each_score_has_its_coefficients() {
        let linear = read(&[1.0, 2.0, -3.0, 0.5], &[10.0, 20.0], 2).unwrap();
        let mut scores = Vec::new();
        let slack = linear.score(&[3.0, 4.0], &mut scores);
        assert_eq!(scores, [21.0, 13.0]);
        assert!(slack > 0.0 && slack < 1e-13, "{slack}");
    }

    #[test]
    fn other_orders_stay_within_the_slack() {
        let coefficients: Vec<f64> = (1..=40).map(|one| 1.0 / f64::from(one)).collect();
        let row: Vec<f64> = (1..=40).map(|one| (f64::from(one) * 0.7).sin() * 1e6).collect();
        let linear = read(&coefficients, &[0.1], 40).unwrap();
        let mut scores = Vec::new();
        let slack = linear.score(&row, &mut scores);
        let back: f64 = row.iter().zip(&coefficients).rev().map(|(one, other)| one * other).sum();
        assert!((scores[0] - (back + 0.1)).abs() <= slack);
        assert!(slack < 1e-6, "{slack}");
    }

    #[test]
    fn coefficients_of_another_number_are_refused() {
        assert!(read(&[1.0, 2.0, 3.0], &[1.0], 2).is_err());
        assert!(read(&[], &[], 2).is_err());
        assert!(read(&[], &[1.0], 0).is_ok());
    }
}
