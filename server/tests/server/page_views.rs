//! Saved views of the page's API.

use serde_json::{Value, json};
use tracklite::token::TokenScope;

use crate::client::{Answer, Served};

fn put(served: &Served, target: &str, body: &Value) -> Answer {
    let headers = [("content-type", "application/json")];
    served.send_with("PUT", target, &headers, body.to_string().as_bytes())
}

#[test]
fn a_view_is_saved_listed_read_and_deleted() {
    let served = Served::new();
    assert_eq!(served.get("/api/v1/views").expect(200), json!({"views": []}));
    let target = "/api/v1/views/best%20%2F%20%C3%BC";
    let state = json!({"order": "metrics.loss", "columns": ["params.rate"]});
    let saved = put(&served, target, &json!({"state": state})).expect(200);
    assert_eq!((&saved["name"], &saved["state"]), (&json!("best / \u{fc}"), &state));
    assert_eq!((&saved["revision"], &saved["created"]), (&json!(1), &saved["updated"]));
    let view = served.database.view("best / \u{fc}").unwrap();
    assert_eq!(
        (&saved["author"], &saved["updated"]),
        (&json!(view.author), &json!(view.updated.as_millis()))
    );
    assert_eq!(served.get(target).expect(200), saved);
    // A list has no states, because a state may be large.
    let mut listed = saved.clone();
    listed.as_object_mut().unwrap().remove("state");
    assert_eq!(served.get("/api/v1/views").expect(200), json!({"views": [listed]}));

    let large = json!({"state": {"a": "x".repeat(200_000)}, "expects": 1});
    assert_eq!(put(&served, target, &large).expect(200)["revision"], 2);
    assert_eq!(served.send("DELETE", &format!("{target}?expects=2"), b"").expect(200), json!({}));
    served.get(target).fails(404, "RESOURCE_DOES_NOT_EXIST");
    served.send("DELETE", target, b"").fails(404, "RESOURCE_DOES_NOT_EXIST");
    put(&served, target, &json!({"state": {}})).expect(200);
    served.send("DELETE", target, b"").expect(200);
    assert!(served.database.views().unwrap().is_empty());
}

#[test]
fn a_view_that_was_changed_meanwhile_is_a_conflict() {
    let served = Served::new();
    served.database.save_view_as("ada", "a", "{}", 0).unwrap();
    let view = served.database.save_view_as("bob", "a", "{\"n\": 2}", 1).unwrap();
    let target = "/api/v1/views/a";
    let wanted = format!("\"bob\" saved revision 2 at {}", view.updated);
    for body in [json!({"state": {}}), json!({"state": {}, "expects": 1})] {
        let late = put(&served, target, &body).expect(409);
        assert_eq!((&late["error_code"], &late["now"]), (&json!("RESOURCE_CONFLICT"), &json!(2)));
        assert!(late["message"].as_str().unwrap().contains(&wanted), "{late}");
    }
    let late = served.send("DELETE", &format!("{target}?expects=1"), b"").expect(409);
    assert_eq!(late["now"], 2);
    assert_eq!(served.database.view("a").unwrap(), view);
    let late = put(&served, "/api/v1/views/new", &json!({"state": {}, "expects": 4})).expect(409);
    assert_eq!(late["now"], 0);
    for body in [
        json!({"expects": 2}),
        json!({"state": [], "expects": 2}),
        json!({"state": "{}", "expects": 2}),
        json!({"state": {}, "expects": -1}),
        json!({"state": {}, "expects": "x"}),
        json!({"state": {"a": "x".repeat(262_144)}, "expects": 2}),
    ] {
        put(&served, target, &body).fails(400, "INVALID_PARAMETER_VALUE");
    }
    put(&served, "/api/v1/views/%0A", &json!({"state": {}})).fails(400, "INVALID_PARAMETER_VALUE");
    assert_eq!(served.database.view("a").unwrap(), view);
}

#[test]
fn the_author_is_the_user_of_the_token_which_must_permit_writing() {
    let served = Served::new();
    let token = |user, scope| {
        let (_, text) = served.database.new_token().user(user).scope(scope).create().unwrap();
        format!("Bearer {}", text.as_str())
    };
    let (reader, writer) = (token("ada", TokenScope::Read), token("bob", TokenScope::Write));
    let send = |method, token: &str, body: &Value| {
        let headers = [("content-type", "application/json"), ("authorization", token)];
        served.send_with(method, "/api/v1/views/a", &headers, body.to_string().as_bytes())
    };
    send("PUT", &reader, &json!({"state": {}})).fails(403, "PERMISSION_DENIED");
    let saved = send("PUT", &writer, &json!({"state": {}})).expect(200);
    assert_eq!(saved["author"], "bob");
    send("DELETE", &reader, &json!({"expects": 1})).fails(403, "PERMISSION_DENIED");
    assert_eq!(served.database.views().unwrap().len(), 1);
}
