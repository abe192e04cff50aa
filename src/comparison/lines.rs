//! Differences between texts, line by line, by the algorithm of Myers.

use std::collections::HashMap;

/// The most lines that are removed or added before the search for a shorter difference ends.
///
/// The memory of the search is the square of it. Beyond it, everything between the first and the
/// last difference counts as replaced.
const EDITS_MAX: isize = 2_000;

/// Lines of two texts that belong together: a change, with some equal lines around it.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Hunk {
    /// The number of its first line in the text before, from 1.
    pub before: usize,
    /// The number of its first line in the text after, from 1.
    pub after: usize,
    /// The lines in their order. Removed ones come before added ones.
    pub lines: Vec<DiffLine>,
}

/// A line of a difference, without its line break.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum DiffLine {
    /// A line that both texts have.
    Same(String),
    /// A line that only the text before has.
    Removed(String),
    /// A line that only the text after has.
    Added(String),
}

/// Returns the differences between two texts, with up to `context` equal lines around each.
///
/// They are the fewest possible, unless the texts differ in more than 2,000 lines.
///
/// ```
/// use tracklite::comparison::{DiffLine, diff_lines};
///
/// let hunks = diff_lines("a\nb\nc\n", "a\nx\nc\n", 1);
/// let wanted = [
///     DiffLine::Same("a".to_owned()),
///     DiffLine::Removed("b".to_owned()),
///     DiffLine::Added("x".to_owned()),
///     DiffLine::Same("c".to_owned()),
/// ];
/// assert_eq!(hunks[0].lines, wanted);
/// ```
#[must_use]
pub fn diff_lines(before: &str, after: &str, context: usize) -> Vec<Hunk> {
    let (before, after): (Vec<&str>, Vec<&str>) =
        (before.lines().collect(), after.lines().collect());
    let mut numbers = HashMap::new();
    let mut numbered = |lines: &[&str]| -> Vec<usize> {
        let number = |line: &&str| {
            let next = numbers.len();
            *numbers.entry((*line).to_owned()).or_insert(next)
        };
        lines.iter().map(number).collect()
    };
    let changes = changes(&numbered(&before), &numbered(&after));
    hunks(&before, &after, &changes, context)
}

/// Lines that were replaced: a range of the text before, and one of the text after.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Change {
    before: (usize, usize),
    after: (usize, usize),
}

/// Returns the changes between two sequences, in order.
fn changes(before: &[usize], after: &[usize]) -> Vec<Change> {
    let first = before.iter().zip(after).take_while(|(left, right)| left == right).count();
    let (rest, other) = (&before[first..], &after[first..]);
    let ends = rest.iter().rev().zip(other.iter().rev());
    let last = ends.take_while(|(left, right)| left == right).count();
    let (rest, other) = (&rest[..rest.len() - last], &other[..other.len() - last]);
    let pairs = equal_pairs(rest, other).unwrap_or_default();
    let end = (rest.len(), other.len());
    let mut changes = Vec::new();
    let (mut left, mut right) = (0, 0);
    for (next_left, next_right) in pairs.into_iter().chain([end]) {
        if next_left > left || next_right > right {
            changes.push(Change {
                before: (first + left, first + next_left),
                after: (first + right, first + next_right),
            });
        }
        (left, right) = (next_left + 1, next_right + 1);
    }
    changes
}

/// The furthest places in the first sequence that some number of edits reaches, by diagonal.
///
/// A diagonal is the difference of both places. Those of `n` edits are from -n to n.
#[derive(Clone, Debug)]
struct Reached {
    edits: isize,
    places: Vec<isize>,
}

impl Reached {
    fn new(edits: isize) -> Self {
        Reached { edits, places: vec![0; 2 * edits.unsigned_abs() + 1] }
    }

    /// Returns the place on a diagonal. -1 if this number of edits does not reach it.
    fn get(&self, diagonal: isize) -> isize {
        let at = usize::try_from(diagonal + self.edits).ok();
        at.and_then(|at| self.places.get(at)).copied().unwrap_or(-1)
    }

    fn set(&mut self, diagonal: isize, place: isize) {
        let at = usize::try_from(diagonal + self.edits).ok();
        if let Some(known) = at.and_then(|at| self.places.get_mut(at)) {
            *known = place;
        }
    }

    /// Returns the diagonal from which one more edit reaches this diagonal furthest, and the place
    /// behind that edit. An addition keeps the place, and a removal passes one.
    fn step_to(&self, diagonal: isize) -> (isize, isize) {
        let (added, removed) = (self.get(diagonal + 1), self.get(diagonal - 1) + 1);
        match added >= removed {
            true => (diagonal + 1, added),
            false => (diagonal - 1, removed),
        }
    }
}

/// Returns the places of a longest common subsequence in both sequences. `None` beyond
/// [`EDITS_MAX`] edits.
fn equal_pairs(before: &[usize], after: &[usize]) -> Option<Vec<(usize, usize)>> {
    let end = before.len().cast_signed() - after.len().cast_signed();
    let mut all: Vec<Reached> = Vec::new();
    for edits in 0..=EDITS_MAX {
        let mut reached = Reached::new(edits);
        for diagonal in (-edits..=edits).step_by(2) {
            let start = all.last().map_or(0, |known| known.step_to(diagonal).1);
            reached.set(diagonal, slide(before, after, start, diagonal));
        }
        let is_done = reached.get(end) >= before.len().cast_signed();
        all.push(reached);
        if is_done && (edits + end) % 2 == 0 {
            return Some(walk_back(&all, (before.len(), after.len())));
        }
    }
    None
}

/// Passes equal lines from a place on.
fn slide(before: &[usize], after: &[usize], place: isize, diagonal: isize) -> isize {
    let (Ok(left), Ok(right)) = (usize::try_from(place), usize::try_from(place - diagonal)) else {
        return place;
    };
    let rest = before.get(left..).unwrap_or_default().iter();
    let equal = rest.zip(after.get(right..).unwrap_or_default());
    place + equal.take_while(|(left, right)| left == right).count().cast_signed()
}

/// Collects the equal lines of the path that ends at this place.
fn walk_back(all: &[Reached], (left, right): (usize, usize)) -> Vec<(usize, usize)> {
    let mut pairs = Vec::new();
    let (mut left, mut right) = (left.cast_signed(), right.cast_signed());
    for known in (0..all.len()).rev() {
        let diagonal = left - right;
        let before = known.checked_sub(1).and_then(|known| all.get(known));
        let (from, start) = before.map_or((0, 0), |before| before.step_to(diagonal));
        while left > start {
            (left, right) = (left - 1, right - 1);
            pairs.extend(usize::try_from(left).ok().zip(usize::try_from(right).ok()));
        }
        // The edit before them: a removal passes a line of the first text only.
        left = if from < diagonal { start - 1 } else { start };
        right = left - from;
    }
    pairs.reverse();
    pairs
}

fn hunks(before: &[&str], after: &[&str], changes: &[Change], context: usize) -> Vec<Hunk> {
    let is_near =
        |left: &Change, right: &Change| right.before.0 - left.before.1 <= context.saturating_mul(2);
    let hunk = |changes: &[Change]| {
        let (first, last) = (changes.first()?, changes.last()?);
        let lead = context.min(first.before.0);
        let start = (first.before.0 - lead, first.after.0 - lead);
        let mut lines = Vec::new();
        let mut left = start.0;
        let text = |all: &[&str], at: usize| all.get(at).copied().unwrap_or_default().to_owned();
        for change in changes {
            lines.extend((left..change.before.0).map(|at| DiffLine::Same(text(before, at))));
            let (removed, added) = (change.before, change.after);
            lines.extend((removed.0..removed.1).map(|at| DiffLine::Removed(text(before, at))));
            lines.extend((added.0..added.1).map(|at| DiffLine::Added(text(after, at))));
            left = removed.1;
        }
        let end = last.before.1.saturating_add(context).min(before.len());
        lines.extend((left..end).map(|at| DiffLine::Same(text(before, at))));
        Some(Hunk { before: start.0 + 1, after: start.1 + 1, lines })
    };
    changes.chunk_by(is_near).filter_map(hunk).collect()
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn count(hunks: &[Hunk]) -> (usize, usize) {
        let lines = || hunks.iter().flat_map(|hunk| &hunk.lines);
        let removed = lines().filter(|line| matches!(line, DiffLine::Removed(_))).count();
        (removed, lines().filter(|line| matches!(line, DiffLine::Added(_))).count())
    }

    /// Returns the length of the longest common subsequence by the whole table.
    fn common(before: &[&str], after: &[&str]) -> usize {
        let mut above = vec![0; after.len() + 1];
        for left in before {
            let mut row = vec![0];
            for (at, right) in after.iter().enumerate() {
                let best = if left == right { above[at] + 1 } else { above[at + 1].max(row[at]) };
                row.push(best);
            }
            above = row;
        }
        above[after.len()]
    }

    /// Checks that the hunks turn one text into the other, and name the right lines.
    fn assert_turns(before: &str, after: &str, hunks: &[Hunk]) {
        let (left, right): (Vec<&str>, Vec<&str>) =
            (before.lines().collect(), after.lines().collect());
        let mut found: Vec<&str> = Vec::new();
        let mut at = 0;
        for hunk in hunks {
            found.extend(&left[at..hunk.before - 1]);
            at = hunk.before - 1;
            assert_eq!(found.len(), hunk.after - 1);
            for line in &hunk.lines {
                match line {
                    DiffLine::Same(text) | DiffLine::Removed(text) => {
                        assert_eq!(left[at], text);
                        at += 1;
                    }
                    DiffLine::Added(_) => {}
                }
                match line {
                    DiffLine::Same(text) | DiffLine::Added(text) => found.push(text),
                    DiffLine::Removed(_) => {}
                }
            }
        }
        found.extend(&left[at..]);
        assert_eq!(found, right);
    }

    fn text(letters: &[u8]) -> String {
        letters.iter().map(|letter| format!("{letter}\n")).collect()
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(400))]

        #[test]
        fn a_difference_turns_one_text_into_the_other_with_the_fewest_lines(
            before in prop::collection::vec(0..5_u8, 0..40),
            after in prop::collection::vec(0..5_u8, 0..40),
            context in 0..4_usize,
        ) {
            let (before, after) = (text(&before), text(&after));
            let hunks = diff_lines(&before, &after, context);
            assert_turns(&before, &after, &hunks);
            let (left, right): (Vec<&str>, Vec<&str>) =
                (before.lines().collect(), after.lines().collect());
            let common = common(&left, &right);
            prop_assert_eq!(count(&hunks), (left.len() - common, right.len() - common));
        }
    }

    #[test]
    fn a_hunk_has_its_context_and_its_place() {
        let before: String = (1..=30).map(|line| format!("line {line}\n")).collect();
        let after = before.replace("line 5\n", "five\n").replace("line 9\n", "line 9\nnew\n");
        let after = after.replace("line 29\n", "");
        let places = |context| -> Vec<(usize, usize, usize)> {
            let hunks = diff_lines(&before, &after, context);
            assert_turns(&before, &after, &hunks);
            hunks.iter().map(|hunk| (hunk.before, hunk.after, hunk.lines.len())).collect()
        };
        assert_eq!(places(1), [(4, 4, 4), (9, 9, 3), (28, 29, 3)]);
        // Changes whose context would overlap or touch are one hunk.
        assert_eq!(places(2), [(3, 3, 11), (27, 28, 4)]);
    }

    #[test]
    fn texts_with_nothing_in_common_are_replaced() {
        let before: String = (0..3000).map(|line| format!("a{line}\n")).collect();
        let after: String = (0..3000).map(|line| format!("b{line}\n")).collect();
        let hunks = diff_lines(&before, &after, 3);
        assert_turns(&before, &after, &hunks);
        assert_eq!((hunks.len(), count(&hunks)), (1, (3000, 3000)));
        assert!(diff_lines(&before, &before, 3).is_empty());
        assert!(diff_lines("", "", 3).is_empty());
        assert_eq!(count(&diff_lines("", "a\nb\n", 3)), (0, 2));
    }
}
