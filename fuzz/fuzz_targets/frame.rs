//! Parses arbitrary bytes as a frame of the metadata chain.
//!
//! Parsing must end without a panic. A valid frame must survive a round trip, and must be invalid
//! at another position or after another chain.

use tracklite::internals::FileId;
use tracklite::internals::frame::{self, Parsed};
use tracklite::internals::mutant::{Mutant, with_mutant};
use tracklite::internals::record::{Incarnation, Position, Punched, Record, WriterClosed};

tracklite_fuzz::fuzz_program!(run, seeds);

const FILE: FileId = FileId(42);
const PLACE: Position = Position(65_664);
const PREVIOUS: u64 = 7;

fn run(input: &[u8]) {
    if let Parsed::Whole(found) = frame::parse(FILE, PLACE, Some(PREVIOUS), input, input.len()) {
        assert!(found.length <= input.len(), "a frame is longer than its bytes");
        write_again(&found.records());
    }
    // Without checksums, forged frames reach the decoders too.
    let believed = with_mutant(Mutant::NoChecksum, || {
        match frame::parse(FILE, PLACE, None, input, input.len()) {
            Parsed::Whole(found) => Some(found.records()),
            _ => None,
        }
    });
    if let Some(records) = believed {
        write_again(&records);
    }
}

/// Encodes decoded records again. The frame must decode to the same records, and only there.
fn write_again(records: &tracklite::Result<Vec<Record>>) {
    let Ok(records) = records else { return };
    if records.iter().any(|record| matches!(record, Record::Unknown { .. })) {
        return;
    }
    let (bytes, _) = frame::encode(FILE, PLACE, PREVIOUS, records).expect("encode the records");
    let parse =
        |place, previous| frame::parse(FILE, Position(place), previous, &bytes, bytes.len());
    let parsed = parse(PLACE.0, Some(PREVIOUS));
    let Parsed::Whole(again) = parsed else { panic!("the encoded frame is {parsed:?}") };
    let again = again.records().expect("decode the records");
    // Compare as text, because a NaN does not equal itself.
    assert_eq!(format!("{again:?}"), format!("{records:?}"));
    let elsewhere = parse(PLACE.0 + 8, None);
    assert!(matches!(elsewhere, Parsed::Bad(_)), "a frame is valid at another position");
    let other = parse(PLACE.0, Some(PREVIOUS + 1));
    assert!(matches!(other, Parsed::Bad(_)), "a frame is valid after another chain");
}

fn seeds() -> Vec<(&'static str, Vec<u8>)> {
    let encode = |records: &[Record]| match frame::encode(FILE, PLACE, PREVIOUS, records) {
        Ok((bytes, _)) => bytes,
        Err(error) => panic!("{error}"),
    };
    let closed: Record = WriterClosed { incarnation: Incarnation(7) }.into();
    let punched: Record = Punched { extents: vec![1, 500, 70_000] }.into();
    vec![
        ("empty", Vec::new()),
        ("no-records", encode(&[])),
        ("one-record", encode(std::slice::from_ref(&closed))),
        ("two-records", encode(&[closed, punched])),
    ]
}
