//! Plain English: words and turns that a reader stumbles over, in every text of the repository.
//!
//! CONTRIBUTING.md has the rules. This list finds symptoms, so it is short, and its bound is zero.

use crate::source::{read, relative, root, texts_below};

/// Words and what to write instead. They match whole words, also within `snake_case` names.
const UNWANTED: &[(&str, &str)] = &[
    (concat!("an", "ew"), "again"),
    (concat!("who", "ever"), "the process, the caller"),
    (concat!("le", "st"), "so that ... not"),
    (concat!("te", "ll"), "report, print, return, describe"),
    (concat!("te", "lls"), "reports, prints, returns, describes"),
    (concat!("to", "ld"), "reported, printed, described"),
    (concat!("tel", "ling"), "reporting, describing"),
    (concat!("sa", "ys"), "states, reports, names"),
    (concat!("sa", "id"), "stated, given"),
    (concat!("sta", "nds"), "is"),
    (concat!("li", "es"), "is"),
    (concat!("go", "es on"), "continues"),
    (concat!("go", " on"), "continue"),
    (concat!("go", "ing on"), "in progress"),
    (concat!("we", "nt on"), "continued"),
    (concat!("in ", "hand"), "loaded, open"),
    (concat!("great", "est"), "max"),
    (concat!("the ", "least"), "min"),
    (concat!("for ", "good"), "permanently"),
    (concat!("as far", " as"), "if, where, up to"),
    (concat!("by it", "self"), "alone, automatically"),
    (concat!("so ", "many"), "up to N"),
    (concat!("no", "r"), "and not"),
    (concat!("gi", "ves"), "returns"),
    (concat!("who ", "has"), "the process that"),
    (concat!("who ", "may"), "the process that"),
    (concat!("who ", "only"), "the process that"),
];

/// How a sentence must not begin.
const HEADLESS: &[&str] = &["What", "Who", "Whoever", "Whose", "Of", "That which"];

/// Every text that a person reads, as (path, text).
fn all_texts() -> Vec<(String, String)> {
    let folders = [
        "src", "cli", "serve", "server", "tests", "benches", "examples", "xtask", "fuzz", "python",
        "docs", ".cargo",
    ];
    let mut paths = Vec::new();
    for folder in folders {
        paths.extend(texts_below(&root().join(folder)));
    }
    let at_root = ["README.md", "CONTRIBUTING.md", "CHANGELOG.md", "Cargo.toml", "deny.toml"];
    paths.extend(at_root.iter().map(|name| root().join(name)));
    let own = |path: &String| path.starts_with("tests/tidy") || path.starts_with("fuzz/corpus");
    let texts = paths.iter().map(|path| (relative(path), read(path)));
    texts.filter(|(path, _)| !own(path)).collect()
}

/// The unwanted turns of a text, as lines for a person.
pub(crate) fn breaches(path: &str, text: &str) -> Vec<String> {
    let mut found = Vec::new();
    for (number, line) in text.lines().enumerate() {
        let lower = line.to_lowercase();
        let mut report = |what: &str, instead: &str| {
            let place = format!("{path}:{}", number + 1);
            found.push(format!("{place}: {what:?}: write {instead}: {}", line.trim()));
        };
        for (words, instead) in UNWANTED.iter().filter(|(words, _)| has_words(&lower, words)) {
            report(words, instead);
        }
        if is_no(&lower) {
            report("is no X", "is not an X");
        }
        if some_number(&lower) {
            report("some N", "about N");
        }
        if let Some(word) = headless(line) {
            report(word, "the subject first");
        }
    }
    found
}

/// Whether the words are in the line, between characters that are not letters.
fn has_words(line: &str, words: &str) -> bool {
    line.match_indices(words).any(|(at, _)| {
        let before = line[..at].chars().next_back();
        let after = line[at + words.len()..].chars().next();
        ![before, after].into_iter().flatten().any(|c| c.is_ascii_alphabetic())
    })
}

fn is_no(line: &str) -> bool {
    line.match_indices("is no ").any(|(at, phrase)| {
        let after = &line[at + phrase.len()..];
        let is_word = !line[..at].ends_with(|c: char| c.is_ascii_alphabetic());
        let is_usual = line[..at].ends_with("here ") || line[..at].ends_with("it ");
        is_word && !is_usual && !after.starts_with("longer") && !after.starts_with("more")
    })
}

fn some_number(line: &str) -> bool {
    let digit = |text: &str| text.starts_with(|c: char| c.is_ascii_digit());
    line.match_indices("some ").any(|(at, phrase)| {
        let is_word = !line[..at].ends_with(|c: char| c.is_ascii_alphabetic());
        is_word && digit(&line[at + phrase.len()..])
    })
}

/// The word by which a sentence of a comment or a document begins without a subject.
fn headless(line: &str) -> Option<&'static str> {
    let begins = |word: &str| {
        line.match_indices(word).any(|(at, _)| {
            let (before, after) = (&line[..at], &line[at + word.len()..]);
            let marks = ["// ", "/// ", "//! ", "# ", ". ", ": ", "; "];
            let is_start = before.trim().is_empty() || before.trim() == "*";
            let is_begin = is_start || marks.iter().any(|mark| before.ends_with(mark));
            is_begin && after.starts_with(' ') && !after.contains('?')
        })
    };
    HEADLESS.iter().copied().find(|word| begins(word))
}

#[test]
fn the_english_is_plain() {
    let texts = all_texts();
    assert!(texts.len() > 300, "only {} texts are found", texts.len());
    let found: Vec<String> = texts.iter().flat_map(|(path, text)| breaches(path, text)).collect();
    assert!(found.is_empty(), "{} breaches:\n{}", found.len(), found.join("\n"));
}

#[test]
fn translated_turns_are_detected() {
    for bad in [
        concat!("/// Opens it an", "ew."),
        concat!("fn to", "ld_of() {}"),
        concat!("/// Wh", "at a killed process leaves."),
        concat!("the file is n", "o database"),
        concat!("takes so", "me 10 us"),
        concat!("It ends. O", "f all runs the first is kept."),
    ] {
        assert_eq!(breaches("src/a.rs", bad).len(), 1, "{bad}");
    }
    for good in [
        "/// What is a run?",
        "there is no run 5",
        "the run is no longer there",
        "families and folders",
        "some runs have 10 metrics",
        "`Whatever` is a name",
    ] {
        assert_eq!(breaches("src/a.rs", good), [""; 0], "{good}");
    }
}
