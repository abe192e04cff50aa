//! The metadata chain of a file frame by frame, for people who look for what happened.

use std::io::Write;
use std::path::Path;

use crate::copy::salvage::open_damaged;
use crate::error::{Error, Result};
use crate::format::frame::Frame;
use crate::format::record::Position;
use crate::log::Damage;

/// A frame of the metadata chain: what was written to it at once.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct DumpedFrame {
    /// Where it begins, in bytes from the start of the file.
    pub position: u64,
    /// Its length in bytes.
    pub length: u64,
    /// The hash of the chain up to and with it.
    pub hash: u64,
    /// Its records, in their order.
    pub records: Vec<DumpedRecord>,
}

/// A record of a frame.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct DumpedRecord {
    /// The number of its kind; `None` when the frame's bytes make no record from here on.
    pub kind: Option<u16>,
    /// What it says, as text for people whose form may change; what is wrong with it begins with
    /// a question mark.
    pub text: String,
}

impl DumpedFrame {
    fn new(position: Position, frame: &Frame<'_>) -> Self {
        let records = frame.raw_records().map(|raw| match raw {
            Ok(raw) => {
                let text = raw.decode().map_or_else(|it| format!("? {it}"), |it| format!("{it:?}"));
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

/// Visits each frame that is sound by itself; gives what lies between them.
pub(crate) fn frames(
    path: &Path,
    visit: &mut dyn FnMut(&DumpedFrame) -> Result<()>,
) -> Result<Vec<Damage>> {
    let log = open_damaged(path)?;
    log.survey(|position, frame| visit(&DumpedFrame::new(position, frame)))
        .map_err(|error| error.with_path(path))
}

/// Writes each frame and record of the chain as text, one line a record.
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
        written(writeln!(out, "{offset:>10}  DAMAGE {place}: wanted {wanted}, got {got}"))?;
    }
    Ok(())
}
