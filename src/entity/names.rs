//! Generated names for runs.

const ADJECTIVES: [&str; 32] = [
    "able", "amber", "bold", "brave", "bright", "brisk", "calm", "clever", "crisp", "deep",
    "eager", "fair", "fleet", "gentle", "grand", "honest", "keen", "light", "lively", "lucid",
    "mellow", "merry", "noble", "placid", "polite", "proud", "quick", "quiet", "rapid", "steady",
    "vivid", "wise",
];

const NOUNS: [&str; 32] = [
    "alder", "badger", "beech", "birch", "crane", "dolphin", "falcon", "fern", "finch", "fox",
    "hare", "hawk", "heron", "ibex", "jay", "kestrel", "larch", "lark", "lynx", "maple", "marten",
    "otter", "owl", "pike", "plover", "robin", "rowan", "seal", "sorrel", "stork", "swift", "wren",
];

/// Returns a name such as `quiet-heron-417`, chosen by random bits.
///
/// Its form is MLflow's: two words and a number from 0 to 1000, with at most 20 characters.
pub(crate) fn generated(random: u128) -> String {
    let pick = |shift: u32, count: u128| usize::try_from((random >> shift) % count).unwrap_or(0);
    let (adjective, noun) = (ADJECTIVES[pick(0, 32)], NOUNS[pick(8, 32)]);
    format!("{adjective}-{noun}-{}", pick(16, 1001))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_have_the_form_of_those_of_mlflow() {
        let mut highest = 0;
        for adjective in 0..32 {
            for noun in 0..32 {
                for number in [0, 9, 1000] {
                    let name = generated(adjective | noun << 8 | number << 16);
                    let parts: Vec<&str> = name.split('-').collect();
                    assert_eq!(parts.len(), 3, "{name}");
                    let is_word = |word: &str| word.bytes().all(|byte| byte.is_ascii_lowercase());
                    assert!(is_word(parts[0]) && is_word(parts[1]) && name.len() <= 20, "{name}");
                    highest = highest.max(parts[2].parse::<u32>().unwrap());
                }
            }
        }
        assert_eq!(highest, 1000);
    }
}
