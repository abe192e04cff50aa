//! What the sweep tries: every combination of the settings below.

use std::fmt;

/// Training passes over the data in the full sweep.
pub(crate) const EPOCHS: u32 = 100;

/// Training passes over the data with `--quick`.
pub(crate) const QUICK_EPOCHS: u32 = 20;

/// What a hidden unit does with its sum.
#[derive(Clone, Copy, PartialEq)]
pub(crate) enum Activation {
    /// Zero below zero.
    Relu,
    /// From -1 to 1.
    Tanh,
}

impl Activation {
    /// The unit's value.
    pub(crate) fn apply(self, sum: f32) -> f32 {
        match self {
            Activation::Relu => sum.max(0.0),
            Activation::Tanh => sum.tanh(),
        }
    }

    /// The slope at the place where the unit has this value.
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
    /// Units of the hidden layer; 0 is softmax regression, without such a layer.
    pub(crate) hidden: usize,
    /// What the hidden units do.
    pub(crate) activation: Activation,
    /// The highest learning rate of the schedule.
    pub(crate) learning_rate: f32,
    /// How strongly weights are drawn to zero.
    pub(crate) weight_decay: f32,
    /// Images to a step.
    pub(crate) batch_size: usize,
}

impl Configuration {
    /// The params of a run.
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

    /// `mlp` or `softmax`.
    pub(crate) fn model(&self) -> &'static str {
        if self.hidden == 0 { "softmax" } else { "mlp" }
    }

    /// The activation's name; `-` without hidden units.
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

/// The grid of 20 configurations, the slowest first, so that none is waited for at the end.
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
