//! A dump of the metadata chain, frame by frame, for debugging.

use std::io::Write;
use std::path::Path;

use crate::copy::salvage::open_damaged;
use crate::error::{Error, Result};
use crate::format::frame::Frame;
use crate::format::record::Position;
use crate::log::Damage;

/// A frame of the metadata chain, whose records were written atomically.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct DumpedFrame {
    /// The offset of the frame in the file.
    pub position: u64,
    /// The length of the frame in bytes.
    pub length: u64,
    /// The hash of the chain up to and including the frame.
    pub hash: u64,
    /// The records in order.
    pub records: Vec<DumpedRecord>,
}

/// A record of a frame.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct DumpedRecord {
    /// The number of the record's kind. `None` means that the rest of the frame is malformed.
    pub kind: Option<u16>,
    /// The content as readable text, whose format may change. An error begins with a question mark.
    pub text: String,
}

impl DumpedFrame {
    fn new(position: Position, frame: &Frame<'_>) -> Self {
        let records = frame.raw_records().map(|raw| match raw {
            Ok(raw) => {
                let text = match raw.decode() {
                    Ok(record) => format!("{record:?}"),
                    Err(error) => format!("? {error}"),
                };
                DumpedRecord { kind: Some(raw.kind), text }
            }
            Err(error) => DumpedRecord { kind: None, text: format!("? {error}") },
        });
        DumpedFrame {
            position: position.0,
            length: frame.length as u64,
            hash: frame.hash,
            records: records.collect(),
        }
    }
}

/// Visits each sound frame. Returns the damages between them.
pub(crate) fn frames(
    path: &Path,
    visit: &mut dyn FnMut(&DumpedFrame) -> Result<()>,
) -> Result<Vec<Damage>> {
    let log = open_damaged(path)?;
    log.survey(|position, frame| visit(&DumpedFrame::new(position, frame)))
        .map_err(|error| error.with_path(path))
}

/// Writes each frame and record of the chain as a line of text.
pub(crate) fn dump(path: &Path, out: &mut dyn Write) -> Result<()> {
    let written = |result: std::io::Result<()>| {
        result.map_err(|source| Error::io("writing the dump", source))
    };
    let damages = frames(path, &mut |frame| {
        let DumpedFrame { position, length, hash, .. } = *frame;
        written(writeln!(out, "{position:>10}  frame of {length} bytes, hash {hash:016x}"))?;
        let mut records = frame.records.iter();
        records.try_for_each(|record| written(writeln!(out, "{:>10}  {}", "", record.text)))
    })?;
    for Damage { place, offset, wanted, got } in damages {
        written(writeln!(out, "{offset:>10}  DAMAGE {place}: expected {wanted}, found {got}"))?;
    }
    Ok(())
}
