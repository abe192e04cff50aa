//! Reads Rust files well enough for the rules: which characters are code, comment or literal.

use std::path::{Path, PathBuf};

/// One Rust file of the repository, or a sample that a test wrote by hand.
pub(crate) struct Source {
    /// The path from the repository's root, with `/` between its parts.
    pub(crate) path: String,
    /// The file as it is.
    pub(crate) text: String,
    /// The same lines with comments and the insides of literals blanked.
    pub(crate) code: String,
    /// The same lines with comments blanked and literals left.
    pub(crate) uncommented: String,
}

impl Source {
    pub(crate) fn new(path: &str, text: &str) -> Self {
        Source {
            path: path.to_owned(),
            text: text.to_owned(),
            code: blank(text, false),
            uncommented: blank(text, true),
        }
    }

    /// The code before the unit tests, which may look across layers and need not be counted.
    pub(crate) fn shipped(&self) -> &str {
        if self.path.starts_with("src/") && self.path.ends_with("tests.rs") {
            return "";
        }
        match self.code.find("#[cfg(test)]\nmod ") {
            Some(end) => &self.code[..end],
            None => &self.code,
        }
    }
}

/// The repository's root.
pub(crate) fn root() -> &'static Path {
    Path::new(env!("CARGO_MANIFEST_DIR"))
}

/// All Rust files of the repository, by path; build output and other hidden folders left out.
pub(crate) fn all_sources() -> Vec<Source> {
    let mut sources = Vec::new();
    for folder in [
        "src",
        "cli",
        "serve",
        "server",
        "tests",
        "benches",
        "examples",
        "xtask",
        "fuzz",
        "python/src",
    ] {
        for path in files_below(&root().join(folder), "rs") {
            sources.push(Source::new(&relative(&path), &read(&path)));
        }
    }
    sources
}

/// The prose: Markdown files at the root and in three folders, as (path, text).
pub(crate) fn all_prose() -> Vec<(String, String)> {
    let mut paths = Vec::new();
    for folder in ["docs", "examples", "python", "server"] {
        paths.extend(files_below(&root().join(folder), "md"));
    }
    let at_root = std::fs::read_dir(root()).expect("the repository's root can be listed");
    paths.extend(at_root.flatten().map(|entry| entry.path()).filter(|path| has_end(path, "md")));
    paths.sort();
    paths.iter().map(|path| (relative(path), read(path))).collect()
}

/// A text file of the repository.
pub(crate) fn read(path: &Path) -> String {
    std::fs::read_to_string(path).unwrap_or_else(|error| panic!("{}: {error}", path.display()))
}

/// The path from the repository's root, with `/` between its parts.
pub(crate) fn relative(path: &Path) -> String {
    let inside = path.strip_prefix(root()).expect("the walk began at the root");
    inside.to_string_lossy().replace('\\', "/")
}

fn has_end(path: &Path, end: &str) -> bool {
    path.extension().is_some_and(|found| found == end)
}

/// The files below a folder that people read: Rust, Python, Markdown and TOML.
pub(crate) fn texts_below(folder: &Path) -> Vec<PathBuf> {
    ["rs", "py", "pyi", "md", "toml"].iter().flat_map(|end| files_below(folder, end)).collect()
}

fn files_below(folder: &Path, end: &str) -> Vec<PathBuf> {
    let mut found = Vec::new();
    let Ok(entries) = std::fs::read_dir(folder) else { return found };
    for path in entries.flatten().map(|entry| entry.path()) {
        let name = path.file_name().unwrap_or_default().to_string_lossy().into_owned();
        if path.is_dir() && name != "target" && !name.starts_with('.') {
            found.extend(files_below(&path, end));
        } else if has_end(&path, end) {
            found.push(path);
        }
    }
    found.sort();
    found
}

#[derive(Clone, Copy, PartialEq)]
enum Part {
    Code,
    Comment,
    Literal,
}

/// The text with comments, and literals unless they are kept, turned into spaces.
fn blank(text: &str, keep_literals: bool) -> String {
    let characters: Vec<char> = text.chars().collect();
    let mut result = String::with_capacity(text.len());
    let mut at = 0;
    while at < characters.len() {
        let (end, part) = part_at(&characters, at);
        let kept = part == Part::Code || (part == Part::Literal && keep_literals);
        for &character in &characters[at..end] {
            result.push(if kept || character == '\n' { character } else { ' ' });
        }
        at = end;
    }
    result
}

/// Where the part that starts here ends, and what it is.
fn part_at(text: &[char], at: usize) -> (usize, Part) {
    match (text[at], text.get(at + 1)) {
        ('/', Some('/')) => (line_end(text, at), Part::Comment),
        ('/', Some('*')) => (block_comment_end(text, at), Part::Comment),
        ('"', _) => (quoted_end(text, at, '"'), Part::Literal),
        ('\'', _) => character_literal(text, at),
        (first, _) if is_word(first) => word_or_raw_string(text, at),
        _ => (at + 1, Part::Code),
    }
}

fn is_word(character: char) -> bool {
    character.is_alphanumeric() || character == '_'
}

fn line_end(text: &[char], at: usize) -> usize {
    text[at..].iter().position(|&c| c == '\n').map_or(text.len(), |length| at + length)
}

fn block_comment_end(text: &[char], start: usize) -> usize {
    let (mut depth, mut at) = (0_u32, start);
    while at < text.len() {
        if text[at..].starts_with(&['/', '*']) {
            depth += 1;
            at += 2;
        } else if text[at..].starts_with(&['*', '/']) {
            depth -= 1;
            at += 2;
            if depth == 0 {
                return at;
            }
        } else {
            at += 1;
        }
    }
    text.len()
}

fn quoted_end(text: &[char], start: usize, quote: char) -> usize {
    let mut at = start + 1;
    while at < text.len() && text[at] != quote {
        at += if text[at] == '\\' { 2 } else { 1 };
    }
    (at + 1).min(text.len())
}

/// A character literal, or the quote that starts a lifetime or a label.
fn character_literal(text: &[char], at: usize) -> (usize, Part) {
    match (text.get(at + 1), text.get(at + 2)) {
        (Some('\\'), _) | (_, Some('\'')) => (quoted_end(text, at, '\''), Part::Literal),
        _ => (at + 1, Part::Code),
    }
}

/// A word; when it is `r`, `br` or `cr` before quotes, the raw string after it.
fn word_or_raw_string(text: &[char], at: usize) -> (usize, Part) {
    let word_end = text[at..].iter().position(|&c| !is_word(c)).map_or(text.len(), |n| at + n);
    let word: String = text[at..word_end].iter().collect();
    let hashes = text[word_end..].iter().take_while(|&&c| c == '#').count();
    let quoted = text.get(word_end + hashes) == Some(&'"');
    if !quoted || !["r", "br", "cr"].contains(&word.as_str()) {
        return (word_end, Part::Code);
    }
    let closing: Vec<char> = std::iter::once('"').chain(std::iter::repeat_n('#', hashes)).collect();
    let mut end = word_end + hashes + 1;
    while end < text.len() && !text[end..].starts_with(&closing) {
        end += 1;
    }
    ((end + closing.len()).min(text.len()), Part::Literal)
}

/// The places (byte offsets) where this word stands alone in the code.
pub(crate) fn words<'a>(code: &'a str, word: &'a str) -> impl Iterator<Item = usize> + 'a {
    code.match_indices(word).map(|(at, _)| at).filter(move |&at| {
        let before = code[..at].chars().next_back();
        let after = code[at + word.len()..].chars().next();
        !before.is_some_and(is_word) && !after.is_some_and(is_word)
    })
}

/// The number, from 1, of the line in which this byte offset lies.
pub(crate) fn line_of(text: &str, offset: usize) -> usize {
    text[..offset].matches('\n').count() + 1
}

#[test]
fn comments_and_literals_are_told_from_code() {
    let text = "let a = \"// no\"; // yes\nlet b = r#\"\"x\"#; /* /* */ c */ 'd'; f::<'e>(b'\\'');";
    let wanted = "let a =        ;       \nlet b =        ;                  ; f::<'e>(b    );";
    assert_eq!(blank(text, false), wanted);
    assert!(blank(text, true).contains("\"// no\"") && !blank(text, true).contains("yes"));
}
