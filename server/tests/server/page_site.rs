//! The page's own files, and its sessions.

use std::fs;

use serde_json::json;
use tracklite::token::TokenScope;

use crate::client::{Answer, Served};

const POLICY: &str = "default-src 'self'; img-src 'self' data: blob:; frame-src 'self'; \
                      object-src 'none'; base-uri 'none'; form-action 'self'; \
                      frame-ancestors 'none'";

/// Returns the cookie that an answer sets, as a browser sends it back.
fn cookie(answer: &Answer) -> String {
    let set = answer.header("set-cookie").expect("it sets a cookie");
    assert!(set.contains("; HttpOnly; SameSite=Strict"), "{set}");
    set.split(';').next().unwrap().to_owned()
}

#[test]
fn the_files_of_the_page_are_embedded() {
    let served = Served::new();
    let page = served.get("/");
    assert_eq!(page.header("content-type"), Some("text/html; charset=utf-8"));
    assert_eq!(page.header("content-security-policy"), Some(POLICY));
    assert_eq!(page.header("x-content-type-options"), Some("nosniff"));
    let text = String::from_utf8(page.body).unwrap();
    assert!(text.contains("/assets/app.js") && text.contains("/assets/app.css"), "{text}");
    for (path, kind) in [
        ("/assets/app.js", "text/javascript; charset=utf-8"),
        ("/assets/app.css", "text/css; charset=utf-8"),
        ("/assets/icons.svg", "image/svg+xml"),
        ("/assets/notices.txt", "text/plain; charset=utf-8"),
    ] {
        let file = served.get(path);
        assert_eq!((file.status, file.header("content-type")), (200, Some(kind)), "{path}");
        assert!(!file.body.is_empty());
    }
    for path in ["/ui", "/ui/", "/ui/runs", "/ui/runs/0123?tab=files&f=a%20b"] {
        assert_eq!(served.get(path).body, text.as_bytes(), "{path}");
    }
    for path in ["/assets/other.js", "/assets/../index.html", "/assets/%2e%2e/app.js", "/uix"] {
        assert_eq!(served.get(path).status, 404, "{path}");
    }
}

#[test]
fn a_known_file_is_not_sent_again() {
    let served = Served::new();
    let first = served.get("/assets/app.js");
    assert_eq!(first.header("cache-control"), Some("no-cache"));
    let tag = first.header("etag").unwrap();
    let again = served.send_with("GET", "/assets/app.js", &[("if-none-match", tag)], b"");
    assert_eq!((again.status, again.body.len(), again.header("etag")), (304, 0, Some(tag)));
    let other = served.send_with("GET", "/assets/app.css", &[("if-none-match", tag)], b"");
    assert_eq!(other.status, 200);
}

#[test]
fn a_folder_replaces_the_embedded_files() {
    let folder = tempfile::tempdir().unwrap();
    fs::write(folder.path().join("app.js"), "one").unwrap();
    let served = Served::with(|builder| builder.assets(folder.path()));
    assert_eq!(served.get("/assets/app.js").body, b"one");
    fs::write(folder.path().join("app.js"), "two").unwrap();
    assert_eq!(served.get("/assets/app.js").body, b"two");
    let message = served.get("/assets/app.css").fails(404, "RESOURCE_DOES_NOT_EXIST");
    assert!(message.contains("app.css"), "{message}");
}

#[test]
fn a_server_can_permit_frames_in_pages_of_this_machine() {
    let served = Served::with(tracklite_server::ServerBuilder::framed_by_this_machine);
    for path in ["/", "/ui/runs", "/assets/app.js"] {
        let page = served.get(path);
        let policy = page.header("content-security-policy").unwrap();
        let (shared, frames) = policy.split_once("frame-ancestors ").unwrap();
        assert_eq!(Some(shared), POLICY.strip_suffix("frame-ancestors 'none'"), "{path}");
        let local = ["http://localhost:", "http://127.0.0.1:", "https://localhost:"];
        assert!(local.iter().all(|place| frames.contains(place)), "{frames}");
        assert_eq!(frames.split(' ').count(), 4, "{frames}");
    }
}

#[test]
fn mlflows_page_keeps_its_place() {
    let folder = tempfile::tempdir().unwrap();
    fs::write(folder.path().join("index.html"), "theirs").unwrap();
    let served = Served::with(|builder| builder.mlflow_ui(folder.path()));
    assert_eq!(served.get("/").body, b"theirs");
    assert_ne!(served.get("/ui/runs").body, b"theirs");
}

#[test]
fn a_session_has_the_rights_of_its_token() {
    let served = Served::with(|builder| builder.token("secret"));
    assert_eq!(served.get("/").status, 200, "the page itself needs no token");
    served.get("/api/v1/file").fails(401, "UNAUTHENTICATED");
    let wrong = served.post("/api/v1/session", &json!({"token": "guess"}));
    assert_eq!(wrong.header("set-cookie"), None);
    wrong.fails(401, "UNAUTHENTICATED");
    served.post("/api/v1/session", &json!({})).fails(400, "INVALID_PARAMETER_VALUE");

    let begun = served.post("/api/v1/session", &json!({"token": "secret"}));
    let cookie = cookie(&begun);
    assert!(!cookie.contains("secret"));
    assert_eq!(begun.expect(200)["scope"], "admin");
    let headers = [("cookie", cookie.as_str()), ("content-type", "application/json")];
    let file = served.send_with("GET", "/api/v1/file", &headers, b"").expect(200);
    assert_eq!(file["writable"], true);

    // A page of somebody else cannot send the header.
    let change = br#"{"note": "mine"}"#;
    let target = "/api/v1/experiments/0";
    served.send_with("PATCH", target, &headers, change).fails(403, "PERMISSION_DENIED");
    let own = [headers[0], headers[1], ("x-tracklite", "page")];
    let changed = served.send_with("PATCH", target, &own, change).expect(200);
    assert_eq!(changed["note"], "mine");

    let ended = served.send_with("DELETE", "/api/v1/session", &own, b"");
    assert!(ended.header("set-cookie").unwrap().contains("Max-Age=0"));
    served.send_with("GET", "/api/v1/file", &headers, b"").fails(401, "UNAUTHENTICATED");
    assert_eq!(served.send_with("GET", "/", &headers, b"").status, 200);
}

#[test]
fn a_revoked_token_ends_its_sessions() {
    let served = Served::new();
    let token = served.database.new_token().user("ana").scope(TokenScope::Read);
    let (info, token) = token.create().unwrap();
    let begun = served.post("/api/v1/session", &json!({"token": token.as_str()}));
    let cookie = cookie(&begun);
    assert_eq!(begun.expect(200), json!({"user": "ana", "scope": "read"}));
    let headers = [
        ("cookie", cookie.as_str()),
        ("content-type", "application/json"),
        ("x-tracklite", "page"),
    ];
    let file = served.send_with("GET", "/api/v1/file", &headers, b"").expect(200);
    assert_eq!((&file["user"], &file["writable"]), (&json!("ana"), &json!(false)));
    let change = br#"{"note": "mine"}"#;
    let refused = served.send_with("PATCH", "/api/v1/experiments/0", &headers, change);
    let message = refused.fails(403, "PERMISSION_DENIED");
    assert!(message.contains("scope \"write\""), "{message}");
    served.database.revoke_token(info.id).unwrap();
    std::thread::sleep(std::time::Duration::from_millis(600));
    served.send_with("GET", "/api/v1/file", &headers, b"").fails(401, "UNAUTHENTICATED");
    assert_eq!(served.send_with("GET", "/ui/", &headers, b"").status, 200);
}

#[test]
fn a_large_body_of_a_stranger_is_refused() {
    let served = Served::with(|builder| builder.token("secret"));
    let long = "x".repeat(5000);
    let message = served.post("/api/v1/session", &json!({"token": long})).fails(400, "BAD_REQUEST");
    assert!(message.contains("4096"), "{message}");
}
