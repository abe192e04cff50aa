//! The file of the pepper.

use std::env;
use std::fs;
use std::os::unix::fs::PermissionsExt as _;
use std::path::Path;
use std::process::Command;
use std::thread;

use tracklite::{Database, ErrorKind};

use super::{mode, token, with_pepper};
use crate::common::{TestDatabase, TestFolder, builder, error_kind, error_message, quiet_builder};

fn set_mode(path: &Path, mode: u32) {
    fs::set_permissions(path, fs::Permissions::from_mode(mode)).unwrap();
}

#[test]
fn the_first_token_creates_a_private_pepper() {
    let folder = TestFolder::new();
    let pepper = folder.join("config/tracklite/pepper");
    let database = TestDatabase::build_in(folder, quiet_builder().pepper_file(&pepper));
    assert_eq!(database.tokens().unwrap(), []);
    assert!(!pepper.exists());
    token(&database);
    assert_eq!((mode(&pepper), fs::read(&pepper).unwrap().len()), (0o600, 32));
    assert_eq!(mode(pepper.parent().unwrap()), 0o700);
    let before = fs::read(&pepper).unwrap();
    token(&database);
    assert_eq!(fs::read(&pepper).unwrap(), before);
    assert_eq!(fs::read_dir(pepper.parent().unwrap()).unwrap().count(), 1, "nothing is left over");
}

#[test]
fn without_the_pepper_no_token_is_accepted() {
    let database = with_pepper();
    let (info, text) = token(&database);
    let path = database.path().to_owned();
    let folder = database.close();
    let elsewhere = folder.join("elsewhere");
    let open = || quiet_builder().pepper_file(&elsewhere).open(&path).unwrap();
    let database = open();
    let message = error_message(database.check_token(&text), ErrorKind::InvalidState);
    assert!(message.contains("TRACKLITE_PEPPER_FILE"), "{message}");
    assert!(!elsewhere.exists(), "a check must not create a pepper");
    // A malformed token is refused before the pepper is read.
    assert_eq!(error_kind(database.check_token("tlk_")), ErrorKind::Unauthenticated);
    // Another user's pepper is as good as a wrong token.
    let (_, own) = token(&database);
    assert_eq!(error_kind(database.check_token(&text)), ErrorKind::Unauthenticated);
    assert!(database.check_token(&own).is_ok());
    assert!(database.has_tokens().unwrap());
    database.revoke_token(info.id).unwrap();
}

#[test]
fn a_bad_pepper_is_refused() {
    let database = with_pepper();
    let (_, text) = token(&database);
    let (folder, pepper) = (database.close(), "pepper");
    let pepper = folder.join(pepper);
    let fails = |wanted: &str| {
        let database = builder().pepper_file(&pepper).open(folder.file()).unwrap();
        let message = error_message(database.check_token(&text), ErrorKind::InvalidState);
        assert!(message.contains(wanted), "{message}");
        let message = error_message(database.new_token().create(), ErrorKind::InvalidState);
        assert!(message.contains(wanted), "{message}");
    };
    for bad in [0o640, 0o604, 0o620, 0o601] {
        set_mode(&pepper, bad);
        fails(&format!("its mode is {bad:o}, make it 600"));
    }
    set_mode(&pepper, 0o600);
    fs::write(&pepper, [1; 31]).unwrap();
    fails("this one has 31");
    fs::write(&pepper, [1; 33]).unwrap();
    fails("this one has more");
    fs::write(&pepper, [1; 32]).unwrap();
    set_mode(&pepper, 0o400);
    let database = builder().pepper_file(&pepper).open(folder.file()).unwrap();
    assert_eq!(error_kind(database.check_token(&text)), ErrorKind::Unauthenticated);
    assert!(database.new_token().create().is_ok());
}

#[test]
fn threads_that_create_the_pepper_at_once_agree() {
    let folder = TestFolder::in_memory();
    let pepper = folder.join("pepper");
    let texts: Vec<(usize, String)> = thread::scope(|scope| {
        let create = |place: usize| {
            let builder = quiet_builder().pepper_file(&pepper);
            let path = folder.join(&format!("{place}.tracklite"));
            scope.spawn(move || (place, token(&builder.open(path).unwrap()).1))
        };
        let threads: Vec<_> = (0..8).map(create).collect();
        threads.into_iter().map(|thread| thread.join().unwrap()).collect()
    });
    for (place, text) in texts {
        let path = folder.join(&format!("{place}.tracklite"));
        let database = builder().pepper_file(&pepper).open(path).unwrap();
        assert!(database.check_token(&text).is_ok(), "{place}");
    }
}

const FILE: &str = "TRACKLITE_PEPPER_TEST";

/// Runs in a process with other variables and does nothing otherwise. Creates a token.
#[test]
fn helper_that_creates_a_token() {
    let Some(file) = env::var_os(FILE) else { return };
    let database = Database::open(file).unwrap();
    match database.new_token().create() {
        Ok(_) => println!("created"),
        Err(error) => println!("failed: {error}"),
    }
}

#[test]
fn the_environment_decides_where_the_pepper_is() {
    let folder = TestFolder::new();
    Database::create(folder.file()).unwrap().close().unwrap();
    let run = |variables: &[(&str, &str)]| {
        let name = "tokens::pepper::helper_that_creates_a_token";
        let mut command = Command::new(env::current_exe().unwrap());
        command.args(["--exact", name, "--nocapture"]).env(FILE, folder.file());
        command.env("XDG_CACHE_HOME", folder.join("cache"));
        for name in ["TRACKLITE_PEPPER_FILE", "XDG_CONFIG_HOME", "HOME"] {
            command.env_remove(name);
        }
        let paths = variables.iter().map(|(name, path)| (name, folder.join(path)));
        let output = command.envs(paths).output().unwrap();
        assert!(output.status.success());
        String::from_utf8(output.stdout).unwrap()
    };
    let text = run(&[]);
    assert!(text.contains("failed: there is no place for the pepper"), "{text}");
    assert!(run(&[("HOME", "user")]).contains("created"));
    assert_eq!(mode(&folder.join("user/.config/tracklite/pepper")), 0o600);
    assert!(run(&[("HOME", "user"), ("XDG_CONFIG_HOME", "config")]).contains("created"));
    assert_eq!(mode(&folder.join("config/tracklite/pepper")), 0o600);
    let all = [("HOME", "u"), ("XDG_CONFIG_HOME", "c"), ("TRACKLITE_PEPPER_FILE", "own")];
    assert!(run(&all).contains("created"));
    assert_eq!(mode(&folder.join("own")), 0o600);
    assert!(!folder.join("c").exists() && !folder.join("u").exists());
}
