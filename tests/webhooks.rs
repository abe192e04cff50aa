//! Webhooks: their fields, pages, secrets and copies.

#[path = "webhooks/copies.rs"]
mod copies;

use tracklite::webhook::{
    WebhookEvent, WebhookId, WebhookInfo, WebhookStatus, WebhookUrls, Webhooks,
};
use tracklite::{Database, ErrorKind};

use crate::common::{TestDatabase, TestFolder, error_kind, error_message, quiet_builder};

const URL: &str = "https://example.com/hook";

/// Creates a database whose pepper is beside it.
fn with_pepper() -> TestDatabase {
    let folder = TestFolder::in_memory();
    let builder = quiet_builder().pepper_file(folder.join("pepper"));
    TestDatabase::build_in(folder, builder)
}

fn event(text: &str) -> WebhookEvent {
    text.parse().unwrap()
}

fn created() -> WebhookEvent {
    event("model_version.created")
}

fn webhook(webhooks: &Webhooks, name: &str) -> WebhookInfo {
    webhooks.new_webhook(name, URL).event(created()).create().unwrap()
}

fn names(found: &[WebhookInfo]) -> Vec<&str> {
    found.iter().map(|info| info.name.as_str()).collect()
}

#[test]
fn a_webhook_keeps_all_its_fields() {
    let database = with_pepper();
    let webhooks = database.webhooks();
    let new = webhooks.new_webhook("ci", URL).event(event("prompt.created")).event(created());
    let new = new.event(created()).description("for the CI").status(WebhookStatus::Disabled);
    let info = new.secret("s\u{e9}cret").create().unwrap();
    assert_eq!((info.name.as_str(), info.url.as_str()), ("ci", URL));
    assert_eq!(info.events, [created(), event("prompt.created")]);
    assert_eq!(info.description.as_deref(), Some("for the CI"));
    assert_eq!((info.status, info.has_secret), (WebhookStatus::Disabled, true));
    assert_eq!(info.created, info.updated);
    assert_eq!(webhooks.secret(info.id).unwrap().unwrap().as_str(), "s\u{e9}cret");
    let database = database.reopen();
    assert_eq!(database.webhooks().get(info.id).unwrap(), info);
    let secret = database.webhooks().secret(info.id).unwrap().unwrap();
    assert_eq!(
        (secret.as_str(), format!("{secret:?}").as_str()),
        ("s\u{e9}cret", "WebhookSecret(..)")
    );
}

#[test]
fn an_update_changes_only_the_given_fields() {
    let database = with_pepper();
    let webhooks = database.webhooks();
    let before = webhooks.new_webhook("ci", URL).event(created()).secret("one").description("a");
    let before = before.create().unwrap();
    let after = webhooks.update(before.id).status(WebhookStatus::Disabled).apply().unwrap();
    assert!(after.updated > before.updated);
    let mut wanted = before.clone();
    (wanted.status, wanted.updated) = (WebhookStatus::Disabled, after.updated);
    assert_eq!(after, wanted);
    let tag = event("model_version_tag.set");
    let update = webhooks.update(before.id).name("cd").url("https://example.com/2").events([tag]);
    let update = update.description(None).secret(Some("two")).status(WebhookStatus::Active);
    let after = update.apply().unwrap();
    assert_eq!((after.name.as_str(), after.url.as_str()), ("cd", "https://example.com/2"));
    assert_eq!((after.events.as_slice(), after.description.as_deref()), (&[tag][..], None));
    assert_eq!((after.status, after.created), (WebhookStatus::Active, before.created));
    assert_eq!(webhooks.secret(before.id).unwrap().unwrap().as_str(), "two");
    assert!(webhooks.list_for(created(), 10, "").unwrap().items.is_empty());
    assert!(!webhooks.update(before.id).secret(None).apply().unwrap().has_secret);
    assert_eq!(webhooks.secret(before.id).unwrap(), None);
    webhooks.update(before.id).secret(Some("three")).apply().unwrap();
    assert!(!webhooks.update(before.id).secret(Some("")).apply().unwrap().has_secret);
}

#[test]
fn a_deleted_webhook_is_gone() {
    let database = with_pepper();
    let webhooks = database.webhooks();
    let (gone, kept) = (webhook(&webhooks, "gone"), webhook(&webhooks, "kept"));
    webhooks.delete(gone.id).unwrap();
    for id in [gone.id, WebhookId::from_bits(7)] {
        let text = format!("Webhook with ID {id} not found.");
        let messages = [
            error_message(webhooks.get(id), ErrorKind::NotFound),
            error_message(webhooks.delete(id), ErrorKind::NotFound),
            error_message(webhooks.secret(id), ErrorKind::NotFound),
            error_message(webhooks.update(id).name("x").apply(), ErrorKind::NotFound),
        ];
        assert!(messages.iter().all(|message| message.ends_with(&text)), "{messages:?}");
    }
    assert_eq!(webhooks.list(10, "").unwrap().items, std::slice::from_ref(&kept));
    assert_eq!(webhooks.list_for(created(), 10, "").unwrap().items, [kept]);
}

#[test]
fn lists_have_pages_with_the_newest_first() {
    let database = with_pepper();
    let webhooks = database.webhooks();
    for place in 0..7 {
        let of = if place % 2 == 0 { created() } else { event("prompt.created") };
        webhooks.new_webhook(format!("w{place}"), URL).event(of).create().unwrap();
    }
    let first = webhooks.list(3, "").unwrap();
    assert_eq!(names(&first.items), ["w6", "w5", "w4"]);
    let second = webhooks.list(3, &first.next_page_token.unwrap()).unwrap();
    assert_eq!(names(&second.items), ["w3", "w2", "w1"]);
    let third = webhooks.list(3, second.next_page_token.as_ref().unwrap()).unwrap();
    assert_eq!((names(&third.items), third.next_page_token), (vec!["w0"], None));
    let even = webhooks.list_for(created(), 4, "").unwrap();
    assert_eq!((names(&even.items), even.next_page_token), (vec!["w6", "w4", "w2", "w0"], None));
    let token = second.next_page_token.unwrap();
    assert_eq!(error_kind(webhooks.list_for(created(), 3, &token)), ErrorKind::InvalidInput);
    assert_eq!(error_kind(webhooks.list(3, "nonsense")), ErrorKind::InvalidInput);
    for most in [0, 1001] {
        let message = error_message(webhooks.list(most, ""), ErrorKind::InvalidInput);
        assert!(message.ends_with("max_results must be between 1 and 1000."), "{message}");
    }
}

#[test]
fn bad_fields_are_refused() {
    let database = with_pepper();
    let webhooks = database.webhooks();
    let new = || webhooks.new_webhook("ci", URL).event(created());
    let long = "x".repeat(1001);
    let created = webhook(&webhooks, "old");
    let update = || webhooks.update(created.id);
    let bad = [
        webhooks.new_webhook("", URL).event(event("prompt.created")).create(),
        webhooks.new_webhook("ci", "http://example.com").event(event("prompt.created")).create(),
        webhooks.new_webhook("ci", URL).create(),
        new().description(&long).create(),
        new().secret(&long).create(),
        update().name("a b").apply(),
        update().url("https://ada:secret@example.com").apply(),
        update().events([]).apply(),
        update().description(Some(&long)).apply(),
        update().secret(Some(&long)).apply(),
    ];
    for result in bad {
        assert_eq!(error_kind(result), ErrorKind::InvalidInput);
    }
    assert_eq!(webhooks.list(10, "").unwrap().items, [created]);
    assert!(!database.folder().join("pepper").exists());
}

#[test]
fn an_address_without_encryption_needs_an_option() {
    let database = with_pepper();
    let create = |urls, url: &str| {
        let webhooks = database.webhooks().with_urls(urls);
        webhooks.new_webhook("ci", url).event(created()).create().map(|info| info.url)
    };
    let local = "http://127.0.0.1:8080/hook";
    assert_eq!(error_kind(create(WebhookUrls::Https, local)), ErrorKind::InvalidInput);
    assert_eq!(create(WebhookUrls::Loopback, local).unwrap(), local);
    let other = "http://example.com/";
    assert_eq!(error_kind(create(WebhookUrls::Loopback, other)), ErrorKind::InvalidInput);
    assert_eq!(create(WebhookUrls::Any, other).unwrap(), other);
}

#[test]
fn a_webhook_without_a_secret_needs_no_pepper() {
    let database = with_pepper();
    let webhooks = database.webhooks();
    let info = webhook(&webhooks, "ci");
    assert_eq!(webhooks.secret(info.id).unwrap(), None);
    assert!(!database.folder().join("pepper").exists());
}

#[test]
fn a_secret_opens_only_with_the_pepper_that_sealed_it() {
    let database = with_pepper();
    let new = database.webhooks().new_webhook("ci", URL).event(created()).secret("a secret");
    let info = new.create().unwrap();
    let path = database.path().to_owned();
    let folder = database.close();
    let database = quiet_builder().pepper_file(folder.join("other")).open(&path).unwrap();
    let webhooks = database.webhooks();
    let message = error_message(webhooks.secret(info.id), ErrorKind::InvalidState);
    assert!(message.contains("there is no pepper"), "{message}");
    webhooks.new_webhook("cd", URL).event(created()).secret("x").create().unwrap();
    let message = error_message(webhooks.secret(info.id), ErrorKind::InvalidState);
    assert!(message.contains("another pepper") && !message.contains("a secret"), "{message}");
    assert!(webhooks.get(info.id).unwrap().has_secret);
    webhooks.update(info.id).secret(Some("new")).apply().unwrap();
    assert_eq!(webhooks.secret(info.id).unwrap().unwrap().as_str(), "new");
}

#[test]
fn a_read_only_handle_changes_no_webhook() {
    let database = with_pepper();
    let info = webhook(&database.webhooks(), "ci");
    let reader = Database::builder().read_only(true).index(tracklite::IndexPlace::InMemory);
    let reader = reader.open(database.path()).unwrap();
    let webhooks = reader.webhooks();
    assert_eq!(webhooks.get(info.id).unwrap(), info);
    assert_eq!(error_kind(webhooks.delete(info.id)), ErrorKind::ReadOnly);
    assert_eq!(error_kind(webhooks.update(info.id).name("x").apply()), ErrorKind::ReadOnly);
    let new = webhooks.new_webhook("cd", URL).event(created());
    assert_eq!(error_kind(new.create()), ErrorKind::ReadOnly);
    database.webhooks().delete(info.id).unwrap();
    assert_eq!(error_kind(webhooks.get(info.id)), ErrorKind::NotFound);
}
