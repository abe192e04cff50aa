//! A small neural network: at most one hidden layer, softmax on top, trained by gradient descent
//! with momentum.

use super::configuration::{Activation, Configuration};
use super::data::{CLASSES, Image, PIXELS};
use super::random::Random;

/// The share of the previous step's direction that the next step keeps.
const MOMENTUM: f32 = 0.9;

/// The result of a batch, measured before the network learned from it.
pub(crate) struct BatchResult {
    /// Mean cross-entropy of the batch, in nats.
    pub(crate) loss: f64,
    /// Length of the mean gradient over all weights.
    pub(crate) gradient_norm: f64,
    /// The number of images classified correctly.
    pub(crate) correct: usize,
}

/// A network in training. Without hidden units it is softmax regression.
pub(crate) struct Network {
    pub(super) activation: Activation,
    pub(super) hidden: Option<Layer>,
    pub(super) output: Layer,
}

impl Network {
    /// Creates a network with random weights. The same seed yields the same weights.
    pub(crate) fn new(configuration: &Configuration, random: &mut Random) -> Self {
        let width = configuration.hidden;
        let hidden = (width > 0).then(|| Layer::new(PIXELS, width, random));
        let output = Layer::new(if width > 0 { width } else { PIXELS }, CLASSES, random);
        Network { activation: configuration.activation, hidden, output }
    }

    /// Learns from a batch: one step of gradient descent.
    pub(crate) fn learn(
        &mut self,
        batch: &[&Image],
        learning_rate: f32,
        weight_decay: f32,
    ) -> BatchResult {
        let (mut loss, mut correct) = (0.0, 0);
        for image in batch {
            let (image_loss, right) = self.add_gradient(image);
            loss += image_loss;
            correct += usize::from(right);
        }
        let share = 1.0 / batch.len() as f32;
        let mut squares = self.output.descend(share, learning_rate, weight_decay);
        if let Some(hidden) = &mut self.hidden {
            squares += hidden.descend(share, learning_rate, weight_decay);
        }
        let gradient_norm = squares.sqrt();
        BatchResult { loss: loss / batch.len() as f64, gradient_norm, correct }
    }

    /// Returns the digit with the highest score.
    pub(crate) fn predict(&self, pixels: &[f32; PIXELS]) -> usize {
        let scores = self.forward(pixels, &mut self.hidden_buffer());
        let numbered = scores.iter().enumerate();
        numbered.max_by(|(_, a), (_, b)| a.total_cmp(b)).map_or(0, |(digit, _)| digit)
    }

    /// Returns the mean cross-entropy in nats and the share of images classified correctly.
    pub(crate) fn evaluate(&self, images: &[Image]) -> (f64, f64) {
        let (mut loss, mut correct) = (0.0, 0);
        let mut hidden_values = self.hidden_buffer();
        for image in images {
            let scores = self.forward(&image.pixels, &mut hidden_values);
            let (image_loss, right, _) = cross_entropy(&scores, image.digit);
            loss += image_loss;
            correct += usize::from(right);
        }
        (loss / images.len() as f64, correct as f64 / images.len() as f64)
    }

    /// Adds the gradient of one image. Returns its loss and whether it was classified correctly.
    fn add_gradient(&mut self, image: &Image) -> (f64, bool) {
        let mut hidden_values = self.hidden_buffer();
        let scores = self.forward(&image.pixels, &mut hidden_values);
        let (loss, right, score_gradient) = cross_entropy(&scores, image.digit);
        let Some(hidden) = &mut self.hidden else {
            self.output.add_gradient(&image.pixels, &score_gradient);
            return (loss, right);
        };
        self.output.add_gradient(&hidden_values, &score_gradient);
        let mut hidden_gradient = self.output.input_gradient(&score_gradient);
        for (gradient, &value) in hidden_gradient.iter_mut().zip(&hidden_values) {
            *gradient *= self.activation.slope(value);
        }
        hidden.add_gradient(&image.pixels, &hidden_gradient);
        (loss, right)
    }

    /// Computes the score of each digit and fills in the values of the hidden units.
    fn forward(&self, pixels: &[f32], hidden_values: &mut [f32]) -> [f32; CLASSES] {
        let mut scores = [0.0; CLASSES];
        if let Some(hidden) = &self.hidden {
            hidden.forward(pixels, hidden_values);
            for value in hidden_values.iter_mut() {
                *value = self.activation.apply(*value);
            }
            self.output.forward(hidden_values, &mut scores);
        } else {
            self.output.forward(pixels, &mut scores);
        }
        scores
    }

    fn hidden_buffer(&self) -> Vec<f32> {
        vec![0.0; self.hidden.as_ref().map_or(0, |hidden| hidden.outputs)]
    }
}

/// Returns the loss in nats, whether the digit has the highest score, and the score gradient.
fn cross_entropy(scores: &[f32; CLASSES], digit: usize) -> (f64, bool, [f32; CLASSES]) {
    let highest = scores.iter().copied().fold(f32::NEG_INFINITY, f32::max);
    let powers = scores.map(|score| (score - highest).exp());
    let sum: f32 = powers.iter().sum();
    let loss = sum.ln() - (scores[digit] - highest);
    let mut gradient = powers.map(|power| power / sum);
    gradient[digit] -= 1.0;
    (f64::from(loss), scores[digit] >= highest, gradient)
}

/// A dense layer. Each input has a row of weights, one for each output. The last row is the bias,
/// as if from an input that is always 1.
pub(super) struct Layer {
    pub(super) outputs: usize,
    pub(super) weights: Vec<f32>,
    gradient: Vec<f32>,
    velocity: Vec<f32>,
}

impl Layer {
    /// Creates random weights from -limit to limit that preserve the variance of the signal (He et
    /// al. 2015). The bias is zero.
    fn new(inputs: usize, outputs: usize, random: &mut Random) -> Self {
        let limit = (6.0 / inputs as f32).sqrt();
        let mut weights = vec![0.0; (inputs + 1) * outputs];
        for weight in &mut weights[..inputs * outputs] {
            *weight = random.signed_unit() * limit;
        }
        Layer::of(outputs, weights)
    }

    /// Creates a layer with these weights, whose last row is the bias. Its velocity is zero.
    pub(super) fn of(outputs: usize, weights: Vec<f32>) -> Self {
        let zeros = vec![0.0; weights.len()];
        Layer { outputs, weights, gradient: zeros.clone(), velocity: zeros }
    }

    fn forward(&self, inputs: &[f32], outputs: &mut [f32]) {
        let (weights, bias) = self.weights.split_at(inputs.len() * self.outputs);
        outputs.copy_from_slice(bias);
        for (&input, row) in inputs.iter().zip(weights.chunks_exact(self.outputs)) {
            add_scaled(outputs, row, input);
        }
    }

    fn add_gradient(&mut self, inputs: &[f32], output_gradient: &[f32]) {
        let (weights, bias) = self.gradient.split_at_mut(inputs.len() * self.outputs);
        for (&input, row) in inputs.iter().zip(weights.chunks_exact_mut(self.outputs)) {
            add_scaled(row, output_gradient, input);
        }
        add_scaled(bias, output_gradient, 1.0);
    }

    /// Returns the gradient of the inputs for a gradient of the outputs.
    fn input_gradient(&self, output_gradient: &[f32]) -> Vec<f32> {
        let inputs = self.weights.len() / self.outputs - 1;
        let rows = self.weights.chunks_exact(self.outputs).take(inputs);
        rows.map(|row| row.iter().zip(output_gradient).map(|(w, g)| w * g).sum()).collect()
    }

    /// Takes one step down the mean gradient, which is the sum so far times `share`. Resets the sum
    /// and returns the squared length of the mean gradient.
    fn descend(&mut self, share: f32, learning_rate: f32, weight_decay: f32) -> f64 {
        let mut squares = 0.0;
        let moving = self.weights.iter_mut().zip(&mut self.gradient).zip(&mut self.velocity);
        for ((weight, sum), velocity) in moving {
            let gradient = *sum * share;
            *sum = 0.0;
            squares += gradient * gradient;
            *velocity = MOMENTUM * *velocity - learning_rate * (gradient + weight_decay * *weight);
            *weight += *velocity;
        }
        f64::from(squares)
    }
}

/// Adds `scale` times `row` to `target`. Skips zeros, because many pixels are 0.
fn add_scaled(target: &mut [f32], row: &[f32], scale: f32) {
    if scale != 0.0 {
        for (value, &addend) in target.iter_mut().zip(row) {
            *value += scale * addend;
        }
    }
}
