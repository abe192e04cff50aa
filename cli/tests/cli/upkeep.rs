//! The commands that verify, copy and change a file.

use std::fs;
use std::thread;
use std::time::Duration;

use tracklite::Database;

use super::{Sample, errors, failure_of, program};

/// Returns the offset of these bytes in the file, where they must occur once.
fn offset_of(bytes: &[u8], wanted: &[u8]) -> usize {
    let found: Vec<usize> =
        (0..bytes.len() - wanted.len()).filter(|&at| bytes[at..].starts_with(wanted)).collect();
    assert_eq!(found.len(), 1, "occurrences of {wanted:?}");
    found[0]
}

/// Flips a bit in the tag of the run `first`, and returns its offset.
fn damage(sample: &Sample) -> usize {
    let mut bytes = fs::read(&sample.file).expect("the file can be read");
    let offset = offset_of(&bytes, b"two\nlines");
    bytes[offset] ^= 0x20;
    fs::write(&sample.file, bytes).expect("the file can be written");
    offset
}

#[test]
fn verify_reports_a_sound_file() {
    let sample = Sample::new();
    let printed = sample.print("verify", &[]);
    assert!(printed.contains("sound") && printed.contains("108 points"), "{printed}");
    let report = sample.json("verify", &[]);
    assert_eq!(report["is_sound"], true);
    assert_eq!(report["runs"], 4);
    assert_eq!(report["damages"].as_array().map(Vec::len), Some(0));
}

#[test]
fn verify_prints_damage_and_has_an_exit_code_for_it() {
    let sample = Sample::new();
    damage(&sample);
    let output = sample.run("verify", &[]);
    let printed = String::from_utf8_lossy(&output.stdout);
    assert_eq!(output.status.code(), Some(3), "{printed}{}", errors(&output));
    assert!(printed.contains("damage: "), "{printed}");
}

#[test]
fn verify_prints_the_offset_of_damage_as_json() {
    let sample = Sample::new();
    let place = u64::try_from(damage(&sample)).expect("a small file");
    let output = sample.run("verify", &["--json"]);
    assert_eq!(output.status.code(), Some(3));
    let report: serde_json::Value = serde_json::from_slice(&output.stdout).expect("JSON");
    assert_eq!(report["is_sound"], false);
    let offsets = report["damages"].as_array().expect("an array").iter();
    let offsets: Vec<u64> = offsets.filter_map(|damage| damage["offset"].as_u64()).collect();
    let is_near = |offset: &u64| offset.abs_diff(place) < 4096;
    assert!(offsets.iter().any(is_near), "{place} is not near any of {offsets:?}");
}

#[test]
fn verify_salvages_the_sound_parts_of_a_file() {
    let sample = Sample::new();
    damage(&sample);
    let before = fs::read(&sample.file).expect("the file can be read");
    let out = sample.folder.path().join("saved.tracklite");
    let out_text = out.to_str().expect("the path is UTF-8");
    let output = sample.run("verify", &["--salvage", out_text]);
    assert_eq!(output.status.code(), Some(3), "{}", errors(&output));
    assert!(String::from_utf8_lossy(&output.stdout).contains("saved.tracklite"));
    let after = fs::read(&sample.file).expect("the file can be read");
    assert!(before == after, "salvage changed the damaged file");
    let saved = Database::open_read_only(&out).expect("the saved file opens");
    assert!(saved.experiments().expect("the experiments can be read").len() >= 2);
    assert!(Database::verify(&out).expect("the saved file can be read").is_sound());
    let message = failure_of(&sample.run("verify", &["--salvage", out_text]));
    assert!(message.contains("saved.tracklite"), "an existing file must stay: {message}");
}

#[test]
fn a_deleted_run_can_be_listed_and_restored() {
    let sample = Sample::new();
    let first = sample.first.to_string();
    let printed = sample.print("delete", &[&first[..10]]);
    assert!(printed.contains(&format!("restore {} {}", sample.file.display(), &first[..8])));
    assert!(!sample.print("runs", &[]).contains("first"));
    let listed = sample.print("runs", &["--deleted"]);
    let line = listed.lines().find(|line| line.contains(" first ")).unwrap_or_default();
    assert!(line.contains("FINISHED (deleted)"), "{listed}");
    sample.print("restore", &[&first[..10]]);
    assert!(sample.print("runs", &[]).contains("first"));
}

#[test]
fn gc_removes_deleted_runs_permanently() {
    let sample = Sample::new();
    let report = sample.json("gc", &[]);
    assert_eq!((&report["runs"], &report["experiments"]), (&1.into(), &0.into()));
    sample.failure("restore", &[&sample.deleted.to_string()]);
    assert!(!sample.print("runs", &["--deleted"]).contains("gone"));
    assert!(sample.print("gc", &[]).starts_with("removed 0 runs and 0 experiments"));
}

#[test]
fn vacuum_shrinks_the_file_and_keeps_all_runs() {
    let sample = Sample::new();
    let before = sample.json("runs", &["--deleted"]);
    let report = sample.json("vacuum", &[]);
    assert!(report["after_bytes"].as_u64() <= report["before_bytes"].as_u64(), "{report}");
    assert_eq!(sample.json("runs", &["--deleted"]), before);
    sample.print("verify", &[]);
}

#[test]
fn vacuum_fails_while_a_writer_has_the_file_open() {
    let sample = Sample::new();
    let writing = Database::open(&sample.file).expect("the file opens");
    let run = writing.run(sample.other).expect("the run exists");
    run.log_metric("loss", 1.0, 0).expect("the metric is logged");
    let message = sample.failure("vacuum", &[]);
    assert!(message.contains("runs.tracklite"), "{message}");
}

#[test]
fn a_backup_is_a_complete_file_and_never_replaces_one() {
    let sample = Sample::new();
    let to = sample.folder.path().join("copy.tracklite");
    let to_text = to.to_str().expect("the path is UTF-8");
    sample.print("backup", &[to_text]);
    let copied = program(sample.folder.path()).args(["runs", to_text, "--json"]).output();
    let copied = copied.expect("the program starts").stdout;
    assert_eq!(copied, sample.run("runs", &["--json"]).stdout);
    let message = sample.failure("backup", &[to_text]);
    assert!(message.contains("copy.tracklite"), "{message}");
}

#[test]
fn a_backup_of_a_file_being_written_is_sound() {
    let sample = Sample::new();
    let database = Database::open(&sample.file).expect("the file opens");
    let run = database.run(sample.other).expect("the run exists");
    thread::scope(|scope| {
        let writer = scope.spawn(|| {
            for step in 0..200_000 {
                run.log_metric("live", 0.5, step).expect("the point is logged");
                if step % 500 == 0 {
                    thread::sleep(Duration::from_millis(1));
                }
            }
        });
        for number in 0.. {
            let to = sample.folder.path().join(format!("copy {number}"));
            sample.print("backup", &[to.to_str().expect("the path is UTF-8")]);
            let report = Database::verify(&to).expect("the copy can be read");
            assert!(report.is_sound(), "{:?}", report.damages);
            let copy = Database::open_read_only(&to).expect("the copy opens");
            let run = copy.run(sample.other).expect("the copy has the run");
            let steps = run.history("live").expect("the history can be read").steps;
            let gap = (0_i64..).zip(&steps).find(|(expected, step)| expected != *step);
            assert_eq!(gap, None, "a gap in {} points", steps.len());
            if writer.is_finished() {
                break;
            }
        }
    });
}

#[test]
fn delete_and_restore_print_json() {
    let sample = Sample::new();
    let first = sample.first.to_string();
    for (command, stage) in [("delete", "deleted"), ("restore", "active")] {
        let object = sample.json(command, &[&first[..10]]);
        assert_eq!(object["run_id"], first.as_str(), "{command}");
        assert_eq!(object["run_name"], "first");
        assert_eq!(object["lifecycle_stage"], stage);
    }
}

#[test]
fn backup_prints_json() {
    let sample = Sample::new();
    let to = sample.folder.path().join("copy.tracklite");
    let to_text = to.to_str().expect("the path is UTF-8");
    let object = sample.json("backup", &[to_text]);
    let length = fs::metadata(&to).expect("the copy exists").len();
    assert_eq!((&object["path"], &object["bytes"]), (&to_text.into(), &length.into()));
}

#[test]
fn dump_prints_one_json_object_per_frame() {
    let sample = Sample::new();
    let frames = sample.json("dump", &[]);
    let frames = frames.as_array().expect("an array");
    let counted = sample.json("verify", &[]);
    assert_eq!(counted["frames"].as_u64(), Some(frames.len() as u64));
    assert_eq!(frames[0]["offset"], 65_664);
    assert_eq!(frames[0]["records"][0]["kind"], 1);
    let text = |frame: &serde_json::Value| frame["records"].to_string();
    assert!(frames.iter().any(|frame| text(frame).contains("RunStarted")));
}

#[test]
fn dump_prints_damage_as_json() {
    let sample = Sample::new();
    damage(&sample);
    let damaged = sample.json("dump", &[]);
    let damaged = damaged.as_array().expect("an array");
    let last = damaged.last().expect("the damage");
    assert_eq!(last["place"], "metadata chain", "{last}");
}
