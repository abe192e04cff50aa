//! The rules for one file each: size, unsafe code, leftovers, characters.

use crate::source::{Source, line_of, words};

/// One breach of one rule.
#[derive(Debug, PartialEq)]
pub(crate) struct Breach {
    /// The rule's name, by which an exception names it.
    pub(crate) rule: &'static str,
    /// The file.
    pub(crate) path: String,
    /// The line, from 1.
    pub(crate) line: usize,
    /// What was found and what is wanted.
    pub(crate) what: String,
}

impl Breach {
    pub(crate) fn new(rule: &'static str, source: &Source, line: usize, what: String) -> Self {
        Breach { rule, path: source.path.clone(), line, what }
    }
}

/// The rules' most important numbers, in lines and columns.
const FUNCTION_LINES_MAX: usize = 70;
const FILE_LINES_MAX: usize = 500;
const COLUMNS_MAX: usize = 100;

/// Each file says in its first line what is inside.
pub(crate) fn first_line(source: &Source) -> Vec<Breach> {
    if source.text.starts_with("//! ") {
        return Vec::new();
    }
    let what = "the first line is not `//! ` and what the file holds".to_owned();
    vec![Breach::new("first-line", source, 1, what)]
}

/// No line is wider than a screen; comments count, but for tables, whose rows cannot be broken.
pub(crate) fn columns(source: &Source) -> Vec<Breach> {
    let wide = |(index, line): (usize, &str)| {
        let width = line.chars().count();
        let in_table = line.trim_start().starts_with("//! |") || line.trim().starts_with("/// |");
        let what = format!("{width} columns, at most {COLUMNS_MAX} are wanted");
        let is_wide = width > COLUMNS_MAX && !in_table;
        is_wide.then(|| Breach::new("columns", source, index + 1, what))
    };
    source.text.lines().enumerate().filter_map(wide).collect()
}

/// A file can be read in one sitting; blank lines, comments and unit tests do not count.
pub(crate) fn file_lines(source: &Source) -> Vec<Breach> {
    let count = code_lines(source.shipped());
    if count <= FILE_LINES_MAX {
        return Vec::new();
    }
    let what = format!("{count} lines of code, at most {FILE_LINES_MAX} are wanted");
    vec![Breach::new("file-lines", source, 1, what)]
}

/// A function fits on a screen; blank lines and comments do not count.
pub(crate) fn function_lines(source: &Source) -> Vec<Breach> {
    let mut breaches = Vec::new();
    for start in words(&source.code, "fn") {
        let Some(body) = function_text(&source.code[start..]) else { continue };
        let count = code_lines(body);
        if count > FUNCTION_LINES_MAX {
            let name = body["fn".len()..].split(['(', '<']).next().unwrap_or_default().trim();
            let what = format!("`{name}` has {count} lines, {FUNCTION_LINES_MAX} are wanted");
            let line = line_of(&source.code, start);
            breaches.push(Breach::new("function-lines", source, line, what));
        }
    }
    breaches
}

fn code_lines(code: &str) -> usize {
    code.lines().filter(|line| !line.trim().is_empty()).count()
}

/// The function that starts here, up to its closing brace; `None` for one without a body.
fn function_text(code: &str) -> Option<&str> {
    let (mut round, mut curly) = (0_i32, 0_i32);
    for (at, character) in code.char_indices() {
        match character {
            '(' | '[' => round += 1,
            ')' | ']' => round -= 1,
            ';' if round == 0 && curly == 0 => return None,
            '{' => curly += 1,
            '}' => {
                curly -= 1;
                if curly <= 0 {
                    return Some(&code[..=at]);
                }
            }
            _ => {}
        }
        if round < 0 {
            return None; // a function pointer inside somebody else's brackets
        }
    }
    None
}

/// The places of unsafe code: system calls, and the C interface of Arrow in the Python wrapper.
const UNSAFE_PLACES: &[&str] = &["src/sys/", "python/src/table/import.rs"];

/// Unsafe code is only in these places, and each block explains why it is sound.
pub(crate) fn unsafe_code(source: &Source) -> Vec<Breach> {
    let mut breaches = Vec::new();
    for at in words(&source.code, "unsafe") {
        let line = line_of(&source.code, at);
        if !UNSAFE_PLACES.iter().any(|place| source.path.starts_with(place)) {
            let what = "unsafe code outside of src/sys".to_owned();
            breaches.push(Breach::new("unsafe-place", source, line, what));
        } else if !explained(source, line) {
            let what = "unsafe code without a SAFETY comment above it".to_owned();
            breaches.push(Breach::new("unsafe-comment", source, line, what));
        }
    }
    breaches
}

/// Whether the paragraph that ends in this line has a SAFETY note.
fn explained(source: &Source, line: usize) -> bool {
    let above: Vec<&str> = source.text.lines().take(line).collect();
    let paragraph = above.iter().rev().take_while(|text| !text.trim().is_empty());
    paragraph.take(25).any(|text| text.contains("SAFETY:") || text.contains("# Safety"))
}

/// Nothing half done is left behind.
pub(crate) fn leftovers(source: &Source) -> Vec<Breach> {
    let macros = ["todo!", "unimplemented!", "dbg!"].map(|name| (name, &source.code));
    let notes = [concat!("FIX", "ME"), concat!("TO", "DO")];
    let notes = notes.map(|name| (name, &source.text));
    let mut breaches = Vec::new();
    for (name, text) in macros.into_iter().chain(notes) {
        for (at, _) in text.match_indices(name) {
            let what = format!("`{name}` is left over");
            breaches.push(Breach::new("leftover", source, line_of(text, at), what));
        }
    }
    breaches
}

/// Shipped code is ASCII, literals included (`\u{…}` says the rest); comments may use more.
pub(crate) fn ascii(source: &Source) -> Vec<Breach> {
    let folders = ["src/", "cli/src/", "jobs/src/", "serve/src/", "server/src/"];
    let shipped = folders.iter().any(|folder| source.path.starts_with(folder));
    let text = if shipped { &source.uncommented } else { &source.code };
    let length = source.shipped().chars().count();
    let found = text.chars().take(length).enumerate().find(|(_, character)| !character.is_ascii());
    let Some((index, character)) = found else { return Vec::new() };
    let line = text.chars().take(index).filter(|&c| c == '\n').count() + 1;
    let what = format!("{character:?} in code; write it as \\u{{{:x}}}", u32::from(character));
    vec![Breach::new("ascii", source, line, what)]
}

/// Words that do not belong into the repository, and why; matched regardless of case.
const UNWANTED: &[(&str, &str)] = &[
    (concat!("/wo", "rk/"), "a path of somebody's machine"),
    (concat!("/ro", "ot/"), "a path of somebody's machine"),
    (concat!("/ho", "me/"), "a path of somebody's machine"),
    (concat!("blazing", "ly"), "say the measured number"),
    (concat!("lightning", " fast"), "say the measured number"),
];

/// Prose keeps to the words of the design and claims nothing that was not measured.
pub(crate) fn prose(path: &str, text: &str) -> Vec<String> {
    let mut found = Vec::new();
    for (index, line) in text.lines().enumerate() {
        let lower = line.to_lowercase();
        for (word, why) in UNWANTED.iter().filter(|(word, _)| lower.contains(word)) {
            found.push(format!("{path}:{}: {word:?}: {why}", index + 1));
        }
    }
    found
}

/// The files that a Markdown text links to, as they are written there.
pub(crate) fn linked_files(text: &str) -> Vec<&str> {
    let targets = text.split("](").skip(1).filter_map(|rest| rest.split(')').next());
    let files = targets.map(|target| target.split('#').next().unwrap_or_default());
    // A name of Rust's documentation has no dot.
    files.filter(|file| file.contains('.') && !file.contains("://")).collect()
}
