//! `tracklite token`.

use std::os::unix::fs::PermissionsExt as _;
use std::path::PathBuf;
use std::process::Output;

use tracklite::{Database, ErrorKind, IndexPlace};

use super::{Sample, errors, failure_of, program};

const WARNING: &str = "the token is shown only now: store it in a safe place\n";

fn pepper(sample: &Sample) -> PathBuf {
    sample.folder.join("config/tracklite/pepper")
}

/// Runs `tracklite token COMMAND FILE ARGUMENTS` with an own configuration folder.
fn token(sample: &Sample, command: &str, arguments: &[&str]) -> Output {
    let mut program = program(sample.folder.path());
    program.env("XDG_CONFIG_HOME", sample.folder.join("config"));
    program.env_remove("TRACKLITE_PEPPER_FILE");
    program.args(["token", command]).arg(&sample.file).args(arguments);
    program.output().expect("the program starts")
}

fn print(sample: &Sample, command: &str, arguments: &[&str], errors_wanted: &str) -> String {
    let output = token(sample, command, arguments);
    assert_eq!((errors(&output).as_str(), output.status.code()), (errors_wanted, Some(0)));
    String::from_utf8(output.stdout).expect("the output is UTF-8")
}

fn json(sample: &Sample, command: &str, arguments: &[&str], warning: &str) -> serde_json::Value {
    let printed = print(sample, command, &[arguments, &["--json"]].concat(), warning);
    serde_json::from_str(&printed).unwrap_or_else(|error| panic!("{error}: {printed}"))
}

fn open(sample: &Sample) -> Database {
    let builder = Database::builder().index(IndexPlace::InMemory).pepper_file(pepper(sample));
    builder.open(&sample.file).expect("the file can be opened")
}

#[test]
fn create_prints_a_token_that_is_accepted() {
    let sample = Sample::new();
    let printed = print(&sample, "create", &["--user", "ada", "--scope", "write"], WARNING);
    let text = printed.strip_suffix('\n').expect("the token is one line");
    let info = open(&sample).check_token(text).expect("the token is good");
    assert_eq!((info.user.as_str(), info.scopes.join(",").as_str()), ("ada", "write"));
    assert_eq!((info.comment, info.expires), (None, None));
    let mode = std::fs::metadata(pepper(&sample)).expect("the pepper exists").permissions().mode();
    assert_eq!(mode & 0o777, 0o600);
}

#[test]
fn ls_lists_tokens_without_secrets_and_revoke_ends_one() {
    let sample = Sample::new();
    assert_eq!(print(&sample, "ls", &[], ""), "no tokens\n");
    let made = json(&sample, "create", &["--comment", "ci", "--expires", "30d"], WARNING);
    let (id, value) = (made["token_id"].as_str().unwrap(), made["token_value"].as_str().unwrap());
    let lifetime = made["expiry_time"].as_i64().unwrap() - made["creation_time"].as_i64().unwrap();
    assert_eq!(lifetime, 30 * 24 * 3600 * 1000);
    let secret = value.rsplit_once('_').unwrap().1;

    let listed = print(&sample, "ls", &[], "");
    assert!(listed.contains(id) && listed.contains("active") && listed.contains("ci"), "{listed}");
    assert!(!listed.contains(secret), "{listed}");
    let listed = json(&sample, "ls", &[], "");
    assert_eq!(
        (&listed[0]["token_id"], &listed[0]["state"]),
        (&made["token_id"], &"active".into())
    );
    assert!(!listed.to_string().contains(secret), "{listed}");

    let wanted = format!("token {id} is revoked\n");
    assert_eq!(print(&sample, "revoke", &[id], ""), wanted);
    let again = json(&sample, "revoke", &[id], "");
    assert_eq!(again["state"], "revoked");
    assert_eq!(json(&sample, "ls", &[], "")[0], again);
    let error = open(&sample).check_token(value).expect_err("the token is revoked");
    assert_eq!(error.kind(), ErrorKind::Unauthenticated);
}

#[test]
fn bad_arguments_are_errors() {
    let sample = Sample::new();
    let failure = |command, arguments: &[&str]| failure_of(&token(&sample, command, arguments));
    let message = failure("create", &["--scope", "root"]);
    assert!(message.contains("expected read, write or admin"), "{message}");
    let message = failure("create", &["--expires", "0s"]);
    assert!(message.contains("use a later time"), "{message}");
    let message = failure("create", &["--expires", "soon"]);
    assert!(message.contains("for example 30d"), "{message}");
    let message = failure("create", &["--user", " "]);
    assert!(message.contains("it is blank"), "{message}");
    let message = failure("revoke", &["0123456789abcdef"]);
    assert!(message.contains("there is no token 0123456789abcdef"), "{message}");
    let message = failure("revoke", &["tlk_0123456789abcdef_secret"]);
    assert!(message.contains("16 hexadecimal digits") && !message.contains("secret"), "{message}");
    assert!(!pepper(&sample).exists(), "a failed command must not create the pepper");
}

#[test]
fn a_pepper_that_others_can_read_is_refused() {
    let sample = Sample::new();
    print(&sample, "create", &[], WARNING);
    let readable = std::fs::Permissions::from_mode(0o640);
    std::fs::set_permissions(pepper(&sample), readable).expect("the mode can be changed");
    let message = failure_of(&token(&sample, "create", &[]));
    assert!(message.contains("its mode is 640, make it 600"), "{message}");
}
