//! Scans an extent full of points and rows after some damage. The scan must find only written
//! entries, in order, and every entry that is not damaged.

use tracklite::internals::FileId;
use tracklite::internals::mutant::{Mutant, with_mutant};
use tracklite::internals::record::{Incarnation, SeriesId};
use tracklite::internals::scan::{self, Entry, PointSlot, ScanReport};
use tracklite::internals::slot::{self, SlotSeed};
use tracklite_fuzz::Choices;

tracklite_fuzz::fuzz_program!(run, seeds);

const SLOTS: usize = 2046;
const SLOT_BYTES: usize = 32;

/// A written entry: its slots and its text.
struct Written {
    slots: std::ops::Range<usize>,
    text: String,
}

fn run(input: &[u8]) {
    let mut choices = Choices::new(input);
    let seed = SlotSeed::new(FileId(5), 3, Incarnation(9));
    let (mut bytes, written) = write(seed, &mut choices);
    let damaged = damage(&mut bytes, &mut choices);
    let (found, report) = scan(seed, &bytes, bytes.len());
    let mut expected = written.iter();
    for (at, text) in &found {
        let same = expected.any(|entry| entry.slots.start == *at && entry.text == *text);
        assert!(same, "the entry at slot {at} was not written there in this order: {text}");
    }
    for entry in &written {
        let touched = damaged.iter().any(|slot| entry.slots.contains(slot));
        let seen = found.iter().any(|(at, _)| *at == entry.slots.start);
        let start = entry.slots.start;
        assert!(seen || touched, "lost the entry at slot {start}: {}", entry.text);
    }
    let piece = SLOT_BYTES * (1 + choices.below(40));
    assert_eq!(scan(seed, &bytes, piece), (found, report), "a scan in pieces differs");
    // Arbitrary bytes, whose checksums are not checked.
    with_mutant(Mutant::NoChecksum, || scan(seed, input, input.len()));
}

/// Appends entries while there are choices and room. Returns the extent and its entries.
fn write(seed: SlotSeed, choices: &mut Choices<'_>) -> (Vec<u8>, Vec<Written>) {
    let mut bytes = vec![0; SLOTS * SLOT_BYTES];
    let mut written = Vec::new();
    let mut at = 0;
    for _ in 0..choices.byte() {
        let series = SeriesId(1 + u32::from(choices.byte()));
        let (step, time) = (choices.integer(), choices.integer());
        let count = if choices.byte() < 128 { 0 } else { 1 + choices.below(20) };
        let index = u32::try_from(at).expect("convert an index");
        let (words, text) = if count == 0 {
            let value = choices.value();
            let words = slot::point_words(seed, index, series, step, time, value);
            (words.to_vec(), point_text(&PointSlot { series, step, time, value }))
        } else {
            let values: Vec<u64> = (0..count).map(|_| choices.value().to_bits()).collect();
            row(seed, index, series, (step, time), &values)
        };
        let slots = at..at + words.len() / slot::SLOT_WORDS;
        if slots.end > SLOTS {
            break;
        }
        at = slots.end;
        let stored: Vec<u8> = words.iter().flat_map(|word| word.to_le_bytes()).collect();
        bytes[slots.start * SLOT_BYTES..slots.end * SLOT_BYTES].copy_from_slice(&stored);
        written.push(Written { slots, text });
    }
    (bytes, written)
}

fn row(
    seed: SlotSeed,
    index: u32,
    schema: SeriesId,
    (step, time): (i64, i64),
    values: &[u64],
) -> (Vec<u64>, String) {
    let mut padded = values.to_vec();
    padded.resize(values.len().next_multiple_of(slot::SLOT_WORDS), 0);
    let mut words =
        slot::row_words(seed, index, schema, step, time, values.len(), &padded).to_vec();
    words.extend(&padded);
    let values: Vec<u8> = values.iter().flat_map(|word| word.to_le_bytes()).collect();
    (words, row_text(schema, step, time, &values))
}

/// Formats a point with the bits of its value, because a NaN does not equal itself.
fn point_text(point: &PointSlot) -> String {
    let PointSlot { series, step, time, value } = point;
    format!("point {series:?} {step} {time} {:016x}", value.to_bits())
}

fn row_text(schema: SeriesId, step: i64, time: i64, values: &[u8]) -> String {
    format!("row {schema:?} {step} {time} {values:02x?}")
}

/// Returns the found entries as text, each with its first slot.
fn entry_texts(at: u32, entry: &Entry<'_>) -> Vec<(usize, String)> {
    let at = at as usize;
    match *entry {
        Entry::Points(points) => {
            (at..).zip(points.iter().map(|point| point_text(&point))).collect()
        }
        Entry::Row { schema, step, time, values } => {
            vec![(at, row_text(schema, step, time, values))]
        }
    }
}

/// Changes some bytes. Returns their slots.
fn damage(bytes: &mut [u8], choices: &mut Choices<'_>) -> Vec<usize> {
    let mut slots = Vec::new();
    for _ in 0..choices.below(6) {
        let at = usize::from(choices.number()) % bytes.len();
        let changed = choices.byte();
        if bytes[at] != changed {
            bytes[at] = changed;
            slots.push(at / SLOT_BYTES);
        }
    }
    slots
}

/// Scans the extent in pieces of this many bytes.
fn scan(seed: SlotSeed, bytes: &[u8], piece: usize) -> (Vec<(usize, String)>, ScanReport) {
    let mut report = ScanReport::default();
    let mut found = Vec::new();
    let mut end = 0;
    while end < bytes.len() {
        end = bytes.len().min(end + piece.max(SLOT_BYTES));
        let from = bytes.len().min(report.stopped as usize * SLOT_BYTES);
        let is_last = end == bytes.len();
        scan::scan(seed, &bytes[from..end.max(from)], is_last, &mut report, |at, entry| {
            found.extend(entry_texts(at, &entry));
        });
    }
    (found, report)
}

fn seeds() -> Vec<(&'static str, Vec<u8>)> {
    let points: Vec<u8> = [40].into_iter().chain((0..200).map(|i| i * 7 % 120)).collect();
    let rows: Vec<u8> = [30].into_iter().chain((0..=250).rev()).chain(0..=255).collect();
    let mut damaged = rows.clone();
    damaged.extend([5, 0, 0, 255, 40, 0, 1, 99, 1, 2, 64, 0, 3]);
    vec![("empty", Vec::new()), ("points", points), ("rows", rows), ("damaged", damaged)]
}
