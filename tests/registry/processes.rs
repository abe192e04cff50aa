//! Concurrent moves of one alias by several processes, each of which runs this test binary again.

use std::env;
use std::process::{Command, Stdio};

use tracklite::{Database, ErrorKind};

use super::with_versions;
use crate::common::TestDatabase;

const FILE: &str = "TRACKLITE_REGISTRY_FILE";
const VERSION: &str = "TRACKLITE_REGISTRY_VERSION";
const ROUNDS: u64 = 30;

/// Runs as one of several helper processes and does nothing otherwise. Tries to create each alias
/// for its own version, and registers a version after each attempt.
#[test]
fn helper_that_moves_aliases() {
    let (Some(file), Ok(version)) = (env::var_os(FILE), env::var(VERSION)) else { return };
    let version: u64 = version.parse().unwrap();
    let database = Database::open(&file).unwrap();
    let model = database.registry().model("churn").unwrap();
    let mut won = 0;
    for round in 0..ROUNDS {
        match model.move_alias(&format!("alias-{round}"), None, version) {
            Ok(()) => won += 1,
            Err(error) => assert_eq!(error.kind(), ErrorKind::Conflict, "{error}"),
        }
        model.new_version("s3://m").tag("by", version).create().unwrap();
    }
    println!("won {won}");
}

#[test]
fn one_of_several_processes_wins_each_alias() {
    let database = TestDatabase::new();
    let model = with_versions(&database.registry(), "churn", 3);
    let (path, cache) = (database.path().to_owned(), database.folder().path());
    let start = |version: u64| {
        let mut command = Command::new(env::current_exe().unwrap());
        command.args(["--exact", "registry::processes::helper_that_moves_aliases", "--nocapture"]);
        command.env(FILE, &path).env(VERSION, version.to_string());
        command.env("XDG_CACHE_HOME", cache);
        command.stdout(Stdio::piped()).stderr(Stdio::inherit()).spawn().unwrap()
    };
    let movers: Vec<_> = (1..=3).map(start).collect();
    let mut won = 0;
    for mover in movers {
        let output = mover.wait_with_output().unwrap();
        let text = String::from_utf8_lossy(&output.stdout).into_owned();
        assert!(output.status.success(), "{text}");
        let count = text.split("won ").nth(1).and_then(|rest| rest.split_whitespace().next());
        won += count.unwrap().parse::<u64>().unwrap();
    }
    assert_eq!(won, ROUNDS, "exactly one process must create each alias");
    let info = model.info().unwrap();
    assert_eq!(info.aliases.len() as u64, ROUNDS);
    let numbers: Vec<u64> = model.versions().unwrap().iter().map(|info| info.version).collect();
    assert_eq!(numbers, (1..=3 + 3 * ROUNDS).collect::<Vec<u64>>());
    assert!(Database::verify(&path).unwrap().is_sound());
}
