//! The records of stored tables in the golden file, and their expected effect.

use tracklite::internals::record::*;
use tracklite::internals::storage::{FaultPlan, MemoryFile};
use tracklite::table::{TableId, TableState, WriteMode};

use super::writer::TIME;
use crate::support::{self, Opening};

/// The table that is kept, and the one that is dropped.
const KEPT: TableId = TableId::from_bits(0xa1);
const DROPPED: TableId = TableId::from_bits(0xa2);

/// The state of the table that is kept, as JSON.
const STATE: &str = r#"{"columns":[{"name":"user","kind":"Long","comment":null},
{"name":"time","kind":"Timestamp","comment":"when"},
{"name":"embedding","kind":"FloatArray","comment":null}],"primary_key":["user"],
"timestamp":"time","description":"of users","owner":"ada","tags":{"team":"growth"}}"#;

fn state() -> TableState {
    serde_json::from_str(STATE).unwrap()
}

/// Returns the frames in order.
pub fn frames() -> Vec<Vec<Record>> {
    let saved = |table, name: &str, author: &str, revision, state| TableSaved {
        table,
        name: name.to_owned(),
        creator: "ada".to_owned(),
        created: TIME,
        author: author.to_owned(),
        revision,
        state,
        time: TIME + 9,
    };
    let segment =
        |path: &str, first, last| RowSegment { path: path.to_owned(), rows: 7, first, last };
    let written = |version, mode, segments| RowsWritten {
        table: KEPT,
        version,
        time: TIME + version.cast_signed(),
        author: "bob".to_owned(),
        mode,
        rows: 7,
        segments,
    };
    let merged = SegmentsMerged {
        table: KEPT,
        merged: vec!["b".to_owned()],
        segments: Vec::new(),
        floor: 3,
        time: TIME + 11,
    };
    let dropped = TableDropped { table: DROPPED, author: "bob".to_owned(), time: TIME + 10 };
    let empty = TableState::default;
    vec![
        vec![saved(KEPT, "ml.a.old", "ada", 1, empty()).into()],
        vec![saved(DROPPED, "ml.a.dropped", "ada", 1, empty()).into()],
        vec![written(1, WriteMode::Merge, vec![segment("b", 1, 1)]).into()],
        vec![saved(KEPT, "ml.a.kept", "bob", 2, state()).into(), dropped.into()],
        vec![merged.into()],
        vec![written(2, WriteMode::Delete, Vec::new()).into()],
        vec![written(3, WriteMode::Overwrite, Vec::new()).into()],
    ]
}

/// Reads and checks the tables through the public API.
pub fn check(file: &MemoryFile) {
    let (database, _) = support::open(file, &Opening::write(), &FaultPlan::new());
    let database = database.unwrap();
    let tables = database.tables();
    let infos = tables.list("").unwrap();
    let [info] = &infos[..] else { panic!("{infos:?}") };
    assert_eq!((info.id, info.name.as_str(), info.creator.as_str()), (KEPT, "ml.a.kept", "ada"));
    assert_eq!((info.author.as_str(), info.revision, info.version), ("bob", 2, 3));
    assert_eq!((info.created.as_nanos(), info.updated.as_nanos()), (TIME, TIME + 9));
    assert_eq!(info.state, state());
    let table = tables.get("ml.a.kept").unwrap();
    let modes: Vec<WriteMode> = table.writes().unwrap().iter().map(|write| write.mode).collect();
    assert_eq!(modes, [WriteMode::Merge, WriteMode::Delete, WriteMode::Overwrite]);
    assert!(table.read().table().unwrap().is_empty());
    let removed = table.read().version(2).table().unwrap_err();
    assert!(removed.to_string().contains("the first one that can be read is 3"), "{removed}");
}
