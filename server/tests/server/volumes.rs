//! Volumes of Unity Catalog, and their files by the Files API.

use serde_json::{Value, json};
use tracklite::Database;

use crate::artifacts::noise;
use crate::client::Served;

const VOLUMES: &str = "/api/2.1/unity-catalog/volumes";
const FILES: &str = "/api/2.0/fs/files";
const DIRECTORIES: &str = "/api/2.0/fs/directories";

/// Creates the volume `ml.raw.NAME`.
#[track_caller]
fn create(served: &Served, name: &str) -> Value {
    let body = json!({"catalog_name": "ml", "schema_name": "raw", "name": name,
        "volume_type": "MANAGED", "comment": "as they came"});
    served.post(VOLUMES, &body).expect(200)
}

fn patch(served: &Served, target: &str, body: &Value) -> Value {
    let headers = [("content-type", "application/json")];
    served.send_with("PATCH", target, &headers, body.to_string().as_bytes()).expect(200)
}

fn names(served: &Served, folder: &str) -> Vec<String> {
    let page = served.get(&format!("{DIRECTORIES}{folder}")).expect(200);
    let entries = page["contents"].as_array().unwrap().iter();
    entries.map(|entry| entry["name"].as_str().unwrap().to_owned()).collect()
}

#[test]
fn a_volume_is_created_listed_changed_and_deleted() {
    let served = Served::new();
    let made = create(&served, "images");
    for (key, value) in [
        ("full_name", "ml.raw.images"),
        ("catalog_name", "ml"),
        ("schema_name", "raw"),
        ("volume_type", "MANAGED"),
        ("comment", "as they came"),
        ("storage_location", "dbfs:/Volumes/ml/raw/images"),
    ] {
        assert_eq!(made[key], value, "{made}");
    }
    let body = json!({"catalog_name": "ml", "schema_name": "raw", "name": "images"});
    served.post(VOLUMES, &body).fails(409, "ALREADY_EXISTS");
    create(&served, "audio");
    let list = format!("{VOLUMES}?catalog_name=ml&schema_name=raw");
    let first = served.get(&format!("{list}&max_results=1")).expect(200);
    assert_eq!(first["volumes"][0]["name"], "audio");
    let token = first["next_page_token"].as_str().unwrap();
    let second = served.get(&format!("{list}&max_results=1&page_token={token}")).expect(200);
    assert_eq!(second["volumes"][0], made);
    assert!(second["next_page_token"].is_null());
    assert_eq!(served.get(&format!("{VOLUMES}/ml.raw.images")).expect(200), made);
    let changes = json!({"new_name": "pictures", "comment": "all", "owner": "ada"});
    let changed = patch(&served, &format!("{VOLUMES}/ml.raw.images"), &changes);
    assert_eq!(
        (&changed["full_name"], &changed["owner"]),
        (&json!("ml.raw.pictures"), &json!("ada"))
    );
    assert_eq!((&changed["comment"], &changed["volume_id"]), (&json!("all"), &made["volume_id"]));
    for missing in ["ml.raw.images", "ml.raw.none", "x.y.z"] {
        let target = format!("{VOLUMES}/{missing}");
        served.get(&target).fails(404, "RESOURCE_DOES_NOT_EXIST");
        served.send("DELETE", &target, b"").fails(404, "RESOURCE_DOES_NOT_EXIST");
    }
    served.get(&format!("{VOLUMES}/images")).fails(400, "INVALID_PARAMETER_VALUE");
    served.send("DELETE", &format!("{VOLUMES}/ml.raw.pictures"), b"").expect(200);
    served.get(&format!("{DIRECTORIES}/Volumes/ml/raw/pictures")).fails(404, "NOT_FOUND");
    // Its name is free again.
    create(&served, "pictures");
    assert_eq!(names(&served, "/Volumes/ml/raw/pictures"), [""; 0]);
}

#[test]
fn names_and_kinds_that_cannot_be_are_refused() {
    let served = Served::new();
    for name in ["", " ", "a.b", "a/b", "a b", "a\u{7}", ".."] {
        let body = json!({"catalog_name": "ml", "schema_name": "raw", "name": name});
        served.post(VOLUMES, &body).fails(400, "INVALID_PARAMETER_VALUE");
    }
    let outside = json!({"catalog_name": "ml", "schema_name": "raw", "name": "v",
        "volume_type": "EXTERNAL", "storage_location": "s3://bucket"});
    served.post(VOLUMES, &outside).fails(501, "NOT_IMPLEMENTED");
    let list = format!("{VOLUMES}?catalog_name=ml&schema_name=raw");
    served.get(&list).fails(404, "CATALOG_DOES_NOT_EXIST");
    // An experiment with such a path is not a volume.
    served.database.create_experiment("/Volumes/ml/raw/mine").unwrap();
    served.get(&format!("{VOLUMES}/ml.raw.mine")).fails(404, "RESOURCE_DOES_NOT_EXIST");
    served.send("PUT", &format!("{FILES}/Volumes/ml/raw/mine/a"), b"x").fails(404, "NOT_FOUND");
}

#[test]
fn files_and_folders_of_a_volume_live() {
    let served = Served::new();
    create(&served, "images");
    let root = "/Volumes/ml/raw/images";
    let target = format!("{FILES}{root}/2026/a%20b.bin");
    served.get(&target).fails(404, "NOT_FOUND");
    let bytes = noise(3 << 20);
    assert_eq!(served.send("PUT", &target, &bytes).status, 204);
    served.send("PUT", &target, b"other").fails(409, "ALREADY_EXISTS");
    assert!(served.get(&target).body == bytes);
    let part = served.send_with("GET", &target, &[("range", "bytes=5-8")], b"");
    assert_eq!((part.status, &part.body[..]), (206, &bytes[5..9]));
    assert_eq!(served.send("HEAD", &target, b"").header("content-length"), Some("3145728"));
    let status = |method: &str, inner: &str| {
        served.send(method, &format!("{DIRECTORIES}{root}{inner}"), b"").status
    };
    // A new folder is there without any file.
    assert_eq!((status("HEAD", "/new/deep"), status("PUT", "/new/deep")), (404, 204));
    assert_eq!((status("HEAD", "/new/deep"), status("PUT", "/new/deep")), (200, 204));
    assert_eq!(names(&served, root), ["2026", "new"]);
    assert_eq!(names(&served, &format!("{root}/new")), ["deep"]);
    assert_eq!(names(&served, &format!("{root}/new/deep")), [""; 0]);
    assert_eq!((status("PUT", "/2026/a%20b.bin"), status("DELETE", "/new")), (409, 400));
    assert_eq!((status("DELETE", "/new/deep"), status("DELETE", "/new/deep")), (204, 404));
    assert_eq!((status("DELETE", "/new"), status("HEAD", "/new")), (204, 404));
    // A folder stays after its last file.
    assert_eq!((status("DELETE", "/2026"), served.send("DELETE", &target, b"").status), (400, 204));
    assert_eq!(names(&served, &format!("{root}/2026")), [""; 0]);
    assert_eq!((status("DELETE", "/2026"), status("HEAD", "/2026")), (204, 404));
    assert_eq!((status("HEAD", ""), status("DELETE", "")), (200, 400));
    for outside in ["/Volumes/ml/raw/none/a", "/Volumes/ml/raw", "/Volumes/ml", "/Volumes"] {
        served.send("PUT", &format!("{FILES}{outside}"), b"x").fails(404, "NOT_FOUND");
    }
    let up = format!("{FILES}{root}/%2e%2e/a");
    served.send("PUT", &up, b"x").fails(400, "INVALID_PARAMETER_VALUE");
}

#[test]
fn a_schema_with_volumes_is_not_empty() {
    let served = Served::new();
    create(&served, "images");
    let schema = "/api/2.1/unity-catalog/schemas/ml.raw";
    let message = served.send("DELETE", schema, b"").fails(400, "BAD_REQUEST");
    assert!(message.contains("volumes"), "{message}");
    served.send("DELETE", &format!("{schema}?force=true"), b"").expect(200);
    served.get(&format!("{VOLUMES}/ml.raw.images")).fails(404, "RESOURCE_DOES_NOT_EXIST");
}

#[test]
fn files_of_a_volume_survive_a_restart() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("runs.tracklite");
    let file = format!("{FILES}/Volumes/ml/raw/images/a.bin");
    {
        let served = Served::over(Database::create(&path).unwrap(), |builder| builder);
        create(&served, "images");
        assert_eq!(served.send("PUT", &file, b"kept").status, 204);
        let made = format!("{DIRECTORIES}/Volumes/ml/raw/images/empty");
        assert_eq!(served.send("PUT", &made, b"").status, 204);
    }
    let served = Served::over(Database::open(&path).unwrap(), |builder| builder);
    assert_eq!(served.get(&file).body, b"kept");
    assert_eq!(names(&served, "/Volumes/ml/raw/images"), ["a.bin", "empty"]);
    // The other clients of the file see the same bytes.
    let experiment = served.database.find_experiment("/Volumes/ml/raw/images").unwrap().unwrap();
    let run = experiment.runs().unwrap()[0].info.id;
    assert_eq!(served.database.run(run).unwrap().artifacts().read("a.bin").unwrap(), b"kept");
}

#[test]
fn one_of_several_calls_creates_a_volume() {
    let served = Served::new();
    let body = json!({"catalog_name": "ml", "schema_name": "raw", "name": "images"});
    let statuses: Vec<u16> = std::thread::scope(|scope| {
        let calls: Vec<_> =
            (0..8).map(|_| scope.spawn(|| served.post(VOLUMES, &body).status)).collect();
        calls.into_iter().map(|call| call.join().unwrap()).collect()
    });
    assert_eq!(statuses.iter().filter(|status| **status == 200).count(), 1, "{statuses:?}");
    assert_eq!(statuses.iter().filter(|status| **status == 409).count(), 7, "{statuses:?}");
}
