//! Encoding a part: one column of one block.

use std::ops::Range;

use foldhash::{HashMap, HashMapExt as _};

use super::sections::{put_bytes, put_numbers};
use super::{BOUND_BYTES_MAX, Bounds};
use crate::entity::table::{Bytes, Column, Lists, Texts, Values};

/// All rows have a value.
pub(super) const ALL_VALID: u8 = 0;
/// No row has a value.
pub(super) const ALL_NULL: u8 = 1;
/// A bitmap marks the rows that have a value.
pub(super) const BITMAP: u8 = 2;
/// Each text is stored in its row.
pub(super) const PLAIN: u8 = 0;
/// Each text is stored once.
pub(super) const DICTIONARY: u8 = 1;

/// The bytes and facts of a part.
#[derive(Debug)]
pub(crate) struct EncodedPart {
    pub(crate) bytes: Vec<u8>,
    pub(crate) nulls: u64,
    pub(crate) bounds: Bounds,
}

/// Encodes some rows of a column.
pub(crate) fn encode_part(column: &Column, rows: Range<usize>) -> EncodedPart {
    match column {
        Column::Integer(values) | Column::Time(values) => {
            let (values, mut part) = valid(rows, |row| values.get(row), values.null_count() == 0);
            put_numbers(&values, &mut part.bytes);
            part.bounds = integer_bounds(&values);
            part
        }
        Column::Date(values) => {
            let get = |row| values.get(row).map(i64::from);
            let (values, mut part) = valid(rows, get, values.null_count() == 0);
            put_numbers(&values, &mut part.bytes);
            part.bounds = integer_bounds(&values);
            part
        }
        Column::Float(values) => encode_floats(values, rows),
        Column::Bool(values) => {
            let (values, mut part) = valid(rows, |row| values.get(row), values.null_count() == 0);
            put_bytes(&bits(values.into_iter()), &mut part.bytes);
            part
        }
        Column::Text(texts) => encode_texts(texts, rows),
        Column::Bytes(bytes) => encode_bytes(bytes, rows),
        Column::Integers(lists) => {
            let (items, mut part) = encode_lists(lists, rows);
            put_numbers(&items, &mut part.bytes);
            part
        }
        Column::Floats(lists) => {
            let (items, mut part) = encode_lists(lists, rows);
            put_numbers(&items, &mut part.bytes);
            part
        }
    }
}

/// Returns the values of the rows that have one, and a part that marks them.
fn valid<T>(
    rows: Range<usize>,
    get: impl Fn(usize) -> Option<T>,
    is_all_valid: bool,
) -> (Vec<T>, EncodedPart) {
    let count = rows.len();
    let mut values = Vec::with_capacity(count);
    let mut bytes = Vec::new();
    values.extend(rows.clone().filter_map(&get));
    let nulls = count - values.len();
    if is_all_valid || nulls == 0 {
        bytes.push(ALL_VALID);
    } else if values.is_empty() {
        bytes.push(ALL_NULL);
    } else {
        bytes.push(BITMAP);
        put_bytes(&bits(rows.map(|row| get(row).is_some())), &mut bytes);
    }
    (values, EncodedPart { bytes, nulls: nulls as u64, bounds: Bounds::None })
}

/// Packs truths into bits, from the lowest bit of the first byte.
fn bits(truths: impl Iterator<Item = bool>) -> Vec<u8> {
    let mut bytes = Vec::new();
    for (at, is_true) in truths.enumerate() {
        if at % 8 == 0 {
            bytes.push(0);
        }
        if let Some(last) = bytes.last_mut() {
            *last |= u8::from(is_true) << (at % 8);
        }
    }
    bytes
}

fn integer_bounds(values: &[i64]) -> Bounds {
    let bounds = values.iter().min().zip(values.iter().max());
    bounds.map_or(Bounds::None, |(min, max)| Bounds::Integers(*min, *max))
}

fn encode_floats(values: &Values<f64>, rows: Range<usize>) -> EncodedPart {
    let (values, mut part) = valid(rows, |row| values.get(row), values.null_count() == 0);
    put_numbers(&values, &mut part.bytes);
    let numbers = values.iter().filter(|value| !value.is_nan());
    let mut bounds: Option<(f64, f64)> = None;
    for &value in numbers {
        let (min, max) = bounds.unwrap_or((value, value));
        bounds = Some((min.min(value), max.max(value)));
    }
    part.bounds = bounds.map_or(Bounds::None, |(min, max)| Bounds::Floats(min, max));
    part
}

fn encode_texts(texts: &Texts, rows: Range<usize>) -> EncodedPart {
    let get = |row| texts.get(row).map(str::as_bytes);
    let (values, part) = valid(rows, get, texts.null_count() == 0);
    encode_strings(&values, part)
}

fn encode_bytes(bytes: &Bytes, rows: Range<usize>) -> EncodedPart {
    let (values, part) = valid(rows, |row| bytes.get(row), bytes.null_count() == 0);
    encode_strings(&values, part)
}

fn encode_strings(values: &[&[u8]], mut part: EncodedPart) -> EncodedPart {
    let bounds = values.iter().min().zip(values.iter().max());
    let is_short = |bytes: &[u8]| bytes.len() <= BOUND_BYTES_MAX;
    if let Some((min, max)) = bounds.filter(|(min, max)| is_short(min) && is_short(max)) {
        part.bounds = Bounds::Bytes(min.to_vec(), max.to_vec());
    }
    match dictionary(values) {
        Some((entries, codes)) => {
            part.bytes.push(DICTIONARY);
            put_strings(&entries, &mut part.bytes);
            put_numbers(&codes, &mut part.bytes);
        }
        None => {
            part.bytes.push(PLAIN);
            put_strings(values, &mut part.bytes);
        }
    }
    part
}

/// Returns each different string once, and the number of each row's string. Returns `None` if more
/// than half of them differ.
fn dictionary<'a>(values: &[&'a [u8]]) -> Option<(Vec<&'a [u8]>, Vec<i64>)> {
    let mut numbers: HashMap<&[u8], i64> = HashMap::new();
    let (mut entries, mut codes) = (Vec::new(), Vec::with_capacity(values.len()));
    for value in values {
        let next = entries.len() as i64;
        let code = *numbers.entry(value).or_insert(next);
        if code == next {
            entries.push(*value);
            if entries.len() > values.len() / 2 {
                return None;
            }
        }
        codes.push(code);
    }
    Some((entries, codes))
}

fn put_strings(strings: &[&[u8]], out: &mut Vec<u8>) {
    let lengths: Vec<i64> = strings.iter().map(|string| string.len() as i64).collect();
    put_numbers(&lengths, out);
    put_bytes(&strings.concat(), out);
}

/// Returns the items of the lists, and a part with the length of each list.
fn encode_lists<T: Copy>(lists: &Lists<T>, rows: Range<usize>) -> (Vec<T>, EncodedPart) {
    let (values, mut part) = valid(rows, |row| lists.get(row), lists.null_count() == 0);
    let lengths: Vec<i64> = values.iter().map(|items| items.len() as i64).collect();
    put_numbers(&lengths, &mut part.bytes);
    (values.concat(), part)
}
