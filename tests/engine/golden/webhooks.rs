//! The records of webhooks in the golden file, and their expected effect.

use std::path::Path;
use std::sync::Arc;

use tracklite::internals::record::*;
use tracklite::internals::storage::MemoryFile;
use tracklite::webhook::{WebhookId, WebhookStatus};
use tracklite::{Database, IndexPlace};

use super::tokens::{PEPPER, write_private};
use super::writer::TIME;

const KEPT: WebhookId = WebhookId::from_bits(0x8888);
const DELETED: WebhookId = WebhookId::from_bits(0x9999);
const SECRET: &[u8] = b"a golden secret";

/// Seals a secret by its definition in `docs/format.md`, independently of the library.
fn sealed() -> Vec<u8> {
    let key = |purpose| blake3::derive_key(purpose, &PEPPER);
    let nonce = [0x3c; 32];
    let mut stream = [0; SECRET.len()];
    let mut hasher =
        blake3::Hasher::new_keyed(&key("tracklite webhook secrets: stream, version 1"));
    hasher.update(&nonce).finalize_xof().fill(&mut stream);
    let mut sealed = nonce.to_vec();
    sealed.extend(SECRET.iter().zip(stream).map(|(one, other)| one ^ other));
    let mut hasher = blake3::Hasher::new_keyed(&key("tracklite webhook secrets: tag, version 1"));
    hasher.update(&KEPT.to_bits().to_le_bytes()).update(&sealed);
    sealed.extend(hasher.finalize().as_bytes());
    sealed
}

/// Returns the frames in order.
pub fn frames() -> Vec<Vec<Record>> {
    let created = |webhook, secret| WebhookCreated {
        webhook,
        name: "ci".to_owned(),
        url: "https://old.example.com".to_owned(),
        events: vec!["model_version.created".to_owned()],
        description: Some("old".to_owned()),
        status: WebhookStatus::Active,
        secret,
        time: TIME,
    };
    let updated = WebhookUpdated {
        webhook: KEPT,
        name: Some("deploy".to_owned()),
        url: Some("https://example.com/hook".to_owned()),
        events: Some(vec!["a_later_event.seen".to_owned(), "model_version_tag.set".to_owned()]),
        description: Some(None),
        status: Some(WebhookStatus::Disabled),
        secret: Some(Some(sealed())),
        time: TIME + 5,
    };
    vec![
        vec![created(KEPT, None).into(), created(DELETED, Some(vec![0; 64])).into()],
        vec![updated.into()],
        vec![WebhookDeleted { webhook: DELETED, time: TIME + 6 }.into()],
    ]
}

/// Reads and checks the webhooks through the public API.
pub fn check(file: &MemoryFile) {
    let folder = crate::support::scratch();
    let pepper = folder.path().join("pepper");
    write_private(&pepper);
    let database = Database::builder().index(IndexPlace::InMemory).background(false);
    let database = database.read_only(true).pepper_file(&pepper);
    let database = database.open_storage(Path::new("memory"), Arc::new(file.open())).unwrap();
    let webhooks = database.webhooks();
    let all = webhooks.list(10, "").unwrap().items;
    let [info] = &all[..] else { panic!("{all:?}") };
    assert_eq!((info.id, info.name.as_str()), (KEPT, "deploy"));
    assert_eq!(
        (info.url.as_str(), info.status),
        ("https://example.com/hook", WebhookStatus::Disabled)
    );
    assert_eq!((&info.description, info.has_secret), (&None, true));
    assert_eq!((info.created.as_nanos(), info.updated.as_nanos()), (TIME, TIME + 5));
    let events: Vec<String> = info.events.iter().map(ToString::to_string).collect();
    assert_eq!(events, ["model_version_tag.set"]);
    let secret = webhooks.secret(KEPT).unwrap().unwrap();
    assert_eq!(secret.as_str().as_bytes(), SECRET);
}
