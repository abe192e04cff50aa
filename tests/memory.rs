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

/// Bytes that no compression shrinks.
fn noise(count: usize) -> Vec<u8> {
    let mut state = 1_u64;
    let next = std::iter::repeat_with(|| {
        state = state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1);
        (state >> 33).to_le_bytes()
    });
    next.take(count.div_ceil(4))
        .flat_map(|bytes| [bytes[0], bytes[1], bytes[2], bytes[3]])
        .collect()
}

#[test]
fn a_large_file_goes_in_and_out_a_piece_at_a_time() {
    let folder = tempfile::tempdir().unwrap();
    let (file, local) = (folder.path().join("runs.tracklite"), folder.path().join("large.bin"));
    let run = create(&file).default_experiment().unwrap().start_run("").unwrap();
    let id = PathBuf::from(run.id().to_string());
    drop(run);
    let bytes = noise(400 * 1024 * 1024);
    std::fs::write(&local, &bytes).unwrap();
    let (artifacts, put, get) = (Path::new("artifacts"), Path::new("put"), Path::new("get"));
    print_within(300, folder.path(), &[artifacts, put, &file, &id, &local]);
    let back = folder.path().join("back");
    let arguments = [artifacts, get, &file, &id, Path::new("large.bin"), Path::new("--to"), &back];
    std::fs::create_dir(&back).unwrap();
    print_within(300, folder.path(), &arguments);
    assert!(std::fs::read(back.join("large.bin")).unwrap() == bytes);
}

#[test]
fn too_little_memory_for_an_upload_is_an_error() {
    let folder = tempfile::tempdir().unwrap();
    let (file, local) = (folder.path().join("runs.tracklite"), folder.path().join("some.bin"));
    let run = create(&file).default_experiment().unwrap().start_run("").unwrap();
    let id = PathBuf::from(run.id().to_string());
    drop(run);
    std::fs::write(&local, noise(24 * 1024 * 1024)).unwrap();
    let words = [Path::new("artifacts"), Path::new("put"), &file, &id, &local];
    // Where a thread finds no room depends on what came before it.
    for mebibytes in (80..260).step_by(6) {
        let output = run_within(mebibytes, folder.path(), &words);
        let message = String::from_utf8_lossy(&output.stderr);
        assert!(!message.contains("panicked"), "with {mebibytes} MiB: {message}");
        assert!(Database::verify(&file).unwrap().is_sound(), "with {mebibytes} MiB");
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
