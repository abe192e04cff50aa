//! `tracklite report`.

use std::fs;

use tracklite::Database;

use super::Sample;

/// Returns the answers that are embedded in a report.
fn data(page: &str) -> serde_json::Value {
    let (_, rest) = page.split_once("id=\"report\">").expect("the report has data");
    let (data, _) = rest.split_once("</script>").expect("the data ends");
    serde_json::from_str(data).expect("the data is JSON")
}

#[test]
fn a_view_becomes_one_file_that_loads_nothing() {
    let sample = Sample::new();
    let database = Database::open(&sample.file).unwrap();
    let state = r#"{"f": "metrics.loss < 0.1", "c": "params.rate,min.loss"}"#;
    database.save_view("best runs", state, 0).unwrap();
    database.run(sample.first).unwrap().set_tag("x", "</script><script>alert(1)").unwrap();
    database.close().unwrap();
    let out = sample.folder.path().join("r.html");
    let out = out.to_str().unwrap();
    assert_eq!(sample.print("report", &["--view", "best runs", "-o", out]), format!("{out}\n"));
    let page = fs::read_to_string(out).unwrap();
    assert!(page.starts_with("<!doctype html>") && page.len() > 100_000);
    for absent in ["src=\"/", "href=\"/assets", "http-equiv=\"refresh", "alert(1)"] {
        assert!(!page.contains(absent), "{absent}");
    }
    assert!(page.contains("default-src 'none'"));
    let data = data(&page);
    assert_eq!((&data["view"], &data["runs"]), (&"best runs".into(), &1.into()));
    assert_eq!(data["file"]["read_only"], true);
    assert!(data["curves"]["loss"].is_string() && data["table"].is_string(), "{data}");
    assert_eq!(data["query"], "c=params%2Erate%2Cmin%2Eloss&f=metrics%2Eloss%20%3C%200%2E1");
    // A file is replaced only on request.
    assert!(sample.failure("report", &["-o", out]).contains("--force"));
    sample.print("report", &["-o", out, "--force"]);
    assert_ne!(fs::read_to_string(out).unwrap(), page);
    assert!(sample.failure("report", &["--view", "none", "-o", out]).contains("none"));
}
