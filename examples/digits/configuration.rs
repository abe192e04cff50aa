//! The configurations that the sweep tries: every combination of the settings below.

use std::fmt;

/// Training passes over the data in the full sweep.
pub(crate) const EPOCHS: u32 = 100;

/// Training passes over the data with `--quick`.
pub(crate) const QUICK_EPOCHS: u32 = 20;

/// The activation function of the hidden units.
#[derive(Clone, Copy, PartialEq)]
pub(crate) enum Activation {
    /// `max(0, x)`.
    Relu,
    /// The hyperbolic tangent, from -1 to 1.
    Tanh,
}

impl Activation {
    /// Applies the function to the weighted sum of a unit.
    pub(crate) fn apply(self, sum: f32) -> f32 {
        match self {
            Activation::Relu => sum.max(0.0),
            Activation::Tanh => sum.tanh(),
        }
    }

    /// Returns the slope at the point where the function has this value.
    pub(crate) fn slope(self, value: f32) -> f32 {
        match self {
            Activation::Relu => f32::from(u8::from(value > 0.0)),
            Activation::Tanh => 1.0 - value * value,
        }
    }
}

impl fmt::Display for Activation {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(match self {
            Activation::Relu => "relu",
            Activation::Tanh => "tanh",
        })
    }
}

/// One point of the grid.
#[derive(Clone, Copy)]
pub(crate) struct Configuration {
    /// Units of the hidden layer. 0 means no hidden layer: softmax regression.
    pub(crate) hidden: usize,
    /// The activation function of the hidden units.
    pub(crate) activation: Activation,
    /// The maximum learning rate of the schedule.
    pub(crate) learning_rate: f32,
    /// The strength of the weight decay.
    pub(crate) weight_decay: f32,
    /// Images per step.
    pub(crate) batch_size: usize,
}

impl Configuration {
    /// Returns the params of a run.
    pub(crate) fn params(&self) -> [(&'static str, String); 6] {
        [
            ("hidden", self.hidden.to_string()),
            ("activation", self.activation_name()),
            ("learning_rate", self.learning_rate.to_string()),
            ("weight_decay", self.weight_decay.to_string()),
            ("batch_size", self.batch_size.to_string()),
            ("optimizer", "sgd, momentum 0.9".to_owned()),
        ]
    }

    /// Returns `mlp` or `softmax`.
    pub(crate) fn model(&self) -> &'static str {
        if self.hidden == 0 { "softmax" } else { "mlp" }
    }

    /// Returns the name of the activation, or `-` without hidden units.
    pub(crate) fn activation_name(&self) -> String {
        if self.hidden == 0 { "-".to_owned() } else { self.activation.to_string() }
    }
}

/// The name of a run: `mlp-128-relu lr=0.1 decay=0.001 batch=32`.
impl fmt::Display for Configuration {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}", self.model())?;
        if self.hidden > 0 {
            write!(f, "-{}-{}", self.hidden, self.activation)?;
        }
        let Configuration { learning_rate, weight_decay, batch_size, .. } = self;
        write!(f, " lr={learning_rate} decay={weight_decay} batch={batch_size}")
    }
}

/// Returns the grid of 20 configurations, slowest first, so that no slow one finishes last.
pub(crate) fn grid() -> Vec<Configuration> {
    let mut grid = Vec::new();
    for hidden in [128, 32] {
        for activation in [Activation::Relu, Activation::Tanh] {
            for (learning_rate, weight_decay) in
                [(0.1, 0.001), (0.1, 0.0), (0.02, 0.001), (0.02, 0.0)]
            {
                let batch_size = 32;
                grid.push(Configuration {
                    hidden,
                    activation,
                    learning_rate,
                    weight_decay,
                    batch_size,
                });
            }
        }
    }
    for (learning_rate, batch_size) in [(0.1, 16), (0.1, 64), (0.02, 16), (0.02, 64)] {
        let (hidden, activation, weight_decay) = (0, Activation::Relu, 0.0);
        grid.push(Configuration { hidden, activation, learning_rate, weight_decay, batch_size });
    }
    grid
}
