//! Checks licences, bans and sources of all dependencies against `deny.toml`, and that no
//! dependency accepts any version.
//!
//! Needs only cargo, which reports the licences that the manifests declare within a second.
//! Installing cargo-deny takes minutes on a fresh machine. If it is installed it runs too, and also
//! reads the licence texts.

use crate::runner::{Context, Outcome, StepResult, output_of, run_command};

pub(crate) fn check(context: &Context) -> StepResult {
    let config = read(context, "deny.toml")?;
    let rules = Rules {
        allowed: strings_of(&config, "allow"),
        banned: strings_of(&config, "deny"),
        root: context.root.to_string_lossy().into_owned(),
    };
    let mut found = Vec::new();
    for manifest in ["Cargo.toml", "fuzz/Cargo.toml"] {
        let words = "tree --locked --workspace --all-features --target all --prefix none";
        let mut command = context.cargo(words);
        command.args(["--edges", "normal,build,dev", "--format", "{p}|{l}"]);
        let tree = output_of(command.args(["--manifest-path", manifest]))?;
        let breaches = breaches(&tree, &rules);
        found.extend(breaches.into_iter().map(|line| format!("{manifest}: {line}")));
    }
    for manifest in ["Cargo.toml", "xtask/Cargo.toml", "fuzz/Cargo.toml"] {
        let open = open_versions(&read(context, manifest)?);
        found.extend(open.iter().map(|line| format!("{manifest}: accepts any version: {line}")));
    }
    if !found.is_empty() {
        return Err(format!("deny.toml does not allow:\n{}", found.join("\n")));
    }
    println!("   licences: {}; banned: {}", rules.allowed.join(", "), rules.banned.join(", "));
    if output_of(&mut context.cargo("deny --version")).is_err() {
        println!("   (cargo-deny is not installed, so the licence texts are not checked)");
        return Ok(Outcome::Passed);
    }
    run_command(&mut context.cargo("deny --all-features check bans licenses sources"))?;
    Ok(Outcome::Passed)
}

/// The rules of `deny.toml`.
struct Rules {
    allowed: Vec<String>,
    banned: Vec<String>,
    /// The folder of the repository's own packages.
    root: String,
}

fn read(context: &Context, name: &str) -> Result<String, String> {
    std::fs::read_to_string(context.root.join(name)).map_err(|error| format!("{name}: {error}"))
}

/// Returns the strings of the first list with this name.
fn strings_of(config: &str, name: &str) -> Vec<String> {
    let begin = format!("\n{name} = [");
    let list = config.split(begin.as_str()).nth(1).and_then(|rest| rest.split(']').next());
    let strings = list.unwrap_or_default().split('"').skip(1).step_by(2);
    strings.map(str::to_owned).collect()
}

/// Returns the forbidden crates of a `name v1.2.3 (...)|licence` tree, each with the reason.
fn breaches(tree: &str, rules: &Rules) -> Vec<String> {
    let mut found = Vec::new();
    for line in tree.lines().filter(|line| !line.trim().is_empty()) {
        let line = line.trim_end_matches(" (*)");
        let (package, licence) = line.split_once('|').unwrap_or((line, ""));
        let places = package.split('(').skip(1).map(|place| place.trim_end_matches([' ', ')']));
        let foreign =
            places.filter(|place| *place != "proc-macro" && !place.starts_with(&rules.root));
        found.extend(foreign.map(|place| format!("{package}: comes from {place}")));
        if !is_allowed(licence, &rules.allowed) {
            found.push(format!("{package}: licence {licence:?}"));
        }
        if rules.banned.iter().any(|banned| package.split(' ').next() == Some(banned)) {
            found.push(format!("{package}: banned"));
        }
    }
    found.sort();
    found.dedup();
    found
}

/// Returns the lines of a manifest that accept any version of a crate.
fn open_versions(manifest: &str) -> Vec<String> {
    let asks = |line: &&str| line.contains("= \"*\"") || line.contains("version = \"*");
    manifest.lines().filter(asks).map(str::to_owned).collect()
}

/// Returns whether the allowed licences satisfy a licence expression.
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

/// Parses a licence with an optional exception, or an expression in brackets.
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

    const CONFIG: &str =
        "[licenses]\nallow = [\n  \"MIT\",\n  \"Zlib\",\n]\n[bans]\ndeny = [\"evil\"]\n";

    fn rules() -> Rules {
        Rules {
            allowed: strings_of(CONFIG, "allow"),
            banned: strings_of(CONFIG, "deny"),
            root: "/here".to_owned(),
        }
    }

    #[test]
    fn licence_expressions_are_evaluated() {
        let Rules { allowed, banned, .. } = rules();
        assert_eq!((allowed.join(" "), banned.join(" ")), ("MIT Zlib".into(), "evil".into()));
        for met in ["MIT", "GPL-3.0 OR MIT", "GPL-3.0/MIT", "(GPL-3.0 OR MIT) AND Zlib"] {
            assert!(is_allowed(met, &allowed), "{met}");
        }
        for unmet in ["", "GPL-3.0", "MIT AND GPL-3.0", "MIT WITH something", "(MIT", "MIT Zlib"] {
            assert!(!is_allowed(unmet, &allowed), "{unmet}");
        }
    }

    #[test]
    fn dependencies_that_accept_any_version_are_found() {
        let manifest = "a = \"*\"\nb = { version = \"*\" }\nc = \"1.0\"\nd = { path = \"..\" }\n";
        assert_eq!(open_versions(manifest).len(), 2);
    }

    #[test]
    fn foreign_sources_licences_and_bans_are_found() {
        let good = "tracklite v0.1.0 (/here)|MIT\nserde v1.0.0 (proc-macro)|MIT OR GPL-3.0 (*)\n";
        assert_eq!(breaches(good, &rules()), [""; 0]);
        let bad = "a v1.0.0|GPL-3.0\nb v1.0.0 (https://example.org/b#1)|MIT\nevil v1.0.0|MIT\n";
        assert_eq!(breaches(bad, &rules()).len(), 3);
    }
}
