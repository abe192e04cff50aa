//! The records of access tokens in the golden file, and their expected effect.

use std::path::Path;
use std::sync::Arc;

use tracklite::internals::record::*;
use tracklite::internals::storage::MemoryFile;
use tracklite::token::TokenId;
use tracklite::{Database, ErrorKind, IndexPlace};

use super::writer::TIME;

const LIVE: TokenId = TokenId::from_bits(0x1111_2222_3333_4444);
const REVOKED: TokenId = TokenId::from_bits(0x5555_6666_7777_8888);
pub const PEPPER: [u8; 32] = [0x5a; 32];

/// Computes the keyed hash from its definition in `docs/format.md`, independently of the library.
fn hash(token: TokenId) -> [u8; 32] {
    let context = "tracklite access tokens: hash of id and secret, version 1";
    let key = blake3::derive_key(context, &PEPPER);
    let mut bytes = token.to_bits().to_le_bytes().to_vec();
    bytes.extend(secret());
    *blake3::keyed_hash(&key, &bytes).as_bytes()
}

fn secret() -> [u8; 32] {
    std::array::from_fn(|place| place as u8)
}

fn text(token: TokenId) -> String {
    let digits: String = secret().iter().map(|byte| format!("{byte:02x}")).collect();
    format!("tlk_{token}_{digits}")
}

/// Returns the frames in order.
pub fn frames() -> Vec<Vec<Record>> {
    let created = |token, comment: Option<&str>, expires| TokenCreated {
        token,
        hash: hash(token),
        user: "ada".to_owned(),
        comment: comment.map(str::to_owned),
        scopes: vec!["write".to_owned()],
        expires,
        time: TIME,
    };
    vec![
        vec![created(LIVE, Some("ci"), Some(i64::MAX)).into(), created(REVOKED, None, None).into()],
        vec![TokenRevoked { token: REVOKED, time: TIME + 1 }.into()],
    ]
}

/// Reads and checks the tokens through the public API.
pub fn check(file: &MemoryFile) {
    let folder = crate::support::scratch();
    let pepper = folder.path().join("pepper");
    let database = Database::builder().index(IndexPlace::InMemory).background(false);
    let database = database.read_only(true).pepper_file(&pepper);
    let database = database.open_storage(Path::new("memory"), Arc::new(file.open())).unwrap();
    write_private(&pepper);
    let tokens = database.tokens().unwrap();
    let [live, revoked] = &tokens[..] else { panic!("{tokens:?}") };
    assert_eq!((live.id, live.comment.as_deref()), (LIVE, Some("ci")));
    assert_eq!((live.user.as_str(), live.scopes.join(",").as_str()), ("ada", "write"));
    assert_eq!((live.created.as_nanos(), live.revoked), (TIME, None));
    assert_eq!(live.expires.map(tracklite::Timestamp::as_nanos), Some(i64::MAX));
    assert_eq!((revoked.id, revoked.comment.as_deref()), (REVOKED, None));
    assert_eq!(revoked.revoked.map(tracklite::Timestamp::as_nanos), Some(TIME + 1));
    assert_eq!(&database.check_token(&text(LIVE)).unwrap(), live);
    let error = database.check_token(&text(REVOKED)).unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Unauthenticated);
}

/// Writes the pepper to a file that only its owner can access.
pub fn write_private(path: &Path) {
    use std::io::Write as _;
    use std::os::unix::fs::OpenOptionsExt as _;
    let mut options = std::fs::OpenOptions::new();
    let mut file = options.write(true).create_new(true).mode(0o600).open(path).unwrap();
    file.write_all(&PEPPER).unwrap();
}
