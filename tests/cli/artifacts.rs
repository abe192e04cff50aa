//! `tracklite artifacts`: in, out, listed, removed.

use std::fs;

use serde_json::Value;

use super::{Sample, errors};

#[test]
fn files_go_in_are_listed_come_out_and_are_removed() {
    let sample = Sample::new();
    let run = sample.first.to_string();
    let local = sample.folder.path().join("local");
    fs::create_dir_all(local.join("data")).unwrap();
    fs::write(local.join("data/weights.bin"), [7; 3000]).unwrap();
    fs::write(local.join("MLmodel"), "flavors: {}\n").unwrap();
    let file = sample.file.to_str().unwrap();
    let artifacts = |arguments: &[&str]| {
        let mut all = vec![arguments[0], file, &run];
        all.extend(&arguments[1..]);
        sample.run_any("artifacts", &all)
    };
    let print = |arguments: &[&str]| {
        let output = artifacts(arguments);
        assert_eq!(errors(&output), "", "{arguments:?}");
        assert_eq!(output.status.code(), Some(0), "{arguments:?}");
        String::from_utf8(output.stdout).unwrap()
    };
    let [folder, single] =
        [&local, &local.join("MLmodel")].map(|it| it.to_str().unwrap().to_owned());
    assert_eq!(print(&["ls"]), "no artifacts\n");
    assert_eq!(print(&["put", &folder, "model"]), "logged to model\n");
    assert_eq!(print(&["put", &single]), "logged to MLmodel\n");
    let listed = print(&["ls"]);
    assert!(listed.contains("12 B") && listed.contains("folder  model/"), "{listed}");
    let all = print(&["ls", "model", "--recursive"]);
    assert!(all.contains("model/data/weights.bin") && !all.contains("\nMLmodel"), "{all}");
    assert!(print(&["ls", "model/MLmodel"]).contains("12 B"));
    let json: Value = serde_json::from_str(&print(&["ls", "model/data/", "--json"])).unwrap();
    assert_eq!(json[0]["path"], "model/data/weights.bin");
    assert_eq!((json[0]["file_size"].as_u64(), &json[0]["is_dir"]), (Some(3000), &false.into()));
    assert_eq!(json[0]["digest"].as_str().unwrap().len(), 64);

    let out = sample.folder.path().join("out");
    print(&["get", "model", "--to", out.to_str().unwrap()]);
    assert_eq!(fs::read(out.join("model/data/weights.bin")).unwrap(), [7; 3000]);
    assert_eq!(print(&["get", "MLmodel", "--to", "-"]), "flavors: {}\n");
    let json: Value = serde_json::from_str(&print(&["rm", "model/", "--json"])).unwrap();
    assert_eq!((&json["files"], &json["path"]), (&2.into(), &"model".into()));
    for missing in [["get", "model"], ["rm", "model"], ["ls", "model"]] {
        let output = artifacts(&missing);
        assert_eq!(output.status.code(), Some(1), "{missing:?}");
        assert!(errors(&output).contains("no artifact \"model\""), "{}", errors(&output));
    }
    let output = artifacts(&["put", &single, "../outside"]);
    assert!(output.status.code() == Some(1) && errors(&output).contains(".."));
}
