//! Decoding a part.

use super::encode::{ALL_NULL, ALL_VALID, BITMAP, DICTIONARY, PLAIN};
use super::sections::Sections;
use super::{BLOCK_ROWS, damaged};
use crate::entity::table::{Bytes, Column, Lists, Texts, Values};
use crate::error::Result;
use crate::format::block::ColumnNumber;

/// The maximum number of items of all lists in a part.
const ITEMS_MAX: usize = 1 << 27;

/// Appends the rows of a part to a column of its type. After an error, the column has some of them.
pub(crate) fn decode_part(bytes: &[u8], rows: usize, into: &mut Column) -> Result<()> {
    let mut sections = Sections(bytes);
    let is_valid = validity(&mut sections, rows)?;
    let valid = is_valid.count(rows);
    match into {
        Column::Integer(values) | Column::Time(values) => {
            append_numbers(&mut sections, &is_valid, (rows, valid), values)?;
        }
        Column::Float(values) => append_numbers(&mut sections, &is_valid, (rows, valid), values)?,
        Column::Date(values) => {
            let mut days = Vec::new();
            count_is(sections.numbers::<i64>(valid, &mut days)?, valid)?;
            let mut days = days.into_iter();
            for row in 0..rows {
                let day = is_valid.is(row).then(|| days.next()).flatten();
                let day = day.map(i32::try_from).transpose();
                values.push(day.map_err(|_| damaged("a date is out of range"))?);
            }
        }
        Column::Bool(values) => {
            let bits = sections.bytes()?;
            count_is(bits.len(), valid.div_ceil(8))?;
            let mut next = 0;
            for row in 0..rows {
                values.push(is_valid.is(row).then(|| {
                    next += 1;
                    bit(&bits, next - 1)
                }));
            }
        }
        Column::Text(texts) => append_texts(&mut sections, &is_valid, (rows, valid), texts)?,
        Column::Bytes(into) => append_bytes(&mut sections, &is_valid, (rows, valid), into)?,
        Column::Integers(lists) => append_lists(&mut sections, &is_valid, (rows, valid), lists)?,
        Column::Floats(lists) => append_lists(&mut sections, &is_valid, (rows, valid), lists)?,
    }
    sections.end()
}

/// Which rows have a value.
enum IsValid {
    All,
    None,
    Some(Vec<u8>),
}

impl IsValid {
    fn is(&self, row: usize) -> bool {
        match self {
            IsValid::All => true,
            IsValid::None => false,
            IsValid::Some(bits) => bit(bits, row),
        }
    }

    fn count(&self, rows: usize) -> usize {
        match self {
            IsValid::All => rows,
            IsValid::None => 0,
            IsValid::Some(bits) => (0..rows).filter(|row| bit(bits, *row)).count(),
        }
    }
}

fn bit(bits: &[u8], at: usize) -> bool {
    bits.get(at / 8).is_some_and(|byte| byte >> (at % 8) & 1 == 1)
}

fn validity(sections: &mut Sections<'_>, rows: usize) -> Result<IsValid> {
    if rows > BLOCK_ROWS {
        return Err(damaged("a block has too many rows"));
    }
    match sections.byte()? {
        ALL_VALID => Ok(IsValid::All),
        ALL_NULL => Ok(IsValid::None),
        BITMAP => {
            let bits = sections.bytes()?;
            count_is(bits.len(), rows.div_ceil(8))?;
            Ok(IsValid::Some(bits))
        }
        _ => Err(damaged("a part has an unknown kind of bitmap")),
    }
}

fn count_is(found: usize, expected: usize) -> Result<()> {
    match found == expected {
        true => Ok(()),
        false => Err(damaged("a part has another number of values than of rows")),
    }
}

fn append_numbers<N: ColumnNumber>(
    sections: &mut Sections<'_>,
    is_valid: &IsValid,
    (rows, valid): (usize, usize),
    into: &mut Values<N>,
) -> Result<()> {
    if let IsValid::All = is_valid {
        return into.extend_valid(|values| count_is(sections.numbers(rows, values)?, rows));
    }
    let mut dense = Vec::new();
    count_is(sections.numbers::<N>(valid, &mut dense)?, valid)?;
    let mut dense = dense.into_iter();
    for row in 0..rows {
        into.push(is_valid.is(row).then(|| dense.next()).flatten());
    }
    Ok(())
}

/// The strings of a part, in one buffer.
struct Strings {
    bytes: Vec<u8>,
    /// Where each string begins, and where the last one ends.
    bounds: Vec<usize>,
}

impl Strings {
    fn read(sections: &mut Sections<'_>) -> Result<Strings> {
        let mut lengths: Vec<i64> = Vec::new();
        sections.numbers(BLOCK_ROWS, &mut lengths)?;
        let bytes = sections.bytes()?;
        let bounds = bounds(&lengths, bytes.len())?;
        Ok(Strings { bytes, bounds })
    }

    fn len(&self) -> usize {
        self.bounds.len() - 1
    }

    fn get(&self, at: usize) -> Option<&[u8]> {
        self.bytes.get(*self.bounds.get(at)?..*self.bounds.get(at + 1)?)
    }
}

/// Returns where each of some items begins, and where the last one ends, which must be `end`.
fn bounds(lengths: &[i64], end: usize) -> Result<Vec<usize>> {
    let mut bounds = Vec::with_capacity(lengths.len() + 1);
    let mut at = 0_usize;
    bounds.push(at);
    for length in lengths {
        let next = usize::try_from(*length).ok().and_then(|length| at.checked_add(length));
        at = next.filter(|at| *at <= end).ok_or_else(|| damaged("a length is out of range"))?;
        bounds.push(at);
    }
    match at == end {
        true => Ok(bounds),
        false => Err(damaged("lengths do not add up to the bytes")),
    }
}

/// Calls `push` with the string of each row.
fn each_string(
    sections: &mut Sections<'_>,
    is_valid: &IsValid,
    (rows, valid): (usize, usize),
    mut push: impl FnMut(Option<&[u8]>) -> Result<()>,
) -> Result<()> {
    let mode = sections.byte()?;
    let strings = Strings::read(sections)?;
    let mut codes: Vec<i64> = Vec::new();
    match mode {
        PLAIN => count_is(strings.len(), valid)?,
        DICTIONARY => count_is(sections.numbers(valid, &mut codes)?, valid)?,
        _ => return Err(damaged("a part has an unknown kind of texts")),
    }
    let mut next = 0;
    for row in 0..rows {
        if !is_valid.is(row) {
            push(None)?;
            continue;
        }
        let at = match mode {
            PLAIN => Some(next),
            _ => codes.get(next).and_then(|code| usize::try_from(*code).ok()),
        };
        next += 1;
        let string = at.and_then(|at| strings.get(at));
        push(Some(string.ok_or_else(|| damaged("a text is missing"))?))?;
    }
    Ok(())
}

fn append_texts(
    sections: &mut Sections<'_>,
    is_valid: &IsValid,
    counts: (usize, usize),
    into: &mut Texts,
) -> Result<()> {
    each_string(sections, is_valid, counts, |bytes| {
        let text = bytes.map(str::from_utf8).transpose();
        into.push(text.map_err(|_| damaged("a text is not UTF-8"))?);
        Ok(())
    })
}

fn append_bytes(
    sections: &mut Sections<'_>,
    is_valid: &IsValid,
    counts: (usize, usize),
    into: &mut Bytes,
) -> Result<()> {
    each_string(sections, is_valid, counts, |bytes| {
        into.push(bytes);
        Ok(())
    })
}

fn append_lists<N: ColumnNumber>(
    sections: &mut Sections<'_>,
    is_valid: &IsValid,
    (rows, valid): (usize, usize),
    into: &mut Lists<N>,
) -> Result<()> {
    let (mut lengths, mut items): (Vec<i64>, Vec<N>) = (Vec::new(), Vec::new());
    count_is(sections.numbers(valid, &mut lengths)?, valid)?;
    sections.numbers(ITEMS_MAX, &mut items)?;
    let bounds = bounds(&lengths, items.len())?;
    let mut next = 0;
    for row in 0..rows {
        if !is_valid.is(row) {
            into.push(None);
            continue;
        }
        let list = bounds.get(next..next + 2).and_then(|range| items.get(range[0]..range[1]));
        next += 1;
        into.push(list);
    }
    Ok(())
}
