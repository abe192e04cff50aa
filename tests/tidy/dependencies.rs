//! Polars stays out of the way: what the sweep, the command line and the simulator are built of.

use std::process::Command;

use crate::source::{read, root};

/// The crates in a tree as `cargo tree --prefix none` prints it that belong to polars.
pub(crate) fn polars_crates(tree: &str) -> Vec<&str> {
    let mut found: Vec<&str> =
        tree.lines().filter_map(|line| line.split_whitespace().next()).collect();
    found.retain(|name| *name == "polars" || name.starts_with("polars-"));
    found.dedup();
    found
}

/// What a build of this package with these features is made of.
fn tree(features: &str) -> String {
    tree_of(&["--package", "tracklite", "--no-default-features", "--features", features])
}

fn tree_of(choice: &[&str]) -> String {
    let cargo = std::env::var("CARGO").unwrap_or_else(|_| "cargo".to_owned());
    let mut command = Command::new(cargo);
    command.current_dir(root()).args(["tree", "--locked", "--target", "all"]);
    command.args(["--prefix", "none", "--edges", "normal,build,dev"]).args(choice);
    let output = command.output().expect("cargo can be run");
    let errors = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success(), "cargo tree failed: {errors}");
    String::from_utf8_lossy(&output.stdout).into_owned()
}

#[test]
fn polars_is_found_in_a_tree_that_has_it() {
    let sample = "tracklite v0.1.0 (/somewhere)\nserde v1.0.1\npolars v0.53.0\n\
                  polars-arrow v0.53.0 (*)\nnot-polars v1.0.0\n";
    assert_eq!(polars_crates(sample), ["polars", "polars-arrow"]);
}

#[test]
fn builds_without_default_features_have_no_polars() {
    for features in ["", "cli", "cli,capture", "internals", "cli,internals"] {
        let tree = tree(features);
        assert!(tree.contains("tracklite v"), "this is no tree: {tree}");
        assert!(features != "cli" || tree.contains("\nclap v"), "the tree ignores features");
        assert_eq!(polars_crates(&tree), [""; 0], "with features {features:?}");
    }
}

#[test]
fn fuzz_targets_have_no_polars() {
    let tree = tree_of(&["--manifest-path", "fuzz/Cargo.toml"]);
    assert!(tree.contains("tracklite-fuzz v") && tree.contains("\ntracklite v"), "{tree}");
    assert_eq!(polars_crates(&tree), [""; 0]);
}

/// The `cargo …` aliases that this text does not keep from the default features.
fn heavy_aliases(config: &str) -> Vec<&str> {
    let lines = config.lines().filter_map(|line| line.split_once(" = "));
    let builds = lines.filter(|(_, command)| command.starts_with("\"run "));
    let heavy = builds.filter(|(_, command)| {
        !command.contains("--no-default-features") && !command.contains("--package xtask")
    });
    heavy.map(|(name, _)| name).collect()
}

#[test]
fn aliases_build_without_default_features() {
    assert_eq!(heavy_aliases("[alias]\nsweep = \"run --example sweep\"\n"), ["sweep"]);
    let config = read(&root().join(".cargo/config.toml"));
    assert!(config.contains("sweep = ") && config.contains("xtask = "), "an alias is missing");
    assert_eq!(heavy_aliases(&config), [""; 0]);
}

/// The names of the `[[kind]]` targets of a manifest.
fn targets<'a>(manifest: &'a str, kind: &str) -> Vec<&'a str> {
    let heading = format!("[[{kind}]]");
    let after = manifest.split(&heading).skip(1);
    after.filter_map(|text| text.split("name = \"").nth(1)?.split('"').next()).collect()
}

#[test]
fn each_test_target_is_run_by_the_test_command() {
    assert_eq!(targets("[[test]]\nname = \"a\"\n[[bench]]\nname = \"b\"\n", "test"), ["a"]);
    let steps = read(&root().join("xtask/src/steps.rs"));
    let manifest = read(&root().join("Cargo.toml"));
    let named = targets(&manifest, "test");
    assert!(named.contains(&"tidy"), "the manifest has no tests: {named:?}");
    for name in named {
        assert!(steps.contains(&format!("\"{name}\"")), "no step of xtask runs {name:?}");
    }
}
