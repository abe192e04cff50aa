//! Exponential moving averages.

/// An exponential moving average without bias at its start.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Average {
    sum: f64,
    weights: f64,
}

impl Average {
    /// Adds a value and returns the average. `decay` is the weight that the values before it keep.
    pub(crate) fn next(&mut self, decay: f64, value: f64) -> f64 {
        self.sum = self.sum * decay + value;
        self.weights = self.weights * decay + 1.0;
        self.sum / self.weights
    }
}
