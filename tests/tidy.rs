//! The repository's own rules, kept by a test: layers, sizes, unsafe code, leftovers, words.
//!
//! Each rule is also run over a sample that breaks it, so that none of them can go blind.

#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    reason = "a test that cannot go on has failed"
)]

#[path = "tidy/circles.rs"]
mod circles;
#[path = "tidy/dependencies.rs"]
mod dependencies;
#[path = "tidy/english.rs"]
mod english;
#[path = "tidy/layers.rs"]
mod layers;
#[path = "tidy/rules.rs"]
mod rules;
#[path = "tidy/source.rs"]
mod source;

use rules::Breach;
use source::Source;

type Rule = fn(&Source) -> Vec<Breach>;

const RULES: &[Rule] = &[
    rules::first_line,
    rules::columns,
    rules::file_lines,
    rules::function_lines,
    rules::unsafe_code,
    rules::leftovers,
    rules::ascii,
    layers::imports,
];

/// Breaches that are known: (rule, file). This list may only shrink, and its bound with it.
const EXCEPTIONS: &[(&str, &str)] = &[
    // The simulated disk tears pages of the size that the format counts with.
    ("layers", "src/storage/simulated/page.rs"),
];
const EXCEPTIONS_MAX: usize = 1;

fn all_breaches() -> Vec<Breach> {
    let sources = source::all_sources();
    assert!(sources.iter().any(|source| source.path == "src/lib.rs"), "the sources are not found");
    sources.iter().flat_map(|source| RULES.iter().flat_map(|rule| rule(source))).collect()
}

fn is_excepted(breach: &Breach) -> bool {
    EXCEPTIONS.iter().any(|(rule, path)| *rule == breach.rule && *path == breach.path)
}

#[test]
fn the_rules_are_kept() {
    let breaches = all_breaches().into_iter().filter(|breach| !is_excepted(breach));
    let lines: Vec<String> = breaches
        .map(|breach| format!("{}:{}: {}: {}", breach.path, breach.line, breach.rule, breach.what))
        .collect();
    assert!(lines.is_empty(), "{} breaches:\n{}", lines.len(), lines.join("\n"));
}

#[test]
fn exceptions_only_shrink() {
    let breaches = all_breaches();
    for (rule, path) in EXCEPTIONS {
        let needed = breaches.iter().any(|breach| breach.rule == *rule && breach.path == *path);
        assert!(needed, "the exception ({rule:?}, {path:?}) is not needed any more: remove it");
    }
    assert_eq!(EXCEPTIONS.len(), EXCEPTIONS_MAX, "lower the bound with the list, never raise it");
}

#[test]
fn prose_is_kept() {
    let prose = source::all_prose();
    let found: Vec<String> =
        prose.iter().flat_map(|(path, text)| rules::prose(path, text)).collect();
    assert!(found.is_empty(), "{}", found.join("\n"));
    for (path, text) in &prose {
        let folder = source::root().join(path);
        let folder = folder.parent().expect("a file lies in a folder");
        for link in rules::linked_files(text) {
            assert!(folder.join(link).exists(), "{path} links to {link}, which does not exist");
        }
    }
}

/// The first block of this language in a Markdown text.
fn first_block<'a>(text: &'a str, language: &str) -> &'a str {
    let opening = format!("```{language}\n");
    let block = text.split(opening.as_str()).nth(1).and_then(|rest| rest.split("```").next());
    block.unwrap_or_default()
}

#[test]
fn the_first_examples_of_the_readme_are_those_that_run() {
    assert_eq!(first_block("a\n```rust\nfn f() {}\n```\n", "rust"), "fn f() {}\n");
    let readme = source::read(&source::root().join("README.md"));
    let before = readme.split("```python").next().unwrap_or_default();
    assert!(before.lines().count() < 30, "the first example begins within 30 lines");
    assert!(readme.lines().count() <= 160, "the README has more than 160 lines");
    for (language, file) in [("python", "examples/first.py"), ("rust", "examples/first.rs")] {
        let example = source::read(&source::root().join(file));
        let block = first_block(&readme, language);
        assert!(block.len() > 100 && example.ends_with(block), "{file} is another example");
    }
}

#[test]
fn the_python_readme_begins_like_the_readme() {
    let readme = source::read(&source::root().join("README.md"));
    let (shared, _) = readme.split_once("\n## Rust and the shell\n").expect("the heading exists");
    let python = source::read(&source::root().join("python/README.md"));
    assert!(shared.contains("```python") && python.starts_with(shared), "copy the first part");
}

#[test]
fn the_chart_shows_only_numbers_of_the_benchmarks() {
    let benchmarks = source::read(&source::root().join("docs/benchmarks.md"));
    let chart = source::read(&source::root().join("docs/chart.svg"));
    let values = chart.split("class=\"value\"").skip(1);
    let values = values.filter_map(|rest| rest.split(['>', '<']).nth(1));
    let values: Vec<&str> = values.collect();
    assert!(values.len() > 10, "the chart has {} numbers", values.len());
    for value in values {
        let cell = format!("| {value} |");
        assert!(benchmarks.contains(&cell), "docs/benchmarks.md lacks {cell}: run docs/chart.py");
    }
}

/// The rules' names that a file with this text breaks, in the order of the rules.
fn broken(path: &str, text: &str) -> Vec<&'static str> {
    let source = Source::new(path, text);
    let mut names: Vec<_> =
        RULES.iter().flat_map(|rule| rule(&source)).map(|breach| breach.rule).collect();
    names.dedup();
    names
}

/// A file that begins as it should and goes on with this code.
fn after_heading(code: &str) -> String {
    format!("//! A sample.\n{code}\n")
}

#[test]
fn a_clean_sample_passes() {
    let code = "use crate::error::Result;\n/// ≥ 1\nfn f(a: [u8; 2]) {}\nfn g() { f::<'a'>(); }";
    assert_eq!(broken("src/log/mod.rs", &after_heading(code)), [""; 0]);
}

#[test]
fn sizes_are_seen() {
    assert_eq!(broken("src/run/mod.rs", "fn f() {}\n"), ["first-line"]);
    let wide = format!("// {}", "x".repeat(98));
    assert_eq!(broken("src/run/mod.rs", &after_heading(&wide)), ["columns"]);
    let statements = |count| "    g();\n".repeat(count);
    let long = |count| after_heading(&format!("fn f() {{\n{}}}", statements(count)));
    assert_eq!(broken("src/run/mod.rs", &long(69)), ["function-lines"]);
    assert_eq!(broken("src/run/mod.rs", &long(68)), [""; 0]);
    let many = after_heading(&"const A: u8 = 1;\n".repeat(501));
    assert_eq!(broken("src/run/mod.rs", &many), ["file-lines"]);
    let tested = format!("#[cfg(test)]\nmod tests {{\n{}}}", "const A: u8 = 1;\n".repeat(501));
    assert_eq!(broken("src/run/mod.rs", &after_heading(&tested)), [""; 0]);
}

#[test]
fn unsafe_code_is_seen() {
    let bare = after_heading("fn f() {\n    unsafe { g() }\n}");
    assert_eq!(broken("src/log/mod.rs", &bare), ["unsafe-place"]);
    assert_eq!(broken("src/sys/map.rs", &bare), ["unsafe-comment"]);
    let told = after_heading("fn f() {\n    // SAFETY: g is fine.\n    unsafe { g() }\n}");
    assert_eq!(broken("src/sys/map.rs", &told), [""; 0]);
    let far = after_heading("// SAFETY: of something else.\n\nfn f() {\n    unsafe { g() }\n}");
    assert_eq!(broken("src/sys/map.rs", &far), ["unsafe-comment"]);
    assert_eq!(broken("src/log/mod.rs", &after_heading("#![deny(unsafe_code)]")), [""; 0]);
}

#[test]
fn leftovers_and_characters_are_seen() {
    let note = format!("// {}: later", concat!("FIX", "ME"));
    for code in ["fn f() { todo!() }", "fn f() { dbg!(1); }", note.as_str()] {
        assert_eq!(broken("src/run/mod.rs", &after_heading(code)), ["leftover"], "{code}");
    }
    assert_eq!(broken("src/run/mod.rs", &after_heading("const A: &str = \"todo!\";")), [""; 0]);
    assert_eq!(broken("src/run/mod.rs", &after_heading("const A: &str = \"\u{b1}\";")), ["ascii"]);
    assert_eq!(broken("tests/a.rs", &after_heading("const A: &str = \"\u{b1}\";")), [""; 0]);
    assert_eq!(broken("tests/a.rs", &after_heading("const \u{df}: u8 = 1;")), ["ascii"]);
}

#[test]
fn imports_upward_and_sideways_are_seen() {
    for (path, code) in [
        ("src/log/writer.rs", "use crate::index::Index;"),
        ("src/index/mod.rs", "use crate::log::Log;"),
        ("src/index/mod.rs", "use crate::{entity::RunInfo, log};"),
        ("src/log/mod.rs", "use crate::database::Database;"),
        ("src/log/mod.rs", "fn f(run: crate::Run) {}"),
        ("src/log/mod.rs", "use super::index;"),
        ("src/log/writer.rs", "use super::super::index;"),
        ("src/log/writer.rs", "mod inner {\n    use super::super::super::index;\n}"),
        ("src/format/frame.rs", "use crate::storage::Storage;"),
        ("src/format/frame.rs", "use std::{fmt, fs::File};"),
        ("src/storage/file.rs", "use crate::format::frame;"),
        ("src/entity/run.rs", "use crate::format::record::RunStarted;"),
        ("src/entity/id.rs", "use crate::format::frame;"),
        ("src/error.rs", "use crate::entity::RunId;"),
        ("src/mutant.rs", "use crate::error::Error;"),
        ("cli/src/print.rs", "use tracklite::internals::log;"),
        ("examples/first.rs", "use tracklite::internals::log;"),
        ("src/log/mod.rs", "use rusqlite::Connection;"),
        ("src/helpers/mod.rs", "fn f() {}"),
    ] {
        assert_eq!(broken(path, &after_heading(code)), ["layers"], "{path}: {code}");
    }
}

#[test]
fn imports_downward_pass() {
    for (path, code) in [
        ("src/log/writer.rs", "use super::frame;\nuse crate::{error::Result, format, storage};"),
        ("src/run/mod.rs", "use crate::log::{self, index_of};\nuse crate::index::Index;"),
        ("cli/src/print.rs", "use tracklite::{Database, Run};\nuse crate::text;"),
        ("src/lib.rs", "pub use crate::log::Log;"),
        ("src/log/mod.rs", "#[cfg(test)]\nmod tests {\n    use crate::index::Index;\n}"),
        ("src/log/open_tests.rs", "use crate::index::Index;"),
        ("src/log/mod.rs", "mod inner {\n    use super::Log;\n}"),
    ] {
        assert_eq!(broken(path, &after_heading(code)), [""; 0], "{path}: {code}");
    }
}

#[test]
fn no_files_import_each_other() {
    let sources = source::all_sources();
    for folder in ["src", "cli/src", "jobs/src", "serve/src", "server/src", "python/src"] {
        let found = circles::circles(&sources, folder);
        assert!(found.is_empty(), "files of {folder} import each other: {found:#?}");
    }
}

#[test]
fn circles_of_files_are_detected() {
    let files = |code: &[(&str, &str)]| -> Vec<Source> {
        code.iter().map(|(path, code)| Source::new(path, &after_heading(code))).collect()
    };
    let direct = files(&[
        ("src/run/mod.rs", "mod metric;\nuse self::metric::Metric;\npub struct Run(Metric);"),
        ("src/run/metric.rs", "use crate::run::Run;"),
    ]);
    assert_eq!(circles::circles(&direct, "src"), [["run", "run/metric"]]);
    let by_three = files(&[
        ("src/a.rs", "use crate::b::B;"),
        ("src/b.rs", "fn f(c: super::c::C) {}"),
        ("src/c.rs", "use crate::{a::A, error::Error};"),
        ("src/error.rs", ""),
    ]);
    assert_eq!(circles::circles(&by_three, "src"), [["a", "b", "c"]]);
    // A list of exports is not an import, and what it passes on belongs to the file behind it.
    let exported = files(&[
        (
            "src/log/mod.rs",
            "mod chain;\nmod state;\npub(crate) use self::chain::Chain;\n\
             pub(crate) use self::state::State;",
        ),
        ("src/log/chain.rs", "use super::State;"),
        ("src/log/state.rs", ""),
    ]);
    assert!(circles::circles(&exported, "src").is_empty());
    let hidden = files(&[
        (
            "src/log/mod.rs",
            "mod chain;\nmod state;\npub(crate) use self::chain::Chain;\n\
             pub(crate) use self::state::State;",
        ),
        ("src/log/chain.rs", "use super::State;"),
        ("src/log/state.rs", "use crate::log::Chain;"),
    ]);
    assert_eq!(circles::circles(&hidden, "src"), [["log/chain", "log/state"]]);
}

#[test]
fn prose_breaches_are_seen() {
    let bad = format!("fine\nsee {}notes\n", concat!("/wo", "rk/"));
    assert_eq!(rules::prose("README.md", &bad).len(), 1);
    assert_eq!(rules::prose("README.md", "an extent\n"), [""; 0]);
    let text = "see [a](docs/a.md#part), [b](https://example.org/b) and [c](#here)";
    assert_eq!(rules::linked_files(text), ["docs/a.md"]);
}
