//! Pattern matching.

use crate::search::{Case, like_matches};

fn like(pattern: &str, text: &str) -> bool {
    like_matches(pattern, text, Case::Sensitive)
}

fn ilike(pattern: &str, text: &str) -> bool {
    like_matches(pattern, text, Case::AsciiInsensitive)
}

/// Matches by the recursive definition, on the first character of the pattern.
fn by_definition(pattern: &[char], text: &[char]) -> bool {
    match pattern.split_first() {
        None => text.is_empty(),
        Some(('%', rest)) => (0..=text.len()).any(|from| by_definition(rest, &text[from..])),
        Some((wanted, rest)) => text.split_first().is_some_and(|(found, text)| {
            (*wanted == '_' || wanted == found) && by_definition(rest, text)
        }),
    }
}

#[test]
fn the_whole_text_is_matched() {
    assert!(like("abc", "abc") && !like("abc", "abcd") && !like("bc", "abc") && !like("abc", "ab"));
    assert!(like("", "") && !like("", "a") && like("%", "") && like("%%", "") && !like("_", ""));
    assert!(like("a%", "a") && like("%c", "abc") && like("a%c", "abbc") && !like("a%c", "abcd"));
    assert!(like("%b%", "abc") && like("a_c", "abc") && !like("a_c", "ac"));
    assert!(like("%a%b%c%", "xaxbxcx") && !like("%a%b%c%", "xaxcxbx"));
}

#[test]
fn a_character_counts_once_whatever_its_length_in_bytes() {
    assert!(
        like("_", "\u{6771}")
            && !like("_", "\u{6771}\u{4eac}")
            && like("%\u{4eac}", "\u{6771}\u{4eac}")
    );
    assert!(like("%_", "\u{1f600}") && like("\u{6771}_", "\u{6771}\u{4eac}"));
}

#[test]
fn there_is_no_escape_character() {
    assert!(like(r"\%", r"\abc") && !like(r"\%", "%") && like("[a]", "[a]") && like(".*", ".*"));
}

#[test]
fn only_ilike_ignores_case_and_only_of_ascii() {
    assert!(!like("ABC", "abc") && ilike("ABC", "abc") && ilike("a%C", "AxxC"));
    assert!(!ilike("\u{c9}", "\u{e9}") && ilike("\u{e9}", "\u{e9}") && !ilike("K", "\u{212a}"));
    assert!(!ilike("[", "{") && !ilike("@", "`"));
}

#[test]
fn every_short_pattern_agrees_with_the_definition() {
    let words = |letters: &str, length: u32| {
        let letters: Vec<char> = letters.chars().collect();
        let count = letters.len();
        (0..count.pow(length)).map(move |number| {
            (0..length).map(|place| letters[number / count.pow(place) % count]).collect::<String>()
        })
    };
    let patterns = (0..=5).flat_map(|length| words("ab%_", length));
    let texts: Vec<String> = (0..=5).flat_map(|length| words("ab", length)).collect();
    for pattern in patterns {
        let characters: Vec<char> = pattern.chars().collect();
        for text in &texts {
            let wanted = by_definition(&characters, &text.chars().collect::<Vec<_>>());
            assert_eq!(like(&pattern, text), wanted, "{pattern} {text}");
        }
    }
}

#[test]
fn a_hostile_pattern_takes_time_proportional_to_both_lengths() {
    let text = "a".repeat(20_000);
    let pattern = "%a".repeat(500) + "%b";
    assert!(!like(&pattern, &text));
}
