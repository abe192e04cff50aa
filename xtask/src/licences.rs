//! Licences and sources of all dependencies against `deny.toml`, and no version left open.
//!
//! This check always runs and needs nothing installed; `cargo deny`, where it is present, reads the
//! licence texts themselves on top.

use crate::runner::{Context, Outcome, StepResult, output_of, run_command};

pub(crate) fn check(context: &Context) -> StepResult {
    let config = read(context, "deny.toml")?;
    let allowed = allowed_licences(&config);
    let words = "tree --locked --workspace --all-features --edges normal,build,dev --prefix none";
    let tree = output_of(context.cargo(words).args(["--format", "{p}|{l}"]))?;
    let root = context.root.to_string_lossy();
    let mut breaches = breaches(&tree, &allowed, &root);
    for manifest in ["Cargo.toml", "xtask/Cargo.toml", "fuzz/Cargo.toml"] {
        let open = open_versions(&read(context, manifest)?);
        breaches.extend(open.iter().map(|line| format!("{manifest}: any version: {line}")));
    }
    if !breaches.is_empty() {
        return Err(format!("deny.toml does not allow:\n{}", breaches.join("\n")));
    }
    println!("   licences: {}", allowed.join(", "));
    if output_of(&mut context.cargo("deny --version")).is_err() {
        println!(
            "!! cargo-deny is not installed, so bans are not checked (cargo install cargo-deny)"
        );
        return Ok(Outcome::Passed);
    }
    run_command(&mut context.cargo("deny --all-features check bans licenses sources"))?;
    Ok(Outcome::Passed)
}

fn read(context: &Context, name: &str) -> Result<String, String> {
    std::fs::read_to_string(context.root.join(name)).map_err(|error| format!("{name}: {error}"))
}

/// The strings of the first `allow = [...]` list.
fn allowed_licences(config: &str) -> Vec<String> {
    let list = config.split("\nallow = [").nth(1).and_then(|rest| rest.split(']').next());
    let strings = list.unwrap_or_default().split('"').skip(1).step_by(2);
    strings.map(str::to_owned).collect()
}

/// The crates of a `name v1.2.3 (...)|licence` tree that may not be used, each with the reason.
fn breaches(tree: &str, allowed: &[String], root: &str) -> Vec<String> {
    let mut found = Vec::new();
    for line in tree.lines().filter(|line| !line.trim().is_empty()) {
        let line = line.trim_end_matches(" (*)");
        let (package, licence) = line.split_once('|').unwrap_or((line, ""));
        let places = package.split('(').skip(1).map(|place| place.trim_end_matches([' ', ')']));
        let foreign = places.filter(|place| *place != "proc-macro" && !place.starts_with(root));
        found.extend(foreign.map(|place| format!("{package}: comes from {place}")));
        if !is_allowed(licence, allowed) {
            found.push(format!("{package}: licence {licence:?}"));
        }
    }
    found.sort();
    found.dedup();
    found
}

/// The lines of a manifest that ask for any version of a crate.
fn open_versions(manifest: &str) -> Vec<String> {
    let asks = |line: &&str| line.contains("= \"*\"") || line.contains("version = \"*");
    manifest.lines().filter(asks).map(str::to_owned).collect()
}

/// Whether a licence expression can be met with the allowed licences alone.
fn is_allowed(expression: &str, allowed: &[String]) -> bool {
    let spaced = expression.replace('(', " ( ").replace(')', " ) ").replace('/', " OR ");
    let words: Vec<&str> = spaced.split_whitespace().collect();
    let mut words = words.as_slice();
    any_of(&mut words, allowed) && words.is_empty()
}

fn any_of(words: &mut &[&str], allowed: &[String]) -> bool {
    let mut met = all_of(words, allowed);
    while take(words, "OR") {
        met |= all_of(words, allowed);
    }
    met
}

fn all_of(words: &mut &[&str], allowed: &[String]) -> bool {
    let mut met = one(words, allowed);
    while take(words, "AND") {
        met &= one(words, allowed);
    }
    met
}

/// A licence, with its exception if it has one, or an expression in brackets.
fn one(words: &mut &[&str], allowed: &[String]) -> bool {
    if take(words, "(") {
        let met = any_of(words, allowed);
        return take(words, ")") && met;
    }
    let Some((name, rest)) = words.split_first() else { return false };
    *words = rest;
    let mut licence = (*name).to_owned();
    if take(words, "WITH")
        && let Some((exception, rest)) = words.split_first()
    {
        *words = rest;
        licence = format!("{name} WITH {exception}");
    }
    allowed.contains(&licence)
}

fn take(words: &mut &[&str], word: &str) -> bool {
    match words.split_first() {
        Some((first, rest)) if *first == word => {
            *words = rest;
            true
        }
        _ => false,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const CONFIG: &str = "[licenses]\nallow = [\n  \"MIT\",\n  \"Zlib\",\n]\n[bans]\ndeny = []\n";

    #[test]
    fn expressions_are_read() {
        let allowed = allowed_licences(CONFIG);
        assert_eq!(allowed, ["MIT", "Zlib"]);
        for met in ["MIT", "GPL-3.0 OR MIT", "GPL-3.0/MIT", "(GPL-3.0 OR MIT) AND Zlib"] {
            assert!(is_allowed(met, &allowed), "{met}");
        }
        for unmet in ["", "GPL-3.0", "MIT AND GPL-3.0", "MIT WITH something", "(MIT", "MIT Zlib"] {
            assert!(!is_allowed(unmet, &allowed), "{unmet}");
        }
    }

    #[test]
    fn open_versions_are_seen() {
        let manifest = "a = \"*\"\nb = { version = \"*\" }\nc = \"1.0\"\nd = { path = \"..\" }\n";
        assert_eq!(open_versions(manifest).len(), 2);
    }

    #[test]
    fn foreign_sources_and_licences_are_seen() {
        let allowed = allowed_licences(CONFIG);
        let good = "tracklite v0.1.0 (/here)|MIT\nserde v1.0.0 (proc-macro)|MIT OR GPL-3.0 (*)\n";
        assert_eq!(breaches(good, &allowed, "/here"), [""; 0]);
        let bad = "a v1.0.0|GPL-3.0\nb v1.0.0 (https://example.org/b#1234)|MIT\n";
        assert_eq!(breaches(bad, &allowed, "/here").len(), 2);
    }
}
