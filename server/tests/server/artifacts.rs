//! Artifacts by MLflow's API: listings, the proxy, ranges, broken uploads, and refused paths.

use serde_json::json;
use tracklite::{Database, RunId};

use crate::client::Served;

/// Bytes that no compression makes smaller.
pub(crate) fn noise(length: usize) -> Vec<u8> {
    let mut state = 0x9e37_79b9_7f4a_7c15_u64;
    let mut bytes = Vec::with_capacity(length + 8);
    while bytes.len() < length {
        state ^= state << 13;
        state ^= state >> 7;
        state ^= state << 17;
        bytes.extend_from_slice(&state.to_le_bytes());
    }
    bytes.truncate(length);
    bytes
}

/// Starts a run, and returns its id and the address of its artifacts in the proxy.
pub(crate) fn run(served: &Served) -> (RunId, String) {
    let run = served.database.default_experiment().unwrap().start_run("").unwrap().id();
    (run, format!("/api/2.0/mlflow-artifacts/artifacts/0/{run}/artifacts"))
}

#[test]
fn a_file_goes_up_and_comes_down() {
    let served = Served::new();
    let (run, proxy) = run(&served);
    for (name, length) in [("empty.bin", 0), ("small.txt", 10), ("large.bin", 5 << 20)] {
        let bytes = noise(length);
        let target = format!("{proxy}/a%20b/{name}");
        assert_eq!(served.send("PUT", &target, &bytes).expect(200), json!({}));
        let found = served.get(&target);
        assert_eq!((found.status, found.body == bytes), (200, true), "{name}");
        let disposition = found.header("content-disposition").unwrap();
        assert!(disposition.starts_with("attachment; filename="), "{disposition}");
        assert_eq!(found.header("x-content-type-options"), Some("nosniff"));
        let head = served.send("HEAD", &target, b"");
        assert_eq!(head.header("content-length"), Some(&*length.to_string()));
        let page = format!("/get-artifact?run_uuid={run}&path=a+b/{name}");
        assert!(served.get(&page).body == bytes);
    }
    let artifacts = served.database.run(run).unwrap().artifacts();
    assert!(artifacts.read("a b/large.bin").unwrap() == noise(5 << 20));
    let list = format!("/api/2.0/mlflow/artifacts/list?run_id={run}");
    let root = served.get(&list).expect(200);
    assert_eq!(root["root_uri"], format!("mlflow-artifacts:/0/{run}/artifacts"));
    assert_eq!(root["files"], json!([{"path": "a b", "is_dir": true}]));
    let inner = served.get(&format!("{list}&path=a%20b")).expect(200);
    let small = json!({"path": "a b/small.txt", "is_dir": false, "file_size": 10});
    assert_eq!(inner["files"][2], small);
    let by_proxy = format!("/api/2.0/mlflow-artifacts/artifacts?path=0/{run}/artifacts/a%20b");
    assert_eq!(served.get(&by_proxy).expect(200)["files"][2]["path"], "small.txt");
    served.send("DELETE", &format!("{proxy}/a%20b"), b"").expect(200);
    assert_eq!(served.get(&list).expect(200).get("files"), None);
}

#[test]
fn a_range_is_a_part_of_the_file() {
    let served = Served::new();
    let (_, proxy) = run(&served);
    let bytes = noise(3 << 20);
    let target = format!("{proxy}/a.bin");
    served.send("PUT", &target, &bytes).expect(200);
    for (range, place) in [
        ("bytes=0-0", 0..1),
        ("bytes=1000000-2999999", 1_000_000..3_000_000),
        ("bytes=100-", 100..bytes.len()),
        ("bytes=-7", bytes.len() - 7..bytes.len()),
    ] {
        let found = served.send_with("GET", &target, &[("range", range)], b"");
        assert_eq!(found.status, 206, "{range}");
        assert!(found.body == bytes[place.clone()], "{range}");
        let expected = format!("bytes {}-{}/{}", place.start, place.end - 1, bytes.len());
        assert_eq!(found.header("content-range"), Some(&*expected));
    }
    let beyond = served.send_with("GET", &target, &[("range", "bytes=3145728-")], b"");
    assert_eq!(beyond.header("content-range"), Some("bytes */3145728"));
    beyond.fails(416, "INVALID_PARAMETER_VALUE");
    let tag = served.get(&target).header("etag").unwrap().to_owned();
    for (condition, status) in [(&*tag, 206), ("\"other\"", 200)] {
        let headers = [("range", "bytes=1-2"), ("if-range", condition)];
        assert_eq!(served.send_with("GET", &target, &headers, b"").status, status);
    }
    let long_ago = [("if-unmodified-since", "Sun, 06 Nov 1994 08:49:37 GMT")];
    served.send_with("GET", &target, &long_ago, b"").fails(412, "FAILED_PRECONDITION");
}

#[test]
fn half_a_body_leaves_nothing() {
    let served = Served::new();
    let (run, proxy) = run(&served);
    served.send("PUT", &format!("{proxy}/a.bin"), b"before").expect(200);
    for length in [100, 8 << 20] {
        let mut connection = served.connect();
        connection.head("PUT", &format!("{proxy}/a.bin"), &[], Some(length));
        connection.write(&noise(length / 2));
        drop(connection);
        let mut chunked = served.connect();
        let headers = [("transfer-encoding", "chunked")];
        chunked.head("PUT", &format!("{proxy}/b.bin"), &headers, None);
        chunked.write(format!("{length:x}\r\n").as_bytes());
        chunked.write(&noise(length));
        drop(chunked);
    }
    // A whole upload after them passes, so that theirs have ended.
    served.send("PUT", &format!("{proxy}/c.bin"), &noise(8 << 20)).expect(200);
    let artifacts = served.database.run(run).unwrap().artifacts();
    assert_eq!(artifacts.read("a.bin").unwrap(), b"before");
    let names: Vec<String> =
        artifacts.list("").unwrap().into_iter().map(|info| info.path).collect();
    assert_eq!(names, ["a.bin", "c.bin"]);
}

#[test]
fn a_chunked_body_is_a_file() {
    let served = Served::new();
    let (_, proxy) = run(&served);
    let mut connection = served.connect();
    let headers = [("transfer-encoding", "chunked")];
    connection.head("PUT", &format!("{proxy}/a.bin"), &headers, None);
    let bytes = noise(5 << 20);
    for piece in bytes.chunks(1 << 20) {
        connection.write(format!("{:x}\r\n", piece.len()).as_bytes());
        connection.write(piece);
        connection.write(b"\r\n");
    }
    connection.write(b"0\r\n\r\n");
    connection.answer(false).expect(200);
    assert!(served.get(&format!("{proxy}/a.bin")).body == bytes);
}

#[test]
fn unsafe_paths_are_refused_with_json() {
    let served = Served::new();
    let (run, proxy) = run(&served);
    let code = "INVALID_PARAMETER_VALUE";
    for path in [
        "../a",
        "a/../b",
        "./a",
        "a//..%2fb",
        "%2e%2e/a",
        "%252e%252e/a",
        "a%5cb",
        "a%00b",
        "a%0ab",
        "c:/a",
        "%ff",
    ] {
        served.send("PUT", &format!("{proxy}/{path}"), b"x").fails(400, code);
        served.get(&format!("{proxy}/{path}")).fails(400, code);
        let page = format!("/get-artifact?run_uuid={run}&path={path}");
        served.get(&page).fails(400, code);
        let list = format!("/api/2.0/mlflow/artifacts/list?run_id={run}&path={path}");
        served.get(&list).fails(400, code);
    }
    let outside = "/api/2.0/mlflow-artifacts/artifacts";
    served.send("PUT", &format!("{outside}/../../etc/passwd"), b"x").fails(400, code);
    let missing = "RESOURCE_DOES_NOT_EXIST";
    served.send("PUT", &format!("{outside}/etc/passwd"), b"x").fails(404, missing);
    served.get(&format!("{proxy}/nothing.txt")).fails(404, missing);
    let no_run = format!("{outside}/0/{}/artifacts/a", "0".repeat(32));
    served.send("PUT", &no_run, b"x").fails(404, missing);
    // A large body of a refused request is read, so that the client reads the answer.
    served.send("PUT", &no_run, &noise(20 << 20)).fails(404, missing);
    served.send("POST", &format!("{proxy}/a"), b"").fails(404, "ENDPOINT_NOT_FOUND");
    assert!(served.database.run(run).unwrap().artifacts().list_all().unwrap().is_empty());
}

#[test]
fn parts_become_one_file() {
    let served = Served::new();
    let (run, _) = run(&served);
    let mpu = |action: &str| format!("/api/2.0/mlflow-artifacts/mpu/{action}/0/{run}/artifacts/d");
    let begun = json!({"path": "/tmp/local/big.bin", "num_parts": 3});
    let begun = served.post(&mpu("create"), &begun).expect(200);
    let bytes = noise(5 << 20);
    let pieces: Vec<&[u8]> = bytes.chunks(2 << 20).collect();
    let mut parts = Vec::new();
    for index in [2, 0, 1] {
        let address = &begun["credentials"][index];
        let (_, target) = address["url"].as_str().unwrap().split_once(served.host()).unwrap();
        let sent = served.send("PUT", target, pieces[index]);
        let etag = sent.header("etag").unwrap().to_owned();
        parts.push(json!({"part_number": address["part_number"], "etag": etag}));
    }
    let id = &begun["upload_id"];
    let mut done = json!({"path": "/tmp/local/big.bin", "upload_id": id, "parts": parts});
    let wrong = json!([{"part_number": 1, "etag": "other"}]);
    let mut bad = done.clone();
    bad["parts"] = wrong;
    served.post(&mpu("complete"), &bad).fails(400, "INVALID_PARAMETER_VALUE");
    bad["parts"] = json!([{"part_number": 9, "etag": "x"}]);
    served.post(&mpu("complete"), &bad).fails(400, "INVALID_PARAMETER_VALUE");
    served.post(&mpu("complete"), &done).expect(200);
    // A client that missed the answer asks again.
    served.post(&mpu("complete"), &done).expect(200);
    let artifacts = served.database.run(run).unwrap().artifacts();
    assert!(artifacts.read("d/big.bin").unwrap() == bytes);
    done["path"] = "other.bin".into();
    served.post(&mpu("complete"), &done).fails(400, "INVALID_PARAMETER_VALUE");
    let again = json!({"path": "a.bin", "num_parts": 1});
    let again = served.post(&mpu("create"), &again).expect(200);
    let abort = json!({"path": "a.bin", "upload_id": again["upload_id"]});
    served.post(&mpu("abort"), &abort).expect(200);
    served.post(&mpu("abort"), &abort).expect(200);
    let target = again["credentials"][0]["url"].as_str().unwrap();
    let (_, target) = target.split_once(served.host()).unwrap();
    served.send("PUT", target, b"x").fails(404, "NOT_FOUND");
    assert_eq!(artifacts.list_all().unwrap().len(), 1);
    let folder = served.path.parent().unwrap();
    let is_spool = |name: &str| name.contains("upload");
    let left = std::fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().file_name());
    assert!(!left.into_iter().any(|name| is_spool(name.to_str().unwrap())));
}

#[test]
fn presigned_addresses_of_other_stores_are_refused() {
    let served = Served::new();
    let (run, _) = run(&served);
    let presigned = format!("/api/2.0/mlflow-artifacts/presigned/0/{run}/artifacts/a");
    let message = served.get(&presigned).fails(501, "NOT_IMPLEMENTED");
    assert!(message.starts_with("Multipart download is not supported"), "{message}");
    for (what, target) in [("upload", "upload"), ("download", "download")] {
        let target = format!("/api/2.0/mlflow/artifacts/presigned-{target}-url");
        let message = served
            .post(&target, &json!({"run_id": run.to_string(), "path": "a"}))
            .fails(400, "INVALID_PARAMETER_VALUE");
        assert!(message.starts_with(&format!("Presigned {what} is not supported")), "{message}");
    }
}

#[test]
fn files_of_models_are_read() {
    let served = Served::new();
    let database: &Database = &served.database;
    let experiment = database.default_experiment().unwrap();
    let model = experiment.new_logged_model().name("m").create().unwrap();
    let id = model.id();
    let proxy = format!("/api/2.0/mlflow-artifacts/artifacts/0/models/{id}/artifacts");
    served.send("PUT", &format!("{proxy}/MLmodel"), b"flavors: {}").expect(200);
    let list = format!("/api/2.0/mlflow/logged-models/{id}/artifacts/directories");
    let listed = served.get(&list).expect(200);
    assert_eq!(listed["files"][0]["path"], "MLmodel");
    assert_eq!(listed["root_uri"], format!("mlflow-artifacts:/0/models/{id}/artifacts"));
    let file = format!("/ajax-api/2.0/mlflow/logged-models/{id}/artifacts/files");
    let found = served.get(&format!("{file}?artifact_file_path=MLmodel"));
    assert_eq!(found.body, b"flavors: {}");
    served.get(&file).fails(400, "BAD_REQUEST");
    let registry = database.registry();
    let registered = registry.create_model("r").unwrap();
    registered.new_version(&format!("models:/{id}")).create().unwrap();
    let version = "/model-versions/get-artifact?name=r&version=1&path=MLmodel";
    assert_eq!(served.get(version).body, b"flavors: {}");
    let id = registered.id().to_bits();
    let pinned = format!("/api/2.0/mlflow-artifacts/artifacts/versions/{id:032x}/1/MLmodel");
    assert_eq!(served.get(&pinned).body, b"flavors: {}");
    served.send("PUT", &pinned, b"x").fails(400, "INVALID_PARAMETER_VALUE");
    served
        .get("/model-versions/get-artifact?name=r&version=2&path=MLmodel")
        .fails(404, "RESOURCE_DOES_NOT_EXIST");
}

#[test]
fn the_web_page_writes_a_file() {
    let served = Served::new();
    let (run, _) = run(&served);
    let target = format!("/ajax-api/2.0/mlflow/upload-artifact?run_uuid={run}&path=a/b.json");
    served.send("POST", &target, b"{}").expect(200);
    served.send("POST", &target, b"").fails(400, "INVALID_PARAMETER_VALUE");
    let artifacts = served.database.run(run).unwrap().artifacts();
    assert_eq!(artifacts.read("a/b.json").unwrap(), b"{}");
}

#[test]
fn a_transfer_needs_a_token_before_its_body() {
    let served = Served::with(|builder| builder.token("tlk_secret"));
    let (run, proxy) = run(&served);
    let target = format!("{proxy}/a.txt");
    let mut connection = served.connect();
    connection.head("PUT", &target, &[], Some(1000));
    connection.answer(false).fails(401, "UNAUTHENTICATED");
    for target in [&*target, &format!("/get-artifact?run_uuid={run}&path=a.txt")] {
        served.get(target).fails(401, "UNAUTHENTICATED");
    }
    let headers = [("authorization", "Bearer tlk_secret")];
    served.send_with("PUT", &target, &headers, b"x").expect(200);
    assert_eq!(served.send_with("GET", &target, &headers, b"").body, b"x");
}
