//! Frames: the binary form of tables and curves, a header in JSON followed by columns.
//!
//! A browser reads the numbers of a column without copying or parsing them. So every buffer begins
//! at a multiple of 8, and all numbers are little-endian.

use std::collections::HashMap;

use axum::http::StatusCode;
use axum::http::header::CONTENT_TYPE;
use serde::Serialize;
use serde_json::{Map, Value, json};

use crate::failure::{Failure, Outcome};
use crate::reply::Reply;

/// The type of the content of an answer with a frame.
pub(crate) const FRAME_TYPE: &str = "application/vnd.tracklite.frame";

/// The first bytes of a frame, with the version of its form.
const MAGIC: &[u8; 8] = b"TLFRAME1";
/// The code of a missing value in a column of the type `dict`.
const NO_CODE: u32 = u32::MAX;

/// The type of the numbers of a column.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize)]
#[serde(rename_all = "lowercase")]
enum Width {
    U8,
    U16,
    U32,
    F32,
    F64,
}

impl Width {
    /// Returns the narrowest type that has all these numbers exactly. NaN is one value.
    fn of(values: &[f64]) -> Width {
        let is_whole = |value: f64| value.to_bits() == f64::from(value as u32).to_bits();
        let is_single = |value: f64| value.is_nan() || f64::from(value as f32) == value;
        if values.iter().all(|value| is_whole(*value)) {
            return match values.iter().copied().fold(0.0, f64::max) {
                ..256.0 => Width::U8,
                ..65_536.0 => Width::U16,
                _ => Width::U32,
            };
        }
        if values.iter().all(|value| is_single(*value)) { Width::F32 } else { Width::F64 }
    }
}

/// A table that is being written as a frame.
pub(crate) struct Frame {
    meta: Map<String, Value>,
    columns: Vec<Value>,
    buffers: Vec<u8>,
}

impl Frame {
    /// Begins a frame of a table with this number of rows.
    pub(crate) fn new(rows: usize) -> Frame {
        let meta = Map::from_iter([("rows".to_owned(), json!(rows))]);
        Frame { meta, columns: Vec::new(), buffers: Vec::new() }
    }

    /// Adds a fact about the whole table to the header.
    pub(crate) fn meta(&mut self, name: &str, value: impl Serialize) {
        match serde_json::to_value(value) {
            Ok(value) => {
                self.meta.insert(name.to_owned(), value);
            }
            Err(error) => log::error!("{name:?} cannot be written into a frame: {error}"),
        }
    }

    /// Adds a column of numbers in the narrowest type that has all of them exactly. A number that
    /// all rows have is written once.
    pub(crate) fn narrow(&mut self, name: &str, values: &[f64]) {
        let first = values.first().map_or(0, |first| first.to_bits());
        let is_repeated = values.len() > 1 && values.iter().all(|value| value.to_bits() == first);
        let written = if is_repeated { values.get(..1).unwrap_or_default() } else { values };
        let width = Width::of(written);
        let numbers = written.iter().copied();
        let (offset, _) = match width {
            Width::U8 => self.numbers(numbers.map(|number| number as u8), u8::to_le_bytes),
            Width::U16 => self.numbers(numbers.map(|number| number as u16), u16::to_le_bytes),
            Width::U32 => self.numbers(numbers.map(|number| number as u32), u32::to_le_bytes),
            Width::F32 => self.numbers(numbers.map(|number| number as f32), f32::to_le_bytes),
            Width::F64 => self.numbers(numbers, f64::to_le_bytes),
        };
        let mut column =
            json!({"name": name, "type": width, "offset": offset, "count": values.len()});
        if is_repeated {
            column["repeated"] = true.into();
        }
        self.column(column);
    }

    /// Adds a column of numbers, or only the name of another one with the same numbers.
    pub(crate) fn narrow_unless(&mut self, name: &str, values: &[f64], other: (&str, &[f64])) {
        let same = values.iter().map(|value| value.to_bits());
        match same.eq(other.1.iter().map(|value| value.to_bits())) {
            true => self.column(json!({"name": name, "same": other.0})),
            false => self.narrow(name, values),
        }
    }

    /// Adds a column of numbers, some of which may be missing.
    ///
    /// A missing number is NaN. If there is one, `nulls` marks which are missing.
    pub(crate) fn f64_or_missing(&mut self, name: &str, values: &[Option<f64>]) {
        let numbers = values.iter().map(|value| value.unwrap_or(f64::NAN));
        let (offset, count) = self.numbers(numbers, f64::to_le_bytes);
        let mut column = json!({"name": name, "type": "f64", "offset": offset, "count": count});
        if values.iter().any(Option::is_none) {
            let nulls = values.iter().map(|value| u8::from(value.is_none()));
            let (nulls, _) = self.numbers(nulls, u8::to_le_bytes);
            column["nulls"] = nulls.into();
        }
        self.column(column);
    }

    /// Adds a column of whole numbers.
    pub(crate) fn u32(&mut self, name: &str, values: impl IntoIterator<Item = u32>) {
        let (offset, count) = self.numbers(values, u32::to_le_bytes);
        self.column(json!({"name": name, "type": "u32", "offset": offset, "count": count}));
    }

    /// Adds a column of texts, most of which differ.
    pub(crate) fn text<T: AsRef<str>>(&mut self, name: &str, values: impl IntoIterator<Item = T>) {
        let (mut bytes, mut ends) = (Vec::new(), vec![0]);
        for value in values {
            bytes.extend_from_slice(value.as_ref().as_bytes());
            ends.push(bytes.len() as u32);
        }
        let (offset, ends) = self.numbers(ends, u32::to_le_bytes);
        let bytes_offset = self.pad();
        self.buffers.extend_from_slice(&bytes);
        self.column(json!({
            "name": name, "type": "text", "offset": offset, "count": ends - 1,
            "bytes_offset": bytes_offset, "bytes": bytes.len(),
        }));
    }

    /// Adds a column of texts, many of which are equal or missing.
    pub(crate) fn dict<T: AsRef<str>>(
        &mut self,
        name: &str,
        values: impl IntoIterator<Item = Option<T>>,
    ) {
        let mut known: HashMap<String, u32> = HashMap::new();
        let mut distinct: Vec<String> = Vec::new();
        let mut code = |value: Option<T>| {
            let Some(value) = value else { return NO_CODE };
            if let Some(code) = known.get(value.as_ref()) {
                return *code;
            }
            let code = distinct.len() as u32;
            distinct.push(value.as_ref().to_owned());
            known.insert(value.as_ref().to_owned(), code);
            code
        };
        let codes: Vec<u32> = values.into_iter().map(&mut code).collect();
        let (offset, count) = self.numbers(codes, u32::to_le_bytes);
        self.column(json!({
            "name": name, "type": "dict", "offset": offset, "count": count, "values": distinct,
        }));
    }

    /// Writes numbers to a buffer of their own. Returns its place and their count.
    fn numbers<T, const N: usize>(
        &mut self,
        values: impl IntoIterator<Item = T>,
        bytes: fn(T) -> [u8; N],
    ) -> (usize, usize) {
        let offset = self.pad();
        values.into_iter().for_each(|value| self.buffers.extend_from_slice(&bytes(value)));
        (offset, (self.buffers.len() - offset) / N)
    }

    /// Begins a buffer at a multiple of 8.
    fn pad(&mut self) -> usize {
        self.buffers.resize(self.buffers.len().next_multiple_of(8), 0);
        self.buffers.len()
    }

    fn column(&mut self, column: Value) {
        self.columns.push(column);
    }

    /// Returns the frame as an answer.
    pub(crate) fn into_reply(self) -> Outcome<Reply> {
        let mut reply = Reply::empty(StatusCode::OK).header(CONTENT_TYPE, FRAME_TYPE);
        reply.body = self.into_bytes()?;
        Ok(reply)
    }

    /// Returns the bytes of the frame.
    pub(crate) fn into_bytes(self) -> Outcome<Vec<u8>> {
        let Frame { mut meta, columns, buffers } = self;
        meta.insert("columns".to_owned(), columns.into());
        let header = Value::Object(meta).to_string();
        // Offsets of texts are 32-bit numbers.
        let fits = |length: usize| u32::try_from(length).ok();
        let length = fits(buffers.len()).and_then(|_| fits(header.len())).ok_or_else(|| {
            Failure::invalid("the answer has more than 4 GiB: ask for fewer rows or columns")
        })?;
        let mut bytes = Vec::with_capacity(header.len() + buffers.len() + 24);
        bytes.extend_from_slice(MAGIC);
        bytes.extend_from_slice(&length.to_le_bytes());
        bytes.extend_from_slice(header.as_bytes());
        bytes.resize(bytes.len().next_multiple_of(8), 0);
        bytes.extend_from_slice(&buffers);
        Ok(bytes)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A frame that was taken apart again.
    struct Parts {
        header: Value,
        buffers: Vec<u8>,
    }

    impl Parts {
        fn of(frame: Frame) -> Parts {
            let bytes = frame.into_bytes().unwrap();
            assert_eq!(&bytes[..8], b"TLFRAME1");
            let length = u32::from_le_bytes(bytes[8..12].try_into().unwrap()) as usize;
            let header = serde_json::from_slice(&bytes[12..12 + length]).unwrap();
            let start = (12 + length).next_multiple_of(8);
            assert!(bytes[12 + length..start].iter().all(|byte| *byte == 0));
            Parts { header, buffers: bytes[start..].to_vec() }
        }

        fn place(&self, column: usize, member: &str) -> usize {
            self.header["columns"][column][member].as_u64().unwrap() as usize
        }

        fn bytes<const N: usize>(&self, offset: usize, count: usize) -> Vec<[u8; N]> {
            assert_eq!(offset % 8, 0);
            let chunks = self.buffers[offset..offset + count * N].chunks(N);
            chunks.map(|chunk| chunk.try_into().unwrap()).collect()
        }
    }

    #[test]
    fn numbers_keep_their_bits() {
        let values = [1.5, f64::NAN, f64::NEG_INFINITY, -0.0];
        let mut frame = Frame::new(4);
        frame.f64_or_missing("x", &values.map(Some));
        frame.u32("n", [7, 0, u32::MAX]);
        frame.meta("position", "a-1");
        let parts = Parts::of(frame);
        assert_eq!((&parts.header["rows"], &parts.header["position"]), (&4.into(), &"a-1".into()));
        let read = parts.bytes(parts.place(0, "offset"), 4).into_iter().map(u64::from_le_bytes);
        assert_eq!(read.collect::<Vec<_>>(), values.map(f64::to_bits));
        let read = parts.bytes(parts.place(1, "offset"), 3).into_iter().map(u32::from_le_bytes);
        assert_eq!(read.collect::<Vec<_>>(), [7, 0, u32::MAX]);
        assert!(parts.header["columns"][0].get("nulls").is_none());
    }

    #[test]
    fn numbers_are_as_narrow_as_they_can_be() {
        for (values, width) in [
            (vec![], Width::U8),
            (vec![0.0, 255.0], Width::U8),
            (vec![256.0, 1.0], Width::U16),
            (vec![65_536.0, 1.0], Width::U32),
            (vec![f64::from(u32::MAX), 1.0], Width::U32),
            (vec![f64::from(u32::MAX) + 1.0, 1.0], Width::F32),
            (vec![-1.0, 1.0], Width::F32),
            (vec![-0.0, 1.0], Width::F32),
            (vec![0.5, f64::NAN, f64::INFINITY], Width::F32),
            (vec![0.1, 1.0], Width::F64),
            (vec![1e300, 1.0], Width::F64),
        ] {
            assert_eq!(Width::of(&values), width, "{values:?}");
        }
        let mut frame = Frame::new(3);
        frame.narrow("x", &[7.0, 300.0, 2.0]);
        frame.narrow("y", &[0.1; 3]);
        frame.narrow_unless("z", &[0.1; 3], ("y", &[0.1; 3]));
        let parts = Parts::of(frame);
        let read = parts.bytes(parts.place(0, "offset"), 3).into_iter().map(u16::from_le_bytes);
        assert_eq!(read.collect::<Vec<_>>(), [7, 300, 2]);
        assert_eq!(parts.header["columns"][1]["repeated"], true);
        assert_eq!(parts.bytes(parts.place(1, "offset"), 1), [0.1_f64.to_le_bytes()]);
        assert_eq!(parts.header["columns"][2], json!({"name": "z", "same": "y"}));
    }

    #[test]
    fn missing_numbers_are_not_nan() {
        let mut frame = Frame::new(3);
        frame.f64_or_missing("x", &[None, Some(f64::NAN), Some(2.0)]);
        frame.f64_or_missing("y", &[Some(f64::NAN)]);
        let parts = Parts::of(frame);
        assert_eq!(parts.bytes(parts.place(0, "nulls"), 3), [[1], [0], [0]]);
        assert!(parts.header["columns"][1].get("nulls").is_none());
    }

    #[test]
    fn texts_of_any_characters_are_whole() {
        let texts = ["", "caf\u{e9} \u{1f600}", "<b>\u{202e}", ""];
        let mut frame = Frame::new(4);
        frame.text("name", texts);
        let parts = Parts::of(frame);
        let ends = parts.bytes(parts.place(0, "offset"), 5).into_iter().map(u32::from_le_bytes);
        let ends: Vec<usize> = ends.map(|end| end as usize).collect();
        let bytes = &parts.buffers[parts.place(0, "bytes_offset")..][..parts.place(0, "bytes")];
        let read = ends.windows(2).map(|pair| std::str::from_utf8(&bytes[pair[0]..pair[1]]));
        assert_eq!(read.map(Result::unwrap).collect::<Vec<_>>(), texts);
        assert_eq!(parts.place(0, "count"), 4);
    }

    #[test]
    fn equal_texts_are_written_once() {
        let mut frame = Frame::new(4);
        frame.dict("status", [Some("b"), None, Some("a"), Some("b")]);
        let parts = Parts::of(frame);
        let codes = parts.bytes(parts.place(0, "offset"), 4).into_iter().map(u32::from_le_bytes);
        assert_eq!(codes.collect::<Vec<_>>(), [0, u32::MAX, 1, 0]);
        assert_eq!(parts.header["columns"][0]["values"], json!(["b", "a"]));
    }

    #[test]
    fn a_frame_may_be_empty() {
        let parts = Parts::of(Frame::new(0));
        assert_eq!(parts.header, json!({"rows": 0, "columns": []}));
        assert!(parts.buffers.is_empty());
    }
}
