//! The Files API of Databricks: files, folders, signed addresses, uploads in parts.

use serde_json::{Value, json};
use tracklite::RunId;

use crate::artifacts::{noise, run};
use crate::client::{Answer, Served};

const FILES: &str = "/api/2.0/fs/files";
const DIRECTORIES: &str = "/api/2.0/fs/directories";

/// Returns the path of a run's artifacts.
fn path(run: RunId) -> String {
    format!("/WorkspaceInternal/Mlflow/Artifacts/0/Runs/{run}/artifacts")
}

/// Sends to the target of a signed address.
fn send_to(served: &Served, method: &str, url: &Value, body: &[u8]) -> Answer {
    let (_, target) = url.as_str().unwrap().split_once(served.host()).unwrap();
    served.send(method, target, body)
}

#[test]
fn a_file_is_written_read_and_deleted() {
    let served = Served::new();
    let (run, _) = run(&served);
    let target = format!("{FILES}{}/d/a%20b.txt", path(run));
    served.get(&target).fails(404, "NOT_FOUND");
    assert_eq!(served.send("PUT", &target, b"one").status, 204);
    served.send("PUT", &target, b"two").fails(409, "ALREADY_EXISTS");
    let large = noise(4 << 20);
    served.send("PUT", &format!("{target}?overwrite=false"), &large).fails(409, "ALREADY_EXISTS");
    assert_eq!(served.get(&target).body, b"one");
    assert_eq!(served.send("PUT", &format!("{target}?overwrite=true"), &large).status, 204);
    let head = served.send("HEAD", &target, b"");
    assert_eq!(head.header("content-length"), Some("4194304"));
    assert!(head.header("last-modified").unwrap().ends_with(" GMT"));
    let since = head.header("last-modified").unwrap().to_owned();
    let headers = [("range", "bytes=4-7"), ("if-unmodified-since", since.as_str())];
    let part = served.send_with("GET", &target, &headers, b"");
    assert_eq!((part.status, &part.body[..]), (206, &large[4..8]));
    served.send("DELETE", &format!("{FILES}{}/d", path(run)), b"").fails(404, "NOT_FOUND");
    assert_eq!(served.send("DELETE", &target, b"").status, 204);
    served.send("DELETE", &target, b"").fails(404, "NOT_FOUND");
    assert_eq!(served.send("HEAD", &target, b"").status, 404);
}

#[test]
fn a_folder_is_listed_in_pages() {
    let served = Served::new();
    let (run, _) = run(&served);
    let artifacts = served.database.run(run).unwrap().artifacts();
    for name in ["a.txt", "b.txt", "c/d.txt", "e.txt", "f.txt"] {
        artifacts.log_text(name, name).unwrap();
    }
    let root = format!("{DIRECTORIES}{}", path(run));
    let mut found = Vec::new();
    let mut token = String::new();
    loop {
        let page = served.get(&format!("{root}?page_size=2&page_token={token}")).expect(200);
        found.extend(page["contents"].as_array().unwrap().clone());
        let Some(next) = page["next_page_token"].as_str() else { break };
        token = next.replace('=', "%3D");
    }
    let names: Vec<&str> = found.iter().map(|entry| entry["name"].as_str().unwrap()).collect();
    assert_eq!(names, ["a.txt", "b.txt", "c", "e.txt", "f.txt"]);
    assert_eq!(found[2]["path"], format!("{}/c", path(run)));
    assert_eq!(
        (&found[2]["is_directory"], &found[0]["is_directory"]),
        (&json!(true), &json!(false))
    );
    assert_eq!(found[0]["file_size"], 5);
    assert!(found[0]["last_modified"].as_i64().unwrap() > 1_600_000_000_000);
    let status =
        |method: &str, inner: &str| served.send(method, &format!("{root}{inner}"), b"").status;
    assert_eq!((status("HEAD", ""), status("HEAD", "/c"), status("HEAD", "/c/")), (200, 200, 200));
    assert_eq!(
        (status("HEAD", "/x"), status("HEAD", "/a.txt"), status("GET", "/x")),
        (404, 404, 404)
    );
    assert_eq!((status("PUT", "/new"), status("PUT", "/a.txt")), (204, 409));
    assert_eq!((status("DELETE", "/new"), status("DELETE", "/c")), (204, 400));
    let none = format!("{DIRECTORIES}{}", path(RunId::from_bits(1)));
    served.get(&none).fails(404, "NOT_FOUND");
    served.get(&format!("{DIRECTORIES}/Volumes/c/s/v")).fails(404, "NOT_FOUND");
    served.get(&format!("{DIRECTORIES}/Models/c/s/m/1")).fails(404, "NOT_FOUND");
}

#[test]
fn a_signed_address_needs_no_token() {
    let served = Served::with(|builder| builder.token("tlk_secret"));
    let (run, _) = run(&served);
    let headers = [("authorization", "Bearer tlk_secret"), ("content-type", "application/json")];
    let file = format!("{}/a.txt", path(run));
    let to_write = json!({"path": file}).to_string();
    let ask = |target: &str, body: &[u8]| served.send_with("POST", target, &headers, body);
    let up = ask("/api/2.0/fs/create-upload-url", to_write.as_bytes()).expect(200);
    assert_eq!(send_to(&served, "PUT", &up["url"], b"signed").status, 200);
    let by_query = format!("/api/2.0/fs/create-download-url?path={file}");
    let down = ask(&by_query, b"").expect(200);
    let by_body = ask("/api/2.0/fs/create-download-url", to_write.as_bytes()).expect(200);
    for url in [&down["url"], &by_body["url"]] {
        assert_eq!(send_to(&served, "GET", url, b"").body, b"signed");
        send_to(&served, "PUT", url, b"other").fails(403, "PERMISSION_DENIED");
    }
    send_to(&served, "GET", &up["url"], b"").fails(403, "PERMISSION_DENIED");
    let forged = json!(down["url"].as_str().unwrap().replace("signature=", "signature=0"));
    send_to(&served, "GET", &forged, b"").fails(403, "PERMISSION_DENIED");
    let early = ask(&format!("{by_query}&expire_time=2020-01-01T00:00:00Z"), b"").expect(200);
    let expired = send_to(&served, "GET", &early["url"], b"");
    let xml = String::from_utf8(expired.body).unwrap();
    assert_eq!(expired.status, 403);
    assert!(xml.contains("<Message>Request has expired</Message>"), "{xml}");
    ask(&format!("{by_query}.missing"), b"").fails(404, "NOT_FOUND");
    ask("/api/2.0/fs/create-download-url", b"").fails(400, "INVALID_PARAMETER_VALUE");
    served.send("POST", &by_query, b"").fails(401, "UNAUTHENTICATED");
}

#[test]
fn parts_are_sent_in_any_order() {
    let served = Served::new();
    let (run, _) = run(&served);
    let file = format!("{}/big.bin", path(run));
    let target = format!("{FILES}{file}");
    let begun = served.send("POST", &format!("{target}?action=initiate-upload"), b"").expect(200);
    let token = begun["multipart_upload"]["session_token"].as_str().unwrap();
    let bytes = noise(5 << 20);
    let mut parts = Vec::new();
    for number in [3, 1, 2] {
        let ask = json!({"path": file, "session_token": token, "start_part_number": number,
            "count": 1, "expire_time": "2100-01-01T00:00:00Z"});
        let urls = served.post("/api/2.0/fs/create-upload-part-urls", &ask).expect(200);
        let url = &urls["upload_part_urls"][0];
        assert_eq!(url["part_number"], number);
        let start = (number - 1) << 21;
        let part = &bytes[start..(start + (2 << 20)).min(bytes.len())];
        // The second try of a part replaces the first one.
        send_to(&served, "PUT", &url["url"], b"broken");
        let sent = send_to(&served, "PUT", &url["url"], part);
        parts.push(json!({"part_number": number, "etag": sent.header("etag").unwrap()}));
    }
    let done =
        format!("{target}?action=complete-upload&upload_type=multipart&session_token={token}");
    served.post(&done, &json!({"parts": []})).expect(400);
    served.post(&done, &json!({"parts": parts})).expect(200);
    assert!(served.get(&target).body == bytes);
    let again = format!("{target}?action=initiate-upload&overwrite=false");
    served.send("POST", &again, b"").fails(409, "ALREADY_EXISTS");
    served
        .send("POST", &format!("{target}?action=other"), b"")
        .fails(400, "INVALID_PARAMETER_VALUE");
    let other = format!("{target}.x?action=abort-upload&session_token={token}");
    served.send("POST", &other, b"").fails(400, "INVALID_PARAMETER_VALUE");
    let abort = format!("{target}?action=abort-upload&session_token={token}");
    served.send("POST", &abort, b"").expect(200);
}

#[test]
fn credentials_are_signed_addresses() {
    let served = Served::new();
    let (run, _) = run(&served);
    let ask = |action: &str| {
        let body = json!({"run_id": run.to_string(), "path": ["a/b.txt", "c.txt"]});
        let target = format!("/api/2.0/mlflow/artifacts/credentials-for-{action}");
        served.post(&target, &body).expect(200)["credential_infos"].clone()
    };
    let up = ask("write");
    assert_eq!((&up[1]["path"], &up[1]["type"]), (&json!("c.txt"), &json!("GCP_SIGNED_URL")));
    assert_eq!(up[0]["run_id"], run.to_string());
    assert_eq!(send_to(&served, "PUT", &up[0]["signed_uri"], b"x").status, 200);
    assert_eq!(send_to(&served, "GET", &ask("read")[0]["signed_uri"], b"").body, b"x");
    let model = served.database.default_experiment().unwrap().new_logged_model().create().unwrap();
    let target = format!("/api/2.0/mlflow/logged-models/{}/artifacts/credentials-for-", model.id());
    let paths = json!({"paths": ["MLmodel"]});
    let up = served.post(&format!("{target}upload"), &paths).expect(200);
    let uri = &up["credentials"][0]["credential_info"]["signed_uri"];
    assert_eq!(send_to(&served, "PUT", uri, b"flavors").status, 200);
    let down = served.post(&format!("{target}download"), &paths).expect(200);
    let uri = &down["credentials"][0]["credential_info"]["signed_uri"];
    assert_eq!(send_to(&served, "GET", uri, b"").body, b"flavors");
    let unsafe_path = json!({"paths": ["../a"]});
    served.post(&format!("{target}upload"), &unsafe_path).fails(400, "INVALID_PARAMETER_VALUE");
}

#[test]
fn unsafe_paths_of_the_files_api_are_refused() {
    let served = Served::new();
    let (run, _) = run(&served);
    for inner in
        ["..", "../../x", "a/../b", "%2e%2e/a", "%252e%252e%252fa", "a%00", "a%5cb", "a//b"]
    {
        let target = format!("{FILES}{}/{inner}", path(run));
        let code = "INVALID_PARAMETER_VALUE";
        served.send("PUT", &format!("{target}?overwrite=true"), b"x").fails(400, code);
        served.get(&target).fails(400, code);
    }
    for outside in ["/etc/passwd", "/WorkspaceInternal/../x", "//Models/c/s/m/1/a", "/Models/a"] {
        served.send("PUT", &format!("{FILES}{outside}"), b"x").fails(404, "NOT_FOUND");
    }
}
