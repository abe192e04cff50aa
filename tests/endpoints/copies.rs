//! Endpoints in backups, vacuumed and salvaged files.

use std::fs;

use tracklite::Database;
use tracklite::endpoint::{EndpointSpec, ServedModel};

use crate::common::{TestDatabase, open_quietly};

fn contains(bytes: &[u8], part: &str) -> bool {
    bytes.windows(part.len()).any(|window| window == part.as_bytes())
}

#[test]
fn copies_keep_the_last_change_of_each_endpoint() {
    let database = TestDatabase::quiet();
    let model = database.registry().create_model("churn").unwrap();
    model.new_version("s3://models/churn/1").create().unwrap();
    let named = |name: &str| EndpointSpec::new().serve(ServedModel::version("churn", 1).name(name));
    let endpoints = database.endpoints();
    endpoints.create("kept", &named("served")).unwrap();
    let kept = endpoints.end_update("kept", 1, Ok(())).unwrap();
    endpoints.create("gone", &named("served-by-the-deleted-one")).unwrap();
    endpoints.delete("gone", None).unwrap();
    let path = database.path().to_owned();
    let (backup, salvaged) = (path.with_extension("backup"), path.with_extension("salvaged"));
    database.backup(&backup).unwrap();
    drop((endpoints, model));
    let folder = database.close();
    assert_eq!(Database::salvage(&path, &salvaged).unwrap().lost, Vec::<String>::new());
    assert!(Database::vacuum(&path).is_ok());
    for copy in [&backup, &salvaged, &path] {
        let report = Database::verify(copy).unwrap();
        assert!(report.is_sound(), "{:?}", report.damages);
        let bytes = fs::read(copy).unwrap();
        assert!(contains(&bytes, "served"), "the search works");
        assert!(!contains(&bytes, "served-by-the-deleted-one"));
        let copy = open_quietly(copy);
        assert_eq!(copy.endpoints().list().unwrap(), std::slice::from_ref(&kept));
        // The copy remembers the revision of the deletion.
        assert_eq!(copy.endpoints().create("gone", &named("served")).unwrap().revision, 3);
        copy.endpoints().update("kept", &named("served"), Some(kept.revision)).unwrap();
    }
    drop(folder);
}
