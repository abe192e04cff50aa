//! Memory use: lengths in a file are not trusted.

use std::env;
use std::fs::OpenOptions;
use std::os::unix::fs::FileExt as _;
use std::path::Path;
use std::process::Command;

use tracklite::Database;
use tracklite::internals::header::{UnitHeader, UnitKind};
use tracklite::internals::record::{Incarnation, Position};
use tracklite::internals::{FIRST_CHAIN_UNIT, FileId, UNIT_BYTES, frame, unit_start};

use crate::common::{TestFolder, builder};

/// Set to the path of the file in a helper process.
const FILE: &str = "TRACKLITE_MEMORY_FILE";

#[test]
#[ignore = "a helper process of the other test"]
fn helper_that_verifies() {
    let file = env::var_os(FILE).unwrap();
    assert!(Database::verify(Path::new(&file)).unwrap().is_sound());
}

#[test]
fn a_unit_with_a_large_claimed_length_is_read_in_pieces() {
    let folder = TestFolder::new();
    let path = folder.file();
    let database = builder().open(&path).unwrap();
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
    let limit = format!("ulimit -v {} && exec \"$@\"", 250 * 1024);
    let mut command = Command::new("sh");
    command.args(["-c", &limit, "sh"]).arg(env::current_exe().unwrap());
    command.args(["--ignored", "--exact", "memory::helper_that_verifies", "--test-threads=1"]);
    let output = command.env(FILE, &path).output().unwrap();
    let printed = String::from_utf8_lossy(&output.stdout);
    assert!(output.status.success() && printed.contains("1 passed"), "{printed}");
}
