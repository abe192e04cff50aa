//! A forest of regression trees over binned features, and what each feature is worth to it.

use super::random::Random;

/// The number of trees.
const TREES: usize = 64;
/// The most rows that a tree learns from, and the most on which it is tested.
const LEARNED_MAX: usize = 2048;
const TESTED_MAX: usize = 512;
/// The fewest rows of a leaf.
const LEAF_MIN: usize = 3;
const DEPTH_MAX: usize = 12;
/// The most rows over which a dependence is averaged.
const AVERAGED_MAX: usize = 256;

/// The number of bins of a feature, so that a set of bins is a number of 64 bits.
pub(super) const BINS: usize = 64;

/// A feature: the bin of each row.
#[derive(Clone, Debug)]
pub(super) struct Feature {
    pub(super) bins: Vec<u8>,
    /// Whether neighbouring bins have similar values. Otherwise the bins are just different.
    pub(super) is_ordered: bool,
}

/// The worth of a feature: the share of the variance that is lost when its values are mixed up.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub(super) struct Worth {
    pub(super) mean: f64,
    /// The standard error over the trees.
    pub(super) error: f64,
}

/// A forest that has learned a target from features.
pub(super) struct Forest<'d> {
    features: &'d [Feature],
    targets: &'d [f64],
    trees: Vec<Tree>,
    random: Random,
}

#[derive(Debug)]
struct Tree {
    nodes: Vec<Node>,
    /// The rows that it has not learned from.
    unseen: Vec<usize>,
}

#[derive(Clone, Copy, Debug)]
enum Node {
    Leaf(f64),
    Split { feature: usize, left_bins: u64, left: usize, right: usize },
}

/// A feature, and the bins of it that go to the left.
#[derive(Clone, Copy, Debug)]
struct Split {
    feature: usize,
    left_bins: u64,
    gain: f64,
}

impl<'d> Forest<'d> {
    /// Grows a forest. The same data always grow the same one.
    pub(super) fn grow(features: &'d [Feature], targets: &'d [f64]) -> Self {
        let mut forest = Forest { features, targets, trees: Vec::new(), random: Random::new(1) };
        for _ in 0..TREES {
            let tree = forest.new_tree();
            forest.trees.push(tree);
        }
        forest
    }

    fn new_tree(&mut self) -> Tree {
        let all = self.targets.len();
        let mut rows: Vec<usize> =
            (0..all.min(LEARNED_MAX)).map(|_| self.random.below(all)).collect();
        let mut is_seen = vec![false; all];
        rows.iter().for_each(|row| is_seen[*row] = true);
        let mut unseen: Vec<usize> = (0..all).filter(|row| !is_seen[*row]).collect();
        self.random.choose(&mut unseen, TESTED_MAX);
        let mut tree = Tree { nodes: Vec::new(), unseen };
        self.branch(&mut tree, &mut rows, 0);
        tree
    }

    /// Adds a node for these rows, and those below it. Returns its number.
    fn branch(&mut self, tree: &mut Tree, rows: &mut [usize], depth: usize) -> usize {
        let number = tree.nodes.len();
        let sum: f64 = rows.iter().map(|row| self.targets[*row]).sum();
        tree.nodes.push(Node::Leaf(sum / rows.len() as f64));
        if depth == DEPTH_MAX || rows.len() < 2 * LEAF_MIN {
            return number;
        }
        if let Some(Split { feature, left_bins, .. }) = self.best_split(rows) {
            let bins = &self.features[feature].bins;
            let middle = partition(rows, |row| is_in(left_bins, bins[row]));
            let (left_rows, right_rows) = rows.split_at_mut(middle);
            let left = self.branch(tree, left_rows, depth + 1);
            let right = self.branch(tree, right_rows, depth + 1);
            tree.nodes[number] = Node::Split { feature, left_bins, left, right };
        }
        number
    }

    /// Returns the best split by half of the features. Each node draws its own half.
    fn best_split(&mut self, rows: &[usize]) -> Option<Split> {
        let mut drawn: Vec<usize> = (0..self.features.len()).collect();
        self.random.choose(&mut drawn, self.features.len().div_ceil(2));
        let splits = drawn.into_iter().filter_map(|feature| self.split(feature, rows));
        splits.reduce(|best, next| if next.gain > best.gain { next } else { best })
    }

    /// Returns the best split of rows by a feature.
    fn split(&self, feature: usize, rows: &[usize]) -> Option<Split> {
        let Feature { bins, is_ordered } = &self.features[feature];
        let (mut counts, mut sums) = ([0_usize; BINS], [0.0; BINS]);
        for row in rows {
            let bin = usize::from(bins[*row]);
            counts[bin] += 1;
            sums[bin] += self.targets[*row];
        }
        let mut order: Vec<usize> = (0..BINS).filter(|bin| counts[*bin] > 0).collect();
        if !is_ordered {
            // The best of all sets of bins is a prefix in the order of means.
            let mean = |bin: &usize| sums[*bin] / counts[*bin] as f64;
            order.sort_by(|left, right| mean(left).total_cmp(&mean(right)));
        }
        let total: f64 = sums.iter().sum();
        let all = rows.len();
        let (mut left_bins, mut count, mut sum) = (0, 0, 0.0);
        let mut best: Option<Split> = None;
        for bin in order {
            left_bins |= 1 << bin;
            count += counts[bin];
            sum += sums[bin];
            if count < LEAF_MIN || all - count < LEAF_MIN {
                continue;
            }
            let rest = total - sum;
            let gain = sum * sum / count as f64 + rest * rest / (all - count) as f64
                - total * total / all as f64;
            if gain > best.map_or(1e-12, |best| best.gain) {
                best = Some(Split { feature, left_bins, gain });
            }
        }
        best
    }

    /// Returns the worth of each feature, and the share of the variance that the forest explains
    /// in rows that it has not learned from.
    pub(super) fn worths(&mut self) -> (Vec<Worth>, f64) {
        let variance = variance(self.targets);
        let mut losses: Vec<Vec<f64>> = vec![Vec::new(); self.features.len()];
        let mut guesses = vec![(0.0, 0.0); self.targets.len()];
        for at in 0..self.trees.len() {
            let tree = &self.trees[at];
            let Some(error) = self.error(tree, None) else { continue };
            for row in &tree.unseen {
                let guess = &mut guesses[*row];
                *guess = (guess.0 + self.guess(tree, *row, None), guess.1 + 1.0);
            }
            let used = used(tree, self.features.len());
            for (feature, losses) in losses.iter_mut().enumerate() {
                let mixed = if used[feature] { self.mixed_error(at, feature) } else { error };
                losses.push((mixed - error) / variance);
            }
        }
        let worths = losses.iter().map(|losses| worth(losses)).collect();
        (worths, 1.0 - self.forest_error(&guesses) / variance)
    }

    /// Returns the error of a tree when the values of a feature are those of other rows.
    fn mixed_error(&mut self, tree: usize, feature: usize) -> f64 {
        let tree = &self.trees[tree];
        let mut bins: Vec<u8> =
            tree.unseen.iter().map(|row| self.features[feature].bins[*row]).collect();
        let count = bins.len();
        self.random.choose(&mut bins, count);
        self.error(tree, Some((feature, &bins))).unwrap_or(0.0)
    }

    /// Returns the mean squared error of a tree over the rows that it has not seen. `other` has
    /// other bins of a feature for these rows. `None` without rows.
    fn error(&self, tree: &Tree, other: Option<(usize, &[u8])>) -> Option<f64> {
        let squares = tree.unseen.iter().enumerate().map(|(at, row)| {
            let other = other.map(|(feature, bins)| (feature, bins[at]));
            (self.guess(tree, *row, other) - self.targets[*row]).powi(2)
        });
        let sum: f64 = squares.sum();
        (!tree.unseen.is_empty()).then(|| sum / tree.unseen.len() as f64)
    }

    /// Returns the mean squared error of the means of all trees that have not seen a row.
    fn forest_error(&self, guesses: &[(f64, f64)]) -> f64 {
        let known = guesses.iter().zip(self.targets).filter(|((_, count), _)| *count > 0.0);
        let (mut sum, mut count) = (0.0, 0.0);
        for ((guesses, trees), target) in known {
            sum += (guesses / trees - target).powi(2);
            count += 1.0;
        }
        sum / count
    }

    /// Returns the guess of a tree for a row, with another bin of a feature if that is given.
    fn guess(&self, tree: &Tree, row: usize, other: Option<(usize, u8)>) -> f64 {
        let mut number = 0;
        loop {
            match tree.nodes[number] {
                Node::Leaf(value) => return value,
                Node::Split { feature, left_bins, left, right } => {
                    let bin = match other {
                        Some((changed, bin)) if changed == feature => bin,
                        _ => self.features[feature].bins[row],
                    };
                    number = if is_in(left_bins, bin) { left } else { right };
                }
            }
        }
    }

    /// Returns the mean of the target over some rows, if a feature had this bin in all of them.
    pub(super) fn dependence(&self, feature: usize, bin: u8) -> f64 {
        let all = self.targets.len();
        let step = all.div_ceil(AVERAGED_MAX).max(1);
        let (mut sum, mut count) = (0.0, 0.0);
        for row in (0..all).step_by(step) {
            for tree in &self.trees {
                sum += self.guess(tree, row, Some((feature, bin)));
                count += 1.0;
            }
        }
        sum / count
    }
}

fn used(tree: &Tree, features: usize) -> Vec<bool> {
    let mut used = vec![false; features];
    for node in &tree.nodes {
        if let Node::Split { feature, .. } = node {
            used[*feature] = true;
        }
    }
    used
}

fn is_in(bins: u64, bin: u8) -> bool {
    bins >> bin & 1 == 1
}

/// Moves the rows that are wanted to the front. Returns their number.
fn partition(rows: &mut [usize], is_wanted: impl Fn(usize) -> bool) -> usize {
    let mut wanted = 0;
    for at in 0..rows.len() {
        if is_wanted(rows[at]) {
            rows.swap(wanted, at);
            wanted += 1;
        }
    }
    wanted
}

pub(super) fn variance(values: &[f64]) -> f64 {
    let count = values.len() as f64;
    let mean = values.iter().sum::<f64>() / count;
    values.iter().map(|value| (value - mean).powi(2)).sum::<f64>() / count
}

fn worth(losses: &[f64]) -> Worth {
    let count = losses.len() as f64;
    if losses.len() < 2 {
        return Worth { mean: losses.first().copied().unwrap_or(0.0), error: 0.0 };
    }
    let mean = losses.iter().sum::<f64>() / count;
    Worth { mean, error: (variance(losses) / (count - 1.0)).sqrt() }
}
