//! Webhooks in backups, vacuumed and salvaged files, and in the bytes of the file.

use std::fs;

use tracklite::Database;
use tracklite::webhook::WebhookStatus;

use super::{URL, created, names, webhook, with_pepper};
use crate::common::quiet_builder;

const SECRET: &str = "a secret of some length";

#[test]
fn the_file_has_no_secret() {
    let database = with_pepper();
    let new = database.webhooks().new_webhook("ci", URL).event(created()).secret(SECRET);
    new.create().unwrap();
    let mut dumped = Vec::new();
    Database::dump(database.path(), &mut dumped).unwrap();
    let bytes = fs::read(database.path()).unwrap();
    for bytes in [&bytes, &dumped] {
        let contains =
            |part: &str| bytes.windows(part.len()).any(|part_of| part_of == part.as_bytes());
        assert!(contains(URL), "the search works");
        assert!(!contains(SECRET) && !contains(&SECRET[..8]) && !contains(&SECRET[15..]));
    }
}

#[test]
fn copies_keep_webhooks_without_deleted_ones() {
    let database = with_pepper();
    let webhooks = database.webhooks();
    let new = webhooks.new_webhook("kept", URL).event(created()).secret(SECRET);
    let kept = new.create().unwrap();
    let kept = webhooks.update(kept.id).status(WebhookStatus::Disabled).apply().unwrap();
    let gone = webhooks.new_webhook("gone", "https://gone.example.com").event(created());
    let gone = gone.create().unwrap();
    webhooks.update(gone.id).description(Some("x")).apply().unwrap();
    webhooks.delete(gone.id).unwrap();
    let (path, pepper) = (database.path().to_owned(), database.folder().join("pepper"));
    let (backup, salvaged) = (path.with_extension("backup"), path.with_extension("salvaged"));
    database.backup(&backup).unwrap();
    drop(webhooks);
    let folder = database.close();
    assert_eq!(Database::salvage(&path, &salvaged).unwrap().lost, Vec::<String>::new());
    Database::vacuum(&path).unwrap();
    for copy in [&backup, &salvaged, &path] {
        assert!(Database::verify(copy).unwrap().is_sound());
        let bytes = fs::read(copy).unwrap();
        let is_left = bytes.windows(4).any(|window| window == b"gone");
        assert!(!is_left, "a copy has a deleted webhook");
        let copy = quiet_builder().pepper_file(&pepper).open(copy).unwrap();
        assert_eq!(copy.webhooks().list(10, "").unwrap().items, std::slice::from_ref(&kept));
        let secret = copy.webhooks().secret(kept.id).unwrap().unwrap();
        assert_eq!(secret.as_str(), SECRET);
    }
    drop(folder);
}

#[test]
fn salvage_disables_webhooks_if_the_chain_is_damaged() {
    let database = with_pepper();
    let webhooks = database.webhooks();
    webhook(&webhooks, "kept");
    let gone = webhook(&webhooks, "gone");
    webhooks.delete(gone.id).unwrap();
    webhook(&webhooks, "last");
    drop(webhooks);
    let path = database.path().to_owned();
    let folder = database.close();
    let mut deletion = None;
    let damages = Database::frames(&path, |frame| {
        let is_it = frame.records.iter().any(|record| format!("{record:?}").contains("WebhookDel"));
        deletion = deletion.or(is_it.then_some(frame.position));
        Ok(())
    });
    assert_eq!(damages.unwrap(), []);
    let mut bytes = fs::read(&path).unwrap();
    bytes[usize::try_from(deletion.unwrap()).unwrap() + 30] ^= 1;
    fs::write(&path, bytes).unwrap();

    let copy = folder.join("salvaged");
    let report = Database::salvage(&path, &copy).unwrap();
    assert!(report.lost.iter().any(|lost| lost.contains("3 webhooks: disabled")), "{report:?}");
    let copy = quiet_builder().open(&copy).unwrap();
    let found = copy.webhooks().list(10, "").unwrap().items;
    assert_eq!(names(&found), ["last", "gone", "kept"]);
    assert!(found.iter().all(|info| info.status == WebhookStatus::Disabled));
}
