//! Memory use: large values are processed in pieces, and lengths read from a file are not trusted.

use std::path::{Path, PathBuf};
use std::process::{Command, Output};

use tracklite::{Database, Limits};

use crate::common::{TestFolder, builder, noise, start_run};

fn create(file: &Path) -> Database {
    builder().limits(Limits::unlimited()).open(file).unwrap()
}

/// Runs the program with a limit on the memory that it allocates.
///
/// A limit on the address space would depend on the size of the program, and so on its features.
fn run_within(mebibytes: u32, folder: &Path, arguments: &[&Path]) -> Output {
    let limit = format!("ulimit -d {} && exec \"$@\"", mebibytes * 1024);
    let mut command = Command::new("sh");
    command.args(["-c", &limit, "sh", env!("CARGO_BIN_EXE_tracklite")]).args(arguments);
    command.env("XDG_CACHE_HOME", folder).output().unwrap()
}

fn print_within(mebibytes: u32, folder: &Path, arguments: &[&Path]) -> String {
    let output = run_within(mebibytes, folder, arguments);
    let message = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success(), "{arguments:?}: {message}{}", output.status);
    String::from_utf8(output.stdout).unwrap()
}

/// Creates a file of 20 runs, each with a tag of 6 MiB.
fn large_tags(folder: &TestFolder) -> PathBuf {
    let file = folder.file();
    let database = create(&file);
    let experiment = database.default_experiment().unwrap();
    let value = "x".repeat(6 * 1024 * 1024);
    for _ in 0..20 {
        experiment.new_run().tag("note", &value).start().unwrap();
    }
    drop(experiment);
    database.close().unwrap();
    file
}

#[test]
fn large_tags_are_indexed_and_copied_in_pieces() {
    let folder = TestFolder::new();
    let file = large_tags(&folder);
    let copy = folder.join("copy.tracklite");
    let query = Path::new("SELECT count(*) AS count FROM tags WHERE key = 'note'");
    for file in [&file, &copy] {
        let printed = print_within(80, folder.path(), &[Path::new("sql"), file, query]);
        assert!(printed.contains("20"), "{printed}");
        if !copy.exists() {
            print_within(80, folder.path(), &[Path::new("backup"), file, &copy]);
        }
    }
}

#[test]
fn a_large_file_is_uploaded_and_downloaded_in_pieces() {
    let folder = TestFolder::new();
    let (file, local) = (folder.file(), folder.join("large.bin"));
    let id = PathBuf::from(start_run(&create(&file), "").id().to_string());
    let bytes = noise(400 * 1024 * 1024, 1);
    std::fs::write(&local, &bytes).unwrap();
    let (artifacts, put, get) = (Path::new("artifacts"), Path::new("put"), Path::new("get"));
    print_within(300, folder.path(), &[artifacts, put, &file, &id, &local]);
    let back = folder.join("back");
    let arguments = [artifacts, get, &file, &id, Path::new("large.bin"), Path::new("--to"), &back];
    std::fs::create_dir(&back).unwrap();
    print_within(300, folder.path(), &arguments);
    assert!(std::fs::read(back.join("large.bin")).unwrap() == bytes);
}

#[test]
fn too_little_memory_for_an_upload_is_an_error() {
    let folder = TestFolder::new();
    let (file, local) = (folder.file(), folder.join("some.bin"));
    let id = PathBuf::from(start_run(&create(&file), "").id().to_string());
    std::fs::write(&local, noise(24 * 1024 * 1024, 1)).unwrap();
    let arguments = [Path::new("artifacts"), Path::new("put"), &file, &id, &local];
    // Each limit lets a different allocation or thread fail.
    for mebibytes in (2..182).step_by(6) {
        let output = run_within(mebibytes, folder.path(), &arguments);
        let message = String::from_utf8_lossy(&output.stderr);
        // The standard library panics in a new thread that gets no stack for signals.
        let is_own = |line: &str| line.contains("panicked at") && !line.contains("unix/stack_over");
        assert!(!message.lines().any(is_own), "with {mebibytes} MiB: {message}");
        assert!(Database::verify(&file).unwrap().is_sound(), "with {mebibytes} MiB");
    }
}
