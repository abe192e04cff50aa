//! Tokens that another process creates and revokes, which runs this test binary again.

use std::env;
use std::io::{BufRead as _, BufReader, Write as _};
use std::process::{Command, Stdio};

use tracklite::token::TokenId;
use tracklite::{Database, ErrorKind};

use super::with_pepper;
use crate::common::error_kind;

const FILE: &str = "TRACKLITE_TOKENS_FILE";

/// Runs as a helper process and does nothing otherwise. Creates and revokes a token for each line.
#[test]
fn helper_that_changes_tokens() {
    let Some(file) = env::var_os(FILE) else { return };
    let database = Database::open(file).unwrap();
    for line in std::io::stdin().lines() {
        match line.unwrap().as_str() {
            "create" => {
                let (_, text) = database.new_token().user("other").create().unwrap();
                println!("\ntoken {}", text.as_str());
            }
            id => {
                database.revoke_token(id.parse().unwrap()).unwrap();
                println!("\ntoken revoked");
            }
        }
    }
}

#[test]
fn a_change_of_another_process_is_seen_at_once() {
    let database = with_pepper();
    let mut command = Command::new(env::current_exe().unwrap());
    command.args(["--exact", "tokens::processes::helper_that_changes_tokens", "--nocapture"]);
    command.env(FILE, database.path()).env("XDG_CACHE_HOME", database.folder().path());
    command.env("TRACKLITE_PEPPER_FILE", database.folder().join("pepper"));
    let mut helper = command.stdin(Stdio::piped()).stdout(Stdio::piped()).spawn().unwrap();
    let mut orders = helper.stdin.take().unwrap();
    let answers = BufReader::new(helper.stdout.take().unwrap()).lines();
    let mut answers =
        answers.filter_map(|line| Some(line.ok()?.strip_prefix("token ")?.to_owned()));
    for _ in 0..20 {
        writeln!(orders, "create").unwrap();
        let text = answers.next().unwrap();
        let info = database.check_token(&text).unwrap();
        assert_eq!(info.user, "other");
        let id: TokenId = info.id;
        writeln!(orders, "{id}").unwrap();
        assert_eq!(answers.next().unwrap(), "revoked");
        assert_eq!(error_kind(database.check_token(&text)), ErrorKind::Unauthenticated);
        assert!(!database.has_tokens().unwrap());
    }
    drop(orders);
    assert!(helper.wait().unwrap().success());
}
