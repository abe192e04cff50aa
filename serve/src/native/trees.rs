//! Trees as arrays: a row goes from each root to a leaf, and the values of the leaves are added up.

use super::arrays::Arrays;

/// The mark of a leaf in place of a feature.
const LEAF: u32 = u32::MAX;
/// The most steps that a row may take through all trees.
const STEPS_MAX: usize = 1 << 20;

/// A node. A leaf has the place of its first value in `left`.
#[derive(Clone, Copy, Debug)]
struct Node {
    threshold: f64,
    feature: u32,
    left: u32,
    right: u32,
    /// Whether a value that is not a number goes left.
    is_nan_left: bool,
}

/// Trees whose leaves have values for the scores of a row.
#[derive(Debug)]
pub(super) struct Trees {
    nodes: Vec<Node>,
    roots: Vec<u32>,
    values: Vec<f64>,
    /// Whether each tree has a value for one score, in turns, and not for all of them.
    takes_turns: bool,
    /// Whether features are rounded to 32 bits.
    pub(super) is_rounded: bool,
    /// Whether sums are rounded to 32 bits.
    is_single: bool,
    /// The scores before the first tree.
    start: Vec<f64>,
    /// The factor of the values.
    rate: f64,
    /// The divisor of the sums.
    divisor: f64,
    /// The most steps of a row through all trees.
    pub(super) steps: usize,
}

/// How values are added up.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Sums {
    pub(super) takes_turns: bool,
    pub(super) is_rounded: bool,
    pub(super) is_single: bool,
}

impl Trees {
    /// Reads trees, and checks that every row reaches a leaf of each of them.
    pub(super) fn read(arrays: &Arrays<'_>, columns: usize, sums: Sums) -> Result<Trees, String> {
        let Sums { takes_turns, is_rounded, is_single } = sums;
        let start = arrays.floats("start")?;
        let [rate, divisor] = arrays.floats("factors")?[..] else {
            return Err("there are not two factors".to_owned());
        };
        let width = if takes_turns { 1 } else { start.len() };
        let nodes = nodes(arrays)?;
        let values = arrays.floats("values")?;
        let (mut roots, mut steps, mut first) = (Vec::new(), start.len(), 0);
        for count in arrays.words("counts")? {
            let end = first + count as usize;
            let tree = nodes.get(first..end).filter(|tree| !tree.is_empty());
            let tree = tree.ok_or("a tree has no nodes, or more than there are")?;
            // The way to a leaf, and the additions of its values.
            steps += depth(tree, first, (columns, values.len().saturating_sub(width)))? + width;
            if steps > STEPS_MAX {
                return Err(format!(
                    "a row takes {steps} steps or more, at most {STEPS_MAX} are taken"
                ));
            }
            roots.push(u32::try_from(first).map_err(|error| error.to_string())?);
            first = end;
        }
        if first != nodes.len() || roots.is_empty() || start.is_empty() || values.len() < width {
            return Err("the trees have not exactly their nodes, values and scores".to_owned());
        }
        Ok(Trees {
            nodes,
            roots,
            values,
            takes_turns,
            is_rounded,
            is_single,
            start,
            rate,
            divisor,
            steps,
        })
    }

    /// Returns how many scores a row has.
    pub(super) fn outputs(&self) -> usize {
        self.start.len()
    }

    /// Writes the scores of a row.
    pub(super) fn score(&self, row: &[f64], scores: &mut Vec<f64>) -> Option<()> {
        scores.clear();
        scores.extend(&self.start);
        let width = self.start.len();
        for (number, root) in self.roots.iter().enumerate() {
            let leaf = self.leaf(*root, row)?;
            if self.takes_turns {
                let value = *self.values.get(leaf)?;
                self.add(scores.get_mut(number % width)?, value);
                continue;
            }
            let values = self.values.get(leaf..leaf + width)?;
            for (score, value) in scores.iter_mut().zip(values) {
                self.add(score, *value);
            }
        }
        if self.divisor != 1.0 {
            scores.iter_mut().for_each(|score| *score /= self.divisor);
        }
        Some(())
    }

    /// The order of the operations decides the last digits, so it is that of the libraries.
    fn add(&self, score: &mut f64, value: f64) {
        *score += self.rate * value;
        if self.is_single {
            *score = f64::from(*score as f32);
        }
    }

    /// Returns the place of the values of the leaf that a row reaches.
    fn leaf(&self, root: u32, row: &[f64]) -> Option<usize> {
        let mut node = self.nodes.get(root as usize)?;
        while node.feature != LEAF {
            let value = *row.get(node.feature as usize)?;
            let is_left = if value.is_nan() { node.is_nan_left } else { value <= node.threshold };
            let next = if is_left { node.left } else { node.right };
            node = self.nodes.get(next as usize)?;
        }
        Some(node.left as usize)
    }
}

/// Reads the nodes of all trees. Children are places among all of them.
fn nodes(arrays: &Arrays<'_>) -> Result<Vec<Node>, String> {
    let (features, thresholds) = (arrays.words("features")?, arrays.floats("thresholds")?);
    let (left, right) = (arrays.words("left")?, arrays.words("right")?);
    let nan_left = arrays.bytes("nan_left")?;
    let lengths = [thresholds.len(), left.len(), right.len(), nan_left.len()];
    if lengths != [features.len(); 4] {
        return Err("the arrays of the nodes have other lengths than each other".to_owned());
    }
    let mut ways = left.into_iter().zip(right).zip(nan_left);
    let node = |(feature, threshold)| {
        let ((left, right), nan_left) = ways.next()?;
        Some(Node { threshold, feature, left, right, is_nan_left: *nan_left != 0 })
    };
    Ok(features.into_iter().zip(thresholds).filter_map(node).collect())
}

/// Checks the nodes of a tree. Returns the most steps from its root to a leaf.
///
/// Each child comes after its parent, so that no way is a circle.
fn depth(tree: &[Node], first: usize, (columns, values): (usize, usize)) -> Result<usize, String> {
    let mut depths = vec![0_u32; tree.len()];
    let mut most = 0;
    for (place, node) in tree.iter().enumerate() {
        let own = depths.get(place).copied().unwrap_or_default();
        most = most.max(own);
        if node.feature == LEAF {
            if node.left as usize > values {
                return Err("a leaf has no values".to_owned());
            }
            continue;
        }
        if node.feature as usize >= columns {
            return Err(format!("feature {} of {columns} is compared", node.feature));
        }
        for child in [node.left, node.right] {
            let within = (child as usize).checked_sub(first).filter(|child| *child > place);
            let depth = within.and_then(|child| depths.get_mut(child));
            let depth = depth.ok_or("a child is not a later node of its tree")?;
            *depth = (*depth).max(own + 1);
        }
    }
    Ok(most as usize)
}

#[cfg(test)]
pub(super) mod tests {
    use super::*;
    use crate::native::arrays::tests::written;

    /// Feature, threshold, left, right, and whether NaN goes left.
    type Given = (u32, f64, u32, u32, u8);
    /// The nodes of one tree.
    pub(crate) type Nodes<'n> = &'n [Given];

    pub(crate) fn bytes(trees: &[Nodes<'_>], values: &[f64], start: &[f64]) -> Vec<u8> {
        let nodes: Vec<_> = trees.iter().flat_map(|tree| tree.iter()).collect();
        let floats = |floats: &[f64]| floats.iter().flat_map(|one| one.to_le_bytes()).collect();
        let words = |word: &dyn Fn(&Given) -> u32| {
            nodes.iter().flat_map(|node| word(node).to_le_bytes()).collect()
        };
        let counts = trees.iter().flat_map(|tree| (tree.len() as u32).to_le_bytes());
        let arrays: [(&str, Vec<u8>); 9] = [
            ("counts", counts.collect()),
            ("features", words(&|node| node.0)),
            ("thresholds", nodes.iter().flat_map(|node| node.1.to_le_bytes()).collect()),
            ("left", words(&|node| node.2)),
            ("right", words(&|node| node.3)),
            ("nan_left", nodes.iter().map(|node| node.4).collect()),
            ("values", floats(values)),
            ("start", floats(start)),
            ("factors", floats(&[1.0, trees.len() as f64])),
        ];
        arrays.iter().flat_map(|(name, array)| written(name, array)).collect()
    }

    fn read(bytes: &[u8], sums: Sums) -> Result<Trees, String> {
        Trees::read(&Arrays::read(bytes)?, 2, sums)
    }

    const STUMP: Nodes<'_> = &[(0, 0.5, 1, 2, 1), (LEAF, 0.0, 0, 0, 0), (LEAF, 0.0, 1, 0, 0)];

    fn scored(trees: &Trees, row: &[f64]) -> Vec<f64> {
        let mut scores = Vec::new();
        trees.score(row, &mut scores).unwrap();
        scores
    }

    #[test]
    fn a_row_goes_left_up_to_the_threshold() {
        let trees = read(&bytes(&[STUMP], &[10.0, 20.0], &[0.0]), Sums::default()).unwrap();
        let one = |value: f64| scored(&trees, &[value, 0.0])[0];
        assert_eq!((one(0.5), one(0.5_f64.next_up())), (10.0, 20.0));
        assert_eq!((one(-0.0), one(f64::INFINITY), one(f64::NEG_INFINITY)), (10.0, 20.0, 10.0));
        assert_eq!(one(f64::NAN), 10.0, "NaN has a way of its own");
        assert_eq!(trees.steps, 3, "the start, the way and the addition");
    }

    #[test]
    fn nan_goes_where_the_node_leads_it() {
        let right = [(0, 0.5, 1, 2, 0), STUMP[1], STUMP[2]];
        let trees = read(&bytes(&[&right], &[10.0, 20.0], &[0.0]), Sums::default()).unwrap();
        assert_eq!(scored(&trees, &[f64::NAN, 0.0]), [20.0]);
    }

    #[test]
    fn sums_begin_with_the_start_and_are_divided() {
        let second = [(1, 7.0, 4, 5, 0), (LEAF, 0.0, 0, 0, 0), (LEAF, 0.0, 1, 0, 0)];
        let input = bytes(&[STUMP, &second], &[10.0, 20.0], &[1.0]);
        let trees = read(&input, Sums::default()).unwrap();
        assert_eq!(scored(&trees, &[0.0, 8.0]), [(1.0 + 10.0 + 20.0) / 2.0]);
        let turns = Sums { takes_turns: true, ..Sums::default() };
        let input = bytes(&[STUMP, &second], &[10.0, 20.0], &[1.0, 2.0]);
        assert_eq!(scored(&read(&input, turns).unwrap(), &[0.0, 8.0]), [5.5, 11.0]);
    }

    #[test]
    fn sums_of_32_bits_are_rounded_after_each_tree() {
        let second = [(1, 7.0, 4, 5, 0), (LEAF, 0.0, 0, 0, 0), (LEAF, 0.0, 1, 0, 0)];
        let input = bytes(&[STUMP, &second], &[0.1, 0.7], &[0.0]);
        let single = read(&input, Sums { is_single: true, ..Sums::default() }).unwrap();
        let wanted = f64::from(0.1_f32 + 0.7_f32) / 2.0;
        assert_eq!(scored(&single, &[0.0, 8.0]), [wanted]);
    }

    #[test]
    fn trees_that_lead_astray_are_refused() {
        let leaf = STUMP[1];
        for nodes in [
            // A child that is the node, one before it, and one outside of the tree.
            &[(0, 0.5, 0, 1, 0), leaf][..],
            &[(0, 0.5, 1, 2, 0), (0, 0.5, 0, 2, 0), leaf],
            &[(0, 0.5, 1, 3, 0), leaf, leaf],
            &[(0, 0.5, u32::MAX, 1, 0), leaf],
            // A feature and a value that do not exist.
            &[(2, 0.5, 1, 2, 0), leaf, leaf],
            &[(LEAF, 0.0, 2, 0, 0)],
            &[(LEAF, 0.0, u32::MAX, 0, 0)],
        ] {
            let found = read(&bytes(&[nodes], &[1.0, 2.0], &[0.0]), Sums::default());
            assert!(found.is_err(), "{nodes:?}");
        }
        // The second tree leads into the first one.
        let back = [(0, 0.5, 1, 5, 0), leaf, leaf];
        assert!(read(&bytes(&[STUMP, &back], &[1.0, 2.0], &[0.0]), Sums::default()).is_err());
        assert!(read(&bytes(&[STUMP], &[1.0, 2.0], &[]), Sums::default()).is_err());
        assert!(read(&bytes(&[STUMP], &[], &[0.0]), Sums::default()).is_err());
        assert!(read(&bytes(&[STUMP, &[]], &[1.0, 2.0], &[0.0]), Sums::default()).is_err());
        assert!(read(&bytes(&[], &[1.0], &[0.0]), Sums::default()).is_err());
    }

    #[test]
    fn trees_that_take_too_long_are_refused() {
        let count = STEPS_MAX as u32 + 2;
        let chain: Vec<_> = (0..count)
            .map(|place| match place + 1 == count {
                true => (LEAF, 0.0, 0, 0, 0),
                false => (0, 0.5, place + 1, place + 1, 0),
            })
            .collect();
        let found = read(&bytes(&[&chain], &[1.0], &[0.0]), Sums::default()).unwrap_err();
        assert!(found.contains("steps"), "{found}");
        // Ways of no length, with many values.
        let leaves: Vec<Nodes<'_>> = vec![&[(LEAF, 0.0, 0, 0, 0)]; STEPS_MAX / 500];
        let many = vec![1.0; 1000];
        let found = read(&bytes(&leaves, &many, &many), Sums::default()).unwrap_err();
        assert!(found.contains("steps"), "{found}");
    }
}
