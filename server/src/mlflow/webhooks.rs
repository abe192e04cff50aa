//! Webhooks of the registry.

use serde::Serialize;
use serde_json::{Map, Value};
use tokio::runtime::Handle;
use tracklite::webhook::{
    WebhookAction, WebhookEntity, WebhookEvent, WebhookId, WebhookInfo, WebhookStatus, WebhookUrls,
    Webhooks,
};
use utoipa::ToSchema;

use crate::access::Scope::Admin;
use crate::call::Call;
use crate::failure::{Failure, Outcome};
use crate::fields::{Field, Read as _, object, objects, text, whole, word};
use crate::reply::{Nothing, Reply};
use crate::route::{Route, Verb};
use crate::schema::shape;
use crate::webhooks::client::Message;
use crate::webhooks::example::example;

const EVENT: &[Field] = &[word("entity").required(), word("action").required()];

pub(super) const ROUTES: &[Route] = &[
    Route {
        method: Verb::Post,
        path: "/2.0/mlflow/webhooks",
        needs: Admin,
        takes: &[
            text("name").required(),
            text("url").required(),
            objects("events", EVENT).required(),
            text("description"),
            text("secret"),
            word("status"),
        ],
        returns: shape::<One<'static>>(),
        handler: create,
    },
    Route {
        method: Verb::Get,
        path: "/2.0/mlflow/webhooks",
        needs: Admin,
        takes: &[whole("max_results"), text("page_token")],
        returns: shape::<Found<'static>>(),
        handler: list,
    },
    Route {
        method: Verb::Get,
        path: "/2.0/mlflow/webhooks/{webhook_id}",
        needs: Admin,
        takes: &[],
        returns: shape::<One<'static>>(),
        handler: get,
    },
    Route {
        method: Verb::Patch,
        path: "/2.0/mlflow/webhooks/{webhook_id}",
        needs: Admin,
        takes: &[
            text("name"),
            text("url"),
            objects("events", EVENT),
            text("description"),
            text("secret"),
            word("status"),
        ],
        returns: shape::<One<'static>>(),
        handler: update,
    },
    Route {
        method: Verb::Delete,
        path: "/2.0/mlflow/webhooks/{webhook_id}",
        needs: Admin,
        takes: &[],
        returns: shape::<Nothing>(),
        handler: delete,
    },
    Route {
        method: Verb::Post,
        path: "/2.0/mlflow/webhooks/{webhook_id}/test",
        needs: Admin,
        takes: &[object("event", EVENT)],
        returns: shape::<Tested>(),
        handler: test,
    },
];

/// A webhook, without its secret.
#[derive(Serialize, ToSchema)]
struct Webhook<'a> {
    webhook_id: String,
    name: &'a str,
    #[serde(skip_serializing_if = "Option::is_none")]
    description: Option<&'a str>,
    url: &'a str,
    events: Vec<Event>,
    status: &'static str,
    creation_timestamp: i64,
    last_updated_timestamp: i64,
}

/// An event that a webhook waits for.
#[derive(Serialize, ToSchema)]
#[schema(as = WebhookEvent)]
struct Event {
    entity: String,
    action: String,
}

/// A webhook.
#[derive(Serialize, ToSchema)]
#[schema(as = WebhookAnswer)]
struct One<'a> {
    webhook: Webhook<'a>,
}

/// A page of webhooks.
#[derive(Serialize, ToSchema)]
#[schema(as = WebhookPage)]
struct Found<'a> {
    #[serde(skip_serializing_if = "Vec::is_empty")]
    webhooks: Vec<Webhook<'a>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    next_page_token: Option<String>,
}

/// The answer to a test.
#[derive(Serialize, ToSchema)]
#[schema(as = WebhookTestAnswer)]
struct Tested {
    result: TestResult,
}

/// The answer of the receiver, or the reason why there is none.
#[derive(Serialize, ToSchema)]
#[schema(as = WebhookTestResult)]
struct TestResult {
    success: bool,
    #[serde(skip_serializing_if = "Option::is_none")]
    response_status: Option<u16>,
    #[serde(skip_serializing_if = "Option::is_none")]
    response_body: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    error_message: Option<String>,
}

fn webhook(info: &WebhookInfo) -> Webhook<'_> {
    let event = |event: &WebhookEvent| Event {
        entity: event.entity().as_str().to_ascii_uppercase(),
        action: event.action().as_str().to_ascii_uppercase(),
    };
    Webhook {
        webhook_id: info.id.to_string(),
        name: &info.name,
        description: info.description.as_deref().filter(|text| !text.is_empty()),
        url: &info.url,
        events: info.events.iter().map(event).collect(),
        status: info.status.as_str(),
        creation_timestamp: info.created.as_millis(),
        last_updated_timestamp: info.updated.as_millis(),
    }
}

fn answer(info: &WebhookInfo) -> Outcome<Reply> {
    Ok(Reply::json(&One { webhook: webhook(info) }))
}

/// Returns the webhooks of the file, with the rule for their URLs that deliveries follow too.
fn stored(call: &Call) -> Webhooks {
    let webhooks = call.database().webhooks();
    if call.shared.webhooks.client().sends_to_this_machine() {
        webhooks.with_urls(WebhookUrls::Loopback)
    } else {
        webhooks
    }
}

fn id(call: &Call) -> Outcome<WebhookId> {
    Ok(call.args.need("webhook_id")?.parse()?)
}

/// Finds a word of an enum of MLflow: its name in upper case, or its number from 1.
fn named<T: Copy>(text: &str, all: &[T], name: impl Fn(T) -> &'static str) -> Outcome<T> {
    let by_number = || all.get(text.parse::<usize>().ok()?.checked_sub(1)?).copied();
    let by_name = all.iter().copied().find(|word| name(*word).to_ascii_uppercase() == text);
    by_name.or_else(by_number).ok_or_else(|| {
        let names: Vec<String> = all.iter().map(|word| name(*word).to_ascii_uppercase()).collect();
        let names = names.join(", ");
        Failure::invalid(format!("unknown word {text:?} of a webhook: expected one of {names}"))
    })
}

fn event(members: &Map<String, Value>) -> Outcome<WebhookEvent> {
    let (entity, action) = (members.word("entity"), members.word("action"));
    let (entity, action) = (entity.unwrap_or_default(), action.unwrap_or_default());
    let entity = named(&entity, WebhookEntity::ALL, WebhookEntity::as_str)?;
    let action = named(&action, WebhookAction::ALL, WebhookAction::as_str)?;
    Ok(WebhookEvent::new(entity, action)?)
}

fn events(call: &Call) -> Outcome<Vec<WebhookEvent>> {
    call.args.objects("events").into_iter().map(event).collect()
}

fn status(call: &Call) -> Outcome<Option<WebhookStatus>> {
    let word = call.args.word("status");
    word.map(|word| named(&word, WebhookStatus::ALL, WebhookStatus::as_str)).transpose()
}

fn create(call: &Call) -> Outcome<Reply> {
    let args = &call.args;
    let mut new = stored(call).new_webhook(args.need("name")?, args.need("url")?);
    for event in events(call)? {
        new = new.event(event);
    }
    if let Some(text) = args.text("description") {
        new = new.description(text);
    }
    if let Some(secret) = args.text("secret") {
        new = new.secret(secret);
    }
    if let Some(status) = status(call)? {
        new = new.status(status);
    }
    answer(&new.create()?)
}

/// MLflow's default.
const RESULTS_DEFAULT: usize = 100;

fn list(call: &Call) -> Outcome<Reply> {
    let most = match call.args.whole("max_results") {
        None | Some(0) => RESULTS_DEFAULT,
        // The core refuses 0, as it does a negative number.
        Some(asked) => usize::try_from(asked).unwrap_or_default(),
    };
    let page = stored(call).list(most, call.args.text_or_empty("page_token"))?;
    let webhooks = page.items.iter().map(webhook).collect();
    Ok(Reply::json(&Found { webhooks, next_page_token: page.next_page_token }))
}

fn get(call: &Call) -> Outcome<Reply> {
    answer(&stored(call).get(id(call)?)?)
}

fn update(call: &Call) -> Outcome<Reply> {
    let (args, webhooks, id) = (&call.args, stored(call), id(call)?);
    // MLflow reports a missing webhook before a wrong argument.
    webhooks.get(id)?;
    let mut update = webhooks.update(id);
    if let Some(name) = args.text("name") {
        update = update.name(name);
    }
    if let Some(url) = args.text("url") {
        update = update.url(url);
    }
    let events = events(call)?;
    if !events.is_empty() {
        update = update.events(events);
    }
    if let Some(text) = args.any_text("description") {
        update = update.description(Some(text));
    }
    if let Some(secret) = args.any_text("secret") {
        update = update.secret(Some(secret));
    }
    if let Some(status) = status(call)? {
        update = update.status(status);
    }
    answer(&update.apply()?)
}

fn delete(call: &Call) -> Outcome<Reply> {
    stored(call).delete(id(call)?)?;
    Ok(Reply::done())
}

/// Sends an example once and waits for the answer, also to a disabled webhook.
fn test(call: &Call) -> Outcome<Reply> {
    let (webhooks, id) = (stored(call), id(call)?);
    let info = webhooks.get(id)?;
    let asked = call.args.object("event").map(event).transpose()?;
    let event = asked.or(info.events.first().copied());
    let data = event.and_then(example).ok_or_else(|| {
        let message = "no change of a file causes this event: name another event to test";
        Failure::invalid(message)
    })?;
    let secret = webhooks.secret(id)?;
    let secret = secret.as_ref().map(tracklite::webhook::WebhookSecret::as_str);
    let message = Message::new(data.body(tracklite::Timestamp::now()), secret)?;
    let sent = Handle::current().block_on(call.shared.webhooks.client().send(&info.url, &message));
    let result = match sent {
        Ok(answer) => TestResult {
            success: (200..300).contains(&answer.status),
            response_status: Some(answer.status),
            response_body: Some(answer.body),
            error_message: None,
        },
        Err(unsent) => TestResult {
            success: false,
            response_status: None,
            response_body: None,
            error_message: Some(format!("Failed to test webhook: {}", unsent.into_message())),
        },
    };
    Ok(Reply::json(&Tested { result }))
}
