//! `tracklite artifacts`: put, get, ls and rm.

use std::fs;
use std::path::PathBuf;
use std::process::Output;

use serde_json::Value;

use super::{Sample, errors};

impl Sample {
    /// Runs `tracklite artifacts COMMAND FILE RUN ARGUMENTS` on the run `first`.
    fn artifacts(&self, command: &str, arguments: &[&str]) -> Output {
        let (file, run) = (self.file.to_str().unwrap(), self.first.to_string());
        self.run_any("artifacts", &[&[command, file, &run], arguments].concat())
    }

    fn print_artifacts(&self, command: &str, arguments: &[&str]) -> String {
        let output = self.artifacts(command, arguments);
        assert_eq!(errors(&output), "", "{command} {arguments:?}");
        assert_eq!(output.status.code(), Some(0), "{command} {arguments:?}");
        String::from_utf8(output.stdout).unwrap()
    }

    /// Writes a local folder with two files and logs it as `model`, and one of its files.
    fn put_model(&self) -> PathBuf {
        let local = self.folder.join("local");
        fs::create_dir_all(local.join("data")).unwrap();
        fs::write(local.join("data/weights.bin"), [7; 3000]).unwrap();
        fs::write(local.join("MLmodel"), "flavors: {}\n").unwrap();
        let put = |arguments: &[&str]| self.print_artifacts("put", arguments);
        assert_eq!(put(&[local.to_str().unwrap(), "model"]), "logged to model\n");
        let single = local.join("MLmodel");
        assert_eq!(put(&[single.to_str().unwrap()]), "logged to MLmodel\n");
        local
    }
}

#[test]
fn ls_lists_files_and_folders() {
    let sample = Sample::new();
    assert_eq!(sample.print_artifacts("ls", &[]), "no artifacts\n");
    sample.put_model();
    let listed = sample.print_artifacts("ls", &[]);
    assert!(listed.contains("12 B") && listed.contains("folder  model/"), "{listed}");
    let all = sample.print_artifacts("ls", &["model", "--recursive"]);
    assert!(all.contains("model/data/weights.bin") && !all.contains("\nMLmodel"), "{all}");
    assert!(sample.print_artifacts("ls", &["model/MLmodel"]).contains("12 B"));
}

#[test]
fn ls_prints_json_with_the_names_of_mlflow() {
    let sample = Sample::new();
    sample.put_model();
    let printed = sample.print_artifacts("ls", &["model/data/", "--json"]);
    let json: Value = serde_json::from_str(&printed).unwrap();
    assert_eq!(json[0]["path"], "model/data/weights.bin");
    assert_eq!((json[0]["file_size"].as_u64(), &json[0]["is_dir"]), (Some(3000), &false.into()));
    assert_eq!(json[0]["digest"].as_str().unwrap().len(), 64);
}

#[test]
fn get_writes_to_a_folder_or_to_standard_output() {
    let sample = Sample::new();
    sample.put_model();
    let out = sample.folder.join("out");
    sample.print_artifacts("get", &["model", "--to", out.to_str().unwrap()]);
    assert_eq!(fs::read(out.join("model/data/weights.bin")).unwrap(), [7; 3000]);
    let printed = sample.print_artifacts("get", &["MLmodel", "--to", "-"]);
    assert_eq!(printed, "flavors: {}\n");
}

#[test]
fn rm_removes_a_folder() {
    let sample = Sample::new();
    sample.put_model();
    let printed = sample.print_artifacts("rm", &["model/", "--json"]);
    let json: Value = serde_json::from_str(&printed).unwrap();
    assert_eq!((&json["files"], &json["path"]), (&2.into(), &"model".into()));
    for command in ["get", "rm", "ls"] {
        let output = sample.artifacts(command, &["model"]);
        assert_eq!(output.status.code(), Some(1), "{command}");
        assert!(errors(&output).contains("no artifact \"model\""), "{}", errors(&output));
    }
}

#[test]
fn put_rejects_a_path_outside_the_run() {
    let sample = Sample::new();
    let single = sample.put_model().join("MLmodel");
    let output = sample.artifacts("put", &[single.to_str().unwrap(), "../outside"]);
    assert!(output.status.code() == Some(1) && errors(&output).contains(".."));
}
