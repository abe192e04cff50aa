//! What a file says takes no more memory than what it holds, and little of that at a time.

use std::path::{Path, PathBuf};
use std::process::{Command, Output};

use tracklite::{Database, IndexPlace, Limits};

fn create(file: &Path) -> Database {
    let builder = Database::builder().create(true).index(IndexPlace::InMemory);
    builder.limits(Limits::unlimited()).open(file).unwrap()
}

/// Runs the program with only so much address space.
fn run_within(mebibytes: u32, folder: &Path, arguments: &[&Path]) -> Output {
    let limit = format!("ulimit -v {} && exec \"$@\"", mebibytes * 1024);
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

/// A file of 20 runs, each with a tag of 6 MiB.
fn large_tags(folder: &Path) -> PathBuf {
    let file = folder.join("runs.tracklite");
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
fn large_tags_are_indexed_and_copied_few_at_a_time() {
    let folder = tempfile::tempdir().unwrap();
    let file = large_tags(folder.path());
    let copy = folder.path().join("copy.tracklite");
    let query = Path::new("SELECT count(*) AS count FROM tags WHERE key = 'note'");
    for file in [&file, &copy] {
        let printed = print_within(100, folder.path(), &[Path::new("sql"), file, query]);
        assert!(printed.contains("20"), "{printed}");
        if !copy.exists() {
            print_within(100, folder.path(), &[Path::new("backup"), file, &copy]);
        }
    }
}

#[cfg(feature = "internals")]
#[test]
fn a_unit_that_claims_to_be_long_is_read_in_pieces() {
    use std::fs::OpenOptions;
    use std::os::unix::fs::FileExt as _;

    use tracklite::internals::header::{UnitHeader, UnitKind};
    use tracklite::internals::record::{Incarnation, Position};
    use tracklite::internals::{FIRST_CHAIN_UNIT, FileId, UNIT_BYTES, frame, unit_start};

    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("runs.tracklite");
    let database = create(&path);
    let id = FileId(database.info().unwrap().file_id);
    database.close().unwrap();
    let header = UnitHeader {
        kind: UnitKind::Chain,
        unit: FIRST_CHAIN_UNIT,
        units: 8000,
        incarnation: Incarnation(0),
        previous_end: Position(0),
        previous_hash: frame::EMPTY_CHAIN_HASH,
    };
    let file = OpenOptions::new().write(true).open(&path).unwrap();
    file.write_all_at(&header.encode(id), unit_start(FIRST_CHAIN_UNIT)).unwrap();
    file.set_len(8001 * UNIT_BYTES).unwrap();
    let printed = print_within(250, folder.path(), &[Path::new("verify"), &path]);
    assert!(printed.contains("sound"), "{printed}");
}
