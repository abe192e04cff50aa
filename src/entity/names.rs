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
pub(crate) fn generated(random: u128) -> String {
    let pick = |shift: u32, count: u128| usize::try_from((random >> shift) % count).unwrap_or(0);
    let (adjective, noun) = (ADJECTIVES[pick(0, 32)], NOUNS[pick(8, 32)]);
    format!("{adjective}-{noun}-{}", pick(16, 1000))
}
