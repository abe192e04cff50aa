//! Arbitrary records of stored tables.

use tracklite::internals::record::{
    Record, RowSegment, RowsWritten, SegmentsMerged, TableDropped, TableSaved,
};
use tracklite::table::{TableId, TableState, WriteMode};
use tracklite_fuzz::Choices;

use super::text;

fn table(choices: &mut Choices<'_>) -> TableId {
    TableId::from_bits(choices.below(3) as u128)
}

fn small(choices: &mut Choices<'_>) -> u64 {
    if choices.byte() < 240 { choices.below(5) as u64 } else { choices.integer().cast_unsigned() }
}

fn segments(choices: &mut Choices<'_>) -> Vec<RowSegment> {
    let segment = |choices: &mut Choices<'_>| RowSegment {
        path: text(choices),
        rows: small(choices),
        first: small(choices),
        last: small(choices),
    };
    (0..choices.below(3)).map(|_| segment(choices)).collect()
}

pub(super) fn about_tables(choices: &mut Choices<'_>) -> Record {
    let (table, author, time) = (table(choices), text(choices), choices.integer());
    match choices.below(5) {
        0 => TableDropped { table, author, time }.into(),
        1 | 2 => {
            let mode = WriteMode::ALL[choices.below(WriteMode::ALL.len())];
            let (version, rows, segments) = (small(choices), small(choices), segments(choices));
            RowsWritten { table, version, time, author, mode, rows, segments }.into()
        }
        3 => {
            let merged = (0..choices.below(3)).map(|_| text(choices)).collect();
            let (segments, floor) = (segments(choices), small(choices));
            SegmentsMerged { table, merged, segments, floor, time }.into()
        }
        _ => {
            let (name, creator, created) = (text(choices), text(choices), choices.integer());
            let mut state = TableState::default();
            state.owner = text(choices);
            let revision = small(choices);
            TableSaved { table, name, creator, created, author, revision, state, time }.into()
        }
    }
}
