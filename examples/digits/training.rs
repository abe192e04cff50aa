//! One training run that is logged while it trains.

use std::f32::consts::PI;
use std::time::Instant;

use tracklite::{MetricRow, Run};

use super::Result;
use super::configuration::Configuration;
use super::data::{Digits, Image};
use super::model::{BatchResult, Network};
use super::random::Random;

/// The metrics that each step logs in one row.
const STEP_METRICS: [&str; 4] = ["loss", "accuracy", "learning_rate", "gradient_norm"];

/// The metrics that each pass over the data logs in one row.
const EPOCH_METRICS: [&str; 3] = ["train_accuracy", "test_accuracy", "test_loss"];

/// A point of the training whose metrics were just logged.
pub(crate) struct Progress {
    /// Completed passes over the data.
    pub(crate) epoch: u32,
    /// The last step, counted from 0.
    pub(crate) step: i64,
    /// The share of test images classified correctly.
    pub(crate) test_accuracy: f64,
}

/// Trains one network and logs it to `run`. Calls `report` after each pass over the data.
pub(crate) fn train(
    configuration: &Configuration,
    seed: u64,
    epochs: u32,
    digits: &Digits,
    run: &Run,
    mut report: impl FnMut(Progress) -> Result<()>,
) -> Result<Network> {
    let mut random = Random::new(seed);
    let mut network = Network::new(configuration, &mut random);
    let mut order = digits.train.iter().collect::<Vec<_>>();
    let schedule = Schedule::new(configuration, order.len(), epochs);
    let step_row = run.metric_row(&STEP_METRICS)?;
    let epoch_row = run.metric_row(&EPOCH_METRICS)?;
    let speed = run.metric("images_per_second")?;
    let mut step = 0;
    for epoch in 1..=epochs {
        let started = Instant::now();
        random.shuffle(&mut order);
        let train_accuracy = train_epoch(&mut network, &order, &schedule, &step_row, &mut step)?;
        speed.log(order.len() as f64 / started.elapsed().as_secs_f64(), step - 1)?;
        let (test_loss, test_accuracy) = network.evaluate(&digits.test);
        epoch_row.log(&[train_accuracy, test_accuracy, test_loss], step - 1)?;
        report(Progress { epoch, step: step - 1, test_accuracy })?;
    }
    Ok(network)
}

/// Trains one pass over the data. Returns the share of images classified correctly during it.
fn train_epoch(
    network: &mut Network,
    images: &[&Image],
    schedule: &Schedule,
    row: &MetricRow,
    step: &mut i64,
) -> Result<f64> {
    let mut all_correct = 0;
    for batch in images.chunks(schedule.batch_size) {
        let learning_rate = schedule.learning_rate(*step);
        let result = network.learn(batch, learning_rate, schedule.weight_decay);
        let BatchResult { loss, gradient_norm, correct } = result;
        let accuracy = correct as f64 / batch.len() as f64;
        row.log(&[loss, accuracy, f64::from(learning_rate), gradient_norm], *step)?;
        all_correct += correct;
        *step += 1;
    }
    Ok(all_correct as f64 / images.len() as f64)
}

/// The learning rate schedule: a linear warm-up over the first 5 %, then a half cosine down.
struct Schedule {
    highest: f32,
    steps: f32,
    weight_decay: f32,
    batch_size: usize,
}

impl Schedule {
    fn new(configuration: &Configuration, images: usize, epochs: u32) -> Self {
        let &Configuration { learning_rate, weight_decay, batch_size, .. } = configuration;
        let steps = images.div_ceil(batch_size) as f32 * epochs as f32;
        Schedule { highest: learning_rate, steps, weight_decay, batch_size }
    }

    fn learning_rate(&self, step: i64) -> f32 {
        let (done, warm_up) = ((step as f32 + 0.5) / self.steps, 0.05);
        if done < warm_up {
            return self.highest * done / warm_up;
        }
        let down = (done - warm_up) / (1.0 - warm_up);
        self.highest * 0.5 * (1.0 + (PI * down).cos())
    }
}
