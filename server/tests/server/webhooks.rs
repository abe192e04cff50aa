//! Webhooks: their routes, their deliveries, and the addresses that are refused.

use std::net::TcpListener;
use std::time::{Duration, Instant};

use serde_json::{Value, json};
use tracklite::token::TokenScope;
use tracklite::webhook::{WebhookUrls, sign};

use crate::client::{Answer, Served};
use crate::receiver::{Delivery, Receiver};

const ROUTE: &str = "/api/2.0/mlflow/webhooks";
const SECRET: &str = "only-the-receiver-knows-it";

/// All events that a file causes.
const EVENTS: &[&str] = &[
    "registered_model.created",
    "model_version.created",
    "model_version_tag.set",
    "model_version_tag.deleted",
    "model_version_alias.created",
    "model_version_alias.deleted",
    "prompt.created",
    "prompt_version.created",
    "prompt_tag.set",
    "prompt_tag.deleted",
    "prompt_version_tag.set",
    "prompt_version_tag.deleted",
    "prompt_alias.created",
    "prompt_alias.deleted",
];

fn local() -> Served {
    Served::with(tracklite_server::ServerBuilder::webhooks_to_this_machine)
}

fn events(names: &[&str]) -> Value {
    let upper = |text: &str| text.to_ascii_uppercase();
    let event = |name: &&str| {
        let (entity, action) = name.split_once('.').unwrap();
        json!({"entity": upper(entity), "action": upper(action)})
    };
    names.iter().map(event).collect()
}

/// Creates a webhook and returns its id.
#[track_caller]
fn hook(served: &Served, url: &str, names: &[&str]) -> String {
    let body = json!({"name": "ci", "url": url, "events": events(names), "secret": SECRET});
    let answer = served.post(ROUTE, &body).expect(200);
    answer["webhook"]["webhook_id"].as_str().unwrap().to_owned()
}

/// Sends JSON to a route of the registry.
#[track_caller]
fn change(served: &Served, method: &str, route: &str, body: &Value) -> Value {
    request(served, method, &format!("/api/2.0/mlflow/{route}"), body).expect(200)
}

fn request(served: &Served, method: &str, target: &str, body: &Value) -> Answer {
    let headers = [("content-type", "application/json")];
    served.send_with(method, target, &headers, body.to_string().as_bytes())
}

/// Tests a webhook and returns the result.
#[track_caller]
fn tested(served: &Served, id: &str) -> Value {
    served.post(&format!("{ROUTE}/{id}/test"), &json!({})).expect(200)["result"].clone()
}

/// Checks the headers of a delivery, and returns its event and data.
#[track_caller]
fn signed(delivery: &Delivery) -> (String, Value) {
    let header = |name: &str| delivery.header(name).unwrap_or_else(|| panic!("no {name}"));
    let (id, time) = (header("x-mlflow-delivery-id"), header("x-mlflow-timestamp"));
    let age = tracklite::Timestamp::now().as_millis() / 1000 - time.parse::<i64>().unwrap();
    assert!((0..60).contains(&age), "{age}");
    assert_eq!(header("x-mlflow-signature"), sign(SECRET, id, time, &delivery.body));
    assert_eq!(header("content-type"), "application/json");
    assert!(header("user-agent").starts_with("tracklite/"));
    assert!(!delivery.body.contains(SECRET));
    (delivery.event(), delivery.json()["data"].clone())
}

#[test]
fn a_webhook_is_created_read_changed_and_deleted() {
    let served = local();
    let url = "http://127.0.0.1:1/hook";
    let names = ["registered_model.created", "model_version_tag.set"];
    let created = json!({
        "name": "ci", "url": url, "events": events(&names), "description": "tests", "status":
        "DISABLED", "secret": SECRET,
    });
    let created = served.post(ROUTE, &created).expect(200)["webhook"].clone();
    let id = created["webhook_id"].as_str().unwrap();
    let time = created["creation_timestamp"].as_i64().unwrap();
    let wanted = json!({
        "webhook_id": id, "name": "ci", "url": url, "events": events(&names), "description":
        "tests", "status": "DISABLED", "creation_timestamp": time, "last_updated_timestamp": time,
    });
    assert_eq!(created, wanted);
    let one = format!("{ROUTE}/{id}");
    assert_eq!(served.get(&one).expect(200)["webhook"], wanted);
    // A number is a word of an enum too, as in protobuf.
    let update = json!({"name": "cd", "description": "", "status": 1, "events": [
        {"entity": 9, "action": 3},
    ]});
    let updated = request(&served, "PATCH", &one, &update).expect(200)["webhook"].clone();
    assert_eq!(updated["name"], "cd");
    assert_eq!(updated["description"], Value::Null);
    assert_eq!(updated["status"], "ACTIVE");
    assert_eq!(updated["events"], events(&["prompt_alias.deleted"]));
    assert_eq!(updated["url"], url);
    hook(&served, url, &names);
    let page = served.get(&format!("{ROUTE}?max_results=1")).expect(200);
    assert_eq!(page["webhooks"].as_array().unwrap().len(), 1);
    let token = page["next_page_token"].as_str().unwrap();
    let page = served.get(&format!("{ROUTE}?max_results=1&page_token={token}")).expect(200);
    assert_eq!(page, json!({"webhooks": [updated]}));
    assert_eq!(served.send("DELETE", &one, b"").expect(200), json!({}));
    for method in ["GET", "DELETE"] {
        let message = served.send(method, &one, b"").fails(404, "RESOURCE_DOES_NOT_EXIST");
        assert_eq!(message, format!("Webhook with ID {id} not found."));
    }
}

#[test]
fn wrong_arguments_are_refused() {
    let served = local();
    let good = json!({"name": "ci", "url": "https://a.com/", "events": events(&EVENTS[..1])});
    for (member, value, wanted) in [
        ("name", json!(null), "Missing value for required parameter 'name'"),
        ("name", json!("-"), "is invalid. It must start and end"),
        ("url", json!("http://a.com/"), "use https"),
        ("url", json!("https://ada:pass@a.com/"), "a user name or a password"),
        ("events", json!([]), "Webhook events cannot be empty"),
        ("events", json!([{"entity": "REGISTERED_MODEL"}]), "'events[0].action'"),
        ("events", json!([{"entity": "MODEL", "action": "CREATED"}]), "unknown word \"MODEL\""),
        ("events", json!([{"entity": 1, "action": 3}]), "Invalid action 'deleted'"),
        ("events", json!([{"entity": 0, "action": 1}]), "unknown word \"0\""),
        ("events", json!([{"entity": 99, "action": 1}]), "unknown word \"99\""),
        ("status", json!("PAUSED"), "expected one of ACTIVE, DISABLED"),
        ("secret", json!(5), "'secret'"),
    ] {
        let mut body = good.clone();
        body[member] = value;
        let message = served.post(ROUTE, &body).fails(400, "INVALID_PARAMETER_VALUE");
        assert!(message.contains(wanted), "{message}");
    }
    assert_eq!(served.get(ROUTE).expect(200), json!({}));
    served.get(&format!("{ROUTE}?max_results=1001")).fails(400, "INVALID_PARAMETER_VALUE");
    let budget = json!({"event": {"entity": "BUDGET_POLICY", "action": "EXCEEDED"}});
    let id = hook(&served, "https://10.0.0.1/", &EVENTS[..1]);
    let answer = served.post(&format!("{ROUTE}/{id}/test"), &budget);
    assert!(answer.fails(400, "INVALID_PARAMETER_VALUE").contains("name another event"));
}

#[test]
fn only_admins_see_and_set_webhooks() {
    let served = local();
    let id = hook(&served, "https://a.com/", &EVENTS[..1]);
    let token = |scope| {
        let (_, text) = served.database.new_token().user("ada").scope(scope).create().unwrap();
        format!("Bearer {}", text.as_str())
    };
    let (writer, admin) = (token(TokenScope::Write), token(TokenScope::Admin));
    // The server asks the file again after this time.
    std::thread::sleep(Duration::from_secs(1));
    let one = format!("{ROUTE}/{id}");
    let test = format!("{one}/test");
    let send = |method, target: &str, token: &str| {
        let headers = [("authorization", token), ("content-type", "application/json")];
        served.send_with(method, target, &headers, b"{}")
    };
    for (method, target) in [
        ("GET", ROUTE),
        ("POST", ROUTE),
        ("GET", one.as_str()),
        ("PATCH", one.as_str()),
        ("DELETE", one.as_str()),
        ("POST", test.as_str()),
    ] {
        send(method, target, &writer).fails(403, "PERMISSION_DENIED");
    }
    send("DELETE", &one, &admin).expect(200);
}

#[test]
fn each_change_of_a_model_is_reported_signed() {
    let (served, receiver) = (local(), Receiver::new());
    hook(&served, &receiver.url("/hook?team=growth"), EVENTS);
    let check = |method: &str, route: &str, body: Value, event: &str, data: Value| {
        change(&served, method, route, &body);
        let delivery = receiver.next();
        assert_eq!(delivery.path, "/hook?team=growth");
        assert_eq!(signed(&delivery), (event.to_owned(), data));
    };
    let tags = json!([{"key": "team", "value": "growth"}]);
    check(
        "POST",
        "registered-models/create",
        json!({"name": "churn", "tags": tags}),
        "registered_model.created",
        json!({"name": "churn", "tags": {"team": "growth"}, "description": ""}),
    );
    let source = "s3://models/churn";
    check(
        "POST",
        "model-versions/create",
        json!({"name": "churn", "source": source, "run_id": "r1", "description": "first"}),
        "model_version.created",
        json!({"name": "churn", "version": "1", "source": source, "run_id": "r1", "tags": {},
            "description": "first"}),
    );
    let tag = json!({"name": "churn", "version": "1", "key": "a", "value": "1"});
    check("POST", "model-versions/set-tag", tag.clone(), "model_version_tag.set", tag);
    let tag = json!({"name": "churn", "version": "1", "key": "a"});
    check("DELETE", "model-versions/delete-tag", tag.clone(), "model_version_tag.deleted", tag);
    let alias = json!({"name": "churn", "alias": "champion", "version": "1"});
    check("POST", "registered-models/alias", alias.clone(), "model_version_alias.created", alias);
    let alias = json!({"name": "churn", "alias": "champion"});
    check("DELETE", "registered-models/alias", alias.clone(), "model_version_alias.deleted", alias);
    // A tag of a model has no event, and neither has a change that is refused.
    let tag = json!({"name": "churn", "key": "a", "value": "1"});
    change(&served, "POST", "registered-models/set-tag", &tag);
    let twice = request(&served, "POST", "/api/2.0/mlflow/registered-models/create", &tag);
    assert_eq!(twice.status, 400);
    receiver.has_none();
}

#[test]
fn each_change_of_a_prompt_is_reported() {
    let (served, receiver) = (local(), Receiver::new());
    hook(&served, &receiver.url("/"), EVENTS);
    let check = |method: &str, route: &str, body: Value, event: &str, data: Value| {
        change(&served, method, route, &body);
        assert_eq!(signed(&receiver.next()), (event.to_owned(), data));
    };
    let is_prompt = json!({"key": "mlflow.prompt.is_prompt", "value": "true"});
    let kind = json!({"key": "_mlflow_prompt_type", "value": "text"});
    let tag = json!({"key": "team", "value": "growth"});
    check(
        "POST",
        "registered-models/create",
        json!({"name": "hi", "tags": [is_prompt, kind, tag], "description": "greets"}),
        "prompt.created",
        json!({"name": "hi", "tags": {"team": "growth"}, "description": "greets"}),
    );
    let text = json!({"key": "mlflow.prompt.text", "value": "Hello {{name}}"});
    check(
        "POST",
        "model-versions/create",
        json!({"name": "hi", "source": "dummy-source", "tags": [is_prompt, text, tag]}),
        "prompt_version.created",
        json!({"name": "hi", "version": "1", "template": "Hello {{name}}", "tags":
            {"team": "growth"}, "description": null}),
    );
    let tag = json!({"name": "hi", "key": "a", "value": "1"});
    check("POST", "registered-models/set-tag", tag.clone(), "prompt_tag.set", tag);
    let tag = json!({"name": "hi", "key": "a"});
    check("DELETE", "registered-models/delete-tag", tag.clone(), "prompt_tag.deleted", tag);
    let tag = json!({"name": "hi", "version": "1", "key": "a", "value": "1"});
    check("POST", "model-versions/set-tag", tag.clone(), "prompt_version_tag.set", tag);
    let tag = json!({"name": "hi", "version": "1", "key": "a"});
    check("DELETE", "model-versions/delete-tag", tag.clone(), "prompt_version_tag.deleted", tag);
    let alias = json!({"name": "hi", "alias": "best", "version": "1"});
    check("POST", "registered-models/alias", alias.clone(), "prompt_alias.created", alias);
    let alias = json!({"name": "hi", "alias": "best"});
    check("DELETE", "registered-models/alias", alias.clone(), "prompt_alias.deleted", alias);
}

#[test]
fn changes_through_unity_catalog_are_reported() {
    let (served, receiver) = (local(), Receiver::new());
    hook(&served, &receiver.url("/"), EVENTS);
    let next = || {
        let (event, data) = signed(&receiver.next());
        (event, data["name"].as_str().unwrap().to_owned(), data["version"].clone())
    };
    let reported = |event: &str, name: &str, version: Value| {
        assert_eq!(next(), (event.to_owned(), name.to_owned(), version));
    };
    let uc = "unity-catalog";
    let name = "ml.prod.churn";
    change(&served, "POST", &format!("{uc}/registered-models/create"), &json!({"name": name}));
    reported("registered_model.created", name, Value::Null);
    let version = json!({"name": name, "version": "1", "source": "x", "key": "a", "value": "b",
        "alias": "champion"});
    // A version is reported when its files are there, and once.
    change(&served, "POST", &format!("{uc}/model-versions/create"), &version);
    receiver.has_none();
    change(&served, "POST", &format!("{uc}/model-versions/finalize"), &version);
    change(&served, "POST", &format!("{uc}/model-versions/finalize"), &version);
    reported("model_version.created", name, json!("1"));
    change(&served, "POST", &format!("{uc}/model-versions/set-tag"), &version);
    reported("model_version_tag.set", name, json!("1"));
    change(&served, "DELETE", &format!("{uc}/model-versions/delete-tag"), &version);
    reported("model_version_tag.deleted", name, json!("1"));
    change(&served, "POST", &format!("{uc}/registered-models/alias"), &version);
    reported("model_version_alias.created", name, json!("1"));
    change(&served, "DELETE", &format!("{uc}/registered-models/alias"), &version);
    reported("model_version_alias.deleted", name, Value::Null);

    let catalog = "/api/2.1/unity-catalog";
    let name = "ml.prod.fraud";
    let send = |method, route: &str, body: Value| {
        request(&served, method, &format!("{catalog}/{route}"), &body).expect(200)
    };
    let levels = json!({"catalog_name": "ml", "schema_name": "prod", "name": "fraud",
        "model_name": "fraud", "source": "x"});
    send("POST", "models", levels.clone());
    reported("registered_model.created", name, Value::Null);
    send("POST", "models/versions", levels);
    send("PATCH", &format!("models/{name}/versions/1/finalize"), json!({}));
    reported("model_version.created", name, json!("1"));
    let add = json!({"changes": {"add_tags": [{"key": "a", "value": "b"}]}});
    send("PATCH", &format!("subentity-tags/FUNCTION/{name}/1"), add);
    reported("model_version_tag.set", name, json!("1"));
    let remove = json!({"changes": {"remove": ["a"]}});
    send("PATCH", &format!("subentity-tags/FUNCTION/{name}/1"), remove);
    reported("model_version_tag.deleted", name, json!("1"));
    send("PUT", &format!("models/{name}/aliases/best"), json!({"version_num": 1}));
    reported("model_version_alias.created", name, json!("1"));
    send("DELETE", &format!("models/{name}/aliases/best"), json!({}));
    reported("model_version_alias.deleted", name, Value::Null);
}

#[test]
fn a_test_sends_an_example_and_returns_the_answer() {
    let (served, receiver) = (local(), Receiver::new());
    let id = hook(&served, &receiver.url("/"), EVENTS);
    assert_eq!(
        tested(&served, &id),
        json!({"success": true, "response_status": 200, "response_body": "ok"})
    );
    assert_eq!(signed(&receiver.next()).0, "registered_model.created");
    for &name in EVENTS {
        let event = events(&[name])[0].clone();
        served.post(&format!("{ROUTE}/{id}/test"), &json!({"event": event})).expect(200);
        assert_eq!(signed(&receiver.next()).0, name);
    }
    receiver.answer(500, "", "broken");
    assert_eq!(
        tested(&served, &id),
        json!({"success": false, "response_status": 500, "response_body": "broken"})
    );
    receiver.next();
    receiver.answer(200, "", &"x".repeat(1_000_000));
    let long = tested(&served, &id);
    assert_eq!(long["response_body"].as_str().unwrap().len(), 64 * 1024);
    receiver.next();
    receiver.stay_silent();
    let begin = Instant::now();
    let late = tested(&served, &id);
    assert_eq!(late["success"], false);
    assert!(late["error_message"].as_str().unwrap().contains("no answer within 5 s"), "{late}");
    assert!(begin.elapsed() >= Duration::from_secs(5));
    let id = hook(&served, "http://127.0.0.1:1/", EVENTS);
    let refused = tested(&served, &id);
    assert!(refused["error_message"].as_str().unwrap().contains("cannot connect"), "{refused}");
}

#[test]
fn a_delivery_is_tried_three_times() {
    let (served, receiver) = (local(), Receiver::new());
    hook(&served, &receiver.url("/"), &EVENTS[..1]);
    let create = |name: &str| {
        change(&served, "POST", "registered-models/create", &json!({"name": name}));
    };
    for status in [503, 429, 500] {
        receiver.answer(status, "", "");
    }
    create("a");
    let tries = [receiver.next(), receiver.next(), receiver.next()];
    let first = signed(&tries[0]);
    assert_eq!(first.1["name"], "a");
    for again in &tries[1..] {
        assert_eq!(signed(again), first);
        let id = "x-mlflow-delivery-id";
        assert_eq!(again.header(id), tries[0].header(id));
    }
    // A mistake of the sender stays one, so it is not tried again.
    receiver.answer(400, "", "");
    create("b");
    assert_eq!(signed(&receiver.next()).1["name"], "b");
    std::thread::sleep(Duration::from_secs(3));
    receiver.has_none();
}

#[test]
fn a_redirect_is_not_followed() {
    let (served, receiver, other) = (local(), Receiver::new(), Receiver::new());
    let id = hook(&served, &receiver.url("/"), &EVENTS[..1]);
    let header = format!("location: {}\r\n", other.url("/metadata"));
    for status in [301, 302, 303, 307, 308] {
        receiver.answer(status, &header, "");
        let result = tested(&served, &id);
        let found = (&result["success"], &result["response_status"]);
        assert_eq!(found, (&json!(false), &json!(status)));
        receiver.next();
    }
    receiver.answer(307, &header, "");
    change(&served, "POST", "registered-models/create", &json!({"name": "a"}));
    receiver.next();
    other.has_none();
    receiver.has_none();
}

#[test]
fn private_addresses_are_refused() {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    listener.set_nonblocking(true).unwrap();
    let port = listener.local_addr().unwrap().port();
    let served = Served::new();
    let body = json!({"name": "ci", "url": format!("http://127.0.0.1:{port}/"), "events":
        events(&EVENTS[..1])});
    let message = served.post(ROUTE, &body).fails(400, "INVALID_PARAMETER_VALUE");
    assert!(message.contains("Allowed schemes are: https."), "{message}");
    // Names too, and other ways to write the address of this machine.
    for host in [
        "127.0.0.1",
        "localhost",
        "LOCALHOST",
        "[::1]",
        "[::ffff:127.0.0.1]",
        "2130706433",
        "0x7f.1",
        "0",
        "169.254.169.254",
        "10.0.0.1",
        "100.64.0.1",
        "[fd00:ec2::254]",
    ] {
        let id = hook(&served, &format!("https://{host}:{port}/"), &EVENTS[..1]);
        let result = tested(&served, &id);
        assert_eq!(result["success"], false);
        let message = result["error_message"].as_str().unwrap();
        assert!(message.contains("is not public"), "{host}: {message}");
    }
    // Writers of the file may set others, and the server does not trust them.
    let stored = served.database.webhooks().with_urls(WebhookUrls::Any);
    let event = EVENTS[0].parse().unwrap();
    let stored = stored.new_webhook("ci", format!("http://127.0.0.1:{port}/")).event(event);
    let result = tested(&served, &stored.create().unwrap().id.to_string());
    assert!(result["error_message"].as_str().unwrap().contains("use https"), "{result}");
    change(&served, "POST", "registered-models/create", &json!({"name": "a"}));
    std::thread::sleep(Duration::from_millis(300));
    assert_eq!(listener.accept().unwrap_err().kind(), std::io::ErrorKind::WouldBlock);
}

#[test]
fn the_option_for_this_machine_opens_no_other_address() {
    let (served, receiver) = (local(), Receiver::new());
    let id = hook(&served, &format!("http://localhost:{}/", receiver.port), &EVENTS[..1]);
    assert_eq!(tested(&served, &id)["success"], true);
    let id = hook(&served, "https://10.0.0.1/", &EVENTS[..1]);
    let result = tested(&served, &id);
    assert!(result["error_message"].as_str().unwrap().contains("is not public"), "{result}");
}

#[test]
fn a_disabled_or_deleted_webhook_gets_nothing() {
    let (served, receiver) = (local(), Receiver::new());
    let create = |name: &str| {
        change(&served, "POST", "registered-models/create", &json!({"name": name}));
    };
    let disabled = hook(&served, &receiver.url("/disabled"), EVENTS);
    let deleted = hook(&served, &receiver.url("/deleted"), EVENTS);
    create("a");
    let mut paths = [receiver.next().path, receiver.next().path];
    paths.sort();
    assert_eq!(paths, ["/deleted", "/disabled"]);
    let disable = json!({"status": "DISABLED"});
    request(&served, "PATCH", &format!("{ROUTE}/{disabled}"), &disable).expect(200);
    served.send("DELETE", &format!("{ROUTE}/{deleted}"), b"").expect(200);
    hook(&served, &receiver.url("/other-event"), &EVENTS[1..2]);
    hook(&served, &receiver.url("/active"), EVENTS);
    create("b");
    assert_eq!(receiver.next().path, "/active");
    receiver.has_none();
}

#[test]
fn a_server_that_stops_sends_what_is_queued() {
    let (served, receiver) = (local(), Receiver::new());
    hook(&served, &receiver.url("/"), &EVENTS[..1]);
    // So most of them are still queued when the server stops.
    receiver.pause(Duration::from_millis(300));
    for number in 0..40 {
        let name = format!("m{number}");
        change(&served, "POST", "registered-models/create", &json!({"name": name}));
    }
    drop(served);
    for _ in 0..40 {
        receiver.next();
    }
    receiver.has_none();
}

#[test]
fn a_slow_receiver_slows_no_request() {
    let (served, receiver) = (local(), Receiver::new());
    for _ in 0..3 {
        receiver.stay_silent();
    }
    hook(&served, &receiver.url("/"), &EVENTS[..1]);
    change(&served, "POST", "registered-models/create", &json!({"name": "a"}));
    receiver.next();
    let begin = Instant::now();
    change(&served, "POST", "registered-models/create", &json!({"name": "b"}));
    // The other delivery arrives although the first one has no answer.
    assert_eq!(signed(&receiver.next()).1["name"], "b");
    assert!(begin.elapsed() < Duration::from_secs(4), "{:?}", begin.elapsed());
}
