//! A reader of frames, written after their description and not with the code of the server.

use serde_json::Value;

use crate::client::Answer;

/// A frame of an answer.
pub(crate) struct Frame {
    pub(crate) header: Value,
    buffers: Vec<u8>,
}

impl Frame {
    /// Reads the frame of an answer.
    #[track_caller]
    pub(crate) fn of(answer: Answer) -> Frame {
        assert_eq!(answer.status, 200, "{}", String::from_utf8_lossy(&answer.body));
        assert_eq!(answer.header("content-type"), Some("application/vnd.tracklite.frame"));
        let body = answer.body;
        assert_eq!(&body[..8], b"TLFRAME1");
        let length = u32::from_le_bytes(body[8..12].try_into().unwrap()) as usize;
        let header = serde_json::from_slice(&body[12..12 + length]).unwrap();
        let start = (12 + length).div_ceil(8) * 8;
        Frame { header, buffers: body[start..].to_vec() }
    }

    /// Returns the number of bytes of all columns and of the header.
    pub(crate) fn size(&self) -> usize {
        self.buffers.len() + self.header.to_string().len()
    }

    /// Returns whether there is such a column.
    pub(crate) fn has(&self, name: &str) -> bool {
        self.header["columns"].as_array().unwrap().iter().any(|column| column["name"] == name)
    }

    #[track_caller]
    fn found(&self, name: &str) -> &Value {
        let columns = self.header["columns"].as_array().unwrap();
        let found = columns.iter().find(|column| column["name"] == name);
        let found = found.unwrap_or_else(|| panic!("no column {name}: {columns:?}"));
        found["same"].as_str().map_or(found, |other| self.found(other))
    }

    #[track_caller]
    fn column(&self, name: &str, kind: &str) -> &Value {
        let found = self.found(name);
        assert_eq!(found["type"], kind, "{name}");
        found
    }

    fn numbers<const N: usize>(&self, offset: &Value, count: usize) -> Vec<[u8; N]> {
        let offset = offset.as_u64().unwrap() as usize;
        assert_eq!(offset % 8, 0);
        let bytes = &self.buffers[offset..offset + N * count];
        bytes.chunks(N).map(|number| number.try_into().unwrap()).collect()
    }

    fn count(column: &Value) -> usize {
        column["count"].as_u64().unwrap() as usize
    }

    /// Returns a column of numbers of any width.
    #[track_caller]
    pub(crate) fn f64(&self, name: &str) -> Vec<f64> {
        let column = self.found(name);
        let (count, is_repeated) = (Frame::count(column), column["repeated"] == true);
        let numbers = self.wide(column, if is_repeated { 1 } else { count });
        if is_repeated { vec![numbers[0]; count] } else { numbers }
    }

    fn wide(&self, column: &Value, count: usize) -> Vec<f64> {
        let offset = &column["offset"];
        let each = |width: usize, read: fn(&[u8]) -> f64| {
            let start = offset.as_u64().unwrap() as usize;
            self.buffers[start..start + width * count].chunks(width).map(read).collect()
        };
        match column["type"].as_str().unwrap() {
            "u8" => each(1, |bytes| f64::from(bytes[0])),
            "u16" => each(2, |bytes| f64::from(u16::from_le_bytes(bytes.try_into().unwrap()))),
            "u32" => each(4, |bytes| f64::from(u32::from_le_bytes(bytes.try_into().unwrap()))),
            "f32" => each(4, |bytes| f64::from(f32::from_le_bytes(bytes.try_into().unwrap()))),
            _ => each(8, |bytes| f64::from_le_bytes(bytes.try_into().unwrap())),
        }
    }

    /// Returns a column of whole numbers.
    #[track_caller]
    pub(crate) fn u32(&self, name: &str) -> Vec<u32> {
        let column = self.column(name, "u32");
        let numbers = self.numbers(&column["offset"], Frame::count(column));
        numbers.into_iter().map(u32::from_le_bytes).collect()
    }

    /// Returns a column of numbers, some of which are missing.
    #[track_caller]
    pub(crate) fn f64_or_missing(&self, name: &str) -> Vec<Option<f64>> {
        let numbers = self.f64(name);
        let nulls = &self.column(name, "f64")["nulls"];
        let is_missing = match nulls.is_null() {
            true => vec![[0]; numbers.len()],
            false => self.numbers(nulls, numbers.len()),
        };
        let pairs = numbers.into_iter().zip(is_missing);
        pairs.map(|(number, is_missing)| (is_missing == [0]).then_some(number)).collect()
    }

    /// Returns a column of texts.
    #[track_caller]
    pub(crate) fn texts(&self, name: &str) -> Vec<String> {
        let column = self.column(name, "text");
        let ends = self.numbers(&column["offset"], Frame::count(column) + 1);
        let ends: Vec<usize> =
            ends.into_iter().map(|end| u32::from_le_bytes(end) as usize).collect();
        let start = column["bytes_offset"].as_u64().unwrap() as usize;
        let bytes = &self.buffers[start..][..column["bytes"].as_u64().unwrap() as usize];
        let texts = ends.windows(2).map(|pair| String::from_utf8(bytes[pair[0]..pair[1]].to_vec()));
        texts.map(Result::unwrap).collect()
    }

    /// Returns a column of texts that repeat, some of which are missing.
    #[track_caller]
    pub(crate) fn dict(&self, name: &str) -> Vec<Option<String>> {
        let column = self.column(name, "dict");
        let codes = self.numbers(&column["offset"], Frame::count(column));
        let values = column["values"].as_array().unwrap();
        let text = |code| values.get(u32::from_le_bytes(code) as usize)?.as_str();
        codes.into_iter().map(|code| text(code).map(str::to_owned)).collect()
    }
}
