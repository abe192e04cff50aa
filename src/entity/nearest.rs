//! Spelling suggestions: the known word closest to a mistyped one.

/// The longest word compared, in characters. Bounds the running time.
const COMPARED_CHARACTERS_MAX: usize = 32;

/// Returns the candidate with the fewest typos, if one is close enough to `word`.
pub(crate) fn nearest<'a>(
    word: &str,
    candidates: impl IntoIterator<Item = &'a str>,
) -> Option<&'a str> {
    let word: Vec<char> = folded(word)?;
    let bound = (word.len() / 3).max(1);
    let known = candidates.into_iter();
    let distances = known.filter_map(|known| Some((distance(&word, &folded(known)?), known)));
    let near = distances.filter(|(distance, known)| *distance <= bound && *distance < known.len());
    near.min_by_key(|(distance, _)| *distance).map(|(_, known)| known)
}

fn folded(word: &str) -> Option<Vec<char>> {
    let characters: Vec<char> =
        word.chars().take(COMPARED_CHARACTERS_MAX + 1).map(|c| c.to_ascii_lowercase()).collect();
    (1..=COMPARED_CHARACTERS_MAX).contains(&characters.len()).then_some(characters)
}

/// Returns the edit distance: insertions, deletions, substitutions and swaps of neighbours.
fn distance(left: &[char], right: &[char]) -> usize {
    let mut before = vec![0; right.len() + 1];
    let mut above: Vec<usize> = (0..=right.len()).collect();
    for (row, character) in left.iter().enumerate() {
        let mut current = vec![row + 1];
        for (column, other) in right.iter().enumerate() {
            let changed = above[column] + usize::from(character != other);
            let mut best = changed.min(above[column + 1] + 1).min(current[column] + 1);
            let swapped =
                row > 0 && column > 0 && left[row - 1] == *other && right[column - 1] == *character;
            if swapped {
                best = best.min(before[column - 1] + 1);
            }
            current.push(best);
        }
        before = std::mem::replace(&mut above, current);
    }
    above[right.len()]
}
