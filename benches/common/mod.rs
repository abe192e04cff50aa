//! Shared by the benches: metric curves and timestamps like those of trainings, from a seed.

#![allow(dead_code, unreachable_pub, reason = "each bench uses a part of this")]

/// The kind of metric that a curve imitates.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Curve {
    /// A loss computed in f32. It falls, with a few percent of noise.
    LossF32,
    /// The same loss in f64. All 52 bits of the mantissa are noise.
    LossF64,
    /// The same loss in bf16, with an 8-bit mantissa.
    LossBf16,
    /// The same loss smoothed over a hundred steps, in f32.
    SmoothLossF32,
    /// Hits among 256 samples, as a fraction.
    Accuracy,
    /// Hits among 10,000 samples, in percent with two decimals.
    AccuracyPercent,
    /// Linear warm-up and cosine decay, in f64.
    LearningRate,
    /// A rate that sometimes drops by a factor of ten.
    StepLearningRate,
    /// Tokens seen, which grow by the same number at each step.
    Tokens,
    /// Samples seen in batches of uneven size.
    Samples,
    /// Utilisation of a device in whole percents.
    Utilisation,
    /// Memory in use, in MiB with one decimal.
    Memory,
}

impl Curve {
    /// All kinds.
    pub const ALL: [Curve; 12] = [
        Curve::LossF32,
        Curve::LossF64,
        Curve::LossBf16,
        Curve::SmoothLossF32,
        Curve::Accuracy,
        Curve::AccuracyPercent,
        Curve::LearningRate,
        Curve::StepLearningRate,
        Curve::Tokens,
        Curve::Samples,
        Curve::Utilisation,
        Curve::Memory,
    ];
}

/// A small random number generator (splitmix64), reproducible on every machine.
#[derive(Clone, Debug)]
pub struct Random(u64);

impl Random {
    /// Creates a generator from a seed.
    pub fn new(seed: u64) -> Self {
        Random(seed)
    }

    /// Returns the next 64 random bits.
    pub fn bits(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9E37_79B9_7F4A_7C15);
        let mut mixed = self.0;
        mixed = (mixed ^ (mixed >> 30)).wrapping_mul(0xBF58_476D_1CE4_E5B9);
        mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94D0_49BB_1331_11EB);
        mixed ^ (mixed >> 31)
    }

    /// Returns a random number from 0 (inclusive) to 1 (exclusive).
    #[expect(clippy::cast_precision_loss, reason = "an f64 holds 53 bits exactly")]
    pub fn unit(&mut self) -> f64 {
        (self.bits() >> 11) as f64 / (1_u64 << 53) as f64
    }

    /// Returns a random number with an approximately normal distribution of variance 1.
    pub fn normal(&mut self) -> f64 {
        (0..12).map(|_| self.unit()).sum::<f64>() - 6.0
    }
}

/// Returns `points` values of a metric of this kind. Equal seeds yield equal values.
#[expect(clippy::cast_precision_loss, reason = "steps are far below 2^53")]
pub fn curve(kind: Curve, seed: u64, points: usize) -> Vec<f64> {
    let mut random = Random::new(seed ^ ((kind as u64) << 56));
    let mut state = State { smooth: 3.0, count: 0.0, level: 0.0 };
    (0..points)
        .map(|step| value(kind, step as f64, points as f64, &mut state, &mut random))
        .collect()
}

struct State {
    smooth: f64,
    count: f64,
    level: f64,
}

fn value(kind: Curve, step: f64, points: f64, state: &mut State, random: &mut Random) -> f64 {
    let done = step / points;
    match kind {
        Curve::LossF32 => narrow(loss(done, random)),
        Curve::LossF64 => loss(done, random),
        Curve::LossBf16 => narrow_to_bf16(loss(done, random)),
        Curve::SmoothLossF32 => {
            state.smooth += 0.01 * (loss(done, random) - state.smooth);
            narrow(state.smooth)
        }
        Curve::Accuracy => (hit_rate(done, 0.03, random) * 256.0).round() / 256.0,
        Curve::AccuracyPercent => (hit_rate(done, 0.005, random) * 10_000.0).round() / 100.0,
        Curve::LearningRate if done < 0.05 => 3e-4 * done / 0.05,
        Curve::LearningRate => 1.5e-4 * (1.0 + (std::f64::consts::PI * done).cos()),
        Curve::StepLearningRate => 0.1 * 0.1_f64.powf((done * 4.0).floor()),
        Curve::Tokens => (step + 1.0) * 524_288.0,
        Curve::Samples => {
            state.count += 1_000.0 + (random.unit() * 48.0).floor();
            state.count
        }
        Curve::Utilisation => (92.0 + 4.0 * random.normal()).round().clamp(0.0, 100.0),
        Curve::Memory => {
            state.level = 0.98 * state.level + random.normal() * 20.0;
            ((40_000.0 + state.level) * 10.0).round() / 10.0
        }
    }
}

fn loss(done: f64, random: &mut Random) -> f64 {
    (0.4 + 2.6 * (-6.0 * done).exp()) * (1.0 + 0.03 * random.normal())
}

fn hit_rate(done: f64, noise: f64, random: &mut Random) -> f64 {
    (0.93 - 0.83 * (-5.0 * done).exp() + noise * random.normal()).clamp(0.0, 1.0)
}

fn narrow(value: f64) -> f64 {
    f64::from(value as f32)
}

fn narrow_to_bf16(value: f64) -> f64 {
    f64::from(f32::from_bits((value as f32).to_bits() & 0xFFFF_0000))
}

/// Returns `points` timestamps in nanoseconds, 10 ms apart with 5 % jitter, in whole microseconds.
pub fn times(seed: u64, points: usize) -> Vec<i64> {
    let mut random = Random::new(seed ^ 0x0713_13E5);
    let mut micros = 1_767_225_600_000_000_i64;
    let mut next = || {
        micros += (10_000.0 * (1.0 + 0.1 * (random.unit() - 0.5))) as i64;
        micros * 1_000
    };
    (0..points).map(|_| next()).collect()
}
