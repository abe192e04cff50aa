//! Tokens in backups, vacuumed and salvaged files, and in the bytes of the file.

use std::fs;
use std::os::unix::fs::PermissionsExt as _;

use tracklite::{Database, ErrorKind};

use super::{mode, token, with_pepper};
use crate::common::{error_kind, quiet_builder, start_run};

#[test]
fn the_file_does_not_have_the_secret_or_its_digits() {
    let database = with_pepper();
    let (_, text) = token(&database);
    let digits = text.rsplit_once('_').unwrap().1;
    let pair = |at: usize| u8::from_str_radix(&digits[at..at + 2], 16).unwrap();
    let secret: Vec<u8> = (0..digits.len()).step_by(2).map(pair).collect();
    let mut dumped = Vec::new();
    Database::dump(database.path(), &mut dumped).unwrap();
    let bytes = fs::read(database.path()).unwrap();
    for bytes in [&bytes, &dumped] {
        let contains = |part: &[u8]| bytes.windows(part.len()).any(|window| window == part);
        assert!(contains(b"ada"), "the search works");
        assert!(!contains(&secret) && !contains(&secret[..16]));
        assert!(!contains(digits.as_bytes()) && !contains(&digits.as_bytes()[..32]));
    }
    let found = database.sql("SELECT hex(hash) FROM tokens").unwrap();
    assert!(!format!("{found:?}").to_lowercase().contains(&digits[..32]));
}

#[test]
fn copies_keep_tokens_and_their_revocations() {
    let database = with_pepper();
    let (_, live) = token(&database);
    let (gone, revoked) = token(&database);
    database.revoke_token(gone.id).unwrap();
    let wanted = database.tokens().unwrap();
    let (path, pepper) = (database.path().to_owned(), database.folder().join("pepper"));
    let (backup, salvaged) = (path.with_extension("backup"), path.with_extension("salvaged"));
    fs::set_permissions(&path, fs::Permissions::from_mode(0o640)).unwrap();
    database.backup(&backup).unwrap();
    let folder = database.close();
    let report = Database::salvage(&path, &salvaged).unwrap();
    assert_eq!(report.lost, Vec::<String>::new());
    assert_eq!((mode(&backup), mode(&salvaged)), (0o600, 0o600));
    fs::set_permissions(&path, fs::Permissions::from_mode(0o600)).unwrap();
    Database::vacuum(&path).unwrap();
    for copy in [&backup, &salvaged, &path] {
        assert!(Database::verify(copy).unwrap().is_sound());
        let copy = quiet_builder().pepper_file(&pepper).open(copy).unwrap();
        assert_eq!(copy.tokens().unwrap(), wanted);
        assert!(copy.check_token(&live).is_ok());
        assert_eq!(error_kind(copy.check_token(&revoked)), ErrorKind::Unauthenticated);
    }
    drop(folder);
}

#[test]
fn a_file_without_tokens_is_copied_with_the_usual_mode() {
    let database = with_pepper();
    let (ordinary, backup) = (database.folder().join("ordinary"), database.folder().join("backup"));
    fs::write(&ordinary, "").unwrap();
    database.backup(&backup).unwrap();
    assert_eq!(mode(&backup), mode(&ordinary));
}

#[test]
fn salvage_revokes_all_tokens_if_the_chain_is_damaged() {
    let database = with_pepper();
    let (_, live) = token(&database);
    let (gone, revoked) = token(&database);
    database.revoke_token(gone.id).unwrap();
    start_run(&database, "last").finish().unwrap();
    let (path, pepper) = (database.path().to_owned(), database.folder().join("pepper"));
    let folder = database.close();
    // The damage is in the frame that revokes a token.
    let mut bytes = fs::read(&path).unwrap();
    let mut revocation = None;
    let damages = Database::frames(&path, |frame| {
        let is_it = frame.records.iter().any(|record| format!("{record:?}").contains("Revoked"));
        revocation = revocation.or(is_it.then_some(frame.position));
        Ok(())
    });
    assert_eq!(damages.unwrap(), []);
    let place = usize::try_from(revocation.unwrap()).unwrap();
    bytes[place + 30] ^= 1;
    fs::write(&path, bytes).unwrap();

    let copy = folder.join("salvaged");
    let report = Database::salvage(&path, &copy).unwrap();
    assert!(report.lost.iter().any(|lost| lost.contains("2 access tokens: revoked")), "{report:?}");
    let copy = quiet_builder().pepper_file(&pepper).open(&copy).unwrap();
    assert_eq!(copy.tokens().unwrap().len(), 2);
    assert!(!copy.has_tokens().unwrap());
    for text in [live, revoked] {
        assert_eq!(error_kind(copy.check_token(&text)), ErrorKind::Unauthenticated);
    }
    assert_eq!(copy.all_runs().unwrap().len(), 1);
}
